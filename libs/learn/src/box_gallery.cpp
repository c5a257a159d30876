// Pictures of cases with true and found boxes, for the report.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/boxes.hpp"
#include "box_targets.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMostPixels = 192;
constexpr std::int64_t kLeastPixels = 128;  // smaller ones are enlarged, so that lines stay thin
constexpr std::int64_t kMostSide = 4096;

using Rgb = std::array<std::byte, 3>;
constexpr Rgb kTruthColour{std::byte{45}, std::byte{200}, std::byte{255}};
constexpr Rgb kFoundColour{std::byte{255}, std::byte{138}, std::byte{31}};

struct GreyPlane {
  std::int64_t height = 0, width = 0;
  std::vector<double> values;
};

GreyPlane grey_plane(const Array& sample, const Shape& spatial, std::int64_t slice) {
  GreyPlane out{.height = spatial[spatial.size() - 2], .width = spatial.back(), .values = {}};
  const auto area = static_cast<std::size_t>(out.height * out.width);
  const std::size_t channels = sample.shape.size() > spatial.size() ? static_cast<std::size_t>(sample.shape.back()) : 1;
  const std::size_t bytes = area * channels * size_of(sample.dtype);
  out.values.assign(area, 0);
  std::size_t at = 0;
  for_each_value(sample.dtype, std::span{sample.data}.subspan(static_cast<std::size_t>(slice) * bytes, bytes),
                 [&](double value) { out.values[at++ / channels] += value; });
  return out;
}

// Upper left corner included, lower right one not.
void draw_frame(imaging::Image& image, double scale, std::span<const double> low, std::span<const double> high,
                const Rgb& colour) {
  const std::size_t axes = low.size();
  const auto place = [&](double edge, std::int64_t most) {
    return std::clamp<std::int64_t>(std::lround(edge * scale), 0, most - 1);
  };
  const std::int64_t top = place(low[axes - 2], image.height), bottom = place(high[axes - 2] - 1 / scale, image.height),
                     left = place(low[axes - 1], image.width), right = place(high[axes - 1] - 1 / scale, image.width);
  const auto dot = [&](std::int64_t y, std::int64_t x) {
    std::copy(colour.begin(), colour.end(), image.pixels.begin() + (y * image.width + x) * 3);
  };
  for (std::int64_t x = left; x <= right; ++x) {
    dot(top, x);
    dot(bottom, x);
  }
  for (std::int64_t y = top; y <= bottom; ++y) {
    dot(y, left);
    dot(y, right);
  }
}

std::optional<std::string> box_picture(const BoxCase& one, double threshold, const Array& sample,
                                       const Shape& spatial) {
  const bool volume = spatial.size() == 3;
  std::int64_t slice = volume ? spatial[0] / 2 : 0;
  if (volume && !one.truth.empty()) {
    slice = static_cast<std::int64_t>((one.truth.front().low[0] + one.truth.front().high[0]) / 2);
  } else if (volume && !one.found.empty()) {
    slice = static_cast<std::int64_t>((one.found.front().low[0] + one.found.front().high[0]) / 2);
  }
  slice = std::clamp<std::int64_t>(slice, 0, volume ? spatial[0] - 1 : 0);
  const GreyPlane plane = grey_plane(sample, spatial, slice);
  const std::int64_t longest = std::max(plane.height, plane.width);
  if (longest < 1 || longest > kMostSide) return std::nullopt;
  const double scale =
      static_cast<double>(std::clamp(longest, kLeastPixels, kMostPixels)) / static_cast<double>(longest);
  imaging::Image image{.width = std::max<std::int64_t>(1, std::llround(static_cast<double>(plane.width) * scale)),
                       .height = std::max<std::int64_t>(1, std::llround(static_cast<double>(plane.height) * scale)),
                       .channels = 3,
                       .bits = 8,
                       .pixels = {}};
  const auto [low, high] = std::minmax_element(plane.values.begin(), plane.values.end());
  const double range = *high > *low ? *high - *low : 1;
  image.pixels.reserve(static_cast<std::size_t>(image.width * image.height * 3));
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      const std::int64_t j = y * plane.height / image.height, i = x * plane.width / image.width;
      const double value = plane.values[static_cast<std::size_t>(j * plane.width + i)];
      image.pixels.insert(image.pixels.end(), 3, static_cast<std::byte>(std::lround((value - *low) / range * 255)));
    }
  }
  const auto here = [&](const std::vector<double>& from, const std::vector<double>& to) {
    return !volume || (from[0] <= static_cast<double>(slice) && to[0] > static_cast<double>(slice));
  };
  for (const Box& box : one.truth) {
    if (here(box.low, box.high)) draw_frame(image, scale, box.low, box.high, kTruthColour);
  }
  for (const FoundBox& box : one.found) {
    if (box.score >= threshold && here(box.low, box.high)) draw_frame(image, scale, box.low, box.high, kFoundColour);
  }
  const auto png = imaging::encode_png(image);
  if (!png) return std::nullopt;
  return crypto::to_base64(*png);
}

}  // namespace

Json box_gallery(const BoxCases& cases, double threshold, const Dataset& dataset, std::size_t each) {
  struct Told {
    std::size_t found = 0, wrong = 0, missed = 0;
  };
  std::vector<Told> told;
  std::vector<std::size_t> order;
  for (const BoxCase& one : cases.cases) {
    BoxCase kept = one;
    std::erase_if(kept.found, [&](const FoundBox& box) { return box.score < threshold; });
    const BoxMatch match = match_boxes(kept, BoxRule::centre);
    Told t;
    t.missed = static_cast<std::size_t>(std::count(match.missed.begin(), match.missed.end(), true));
    t.found = one.truth.size() - t.missed;
    t.wrong = static_cast<std::size_t>(std::count(match.found.begin(), match.found.end(), BoxMatch::State::wrong));
    order.push_back(told.size());
    told.push_back(t);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return told[a].missed + told[a].wrong > told[b].missed + told[b].wrong;
  });
  Json out = Json::array();
  const auto add = [&](const char* kind, std::size_t i) {
    const BoxCase& one = cases.cases[i];
    const Sample& sample = dataset.manifest().samples[one.index];
    const auto png =
        box_picture(one, threshold, dataset.array(one.index), spatial_of_sample(dataset.manifest(), sample));
    if (!png) return;
    out.push_back(Json{{"kind", kind},
                       {"png", *png},
                       {"findings", one.truth.size()},
                       {"found", told[i].found},
                       {"false", told[i].wrong}});
  };
  std::size_t worst = 0, right = 0;
  for (const std::size_t i : order) {
    if (told[i].missed + told[i].wrong == 0 || worst == each) break;
    ++worst;
    add("worst", i);
  }
  for (const std::size_t i : order) {
    if (right == each) break;
    if (told[i].missed + told[i].wrong > 0 || cases.cases[i].truth.empty()) continue;
    ++right;
    add("right", i);
  }
  return out;
}

}  // namespace aceso::learn
