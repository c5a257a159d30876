#include "aceso/learn/article.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "fake_engine.hpp"

namespace aceso::learn {
namespace {

// 12 x 12 RGB images; class 1 is brighter in its lower half. `sorted`: all of class 0 first.
NamedArrays files(std::size_t n, bool sorted, std::uint64_t seed) {
  const Philox philox{seed};
  constexpr std::size_t kSize = 12 * 12 * 3;
  Array x = Array::zeros(DType::f32, {static_cast<std::int64_t>(n), 12, 12, 3});
  Array y = Array::zeros(DType::i64, {static_cast<std::int64_t>(n)});
  for (std::size_t i = 0; i < n; ++i) {
    const bool ill = sorted ? i >= n / 2 : i % 2 == 1;
    y.data[i * 8] = ill ? std::byte{1} : std::byte{0};
    for (std::size_t p = 0; p < kSize; ++p)
      x.f32()[i * kSize + p] = static_cast<float>(100 * philox.uniform01(i, p) + (ill && p > kSize / 2 ? 60 : 0));
  }
  return {{"X", x}, {"y", y}};
}

class ArticleTest : public ::testing::Test {
 protected:
  Result<ArticleResult> run(const NamedArrays& train, const NamedArrays& test, const ArticleOptions& options = {}) {
    engine_.rate = 0.05;
    return run_article(engine_, train, test, options, clock_, *progress_, {});
  }
  FakeEngine engine_;
  ManualClock clock_;
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

TEST_F(ArticleTest, doubles_the_images_and_calls_its_validation_leaked) {
  const auto result = run(files(100, false, 1), files(40, false, 2));
  ASSERT_OK(result);
  EXPECT_EQ(result->training_images, 160U);
  EXPECT_EQ(result->validation_images, 40U);
  EXPECT_EQ(result->test_images, 40U);
  EXPECT_TRUE(result->validation_leaked);
  EXPECT_EQ(result->history.size(), 10U);
  EXPECT_GT(result->test_accuracy, 0.8);
  EXPECT_LE(result->accuracy_interval.low, result->test_accuracy);
  EXPECT_GT(*result->auroc, 0.9);
  EXPECT_TRUE(result->auroc_interval.has_value());
  ASSERT_EQ(result->warnings.size(), 1U);
  EXPECT_NE(result->warnings[0].find("leaked"), std::string::npos);
  const Json json = to_json(*result);
  EXPECT_EQ(json["validation"]["leaked"], true);
  EXPECT_EQ(json["test"]["images"], 40);
}

TEST_F(ArticleTest, clean_split_holds_whole_images_apart) {
  ArticleOptions options;
  options.clean_split = true;
  const auto result = run(files(100, true, 1), files(40, false, 2), options);
  ASSERT_OK(result);
  EXPECT_FALSE(result->validation_leaked);
  EXPECT_EQ(result->validation_images, 20U);
  EXPECT_EQ(result->training_images, 160U);
  EXPECT_TRUE(result->warnings.empty());
}

TEST_F(ArticleTest, warns_of_sorted_labels) {
  const auto result = run(files(100, true, 1), files(40, false, 2));
  ASSERT_OK(result);
  ASSERT_EQ(result->warnings.size(), 2U);
  EXPECT_NE(result->warnings[1].find("sorted"), std::string::npos);
}

TEST_F(ArticleTest, says_what_is_wrong_with_its_files) {
  const auto good = files(20, false, 1);
  const auto why = [&](const NamedArrays& train, const NamedArrays& test) {
    return run(train, test).error().message();
  };
  EXPECT_EQ(why({{"X", good.at("X")}}, good), "training file: the keys X and y must be there");
  EXPECT_EQ(why(good, {{"X", good.at("X")}, {"y", files(19, false, 1).at("y")}}),
            "test file: y must have shape [20], has [19]");
  EXPECT_EQ(why({{"X", good.at("X")}, {"y", Array::from({20}, std::vector<float>(20, 2))}}, good),
            "training file: y must hold 0 and 1 only");
  EXPECT_EQ(why({{"X", good.at("X")}, {"y", Array::from({20}, std::vector<float>(20, 1))}}, good),
            "the images that are learnt have one class only");
  auto nan = good;
  nan["X"].f32()[5 * 432] = std::nanf("");
  EXPECT_NE(why(nan, good).find("holds a value that is not finite"), std::string::npos);
  engine_.tamper = [](int step, double loss) { return step == 3 ? std::nan("") : loss; };
  EXPECT_EQ(why(files(100, false, 1), good), "the loss is not finite in epoch 1, batch 3");
}

}  // namespace
}  // namespace aceso::learn
