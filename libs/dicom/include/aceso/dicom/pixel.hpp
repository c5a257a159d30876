// Pixel data to pixels (PS3.3 C.7.6.3, PS3.5 chapter 8 and Annexes A, G) and pixels to pictures (PS3.3 C.11.1, C.11.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::dicom {

enum class Photometric : std::uint8_t {
  monochrome1,
  monochrome2,
  palette,
  rgb,
  ybr_full,
  ybr_full_422,
  ybr_partial_420,
  ybr_ict,
  ybr_rct,
  other
};
enum class SampleType : std::uint8_t { integer, float32, float64 };

struct PixelFormat {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint16_t samples = 1;          // per pixel: 1 to 4
  std::uint16_t bits_allocated = 16;  // 1, 8, 16, 32, 64
  std::uint16_t bits_stored = 16;
  std::uint16_t high_bit = 15;
  bool is_signed = false;
  bool planar = false;  // PlanarConfiguration 1
  Photometric photometric = Photometric::monochrome2;
  SampleType type = SampleType::integer;
  std::uint32_t frames = 1;
};
// Of the image pixel module. Errors: not_found (no image), invalid (fields contradict each other), too_large.
Result<PixelFormat> pixel_format(const Dataset& dataset);

struct DecodeLimits {
  std::uint64_t bytes = std::uint64_t{512} << 20;  // of a decoded frame, checked before it is allocated
};

// Samples in row-major order, interleaved, in the machine's byte order, sign extended from bits_stored, bits above
// bits_stored cleared. Values as stored: no rescale, no window.
struct Frame {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint16_t samples = 1;
  std::uint16_t bits = 16;  // of a sample in `data`: 8, 16, 32 or 64; single-bit data become 8
  std::uint16_t bits_stored = 16;
  bool is_signed = false;
  SampleType type = SampleType::integer;
  Photometric photometric = Photometric::monochrome2;  // after decoding: codecs that carry a colour transform give RGB
  std::vector<std::byte> data;                         // rows * columns * samples * bits / 8
};

// One frame from its bytes (frame_bytes). `big_endian` and `bit_offset` concern native data. Errors: invalid (damaged,
// or smaller than the header says), too_large, unsupported (no decoder for the syntax). Thread-safe.
Result<Frame> decode_frame(const PixelFormat& format, const TransferSyntax& syntax, std::span<const std::byte> encoded,
                           std::uint32_t bit_offset = 0, const DecodeLimits& limits = {});
// Of an object parsed from `bytes`, frame from 0.
Result<Frame> decode_frame(const Object& object, std::span<const std::byte> bytes, std::uint32_t frame,
                           const DecodeLimits& limits = {});
bool can_decode(const TransferSyntax& syntax) noexcept;

// Modality values: rescale slope and intercept or the modality LUT (PS3.3 C.11.1), of the frame's functional group
// where there is one. Grey images only: rows * columns values.
Result<std::vector<float>> modality_values(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number = 0);

// The least and the highest modality value that a frame of this format can have, when all of them are whole numbers
// (integer samples, whole slope and intercept); nullopt otherwise.
std::optional<std::array<double, 2>> whole_modality_range(const Dataset& dataset, const PixelFormat& format,
                                                          std::uint32_t frame_number = 0);

enum class VoiFunction : std::uint8_t { linear, linear_exact, sigmoid };
struct Window {
  double center = 0;
  double width = 1;  // >= 1 for linear, > 0 otherwise
  VoiFunction function = VoiFunction::linear;
};
// PS3.3 C.11.2.1.2 and .3: [0, 1].
double apply_window(double value, const Window& window) noexcept;
// The object's own windows, first those of the frame's functional group.
std::vector<Window> windows(const Dataset& dataset, std::uint32_t frame_number = 0);

struct RenderOptions {
  std::optional<Window> window;  // else the object's first, else a VOI LUT, else the frame's range
};
// 8-bit grey or RGB as it should be seen: modality and VOI transforms, MONOCHROME1 inverted, palettes applied, YBR to
// RGB. Errors as decode_frame.
Result<imaging::Image> render_frame(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number = 0,
                                    const RenderOptions& options = {});

}  // namespace aceso::dicom
