// What a run takes of the machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

// Sums from its making; sample() at least every few minutes, because energy counters wrap.
class UsageMeter {
 public:
  explicit UsageMeter(const Clock& clock, const std::filesystem::path& powercap = "/sys/class/powercap");
  void sample();
  Usage since_start() const;

 private:
  struct Counter {
    std::filesystem::path file;
    double last_uj = 0, range_uj = 0;
  };
  const Clock& clock_;
  SteadyTime begun_;
  double cpu_begun_;
  std::vector<Counter> counters_;  // one a processor package
  double energy_uj_ = 0;
};

std::uint64_t minor_faults();  // of this process so far

}  // namespace aceso::learn
