#include "aceso/learn/watch.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/stats/descriptive.hpp"
#include "aceso/stats/interval.hpp"
#include "aceso/stats/two_sample.hpp"
#include "watch_parts.hpp"

namespace aceso::learn {
namespace {

std::vector<double> known_values(std::span<const WatchCase> cases, std::size_t feature) {
  std::vector<double> values;
  values.reserve(cases.size());
  for (const WatchCase& c : cases) {
    if (feature < c.values.size() && std::isfinite(c.values[feature])) values.push_back(c.values[feature]);
  }
  return values;
}

struct Moments {
  double mean = 0, sd = 0;
};
Moments moments_of(std::span<const double> values) {
  stats::RunningMoments m;
  for (const double v : values) m.add(v);
  return {m.mean(), m.sd()};
}

// The chance that the answer with this score is right, by the reference's map.
double chance_right(const WatchReference& reference, double score) {
  const double p = (*reference.calibration)(score);
  if (!reference.two_classes) return p;
  return score >= reference.threshold ? p : 1 - p;
}

class Judge {
 public:
  Judge(const WatchReference& reference, std::span<const WatchCase> cases, const WatchRules& rules)
      : reference_{reference}, cases_{cases}, rules_{rules} {}

  WatchVerdict verdict() {
    WatchVerdict out;
    out.cases = cases_.size();
    if (cases_.size() < std::max<std::size_t>(rules_.min_cases, 2)) return out;
    for (std::size_t f = 0; f < reference_.features.size(); ++f) feature(f);
    components();
    findings();
    shares();
    out.performance = performance();
    std::vector<double> p_values;
    p_values.reserve(tests_.size());
    for (const WatchTest& t : tests_) p_values.push_back(t.p_value);
    const std::vector<double> adjusted = stats::holm(p_values);
    out.state = WatchState::steady;
    for (std::size_t i = 0; i < tests_.size(); ++i) {
      WatchTest& t = tests_[i];
      t.p_adjusted = adjusted[i];
      if (t.effect >= least_[i]) {
        t.state = t.p_adjusted < rules_.alarm_level     ? WatchState::alarm
                  : t.p_adjusted < rules_.warning_level ? WatchState::warning
                                                        : WatchState::steady;
      }
      out.state = std::max(out.state, t.state);
    }
    out.tests = std::move(tests_);
    std::stable_sort(out.tests.begin(), out.tests.end(), [](const WatchTest& a, const WatchTest& b) {
      return a.state != b.state ? a.state > b.state : a.p_value < b.p_value;
    });
    return out;
  }

 private:
  void add(WatchTest test, double least) {
    tests_.push_back(std::move(test));
    least_.push_back(least);
  }

  void feature(std::size_t f) {
    const std::vector<double>& before = reference_.values[f];
    const std::vector<double> now = known_values(cases_, f);
    if (now.size() < 2 || now.size() * 2 < rules_.min_cases || before.size() < 2) return;
    const auto test = stats::kolmogorov_smirnov(before, now);
    const auto moved = stats::wasserstein_distance(before, now);
    if (!test || !moved) return;
    const Moments was = moments_of(before), is = moments_of(now);
    const double effect = was.sd > 0 ? *moved / was.sd : (*moved > 0 ? 1.0 : 0.0);
    add({.name = reference_.features[f].name,
         .group = std::string{to_string(reference_.features[f].group)},
         .method = "Kolmogorov-Smirnov",
         .reference = was.mean,
         .current = is.mean,
         .effect = effect,
         .p_value = test->p_value},
        rules_.min_distance);
  }

  // All components of the embedding at once: they are uncorrelated, so the squares of their mean shifts add up.
  void components() {
    double sum = 0, largest = 0;
    std::size_t count = 0;
    for (std::size_t f = 0; f < reference_.features.size(); ++f) {
      if (!reference_.features[f].name.starts_with(kWatchComponent)) continue;
      const std::vector<double> now = known_values(cases_, f);
      if (now.size() * 2 < rules_.min_cases || now.size() < 2 || reference_.values[f].size() < 2) return;
      const Moments was = moments_of(reference_.values[f]), is = moments_of(now);
      if (!(was.sd > 0)) return;
      const double shift = (is.mean - was.mean) / was.sd;
      const double variance = is.sd * is.sd / (was.sd * was.sd) / static_cast<double>(now.size()) +
                              1 / static_cast<double>(reference_.cases);
      if (!(variance > 0)) return;
      sum += shift * shift / variance;
      largest = std::max(largest, std::abs(shift));
      ++count;
    }
    if (count < 2) return;
    add({.name = "embedding: mean of all components",
         .group = "embedding",
         .method = "chi-square of the mean's shift",
         .reference = 0,
         .current = largest,
         .effect = largest,
         .p_value = stats::chi_square_tail(sum, static_cast<double>(count))},
        rules_.min_distance);
  }

  void findings() {
    if (reference_.findings.size() < 2) return;
    std::vector<std::uint64_t> now(reference_.findings.size(), 0);
    std::uint64_t known = 0;
    for (const WatchCase& c : cases_) {
      if (c.finding < 0 || static_cast<std::size_t>(c.finding) >= now.size()) continue;
      ++now[static_cast<std::size_t>(c.finding)];
      ++known;
    }
    if (known * 2 < rules_.min_cases) return;
    const auto test = stats::chi_square(reference_.finding_counts, now);
    const auto distance = stats::jensen_shannon_distance(reference_.finding_counts, now);
    if (!test || !distance) return;
    std::uint64_t all = 0;
    for (const std::uint64_t n : reference_.finding_counts) all += n;
    const double last_before = static_cast<double>(reference_.finding_counts.back()) / static_cast<double>(all);
    const double last_now = static_cast<double>(now.back()) / static_cast<double>(known);
    add({.name = "findings: share of " + reference_.findings.back(),
         .group = "score",
         .method = "chi-square of all findings",
         .reference = last_before,
         .current = last_now,
         .effect = *distance,
         .p_value = test->p_value},
        rules_.min_distance);
  }

  void share(const char* name, std::uint64_t before, bool WatchCase::* flag, bool wanted) {
    const auto now = static_cast<std::uint64_t>(
        std::count_if(cases_.begin(), cases_.end(), [&](const WatchCase& c) { return c.*flag == wanted; }));
    const auto p = stats::fisher_exact(before, reference_.cases, now, cases_.size());
    if (!p) return;
    const double was = static_cast<double>(before) / static_cast<double>(reference_.cases);
    const double is = static_cast<double>(now) / static_cast<double>(cases_.size());
    add({.name = name,
         .group = "quality",
         .method = "Fisher's exact test",
         .reference = was,
         .current = is,
         .effect = std::abs(is - was),
         .p_value = *p},
        rules_.min_share);
  }
  void shares() {
    share("inputs that the model is not applicable to", reference_.not_applicable, &WatchCase::applicable, false);
    share("inputs that are unusual", reference_.unusual, &WatchCase::unusual, true);
  }

  std::optional<EstimatedPerformance> performance() {
    if (!reference_.calibration) return std::nullopt;
    std::vector<std::pair<double, double>> scored;  // score, calibrated
    stats::RunningMoments right;
    double variance = 0;
    for (const WatchCase& c : cases_) {
      if (!c.applicable || !std::isfinite(c.score)) continue;
      const double chance = chance_right(reference_, c.score);
      right.add(chance);
      variance += chance * (1 - chance);
      scored.emplace_back(c.score, (*reference_.calibration)(c.score));
    }
    const auto count = static_cast<double>(scored.size());
    if (scored.size() < 2 || scored.size() * 2 < rules_.min_cases) return std::nullopt;
    EstimatedPerformance out;
    out.accuracy = right.mean();
    out.expected = reference_.expected_accuracy;
    const double half = stats::kZ95 * std::sqrt(variance) / count;
    out.low = std::max(0.0, out.accuracy - half);
    out.high = std::min(1.0, out.accuracy + half);
    if (reference_.two_classes) two_classes(std::move(scored), out);
    const double fall = reference_.expected_accuracy - out.accuracy;
    const double error = std::sqrt(right.variance() / count + reference_.expected_sd * reference_.expected_sd /
                                                                  static_cast<double>(reference_.cases));
    add({.name = "expected accuracy",
         .group = "performance",
         .method = "one-sided z test",
         .reference = reference_.expected_accuracy,
         .current = out.accuracy,
         .effect = std::max(0.0, fall),
         .p_value = error > 0 ? 1 - stats::normal_cdf(fall / error) : (fall > 0 ? 0.0 : 1.0)},
        rules_.min_share);
    return out;
  }

  void two_classes(std::vector<std::pair<double, double>> scored, EstimatedPerformance& out) const {
    double true_positive = 0, positive = 0, true_negative = 0, negative = 0;
    for (const auto& [score, p] : scored) {
      positive += p;
      negative += 1 - p;
      true_positive += score >= reference_.threshold ? p : 0;
      true_negative += score >= reference_.threshold ? 0 : 1 - p;
    }
    if (positive > 0) out.sensitivity = true_positive / positive;
    if (negative > 0) out.specificity = true_negative / negative;
    std::sort(scored.begin(), scored.end());
    double below = 0, concordant = 0, pairs = positive * negative;
    for (std::size_t from = 0; from < scored.size();) {
      std::size_t to = from;
      double group_positive = 0, group_negative = 0, same = 0;
      for (; to < scored.size() && scored[to].first == scored[from].first; ++to) {
        const double p = scored[to].second;
        group_positive += p;
        group_negative += 1 - p;
        same += p * (1 - p);  // a case makes no pair with itself
      }
      concordant += group_positive * below + 0.5 * (group_positive * group_negative - same);
      pairs -= same;
      below += group_negative;
      from = to;
    }
    if (pairs > 1e-9) out.auroc = std::clamp(concordant / pairs, 0.0, 1.0);
  }

  const WatchReference& reference_;
  std::span<const WatchCase> cases_;
  const WatchRules& rules_;
  std::vector<WatchTest> tests_;
  std::vector<double> least_;  // of each test, the effect that matters
};

}  // namespace

std::string_view to_string(WatchState state) noexcept {
  switch (state) {
    case WatchState::waiting:
      return "waiting";
    case WatchState::steady:
      return "steady";
    case WatchState::warning:
      return "warning";
    case WatchState::alarm:
      break;
  }
  return "alarm";
}

Result<WatchReference> fit_watch_reference(std::string source, std::vector<WatchFeature> layout,
                                           std::vector<std::string> findings, std::span<const WatchCase> cases) {
  if (cases.size() < kWatchMinimum) {
    return Error{Code::invalid, "a reference needs " + std::to_string(kWatchMinimum) + " cases, there are " +
                                    std::to_string(cases.size())};
  }
  WatchReference out;
  out.source = std::move(source);
  out.cases = cases.size();
  out.features = std::move(layout);
  out.findings = std::move(findings);
  out.finding_counts.assign(out.findings.size(), 0);
  for (const WatchCase& c : cases) {
    if (c.values.size() != out.features.size())
      return Error{Code::invalid, "a case has other values than the layout says"};
    if (c.finding >= 0 && static_cast<std::size_t>(c.finding) < out.finding_counts.size())
      ++out.finding_counts[static_cast<std::size_t>(c.finding)];
    out.not_applicable += c.applicable ? 0U : 1U;
    out.unusual += c.unusual ? 1U : 0U;
  }
  for (std::size_t f = 0; f < out.features.size(); ++f) {
    std::vector<double> values = known_values(cases, f);
    std::sort(values.begin(), values.end());
    if (const std::size_t all = values.size(); all > kWatchSample) {
      for (std::size_t i = 0; i < kWatchSample; ++i) values[i] = values[i * (all - 1) / (kWatchSample - 1)];
      values.resize(kWatchSample);
    }
    out.values.push_back(std::move(values));
  }
  return out;
}

void calibrate_watch(WatchReference& reference, std::span<const WatchCase> cases, std::span<const int> right,
                     bool two_classes, double threshold) {
  if (cases.size() != right.size()) return;
  std::vector<double> scores;
  scores.reserve(cases.size());
  for (const WatchCase& c : cases) scores.push_back(c.score);
  auto map = stats::fit_isotonic(scores, right);
  if (!map) return;  // one class only, or scores that are no probabilities
  reference.calibration = *std::move(map);
  reference.two_classes = two_classes;
  reference.threshold = threshold;
  stats::RunningMoments chance;
  for (const double score : scores) chance.add(chance_right(reference, score));
  reference.expected_accuracy = chance.mean();
  reference.expected_sd = chance.sd();
}

WatchVerdict judge_window(const WatchReference& reference, std::span<const WatchCase> cases, const WatchRules& rules) {
  return Judge{reference, cases, rules}.verdict();
}

}  // namespace aceso::learn
