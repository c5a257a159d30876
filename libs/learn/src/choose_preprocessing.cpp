#include "choose_preprocessing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "values.hpp"

namespace aceso::learn {
namespace {

struct Moments {
  double n = 0, mean = 0, squares = 0, low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double x) {
    n += 1;
    const double delta = x - mean;
    mean += delta / n;
    squares += delta * (x - mean);
    low = std::min(low, x);
    high = std::max(high, x);
  }
  double sd() const { return n > 1 && squares > 0 ? std::sqrt(squares / n) : 1; }
};

// Values of one sample are ordered so that the channel of value i is i / run % channels.
std::vector<Moments> moments_of(const Dataset& dataset, std::size_t channels, bool interleaved) {
  std::vector<Moments> all(channels);
  for (const std::size_t i : dataset.indices(Split::train)) {
    const auto bytes = dataset.raw(i);
    const std::size_t run = interleaved ? 1 : bytes.size() / size_of(dataset.manifest().dtype) / channels;
    std::size_t at = 0;
    for_each_value(dataset.manifest().dtype, bytes, [&](double value) { all[at++ / run % channels].add(value); });
  }
  return all;
}

void standardise(Preprocessing& how, const std::vector<Moments>& moments) {
  how.scale = 1;
  for (const Moments& m : moments) {
    how.mean.push_back(m.mean);
    how.std.push_back(m.sd());
  }
}

// The spacing that volumes are brought to: what the configuration says, else the median of the training samples by
// axis, where all samples say theirs.
Result<std::vector<double>> common_spacing(const Dataset& dataset, const TrainConfig& config) {
  const auto& samples = dataset.manifest().samples;
  const auto silent =
      std::find_if(samples.begin(), samples.end(), [](const Sample& sample) { return sample.spacing_mm.size() != 3; });
  if (config.spacing_mm > 0) {
    if (silent != samples.end()) {
      return Error{Code::invalid,
                   "spacing_mm: sample \"" + silent->id + "\" does not say how far its voxels lie apart"};
    }
    return std::vector<double>(3, config.spacing_mm);
  }
  std::vector<double> out;
  if (silent != samples.end()) return out;
  const auto training = dataset.indices(Split::train);
  for (std::size_t d = 0; d < 3 && !training.empty(); ++d) {
    std::vector<double> all;
    all.reserve(training.size());
    for (const std::size_t i : training) all.push_back(samples[i].spacing_mm[d]);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    out.push_back(*middle);
  }
  return out;
}

Result<Preprocessing> for_images(const Dataset& dataset, const TrainConfig& config) {
  Preprocessing how;
  const Manifest& manifest = dataset.manifest();
  const Shape& first = manifest.samples.front().shape;
  const bool volume = manifest.kind == "volume";
  const std::size_t axes = volume ? 3 : 2;
  how.kind = volume ? PortKind::volume : PortKind::image;
  bool one_size = true;
  bool one_depth = true;
  for (const Sample& sample : manifest.samples) {
    one_size = one_size && std::equal(first.begin(), first.end() - 1, sample.shape.begin());
    one_depth = one_depth && sample.shape[axes] == first[axes];
  }
  if (config.patch > 0) {  // samples keep their size, the network sees windows
    how.window.assign(axes, config.patch);
    if (volume) {
      ACESO_TRY(how.spacing_mm, common_spacing(dataset, config));
    } else if (config.spacing_mm > 0) {
      return Error{Code::invalid, "spacing_mm: goes with volumes"};
    }
  } else if (config.image_size > 0) {
    how.height = how.width = config.image_size;
    how.depth = volume ? config.image_size : 0;
  } else if (one_size) {
    how.height = first[axes - 2];
    how.width = first[axes - 1];
    how.depth = volume ? first[0] : 0;
  } else {
    return Error{Code::invalid, std::string{volume ? "the volumes" : "the images"} +
                                    " differ in size: give image_size, or patch where outlines are learnt"};
  }
  how.channels = config.channels != 0 ? config.channels : one_depth && first[axes] <= 2 ? 1 : 3;
  if (manifest.dtype == DType::u8) return how;
  if (manifest.dtype == DType::u16) {
    how.scale = 1.0 / 65535.0;
    return how;
  }
  const Moments all = moments_of(dataset, 1, true).front();
  if (all.low >= 0 && all.high <= 255) {
    how.scale = all.high <= 1 ? 1.0 : 1.0 / 255.0;
  } else {
    standardise(how, {all});
  }
  return how;
}

}  // namespace

Result<Preprocessing> choose_preprocessing(const Dataset& dataset, const TrainConfig& config) {
  const Manifest& manifest = dataset.manifest();
  for (const Sample& sample : manifest.samples) {
    if (sample.shape.size() != manifest.samples.front().shape.size())
      return Error{Code::invalid, "the samples differ in dimensions"};
  }
  if (manifest.kind == "image" || manifest.kind == "volume") {
    if (manifest.samples.front().shape.size() != (manifest.kind == "image" ? 3U : 4U)) {
      return Error{Code::data_loss,
                   "a sample of the dataset has no shape [height, width, channels] or, of volumes, "
                   "[depth, height, width, channels]"};
    }
    return for_images(dataset, config);
  }
  for (const Sample& sample : manifest.samples) {
    if (sample.shape != manifest.samples.front().shape) {
      return Error{Code::invalid, "the samples differ in shape: " + to_string(manifest.samples.front().shape) +
                                      " and " + to_string(sample.shape)};
    }
  }
  Preprocessing how;
  how.kind = manifest.kind == "signal" ? PortKind::signal : PortKind::table;
  const Shape& shape = manifest.samples.front().shape;
  const bool single = how.kind == PortKind::signal && shape.size() == 1;
  standardise(how, moments_of(dataset, single ? 1 : static_cast<std::size_t>(shape[0]), false));
  return how;
}

}  // namespace aceso::learn
