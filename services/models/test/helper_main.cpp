// The other processes of the tests: a worker with the fake engine, workers that misbehave, and a node to be killed.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "fakes.hpp"

namespace {

using namespace aceso;
using namespace aceso::models;

[[noreturn]] void forever() {
  for (;;) ::pause();
}

int worker(const std::string& kind, const std::string& folder) {
  WorkerEnvironment environment;
  environment.load_engine = [&kind, &folder](std::string_view,
                                             const std::filesystem::path&) -> Result<std::unique_ptr<learn::Engine>> {
    auto engine = std::make_unique<test::FakeEngine>();
    if (kind == "nan") engine->on_step = [](int) { return Result<double>{std::nan("")}; };
    if (kind == "memory") engine->on_step = [](int) -> Result<double> { throw std::bad_alloc{}; };
    if (kind == "dies" || kind == "dies_once")  // killed in the second epoch; the first again before it gets further
      engine->on_step = [once = kind == "dies_once", mark = folder + "/../../died"](int step) {
        const bool before = std::ifstream{mark}.good();
        if (before ? !once && step == 2 : step == 7) {
          std::ofstream{mark} << "x" << std::flush;
          ::raise(SIGKILL);
        }
        return Result<double>{1.0};
      };
    if (kind == "dies_later")  // in the second run of several, and then again before it gets further
      engine->on_step = [steps = std::make_shared<int>(0), mark = folder + "/../../died"](int) {
        const bool before = std::ifstream{mark}.good();
        if (++*steps == (before ? 3 : 22)) {
          std::ofstream{mark} << "x" << std::flush;
          ::raise(SIGKILL);
        }
        return Result<double>{1.0};
      };
    if (kind == "slow")
      engine->on_step = [](int) {
        ::usleep(5'000);
        return Result<double>{1.0};
      };
    return std::unique_ptr<learn::Engine>{std::move(engine)};
  };
  return run_train_worker(folder, environment);
}

int misbehave(const std::string& kind, const std::string& folder) {
  std::ofstream{folder + "/../pid"} << ::getpid() << std::flush;
  if (kind == "garbage") {
    std::puts("not json");
    std::puts("{\"type\":\"progress\"");
    std::puts("{\"type\":\"unknown\"}");
    std::fflush(stdout);
    return 0;
  }
  if (kind == "flood") {
    for (int i = 0; i < 1000; ++i) std::puts("noise noise noise");
    std::fflush(stdout);
    forever();
  }
  if (kind == "long") {
    const std::string piece(4096, 'x');
    for (int i = 0; i < 1000; ++i) std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
    forever();
  }
  if (kind == "crash") ::raise(SIGABRT);
  if (kind == "oom") ::raise(SIGKILL);
  if (kind == "status") {
    std::fputs("something on standard error\n", stderr);
    return 3;
  }
  if (kind == "deaf") {
    ::signal(SIGTERM, SIG_IGN);
    std::puts("{\"type\":\"log\",\"level\":\"info\",\"message\":\"started\"}");
    std::fflush(stdout);
    forever();
  }
  if (kind == "hang") forever();
  if (kind == "liar") {
    std::puts("{\"type\":\"result\"}");  // and no bundle
    std::fflush(stdout);
    return 0;
  }
  if (kind == "disk") {
    std::puts(
        "{\"type\":\"error\",\"code\":\"exhausted\",\"reason\":\"disk_full\",\"message\":\"cannot write the bundle: no "
        "space left on device\"}");
    std::fflush(stdout);
    return 1;
  }
  return 2;
}

// Opens the service, submits a training that never ends, says so and waits to be killed.
int node(const std::string& home, const std::string& self) {
  const SystemClock clock;
  crypto::SystemRandom random;
  test::NullSink sink;
  test::FakeAudit audit;
  test::FakeEngines engines;
  const auto launcher = make_process_launcher({.command = {self, "hang"}});
  Models::Deps deps{
      clock,
      random,
      Logger{clock, sink},
      audit,
      crypto::SigningKey::from_seed(*crypto::SecretKey::from_bytes(std::vector<std::byte>(32, std::byte{7}))),
      engines,
      *launcher,
      std::nullopt};
  auto models = Models::create(home, deps, {});
  if (!models || !(*models)->start()) return 1;
  const auto job = (*models)->train(test::actor("scientist"), Json{{"name", "m"}, {"dataset", "set"}});
  if (!job) {
    std::fputs(job.error().message().c_str(), stderr);
    return 1;
  }
  std::printf("%s\n", (*job)["job"]["id"].get<std::string>().c_str());
  std::fflush(stdout);
  forever();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string kind = argv[1], folder = argv[2];
  if (kind == "node") return node(folder, argv[0]);
  if (kind == "train" || kind == "nan" || kind == "memory" || kind == "slow" || kind == "dies" || kind == "dies_once" ||
      kind == "dies_later")
    return worker(kind, folder);
  return misbehave(kind, folder);
}
