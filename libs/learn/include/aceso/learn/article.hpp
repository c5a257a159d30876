// The article's program: a small CNN on images X (N,H,W,C, 0 to 255) with labels y (0 or 1), trained as its script does
// with Keras, so that the figures can be compared: scaling to 0..1, randomly mirrored copies of all training images
// added, Adam, binary cross-entropy, batches shuffled each epoch, the last 20 % of the (doubled) training array as
// validation. Those last 20 % are mirrored copies of images that are learnt: the figure is leaked and is named so.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::learn {

struct ArticleOptions {
  int epochs = 10;
  int batch = 32;
  double learning_rate = 1e-3;
  double validation_fraction = 0.2;
  bool clean_split = false;  // validation: whole images, stratified, no mirrored copies, apart from what is learnt
  std::uint64_t seed = 1;    // starting weights, order, mirroring
  int threads = 0;
};

struct ArticleEpoch {
  int epoch = 0;
  double loss = 0, validation_loss = 0, validation_accuracy = 0, seconds = 0, images_per_second = 0;
};

struct ArticleResult {
  double test_loss = 0;
  double test_accuracy = 0;
  stats::Interval accuracy_interval{};            // 95 %, Wilson
  std::optional<double> auroc;                    // none when the test labels are of one class
  std::optional<stats::Interval> auroc_interval;  // 95 %, DeLong
  std::vector<ArticleEpoch> history;
  bool validation_leaked = true;
  std::size_t training_images = 0;  // learnt from, mirrored copies counted
  std::size_t validation_images = 0;
  std::size_t test_images = 0;
  std::vector<std::string> warnings;  // "the labels are sorted: ..."
  std::string engine;
  double seconds = 0;
  Network network;
  Weights weights;  // after the last epoch, as the article's script has them
};

// `train` and `test` hold X and y. Errors: invalid (missing key, shapes, labels other than 0 and 1, one class only in
// training, values that are not finite, a loss that is not finite: names epoch and batch), cancelled, exhausted. Not
// thread-safe.
Result<ArticleResult> run_article(Engine& engine, const NamedArrays& train, const NamedArrays& test,
                                  const ArticleOptions& options, const Clock& clock, ProgressSink& progress,
                                  const std::stop_token& stop);

// {"test":{loss,accuracy,...},"validation":{leaked,...},"history":[...],"warnings":[...],...}
Json to_json(const ArticleResult& result);

}  // namespace aceso::learn
