// What is shown of the watch, and what people say to it.
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/stats/interval.hpp"
#include "object_reader.hpp"
#include "watch.hpp"

namespace aceso::models {
namespace {

constexpr std::int64_t kDayLengthUs = 24LL * 3600 * 1'000'000;

std::string date_of(std::int64_t day) {
  return time_text(day * kDayLengthUs).substr(0, 10);
}

constexpr std::string_view kAlarmColumns =
    "SELECT id, model, version, test, state, first_day, last_day, measured, raised, acknowledged_by_name, "
    "acknowledged, "
    "comment FROM watch_alarm ";

Result<Json> alarm_json(const store::Row& row) {
  ACESO_TRY(Json measured, parse_own(row.text(7)));
  Json out{{"id", row.text(0)},
           {"model", row.text(1)},
           {"version", row.integer(2)},
           {"test", row.text(3)},
           {"state", row.text(4)},
           {"first_day", date_of(row.integer(5))},
           {"last_day", date_of(row.integer(6))},
           {"measured", std::move(measured)},
           {"raised", time_text(row.integer(8))},
           {"acknowledged", nullptr}};
  if (row.integer(10) != 0)
    out["acknowledged"] = Json{{"by", row.text(9)}, {"time", time_text(row.integer(10))}, {"comment", row.text(11)}};
  return out;
}

Result<Json> alarm_list(const std::vector<store::Row>& rows) {
  Json items = Json::array();
  for (const store::Row& row : rows) {
    ACESO_TRY(Json item, alarm_json(row));
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

// How often readers agreed with that day's answers, where they judged: the last word of each reader.
Result<Json> Watch::agreement(const ModelVersion& version, std::int64_t day) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query(
                "SELECT COUNT(*), COALESCE(SUM(v.agree), 0) FROM observation o JOIN verdict v ON v.prediction = "
                "o.prediction WHERE o.model = ?1 AND o.version = ?2 AND o.day = ?3 AND v.agree IS NOT NULL AND "
                "v.revision = (SELECT MAX(w.revision) FROM verdict w WHERE w.prediction = v.prediction AND w.finding = "
                "v.finding AND w.reader = v.reader)",
                {version.name, std::int64_t{version.version}, day}));
  const auto verdicts = static_cast<std::uint64_t>(rows.front().integer(0));
  const auto agreed = static_cast<std::uint64_t>(rows.front().integer(1));
  if (verdicts == 0) return Json(nullptr);
  ACESO_TRY(const stats::Interval interval, stats::wilson_interval(agreed, verdicts));
  return Json{{"verdicts", verdicts}, {"agreed", agreed}, {"low", interval.low}, {"high", interval.high}};
}

Result<Json> Watch::report(std::string_view model, int version, int days) {
  if (days < 1 || days > kMaxDays) return Error{Code::invalid, "days: 1 to " + std::to_string(kMaxDays)};
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  const std::lock_guard lock{judging_};
  ACESO_TRY_OK(judge_version(v));
  ACESO_TRY(const auto reference, this->reference(v));
  const std::int64_t number = v.version, now = today(), first = now - days + 1;
  const learn::WatchRules rules;
  Json out{{"model", v.name},
           {"version", v.version},
           {"stage", v.stage},
           {"reference", nullptr},
           {"rules",
            {{"alarm_level", rules.alarm_level},
             {"warning_level", rules.warning_level},
             {"min_distance", rules.min_distance},
             {"min_share", rules.min_share},
             {"min_cases", rules.min_cases}}}};
  if (reference) {
    out["reference"] = Json{
        {"source", reference->data.source},
        {"cases", reference->data.cases},
        {"reason", reference->reason},
        {"set_by", reference->set_by_name},
        {"time", reference->time != 0 ? Json(time_text(reference->time)) : Json(nullptr)},
        {"until", reference->until_day >= 0 ? Json(date_of(reference->until_day)) : Json(nullptr)},
        {"expected_accuracy", reference->data.calibration ? Json(reference->data.expected_accuracy) : Json(nullptr)}};
  }
  ACESO_TRY(const auto kept,
            context_.catalogue->query("SELECT day, verdict FROM watch_day WHERE model = ?1 AND version "
                                      "= ?2 AND day >= ?3",
                                      {v.name, number, first}));
  std::map<std::int64_t, Json> verdicts;
  for (const store::Row& row : kept) {
    ACESO_TRY(Json verdict, parse_own(row.text(1)));
    verdicts.emplace(row.integer(0), std::move(verdict));
  }
  if (reference && now > reference->until_day) {
    ACESO_TRY(Json verdict, judge_day(v, *reference, now));
    verdicts.insert_or_assign(now, std::move(verdict));
  }
  ACESO_TRY(const auto counts, context_.catalogue->query("SELECT day, COUNT(*) FROM observation WHERE model = ?1 AND "
                                                         "version = ?2 AND day >= ?3 GROUP BY day ORDER BY day DESC",
                                                         {v.name, number, first}));
  Json list = Json::array();
  const auto add_day = [&](std::int64_t day, std::int64_t answers) -> Status {
    Json one{{"day", date_of(day)},  {"answers", answers},     {"state", "waiting"},    {"cases", 0},
             {"from", date_of(day)}, {"tests", Json::array()}, {"performance", nullptr}};
    if (const auto found = verdicts.find(day); found != verdicts.end()) {
      const Json& verdict = found->second;
      for (const char* key : {"state", "cases", "tests", "performance"}) one[key] = verdict[key];
      one["from"] = date_of(verdict.value("from_day", day));
    } else if (reference && day <= reference->until_day) {
      one["state"] = "reference";
    }
    ACESO_TRY(one["readers"], agreement(v, day));
    list.push_back(std::move(one));
    return {};
  };
  std::map<std::int64_t, std::int64_t> answers;
  for (const store::Row& row : counts) answers.emplace(row.integer(0), row.integer(1));
  for (const auto& [day, verdict] : verdicts) answers.emplace(day, 0);
  for (auto it = answers.rbegin(); it != answers.rend(); ++it) ACESO_TRY_OK(add_day(it->first, it->second));
  out["days"] = std::move(list);
  ACESO_TRY(out["alarms"], alarms_of(v));
  return out;
}

Result<Json> Watch::alarms_of(const ModelVersion& version) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kAlarmColumns} +
                                          "WHERE model = ?1 AND version = ?2 ORDER BY raised DESC, id DESC LIMIT 200",
                                      {version.name, std::int64_t{version.version}}));
  return alarm_list(rows);
}

Result<Json> Watch::alarms() const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kAlarmColumns} +
                                      "WHERE state <> 'over' ORDER BY raised DESC, id DESC LIMIT 500"));
  ACESO_TRY(Json items, alarm_list(rows));
  return Json{{"items", std::move(items)}};
}

Result<Json> Watch::acknowledge(const Actor& actor, std::string_view id, const Json& request) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "acknowledgement"));
  ACESO_TRY(const std::string comment, reader.text("comment", 2000));
  ACESO_TRY_OK(reader.done());
  std::int64_t changed = 0;
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(changed,
              tx.execute("UPDATE watch_alarm SET state = 'acknowledged', acknowledged_by = ?2, "
                         "acknowledged_by_name = ?3, acknowledged = ?4, comment = ?5 WHERE id = ?1 AND state = "
                         "'open'",
                         {std::string{id}, actor.id, actor.name, context_.now_us(), comment}));
    return {};
  }));
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kAlarmColumns} + "WHERE id = ?1", {std::string{id}}));
  if (rows.empty()) return Error{Code::not_found, "there is no such alarm"};
  if (changed == 0)
    return Error{Code::conflict, rows.front().text(4) == "over" ? "this alarm is over" : "it is acknowledged already"};
  ACESO_TRY_OK(context_.record(actor, "U", "model.watch.acknowledge", "model",
                               rows.front().text(1) + "/" + std::to_string(rows.front().integer(2)),
                               dump(Json{{"alarm", id}, {"test", rows.front().text(3)}})));
  return alarm_json(rows.front());
}

}  // namespace aceso::models
