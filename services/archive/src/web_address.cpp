#include "web_address.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxSecret = 4096;
constexpr std::size_t kMaxSetting = 1024;

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == ':';
  });
}

bool is_plain_path(std::string_view path) {
  return std::ranges::all_of(path, [](char c) { return c > ' ' && c < 0x7F && c != '#' && c != '"' && c != '\\'; });
}

}  // namespace

Result<WebAddress> parse_web_address(std::string_view url) {
  const Error wrong{Code::invalid, "url is https://HOST[:PORT]/PATH, or http:// to this machine"};
  WebAddress out;
  if (url.starts_with("https://")) {
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
    out.secure = false;
    out.port = 80;
  } else {
    return wrong;
  }
  const auto slash = std::min(url.find('/'), url.size());
  auto host = url.substr(0, slash);
  const auto path = url.substr(slash);
  if (host.find('@') != std::string_view::npos) return Error{Code::invalid, "url holds no user: use token_file"};
  std::string_view port;
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return wrong;
    port = host.substr(close + 1);
    host = host.substr(1, close - 1);
    if (!port.empty() && port.front() != ':') return wrong;
    if (!port.empty()) port.remove_prefix(1);
  } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty()) return wrong;
  }
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc{} || end != port.data() + port.size() || out.port == 0) return wrong;
  }
  if (!is_host_name(host) || !is_plain_path(path)) return wrong;
  if (!out.secure && !is_loopback_host(host))
    return Error{Code::invalid, "url: http:// is for this machine alone, patient data go out by https://"};
  out.host = host;
  out.path = path;
  return out;
}

Result<std::string> read_secret_file(const std::string& file) {
  ACESO_TRY(std::string text, read_text_file(file, kMaxSecret));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) return Error{Code::invalid, file + " is empty"};
  if (text.find_first_of("\r\n") != std::string::npos) return Error{Code::invalid, file + " has more than one line"};
  return text;
}

Result<std::string> setting_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::string{};
  if (!found->is_string() || found->get_ref<const std::string&>().size() > kMaxSetting)
    return Error{Code::invalid, std::string{key} + " is a text"};
  return found->get<std::string>();
}

Result<std::shared_ptr<crypto::TlsContext>> client_tls_for(const WebAddress& address, const std::string& ca_file) {
  if (!address.secure) return std::shared_ptr<crypto::TlsContext>{};
  return crypto::TlsContext::client({.ca = ca_file, .certificate_chain = {}, .private_key = {}, .allow_tls12 = true});
}

}  // namespace aceso::archive
