// Times training steps or predictions of a network of the registry on random images, and prints them as JSON.
//   learn_torch_step NETWORK [--engine torch|openvino|loops] [--infer] [--bf16] [--batch N] [--size N] [--channels N]
//   [--steps N] [--threads N] [--device auto|cpu|cuda] [--engines FOLDER]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/learn/engine.hpp"
#include "aceso/learn_loops/engine.hpp"

using namespace aceso;  // NOLINT(google-build-using-namespace)

namespace {

struct Asked {
  std::string network = "article_cnn", engine = "torch", engines = ACESO_ENGINE_FOLDER, device = "auto";
  bool infer = false, bf16 = false;
  std::map<std::string, std::int64_t, std::less<>> numbers{
      {"--batch", 32}, {"--size", 128}, {"--channels", 3}, {"--steps", 30}, {"--threads", 0}};
};

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "learn_torch_step: %s\n", why.c_str());
  std::exit(2);
}

template <class T>
T must(Result<T> result) {
  if (!result) stop(result.error().message());
  return std::move(*result);
}

Asked parse(const std::vector<std::string>& arguments) {
  Asked asked;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    const auto number = asked.numbers.find(a);
    if (a == "--infer") {
      asked.infer = true;
    } else if (a == "--bf16") {
      asked.bf16 = true;
    } else if (a == "--engine" && i + 1 < arguments.size()) {
      asked.engine = arguments[++i];
    } else if (a == "--engines" && i + 1 < arguments.size()) {
      asked.engines = arguments[++i];
    } else if (a == "--device" && i + 1 < arguments.size()) {
      asked.device = arguments[++i];
    } else if (number != asked.numbers.end() && i + 1 < arguments.size()) {
      number->second = std::atoll(arguments[++i].c_str());
    } else if (!a.starts_with("-")) {
      asked.network = a;
    } else {
      stop("unknown argument " + a);
    }
  }
  return asked;
}

learn::Device device_of(const std::string& name) {
  if (name == "auto") return learn::Device::automatic;
  if (name != "cpu" && name != "cuda") stop("--device is auto, cpu or cuda");
  return name == "cpu" ? learn::Device::cpu : learn::Device::cuda;
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

double resident_mib() {
  std::ifstream statm{"/proc/self/statm"};
  double pages = 0;
  statm >> pages >> pages;
  return pages * 4096 / 1048576;
}

void measure(std::int64_t steps, const std::function<void()>& step) {
  for (int i = 0; i < 5; ++i) step();
  std::vector<double> times;
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const double resident = resident_mib();
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    step();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  getrusage(RUSAGE_SELF, &after);
  std::sort(times.begin(), times.end());
  const auto count = static_cast<double>(steps);
  const double cpu =
      seconds(after.ru_utime) - seconds(before.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_stime);
  std::printf(
      "{\"median_ms\": %.3f, \"p10_ms\": %.3f, \"cpu_ms\": %.3f, \"faults\": %.0f, \"resident_mib\": %.0f, "
      "\"grown_mib\": %.1f}\n",
      times[times.size() / 2], times[times.size() / 10], 1000 * cpu / count,
      static_cast<double>(after.ru_minflt - before.ru_minflt) / count, resident_mib(), resident_mib() - resident);
}

}  // namespace

int main(int argc, char** argv) {
  const Asked asked = parse({argv + 1, argv + argc});
  const std::int64_t batch = asked.numbers.at("--batch"), size = asked.numbers.at("--size"),
                     channels = asked.numbers.at("--channels");
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  const learn::Network network = must(registry.make(asked.network, {{channels, size, size}, 1}));
  const std::string port = network.layers.front().name;
  const std::map<std::string, learn::Shape> inputs{{port, {-1, channels, size, size}}};
  const learn::Weights weights = learn::initial_weights(network, must(learn::infer_shapes(network, inputs)), 1);
  learn::Array images = learn::Array::zeros(learn::DType::f32, {batch, channels, size, size});
  std::uint32_t state = 1;
  for (float& x : images.f32()) x = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8U) / 16777216.0F;
  learn::Array targets = learn::Array::zeros(learn::DType::f32, {batch});
  for (std::size_t i = 0; i < targets.f32().size(); ++i) targets.f32()[i] = static_cast<float>(i % 2);
  learn::NamedArrays inputs_of_batch;
  inputs_of_batch.emplace(port, std::move(images));

  const auto engine = asked.engine == "loops" ? learn_loops::make_engine()
                                              : must(learn::load_engine("learn_" + asked.engine, asked.engines));
  const learn::Device device = device_of(asked.device);
  const int threads = static_cast<int>(asked.numbers.at("--threads"));
  if (asked.infer) {
    learn::InferenceOptions options;
    options.threads = threads;
    options.allow_bf16 = asked.bf16;
    options.device = device;
    const auto session = must(engine->load(network, weights, inputs, options));
    measure(asked.numbers.at("--steps"), [&] { must(session->run(inputs_of_batch)); });
    return 0;
  }
  learn::TrainingOptions options;
  options.threads = threads;
  options.device = device;
  options.precision = asked.bf16 ? learn::Precision::bf16 : learn::Precision::fp32;
  const auto session = must(engine->train(network, weights, inputs, options));
  measure(asked.numbers.at("--steps"), [&] { must(session->step(inputs_of_batch, targets)); });
  return 0;
}
