// Watching models without labels: what was noted of each answer, judged by day against a reference, and the alarms that
// people acknowledge. The mathematics is learn/watch.hpp.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "aceso/learn/watch.hpp"
#include "context.hpp"
#include "registry.hpp"

namespace aceso::models {

// What is noted of one answer beside the answer itself, to be stored with it.
struct Observation {
  std::vector<double> measured;  // learn::watch_values(); empty: nothing is noted
};
// Names of a model's outputs, as its stored answers have them.
std::vector<std::string> watched_scores(const learn::Bundle& bundle);
// What it may decide for; empty where it decides for nothing, or for several things at once.
std::vector<std::string> watched_findings(const learn::Bundle& bundle);
struct StoredPrediction;
// Of everything but a model that gave nothing to note.
Status insert_observation(store::Transaction& tx, const StoredPrediction& p);

// An answer that waits for the verdict of a blinded reading does not count before it: figures of a day must not say it.
// Days are counted in UTC. A day is judged together with up to six days before it until there are enough cases; one
// input counts once, at most 2,000 a day do (which ones, their hash decides). Thread-safe.
class Watch {
 public:
  static constexpr int kMaxDays = 90;

  Watch(const Context& context, const Registry& registry) : context_{context}, registry_{registry} {}
  ~Watch() { stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void start();  // a thread that judges what noticed() told of, and everything once an hour
  void stop();
  void noticed(const std::string& model, int version);  // an answer was stored; never blocks

  // Judges the days that are not, and today; raises and ends alarms.
  Status judge(const std::string& model, int version);

  // {model, version, stage, reference {source, cases, since, reason, set_by}, cases_needed, rules, days: [...], alarms:
  // [...]}, the newest day first. version 0: the live one.
  Result<Json> report(std::string_view model, int version, int days);
  Result<Json> alarms() const;  // not over, of all models, the newest first: {items: [...]}
  // {comment}: known and accepted, or being looked into; it stays until the change is over or the reference is new.
  Result<Json> acknowledge(const Actor& actor, std::string_view id, const Json& request);
  // {days, reason}: the answers of the last `days` days become the reference; {"bundle": true, reason}: the bundle's
  // own again. Alarms end. precondition: fewer than 200 cases, or a bundle without a reference.
  Result<Json> set_reference(const Actor& actor, std::string_view model, int version, const Json& request);

 private:
  using Key = std::pair<std::string, int>;
  struct Reference {
    learn::WatchReference data;
    std::int64_t until_day = -1;  // days up to it were used to fit it, and are not judged
    std::int64_t number = 0;      // 0: the bundle's
    std::string reason, set_by_name;
    std::int64_t time = 0;
  };
  struct Day {
    std::vector<std::pair<std::string, learn::WatchCase>> cases;  // hash of the input, case
    std::int64_t answers = 0;                                     // all of them
  };

  Result<std::optional<Reference>> reference(const ModelVersion& version) const;
  Result<std::optional<Reference>> first_answers(const ModelVersion& version) const;
  Status store_reference(const Actor& actor, const ModelVersion& version, const Reference& reference) const;
  Result<std::vector<learn::WatchFeature>> layout_of(const ModelVersion& version,
                                                     std::vector<std::string>* findings) const;
  Result<Day> read_day(const ModelVersion& version, std::int64_t day, const std::vector<std::string>& findings,
                       std::size_t width) const;
  Result<std::vector<learn::WatchCase>> read_days(const ModelVersion& version, std::int64_t first, std::int64_t last,
                                                  const std::vector<std::string>& findings, std::size_t width) const;
  Result<Json> judge_day(const ModelVersion& version, const Reference& reference, std::int64_t day) const;
  Status judge_version(const ModelVersion& version);
  void add_silence(const ModelVersion& version, std::int64_t day, Json& verdict) const;
  // `whole`: the day is over. `judged`: and there were enough cases, so that what it does not say is over.
  Status raise(const ModelVersion& version, std::int64_t day, const Json& verdict, bool whole, bool judged) const;
  Status end_alarms(const ModelVersion& version) const;
  Result<Json> alarms_of(const ModelVersion& version) const;
  Result<Json> agreement(const ModelVersion& version, std::int64_t day) const;
  std::int64_t today() const;
  void run(const std::stop_token& stop);
  void judge_everything();

  const Context& context_;
  const Registry& registry_;
  std::mutex judging_;  // one judgement at a time
  std::mutex mutex_;    // guards pending_ and dirty_
  std::condition_variable_any wake_;
  std::map<Key, std::size_t> pending_;  // answers since the last judgement
  bool dirty_ = false;
  std::jthread thread_;
};

}  // namespace aceso::models
