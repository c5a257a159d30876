#include "aceso/stats/logistic.hpp"

#include <algorithm>
#include <cmath>

#include "aceso/base/testing.hpp"
#include "reference_data.hpp"

namespace aceso::stats {
namespace {

std::vector<float> features() {
  const auto samples = made_up_samples();
  std::vector<float> x;
  for (std::size_t i = 0; i < samples.a.size(); ++i) {
    x.push_back(static_cast<float>(samples.a[i]));
    x.push_back(static_cast<float>(samples.b[i]));
    x.push_back(static_cast<float>(static_cast<double>((613 * i) % 89) / 89));
  }
  return x;
}

// scikit-learn 1.9.1, LogisticRegression(C=..., tol=1e-10) on the same columns.
TEST(Logistic, agrees_with_scikit_learn) {
  const auto labels = made_up_samples().labels;
  const auto one = fit_logistic(features(), labels, 2, {.c = 1, .max_iterations = 1000, .tolerance = 1e-9});
  ASSERT_OK(one);
  EXPECT_TRUE(one->converged);
  EXPECT_NEAR(one->weights[0], 5.052943608114357, 1e-5);
  EXPECT_NEAR(one->weights[1], 0.7901652605144025, 1e-5);
  EXPECT_NEAR(one->weights[2], -0.7087198985221591, 1e-5);
  EXPECT_NEAR(one->intercept[0], -2.54049790647941, 1e-5);
  const auto strict = fit_logistic(features(), labels, 2, {.c = 0.1, .max_iterations = 1000, .tolerance = 1e-9});
  EXPECT_NEAR(strict->weights[0], 1.5423449720665823, 1e-5);
}

TEST(Logistic, agrees_with_scikit_learn_on_three_classes) {
  std::vector<int> labels;
  for (int i = 0; i < 200; ++i)
    labels.push_back((std::min(2, (7919 * i) % 101 / 34) + ((613 * i) % 89 > 70 ? 1 : 0)) % 3);
  const auto x = features();
  const auto model = fit_logistic(x, labels, 3, {.c = 1, .max_iterations = 1000, .tolerance = 1e-9});
  ASSERT_OK(model);
  EXPECT_NEAR(model->weights[0], -2.4065926830781446, 1e-4);
  EXPECT_NEAR(model->weights[7], 0.628885101301776, 1e-4);
  const auto p = model->predict(std::span{x}.first(3));
  EXPECT_NEAR(p[0], 0.6502358237725362, 1e-5);
  EXPECT_NEAR(p[2], 0.023081512556372936, 1e-5);
}

TEST(Logistic, refuses_what_it_cannot_learn_from) {
  EXPECT_CODE(fit_logistic(std::vector<float>{1, 2}, std::vector{0, 0}, 2), Code::invalid);
  EXPECT_CODE(fit_logistic(std::vector<float>{1, 2, 3}, std::vector{0, 1}, 2), Code::invalid);
  EXPECT_CODE(fit_logistic(std::vector<float>{1, INFINITY}, std::vector{0, 1}, 2), Code::invalid);
  EXPECT_CODE(fit_logistic(std::vector<float>{1, 2}, std::vector{0, 2}, 2), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
