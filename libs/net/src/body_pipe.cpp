#include "body_pipe.hpp"

#include <algorithm>
#include <cstring>

namespace aceso::net {

Result<std::size_t> BodyPipe::read(std::span<std::byte> out) {
  std::function<void()> wake;
  std::size_t n = 0;
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return taken_ < data_.size() || finished_ || error_; });
    if (error_) return *error_;
    n = std::min(out.size(), data_.size() - taken_);
    if (n > 0) std::memcpy(out.data(), data_.data() + taken_, n);
    taken_ += n;
    if (taken_ == data_.size()) {
      data_.clear();
      taken_ = 0;
    }
    if (paused_ && data_.size() - taken_ < kLow) {
      paused_ = false;
      wake = on_room_;
    }
  }
  if (wake) wake();
  return n;
}

bool BodyPipe::push(std::string_view piece) {
  const std::lock_guard lock{mutex_};
  if (error_ || finished_) return false;
  if (taken_ > kLow) {
    data_.erase(0, taken_);
    taken_ = 0;
  }
  data_.append(piece);
  changed_.notify_one();
  paused_ = data_.size() - taken_ >= kHigh;
  return paused_;
}

void BodyPipe::finish() {
  const std::lock_guard lock{mutex_};
  finished_ = true;
  changed_.notify_one();
}

void BodyPipe::fail(Error error) {
  const std::lock_guard lock{mutex_};
  if (finished_ || error_) return;
  error_ = std::move(error);
  changed_.notify_one();
}

void BodyPipe::set_on_room(std::function<void()> on_room) {
  const std::lock_guard lock{mutex_};
  on_room_ = std::move(on_room);
}

bool BodyPipe::timed_out() const {
  const std::lock_guard lock{mutex_};
  return error_ && error_->code() == Code::timeout;
}

}  // namespace aceso::net
