// multipart/form-data (RFC 7578) and multipart/related (RFC 2387), read incrementally: no part is ever held whole in
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::net {

struct PartHead {
  Headers headers;
  std::string name;       // Content-Disposition; "" when absent
  std::string file_name;  // as sent, for showing only: never a path to write to
  std::string content_type = "text/plain";
};

struct MultipartLimits {
  std::size_t parts = 1000;
  std::size_t part_head_bytes = 8 * 1024;
  std::size_t preamble_bytes = 8 * 1024;
};

// Called in order for each part: begin, data (any number of times), end. The first error stops the reading and is
// returned.
struct MultipartHandler {
  std::function<Status(const PartHead& head)> begin;
  std::function<Status(std::span<const std::byte> data)> data;
  std::function<Status()> end;
};

// Push parser; memory bounded by part_head_bytes + the boundary. Not thread-safe.
class MultipartParser {
 public:
  // Errors: unsupported when it is not multipart/form-data, /related or /mixed; invalid for a missing or malformed
  // boundary (1 to 70 characters, RFC 2046 5.1.1).
  static Result<std::unique_ptr<MultipartParser>> create(std::string_view content_type, MultipartHandler handler,
                                                         MultipartLimits limits = {});
  virtual ~MultipartParser() = default;
  virtual Status feed(std::span<const std::byte> piece) = 0;  // invalid, too_large, or what the handler returned
  virtual Status finish() = 0;                                // invalid when the closing boundary is missing
};

// Reads the whole body of a request through a parser.
Status read_multipart(Request& request, MultipartHandler handler, MultipartLimits limits = {});

// A parameter of a field value, quotes and backslashes undone: header_parameter("form-data; name=\"a\"", "name") is a.
std::string header_parameter(std::string_view value, std::string_view name);

}  // namespace aceso::net
