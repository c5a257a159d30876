#include "aceso/learn/search.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/learn/ensemble.hpp"
#include "checkpoint.hpp"
#include "json_reader.hpp"
#include "train_keys.hpp"
#include "train_task.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
using State = TrialRecord::State;

constexpr std::uint64_t kUnits = 1000;  // of progress an epoch
constexpr std::uint64_t kMaxStateBytes = std::uint64_t{16} << 20;

// What is known of a trial trained up to one rung.
struct RungRecord {
  int epochs = 0, best_epoch = 0;
  double figure = std::numeric_limits<double>::quiet_NaN();
  double seconds = 0;
  std::string error;
};

Json to_json(const RungRecord& r) {
  return Json{{"epochs", r.epochs},
              {"best_epoch", r.best_epoch},
              {"figure", std::isfinite(r.figure) ? Json(r.figure) : Json(nullptr)},
              {"seconds", r.seconds},
              {"error", r.error}};
}

Result<RungRecord> parse_rung(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "search.trials"));
  RungRecord r;
  r.epochs = static_cast<int>(reader.integer("epochs"));
  r.best_epoch = static_cast<int>(reader.integer("best_epoch"));
  if (const Json& figure = reader.any("figure"); figure.is_number()) r.figure = figure.get<double>();
  r.seconds = reader.number("seconds");
  r.error = reader.text("error");
  ACESO_TRY_OK(reader.finish());
  return r;
}

double by_name(const EpochRecord& e, const std::string& metric) {
  if (metric == "validation_accuracy") return e.validation_accuracy;
  if (metric == "validation_loss") return e.validation_loss;
  if (metric == "validation_dice") return e.validation_dice;
  if (metric == "validation_rmse") return e.validation_rmse;
  if (metric == "validation_mae") return e.validation_mae;
  if (metric == "validation_ap") return e.validation_ap;
  return e.validation_auc;
}

bool less_is_better(const std::string& metric) {
  return metric == "validation_loss" || metric == "validation_rmse" || metric == "validation_mae";
}

std::string usual_metric(Task task) {
  return task == Task::outlines     ? "validation_dice"
         : task == Task::boxes      ? "validation_ap"
         : task == Task::regression ? "validation_rmse"
                                    : "validation_auc";
}

std::string short_number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);  // NOLINT(cert-err33-c): it fits
  return text;
}

class TrialSearch {
 public:
  TrialSearch(const Dataset& dataset, const TrainConfig& config, const Clock& clock, ProgressSink& progress,
              const SearchEvents& events, const std::stop_token& stop, const fs::path& folder)
      : dataset_{dataset},
        config_{config},
        clock_{clock},
        progress_{progress},
        events_{events},
        stop_{stop},
        runs_{folder / "runs"},
        rungs_{search_rungs(config)} {}

  Result<SearchResult> run(Engine& engine, const ArchitectureRegistry& registry) {
    engine_ = &engine;
    registry_ = &registry;
    ACESO_TRY_OK(begin());
    std::vector<std::size_t> alive(trials_.size());
    for (std::size_t i = 0; i < alive.size(); ++i) alive[i] = i;
    for (std::size_t rung = 0; rung < rungs_.size(); ++rung) {
      for (const std::size_t i : alive) {
        ACESO_TRY_OK(one(i, rung));
        if (rungs_.size() == 1) forget_all_but_best();
      }
      const std::size_t last = alive.size();
      alive = ranked(alive);
      ACESO_TRY_OK(call_back(alive, rung));
      if (rung + 1 == rungs_.size()) break;
      promote(alive, std::max<std::size_t>(1, last / static_cast<std::size_t>(config_.search->eta)));
    }
    return finish(alive.front());
  }

 private:
  Status begin() {
    ACESO_TRY(const std::vector<TrialPlan> plans, draw_trials(*config_.search));
    for (const TrialPlan& plan : plans) {
      ACESO_TRY(TrainConfig config, trial_config(config_, plan));
      TrialRecord record;
      record.plan = plan;
      trials_.push_back(std::move(record));
      configs_.push_back(std::move(config));
    }
    known_.resize(trials_.size());
    ACESO_TRY(const TrainPlan what, plan_training(dataset_, configs_.front()));
    if (what.validation.empty()) {
      return Error{Code::invalid,
                   "search: the data set has no validation samples to choose by (aceso dataset split makes some)"};
    }
    metric_ = config_.search->metric == "auto" ? usual_metric(what.task) : config_.search->metric;
    const bool sharp = what.task == Task::classes || what.task == Task::multi_label;
    const bool known = metric_ == "validation_loss" || metric_ == usual_metric(what.task) ||
                       (sharp && metric_ == "validation_accuracy") ||
                       (what.task == Task::regression && metric_ == "validation_mae");
    if (!known) {
      return Error{Code::invalid, "search.metric: " + metric_ + " is not a figure of this data set; " +
                                      usual_metric(what.task) + " or validation_loss is"};
    }
    const std::vector<int> counts = trials_by_rung(config_);
    for (std::size_t r = 0; r < rungs_.size(); ++r)
      planned_ += static_cast<std::uint64_t>(counts[r]) * static_cast<std::uint64_t>(length(r));
    std::error_code ec;
    fs::create_directories(runs_, ec);
    if (ec) return Error{Code::internal, "the folder of the trials cannot be made: " + ec.message()};
    started_ = clock_.steady_now();
    return read_state();
  }

  int length(std::size_t rung) const { return rungs_[rung] - (rung == 0 ? 0 : rungs_[rung - 1]); }
  fs::path checkpoint(std::size_t i) const { return runs_ / ("trial-" + std::to_string(i + 1) + ".safetensors"); }

  std::string identity() const {
    TrainConfig what = config_;
    what.loaders = 1;
    what.options.threads = 0;
    return dump_json(Json{{"config", to_json(what)}, {"dataset", dataset_.manifest().sha256}});
  }

  Status read_state() {
    const fs::path file = runs_ / "search.json";
    std::error_code ec;
    if (!fs::exists(file, ec)) return {};
    ACESO_TRY(const std::string text, read_text_file(file, kMaxStateBytes));
    const auto damaged = [](const std::string& why) {
      return Error{Code::data_loss, "the state of the search is damaged: " + why};
    };
    const auto json = parse_json(text);
    if (!json) return damaged(json.error().message());
    if (json->value("identity", std::string{}) != identity())
      return Error{Code::conflict, "the trials that are here belong to another search or data set"};
    const Json list = json->value("trials", Json::array());
    if (!list.is_array() || list.size() != trials_.size()) return damaged("its counts do not agree");
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].is_array() || list[i].size() > rungs_.size()) return damaged("its counts do not agree");
      for (const Json& item : list[i]) {
        auto rung = parse_rung(item);
        if (!rung) return damaged(rung.error().message());
        known_[i].push_back(*std::move(rung));
      }
    }
    return {};
  }

  Status write_state() const {
    Json list = Json::array();
    for (const auto& trial : known_) {
      Json rungs = Json::array();
      for (const RungRecord& rung : trial) rungs.push_back(to_json(rung));
      list.push_back(std::move(rungs));
    }
    const Json json{{"identity", identity()}, {"trials", std::move(list)}};
    if (Status written = write_file_atomic(runs_ / "search.json", dump_json(json), {.mode = 0600, .durable = true});
        !written)
      return Error{std::move(written).error().add_context("keeping the state of the search")};
    return {};
  }

  // Trains one trial up to one rung, unless that is known already.
  Status one(std::size_t i, std::size_t rung) {
    if (known_[i].size() <= rung) {
      ACESO_TRY_OK(train_to(i, rung));
      ACESO_TRY_OK(write_state());
    }
    const RungRecord& record = known_[i][rung];
    TrialRecord& trial = trials_[i];
    trial.rung = static_cast<int>(rung) + 1;
    trial.epochs = record.epochs;
    trial.best_epoch = record.best_epoch;
    trial.figure = record.figure;
    trial.metric = metric_;
    trial.seconds = record.seconds;
    trial.error = record.error;
    trial.state = !record.error.empty() ? State::failed : rung + 1 == rungs_.size() ? State::finished : State::waiting;
    done_ += static_cast<std::uint64_t>(length(rung));
    if (events_.on_trial) events_.on_trial(trial);
    return {};
  }

  Status train_to(std::size_t i, std::size_t rung) {
    PartOfSearch part{*this, i, rung};
    const auto on_epoch = [&](const EpochRecord& epoch) {
      if (events_.on_epoch) events_.on_epoch(epoch, static_cast<int>(i) + 1);
    };
    auto result = train(*engine_, dataset_, *registry_, configs_[i], clock_, part, on_epoch, stop_,
                        {.file = checkpoint(i), .stop_after = rungs_[rung]});
    RungRecord record;
    if (!known_[i].empty()) record = known_[i].back();
    if (!result) {
      if (result.error().code() != Code::invalid)
        return std::move(std::move(result).error().add_context("trial " + std::to_string(i + 1)));
      record.error = result.error().message();
      std::error_code ec;
      fs::remove(checkpoint(i), ec);
    } else {
      record.epochs = static_cast<int>(result->history.size());
      record.best_epoch = result->best_epoch;
      record.seconds = result->usage.seconds;
      for (const EpochRecord& epoch : result->history) {
        if (epoch.epoch == result->best_epoch) record.figure = by_name(epoch, metric_);
      }
      for (const std::string& warning : result->warnings) warnings_.insert(warning);
    }
    known_[i].push_back(std::move(record));
    return {};
  }

  // Those that did not fail, the best first.
  std::vector<std::size_t> ranked(std::vector<std::size_t> alive) const {
    std::erase_if(alive, [&](std::size_t i) { return trials_[i].state == State::failed; });
    std::sort(alive.begin(), alive.end(),
              [&](std::size_t a, std::size_t b) { return ranks_before(trials_[a], trials_[b]); });
    return alive;
  }

  // When all of a rung failed, the best of those that were stopped before takes their place.
  Status call_back(std::vector<std::size_t>& alive, std::size_t rung) {
    while (alive.empty()) {
      std::vector<std::size_t> all(trials_.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
      const std::vector<std::size_t> left = ranked(std::move(all));
      if (left.empty()) return nothing_left();
      const std::size_t next = left.front();
      for (auto k = static_cast<std::size_t>(trials_[next].rung); k <= rung && trials_[next].state != State::failed;
           ++k)
        ACESO_TRY_OK(one(next, k));
      if (trials_[next].state != State::failed) alive.push_back(next);
    }
    return {};
  }

  void promote(std::vector<std::size_t>& alive, std::size_t keep) {
    std::error_code ec;
    for (std::size_t k = 0; k < alive.size(); ++k) {
      TrialRecord& trial = trials_[alive[k]];
      trial.state = k < keep ? State::promoted : State::stopped;
      if (k >= keep) fs::remove(checkpoint(alive[k]), ec);
      if (events_.on_trial) events_.on_trial(trial);
    }
    alive.resize(std::min(keep, alive.size()));
    std::sort(alive.begin(), alive.end());
  }

  // Without rungs the checkpoint of the best so far is the only one that is of use.
  void forget_all_but_best() {
    std::vector<std::size_t> trained;
    for (std::size_t i = 0; i < trials_.size(); ++i) {
      if (trials_[i].rung > 0) trained.push_back(i);
    }
    trained = ranked(std::move(trained));
    std::error_code ec;
    for (std::size_t k = 1; k < trained.size(); ++k) fs::remove(checkpoint(trained[k]), ec);
  }

  Error nothing_left() const {
    const auto first = std::find_if(trials_.begin(), trials_.end(), [](const auto& t) { return !t.error.empty(); });
    return Error{Code::invalid, "search: no trial could be trained; trial " + std::to_string(first->plan.number) +
                                    ": " + first->error};
  }

  Result<SearchResult> finish(std::size_t best) {
    PartOfSearch part{*this, best, rungs_.size() - 1};
    SearchResult out;
    ACESO_TRY(out.best, train(*engine_, dataset_, *registry_, configs_[best], clock_, part, {}, stop_,
                              {.file = checkpoint(best)}));
    out.best.resumed_at = 0;
    out.best.warnings.assign(warnings_.begin(), warnings_.end());
    out.best.usage.seconds = 0;
    for (const TrialRecord& trial : trials_) out.best.usage.seconds += trial.seconds;
    out.config = configs_[best];
    out.metric = metric_;
    out.trials = trials_;
    std::sort(out.trials.begin(), out.trials.end(), ranks_before);
    return out;
  }

  std::string best_so_far() const {
    const TrialRecord* best = nullptr;
    for (const TrialRecord& trial : trials_) {
      if (trial.rung > 0 && std::isfinite(trial.figure) && (best == nullptr || ranks_before(trial, *best)))
        best = &trial;
    }
    return best == nullptr ? "-" : short_number(best->figure) + " (trial " + std::to_string(best->plan.number) + ")";
  }

  // The progress of one training as a part of the search: in epochs, since steps differ between trials.
  class PartOfSearch final : public ProgressSink {
   public:
    PartOfSearch(TrialSearch& search, std::size_t trial, std::size_t rung)
        : search_{search}, trial_{trial}, rung_{rung} {}
    void update(const ProgressUpdate& part) override {
      const auto before = static_cast<double>(rung_ == 0 ? 0 : search_.rungs_[rung_ - 1]);
      const double at = part.total == 0 ? 0
                                        : static_cast<double>(part.done) / static_cast<double>(part.total) *
                                              search_.configs_[trial_].epochs;
      const double within = std::clamp(at - before, 0.0, static_cast<double>(search_.length(rung_)));
      const double done = static_cast<double>(search_.done_) + within;
      const auto planned = static_cast<double>(search_.planned_);
      ProgressUpdate update = part;
      update.total = search_.planned_ * kUnits;
      update.done = std::min(update.total, static_cast<std::uint64_t>(done * static_cast<double>(kUnits)));
      update.values.insert(update.values.begin(),
                           {{"trial", std::to_string(trial_ + 1) + "/" + std::to_string(search_.trials_.size())},
                            {"rung", std::to_string(rung_ + 1) + "/" + std::to_string(search_.rungs_.size())},
                            {"best", search_.best_so_far()}});
      if (!first_) first_ = at;
      const double trained = search_.trained_before_ + (at - *first_);
      const double spent = std::chrono::duration<double>(search_.clock_.steady_now() - search_.started_).count();
      update.seconds_left = trained > 0 ? spent / trained * std::max(0.0, planned - done) : -1;
      last_ = at;
      search_.progress_.update(update);
    }
    void finish(std::string_view text) override { search_.progress_.finish(text); }
    ~PartOfSearch() override {
      if (first_) search_.trained_before_ += last_ - *first_;
    }
    PartOfSearch(const PartOfSearch&) = delete;
    PartOfSearch& operator=(const PartOfSearch&) = delete;

   private:
    TrialSearch& search_;
    std::size_t trial_, rung_;
    std::optional<double> first_;  // epochs at its first sign, of a training that goes on
    double last_ = 0;
  };

  const Dataset& dataset_;
  const TrainConfig& config_;
  const Clock& clock_;
  ProgressSink& progress_;
  const SearchEvents& events_;
  const std::stop_token& stop_;
  fs::path runs_;
  std::vector<int> rungs_;
  Engine* engine_ = nullptr;
  const ArchitectureRegistry* registry_ = nullptr;
  std::vector<TrialRecord> trials_;
  std::vector<TrainConfig> configs_;
  std::vector<std::vector<RungRecord>> known_;  // by trial and rung
  std::string metric_;
  std::set<std::string> warnings_;
  std::uint64_t planned_ = 0, done_ = 0;  // epochs of all trials
  double trained_before_ = 0;             // epochs that this process trained, for the time left
  SteadyTime started_{};
};

}  // namespace

std::string to_string(TrialRecord::State state) {
  switch (state) {
    case State::waiting:
      return "waiting";
    case State::promoted:
      return "promoted";
    case State::stopped:
      return "stopped";
    case State::failed:
      return "failed";
    case State::finished:
      return "finished";
  }
  return {};
}

bool ranks_before(const TrialRecord& a, const TrialRecord& b) {
  if ((a.state == State::failed) != (b.state == State::failed)) return b.state == State::failed;
  if (a.rung != b.rung) return a.rung > b.rung;
  const auto merit = [](const TrialRecord& t) {
    if (!std::isfinite(t.figure)) return -std::numeric_limits<double>::infinity();
    return less_is_better(t.metric) ? -t.figure : t.figure;
  };
  if (merit(a) != merit(b)) return merit(a) > merit(b);
  return a.plan.number < b.plan.number;
}

Json to_json(const TrialRecord& trial) {
  Json values = Json::object();
  for (const auto& [key, text] : trial.plan.values) values[key] = Json::parse(text, nullptr, false);
  Json json{{"trial", trial.plan.number},
            {"state", to_string(trial.state)},
            {"rung", trial.rung},
            {"epochs", trial.epochs},
            {"best_epoch", trial.best_epoch},
            {"metric", trial.metric},
            {"figure", std::isfinite(trial.figure) ? Json(trial.figure) : Json(nullptr)},
            {"seconds", trial.seconds},
            {"values", std::move(values)}};
  if (!trial.error.empty()) json["error"] = trial.error;
  return json;
}

Result<SearchResult> run_search(Engine& engine, const Dataset& dataset, const ArchitectureRegistry& registry,
                                const TrainConfig& config, const Clock& clock, ProgressSink& progress,
                                const SearchEvents& events, const std::stop_token& stop, const fs::path& folder) {
  if (!config.search) return Error{Code::invalid, "search: is missing"};
  ACESO_TRY_OK(check_train_config(config));
  return TrialSearch{dataset, config, clock, progress, events, stop, folder}.run(engine, registry);
}

Json search_json(const SearchResult& result, const TrainConfig& config) {
  Json trials = Json::array();
  int rank = 0;
  for (const TrialRecord& trial : result.trials) {
    Json row = to_json(trial);
    row["rank"] = ++rank;
    trials.push_back(std::move(row));
  }
  Json json = to_json(config.search.value_or(SearchConfig{}));
  json["metric"] = result.metric;
  json["less_is_better"] = less_is_better(result.metric);
  json["rungs"] = search_rungs(config);
  json["best"] = result.trials.front().plan.number;
  json["best_config"] = to_yaml(result.config);
  json["results"] = std::move(trials);
  return json;
}

}  // namespace aceso::learn
