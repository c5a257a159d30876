#include "aceso/stats/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace aceso::stats {
namespace {

// Of agreement: 1 on the diagonal, 0 in the farthest corner.
double weight_of(std::size_t i, std::size_t j, std::size_t categories, KappaWeights weights) {
  if (i == j) return 1;
  if (weights == KappaWeights::none) return 0;
  const double distance =
      static_cast<double>(i > j ? i - j : j - i) / static_cast<double>(std::max<std::size_t>(categories - 1, 1));
  return 1 - (weights == KappaWeights::linear ? distance : distance * distance);
}

}  // namespace

std::string_view to_string(KappaWeights weights) noexcept {
  if (weights == KappaWeights::linear) return "linear";
  return weights == KappaWeights::quadratic ? "quadratic" : "none";
}

Result<Kappa> cohen_kappa(std::span<const std::uint64_t> table, std::size_t categories, KappaWeights weights) {
  if (categories < 2 || table.size() != categories * categories)
    return Error{Code::invalid, "agreement needs a square table of two or more categories"};
  double n = 0;
  for (const std::uint64_t count : table) n += static_cast<double>(count);
  if (!(n > 0)) return Error{Code::invalid, "agreement needs at least one case that both have read"};
  std::vector<double> rows(categories), columns(categories);
  for (std::size_t i = 0; i < categories; ++i) {
    for (std::size_t j = 0; j < categories; ++j) {
      const double share = static_cast<double>(table[i * categories + j]) / n;
      rows[i] += share;
      columns[j] += share;
    }
  }
  std::vector<double> row_weight(categories), column_weight(categories);  // mean weight, given the one reader's answer
  Kappa k{.value = 0, .observed = 0, .expected = 0, .standard_error = 0, .interval = std::nullopt};
  for (std::size_t i = 0; i < categories; ++i) {
    for (std::size_t j = 0; j < categories; ++j) {
      const double w = weight_of(i, j, categories, weights);
      row_weight[i] += columns[j] * w;
      column_weight[j] += rows[i] * w;
      k.observed += w * static_cast<double>(table[i * categories + j]) / n;
      k.expected += w * rows[i] * columns[j];
    }
  }
  if (!(k.expected < 1 - 1e-12))
    return Error{Code::invalid, "kappa does not exist: both readers put every case into one category"};
  k.value = (k.observed - k.expected) / (1 - k.expected);
  double sum = 0;
  for (std::size_t i = 0; i < categories; ++i) {
    for (std::size_t j = 0; j < categories; ++j) {
      const double term = weight_of(i, j, categories, weights) * (1 - k.expected) -
                          (row_weight[i] + column_weight[j]) * (1 - k.observed);
      sum += static_cast<double>(table[i * categories + j]) / n * term * term;
    }
  }
  const double shift = k.observed * k.expected - 2 * k.expected + k.observed;
  const double variance = (sum - shift * shift) / (n * std::pow(1 - k.expected, 4));
  if (!(variance > 1e-14)) return k;
  k.standard_error = std::sqrt(variance);
  k.interval =
      Interval{std::max(k.value - kZ95 * k.standard_error, -1.0), std::min(k.value + kZ95 * k.standard_error, 1.0)};
  return k;
}

std::optional<double> specific_agreement(std::span<const std::uint64_t> table, std::size_t categories,
                                         std::size_t category) {
  double used = 0;
  for (std::size_t k = 0; k < categories; ++k) {
    used +=
        static_cast<double>(table[category * categories + k]) + static_cast<double>(table[k * categories + category]);
  }
  if (!(used > 0)) return std::nullopt;
  return 2 * static_cast<double>(table[category * categories + category]) / used;
}

std::vector<std::uint64_t> one_against_rest(std::span<const std::uint64_t> table, std::size_t categories,
                                            std::size_t category) {
  std::vector<std::uint64_t> out(4);
  for (std::size_t i = 0; i < categories; ++i) {
    for (std::size_t j = 0; j < categories; ++j) {
      out[(i == category ? 0U : 2U) + (j == category ? 0U : 1U)] += table[i * categories + j];
    }
  }
  return out;
}

}  // namespace aceso::stats
