// What the tests of this library share: a folder, a quiet logger that can be asked what it got, short names.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/file.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::store {

class KeptLines final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock{mutex_};
    lines_.emplace_back(line);
  }
  bool contains(std::string_view text) const {
    const std::lock_guard lock{mutex_};
    for (const std::string& line : lines_) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

struct Surroundings {
  TempDir folder = *TempDir::create("aceso-store");
  SystemClock system_clock;
  ManualClock clock;
  KeptLines lines;
  Logger logger{system_clock, lines};

  std::filesystem::path path(std::string_view name) const { return folder.path() / name; }
};

inline crypto::Bytes bytes_of(std::string_view text) {
  const crypto::ByteView view = crypto::as_bytes(text);
  return {view.begin(), view.end()};
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace aceso::store
