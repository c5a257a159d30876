// The worker's side of training: runs in its own process, talks in lines, writes into its job folder only.
#include "aceso/models/worker.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

#include "aceso/base/file.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/learn/applicability.hpp"
#include "aceso/learn/baseline.hpp"
#include "aceso/learn/boxes.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/ensemble.hpp"
#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/learn/flip_average.hpp"
#include "aceso/learn/foreign_model.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/search.hpp"
#include "aceso/learn/trainer.hpp"
#include "context.hpp"
#include "object_reader.hpp"
#include "script_run.hpp"
#include "serving.hpp"
#include "uncertainty.hpp"
#include "watch_fitting.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr const char* kScriptEngine = "openvino";  // runs what scripts leave
constexpr double kCoverage = 0.9;  // of the conformal sets: the level at which sets of two classes stay rare

struct TrainJob {
  std::string name, dataset, dataset_sha256, engine, intended_use, limitations, created, created_by;
  fs::path dataset_folder, engine_folder;
  learn::TrainConfig config;
  learn::InputLimits limits;
  std::optional<Script> script;  // a user's own, in the place of our trainer
};

Result<TrainJob> read_job(const fs::path& folder) {
  ACESO_TRY(const std::string text, read_text_file(folder / "job.json", std::uint64_t{1} << 20));
  ACESO_TRY(const Json json, parse_json(text));
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "job.json"));
  ACESO_TRY(const std::int64_t format, reader.integer_or("format", 0, 0, 1'000));
  if (format != 1) return Error{Code::unsupported, "job.json: format: 1 is expected"};
  TrainJob job;
  ACESO_TRY(job.name, reader.text("name", 64));
  ACESO_TRY(job.dataset, reader.text("dataset", 64));
  ACESO_TRY(job.dataset_sha256, reader.text("dataset_sha256", 64));
  ACESO_TRY(job.engine, reader.text("engine", 32));
  ACESO_TRY(job.intended_use, reader.text_or("intended_use", 4000, {}));
  ACESO_TRY(job.limitations, reader.text_or("limitations", 4000, {}));
  ACESO_TRY(job.created, reader.text_or("created", 64, {}));
  ACESO_TRY(job.created_by, reader.text_or("created_by", 256, {}));
  ACESO_TRY(const std::string dataset_folder, reader.text("dataset_folder", 4096));
  ACESO_TRY(const std::string engine_folder, reader.text_or("engine_folder", 4096, {}));
  job.dataset_folder = dataset_folder;
  job.engine_folder = engine_folder;
  const Json* config = reader.child("config");
  if (config == nullptr) return Error{Code::invalid, "job.json: config: is missing"};
  ACESO_TRY(job.config, learn::parse_train_config_json(*config));
  ACESO_TRY(const std::string init_file, reader.text_or("init_file", 4096, {}));
  job.config.start.init_file = init_file;
  if (const Json* limits = reader.child("limits"); limits != nullptr) {
    ACESO_TRY(job.limits, learn::parse_input_limits(*limits));
  }
  if (const Json* script = reader.child("script"); script != nullptr) {
    ACESO_TRY(const std::string file, reader.text("script_file", 4096));
    ACESO_TRY(const std::string interpreter, reader.text_or("script_interpreter", 4096, {}));
    ACESO_TRY(job.script, parse_script(*script, file, interpreter));
  }
  return job;
}

// Lines to the node. A broken pipe means that the node is gone: the run is asked to stop.
class Speaker {
 public:
  Speaker(int fd, std::stop_source& stop) : fd_{fd}, stop_{stop} {}
  void say(const std::string& line) {
    const std::scoped_lock lock{mutex_};
    std::string_view rest{line};
    while (!rest.empty()) {
      const ssize_t n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        stop_.request_stop();
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_;
  std::stop_source& stop_;
  std::mutex mutex_;
};

// Asks for a stop when the node closes our standard input or sends SIGTERM.
class Watcher {
 public:
  Watcher(int input, std::stop_source& stop) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);  // threads that the engine starts later inherit it
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (::pipe(wake_.data()) != 0) wake_ = {-1, -1};
    thread_ = std::thread{[this, input, &stop] { watch(input, stop); }};
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() {
    ::close(wake_[1]);
    thread_.join();
    ::close(wake_[0]);
    ::close(signals_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  void watch(int input, std::stop_source& stop) const {
    std::array<pollfd, 3> fds{pollfd{wake_[0], POLLIN, 0}, pollfd{input, POLLIN, 0}, pollfd{signals_, POLLIN, 0}};
    for (;;) {
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
      if (fds[0].revents != 0) return;
      bool ask = fds[2].revents != 0;
      if (fds[1].revents != 0) {
        std::array<char, 256> ignored;
        ask = ask || ::read(input, ignored.data(), ignored.size()) <= 0;
      }
      if (!ask) continue;
      stop.request_stop();
      fds[1].fd = -1;
      fds[2].fd = -1;
    }
  }
  sigset_t before_{};
  int signals_ = -1;
  std::array<int, 2> wake_{-1, -1};
  std::thread thread_;
};

// Short machine-readable reason beside the message, so that the node need not read prose.
std::string reason_of(const Error& error, const fs::path& folder) {
  if (error.code() == Code::cancelled) return "cancelled";
  if (error.code() == Code::exhausted) {
    std::error_code ec;
    const fs::space_info space = fs::space(folder, ec);
    return !ec && space.available < (std::uintmax_t{1} << 20) ? "disk_full" : "out_of_memory";
  }
  if (error.code() == Code::invalid &&
      (error.message().find("NaN") != std::string::npos || error.message().find("not finite") != std::string::npos))
    return "nan";
  return {};
}

class Worker {
 public:
  Worker(fs::path folder, TrainJob job, const WorkerEnvironment& environment, const Clock& clock, Speaker& speaker,
         std::stop_token stop)
      : folder_{std::move(folder)},
        job_{std::move(job)},
        environment_{environment},
        clock_{clock},
        speaker_{speaker},
        stop_{std::move(stop)} {}

  Status run() {
    ACESO_TRY(const learn::Dataset dataset, learn::Dataset::open(job_.dataset_folder));
    if (dataset.manifest().sha256 != job_.dataset_sha256)
      return Error{Code::conflict, "the dataset changed since the job was made"};
    const auto progress =
        make_callback_progress([this](const ProgressUpdate& update) { speaker_.say(to_line(update)); });
    if (job_.script) return follow_script(dataset, *progress);
    ACESO_TRY(const auto engine, load_engine(job_.engine));
    learn::ArchitectureRegistry architectures;
    learn::register_builtin_architectures(architectures);
    const auto on_epoch = [this](const learn::EpochRecord& epoch) { speaker_.say(to_line(epoch)); };
    if (job_.config.search) return search(*engine, dataset, architectures, *progress);
    ACESO_TRY(const std::vector<learn::TrainRun> runs, learn::plan_runs(dataset, job_.config));
    ACESO_TRY(std::vector<learn::TrainResult> results,
              learn::train_runs(*engine, dataset, architectures, job_.config, runs, clock_, *progress, on_epoch, stop_,
                                folder_));
    ACESO_TRY(learn::TrainResult trained, learn::served_result(results, runs, job_.config));
    for (const std::string& warning : trained.warnings)
      speaker_.say(dump(Json{{"type", "log"}, {"level", "warn"}, {"message", warning}}) + "\n");
    ACESO_TRY(learn::Bundle bundle, make_bundle(std::move(trained)));
    if (runs.size() > 1) {
      ACESO_TRY(bundle.training["runs"], describe_runs(*engine, dataset, results, runs, *progress));
    }
    results.clear();
    ACESO_TRY_OK(evaluate(*engine, dataset, *progress, bundle));
    if (runs.size() > 1 && bundle.evaluation.is_object()) bundle.evaluation["runs"] = bundle.training["runs"];
    return write(dataset, bundle);
  }

 private:
  Result<std::unique_ptr<learn::Engine>> load_engine(const std::string& name) const {
    return environment_.load_engine ? environment_.load_engine(name, job_.engine_folder)
                                    : learn::load_engine("learn_" + name, job_.engine_folder);
  }

  // A user's script trains; what it leaves is checked, judged and described as what our own trainer makes.
  Status follow_script(const learn::Dataset& dataset, ProgressSink& progress) {
    if (dataset.manifest().task != learn::Task::classes || dataset.manifest().kind != "image") {
      return Error{Code::unsupported,
                   "a script's model is judged on classes of images; this data set is of another kind"};
    }
    ACESO_TRY(
        const ScriptEnd end,
        run_script(
            *job_.script,
            {.dataset_folder = job_.dataset_folder, .job_folder = folder_, .dataset = job_.dataset, .model = job_.name},
            clock_, [this](const std::string& line) { speaker_.say(line); }, stop_));
    constexpr std::uint64_t kMaxOnnx = std::uint64_t{2} << 30;
    const auto left = [](const char* file, const auto& read) {
      return Error{Code::invalid,
                   std::string{"the script left no usable "} + file + " in $ACESO_OUTPUT: " + read.error().message()};
    };
    const auto description = read_text_file(folder_ / "output" / "model.yaml", std::uint64_t{1} << 20);
    if (!description) return left("model.yaml", description);
    const auto onnx = read_file(folder_ / "output" / "model.onnx", kMaxOnnx);
    if (!onnx) return left("model.onnx", onnx);
    ACESO_TRY(const learn::ForeignSpec spec, learn::parse_foreign_spec(*description, "model.yaml"));
    if (spec.card.classes != dataset.manifest().classes)
      return Error{Code::invalid, "model.yaml: classes: those of the data set are expected, in their order"};
    ACESO_TRY(const auto engine, load_engine(kScriptEngine));
    ACESO_TRY(learn::Bundle bundle, learn::make_foreign_bundle(*engine, *onnx, spec));
    describe(bundle);
    Json history = Json::array();
    for (const learn::EpochRecord& e : end.history) {
      Json epoch = epoch_json(e);
      epoch.erase("type");
      history.push_back(std::move(epoch));
    }
    Json& training = bundle.training;
    training["dataset"] = job_.dataset;
    training["dataset_sha256"] = job_.dataset_sha256;
    training["config"] = Json{
        {"script", job_.script->name}, {"script_sha256", job_.script->sha256}, {"arguments", job_.script->arguments}};
    training["history"] = std::move(history);
    training["seconds"] = end.seconds;
    training["engine"] = "script " + job_.script->name;
    ACESO_TRY_OK(evaluate(*engine, dataset, progress, bundle));
    return write(dataset, bundle);
  }

  // What the job says of a model, for its card.
  void describe(learn::Bundle& bundle) const {
    bundle.card.name = job_.name;
    if (!job_.intended_use.empty()) bundle.card.intended_use = job_.intended_use;
    if (!job_.limitations.empty()) {
      bundle.card.limitations += (bundle.card.limitations.empty() ? "" : "\n") + job_.limitations;
    }
    bundle.card.data = job_.dataset + " (sha256 " + job_.dataset_sha256 + ")";
    bundle.card.created = job_.created;
    bundle.card.created_by = job_.created_by;
  }

  // Many trainings; what is said of the best is said as if it had been trained alone.
  Status search(learn::Engine& engine, const learn::Dataset& dataset, const learn::ArchitectureRegistry& architectures,
                ProgressSink& progress) {
    const learn::SearchEvents events{
        .on_trial = [this](const learn::TrialRecord& trial) { speaker_.say(to_line(trial)); },
        .on_epoch = [this](const learn::EpochRecord& epoch, int trial) { speaker_.say(to_line(epoch, trial)); }};
    ACESO_TRY(learn::SearchResult found,
              learn::run_search(engine, dataset, architectures, job_.config, clock_, progress, events, stop_, folder_));
    Json table = learn::search_json(found, job_.config);
    for (const std::string& warning : found.best.warnings) warn(warning);
    job_.config = found.config;
    ACESO_TRY(learn::Bundle bundle, make_bundle(std::move(found.best)));
    bundle.training["search"] = std::move(table);
    ACESO_TRY_OK(evaluate(engine, dataset, progress, bundle));
    return write(dataset, bundle);
  }

  Result<learn::Bundle> make_bundle(learn::TrainResult trained) const {
    learn::Bundle bundle;
    describe(bundle);
    bundle.card.classes = std::move(trained.classes);
    bundle.signature = std::move(trained.signature);
    bundle.network = std::move(trained.network);
    bundle.weights = std::move(trained.weights);
    Json history = Json::array();
    for (const learn::EpochRecord& e : trained.history) {
      Json epoch = epoch_json(e);
      epoch.erase("type");
      history.push_back(std::move(epoch));
    }
    bundle.training =
        Json{{"dataset", job_.dataset},
             {"dataset_sha256", job_.dataset_sha256},
             {"config", learn::to_json(job_.config)},
             {"history", std::move(history)},
             {"best_epoch", trained.best_epoch},
             {"seconds", trained.usage.seconds},
             {"cpu_seconds", trained.usage.cpu_seconds},
             {"energy_joules", trained.usage.energy_joules >= 0 ? Json(trained.usage.energy_joules) : Json(nullptr)},
             {"peak_rss_bytes", trained.usage.peak_rss_bytes},
             {"peak_device_bytes", trained.usage.peak_device_bytes},
             {"resumed_at_epoch", trained.resumed_at},
             {"engine", trained.engine},
             {"device", trained.device}};
    if (trained.start)
      bundle.training["start"] = Json{{"init", job_.config.start.init}, {"report", learn::to_json(*trained.start)}};
    return bundle;
  }

  // The figures of each run on validation and test data, and of all that was predicted out of fold.
  Result<Json> describe_runs(learn::Engine& engine, const learn::Dataset& dataset,
                             const std::vector<learn::TrainResult>& results, const std::vector<learn::TrainRun>& runs,
                             ProgressSink& progress) {
    Json json = learn::runs_json(results, runs, job_.config);
    const int threads = job_.config.options.threads;
    const bool places =
        learn::draws_outlines(results.front().signature) || learn::finds_boxes(results.front().signature);
    if (job_.config.folds > 0 && !places) {
      ACESO_TRY(out_of_fold_,
                learn::out_of_fold(engine, dataset, results, runs, job_.config.batch, threads, progress, stop_));
      json["out_of_fold"] = learn::pooled_figures(*out_of_fold_, dataset.manifest(), job_.config.seed);
    }
    if (places || learn::labelled_samples(dataset, learn::Split::test) == 0) return json;
    std::vector<double> figures;
    for (std::size_t i = 0; i < results.size(); ++i) {
      ACESO_TRY(auto loaded, engine.load(results[i].network, results[i].weights, input_shapes(results[i].signature),
                                         {.threads = threads}));
      const auto session = learn::with_flip_average(std::move(loaded), results[i].signature);
      ACESO_TRY(const learn::Predictions test,
                learn::predict_split(*session, results[i].signature, dataset, learn::Split::test, job_.config.batch,
                                     progress, stop_));
      const auto figure = learn::main_figure(test, dataset.manifest().task);
      json["runs"][i]["test"] = figure ? Json(*figure) : Json(nullptr);
      if (figure) figures.push_back(*figure);
    }
    json["test"] = learn::mean_and_sd(figures);
    return json;
  }

  // Whether the members have learnt from the validation split, so that only what was predicted out of fold may judge.
  bool members_saw_validation() const { return job_.config.ensemble && job_.config.folds > 0; }

  // Threshold and calibration from validation data, figures from test data. Without a test split there is no
  // evaluation, and the version cannot go live.
  Status evaluate(learn::Engine& engine, const learn::Dataset& dataset, ProgressSink& progress, learn::Bundle& bundle) {
    const std::string embedding =
        bundle.onnx.empty() ? learn::embedding_layer(bundle.network, input_shapes(bundle.signature)) : std::string{};
    ACESO_TRY(auto loaded, learn::load_bundle(engine, bundle,
                                              {.threads = job_.config.options.threads,
                                               .allow_bf16 = false,
                                               .embedding = embedding,
                                               .device = job_.config.options.device}));
    const auto session = learn::with_flip_average(std::move(loaded), bundle.signature);
    if (learn::draws_outlines(bundle.signature)) return evaluate_outlines(*session, dataset, progress, bundle);
    if (learn::finds_boxes(bundle.signature)) return evaluate_boxes(*session, dataset, progress, bundle);
    if (dataset.manifest().task != learn::Task::classes) return evaluate_targets(*session, dataset, progress, bundle);
    const auto predict = [&](learn::Split split) {
      return learn::predict_split(*session, bundle.signature, dataset, split, job_.config.batch, progress, stop_);
    };
    std::optional<learn::Predictions> validation;
    if (members_saw_validation()) {
      validation = out_of_fold_;
    } else if (!dataset.indices(learn::Split::validation).empty()) {
      ACESO_TRY(validation, predict(learn::Split::validation));
    }
    if (validation) {
      if (learn::ensemble_size(bundle.network) > 0) validation->embeddings.clear();  // the members' answers
      if (bundle.card.classes.size() <= 2) bundle.card.threshold = learn::choose_threshold(*validation);
    }
    ACESO_TRY(const learn::Applicability applicability,
              learn::fit_applicability(*session, bundle.signature, dataset,
                                       validation ? *validation : learn::Predictions{}, job_.limits, kCoverage, stop_));
    ACESO_TRY_OK(state_applicability(applicability, dataset, validation ? &*validation : nullptr, bundle));
    if (dataset.indices(learn::Split::test).empty()) {
      warn("the dataset has no test split: the version is registered without an evaluation");
      bundle.evaluation = nullptr;
      return {};
    }
    ACESO_TRY(const learn::Predictions test, predict(learn::Split::test));
    const std::optional<learn::BaselineAnswer> baseline = trivial_model(dataset, bundle.signature);
    bundle.evaluation = learn::evaluate(
        test, bundle.card.threshold, bundle.card.classes, job_.config.seed,
        {.validation = validation ? &*validation : nullptr, .baseline = baseline ? &*baseline : nullptr});
    bundle.evaluation["validation_calibration"] = validation ? calibration_table(*validation) : Json(nullptr);
    gallery_ = learn::gallery(test, bundle.card.threshold, bundle.card.classes, dataset, learn::Split::test);
    return {};
  }

  // With the reference for the watch, where validation data gives one.
  Status state_applicability(const learn::Applicability& applicability, const learn::Dataset& dataset,
                             const learn::Predictions* validation, learn::Bundle& bundle) const {
    bundle.applicability = learn::to_json(applicability);
    if (validation == nullptr) return {};
    ACESO_TRY(Json watch, fit_watch(bundle, applicability, dataset, *validation, stop_));
    if (!watch.is_null()) bundle.applicability["watch"] = std::move(watch);
    return {};
  }

  // Several labels, or numbers: thresholds and intervals from validation data, figures from test data.
  Status evaluate_targets(learn::InferenceSession& session, const learn::Dataset& dataset, ProgressSink& progress,
                          learn::Bundle& bundle) {
    using learn::Split;
    const auto labelled = [&](Split split) { return learn::labelled_samples(dataset, split) > 0; };
    const auto predict = [&](Split split) {
      return learn::predict_split(session, bundle.signature, dataset, split, job_.config.batch, progress, stop_);
    };
    const bool numbers = dataset.manifest().task == learn::Task::regression;
    std::optional<learn::Predictions> validation;
    learn::Predictions seen;  // the validation samples, for how inputs look
    if (members_saw_validation()) {
      validation = out_of_fold_;
    } else if (labelled(Split::validation)) {
      ACESO_TRY(validation, predict(Split::validation));
    }
    if (validation) {
      if (learn::ensemble_size(bundle.network) > 0) validation->embeddings.clear();  // the members' answers
      if (!numbers) bundle.card.thresholds = learn::choose_thresholds(*validation);
      seen.labels = validation->labels;
      seen.embeddings = validation->embeddings;
    } else if (!numbers) {
      bundle.card.thresholds.assign(bundle.card.classes.size(), 0.5);
    }
    ACESO_TRY(const learn::Applicability applicability,
              learn::fit_applicability(session, bundle.signature, dataset, seen, job_.limits, kCoverage, stop_));
    ACESO_TRY_OK(state_applicability(applicability, dataset, validation ? &*validation : nullptr, bundle));
    if (!labelled(Split::test)) {
      warn("the dataset has no labelled test samples: the version is registered without an evaluation");
      bundle.evaluation = nullptr;
      return {};
    }
    ACESO_TRY(const learn::Predictions test, predict(Split::test));
    const std::optional<learn::BaselineAnswer> baseline = trivial_model(dataset, bundle.signature);
    const learn::EvaluationParts parts{.validation = validation ? &*validation : nullptr,
                                       .baseline = baseline ? &*baseline : nullptr};
    bundle.evaluation =
        numbers ? learn::evaluate_numbers(test, bundle.card.classes.front(), dataset.manifest().unit, job_.config.seed,
                                          parts, kCoverage)
                : learn::evaluate_labels(test, bundle.card.thresholds, bundle.card.classes, job_.config.seed, parts);
    if (!numbers) {
      bundle.evaluation["validation_calibration"] =
          validation ? label_calibration(*validation, bundle.card.classes) : Json(nullptr);
    }
    gallery_ = learn::target_gallery(test, bundle.card.thresholds, dataset, Split::test);
    return {};
  }

  Status evaluate_outlines(learn::InferenceSession& session, const learn::Dataset& dataset, ProgressSink& progress,
                           learn::Bundle& bundle) {
    using learn::Split;
    const learn::Forward forward = learn::forward_of(session, bundle.signature);
    const auto masks = [&](Split split) {
      const auto indices = dataset.indices(split);
      return std::any_of(indices.begin(), indices.end(),
                         [&](std::size_t i) { return dataset.manifest().samples[i].mask.has_value(); });
    };
    std::optional<learn::OutlineCases> validation;
    learn::Predictions seen;  // the validation samples, for how inputs look
    if (masks(Split::validation) && !members_saw_validation()) {
      ACESO_TRY(bundle.card.threshold,
                learn::choose_outline_threshold(forward, bundle.signature, dataset, Split::validation, stop_));
      ACESO_TRY(validation, learn::judge_outlines(forward, bundle.signature, dataset, Split::validation,
                                                  bundle.card.threshold, progress, stop_));
      seen.labels.assign(dataset.indices(Split::validation).size(), 0);
    }
    ACESO_TRY(const learn::Applicability applicability,
              learn::fit_applicability(session, bundle.signature, dataset, seen, job_.limits, kCoverage, stop_));
    bundle.applicability = learn::to_json(applicability);
    if (!masks(Split::test)) {
      warn("the dataset has no test samples with masks: the version is registered without an evaluation");
      bundle.evaluation = nullptr;
      return {};
    }
    ACESO_TRY(const learn::OutlineCases test, learn::judge_outlines(forward, bundle.signature, dataset, Split::test,
                                                                    bundle.card.threshold, progress, stop_));
    const auto baseline = learn::outline_baseline(bundle.signature, dataset, dataset, test, stop_);
    if (!baseline) warn("no trivial baseline: " + baseline.error().message());
    bundle.evaluation = learn::evaluate_outlines(test, bundle.card.threshold, job_.config.seed,
                                                 baseline ? &*baseline : nullptr, validation ? &*validation : nullptr);
    gallery_ = learn::outline_gallery(forward, bundle.signature, test, bundle.card.threshold, dataset, stop_);
    return {};
  }

  Status evaluate_boxes(learn::InferenceSession& session, const learn::Dataset& dataset, ProgressSink& progress,
                        learn::Bundle& bundle) {
    using learn::Split;
    const learn::Forward forward = learn::forward_of(session, bundle.signature);
    const auto judge = [&](Split split) {
      return learn::judge_boxes(forward, bundle.signature, dataset, split, progress, stop_);
    };
    std::optional<learn::BoxCases> validation;
    learn::Predictions seen;  // the validation samples, for how inputs look
    if (!dataset.indices(Split::validation).empty()) {
      if (auto judged = judge(Split::validation)) {
        validation = *std::move(judged);
        bundle.card.threshold = learn::choose_box_threshold(*validation);
        seen.labels.assign(dataset.indices(Split::validation).size(), 0);
      } else if (judged.error().code() != Code::invalid) {
        return std::move(judged).error();
      }
    }
    ACESO_TRY(const learn::Applicability applicability,
              learn::fit_applicability(session, bundle.signature, dataset, seen, job_.limits, kCoverage, stop_));
    bundle.applicability = learn::to_json(applicability);
    auto test = judge(Split::test);
    if (!test && test.error().code() != Code::invalid) return std::move(test).error();
    if (!test) {
      warn("the version is registered without an evaluation: " + test.error().message());
      bundle.evaluation = nullptr;
      return {};
    }
    const auto baseline = learn::box_baseline(bundle.signature, dataset, dataset, *test);
    if (!baseline) warn("no trivial baseline: " + baseline.error().message());
    bundle.evaluation = learn::evaluate_boxes(*test, bundle.card.threshold, job_.config.seed,
                                              baseline ? &*baseline : nullptr, validation ? &*validation : nullptr);
    gallery_ = learn::box_gallery(*test, bundle.card.threshold, dataset);
    return {};
  }

  // What any model has to beat; an evaluation without it says so.
  std::optional<learn::BaselineAnswer> trivial_model(const learn::Dataset& dataset,
                                                     const learn::ModelSignature& signature) const {
    const auto fitted = learn::Baseline::fit(dataset, signature, stop_);
    auto answer = fitted ? fitted->answer(dataset, learn::Split::test) : Result<learn::BaselineAnswer>{fitted.error()};
    if (answer) return *std::move(answer);
    warn("no trivial baseline: " + answer.error().message());
    return std::nullopt;
  }

  void warn(const std::string& message) const {
    speaker_.say(dump(Json{{"type", "log"}, {"level", "warn"}, {"message", message}}) + "\n");
  }

  Status write(const learn::Dataset& dataset, const learn::Bundle& bundle) const {
    const learn::Task task = learn::task_of(bundle.signature);
    const Json context{{"card", Json{{"name", bundle.card.name},
                                     {"intended_use", bundle.card.intended_use},
                                     {"limitations", bundle.card.limitations},
                                     {"data", bundle.card.data},
                                     {"classes", bundle.card.classes},
                                     {"threshold", task == learn::Task::multi_label || task == learn::Task::regression
                                                       ? Json(nullptr)
                                                       : Json(bundle.card.threshold)},
                                     {"thresholds", bundle.card.thresholds},
                                     {"created", bundle.card.created},
                                     {"created_by", bundle.card.created_by}}},
                       {"training", bundle.training},
                       {"signature", learn::to_json(bundle.signature)},
                       {"limits", bundle.applicability.is_object() && !bundle.applicability["limits"].empty()
                                      ? bundle.applicability["limits"]
                                      : Json(nullptr)},
                       {"gallery", gallery_},
                       {"dataset", learn::summary_json(dataset)}};
    const std::string report = learn::render_report_html(bundle.evaluation, context);
    crypto::SystemRandom random;
    const crypto::SigningKey throwaway =
        crypto::SigningKey::generate(random);  // the node signs with its own key; this process never sees it
    return learn::write_bundle(folder_ / "bundle", bundle, report, throwaway);
  }

  fs::path folder_;
  TrainJob job_;
  const WorkerEnvironment& environment_;
  const Clock& clock_;
  Speaker& speaker_;
  std::stop_token stop_;
  Json gallery_ = Json::array();
  std::optional<learn::Predictions> out_of_fold_;
};

int conclude(const Status& status, const fs::path& folder, Speaker& speaker) {
  if (status) {
    speaker.say("{\"type\":\"result\"}\n");
    return 0;
  }
  speaker.say(to_line(status.error(), reason_of(status.error(), folder)));
  return 1;
}

}  // namespace

int run_train_worker(const fs::path& folder, const WorkerEnvironment& environment) {
  std::signal(SIGPIPE, SIG_IGN);
  static const SystemClock kSystemClock;
  std::stop_source stop;
  Speaker speaker{environment.output_fd, stop};
  Result<TrainJob> job = read_job(folder);
  if (!job) {
    speaker.say(to_line(job.error(), "job"));
    return 2;
  }
  const Watcher watcher{environment.input_fd, stop};
  try {
    Worker worker{folder,      *std::move(job),
                  environment, environment.clock != nullptr ? *environment.clock : kSystemClock,
                  speaker,     stop.get_token()};
    return conclude(worker.run(), folder, speaker);
  } catch (const std::bad_alloc&) {
    return conclude(Error{Code::exhausted, "out of memory"}, folder, speaker);
  }
}

}  // namespace aceso::models
