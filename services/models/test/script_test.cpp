// A user's own training script within a job: what it is given, what is made of what it says, and how it ends.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "script_run.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class OwnScript : public ::testing::Test {
 protected:
  Script shell(const std::string& text, std::vector<std::string> arguments = {}) {
    const std::filesystem::path file = home.path() / "train.sh";
    EXPECT_TRUE(write_file_atomic(file, std::string_view{text}));
    return {.interpreter = "/bin/sh",
            .file = file,
            .name = "train.sh",
            .sha256 = crypto::to_hex(crypto::sha256(crypto::as_bytes(text))),
            .arguments = std::move(arguments)};
  }
  Result<ScriptEnd> run(const Script& script, const std::stop_token& stop = {}) {
    const ScriptPlaces places{
        .dataset_folder = home.path() / "data", .job_folder = home.path() / "job", .dataset = "set@2", .model = "own"};
    return run_script(
        script, places, clock,
        [this](const std::string& line) {
          said.push_back(line);
          if (on_line) on_line(line);
        },
        stop);
  }
  std::size_t lines_with(const std::string& text) const {
    return static_cast<std::size_t>(std::count_if(
        said.begin(), said.end(), [&](const std::string& line) { return line.find(text) != std::string::npos; }));
  }
  SystemClock clock;
  TempDir home = *TempDir::create("aceso-script");
  std::vector<std::string> said;
  std::function<void(const std::string&)> on_line;
};

TEST_F(OwnScript, gets_the_data_set_and_its_arguments_and_is_heard) {
  const auto end = run(shell(R"sh(echo "loading $ACESO_DATASET_NAME for $ACESO_MODEL with $1 and $2"
test "$(basename "$ACESO_DATASET")" = data || exit 1
test -d "$ACESO_CHECKPOINTS" || exit 2
echo '{"type":"progress","phase":"train","done":1,"total":2,"values":[["loss","0.5"]],"seconds_left":3}'
echo '{"type":"epoch","epoch":1,"train_loss":0.5,"validation_auc":0.75}'
echo '{"type":"result"}'
echo made > "$ACESO_OUTPUT/model.onnx"
)sh",
                             {"--epochs", "a b"}));
  ASSERT_TRUE(end) << end.error().message();
  ASSERT_EQ(end->history.size(), 1U);
  EXPECT_EQ(end->history[0].epoch, 1);
  EXPECT_DOUBLE_EQ(end->history[0].validation_auc, 0.75);
  EXPECT_EQ(lines_with("loading set@2 for own with --epochs and a b"), 1U);
  EXPECT_EQ(lines_with("\"type\":\"progress\""), 1U);
  EXPECT_EQ(lines_with("\"type\":\"result\""), 0U) << "a script says that it is done by ending";
  EXPECT_EQ(*read_text_file(home.path() / "job" / "output" / "model.onnx", 100), "made\n");
}

TEST_F(OwnScript, a_failure_is_told_in_the_log_and_not_in_the_error) {
  const auto end = run(shell("echo 'ValueError: patient 4711' >&2\nexit 3\n"));
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().message().find("status 3"), std::string::npos);
  EXPECT_EQ(end.error().message().find("4711"), std::string::npos);
  EXPECT_EQ(lines_with("ValueError: patient 4711"), 1U);
  const auto own =
      run(shell("echo '{\"type\":\"error\",\"code\":\"invalid\",\"message\":\"no sample of class b\"}'\n"));
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code(), Code::invalid);
  EXPECT_EQ(own.error().message(), "no sample of class b");
}

TEST_F(OwnScript, what_it_prints_is_bounded) {
  const auto end = run(shell("i=0; while [ $i -lt 3000 ]; do echo \"line $i\"; i=$((i+1)); done\n"));
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(said.size(), 1001U);
  EXPECT_NE(said.back().find("the rest is not kept"), std::string::npos);
  const auto flood = run(shell("head -c 200000 /dev/zero | tr '\\0' x\nexec sleep 1000\n"));
  ASSERT_FALSE(flood);
  EXPECT_EQ(flood.error().code(), Code::invalid);
}

TEST_F(OwnScript, a_stop_ends_it_with_all_that_it_started) {
  std::stop_source stop;
  pid_t child = 0;
  on_line = [&](const std::string& line) {
    const auto at = line.find("child ");
    if (at == std::string::npos) return;
    child = static_cast<pid_t>(std::stol(line.substr(at + 6)));
    stop.request_stop();
  };
  const auto end = run(shell("sleep 1000 &\necho \"child $!\"\nwait\n"), stop.get_token());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), Code::cancelled);
  ASSERT_GT(child, 0);
  EXPECT_TRUE(eventually([&] {
    std::ifstream stat{"/proc/" + std::to_string(child) + "/stat"};
    const std::string text{std::istreambuf_iterator<char>{stat}, {}};
    const auto name_end = text.rfind(')');
    return name_end == std::string::npos || text[name_end + 2] == 'Z';
  }));
}

TEST_F(OwnScript, that_closes_its_output_is_waited_for) {
  const auto end = run(shell("exec >&- 2>&-\nsleep 0.3\nexit 0\n"));
  EXPECT_TRUE(end) << end.error().message();
}

TEST_F(OwnScript, that_is_another_than_was_asked_for_does_not_run) {
  Script script = shell("echo one\n");
  ASSERT_TRUE(write_file_atomic(script.file, std::string_view{"echo two\n"}));
  EXPECT_EQ(run(script).error().code(), Code::conflict);
  EXPECT_TRUE(said.empty());
  std::filesystem::remove(script.file);
  EXPECT_EQ(run(script).error().code(), Code::not_found);
}

class ScriptService : public Service {
 protected:
  static Actor operator_here() {
    Actor who = actor("scientist");
    who.source_address = "local";
    return who;
  }
  Json request() {
    const std::filesystem::path file = home.path() / "train.sh";
    EXPECT_TRUE(write_file_atomic(file, std::string_view{"exit 0\n"}));
    return Json{{"name", "own"},
                {"dataset", "set"},
                {"script", {{"file", file.string()}, {"interpreter", "/bin/sh"}, {"arguments", {"--x"}}}}};
  }
};

TEST_F(ScriptService, is_for_the_operator_at_this_machine) {
  open();
  import("set");
  Actor remote = actor("scientist");
  remote.source_address = "10.0.0.7";
  EXPECT_EQ(models->train(remote, request()).error().code(), Code::denied);
  Json missing = request();
  missing["script"]["file"] = "/no/such/script.py";
  EXPECT_EQ(models->train(operator_here(), missing).error().code(), Code::not_found);
  Json relative = request();
  relative["script"]["file"] = "train.sh";
  EXPECT_EQ(models->train(operator_here(), relative).error().code(), Code::invalid);
}

TEST_F(ScriptService, without_a_model_it_has_failed_and_nothing_is_registered) {
  open();
  import("set");
  const auto job = models->train(operator_here(), request());
  ASSERT_TRUE(job) << job.error().message();
  EXPECT_EQ((*job)["job"]["input"]["script"]["name"], "train.sh");
  EXPECT_EQ((*job)["job"]["input"]["script"]["sha256"].get<std::string>().size(), 64U);
  const auto end = wait(*job);
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().message().find("no usable model.yaml"), std::string::npos) << end.error().message();
  EXPECT_TRUE((*models->models())["items"].empty());
  EXPECT_FALSE((*job)["job"]["input"].contains("script_file")) << "nobody is told of folders of this machine";
}

TEST_F(ScriptService, goes_on_for_the_operator_only) {
  open();
  import("set");
  Json failing = request();
  ASSERT_TRUE(
      write_file_atomic(home.path() / "train.sh", std::string_view{"mkdir -p $ACESO_CHECKPOINTS/step-1\necho 1 > "
                                                                   "$ACESO_CHECKPOINTS/step-1/weights\nexit 1\n"}));
  const auto job = models->train(operator_here(), failing);
  ASSERT_TRUE(job) << job.error().message();
  EXPECT_FALSE(wait(*job));
  Actor remote = actor("scientist");
  remote.source_address = "10.0.0.7";
  EXPECT_EQ(models->train(remote, Json{{"resume", id_of(*job)}}).error().code(), Code::denied);
  EXPECT_TRUE(models->train(operator_here(), Json{{"resume", id_of(*job)}})) << "its checkpoint lies in a folder";
}

}  // namespace
}  // namespace aceso::models::test
