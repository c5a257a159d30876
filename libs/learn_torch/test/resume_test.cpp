// kill -9 at any step, then resume: the same weights to the bit as without.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/learn/synthesise.hpp"
#include "engines.hpp"
#include "resume_probe.hpp"

namespace aceso::learn_torch::test {
namespace {

namespace fs = std::filesystem;

class Resume : public testing::Test {
 protected:
  void SetUp() override {
    const auto progress = make_null_progress();
    learn::SynthesiseOptions phantoms;
    phantoms.train = 60;
    phantoms.validation = 12;
    phantoms.test = 4;
    phantoms.size = 20;
    learn::ImportOptions options;
    options.name = "phantoms";
    ASSERT_TRUE(
        learn::Dataset::import_arrays(*learn::synthesise(phantoms), "phantoms", dataset_, options, *progress, {}).ok());
  }

  // Runs the probe; with `steps` it is killed after so many. Whether it ended by itself.
  bool run(const fs::path& folder, std::optional<int> steps) const {
    fs::create_directories(folder);
    std::array<int, 2> out{};
    if (::pipe(out.data()) != 0) return false;
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(out[1], 1);
      ::close(out[0]);
      ::execl(ACESO_RESUME_PROBE, ACESO_RESUME_PROBE, folder.c_str(), dataset_.c_str(), task_.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(out[1]);
    char byte = 0;
    for (int seen = 0; !steps || seen < *steps; ++seen) {
      if (::read(out[0], &byte, 1) != 1) break;
    }
    if (steps) ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(out[0]);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  std::vector<std::byte> weights(const fs::path& folder) const {
    auto bytes = read_file(folder / "weights.safetensors", 1 << 26);
    return bytes ? *bytes : std::vector<std::byte>{};
  }

  void kill_and_resume(int kills) {
    ASSERT_TRUE(run(dir_.path() / "whole", std::nullopt));
    const auto expected = weights(dir_.path() / "whole");
    ASSERT_FALSE(expected.empty());
    const Philox philox{static_cast<std::uint64_t>(kills)};
    for (int k = 0; k < kills; ++k)
      run(dir_.path() / "killed", 1 + static_cast<int>(4 * philox.uniform01(1, static_cast<std::uint64_t>(k))));
    ASSERT_TRUE(run(dir_.path() / "killed", std::nullopt));
    EXPECT_EQ(weights(dir_.path() / "killed"), expected);
  }

  std::string task_ = "classes";
  TempDir dir_ = *TempDir::create();
  fs::path dataset_ = dir_.path() / "dataset";
};

TEST_F(Resume, killed_at_random_steps_gives_the_same_weights_to_the_bit) {
  kill_and_resume(3);
}

TEST_F(Resume, outlines_learnt_from_windows_too) {
  task_ = "outlines";
  kill_and_resume(2);
}

TEST_F(Resume, boxes_too) {
  task_ = "boxes";
  kill_and_resume(2);
}

TEST_F(Resume, soak_of_many_kills) {
  const char* kills = std::getenv("ACESO_RESUME_KILLS");
  if (kills == nullptr) GTEST_SKIP() << "skipped: set ACESO_RESUME_KILLS to the number of kills";
  kill_and_resume(std::atoi(kills));
}

TEST_F(Resume, refuses_a_checkpoint_of_another_run_and_a_damaged_one) {
  const fs::path folder = dir_.path() / "run";
  run(folder, 3);
  const fs::path file = folder / "checkpoint.safetensors";
  ASSERT_TRUE(fs::exists(file));
  const learn::Dataset dataset = *learn::Dataset::open(dataset_);
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  const SystemClock clock;
  const auto progress = make_null_progress();
  const auto go_on = [&](const learn::TrainConfig& config) {
    return learn::train(engine("torch"), dataset, registry, config, clock, *progress, {}, {}, {.file = file});
  };
  learn::TrainConfig other = probe_config();
  other.options.learning_rate *= 2;
  EXPECT_EQ(go_on(other).error().code(), Code::conflict);
  auto bytes = *read_file(file, 1 << 26);
  bytes.resize(bytes.size() / 2);
  ASSERT_TRUE(write_file_atomic(file, bytes).ok());
  EXPECT_EQ(go_on(probe_config()).error().code(), Code::data_loss);
}

}  // namespace
}  // namespace aceso::learn_torch::test
