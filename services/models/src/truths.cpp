#include "truths.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "aceso/learn/outlines.hpp"
#include "aceso/stats/interval.hpp"
#include "object_reader.hpp"
#include "uncertainty.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxTruths = 1'000'000;
constexpr std::size_t kMaxCodes = 20'000;
constexpr std::size_t kMaxShown = 50;

constexpr std::string_view kColumns =
    "SELECT kind, revision, withdrawn, label, scheme, code, meaning, observed, origin, comment, author, author_name, "
    "time FROM truth ";
// The latest revision of each kind that still stands.
constexpr std::string_view kStanding =
    "SELECT p.id, p.input_sha256, p.input_type, p.source, p.finding, t.kind, t.label FROM truth t JOIN prediction p ON "
    "p.id = t.prediction WHERE p.model = ?1 AND t.withdrawn = 0 AND t.revision = (SELECT MAX(u.revision) FROM truth u "
    "WHERE u.prediction = t.prediction AND u.kind = t.kind) ORDER BY p.id, t.kind";
// The latest revision of each reader on each finding.
constexpr std::string_view kVerdicts =
    "SELECT p.input_sha256, p.input_type, p.source, v.label FROM verdict v JOIN prediction p ON p.id = v.prediction "
    "WHERE p.model = ?1 AND v.revision = (SELECT MAX(w.revision) FROM verdict w WHERE w.prediction = v.prediction AND "
    "w.finding = v.finding AND w.reader = v.reader) ORDER BY p.id, v.reader";

bool is_kind(std::string_view kind) {
  return std::ranges::find(kTruthKinds, kind) != kTruthKinds.end();
}

Json to_json(const store::Row& row) {
  const auto maybe = [&](std::size_t column) {
    return row.text(column).empty() ? Json(nullptr) : Json(row.text(column));
  };
  Json code = nullptr;
  if (!row.text(5).empty()) code = Json{{"scheme", row.text(4)}, {"value", row.text(5)}, {"meaning", row.text(6)}};
  return Json{{"kind", row.text(0)},
              {"revision", row.integer(1)},
              {"withdrawn", row.integer(2) != 0},
              {"label", maybe(3)},
              {"code", std::move(code)},
              {"date", maybe(7)},
              {"origin", row.text(8)},
              {"comment", row.text(9)},
              {"author", row.text(10)},
              {"author_name", row.text(11)},
              {"time", time_text(row.integer(12))}};
}

// "2026-01-31", a day that is not after `today`.
Status check_date(const std::string& text, std::chrono::sys_days today) {
  const Error wrong{Code::invalid, "date: a day like 2026-01-31 is expected, not after today"};
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return wrong;
  int parts[3] = {0, 0, 0};
  std::size_t part = 0;
  for (const char c : text) {
    if (c == '-') {
      ++part;
    } else if (c < '0' || c > '9') {
      return wrong;
    } else {
      parts[part] = parts[part] * 10 + (c - '0');
    }
  }
  const std::chrono::year_month_day day{std::chrono::year{parts[0]},
                                        std::chrono::month{static_cast<unsigned>(parts[1])},
                                        std::chrono::day{static_cast<unsigned>(parts[2])}};
  if (part != 2 || !day.ok() || std::chrono::sys_days{day} > today || parts[0] < 1900) return wrong;
  return {};
}

std::string folded(std::string_view text) {  // codes are compared without case (ASCII)
  std::string out{text};
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

struct Truth {
  bool withdrawn = false;
  std::string label, scheme, code, meaning, date, origin, comment;
};

Result<Truth> parse_truth(const Json& body) {
  Truth t;
  ACESO_TRY(ObjectReader fields, ObjectReader::of(body, "truth"));
  ACESO_TRY(t.withdrawn, fields.boolean_or("withdraw", false));
  if (t.withdrawn) {
    ACESO_TRY(t.comment, fields.text("comment", 2000));
    ACESO_TRY_OK(fields.done());
    return t;
  }
  ACESO_TRY(t.label, fields.text_or("label", 200, {}));
  ACESO_TRY(t.scheme, fields.text_or("scheme", 64, {}));
  ACESO_TRY(t.code, fields.text_or("code", 64, {}));
  ACESO_TRY(t.meaning, fields.text_or("meaning", 200, {}));
  ACESO_TRY(t.date, fields.text("date", 10));
  ACESO_TRY(t.origin, fields.text("origin", 200));
  ACESO_TRY(t.comment, fields.text_or("comment", 2000, {}));
  ACESO_TRY_OK(fields.done());
  if (t.code.empty() != t.scheme.empty()) return Error{Code::invalid, "a code goes with its scheme: give both"};
  if (t.code.empty() && !t.meaning.empty()) return Error{Code::invalid, "meaning: of which code?"};
  if (t.label.empty() && t.code.empty()) return Error{Code::invalid, "a truth needs a label or a code"};
  return t;
}

bool same(const store::Row& row, const Truth& t) {  // of kColumns
  return (row.integer(2) != 0) == t.withdrawn && row.text(3) == t.label && row.text(4) == t.scheme &&
         row.text(5) == t.code && row.text(6) == t.meaning && row.text(7) == t.date && row.text(8) == t.origin &&
         row.text(9) == t.comment;
}

Json share_json(std::size_t same, std::size_t of) {
  Json interval = nullptr;
  if (of > 0) {
    if (const auto made = stats::wilson_interval(same, of)) interval = Json{made->low, made->high};
  }
  return Json{{"same", same}, {"of", of}, {"interval", std::move(interval)}};
}

}  // namespace

Result<std::vector<std::string>> parse_label_sources(const Json* list) {
  if (list == nullptr || list->is_null()) return std::vector<std::string>{std::string{kVerdictSource}};
  std::string known{kVerdictSource};
  for (const auto kind : kTruthKinds) known.append(", ").append(kind);
  const Error wrong{Code::invalid,
                    "truth: a list of sources of labels is expected, the preferred one first, of " + known};
  if (!list->is_array() || list->empty()) return wrong;
  std::vector<std::string> out;
  out.reserve(list->size());
  for (const Json& one : *list) {
    if (!one.is_string()) return wrong;
    auto source = one.get<std::string>();
    if ((source != kVerdictSource && !is_kind(source)) || std::ranges::find(out, source) != out.end()) return wrong;
    out.push_back(std::move(source));
  }
  return out;
}

std::string label_sources_text(const std::vector<std::string>& sources) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kWords{
      {{"pathology", "pathology"},
       {"follow_up", "follow-up imaging"},
       {"consensus", "consensus of readers"},
       {"discharge", "discharge codes"},
       {kVerdictSource, "verdicts of readers"}}};
  std::string out;
  for (const auto& source : sources) {
    const auto* const found = std::ranges::find(kWords, source, &std::pair<std::string_view, std::string_view>::first);
    if (!out.empty()) out += ", else ";
    out += found == kWords.end() ? std::string_view{source} : found->second;
  }
  return out;
}

Result<std::vector<std::string>> Truths::classes_of(std::string_view bundle) const {
  ACESO_TRY(const auto info, registry_.info(bundle));
  if (learn::draws_outlines(info->signature) || learn::task_of(info->signature) != learn::Task::classes) {
    return Error{
        Code::unsupported,
        "a later truth is one of the model's classes: models of outlines, boxes, several labels or numbers have none"};
  }
  return info->card.classes;
}

Result<std::string> Truths::mapped(std::string_view model, std::string_view scheme, std::string_view code) const {
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT scheme, code, label FROM truth_code WHERE model = ?1",
                                                       {std::string{model}}, kMaxCodes));
  std::string label;
  std::size_t longest = 0;
  const std::string wanted = folded(code);
  for (const store::Row& row : rows) {
    if (folded(row.text(0)) != folded(scheme)) continue;
    std::string pattern = folded(row.text(1));
    const bool open = pattern.ends_with('*');
    if (open) pattern.pop_back();
    if (open ? !wanted.starts_with(pattern) : wanted != pattern) continue;
    const std::size_t weight = open ? pattern.size() + 1 : 1000;  // an exact code before every beginning
    if (weight <= longest) continue;
    longest = weight;
    label = row.text(2);
  }
  return label;
}

Result<Json> Truths::put(const Actor& author, std::string_view id, std::string_view kind, const Json& body) {
  if (!is_kind(kind))
    return Error{Code::not_found, "a later truth is one of pathology, follow_up, consensus and discharge"};
  ACESO_TRY(const StoredPrediction p, predictions_.open_to(author, id));
  ACESO_TRY(const auto classes, classes_of(p.model.bundle));
  ACESO_TRY(Truth t, parse_truth(body));
  if (!t.withdrawn) {
    ACESO_TRY_OK(check_date(t.date, std::chrono::floor<std::chrono::days>(context_.clock.utc_now())));
    if (!t.code.empty()) {
      ACESO_TRY(const std::string label, mapped(p.model.name, t.scheme, t.code));
      if (t.label.empty() && label.empty())
        return Error{Code::invalid, "label: is missing, and the model's codes do not say which class this code is"};
      if (!t.label.empty() && !label.empty() && label != t.label)
        return Error{Code::invalid, "label: the model's codes say that this code is another class"};
      if (t.label.empty()) t.label = label;
    }
    if (std::ranges::find(classes, t.label) == classes.end())
      return Error{Code::invalid, "label: not one of the model's classes"};
  }
  const store::SqlArgs key{p.id, std::string{kind}};
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(
        const auto last,
        tx.query(std::string{kColumns} + "WHERE prediction = ?1 AND kind = ?2 ORDER BY revision DESC LIMIT 1", key));
    if (!last.empty() && same(last.front(), t)) return {};
    if (t.withdrawn && (last.empty() || last.front().integer(2) != 0))
      return Error{Code::precondition, "there is no truth of this kind to withdraw"};
    const std::int64_t revision = last.empty() ? 1 : last.front().integer(1) + 1;
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO truth (prediction, kind, revision, withdrawn, label, scheme, code, meaning, "
                         "observed, origin, comment, author, author_name, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                         "?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                         {p.id, std::string{kind}, revision, std::int64_t{t.withdrawn ? 1 : 0}, t.label, t.scheme,
                          t.code, t.meaning, t.date, t.origin, t.comment, author.id, author.name, context_.now_us()}));
    return context_.record(author,
                           t.withdrawn     ? "D"
                           : revision == 1 ? "C"
                                           : "U",
                           t.withdrawn ? "truth.withdraw" : "truth.give", "prediction", p.id,
                           dump(Json{{"kind", kind}, {"revision", revision}}));
  }));
  ACESO_TRY(const auto rows,
            context_.catalogue->query(
                std::string{kColumns} + "WHERE prediction = ?1 AND kind = ?2 ORDER BY revision DESC LIMIT 1", key));
  if (rows.empty()) return Error{Code::internal, "the truth is not in the catalogue"};
  return to_json(rows.front());
}

Result<Json> Truths::of_prediction(const Actor& reader, std::string_view id) const {
  ACESO_TRY(const StoredPrediction p, predictions_.open_to(reader, id));
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kColumns} + "WHERE prediction = ?1 ORDER BY kind, revision", {p.id},
                                      10'000));
  ACESO_TRY(const auto verdicts,
            context_.catalogue->query(
                "SELECT v.reader_name, v.label FROM verdict v WHERE v.prediction = ?1 AND v.label <> '' AND v.revision "
                "= (SELECT MAX(w.revision) FROM verdict w WHERE w.prediction = v.prediction AND w.finding = v.finding "
                "AND w.reader = v.reader) ORDER BY v.time",
                {p.id}, 10'000));
  Json items = Json::array();
  std::map<std::string, Json> last;  // by kind
  for (const store::Row& row : rows) {
    items.push_back(to_json(row));
    last[row.text(0)] = items.back();
  }
  Json agreement = Json::array();
  for (const auto& [kind, truth] : last) {
    if (truth.at("withdrawn").get<bool>()) continue;
    Json readers = Json::array();
    for (const store::Row& row : verdicts)
      readers.push_back(Json{{"reader_name", row.text(0)}, {"same", Json(row.text(1)) == truth.at("label")}});
    const bool answered = is_applicable(p.uncertainty);
    agreement.push_back(Json{{"kind", kind},
                             {"label", truth.at("label")},
                             {"model_same", answered ? Json(Json(p.finding) == truth.at("label")) : Json(nullptr)},
                             {"readers", std::move(readers)}});
  }
  Json classes = Json::array();
  if (const auto known = classes_of(p.model.bundle)) classes = *known;
  return Json{{"items", std::move(items)}, {"agreement", std::move(agreement)}, {"classes", std::move(classes)}};
}

Result<Json> Truths::codes(std::string_view model) const {
  ACESO_TRY_OK(check_name("model", model));
  ACESO_TRY(const auto rows,
            context_.catalogue->query(
                "SELECT scheme, code, label, set_by_name, time FROM truth_code WHERE model = ?1 ORDER BY scheme, code",
                {std::string{model}}, kMaxCodes));
  Json items = Json::array();
  for (const store::Row& row : rows) {
    items.push_back(Json{{"scheme", row.text(0)},
                         {"code", row.text(1)},
                         {"label", row.text(2)},
                         {"set_by_name", row.text(3)},
                         {"time", time_text(row.integer(4))}});
  }
  return Json{{"codes", std::move(items)}};
}

Result<Json> Truths::set_codes(const Actor& author, std::string_view model, const Json& body) {
  ACESO_TRY_OK(check_name("model", model));
  ACESO_TRY(const auto versions,
            context_.catalogue->query("SELECT bundle FROM model_version WHERE name = ?1 ORDER BY version DESC LIMIT 1",
                                      {std::string{model}}));
  if (versions.empty()) return Error{Code::not_found, "there is no such model"};
  ACESO_TRY(const auto classes, classes_of(versions.front().text(0)));
  ACESO_TRY(ObjectReader fields, ObjectReader::of(body, "codes"));
  const Json* list = fields.child("codes");
  ACESO_TRY_OK(fields.done());
  if (list == nullptr || !list->is_array() || list->size() > kMaxCodes)
    return Error{Code::invalid, "codes: a list of at most 20000 is expected"};
  std::vector<std::array<std::string, 3>> made;
  made.reserve(list->size());
  std::set<std::pair<std::string, std::string>> seen;
  for (const Json& one : *list) {
    ACESO_TRY(ObjectReader row, ObjectReader::of(one, "code"));
    ACESO_TRY(std::string scheme, row.text("scheme", 64));
    ACESO_TRY(std::string code, row.text("code", 64));
    ACESO_TRY(std::string label, row.text("label", 200));
    ACESO_TRY_OK(row.done());
    if (std::ranges::find(classes, label) == classes.end())
      return Error{Code::invalid, "label: not one of the model's classes"};
    if (const auto star = code.find('*'); star != std::string::npos && (star + 1 != code.size() || code.size() < 2))
      return Error{Code::invalid, "code: '*' stands at the end, behind the beginning of a code"};
    if (!seen.emplace(folded(scheme), folded(code)).second)
      return Error{Code::invalid, "codes: one of them is there twice"};
    made.push_back({std::move(scheme), std::move(code), std::move(label)});
  }
  const std::int64_t now = context_.now_us();
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto gone,
              tx.execute("DELETE FROM truth_code WHERE model = ?1", {std::string{model}}));
    for (const auto& [scheme, code, label] : made) {
      ACESO_TRY([[maybe_unused]] const auto n,
                tx.execute("INSERT INTO truth_code (model, scheme, code, label, set_by, set_by_name, time) VALUES (?1, "
                           "?2, ?3, ?4, ?5, ?6, ?7)",
                           {std::string{model}, scheme, code, label, author.id, author.name, now}));
    }
    return context_.record(author, "U", "truth.codes", "model", model, dump(Json{{"codes", made.size()}}));
  }));
  return codes(model);
}

Result<KnownInputs> Truths::known(std::string_view model) const {
  KnownInputs out;
  std::map<std::string, KnownInput> by_input;
  const auto note = [&](const std::string& input, const std::string& type, const std::string& source,
                        const std::string& from, const std::string& label) {
    if (label.empty()) {
      ++out.unlabelled;
      return;
    }
    auto& one = by_input.try_emplace(input, KnownInput{input, type, source, {}}).first->second;
    const auto [at, fresh] = one.labels.try_emplace(from, label);
    if (!fresh && at->second && *at->second != label) at->second.reset();  // they disagree
  };
  ACESO_TRY(const auto verdicts, context_.catalogue->query(std::string{kVerdicts}, {std::string{model}}, kMaxTruths));
  for (const store::Row& row : verdicts)
    note(row.text(0), row.text(1), row.text(2), std::string{kVerdictSource}, row.text(3));
  ACESO_TRY(const auto truths, context_.catalogue->query(std::string{kStanding}, {std::string{model}}, kMaxTruths));
  for (const store::Row& row : truths) note(row.text(1), row.text(2), row.text(3), row.text(5), row.text(6));
  out.inputs.reserve(by_input.size());
  for (auto& [input, one] : by_input) out.inputs.push_back(std::move(one));
  return out;
}

Result<Json> Truths::agreement(std::string_view model) const {
  ACESO_TRY_OK(check_name("model", model));
  ACESO_TRY(const auto versions,
            context_.catalogue->query("SELECT 1 FROM model_version WHERE name = ?1 LIMIT 1", {std::string{model}}));
  if (versions.empty()) return Error{Code::not_found, "there is no such model"};
  ACESO_TRY(const KnownInputs all, known(model));
  std::map<std::string, const KnownInput*> by_input;
  for (const auto& one : all.inputs) by_input[one.input_sha256] = &one;
  ACESO_TRY(const auto rows, context_.catalogue->query(std::string{kStanding}, {std::string{model}}, kMaxTruths));
  struct Count {
    std::size_t inputs = 0, disagreeing = 0, readers = 0, readers_same = 0, answers = 0, answers_same = 0;
    Json differ = Json::array();
  };
  std::map<std::string, Count> counts;
  for (const auto& one : all.inputs) {
    const auto verdict = one.labels.find(kVerdictSource);
    for (const auto& [kind, label] : one.labels) {
      if (kind == kVerdictSource) continue;
      auto& count = counts[kind];
      ++count.inputs;
      if (!label) ++count.disagreeing;
      if (!label || verdict == one.labels.end() || !verdict->second) continue;
      ++count.readers;
      if (*verdict->second == *label) ++count.readers_same;
    }
  }
  for (const store::Row& row : rows) {
    const std::string finding = row.text(4), kind = row.text(5), label = row.text(6);
    auto& count = counts[kind];
    const auto& labels = by_input.at(row.text(1))->labels;
    const auto verdict = labels.find(kVerdictSource);
    const bool reader_differs = verdict != labels.end() && verdict->second && *verdict->second != label;
    if (!finding.empty()) {
      ++count.answers;
      if (finding == label) ++count.answers_same;
    }
    if ((reader_differs || (!finding.empty() && finding != label)) && count.differ.size() < kMaxShown)
      count.differ.push_back(row.text(0));
  }
  Json kinds = Json::array();
  for (const auto kind : kTruthKinds) {
    const auto found = counts.find(std::string{kind});
    if (found == counts.end()) continue;
    const Count& c = found->second;
    kinds.push_back(Json{{"kind", kind},
                         {"inputs", c.inputs},
                         {"contradictory", c.disagreeing},
                         {"readers", share_json(c.readers_same, c.readers)},
                         {"model", share_json(c.answers_same, c.answers)},
                         {"differ", c.differ}});
  }
  return Json{{"kinds", std::move(kinds)}};
}

}  // namespace aceso::models
