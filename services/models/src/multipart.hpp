// multipart/form-data (RFC 7578, RFC 2046 5.1) read as a stream: parts come one after the other, none is held in
// memory.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/net/http.hpp"

namespace aceso::models {

class MultipartReader {
 public:
  struct Part {
    std::string name;
    std::string content_type;  // lower case, without parameters; "" when absent
    bool file = false;         // a file name was given (the name itself is not kept)
  };
  static constexpr std::size_t kMaxParts = 16;
  static constexpr std::size_t kMaxHeader = 4096;

  // invalid: no or a malformed boundary. `body` must outlive the reader.
  static Result<MultipartReader> open(std::string_view content_type, net::BodyReader& body);

  // The next part, nothing after the last. What was not read of the part before is skipped. invalid: malformed,
  // too_large: too many parts or too long a header.
  Result<std::optional<Part>> next();
  // Bytes of the current part; 0 at its end.
  Result<std::size_t> read(std::span<std::byte> out);
  Result<std::string> read_all(std::size_t limit);

 private:
  MultipartReader(std::string delimiter, net::BodyReader& body)
      : delimiter_{std::move(delimiter)}, body_{&body}, buffer_{"\r\n"} {}
  Status fill();                    // at least one more byte, or ended_
  Result<std::string> take_line();  // up to CRLF
  Result<Part> part_header();
  std::size_t take(std::span<std::byte> out, std::size_t end);

  std::string delimiter_;  // CRLF "--" boundary
  net::BodyReader* body_;
  std::string buffer_;
  std::size_t parts_ = 0;
  std::size_t skip_ = 0;  // bytes at the front of buffer_ that belong to the delimiter's search only
  bool ended_ = false;    // of the body
  bool in_part_ = false;
  bool last_ = false;
};

// "form-data; name=\"x\"": the value of a parameter, nothing when absent or malformed. Names compare without case.
std::optional<std::string> header_parameter(std::string_view value, std::string_view name);
// "Image/PNG; q=1" -> "image/png"
std::string media_type(std::string_view value);

}  // namespace aceso::models
