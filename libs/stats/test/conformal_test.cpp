#include "aceso/stats/conformal.hpp"

#include <cmath>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"

namespace aceso::stats {
namespace {

TEST(Conformal, takes_the_order_statistic_of_the_definition) {
  const std::vector<double> scores{0.9, 0.1, 0.4, 0.3, 0.2, 0.8, 0.7, 0.6, 0.5};  // n = 9
  EXPECT_EQ(*conformal_quantile(scores, 0.9), 0.9);                               // ceil(10 * .9) = 9
  EXPECT_EQ(*conformal_quantile(scores, 0.5), 0.5);
  EXPECT_TRUE(std::isinf(*conformal_quantile(scores, 0.95)));  // 10th of 9: no promise can be kept by a smaller set
  EXPECT_CODE(conformal_quantile(scores, 1.0), Code::invalid);
  EXPECT_CODE(conformal_quantile(std::vector{std::nan("")}, 0.9), Code::invalid);
}

TEST(Conformal, a_class_that_was_hardly_seen_is_never_excluded) {
  const auto thresholds = fit_conformal({{0.9, 0.1}, {0.8, 0.2}, {0.95, 0.05}}, std::vector{0, 0, 0}, 0.9);
  ASSERT_OK(thresholds);
  EXPECT_EQ(conformal_set(*thresholds, std::vector{0.99, 0.01}), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(thresholds->cases, (std::vector<std::size_t>{3, 0}));
  EXPECT_CODE(fit_conformal({{0.9, 0.1}}, std::vector{2}, 0.9), Code::invalid);
}

// A poor, miscalibrated model on unbalanced classes: each class is covered all the same.
TEST(Conformal, covers_each_class_in_simulation) {
  const Philox philox{11};
  const auto draw = [&](std::uint64_t stream, std::size_t n, std::vector<std::vector<double>>& p, std::vector<int>& y) {
    for (std::size_t i = 0; i < n; ++i) {
      const int label = philox.uniform01(stream, 2 * i) < 0.15 ? 1 : 0;
      const double z = 0.8 * label - 1 + philox.normal(stream + 1, i);
      const double q = 1 / (1 + std::exp(-3 * z));
      p.push_back({1 - q, q});
      y.push_back(label);
    }
  };
  double covered[2] = {0, 0}, seen[2] = {0, 0};
  for (std::uint64_t trial = 0; trial < 40; ++trial) {
    std::vector<std::vector<double>> p, fresh;
    std::vector<int> y, truth;
    draw(4 * trial, 400, p, y);
    draw(4 * trial + 2, 400, fresh, truth);
    const auto thresholds = fit_conformal(p, y, 0.9);
    ASSERT_OK(thresholds);
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const auto set = conformal_set(*thresholds, fresh[i]);
      const auto k = static_cast<std::size_t>(truth[i]);
      seen[k] += 1;
      covered[k] += std::find(set.begin(), set.end(), k) != set.end() ? 1 : 0;
    }
  }
  EXPECT_NEAR(covered[0] / seen[0], 0.90, 0.015);
  EXPECT_NEAR(covered[1] / seen[1], 0.90, 0.03);
}

}  // namespace
}  // namespace aceso::stats
