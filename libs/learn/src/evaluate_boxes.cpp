// Figures of boxes, and the trivial model beside them.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/learn/boxes.hpp"
#include "aceso/stats/interval.hpp"
#include "box_targets.hpp"
#include "figures.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxCurve = 400;  // points of the curve
constexpr std::size_t kMinMarks = 20;   // of one group of the table of validation marks
constexpr std::size_t kMaxMarkGroups = 5;
constexpr std::int64_t kPlaces = 8;      // the trivial model's grid along each axis
constexpr std::size_t kMostPlaces = 16;  // that it marks
constexpr std::array<double, 10> kOverlaps{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95};

using Value = std::function<std::optional<double>(std::span<const std::size_t>)>;

Figures figures_of(const BoxCases& cases, std::uint64_t seed) {
  Predictions samples;
  samples.labels.assign(cases.cases.size(), 0);
  for (const BoxCase& c : cases.cases) samples.groups.push_back(c.group);
  return Figures{samples, seed};
}

Json bootstrap_figure(const Figures& figures, const Value& value, std::uint64_t stream) {
  Json json = figures.bootstrapped(value, stream);
  if (json.is_object()) json["method"] = figures.by_group() ? "bootstrap by group" : "bootstrap";
  return json;
}

// A bootstrap of what is always right, or never, has no width, which says more than is known: Wilson's interval on the
// counts takes its place.
void widen(Json& json, std::uint64_t successes, std::uint64_t trials) {
  if (!json.is_object() || json["high"].get<double>() > json["low"].get<double>()) return;
  const auto interval = stats::wilson_interval(successes, trials);
  if (!interval) return;
  json["low"] = interval->low;
  json["high"] = interval->high;
  json["method"] = "Wilson, as the bootstrap has no width";
}

// Counts of one sample at the threshold, by centres.
struct Counts {
  std::uint64_t findings = 0, hits = 0, wrong = 0;
  bool clear = false, marked = false;  // without a finding; with a mark
};

std::vector<Counts> counts_of(const BoxCases& cases, double threshold, std::optional<std::size_t> label) {
  std::vector<Counts> out;
  out.reserve(cases.cases.size());
  const auto wanted = [&](int own) { return !label || own == static_cast<int>(*label); };
  for (const BoxCase& one : cases.cases) {
    const BoxMatch match = match_boxes(one, BoxRule::centre);
    Counts c;
    for (const Box& box : one.truth) c.findings += wanted(box.label) ? 1U : 0U;
    for (std::size_t i = 0; i < one.found.size(); ++i) {
      if (one.found[i].score < threshold || !wanted(one.found[i].label)) continue;
      c.marked = true;
      c.hits += match.found[i] == BoxMatch::State::hit ? 1U : 0U;
      c.wrong += match.found[i] == BoxMatch::State::wrong ? 1U : 0U;
    }
    c.clear = c.findings == 0;
    out.push_back(c);
  }
  return out;
}

// A ratio of sums over the samples drawn, with what is above and below.
Json ratio_figure(const Figures& figures, const std::vector<Counts>& counts,
                  const std::function<std::pair<double, double>(const Counts&)>& of, std::uint64_t stream,
                  bool counted = true) {
  const auto sums = [&](std::span<const std::size_t> indices) {
    std::pair<double, double> sum{0, 0};
    for (const std::size_t i : indices) {
      const auto [above, below] = of(counts[i]);
      sum.first += above;
      sum.second += below;
    }
    return sum;
  };
  Json json = bootstrap_figure(
      figures,
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        const auto [above, below] = sums(indices);
        if (below == 0) return std::nullopt;
        return above / below;
      },
      stream);
  if (!json.is_object() || !counted) return json;
  std::vector<std::size_t> all(counts.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto [above, below] = sums(all);
  json["successes"] = static_cast<std::uint64_t>(above);
  json["trials"] = static_cast<std::uint64_t>(below);
  widen(json, static_cast<std::uint64_t>(above), static_cast<std::uint64_t>(below));
  return json;
}

// Of a sensitivity, or a mean of some.
Json share_of_findings(Json json, std::uint64_t findings) {
  if (json.is_object()) {
    const auto found = std::llround(json["value"].get<double>() * static_cast<double>(findings));
    widen(json, static_cast<std::uint64_t>(found), findings);
  }
  return json;
}

Json threshold_figures(const Figures& figures, const std::vector<Counts>& counts, std::uint64_t stream) {
  const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
  return Json{
      {"sensitivity",
       ratio_figure(
           figures, counts, [&](const Counts& c) { return std::pair{count(c.hits), count(c.findings)}; }, stream)},
      {"ppv", ratio_figure(
                  figures, counts, [&](const Counts& c) { return std::pair{count(c.hits), count(c.hits + c.wrong)}; },
                  stream + 1)},
      {"f1", ratio_figure(
                 figures, counts,
                 [&](const Counts& c) { return std::pair{2 * count(c.hits), count(c.findings + c.hits + c.wrong)}; },
                 stream + 2, false)},
      {"false_marks",
       ratio_figure(
           figures, counts, [&](const Counts& c) { return std::pair{count(c.wrong), 1.0}; }, stream + 3, false)},
      {"left_clear",
       ratio_figure(
           figures, counts,
           [&](const Counts& c) { return c.clear ? std::pair{c.marked ? 0.0 : 1.0, 1.0} : std::pair{0.0, 0.0}; },
           stream + 4)}};
}

// FROC score, average precision, and what is counted at the threshold: of one label, or of all.
Result<Json> figures_json(const BoxCases& cases, std::optional<std::size_t> label, double threshold,
                          const Figures& figures) {
  const std::uint64_t stream = label && cases.labels.size() > 1 ? 100 * (*label + 1) : 0;
  ACESO_TRY(const stats::MarkedImages centres, box_marks(cases, BoxRule::centre, 0, label));
  Json json = threshold_figures(figures, counts_of(cases, threshold, label), stream + 10);
  json["froc"] = share_of_findings(
      bootstrap_figure(
          figures, [&](std::span<const std::size_t> indices) { return centres.froc_score(indices); }, stream),
      centres.findings());
  std::vector<stats::MarkedImages> overlaps;  // of each label
  const std::size_t first = label.value_or(0), last = label ? *label + 1 : cases.labels.size();
  for (std::size_t k = first; k < last; ++k) {
    ACESO_TRY(stats::MarkedImages marked, box_marks(cases, BoxRule::overlap, kOverlaps.front(), k));
    overlaps.push_back(std::move(marked));
  }
  json["ap50"] = bootstrap_figure(
      figures,
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        double sum = 0, count = 0;
        for (const auto& marked : overlaps) {
          if (const auto one = marked.average_precision(indices)) {
            sum += *one;
            count += 1;
          }
        }
        return count > 0 ? std::optional{sum / count} : std::nullopt;
      },
      stream + 1);
  double sum = 0, count = 0;
  for (std::size_t k = first; k < last; ++k) {
    for (const double overlap : kOverlaps) {
      ACESO_TRY(const stats::MarkedImages marked, box_marks(cases, BoxRule::overlap, overlap, k));
      if (const auto one = marked.average_precision(marked.all())) {
        sum += *one;
        count += 1;
      }
    }
  }
  json["ap"] = count > 0 ? Json{{"value", sum / count}} : Json(nullptr);
  return json;
}

Json curve_json(const stats::MarkedImages& marks) {
  Json points = Json::array();
  const auto curve = marks.froc();
  if (!curve) return points;
  const std::size_t step = std::max<std::size_t>(1, curve->size() / kMaxCurve);
  for (std::size_t i = 0; i < curve->size(); ++i) {
    if (i % step != 0 && i + 1 != curve->size()) continue;
    const stats::FrocPoint& p = (*curve)[i];
    points.push_back(
        Json{{"false_positives", p.false_positives}, {"sensitivity", p.sensitivity}, {"threshold", p.threshold}});
  }
  return points;
}

Json rates_json(const stats::MarkedImages& marks, const Figures& figures) {
  Json rates = Json::array();
  for (std::size_t i = 0; i < stats::kFrocRates.size(); ++i) {
    const double rate = stats::kFrocRates[i];
    rates.push_back(Json{{"false_positives", rate},
                         {"sensitivity", share_of_findings(bootstrap_figure(
                                                               figures,
                                                               [&](std::span<const std::size_t> indices) {
                                                                 return marks.sensitivity_at(rate, indices);
                                                               },
                                                               20 + i),
                                                           marks.findings())}});
  }
  return rates;
}

// Findings of the smaller and of the larger half: what is missed is often small.
Json sizes_json(const BoxCases& cases, double threshold) {
  std::vector<std::pair<double, bool>> sizes;  // the longest side in pixels, found
  for (const BoxCase& one : cases.cases) {
    BoxCase kept = one;
    std::erase_if(kept.found, [&](const FoundBox& box) { return box.score < threshold; });
    const BoxMatch at = match_boxes(kept, BoxRule::centre);
    for (std::size_t t = 0; t < one.truth.size(); ++t) {
      double longest = 0;
      for (std::size_t d = 0; d < one.truth[t].low.size(); ++d)
        longest = std::max(longest, one.truth[t].high[d] - one.truth[t].low[d]);
      sizes.emplace_back(longest, !at.missed[t]);
    }
  }
  constexpr std::size_t kLeast = 20;
  if (sizes.size() < kLeast) return nullptr;
  std::stable_sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Json out = Json::array();
  for (const std::size_t half : {0U, 1U}) {
    const std::size_t from = half * sizes.size() / 2, to = (half + 1) * sizes.size() / 2;
    std::uint64_t found = 0;
    for (std::size_t i = from; i < to; ++i) found += sizes[i].second ? 1U : 0U;
    const auto interval = stats::wilson_interval(found, to - from);
    if (!interval) return nullptr;
    Json figure_json = figure(static_cast<double>(found) / static_cast<double>(to - from), *interval, "Wilson");
    figure_json["successes"] = found;
    figure_json["trials"] = to - from;
    out.push_back(Json{{"from", sizes[from].first}, {"to", sizes[to - 1].first}, {"sensitivity", figure_json}});
  }
  return out;
}

// Validation marks in groups by score, with the share of them that lay on a finding, and how images fared.
Json validation_json(const BoxCases* validation, double threshold) {
  if (validation == nullptr) return nullptr;
  const auto marked = box_marks(*validation, BoxRule::centre, 0);
  if (!marked) return nullptr;
  std::vector<stats::Mark> marks = marked->marks();
  std::erase_if(marks, [&](const stats::Mark& mark) { return mark.score < threshold / 2; });
  std::reverse(marks.begin(), marks.end());  // the lowest score first
  Json bins = Json::array();
  const std::size_t groups =
      marks.size() < kMinMarks ? 0 : std::clamp<std::size_t>(marks.size() / kMinMarks, 1, kMaxMarkGroups);
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t from = marks.size() * g / groups, to = marks.size() * (g + 1) / groups;
    const auto hits = std::count_if(marks.begin() + static_cast<std::ptrdiff_t>(from),
                                    marks.begin() + static_cast<std::ptrdiff_t>(to),
                                    [](const stats::Mark& mark) { return mark.hit; });
    bins.push_back(
        Json{{"low", marks[from].score}, {"high", marks[to - 1].score}, {"marks", to - from}, {"hits", hits}});
  }
  Counts sum;
  std::uint64_t unmarked = 0, missed_in_unmarked = 0;
  for (const Counts& c : counts_of(*validation, threshold, {})) {
    sum.findings += c.findings;
    sum.hits += c.hits;
    sum.wrong += c.wrong;
    unmarked += c.marked ? 0U : 1U;
    missed_in_unmarked += !c.marked && c.findings > 0 ? 1U : 0U;
  }
  return Json{{"split", "validation"},
              {"images", validation->cases.size()},
              {"findings", sum.findings},
              {"found", sum.hits},
              {"false_marks", sum.wrong},
              {"unmarked", unmarked},
              {"unmarked_with_finding", missed_in_unmarked},
              {"bins", std::move(bins)}};
}

Json baseline_json(const stats::MarkedImages& own, const BoxBaseline* baseline, const Figures& figures) {
  if (baseline == nullptr || baseline->cases.cases.size() != own.images()) return nullptr;
  const auto trivial = box_marks(baseline->cases, BoxRule::centre, 0);
  if (!trivial) return nullptr;
  Json json = baseline->about;
  json["froc"] =
      bootstrap_figure(figures, [&](std::span<const std::size_t> indices) { return trivial->froc_score(indices); }, 7);
  json["gain"] = bootstrap_figure(
      figures,
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        const auto a = own.froc_score(indices), b = trivial->froc_score(indices);
        return a && b ? std::optional{*a - *b} : std::nullopt;
      },
      8);
  json["adds_nothing"] = !(json["gain"].is_object() && json["gain"]["low"].get<double>() > 0);
  return json;
}

Result<Json> whole(const BoxCases& cases, double threshold, std::uint64_t seed, const BoxBaseline* baseline,
                   const BoxCases* validation) {
  const Figures figures = figures_of(cases, seed);
  ACESO_TRY(const stats::MarkedImages marks, box_marks(cases, BoxRule::centre, 0));
  Json each = Json::array();
  for (std::size_t k = 0; k < cases.labels.size(); ++k) {
    ACESO_TRY(Json one, figures_json(cases, k, threshold, figures));
    std::size_t findings = 0;
    for (const BoxCase& c : cases.cases) {
      findings += static_cast<std::size_t>(std::count_if(
          c.truth.begin(), c.truth.end(), [&](const Box& box) { return box.label == static_cast<int>(k); }));
    }
    one["label"] = cases.labels[k];
    one["findings"] = findings;
    each.push_back(std::move(one));
  }
  ACESO_TRY(Json metrics, figures_json(cases, std::nullopt, threshold, figures));
  const auto clear =
      std::count_if(cases.cases.begin(), cases.cases.end(), [](const BoxCase& c) { return c.truth.empty(); });
  Json json{{"samples", cases.cases.size()},
            {"classes", cases.labels},
            {"kind", "boxes"},
            {"threshold", threshold},
            {"groups", figures.by_group() ? Json(figures.groups()) : Json(nullptr)},
            {"findings", marks.findings()},
            {"clear", clear},
            {"without_boxes", cases.without},
            {"metrics", std::move(metrics)},
            {"sensitivities", rates_json(marks, figures)},
            {"froc", curve_json(marks)},
            {"per_label", std::move(each)},
            {"sizes", sizes_json(cases, threshold)},
            {"baseline", baseline_json(marks, baseline, figures)},
            {"validation_boxes", validation_json(validation, threshold)}};
  if (json["baseline"].is_object()) json["adds_nothing"] = json["baseline"]["adds_nothing"];
  return json;
}

}  // namespace

Result<BoxBaseline> box_baseline(const ModelSignature& signature, const Dataset& training, const Dataset& dataset,
                                 const BoxCases& cases) {
  const Manifest& manifest = training.manifest();
  const std::vector<int> label = label_of_classes(manifest, box_labels(signature));
  const BoxSamples samples = box_samples(training, training.indices(Split::train), box_labels(signature));
  const std::size_t axes = signature.preprocessing.kind == PortKind::volume ? 3 : 2;
  struct Place {
    double count = 0;
    std::vector<double> low, high;  // sums, as shares of the sample's size
  };
  std::map<std::pair<int, std::int64_t>, Place> places;
  for (const std::size_t i : samples.indices) {
    const Sample& sample = manifest.samples[i];
    ACESO_TRY(const std::vector<Box> boxes, labelled_boxes(manifest, sample, label));
    const Shape spatial = spatial_of_sample(manifest, sample);
    for (const Box& box : boxes) {
      std::int64_t cell = 0;
      std::vector<double> low, high;
      for (std::size_t d = 0; d < axes; ++d) {
        const auto side = static_cast<double>(spatial[d]);
        low.push_back(box.low[d] / side);
        high.push_back(box.high[d] / side);
        cell = cell * kPlaces + std::min(kPlaces - 1, static_cast<std::int64_t>((low[d] + high[d]) / 2 * kPlaces));
      }
      Place& place = places[{box.label, cell}];
      place.low.resize(axes, 0);
      place.high.resize(axes, 0);
      place.count += 1;
      for (std::size_t d = 0; d < axes; ++d) {
        place.low[d] += low[d];
        place.high[d] += high[d];
      }
    }
  }
  if (places.empty()) return Error{Code::invalid, "the training split has no boxes"};
  std::vector<FoundBox> marks;
  for (const auto& [where, place] : places) {
    FoundBox mark{.label = where.first, .score = place.count / static_cast<double>(samples.indices.size())};
    for (std::size_t d = 0; d < axes; ++d) {
      mark.low.push_back(place.low[d] / place.count);
      mark.high.push_back(place.high[d] / place.count);
    }
    marks.push_back(std::move(mark));
  }
  std::stable_sort(marks.begin(), marks.end(), [](const FoundBox& a, const FoundBox& b) { return a.score > b.score; });
  if (marks.size() > kMostPlaces) marks.resize(kMostPlaces);
  BoxBaseline out{.cases = cases,
                  .about = Json{{"kind", "the places where training boxes lie most often"},
                                {"places", marks.size()},
                                {"training_samples", samples.indices.size()}}};
  for (BoxCase& one : out.cases.cases) {
    const Shape spatial = spatial_of_sample(dataset.manifest(), dataset.manifest().samples[one.index]);
    one.found = marks;
    for (FoundBox& mark : one.found) {
      for (std::size_t d = 0; d < axes; ++d) {
        mark.low[d] *= static_cast<double>(spatial[d]);
        mark.high[d] *= static_cast<double>(spatial[d]);
      }
    }
  }
  return out;
}

Json evaluate_boxes(const BoxCases& cases, double threshold, std::uint64_t seed, const BoxBaseline* baseline,
                    const BoxCases* validation) {
  auto json = whole(cases, threshold, seed, baseline, validation);
  return json ? *std::move(json) : Json(nullptr);  // only without a case, which judge_boxes() does not give
}

}  // namespace aceso::learn
