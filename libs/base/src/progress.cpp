#include "aceso/base/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "aceso/base/text.hpp"
#include "fd.hpp"

namespace aceso {
namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds{100};
constexpr auto kLineEvery = std::chrono::seconds{5};
constexpr int kBarCells = 24;
constexpr std::size_t kDefaultColumns = 80;

class NullProgress final : public ProgressSink {
 public:
  void update(const ProgressUpdate&) override {}
  void finish(std::string_view) override {}
};

class CallbackProgress final : public ProgressSink {
 public:
  explicit CallbackProgress(std::function<void(const ProgressUpdate&)> on_update) : on_update_{std::move(on_update)} {}
  void update(const ProgressUpdate& update) override {
    const std::lock_guard lock{mutex_};
    on_update_(update);
  }
  void finish(std::string_view) override {}

 private:
  std::mutex mutex_;
  std::function<void(const ProgressUpdate&)> on_update_;
};

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::min(seconds, 359'999.0)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

double share_of(const ProgressUpdate& update) {
  if (update.total == 0) return 0;
  return std::min(1.0, static_cast<double>(update.done) / static_cast<double>(update.total));
}

std::string details(const ProgressUpdate& update) {
  std::string text;
  for (const auto& [name, value] : update.values) {
    text += "  " + escape_controls(name, 64) + (name.empty() ? "" : " ") + escape_controls(value, 64);
  }
  if (update.seconds_left >= 0) text += "  " + clock_text(update.seconds_left) + " left";
  return text;
}

// The first `columns` code points.
std::string cut(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size() && count < columns; ++count) {
    const auto point = decode_utf8(text, at);
    at += point ? point->bytes : 1;
  }
  return std::string{text.substr(0, at)};
}

class TerminalProgress final : public ProgressSink {
 public:
  TerminalProgress(int fd, const Clock& clock)
      : fd_{fd}, clock_{clock}, terminal_{::isatty(fd) == 1}, colour_{terminal_ && !variable_set("NO_COLOR")} {}
  ~TerminalProgress() override {
    if (drawn_) put("\n");
  }

  void update(const ProgressUpdate& update) override {
    const std::lock_guard lock{mutex_};
    const auto now = clock_.steady_now();
    const bool new_phase = update.phase != phase_;
    const bool complete = update.total > 0 && update.done >= update.total;
    const auto pause = terminal_ ? SteadyTime::duration{kRedrawEvery} : SteadyTime::duration{kLineEvery};
    if (shown_ && !new_phase && now - last_ < pause && !(complete && terminal_ && !complete_)) return;
    if (new_phase && drawn_) put("\n");
    phase_ = update.phase;
    last_ = now;
    shown_ = true;
    complete_ = complete;
    terminal_ ? draw(update) : put(line(update) + "\n");
  }

  void finish(std::string_view summary) override {
    const std::lock_guard lock{mutex_};
    std::string text = drawn_ ? "\n" : "";
    drawn_ = false;
    shown_ = false;
    phase_.clear();
    if (!summary.empty()) text += escape_controls(summary) + "\n";
    put(text);
  }

 private:
  static bool variable_set(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): Aceso never changes its environment
    return value != nullptr && *value != '\0';
  }

  // A terminal that went away must not stop the work.
  void put(std::string_view text) const { static_cast<void>(detail::write_all(fd_, text.data(), text.size())); }

  static std::string line(const ProgressUpdate& update) {
    std::string text = escape_controls(update.phase, 64);
    if (update.total > 0) {
      text += fmt::format("  {}/{} ({:.0f} %)", update.done, update.total, std::floor(100 * share_of(update)));
    } else if (update.done > 0) {
      text += fmt::format("  {}", update.done);
    }
    return text + details(update);
  }

  void draw(const ProgressUpdate& update) {
    winsize size{};
    const bool known = ::ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const std::size_t columns = (known ? size.ws_col : kDefaultColumns) - 1;
    const std::string phase = cut(escape_controls(update.phase, 64), columns);
    const auto filled = static_cast<int>(std::floor(share_of(update) * kBarCells));
    const bool bar = update.total > 0 && columns >= code_points(phase) + kBarCells + 12;
    std::string text = "\r" + phase;
    std::size_t used = code_points(phase);
    if (bar) {
      const std::string cells = std::string(static_cast<std::size_t>(filled), '#') +
                                std::string(static_cast<std::size_t>(kBarCells - filled), '.');
      text += colour_ ? " \x1B[36m[" + cells + "]\x1B[0m" : " [" + cells + "]";
      text += fmt::format(" {:3.0f} %", std::floor(100 * share_of(update)));
      used += kBarCells + 3 + 6;
    }
    const std::string rest = bar ? details(update) : line(update).substr(escape_controls(update.phase, 64).size());
    text += cut(rest, columns > used ? columns - used : 0) + "\x1B[K";
    drawn_ = true;
    put(text);
  }

  const int fd_;
  const Clock& clock_;
  const bool terminal_;
  const bool colour_;
  std::mutex mutex_;
  std::string phase_;
  SteadyTime last_{};
  bool shown_ = false;
  bool complete_ = false;
  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<ProgressSink> make_null_progress() {
  return std::make_unique<NullProgress>();
}

std::unique_ptr<ProgressSink> make_terminal_progress(int fd, const Clock& clock) {
  return std::make_unique<TerminalProgress>(fd, clock);
}

std::unique_ptr<ProgressSink> make_callback_progress(std::function<void(const ProgressUpdate&)> on_update) {
  return std::make_unique<CallbackProgress>(std::move(on_update));
}

}  // namespace aceso
