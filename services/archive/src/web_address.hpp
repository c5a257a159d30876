// Addresses of other servers in aceso.yaml, and the secrets that go with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/tls.hpp"

namespace aceso::archive {

struct WebAddress {
  std::string host;  // without brackets
  std::uint16_t port = 443;
  std::string path;  // "/..." with the query, or ""
  bool secure = true;
};
// "https://host[:port][/path]"; "http://" for loopback alone. Errors: invalid.
Result<WebAddress> parse_web_address(std::string_view url);

// Without the line's end; at most 4096 bytes, not empty. Errors name the file.
Result<std::string> read_secret_file(const std::string& file);
// A text of an object, "" when it is not there. invalid: something else, or longer than 1024 bytes.
Result<std::string> setting_of(const Json& object, const char* key);
// For a secure address, with the authorities of `ca_file` ("": the system's).
Result<std::shared_ptr<crypto::TlsContext>> client_tls_for(const WebAddress& address, const std::string& ca_file);

}  // namespace aceso::archive
