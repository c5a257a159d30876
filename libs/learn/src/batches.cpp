#include "batches.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <new>

#include "box_targets.hpp"
#include "draws.hpp"
#include "resize.hpp"
#include "shuffle.hpp"

namespace aceso::learn {
namespace {

// The configuration's plain flips are one of the geometric changes when there are others.
Augmentation all_changes(const TrainConfig& config, PortKind kind) {
  if (kind != PortKind::image && kind != PortKind::volume) return Augmentation{.mixup = config.augment.mixup};
  Augmentation augment = config.augment;
  if (augment.changes_geometry() && config.flip && augment.flip_left_right == 0) augment.flip_left_right = 0.5;
  return augment;
}

}  // namespace

void mirror(Array& images) {
  flip_rows(images.f32(), images.shape.back());
}

BatchMaker::BatchMaker(const Dataset& dataset, const TrainConfig& config, const Preprocessing& how,
                       bool integer_targets, std::int64_t outlines, const BatchTargets& targets)
    : dataset_{dataset},
      how_{how},
      augment_{all_changes(config, how.kind)},
      seed_{config.seed},
      mirror_{config.flip && (how.kind == PortKind::image || how.kind == PortKind::volume) &&
              !augment_.changes_geometry()},
      integer_targets_{integer_targets},
      outlines_{outlines},
      about_targets_{targets} {}

Result<Batch> BatchMaker::plain(std::span<const std::size_t> samples) const {
  if (outlines_ > 0) return outlines(samples, nullptr);
  if (about_targets_.task == Task::boxes) return boxes(samples, nullptr);
  std::vector<Array> raw;
  raw.reserve(samples.size());
  for (const std::size_t i : samples) raw.push_back(dataset_.array(i));
  auto inputs = preprocess(how_, raw);
  if (!inputs) {
    return std::move(std::move(inputs).error().add_context("batch that begins with \"" +
                                                           dataset_.manifest().samples[samples[0]].id + "\""));
  }
  return Batch{std::move(*inputs), targets_of(samples, !integer_targets_), samples.size()};
}

Result<Batch> BatchMaker::changed(std::span<const std::size_t> samples, int epoch) const {
  if (about_targets_.task == Task::boxes) return boxes(samples, &epoch);
  ACESO_TRY(Batch batch, outlines_ > 0 ? outlines(samples, &epoch) : plain(samples));
  if (outlines_ == 0) change(samples, epoch, batch.inputs);
  if (augment_.mixup > 0) mix(samples, epoch, batch);
  return batch;
}

void BatchMaker::change(std::span<const std::size_t> samples, int epoch, Array& inputs) const {
  const bool geometry = augment_.changes_geometry();
  const bool intensity = augment_.changes_intensity();
  if (!mirror_ && !geometry && !intensity) return;
  const std::size_t each = inputs.f32().size() / samples.size();
  const Shape one{inputs.shape.begin() + 1, inputs.shape.end()};
  for (std::size_t i = 0; i < samples.size(); ++i)
    change_one(inputs.f32().subspan(i * each, each), one, {}, {seed_, epoch, samples[i]});
}

// One sample of `shape` [channels, spatial...], and its mask [spatial...] moved along where there is one.
void BatchMaker::change_one(std::span<float> values, const Shape& shape, std::span<float> mask,
                            const DrawKey& key) const {
  const Shape size{shape.begin() + 1, shape.end()};
  const std::size_t area = values.size() / static_cast<std::size_t>(shape.front());
  if (mirror_ && coin(key.seed, key.epoch, key.sample)) {
    flip_rows(values, shape.back());
    flip_rows(mask, shape.back());
  }
  if (augment_.changes_geometry()) {
    const Warp warp = draw_warp(augment_, size, key);
    std::vector<float> before{values.begin(), values.end()};
    for (std::size_t at = 0; at < values.size(); at += area) {
      resample(warp, Interpolation::linear, augment_.edge, std::span{before}.subspan(at, area),
               values.subspan(at, area));
    }
    if (!mask.empty()) {
      before.assign(mask.begin(), mask.end());
      resample(warp, Interpolation::nearest, augment_.edge, before, mask);
    }
  }
  if (augment_.changes_intensity()) change_intensity(augment_, size, key, values);
}

namespace {

// A sample ready for the network with its mask.
struct Drawn {
  Shape shape;  // [channels, spatial...]
  std::vector<float> values, mask;
};

// A window of `size` out of it, half of the time around a point that is outlined; what it lacks is filled with 0 on
// both sides. Without an epoch the window lies in the middle of the outline, or of the sample.
Drawn cut_window(const Drawn& from, const Shape& size, const DrawKey* key) {
  const std::size_t axes = size.size();
  const Shape spatial{from.shape.begin() + 1, from.shape.end()};
  std::vector<std::size_t> inside;
  for (std::size_t i = 0; i < from.mask.size(); ++i)
    if (from.mask[i] > 0) inside.push_back(i);
  const DrawKey none{};
  const Draws draws{key != nullptr ? *key : none};
  const auto drawn = [&](std::size_t index) { return draws.uniform(Draw::window, index); };
  Shape first(axes);
  std::size_t centre = from.mask.size();  // none
  if (!inside.empty() && key == nullptr) centre = inside[inside.size() / 2];
  if (!inside.empty() && key != nullptr && drawn(0) < 0.5) {
    centre =
        inside[std::min(inside.size() - 1, static_cast<std::size_t>(drawn(1) * static_cast<double>(inside.size())))];
  }
  for (std::size_t d = axes; d-- > 0;) {
    const std::int64_t room = spatial[d] - size[d];
    const bool around = centre < from.mask.size();
    if (room <= 0) {
      first[d] = -((-room) / 2);
    } else if (around) {
      std::size_t below = 1;
      for (std::size_t k = d + 1; k < axes; ++k) below *= static_cast<std::size_t>(spatial[k]);
      const auto at = static_cast<std::int64_t>(centre / below % static_cast<std::size_t>(spatial[d]));
      first[d] = std::clamp<std::int64_t>(at - size[d] / 2, 0, room);
    } else {
      first[d] = key == nullptr
                     ? room / 2
                     : std::min(room, static_cast<std::int64_t>(drawn(2 + d) * static_cast<double>(room + 1)));
    }
  }
  Drawn out;
  out.shape = {from.shape.front()};
  out.shape.insert(out.shape.end(), size.begin(), size.end());
  const bool volume = axes == 3;
  const std::int64_t depth = volume ? size[0] : 1, height = size[axes - 2], width = size[axes - 1];
  const std::int64_t full_depth = volume ? spatial[0] : 1, full_height = spatial[axes - 2],
                     full_width = spatial[axes - 1];
  const auto copy = [&](std::span<const float> plane, std::vector<float>& to) {
    for (std::int64_t z = 0; z < depth; ++z) {
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          const std::int64_t k = z + (volume ? first[0] : 0), j = y + first[axes - 2], i = x + first[axes - 1];
          const bool there = k >= 0 && j >= 0 && i >= 0 && k < full_depth && j < full_height && i < full_width;
          to.push_back(there ? plane[static_cast<std::size_t>((k * full_height + j) * full_width + i)] : 0);
        }
      }
    }
  };
  for (std::size_t c = 0; c < static_cast<std::size_t>(from.shape.front()); ++c)
    copy(std::span{from.values}.subspan(c * from.mask.size(), from.mask.size()), out.values);
  copy(from.mask, out.mask);
  return out;
}

}  // namespace

Result<Batch> BatchMaker::outlines(std::span<const std::size_t> samples, const int* epoch) const {
  Batch batch;
  batch.samples = samples.size();
  std::size_t each = 0, area = 0;
  for (std::size_t n = 0; n < samples.size(); ++n) {
    const Sample& about = dataset_.manifest().samples[samples[n]];
    const Array outline = *dataset_.mask(samples[n]);
    const auto sample = to_spacing(how_, dataset_.array(samples[n]), about.spacing_mm);
    auto input = sample ? preprocess(how_, {&*sample, 1}) : Result<Array>{sample.error()};
    if (!input) return std::move(std::move(input).error().add_context("sample \"" + about.id + "\""));
    Drawn one;
    one.shape.assign(input->shape.begin() + 1, input->shape.end());
    one.values.assign(input->f32().begin(), input->f32().end());
    one.mask = resize_nearest(outline.as<std::uint8_t>(), outline.shape, {one.shape.begin() + 1, one.shape.end()});
    const float most = outlines_ == 1 ? 1 : static_cast<float>(outlines_ - 1);
    if (*std::max_element(one.mask.begin(), one.mask.end()) > most)
      return Error{Code::invalid, "the mask of sample \"" + about.id + "\" holds a label that no training sample has"};
    const DrawKey key{seed_, epoch != nullptr ? *epoch : 0, samples[n]};
    if (epoch != nullptr) change_one(one.values, one.shape, one.mask, key);
    if (!how_.window.empty()) one = cut_window(one, how_.window, epoch != nullptr ? &key : nullptr);
    if (n == 0) {
      const auto count = static_cast<std::int64_t>(samples.size());
      Shape shape{count};
      shape.insert(shape.end(), one.shape.begin(), one.shape.end());
      batch.inputs = Array::zeros(DType::f32, shape);
      shape[1] = outlines_;
      batch.targets = Array::zeros(DType::f32, shape);
      each = one.values.size();
      area = one.mask.size();
    }
    if (one.values.size() != each || one.mask.size() != area)
      return Error{Code::invalid, "sample \"" + about.id + "\" has another shape than the first of its batch"};
    std::copy(one.values.begin(), one.values.end(), batch.inputs.f32().begin() + static_cast<std::ptrdiff_t>(n * each));
    const auto channels = static_cast<std::size_t>(outlines_);
    for (std::size_t i = 0; i < area; ++i) {
      const auto label = static_cast<std::size_t>(one.mask[i]);
      if (channels > 1) {
        batch.targets.f32()[(n * channels + label) * area + i] = 1;
      } else {
        batch.targets.f32()[n * area + i] = label == 1 ? 1.0F : 0.0F;
      }
    }
  }
  return batch;
}

Result<Batch> BatchMaker::boxes(std::span<const std::size_t> samples, const int* epoch) const {
  const Manifest& manifest = dataset_.manifest();
  std::vector<Array> raw;
  raw.reserve(samples.size());
  for (const std::size_t i : samples) raw.push_back(dataset_.array(i));
  auto inputs = preprocess(how_, raw);
  if (!inputs) {
    return std::move(
        std::move(inputs).error().add_context("batch that begins with \"" + manifest.samples[samples[0]].id + "\""));
  }
  Batch batch{std::move(*inputs), {}, samples.size()};
  const Shape one{batch.inputs.shape.begin() + 1, batch.inputs.shape.end()}, grid{one.begin() + 1, one.end()};
  const std::vector<std::string>& labels = about_targets_.labels;
  Shape shape{batch.inputs.shape.front(), static_cast<std::int64_t>(labels.size() + 2 * grid.size())};
  shape.insert(shape.end(), about_targets_.cells.begin(), about_targets_.cells.end());
  batch.targets = Array::zeros(DType::f32, shape);
  const std::size_t each = batch.inputs.f32().size() / samples.size(),
                    targets = batch.targets.f32().size() / samples.size();
  const std::vector<int> label = label_of_classes(manifest, labels);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    const Sample& sample = manifest.samples[samples[n]];
    ACESO_TRY(std::vector<Box> there, labelled_boxes(manifest, sample, label));
    scale_boxes(there, spatial_of_sample(manifest, sample), grid);
    if (epoch != nullptr) {
      const DrawKey key{seed_, *epoch, samples[n]};
      change_one(batch.inputs.f32().subspan(n * each, each), one, {}, key);
      if (mirror_ && coin(key.seed, key.epoch, key.sample)) mirror_boxes(there, grid.back());
      if (augment_.changes_geometry()) move_boxes(there, draw_warp(augment_, grid, key));
    }
    draw_box_targets(there, labels.size(), grid, about_targets_.cells,
                     batch.targets.f32().subspan(n * targets, targets));
  }
  return batch;
}

// Each sample with its neighbour in the batch, whose order is random already.
void BatchMaker::mix(std::span<const std::size_t> samples, int epoch, Batch& batch) const {
  const auto own = static_cast<float>(draw_mixup(augment_, {seed_, epoch, samples[0]}));
  if (batch.targets.dtype != DType::f32) batch.targets = targets_of(samples, true);
  const auto blend = [&](Array& array) {
    const std::vector<float> before{array.f32().begin(), array.f32().end()};
    const std::size_t each = before.size() / samples.size();
    for (std::size_t i = 0; i < before.size(); ++i)
      array.f32()[i] = own * before[i] + (1 - own) * before[(i + each) % before.size()];
  };
  blend(batch.inputs);
  blend(batch.targets);
}

Array BatchMaker::given_targets(std::span<const std::size_t> samples) const {
  const bool numbers = about_targets_.task == Task::regression;
  const std::size_t width = numbers ? 1 : dataset_.manifest().classes.size();
  Array targets =
      Array::zeros(DType::f32, {static_cast<std::int64_t>(samples.size()), static_cast<std::int64_t>(width)});
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::vector<double>& given = dataset_.manifest().samples[samples[i]].targets;
    for (std::size_t k = 0; k < width; ++k) {
      const double value = numbers                ? (given[k] - about_targets_.mean) / about_targets_.sd
                           : std::isnan(given[k]) ? -1
                                                  : given[k];
      targets.f32()[i * width + k] = static_cast<float>(value);
    }
  }
  return targets;
}

Array BatchMaker::targets_of(std::span<const std::size_t> samples, bool shares) const {
  if (about_targets_.task != Task::classes) return given_targets(samples);
  const auto count = static_cast<std::int64_t>(samples.size());
  const std::size_t classes = dataset_.manifest().classes.size();
  const auto label = [&](std::size_t i) { return dataset_.manifest().samples[samples[i]].label; };
  Array targets;
  if (!shares) {
    targets = Array::zeros(DType::i64, {count});
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::int64_t value = label(i);
      std::memcpy(&targets.data[i * sizeof value], &value, sizeof value);
    }
  } else if (classes == 2) {
    targets = Array::zeros(DType::f32, {count});
    for (std::size_t i = 0; i < samples.size(); ++i) targets.f32()[i] = static_cast<float>(label(i));
  } else {
    targets = Array::zeros(DType::f32, {count, static_cast<std::int64_t>(classes)});
    for (std::size_t i = 0; i < samples.size(); ++i)
      targets.f32()[i * classes + static_cast<std::size_t>(label(i))] = 1;
  }
  return targets;
}

Prefetcher::Prefetcher(Make make, std::size_t first, std::size_t count, int threads, std::size_t ahead)
    : make_{std::move(make)}, to_make_{first}, to_take_{first}, count_{count}, ahead_{ahead} {
  for (int i = 0; i < std::max(1, threads); ++i) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::scoped_lock lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
}

void Prefetcher::work() {
  for (;;) {
    std::size_t index = 0;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [&] { return stop_ || to_make_ >= count_ || to_make_ < to_take_ + ahead_; });
      if (stop_ || to_make_ >= count_) return;
      index = to_make_++;
    }
    Result<Batch> made = [&]() -> Result<Batch> {
      try {
        return make_(index);
      } catch (const std::bad_alloc&) {
        return Error{Code::exhausted, "not enough memory for a batch: use smaller batches or smaller images"};
      }
    }();
    {
      const std::scoped_lock lock{mutex_};
      ready_.emplace(index, std::move(made));
    }
    changed_.notify_all();
  }
}

Result<Batch> Prefetcher::next() {
  std::unique_lock lock{mutex_};
  assert(to_take_ < count_);
  changed_.wait(lock, [&] { return ready_.contains(to_take_); });
  auto node = ready_.extract(to_take_++);
  lock.unlock();
  changed_.notify_all();
  return std::move(node.mapped());
}

}  // namespace aceso::learn
