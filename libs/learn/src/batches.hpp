// Batches of a training run: samples as the network's input, changed as the configuration says, with their targets. A
// batch depends on its samples, the seed and the epoch alone.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "aceso/learn/dataset.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

struct Batch {
  Array inputs;
  Array targets;
  std::size_t samples = 0;
};

// What the targets are when they are neither classes nor masks: several labels, float [N, labels] with -1 where it is
// not known; numbers, float [N, 1], as (number - mean) / sd; boxes, float [N, labels + 2 * axes, cells...] as
// draw_box_targets() makes them.
struct BatchTargets {
  Task task = Task::classes;
  double mean = 0, sd = 1;
  std::vector<std::string> labels = {};  // of boxes
  Shape cells = {};
};

// Thread-safe.
class BatchMaker {
 public:
  // `integer_targets`: classes as int64 [N]; else float: [N] of the second of two classes, or shares [N, classes].
  // `outlines`: outputs of a network that draws, whose targets are masks [N, outputs, spatial...] of 0 and 1; 0:
  // classes.
  BatchMaker(const Dataset& dataset, const TrainConfig& config, const Preprocessing& how, bool integer_targets,
             std::int64_t outlines = 0, const BatchTargets& targets = {});

  Result<Batch> plain(std::span<const std::size_t> samples) const;
  Result<Batch> changed(std::span<const std::size_t> samples, int epoch) const;

 private:
  void change(std::span<const std::size_t> samples, int epoch, Array& inputs) const;
  void mix(std::span<const std::size_t> samples, int epoch, Batch& batch) const;
  Array targets_of(std::span<const std::size_t> samples, bool shares) const;
  Array given_targets(std::span<const std::size_t> samples) const;
  Result<Batch> outlines(std::span<const std::size_t> samples, const int* epoch) const;
  Result<Batch> boxes(std::span<const std::size_t> samples, const int* epoch) const;
  void change_one(std::span<float> values, const Shape& shape, std::span<float> mask, const DrawKey& key) const;

  const Dataset& dataset_;
  const Preprocessing& how_;
  Augmentation augment_;
  std::uint64_t seed_;
  bool mirror_;  // left-right flips and no other geometry: rows are reversed in place
  bool integer_targets_;
  std::int64_t outlines_;
  BatchTargets about_targets_;
};

// Makes items first..count-1 ahead of their use, at most `ahead` beyond the last one taken. next() is for one thread.
class Prefetcher {
 public:
  using Make = std::function<Result<Batch>(std::size_t index)>;  // called by several threads at once
  Prefetcher(Make make, std::size_t first, std::size_t count, int threads, std::size_t ahead = 4);
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher();

  Result<Batch> next();  // in order; not after the last

 private:
  void work();

  Make make_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, Result<Batch>> ready_;
  std::size_t to_make_, to_take_, count_, ahead_;
  bool stop_ = false;
  std::vector<std::jthread> threads_;
};

// Exchanges left and right: reverses the last dimension.
void mirror(Array& images);

}  // namespace aceso::learn
