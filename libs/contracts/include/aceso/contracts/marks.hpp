// What people draw on archived images: services/archive keeps it, others make labels of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/contracts/objects.hpp"

namespace aceso::contracts {

// One mark as it stands, of one frame. Without box and runs it is said of the whole image.
struct ImageMark {
  std::string id = {};  // UUIDv7
  std::uint32_t frame = 1;
  std::string finding = {};  // in the reader's words
  std::string author = {};   // login name
  // Left, top, right, bottom in pixels; (0, 0) is the corner of the first pixel, its middle is (0.5, 0.5).
  std::optional<std::array<double, 4>> box = {};
  std::vector<std::int64_t> runs = {};  // of an outline: start, length, ... of pixels, row by row
  std::int64_t rows = 0, columns = 0;   // of the image
  bool after_ai = false;                // a model's answer stood in the study when it was drawn
  bool after_others = false;            // somebody else's mark stood on the image when it was drawn
};

// Thread-safe.
class MarkSource {
 public:
  MarkSource() = default;
  MarkSource(const MarkSource&) = delete;
  MarkSource& operator=(const MarkSource&) = delete;
  virtual ~MarkSource() = default;
  // The marks on an image that stand, oldest first; none when there is no such image. Errors: denied.
  virtual Result<std::vector<ImageMark>> marks_of(const ObjectPeer& peer, std::string_view sop_instance_uid) const = 0;
};

// Thread-safe.
class BlindedReads {
 public:
  BlindedReads() = default;
  BlindedReads(const BlindedReads&) = delete;
  BlindedReads& operator=(const BlindedReads&) = delete;
  virtual ~BlindedReads() = default;
  // A blinded read of this reader waits for a verdict on the input of one of these predictions.
  virtual Result<bool> waits(const Principal& reader, std::span<const std::string> prediction_ids) const = 0;
};

}  // namespace aceso::contracts
