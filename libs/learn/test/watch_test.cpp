#include "aceso/learn/watch.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"

namespace aceso::learn {
namespace {

const std::vector<WatchFeature> kFeatures{{"intensity: mean", WatchGroup::input},
                                          {"embedding: component 1", WatchGroup::embedding},
                                          {"embedding: component 2", WatchGroup::embedding},
                                          {"score: pneumonia", WatchGroup::score}};

struct Stream {  // answers of a model whose score is the true chance of the finding
  double brightness = 0, components = 0, prevalence = 0.5, harder = 0;
  std::uint64_t seed = 1;
};

std::pair<std::vector<WatchCase>, std::vector<int>> answers(const Stream& how, std::size_t count) {
  const Philox philox{how.seed};
  std::vector<WatchCase> cases;
  std::vector<int> truth;
  for (std::size_t i = 0; i < count; ++i) {
    const bool positive = philox.uniform01(0, i) < how.prevalence;
    const double evidence = ((positive ? 1.5 : -1.5) + philox.normal(1, i)) * (1 - how.harder);
    const double score = 1 / (1 + std::exp(-2 * evidence));
    WatchCase one;
    one.values = {0.4 + how.brightness + 0.1 * philox.normal(2, i), how.components + philox.normal(3, i),
                  how.components + 0.5 * philox.normal(4, i), score};
    one.finding = score >= 0.5 ? 1 : 0;
    one.score = score;
    one.unusual = philox.uniform01(5, i) < 0.01;
    cases.push_back(std::move(one));
    truth.push_back(positive ? 1 : 0);
  }
  return {cases, truth};
}

WatchReference reference_of(std::size_t count) {
  const auto [cases, truth] = answers({.seed = 77}, count);
  auto reference = fit_watch_reference("validation", kFeatures, {"normal", "pneumonia"}, cases);
  EXPECT_OK(reference);
  calibrate_watch(*reference, cases, truth, true, 0.5);
  return *reference;
}

std::size_t alarms_in(const WatchReference& reference, Stream how, std::size_t windows, std::size_t cases) {
  std::size_t alarms = 0;
  for (std::size_t w = 0; w < windows; ++w) {
    how.seed = 1000 + w;
    alarms += judge_window(reference, answers(how, cases).first).state == WatchState::alarm ? 1U : 0U;
  }
  return alarms;
}

TEST(Watch, unchanged_answers_hardly_ever_alarm) {
  const WatchReference reference = reference_of(400);
  EXPECT_LE(alarms_in(reference, {}, 500, 100), 3U);  // at level 0.001, more than 3 of 500 has a chance of 0.2 %
  EXPECT_LE(alarms_in(reference, {}, 200, 1000), 2U);
}

TEST(Watch, each_kind_of_change_alarms_under_its_name) {
  const WatchReference reference = reference_of(400);
  const auto judged = [&](Stream how) {
    how.seed = 5;
    return judge_window(reference, answers(how, 150).first);
  };
  const auto alarmed = [](const WatchVerdict& verdict, std::string_view name) {
    for (const WatchTest& t : verdict.tests) {
      if (t.name == name) return t.state == WatchState::alarm;
    }
    return false;
  };
  const WatchVerdict brighter = judged({.brightness = 0.1});
  EXPECT_TRUE(alarmed(brighter, "intensity: mean"));
  EXPECT_FALSE(alarmed(brighter, "score: pneumonia"));
  EXPECT_EQ(brighter.state, WatchState::alarm);
  EXPECT_EQ(brighter.tests.front().name, "intensity: mean");
  EXPECT_TRUE(alarmed(judged({.components = 0.6}), "embedding: mean of all components"));
  const WatchVerdict sicker = judged({.prevalence = 0.85});
  EXPECT_TRUE(alarmed(sicker, "findings: share of pneumonia"));
  EXPECT_TRUE(alarmed(sicker, "score: pneumonia"));
  const WatchVerdict harder = judged({.harder = 0.7});
  EXPECT_TRUE(alarmed(harder, "expected accuracy")) << to_json(harder).dump(1);
  EXPECT_LT(harder.performance->accuracy, harder.performance->expected - 0.05);

  auto cases = answers({.seed = 6}, 150).first;
  for (std::size_t i = 0; i < 30; ++i) cases[i].applicable = false;
  for (std::size_t i = 30; i < 60; ++i) cases[i].unusual = true;
  const WatchVerdict odd = judge_window(reference, cases);
  EXPECT_TRUE(alarmed(odd, "inputs that the model is not applicable to"));
  EXPECT_TRUE(alarmed(odd, "inputs that are unusual"));
}

// A change that chance does not explain but that nobody would notice is no alarm.
TEST(Watch, a_change_too_small_to_matter_is_steady) {
  WatchReference reference = reference_of(400);
  const Stream slightly{.brightness = 0.004, .seed = 9};  // 0.04 standard deviations
  const WatchVerdict verdict = judge_window(reference, answers(slightly, 20'000).first, {.min_distance = 0.2});
  for (const WatchTest& t : verdict.tests) EXPECT_LT(t.effect, 0.2) << t.name;
  EXPECT_EQ(verdict.state, WatchState::steady);
}

// The estimate agrees with what the truth says, in a mix of cases that validation did not have.
TEST(Watch, expected_performance_agrees_with_the_truth_when_the_mix_changes) {
  const WatchReference reference = reference_of(20'000);
  const auto [cases, truth] = answers({.seed = 31}, 20'000);
  std::vector<WatchCase> sure;
  std::vector<int> labels;
  for (std::size_t i = 0; i < cases.size(); ++i) {  // the cases that a reader would doubt are kept, of others a third
    if (std::abs(cases[i].score - 0.5) > 0.4 && i % 3 != 0) continue;
    sure.push_back(cases[i]);
    labels.push_back(truth[i]);
  }
  double right = 0, concordant = 0, pairs = 0;
  for (std::size_t i = 0; i < sure.size(); ++i) {
    right += (sure[i].score >= 0.5) == (labels[i] == 1) ? 1 : 0;
    for (std::size_t j = 0; j < sure.size(); ++j) {
      if (labels[i] != 1 || labels[j] != 0) continue;
      pairs += 1;
      concordant += sure[i].score > sure[j].score ? 1 : sure[i].score == sure[j].score ? 0.5 : 0;
    }
  }
  const WatchVerdict verdict = judge_window(reference, sure);
  ASSERT_TRUE(verdict.performance);
  EXPECT_NEAR(verdict.performance->accuracy, right / static_cast<double>(sure.size()), 0.02);
  ASSERT_TRUE(verdict.performance->auroc);
  EXPECT_NEAR(*verdict.performance->auroc, concordant / pairs, 0.02);
  EXPECT_LT(verdict.performance->accuracy, verdict.performance->expected - 0.01);
  EXPECT_LT(verdict.performance->low, verdict.performance->accuracy);
}

TEST(Watch, few_cases_wait) {
  const WatchReference reference = reference_of(100);
  EXPECT_EQ(judge_window(reference, answers({.brightness = 3}, 49).first).state, WatchState::waiting);
  EXPECT_EQ(judge_window(reference, {}).state, WatchState::waiting);
  EXPECT_CODE(fit_watch_reference("validation", kFeatures, {}, answers({}, 49).first), Code::invalid);
  EXPECT_CODE(fit_watch_reference("validation", {}, {}, answers({}, 60).first), Code::invalid);
}

TEST(Watch, unknown_values_make_no_test) {
  const WatchReference reference = reference_of(100);
  auto cases = answers({.seed = 3}, 80).first;
  for (WatchCase& c : cases) c.values[0] = std::numeric_limits<double>::quiet_NaN();
  const WatchVerdict verdict = judge_window(reference, cases);
  for (const WatchTest& t : verdict.tests) EXPECT_NE(t.name, "intensity: mean");
  EXPECT_NE(verdict.state, WatchState::waiting);
}

TEST(Watch, a_reference_survives_the_way_through_json) {
  const WatchReference reference = reference_of(1200);
  EXPECT_EQ(reference.values[0].size(), kWatchSample);
  const Json json = to_json(reference);
  const auto back = parse_watch_reference(json);
  ASSERT_OK(back);
  EXPECT_EQ(to_json(*back), json);
  const auto now = answers({.brightness = 0.03, .seed = 8}, 200).first;
  EXPECT_EQ(judge_window(*back, now).state, judge_window(reference, now).state);
  for (const auto& [field, value] : std::vector<std::pair<std::string, Json>>{{"cases", 3},
                                                                              {"finding_counts", {1, -1}},
                                                                              {"finding_counts", {1}},
                                                                              {"unusual", 5000},
                                                                              {"expected_accuracy", 2},
                                                                              {"features", {1}},
                                                                              {"surprise", 1}}) {
    Json broken = json;
    broken[field] = value;
    EXPECT_CODE(parse_watch_reference(broken), Code::invalid) << field;
  }
  Json falling = json;
  falling["features"][0]["values"] = "AACAPwAAAAA=";  // 1, 0
  EXPECT_CODE(parse_watch_reference(falling), Code::invalid);
  Json later = json;
  later["layout"] = 2;
  EXPECT_CODE(parse_watch_reference(later), Code::unsupported);
}

// Two pictures of 2 x 4: the figures by hand.
TEST(Watch, figures_of_a_picture) {
  ModelSignature signature;
  signature.inputs.resize(1);
  signature.inputs[0].shape = {1, 2, 4};
  Array inputs = Array::from({2, 1, 2, 4}, {9, 9, 9, 9, 9, 9, 9, 9, 0, 1, 2, 3, 10, 11, 12, 13});
  const auto layout = watch_layout(signature, {}, {"pneumonia"});
  ASSERT_EQ(layout.size(), 6U);
  EXPECT_EQ(layout[5].name, "score: pneumonia");
  const std::vector<double> scores{0.25};
  const auto values = watch_values(signature, {}, inputs, 1, {}, scores, 1);
  ASSERT_EQ(values.size(), 6U);
  EXPECT_DOUBLE_EQ(values[0], 6.5);
  EXPECT_NEAR(values[1], 5.12347538297980, 1e-12);  // numpy.std
  EXPECT_DOUBLE_EQ(values[2], 0);
  EXPECT_DOUBLE_EQ(values[3], 12);
  EXPECT_DOUBLE_EQ(values[4], 1);
  EXPECT_DOUBLE_EQ(values[5], 0.25);
  EXPECT_EQ(watch_values(signature, {}, inputs, 0, {}, {}, 1)[1], 0);
  EXPECT_TRUE(std::isnan(watch_values(signature, {}, inputs, 0, {}, {}, 1)[5]));
}

TEST(Watch, columns_of_a_table_are_watched_by_name) {
  ModelSignature signature;
  signature.inputs.resize(1);
  signature.inputs[0].shape = {2};
  signature.inputs[0].labels = {"age", "pulse"};
  const auto layout = watch_layout(signature, {}, {});
  ASSERT_EQ(layout.size(), 2U);
  EXPECT_EQ(layout[1].name, "input: pulse");
  EXPECT_EQ(watch_values(signature, {}, Array::from({2, 2}, {1, 2, 3, 4}), 1, {}, {}, 0), (std::vector<double>{3, 4}));
}

}  // namespace
}  // namespace aceso::learn
