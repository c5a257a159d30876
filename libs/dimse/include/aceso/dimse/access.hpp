// Who may open an association. An AE title is a claim: what a peer may do follows from where it comes from or from the
// certificate it shows (PS3.15 B.1).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"

namespace aceso::dimse {

// 1 to 16 characters of the default repertoire without backslash and control characters, not only spaces (PS3.5 6.2).
bool is_valid_ae_title(std::string_view title) noexcept;

// "192.0.2.7", "192.0.2.0/24", "2001:db8::/32".
class Network {
 public:
  static Result<Network> parse(std::string_view text);  // invalid
  bool contains(std::string_view address) const noexcept;

 private:
  std::vector<std::uint8_t> bytes_;  // 4 or 16
  int bits_ = 0;
};

// What is known of a peer when it asks for an association.
struct PeerClaims {
  std::string calling_ae = {};
  std::string called_ae = {};
  std::string address = {};
  bool tls = false;
  std::optional<std::string> certificate_sha256 = {};  // verified against the listener's authorities
};

// denied: the association is rejected, "calling AE title not recognised". Thread-safe.
using Admit = std::function<Result<contracts::Principal>(const PeerClaims&)>;

// Another DICOM application: who it is when it calls, and where it is when we call it.
struct Node {
  std::string ae = {};
  std::vector<Network> networks = {};    // where it calls from; empty: anywhere
  std::string certificate_sha256 = {};   // what it must show; empty: nothing
  std::vector<std::string> scopes = {};  // what it may do here
  std::string host = {};                 // IPv4 address or name; empty: it is never called
  std::uint16_t port = 0;
  bool tls = false;
};

// Only these nodes.
Admit allow_only(std::vector<Node> nodes);
// Known nodes as above; anybody else from `networks` (empty: from anywhere) under any title, with `scopes`.
Admit allow_any(std::vector<Node> nodes, std::vector<Network> networks, std::vector<std::string> scopes);

}  // namespace aceso::dimse
