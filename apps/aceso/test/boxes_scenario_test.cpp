// A model of boxes on a node: phantoms whose nodules are known, training, report, prediction, and what is refused.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/json.hpp"
#include "aceso/learn/synthesise.hpp"
#include "exit_code.hpp"
#include "run_aceso.hpp"

namespace aceso::app {
namespace {

class BoxesScenario : public ::testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) { return run_aceso(folder_.path() / "home", arguments); }
  static Json parsed(const Outcome& outcome) {
    const auto json = parse_json(outcome.out);
    EXPECT_TRUE(json.ok()) << outcome.out << outcome.err;
    return json.ok() ? *json : Json();
  }
  TempDir folder_ = *TempDir::create();
};

TEST_F(BoxesScenario, nodules_of_phantoms_are_learnt_reported_and_found_on_images_that_were_not_seen) {
  ASSERT_EQ(run({"dataset", "synthesise", "marks", "--task", "presence", "--nodules", "3", "--size", "48", "--train",
                 "160", "--validation", "40", "--test", "40", "--diameter", "14"})
                .status,
            kOk);
  const auto config = folder_.path() / "train.yaml";
  ASSERT_TRUE(write_file_atomic(config, std::string_view{"task: boxes\narchitecture: centernet\nlearning_rate: 0.003\n"
                                                         "schedule: one_cycle\nepochs: 14\nbatch: 8\n"})
                  .ok());
  const auto trained = run({"train", config.string(), "--dataset", "marks", "--name", "marks"});
  ASSERT_EQ(trained.status, kOk) << trained.err;
  EXPECT_NE(trained.out.find("FROC score"), std::string::npos) << trained.out;
  const Json shown = parsed(run({"--json", "model", "show", "marks"}));
  const Json& evaluation = shown.at("evaluation");
  EXPECT_EQ(evaluation.at("kind"), "boxes");
  EXPECT_GT(evaluation.at("metrics").at("froc").at("value").get<double>(), 0.6) << evaluation.at("metrics").dump(1);
  EXPECT_FALSE(evaluation.at("adds_nothing").get<bool>());
  const auto page = folder_.path() / "report.html";
  ASSERT_EQ(run({"model", "report", "marks", "--output", page.string()}).status, kOk);
  const auto html = read_text_file(page, std::uint64_t{32} << 20);
  ASSERT_TRUE(html.ok());
  for (const char* word : {"FROC score", "What it finds", "false marks an image", "data:image/png"})
    EXPECT_NE(html->find(word), std::string::npos) << word;

  // A phantom of another seed, which has a nodule.
  const auto unseen = learn::synthesise({.task = learn::PhantomTask::presence,
                                         .train = 0,
                                         .validation = 0,
                                         .test = 12,
                                         .size = 48,
                                         .diameter_mm = 14,
                                         .seed = 99});
  ASSERT_TRUE(unseen.ok());
  const auto corners = unseen->at("test_boxes").as<std::int32_t>();
  std::size_t found = 0, there = 0;
  std::filesystem::path last;
  for (std::size_t n = 0; n < 12; ++n) {
    const auto truth = corners.subspan(n * 4, 4);
    if (truth[2] == 0) continue;
    ++there;
    learn::Array image = learn::Array::zeros(learn::DType::u8, {48, 48});
    const auto& all = unseen->at("test_images").data;
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(n * 48 * 48), 48 * 48, image.data.begin());
    const auto file = folder_.path() / (std::to_string(n) + ".npy");
    ASSERT_TRUE(write_file_atomic(file, learn::to_npy(image)).ok());
    last = file;
    const auto answered = run({"--json", "predict", "marks", file.string()});
    ASSERT_EQ(answered.status, kOk) << answered.err;
    const Json all_answers = parsed(answered);
    const Json& answer = all_answers.is_array() ? all_answers.at(0) : all_answers;
    EXPECT_EQ(answer.at("task"), "boxes") << answer.dump(1);
    for (const Json& box : answer.at("boxes").at("boxes")) {
      const double y = (box.at("low")[0].get<double>() + box.at("high")[0].get<double>()) / 2,
                   x = (box.at("low")[1].get<double>() + box.at("high")[1].get<double>()) / 2;
      if (y < truth[0] || y >= truth[2] || x < truth[1] || x >= truth[3]) continue;
      ++found;
      break;
    }
  }
  EXPECT_GE(there, 4U);
  EXPECT_GE(2 * found, there) << found << " of " << there;
  const auto words = run({"predict", "marks", last.string()});
  EXPECT_EQ(words.status, kOk) << words.err;
  EXPECT_NE(words.out.find("On 40 validation images the model found"), std::string::npos) << words.out;
  const auto judged = run({"evaluate", "marks", "--dataset", "marks", "--split", "validation"});
  EXPECT_EQ(judged.status, kOk) << judged.err;
  EXPECT_NE(judged.out.find("FROC score"), std::string::npos) << judged.out;

  // What does not go together says why.
  ASSERT_EQ(run({"dataset", "synthesise", "sizes", "--task", "findings", "--size", "32", "--train", "8", "--validation",
                 "4", "--test", "4"})
                .status,
            kOk);
  const auto net = run({"train", "--dataset", "marks", "--name", "x", "--architecture", "centernet", "--patch", "16"});
  EXPECT_NE(net.status, kOk);
  EXPECT_NE(net.err.find("patch: goes with outlines only"), std::string::npos) << net.err;
  const auto nodules = run({"dataset", "synthesise", "bad", "--nodules", "3"});
  EXPECT_NE(nodules.status, kOk);
  EXPECT_NE(nodules.err.find("presence"), std::string::npos) << nodules.err;
}

}  // namespace
}  // namespace aceso::app
