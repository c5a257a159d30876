// Commands as a user types them: help, exit codes, JSON, wrong input, and the thin path from data to a prediction.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/small_disk.hpp"
#include "aceso/learn/dataset.hpp"
#include "exit_code.hpp"
#include "run_aceso.hpp"

namespace aceso::app {
namespace {

class Cli : public ::testing::Test {
 protected:
  Cli() : home_{TempDir::create().operator*()} {}
  Outcome run(const std::vector<std::string>& arguments, const std::string& input = {},
              const std::vector<std::string>& environment = {}) {
    return run_aceso(home_.path() / "home", arguments, input, environment);
  }
  std::string phantom(std::int64_t size = 32, std::size_t train = 160) {
    const auto file = home_.path() / "phantom.npz";
    const auto bytes =
        learn::to_npz(learn::make_phantom_ct({.train = train, .validation = 120, .test = 40, .size = size}));
    EXPECT_TRUE(bytes.ok());
    EXPECT_TRUE(write_file_atomic(file, *bytes).ok());
    return file.string();
  }
  // The model exported as ONNX and imported under another name gives what it gave.
  void expect_the_same_through_onnx(const std::string& model, const Json& shown, const std::string& image,
                                    double probability) {
    const auto onnx = (home_.path() / "model.onnx").string(), yaml = (home_.path() / "spec.yaml").string();
    const auto exported = run({"model", "export", model, "--onnx", onnx});
    ASSERT_EQ(exported.status, kOk) << exported.err;
    const Json& how = shown.at("signature").at("preprocessing");
    const std::string spec =
        "name: imported\nintended_use: Research use only.\nclasses: [smooth, spiculated]\ninput:\n"
        "  height: 32\n  width: 32\n  channels: 1\n  scale: " +
        how.at("scale").dump() + "\n  mean: " + how.at("mean").dump() + "\n  std: " + how.at("std").dump() + "\n";
    ASSERT_TRUE(write_file_atomic(yaml, spec).ok());
    const auto imported = run({"model", "import", onnx, "--signature", yaml, "--json"});
    ASSERT_EQ(imported.status, kOk) << imported.err;
    const auto predicted = run({"predict", "imported", image, "--json"});
    ASSERT_EQ(predicted.status, kOk) << predicted.err;
    EXPECT_NEAR(parse_json(predicted.out)->at(0).at("probability").get<double>(), probability, 1e-5);
    EXPECT_EQ(run({"model", "import", image, "--signature", yaml}).status, kUsage) << "an array is no ONNX";
    EXPECT_EQ(run({"model", "import", onnx, "--signature", onnx}).status, kUsage) << "ONNX is no YAML";
    EXPECT_EQ(run({"model", "export", model, "--onnx", onnx}).status, kFailed) << "it is there already";
  }
  TempDir home_;
};

TEST_F(Cli, help_teaches_with_examples_and_exit_codes) {
  const auto help = run({"--help"});
  EXPECT_EQ(help.status, kOk);
  EXPECT_NE(help.out.find("Examples:"), std::string::npos);
  EXPECT_NE(help.out.find("Exit codes:"), std::string::npos);
  for (const char* command :
       {"dataset", "train", "evaluate", "compare", "explain", "model", "predict", "node", "audit", "config"}) {
    const auto sub = run({command, "--help"});
    EXPECT_EQ(sub.status, kOk) << command;
    EXPECT_NE(sub.out.find("Usage:"), std::string::npos) << command;
  }
}
TEST_F(Cli, wrong_usage_is_status_2_and_says_what_is_wrong) {
  const auto wrong = run({"dataset", "imprt"});
  EXPECT_EQ(wrong.status, kUsage);
  EXPECT_FALSE(wrong.err.empty() && wrong.out.empty());
  const auto json = run({"--json", "train"});
  EXPECT_EQ(json.status, kUsage);
  EXPECT_TRUE(parse_json(json.out).ok()) << json.out;
}
TEST_F(Cli, what_is_not_there_is_status_3) {
  EXPECT_EQ(run({"dataset", "import", "/no/such/file.npz"}).status, kNotFound);
  EXPECT_EQ(run({"dataset", "show", "nothing"}).status, kNotFound);
  EXPECT_EQ(run({"model", "show", "nothing"}).status, kNotFound);
}
TEST_F(Cli, a_configuration_error_names_file_line_and_key) {
  std::filesystem::create_directories(home_.path() / "home");
  ASSERT_TRUE(
      write_file_atomic(home_.path() / "home/aceso.yaml", std::string_view{"net:\n  port: 8420\nlog:\n  levle: info\n"})
          .ok());
  const auto check = run({"config", "check"});
  EXPECT_EQ(check.status, kUsage);
  EXPECT_NE(check.err.find("aceso.yaml:4"), std::string::npos) << check.err;
  EXPECT_NE(check.err.find("log.level"), std::string::npos) << check.err;
}
TEST_F(Cli, the_environment_wins_over_the_file) {
  const auto shown = run({"config", "show", "--json"}, "", {"ACESO_LOG_LEVEL=warn"});
  ASSERT_EQ(shown.status, kOk) << shown.err;
  const auto json = parse_json(shown.out);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->at("log.level").at("value"), "warn");
  EXPECT_EQ(json->at("log.level").at("origin"), "environment");
}
TEST_F(Cli, a_damaged_archive_is_refused_and_leaves_nothing) {
  const auto file = home_.path() / "bad.npz";
  ASSERT_TRUE(write_file_atomic(file, std::string_view{"PK\x03\x04 this is no archive"}).ok());
  const auto import = run({"dataset", "import", file.string(), "--name", "bad"});
  EXPECT_NE(import.status, kOk);
  EXPECT_NE(import.err.find("bad.npz"), std::string::npos) << import.err;
  EXPECT_EQ(run({"dataset", "show", "bad"}).status, kNotFound);
}

TEST_F(Cli, outlines_from_phantoms_to_a_mask) {
  const auto made = run({"dataset", "synthesise", "outlined", "--size", "32", "--train", "80", "--validation", "24",
                         "--test", "16", "--diameter", "24", "--json"});
  ASSERT_EQ(made.status, kOk) << made.err << made.out;
  const auto trained = run({"train", "--dataset", "outlined", "--architecture", "unet", "--epochs", "6", "--batch", "8",
                            "--learning-rate", "0.005"});
  ASSERT_EQ(trained.status, kOk) << trained.err;
  EXPECT_NE(trained.out.find("Dice 0."), std::string::npos) << trained.out;
  const auto evaluated = run(
      {"evaluate", "outlined", "--dataset", "outlined", "--output", (home_.path() / "report.html").string(), "--json"});
  ASSERT_EQ(evaluated.status, kOk) << evaluated.err;
  const Json evaluation = parse_json(evaluated.out)->at("evaluation");
  EXPECT_GT(evaluation["metrics"]["dice"]["value"].get<double>(), 0.6);
  EXPECT_TRUE(evaluation["baseline"].is_object());
  const auto page = read_text_file(home_.path() / "report.html", 1 << 24);
  ASSERT_TRUE(page.ok());
  EXPECT_NE(page->find("What it draws"), std::string::npos);
  const auto exported =
      run({"dataset", "export", "outlined", "--output", (home_.path() / "files").string(), "--format", "folder"});
  ASSERT_EQ(exported.status, kOk) << exported.err;
  std::string image;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{home_.path() / "files"}) {
    const std::string name = entry.path().string();
    if (name.ends_with(".png") && name.find("mask") == std::string::npos) image = name;
  }
  ASSERT_FALSE(image.empty());
  const auto predicted =
      run({"predict", "outlined", image, "--spacing", "3.125", "--masks", (home_.path() / "masks").string(), "--json"});
  ASSERT_EQ(predicted.status, kOk) << predicted.err;
  const Json answer = parse_json(predicted.out)->at(0);
  EXPECT_EQ(answer["outlines"]["shape"], (Json{32, 32}));
  EXPECT_TRUE(answer["outlines"]["regions"][0]["size"].is_number());
  EXPECT_FALSE(std::filesystem::is_empty(home_.path() / "masks"));
  EXPECT_EQ(run({"compare", "outlined@1", "outlined@1", "--dataset", "outlined"}).status, kUsage);
  EXPECT_NE(run({"train", "--dataset", "outlined", "--architecture", "unet", "--image-size", "33"}).status, kOk);
}

TEST_F(Cli, labels_and_numbers_from_phantoms_to_an_answer) {
  for (const auto& [task, set] : {std::pair{"findings", "chest"}, std::pair{"size", "nodules"}}) {
    const auto made = run({"dataset", "synthesise", set, "--task", task, "--size", "32", "--train", "150",
                           "--validation", "60", "--test", "60", "--diameter", "24", "--json"});
    ASSERT_EQ(made.status, kOk) << made.err << made.out;
  }
  const auto shown = run({"dataset", "show", "nodules"});
  EXPECT_NE(shown.out.find("mm"), std::string::npos) << shown.out;
  const auto findings =
      run({"train", "--dataset", "chest", "--epochs", "3", "--batch", "16", "--learning-rate", "0.002"});
  ASSERT_EQ(findings.status, kOk) << findings.err;
  EXPECT_NE(findings.out.find("mean AUROC 0."), std::string::npos) << findings.out;
  EXPECT_NE(findings.out.find("effusion: AUROC"), std::string::npos) << findings.out;
  const auto size =
      run({"train", "--dataset", "nodules", "--epochs", "3", "--batch", "16", "--learning-rate", "0.002"});
  ASSERT_EQ(size.status, kOk) << size.err;
  EXPECT_NE(size.out.find(" mm, RMSE "), std::string::npos) << size.out;
  for (const char* name : {"chest", "nodules"}) {
    const auto evaluated =
        run({"evaluate", name, "--dataset", name, "--output", (home_.path() / "report.html").string()});
    ASSERT_EQ(evaluated.status, kOk) << evaluated.err;
    const auto page = read_text_file(home_.path() / "report.html", 1 << 24);
    ASSERT_TRUE(page.ok());
    EXPECT_NE(page->find(name == std::string_view{"chest"} ? "Each label" : "Bland-Altman plot"), std::string::npos);
    EXPECT_EQ(run({"evaluate", name, "--dataset", name == std::string_view{"chest"} ? "nodules" : "chest"}).status,
              kUsage);
  }
  const auto exported =
      run({"dataset", "export", "nodules", "--output", (home_.path() / "files").string(), "--format", "folder"});
  ASSERT_EQ(exported.status, kOk) << exported.err;
  const std::string image = (home_.path() / "files" / "000200.png").string();
  const auto number = run({"predict", "nodules", image});
  ASSERT_EQ(number.status, kOk) << number.err;
  EXPECT_NE(number.out.find("nodule diameter "), std::string::npos) << number.out;
  EXPECT_NE(number.out.find(" mm (90 %: "), std::string::npos) << number.out;
  const auto several = run({"predict", "chest", image, "--json"});
  ASSERT_EQ(several.status, kOk) << several.err;
  EXPECT_EQ(parse_json(several.out)->at(0)["labels"].size(), 3U);
  // The folder again, as a table of numbers; and what is refused.
  const std::string files = (home_.path() / "files").string();
  const auto again = run({"dataset", "import", files, "--name", "again", "--labels", files + "/labels.csv", "--task",
                          "regression", "--classes", "nodule diameter", "--unit", "mm", "--json"});
  ASSERT_EQ(again.status, kOk) << again.err;
  EXPECT_EQ(parse_json(again.out)->at("numbers"),
            parse_json(run({"dataset", "show", "nodules", "--json"}).out)->at("numbers"));
  EXPECT_EQ(run({"dataset", "import", files, "--name", "no", "--labels", files + "/labels.csv", "--task", "regression"})
                .status,
            kUsage);  // no column named value
  EXPECT_EQ(run({"dataset", "import", files, "--name", "no", "--unit", "mm"}).status, kUsage);
}

TEST_F(Cli, folds_and_an_ensemble_from_one_command) {
  const auto made = run({"dataset", "synthesise", "chest", "--task", "presence", "--size", "24", "--train", "90",
                         "--validation", "30", "--test", "40", "--diameter", "24", "--json"});
  ASSERT_EQ(made.status, kOk) << made.err << made.out;
  const auto refused = run({"train", "--dataset", "chest", "--folds", "3", "--epochs", "1"});
  EXPECT_EQ(refused.status, kUsage) << refused.err;
  EXPECT_NE(refused.err.find("aceso dataset split NAME --folds 3"), std::string::npos) << refused.err;
  ASSERT_EQ(run({"dataset", "split", "chest", "--by", "stratified", "--folds", "3"}).status, kOk);
  const auto trained = run({"train", "--dataset", "chest@2", "--folds", "3", "--ensemble", "--epochs", "2", "--batch",
                            "16", "--learning-rate", "0.002"});
  ASSERT_EQ(trained.status, kOk) << trained.err;
  EXPECT_NE(trained.out.find("3 runs (3 folds): validation AUROC 0."), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("out of fold 0."), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("served as their mean"), std::string::npos) << trained.out;
  ASSERT_EQ(
      run({"dataset", "export", "chest@2", "--output", (home_.path() / "files").string(), "--format", "folder"}).status,
      kOk);
  const auto answer = run({"predict", "chest", (home_.path() / "files" / "000150.png").string()});
  ASSERT_EQ(answer.status, kOk) << answer.err;
  EXPECT_NE(answer.out.find("The 3 members of the ensemble answered between"), std::string::npos) << answer.out;
  ASSERT_EQ(run({"model", "report", "chest", "--output", (home_.path() / "report.html").string()}).status, kOk);
  const auto page = read_text_file(home_.path() / "report.html", 1 << 24);
  ASSERT_TRUE(page.ok());
  EXPECT_NE(page->find("Out of fold, AUROC"), std::string::npos);
  const auto seeds = run({"train", "--dataset", "chest", "--name", "seeds", "--seeds", "2", "--epochs", "1"});
  ASSERT_EQ(seeds.status, kOk) << seeds.err;
  EXPECT_NE(seeds.out.find("2 runs (2 seeds)"), std::string::npos) << seeds.out;
}

TEST_F(Cli, a_search_from_one_command_gives_the_best_as_a_model_and_as_a_file) {
  const auto made = run({"dataset", "synthesise", "chest", "--task", "presence", "--size", "24", "--train", "90",
                         "--validation", "30", "--test", "40", "--diameter", "24", "--json"});
  ASSERT_EQ(made.status, kOk) << made.err << made.out;
  const auto file = [&](const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file_atomic(home_.path() / name, std::string_view{text}).ok());
    return (home_.path() / name).string();
  };
  const auto wrong = run(
      {"train", file("wrong.yaml", "epochs: 4\nsearch:\n  parameters:\n    learning_rate: {log_uniform: [-1, 1]}\n"),
       "--dataset", "chest"});
  EXPECT_EQ(wrong.status, kUsage) << wrong.err;
  EXPECT_NE(wrong.err.find("wrong.yaml:2: search.parameters.learning_rate.log_uniform: low must be above 0"),
            std::string::npos)
      << wrong.err;
  const std::string config =
      file("search.yaml",
           "epochs: 4\nbatch: 16\nsearch:\n  trials: 4\n  eta: 2\n  min_epochs: 2\n  parameters:\n    "
           "learning_rate: {log_uniform: [0.0003, 0.01]}\n    optimiser: {choice: [adam, adamw]}\n");
  const std::string best = (home_.path() / "best.yaml").string();
  const auto trained = run({"train", config, "--dataset", "chest", "--best-config", best});
  ASSERT_EQ(trained.status, kOk) << trained.err;
  EXPECT_NE(trained.out.find("4 trials by validation_auc"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("stopped at rung 1"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("learning_rate 0.0"), std::string::npos) << trained.out;
  const auto without = run({"train", "--dataset", "chest", "--epochs", "1", "--best-config", best + "2"});
  EXPECT_EQ(without.status, kUsage) << without.err;
  EXPECT_NE(without.err.find("--best-config: the configuration has no section search"), std::string::npos);
  // The best configuration alone gives the very same model: its trial went on from a checkpoint, not differently.
  const auto alone = run({"train", best, "--dataset", "chest", "--name", "alone", "--json"});
  ASSERT_EQ(alone.status, kOk) << alone.err;
  const auto weights = [&](const std::string& model) {
    const std::filesystem::path folder = home_.path() / ("bundle-" + model);
    EXPECT_EQ(run({"model", "export", model, folder.string()}).status, kOk);
    const auto bytes = read_file(folder / "model.safetensors", 1 << 26);
    EXPECT_TRUE(bytes.ok());
    return bytes ? *bytes : std::vector<std::byte>{};
  };
  EXPECT_EQ(weights("chest"), weights("alone"));
}

TEST_F(Cli, training_on_a_full_disk_says_so_and_leaves_the_home_usable) {
  std::filesystem::create_directories(home_.path() / "home");
  const auto disk = testing::SmallDisk::mount(home_.path() / "home", 16 << 20);
  if (!disk) GTEST_SKIP() << "skipped: mounts are not allowed here";
  const auto import =
      run({"dataset", "import", phantom(), "--name", "phantom", "--classes", "smooth,spiculated", "--json"});
  ASSERT_EQ(import.status, kOk) << import.err << import.out;
  disk->fill(700'000);  // the weights alone take 1.2 MB
  const auto train = run({"train", "--dataset", "phantom", "--name", "nodule", "--epochs", "1", "--batch", "16"});
  EXPECT_NE(train.status, kOk);
  EXPECT_NE(train.err.find("No space left on device"), std::string::npos) << train.err << train.out;
  EXPECT_EQ(run({"model", "show", "nodule"}).status, kNotFound);
  EXPECT_EQ(run({"dataset", "show", "phantom"}).status, kOk);
  std::filesystem::remove(disk->path() / "ballast");
  const auto again = run({"train", "--dataset", "phantom", "--name", "nodule", "--epochs", "1", "--batch", "16"});
  EXPECT_EQ(again.status, kOk) << again.err;
}

TEST_F(Cli, a_model_is_accepted_by_a_clinician_goes_live_and_is_recalled) {
  const std::vector<std::string> strict{"ACESO_MODELS_LIVE_NEEDS_ACCEPTANCE=true"};
  const auto ask = [&](const std::vector<std::string>& arguments, const std::string& input = {}) {
    return run(arguments, input, strict);
  };
  ASSERT_EQ(ask({"dataset", "import", phantom(), "--name", "phantom", "--classes", "smooth,spiculated"}).status, kOk);
  const auto own = home_.path() / "own.npz";
  const auto cases =
      learn::to_npz(learn::make_phantom_ct({.train = 20, .validation = 10, .test = 40, .size = 32, .seed = 77}));
  ASSERT_TRUE(cases.ok());
  ASSERT_TRUE(write_file_atomic(own, *cases));
  ASSERT_EQ(ask({"dataset", "import", own.string(), "--name", "ours", "--classes", "smooth,spiculated"}).status, kOk);
  const auto train = ask({"train", "--dataset", "phantom", "--name", "nodule", "--epochs", "1", "--batch", "16"});
  ASSERT_EQ(train.status, kOk) << train.err;
  const auto refused = ask({"model", "promote", "nodule", "1", "live"});
  EXPECT_NE(refused.status, kOk);
  EXPECT_NE(refused.err.find("no clinician has accepted"), std::string::npos) << refused.err;

  ASSERT_EQ(ask({"evaluate", "nodule", "--version", "1", "--dataset", "ours", "--split", "test"}).status, kOk);
  const auto approval = ask({"model", "approval", "nodule", "1", "--json"});
  ASSERT_EQ(approval.status, kOk) << approval.err;
  const auto seen = parse_json(approval.out);
  ASSERT_TRUE(seen.ok()) << approval.out;
  ASSERT_EQ(seen->at("evaluations").size(), 1U) << approval.out;
  const auto job = seen->at("evaluations").at(0).at("id").get<std::string>();
  const std::string password = "correct horse battery";
  ASSERT_EQ(ask({"user", "add", "dr.lang", "--role", "clinician"}, password + "\n").status, kOk);
  ASSERT_EQ(ask({"user", "add", "head", "--role", "admin"}, password + "\n").status, kOk);
  const auto accept = [&](const std::string& user, const std::string& typed) {
    return ask({"model", "accept", "nodule", "1", "--evaluation", job, "--own-cases", "--user", user, "--statement",
                "a second reader for phantoms"},
               typed + "\n");
  };
  EXPECT_NE(accept("dr.lang", "wrong").status, kOk);
  EXPECT_EQ(accept("head", password).status, kDenied) << "an admin does not speak for a clinician";
  const auto accepted = accept("dr.lang", password);
  ASSERT_EQ(accepted.status, kOk) << accepted.err;
  EXPECT_NE(ask({"model", "approval", "nodule", "1"}).out.find("by dr.lang on 40 cases of ours"), std::string::npos);
  const auto live = ask({"model", "promote", "nodule", "1", "live"});
  ASSERT_EQ(live.status, kOk) << live.err;

  const auto arrays = learn::make_phantom_ct({.train = 4, .validation = 2, .test = 2, .size = 32, .seed = 99});
  const auto& images = arrays.at("test_images");
  learn::Array one{images.dtype, {32, 32}, {images.data.begin(), images.data.begin() + 32 * 32}};
  const auto file = home_.path() / "unseen.npy";
  ASSERT_TRUE(write_file_atomic(file, learn::to_npy(one)).ok());
  ASSERT_EQ(ask({"predict", "nodule", file.string()}).status, kOk);
  const auto recall = ask({"model", "recall", "nodule", "1", "--reason", "wrong windows"});
  ASSERT_EQ(recall.status, kOk) << recall.err;
  EXPECT_NE(recall.out.find("1 answers"), std::string::npos) << recall.out;
  const auto after = ask({"predict", "nodule", file.string(), "--version", "1"});
  EXPECT_NE(after.status, kOk);
  EXPECT_NE(after.err.find("was recalled on"), std::string::npos) << after.err;
  const auto affected = ask({"model", "affected", "nodule", "1", "--json"});
  ASSERT_EQ(affected.status, kOk) << affected.err;
  EXPECT_EQ(parse_json(affected.out)->at("predictions").size(), 1U) << affected.out;
  EXPECT_NE(ask({"model", "rollback", "nodule"}).status, kOk) << "there is none to go back to";
  const auto gate =
      ask({"model", "gate", "nodule", "--at-least", "auroc=0.9", "--min-cases", "50", "--reason", "agreed"});
  ASSERT_EQ(gate.status, kOk) << gate.err;
  EXPECT_NE(gate.out.find("auroc at least 0.9"), std::string::npos) << gate.out;
  EXPECT_NE(ask({"model", "gate", "nodule", "--at-least", "auroc", "--reason", "x"}).status, kOk);
}

TEST_F(Cli, from_arrays_to_a_prediction) {
  const auto data = phantom();
  const auto import = run({"dataset", "import", data, "--name", "phantom", "--classes", "smooth,spiculated", "--json"});
  ASSERT_EQ(import.status, kOk) << import.err << import.out;
  const auto summary = parse_json(import.out);
  ASSERT_TRUE(summary.ok()) << import.out;
  EXPECT_EQ(summary->at("name"), "phantom");

  const auto train = run({"train", "--dataset", "phantom", "--name", "nodule", "--epochs", "2", "--batch", "16"});
  ASSERT_EQ(train.status, kOk) << train.err << train.out;
  EXPECT_NE(train.out.find("registered nodule version 1"), std::string::npos) << train.out;
  EXPECT_NE(train.out.find("AUROC 0."), std::string::npos) << train.out;
  EXPECT_NE(train.out.find("trained by torch 2."), std::string::npos) << train.out;

  ASSERT_EQ(run({"model", "promote", "nodule", "1", "live"}).status, kOk);
  const auto shown = run({"model", "show", "nodule", "--json"});
  ASSERT_EQ(shown.status, kOk) << shown.err;
  const auto device = parse_json(shown.out)->at("training").value("device", "");
  EXPECT_NE(train.out.find(device), std::string::npos) << device;
  if (device.starts_with("CPU")) {  // no GPU here: asking for one is an error that says so
    const auto refused =
        run({"train", "--dataset", "phantom", "--name", "nodule", "--epochs", "1", "--device", "cuda"});
    EXPECT_NE(refused.status, kOk);
    EXPECT_NE(refused.err.find("device: cuda"), std::string::npos) << refused.err;
  }
  EXPECT_NE(run({"train", "--dataset", "phantom", "--device", "gpu"}).status, kOk);

  const auto arrays = learn::make_phantom_ct({.train = 4, .validation = 2, .test = 2, .size = 32, .seed = 99});
  const auto& images = arrays.at("test_images");
  learn::Array one{images.dtype, {32, 32}, {images.data.begin(), images.data.begin() + 32 * 32}};
  const auto file = home_.path() / "unseen.npy";
  ASSERT_TRUE(write_file_atomic(file, learn::to_npy(one)).ok());
  const auto predicted = run({"predict", "nodule", file.string(), "--json"});
  ASSERT_EQ(predicted.status, kOk) << predicted.err << predicted.out;
  const auto answer = parse_json(predicted.out);
  ASSERT_TRUE(answer.ok()) << predicted.out;
  const auto& first = answer->at(0);
  EXPECT_EQ(first.at("model").at("name"), "nodule");
  EXPECT_EQ(first.at("model").at("version"), 1);
  EXPECT_FALSE(first.at("model").at("intended_use").get<std::string>().empty());
  EXPECT_GE(first.at("probability").get<double>(), 0.0);
  EXPECT_LE(first.at("probability").get<double>(), 1.0);
  EXPECT_TRUE(first.contains("uncertainty"));
  expect_the_same_through_onnx("nodule", *parse_json(shown.out), file.string(), first.at("probability").get<double>());

  const auto overlay = home_.path() / "overlay.png";
  const auto explained = run({"explain", "nodule", file.string(), "--output", overlay.string(), "--json"});
  const auto explanation = parse_json(explained.out);
  ASSERT_TRUE(explanation.ok()) << explained.err << explained.out;
  const auto& checks = explanation->at("explanation").at("checks");
  EXPECT_GE(checks.size(), 1U);
  const bool passed = explanation->at("explanation").at("passed").get<bool>();  // this short training may fail a check
  EXPECT_EQ(explained.status == kOk, passed) << explained.out;
  EXPECT_EQ(std::filesystem::exists(overlay), passed);

  learn::Array strange = learn::Array::zeros(learn::DType::u8, {32, 32});
  for (std::size_t i = 0; i < 1024; ++i)
    strange.data[i] = (i / 32 / 4 + i % 32 / 4) % 2 == 0 ? std::byte{255} : std::byte{0};
  const auto board = home_.path() / "board.npy";
  ASSERT_TRUE(write_file_atomic(board, learn::to_npy(strange)).ok());
  const auto refused = run({"predict", "nodule", board.string()});
  EXPECT_EQ(refused.status, kOk) << refused.err;
  EXPECT_NE(refused.out.find("NOT APPLICABLE"), std::string::npos) << refused.out;
  EXPECT_EQ(refused.out.find("threshold"), std::string::npos) << refused.out;

  const auto report = run({"model", "report", "nodule"});
  ASSERT_EQ(report.status, kOk);
  EXPECT_NE(report.out.find("<html"), std::string::npos);
  EXPECT_NE(report.out.find("Against a trivial model"), std::string::npos);

  const auto page = home_.path() / "page.html";
  const auto evaluated = run({"evaluate", "nodule", "--dataset", "phantom", "--output", page.string(), "--json"});
  ASSERT_EQ(evaluated.status, kOk) << evaluated.err << evaluated.out;
  const auto evaluation = parse_json(evaluated.out);
  ASSERT_TRUE(evaluation.ok()) << evaluated.out;
  EXPECT_EQ(evaluation->at("evaluation").at("seen_in_training"), 0);
  EXPECT_TRUE(evaluation->at("evaluation").at("baseline").at("adds_nothing").is_boolean());
  EXPECT_TRUE(std::filesystem::exists(page));
  const auto limits = home_.path() / "limits.json";
  ASSERT_TRUE(write_file_atomic(limits, std::string_view{R"({"views":["AX"],"age_min_years":18})"}).ok());
  ASSERT_EQ(run({"train", "--dataset", "phantom", "--name", "flat", "--architecture", "logistic", "--epochs", "1",
                 "--limits", limits.string()})
                .status,
            kOk);
  const auto child = run({"predict", "flat", file.string(), "--view", "AX", "--age", "9"});
  EXPECT_NE(child.out.find("NOT APPLICABLE"), std::string::npos) << child.out << child.err;
  const auto unstated = run({"predict", "flat", file.string(), "--view", "ax"});
  EXPECT_NE(unstated.out.find("Not checked: The age was not stated"), std::string::npos)
      << unstated.out << unstated.err;
  const auto compared = run({"compare", "nodule@1", "flat", "--output", page.string()});
  ASSERT_EQ(compared.status, kOk) << compared.err << compared.out;
  EXPECT_NE(compared.out.find("A - B  AUROC"), std::string::npos) << compared.out;
  EXPECT_EQ(run({"compare", "nodule@x", "flat"}).status, kUsage);
  EXPECT_EQ(run({"compare", "nodule", "nodule@1"}).status, kUsage);
  const auto audit = run({"audit", "verify"});
  EXPECT_EQ(audit.status, kOk) << audit.err;
}

}  // namespace
}  // namespace aceso::app
