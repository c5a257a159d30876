// A map in colours over a picture.
#include <algorithm>
#include <array>
#include <cmath>

#include "explain_maps.hpp"

namespace aceso::learn {
namespace {

// Nine points of matplotlib's "inferno" (Smith and van der Walt, 2015, CC0), dark to bright.
constexpr std::array<std::array<double, 3>, 9> kInferno{{{0, 0, 4},
                                                         {31, 12, 72},
                                                         {85, 15, 109},
                                                         {136, 34, 106},
                                                         {186, 54, 85},
                                                         {227, 89, 51},
                                                         {249, 140, 10},
                                                         {249, 201, 50},
                                                         {252, 255, 164}}};

std::array<double, 3> colour(double t) {
  const double at = std::clamp(t, 0.0, 1.0) * (kInferno.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(at), kInferno.size() - 2);
  const double part = at - static_cast<double>(i);
  std::array<double, 3> out{};
  for (std::size_t c = 0; c < 3; ++c) out[c] = kInferno[i][c] + part * (kInferno[i + 1][c] - kInferno[i][c]);
  return out;
}

// Of a volume the slice through its largest value.
Array slice_of(const Array& map) {
  if (map.shape.size() != 3) return map;
  const auto values = map.f32();
  const auto area = static_cast<std::size_t>(map.shape[1] * map.shape[2]);
  const auto top = static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin()) / area;
  return Array::from({map.shape[1], map.shape[2]}, {values.begin() + static_cast<std::ptrdiff_t>(top * area),
                                                    values.begin() + static_cast<std::ptrdiff_t>((top + 1) * area)});
}

}  // namespace

Result<imaging::Image> overlay(const imaging::Image& picture, const Array& map) {
  if ((picture.channels != 1 && picture.channels != 3) || picture.bits != 8 || map.shape.size() < 2 ||
      picture.pixels.size() != static_cast<std::size_t>(picture.width * picture.height * picture.channels))
    return Error{Code::invalid, "an overlay needs an 8-bit grey or RGB picture and a map"};
  const Array heat = resample(slice_of(map), {picture.height, picture.width});
  const auto values = heat.f32();
  const double top = static_cast<double>(*std::max_element(values.begin(), values.end()));
  imaging::Image out{.width = picture.width, .height = picture.height, .channels = 3, .bits = 8, .pixels = {}};
  out.pixels.reserve(values.size() * 3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double t = top > 0 ? std::max(0.0, static_cast<double>(values[i]) / top) : 0;
    const double alpha = 0.75 * std::sqrt(t);
    const auto rgb = colour(0.25 + 0.75 * t);
    for (std::size_t c = 0; c < 3; ++c) {
      const auto grey = static_cast<double>(std::to_integer<int>(
          picture.pixels[i * static_cast<std::size_t>(picture.channels) + (picture.channels == 3 ? c : 0)]));
      out.pixels.push_back(static_cast<std::byte>(std::lround((1 - alpha) * grey + alpha * rgb[c])));
    }
  }
  return out;
}

}  // namespace aceso::learn
