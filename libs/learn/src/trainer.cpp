#include "aceso/learn/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "aceso/learn/boxes.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/stats/regression.hpp"
#include "batches.hpp"
#include "box_targets.hpp"
#include "checkpoint.hpp"
#include "choose_preprocessing.hpp"
#include "progress_update.hpp"
#include "scores.hpp"
#include "shuffle.hpp"
#include "train_task.hpp"
#include "usage.hpp"

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

constexpr double kSampleEnergyEvery = 30;  // seconds

class Trainer {
 public:
  Trainer(const Dataset& dataset, const TrainConfig& config, const Clock& clock, ProgressSink& progress,
          const std::stop_token& stop, const CheckpointPlan& plan)
      : dataset_{dataset},
        config_{config},
        clock_{clock},
        progress_{progress},
        stop_{stop},
        plan_{plan},
        identity_{checkpoint_identity(config, dataset.manifest().sha256)},
        meter_{clock},
        last_checkpoint_{clock.steady_now()} {}

  Result<TrainResult> run(Engine& engine, const ArchitectureRegistry& registry,
                          const std::function<void(const EpochRecord&)>& on_epoch) {
    ACESO_TRY(what_, plan_training(dataset_, config_));
    result_.classes = what_.classes;
    result_.warnings = what_.warnings;
    ACESO_TRY_OK(make_network(registry));
    ACESO_TRY_OK(start(engine));
    ACESO_TRY_OK(resume());
    const int last = plan_.stop_after > 0 ? std::min(plan_.stop_after, config_.epochs) : config_.epochs;
    while (at_.epoch <= last && !out_of_patience()) {
      ACESO_TRY(const EpochRecord record, run_epoch());
      at_.history.push_back(record);
      ++at_.epoch;
      at_.step = 0;
      at_.loss_sum = 0;
      ACESO_TRY_OK(save());
      if (on_epoch) on_epoch(record);
    }
    result_.weights = std::move(at_.best);
    if (what_.task == Task::regression) ACESO_TRY_OK(to_unit(what_, result_.network, result_.weights));
    result_.history = std::move(at_.history);
    result_.best_epoch = at_.best_epoch;
    result_.usage = usage();
    return std::move(result_);
  }

 private:
  Status make_network(const ArchitectureRegistry& registry) {
    ModelSignature& signature = result_.signature;
    ACESO_TRY(signature.preprocessing, choose_preprocessing(dataset_, config_));
    const PortKind kind = signature.preprocessing.kind;
    signature.preprocessing.flip_average =
        config_.flip_average && (kind == PortKind::image || kind == PortKind::volume);
    ACESO_TRY(const Array first, preprocess(signature.preprocessing, std::vector{dataset_.array(what_.train.front())}));
    Shape sample{first.shape.begin() + 1, first.shape.end()};
    const Shape& window = signature.preprocessing.window;
    if (!window.empty()) std::copy(window.begin(), window.end(), sample.begin() + 1);
    auto network =
        registry.make(config_.architecture,
                      {.input = sample, .outputs = what_.outputs, .task = what_.task, .stem = config_.start.stem});
    if (!network) return std::move(std::move(network).error().add_context("architecture"));
    result_.network = *std::move(network);
    input_ = result_.network.layers.front().name;
    signature.inputs = {{input_,
                         DType::f32,
                         sample,
                         signature.preprocessing.kind,
                         dataset_.manifest().kind + " as preprocessed",
                         {},
                         ""}};
    signature.outputs = {output_port(what_, sample)};
    if (what_.task == Task::boxes) {
      Shape batch{-1};
      batch.insert(batch.end(), sample.begin(), sample.end());
      ACESO_TRY(const Shapes shapes, infer_shapes(result_.network, {{input_, batch}}));
      const Shape& output = shapes.outputs.at(result_.network.output);
      signature.outputs.front().shape.assign(output.begin() + 1, output.end());
    }
    return {};
  }

  Status start(Engine& engine) {
    Shape batch{-1};
    const Shape& sample = result_.signature.inputs[0].shape;
    batch.insert(batch.end(), sample.begin(), sample.end());
    const std::map<std::string, Shape> inputs{{input_, batch}};
    ACESO_TRY(const Shapes shapes, infer_shapes(result_.network, inputs));
    if (what_.task == Task::outlines && shapes.outputs.at(result_.network.output).size() != batch.size())
      return Error{Code::invalid, "architecture: " + config_.architecture + " draws no outlines; unet does"};
    if (what_.task == Task::boxes && (shapes.outputs.at(result_.network.output).size() != batch.size() ||
                                      result_.signature.outputs.front().shape.front() !=
                                          what_.outputs + 2 * static_cast<std::int64_t>(sample.size() - 1)))
      return Error{Code::invalid, "architecture: " + config_.architecture + " finds no boxes; centernet does"};
    ACESO_TRY(TrainingOptions options, training_options(what_, dataset_, config_));
    ACESO_TRY(options.rate_factors, rate_factors(shapes, config_.start.freeze, config_.start.groups));
    ACESO_TRY(const Weights weights, starting_weights(shapes, inputs));
    integer_targets_ = what_.task == Task::classes &&
                       (options.loss == Loss::cross_entropy || (options.loss == Loss::focal && what_.outputs > 1));
    ACESO_TRY(session_, engine.train(result_.network, weights, inputs, options));
    result_.device = engine.device();
    result_.engine = engine.name() + " " + engine.version() + " (" + result_.device + ")";
    maker_.emplace(dataset_, config_, result_.signature.preprocessing, integer_targets_,
                   what_.task == Task::outlines ? what_.outputs : 0, batch_targets());
    const auto group = static_cast<std::size_t>(config_.batch) * static_cast<std::size_t>(config_.accumulate);
    steps_ = static_cast<std::int64_t>((what_.train.size() + group - 1) / group);
    return {};
  }

  BatchTargets batch_targets() const {
    BatchTargets targets{.task = what_.task, .mean = what_.mean, .sd = what_.sd};
    if (what_.task != Task::boxes) return targets;
    targets.labels = what_.classes;
    const Shape& output = result_.signature.outputs.front().shape;
    targets.cells.assign(output.begin() + 1, output.end());
    return targets;
  }

  Result<Weights> starting_weights(const Shapes& shapes, const std::map<std::string, Shape>& inputs) {
    Weights weights = initial_weights(result_.network, shapes, config_.seed);
    if (what_.task == Task::boxes) ACESO_TRY_OK(start_boxes(result_.network, weights));
    if (config_.start.init_file.empty()) return weights;
    ACESO_TRY(const Weights foreign, read_weights(config_.start.init_file));
    ACESO_TRY(ImportedWeights imported, import_weights(result_.network, inputs, std::move(weights), foreign));
    const auto& taken = imported.report.taken;
    const bool head = std::find(taken.begin(), taken.end(), result_.network.logits + ".weight") != taken.end();
    result_.start = std::move(imported.report);
    // Of a model of numbers, which answers in their unit: the run learns standardised ones.
    if (head && what_.task == Task::regression) ACESO_TRY_OK(to_unit(what_, result_.network, imported.weights, true));
    return std::move(imported.weights);
  }

  // Takes up the last checkpoint, if there is one.
  Status resume() {
    if (plan_.file.empty()) return {};
    ACESO_TRY(std::optional<Checkpoint> found, read_checkpoint(plan_.file, identity_));
    if (!found) return {};
    if (found->step > steps_) return Error{Code::data_loss, "the checkpoint is damaged: it has too many steps"};
    ACESO_TRY_OK(session_->set_weights(found->weights));
    ACESO_TRY_OK(session_->set_optimiser_state(found->state));
    found->weights.clear();
    found->state.clear();
    result_.resumed_at = found->epoch;
    if (found->engine != result_.engine) {
      result_.warnings.push_back("went on from a checkpoint of another engine or number of threads (" + found->engine +
                                 "): the weights will differ from those of an uninterrupted run");
    }
    at_ = std::move(*found);
    return {};
  }

  Status save() {
    if (plan_.file.empty()) return {};
    last_checkpoint_ = clock_.steady_now();
    at_.engine = result_.engine;
    const Usage before = at_.usage;
    at_.usage = usage();
    ACESO_TRY(at_.weights, session_->weights());
    ACESO_TRY(at_.state, session_->optimiser_state());
    Status written = write_checkpoint(plan_.file, at_, identity_);
    at_.usage = before;  // the meter goes on counting this run
    at_.weights.clear();
    at_.state.clear();
    if (!written) return Error{std::move(written).error().add_context("writing the checkpoint")};
    return {};
  }

  Usage usage() {
    meter_.sample();
    Usage sum = meter_.since_start();
    sum.seconds += at_.usage.seconds;
    sum.cpu_seconds += at_.usage.cpu_seconds;
    if (sum.energy_joules >= 0) sum.energy_joules += std::max(0.0, at_.usage.energy_joules);
    sum.peak_rss_bytes = std::max(sum.peak_rss_bytes, at_.usage.peak_rss_bytes);
    sum.peak_device_bytes = std::max(session_->peak_device_memory_bytes(), at_.usage.peak_device_bytes);
    return sum;
  }

  bool out_of_patience() const {
    return config_.patience > 0 && !what_.validation.empty() && at_.epoch - 1 - at_.best_epoch >= config_.patience;
  }

  // A stop is obeyed between steps; what was learnt is kept.
  Status obey_stop(const std::string& what) {
    if (!stop_.stop_requested()) return {};
    if (const Status saved = save(); !saved) return saved;
    return Error{Code::cancelled, "training cancelled " + what};
  }

  Result<EpochRecord> run_epoch() {
    EpochRecord record;
    const int epoch = record.epoch = at_.epoch;
    std::vector<std::size_t> order = shuffled(what_.train.size(), config_.seed, at_.epoch);
    for (std::size_t& i : order) i = what_.train[i];
    const auto size = static_cast<std::size_t>(config_.batch);
    const std::size_t batches = (order.size() + size - 1) / size;
    const auto accumulate = static_cast<std::size_t>(config_.accumulate);
    const auto part = [&order, size](std::size_t b) {
      return std::span{order}.subspan(b * size, std::min(size, order.size() - b * size));
    };
    Prefetcher ahead{[&](std::size_t b) { return maker_->changed(part(b), epoch); },
                     static_cast<std::size_t>(at_.step) * accumulate, batches, config_.loaders};
    const SteadyTime begun = clock_.steady_now();
    const std::int64_t first_step = at_.step;
    const std::uint64_t faults = minor_faults();
    if (!first_batch_) {
      first_batch_ = begun;
      done_before_ = static_cast<std::uint64_t>(epoch - 1) * batches + static_cast<std::size_t>(at_.step) * accumulate;
    }
    waited_ = 0;
    std::size_t seen = 0;
    for (; at_.step < steps_; ++at_.step) {
      ACESO_TRY_OK(obey_stop("in epoch " + std::to_string(at_.epoch)));
      const std::size_t from = static_cast<std::size_t>(at_.step) * accumulate;
      const std::size_t to = std::min(from + accumulate, batches);
      ACESO_TRY(const double loss, one_step(ahead, from, to, order.size(), record));
      seen += std::min(to * size, order.size()) - from * size;
      report(at_.epoch, to, batches, loss,
             static_cast<double>(seen) / std::max(1e-9, seconds_between(begun, clock_.steady_now())));
      ACESO_TRY_OK(save_when_due());
    }
    const double spent = std::max(1e-9, seconds_between(begun, clock_.steady_now()));
    record.train_loss = at_.loss_sum / static_cast<double>(order.size());
    record.images_per_second = static_cast<double>(seen) / spent;
    record.waiting = waited_ / spent;
    if (steps_ > first_step)
      record.faults_per_step = static_cast<double>(minor_faults() - faults) / static_cast<double>(steps_ - first_step);
    ACESO_TRY_OK(validate_and_keep(record));
    record.seconds = seconds_between(begun, clock_.steady_now());
    return record;
  }

  // Batches [from, to) as one step of the optimiser. The mean loss over them.
  Result<double> one_step(Prefetcher& ahead, std::size_t from, std::size_t to, std::size_t samples,
                          EpochRecord& record) {
    record.learning_rate = learning_rate_at(config_.schedule, config_.options.learning_rate,
                                            static_cast<std::int64_t>(at_.epoch - 1) * steps_ + at_.step, steps_,
                                            static_cast<std::int64_t>(config_.epochs) * steps_);
    if (config_.schedule.schedule != Schedule::constant || config_.schedule.warmup_epochs > 0)
      ACESO_TRY_OK(session_->set_learning_rate(record.learning_rate));
    const auto size = static_cast<std::size_t>(config_.batch);
    const auto whole = static_cast<double>(std::min(to * size, samples) - from * size);
    double sum = 0;
    for (std::size_t b = from; b < to; ++b) {
      const SteadyTime asked = clock_.steady_now();
      ACESO_TRY(Batch batch, ahead.next());
      waited_ += seconds_between(asked, clock_.steady_now());
      const auto count = static_cast<double>(batch.samples);
      const NamedArrays inputs = named(std::move(batch.inputs));
      auto loss = b + 1 < to ? session_->accumulate(inputs, batch.targets, count / whole)
                             : session_->step(inputs, batch.targets);
      const std::string where = "epoch " + std::to_string(at_.epoch) + ", batch " + std::to_string(b + 1);
      if (!loss) return std::move(std::move(loss).error().add_context(where));
      if (!std::isfinite(*loss)) {
        return Error{Code::invalid,
                     "the loss is not finite in " + where + ": lower the learning rate or look at the data"};
      }
      sum += *loss * count;
    }
    at_.loss_sum += sum;
    return sum / whole;
  }

  NamedArrays named(Array inputs) const {
    NamedArrays arrays;
    arrays.emplace(input_, std::move(inputs));
    return arrays;
  }

  // Between steps: step at_.step has just been made.
  Status save_when_due() {
    if (plan_.file.empty()) return {};
    if (seconds_between(last_energy_, clock_.steady_now()) > kSampleEnergyEvery) {
      last_energy_ = clock_.steady_now();
      meter_.sample();
    }
    if (at_.step + 1 >= steps_ || seconds_between(last_checkpoint_, clock_.steady_now()) < plan_.every_seconds)
      return {};
    ++at_.step;
    Status saved = save();
    --at_.step;
    return saved;
  }

  void report(int epoch, std::size_t batch, std::size_t batches, double loss, double speed) {
    const auto total = static_cast<std::uint64_t>(config_.epochs) * batches;
    const std::uint64_t done = static_cast<std::uint64_t>(epoch - 1) * batches + batch;
    const double spent = seconds_between(*first_batch_, clock_.steady_now());
    ProgressUpdate update = progress_update("train", done, total);
    update.values = {{"epoch", std::to_string(epoch) + "/" + std::to_string(config_.epochs)},
                     {"batch", std::to_string(batch) + "/" + std::to_string(batches)},
                     {"loss", number(loss, "%.4f")}};
    if (!at_.history.empty() && std::isfinite(at_.history.back().validation_auc))
      update.values.emplace_back("val AUC", number(at_.history.back().validation_auc, "%.4f"));
    if (!at_.history.empty() && std::isfinite(at_.history.back().validation_rmse))
      update.values.emplace_back("val RMSE", number(at_.history.back().validation_rmse, "%.4g"));
    if (!at_.history.empty() && std::isfinite(at_.history.back().validation_dice))
      update.values.emplace_back("val Dice", number(at_.history.back().validation_dice, "%.4f"));
    if (!at_.history.empty() && std::isfinite(at_.history.back().validation_ap))
      update.values.emplace_back("val AP", number(at_.history.back().validation_ap, "%.4f"));
    update.values.emplace_back("img/s", number(speed, "%.0f"));
    update.seconds_left = spent / static_cast<double>(done - done_before_) * static_cast<double>(total - done);
    progress_.update(update);
  }

  // On the averaged weights where there are such.
  Status validate_and_keep(EpochRecord& record) {
    const bool averaged = config_.options.average_decay > 0;
    if (averaged) ACESO_TRY_OK(session_->swap_average());
    ACESO_TRY_OK(validate(record));
    ACESO_TRY_OK(keep_if_best(record));
    if (averaged) ACESO_TRY_OK(session_->swap_average());
    return {};
  }

  Status validate(EpochRecord& record) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    record.validation_loss = record.validation_auc = record.validation_accuracy = record.validation_dice =
        record.validation_rmse = record.validation_mae = record.validation_ap = kNone;
    if (what_.validation.empty()) return {};
    if (what_.task == Task::outlines || what_.task == Task::boxes) return validate_places(record);
    Rows probabilities;
    std::vector<int> labels;
    const auto size = static_cast<std::size_t>(config_.batch);
    const auto part = [this, size](std::size_t b) {
      return std::span{what_.validation}.subspan(b * size, std::min(size, what_.validation.size() - b * size));
    };
    const std::size_t batches = (what_.validation.size() + size - 1) / size;
    Prefetcher ahead{[&](std::size_t b) { return maker_->plain(part(b)); }, 0, batches, config_.loaders};
    for (std::size_t b = 0; b < batches; ++b) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "training cancelled while validating"};
      ACESO_TRY(Batch batch, ahead.next());
      ACESO_TRY(const Array output, answers(std::move(batch.inputs)));
      ACESO_TRY_OK(append_rows(output, batch.samples, probabilities));
      for (const std::size_t i : part(b)) labels.push_back(dataset_.manifest().samples[i].label);
    }
    if (what_.task == Task::regression) {
      ACESO_TRY_OK(judge_numbers(probabilities, record));
    } else if (what_.task == Task::multi_label) {
      Rows targets;
      for (const std::size_t i : what_.validation) targets.push_back(dataset_.manifest().samples[i].targets);
      const LabelScores scores = label_scores(probabilities, targets);
      record.validation_loss = scores.loss;
      record.validation_accuracy = scores.accuracy;
      record.validation_auc = scores.auroc.value_or(kNone);
    } else {
      record.validation_loss = log_loss(probabilities, labels);
      record.validation_accuracy = accuracy(probabilities, labels);
      record.validation_auc = macro_auroc(probabilities, labels).value_or(kNone);
    }
    if (!std::isfinite(record.validation_loss))
      return Error{Code::invalid, "the validation loss is not finite in epoch " + std::to_string(record.epoch)};
    return {};
  }

  // The network answers with standardised numbers; the loss is of those, the errors are in their unit.
  Status judge_numbers(const Rows& answers, EpochRecord& record) const {
    std::vector<double> predicted, measured;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      predicted.push_back(answers[i].front() * what_.sd + what_.mean);
      measured.push_back(dataset_.manifest().samples[what_.validation[i]].targets.front());
    }
    const auto errors = stats::regression_errors(predicted, measured);
    if (!errors)
      return Error{Code::invalid, "a validation answer is not finite in epoch " + std::to_string(record.epoch)};
    record.validation_rmse = errors->rmse;
    record.validation_mae = errors->mae;
    record.validation_loss = errors->rmse * errors->rmse / (what_.sd * what_.sd);
    return {};
  }

  // Outlines and boxes.
  Status validate_places(EpochRecord& record) {
    const auto size = static_cast<std::size_t>(config_.batch);
    const std::span<const std::size_t> all{what_.validation};
    double sum = 0;
    for (std::size_t at = 0; at < all.size(); at += size) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "training cancelled while validating"};
      ACESO_TRY(Batch batch, maker_->plain(all.subspan(at, std::min(size, all.size() - at))));
      const auto count = static_cast<double>(batch.samples);
      ACESO_TRY(const double loss, session_->loss(named(std::move(batch.inputs)), batch.targets));
      sum += loss * count;
    }
    record.validation_loss = sum / static_cast<double>(all.size());
    if (!std::isfinite(record.validation_loss))
      return Error{Code::invalid, "the validation loss is not finite in epoch " + std::to_string(record.epoch)};
    const Forward forward = [this](const Array& inputs) { return answers(inputs); };
    if (what_.task == Task::boxes) return judge_epoch(forward, record);
    ACESO_TRY(record.validation_dice, mean_dice(forward, result_.signature, dataset_, all, config_.batch, stop_));
    return {};
  }

  Status judge_epoch(const Forward& forward, EpochRecord& record) {
    BoxCases cases{.labels = what_.classes, .cases = {}};
    const std::vector<int> label = label_of_classes(dataset_.manifest(), what_.classes);
    const auto size = static_cast<std::size_t>(config_.batch);
    for (std::size_t at = 0; at < what_.validation.size(); at += size) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "training cancelled while validating"};
      const auto part = std::span{what_.validation}.subspan(at, std::min(size, what_.validation.size() - at));
      std::vector<Array> samples;
      samples.reserve(part.size());
      for (const std::size_t i : part) samples.push_back(dataset_.array(i));
      ACESO_TRY(auto found, find_boxes(forward, result_.signature, samples));
      for (std::size_t k = 0; k < part.size(); ++k) {
        BoxCase one{.group = {}, .index = part[k], .found = std::move(found[k]), .truth = {}};
        ACESO_TRY(one.truth, labelled_boxes(dataset_.manifest(), dataset_.manifest().samples[part[k]], label));
        cases.cases.push_back(std::move(one));
      }
    }
    record.validation_ap = box_average_precision(cases).value_or(std::numeric_limits<double>::quiet_NaN());
    return {};
  }

  // As serving will give them.
  Result<Array> answers(Array inputs) {
    NamedArrays batch = named(std::move(inputs));
    ACESO_TRY(Array output, session_->forward(batch));
    if (!result_.signature.preprocessing.flip_average) return output;
    mirror(batch.begin()->second);
    ACESO_TRY(Array other, session_->forward(batch));
    if (output.dtype != DType::f32 || other.shape != output.shape)
      return Error{Code::internal, "the engine's outputs for an image and its mirror image differ in shape"};
    if (output.shape.size() > 2) mirror(other);  // a mask turns with its image
    for (std::size_t i = 0; i < output.f32().size(); ++i) output.f32()[i] = 0.5F * (output.f32()[i] + other.f32()[i]);
    return output;
  }

  // By AUC, of outlines by Dice, of boxes by average precision, of numbers by RMSE; by loss where validation has one
  // class only; the last epoch where there is none.
  Status keep_if_best(const EpochRecord& record) {
    const double merit = what_.validation.empty()                ? record.epoch
                         : std::isfinite(record.validation_dice) ? record.validation_dice
                         : std::isfinite(record.validation_ap)   ? record.validation_ap
                         : std::isfinite(record.validation_rmse) ? -record.validation_rmse
                         : std::isfinite(record.validation_auc)  ? record.validation_auc
                                                                 : -record.validation_loss;
    if (at_.best_epoch != 0 && !(merit > at_.best_merit)) return {};
    at_.best_merit = merit;
    at_.best_epoch = record.epoch;
    ACESO_TRY(at_.best, session_->weights());
    return {};
  }

  const Dataset& dataset_;
  const TrainConfig& config_;
  const Clock& clock_;
  ProgressSink& progress_;
  const std::stop_token& stop_;
  const CheckpointPlan& plan_;
  std::string identity_;
  TrainPlan what_;
  std::string input_;
  bool integer_targets_ = false;
  std::int64_t steps_ = 0;  // of the optimiser an epoch
  std::optional<BatchMaker> maker_;
  std::unique_ptr<TrainingSession> session_;
  std::optional<SteadyTime> first_batch_;
  std::uint64_t done_before_ = 0;  // batches of the run before it was interrupted
  double waited_ = 0;              // for batches, in this epoch
  UsageMeter meter_;
  SteadyTime last_checkpoint_, last_energy_{};
  Checkpoint at_;  // its weights and state are filled while it is being written only
  TrainResult result_;
};

}  // namespace

Result<TrainResult> train(Engine& engine, const Dataset& dataset, const ArchitectureRegistry& registry,
                          const TrainConfig& config, const Clock& clock, ProgressSink& progress,
                          const std::function<void(const EpochRecord&)>& on_epoch, std::stop_token stop,
                          const CheckpointPlan& checkpoints) {
  if (config.epochs < 1 || config.batch < 1 || config.accumulate < 1)
    return Error{Code::invalid, "epochs, batch and accumulate must be 1 or more"};
  return Trainer(dataset, config, clock, progress, stop, checkpoints).run(engine, registry, on_epoch);
}

}  // namespace aceso::learn
