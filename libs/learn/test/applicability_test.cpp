#include "aceso/learn/applicability.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"

namespace aceso::learn {
namespace {

TEST(InputLimits, what_lies_outside_is_named_and_what_was_not_stated_too) {
  const auto limits = parse_input_limits(Json::parse(
      R"({"modalities":["CR","DX"],"views":["PA"],"age_min_years":18,"side_min":64,"spacing_max_mm":0.5})"));
  ASSERT_OK(limits);
  const auto fine = check_limits(
      *limits,
      {.modality = "dx", .view = "PA", .body_part = "", .age_years = 40, .spacing_mm = 0.2, .height = 64, .width = 80});
  EXPECT_TRUE(fine.outside.empty());
  EXPECT_TRUE(fine.unchecked.empty());
  const auto wrong = check_limits(
      *limits,
      {.modality = "MR", .view = "LL", .body_part = "", .age_years = 7, .spacing_mm = {}, .height = 63, .width = 800});
  EXPECT_EQ(wrong.outside.size(), 4U);
  ASSERT_EQ(wrong.unchecked.size(), 1U);
  EXPECT_NE(wrong.unchecked[0].find("up to 0.5 mm"), std::string::npos) << wrong.unchecked[0];
  for (const std::string& reason : wrong.outside)
    EXPECT_EQ(reason.find("7 y"), std::string::npos) << reason;  // an age is the patient's, the limit is the model's
  EXPECT_EQ(to_json(*parse_input_limits(to_json(*limits))), to_json(*limits));
}

TEST(InputLimits, nonsense_is_refused_by_name) {
  for (const char* text :
       {R"({"modality":["CT"]})", R"({"age_min_years":"18"})", R"({"age_min_years":9,"age_max_years":5})",
        R"({"views":[""]})", R"({"side_min":-1})", R"([1])"})
    EXPECT_CODE(parse_input_limits(Json::parse(text)), Code::invalid) << text;
}

// Rows in a plane of a space of 40 dimensions, with a little noise beside it.
std::vector<float> plane(std::uint64_t seed, std::size_t rows) {
  const Philox philox{seed}, axes{99};
  std::vector<float> out;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < 40; ++i)
      out.push_back(static_cast<float>(2 + 3 * philox.normal(1, 2 * r) * axes.normal(0, i) +
                                       philox.normal(1, 2 * r + 1) * axes.normal(1, i) +
                                       0.1 * philox.normal(2, r * 40 + i)));
  }
  return out;
}

TEST(Gaussian, rows_like_the_training_rows_are_near_and_others_are_far) {
  const auto g = fit_gaussian(plane(1, 300), plane(2, 200), 40);
  ASSERT_OK(g);
  std::size_t unusual = 0, outside = 0;
  const auto fresh = plane(3, 400);
  for (std::size_t r = 0; r < 400; ++r) {
    const std::vector<double> row(fresh.begin() + static_cast<std::ptrdiff_t>(r * 40),
                                  fresh.begin() + static_cast<std::ptrdiff_t>(r * 40 + 40));
    unusual += g->distance(row) > g->unusual ? 1U : 0U;
    outside += g->distance(row) > g->outside ? 1U : 0U;
  }
  EXPECT_LE(unusual, 16U);  // one in a hundred is promised; 16 of 400 would be a chance of 1 in 10^6
  EXPECT_EQ(outside, 0U);
  std::vector<double> off(40, 2.0);
  off[7] += 3;  // 30 noise deviations off the plane, hardly any in length
  EXPECT_GT(g->distance(off), g->outside);
}

TEST(Gaussian, a_full_covariance_gives_the_mahalanobis_distance) {
  // Two dimensions, one component and the rest: exact, with covariance [[2, 1], [1, 2]] of NumPy (eigenvalues 3 and 1).
  std::vector<float> rows;
  const Philox philox{5};
  for (std::size_t i = 0; i < 20000; ++i) {
    const double a = std::sqrt(1.5) * philox.normal(0, i), b = std::sqrt(0.5) * philox.normal(1, i);
    rows.push_back(static_cast<float>(a - b));
    rows.push_back(static_cast<float>(a + b));
  }
  const auto g = fit_gaussian(rows, rows, 2);
  ASSERT_OK(g);
  EXPECT_NEAR(g->distance(std::vector{1.0, 1.0}), 2.0 / 3, 0.03);
  EXPECT_NEAR(g->distance(std::vector{1.0, -1.0}), 2.0, 0.08);
}

TEST(Applicability, survives_the_way_through_json) {
  Applicability a;
  a.limits.modalities = {"CT"};
  a.appearance = *fit_gaussian(plane(1, 60), plane(2, 120), 40);
  a.conformal = *stats::fit_conformal({{0.9, 0.1}, {0.2, 0.8}, {0.7, 0.3}}, std::vector{0, 1, 0}, 0.5);
  const Json json = to_json(a);
  const auto back = parse_applicability(json);
  ASSERT_OK(back);
  EXPECT_EQ(to_json(*back), json);
  EXPECT_FALSE(back->embedding);
  EXPECT_TRUE(std::isinf(
      parse_applicability(
          Json::parse(R"({"format":1,"conformal":{"coverage":0.9,"marginal":null,"per_class":[null],"cases":[2]}})"))
          ->conformal->marginal));
  Json broken = json;
  broken["appearance"]["mean"] = "AAAA";
  EXPECT_CODE(parse_applicability(broken), Code::invalid);
  EXPECT_CODE(parse_applicability(Json::parse(R"({"format":2})")), Code::unsupported);
  EXPECT_TRUE(parse_applicability(nullptr)->limits.modalities.empty());
}

TEST(Applicability, the_widest_that_is_fitted_can_be_read) {
  Applicability a;
  const Philox philox{6};
  std::vector<float> rows(std::size_t{120} * 1024);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(philox.normal(0, i));
  a.embedding = *fit_gaussian(rows, rows, 1024);
  EXPECT_EQ(a.embedding->variances.size(), 24U);
  const auto back = parse_applicability(to_json(a));
  ASSERT_OK(back);
  EXPECT_EQ(back->embedding->components.size(), a.embedding->components.size());
}

TEST(Gaussian, is_not_fitted_where_its_quantile_would_be_a_guess) {
  EXPECT_CODE(fit_gaussian(plane(1, 300), plane(2, 99), 40), Code::invalid);
  EXPECT_CODE(fit_gaussian(plane(1, 19), plane(2, 200), 40), Code::invalid);
}

TEST(Familiarity, the_worse_of_two_views_counts) {
  Applicability a;
  a.appearance = *fit_gaussian(plane(1, 60), plane(2, 120), 40);
  const auto row = plane(4, 1);
  EXPECT_EQ(familiarity(a, row, {}).state, Familiarity::State::usual);
  EXPECT_EQ(familiarity(a, std::vector<float>(40, 1000), {}).state, Familiarity::State::outside);
  EXPECT_EQ(familiarity(a, {}, {}).state, Familiarity::State::unknown);
  EXPECT_EQ(familiarity({}, row, row).about["state"], "unknown");
}

TEST(EmbeddingLayer, is_what_the_last_dense_layer_reads) {
  ArchitectureRegistry registry;
  register_builtin_architectures(registry);
  const auto network = registry.make("resnet18", {.input = {1, 64, 64}, .outputs = 1});
  const std::string layer = embedding_layer(*network, {{"image", {-1, 1, 64, 64}}});
  const auto shapes = infer_shapes(*network, {{"image", {-1, 1, 64, 64}}});
  ASSERT_TRUE(shapes->outputs.contains(layer)) << layer;
  EXPECT_EQ(shapes->outputs.at(layer), (Shape{-1, 512}));
  const auto flat = registry.make("logistic", {.input = {1, 64, 64}, .outputs = 1});
  EXPECT_EQ(embedding_layer(*flat, {{"image", {-1, 1, 64, 64}}}), "");  // 4096 pixels are no embedding
}

}  // namespace
}  // namespace aceso::learn
