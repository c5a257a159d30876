#include <algorithm>
#include <cmath>

#include "aceso/learn/trainer.hpp"
#include "resize.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMaxResized = 16384;

template <class T>
void widen(const Array& from, std::vector<float>& to) {
  const auto values = from.as<T>();
  std::transform(values.begin(), values.end(), to.begin(), [](T value) { return static_cast<float>(value); });
}

std::vector<float> to_floats(const Array& array) {
  std::vector<float> values(array.data.size() / size_of(array.dtype));
  switch (array.dtype) {
    case DType::u8:
    case DType::boolean:
      widen<std::uint8_t>(array, values);
      break;
    case DType::i8:
      widen<std::int8_t>(array, values);
      break;
    case DType::u16:
      widen<std::uint16_t>(array, values);
      break;
    case DType::i16:
      widen<std::int16_t>(array, values);
      break;
    case DType::i32:
      widen<std::int32_t>(array, values);
      break;
    case DType::i64:
      widen<std::int64_t>(array, values);
      break;
    case DType::f32:
      widen<float>(array, values);
      break;
    case DType::f64:
      widen<double>(array, values);
      break;
  }
  return values;
}

struct Planes {
  std::int64_t channels = 0;
  Shape spatial;              // empty for a table
  std::vector<float> values;  // channel by channel
};

Result<Planes> image_planes(const Preprocessing& how, const Array& sample) {
  const std::size_t axes = how.kind == PortKind::volume ? 3 : 2;
  if (sample.shape.size() != axes && sample.shape.size() != axes + 1) {
    return Error{Code::invalid,
                 std::string{axes == 3 ? "a volume needs shape [depth, height, width] or [depth, height, "
                                         "width, channels]"
                                       : "an image needs shape [height, width] or [height, width, "
                                         "channels]"} +
                     ", has " + to_string(sample.shape)};
  }
  const Shape spatial{sample.shape.begin(), sample.shape.begin() + static_cast<std::ptrdiff_t>(axes)};
  const std::int64_t depth = sample.shape.size() == axes + 1 ? sample.shape[axes] : 1;  // of colour
  if (!std::all_of(spatial.begin(), spatial.end(),
                   [](std::int64_t side) { return side >= 1 && side <= kMaxResized; }) ||
      depth < 1 || depth > 64) {
    return Error{Code::invalid,
                 std::string{axes == 3 ? "a volume" : "an image"} + " cannot have shape " + to_string(sample.shape)};
  }
  const std::vector<float> pixels = to_floats(sample);
  const auto area = static_cast<std::size_t>(*element_count(spatial));
  const auto stride = static_cast<std::size_t>(depth);
  const bool colour =
      depth == 3 || depth == 4;  // a fourth channel is opacity and is left out, as is a second beside grey
  const bool convert = how.channels != 0 && how.channels != depth;
  if (convert && !colour && depth > 2) {
    return Error{Code::invalid,
                 "an image of " + std::to_string(depth) + " channels cannot become " + std::to_string(how.channels)};
  }
  Planes planes;
  planes.channels = convert ? how.channels : depth;
  planes.spatial = spatial;
  planes.values.resize(area * static_cast<std::size_t>(planes.channels));
  for (std::size_t c = 0; c < static_cast<std::size_t>(planes.channels); ++c) {
    float* to = planes.values.data() + c * area;
    for (std::size_t i = 0; i < area; ++i) {
      const float* pixel = pixels.data() + i * stride;
      if (!convert || (colour && how.channels == 3)) {
        to[i] = pixel[c];
      } else {
        to[i] = colour ? 0.299F * pixel[0] + 0.587F * pixel[1] + 0.114F * pixel[2] : pixel[0];
      }
    }
  }
  const Shape wanted = axes == 3 ? Shape{how.depth, how.height, how.width} : Shape{how.height, how.width};
  if (how.height == 0 || wanted == spatial) return planes;
  std::vector<float> resized;
  for (std::size_t c = 0; c < static_cast<std::size_t>(planes.channels); ++c) {
    const auto plane = resize_linear(std::span{planes.values}.subspan(c * area, area), spatial, wanted);
    resized.insert(resized.end(), plane.begin(), plane.end());
  }
  planes.values = std::move(resized);
  planes.spatial = wanted;
  return planes;
}

Result<Planes> planes_of(const Preprocessing& how, const Array& sample) {
  ACESO_TRY(const std::int64_t count, element_count(sample.shape));
  if (count == 0 || static_cast<std::uint64_t>(count) * size_of(sample.dtype) != sample.data.size())
    return Error{Code::invalid, "its data do not fill its shape " + to_string(sample.shape)};
  if (how.kind == PortKind::image || how.kind == PortKind::volume) return image_planes(how, sample);
  const std::size_t dims = sample.shape.size();
  if (how.kind == PortKind::signal) {
    if (dims != 1 && dims != 2)
      return Error{Code::invalid, "a signal needs shape [time] or [channels, time], has " + to_string(sample.shape)};
    return Planes{dims == 2 ? sample.shape[0] : 1, {sample.shape.back()}, to_floats(sample)};
  }
  if (dims != 1) return Error{Code::invalid, "a row of a table needs shape [columns], has " + to_string(sample.shape)};
  return Planes{sample.shape[0], {}, to_floats(sample)};
}

Status scale(const Preprocessing& how, Planes& planes) {
  const auto channels = static_cast<std::size_t>(planes.channels);
  const auto pick = [&](const std::vector<double>& values, std::size_t c, double fallback) {
    return values.empty() ? fallback : values[values.size() == 1 ? 0 : c];
  };
  for (const auto* values : {&how.mean, &how.std}) {
    if (values->size() > 1 && values->size() != channels) {
      return Error{Code::invalid, "the preprocessing has " + std::to_string(values->size()) +
                                      " means or deviations for " + std::to_string(channels) + " channels"};
    }
  }
  const std::size_t area = planes.values.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = pick(how.mean, c, 0);
    const double deviation = pick(how.std, c, 1);
    for (float& value : std::span{planes.values}.subspan(c * area, area)) {
      value = static_cast<float>((static_cast<double>(value) * how.scale - mean) / deviation);
      if (!std::isfinite(value)) return Error{Code::invalid, "holds a value that is not finite"};
    }
  }
  return {};
}

// [N, C, H, W] as [N, H, W, C].
Array with_channels_last(const Array& batch) {
  const auto n = static_cast<std::size_t>(batch.shape[0]), channels = static_cast<std::size_t>(batch.shape[1]);
  const std::size_t area = batch.f32().size() / (n * channels);
  Array out = Array::zeros(DType::f32, {batch.shape[0], batch.shape[2], batch.shape[3], batch.shape[1]});
  for (std::size_t i = 0; i < n * channels; ++i) {
    const std::size_t sample = i / channels, c = i % channels;
    for (std::size_t p = 0; p < area; ++p) out.f32()[(sample * area + p) * channels + c] = batch.f32()[i * area + p];
  }
  return out;
}

constexpr std::int64_t kMaxResampled = std::int64_t{1} << 28;  // voxels
constexpr double kSameSpacing = 0.01;                          // a hundredth of the spacing is not worth a resampling

// So many voxels of `to` fill the same length, at least one.
std::int64_t count_at(std::int64_t count, double from, double to) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(count) * from / to));
}

}  // namespace

Result<Array> to_spacing(const Preprocessing& how, const Array& sample, std::span<const double> spacing_mm) {
  const std::size_t axes = how.spacing_mm.size();
  if (axes == 0 || spacing_mm.size() != axes) return sample;
  if (sample.shape.size() != axes && sample.shape.size() != axes + 1)
    return Error{Code::invalid, "a volume of shape " + to_string(sample.shape) + " cannot be brought to a spacing"};
  const Shape from{sample.shape.begin(), sample.shape.begin() + static_cast<std::ptrdiff_t>(axes)};
  Shape to;
  std::int64_t voxels = 1;
  bool same = true;
  for (std::size_t d = 0; d < axes; ++d) {
    if (!(spacing_mm[d] > 0) || !std::isfinite(spacing_mm[d]) || from[d] < 1)
      return Error{Code::invalid, "the spacing of a volume must be positive"};
    same = same && std::abs(spacing_mm[d] - how.spacing_mm[d]) <= kSameSpacing * how.spacing_mm[d];
    if (static_cast<double>(from[d]) * spacing_mm[d] / how.spacing_mm[d] > static_cast<double>(kMaxResized))
      return Error{Code::too_large, "at the spacing that the model works in the volume has too many voxels"};
    to.push_back(count_at(from[d], spacing_mm[d], how.spacing_mm[d]));
    voxels *= to.back();
    if (voxels > kMaxResampled)
      return Error{Code::too_large, "at the spacing that the model works in the volume has more than 2^28 voxels"};
  }
  if (same) return sample;
  const std::vector<float> values = to_floats(sample);
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    return Error{Code::invalid, "holds a value that is not finite"};
  const auto channels = static_cast<std::size_t>(sample.shape.size() > axes ? sample.shape[axes] : 1);
  Array out = Array::zeros(DType::f32, to);
  if (sample.shape.size() > axes) {
    out.shape.push_back(sample.shape[axes]);
    out.data.resize(out.data.size() * channels);
  }
  std::vector<float> plane(values.size() / channels);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = values[i * channels + c];
    const std::vector<float> resampled = resize_linear(plane, from, to);
    for (std::size_t i = 0; i < resampled.size(); ++i) out.f32()[i * channels + c] = resampled[i];
  }
  return out;
}

Result<Array> preprocess(const Preprocessing& how, std::span<const Array> samples) {
  if (samples.empty()) return Error{Code::invalid, "no samples"};
  Array batch;
  std::size_t width = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    auto planes = planes_of(how, samples[i]);
    Status const scaled = planes ? scale(how, *planes) : Status{planes.error()};
    if (!scaled) return Error{scaled.error().code(), "sample " + std::to_string(i) + ": " + scaled.error().message()};
    Shape shape{static_cast<std::int64_t>(samples.size()), planes->channels};
    shape.insert(shape.end(), planes->spatial.begin(), planes->spatial.end());
    if (i == 0) {
      if (const auto total = element_count(shape); !total) return total.error();
      batch = Array::zeros(DType::f32, shape);
      width = planes->values.size();
    }
    if (shape != batch.shape)
      return Error{Code::invalid, "sample " + std::to_string(i) + ": has another shape than the first of the batch"};
    std::copy(planes->values.begin(), planes->values.end(),
              batch.f32().begin() + static_cast<std::ptrdiff_t>(i * width));
  }
  if (how.channels_last && batch.shape.size() == 4) return with_channels_last(batch);
  return batch;
}

}  // namespace aceso::learn
