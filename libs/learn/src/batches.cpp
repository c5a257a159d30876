#include "batches.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "shuffle.hpp"

namespace aceso::learn {
namespace {

// The configuration's plain flips are one of the geometric changes when there are others.
Augmentation all_changes(const TrainConfig& config, PortKind kind) {
  if (kind != PortKind::image) return Augmentation{.mixup = config.augment.mixup};
  Augmentation augment = config.augment;
  if (augment.changes_geometry() && config.flip && augment.flip_left_right == 0) augment.flip_left_right = 0.5;
  return augment;
}

}  // namespace

void mirror(Array& images) {
  flip_rows(images.f32(), images.shape.back());
}

BatchMaker::BatchMaker(const Dataset& dataset, const TrainConfig& config, const Preprocessing& how,
                       bool integer_targets)
    : dataset_{dataset},
      how_{how},
      augment_{all_changes(config, how.kind)},
      seed_{config.seed},
      mirror_{config.flip && how.kind == PortKind::image && !augment_.changes_geometry()},
      integer_targets_{integer_targets} {}

Result<Batch> BatchMaker::plain(std::span<const std::size_t> samples) const {
  std::vector<Array> raw;
  raw.reserve(samples.size());
  for (const std::size_t i : samples) raw.push_back(dataset_.array(i));
  auto inputs = preprocess(how_, raw);
  if (!inputs)
    return std::move(std::move(inputs).error().add_context("batch that begins with \"" +
                                                           dataset_.manifest().samples[samples[0]].id + "\""));
  return Batch{std::move(*inputs), targets_of(samples, !integer_targets_), samples.size()};
}

Result<Batch> BatchMaker::changed(std::span<const std::size_t> samples, int epoch) const {
  ACESO_TRY(Batch batch, plain(samples));
  change(samples, epoch, batch.inputs);
  if (augment_.mixup > 0) mix(samples, epoch, batch);
  return batch;
}

void BatchMaker::change(std::span<const std::size_t> samples, int epoch, Array& inputs) const {
  const bool geometry = augment_.changes_geometry();
  const bool intensity = augment_.changes_intensity();
  if (!mirror_ && !geometry && !intensity) return;
  const std::size_t each = inputs.f32().size() / samples.size();
  const Shape size{inputs.shape.begin() + 2, inputs.shape.end()};
  const std::size_t area = each / static_cast<std::size_t>(inputs.shape[1]);
  std::vector<float> before;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::span<float> values = inputs.f32().subspan(i * each, each);
    const DrawKey key{seed_, epoch, samples[i]};
    if (mirror_ && coin(seed_, epoch, samples[i])) flip_rows(values, inputs.shape.back());
    if (geometry) {
      const Warp warp = draw_warp(augment_, size, key);
      before.assign(values.begin(), values.end());
      for (std::size_t at = 0; at < each; at += area)
        resample(warp, Interpolation::linear, augment_.edge, std::span{before}.subspan(at, area),
                 values.subspan(at, area));
    }
    if (intensity) change_intensity(augment_, size, key, values);
  }
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

Array BatchMaker::targets_of(std::span<const std::size_t> samples, bool shares) const {
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
