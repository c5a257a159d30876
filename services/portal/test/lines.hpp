// A log that a test can read.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "aceso/base/log.hpp"

namespace aceso::portal {

class Lines final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock{mutex_};
    text_ += line;
    text_ += '\n';
  }
  std::string text() const {
    const std::lock_guard lock{mutex_};
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace aceso::portal
