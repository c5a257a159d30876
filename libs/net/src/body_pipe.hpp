// The request body between the I/O thread that fills it and the handler that reads it; bounded both ways.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::net {

// Thread-safe: one filler, one reader.
class BodyPipe final : public BodyReader {
 public:
  static constexpr std::size_t kHigh = 256 * 1024;  // the filler stops here
  static constexpr std::size_t kLow = 64 * 1024;    // and goes on below this

  Result<std::size_t> read(std::span<std::byte> out) override;

  bool push(std::string_view piece);  // true: stop until `on_room`
  void finish();
  void fail(Error error);                           // the first one counts; what was pushed before is dropped
  void set_on_room(std::function<void()> on_room);  // called on the reader's thread
  bool timed_out() const;                           // failed with Code::timeout

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string data_;
  std::size_t taken_ = 0;
  bool finished_ = false;
  bool paused_ = false;
  std::optional<Error> error_;
  std::function<void()> on_room_;
};

}  // namespace aceso::net
