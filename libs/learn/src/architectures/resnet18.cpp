// ResNet-18 (He et al., CVPR 2016) with torchvision's parameter names. Below 64 pixels the stem is a 3x3 convolution of
// stride 1 without pooling, as the MedMNIST benchmark uses for its 28x28 images (Yang et al., Scientific Data 10:41,
// 2023).
#include <algorithm>

#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kSmallImage = 64;

void basic_block(Builder& b, const std::string& name, std::int64_t width, std::int64_t stride, bool downsample) {
  const std::string from = b.last();
  b.conv(name + ".conv1", width, 3, stride, 1, false);
  b.apply(name + ".bn1", Op::batch_norm);
  b.apply(name + ".relu1", Op::relu);
  b.conv(name + ".conv2", width, 3, 1, 1, false);
  const std::string branch = b.apply(name + ".bn2", Op::batch_norm);
  std::string shortcut = from;
  if (downsample) {
    b.continue_from(from);
    b.conv(name + ".downsample.0", width, 1, stride, 0, false);
    shortcut = b.apply(name + ".downsample.1", Op::batch_norm);
  }
  b.sum(name + ".add", branch, shortcut);
  b.apply(name + ".relu2", Op::relu);
}

}  // namespace

Result<Network> make_resnet18(const ArchitectureOptions& options) {
  ACESO_TRY_OK(check_options("resnet18", options, 3, 4));
  Builder b{"resnet18", Init::torchvision};
  b.input(options.input);
  const bool small = *std::min_element(options.input.begin() + 1, options.input.end()) < kSmallImage;
  if (small) {
    b.conv("conv1", 64, 3, 1, 1, false);
  } else {
    b.conv("conv1", 64, 7, 2, 3, false);
  }
  b.apply("bn1", Op::batch_norm);
  b.apply("relu", Op::relu);
  if (!small) b.max_pool("maxpool", 3, 2, 1);
  std::int64_t width = 64;
  for (int stage = 1; stage <= 4; ++stage, width *= 2) {
    const std::string name = "layer" + std::to_string(stage);
    basic_block(b, name + ".0", width, stage == 1 ? 1 : 2, stage > 1);
    basic_block(b, name + ".1", width, 1, false);
  }
  b.apply("avgpool", Op::global_avg_pool);
  b.dense("fc", options.outputs);
  return b.finish(options);
}

}  // namespace aceso::learn
