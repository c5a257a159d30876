// How far the readers of a labelling project agree, and what is settled.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/stats/agreement.hpp"
#include "aceso/stats/interval.hpp"
#include "labelling.hpp"

namespace aceso::models {
namespace {

int class_index(const LabellingProject& project, const std::string& name) {
  const auto found = std::find(project.classes.begin(), project.classes.end(), name);
  return found == project.classes.end() ? -1 : static_cast<int>(found - project.classes.begin());
}

bool read_by_all(const LabellingProject& project, const std::map<std::int64_t, LabelAnswer>& answers) {
  return std::all_of(project.members.begin(), project.members.end(),
                     [&](const LabellingMember& m) { return m.position == 0 || answers.contains(m.position); });
}

// Of the readers; none: they differ.
std::optional<std::string> common(const std::map<std::int64_t, LabelAnswer>& answers) {
  std::optional<std::string> label;
  for (const auto& [member, answer] : answers) {
    if (member == 0) continue;
    if (label && *label != answer.label) return std::nullopt;
    label = answer.label;
  }
  return label;
}

Json kappa_json(std::span<const std::uint64_t> table, std::size_t categories, stats::KappaWeights weights) {
  const auto kappa = stats::cohen_kappa(table, categories, weights);
  if (!kappa) return Json{{"value", nullptr}, {"why", kappa.error().message()}};
  return Json{{"value", kappa->value},        {"low", kappa->interval.low},
              {"high", kappa->interval.high}, {"standard_error", kappa->standard_error},
              {"observed", kappa->observed},  {"expected", kappa->expected}};
}

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Of two readers: cases in which both chose a class stand in the table; with "cannot tell" as a category of its own,
// all cases that both have read.
Json pair_json(const LabellingProject& project, const LabellingAnswers& answers, const LabellingMember& a,
               const LabellingMember& b) {
  const std::size_t classes = project.classes.size(), wide = classes + 1;
  std::vector<std::uint64_t> table(classes * classes), with_unsure(wide * wide);
  std::uint64_t cases = 0, agreed = 0, unsure = 0;
  for (const auto& one : answers) {
    const auto first = one.find(a.position), second = one.find(b.position);
    if (first == one.end() || second == one.end()) continue;
    const int i = class_index(project, first->second.label), j = class_index(project, second->second.label);
    const std::size_t row = i < 0 ? classes : static_cast<std::size_t>(i);
    const std::size_t column = j < 0 ? classes : static_cast<std::size_t>(j);
    ++with_unsure[row * wide + column];
    if (i < 0 || j < 0) {
      ++unsure;
      continue;
    }
    ++table[row * classes + column];
    ++cases;
    agreed += i == j ? 1U : 0U;
  }
  Json raw = Json{{"agreed", agreed}, {"value", nullptr}};
  if (const auto interval = stats::wilson_interval(agreed, cases); interval) {
    raw["value"] = static_cast<double>(agreed) / static_cast<double>(cases);
    raw["low"] = interval->low;
    raw["high"] = interval->high;
  }
  Json rows = Json::array(), each = Json::array();
  for (std::size_t c = 0; c < classes; ++c) {
    Json row = Json::array();
    for (std::size_t k = 0; k < classes; ++k) row.push_back(table[c * classes + k]);
    rows.push_back(std::move(row));
    each.push_back(
        Json{{"class", project.classes[c]},
             {"agreement", optional_json(stats::specific_agreement(table, classes, c))},
             {"kappa", kappa_json(stats::one_against_rest(table, classes, c), 2, stats::KappaWeights::none)}});
  }
  Json json{{"a", a.name},
            {"b", b.name},
            {"cases", cases},
            {"cannot_tell", unsure},
            {"raw", std::move(raw)},
            {"kappa", kappa_json(table, classes, stats::KappaWeights::none)},
            {"kappa_with_cannot_tell", kappa_json(with_unsure, wide, stats::KappaWeights::none)},
            {"table", std::move(rows)},
            {"classes", std::move(each)}};
  if (project.ordered && classes > 2) {
    json["kappa_linear"] = kappa_json(table, classes, stats::KappaWeights::linear);
    json["kappa_quadratic"] = kappa_json(table, classes, stats::KappaWeights::quadratic);
  }
  return json;
}

// How long a reader took for a case: the median, of the first answers.
Json reader_json(const LabellingAnswers& answers, const LabellingMember& reader) {
  std::vector<double> seconds;
  std::size_t unsure = 0, changed = 0;
  for (const auto& one : answers) {
    const auto found = one.find(reader.position);
    if (found == one.end()) continue;
    if (found->second.duration_ms > 0) seconds.push_back(static_cast<double>(found->second.duration_ms) / 1000);
    unsure += found->second.label.empty() ? 1U : 0U;
    changed += found->second.revision > 1 ? 1U : 0U;
  }
  Json median = nullptr;
  if (!seconds.empty()) {
    std::sort(seconds.begin(), seconds.end());
    const std::size_t half = seconds.size() / 2;
    median = seconds.size() % 2 == 1 ? seconds[half] : (seconds[half - 1] + seconds[half]) / 2;
  }
  return Json{
      {"name", reader.name}, {"cannot_tell", unsure}, {"changed", changed}, {"median_seconds", std::move(median)}};
}

}  // namespace

SettledCase settle(const LabellingProject& project, const std::map<std::int64_t, LabelAnswer>& answers) {
  if (!read_by_all(project, answers)) return {};
  if (const auto label = common(answers)) return {Outcome::agreed, *label};
  const auto decided = answers.find(0);
  if (decided == answers.end()) return {Outcome::undecided, {}};
  return {Outcome::adjudicated, decided->second.label};
}

std::vector<std::size_t> disagreements(const LabellingProject& project, const LabellingAnswers& answers) {
  std::vector<std::size_t> out;
  for (const std::size_t number : project.order(0)) {
    if (read_by_all(project, answers[number]) && !common(answers[number])) out.push_back(number);
  }
  return out;
}

Json agreement_json(const LabellingProject& project, const LabellingAnswers& answers) {
  std::size_t read = 0, agreed = 0, adjudicated = 0, undecided = 0, without = 0;
  for (const auto& one : answers) {
    const SettledCase settled = settle(project, one);
    if (settled.outcome == Outcome::unread) continue;
    ++read;
    agreed += settled.outcome == Outcome::agreed ? 1U : 0U;
    adjudicated += settled.outcome == Outcome::adjudicated ? 1U : 0U;
    undecided += settled.outcome == Outcome::undecided ? 1U : 0U;
    without += settled.outcome != Outcome::undecided && settled.label.empty() ? 1U : 0U;
  }
  Json pairs = Json::array(), readers = Json::array();
  double sum = 0;
  bool defined = true;
  for (std::size_t a = 1; a < project.members.size(); ++a) {
    readers.push_back(reader_json(answers, project.members[a]));
    for (std::size_t b = a + 1; b < project.members.size(); ++b) {
      Json pair = pair_json(project, answers, project.members[a], project.members[b]);
      defined = defined && pair["kappa"]["value"].is_number();
      if (defined) sum += pair["kappa"]["value"].get<double>();
      pairs.push_back(std::move(pair));
    }
  }
  const auto count = static_cast<double>(pairs.size());
  return Json{{"cases", project.samples.size()},
              {"read_by_all", read},
              {"agreed", agreed},
              {"disagreed", read - agreed},
              {"adjudicated", adjudicated},
              {"undecided", undecided},
              {"cannot_tell", without},
              {"classes", project.classes},
              {"mean_kappa", defined ? Json(sum / count) : Json(nullptr)},
              {"pairs", std::move(pairs)},
              {"readers", std::move(readers)}};
}

Status Labelling::check_told(const Actor& actor, const LabellingProject& p) const {
  if (p.state == LabellingState::reading)
    return Error{Code::precondition, "the readers have not all handed in: their answers are hidden until then"};
  const LabellingMember* me = p.member(actor.id);
  if (me != nullptr && me->position == 0 && p.state != LabellingState::finished) {
    return Error{Code::precondition,
                 "you adjudicate this project: who said what is hidden from you until it is finished"};
  }
  return {};
}

Result<Json> Labelling::agreement(const Actor& actor, bool all, std::string_view id) const {
  ACESO_TRY(const LabellingProject p, load_visible(actor, all, id));
  ACESO_TRY_OK(check_told(actor, p));
  ACESO_TRY(const LabellingAnswers given, answers(p, std::nullopt));
  return agreement_json(p, given);
}

}  // namespace aceso::models
