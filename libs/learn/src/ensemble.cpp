#include "aceso/learn/ensemble.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/learn/flip_average.hpp"
#include "aceso/stats/descriptive.hpp"
#include "aceso/stats/regression.hpp"
#include "checkpoint.hpp"
#include "run_file.hpp"
#include "scores.hpp"
#include "targets.hpp"
#include "train_task.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr const char* kMeanLayer = "ensemble";

int folds_of(const Dataset& dataset) {
  int folds = 0;
  for (const Sample& sample : dataset.manifest().samples) folds = std::max(folds, sample.fold + 1);
  return folds;
}

std::string run_name(const TrainRun& run) {
  return (run.fold < 0 ? std::string{"own splits"} : "fold " + std::to_string(run.fold + 1)) + ", seed " +
         std::to_string(run.seed);
}

// Progress of one run as a part of all.
class PartOfAll final : public ProgressSink {
 public:
  PartOfAll(ProgressSink& whole, std::size_t index, std::size_t count) : whole_{whole}, index_{index}, count_{count} {}
  void update(const ProgressUpdate& part) override {
    ProgressUpdate update = part;
    update.done = index_ * part.total + part.done;
    update.total = count_ * part.total;
    update.values.insert(update.values.begin(), {"run", std::to_string(index_ + 1) + "/" + std::to_string(count_)});
    if (part.seconds_left >= 0 && part.done > 0 && part.total > part.done) {
      const double whole_run =
          part.seconds_left * static_cast<double>(part.total) / static_cast<double>(part.total - part.done);
      update.seconds_left = part.seconds_left + whole_run * static_cast<double>(count_ - index_ - 1);
    }
    whole_.update(update);
  }
  void finish(std::string_view text) override { whole_.finish(text); }

 private:
  ProgressSink& whole_;
  std::size_t index_, count_;
};

Layer prefixed(const Layer& layer, const std::string& prefix, const std::set<std::string>& shared) {
  Layer out = layer;
  if (!shared.contains(layer.name)) out.name = prefix + layer.name;
  for (std::string& input : out.inputs) {
    if (!shared.contains(input)) input.insert(0, prefix);
  }
  return out;
}

// Weight of the layer that takes the mean: [outputs, members * outputs], for outlines a convolution over one point.
Array mean_weights(std::size_t members, const Shape& port) {
  const auto outputs = static_cast<std::size_t>(port.front());
  Shape shape{port.front(), static_cast<std::int64_t>(members) * port.front()};
  shape.insert(shape.end(), port.size() - 1, 1);
  Array weight = Array::zeros(DType::f32, shape);
  for (std::size_t c = 0; c < outputs; ++c) {
    for (std::size_t m = 0; m < members; ++m)
      weight.f32()[c * members * outputs + m * outputs + c] = 1.0F / static_cast<float>(members);
  }
  return weight;
}

Layer mean_layer(const Shape& port) {
  Layer mean;
  mean.name = kMeanLayer;
  mean.inputs = {kMembersLayer};
  mean.out = port.front();
  mean.bias = false;
  mean.op = port.size() == 1 ? Op::dense : Op::conv;
  if (port.size() > 1) {
    mean.kernel.assign(port.size() - 1, 1);
    mean.stride.assign(port.size() - 1, 1);
    mean.padding.assign(port.size() - 1, 0);
  }
  return mean;
}

std::map<std::string, Shape> shapes_of(const ModelSignature& signature) {
  std::map<std::string, Shape> inputs;
  for (const Port& port : signature.inputs) {
    Shape shape{-1};
    shape.insert(shape.end(), port.shape.begin(), port.shape.end());
    inputs.emplace(port.name, std::move(shape));
  }
  return inputs;
}

}  // namespace

Result<std::vector<TrainRun>> plan_runs(const Dataset& dataset, const TrainConfig& config) {
  std::vector<TrainRun> runs;
  if (config.ensemble && learns_boxes(config))
    return Error{Code::unsupported, "ensemble: does not go with boxes, whose maps have no mean"};
  if (config.folds > 0) {
    const int there = folds_of(dataset);
    if (there != config.folds) {
      return Error{Code::invalid, "folds: the data set has " + (there == 0 ? "none" : std::to_string(there)) +
                                      "; make a version that has them: aceso dataset split NAME --folds " +
                                      std::to_string(config.folds)};
    }
  }
  for (int fold = 0; fold < std::max(1, config.folds); ++fold) {
    for (int s = 0; s < config.seeds; ++s) {
      runs.push_back({config.folds > 0 ? fold : config.fold, config.seed + static_cast<std::uint64_t>(s),
                      config.folds == 0 || config.ensemble});
    }
  }
  if (config.folds > 0 && !config.ensemble) runs.push_back({-1, config.seed, true});
  return runs;
}

TrainConfig config_of(const TrainConfig& config, const TrainRun& run) {
  TrainConfig out = config;
  out.folds = 0;
  out.seeds = 1;
  out.ensemble = false;
  out.fold = run.fold;
  out.seed = run.seed;
  return out;
}

Result<std::vector<TrainResult>> train_runs(Engine& engine, const Dataset& dataset,
                                            const ArchitectureRegistry& registry, const TrainConfig& config,
                                            const std::vector<TrainRun>& runs, const Clock& clock,
                                            ProgressSink& progress,
                                            const std::function<void(const EpochRecord&)>& on_epoch,
                                            const std::stop_token& stop, const fs::path& folder) {
  const fs::path checkpoint = folder / "checkpoint.safetensors";
  std::vector<TrainResult> results;
  std::error_code ec;
  if (runs.size() > 1) {
    fs::create_directories(folder / "runs", ec);
    if (ec) return Error{Code::internal, "the folder of the runs cannot be made: " + ec.message()};
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const TrainConfig one = config_of(config, runs[i]);
    if (runs.size() == 1) {
      ACESO_TRY(TrainResult result,
                train(engine, dataset, registry, one, clock, progress, on_epoch, stop, {.file = checkpoint}));
      results.push_back(std::move(result));
      continue;
    }
    const std::string identity = checkpoint_identity(one, dataset.manifest().sha256);
    const fs::path file = folder / "runs" / (std::to_string(i + 1) + ".safetensors");
    ACESO_TRY(std::optional<TrainResult> ended, read_run(file, identity));
    if (!ended) {
      // What the run before left behind after its end was kept.
      if (const auto left = read_checkpoint(checkpoint, identity); !left && left.error().code() == Code::conflict)
        fs::remove(checkpoint, ec);
      PartOfAll part{progress, i, runs.size()};
      auto result = train(engine, dataset, registry, one, clock, part, on_epoch, stop, {.file = checkpoint});
      if (!result) {
        return std::move(std::move(result).error().add_context(
            "run " + std::to_string(i + 1) + " of " + std::to_string(runs.size()) + " (" + run_name(runs[i]) + ")"));
      }
      ACESO_TRY_OK(write_run(file, *result, identity));
      fs::remove(checkpoint, ec);
      ended = *std::move(result);
    }
    results.push_back(*std::move(ended));
  }
  return results;
}

std::optional<double> main_figure(const Predictions& p, Task task) {
  if (p.probabilities.empty()) return std::nullopt;
  if (task == Task::multi_label) return label_scores(p.probabilities, p.targets).auroc;
  if (task != Task::regression) return macro_auroc(p.probabilities, p.labels);
  std::vector<double> measured;
  measured.reserve(p.targets.size());
  for (const auto& row : p.targets) measured.push_back(row.front());
  const auto errors = stats::regression_errors(column(p.probabilities, 0), measured);
  return errors ? std::optional{errors->rmse} : std::nullopt;
}

Json mean_and_sd(const std::vector<double>& values) {
  const auto mean = stats::mean(values);
  if (!mean) return nullptr;
  const auto sd = stats::sd(values);
  return Json{{"mean", *mean}, {"sd", sd ? Json(*sd) : Json(nullptr)}};
}

Json pooled_figures(const Predictions& out_of_fold, const Manifest& manifest, std::uint64_t seed) {
  Json whole;
  if (manifest.task == Task::regression) {
    whole = evaluate_numbers(out_of_fold, manifest.classes.front(), manifest.unit, seed);
  } else if (manifest.task == Task::multi_label) {
    const std::vector<double> none(manifest.classes.size(), 0.5);
    whole = evaluate_labels(out_of_fold, none, manifest.classes, seed);
  } else {
    whole = evaluate(out_of_fold, 0.5, manifest.classes, seed);
  }
  Json metrics = Json::object();
  for (const char* key : {"auroc", "auprc", "brier", "mae", "rmse", "r2", "pearson"}) {
    if (whole.contains("metrics") && whole["metrics"].contains(key)) metrics[key] = whole["metrics"][key];
  }
  return Json{
      {"samples", out_of_fold.ids.size()}, {"groups", whole.value("groups", Json())}, {"metrics", std::move(metrics)}};
}

double validation_figure(const TrainResult& result) {
  for (const EpochRecord& e : result.history) {
    if (e.epoch != result.best_epoch) continue;
    return std::isfinite(e.validation_dice)   ? e.validation_dice
           : std::isfinite(e.validation_ap)   ? e.validation_ap
           : std::isfinite(e.validation_rmse) ? e.validation_rmse
                                              : e.validation_auc;
  }
  return std::nan("");
}

std::string figure_name(Task task) {
  return task == Task::outlines      ? "Dice"
         : task == Task::boxes       ? "average precision"
         : task == Task::regression  ? "RMSE"
         : task == Task::multi_label ? "mean AUROC"
                                     : "AUROC";
}

Result<Ensemble> make_ensemble(const std::vector<const TrainResult*>& members) {
  if (members.empty()) return Error{Code::invalid, "an ensemble needs members"};
  const ModelSignature& first = members.front()->signature;
  Ensemble out;
  out.network.architecture = members.front()->network.architecture;
  out.network.init = members.front()->network.init;
  Layer joined;
  joined.name = kMembersLayer;
  joined.op = Op::concat;
  std::set<std::string> shared;
  for (const Port& port : first.inputs) shared.insert(port.name);
  for (std::size_t m = 0; m < members.size(); ++m) {
    const TrainResult& member = *members[m];
    if (to_json(member.signature) != to_json(first))
      return Error{Code::invalid, "the members of the ensemble differ in their inputs or outputs"};
    const std::string prefix = "m" + std::to_string(m + 1) + ".";
    for (const Layer& layer : member.network.layers) {
      if (m == 0 || !shared.contains(layer.name)) out.network.layers.push_back(prefixed(layer, prefix, shared));
    }
    for (const auto& [name, array] : member.weights) out.weights.emplace(prefix + name, array);
    joined.inputs.push_back(prefix + member.network.output);
  }
  const Shape& port = first.outputs.front().shape;
  out.network.layers.push_back(std::move(joined));
  out.network.layers.push_back(mean_layer(port));
  out.network.logits = out.network.output = kMeanLayer;
  out.weights.emplace(std::string{kMeanLayer} + ".weight", mean_weights(members.size(), port));
  ACESO_TRY([[maybe_unused]] const Shapes checked, infer_shapes(out.network, shapes_of(first)));
  return out;
}

std::size_t ensemble_size(const Network& network) noexcept {
  if (network.output != kMeanLayer) return 0;
  const auto joined = std::find_if(network.layers.begin(), network.layers.end(),
                                   [](const Layer& l) { return l.name == kMembersLayer && l.op == Op::concat; });
  return joined == network.layers.end() ? 0 : joined->inputs.size();
}

Result<TrainResult> served_result(std::vector<TrainResult>& results, const std::vector<TrainRun>& runs,
                                  const TrainConfig& config) {
  if (results.size() != runs.size() || results.empty()) return Error{Code::internal, "a run has no result"};
  Usage all = results.front().usage;
  for (std::size_t i = 1; i < results.size(); ++i) {
    const Usage& one = results[i].usage;
    all.seconds += one.seconds;
    all.cpu_seconds += one.cpu_seconds;
    if (all.energy_joules >= 0 && one.energy_joules >= 0) all.energy_joules += one.energy_joules;
    all.peak_rss_bytes = std::max(all.peak_rss_bytes, one.peak_rss_bytes);
  }
  if (config.ensemble && runs.size() > 1) {
    std::vector<const TrainResult*> members;
    members.reserve(results.size());
    for (const TrainResult& result : results) members.push_back(&result);
    ACESO_TRY(Ensemble ensemble, make_ensemble(members));
    TrainResult out = results.front();
    out.network = std::move(ensemble.network);
    out.weights = std::move(ensemble.weights);
    out.usage = all;
    return out;
  }
  std::size_t best = results.size() - 1;
  if (config.folds == 0) {
    const bool numbers = task_of(results.front().signature) == Task::regression;
    const auto merit = [&](std::size_t i) {
      const double figure = validation_figure(results[i]);
      return std::isnan(figure) ? -std::numeric_limits<double>::infinity() : numbers ? -figure : figure;
    };
    best = 0;
    for (std::size_t i = 1; i < results.size(); ++i) {
      if (merit(i) > merit(best)) best = i;
    }
  }
  TrainResult out = results[best];
  out.usage = all;
  return out;
}

Result<Predictions> out_of_fold(Engine& engine, const Dataset& dataset, const std::vector<TrainResult>& results,
                                const std::vector<TrainRun>& runs, int batch, int threads, ProgressSink& progress,
                                const std::stop_token& stop) {
  const Manifest& manifest = dataset.manifest();
  std::map<std::size_t, std::pair<std::vector<double>, double>> sums;  // by sample: sum of answers, how many
  for (std::size_t r = 0; r < runs.size() && r < results.size(); ++r) {
    if (runs[r].fold < 0) continue;
    std::vector<std::size_t> held;
    for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
      if (manifest.samples[i].fold == runs[r].fold && labelled(manifest.task, manifest.samples[i])) held.push_back(i);
    }
    if (held.empty()) continue;
    ACESO_TRY(auto loaded, engine.load(results[r].network, results[r].weights, shapes_of(results[r].signature),
                                       {.threads = threads}));
    const auto session = with_flip_average(std::move(loaded), results[r].signature);
    ACESO_TRY(const Predictions answers,
              predict_samples(*session, results[r].signature, dataset, held, batch, progress, stop));
    for (std::size_t k = 0; k < held.size(); ++k) {
      auto& [sum, count] = sums[held[k]];
      sum.resize(answers.probabilities[k].size(), 0);
      for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += answers.probabilities[k][c];
      count += 1;
    }
  }
  Predictions out;
  for (auto& [i, entry] : sums) {
    for (double& value : entry.first) value /= entry.second;
    const Sample& sample = manifest.samples[i];
    out.ids.push_back(sample.id);
    out.labels.push_back(std::max(0, sample.label));
    out.groups.push_back(sample.group);
    if (manifest.task != Task::classes) out.targets.push_back(sample.targets);
    out.probabilities.push_back(std::move(entry.first));
  }
  if (out.ids.empty()) return Error{Code::invalid, "no sample is in a fold"};
  return out;
}

Json runs_json(const std::vector<TrainResult>& results, const std::vector<TrainRun>& runs, const TrainConfig& config) {
  Json list = Json::array();
  std::vector<double> figures;
  for (std::size_t i = 0; i < runs.size() && i < results.size(); ++i) {
    const double figure = validation_figure(results[i]);
    if (std::isfinite(figure) && (config.folds == 0 || runs[i].fold >= 0)) figures.push_back(figure);
    list.push_back(Json{{"fold", runs[i].fold >= 0 ? Json(runs[i].fold) : Json(nullptr)},
                        {"seed", runs[i].seed},
                        {"served", runs[i].served},
                        {"best_epoch", results[i].best_epoch},
                        {"epochs", results[i].history.size()},
                        {"validation", std::isfinite(figure) ? Json(figure) : Json(nullptr)}});
  }
  return Json{{"folds", config.folds},
              {"seeds", config.seeds},
              {"ensemble", config.ensemble},
              {"figure", results.empty() ? std::string{} : figure_name(task_of(results.front().signature))},
              {"runs", std::move(list)},
              {"validation", mean_and_sd(figures)}};
}

}  // namespace aceso::learn
