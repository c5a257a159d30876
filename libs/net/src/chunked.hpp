// The chunked transfer coding (RFC 9112 7.1), decoded incrementally. Extensions and trailers are read and dropped,
// within bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::net {

class ChunkDecoder {
 public:
  // Takes bytes off `in` and returns a piece of body, a view into it; "" when more bytes are needed or the body has
  // ended. Call until `in` is empty or done(). Errors: invalid for anything the grammar does not allow, bare LF and
  // framing fields in trailers included; too_large for overlong extensions or trailers.
  Result<std::string_view> next(std::string_view& in);
  bool done() const noexcept { return state_ == State::done; }

 private:
  enum class State : std::uint8_t { size, data, data_end, trailer, done };
  Result<bool> line(std::string_view& in);  // true: line_ is complete, without CRLF
  Status take_size();

  State state_ = State::size;
  std::string line_;
  std::uint64_t left_ = 0;
  std::size_t overhead_ = 0;
};

}  // namespace aceso::net
