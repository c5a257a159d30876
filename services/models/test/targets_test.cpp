// Models that answer with several labels or with a number, served: what is stored, shown and refused; and the whole way
// through import, training, evaluation and comparison with the fake engine.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/testing.hpp"
#include "service_fixture.hpp"
#include "uncertainty.hpp"

namespace aceso::models::test {
namespace {

class TargetService : public Service {
 protected:
  void add(const std::string& name, std::vector<std::string> names, const std::string& unit = {}) {
    const std::filesystem::path folder = home.path() / (name + "-bundle");
    ASSERT_TRUE(learn::write_bundle(folder, make_target_bundle(name, 16, std::move(names), unit),
                                    "<!doctype html><html><body>report</body></html>", signing_key()));
    ASSERT_OK(models->register_bundle(actor("scientist"), folder, ""));
  }
  static contracts::ModelRef first(const std::string& name) { return {.name = name, .version = 1}; }
  Json ask(const std::string& name, int level) {
    const auto answer = models->predict_bytes(actor("dr"), first(name), grey_png(16, level), "image/png", false);
    EXPECT_OK(answer);
    return answer ? *answer : Json(nullptr);
  }
  // Data of the fixture, labelled anew: bright pictures (every second one) hold the first label.
  static learn::NamedArrays relabelled(bool number) {
    learn::NamedArrays arrays = medmnist();
    for (const char* split : {"train", "val", "test"}) {
      learn::Array& labels = arrays.at(std::string{split} + "_labels");
      const std::int64_t n = labels.shape[0];
      std::vector<float> values;
      for (std::int64_t i = 0; i < n; ++i) {
        if (number) {
          values.push_back(static_cast<float>(i % 2 == 1 ? 0.9 : 0.1) + 0.001F * static_cast<float>(i));
        } else {
          values.push_back(i % 2 == 1 ? 1.0F : 0.0F);
          values.push_back(i % 3 == 0 ? 1.0F : 0.0F);
        }
      }
      labels = learn::Array::from(number ? learn::Shape{n} : learn::Shape{n, 2}, std::move(values));
    }
    return arrays;
  }
  void import_targets(const std::string& name, bool number) {
    const std::filesystem::path file = home.path() / (name + ".npz");
    ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(relabelled(number))));
    learn::ImportOptions how;
    how.name = name;
    if (number) {
      how.task = learn::Task::regression;
      how.unit = "mm";
      how.classes = {"length"};
    } else {
      how.classes = {"bright", "third"};
    }
    const auto job = models->import_dataset(actor("scientist"), file, how);
    ASSERT_OK(job);
    ASSERT_OK(wait(*job));
  }
};

TEST_F(TargetService, each_label_has_its_threshold_and_what_validation_says_of_it) {
  open();
  add("several", {"nodule", "effusion"});
  const Json bright = ask("several", 230);
  EXPECT_EQ(bright["task"], "multi_label");
  EXPECT_EQ(bright["finding"], "nodule");
  EXPECT_TRUE(bright["threshold"].is_null());
  EXPECT_FALSE(bright.contains("outlines"));
  EXPECT_FALSE(bright.contains("positive"));
  const Json& labels = bright["labels"];
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0]["positive"], true);
  EXPECT_EQ(labels[1]["positive"], false);
  EXPECT_DOUBLE_EQ(labels[1]["threshold"].get<double>(), 0.4);
  EXPECT_EQ(labels[0]["uncertainty"]["positives"], 18);
  EXPECT_EQ(labels[1]["uncertainty"]["positives"], 2);
  // Another reader, later, from the catalogue.
  const Json shown = *models->prediction(actor("other"), bright["id"].get<std::string>());
  EXPECT_EQ(shown["labels"], labels);
  EXPECT_EQ(ask("several", 128)["finding"], "nodule, effusion");  // both 0.5
  const Json versions = (*models->models())["items"][0]["versions"];
  EXPECT_NEAR(versions[0]["auroc"].get<double>(), 0.87, 1e-12);
  // A verdict is on the answer as a whole or on one label.
  const std::string id = bright["id"];
  ASSERT_OK(models->put_verdict(actor("dr"), id, "nodule", Json{{"agree", true}}));
  ASSERT_OK(models->put_verdict(actor("dr"), id, "effusion", Json{{"agree", false}, {"comment", "a little"}}));
  EXPECT_CODE(models->put_verdict(actor("dr"), id, "fracture", Json{{"agree", true}}), Code::not_found);
}

TEST_F(TargetService, a_number_comes_with_its_unit_and_an_interval_of_stated_coverage) {
  open();
  add("size", {"diameter"}, "mm");
  const Json answer = ask("size", 230);
  EXPECT_EQ(answer["task"], "regression");
  EXPECT_EQ(answer["number"]["name"], "diameter");
  EXPECT_EQ(answer["number"]["unit"], "mm");
  const double value = answer["number"]["value"].get<double>();
  EXPECT_NEAR(value, 1, 0.01);
  EXPECT_FALSE(answer.contains("probability"));
  EXPECT_FALSE(answer.contains("threshold"));
  const Json& u = answer["uncertainty"];
  EXPECT_EQ(u["kind"], "conformal-interval");
  EXPECT_DOUBLE_EQ(u["coverage"].get<double>(), 0.9);
  EXPECT_NEAR(u["low"].get<double>(), value - 0.25, 1e-12);
  EXPECT_NE(u["text"].get<std::string>().find("90 % coverage"), std::string::npos);
  EXPECT_NE(u["text"].get<std::string>().find("50 validation cases"), std::string::npos);
  EXPECT_EQ(number_uncertainty(Json(), 1, "mm")["kind"], "none");
  EXPECT_EQ(number_uncertainty(Json{{"half_width", "wide"}}, 1, "mm")["kind"], "none");
  ASSERT_OK(models->put_verdict(actor("dr"), answer["id"].get<std::string>(), "diameter", Json{{"agree", true}}));
}

TEST_F(TargetService, a_job_of_several_runs_goes_on_where_it_was_cut_off) {
  open("dies_later");
  import("set");
  const Json job =
      *models->train(actor("a"), Json{{"name", "m"},
                                      {"dataset", "set"},
                                      {"config", Json{{"epochs", 3}, {"batch", 8}, {"seeds", 2}, {"ensemble", true}}}});
  ASSERT_FALSE(wait(job));
  reopen("train");
  const std::filesystem::path folder = home.path() / "jobs" / id_of(job);
  EXPECT_TRUE(std::filesystem::exists(folder / "runs" / "1.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder / "checkpoint.safetensors"));
  const auto again = models->train(actor("a"), Json{{"resume", id_of(job)}});
  ASSERT_OK(again);
  int epochs = 0;
  ASSERT_OK(wait(*again, [&](const Json& event) { epochs += event["type"] == "epoch" ? 1 : 0; }));
  EXPECT_EQ(epochs, 2);  // the first run had ended, and the second its first epoch
  const Json shown = *models->model("m", 1);
  ASSERT_TRUE(shown["training"].contains("runs")) << shown["training"].dump();
  const Json& runs = shown["training"]["runs"];
  ASSERT_EQ(runs["runs"].size(), 2U);
  EXPECT_EQ(runs["runs"][1]["epochs"], 3);
  EXPECT_EQ(runs["ensemble"], true);
  EXPECT_TRUE(runs["test"]["mean"].is_number());
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "jobs"));
}

TEST_F(TargetService, a_search_goes_on_where_its_worker_died_and_registers_the_best) {
  const Json request{
      {"name", "m"},
      {"dataset", "set"},
      {"config", Json{{"epochs", 4},
                      {"batch", 8},
                      {"search", Json{{"trials", 4},
                                      {"eta", 2},
                                      {"parameters",
                                       Json{{"learning_rate", Json{{"log_uniform", Json::array({1e-4, 1e-2})}}},
                                            {"augment.rotate", Json{{"choice", Json::array({0, 5, 10, 15})}}}}}}}}}};
  open("dies_later");
  import("set");
  const Json job = *models->train(actor("a"), request);
  ASSERT_FALSE(wait(job));
  const Json cut = *models->job(id_of(job));
  ASSERT_FALSE(cut["trials"].empty());
  EXPECT_LT(cut["trials"].size(), 5U);
  reopen("train");
  const auto again = models->train(actor("a"), Json{{"resume", id_of(job)}});
  ASSERT_OK(again);
  int epochs = 0;
  ASSERT_OK(wait(*again, [&](const Json& event) {
    if (event["type"] != "epoch") return;
    ++epochs;
    EXPECT_GE(event["trial"], 1);
  }));
  EXPECT_LT(epochs, 4 + 2 + 2);  // rungs 1, 2, 4 with 4, 2 and 1 trials: what had been trained is not trained again
  const Json resumed = *models->model("m", 1);
  const auto whole = models->train(actor("a"), request);
  ASSERT_OK(whole);
  ASSERT_OK(wait(*whole));
  const Json version = *models->model("m", 2);
  const Json& search = version["training"]["search"];
  ASSERT_EQ(search["results"].size(), 4U) << search.dump();
  EXPECT_EQ(search["rungs"], (Json{1, 2, 4}));
  for (std::size_t i = 0; i < 4; ++i) {
    const Json& other = resumed["training"]["search"]["results"][i];
    EXPECT_EQ(other["trial"], search["results"][i]["trial"]);
    EXPECT_EQ(other["figure"], search["results"][i]["figure"]);
    EXPECT_EQ(other["state"], search["results"][i]["state"]);
  }
  EXPECT_EQ(version["training"]["config"], resumed["training"]["config"]);
  EXPECT_FALSE(version["training"]["config"].contains("search"));
  EXPECT_EQ(version["training"]["config"]["learning_rate"], search["results"][0]["values"]["learning_rate"]);
  EXPECT_EQ(version["stage"], "candidate");
  EXPECT_TRUE(version["evaluation"]["metrics"].contains("auroc"));
  const Json shown = *models->job(id_of(*whole));
  ASSERT_EQ(shown["trials"].size(), 4U);
  EXPECT_EQ(shown["trials"][0]["trial"], search["best"]);
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "jobs"));
  // What makes no sense makes no job.
  Json wrong = request;
  wrong["config"]["search"]["trials"] = 1000;
  const auto refused = models->train(actor("a"), wrong);
  ASSERT_CODE(refused, Code::invalid);
  EXPECT_NE(refused.error().message().find("config.search.trials"), std::string::npos) << refused.error().message();
}

TEST_F(TargetService, an_ensemble_says_how_far_its_members_differ) {
  const std::vector<float> answers{0.5F, 0.9F, 0.6F, 0.1F, 0.7F, 0.2F};  // three members of two outputs
  const Json spread = members_spread(answers, 3, 1, {});
  EXPECT_EQ(spread["count"], 3);
  EXPECT_NEAR(spread["low"].get<double>(), 0.1, 1e-6);
  EXPECT_NEAR(spread["high"].get<double>(), 0.9, 1e-6);
  EXPECT_NEAR(spread["sd"].get<double>(), 0.43588989, 1e-6);
  EXPECT_NE(members_spread(answers, 3, 0, "mm")["text"].get<std::string>().find("0.7 mm"), std::string::npos);
  EXPECT_TRUE(members_spread(answers, 4, 0, {}).is_null());
  EXPECT_TRUE(members_spread(answers, 3, 2, {}).is_null());
  EXPECT_TRUE(members_spread({}, 0, 0, {}).is_null());
}

TEST_F(TargetService, what_is_made_for_one_class_refuses_them_by_name) {
  open();
  add("size", {"diameter"}, "mm");
  add("several", {"nodule", "effusion"});
  for (const char* name : {"size", "several"}) {
    EXPECT_CODE(models->predict_bytes(actor("dr"), first(name), grey_png(16, 99), "image/png", true),
                Code::unsupported);
    const auto picture = imaging::decode_png(grey_png(16, 200));
    EXPECT_CODE(models->predict_picture(first(name), *picture, {}), Code::unsupported);
    const auto exported =
        models->export_feedback(actor("scientist"), Json{{"model", name}, {"name", std::string{"from-"} + name}});
    if (exported) {
      const auto ended = wait(*exported);  // a job's error comes with its code in words
      ASSERT_FALSE(ended);
      EXPECT_NE(ended.error().message().find("unsupported: "), std::string::npos) << ended.error().message();
    }
  }
}

TEST_F(TargetService, imported_trained_evaluated_and_compared_by_the_same_calls) {
  open();
  for (const bool number : {false, true}) {
    SCOPED_TRACE(number);
    const std::string set = number ? "lengths" : "findings", model = number ? "length" : "finding";
    import_targets(set, number);
    const Json summary = *models->dataset(set);
    EXPECT_EQ(summary["task"], number ? "regression" : "multi_label");
    const auto samples = *models->samples(set, {.limit = 2});
    EXPECT_EQ(samples["items"][1]["class"], number ? "0.901 mm" : "bright");
    for (const int seed : {1, 2}) {
      const auto job = models->train(
          actor("scientist"),
          Json{{"name", model}, {"dataset", set}, {"config", Json{{"epochs", 1}, {"batch", 8}, {"seed", seed}}}});
      ASSERT_OK(job);
      const auto done = wait(*job);
      ASSERT_OK(done);
    }
    const Json shown = *models->model(model, 1);
    ASSERT_TRUE(shown["evaluation"].is_object()) << shown.dump();
    const Json& evaluation = shown["evaluation"];
    ASSERT_TRUE(evaluation.contains("baseline") && evaluation.contains("metrics")) << evaluation.dump();
    EXPECT_EQ(evaluation["kind"], number ? "regression" : "multi_label");
    EXPECT_TRUE(evaluation["baseline"].is_object());
    if (number) {
      EXPECT_EQ(evaluation["unit"], "mm");
      EXPECT_TRUE(evaluation["metrics"]["mae"]["value"].is_number());
      EXPECT_TRUE(evaluation["validation_interval"]["half_width"].is_number());
    } else {
      EXPECT_EQ(shown["card"]["thresholds"].size(), 2U);
      EXPECT_GT(evaluation["per_label"][0]["metrics"]["auroc"]["value"].get<double>(),
                0.99);  // the fake engine: bright
      EXPECT_EQ(evaluation["validation_calibration"].size(), 2U);
    }
    const auto again = models->evaluate(actor("scientist"), Json{{"model", model}, {"version", 1}, {"dataset", set}});
    ASSERT_OK(again);
    const auto judged = wait(*again);
    ASSERT_OK(judged);
    EXPECT_EQ((*judged)["output"]["evaluation"]["metrics"], evaluation["metrics"]);
    const auto compared = models->compare(actor("scientist"), Json{{"a", Json{{"model", model}, {"version", 1}}},
                                                                   {"b", Json{{"model", model}, {"version", 2}}}});
    ASSERT_OK(compared);
    const auto both = wait(*compared);
    ASSERT_OK(both);
    EXPECT_EQ((*both)["output"]["comparison"]["kind"], number ? "regression" : "multi_label");
    EXPECT_EQ((*both)["output"]["comparison"]["verdict"], "no difference shown");
    EXPECT_OK(models->promote(actor("scientist"), model, 1, "live"));
  }
  // A model of labels is not judged on numbers.
  const auto mixed =
      models->evaluate(actor("scientist"), Json{{"model", "finding"}, {"version", 1}, {"dataset", "lengths"}});
  ASSERT_OK(mixed);
  const auto refused = wait(*mixed);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("invalid: "), std::string::npos) << refused.error().message();
}

}  // namespace
}  // namespace aceso::models::test
