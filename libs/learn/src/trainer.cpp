#include "aceso/learn/trainer.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "aceso/stats/roc.hpp"
#include "choose_preprocessing.hpp"
#include "progress_update.hpp"
#include "scores.hpp"
#include "shuffle.hpp"

namespace aceso::learn {
namespace {

std::string number(double value, const char* format) {
  char text[48];
  std::snprintf(text, sizeof text, format,
                value);  // NOLINT(cert-err33-c): 48 characters hold any double in these formats
  return text;
}

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

class Trainer {
 public:
  Trainer(const Dataset& dataset, const TrainConfig& config, const Clock& clock, ProgressSink& progress,
          const std::stop_token& stop)
      : dataset_{dataset},
        config_{config},
        clock_{clock},
        progress_{progress},
        stop_{stop},
        classes_{dataset.manifest().classes.size()} {}

  Result<TrainResult> run(Engine& engine, const ArchitectureRegistry& registry,
                          const std::function<void(const EpochRecord&)>& on_epoch) {
    const SteadyTime begun = clock_.steady_now();
    train_ = dataset_.indices(Split::train);
    validation_ = dataset_.indices(Split::validation);
    ACESO_TRY_OK(check_samples());
    ACESO_TRY_OK(make_network(registry));
    ACESO_TRY_OK(start(engine));
    for (int epoch = 1; epoch <= config_.epochs; ++epoch) {
      ACESO_TRY(EpochRecord record, run_epoch(epoch));
      result_.history.push_back(record);
      ACESO_TRY_OK(keep_if_best(record));
      if (on_epoch) on_epoch(record);
      if (config_.patience > 0 && !validation_.empty() && epoch - result_.best_epoch >= config_.patience) break;
    }
    result_.seconds = seconds_between(begun, clock_.steady_now());
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    result_.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    return std::move(result_);
  }

 private:
  Status check_samples() const {
    std::vector<std::size_t> seen(classes_, 0);
    for (const std::size_t i : train_) {
      const int label = dataset_.manifest().samples[i].label;
      if (label < 0) return Error{Code::invalid, "sample \"" + dataset_.manifest().samples[i].id + "\" has no label"};
      ++seen[static_cast<std::size_t>(label)];
    }
    for (const std::size_t i : validation_) {
      if (dataset_.manifest().samples[i].label < 0)
        return Error{Code::invalid, "sample \"" + dataset_.manifest().samples[i].id + "\" has no label"};
    }
    if (std::count_if(seen.begin(), seen.end(), [](std::size_t n) { return n > 0; }) < 2)
      return Error{Code::invalid, "the training split has fewer than two classes"};
    return {};
  }

  Status make_network(const ArchitectureRegistry& registry) {
    ModelSignature& signature = result_.signature;
    ACESO_TRY(signature.preprocessing, choose_preprocessing(dataset_, config_));
    ACESO_TRY(const Array first, preprocess(signature.preprocessing, std::vector{dataset_.array(train_.front())}));
    const Shape sample{first.shape.begin() + 1, first.shape.end()};
    const auto outputs = static_cast<std::int64_t>(classes_ == 2 ? 1 : classes_);
    ACESO_TRY(result_.network,
              registry.make(config_.architecture, {.input = sample, .outputs = outputs, .stem = config_.start.stem}));
    input_ = result_.network.layers.front().name;
    const auto& names = dataset_.manifest().classes;
    signature.inputs = {{input_,
                         DType::f32,
                         sample,
                         signature.preprocessing.kind,
                         dataset_.manifest().kind + " as preprocessed",
                         {},
                         ""}};
    signature.outputs = {{"output",
                          DType::f32,
                          {outputs},
                          PortKind::probability,
                          outputs == 1 ? "probability of " + names[1] : "probability of each class",
                          outputs == 1 ? std::vector<std::string>{names[1]} : names,
                          ""}};
    return {};
  }

  Status start(Engine& engine) {
    Shape batch{-1};
    const Shape& sample = result_.signature.inputs[0].shape;
    batch.insert(batch.end(), sample.begin(), sample.end());
    const std::map<std::string, Shape> inputs{{input_, batch}};
    ACESO_TRY(const Shapes shapes, infer_shapes(result_.network, inputs));
    TrainingOptions options = config_.options;
    if (options.loss != Loss::mean_squared_error)
      options.loss = classes_ == 2 ? Loss::binary_cross_entropy : Loss::cross_entropy;
    if (!options.class_weights.empty() && options.class_weights.size() != classes_)
      return Error{Code::invalid, "class_weights: " + std::to_string(options.class_weights.size()) + " weights for " +
                                      std::to_string(classes_) + " classes"};
    options.seed = config_.seed;
    integer_targets_ = options.loss == Loss::cross_entropy;
    result_.engine = engine.name() + " " + engine.version() + " (" + engine.device() + ")";
    ACESO_TRY(options.rate_factors, rate_factors(shapes, config_.start.freeze, config_.start.groups));
    ACESO_TRY(const Weights weights, starting_weights(shapes, inputs));
    ACESO_TRY(session_, engine.train(result_.network, weights, inputs, options));
    return {};
  }

  Result<Weights> starting_weights(const Shapes& shapes, const std::map<std::string, Shape>& inputs) {
    Weights weights = initial_weights(result_.network, shapes, config_.seed);
    if (config_.start.init_file.empty()) return weights;
    ACESO_TRY(const Weights foreign, read_weights(config_.start.init_file));
    ACESO_TRY(ImportedWeights imported, import_weights(result_.network, inputs, std::move(weights), foreign));
    result_.start = std::move(imported.report);
    return std::move(imported.weights);
  }

  Result<Array> inputs_of(std::span<const std::size_t> indices) const {
    std::vector<Array> samples;
    samples.reserve(indices.size());
    for (const std::size_t i : indices) samples.push_back(dataset_.array(i));
    auto batch = preprocess(result_.signature.preprocessing, samples);
    if (!batch)
      return std::move(std::move(batch).error().add_context("batch that begins with \"" +
                                                            dataset_.manifest().samples[indices[0]].id + "\""));
    return batch;
  }

  Array targets_of(std::span<const std::size_t> indices) const {
    const auto count = static_cast<std::int64_t>(indices.size());
    const auto label = [&](std::size_t i) { return dataset_.manifest().samples[indices[i]].label; };
    Array targets;
    if (integer_targets_) {
      targets = Array::zeros(DType::i64, {count});
      for (std::size_t i = 0; i < indices.size(); ++i) {
        const std::int64_t value = label(i);
        std::memcpy(&targets.data[i * sizeof value], &value, sizeof value);
      }
    } else if (classes_ == 2) {
      targets = Array::zeros(DType::f32, {count});
      for (std::size_t i = 0; i < indices.size(); ++i) targets.f32()[i] = static_cast<float>(label(i));
    } else {
      targets = Array::zeros(DType::f32, {count, static_cast<std::int64_t>(classes_)});
      for (std::size_t i = 0; i < indices.size(); ++i)
        targets.f32()[i * classes_ + static_cast<std::size_t>(label(i))] = 1;
    }
    return targets;
  }

  Result<EpochRecord> run_epoch(int epoch) {
    EpochRecord record;
    record.epoch = epoch;
    const SteadyTime begun = clock_.steady_now();
    if (!first_batch_) first_batch_ = begun;
    std::vector<std::size_t> order = shuffled(train_.size(), config_.seed, epoch);
    for (std::size_t& i : order) i = train_[i];
    const auto size = static_cast<std::size_t>(config_.batch);
    const std::size_t batches = (order.size() + size - 1) / size;
    double sum = 0;
    for (std::size_t b = 0; b < batches; ++b) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "training cancelled in epoch " + std::to_string(epoch)};
      const auto indices = std::span{order}.subspan(b * size, std::min(size, order.size() - b * size));
      ACESO_TRY(Array inputs, inputs_of(indices));
      flip(inputs, indices, epoch);
      auto loss = session_->step({{input_, std::move(inputs)}}, targets_of(indices));
      if (!loss)
        return std::move(
            std::move(loss).error().add_context("epoch " + std::to_string(epoch) + ", batch " + std::to_string(b + 1)));
      if (!std::isfinite(*loss)) {
        return Error{Code::invalid, "the loss is not finite in epoch " + std::to_string(epoch) + ", batch " +
                                        std::to_string(b + 1) + ": lower the learning rate or look at the data"};
      }
      sum += *loss * static_cast<double>(indices.size());
      report(
          epoch, b + 1, batches, *loss,
          static_cast<double>(b * size + indices.size()) / std::max(1e-9, seconds_between(begun, clock_.steady_now())));
    }
    record.train_loss = sum / static_cast<double>(order.size());
    record.images_per_second =
        static_cast<double>(order.size()) / std::max(1e-9, seconds_between(begun, clock_.steady_now()));
    ACESO_TRY_OK(validate(record));
    record.seconds = seconds_between(begun, clock_.steady_now());
    return record;
  }

  void flip(Array& inputs, std::span<const std::size_t> indices, int epoch) const {
    if (!config_.flip || result_.signature.preprocessing.kind != PortKind::image) return;
    const std::size_t each = inputs.f32().size() / indices.size();
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (coin(config_.seed, epoch, indices[i])) flip_rows(inputs.f32().subspan(i * each, each), inputs.shape.back());
    }
  }

  void report(int epoch, std::size_t batch, std::size_t batches, double loss, double speed) {
    const auto total = static_cast<std::uint64_t>(config_.epochs) * batches;
    const std::uint64_t done = static_cast<std::uint64_t>(epoch - 1) * batches + batch;
    const double spent = seconds_between(*first_batch_, clock_.steady_now());
    ProgressUpdate update = progress_update("train", done, total);
    update.values = {{"epoch", std::to_string(epoch) + "/" + std::to_string(config_.epochs)},
                     {"batch", std::to_string(batch) + "/" + std::to_string(batches)},
                     {"loss", number(loss, "%.4f")}};
    if (!result_.history.empty() && std::isfinite(result_.history.back().validation_auc))
      update.values.emplace_back("val AUC", number(result_.history.back().validation_auc, "%.4f"));
    update.values.emplace_back("img/s", number(speed, "%.0f"));
    update.seconds_left = spent / static_cast<double>(done) * static_cast<double>(total - done);
    progress_.update(update);
  }

  Status validate(EpochRecord& record) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    record.validation_loss = record.validation_auc = record.validation_accuracy = kNone;
    if (validation_.empty()) return {};
    std::vector<std::vector<double>> probabilities;
    std::vector<int> labels;
    const auto size = static_cast<std::size_t>(config_.batch);
    for (std::size_t at = 0; at < validation_.size(); at += size) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "training cancelled while validating"};
      const auto indices = std::span{validation_}.subspan(at, std::min(size, validation_.size() - at));
      ACESO_TRY(Array inputs, inputs_of(indices));
      ACESO_TRY(const Array output, session_->forward({{input_, std::move(inputs)}}));
      ACESO_TRY_OK(append_rows(output, indices.size(), probabilities));
      for (const std::size_t i : indices) labels.push_back(dataset_.manifest().samples[i].label);
    }
    record.validation_loss = log_loss(probabilities, labels);
    record.validation_accuracy = accuracy(probabilities, labels);
    record.validation_auc = macro_auroc(probabilities, labels).value_or(kNone);
    if (!std::isfinite(record.validation_loss))
      return Error{Code::invalid, "the validation loss is not finite in epoch " + std::to_string(record.epoch)};
    return {};
  }

  // By AUC; by loss where validation has one class only; the last epoch where there is none.
  Status keep_if_best(const EpochRecord& record) {
    const double merit = validation_.empty()                    ? record.epoch
                         : std::isfinite(record.validation_auc) ? record.validation_auc
                                                                : -record.validation_loss;
    if (result_.best_epoch != 0 && !(merit > best_)) return {};
    best_ = merit;
    result_.best_epoch = record.epoch;
    ACESO_TRY(result_.weights, session_->weights());
    return {};
  }

  const Dataset& dataset_;
  const TrainConfig& config_;
  const Clock& clock_;
  ProgressSink& progress_;
  const std::stop_token& stop_;
  std::size_t classes_;
  std::vector<std::size_t> train_, validation_;
  std::string input_;
  bool integer_targets_ = false;
  std::unique_ptr<TrainingSession> session_;
  std::optional<SteadyTime> first_batch_;
  double best_ = 0;
  TrainResult result_;
};

}  // namespace

Result<TrainResult> train(Engine& engine, const Dataset& dataset, const ArchitectureRegistry& registry,
                          const TrainConfig& config, const Clock& clock, ProgressSink& progress,
                          const std::function<void(const EpochRecord&)>& on_epoch, std::stop_token stop) {
  if (config.epochs < 1 || config.batch < 1) return Error{Code::invalid, "epochs and batch must be 1 or more"};
  return Trainer(dataset, config, clock, progress, stop).run(engine, registry, on_epoch);
}

}  // namespace aceso::learn
