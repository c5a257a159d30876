// How well two readers agree who each put every case into one of the same categories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

// What a disagreement costs: any the same; or, of ordered categories, its distance or the square of its distance.
enum class KappaWeights : std::uint8_t { none, linear, quadratic };
std::string_view to_string(KappaWeights weights) noexcept;

// Cohen's kappa (Educ Psychol Meas 20:37-46, 1960; weighted: Psychol Bull 70:213-220, 1968) with its large-sample
// standard error (Fleiss, Cohen and Everitt, Psychol Bull 72:323-327, 1969, equation 13) and the interval of 95 % from
// it, cut to [-1, 1]. The error is a large-sample one: with few cases the interval is too narrow.
struct Kappa {
  double value;                      // at most 1; 0: no better than chance
  double observed;                   // agreement seen, 0..1, weighted
  double expected;                   // agreement by chance, 0..1, weighted
  double standard_error;             // 0 when they agree in every case, or in none by the same rule
  std::optional<Interval> interval;  // none when the error is 0: it would have no width, and say nothing
};

// `table`: categories x categories counts, row-major, the first reader's answer is the row. Errors: invalid for a size
// that is not that square, fewer than two categories, no case, or when both readers put every case into one category:
// kappa does not exist then. Thread-safe.
Result<Kappa> cohen_kappa(std::span<const std::uint64_t> table, std::size_t categories,
                          KappaWeights weights = KappaWeights::none);

// Of one category, the share of both readers' uses of it in which the other agreed: 2 both / (first + second)
// (proportion of specific agreement, Cicchetti and Feinstein, J Clin Epidemiol 43:551-558, 1990); none when neither
// used it. `table` as above, category < categories.
std::optional<double> specific_agreement(std::span<const std::uint64_t> table, std::size_t categories,
                                         std::size_t category);

// The same table with one category against all others taken together, 2 x 2. For a kappa of each category.
std::vector<std::uint64_t> one_against_rest(std::span<const std::uint64_t> table, std::size_t categories,
                                            std::size_t category);

}  // namespace aceso::stats
