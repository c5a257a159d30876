// From a handler's Response to what goes on the wire: conditional requests, ranges, files, gzip, security of framing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "aceso/net/http.hpp"

namespace aceso::net {

struct Prepared {
  int status = 200;
  Headers headers;                     // without framing fields
  std::string text;                    // the body when source is empty
  std::shared_ptr<BodySource> source;  // shared with the pool task that reads it
  std::optional<std::uint64_t> source_length;
  std::optional<EventStreamBody> events;
  std::optional<WebSocketBody> socket;
  bool no_body = false;  // HEAD, 204, 304
};

// Blocks on files: for pool threads.
Prepared prepare(const Request& request, Response response);

// The bytes of the head, with framing (Content-Length or chunked), Date, Connection and X-Request-Id.
struct HeadOptions {
  bool http10 = false;
  bool close = false;
  std::string_view date;
  std::string_view request_id;
};
std::string format_head(const Prepared& response, const HeadOptions& options);
bool uses_chunks(const Prepared& response, bool http10) noexcept;
std::string_view reason(int status) noexcept;
// Response::problem with a status the code alone does not tell: 405, 408, 414, 416, 421, 431, 501, 505.
Response problem_with_status(const Error& error, int status, std::string_view request_id);

}  // namespace aceso::net
