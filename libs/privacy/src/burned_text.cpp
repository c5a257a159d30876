#include "burned_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

namespace aceso::privacy {
namespace {

using namespace dicom;

constexpr int kLooks = 3;
constexpr std::size_t kMostBoxes = 2000;  // of a frame
// The second look sees fainter letters, between the levels of the first.
constexpr DetectorSettings kSecond{.contrast = 30, .first_level = 245, .level_step = 10};

std::int64_t sample_at(const Frame& frame, std::size_t index) {
  const std::byte* at = frame.data.data() + index * (frame.bits / 8U);
  const auto read = [at]<typename T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return static_cast<std::int64_t>(value);
  };
  if (frame.bits == 8) return frame.is_signed ? read(std::int8_t{}) : read(std::uint8_t{});
  if (frame.bits == 16) return frame.is_signed ? read(std::int16_t{}) : read(std::uint16_t{});
  return frame.is_signed ? read(std::int32_t{}) : read(std::uint32_t{});
}

void put_sample(Frame& frame, std::size_t index, std::int64_t value) {
  std::byte* at = frame.data.data() + index * (frame.bits / 8U);
  const auto bits = static_cast<std::uint64_t>(value);  // two's complement, the lowest bytes
  const auto b8 = static_cast<std::uint8_t>(bits);
  const auto b16 = static_cast<std::uint16_t>(bits);
  const auto b32 = static_cast<std::uint32_t>(bits);
  if (frame.bits == 8) std::memcpy(at, &b8, sizeof b8);
  if (frame.bits == 16) std::memcpy(at, &b16, sizeof b16);
  if (frame.bits == 32) std::memcpy(at, &b32, sizeof b32);
}

std::size_t pixels_of(const Frame& frame) {
  return std::size_t{frame.rows} * frame.columns;
}

Plane empty_plane(const Frame& frame) {
  return {frame.columns, frame.rows, std::vector<std::uint8_t>(pixels_of(frame))};
}

// [low, high] over 0 to 255.
Plane stretched(const Frame& frame, double low, double high) {
  Plane plane = empty_plane(frame);
  const double scale = 255 / std::max(1.0, high - low);
  for (std::size_t i = 0; i < plane.values.size(); ++i) {
    const double value = (static_cast<double>(sample_at(frame, i)) - low) * scale;
    plane.values[i] = static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  }
  return plane;
}

std::pair<std::int64_t, std::int64_t> range_of(const Frame& frame) {
  std::int64_t low = std::numeric_limits<std::int64_t>::max();
  std::int64_t high = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < pixels_of(frame) * frame.samples; ++i) {
    low = std::min(low, sample_at(frame, i));
    high = std::max(high, sample_at(frame, i));
  }
  return {low, high};
}

// What all but the outermost two hundredths lie between, so that one bright mark does not hide the rest.
std::pair<double, double> middle_of(const Frame& frame, std::int64_t low, std::int64_t high) {
  constexpr std::size_t kBins = 4096;
  std::vector<std::size_t> bins(kBins);
  const double width = static_cast<double>(high - low + 1) / kBins;
  for (std::size_t i = 0; i < pixels_of(frame); ++i)
    ++bins[static_cast<std::size_t>(static_cast<double>(sample_at(frame, i) - low) / width)];
  const std::size_t cut = pixels_of(frame) / 100;
  std::size_t first = 0;
  for (std::size_t seen = bins[0]; seen <= cut && first + 1 < kBins; seen += bins[first]) ++first;
  std::size_t last = kBins - 1;
  for (std::size_t seen = bins[last]; seen <= cut && last > first; seen += bins[last]) --last;
  return {static_cast<double>(low) + width * static_cast<double>(first),
          static_cast<double>(low) + width * static_cast<double>(last + 1)};
}

void add(std::vector<Plane>& planes, Plane plane) {
  const bool known = std::ranges::any_of(planes, [&](const Plane& one) { return one.values == plane.values; });
  if (!known) planes.push_back(std::move(plane));
}

std::vector<Plane> colour_planes(const Frame& frame, const imaging::Image& image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  std::array<Plane, 5> planes;  // red, green, blue, lightness, colourfulness
  planes.fill(empty_plane(frame));
  for (std::size_t i = 0; i < pixels_of(frame); ++i) {
    std::array<int, 3> rgb{};
    for (std::size_t c = 0; c < 3; ++c) {
      rgb[c] = std::to_integer<int>(image.pixels[i * channels + std::min(c, channels - 1)]);
      planes[c].values[i] = static_cast<std::uint8_t>(rgb[c]);
    }
    const auto [low, high] = std::ranges::minmax(rgb);
    planes[3].values[i] = static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
    planes[4].values[i] = static_cast<std::uint8_t>(high - low);
  }
  std::vector<Plane> out;
  for (Plane& plane : planes) add(out, std::move(plane));
  return out;
}

bool touch(const Rectangle& a, const Rectangle& b) {
  return a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height;
}

Rectangle hull(const Rectangle& a, const Rectangle& b) {
  Rectangle out{std::min(a.x, b.x), std::min(a.y, b.y), 0, 0};
  out.width = std::max(a.x + a.width, b.x + b.width) - out.x;
  out.height = std::max(a.y + a.height, b.y + b.height) - out.y;
  return out;
}

double size_of(const Rectangle& r) {
  return static_cast<double>(r.width) * r.height;
}

// Parts of one line, with letters between them that were not found.
bool is_one_line(const Rectangle& a, const Rectangle& b) {
  const auto along = [](std::uint32_t a0, std::uint32_t size_a, std::uint32_t b0, std::uint32_t size_b) {
    return static_cast<double>(std::max(a0, b0)) - static_cast<double>(std::min(a0 + size_a, b0 + size_b));
  };
  const auto aligned = [&](const Rectangle& p, const Rectangle& q) {
    const double least = std::min(p.height, q.height);
    return p.width >= p.height && q.width >= q.height && std::max(p.height, q.height) <= 1.7 * least &&
           -along(p.y, p.height, q.y, q.height) >= 0.7 * least && along(p.x, p.width, q.x, q.width) <= 2 * least;
  };
  const auto turned = [](const Rectangle& r) { return Rectangle{r.y, r.x, r.height, r.width}; };
  return aligned(a, b) || aligned(turned(a), turned(b));
}

// The same line is found at many levels: rectangles that touch become one unless that would cover much more.
std::vector<Rectangle> merged(std::vector<Rectangle> boxes) {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      for (std::size_t j = i + 1; j < boxes.size(); ++j) {
        const bool one_line = is_one_line(boxes[i], boxes[j]);
        if (!one_line && !touch(boxes[i], boxes[j])) continue;
        const Rectangle both = hull(boxes[i], boxes[j]);
        if (!one_line && size_of(both) > 1.3 * std::max(size_of(boxes[i]), size_of(boxes[j])) &&
            size_of(both) > 1.1 * (size_of(boxes[i]) + size_of(boxes[j])))
          continue;
        boxes[i] = both;
        boxes[j] = boxes.back();
        boxes.pop_back();
        changed = true;
        --j;
      }
    }
  }
  std::ranges::sort(boxes, {}, [](const Rectangle& r) { return std::pair{r.y, r.x}; });
  return boxes;
}

using BoxesOfFrames = std::vector<std::vector<Rectangle>>;

Result<TextSearch> look_at(const Dataset& dataset, const Frame& frame, std::uint32_t number, int look,
                           const std::stop_token& stop) {
  ACESO_TRY(const auto planes, planes_of(dataset, frame, number));
  std::vector<Rectangle> boxes;
  std::size_t skipped = 0;
  for (const Plane& plane : planes) {
    const TextSearch search = find_text(plane, look == 0 ? DetectorSettings{} : kSecond, stop);
    skipped += search.skipped_levels;
    for (const Rectangle& box : search.lines) {
      if (std::ranges::find(boxes, box) == boxes.end()) boxes.push_back(box);
    }
  }
  if (stop.stop_requested()) return Error{Code::cancelled, "stopped while looking for text"};
  if (boxes.size() > kMostBoxes) return Error{Code::precondition, "the picture is full of what may be text"};
  return TextSearch{merged(std::move(boxes)), skipped};
}

// Text of the machine stands still: what is found in a tenth of the frames is black in all of them.
void spread(BoxesOfFrames& boxes) {
  const std::size_t enough = std::max<std::size_t>(2, boxes.size() / 10);
  std::vector<std::pair<Rectangle, std::size_t>> seen;
  for (const auto& of_frame : boxes) {
    for (const Rectangle& box : of_frame) {
      const auto at = std::ranges::find(seen, box, &std::pair<Rectangle, std::size_t>::first);
      if (at != seen.end()) {
        ++at->second;
      } else if (seen.size() < kMostBoxes) {
        seen.emplace_back(box, 1);
      }
    }
  }
  for (const auto& [box, count] : seen) {
    if (count < enough) continue;
    for (auto& of_frame : boxes) {
      if (std::ranges::find(of_frame, box) == of_frame.end()) of_frame.push_back(box);
    }
  }
}

void list(const BoxesOfFrames& boxes, bool second_look, std::vector<FoundText>& out) {
  std::vector<std::size_t> open;  // of the frame before, in `out`
  for (std::uint32_t i = 0; i < boxes.size(); ++i) {
    std::vector<std::size_t> now;
    for (const Rectangle& box : boxes[i]) {
      const auto before = std::ranges::find_if(open, [&](std::size_t k) { return out[k].area == box; });
      if (before != open.end()) {
        out[*before].last = i;
        now.push_back(*before);
      } else {
        out.push_back({box, i, i, second_look});
        now.push_back(out.size() - 1);
      }
    }
    open = std::move(now);
  }
}

}  // namespace

Result<std::vector<Plane>> planes_of(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number) {
  if (frame.type != SampleType::integer || frame.bits > 32)
    return Error{Code::unsupported, "no text is looked for in floating point pixels"};
  if (pixels_of(frame) == 0) return Error{Code::invalid, "an empty frame"};
  ACESO_TRY(const imaging::Image shown, render_frame(dataset, frame, frame_number));
  if (frame.samples > 1 || frame.photometric == Photometric::palette) return colour_planes(frame, shown);
  const auto [low, high] = range_of(frame);
  std::vector<Plane> planes;
  add(planes, stretched(frame, static_cast<double>(low), static_cast<double>(high)));
  if (frame.bits > 8) {
    const auto [from, to] = middle_of(frame, low, high);
    if (to - from < 0.8 * static_cast<double>(high - low)) add(planes, stretched(frame, from, to));
    if (shown.channels == 1 && shown.bits == 8) {
      Plane plane = empty_plane(frame);
      std::memcpy(plane.values.data(), shown.pixels.data(), plane.values.size());
      add(planes, std::move(plane));
    }
  }
  return planes;
}

std::vector<std::int64_t> black_of(const Dataset& dataset, const Frame& frame, std::uint32_t frame_number) {
  std::vector<std::int64_t> black(frame.samples, 0);
  const std::int64_t one = 1;
  if (frame.photometric == Photometric::ybr_full && frame.samples == 3) {
    black[1] = black[2] = one << (frame.bits_stored - 1);
  } else if (frame.photometric == Photometric::monochrome1) {
    black[0] = (one << (frame.bits_stored - (frame.is_signed ? 1 : 0))) - 1;
    if (frame.is_signed) black[0] = range_of(frame).second;
  } else if (frame.photometric == Photometric::palette) {
    Frame colours = frame;  // every index once
    colours.rows = 1;
    colours.columns = std::uint32_t{1} << std::min<unsigned>(frame.bits_stored, 16);
    colours.data.resize(std::size_t{colours.columns} * (frame.bits / 8U));
    for (std::size_t i = 0; i < colours.columns; ++i) put_sample(colours, i, static_cast<std::int64_t>(i));
    const auto shown = render_frame(dataset, colours, frame_number);
    int least = 766;
    for (std::size_t i = 0; shown && shown->channels == 3 && i < colours.columns; ++i) {
      int sum = 0;
      for (std::size_t c = 0; c < 3; ++c) sum += std::to_integer<int>(shown->pixels[i * 3 + c]);
      if (sum < least) black[0] = static_cast<std::int64_t>(i);
      least = std::min(least, sum);
    }
  } else if (frame.samples == 1 && frame.is_signed) {
    black[0] = std::min<std::int64_t>(0, range_of(frame).first);
  }
  return black;
}

void fill(Frame& frame, const Rectangle& area, const std::vector<std::int64_t>& value) {
  const std::uint64_t bottom = std::min<std::uint64_t>(frame.rows, std::uint64_t{area.y} + area.height);
  const std::uint64_t right = std::min<std::uint64_t>(frame.columns, std::uint64_t{area.x} + area.width);
  for (std::size_t y = area.y; y < bottom; ++y) {
    for (std::size_t x = area.x; x < right; ++x) {
      for (std::size_t s = 0; s < frame.samples; ++s)
        put_sample(frame, (y * frame.columns + x) * frame.samples + s, value[s]);
    }
  }
}

Result<CleanedText> clean_text_of(const Dataset& dataset, std::vector<Frame>& frames, const DeidControl& control) {
  CleanedText out;
  std::vector<bool> partly(frames.size());
  std::vector<bool> again(frames.size(), true);
  for (int look = 0; look < kLooks; ++look) {
    BoxesOfFrames boxes(frames.size());
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
      if (!again[i]) continue;
      if (control.progress && look == 0) control.progress(i, frames.size());
      if (i > 0 && again[i - 1] && frames[i].data == frames[i - 1].data) {
        boxes[i] = boxes[i - 1];
        partly[i] = partly[i] || partly[i - 1];
      } else {
        ACESO_TRY(TextSearch search, look_at(dataset, frames[i], i, look, control.stop));
        boxes[i] = std::move(search.lines);
        if (search.skipped_levels > 0) partly[i] = true;
      }
    }
    if (look == kLooks - 1) {
      if (std::ranges::any_of(boxes, [](const auto& of_frame) { return !of_frame.empty(); }))
        return Error{Code::precondition, "text is still found in the picture after it was cleaned"};
      break;
    }
    spread(boxes);
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
      const auto black = boxes[i].empty() ? std::vector<std::int64_t>{} : black_of(dataset, frames[i], i);
      for (const Rectangle& box : boxes[i]) fill(frames[i], box, black);
      if (look > 0) again[i] = !boxes[i].empty();
    }
    list(boxes, look > 0, out.found);
  }
  out.partly_searched = static_cast<std::size_t>(std::ranges::count(partly, true));
  return out;
}

}  // namespace aceso::privacy
