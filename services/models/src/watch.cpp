#include "watch.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "predictions.hpp"
#include "uncertainty.hpp"

namespace aceso::models {
namespace {

constexpr std::int64_t kDayUs = 24LL * 3600 * 1'000'000;
constexpr std::int64_t kMostDaysInWindow = 7;
constexpr std::int64_t kMostCasesADay = 2000;
constexpr std::int64_t kSilenceDays = 14;
constexpr std::int64_t kSilenceCases = 20;
constexpr std::size_t kJudgeAfter = 10;  // answers
constexpr std::chrono::hours kRound{1};  // after which everything is judged, told of or not
constexpr std::string_view kSilence = "answers a day";
const Actor kJudge{.id = "system", .name = "system", .source_address = "local", .request_id = {}};

std::string text_in(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string{};
}

}  // namespace

Status insert_observation(store::Transaction& tx, const StoredPrediction& p) {
  if (p.observed.measured.empty()) return {};
  Json measured = Json::array();
  for (const double v : p.observed.measured)
    measured.push_back(std::isfinite(v) ? Json(static_cast<float>(v)) : Json());
  const Json familiarity = p.uncertainty.is_object() ? p.uncertainty.value("familiarity", Json()) : Json();
  const std::string state = text_in(familiarity, "state");
  const bool unusual = state == "unusual" || state == "outside";
  ACESO_TRY([[maybe_unused]] const auto n,
            tx.execute("INSERT INTO observation (prediction, model, version, day, tensor_sha256, applicable, unusual, "
                       "finding, score, layout, measured) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                       {p.id, p.model.name, std::int64_t{p.model.version}, p.created / kDayUs, p.tensor_sha256,
                        std::int64_t{is_applicable(p.uncertainty) ? 1 : 0}, std::int64_t{unusual ? 1 : 0}, p.finding,
                        p.probability, learn::kWatchLayout, dump(measured)}));
  return {};
}

std::int64_t Watch::today() const {
  return context_.now_us() / kDayUs;
}

Result<Watch::Day> Watch::read_day(const ModelVersion& version, std::int64_t day,
                                   const std::vector<std::string>& findings, std::size_t width) const {
  Day out;
  const store::SqlArgs which{version.name, std::int64_t{version.version}, day};
  ACESO_TRY(const auto count, context_.catalogue->query("SELECT COUNT(*) FROM observation WHERE model = ?1 AND version "
                                                        "= ?2 AND day = ?3",
                                                        which));
  out.answers = count.front().integer(0);
  if (out.answers == 0) return out;
  store::SqlArgs args = which;
  args.emplace_back(kMostCasesADay);
  ACESO_TRY(
      const auto rows,
      context_.catalogue->query("SELECT tensor_sha256, applicable, unusual, finding, score, layout, measured FROM "
                                "observation WHERE prediction IN (SELECT MIN(o.prediction) FROM observation o WHERE "
                                "o.model = ?1 AND o.version = ?2 AND o.day = ?3 AND NOT EXISTS (SELECT 1 FROM "
                                "prediction p WHERE p.tensor_sha256 = o.tensor_sha256 AND p.blinded = 1 AND NOT EXISTS "
                                "(SELECT 1 FROM verdict v WHERE v.prediction = p.id AND v.reader = p.agent)) GROUP BY "
                                "o.tensor_sha256) ORDER BY tensor_sha256 LIMIT ?4",
                                args));
  out.cases.reserve(rows.size());
  for (const store::Row& row : rows) {
    if (row.integer(5) != learn::kWatchLayout) continue;
    ACESO_TRY(const Json measured, parse_own(row.text(6)));
    if (!measured.is_array() || measured.size() != width) continue;
    learn::WatchCase one;
    one.values.reserve(width);
    for (const Json& v : measured) one.values.push_back(v.is_number() ? v.get<double>() : std::nan(""));
    one.applicable = row.integer(1) != 0;
    one.unusual = row.integer(2) != 0;
    const auto found = std::find(findings.begin(), findings.end(), row.text(3));
    if (one.applicable && found != findings.end()) one.finding = static_cast<int>(found - findings.begin());
    one.score = row.number(4);
    out.cases.emplace_back(row.text(0), std::move(one));
  }
  return out;
}

Result<std::vector<learn::WatchCase>> Watch::read_days(const ModelVersion& version, std::int64_t first,
                                                       std::int64_t last, const std::vector<std::string>& findings,
                                                       std::size_t width) const {
  std::set<std::string> seen;
  std::vector<learn::WatchCase> cases;
  for (std::int64_t day = first; day <= last; ++day) {
    ACESO_TRY(Day one, read_day(version, day, findings, width));
    for (auto& [hash, c] : one.cases) {
      if (seen.insert(hash).second) cases.push_back(std::move(c));
    }
  }
  return cases;
}

// {day, answers, from_day, state, cases, tests, performance}
Result<Json> Watch::judge_day(const ModelVersion& version, const Reference& reference, std::int64_t day) const {
  const std::size_t width = reference.data.features.size();
  std::set<std::string> seen;
  std::vector<learn::WatchCase> cases;
  std::int64_t answers = 0, from = day;
  for (std::int64_t d = day; d > day - kMostDaysInWindow && d > reference.until_day; --d) {
    ACESO_TRY(Day one, read_day(version, d, reference.data.findings, width));
    if (d == day) answers = one.answers;
    if (one.answers == 0 && d == day) break;  // a day without answers says nothing
    for (auto& [hash, c] : one.cases) {
      if (seen.insert(hash).second) cases.push_back(std::move(c));
    }
    from = d;
    if (cases.size() >= learn::WatchRules{}.min_cases) break;
  }
  Json verdict = learn::to_json(learn::judge_window(reference.data, cases));
  verdict["day"] = day;
  verdict["from_day"] = from;
  verdict["answers"] = answers;
  verdict["reference"] = reference.number;
  return verdict;
}

// A day with less than half of the answers of the quietest day of the two weeks before it.
void Watch::add_silence(const ModelVersion& version, std::int64_t day, Json& verdict) const {
  const auto rows = context_.catalogue->query(
      "SELECT day, COUNT(*) FROM observation WHERE model = ?1 AND version = ?2 AND day >= ?3 AND day < ?4 GROUP BY day",
      {version.name, std::int64_t{version.version}, day - kSilenceDays, day});
  if (!rows || rows->size() < static_cast<std::size_t>(kSilenceDays)) return;
  std::int64_t quietest = rows->front().integer(1);
  for (const store::Row& row : *rows) quietest = std::min(quietest, row.integer(1));
  const auto answers = verdict.value("answers", std::int64_t{0});
  if (quietest < kSilenceCases || answers * 2 >= quietest) return;
  verdict["tests"].push_back(Json{{"name", kSilence},
                                  {"group", "quality"},
                                  {"method", "half of the quietest of 14 days"},
                                  {"reference", quietest},
                                  {"current", answers},
                                  {"effect", 1 - static_cast<double>(answers) / static_cast<double>(quietest)},
                                  {"p_value", nullptr},
                                  {"p_adjusted", nullptr},
                                  {"state", "alarm"}});
  verdict["state"] = "alarm";
}

Status Watch::raise(const ModelVersion& version, std::int64_t day, const Json& verdict, bool whole, bool judged) const {
  ACESO_TRY(const auto rows, context_.catalogue->query(
                                 "SELECT id, test, measured FROM watch_alarm WHERE model = ?1 AND version = ?2 AND "
                                 "state <> 'over'",
                                 {version.name, std::int64_t{version.version}}));
  std::map<std::string, std::string> open;  // test -> id
  const auto answers = verdict.value("answers", std::int64_t{0});
  bool still_silent = false;  // compared with what was usual when it began
  for (const store::Row& row : rows) {
    open.emplace(row.text(1), row.text(0));
    if (row.text(1) != kSilence) continue;
    ACESO_TRY(const Json measured, parse_own(row.text(2)));
    still_silent = answers * 2 < measured.value("reference", std::int64_t{0});
  }
  std::set<std::string> alarming;
  std::vector<std::pair<std::string, std::string>> raised;  // id, test
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    for (const Json& test : verdict["tests"]) {
      if (test.value("state", std::string{}) != "alarm") continue;
      const std::string name = test.value("name", std::string{});
      alarming.insert(name);
      if (const auto known = open.find(name); known != open.end()) {
        ACESO_TRY([[maybe_unused]] const auto n, tx.execute("UPDATE watch_alarm SET last_day = CASE WHEN last_day < ?2 "
                                                            "THEN ?2 ELSE last_day END, measured = ?3 WHERE id = ?1",
                                                            {known->second, day, dump(test)}));
        continue;
      }
      const std::string id = context_.new_id();
      ACESO_TRY(
          [[maybe_unused]] const auto n,
          tx.execute("INSERT INTO watch_alarm (id, model, version, test, state, first_day, last_day, measured, "
                     "raised, acknowledged_by, acknowledged_by_name, acknowledged, comment) VALUES (?1, ?2, ?3, "
                     "?4, 'open', ?5, ?5, ?6, ?7, '', '', 0, '')",
                     {id, version.name, std::int64_t{version.version}, name, day, dump(test), context_.now_us()}));
      raised.emplace_back(id, name);
    }
    for (const auto& [name, id] : open) {
      const bool over = name == kSilence ? whole && !still_silent : judged;
      if (over && !alarming.contains(name)) {
        ACESO_TRY([[maybe_unused]] const auto n,
                  tx.execute("UPDATE watch_alarm SET state = 'over' WHERE id = ?1 AND last_day <= ?2", {id, day}));
      }
    }
    return {};
  }));
  for (const auto& [id, name] : raised) {
    context_.log.warn("models.watch.alarm", {{"model", version.name}, {"version", version.version}, {"test", name}});
    ACESO_TRY_OK(context_.record(kJudge, "C", "model.watch.alarm", "model",
                                 version.name + "/" + std::to_string(version.version),
                                 dump(Json{{"alarm", id}, {"test", name}, {"bundle", version.bundle}})));
  }
  return {};
}

Status Watch::end_alarms(const ModelVersion& version) const {
  return context_.catalogue->execute(
      "UPDATE watch_alarm SET state = 'over' WHERE model = ?1 AND version = ?2 AND state <> 'over'",
      {version.name, std::int64_t{version.version}});
}

Status Watch::judge(const std::string& model, int version) {
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  const std::lock_guard lock{judging_};
  return judge_version(v);
}

Status Watch::judge_version(const ModelVersion& version) {
  if (out_of_use(version.stage)) return end_alarms(version);
  ACESO_TRY(const auto reference, this->reference(version));
  if (!reference) return {};
  // Only where nobody decided that there are fewer requests.
  ACESO_TRY(const std::optional<Share> share, registry_.share_of(version.name));
  const bool watches_silence = version.stage == "live" && !share;
  const std::int64_t number = version.version, now = today();
  ACESO_TRY(const auto bounds,
            context_.catalogue->query("SELECT MIN(day), (SELECT MAX(day) FROM watch_day WHERE model = ?1 AND version = "
                                      "?2) FROM observation WHERE model = ?1 AND version = ?2",
                                      {version.name, number}));
  if (bounds.front().is_null(0)) return {};
  std::int64_t day = std::max({bounds.front().integer(0), reference->until_day + 1, now - kMaxDays + 1});
  if (!bounds.front().is_null(1)) day = std::max(day, bounds.front().integer(1) + 1);
  for (; day < now; ++day) {  // whole days are judged once and kept
    ACESO_TRY(Json verdict, judge_day(version, *reference, day));
    const bool judged = verdict.value("state", std::string{}) != "waiting";
    if (watches_silence) add_silence(version, day, verdict);
    ACESO_TRY_OK(raise(version, day, verdict, true, judged));
    ACESO_TRY_OK(
        context_.catalogue->execute("INSERT INTO watch_day (model, version, day, verdict) VALUES (?1, ?2, ?3, ?4)",
                                    {version.name, number, day, dump(verdict)}));
  }
  if (day == now) {
    ACESO_TRY(const Json verdict, judge_day(version, *reference, now));
    ACESO_TRY_OK(raise(version, now, verdict, false, false));
  }
  return {};
}

void Watch::start() {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void Watch::stop() {
  thread_.request_stop();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watch::noticed(const std::string& model, int version) {
  const std::lock_guard lock{mutex_};
  if (++pending_[{model, version}] < kJudgeAfter) return;
  dirty_ = true;
  wake_.notify_all();
}

void Watch::run(const std::stop_token& stop) {
  auto round = std::chrono::steady_clock::now() + kRound;
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    wake_.wait_until(lock, stop, round, [this] { return dirty_; });
    if (stop.stop_requested()) return;
    std::vector<Key> due;
    for (auto& [key, count] : pending_) {
      if (count < kJudgeAfter) continue;
      due.push_back(key);
      count = 0;
    }
    dirty_ = false;
    lock.unlock();
    for (const auto& [model, version] : due) {
      if (const Status judged = judge(model, version); !judged)
        context_.log.warn("models.watch.not_judged", {{"model", model}, {"code", to_string(judged.error().code())}});
    }
    if (std::chrono::steady_clock::now() >= round) {
      judge_everything();
      round = std::chrono::steady_clock::now() + kRound;
    }
    lock.lock();
  }
}

// Also those that no answer told of: a model that fell silent is noticed, too.
void Watch::judge_everything() {
  const auto rows = context_.catalogue->query(
      "SELECT DISTINCT o.model, o.version FROM observation o JOIN model_version v ON v.name = o.model AND v.version = "
      "o.version WHERE o.day >= ?1 AND v.stage <> 'retired' LIMIT 1000",
      {today() - kMaxDays});
  if (!rows) return;
  for (const store::Row& row : *rows) {
    if (const Status judged = judge(row.text(0), static_cast<int>(row.integer(1))); !judged) {
      context_.log.warn("models.watch.not_judged",
                        {{"model", row.text(0)}, {"code", to_string(judged.error().code())}});
    }
  }
}

}  // namespace aceso::models
