// What answers of a version are compared with: the bundle's validation data, its own first answers, or those of days
// that somebody chose.
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/learn/boxes.hpp"
#include "aceso/learn/outlines.hpp"
#include "object_reader.hpp"
#include "watch.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kOwnCases = 200;  // that a reference from answers needs: it is not known to be right
const Actor kWatcher{.id = "system", .name = "system", .source_address = "local", .request_id = {}};

std::string version_text(const ModelVersion& v) {
  return v.name + "/" + std::to_string(v.version);
}

}  // namespace

std::vector<std::string> watched_scores(const learn::Bundle& bundle) {
  const learn::ModelSignature& signature = bundle.signature;
  const std::vector<std::string>& classes = bundle.card.classes;
  if (learn::draws_outlines(signature)) return learn::outline_labels(signature);
  if (learn::finds_boxes(signature)) return learn::box_labels(signature);
  if (learn::task_of(signature) == learn::Task::regression)
    return {classes.empty() ? std::string{"value"} : classes.front()};
  const learn::Shape shape = signature.outputs.empty() ? learn::Shape{} : signature.outputs.front().shape;
  const std::size_t count = shape.empty() || shape.back() < 1 ? 1 : static_cast<std::size_t>(shape.back());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t of = count == 1 && learn::task_of(signature) == learn::Task::classes ? 1 : i;
    names.push_back(of < classes.size() ? classes[of] : std::to_string(of));
  }
  return names;
}

std::vector<std::string> watched_findings(const learn::Bundle& bundle) {
  if (learn::draws_outlines(bundle.signature) || learn::task_of(bundle.signature) != learn::Task::classes) return {};
  return bundle.card.classes;
}

Result<std::vector<learn::WatchFeature>> Watch::layout_of(const ModelVersion& version,
                                                          std::vector<std::string>* findings) const {
  ACESO_TRY(const auto bundle, registry_.info(version.bundle));
  ACESO_TRY(const learn::Applicability applicability, learn::parse_applicability(bundle->applicability));
  if (findings != nullptr) *findings = watched_findings(*bundle);
  return learn::watch_layout(bundle->signature, applicability, watched_scores(*bundle));
}

Result<std::optional<Watch::Reference>> Watch::reference(const ModelVersion& version) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT number, until_day, reference, reason, set_by_name, time FROM "
                                      "watch_reference WHERE model = ?1 AND version = ?2 ORDER BY number DESC LIMIT 1",
                                      {version.name, std::int64_t{version.version}}));
  Reference out;
  ACESO_TRY(const auto bundle, registry_.info(version.bundle));
  const Json in_bundle =
      bundle->applicability.is_object() ? bundle->applicability.value("watch", Json()) : Json(nullptr);
  Json from = in_bundle;
  if (!rows.empty()) {
    out.number = rows.front().integer(0);
    out.until_day = rows.front().integer(1);
    ACESO_TRY(const Json stored, parse_own(rows.front().text(2)));
    if (!stored.is_null()) from = stored;
    out.reason = rows.front().text(3);
    out.set_by_name = rows.front().text(4);
    out.time = rows.front().integer(5);
  }
  if (from.is_null()) return first_answers(version);
  auto parsed = learn::parse_watch_reference(from);
  if (!parsed) return first_answers(version);  // a bundle from elsewhere, or of another layout
  ACESO_TRY(const std::vector<learn::WatchFeature> layout, layout_of(version, nullptr));
  if (parsed->features != layout) return first_answers(version);
  out.data = *std::move(parsed);
  return std::optional{std::move(out)};
}

// Once there are enough of them they are kept: later answers change nothing.
Result<std::optional<Watch::Reference>> Watch::first_answers(const ModelVersion& version) const {
  ACESO_TRY(const auto days,
            context_.catalogue->query(
                "SELECT DISTINCT day FROM observation WHERE model = ?1 AND version = ?2 AND day < ?3 ORDER BY day "
                "LIMIT 400",
                {version.name, std::int64_t{version.version}, today()}));
  std::vector<std::string> findings;
  ACESO_TRY(std::vector<learn::WatchFeature> layout, layout_of(version, &findings));
  std::set<std::string> seen;
  std::vector<learn::WatchCase> cases;
  std::int64_t last = -1;
  for (const store::Row& row : days) {
    last = row.integer(0);
    ACESO_TRY(Day day, read_day(version, last, findings, layout.size()));
    for (auto& [hash, one] : day.cases) {
      if (seen.insert(hash).second) cases.push_back(std::move(one));
    }
    if (cases.size() >= kOwnCases) break;
  }
  if (cases.size() < kOwnCases) return std::optional<Reference>{};
  Reference out;
  ACESO_TRY(out.data, learn::fit_watch_reference("first answers", std::move(layout), std::move(findings), cases));
  out.until_day = last;
  ACESO_TRY(const auto before,
            context_.catalogue->query("SELECT COALESCE(MAX(number), 0) FROM watch_reference WHERE model = ?1 AND "
                                      "version = ?2",
                                      {version.name, std::int64_t{version.version}}));
  out.number = before.front().integer(0) + 1;
  out.reason = "the bundle has no reference of its own: the first answers are taken for usual";
  out.set_by_name = kWatcher.name;
  out.time = context_.now_us();
  ACESO_TRY_OK(store_reference(kWatcher, version, out));
  return std::optional{std::move(out)};
}

Status Watch::store_reference(const Actor& actor, const ModelVersion& version, const Reference& reference) const {
  const Json json = reference.data.features.empty() ? Json(nullptr) : learn::to_json(reference.data);
  const std::int64_t number = version.version;
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto added,
              tx.execute("INSERT INTO watch_reference (model, version, number, until_day, reference, reason, set_by, "
                         "set_by_name, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                         {version.name, number, reference.number, reference.until_day, dump(json), reference.reason,
                          actor.id, actor.name, reference.time}));
    ACESO_TRY([[maybe_unused]] const auto again,
              tx.execute("DELETE FROM watch_day WHERE model = ?1 AND version = ?2 AND day > ?3",
                         {version.name, number, reference.until_day}));
    return {};
  }));
  return context_.record(
      actor, "U", "model.watch.reference", "model", version_text(version),
      dump(Json{{"source", reference.data.source}, {"cases", reference.data.cases}, {"bundle", version.bundle}}));
}

Result<Json> Watch::set_reference(const Actor& actor, std::string_view model, int version, const Json& request) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "reference"));
  ACESO_TRY(const std::int64_t days, reader.integer_or("days", 0, 1, kMaxDays));
  ACESO_TRY(const bool bundle, reader.boolean_or("bundle", false));
  ACESO_TRY(const std::string reason, reader.text("reason", 2000));
  ACESO_TRY_OK(reader.done());
  if (bundle == (days > 0)) return Error{Code::invalid, "reference: give either days or bundle"};
  ACESO_TRY(const ModelVersion v, registry_.find(model, version));
  const std::lock_guard lock{judging_};
  Reference next;
  std::vector<std::string> findings;
  ACESO_TRY(std::vector<learn::WatchFeature> layout, layout_of(v, &findings));
  if (bundle) {
    ACESO_TRY(const auto info, registry_.info(v.bundle));
    const Json own = info->applicability.is_object() ? info->applicability.value("watch", Json()) : Json(nullptr);
    if (own.is_null()) return Error{Code::precondition, "the bundle of this version has no reference"};
    ACESO_TRY(const learn::WatchReference parsed, learn::parse_watch_reference(own));
    if (parsed.features != layout) return Error{Code::precondition, "the bundle's reference is of another layout"};
  } else {
    ACESO_TRY(std::vector<learn::WatchCase> cases, read_days(v, today() - days + 1, today(), findings, layout.size()));
    if (cases.size() < kOwnCases) {
      return Error{Code::precondition, "a reference needs " + std::to_string(kOwnCases) +
                                           " different inputs; these days have " + std::to_string(cases.size())};
    }
    ACESO_TRY(next.data, learn::fit_watch_reference("chosen days", std::move(layout), std::move(findings), cases));
    next.until_day = today();
    ACESO_TRY(const auto current, reference(v));
    if (current && current->data.calibration) {  // what a score means was known before, and is kept
      next.data.calibration = current->data.calibration;
      next.data.two_classes = current->data.two_classes;
      next.data.threshold = current->data.threshold;
      next.data.expected_accuracy = current->data.expected_accuracy;
      next.data.expected_sd = current->data.expected_sd;
    }
  }
  ACESO_TRY(const auto before, context_.catalogue->query("SELECT COALESCE(MAX(number), 0) FROM watch_reference WHERE "
                                                         "model = ?1 AND version = ?2",
                                                         {v.name, std::int64_t{v.version}}));
  next.number = before.front().integer(0) + 1;
  next.reason = reason;
  next.time = context_.now_us();
  ACESO_TRY_OK(store_reference(actor, v, next));
  ACESO_TRY_OK(end_alarms(v));
  return Json{{"model", v.name},
              {"version", v.version},
              {"source", bundle ? "bundle" : next.data.source},
              {"cases", bundle ? Json(nullptr) : Json(next.data.cases)}};
}

}  // namespace aceso::models
