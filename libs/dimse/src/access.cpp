#include "aceso/dimse/access.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace aceso::dimse {
namespace {

std::vector<std::uint8_t> bytes_of(const std::string& address) {
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.begin() + 4};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
  return {};
}

bool from(const std::vector<Network>& networks, std::string_view address) {
  return networks.empty() || std::ranges::any_of(networks, [&](const Network& n) { return n.contains(address); });
}

bool is_node(const Node& node, const PeerClaims& peer) {
  if (node.ae != peer.calling_ae || !from(node.networks, peer.address)) return false;
  return node.certificate_sha256.empty() || node.certificate_sha256 == peer.certificate_sha256;
}

contracts::Principal principal_of(const PeerClaims& peer, std::vector<std::string> scopes) {
  return {.id = "dimse:" + peer.calling_ae, .name = peer.calling_ae, .roles = {}, .scopes = std::move(scopes)};
}

}  // namespace

bool is_valid_ae_title(std::string_view title) noexcept {
  return !title.empty() && title.size() <= 16 && title.find_first_not_of(' ') != std::string_view::npos &&
         std::ranges::all_of(title, [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

Result<Network> Network::parse(std::string_view text) {
  Network network;
  const auto slash = text.find('/');
  network.bytes_ = bytes_of(std::string{text.substr(0, slash)});
  if (network.bytes_.empty()) return Error{Code::invalid, "no address or network: " + std::string{text}};
  const int widest = static_cast<int>(network.bytes_.size()) * 8;
  network.bits_ = widest;
  if (slash != std::string_view::npos) {
    const auto bits = text.substr(slash + 1);
    const auto [end, ec] = std::from_chars(bits.data(), bits.data() + bits.size(), network.bits_);
    if (ec != std::errc{} || end != bits.data() + bits.size() || network.bits_ < 0 || network.bits_ > widest) {
      return Error{Code::invalid, "no network: " + std::string{text}};
    }
  }
  return network;
}

bool Network::contains(std::string_view address) const noexcept {
  const auto other = bytes_of(std::string{address});
  if (other.size() != bytes_.size()) return false;
  for (int bit = 0; bit < bits_; bit += 8) {
    const auto i = static_cast<std::size_t>(bit / 8);
    const unsigned mask = bits_ - bit >= 8 ? 0xFFU : 0xFFU << (8 - (bits_ - bit)) & 0xFFU;
    if (((bytes_[i] ^ other[i]) & mask) != 0) return false;
  }
  return true;
}

Admit allow_only(std::vector<Node> nodes) {
  return [nodes = std::move(nodes)](const PeerClaims& peer) -> Result<contracts::Principal> {
    const auto known = std::ranges::find_if(nodes, [&](const Node& node) { return is_node(node, peer); });
    if (known == nodes.end()) return Error{Code::denied, "this peer is not on the list"};
    return principal_of(peer, known->scopes);
  };
}

Admit allow_any(std::vector<Node> nodes, std::vector<Network> networks, std::vector<std::string> scopes) {
  return [known = allow_only(std::move(nodes)), networks = std::move(networks),
          scopes = std::move(scopes)](const PeerClaims& peer) -> Result<contracts::Principal> {
    if (auto principal = known(peer)) return principal;
    if (!from(networks, peer.address)) return Error{Code::denied, "this address is not on the list"};
    return principal_of(peer, scopes);
  };
}

}  // namespace aceso::dimse
