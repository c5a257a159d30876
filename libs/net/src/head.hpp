// Message heads, read strictly (RFC 9112 2-6): what two readers could understand differently is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::net {

struct HeadLimits {
  std::size_t bytes = 32 * 1024;
  std::size_t fields = 100;
  std::size_t request_line = 8 * 1024;
};

// What to answer when a request is refused before its handler.
struct Refusal {
  int status;
  Error error;
};

struct RequestHead {
  Method method = Method::get;
  std::string path;                                        // decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  Headers headers;
  bool http10 = false;
  bool keep_alive = true;
  bool expect_continue = false;
  bool upgrade_websocket = false;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;  // absent and not chunked: no body
};

struct ResponseHead {
  int status = 0;
  Headers headers;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;  // absent and not chunked: until the connection closes
};

bool is_token(std::string_view text) noexcept;  // RFC 9110 5.6.2
bool iequals(std::string_view a, std::string_view b) noexcept;
// True when a comma-separated list field holds `token`, without case.
bool list_has(std::string_view field, std::string_view token) noexcept;
// Digits only, no sign, no white space, at most 18 of them.
std::optional<std::uint64_t> parse_digits(std::string_view text) noexcept;

// Bytes up to and with the empty line that ends the head, 0 when it is not there yet. `from`: where the last search
// ended, moved on.
std::size_t find_head_end(std::string_view data, std::size_t& from) noexcept;

// `head` ends with the empty line. The variant of std::expected without exceptions: refusal set when the second is.
std::optional<Refusal> parse_request_head(std::string_view head, const HeadLimits& limits, RequestHead& out);
Result<ResponseHead> parse_response_head(std::string_view head, const HeadLimits& limits);

// One field line without its CRLF. Errors: invalid.
Status parse_field_line(std::string_view line, Headers& out);
// Fields that may not stand in a trailer (RFC 9110 6.5.1): framing, routing, authentication.
bool forbidden_in_trailer(std::string_view name) noexcept;

}  // namespace aceso::net
