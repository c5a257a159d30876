// Are these two samples drawn from the same distribution? Tests, sizes of the difference, and what many tests at once
// cost. Samples are taken as independent: rows of one patient count as one only if the caller gives one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::stats {

// Errors of all: invalid for an empty sample, a NaN, or lists that do not fit. Thread-safe.

struct KolmogorovSmirnov {
  double distance;  // largest difference of the two distribution functions, 0..1
  double p_value;   // two-sided, from the limiting distribution with Stephens' correction for small samples (J R Stat
                    // Soc B 32:115-122, 1970); values that tie make it larger than it need be
};
Result<KolmogorovSmirnov> kolmogorov_smirnov(std::span<const double> a, std::span<const double> b);

// Area between the two distribution functions: how far mass must move, in the unit of the values (Vallender, Theory
// Probab Appl 18:784-786, 1974).
Result<double> wasserstein_distance(std::span<const double> a, std::span<const double> b);

struct ChiSquare {
  double statistic;
  std::uint64_t degrees_of_freedom;  // 0, with p 1, when there is but one category
  double p_value;
};
// Pearson's test of two rows of counts, a category each. Categories in which either row would be expected to have fewer
// than five cases are taken together, as Cochran (Biometrics 10:417-451, 1954) advises.
Result<ChiSquare> chi_square(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b);

// Upper tail of the chi-square distribution. x >= 0, degrees_of_freedom > 0, else NaN.
double chi_square_tail(double x, double degrees_of_freedom) noexcept;

// Fisher's exact test of two shares, two-sided: the sum of all tables that are no likelier than the one seen.
Result<double> fisher_exact(std::uint64_t hits_a, std::uint64_t cases_a, std::uint64_t hits_b, std::uint64_t cases_b);

// Jensen-Shannon distance of two rows of counts: square root of the divergence in bits, 0..1 (Endres and Schindelin,
// IEEE Trans Inf Theory 49:1858-1860, 2003).
Result<double> jensen_shannon_distance(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b);

// p values as large as they have to be so that the chance of one false alarm among all stays below the level that each
// is compared with (Holm, Scand J Stat 6:65-70, 1979); in the order given. NaN stays NaN and does not count.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace aceso::stats
