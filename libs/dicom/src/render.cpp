// Stored values to modality values (PS3.3 C.11.1) and to what is seen (C.11.2, C.7.6.3).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <type_traits>

#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "lut.hpp"

namespace aceso::dicom {
namespace {

// Calls use(pointer to the samples in their own type).
template <class Use>
auto with_samples(const Frame& frame, Use use) {
  const std::byte* data = frame.data.data();
  if (frame.type == SampleType::float32) return use(reinterpret_cast<const float*>(data));
  if (frame.type == SampleType::float64) return use(reinterpret_cast<const double*>(data));
  if (frame.bits == 8)
    return frame.is_signed ? use(reinterpret_cast<const std::int8_t*>(data))
                           : use(reinterpret_cast<const std::uint8_t*>(data));
  if (frame.bits == 16)
    return frame.is_signed ? use(reinterpret_cast<const std::int16_t*>(data))
                           : use(reinterpret_cast<const std::uint16_t*>(data));
  if (frame.bits == 32)
    return frame.is_signed ? use(reinterpret_cast<const std::int32_t*>(data))
                           : use(reinterpret_cast<const std::uint32_t*>(data));
  return frame.is_signed ? use(reinterpret_cast<const std::int64_t*>(data))
                         : use(reinterpret_cast<const std::uint64_t*>(data));
}

Status check_frame(const Frame& frame) {
  const std::uint64_t size = std::uint64_t{frame.rows} * frame.columns * frame.samples * (frame.bits / 8U);
  const bool depth = frame.bits == 8 || frame.bits == 16 || frame.bits == 32 || frame.bits == 64;
  if (size == 0 || !depth || frame.data.size() != size)
    return Error{Code::invalid, "the frame's fields contradict each other"};
  return {};
}

struct Modality {
  double slope = 1;
  double intercept = 0;
  std::optional<Lut> lut;
  double operator()(double stored) const noexcept { return lut ? lut->at(stored) : stored * slope + intercept; }
};

// Slope and intercept; a slope of 0, which some devices write, is 1.
std::pair<double, double> rescale_of(const Dataset& dataset, std::uint32_t frame_number) {
  const Dataset* group = functional_group(dataset, tags::kPixelValueTransformationSequence, frame_number);
  const Dataset& from = group == nullptr ? dataset : *group;
  const double slope = from.number(tags::kRescaleSlope).value_or(1);
  return {slope == 0 ? 1 : slope, from.number(tags::kRescaleIntercept).value_or(0)};
}

Result<Modality> modality_of(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number) {
  Modality out;
  const auto luts = dataset.items(tags::kModalityLUTSequence);
  if (!luts.empty()) {
    ACESO_TRY(out.lut, read_lut(luts.front(), frame.is_signed));
    return out;
  }
  std::tie(out.slope, out.intercept) = rescale_of(dataset, frame_number);
  return out;
}

void append_windows(const Dataset& dataset, std::vector<Window>& out) {
  const auto centers = dataset.numbers(tags::kWindowCenter);
  const auto widths = dataset.numbers(tags::kWindowWidth);
  const std::string function = dataset.text_or(tags::kVOILUTFunction);
  for (std::size_t i = 0; i < std::min(centers.size(), widths.size()); ++i) {
    Window window{centers[i], widths[i], VoiFunction::linear};
    if (function == "LINEAR_EXACT") window.function = VoiFunction::linear_exact;
    if (function == "SIGMOID") window.function = VoiFunction::sigmoid;
    const double least = window.function == VoiFunction::linear ? 1 : std::numeric_limits<double>::min();
    if (std::isfinite(window.center) && std::isfinite(window.width) && window.width >= least) out.push_back(window);
  }
}

// The range of the frame's modality values, padding left out.
Window whole_range(const Dataset& dataset, const Frame& frame, const Modality& modality) {
  if (frame.bits_stored == 1) return {0.5, 1, VoiFunction::linear_exact};
  const auto padding = dataset.number(tags::kPixelPaddingValue);
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  const std::size_t pixels = std::size_t{frame.rows} * frame.columns;
  with_samples(frame, [&](const auto* samples) {
    for (std::size_t i = 0; i < pixels; ++i) {
      const auto stored = static_cast<double>(samples[i]);
      if (!std::isfinite(stored) || (padding && stored == *padding)) continue;
      low = std::min(low, stored);
      high = std::max(high, stored);
    }
  });
  if (low > high) return {0, 1, VoiFunction::linear_exact};
  double a = modality(low);
  double b = modality(high);
  if (a > b) std::swap(a, b);
  return {(a + b) / 2, std::max(b - a, 1e-9), VoiFunction::linear_exact};
}

class Shade {
 public:
  static Result<Shade> create(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number,
                              const RenderOptions& options) {
    Shade shade;
    ACESO_TRY(shade.modality_, modality_of(dataset, frame, frame_number));
    const auto own = windows(dataset, frame_number);
    const auto luts = dataset.items(tags::kVOILUTSequence);
    if (options.window) {
      shade.window_ = *options.window;
    } else if (!own.empty()) {
      shade.window_ = own.front();
    } else if (!luts.empty()) {
      ACESO_TRY(shade.voi_, read_lut(luts.front(), shade.modality_.intercept < 0 || frame.is_signed));
    } else {
      shade.window_ = whole_range(dataset, frame, shade.modality_);
    }
    const std::string shape = dataset.text_or(tags::kPresentationLUTShape);
    shade.inverse_ = shape.empty() ? frame.photometric == Photometric::monochrome1 : shape == "INVERSE";
    return shade;
  }

  std::byte operator()(double stored) const noexcept {
    const double value = modality_(stored);
    double grey = 0;
    if (voi_) {
      grey = voi_->at(value) / static_cast<double>((1U << voi_->bits) - 1U);
    } else {
      grey = apply_window(value, window_);
    }
    if (!(grey > 0)) grey = 0;  // NaN too
    if (inverse_) grey = 1 - std::min(grey, 1.0);
    return static_cast<std::byte>(std::lround(std::min(grey, 1.0) * 255));
  }

 private:
  Shade() = default;
  Modality modality_;
  Window window_;
  std::optional<Lut> voi_;
  bool inverse_ = false;
};

void shade_pixels(const Frame& frame, const Shade& shade, std::vector<std::byte>& out) {
  with_samples(frame, [&](const auto* samples) {
    using T = std::remove_cv_t<std::remove_pointer_t<decltype(samples)>>;
    if constexpr (sizeof(T) <= 2) {
      if (out.size() >= 256) {  // each value once
        std::vector<std::byte> table(std::size_t{1} << (8 * sizeof(T)));
        std::vector<bool> known(table.size());
        for (std::size_t i = 0; i < out.size(); ++i) {
          const auto key = static_cast<std::make_unsigned_t<T>>(samples[i]);
          if (!known[key]) {
            known[key] = true;
            table[key] = shade(static_cast<double>(samples[i]));
          }
          out[i] = table[key];
        }
        return;
      }
    }
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = shade(static_cast<double>(samples[i]));
  });
}

std::byte to_byte(double value) {
  return static_cast<std::byte>(std::lround(std::clamp(value, 0.0, 255.0)));
}

// PS3.3 C.7.6.3.1.2, full range.
void to_rgb(std::byte* pixel) {
  const double y = std::to_integer<int>(pixel[0]);
  const double cb = std::to_integer<int>(pixel[1]) - 128;
  const double cr = std::to_integer<int>(pixel[2]) - 128;
  pixel[0] = to_byte(y + 1.402 * cr);
  pixel[1] = to_byte(y - 0.344136 * cb - 0.714136 * cr);
  pixel[2] = to_byte(y + 1.772 * cb);
}

Result<imaging::Image> render_colour(const Frame& frame, imaging::Image image) {
  if (frame.samples != 3 || frame.type != SampleType::integer || frame.bits > 32)
    return Error{Code::unsupported, "colour of this kind is not rendered"};
  const int down = std::max(0, frame.bits_stored - 8);
  const int up = std::max(0, 8 - frame.bits_stored);
  with_samples(frame, [&](const auto* samples) {
    using T = std::remove_cv_t<std::remove_pointer_t<decltype(samples)>>;
    if constexpr (std::is_integral_v<T>) {
      for (std::size_t i = 0; i < image.pixels.size(); ++i)
        image.pixels[i] = static_cast<std::byte>(static_cast<unsigned>(samples[i]) >> down << up & 0xFFU);
    }
  });
  if (frame.photometric != Photometric::rgb && frame.photometric != Photometric::other) {
    for (std::size_t i = 0; i + 3 <= image.pixels.size(); i += 3) to_rgb(image.pixels.data() + i);
  }
  return image;
}

Result<imaging::Image> render_palette(const Dataset& dataset, const Frame& frame, imaging::Image image) {
  ACESO_TRY(const Palette palette, read_palette(dataset, frame.is_signed));
  with_samples(frame, [&](const auto* samples) {
    for (std::size_t i = 0; i < image.pixels.size() / 3; ++i) {
      for (std::size_t c = 0; c < 3; ++c)
        image.pixels[3 * i + c] = static_cast<std::byte>(palette.at(c, static_cast<double>(samples[i])));
    }
  });
  return image;
}

}  // namespace

double apply_window(double value, const Window& window) noexcept {
  const double c = window.center;
  const double w = window.width;
  switch (window.function) {
    case VoiFunction::sigmoid:
      return 1 / (1 + std::exp(-4 * (value - c) / w));
    case VoiFunction::linear_exact:
      if (value <= c - w / 2) return 0;
      if (value > c + w / 2) return 1;
      return (value - c) / w + 0.5;
    case VoiFunction::linear:
      break;
  }
  if (value <= c - 0.5 - (w - 1) / 2) return 0;
  if (value > c - 0.5 + (w - 1) / 2) return 1;
  return (value - (c - 0.5)) / (w - 1) + 0.5;
}

std::vector<Window> windows(const Dataset& dataset, std::uint32_t frame_number) {
  std::vector<Window> out;
  if (const Dataset* group = functional_group(dataset, tags::kFrameVOILUTSequence, frame_number))
    append_windows(*group, out);
  append_windows(dataset, out);
  return out;
}

Result<std::vector<float>> modality_values(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number) {
  ACESO_TRY_OK(check_frame(frame));
  if (frame.samples != 1) return Error{Code::unsupported, "modality values of a colour image"};
  ACESO_TRY(const Modality modality, modality_of(dataset, frame, frame_number));
  std::vector<float> out(std::size_t{frame.rows} * frame.columns);
  with_samples(frame, [&](const auto* samples) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(modality(static_cast<double>(samples[i])));
  });
  return out;
}

std::optional<std::array<double, 2>> whole_modality_range(const Dataset& dataset, const PixelFormat& format,
                                                          std::uint32_t frame_number) {
  if (format.samples != 1 || format.type != SampleType::integer || format.bits_stored > 32) return std::nullopt;
  if (!dataset.items(tags::kModalityLUTSequence).empty()) return std::nullopt;
  const auto [slope, intercept] = rescale_of(dataset, frame_number);
  if (!std::isfinite(slope) || !std::isfinite(intercept) || slope != std::floor(slope) ||
      intercept != std::floor(intercept))
    return std::nullopt;
  const double values = std::ldexp(1.0, format.bits_stored);
  const double low = format.is_signed ? -values / 2 : 0;
  const double a = low * slope + intercept;
  const double b = (low + values - 1) * slope + intercept;
  return std::array<double, 2>{std::min(a, b), std::max(a, b)};
}

Result<imaging::Image> render_frame(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number,
                                    const RenderOptions& options) {
  ACESO_TRY_OK(check_frame(frame));
  const bool grey = frame.samples == 1 && frame.photometric != Photometric::palette;
  imaging::Image image{frame.columns, frame.rows, grey ? 1 : 3, 8, {}};
  image.pixels.resize(std::size_t{frame.rows} * frame.columns * (grey ? 1U : 3U));
  if (frame.photometric == Photometric::palette) return render_palette(dataset, frame, std::move(image));
  if (!grey) return render_colour(frame, std::move(image));
  ACESO_TRY(const Shade shade, Shade::create(dataset, frame, frame_number, options));
  shade_pixels(frame, shade, image.pixels);
  return image;
}

}  // namespace aceso::dicom
