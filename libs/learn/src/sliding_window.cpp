#include "aceso/learn/sliding_window.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "progress_update.hpp"

namespace aceso::learn {
namespace {

// Where windows begin along one dimension: every `interval`, the last one pulled back to end with the image.
std::vector<std::int64_t> starts(std::int64_t size, std::int64_t window, double overlap) {
  std::int64_t interval =
      window == size ? window : static_cast<std::int64_t>(static_cast<double>(window) * (1 - overlap));
  interval = std::max<std::int64_t>(interval, 1);
  std::vector<std::int64_t> from;
  for (std::int64_t at = 0;; at += interval) {
    from.push_back(std::min(at, size - window));
    if (at + window >= size) return from;
  }
}

// A 2-D image is a volume of one slice that is streamed along its rows: dimensions are (first, middle, last).
struct Extent {
  std::array<std::int64_t, 3> size{1, 1, 1};
  std::int64_t area() const { return size[1] * size[2]; }
  std::int64_t count() const { return size[0] * area(); }
};

Extent extent(const Shape& spatial) {
  Extent e;
  e.size[0] = spatial[0];
  for (std::size_t d = 1; d < spatial.size(); ++d) e.size[d + (3 - spatial.size())] = spatial[d];
  return e;
}

std::vector<float> importance(const Extent& window, bool gaussian, bool flat) {
  std::vector<float> map(static_cast<std::size_t>(window.count()), 1.0F);
  if (!gaussian) return map;
  std::array<std::vector<float>, 3> factor;
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t size = window.size[d];
    factor[d].assign(static_cast<std::size_t>(size), 1.0F);
    if (flat && d == 1) continue;  // the dimension that a 2-D image does not have
    const double sigma = 0.125 * static_cast<double>(size);
    for (std::int64_t i = 0; i < size; ++i) {
      const double x = static_cast<double>(i) - static_cast<double>(size - 1) / 2;
      factor[d][static_cast<std::size_t>(i)] = static_cast<float>(std::exp(-x * x / (2 * sigma * sigma)));
    }
  }
  std::size_t at = 0;
  for (const float a : factor[0]) {
    for (const float b : factor[1]) {
      for (const float c : factor[2]) map[at++] = a * b * c;
    }
  }
  const float least = std::max(*std::min_element(map.begin(), map.end()), 1e-3F);
  for (float& x : map) x = std::max(x, least);
  return map;
}

class Slider {
 public:
  Slider(const SlidingWindow& how, const Array& image, const WindowPredictor& predict, const RowSink& sink)
      : how_{how},
        image_{image},
        predict_{predict},
        sink_{sink},
        spatial_{image.shape.begin() + 1, image.shape.end()},
        real_{extent(spatial_)},
        window_{extent(how.window)},
        channels_{image.shape[0]} {
    for (std::size_t d = 0; d < 3; ++d) {
      padded_.size[d] = std::max(real_.size[d], window_.size[d]);
      before_[d] = (padded_.size[d] - real_.size[d]) / 2;
      starts_[d] = starts(padded_.size[d], window_.size[d], how.overlap);
    }
    weight_ = importance(window_, how.gaussian, how.window.size() == 2);
  }

  Status run(ProgressSink& progress, const std::stop_token& stop) {
    const std::size_t total = starts_[0].size() * starts_[1].size() * starts_[2].size();
    std::size_t done = 0;
    for (std::size_t i = 0; i < starts_[0].size(); ++i) {
      std::vector<std::array<std::int64_t, 3>> waiting;
      for (const std::int64_t middle : starts_[1]) {
        for (const std::int64_t last : starts_[2]) {
          waiting.push_back({starts_[0][i], middle, last});
          const bool row_ends = middle == starts_[1].back() && last == starts_[2].back();
          if (static_cast<std::int64_t>(waiting.size()) < how_.batch && !row_ends) continue;
          if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
          ACESO_TRY_OK(predict(waiting));
          done += waiting.size();
          waiting.clear();
          progress.update(progress_update("predict", done, total));
        }
      }
      const std::int64_t finished = i + 1 < starts_[0].size() ? starts_[0][i + 1] : padded_.size[0];
      ACESO_TRY_OK(release(finished));
    }
    return {};
  }

 private:
  Array cut(const std::vector<std::array<std::int64_t, 3>>& at) const {
    Shape shape{static_cast<std::int64_t>(at.size()), channels_};
    shape.insert(shape.end(), how_.window.begin(), how_.window.end());
    Array out = Array::zeros(DType::f32, shape);
    float* to = out.f32().data();
    for (const auto& corner : at) {
      for (std::int64_t c = 0; c < channels_; ++c) {
        for (std::int64_t z = 0; z < window_.size[0]; ++z) {
          for (std::int64_t y = 0; y < window_.size[1]; ++y, to += window_.size[2])
            copy_row(c, corner[0] + z - before_[0], corner[1] + y - before_[1], corner[2] - before_[2], to);
        }
      }
    }
    return out;
  }

  void copy_row(std::int64_t c, std::int64_t z, std::int64_t y, std::int64_t x, float* to) const {
    const auto fill = static_cast<float>(how_.padding_value);
    std::fill(to, to + window_.size[2], fill);
    if (z < 0 || z >= real_.size[0] || y < 0 || y >= real_.size[1]) return;
    const std::int64_t from = std::max<std::int64_t>(x, 0), end = std::min(x + window_.size[2], real_.size[2]);
    if (from >= end) return;
    const float* row = image_.f32().data() + ((c * real_.size[0] + z) * real_.size[1] + y) * real_.size[2];
    std::copy(row + from, row + end, to + (from - x));
  }

  Status predict(const std::vector<std::array<std::int64_t, 3>>& at) {
    ACESO_TRY(const Array out, predict_(cut(at)));
    Shape expected{static_cast<std::int64_t>(at.size()),
                   outputs_ > 0 || out.shape.size() < 2 ? outputs_ : out.shape[1]};
    expected.insert(expected.end(), how_.window.begin(), how_.window.end());
    if (out.dtype != DType::f32 || out.shape != expected || expected[1] < 1)
      return Error{Code::invalid,
                   "the network gave " + to_string(out.shape) + " for windows, not float32 " + to_string(expected)};
    if (outputs_ == 0) {
      outputs_ = expected[1];
      if (const auto size = element_count({outputs_, window_.size[0], padded_.area()}); !size) return size.error();
    }
    grow(at.front()[0] + window_.size[0]);
    const float* from = out.f32().data();
    for (const auto& corner : at) {
      for (std::int64_t k = 0; k < outputs_; ++k) {
        const float* weight = weight_.data();
        for (std::int64_t z = 0; z < window_.size[0]; ++z) {
          Row& row = rows_[static_cast<std::size_t>(corner[0] + z - first_)];
          for (std::int64_t y = 0; y < window_.size[1]; ++y) {
            const std::int64_t place = (corner[1] + y) * padded_.size[2] + corner[2];
            float* sum = row.sums.data() + k * padded_.area() + place;
            float* share = row.weights.data() + place;
            for (std::int64_t x = 0; x < window_.size[2]; ++x) {
              sum[x] += *from++ * *weight;
              if (k == 0) share[x] += *weight;
              ++weight;
            }
          }
        }
      }
    }
    return {};
  }

  // Rows until `end` exist.
  void grow(std::int64_t end) {
    while (first_ + static_cast<std::int64_t>(rows_.size()) < end) {
      rows_.push_back({std::vector<float>(static_cast<std::size_t>(outputs_ * padded_.area()), 0.0F),
                       std::vector<float>(static_cast<std::size_t>(padded_.area()), 0.0F)});
    }
  }

  // Gives the sink the rows before `end`, which no later window touches.
  Status release(std::int64_t end) {
    const std::int64_t from = std::max(first_, before_[0]), to = std::min(end, before_[0] + real_.size[0]);
    if (from < to) {
      Shape shape{outputs_, to - from};
      shape.insert(shape.end(), spatial_.begin() + 1, spatial_.end());
      Array out = Array::zeros(DType::f32, shape);
      float* target = out.f32().data();
      for (std::int64_t k = 0; k < outputs_; ++k) {
        for (std::int64_t z = from; z < to; ++z) {
          const Row& row = rows_[static_cast<std::size_t>(z - first_)];
          for (std::int64_t y = 0; y < real_.size[1]; ++y) {
            const std::int64_t place = (y + before_[1]) * padded_.size[2] + before_[2];
            const float* sum = row.sums.data() + k * padded_.area() + place;
            const float* share = row.weights.data() + place;
            for (std::int64_t x = 0; x < real_.size[2]; ++x) *target++ = sum[x] / share[x];
          }
        }
      }
      ACESO_TRY_OK(sink_(from - before_[0], out));
    }
    rows_.erase(rows_.begin(), rows_.begin() + (end - first_));
    first_ = end;
    return {};
  }

  struct Row {
    std::vector<float> sums, weights;  // [outputs, middle, last] and [middle, last]
  };
  const SlidingWindow& how_;
  const Array& image_;
  const WindowPredictor& predict_;
  const RowSink& sink_;
  Shape spatial_;
  Extent real_, window_, padded_;
  std::int64_t channels_, outputs_ = 0;
  std::array<std::int64_t, 3> before_{};
  std::array<std::vector<std::int64_t>, 3> starts_;
  std::vector<float> weight_;
  std::vector<Row> rows_;  // rows first_... of the padded image
  std::int64_t first_ = 0;
};

Status check(const SlidingWindow& how, const Array& image) {
  const std::size_t dims = how.window.size();
  if ((dims != 2 && dims != 3) || image.shape.size() != dims + 1 || image.dtype != DType::f32)
    return Error{Code::invalid, "a window of " + std::to_string(dims) + " dimensions does not slide over " +
                                    std::string{to_string(image.dtype)} + " " + to_string(image.shape)};
  ACESO_TRY(const std::int64_t count, element_count(image.shape));
  if (count == 0 || static_cast<std::size_t>(count) != image.f32().size())
    return Error{Code::invalid, "the image's data do not fill its shape " + to_string(image.shape)};
  for (const std::int64_t size : how.window) {
    if (size < 1 || size > 4096) return Error{Code::invalid, "window sizes are 1 to 4096"};
  }
  if (!(how.overlap >= 0 && how.overlap < 1)) return Error{Code::invalid, "the overlap must be in [0, 1)"};
  if (how.batch < 1 || how.batch > 1024) return Error{Code::invalid, "1 to 1024 windows are predicted at once"};
  return {};
}

}  // namespace

Status slide(const SlidingWindow& how, const Array& image, const WindowPredictor& predict, const RowSink& sink,
             ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY_OK(check(how, image));
  return Slider{how, image, predict, sink}.run(progress, stop);
}

Result<Array> slide(const SlidingWindow& how, const Array& image, const WindowPredictor& predict,
                    ProgressSink& progress, const std::stop_token& stop) {
  Array whole;
  const RowSink sink = [&](std::int64_t first, const Array& rows) -> Status {
    const auto outputs = static_cast<std::size_t>(rows.shape[0]);
    if (whole.shape.empty()) {
      Shape shape = image.shape;
      shape[0] = rows.shape[0];
      ACESO_TRY([[maybe_unused]] const std::int64_t count, element_count(shape));
      whole = Array::zeros(DType::f32, shape);
    }
    const std::size_t part = rows.f32().size() / outputs, all = whole.f32().size() / outputs;
    const std::size_t row = part / static_cast<std::size_t>(rows.shape[1]);
    for (std::size_t k = 0; k < outputs; ++k) {
      const auto from = rows.f32().subspan(k * part, part);
      std::copy(from.begin(), from.end(),
                whole.f32().begin() + static_cast<std::ptrdiff_t>(k * all + static_cast<std::size_t>(first) * row));
    }
    return {};
  };
  ACESO_TRY_OK(slide(how, image, predict, sink, progress, stop));
  return whole;
}

}  // namespace aceso::learn
