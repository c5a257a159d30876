// What a mark says and where it lies, read from outside.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::archive {

struct MarkWords {
  std::string finding = {};  // 1 to 64 characters
  std::string comment = {};
  std::optional<std::array<double, 4>> box = {};
  std::vector<std::int64_t> runs = {};
  friend bool operator==(const MarkWords&, const MarkWords&) = default;
};

// Takes finding, comment, box and runs of `body` in the place of those in `words` (null takes a shape away). Boxes have
// a pixel or more and lie in the image; runs ascend, do not touch each other and lie in the image; both exclude each
// other. Errors: invalid, naming the field, never its value.
Status read_mark_words(const Json& body, std::int64_t rows, std::int64_t columns, MarkWords& words);

}  // namespace aceso::archive
