#include "recalls.hpp"

#include <nlohmann/json.hpp>

#include "aceso/base/id.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxReason = 2000;
constexpr std::string_view kColumns = "SELECT name, version, bundle, reason, by_name, time FROM model_recall ";

contracts::Recall recall_from_row(const store::Row& row) {
  return {.model = row.text(0),
          .version = static_cast<int>(row.integer(1)),
          .bundle = row.text(2),
          .reason = row.text(3),
          .by = row.text(4),
          .at_us = row.integer(5)};
}

std::string entity(const ModelVersion& v) {
  return v.name + "/" + std::to_string(v.version);
}

Result<std::string> reason_of(const Json& request, const char* what) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, what));
  ACESO_TRY(std::string reason, reader.text("reason", kMaxReason));
  ACESO_TRY_OK(reader.done());
  return reason;
}

Status change_stage(const Context& context, store::Transaction& tx, const Actor& actor, const ModelVersion& v,
                    std::string_view to) {
  ACESO_TRY(const auto rows, tx.query("SELECT stage FROM model_version WHERE name = ?1 AND version = ?2",
                                      {v.name, std::int64_t{v.version}}));
  if (rows.empty()) return Error{Code::not_found, "the version is gone"};
  ACESO_TRY([[maybe_unused]] const auto a,
            tx.execute("UPDATE model_version SET stage = ?3 WHERE name = ?1 AND version = ?2",
                       {v.name, std::int64_t{v.version}, std::string{to}}));
  ACESO_TRY([[maybe_unused]] const auto b,
            tx.execute("INSERT INTO stage_change (name, version, time, before_stage, after_stage, by_id, by_name) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                       {v.name, std::int64_t{v.version}, context.now_us(), rows.front().text(0), std::string{to},
                        actor.id, actor.name}));
  return {};
}

}  // namespace

Result<std::optional<contracts::Recall>> Recalls::find(std::string_view model, int version) const {
  ACESO_TRY(const auto rows, context_.catalogue->query(std::string{kColumns} + "WHERE name = ?1 AND version = ?2",
                                                       {std::string{model}, std::int64_t{version}}));
  if (rows.empty()) return std::optional<contracts::Recall>{};
  return std::optional{recall_from_row(rows.front())};
}

Result<std::vector<contracts::Recall>> Recalls::all() const {
  ACESO_TRY(const auto rows, context_.catalogue->query(std::string{kColumns} + "ORDER BY time, name, version"));
  std::vector<contracts::Recall> out;
  out.reserve(rows.size());
  for (const store::Row& row : rows) out.push_back(recall_from_row(row));
  return out;
}

Result<std::optional<std::string>> Recalls::words(std::string_view model, int version) const {
  ACESO_TRY(const auto found, find(model, version));
  if (!found) return std::optional<std::string>{};
  return std::optional{"model " + found->model + " version " + std::to_string(found->version) + " was recalled on " +
                       time_text(found->at_us).substr(0, 10) + ": " + found->reason};
}

Result<Json> Recalls::counts(const ModelVersion& v) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT COUNT(*), COUNT(DISTINCT agent), MIN(created), MAX(created) FROM "
                                      "prediction WHERE model = ?1 AND version = ?2 AND source <> 'shadow'",
                                      {v.name, std::int64_t{v.version}}));
  const std::int64_t count = rows.empty() ? 0 : rows.front().integer(0);
  Json out{{"predictions", count}, {"asked_by", count == 0 ? 0 : rows.front().integer(1)}};
  out["first"] = count == 0 ? Json(nullptr) : Json(time_text(rows.front().integer(2)));
  out["last"] = count == 0 ? Json(nullptr) : Json(time_text(rows.front().integer(3)));
  return out;
}

Result<Json> Recalls::show(std::string_view model, int version) const {
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  ACESO_TRY(const auto found, find(v.name, v.version));
  if (!found) return Error{Code::not_found, "this version is not recalled"};
  ACESO_TRY(Json affected, counts(v));
  return Json{{"model", v.name},
              {"version", v.version},
              {"id", v.bundle},
              {"reason", found->reason},
              {"by", found->by},
              {"time", time_text(found->at_us)},
              {"affected", std::move(affected)}};
}

Result<Json> Recalls::recall(const Actor& actor, std::string_view model, int version, const Json& request) {
  if (version <= 0) return Error{Code::invalid, "version: a number from 1 on"};
  ACESO_TRY(const std::string reason, reason_of(request, "recall"));
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  const Status written = context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto there, tx.query("SELECT 1 FROM model_recall WHERE name = ?1 AND version = ?2",
                                         {v.name, std::int64_t{v.version}}));
    if (!there.empty()) return {};
    ACESO_TRY_OK(change_stage(context_, tx, actor, v, "recalled"));
    ACESO_TRY([[maybe_unused]] const auto share, tx.execute("DELETE FROM model_share WHERE name = ?1 AND version = ?2",
                                                            {v.name, std::int64_t{v.version}}));
    ACESO_TRY(
        [[maybe_unused]] const auto n,
        tx.execute("INSERT INTO model_recall (name, version, bundle, reason, by_id, by_name, time) VALUES (?1, ?2, "
                   "?3, ?4, ?5, ?6, ?7)",
                   {v.name, std::int64_t{v.version}, v.bundle, reason, actor.id, actor.name, context_.now_us()}));
    return context_.record(actor, "U", "model.recall", "model", entity(v), dump(Json{{"from", v.stage}}));
  });
  ACESO_TRY_OK(written);
  return show(v.name, v.version);
}

Result<Json> Recalls::lift(const Actor& actor, std::string_view model, int version, const Json& request) {
  if (version <= 0) return Error{Code::invalid, "version: a number from 1 on"};
  ACESO_TRY(const std::string reason, reason_of(request, "lift"));
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  const Status written = context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto gone, tx.execute("DELETE FROM model_recall WHERE name = ?1 AND version = ?2",
                                          {v.name, std::int64_t{v.version}}));
    if (gone == 0) return Error{Code::not_found, "this version is not recalled"};
    ACESO_TRY_OK(change_stage(context_, tx, actor, v, "retired"));
    return context_.record(actor, "U", "model.recall_lifted", "model", entity(v), dump(Json{{"reason", reason}}));
  });
  ACESO_TRY_OK(written);
  ACESO_TRY(const ModelVersion now, registry_.find(model, version));
  return to_json(now);
}

Result<Json> Recalls::affected(std::string_view model, int version, std::string_view cursor, std::size_t limit) const {
  if (limit < 1 || limit > 1000) return Error{Code::invalid, "limit: 1 to 1000"};
  if (!cursor.empty() && !Uuid::parse(cursor)) return Error{Code::invalid, "cursor: not one of ours"};
  if (version <= 0) return Error{Code::invalid, "version: a number from 1 on"};
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  const std::string from = cursor.empty() ? "~" : std::string{cursor};  // '~' sorts behind every id
  ACESO_TRY(auto rows, context_.catalogue->query(
                           "SELECT id, created, source, agent_name, EXISTS (SELECT 1 FROM verdict WHERE "
                           "verdict.prediction = prediction.id) FROM prediction WHERE model = ?1 AND version = ?2 AND "
                           "source <> 'shadow' AND id < ?3 ORDER BY id DESC LIMIT ?4",
                           {v.name, std::int64_t{v.version}, from, static_cast<std::int64_t>(limit + 1)}));
  const bool more = rows.size() > limit;
  if (more) rows.pop_back();
  Json items = Json::array();
  for (const store::Row& row : rows) {
    items.push_back(Json{{"id", row.text(0)},
                         {"created", time_text(row.integer(1))},
                         {"source", row.text(2)},
                         {"asked_by", row.text(3)},
                         {"judged", row.integer(4) != 0}});
  }
  return Json{{"items", std::move(items)}, {"next", more ? Json(rows.back().text(0)) : Json(nullptr)}};
}

}  // namespace aceso::models
