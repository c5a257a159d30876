#include "dicom_listener.hpp"

#include <algorithm>
#include <charconv>

namespace aceso::app {
namespace {

constexpr std::string_view kCertificate = "/certificate=";

bool is_loopback(const std::string& address) {
  return address == "::1" || address.starts_with("127.");
}

Status check_listener(const Config& config, bool tls) {
  const std::string& address = config.text("dimse.address");
  if (config.list("dimse.peers").empty() && !config.boolean("dimse.promiscuous")) {
    return Error{Code::invalid, "nobody may call: list nodes in dimse.peers, or set dimse.promiscuous"};
  }
  if (is_loopback(address) || tls) return {};
  if (!config.boolean("dimse.plain")) {
    return Error{Code::invalid, "dimse.address " + address + " (" + config.origin("dimse.address") +
                                    ") is not loopback: set dimse.tls_certificate and dimse.tls_key, or dimse.plain "
                                    "and dimse.from when the network is trusted"};
  }
  if (config.boolean("dimse.promiscuous") && config.list("dimse.from").empty()) {
    return Error{Code::invalid, "a plain listener outside of loopback that takes any AE title needs dimse.from"};
  }
  return {};
}

Result<std::shared_ptr<crypto::TlsContext>> server_tls(const Config& config) {
  const auto& certificate = config.text("dimse.tls_certificate");
  const auto& key = config.text("dimse.tls_key");
  if (certificate.empty() != key.empty()) {
    return Error{Code::invalid, "dimse.tls_certificate and dimse.tls_key belong together: set both or neither"};
  }
  if (certificate.empty()) return std::shared_ptr<crypto::TlsContext>{};
  return crypto::TlsContext::server({.certificate_chain = certificate,
                                     .private_key = key,
                                     .client_ca = config.text("dimse.tls_client_ca"),
                                     .allow_tls12 = true});
}

}  // namespace

void declare_dimse_config(ConfigSchema& schema) {
  const auto add = [&schema](std::string name, ConfigType type, std::string value, std::string help) {
    schema.add(
        {.name = "dimse." + std::move(name), .type = type, .default_value = std::move(value), .help = std::move(help)});
  };
  add("enabled", ConfigType::boolean, "false", "Listen for DICOM associations.");
  add("address", ConfigType::text, "127.0.0.1",
      "Numeric address of the DICOM listener. Anything but loopback needs TLS, or dimse.plain.");
  schema.add({.name = "dimse.port",
              .type = ConfigType::integer,
              .default_value = "11112",
              .help = "Port of the DICOM listener; 0 lets the kernel choose.",
              .min = 0,
              .max = 65535});
  add("ae_title", ConfigType::text, "ACESO", "AE title of this node, 1 to 16 characters.");
  add("peers", ConfigType::list, "",
      "Nodes that may store, query and retrieve: AE@address:port, without port when they are never called, with /tls "
      "when they are called by TLS, and with /certificate=SHA256 (of its DER form, hex) when they must show this "
      "certificate as they call.");
  add("promiscuous", ConfigType::boolean, "false", "Any other AE title may store (not query) as well.");
  add("from", ConfigType::list, "", "Networks that other AE titles must call from, as 192.0.2.0/24; empty: anywhere.");
  add("plain", ConfigType::boolean, "false", "Allow DICOM without TLS outside of loopback.");
  add("tls_certificate", ConfigType::text, "", "PEM file with the certificate chain, leaf first; empty: plain DICOM.");
  add("tls_key", ConfigType::text, "", "PEM file with the private key of dimse.tls_certificate.");
  add("tls_client_ca", ConfigType::text, "",
      "PEM file of authorities; when given, callers must show a certificate that one of them signed.");
  add("tls_peer_ca", ConfigType::text, "", "PEM file of the authorities of called nodes; empty: the system's.");
  schema.add({.name = "dimse.associations",
              .type = ConfigType::integer,
              .default_value = "32",
              .help = "Associations at once; one more is rejected as transient.",
              .min = 1,
              .max = 1000});
  add("idle", ConfigType::duration, "10m", "An association ends after so long without a message.");
  add("drain", ConfigType::duration, "3s", "How long running operations may take to finish at shutdown.");
}

std::filesystem::path dimse_module_folder(const std::filesystem::path& program) {
  std::error_code ec;
  for (const char* candidate : {"../lib/aceso", ".", "../../engines"}) {
    auto folder = program.parent_path() / candidate;
    if (std::filesystem::exists(folder / "libaceso_dimse_dcmtk.so", ec)) return folder;
  }
  return program.parent_path();
}

Result<dimse::Node> parse_node(std::string_view text) {
  const Error wrong{Code::invalid, "a DICOM node is written AE@192.0.2.10:104, not " + std::string{text}};
  dimse::Node node;
  if (const auto at = text.find(kCertificate); at != std::string_view::npos) {
    node.certificate_sha256 = text.substr(at + kCertificate.size());
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (node.certificate_sha256.size() != 64 || !std::ranges::all_of(node.certificate_sha256, is_hex)) {
      return Error{Code::invalid, "a certificate is named by the SHA-256 of its DER form, 64 lower-case hex digits"};
    }
    text = text.substr(0, at);
  }
  if (text.ends_with("/tls")) {
    node.tls = true;
    text.remove_suffix(4);
  }
  const auto at = text.find('@');
  if (at == std::string_view::npos) return wrong;
  node.ae = text.substr(0, at);
  text.remove_prefix(at + 1);
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && text.find(':') == colon) {
    const auto port = text.substr(colon + 1);
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), node.port);
    if (ec != std::errc{} || end != port.data() + port.size() || node.port == 0) return wrong;
    text = text.substr(0, colon);
  }
  node.host = text;
  if (!dimse::is_valid_ae_title(node.ae) || node.host.empty()) return wrong;
  return node;
}

Result<std::vector<dimse::Node>> dimse_nodes(const Config& config) {
  std::vector<dimse::Node> nodes;
  for (const auto& peer : config.list("dimse.peers")) {
    auto parsed = parse_node(peer);
    if (!parsed) return Error{std::move(parsed).error().add_context("dimse.peers")};
    dimse::Node node = *std::move(parsed);
    auto network = dimse::Network::parse(node.host);  // an AE title alone proves nothing
    if (!network) return Error{std::move(network).error().add_context("dimse.peers")};
    node.networks = {*std::move(network)};
    node.scopes = {"archive:read", "archive:write"};
    if (node.port == 0) node.host.clear();
    nodes.push_back(std::move(node));
  }
  return nodes;
}

Result<std::shared_ptr<crypto::TlsContext>> dimse_client_tls(const Config& config,
                                                             const std::vector<dimse::Node>& nodes) {
  if (!std::ranges::any_of(nodes, &dimse::Node::tls)) return std::shared_ptr<crypto::TlsContext>{};
  return crypto::TlsContext::client({.ca = config.text("dimse.tls_peer_ca"),
                                     .certificate_chain = config.text("dimse.tls_certificate"),
                                     .private_key = config.text("dimse.tls_key"),
                                     .allow_tls12 = true});
}

Result<std::unique_ptr<dimse::Server>> start_dicom(const Config& config, const dimse::Services& services,
                                                   const std::filesystem::path& program, RandomSource& random,
                                                   const Logger& logger) {
  if (!config.boolean("dimse.enabled")) return std::unique_ptr<dimse::Server>{};
  ACESO_TRY(const auto tls, server_tls(config));
  ACESO_TRY_OK(check_listener(config, tls != nullptr));
  dimse::ServerOptions options{.listeners = {{.address = config.text("dimse.address"),
                                              .port = static_cast<std::uint16_t>(config.integer("dimse.port")),
                                              .tls = tls}},
                               .ae_titles = {config.text("dimse.ae_title")},
                               .associations = static_cast<std::size_t>(config.integer("dimse.associations")),
                               .idle = std::chrono::milliseconds{config.duration_ms("dimse.idle")},
                               .modules = dimse_module_folder(program)};
  ACESO_TRY(options.nodes, dimse_nodes(config));
  std::vector<dimse::Network> networks;
  for (const auto& from : config.list("dimse.from")) {
    ACESO_TRY(auto network, dimse::Network::parse(from));
    networks.push_back(std::move(network));
  }
  options.admit = config.boolean("dimse.promiscuous")
                      ? dimse::allow_any(options.nodes, std::move(networks), {"archive:write"})
                      : dimse::allow_only(options.nodes);
  ACESO_TRY(options.client_tls, dimse_client_tls(config, options.nodes));
  auto server = dimse::Server::start(std::move(options), services, random, logger);
  if (!server) return Error{std::move(server).error().add_context("dimse")};
  const auto& listener = (*server)->listeners().front();
  if (!tls && !is_loopback(listener.address)) {
    logger.warn("dimse.plain_listener", {{"address", listener.address}, {"port", listener.port}});
  }
  logger.info("dimse.listening", {{"address", listener.address}, {"port", listener.port}, {"tls", tls != nullptr}});
  return server;
}

}  // namespace aceso::app
