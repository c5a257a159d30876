// How far the readers of a labelling project agree, and what is settled.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "aceso/stats/agreement.hpp"
#include "aceso/stats/bootstrap.hpp"
#include "aceso/stats/interval.hpp"
#include "labelling.hpp"
#include "labelling_shapes.hpp"

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

// What we stored, so that nothing of it can be wrong but by damage: then nothing was drawn.
std::vector<DrawnObject> objects_of(const LabellingProject& project, const LabelAnswer& answer) {
  constexpr std::int64_t kAny = std::int64_t{1} << 20;
  if (answer.shapes.empty()) return {};
  const auto json = parse_own(answer.shapes);
  if (!json) return {};
  auto objects =
      parse_objects(*json, {.classes = project.classes, .width = kAny, .height = kAny, .outlines = project.outlines()});
  return objects ? *std::move(objects) : std::vector<DrawnObject>{};
}

// Readers' answers to one case that they agree on; none: they differ.
const LabelAnswer* common_drawing(const LabellingProject& project, std::size_t number,
                                  const std::vector<const LabelAnswer*>& readers) {
  std::vector<std::vector<DrawnObject>> drawn;
  drawn.reserve(readers.size());
  for (const LabelAnswer* answer : readers) {
    if (answer->shapes.empty() != readers.front()->shapes.empty()) return nullptr;
    drawn.push_back(objects_of(project, *answer));
  }
  for (std::size_t a = 0; a < drawn.size(); ++a) {
    for (std::size_t b = a + 1; b < drawn.size(); ++b) {
      if (!agree_on(drawn[a], drawn[b], project.outlines(), project.classes.size())) return nullptr;
    }
  }
  const double draw = Philox{project.seed}.uniform01(0x4F4E45ULL << 32, number);
  return readers[std::min(static_cast<std::size_t>(draw * static_cast<double>(readers.size())), readers.size() - 1)];
}

// What readers agree on; null: they differ.
const LabelAnswer* common(const LabellingProject& project, std::size_t number,
                          const std::map<std::int64_t, LabelAnswer>& answers) {
  std::vector<const LabelAnswer*> readers;
  for (const auto& [member, answer] : answers) {
    if (member != 0) readers.push_back(&answer);
  }
  if (readers.empty()) return nullptr;
  if (project.drawn()) return common_drawing(project, number, readers);
  const bool same = std::all_of(readers.begin(), readers.end(),
                                [&](const LabelAnswer* a) { return a->label == readers.front()->label; });
  return same ? readers.front() : nullptr;
}

Json kappa_json(std::span<const std::uint64_t> table, std::size_t categories, stats::KappaWeights weights) {
  const auto kappa = stats::cohen_kappa(table, categories, weights);
  if (!kappa) return Json{{"value", nullptr}, {"why", kappa.error().message()}};
  Json json{{"value", kappa->value},
            {"low", nullptr},
            {"high", nullptr},
            {"standard_error", kappa->standard_error},
            {"observed", kappa->observed},
            {"expected", kappa->expected}};
  if (kappa->interval) {
    json["low"] = kappa->interval->low;
    json["high"] = kappa->interval->high;
  } else {
    json["why"] =
        kappa->value > 0 ? "no interval: the readers agree in every case" : "no interval: the large-sample error is 0";
  }
  return json;
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
            {"categories", project.classes},
            {"table", std::move(rows)},
            {"classes", std::move(each)}};
  if (project.ordered && classes > 2) {
    json["kappa_linear"] = kappa_json(table, classes, stats::KappaWeights::linear);
    json["kappa_quadratic"] = kappa_json(table, classes, stats::KappaWeights::quadratic);
  }
  return json;
}

// The mean, and from where to where the bootstrap puts 95 % of it, whole cases drawn; no interval of fewer than two.
Json mean_json(const std::vector<double>& values, const std::vector<std::uint32_t>& cases, std::uint64_t seed) {
  Json json{{"n", values.size()}, {"mean", nullptr}, {"low", nullptr}, {"high", nullptr}};
  if (values.empty()) return json;
  const auto mean = [&](std::span<const std::size_t> indices) -> std::optional<double> {
    double sum = 0;
    for (const std::size_t i : indices) sum += values[i];
    return indices.empty() ? std::nullopt : std::optional{sum / static_cast<double>(indices.size())};
  };
  double sum = 0;
  for (const double value : values) sum += value;
  json["mean"] = sum / static_cast<double>(values.size());
  if (values.size() < 2) return json;
  stats::BootstrapOptions how;
  how.seed = seed;
  how.clusters = cases;
  if (const auto estimate = stats::bootstrap(values.size(), mean, how); estimate) {
    json["low"] = estimate->interval.low;
    json["high"] = estimate->interval.high;
  }
  return json;
}

// Cases that both have drawn on; per class whether anything of it was drawn.
struct DrawnPair {
  std::uint64_t cases = 0, unsure = 0, matched = 0, only_a = 0, only_b = 0;
  std::vector<std::uint64_t> presence = std::vector<std::uint64_t>(4);  // drawn, nothing x drawn, nothing
  std::vector<std::vector<std::uint64_t>> by_class;
  std::vector<double> ious, dice;  // of pairs of boxes; of cases the mean over the classes drawn
  std::vector<std::uint32_t> iou_cases, dice_cases;
  std::vector<std::vector<double>> class_dice;
  std::vector<std::vector<std::uint32_t>> class_dice_cases;
};

DrawnPair compare_drawings(const LabellingProject& project, const LabellingAnswers& answers, const LabellingMember& a,
                           const LabellingMember& b) {
  const std::size_t classes = project.classes.size();
  DrawnPair pair;
  pair.by_class.assign(classes, std::vector<std::uint64_t>(4));
  pair.class_dice.resize(classes);
  pair.class_dice_cases.resize(classes);
  for (std::uint32_t number = 0; number < answers.size(); ++number) {
    const auto& one = answers[number];
    const auto first = one.find(a.position), second = one.find(b.position);
    if (first == one.end() || second == one.end()) continue;
    if (first->second.shapes.empty() || second->second.shapes.empty()) {
      ++pair.unsure;
      continue;
    }
    ++pair.cases;
    const auto x = objects_of(project, first->second), y = objects_of(project, second->second);
    ++pair.presence[(x.empty() ? 2U : 0U) + (y.empty() ? 1U : 0U)];
    for (std::size_t c = 0; c < classes; ++c) {
      const auto has = [c](const DrawnObject& o) { return o.label == c; };
      ++pair.by_class[c][(std::any_of(x.begin(), x.end(), has) ? 0U : 2U) +
                         (std::any_of(y.begin(), y.end(), has) ? 0U : 1U)];
    }
    if (!project.outlines()) {
      const BoxMatch match = match_boxes(x, y);
      pair.matched += match.ious.size();
      pair.only_a += match.only_a;
      pair.only_b += match.only_b;
      pair.ious.insert(pair.ious.end(), match.ious.begin(), match.ious.end());
      pair.iou_cases.insert(pair.iou_cases.end(), match.ious.size(), number);
      continue;
    }
    const auto dice = dice_by_class(x, y, classes);
    double sum = 0, n = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      if (!dice[c]) continue;
      sum += *dice[c];
      n += 1;
      pair.class_dice[c].push_back(*dice[c]);
      pair.class_dice_cases[c].push_back(number);
    }
    if (n > 0) {
      pair.dice.push_back(sum / n);
      pair.dice_cases.push_back(number);
    }
  }
  return pair;
}

Json table_json(std::span<const std::uint64_t> table) {
  return Json::array({Json::array({table[0], table[1]}), Json::array({table[2], table[3]})});
}

Json drawn_pair_json(const LabellingProject& project, const LabellingAnswers& answers, const LabellingMember& a,
                     const LabellingMember& b) {
  const DrawnPair pair = compare_drawings(project, answers, a, b);
  const std::uint64_t agreed = pair.presence[0] + pair.presence[3];
  Json raw = Json{{"agreed", agreed}, {"value", nullptr}};
  if (const auto interval = stats::wilson_interval(agreed, pair.cases); interval) {
    raw["value"] = static_cast<double>(agreed) / static_cast<double>(pair.cases);
    raw["low"] = interval->low;
    raw["high"] = interval->high;
  }
  Json each = Json::array();
  for (std::size_t c = 0; c < project.classes.size(); ++c) {
    Json one{{"class", project.classes[c]},
             {"agreement", optional_json(stats::specific_agreement(pair.by_class[c], 2, 0))},
             {"kappa", kappa_json(pair.by_class[c], 2, stats::KappaWeights::none)}};
    if (project.outlines()) one["dice"] = mean_json(pair.class_dice[c], pair.class_dice_cases[c], project.seed);
    each.push_back(std::move(one));
  }
  Json json{{"a", a.name},
            {"b", b.name},
            {"cases", pair.cases},
            {"cannot_tell", pair.unsure},
            {"raw", std::move(raw)},
            {"kappa", kappa_json(pair.presence, 2, stats::KappaWeights::none)},
            {"categories", Json::array({"drawn", "nothing"})},
            {"table", table_json(pair.presence)},
            {"classes", std::move(each)}};
  if (project.outlines()) {
    json["dice"] = mean_json(pair.dice, pair.dice_cases, project.seed);
  } else {
    const auto all = static_cast<double>(2 * pair.matched + pair.only_a + pair.only_b);
    json["boxes"] = Json{{"matched", pair.matched},
                         {"only_a", pair.only_a},
                         {"only_b", pair.only_b},
                         {"f1", all > 0 ? Json(2 * static_cast<double>(pair.matched) / all) : Json(nullptr)},
                         {"iou", mean_json(pair.ious, pair.iou_cases, project.seed)}};
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
    unsure += found->second.reason.empty() ? 0U : 1U;
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

SettledCase settle(const LabellingProject& project, std::size_t number,
                   const std::map<std::int64_t, LabelAnswer>& answers) {
  if (!read_by_all(project, answers)) return {};
  if (const LabelAnswer* same = common(project, number, answers); same != nullptr)
    return {Outcome::agreed, same->label, same->shapes};
  const auto decided = answers.find(0);
  if (decided == answers.end()) return {Outcome::undecided, {}, {}};
  return {Outcome::adjudicated, decided->second.label, decided->second.shapes};
}

std::vector<std::size_t> disagreements(const LabellingProject& project, const LabellingAnswers& answers) {
  std::vector<std::size_t> out;
  for (const std::size_t number : project.order(0)) {
    if (read_by_all(project, answers[number]) && common(project, number, answers[number]) == nullptr)
      out.push_back(number);
  }
  return out;
}

Json agreement_json(const LabellingProject& project, const LabellingAnswers& answers) {
  std::size_t read = 0, agreed = 0, adjudicated = 0, undecided = 0, without = 0;
  for (std::size_t number = 0; number < answers.size(); ++number) {
    const SettledCase settled = settle(project, number, answers[number]);
    if (settled.outcome == Outcome::unread) continue;
    ++read;
    agreed += settled.outcome == Outcome::agreed ? 1U : 0U;
    adjudicated += settled.outcome == Outcome::adjudicated ? 1U : 0U;
    undecided += settled.outcome == Outcome::undecided ? 1U : 0U;
    without += settled.outcome != Outcome::undecided && settled.label.empty() && settled.shapes.empty() ? 1U : 0U;
  }
  Json pairs = Json::array(), readers = Json::array();
  double sum = 0;
  bool defined = true;
  for (std::size_t a = 1; a < project.members.size(); ++a) {
    readers.push_back(reader_json(answers, project.members[a]));
    for (std::size_t b = a + 1; b < project.members.size(); ++b) {
      Json pair = project.drawn() ? drawn_pair_json(project, answers, project.members[a], project.members[b])
                                  : pair_json(project, answers, project.members[a], project.members[b]);
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
              {"task", project.task},
              {"classes", project.classes},
              {"mean_kappa", defined ? Json(sum / count) : Json(nullptr)},
              {"pairs", std::move(pairs)},
              {"readers", std::move(readers)}};
}

Status Labelling::check_told(const Actor& actor, const LabellingProject& p) const {
  if (p.state == LabellingState::reading)
    return Error{Code::precondition, "the readers have not all handed in: their answers are hidden until then"};
  if (is_person(actor, p.members.front().account, p.members.front().name) && p.state != LabellingState::finished) {
    return Error{Code::precondition,
                 "you adjudicate this project: who said what is hidden from you until it is finished"};
  }
  return check_not_blinded(actor, p.dataset, p.id);  // of another project on the same samples
}

Result<Json> Labelling::agreement(const Actor& actor, bool all, std::string_view id) const {
  ACESO_TRY(const LabellingProject p, load_visible(actor, all, id));
  ACESO_TRY_OK(check_told(actor, p));
  ACESO_TRY(const LabellingAnswers given, answers(p, std::nullopt));
  return agreement_json(p, given);
}

}  // namespace aceso::models
