// A process with little address space left asks for a training step that does not fit: the step must fail with
// `exhausted`, change nothing, and a smaller one must still work. A process of its own, because the limit stays.
#include <sys/resource.h>

#include <cstdio>
#include <fstream>

#include "engines.hpp"

using namespace aceso;                     // NOLINT(google-build-using-namespace)
using namespace aceso::learn_torch::test;  // NOLINT(google-build-using-namespace)

namespace {

std::uint64_t address_space_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t pages = 0;
  statm >> pages;
  return pages * 4096;
}

int fail(const char* what) {
  std::fprintf(stderr, "memory_probe: %s\n", what);
  return 1;
}

}  // namespace

int main() {
  const Model model = make_model("article_cnn", {3, 96, 96}, 1);
  const Task small = bright_half({2, 3, 96, 96}, 1);
  const Task large = bright_half({600, 3, 96, 96}, 1);  // the first activation alone is 680 MB
  learn::TrainingOptions options;
  options.threads = 1;
  options.device = learn::Device::cpu;
  auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
  if (!session) return fail("no session");
  if (!(*session)->step(model.batch(small.inputs), small.targets)) return fail("the first step failed");
  const learn::Weights before = *(*session)->weights();

  const rlim_t room = address_space_bytes() + (rlim_t{400} << 20);
  const rlimit limit{room, room};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return fail("setrlimit failed");
  const auto loss = (*session)->step(model.batch(large.inputs), large.targets);
  if (loss.ok()) return fail("the step fitted");
  if (loss.error().code() != Code::exhausted) return fail(loss.error().message().c_str());
  std::printf("%s\n", loss.error().message().c_str());
  const learn::Weights after = *(*session)->weights();
  for (const auto& [name, array] : before) {
    if (after.at(name).data != array.data) return fail("the failed step changed weights");
  }
  if (!(*session)->step(model.batch(small.inputs), small.targets)) return fail("a small step no longer works");
  return 0;
}
