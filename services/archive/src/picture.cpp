#include "picture.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace aceso::archive {
namespace {

constexpr std::uint32_t kMaxSide = 8192;

std::optional<std::vector<double>> numbers_of(std::string_view text) {
  std::vector<double> out;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    double value = 0;
    if (end > start) {
      const auto [at, ec] = std::from_chars(text.data() + start, text.data() + end, value);
      if (ec != std::errc{} || at != text.data() + end || !std::isfinite(value)) return std::nullopt;
    }
    out.push_back(value);
    start = end + 1;
  }
  return out;
}

Result<dicom::Window> parse_window(std::string_view text) {
  const Error wrong{Code::invalid, "window is CENTER,WIDTH[,linear|linear-exact|sigmoid]"};
  dicom::Window window;
  const auto first = text.find(',');
  const auto second = first == std::string_view::npos ? first : text.find(',', first + 1);
  if (second != std::string_view::npos) {
    const auto function = text.substr(second + 1);
    if (function == "linear-exact") {
      window.function = dicom::VoiFunction::linear_exact;
    } else if (function == "sigmoid") {
      window.function = dicom::VoiFunction::sigmoid;
    } else if (function != "linear") {
      return wrong;
    }
  }
  const auto values = numbers_of(text.substr(0, second));
  if (!values || values->size() != 2) return wrong;
  window.center = values->at(0);
  window.width = values->at(1);
  const double least = window.function == dicom::VoiFunction::linear ? 1.0 : 1e-9;
  if (window.width < least) return Error{Code::invalid, "the window's width is too small"};
  return window;
}

Result<Viewport> parse_viewport(std::string_view text) {
  const auto values = numbers_of(text);
  const Error wrong{Code::invalid, "viewport is WIDTH,HEIGHT[,X,Y,SOURCE_WIDTH,SOURCE_HEIGHT]"};
  if (!values || (values->size() != 2 && values->size() != 6)) return wrong;
  if (values->at(0) < 1 || values->at(1) < 1 || values->at(0) > kMaxSide || values->at(1) > kMaxSide)
    return Error{Code::invalid, "a viewport has 1 to 8192 pixels a side"};
  Viewport out;
  out.width = static_cast<std::uint32_t>(values->at(0));
  out.height = static_cast<std::uint32_t>(values->at(1));
  if (values->size() == 6) {
    if (*std::ranges::min_element(*values) < 0) return wrong;
    out.left = values->at(2);
    out.top = values->at(3);
    out.source_width = values->at(4);
    out.source_height = values->at(5);
  }
  return out;
}

}  // namespace

std::string PictureOptions::key() const {
  std::string out = png ? "png" : "jpeg" + std::to_string(quality);
  if (window)
    out += "w" + std::to_string(window->center) + "," + std::to_string(window->width) + "," +
           std::to_string(static_cast<int>(window->function));
  if (viewport)
    out += "v" + std::to_string(viewport->width) + "," + std::to_string(viewport->height) + "," +
           std::to_string(viewport->left) + "," + std::to_string(viewport->top) + "," +
           std::to_string(viewport->source_width) + "," + std::to_string(viewport->source_height);
  return out;
}

Result<PictureOptions> parse_picture(std::span<const std::pair<std::string, std::string>> query) {
  PictureOptions out;
  for (const auto& [name, value] : query) {
    if (name == "window") {
      ACESO_TRY(out.window, parse_window(value));
    } else if (name == "viewport") {
      ACESO_TRY(out.viewport, parse_viewport(value));
    } else if (name == "quality") {
      const auto number = numbers_of(value);
      if (!number || number->size() != 1 || number->front() < 1 || number->front() > 100)
        return Error{Code::invalid, "quality is a number from 1 to 100"};
      out.quality = static_cast<int>(number->front());
    }
  }
  return out;
}

imaging::Image scale_to_fit(const imaging::Image& image, const Viewport& viewport) {
  const double left = std::min(viewport.left, static_cast<double>(image.width - 1));
  const double top = std::min(viewport.top, static_cast<double>(image.height - 1));
  double wide = static_cast<double>(image.width) - left;
  double high = static_cast<double>(image.height) - top;
  if (viewport.source_width > 0) wide = std::min(wide, viewport.source_width);
  if (viewport.source_height > 0) high = std::min(high, viewport.source_height);
  const double scale = std::min(viewport.width / wide, viewport.height / high);
  imaging::Image out;
  out.width = std::clamp<std::int64_t>(std::llround(wide * scale), 1, kMaxSide);
  out.height = std::clamp<std::int64_t>(std::llround(high * scale), 1, kMaxSide);
  out.channels = image.channels;
  out.bits = 8;
  const auto channels = static_cast<std::size_t>(image.channels);
  out.pixels.resize(static_cast<std::size_t>(out.width * out.height) * channels);
  // What each pixel of one direction covers.
  const auto cells = [](std::int64_t count, double from, double length, std::int64_t limit) {
    std::vector<std::pair<std::int64_t, std::int64_t>> spans;
    for (std::int64_t i = 0; i < count; ++i) {
      const double a = from + length * static_cast<double>(i) / static_cast<double>(count);
      const double b = from + length * static_cast<double>(i + 1) / static_cast<double>(count);
      const auto first = std::clamp<std::int64_t>(static_cast<std::int64_t>(a), 0, limit - 1);
      const auto last = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(b)), first + 1, limit);
      spans.emplace_back(first, last);
    }
    return spans;
  };
  const auto across = cells(out.width, left, wide, image.width);
  const auto down = cells(out.height, top, high, image.height);
  std::size_t at = 0;
  for (const auto& [y0, y1] : down) {
    for (const auto& [x0, x1] : across) {
      for (std::size_t c = 0; c < channels; ++c) {
        std::uint64_t sum = 0;
        for (auto y = y0; y < y1; ++y) {
          for (auto x = x0; x < x1; ++x)
            sum += std::to_integer<std::uint64_t>(
                image.pixels[static_cast<std::size_t>(y * image.width + x) * channels + c]);
        }
        const auto area = static_cast<std::uint64_t>((y1 - y0) * (x1 - x0));
        out.pixels[at++] = static_cast<std::byte>((sum + area / 2) / area);
      }
    }
  }
  return out;
}

}  // namespace aceso::archive
