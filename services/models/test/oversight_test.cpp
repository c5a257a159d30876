// What a version needs to go live, and what happens when it must be stopped.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "approvals.hpp"
#include "impl.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class Oversight : public Service {
 protected:
  void SetUp() override { options.live_needs_acceptance = true; }
  // A finished evaluation of version 1 of "m" on the test split of "set"; its job.
  std::string evaluated() {
    const auto job = models->evaluate(actor("scientist"),
                                      Json{{"model", "m"}, {"version", 1}, {"dataset", "set"}, {"split", "test"}});
    EXPECT_TRUE(job) << job.error().message();
    const auto end = wait(*job);
    EXPECT_TRUE(end) << end.error().message();
    return id_of(*job);
  }
  static Json words(const std::string& evaluation) {
    return Json{{"evaluation", evaluation},
                {"own_cases", true},
                {"unseen", true},
                {"statement", "good enough as a second reader"}};
  }
  static std::string why(const auto& result) { return result ? std::string{"accepted"} : result.error().message(); }
};

TEST_F(Oversight, no_version_goes_live_without_an_acceptance_of_an_evaluation_on_own_cases) {
  open();
  import("set");
  add_model("m", true, 1);
  add_model("m", true, 2);
  const auto refused = models->promote(actor("scientist"), "m", 1, "live");
  EXPECT_EQ(refused.error().code(), Code::precondition);
  EXPECT_NE(why(refused).find("no clinician has accepted"), std::string::npos) << why(refused);
  EXPECT_TRUE(models->promote(actor("scientist"), "m", 1, "shadow")) << "other stages need none";

  const std::string evaluation = evaluated();
  EXPECT_EQ(models->accept(actor("dr"), "m", 1, Json{{"evaluation", "no job"}, {"own_cases", true}, {"statement", "x"}})
                .error()
                .code(),
            Code::not_found);
  EXPECT_EQ(models->accept(actor("dr"), "m", 2, words(evaluation)).error().code(), Code::precondition)
      << "an evaluation of another version";
  Json foreign = words(evaluation);
  foreign["own_cases"] = false;
  EXPECT_EQ(models->accept(actor("dr"), "m", 1, foreign).error().code(), Code::precondition);
  Json unvouched = words(evaluation);
  unvouched.erase("unseen");
  EXPECT_NE(why(models->accept(actor("dr"), "m", 1, unvouched)).find("nobody can compare"), std::string::npos);
  Json silent = words(evaluation);
  silent.erase("statement");
  EXPECT_EQ(models->accept(actor("dr"), "m", 1, silent).error().code(), Code::invalid);
  EXPECT_EQ(audit.of("model.accept").size(), 0U);

  const auto accepted = models->accept(actor("dr"), "m", 1, words(evaluation));
  ASSERT_TRUE(accepted) << accepted.error().message();
  EXPECT_EQ((*accepted)["signer"]["name"], actor("dr").name);
  const Json approval = *models->approval("m", 1);
  EXPECT_EQ(approval["ready"], true) << approval.dump(1);
  EXPECT_EQ(approval["acceptance"]["evaluation"], evaluation);
  EXPECT_EQ(approval["acceptance"]["dataset"], "set");
  EXPECT_EQ(approval["evaluations"][0]["id"], evaluation);
  EXPECT_EQ(audit.of("model.accept").size(), 1U);
  EXPECT_TRUE(models->promote(actor("scientist"), "m", 1, "live"));
  EXPECT_FALSE(models->promote(actor("scientist"), "m", 2, "live")) << "an acceptance is of one version";
  EXPECT_EQ(models->set_share(actor("scientist"), "m", 2, "canary", 50).error().code(), Code::precondition)
      << "a canary answers for patients, too";
  EXPECT_TRUE(models->set_share(actor("scientist"), "m", 2, "shadow", 50));
}

TEST_F(Oversight, an_acceptance_that_was_altered_counts_for_nothing) {
  open();
  import("set");
  add_model("m", true, 1);
  ASSERT_TRUE(models->accept(actor("dr"), "m", 1, words(evaluated())));
  models.reset();
  auto catalogue = store::open_sqlite(home.path() / "catalogue.sqlite", catalogue_migrations(), Logger{clock, sink});
  ASSERT_TRUE(catalogue) << catalogue.error().message();
  ASSERT_TRUE(
      (*catalogue)
          ->execute("UPDATE model_acceptance SET document = replace(document, 'second reader', 'first reader')"));
  catalogue->reset();
  open();
  const Json approval = *models->approval("m", 1);
  EXPECT_EQ(approval["acceptances"][0]["valid"], false);
  EXPECT_TRUE(approval["acceptance"].is_null());
  EXPECT_FALSE(models->promote(actor("scientist"), "m", 1, "live"));
}

TEST_F(Oversight, a_gate_is_compared_with_the_figures_on_own_cases) {
  open();
  import("set");
  add_model("m", true, 1);
  ASSERT_TRUE(models->accept(actor("dr"), "m", 1, words(evaluated())));
  const double accuracy = (*models->approval("m", 1))["acceptance"]["metrics"]["accuracy"]["value"].get<double>();
  const auto gate = [&](double at_least) {
    return models->set_gate(
        actor("head"), "m",
        Json{{"figures", {{{"figure", "accuracy"}, {"at_least", at_least}}}}, {"reason", "agreed in the board"}});
  };
  ASSERT_TRUE(gate(accuracy + 0.001));
  const auto refused = models->promote(actor("scientist"), "m", 1, "live");
  EXPECT_EQ(refused.error().code(), Code::precondition);
  EXPECT_NE(why(refused).find("below the gate"), std::string::npos) << why(refused);
  EXPECT_EQ((*models->approval("m", 1))["ready"], false);
  ASSERT_TRUE(gate(accuracy));
  EXPECT_TRUE(models->promote(actor("scientist"), "m", 1, "live"));
  EXPECT_EQ((*models->gate("m"))["gate"]["reason"], "agreed in the board");
  EXPECT_EQ(audit.of("model.gate").size(), 2U);
  EXPECT_EQ(models->set_gate(actor("head"), "nobody", Json{{"reason", "x"}}).error().code(), Code::not_found);
}

TEST(GateFigures, value_and_interval_and_errors_are_told_apart) {
  const Json evaluation{{"samples", 120U},
                        {"metrics", {{"auroc", {{"value", 0.91}, {"low", 0.86}, {"high", 0.95}}}, {"mae", 2.5}}}};
  const auto failed = [&](Json figures, int cases = 0) {
    const auto gate = parse_gate(Json{{"figures", std::move(figures)}, {"min_cases", cases}, {"reason", "r"}});
    EXPECT_TRUE(gate) << gate.error().message();
    return gate ? failures(*gate, evaluation).size() : 99U;
  };
  EXPECT_EQ(failed(Json::array({{{"figure", "auroc"}, {"at_least", 0.9}}})), 0U);
  EXPECT_EQ(failed(Json::array({{{"figure", "auroc"}, {"at_least", 0.9}, {"bound", true}}})), 1U);
  EXPECT_EQ(failed(Json::array({{{"figure", "mae"}, {"at_most", 2.5}}})), 0U);
  EXPECT_EQ(failed(Json::array({{{"figure", "mae"}, {"at_most", 2.4}}})), 1U);
  EXPECT_EQ(failed(Json::array({{{"figure", "dice"}, {"at_least", 0.1}}})), 1U) << "a figure that is not there";
  EXPECT_EQ(failed(Json::array({{{"figure", "mae"}, {"at_most", 9}, {"bound", true}}})), 1U) << "it has no interval";
  EXPECT_EQ(failed(Json::array(), 121), 1U);
  const auto wrong = [](const Json& gate) { return parse_gate(gate).error().message(); };
  EXPECT_NE(wrong(Json{{"figures", {{{"figure", "auroc"}}}}, {"reason", "r"}}).find("at_least"), std::string::npos);
  EXPECT_NE(wrong(Json{{"figures", 3}, {"reason", "r"}}).find("figures"), std::string::npos);
  EXPECT_NE(wrong(Json{{"figures", Json::array()}}).find("reason"), std::string::npos);
}

TEST_F(Oversight, a_recalled_version_answers_nobody_and_says_whom_it_concerned) {
  options.live_needs_acceptance = false;
  open();
  add_model("m", true, 1);
  add_model("m", true, 2);
  ASSERT_TRUE(models->promote(actor("scientist"), "m", 1, "live"));
  ASSERT_TRUE(models->promote(actor("scientist"), "m", 2, "live"));
  ASSERT_TRUE(models->set_share(actor("scientist"), "m", 2, "none", 0));
  const auto image = grey_png(32, 220);
  const auto before = models->predict_bytes(actor("dr"), {.name = "m"}, image, "image/png", false);
  ASSERT_TRUE(before) << before.error().message();
  EXPECT_TRUE((*before)["recalled"].is_null());
  int told = 0;
  models->on_recall([&told] { ++told; });

  EXPECT_EQ(models->recall(actor("dr"), "m", 2, Json::object()).error().code(), Code::invalid) << "a reason is needed";
  const auto recalled = models->recall(actor("dr"), "m", 2, Json{{"reason", "misses effusions"}});
  ASSERT_TRUE(recalled) << recalled.error().message();
  EXPECT_EQ((*recalled)["affected"]["predictions"], 1);
  EXPECT_EQ(told, 1);
  ASSERT_TRUE(models->recall(actor("other"), "m", 2, Json{{"reason", "again"}}));
  EXPECT_EQ((*models->recall_of("m", 2))["reason"], "misses effusions") << "the first recall stands";

  const auto refused = models->predict_bytes(actor("dr"), {.name = "m", .version = 2}, image, "image/png", false);
  EXPECT_EQ(refused.error().code(), Code::precondition);
  EXPECT_NE(why(refused).find("misses effusions"), std::string::npos) << why(refused);
  EXPECT_FALSE(models->predict_bytes(actor("dr"), {.name = "m"}, image, "image/png", false)) << "no version is live";
  EXPECT_EQ((*models->prediction(actor("dr"), (*before)["id"].get<std::string>()))["recalled"]["reason"],
            "misses effusions");
  const Json affected = *models->affected(actor("head"), "m", 2, "", 10);
  ASSERT_EQ(affected["items"].size(), 1U);
  EXPECT_EQ(affected["items"][0]["id"], (*before)["id"]);
  EXPECT_FALSE(affected["items"][0].contains("finding"));
  EXPECT_EQ(models->recalls()->size(), 1U);
  for (const char* stage : {"live", "shadow", "candidate", "retired"})
    EXPECT_EQ(models->promote(actor("scientist"), "m", 2, stage).error().code(), Code::precondition) << stage;
  EXPECT_FALSE(models->set_share(actor("scientist"), "m", 2, "shadow", 10));

  const auto back = models->roll_back(actor("scientist"), "m", 0);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ((*back)["version"], 1);
  EXPECT_TRUE(models->predict_bytes(actor("dr"), {.name = "m"}, image, "image/png", false));

  reopen("train");
  EXPECT_FALSE(models->predict_bytes(actor("dr"), {.name = "m", .version = 2}, image, "image/png", false));
  ASSERT_TRUE(models->lift_recall(actor("head"), "m", 2, Json{{"reason", "it was another cable"}}));
  EXPECT_EQ((*models->model("m", 2))["stage"], "retired");
  EXPECT_EQ(models->lift_recall(actor("head"), "m", 2, Json{{"reason", "x"}}).error().code(), Code::not_found);
  EXPECT_TRUE(models->promote(actor("scientist"), "m", 2, "live"));
  EXPECT_EQ(audit.of("model.recall").size(), 1U);
  EXPECT_EQ(audit.of("model.recall_lifted").size(), 1U);
}

TEST_F(Oversight, going_back_passes_over_what_was_recalled) {
  options.live_needs_acceptance = false;
  open();
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    add_model("m", true, seed);
    ASSERT_TRUE(models->promote(actor("a"), "m", static_cast<int>(seed), "live"));
  }
  ASSERT_TRUE(models->recall(actor("a"), "m", 2, Json{{"reason", "wrong"}}));
  const auto back = models->roll_back(actor("a"), "m", 3);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ((*back)["version"], 1);
  EXPECT_EQ(models->roll_back(actor("b"), "m", 3).error().code(), Code::conflict) << "two people pressed the button";
  EXPECT_EQ((*models->model("m", 0))["version"], 1);
  add_model("n", true, 9);
  EXPECT_EQ(models->roll_back(actor("a"), "n", 0).error().code(), Code::precondition);
  EXPECT_EQ(models->roll_back(actor("a"), "none", 0).error().code(), Code::not_found);
}

TEST_F(Oversight, a_recall_that_cannot_be_recorded_does_not_happen) {
  options.live_needs_acceptance = false;
  open();
  add_model("m", true, 1);
  audit.fail = true;
  EXPECT_FALSE(models->recall(actor("dr"), "m", 1, Json{{"reason", "x"}}));
  audit.fail = false;
  EXPECT_EQ((*models->model("m", 1))["stage"], "candidate");
  EXPECT_TRUE(models->recalls()->empty());
}

}  // namespace
}  // namespace aceso::models::test
