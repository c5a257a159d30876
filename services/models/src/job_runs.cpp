#include "job_runs.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"

namespace aceso::models {
namespace {

using contracts::TrackedEnd;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string plain(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump(value);
}

Pairs params_of_script(const Json& script, const std::string& dataset) {
  Pairs params{{"dataset", dataset}, {"script", plain(script.value("name", Json()))}};
  params.emplace_back("script.sha256", plain(script.value("sha256", Json())));
  const Json arguments = script.value("arguments", Json::array());
  for (std::size_t i = 0; i < arguments.size(); ++i)
    params.emplace_back("argument." + std::to_string(i + 1), plain(arguments[i]));
  return params;
}

Pairs params_of(const learn::TrainConfig& config, const std::string& dataset) {
  Pairs params{{"dataset", dataset}};
  const Json json = learn::to_json(config);
  for (const auto& [key, value] : json.items()) {
    if (!value.is_object()) {
      params.emplace_back(key, plain(value));
      continue;
    }
    for (const auto& [inner, of] : value.items()) {
      if (!of.is_object()) params.emplace_back(std::string{key}.append(".").append(inner), plain(of));
    }
  }
  return params;
}

}  // namespace

std::string run_id_of(std::string_view job, int trial) {
  std::string id{job};
  std::erase(id, '-');
  if (trial == 0) return id;
  return crypto::to_hex(crypto::sha256(std::string{job} + "/trial/" + std::to_string(trial))).substr(0, 32);
}

JobRuns::JobRuns(const Context& context, const store::Job& job, const Json& input)
    : context_{context},
      job_{job.id},
      name_{input.value("name", std::string{})},
      dataset_{input.value("dataset", std::string{})},
      user_{job.created_by} {
  if (context_.runs == nullptr) return;
  if (input.contains("requested_by") && input["requested_by"].is_object())
    user_ = input["requested_by"].value("name", user_);
  auto config = learn::parse_train_config_json(input.value("config", Json::object()));
  if (config) config_ = *std::move(config);
  script_ = input.value("script", Json());
  if (config_.search) {
    if (auto plans = learn::draw_trials(*config_.search)) plans_ = *std::move(plans);
  }
  run_of(0);
}

std::string JobRuns::run_of(int trial) {
  if (const auto there = begun_.find(trial); there != begun_.end()) return there->second;
  contracts::TrackedRun run;
  run.id = run_id_of(job_, trial);
  run.experiment = name_;
  run.user = user_;
  run.start_ms = now_ms();
  run.tags = {{"mlflow.user", user_}, {"mlflow.source.type", "JOB"}, {"mlflow.source.name", "aceso train"},
              {"aceso.job", job_},    {"aceso.dataset", dataset_},   {"aceso.model", name_}};
  const learn::TrainConfig* config = &config_;
  Result<learn::TrainConfig> one{config_};
  if (trial > 0) {
    const auto plan = std::find_if(plans_.begin(), plans_.end(), [&](const auto& p) { return p.number == trial; });
    if (plan != plans_.end()) one = learn::trial_config(config_, *plan);
    if (one) config = &*one;
    run.name = "trial " + std::to_string(trial);
    run.parent = run_of(0);
    run.tags.emplace_back("aceso.trial", std::to_string(trial));
  } else {
    run.name = (script_.is_object() ? plain(script_.value("name", Json())) : config_.architecture) +
               (config_.search ? " search " : " ") + job_.substr(std::max<std::size_t>(8, job_.size()) - 8);
  }
  run.params = script_.is_object() ? params_of_script(script_, dataset_) : params_of(*config, dataset_);
  kept(context_.runs->begin(run));
  return begun_[trial] = run.id;
}

void JobRuns::kept(const Status& status) {
  if (status || complained_) return;
  complained_ = true;
  context_.log.warn("training.run_not_kept", {{"job", job_}, {"reason", status.error().message()}});
}

void JobRuns::epoch(const learn::EpochRecord& e, int trial) {
  if (context_.runs == nullptr) return;
  const std::string run = run_of(trial);
  const std::int64_t now = now_ms();
  std::vector<contracts::TrackedMetric> metrics;
  for (const auto& [key, value] : {std::pair{"train_loss", e.train_loss},
                                   {"validation_loss", e.validation_loss},
                                   {"validation_auc", e.validation_auc},
                                   {"validation_accuracy", e.validation_accuracy},
                                   {"validation_dice", e.validation_dice},
                                   {"validation_rmse", e.validation_rmse},
                                   {"validation_mae", e.validation_mae},
                                   {"validation_ap", e.validation_ap},
                                   {"learning_rate", e.learning_rate},
                                   {"images_per_second", e.images_per_second},
                                   {"seconds", e.seconds}}) {
    if (std::isfinite(value)) metrics.push_back({key, value, e.epoch, now});
  }
  kept(context_.runs->metrics(run, metrics));
}

void JobRuns::trial(const learn::TrialRecord& trial) {
  if (context_.runs == nullptr) return;
  using State = learn::TrialRecord::State;
  const std::string run = run_of(trial.plan.number);
  if (trial.state == State::waiting || trial.state == State::promoted) {
    ended_.erase(trial.plan.number);  // it goes on
    return;
  }
  ended_.insert(trial.plan.number);
  kept(
      context_.runs->end(run, trial.state == State::failed ? TrackedEnd::failed : TrackedEnd::finished, now_ms(),
                         {{"aceso.state", learn::to_string(trial.state)}, {"aceso.rung", std::to_string(trial.rung)}}));
}

void JobRuns::end(const Result<Json>& done, bool back_in_queue) {
  if (context_.runs == nullptr || back_in_queue) return;
  const std::string run = run_of(0);
  if (!done) {
    const bool cancelled = done.error().code() == Code::cancelled;
    for (const auto& [number, begun] : begun_) {
      if (number > 0 && !ended_.contains(number)) {
        kept(context_.runs->end(begun, cancelled ? TrackedEnd::cancelled : TrackedEnd::failed, now_ms(), {}));
      }
    }
    kept(context_.runs->end(run, cancelled ? TrackedEnd::cancelled : TrackedEnd::failed, now_ms(), {}));
    return;
  }
  if (const Json auroc = done->value("auroc", Json()); auroc.is_number()) {
    const contracts::TrackedMetric figure{"test_auroc", auroc.get<double>(), 0, now_ms()};
    kept(context_.runs->metrics(run, std::span{&figure, 1}));
  }
  kept(context_.runs->end(
      run, TrackedEnd::finished, now_ms(),
      {{"aceso.model", done->value("model", name_)}, {"aceso.version", plain(done->value("version", Json(0)))}}));
}

}  // namespace aceso::models
