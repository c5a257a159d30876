// What clients send as a mark: whatever is taken lies in the image.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "aceso/base/json.hpp"
#include "mark_words.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace archive = aceso::archive;
  constexpr std::int64_t kRows = 48;
  constexpr std::int64_t kColumns = 64;
  const auto json = aceso::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  archive::MarkWords words;
  if (!archive::read_mark_words(*json, kRows, kColumns, words).ok()) return 0;
  if (words.finding.empty() || (words.box && !words.runs.empty())) __builtin_trap();
  if (words.box) {
    const auto& [left, top, right, bottom] = *words.box;
    if (!(left >= 0 && top >= 0 && right <= kColumns && bottom <= kRows && right - left >= 1 && bottom - top >= 1))
      __builtin_trap();
  }
  std::int64_t end = -1;
  for (std::size_t i = 0; i + 1 < words.runs.size(); i += 2) {
    if (words.runs[i] <= end || words.runs[i + 1] < 1) __builtin_trap();
    end = words.runs[i] + words.runs[i + 1];
  }
  if (end > kRows * kColumns) __builtin_trap();
  return 0;
}
