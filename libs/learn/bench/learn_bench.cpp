// Augmentation of a volume of 181 x 217 x 181 voxels, as tools/bench_learning races it against TorchIO.
#include <benchmark/benchmark.h>

#include <vector>

#include "aceso/learn/augment.hpp"

namespace {

using namespace aceso::learn;

const Shape kVolume{181, 217, 181};

void warp(benchmark::State& state, const Augmentation& how) {
  std::vector<float> in(static_cast<std::size_t>(*element_count(kVolume)));
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 1009) / 1009.0F;
  std::vector<float> out(in.size());
  std::size_t sample = 0;
  for (auto _ : state) {
    const Warp drawn = draw_warp(how, kVolume, {1, 1, sample++});
    resample(drawn, Interpolation::linear, Edge::zero, in, out, static_cast<int>(state.range(0)));
    benchmark::DoNotOptimize(out.data());
  }
}

void affine_and_elastic(benchmark::State& state) {
  Augmentation how;
  how.rotate = 10;
  how.scale = 0.1;
  how.shift = 0.05;
  how.elastic = 0.03;
  warp(state, how);
}

void affine(benchmark::State& state) {
  Augmentation how;
  how.rotate = 10;
  how.scale = 0.1;
  how.shift = 0.05;
  warp(state, how);
}

}  // namespace

BENCHMARK(affine_and_elastic)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(affine)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
