#include "box_targets.hpp"

#include <algorithm>
#include <cmath>

#include "targets.hpp"

namespace aceso::learn {
namespace {

double volume_of(const Box& box) {
  double volume = 1;
  for (std::size_t d = 0; d < box.low.size(); ++d) volume *= box.high[d] - box.low[d];
  return volume;
}

// One label's map: the larger of what is there and this box's Gaussian.
void draw_gaussian(std::span<const double> centre, std::span<const double> size, const Shape& cells,
                   std::span<float> map) {
  constexpr double kReach = 3;  // standard deviations
  const std::size_t axes = cells.size();
  std::vector<std::int64_t> from(axes), to(axes);
  std::vector<double> sd(axes), at(axes);
  for (std::size_t d = 0; d < axes; ++d) {
    sd[d] = std::max(size[d] / 6, 1.0 / 3);
    at[d] = std::floor(centre[d]);
    from[d] = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(at[d] - kReach * sd[d])));
    to[d] = std::min(cells[d] - 1, static_cast<std::int64_t>(std::floor(at[d] + kReach * sd[d])));
  }
  std::vector<std::int64_t> p = from;
  for (;;) {
    double distance = 0;
    std::size_t index = 0;
    for (std::size_t d = 0; d < axes; ++d) {
      const double away = (static_cast<double>(p[d]) - at[d]) / sd[d];
      distance += away * away;
      index = index * static_cast<std::size_t>(cells[d]) + static_cast<std::size_t>(p[d]);
    }
    map[index] = std::max(map[index], static_cast<float>(std::exp(-distance / 2)));
    std::size_t d = axes;
    while (d > 0 && ++p[d - 1] > to[d - 1]) {
      p[d - 1] = from[d - 1];
      --d;
    }
    if (d == 0) return;
  }
}

}  // namespace

std::vector<int> label_of_classes(const Manifest& manifest, const std::vector<std::string>& labels) {
  std::vector<int> out;
  out.reserve(manifest.classes.size());
  for (const std::string& name : manifest.classes) {
    const auto found = std::find(labels.begin(), labels.end(), name);
    out.push_back(found == labels.end() ? -1 : static_cast<int>(found - labels.begin()));
  }
  return out;
}

BoxSamples box_samples(const Dataset& dataset, const std::vector<std::size_t>& split,
                       const std::vector<std::string>& labels) {
  const Manifest& manifest = dataset.manifest();
  const std::vector<int> label = label_of_classes(manifest, labels);
  BoxSamples out;
  for (const std::size_t i : split) {
    const Sample& sample = manifest.samples[i];
    const bool should_have_one =
        manifest.task == Task::classes && sample.label >= 0 && label[static_cast<std::size_t>(sample.label)] >= 0;
    if (!sample.boxes.empty() || (labelled(manifest.task, sample) && !should_have_one)) {
      out.indices.push_back(i);
    } else {
      ++out.without;
    }
  }
  return out;
}

Shape spatial_of_sample(const Manifest& manifest, const Sample& sample) {
  const std::size_t axes = manifest.kind == "volume" ? 3 : 2;
  return {sample.shape.begin(),
          sample.shape.begin() + static_cast<std::ptrdiff_t>(std::min(axes, sample.shape.size()))};
}

Result<std::vector<Box>> labelled_boxes(const Manifest& manifest, const Sample& sample,
                                        const std::vector<int>& label_of_class) {
  const Shape spatial = spatial_of_sample(manifest, sample);
  const std::string who = "sample \"" + sample.id + "\" has a box ";
  std::vector<Box> boxes = sample.boxes;
  for (Box& box : boxes) {
    bool inside = box.low.size() == spatial.size() && box.high.size() == spatial.size();
    for (std::size_t d = 0; inside && d < spatial.size(); ++d) {
      inside = box.low[d] >= 0 && box.low[d] < box.high[d] && box.high[d] <= static_cast<double>(spatial[d]);
    }
    if (!inside) return Error{Code::invalid, who + "that does not lie in its image"};
    if (box.label < 0) {
      box.label = 0;
      continue;
    }
    const auto given = static_cast<std::size_t>(box.label);
    box.label = given < label_of_class.size() ? label_of_class[given] : -1;
    if (box.label < 0) {
      return Error{Code::invalid, who + "of the class \"" +
                                      (given < manifest.classes.size() ? manifest.classes[given] : "?") +
                                      "\", which the model does not know"};
    }
  }
  return boxes;
}

void scale_boxes(std::vector<Box>& boxes, const Shape& from, const Shape& to) {
  for (Box& box : boxes) {
    for (std::size_t d = 0; d < from.size(); ++d) {
      const double factor = static_cast<double>(to[d]) / static_cast<double>(from[d]);
      box.low[d] *= factor;
      box.high[d] *= factor;
    }
  }
}

void mirror_boxes(std::vector<Box>& boxes, std::int64_t width) {
  for (Box& box : boxes) {
    const double low = box.low.back();
    box.low.back() = static_cast<double>(width) - box.high.back();
    box.high.back() = static_cast<double>(width) - low;
  }
}

void move_boxes(std::vector<Box>& boxes, const Warp& warp) {
  const std::size_t axes = warp.size.size(), first = 3 - axes;
  std::vector<Box> kept;
  kept.reserve(boxes.size());
  for (const Box& box : boxes) {
    Bounds bounds;  // of middles of pixels, of which edges lie half a pixel away
    for (std::size_t d = 0; d < axes; ++d) {
      bounds.low[first + d] = box.low[d] - 0.5;
      bounds.high[first + d] = box.high[d] - 0.5;
    }
    const Bounds after = move_box(warp, bounds);
    Box moved = box;
    bool there = true;
    for (std::size_t d = 0; d < axes; ++d) {
      const auto side = static_cast<double>(warp.size[d]);
      const double low = after.low[first + d], high = after.high[first + d];
      there = there && low <= high;
      const bool cut_low = low <= 0, cut_high = high >= side - 1;  // move_box cuts at the middles of the outer pixels
      moved.low[d] = cut_low ? 0 : low + 0.5;
      moved.high[d] = cut_high ? side : high + 0.5;
      there = there && moved.high[d] > moved.low[d] && (!(cut_low || cut_high) || moved.high[d] - moved.low[d] >= 1);
    }
    if (there) kept.push_back(std::move(moved));
  }
  boxes = std::move(kept);
}

void draw_box_targets(const std::vector<Box>& boxes, std::size_t labels, const Shape& grid, const Shape& cells,
                      std::span<float> out) {
  const std::size_t axes = cells.size();
  std::size_t area = 1;
  for (const std::int64_t side : cells) area *= static_cast<std::size_t>(side);
  std::vector<const Box*> order;  // the smaller ones last: they are written over what is there
  order.reserve(boxes.size());
  for (const Box& box : boxes) order.push_back(&box);
  std::stable_sort(order.begin(), order.end(),
                   [](const Box* a, const Box* b) { return volume_of(*a) > volume_of(*b); });
  std::vector<double> centre(axes), size(axes);
  for (const Box* box : order) {
    std::size_t index = 0;
    for (std::size_t d = 0; d < axes; ++d) {
      const double cell = static_cast<double>(grid[d]) / static_cast<double>(cells[d]);
      size[d] = (box->high[d] - box->low[d]) / cell;
      centre[d] = std::clamp((box->low[d] + box->high[d]) / 2 / cell, 0.0, static_cast<double>(cells[d]) - 1e-6);
      index = index * static_cast<std::size_t>(cells[d]) + static_cast<std::size_t>(centre[d]);
    }
    draw_gaussian(centre, size, cells, out.subspan(static_cast<std::size_t>(box->label) * area, area));
    for (std::size_t d = 0; d < axes; ++d) {
      out[(labels + d) * area + index] = static_cast<float>(size[d]);
      out[(labels + axes + d) * area + index] = static_cast<float>(centre[d] - std::floor(centre[d]));
    }
  }
}

}  // namespace aceso::learn
