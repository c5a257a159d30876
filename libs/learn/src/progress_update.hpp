#pragma once

#include <string>

#include "aceso/base/progress.hpp"

namespace aceso::learn {

inline ProgressUpdate progress_update(std::string phase, std::uint64_t done, std::uint64_t total) {
  ProgressUpdate update;
  update.phase = std::move(phase);
  update.done = done;
  update.total = total;
  return update;
}

}  // namespace aceso::learn
