// Figures of numbers: errors, correlation, agreement, and intervals around an answer.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/stats/conformal.hpp"
#include "aceso/stats/regression.hpp"
#include "figures.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxNumberPoints = 2000;

struct Measured {
  std::vector<double> predicted, truth;
  double error(std::size_t i) const { return std::abs(predicted[i] - truth[i]); }
};

Measured measured_of(const Predictions& predictions) {
  Measured out;
  out.predicted = column(predictions.probabilities, 0);
  for (const auto& row : predictions.targets) out.truth.push_back(row.front());
  return out;
}

Json of_numbers(const Figures& figures, const stats::Statistic& statistic, std::uint64_t stream) {
  Json json = figures.bootstrapped(statistic, stream);
  if (json.is_object() && !figures.by_group()) json["method"] = "bootstrap";
  return json;
}

Json error_figures(const Measured& m, const Figures& figures) {
  const auto of = [&](std::uint64_t stream, double stats::RegressionErrors::* which) {
    return of_numbers(
        figures,
        [&, which](std::span<const std::size_t> i) -> std::optional<double> {
          const auto errors = stats::regression_errors(pick(m.predicted, i), pick(m.truth, i));
          if (!errors || std::isnan((*errors).*which)) return std::nullopt;
          return (*errors).*which;
        },
        stream);
  };
  return Json{{"mae", of(2, &stats::RegressionErrors::mae)},
              {"rmse", of(3, &stats::RegressionErrors::rmse)},
              {"r2", of(4, &stats::RegressionErrors::r2)},
              {"bias", of(5, &stats::RegressionErrors::bias)},
              {"pearson", of_numbers(
                              figures,
                              [&](std::span<const std::size_t> i) -> std::optional<double> {
                                const auto r = stats::pearson(pick(m.predicted, i), pick(m.truth, i));
                                return r ? std::optional{*r} : std::nullopt;
                              },
                              6)}};
}

Json agreement_json(const Measured& m) {
  const auto a = stats::limits_of_agreement(m.predicted, m.truth);
  if (!a) return nullptr;
  constexpr const char* kMethod = "Bland and Altman";
  return Json{{"bias", figure(a->bias, a->bias_interval, kMethod)},
              {"low", figure(a->low, a->low_interval, kMethod)},
              {"high", figure(a->high, a->high_interval, kMethod)},
              {"sd", a->sd}};
}

Json points_json(const Measured& m) {
  Json points = Json::array();
  const std::size_t n = m.truth.size(), shown = std::min(n, kMaxNumberPoints);
  for (std::size_t k = 0; k < shown; ++k) {
    const std::size_t i = k * n / shown;
    points.push_back(Json::array({m.truth[i], m.predicted[i]}));
  }
  return points;
}

// By how much less the mean absolute error of `a` is than that of `b`, on the same samples.
Json error_gain(const Measured& a, const Measured& b, const Figures& figures, std::uint64_t stream) {
  return of_numbers(
      figures,
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        double sum = 0;
        for (const std::size_t i : indices) sum += b.error(i) - a.error(i);
        return sum / static_cast<double>(indices.size());
      },
      stream);
}

Json numbers_baseline(const Predictions& predictions, const Measured& m, const BaselineAnswer& baseline,
                      const Figures& figures) {
  if (baseline.predictions.ids != predictions.ids) return nullptr;
  const Measured trivial = measured_of(baseline.predictions);
  Json json = baseline.about;
  const Json errors = error_figures(trivial, figures);
  json["mae"] = errors["mae"];
  json["rmse"] = errors["rmse"];
  json["gain"] = error_gain(m, trivial, figures, 31);
  json["adds_nothing"] = !(json["gain"].is_object() && json["gain"]["low"].get<double>() > 0);
  return json;
}

}  // namespace

Json number_interval(const Predictions& validation, double coverage) {
  if (validation.probabilities.empty()) return nullptr;
  const Measured m = measured_of(validation);
  std::vector<double> errors;
  errors.reserve(m.truth.size());
  for (std::size_t i = 0; i < m.truth.size(); ++i) errors.push_back(m.error(i));
  const auto half = stats::conformal_quantile(errors, coverage);
  if (!half || !std::isfinite(*half)) return nullptr;
  return Json{{"split", "validation"}, {"coverage", coverage}, {"cases", errors.size()}, {"half_width", *half}};
}

Json evaluate_numbers(const Predictions& predictions, const std::string& name, const std::string& unit,
                      std::uint64_t seed, const EvaluationParts& parts, double coverage) {
  Json json{{"samples", predictions.labels.size()},
            {"classes", Json::array({name})},
            {"kind", "regression"},
            {"name", name},
            {"unit", unit}};
  if (predictions.probabilities.empty() || predictions.probabilities.front().size() != 1) {
    json["error"] = "no predictions of one number";
    return json;
  }
  const Figures figures{predictions, seed};
  const Measured m = measured_of(predictions);
  json["groups"] = figures.by_group() ? Json(figures.groups()) : Json(nullptr);
  json["metrics"] = error_figures(m, figures);
  json["agreement"] = agreement_json(m);
  json["points"] = points_json(m);
  json["validation_interval"] =
      parts.validation != nullptr ? number_interval(*parts.validation, coverage) : Json(nullptr);
  if (const Json& interval = json["validation_interval"]; interval.is_object()) {
    const double half = interval["half_width"].get<double>();
    json["coverage"] = Json{{"stated", coverage},
                            {"observed", figures.proportion(
                                             [&](std::span<const std::size_t> indices) {
                                               std::pair<std::uint64_t, std::uint64_t> n{0, indices.size()};
                                               for (const std::size_t i : indices)
                                                 n.first += m.error(i) <= half ? 1U : 0U;
                                               return n;
                                             },
                                             8)}};
  }
  if (parts.baseline != nullptr) {
    json["baseline"] = numbers_baseline(predictions, m, *parts.baseline, figures);
    if (json["baseline"].is_object()) json["adds_nothing"] = json["baseline"]["adds_nothing"];
  }
  return json;
}

Result<Json> compare_numbers(const Predictions& a, const Predictions& b, const std::string& name,
                             const std::string& unit, std::uint64_t seed) {
  if (a.ids.empty() || a.ids != b.ids || a.probabilities.front().size() != 1 || b.probabilities.front().size() != 1)
    return Error{Code::invalid, "the two models were not asked about the same samples"};
  const Figures figures{a, seed};
  const Measured of_a = measured_of(a), of_b = measured_of(b);
  Json json{{"samples", a.ids.size()},
            {"groups", figures.by_group() ? Json(figures.groups()) : Json(nullptr)},
            {"classes", Json::array({name})},
            {"kind", "regression"},
            {"unit", unit},
            {"a", Json{{"metrics", error_figures(of_a, figures)}}},
            {"b", Json{{"metrics", error_figures(of_b, figures)}}}};
  json["mae"] = error_gain(of_b, of_a, figures, 51);  // a minus b
  json["rmse"] = of_numbers(
      figures,
      [&](std::span<const std::size_t> i) -> std::optional<double> {
        const auto x = stats::regression_errors(pick(of_a.predicted, i), pick(of_a.truth, i));
        const auto y = stats::regression_errors(pick(of_b.predicted, i), pick(of_b.truth, i));
        return x && y ? std::optional{x->rmse - y->rmse} : std::nullopt;
      },
      52);
  const Json& gain = json["mae"];
  json["verdict"] = gain.is_null()                   ? "undecided"
                    : gain["high"].get<double>() < 0 ? "a is better"
                    : gain["low"].get<double>() > 0  ? "b is better"
                                                     : "no difference shown";
  return json;
}

}  // namespace aceso::learn
