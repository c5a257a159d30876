// The service's calls, with a fake engine and workers that are other runs of the helper program.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "aceso/base/testing.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

namespace fs = std::filesystem;

TEST_F(Service, imports_lists_shows_and_deletes_a_dataset) {
  open();
  import("set");
  const Json list = *models->datasets();
  ASSERT_EQ(list["items"].size(), 1U);
  const Json shown = *models->dataset("set");
  EXPECT_EQ(shown["name"], "set");
  EXPECT_EQ(shown["sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(shown["classes"], (Json{"normal", "pneumonia"}));
  EXPECT_EQ(audit.of("dataset.create").size(), 1U);

  SampleQuery query;
  query.limit = 10;
  query.split = learn::Split::test;
  query.label = 1;
  const Json page = *models->samples("set", query);
  EXPECT_EQ(page["items"].size(), 10U);
  for (const Json& sample : page["items"]) {
    EXPECT_EQ(sample["split"], "test");
    EXPECT_EQ(sample["class"], "pneumonia");
  }
  query.cursor = static_cast<std::size_t>(std::stoul(page["next"].get<std::string>()));
  const Json rest = *models->samples("set", query);
  EXPECT_EQ(rest["items"].size(), 2U);
  EXPECT_TRUE(rest["next"].is_null());

  const auto png = models->sample_png("set", 0);
  ASSERT_TRUE(png) << png.error().message();
  const auto image = imaging::decode_png(*png);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->width, 16);
  EXPECT_EQ(models->sample_png("set", 1'000'000).error().code(), Code::not_found);
  EXPECT_TRUE(models->verify_dataset(actor("a"), "set"));

  EXPECT_TRUE(models->delete_dataset(actor("a"), "set"));
  EXPECT_EQ(models->dataset("set").error().code(), Code::not_found);
  EXPECT_FALSE(fs::exists(home.path() / "datasets" / "set"));
  EXPECT_EQ(audit.of("dataset.delete").size(), 1U);
}

TEST_F(Service, a_failed_import_leaves_nothing_and_says_why) {
  open();
  std::ofstream{home.path() / "bad.npz", std::ios::binary} << "PK\x03\x04 and no more";
  learn::ImportOptions how;
  how.name = "bad";
  const auto job = models->import_dataset(actor("a"), home.path() / "bad.npz", how);
  ASSERT_TRUE(job);
  const auto end = wait(*job);
  ASSERT_FALSE(end);
  EXPECT_FALSE(end.error().message().empty());
  EXPECT_EQ(models->dataset("bad").error().code(), Code::not_found);
  EXPECT_FALSE(fs::exists(home.path() / "datasets" / "bad"));
}

TEST_F(Service, refuses_names_that_are_paths) {
  open();
  learn::ImportOptions how;
  for (const char* name : {"../x", "a/b", "", ".."}) {
    how.name = name;
    EXPECT_EQ(models->import_dataset(actor("a"), home.path(), how).error().code(), Code::invalid);
    EXPECT_FALSE(models->model(name, 1));
    EXPECT_FALSE(models->dataset(name));
  }
}

TEST_F(Service, a_folder_without_its_row_is_adopted_and_a_broken_one_removed) {
  open();
  import("set");
  models.reset();
  fs::copy(home.path() / "datasets" / "set", home.path() / "datasets" / "orphan", fs::copy_options::recursive);
  fs::create_directories(home.path() / "datasets" / "half");
  std::ofstream{home.path() / "datasets" / "half" / "pack.bin"} << "x";
  fs::remove_all(home.path() / "datasets" / "set");
  open();
  EXPECT_EQ(models->dataset("set").error().code(), Code::not_found);
  EXPECT_TRUE(models->dataset("orphan"));
  EXPECT_FALSE(fs::exists(home.path() / "datasets" / "half"));
}

TEST_F(Service, trains_in_a_worker_and_registers_a_signed_candidate) {
  open("train");
  import("set");
  std::vector<Json> events;
  const auto job =
      models->train(actor("scientist"),
                    Json{{"name", "pneumonia"}, {"dataset", "set"}, {"config", Json{{"epochs", 2}, {"batch", 8}}}});
  ASSERT_TRUE(job) << job.error().message();
  const auto end = wait(*job, [&](const Json& e) { events.push_back(e); });
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ((*end)["output"]["model"], "pneumonia");
  EXPECT_EQ((*end)["output"]["version"], 1);
  EXPECT_EQ(std::count_if(events.begin(), events.end(), [](const Json& e) { return e["type"] == "epoch"; }), 2);
  const Json model = *models->model("pneumonia", 1);
  EXPECT_EQ(model["stage"], "candidate");
  EXPECT_EQ(model["training"]["dataset"], "set");
  EXPECT_EQ(model["training"]["history"].size(), 2U);
  EXPECT_TRUE(model["evaluation"].is_object());
  EXPECT_TRUE(model["evaluation"]["validation_calibration"].is_object());
  EXPECT_TRUE(model["auroc"].is_number()) << "the evaluation's AUROC is not found";
  const auto report = models->report_html("pneumonia", 1);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_NE(report->find("<html"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(home.path() / "jobs"));
  const auto key = signing_key().public_key();
  EXPECT_TRUE(learn::read_bundle(home.path() / "bundles" / model["id"].get<std::string>(), &key));
  EXPECT_EQ(audit.of("model.register").size(), 1U);
  EXPECT_EQ(audit.of("model.register").front().agent_id, "id-scientist");
}

TEST_F(Service, each_death_of_a_worker_has_its_own_message) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"garbage", "without a result"}, {"flood", "protocol"},  {"long", "longer than"}, {"crash", "signal 6"},
      {"oom", "out of memory"},        {"status", "status 3"}, {"liar", "model.json"},  {"disk", "no space left"},
      {"memory", "out of memory"},     {"nan", "not finite"}};
  open();
  import("set");
  for (const auto& [kind, words] : cases) {
    reopen(kind);
    const auto job =
        models->train(actor("a"), Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"epochs", 1}}}});
    ASSERT_TRUE(job) << job.error().message();
    const auto end = wait(*job);
    ASSERT_FALSE(end) << kind;
    EXPECT_NE(end.error().message().find(words), std::string::npos) << kind << ": " << end.error().message();
    EXPECT_FALSE(models->model("m", 1)) << kind;
    EXPECT_TRUE(fs::is_empty(home.path() / "bundles")) << kind;
  }
}

TEST_F(Service, a_worker_that_dies_goes_on_from_its_checkpoint) {
  open("dies_once");
  import("set");
  std::vector<Json> events;
  const auto job =
      models->train(actor("a"), Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"epochs", 3}, {"batch", 8}}}});
  ASSERT_TRUE(job) << job.error().message();
  const auto end = wait(*job, [&](const Json& e) { events.push_back(e); });
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(std::count_if(events.begin(), events.end(), [](const Json& e) { return e["type"] == "epoch"; }), 3);
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const Json& e) {
                            return e["type"] == "log" &&
                                   e["message"].get<std::string>().find("last checkpoint") != std::string::npos;
                          }),
            1);
  const Json training = (*models->model("m", 1))["training"];
  EXPECT_EQ(training["resumed_at_epoch"], 2);
  EXPECT_EQ(training["history"].size(), 3U);
  EXPECT_TRUE(fs::is_empty(home.path() / "jobs"));
}

TEST_F(Service, a_failed_training_keeps_its_checkpoint_and_is_resumed_by_its_id) {
  open("dies");
  import("set");
  const Json job = *models->train(
      actor("a"), Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"epochs", 3}, {"batch", 8}}}});
  const auto end = wait(job);
  ASSERT_FALSE(end) << "each worker dies at the same step: it must not be started for ever";
  EXPECT_NE(end.error().message().find("killed by the system"), std::string::npos) << end.error().message();
  reopen("train");
  EXPECT_TRUE(fs::exists(home.path() / "jobs" / id_of(job) / "checkpoint.safetensors"));
  const auto again = models->train(actor("a"), Json{{"resume", id_of(job)}});
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_TRUE(wait(*again));
  EXPECT_EQ((*models->model("m", 1))["training"]["resumed_at_epoch"], 2);
  EXPECT_TRUE(fs::is_empty(home.path() / "jobs"));
  EXPECT_EQ(models->train(actor("a"), Json{{"resume", id_of(*again)}}).error().code(), Code::precondition);
  EXPECT_EQ(models->train(actor("a"), Json{{"resume", id_of(job)}}).error().code(), Code::not_found);
  EXPECT_EQ(models->train(actor("a"), Json{{"resume", "../x"}}).error().code(), Code::not_found);
}

TEST_F(Service, a_silent_worker_is_ended) {
  options.worker_silence_ms = 300;
  options.worker_grace_ms = 300;
  open("hang");
  import("set");
  const auto end = wait(*models->train(actor("a"), Json{{"name", "m"}, {"dataset", "set"}}));
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().message().find("no sign of life"), std::string::npos) << end.error().message();
}

TEST_F(Service, cancel_ends_a_worker_that_ignores_sigterm) {
  options.worker_grace_ms = 300;
  open("deaf");
  import("set");
  std::atomic<bool> cancelled{false};
  const Json job = *models->train(actor("a"), Json{{"name", "m"}, {"dataset", "set"}});
  const auto end = wait(job, [&](const Json& event) {
    if (event["type"] != "log" || cancelled.exchange(true)) return;
    EXPECT_TRUE(models->cancel_job(actor("a"), id_of(job)));
  });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), Code::cancelled);
  EXPECT_EQ((*models->job(id_of(job)))["state"], "cancelled");
  EXPECT_TRUE(gone(worker_pid()));
  EXPECT_EQ(audit.of("job.cancel").size(), 1U);
  EXPECT_EQ(models->cancel_job(actor("a"), id_of(job)).error().code(), Code::precondition);
}

TEST_F(Service, a_training_survives_the_node_being_killed) {
  open();
  import("set");
  models.reset();
  int out[2];
  ASSERT_EQ(::pipe(out), 0);
  const pid_t node = ::fork();
  ASSERT_GE(node, 0);
  if (node == 0) {
    ::dup2(out[1], 1);
    const std::string folder = home.path().string();
    ::execl(ACESO_MODELS_HELPER, ACESO_MODELS_HELPER, "node", folder.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(out[1]);
  char id[64] = {};
  ASSERT_GE(::read(out[0], id, sizeof id - 1), 36);
  ::close(out[0]);
  ASSERT_TRUE(eventually([&] { return worker_pid() > 0; }));
  const pid_t worker = worker_pid();
  ::kill(node, SIGKILL);
  ::waitpid(node, nullptr, 0);
  EXPECT_TRUE(gone(worker)) << "the worker outlived its node";

  open("train");
  const std::string job_id = std::string{id}.substr(0, 36);
  NullProgress progress;
  const auto end = models->wait_job(job_id, progress, {}, deadline());
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_GE((*end)["attempt"].get<int>(), 2);
  EXPECT_EQ((*models->model("m", 1))["stage"], "candidate");
}

TEST_F(Service, a_dataset_in_use_is_not_deleted) {
  options.worker_grace_ms = 300;
  open("hang");
  import("set");
  const Json job = *models->train(actor("a"), Json{{"name", "m"}, {"dataset", "set"}});
  EXPECT_EQ(models->delete_dataset(actor("a"), "set").error().code(), Code::conflict);
  EXPECT_TRUE(models->cancel_job(actor("a"), id_of(job)));
  EXPECT_FALSE(wait(job));
  EXPECT_TRUE(models->delete_dataset(actor("a"), "set"));
}

TEST_F(Service, training_requests_are_checked_before_a_job_is_made) {
  open();
  import("set");
  const auto code = [&](const Json& request) {
    const auto r = models->train(actor("a"), request);
    return r ? Code::internal : r.error().code();
  };
  EXPECT_EQ(code(Json{{"name", "m"}, {"dataset", "none"}}), Code::not_found);
  EXPECT_EQ(code(Json{{"name", "../m"}, {"dataset", "set"}}), Code::invalid);
  EXPECT_EQ(code(Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"epochs", 0}}}}), Code::invalid);
  EXPECT_EQ(code(Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"architecture", "none"}}}}), Code::invalid);
  EXPECT_EQ(code(Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"typo", 1}}}}), Code::invalid);
  EXPECT_EQ(code(Json{{"name", "m"}, {"dataset", "set"}, {"odd", 1}}), Code::invalid);
  EXPECT_EQ(code(Json::array()), Code::invalid);
}

TEST_F(Service, one_live_version_and_only_with_an_evaluation) {
  open();
  add_model("m", true, 1);
  add_model("m", true, 2);
  add_model("m", false, 3);
  EXPECT_EQ(models->model("m", 0).error().code(), Code::precondition);
  EXPECT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  EXPECT_EQ((*models->model("m", 0))["version"], 1);
  EXPECT_TRUE(models->promote(actor("a"), "m", 2, "live"));
  EXPECT_EQ((*models->model("m", 0))["version"], 2);
  EXPECT_EQ((*models->model("m", 1))["stage"], "retired");
  EXPECT_EQ(models->promote(actor("a"), "m", 3, "live").error().code(), Code::precondition);
  EXPECT_EQ(models->promote(actor("a"), "m", 3, "best").error().code(), Code::invalid);
  EXPECT_EQ(models->promote(actor("a"), "m", 9, "live").error().code(), Code::not_found);
  EXPECT_EQ(audit.of("model.promote").size(), 2U);
  audit.fail = true;  // what cannot be recorded does not happen
  EXPECT_FALSE(models->promote(actor("a"), "m", 1, "live"));
  audit.fail = false;
  EXPECT_EQ((*models->model("m", 0))["version"], 2);
}

TEST_F(Service, two_versions_are_compared_on_the_same_samples) {
  open();
  import("set");
  add_model("m", true, 1);
  add_model("m", true, 2);
  const Json sides{{"a", {{"model", "m"}, {"version", 1}}}, {"b", {{"model", "m"}, {"version", 2}}}};
  const auto job = models->compare(actor("scientist"), sides);  // the dataset is the one that version 1 names
  ASSERT_TRUE(job) << job.error().message();
  const auto end = wait(*job);
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ((*end)["output"]["comparison"]["verdict"], "no difference shown");  // the fake engine ignores weights
  EXPECT_EQ((*end)["output"]["comparison"]["samples"], 24);
  const auto page = models->evaluation_html(id_of(*job));
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_NE(page->find("Comparison on the same samples"), std::string::npos);
  EXPECT_EQ(audit.of("model.compare").size(), 1U);
  EXPECT_EQ(models->compare(actor("scientist"), Json{{"a", sides["a"]}, {"b", sides["a"]}}).error().code(),
            Code::invalid);
  EXPECT_EQ(models->compare(actor("scientist"), Json{{"a", sides["a"]}}).error().code(), Code::invalid);
  EXPECT_EQ(models->evaluation_html("00000000-0000-4000-8000-000000000000").error().code(), Code::not_found);
}

// Pictures as the training pictures are, and limits on the view: a model that says when it may not be asked.
learn::Bundle limited_bundle() {
  learn::Bundle bundle = make_bundle("m", 16, true, 1);
  learn::Applicability applicability;
  applicability.limits.views = {"PA"};
  const auto rows = [](int first) {
    std::vector<float> out;
    const learn::Array all = pictures(120, 16, first);
    for (const std::byte b : all.data) out.push_back(static_cast<float>(std::to_integer<int>(b)) / 255.0F);
    return out;
  };
  applicability.appearance = *learn::fit_gaussian(rows(0), rows(1), 256);
  applicability.conformal =
      *stats::fit_conformal({{0.9, 0.1}, {0.8, 0.2}, {0.1, 0.9}, {0.2, 0.8}}, std::vector{0, 0, 1, 1}, 0.5);
  bundle.applicability = learn::to_json(applicability);
  return bundle;
}

std::vector<std::byte> png_of(std::int64_t index, int first) {
  const learn::Array all = pictures(index + 1, 16, first);
  imaging::Image image;
  image.width = image.height = 16;
  image.pixels.assign(all.data.end() - 256, all.data.end());
  return *imaging::encode_png(image);
}

TEST_F(Service, outside_of_its_limits_a_model_gives_no_number) {
  open();
  const fs::path folder = home.path() / "limited";
  ASSERT_TRUE(learn::write_bundle(folder, limited_bundle(), "<html></html>", signing_key()));
  ASSERT_TRUE(models->register_bundle(actor("scientist"), folder, ""));
  const auto ask = [&](const std::vector<std::byte>& image, const std::string& view, bool blinded = false) {
    learn::InputFacts facts;
    facts.view = view;
    auto answer =
        models->predict_bytes(actor("reader"), {.name = "m", .version = 1}, image, "image/png", blinded, facts);
    EXPECT_TRUE(answer) << answer.error().message();
    return answer ? *answer : Json::object();
  };
  const Json fine = ask(png_of(1, 2), "pa");
  EXPECT_EQ(fine["applicable"], true);
  EXPECT_TRUE(fine["probability"].is_number());
  EXPECT_EQ(fine["uncertainty"]["set"]["classes"], Json::array({"pneumonia"}));
  EXPECT_NE(fine["uncertainty"]["familiarity"]["state"], "outside");

  const Json unstated = ask(png_of(3, 2), "");
  EXPECT_TRUE(unstated["probability"].is_number());
  EXPECT_NE(unstated["warnings"].dump().find("The view was not stated"), std::string::npos);

  const Json lateral = ask(png_of(5, 2), "LL", true);  // there is nothing to hide from a blinded reader
  EXPECT_EQ(lateral["applicable"], false);
  EXPECT_EQ(lateral["reasons"].size(), 1U);
  EXPECT_EQ(lateral["blinded"], false);
  for (const char* key : {"probability", "outputs", "threshold", "positive"})
    EXPECT_FALSE(lateral.contains(key)) << key;

  imaging::Image stripes;
  stripes.width = stripes.height = 64;
  for (int i = 0; i < 64 * 64; ++i) stripes.pixels.push_back(static_cast<std::byte>(i / 64 % 32 < 16 ? 250 : 3));
  const Json strange = ask(*imaging::encode_png(stripes), "PA");
  EXPECT_EQ(strange["applicable"], false);
  EXPECT_EQ(strange["uncertainty"]["familiarity"]["state"], "outside");
  const auto shown = models->prediction(actor("reader"), strange["id"].get<std::string>());
  ASSERT_TRUE(shown);
  EXPECT_FALSE(shown->contains("probability"));
  const auto verdict =
      models->put_verdict(actor("reader"), strange["id"].get<std::string>(), "pneumonia", Json{{"agree", true}});
  EXPECT_EQ(verdict.error().code(), Code::precondition);
  EXPECT_EQ((*models->model("m", 1))["limits"]["views"], Json::array({"PA"}));
}

TEST_F(Service, ready_made_tensors_unlike_the_training_data_are_refused) {
  open();
  const fs::path folder = home.path() / "limited";
  ASSERT_TRUE(learn::write_bundle(folder, limited_bundle(), "<html></html>", signing_key()));
  ASSERT_TRUE(models->register_bundle(actor("scientist"), folder, ""));
  learn::Array tensor = learn::Array::zeros(learn::DType::f32, {1, 1, 16, 16});
  for (std::size_t i = 0; i < 256; ++i) tensor.f32()[i] = i < 128 ? 1.0F : 0.0F;
  const auto answer = models->predict({.name = "m", .version = 1}, {{"image", tensor}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::precondition);
  EXPECT_NE(answer.error().message().find("not applicable"), std::string::npos);
}

TEST_F(Service, bundles_from_strangers_and_altered_ones_are_refused) {
  open();
  const fs::path stranger = home.path() / "stranger", own = home.path() / "own";
  crypto::SystemRandom rng;
  ASSERT_TRUE(
      learn::write_bundle(stranger, make_bundle("m", 16, true, 1), "<html></html>", crypto::SigningKey::generate(rng)));
  EXPECT_EQ(models->register_bundle(actor("a"), stranger, "").error().code(), Code::denied);
  ASSERT_TRUE(learn::write_bundle(own, make_bundle("m", 16, true, 1), "<html></html>", signing_key()));
  {
    std::fstream file{own / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(-1, std::ios::end);
    file.put('\x55');
  }
  EXPECT_EQ(models->register_bundle(actor("a"), own, "").error().code(), Code::data_loss);
  EXPECT_TRUE(fs::is_empty(home.path() / "bundles"));
  add_model("m", true, 1);
  EXPECT_TRUE(models->export_bundle(actor("a"), "m", 1, home.path() / "out"));
  EXPECT_EQ(models->export_bundle(actor("a"), "m", 1, home.path() / "out").error().code(), Code::exists);
  EXPECT_EQ(models->register_bundle(actor("a"), home.path() / "out", "").error().code(), Code::exists);
  EXPECT_TRUE(models->register_bundle(actor("a"), home.path() / "out", "other-name"));
}

TEST_F(Service, a_prediction_holds_what_is_needed_to_judge_and_repeat_it) {
  open();
  add_model("m", true, 1);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  const auto bright = models->predict_bytes(actor("dr"), {.name = "m"}, grey_png(32, 220), "image/png", false);
  ASSERT_TRUE(bright) << bright.error().message();
  EXPECT_GT((*bright)["probability"].get<double>(), 0.99);
  EXPECT_EQ((*bright)["finding"], "pneumonia");
  EXPECT_EQ((*bright)["positive"], true);
  EXPECT_EQ((*bright)["model"]["version"], 1);
  EXPECT_EQ((*bright)["model"]["stage"], "live");
  EXPECT_EQ((*bright)["model"]["hash"].get<std::string>().size(), 64U);
  EXPECT_EQ((*bright)["input_sha256"], crypto::to_hex(crypto::sha256(grey_png(32, 220))));
  EXPECT_EQ((*bright)["uncertainty"]["kind"], "validation-calibration");
  EXPECT_EQ((*bright)["uncertainty"]["cases"], 20);
  EXPECT_EQ((*bright)["uncertainty"]["positives"], 19);
  EXPECT_NEAR((*bright)["uncertainty"]["low"].get<double>(), 0.7639, 1e-3);  // Wilson 95 % of 19/20
  const auto dark = models->predict_bytes(actor("dr"), {.name = "m"}, grey_png(32, 30), "image/png", false);
  EXPECT_EQ((*dark)["finding"], "normal");
  const Json again = *models->prediction(actor("dr"), (*bright)["id"].get<std::string>());
  EXPECT_EQ(again["probability"], (*bright)["probability"]);
  const auto png = models->prediction_png(actor("dr"), (*bright)["id"].get<std::string>());
  ASSERT_TRUE(png);
  EXPECT_EQ(*png, grey_png(32, 220));
  const Json page = *models->predictions(actor("dr"), "m", "", 1);
  EXPECT_EQ(page["items"][0]["id"], (*dark)["id"]);
  const Json second = *models->predictions(actor("dr"), "m", page["next"].get<std::string>(), 1);
  EXPECT_EQ(second["items"][0]["id"], (*bright)["id"]);
  EXPECT_TRUE(second["next"].is_null());
  EXPECT_EQ(audit.of("prediction.create").size(), 2U);
}

TEST_F(Service, inputs_outside_of_the_contract_are_refused_with_a_reason) {
  open();
  add_model("m", true, 1, 64);
  const auto why = [&](const std::vector<std::byte>& bytes, const char* type = "application/octet-stream") {
    const auto r = models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, bytes, type, false);
    return r ? std::string{"accepted"} : r.error().message();
  };
  const auto npy = [](learn::Array a) { return learn::to_npy(a); };
  EXPECT_NE(why(grey_png(20, 100)).find("too small"), std::string::npos);
  EXPECT_NE(why({}).find("empty"), std::string::npos);
  EXPECT_NE(why(grey_png(64, 100), "image/jpeg").find("content type"), std::string::npos);
  auto cut = grey_png(64, 100);
  cut.resize(cut.size() / 2);
  EXPECT_NE(why(cut).find("PNG"), std::string::npos);
  EXPECT_NE(why(npy(learn::Array::zeros(learn::DType::u8, {64, 64}))).find("constant"), std::string::npos);
  learn::Array nan = learn::Array::zeros(learn::DType::f32, {64, 64});
  nan.f32()[5] = std::nanf("");
  EXPECT_NE(why(npy(nan)).find("not finite"), std::string::npos);
  learn::Array big = learn::Array::zeros(learn::DType::f32, {64, 64});
  big.f32()[5] = 4095;
  EXPECT_NE(why(npy(big)).find("range"), std::string::npos);
  EXPECT_NE(why(npy(learn::Array::zeros(learn::DType::i64, {64, 64}))).find("int64"), std::string::npos);
  EXPECT_NE(why(npy(learn::Array::zeros(learn::DType::u8, {64, 64, 5}))).find("channels"), std::string::npos);
  EXPECT_NE(why(npy(learn::Array::zeros(learn::DType::u8, {4096}))).find("shape"), std::string::npos);
  imaging::Image colour;
  colour.width = colour.height = 64;
  colour.channels = 3;
  for (int i = 0; i < 64 * 64; ++i)
    colour.pixels.insert(colour.pixels.end(), {std::byte{200}, static_cast<std::byte>(i % 50), std::byte{20}});
  EXPECT_NE(why(*imaging::encode_png(colour)).find("colour"), std::string::npos);
  EXPECT_EQ(audit.of("prediction.create").size(), 0U);
  EXPECT_EQ((*models->predictions(actor("dr"), "", "", 10))["items"].size(), 0U);
  EXPECT_EQ(why(grey_png(64, 100)), "accepted");
}

TEST_F(Service, a_blinded_read_hides_the_prediction_everywhere_until_the_verdict) {
  open();
  add_model("m", true, 1);
  add_model("m", true, 2);
  const auto image = grey_png(32, 220);
  const auto made = models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, image, "image/png", true);
  ASSERT_TRUE(made) << made.error().message();
  const std::string id = (*made)["id"].get<std::string>();
  const auto blind = [](const Json& p) {
    return p["hidden"] == true && !p.contains("probability") && !p.contains("finding") && !p.contains("outputs") &&
           !p.contains("uncertainty") && !p.contains("threshold");
  };
  EXPECT_TRUE(blind(*made));
  EXPECT_TRUE(blind(*models->prediction(actor("dr"), id)));
  EXPECT_TRUE(blind(*models->prediction(actor("other"), id)));
  EXPECT_TRUE(blind((*models->predictions(actor("dr"), "m", "", 10))["items"][0]));
  EXPECT_EQ(models->predict_bytes(actor("dr"), {.name = "m", .version = 2}, image, "image/png", false).error().code(),
            Code::precondition);
  // Another's prediction on the same image is hidden from this reader, too.
  const auto others = models->predict_bytes(actor("other"), {.name = "m", .version = 1}, image, "image/png", false);
  ASSERT_TRUE(others);
  EXPECT_FALSE(blind(*others));
  EXPECT_TRUE(blind(*models->prediction(actor("dr"), (*others)["id"].get<std::string>())));

  EXPECT_EQ(models->put_verdict(actor("dr"), id, "pneumonia", Json{{"agree", true}}).error().code(),
            Code::precondition);
  const auto verdict = models->put_verdict(actor("dr"), id, "pneumonia",
                                           Json{{"agree", nullptr}, {"label", "normal"}, {"comment", "clear"}});
  ASSERT_TRUE(verdict) << verdict.error().message();
  EXPECT_EQ((*verdict)["saw_prediction_first"], false);
  EXPECT_EQ((*verdict)["agree"], false);
  const Json open_now = *models->prediction(actor("dr"), id);
  EXPECT_FALSE(blind(open_now));
  EXPECT_EQ(open_now["finding"], "pneumonia");
  const auto changed = models->put_verdict(actor("dr"), id, "pneumonia", Json{{"label", "pneumonia"}});
  EXPECT_EQ((*changed)["revision"], 2);
  EXPECT_EQ((*changed)["saw_prediction_first"], true);
  EXPECT_EQ((*models->verdicts(actor("dr"), id))["items"].size(), 2U);
}

TEST_F(Service, who_saw_a_prediction_of_the_image_before_is_no_blinded_reader) {
  open();
  add_model("m", true, 1);
  const auto image = grey_png(32, 220);
  ASSERT_TRUE(models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, image, "image/png", false));
  const auto read = models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, image, "image/png", true);
  ASSERT_TRUE(read);
  const auto verdict =
      models->put_verdict(actor("dr"), (*read)["id"].get<std::string>(), "pneumonia", Json{{"label", "pneumonia"}});
  EXPECT_EQ((*verdict)["saw_prediction_first"], true);
}

TEST_F(Service, verdicts_are_revisions_and_saying_it_twice_is_one) {
  open();
  add_model("m", true, 1);
  const Json p =
      *models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, grey_png(32, 220), "image/png", false);
  const std::string id = p["id"].get<std::string>();
  const auto first =
      models->put_verdict(actor("dr"), id, "pneumonia", Json{{"agree", true}, {"label", nullptr}, {"comment", ""}});
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ((*first)["revision"], 1);
  EXPECT_EQ((*first)["label"], "pneumonia");
  EXPECT_EQ((*first)["saw_prediction_first"], true);
  EXPECT_EQ((*models->put_verdict(actor("dr"), id, "pneumonia", Json{{"agree", true}}))["revision"], 1);
  EXPECT_EQ((*models->put_verdict(actor("dr"), id, "normal", Json{{"agree", false}}))["revision"], 2)
      << "both names of a two-class model mean one finding";
  EXPECT_EQ((*models->put_verdict(actor("second"), id, "pneumonia", Json{{"agree", false}}))["revision"], 1);
  EXPECT_EQ((*models->verdicts(actor("dr"), id))["items"].size(), 3U);
  EXPECT_EQ(models->put_verdict(actor("dr"), id, "fracture", Json{{"agree", true}}).error().code(), Code::not_found);
  EXPECT_EQ(models->put_verdict(actor("dr"), id, "pneumonia", Json{{"label", "fracture"}}).error().code(),
            Code::invalid);
  EXPECT_EQ(
      models->put_verdict(actor("dr"), id, "pneumonia", Json{{"agree", true}, {"label", "normal"}}).error().code(),
      Code::invalid);
  EXPECT_EQ(models->put_verdict(actor("dr"), id, "pneumonia", Json::object()).error().code(), Code::invalid);
  EXPECT_EQ(models->put_verdict(actor("dr"), "nonsense", "pneumonia", Json{{"agree", true}}).error().code(),
            Code::not_found);
}

TEST_F(Service, agreed_verdicts_become_a_dataset) {
  open();
  add_model("m", true, 1);
  const auto read = [&](int level, int seed, const char* reader, const char* label) {
    const Json p = *models->predict_bytes(actor(reader), {.name = "m", .version = 1}, grey_png(32, level, seed),
                                          "image/png", false);
    EXPECT_TRUE(models->put_verdict(actor(reader), p["id"].get<std::string>(), "pneumonia", Json{{"label", label}}));
  };
  for (int i = 0; i < 10; ++i) read(220, i, "dr", "pneumonia");
  for (int i = 0; i < 10; ++i) read(30, i, "dr", "normal");
  read(220, 0, "second", "pneumonia");  // agrees: still one sample
  read(220, 1, "second", "normal");     // disagrees: left out
  const auto end = wait(*models->export_feedback(actor("a"), Json{{"model", "m"}, {"name", "feedback"}}));
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ((*end)["output"]["samples"], 19);
  EXPECT_EQ((*end)["output"]["disagreed"], 1);
  const Json set = *models->dataset("feedback");
  EXPECT_EQ(set["classes"], (Json{"normal", "pneumonia"}));
  SampleQuery query;
  query.label = 1;
  EXPECT_EQ((*models->samples("feedback", query))["items"].size(), 9U);
}

TEST_F(Service, serves_other_services_through_the_contract) {
  open();
  add_model("m", true, 1);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  const contracts::Predictor& predictor = *models;
  const auto signature = predictor.signature({.name = "m"});
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->inputs.front().name, "image");
  learn::NamedArrays batch;
  batch.emplace("image", learn::Array::from({2, 1, 16, 16}, std::vector<float>(512, 0.9F)));
  const auto answer = models->predict({.name = "m"}, batch);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->outputs.at("output").shape, (learn::Shape{2, 1}));
  EXPECT_EQ(answer->model_version, 1);
  batch.begin()->second.f32()[7] = std::nanf("");
  EXPECT_EQ(models->predict({.name = "m"}, batch).error().code(), Code::invalid);
  EXPECT_EQ((*models->predictions(actor("dr"), "m", "", 10))["items"].size(), 2U);
}

TEST_F(Service, other_services_get_a_pictures_answer_with_all_that_stands_beside_it) {
  open();
  add_model("m", true, 1);
  const auto picture = *imaging::decode_png(grey_png(32, 220));
  EXPECT_CODE(models->predict_picture({.name = "m"}, picture, {}), Code::precondition) << "none is live";
  EXPECT_CODE(models->predict_picture({.name = "other"}, picture, {}), Code::not_found);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  const auto answer = models->predict_picture({.name = "m"}, picture, {});
  ASSERT_OK(answer);
  EXPECT_EQ(answer->finding, "pneumonia");
  EXPECT_EQ(answer->class_name, "pneumonia");
  EXPECT_EQ(answer->model_hash.size(), 64U);
  EXPECT_EQ(answer->stage, "live");
  EXPECT_FALSE(answer->intended_use.empty());
  EXPECT_NE(answer->uncertainty.text.find("validation cases"), std::string::npos);
  ASSERT_TRUE(answer->uncertainty.interval);
  EXPECT_NEAR(answer->uncertainty.interval->low, 0.7639, 1e-3);  // Wilson 95 % of 19/20
  const Json shown = *models->prediction(actor("dr"), answer->prediction_id);
  EXPECT_EQ(shown["probability"], answer->probability);
  EXPECT_EQ(shown["threshold"], *answer->threshold);
  EXPECT_EQ(shown["source"], "api");
  EXPECT_EQ(*models->prediction_png(actor("dr"), answer->prediction_id), grey_png(32, 220));
  const auto dark = models->predict_picture({.name = "m"}, *imaging::decode_png(grey_png(32, 30)), {});
  ASSERT_OK(dark);
  EXPECT_EQ(dark->finding, "normal");
  EXPECT_EQ(dark->class_name, "pneumonia") << "what the probability speaks of stays the same";
  EXPECT_CODE(models->predict_picture({.name = "m"}, *imaging::decode_png(grey_png(4, 30)), {}), Code::invalid);
}

TEST_F(Service, an_altered_bundle_is_not_served) {
  open();
  const std::string id = add_model("m", true, 1);
  {
    std::fstream file{home.path() / "bundles" / id / "model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(-1, std::ios::end);
    file.put('\x55');
  }
  EXPECT_EQ(models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, grey_png(32, 100), "image/png", false)
                .error()
                .code(),
            Code::data_loss);
  EXPECT_FALSE(models->promote(actor("a"), "m", 1, "live"));
}

}  // namespace
}  // namespace aceso::models::test
