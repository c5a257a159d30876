#include "shadow.hpp"

#include <utility>

namespace aceso::models {

ShadowWork::~ShadowWork() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
}

bool ShadowWork::add(std::size_t bytes, std::function<void()> task) {
  {
    const std::scoped_lock lock{mutex_};
    if (stopping_ || bytes > max_bytes_ - bytes_) {
      ++dropped_;
      return false;
    }
    bytes_ += bytes;
    tasks_.push_back({bytes, std::move(task)});
  }
  changed_.notify_one();
  return true;
}

std::size_t ShadowWork::dropped() const {
  const std::scoped_lock lock{mutex_};
  return dropped_;
}

void ShadowWork::loop() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task.run();
    task.run = nullptr;
    lock.lock();
    bytes_ -= task.bytes;
  }
}

}  // namespace aceso::models
