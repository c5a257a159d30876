#include "review.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/crypto/hash.hpp"
#include "aceso/learn/outlines.hpp"
#include "object_reader.hpp"
#include "prediction_rows.hpp"
#include "shadow.hpp"
#include "uncertainty.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kConsidered = 20'000;
constexpr std::size_t kByChance = 5;  // one of so many

struct Waiting {
  std::string id, input;
  int version = 0;
  std::int64_t created = 0;
  double ambiguity = 0;
  std::string why;
  std::string draw;  // a hash: an order that says nothing of the answer
};

// Classes that the conformal set leaves open.
std::size_t open_classes(const Json& uncertainty) {
  if (!uncertainty.is_object() || !uncertainty.contains("set") || !uncertainty["set"].is_object()) return 1;
  const Json classes = uncertainty["set"].value("classes", Json::array());
  return classes.is_array() ? classes.size() : 1;
}

}  // namespace

double ambiguity_of(const StoredPrediction& p) {
  if (p.outputs.size() == 1) {
    const double value = p.probability;
    const double room = value >= p.threshold ? 1 - p.threshold : p.threshold;
    if (room <= 0) return 1;
    return std::clamp(1 - std::abs(value - p.threshold) / room, 0.0, 1.0);
  }
  double first = 0;
  double second = 0;
  for (const auto& [name, probability] : p.outputs) {
    second = std::max(second, std::min(first, probability));
    first = std::max(first, probability);
  }
  return first > 0 ? std::clamp(second / first, 0.0, 1.0) : 0;
}

Result<Json> ReviewQueue::list(const Actor& reader, std::string_view model, std::size_t readers,
                               std::size_t limit) const {
  ACESO_TRY_OK(check_name("model", model));
  const std::string name{model};
  ACESO_TRY(const auto versions,
            context_.catalogue->query("SELECT bundle FROM model_version WHERE name = ?1 ORDER BY version DESC LIMIT 1",
                                      {name}));
  if (versions.empty()) return Error{Code::not_found, "there is no such model"};
  ACESO_TRY(const auto info, registry_.info(versions.front().text(0)));
  if (learn::draws_outlines(info->signature) || learn::task_of(info->signature) != learn::Task::classes)
    return Error{Code::unsupported,
                 "verdicts on models of outlines, boxes, several labels or numbers are no labels yet"};
  // Inputs that this reader has judged, or enough readers, or the future: by any version of this name.
  ACESO_TRY(const auto judged, context_.catalogue->query(
                                   "SELECT p.input_sha256, v.reader, MAX(v.label) FROM verdict v JOIN prediction p ON "
                                   "p.id = v.prediction WHERE p.model = ?1 GROUP BY p.input_sha256, v.reader",
                                   {name}, 1'000'000));
  std::map<std::string, std::set<std::string>, std::less<>> by_input;  // who gave it a label
  std::set<std::string, std::less<>> mine;                             // looked at by this reader, if unsure
  for (const store::Row& row : judged) {
    if (!row.text(2).empty()) by_input[row.text(0)].insert(row.text(1));
    if (row.text(1) == reader.id) mine.insert(row.text(0));
  }
  // Blinded reads that wait for a verdict: nobody is told how sure the model is of them, and their reader nothing of
  // the same input by any other model either.
  ACESO_TRY(const auto blinded,
            context_.catalogue->query("SELECT p.id, p.agent, p.input_sha256, p.tensor_sha256 FROM prediction p WHERE "
                                      "p.blinded = 1 AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.prediction = p.id "
                                      "AND v.reader = p.agent)",
                                      {}, 1'000'000));
  std::set<std::string, std::less<>> hidden;
  for (const store::Row& row : blinded) {
    hidden.insert(row.text(0));
    if (row.text(1) != reader.id) continue;
    hidden.insert(row.text(2));
    hidden.insert(row.text(3));
  }
  ACESO_TRY(const auto truths, context_.catalogue->query("SELECT DISTINCT p.input_sha256 FROM truth t JOIN prediction "
                                                         "p ON p.id = t.prediction WHERE p.model = ?1 AND t.withdrawn "
                                                         "= 0 AND t.revision = (SELECT MAX(u.revision) FROM truth u "
                                                         "WHERE u.prediction = t.prediction AND u.kind = t.kind)",
                                                         {name}, 1'000'000));
  std::set<std::string, std::less<>> known;
  for (const store::Row& row : truths) known.insert(row.text(0));
  ACESO_TRY(const auto rows, context_.catalogue->query(std::string{kPredictionColumns} +
                                                           "WHERE model = ?1 AND source <> ?2 ORDER BY id DESC LIMIT " +
                                                           std::to_string(kConsidered),
                                                       {name, std::string{kShadowSource}}, kConsidered));
  std::vector<Waiting> waiting;
  std::set<std::string, std::less<>> seen;
  for (const store::Row& row : rows) {
    ACESO_TRY(const StoredPrediction p, prediction_from_row(row));
    if (!is_applicable(p.uncertainty) || p.outputs.empty() || known.contains(p.input_sha256)) continue;
    if (mine.contains(p.input_sha256) || hidden.contains(p.id) || hidden.contains(p.input_sha256) ||
        hidden.contains(p.tensor_sha256))
      continue;
    const auto by = by_input.find(p.input_sha256);
    if (by != by_input.end() && by->second.size() >= readers) continue;
    if (!seen.insert(p.input_sha256).second) continue;
    Waiting one{.id = p.id,
                .input = p.input_sha256,
                .version = p.model.version,
                .created = p.created,
                .ambiguity = ambiguity_of(p),
                .why = open_classes(p.uncertainty) > 1 ? "more than one class is possible" : "near the threshold",
                .draw = crypto::to_hex(crypto::sha256(crypto::as_bytes(p.input_sha256 + name)))};
    if (one.ambiguity < 0.5 && open_classes(p.uncertainty) <= 1) one.why = "the next by uncertainty";
    waiting.push_back(std::move(one));
  }
  std::sort(waiting.begin(), waiting.end(), [](const Waiting& a, const Waiting& b) {
    if (a.ambiguity != b.ambiguity) return a.ambiguity > b.ambiguity;
    return a.id > b.id;  // the newer one
  });
  std::vector<std::size_t> chance(waiting.size());
  for (std::size_t i = 0; i < chance.size(); ++i) chance[i] = i;
  std::sort(chance.begin(), chance.end(),
            [&](std::size_t a, std::size_t b) { return waiting[a].draw < waiting[b].draw; });
  Json items = Json::array();
  std::vector<bool> taken(waiting.size(), false);
  std::size_t next = 0;
  std::size_t drawn = 0;
  while (items.size() < limit && items.size() < waiting.size()) {
    const bool by_chance = items.size() % kByChance == kByChance - 1;
    std::size_t& at = by_chance ? drawn : next;
    while (taken[by_chance ? chance[at] : at]) ++at;
    const std::size_t index = by_chance ? chance[at] : at;
    taken[index] = true;
    const Waiting& w = waiting[index];
    items.push_back(Json{{"prediction", w.id},
                         {"version", w.version},
                         {"created", time_text(w.created)},
                         {"ambiguity", w.ambiguity},
                         {"why", by_chance ? "drawn by chance" : w.why}});
  }
  return Json{{"items", std::move(items)}, {"waiting", waiting.size()}, {"considered", rows.size()}, {"next", nullptr}};
}

}  // namespace aceso::models
