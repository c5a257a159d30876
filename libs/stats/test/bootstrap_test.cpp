#include "aceso/stats/bootstrap.hpp"

#include <cmath>
#include <vector>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"

namespace aceso::stats {
namespace {

Statistic mean_of(const std::vector<double>& values) {
  return [&values](std::span<const std::size_t> indices) -> std::optional<double> {
    double sum = 0;
    for (const std::size_t i : indices) sum += values[i];
    return sum / static_cast<double>(indices.size());
  };
}

const std::vector<double> kValues{3.1, -2.0, 7.5, 7.5, 0.25, 11, 4.75, 1e-3};

// SciPy 1.17.1: bootstrap((x,), np.mean, n_resamples=200000, method="percentile") gives 1.16875 to 6.9375. The standard
// error has a closed form: the standard deviation with divisor n, by the square root of n.
TEST(Bootstrap, agrees_with_scipy_and_the_closed_form_for_a_mean) {
  const auto estimate = bootstrap(kValues.size(), mean_of(kValues), {.seed = 1, .replicates = 50'000});
  ASSERT_OK(estimate);
  EXPECT_NEAR(estimate->value, 4.012625, 1e-14);
  EXPECT_NEAR(estimate->interval.low, 1.16875, 0.05);
  EXPECT_NEAR(estimate->interval.high, 6.9375, 0.05);
  EXPECT_NEAR(estimate->standard_error, 4.486897207823178 * std::sqrt(7.0 / 8) / std::sqrt(8.0), 0.02);
  EXPECT_EQ(estimate->undefined, 0);
}

TEST(Bootstrap, the_seed_decides_every_bit) {
  const auto a = bootstrap(kValues.size(), mean_of(kValues), {.seed = 5});
  const auto b = bootstrap(kValues.size(), mean_of(kValues), {.seed = 5});
  const auto c = bootstrap(kValues.size(), mean_of(kValues), {.seed = 6});
  EXPECT_EQ(a->interval.low, b->interval.low);
  EXPECT_EQ(a->standard_error, b->standard_error);
  EXPECT_NE(a->standard_error, c->standard_error);
}

TEST(Bootstrap, strata_keep_their_sizes) {
  const std::vector<int> labels{0, 0, 0, 0, 1, 1, 0};
  const auto positives = [&](std::span<const std::size_t> indices) -> std::optional<double> {
    double count = 0;
    for (const std::size_t i : indices) count += labels[i];
    return count;
  };
  const auto kept = bootstrap(labels.size(), positives, {.strata = labels});
  EXPECT_EQ(kept->interval.low, 2);
  EXPECT_EQ(kept->interval.high, 2);
  EXPECT_GT(bootstrap(labels.size(), positives)->standard_error, 0.5);
}

TEST(Bootstrap, clusters_are_drawn_whole) {
  const std::vector<std::uint32_t> patient{7, 7, 9, 9, 9, 3};
  const auto all_together = [&](std::span<const std::size_t> indices) -> std::optional<double> {
    std::vector<int> drawn(patient.size());
    for (const std::size_t i : indices) ++drawn[i];
    return drawn[0] == drawn[1] && drawn[2] == drawn[3] && drawn[3] == drawn[4] ? 1 : 0;
  };
  EXPECT_EQ(bootstrap(patient.size(), all_together, {.clusters = patient})->interval.low, 1);
  EXPECT_EQ(bootstrap(patient.size(), all_together)->interval.low, 0);
}

// Images of one patient are alike: drawing images one by one would promise far too much.
TEST(Bootstrap, clusters_widen_the_interval_of_repeated_measurements) {
  std::vector<double> values;
  std::vector<std::uint32_t> patient;
  const Philox philox{3};
  for (std::uint32_t p = 0; p < 30; ++p) {
    for (int image = 0; image < 10; ++image) {
      values.push_back(philox.normal(0, p));
      patient.push_back(p);
    }
  }
  const double by_image = bootstrap(values.size(), mean_of(values))->standard_error;
  const double by_patient = bootstrap(values.size(), mean_of(values), {.clusters = patient})->standard_error;
  EXPECT_NEAR(by_patient / by_image, std::sqrt(10), 0.3);
}

TEST(Bootstrap, counts_replicates_without_a_value_and_refuses_too_many) {
  const auto unless_first_missing = [](std::size_t draws) {
    return [draws](std::span<const std::size_t> indices) -> std::optional<double> {
      for (const std::size_t i : indices) {
        if (i < draws) return 1;
      }
      return std::nullopt;
    };
  };
  const auto some = bootstrap(50, unless_first_missing(3));  // missing in (47/50)^50 = 4.5 %
  ASSERT_OK(some);
  EXPECT_NEAR(some->undefined, 2000 * std::pow(0.94, 50), 50);
  EXPECT_CODE(bootstrap(50, unless_first_missing(1)), Code::invalid);  // in 36 %
}

TEST(Bootstrap, refuses_contradictory_options) {
  const std::vector<int> strata{0, 1};
  const std::vector<std::uint32_t> clusters{0, 1};
  EXPECT_CODE(bootstrap(0, mean_of(kValues)), Code::invalid);
  EXPECT_CODE(bootstrap(8, mean_of(kValues), {.replicates = 99}), Code::invalid);
  EXPECT_CODE(bootstrap(8, mean_of(kValues), {.confidence = 1}), Code::invalid);
  EXPECT_CODE(bootstrap(8, mean_of(kValues), {.strata = strata}), Code::invalid);
  EXPECT_CODE(bootstrap(2, mean_of(kValues), {.strata = strata, .clusters = clusters}), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
