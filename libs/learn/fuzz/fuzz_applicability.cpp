// What a bundle says of its own limits, as it comes with a bundle from elsewhere.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/applicability.hpp"
#include "aceso/learn/watch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json =
      aceso::parse_json({reinterpret_cast<const char*>(data), size}, {.bytes = std::size_t{1} << 20, .depth = 32});
  if (!json.ok()) return 0;
  if (const auto watch = aceso::learn::parse_watch_reference(*json); watch.ok()) {
    if (!aceso::learn::parse_watch_reference(to_json(*watch)).ok()) __builtin_trap();
    aceso::learn::WatchCase one;
    one.values.assign(watch->features.size(), 0.5);
    one.score = 0.5;
    const std::vector<aceso::learn::WatchCase> cases(60, one);
    (void)to_json(aceso::learn::judge_window(*watch, cases));
  }
  const auto applicability = aceso::learn::parse_applicability(*json);
  if (!applicability.ok()) return 0;
  if (!aceso::learn::parse_applicability(to_json(*applicability)).ok()) __builtin_trap();
  if (applicability->appearance) {
    const std::vector<float> row(applicability->appearance->mean.size(), 1.0F);
    (void)aceso::learn::familiarity(*applicability, row, {});
  }
  (void)aceso::learn::check_limits(applicability->limits, {.modality = "CT", .age_years = 40, .height = 512});
  return 0;
}
