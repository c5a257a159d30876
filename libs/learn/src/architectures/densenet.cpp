// DenseNet-121 (Huang et al., CVPR 2017) for images and volumes, with torchvision's parameter names: growth 32,
// bottleneck 4, blocks of 6, 12, 24 and 16 layers, each halved in width and size by a transition.
#include <array>

#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kGrowth = 32;
constexpr std::int64_t kBottleneck = 4 * kGrowth;

// Each layer sees all that came before it in its block.
void dense_block(Builder& b, const std::string& name, int layers) {
  for (int i = 1; i <= layers; ++i) {
    const std::string layer = name + ".denselayer" + std::to_string(i);
    const std::string before = b.last();
    b.apply(layer + ".norm1", Op::batch_norm);
    b.apply(layer + ".relu1", Op::relu);
    b.conv(layer + ".conv1", kBottleneck, 1, 1, 0, false);
    b.apply(layer + ".norm2", Op::batch_norm);
    b.apply(layer + ".relu2", Op::relu);
    const std::string made = b.conv(layer + ".conv2", kGrowth, 3, 1, 1, false);
    b.concat(layer + ".cat", {before, made});
  }
}

}  // namespace

Result<Network> make_densenet121(const ArchitectureOptions& options) {
  ACESO_TRY_OK(check_options("densenet121", options, 3, 4));
  Builder b{"densenet121", Init::torchvision};
  b.input(options.input);
  const bool small = small_stem(options);
  if (small) {
    b.conv("features.conv0", 64, 3, 1, 1, false);
  } else {
    b.conv("features.conv0", 64, 7, 2, 3, false);
  }
  b.apply("features.norm0", Op::batch_norm);
  b.apply("features.relu0", Op::relu);
  if (!small) b.max_pool("features.pool0", 3, 2, 1);
  std::int64_t width = 64;
  constexpr std::array<int, 4> kBlocks{6, 12, 24, 16};
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    dense_block(b, "features.denseblock" + number, kBlocks[i]);
    width += kBlocks[i] * kGrowth;
    if (i + 1 == kBlocks.size()) break;
    width /= 2;
    const std::string name = "features.transition" + number;
    b.apply(name + ".norm", Op::batch_norm);
    b.apply(name + ".relu", Op::relu);
    b.conv(name + ".conv", width, 1, 1, 0, false);
    b.avg_pool(name + ".pool", 2, 2);
  }
  b.apply("features.norm5", Op::batch_norm);
  b.apply("relu", Op::relu);
  b.apply("avgpool", Op::global_avg_pool);
  b.dense("classifier", options.outputs);
  return b.finish(options);
}

}  // namespace aceso::learn
