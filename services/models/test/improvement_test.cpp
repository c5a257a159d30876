// The feedback loop: which answers wait for a verdict, and what a job makes of the verdicts.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "images.hpp"
#include "improvement.hpp"
#include "review.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

StoredPrediction answer_of(std::vector<std::pair<std::string, double>> outputs, double threshold) {
  StoredPrediction p;
  p.probability = outputs.front().second;
  p.threshold = threshold;
  p.outputs = std::move(outputs);
  return p;
}

TEST(Ambiguity, is_the_distance_to_the_other_answer) {
  const auto binary = [](double probability, double threshold) {
    return ambiguity_of(answer_of({{"pneumonia", probability}}, threshold));
  };
  EXPECT_DOUBLE_EQ(binary(0.5, 0.5), 1);
  EXPECT_DOUBLE_EQ(binary(1, 0.5), 0);
  EXPECT_DOUBLE_EQ(binary(0, 0.5), 0);
  EXPECT_DOUBLE_EQ(binary(0.2, 0.2), 1) << "the threshold is the model's own";
  EXPECT_DOUBLE_EQ(binary(0.6, 0.2), 0.5);
  EXPECT_DOUBLE_EQ(binary(0.1, 0.2), 0.5);
  EXPECT_DOUBLE_EQ(binary(1, 1), 1) << "no room above";
  EXPECT_DOUBLE_EQ(ambiguity_of(answer_of({{"a", 0.5}, {"b", 0.4}, {"c", 0.1}}, 0)), 0.8);
  EXPECT_DOUBLE_EQ(ambiguity_of(answer_of({{"a", 0.1}, {"b", 0.1}, {"c", 0.8}}, 0)), 0.125);
}

TEST(NoWorse, is_shown_by_the_lower_end_of_the_interval) {
  const auto judged = [](double value, double low, double high) {
    return no_worse(Json{{"auroc", {{"difference", {{"value", value}, {"low", low}, {"high", high}}}}}}, 0.05, 40);
  };
  const auto is = [](const Json& answer, bool passed, const char* word) {
    return answer["passed"] == passed && answer["text"].get<std::string>().starts_with(word);
  };
  EXPECT_TRUE(is(judged(0.02, 0.01, 0.03), true, "better"));
  EXPECT_TRUE(is(judged(0.0, -0.05, 0.05), true, "no worse")) << "the margin itself passes";
  EXPECT_TRUE(is(judged(-0.01, -0.04, -0.005), true, "no worse")) << "worse by less than what was agreed";
  EXPECT_TRUE(is(judged(0.1, -0.06, 0.26), false, "too few")) << "a good value that may be chance";
  EXPECT_TRUE(is(judged(-0.1, -0.2, -0.01), false, "worse"));
  const Json equal{{"auroc", {{"difference", {{"value", 0.0}, {"low", 0.0}, {"high", 0.0}}}}}};
  EXPECT_TRUE(is(no_worse(equal, 0.05, 9), false, "too few cases: 9"));
  EXPECT_TRUE(is(no_worse(equal, 0.05, 59), false, "too few cases to show")) << "no fault in 59: 3 / 59 is above 0.05";
  EXPECT_TRUE(is(no_worse(equal, 0.05, 60), true, "no worse"));
  EXPECT_TRUE(is(no_worse(Json{{"auroc", nullptr}}, 0.05, 40), false, "no AUROC"));
  EXPECT_TRUE(is(no_worse(Json(nullptr), 0.05, 40), false, "no AUROC"));
}

class Loop : public Service {
 protected:
  // A picture of noise around `level`: no two are twins.
  static std::vector<std::byte> picture(int level, std::uint64_t seed, std::int64_t side = 16) {
    imaging::Image image;
    image.width = image.height = side;
    const Philox noise{seed + 5000};
    for (std::int64_t k = 0; k < side * side; ++k) {
      const auto jitter = static_cast<int>(noise.block(0, static_cast<std::uint64_t>(k))[0] % 41) - 20;
      image.pixels.push_back(static_cast<std::byte>(std::clamp(level + jitter, 0, 255)));
    }
    return *imaging::encode_png(image);
  }
  std::string predict(int level, std::uint64_t seed, std::int64_t side = 16) {
    const auto p = models->predict_bytes(actor("dr"), {.name = "m"}, picture(level, seed, side), "image/png", false);
    EXPECT_TRUE(p) << p.error().message();
    return p ? (*p)["id"].get<std::string>() : std::string{};
  }
  void say(const std::string& prediction, const char* label, const char* reader = "dr") {
    const auto said = models->put_verdict(actor(reader), prediction, "pneumonia", Json{{"label", label}});
    EXPECT_TRUE(said) << said.error().message();
  }
  // Version 1 of m, trained on "set", live.
  void start(const std::string& worker = "train") {
    open(worker);
    import("set");
    const auto job = models->train(
        actor("scientist"), Json{{"name", "m"}, {"dataset", "set"}, {"config", {{"epochs", 2}, {"image_size", 16}}}});
    ASSERT_TRUE(job) << job.error().message();
    const auto end = wait(*job);
    ASSERT_TRUE(end) << end.error().message();
    ASSERT_TRUE(models->promote(actor("scientist"), "m", 1, "live"));
  }
  // n answers, half of them bright, each with a true verdict.
  void judged(int n, std::uint64_t first) {
    for (int i = 0; i < n; ++i) {
      const bool ill = i % 2 == 1;
      say(predict(ill ? 190 : 60, first + static_cast<std::uint64_t>(i), 24), ill ? "pneumonia" : "normal");
    }
  }
  Result<Json> improved(const Json& request) {
    const auto job = models->improve(actor("scientist"), "m", request);
    if (!job) return job.error();
    ACESO_TRY(const Json end, wait(*job));
    return end["output"];
  }
  Json state() { return *models->improvement("m", nullptr, 20); }
};

TEST_F(Loop, the_least_certain_answers_come_first_and_some_by_chance) {
  open();
  add_model("m", true, 1);
  ASSERT_TRUE(models->promote(actor("scientist"), "m", 1, "live"));
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(predict(128 + i * 10, static_cast<std::uint64_t>(i)));  // ever surer
  const Json queue = *models->review_queue(actor("dr"), "m", 1, 50);
  ASSERT_EQ(queue["items"].size(), 12U);
  EXPECT_EQ(queue["waiting"], 12);
  std::set<std::string> seen;
  double last = 1;
  for (std::size_t i = 0; i < 12; ++i) {
    const Json& item = queue["items"][i];
    seen.insert(item["prediction"].get<std::string>());
    EXPECT_FALSE(item.contains("finding") || item.contains("probability")) << "nobody is told before they look";
    if (i % 5 == 4) {
      EXPECT_EQ(item["why"], "drawn by chance");
      continue;
    }
    EXPECT_LE(item["ambiguity"].get<double>(), last);
    last = item["ambiguity"].get<double>();
  }
  EXPECT_EQ(seen.size(), 12U) << "each once";
  EXPECT_EQ(queue["items"][0]["prediction"], ids[0]);
  EXPECT_EQ((*models->review_queue(actor("dr"), "m", 1, 3))["items"].size(), 3U);

  say(ids[0], "normal");
  EXPECT_EQ((*models->review_queue(actor("second"), "m", 1, 50))["waiting"], 11) << "one reader is enough";
  EXPECT_EQ((*models->review_queue(actor("second"), "m", 2, 50))["waiting"], 12) << "two are asked for";
  EXPECT_EQ((*models->review_queue(actor("dr"), "m", 2, 50))["waiting"], 11) << "nobody is asked twice";
  EXPECT_TRUE(models->put_verdict(actor("dr"), ids[1], "pneumonia", Json{{"comment", "cannot tell"}}));
  EXPECT_EQ((*models->review_queue(actor("dr"), "m", 1, 50))["waiting"], 10) << "unsure is an answer, too";
  EXPECT_EQ((*models->review_queue(actor("second"), "m", 1, 50))["waiting"], 11) << "for others it waits";
  const auto read = models->predict_bytes(actor("dr"), {.name = "m"}, picture(130, 77), "image/png", true);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ((*models->review_queue(actor("dr"), "m", 1, 50))["waiting"], 10) << "a blinded read is told to nobody";
  EXPECT_EQ((*models->review_queue(actor("second"), "m", 1, 50))["waiting"], 11);
  predict(128, 0);  // the very input that was judged
  EXPECT_EQ((*models->review_queue(actor("dr"), "m", 1, 50))["waiting"], 10);
  EXPECT_EQ(models->review_queue(actor("dr"), "none", 1, 50).error().code(), Code::not_found);
}

TEST_F(Loop, verdicts_become_a_version_that_is_measured_against_the_live_one) {
  start();
  EXPECT_EQ(models->improve(actor("scientist"), "m", Json::object()).error().code(), Code::precondition);
  judged(100, 100);
  const Json before = state();
  EXPECT_EQ(before["ready"], true) << before.dump(1);
  EXPECT_EQ(before["labels"]["new"], 100);
  EXPECT_EQ(before["labels"]["by_class"]["pneumonia"], 50);
  const auto done = improved(Json{{"promote", "live"}, {"hold_out", 0.4}, {"margin", 0.5}});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ((*done)["version"], 2);
  EXPECT_EQ((*done)["live"], 1);
  EXPECT_EQ((*done)["dataset"], "set@2");
  EXPECT_EQ((*done)["own_dataset"], "m-own");
  EXPECT_EQ((*done)["data"]["added"], 100);
  EXPECT_EQ((*done)["passed"], true) << done->dump(1);
  ASSERT_EQ((*done)["checks"].size(), 2U);
  EXPECT_EQ((*done)["checks"][1]["on"], "own cases held out");
  EXPECT_GE((*done)["checks"][1]["samples"], 20);
  EXPECT_EQ((*done)["stage"], "live");
  EXPECT_EQ((*models->model("m", 0))["version"], 2);

  const Json training = (*models->model("m", 2))["training"];
  EXPECT_EQ(training["dataset"], "set@2");
  EXPECT_EQ(training["config"]["init"], "m@1") << "it goes on from the live version";
  const Json own = *models->dataset("m-own");
  EXPECT_EQ(own["samples"], (*done)["data"]["own"]);
  const Json split = (*models->dataset("set@2"))["splits"];
  EXPECT_EQ(split["train"].get<int>() + split["validation"].get<int>() + split["test"].get<int>(), 104 + 100);
  EXPECT_EQ(split["test"].get<int>(), 24 + own["samples"].get<int>());

  // What a clinician may sign: an evaluation on the own cases, none of which was seen.
  const auto evaluation = wait(Json{{"job", {{"id", (*done)["evaluation_job"]}}}});
  ASSERT_TRUE(evaluation) << evaluation.error().message();
  EXPECT_EQ((*evaluation)["output"]["dataset"], "m-own");
  EXPECT_EQ((*evaluation)["output"]["evaluation"]["seen_in_training"], 0);

  for (const char* event : {"job.create", "dataset.create", "model.compare", "model.improve", "model.promote"})
    EXPECT_FALSE(audit.of(event).empty()) << event;
  EXPECT_EQ(audit.of("model.improve").front().entity_id, "m/2");
  const Json after = state();
  EXPECT_EQ(after["ready"], false);
  EXPECT_EQ(after["labels"]["new"], 0) << "the live version has seen them";
  EXPECT_EQ(after["jobs"].size(), 1U);
}

TEST_F(Loop, a_case_that_is_held_out_stays_held_out_in_every_round) {
  start();
  judged(100, 100);
  const auto first = improved(Json{{"hold_out", 0.4}, {"promote", "live"}, {"margin", 0.5}});
  ASSERT_TRUE(first) << first.error().message();
  ASSERT_EQ((*first)["stage"], "live") << first->dump(1);
  judged(40, 300);
  const auto second = improved(Json{{"hold_out", 0.4}});
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ((*second)["dataset"], "set@3");
  EXPECT_EQ((*second)["own_dataset"], "m-own@2");
  EXPECT_EQ((*second)["data"]["added"], 40) << "those of the first round are there";
  EXPECT_EQ((*second)["stage"], "candidate");
  const auto ids = [&](const char* dataset, const char* split) {
    std::set<std::string> out;
    const Json page = *models->samples(
        dataset, {.split = std::string{split} == "test" ? learn::Split::test : learn::Split::train, .limit = 500});
    for (const Json& item : page["items"]) {
      if (item["id"].get<std::string>().starts_with("feedback/")) out.insert(item["id"].get<std::string>());
    }
    return out;
  };
  const auto first_test = ids("set@2", "test");
  const auto second_test = ids("set@3", "test");
  EXPECT_FALSE(first_test.empty());
  EXPECT_TRUE(std::ranges::includes(second_test, first_test));
  for (const auto& id : ids("set@3", "train")) EXPECT_FALSE(second_test.contains(id));
}

TEST_F(Loop, a_version_that_may_not_go_live_waits_for_its_clinician) {
  start();
  options.live_needs_acceptance = true;
  reopen("train");
  judged(100, 100);
  const auto done = improved(Json{{"promote", "live"}, {"hold_out", 0.4}, {"margin", 0.5}});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ((*done)["passed"], true) << done->dump(1);
  EXPECT_EQ((*done)["stage"], "candidate");
  EXPECT_NE((*done)["waits_for"].get<std::string>().find("no clinician has accepted"), std::string::npos);
  EXPECT_EQ((*models->model("m", 0))["version"], 1);
  const auto evaluation = wait(Json{{"job", {{"id", (*done)["evaluation_job"]}}}});
  ASSERT_TRUE(evaluation);
  ASSERT_TRUE(models->accept(actor("dr"), "m", 2,
                             Json{{"evaluation", (*done)["evaluation_job"]},
                                  {"own_cases", true},
                                  {"statement", "as good as before on our own"}}));
  EXPECT_TRUE(models->promote(actor("scientist"), "m", 2, "live"));
}

TEST_F(Loop, what_does_not_pass_stays_a_candidate_and_says_why) {
  start();
  ASSERT_TRUE(models->set_gate(actor("head"), "m",
                               Json{{"figures", Json::array()}, {"min_cases", 1000}, {"reason", "agreed"}}));
  judged(30, 100);
  const auto done = improved(Json{{"promote", "shadow"}, {"hold_out", 0.4}});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ((*done)["passed"], false);
  EXPECT_EQ((*done)["stage"], "candidate");
  ASSERT_EQ((*done)["checks"].size(), 3U);
  EXPECT_NE((*done)["checks"][2]["text"].get<std::string>().find("1000"), std::string::npos);
}

TEST_F(Loop, wrong_requests_are_refused_by_name) {
  start();
  judged(20, 100);
  for (const auto& [request, word] : {std::pair<Json, const char*>{{{"start", "middle"}}, "start"},
                                      {{{"promote", "retired"}}, "promote"},
                                      {{{"hold_out", 0.99}}, "hold_out"},
                                      {{{"min_labels", 0}}, "min_labels"},
                                      {{{"truth", {"rumour"}}}, "truth"},
                                      {{{"config", {{"no_such_key", 1}}}}, "no_such_key"},
                                      {{{"config", {{"init", "/etc/passwd"}}}}, "init"},
                                      {{{"config", {{"seeds", 3}}}}, "repeated runs"},
                                      {{{"extra", 1}}, "extra"}}) {
    const auto refused = models->improve(actor("scientist"), "m", request);
    ASSERT_FALSE(refused) << request;
    EXPECT_NE(refused.error().message().find(word), std::string::npos) << refused.error().message();
  }
  EXPECT_EQ(models->improve(actor("scientist"), "none", Json::object()).error().code(), Code::not_found);
  const auto few = models->improve(actor("scientist"), "m", Json{{"min_labels", 21}});
  EXPECT_NE(few.error().message().find("20 new labels, 21 are asked for"), std::string::npos) << few.error().message();
}

TEST_F(Loop, a_worker_that_was_killed_goes_on_and_nothing_is_made_twice) {
  start();
  judged(40, 100);
  reopen("dies_once");
  const auto done = improved(Json{{"hold_out", 0.4}});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ((*done)["dataset"], "set@2");
  EXPECT_EQ((*models->datasets())["items"].size(), 3U);
}

}  // namespace
}  // namespace aceso::models::test
