// Verdicts: append-only revisions by reader and finding.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "object_reader.hpp"
#include "prediction_rows.hpp"
#include "predictions.hpp"
#include "uncertainty.hpp"

namespace aceso::models {
namespace {

struct Verdict {
  std::optional<bool> agree;
  std::string label, comment;
};

constexpr std::string_view kColumns =
    "SELECT finding, revision, agree, label, comment, reader, reader_name, time, saw_prediction_first FROM verdict ";

Json to_json(const store::Row& row) {
  return Json{{"finding", row.text(0)},
              {"revision", row.integer(1)},
              {"agree", row.is_null(2) ? Json(nullptr) : Json(row.integer(2) != 0)},
              {"label", row.text(3).empty() ? Json(nullptr) : Json(row.text(3))},
              {"comment", row.text(4)},
              {"author", row.text(5)},
              {"author_name", row.text(6)},
              {"time", time_text(row.integer(7))},
              {"saw_prediction_first", row.integer(8) != 0}};
}

// The finding that a verdict is about: for a model of two classes the positive class, whichever of the two is named.
Result<std::string> canonical_finding(const StoredPrediction& p, const std::vector<std::string>& classes,
                                      std::string_view finding) {
  if (p.details.is_object() && finding == p.finding) return p.finding;  // of outlines and labels, which may be several
  const bool known = std::find(classes.begin(), classes.end(), finding) != classes.end();
  const bool output =
      std::any_of(p.outputs.begin(), p.outputs.end(), [&](const auto& o) { return o.first == finding; });
  if (!known && !output) return Error{Code::not_found, "the model has no finding of that name"};
  return p.outputs.size() == 1 ? p.outputs.front().first : std::string{finding};
}

// What is meant by what was said: agreement implies the model's label; with two classes disagreement implies the other
// one; a label alone implies agreement or not.
Status complete(Verdict& v, const StoredPrediction& p, const std::vector<std::string>& classes, bool hidden) {
  const bool nothing = v.label == kNoBox && p.details.is_object() && p.details.value("kind", std::string{}) == "boxes";
  if (!v.label.empty() && !nothing && std::find(classes.begin(), classes.end(), v.label) == classes.end())
    return Error{Code::invalid, "label: not one of the model's classes"};
  if (hidden && v.label.empty() && v.agree)
    return Error{Code::precondition, "a blinded read: give a label, the prediction is not shown yet"};
  if (!v.agree && v.label.empty() && v.comment.empty())
    return Error{Code::invalid, "a verdict needs a label, an agreement or a comment"};
  if (!v.label.empty()) {
    const bool same = v.label == p.finding;
    if (v.agree && *v.agree != same) {
      return Error{Code::invalid, same ? "agree: false, but the label is the model's"
                                       : "agree: true, but the label is not the model's"};
    }
    v.agree = same;
    return {};
  }
  if (!v.agree) return {};
  if (*v.agree) {
    v.label = p.finding;
  } else if (classes.size() == 2 && !p.details.is_object()) {  // an outline that is wrong need not be wrong altogether
    v.label = p.finding == classes[0] ? classes[1] : classes[0];
  }
  return {};
}

}  // namespace

Result<Json> PredictionService::last_verdict(std::string_view id, std::string_view reader) const {
  ACESO_TRY(const auto rows, context_.catalogue->query(
                                 std::string{kColumns} +
                                     "WHERE prediction = ?1 AND reader = ?2 ORDER BY time DESC, revision DESC LIMIT 1",
                                 {std::string{id}, std::string{reader}}));
  return rows.empty() ? Json(nullptr) : to_json(rows.front());
}

Result<Json> PredictionService::put_verdict(const Actor& reader, std::string_view id, std::string_view finding_named,
                                            const Json& body) {
  ACESO_TRY(const StoredPrediction p, find(id));
  if (!is_applicable(p.uncertainty))
    return Error{Code::precondition, "the model gave no answer on this input: there is nothing to judge"};
  ACESO_TRY(const auto info, registry_.info(p.model.bundle));
  const std::vector<std::string>& classes = info->card.classes;
  ACESO_TRY(const std::string finding, canonical_finding(p, classes, finding_named));
  Verdict v;
  ACESO_TRY(ObjectReader fields, ObjectReader::of(body, "verdict"));
  ACESO_TRY(v.agree, fields.maybe_boolean("agree"));
  ACESO_TRY(v.label, fields.text_or("label", 200, {}));
  ACESO_TRY(v.comment, fields.text_or("comment", 4000, {}));
  ACESO_TRY_OK(fields.done());
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  ACESO_TRY(const bool hide, hidden(p, pending));
  ACESO_TRY_OK(complete(v, p, classes, hide));

  const store::SqlArgs key{p.id, finding, reader.id};
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto last, tx.query("SELECT revision, agree, label, comment FROM verdict WHERE prediction = ?1 AND "
                                        "finding = ?2 AND reader = ?3 ORDER BY revision DESC LIMIT 1",
                                        key));
    if (!last.empty()) {
      const store::Row& row = last.front();
      const bool same_agree = v.agree ? !row.is_null(1) && (row.integer(1) != 0) == *v.agree : row.is_null(1);
      if (same_agree && row.text(2) == v.label && row.text(3) == v.comment) return {};  // said twice: PUT is idempotent
    }
    // Seen: this prediction, or another of the same input by any model.
    ACESO_TRY(const auto seen, tx.query("SELECT 1 FROM prediction_view s JOIN prediction q ON q.id = s.prediction "
                                        "WHERE s.reader = ?1 AND (q.input_sha256 = ?2 OR q.tensor_sha256 = ?3) LIMIT 1",
                                        {reader.id, p.input_sha256, p.tensor_sha256}));
    const std::int64_t revision = last.empty() ? 1 : last.front().integer(0) + 1;
    store::SqlArgs args{p.id,
                        finding,
                        reader.id,
                        revision,
                        reader.name,
                        nullptr,
                        v.label,
                        v.comment,
                        std::int64_t{seen.empty() ? 0 : 1},
                        context_.now_us()};
    if (v.agree) args[5] = std::int64_t{*v.agree ? 1 : 0};
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO verdict (prediction, finding, reader, revision, reader_name, agree, label, "
                         "comment, saw_prediction_first, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                         args));
    return context_.record(
        reader, revision == 1 ? "C" : "U", "verdict.give", "prediction", p.id,
        dump(Json{{"finding", finding}, {"revision", revision}, {"saw_prediction_first", !seen.empty()}}));
  }));
  ACESO_TRY(const auto rows,
            context_.catalogue->query(
                std::string{kColumns} +
                    "WHERE prediction = ?1 AND finding = ?2 AND reader = ?3 ORDER BY revision DESC LIMIT 1",
                key));
  if (rows.empty()) return Error{Code::internal, "the verdict is not in the catalogue"};
  return to_json(rows.front());
}

Result<Json> PredictionService::verdicts(const Actor& reader, std::string_view id) const {
  ACESO_TRY(const StoredPrediction p, find(id));
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  ACESO_TRY(const bool hide, hidden(p, pending));
  // Of a hidden prediction a reader sees only what that reader said: another's agreement would tell the prediction.
  const std::string where = hide ? "WHERE prediction = ?1 AND reader = ?2 " : "WHERE prediction = ?1 AND ?2 <> '' ";
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kColumns} + where + "ORDER BY time, reader, finding, revision",
                                      {p.id, hide ? reader.id : std::string{"-"}}, 10'000));
  Json items = Json::array();
  for (const store::Row& row : rows) items.push_back(to_json(row));
  return Json{{"items", std::move(items)}, {"next", nullptr}};
}

}  // namespace aceso::models
