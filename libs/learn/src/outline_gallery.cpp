// Pictures of cases with both outlines, for the report.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/outlines.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMaxPicture = 192;
constexpr std::int64_t kMinPicture = 96;  // smaller ones are enlarged, so that lines stay thin

struct Slice {
  std::int64_t height = 0, width = 0;
  std::vector<double> grey;
  std::vector<std::uint8_t> truth, drawn;
};

// Of a volume the slice in which the truth, or else what was drawn, is largest.
std::size_t best_slice(const Array& truth, const Array& drawn) {
  if (truth.shape.size() == 2) return 0;
  const std::size_t slices = static_cast<std::size_t>(truth.shape[0]), area = truth.data.size() / slices;
  std::size_t best = slices / 2;
  std::ptrdiff_t most = 0;
  for (const Array* mask : {&truth, &drawn}) {
    const auto values = mask->as<std::uint8_t>();
    for (std::size_t z = 0; z < slices; ++z) {
      const auto part = values.subspan(z * area, area);
      const auto count = std::count_if(part.begin(), part.end(), [](std::uint8_t v) { return v != 0; });
      if (count > most) {
        most = count;
        best = z;
      }
    }
    if (most > 0) break;
  }
  return best;
}

Slice slice_of(const Array& sample, const Array& truth, const Array& drawn) {
  const std::size_t axes = truth.shape.size(), z = best_slice(truth, drawn);
  Slice out;
  out.height = truth.shape[axes - 2];
  out.width = truth.shape[axes - 1];
  const auto area = static_cast<std::size_t>(out.height * out.width);
  const auto part = [&](const Array& mask) {
    const auto values = mask.as<std::uint8_t>().subspan(z * area, area);
    return std::vector<std::uint8_t>{values.begin(), values.end()};
  };
  out.truth = part(truth);
  out.drawn = part(drawn);
  const std::size_t channels = sample.shape.size() > axes ? static_cast<std::size_t>(sample.shape.back()) : 1;
  const std::size_t pixel = channels * size_of(sample.dtype);
  out.grey.assign(area, 0);
  std::size_t at = 0;
  for_each_value(sample.dtype, std::span{sample.data}.subspan(z * area * pixel, area * pixel),
                 [&](double value) { out.grey[at++ / channels] += value; });
  return out;
}

std::optional<std::string> picture(const Slice& slice) {
  const std::int64_t longest = std::max(slice.height, slice.width);
  if (longest > 4096 || longest < 1) return std::nullopt;
  const std::int64_t up = std::max<std::int64_t>(1, kMinPicture / longest + (kMinPicture % longest != 0 ? 1 : 0));
  const std::int64_t down = longest > kMaxPicture ? (longest + kMaxPicture - 1) / kMaxPicture : 1;
  const std::int64_t scale = down > 1 ? 1 : up;
  const std::int64_t height = slice.height * scale / down, width = slice.width * scale / down;
  if (height < 1 || width < 1) return std::nullopt;
  const auto [low, high] = std::minmax_element(slice.grey.begin(), slice.grey.end());
  const double range = *high > *low ? *high - *low : 1;
  const auto at = [&](std::int64_t y, std::int64_t x) {
    return static_cast<std::size_t>(y * down / scale * slice.width + x * down / scale);
  };
  // A pixel of the picture lies on a line when a neighbour has another label.
  const auto on_line = [&](const std::vector<std::uint8_t>& mask, std::int64_t y, std::int64_t x) {
    const std::uint8_t own = mask[at(y, x)];
    if (own == 0) return false;
    for (const auto& [dy, dx] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
      const std::int64_t j = y + dy, i = x + dx;
      if (j < 0 || i < 0 || j >= height || i >= width || mask[at(j, i)] != own) return true;
    }
    return false;
  };
  imaging::Image image{.width = width, .height = height, .channels = 3, .bits = 8, .pixels = {}};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const auto grey = static_cast<std::byte>(std::lround((slice.grey[at(y, x)] - *low) / range * 255));
      std::array<std::byte, 3> rgb{grey, grey, grey};
      const bool truth = on_line(slice.truth, y, x), drawn = on_line(slice.drawn, y, x);
      if (truth && drawn) {
        rgb = {std::byte{90}, std::byte{220}, std::byte{60}};
      } else if (drawn) {
        rgb = {std::byte{255}, std::byte{138}, std::byte{31}};
      } else if (truth) {
        rgb = {std::byte{45}, std::byte{200}, std::byte{255}};
      }
      image.pixels.insert(image.pixels.end(), rgb.begin(), rgb.end());
    }
  }
  const auto png = imaging::encode_png(image);
  if (!png) return std::nullopt;
  return crypto::to_base64(*png);
}

}  // namespace

Json outline_gallery(const Forward& forward, const ModelSignature& signature, const OutlineCases& cases,
                     double threshold, const Dataset& dataset, const std::stop_token& stop, std::size_t each) {
  Json out = Json::array();
  std::vector<std::size_t> order(cases.cases.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return mean_dice(cases.cases[a]) < mean_dice(cases.cases[b]); });
  const std::size_t n = order.size(), middle = n / 2 - std::min(n / 2, each / 2);
  std::vector<bool> shown(n, false);
  const auto add = [&](const char* kind, std::size_t place) {
    if (place >= n || shown[place]) return;
    shown[place] = true;
    const OutlineCase& c = cases.cases[order[place]];
    const Array sample = dataset.array(c.index);
    const std::vector<double>& spacing = dataset.manifest().samples[c.index].spacing_mm;
    const auto answer = outline_probabilities(forward, signature, {&sample, 1}, {&spacing, 1}, stop);
    if (!answer) return;
    const auto png = picture(slice_of(sample, *dataset.mask(c.index), draw_mask(answer->front(), threshold)));
    if (!png) return;
    const auto& first = c.labels.front();
    out.push_back(Json{{"kind", kind},
                       {"png", *png},
                       {"dice", mean_dice(c)},
                       {"hd95", c.labels.size() == 1 && first.hd95 ? Json(*first.hd95) : Json(nullptr)}});
  };
  for (std::size_t i = 0; i < each; ++i) add("worst", i);
  for (std::size_t i = 0; i < each; ++i) add("best", n - 1 - std::min(i, n - 1));
  for (std::size_t i = 0; i < each; ++i) add("middle", middle + i);
  return out;
}

}  // namespace aceso::learn
