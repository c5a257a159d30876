// Progress of long work: a bar on a terminal, lines otherwise, events for the web.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"

namespace aceso {

struct ProgressUpdate {
  std::string phase;  // "import", "train", ...
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: not known
  std::vector<std::pair<std::string, std::string>>
      values;                // shown in order: epoch 2/10, loss 0.312, val AUC 0.954, img/s 812
  double seconds_left = -1;  // < 0: not known
};

// Thread safety: update() may be called from any thread; implementations must be quick and never block on the network.
class ProgressSink {
 public:
  ProgressSink() = default;
  ProgressSink(const ProgressSink&) = delete;
  ProgressSink& operator=(const ProgressSink&) = delete;
  virtual ~ProgressSink() = default;
  virtual void update(const ProgressUpdate& update) = 0;
  virtual void finish(std::string_view summary) = 0;  // closes the bar, prints the summary line
};

std::unique_ptr<ProgressSink> make_null_progress();
// Writes to `fd`: a bar redrawn at most 10 times a second when it is a terminal (no colour when NO_COLOR is set), else
// a line each 5 s or when the phase changes.
std::unique_ptr<ProgressSink> make_terminal_progress(int fd, const Clock& clock);
std::unique_ptr<ProgressSink> make_callback_progress(std::function<void(const ProgressUpdate&)> on_update);

}  // namespace aceso
