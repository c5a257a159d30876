// ResNet-18, -34 and -50 (He et al., CVPR 2016) for images and volumes, with torchvision's parameter names; ResNet-50
// strides in the 3x3 convolution, as torchvision does. The small stem, 3x3 of stride 1 without pooling, is what the
// MedMNIST benchmark uses for its 28x28 images (Yang et al., Scientific Data 10:41, 2023).
#include <array>

#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {
namespace {

void shortcut(Builder& b, const std::string& name, const std::string& from, std::int64_t out, std::int64_t stride,
              bool project) {
  const std::string branch = b.last();
  std::string other = from;
  if (project) {
    b.continue_from(from);
    b.conv(name + ".downsample.0", out, 1, stride, 0, false);
    other = b.apply(name + ".downsample.1", Op::batch_norm);
  }
  b.sum(name + ".add", branch, other);
}

void basic_block(Builder& b, const std::string& name, std::int64_t width, std::int64_t stride, bool project) {
  const std::string from = b.last();
  b.conv(name + ".conv1", width, 3, stride, 1, false);
  b.apply(name + ".bn1", Op::batch_norm);
  b.apply(name + ".relu1", Op::relu);
  b.conv(name + ".conv2", width, 3, 1, 1, false);
  b.apply(name + ".bn2", Op::batch_norm);
  shortcut(b, name, from, width, stride, project);
  b.apply(name + ".relu2", Op::relu);
}

void bottleneck(Builder& b, const std::string& name, std::int64_t width, std::int64_t stride, bool project) {
  const std::string from = b.last();
  b.conv(name + ".conv1", width, 1, 1, 0, false);
  b.apply(name + ".bn1", Op::batch_norm);
  b.apply(name + ".relu1", Op::relu);
  b.conv(name + ".conv2", width, 3, stride, 1, false);
  b.apply(name + ".bn2", Op::batch_norm);
  b.apply(name + ".relu2", Op::relu);
  b.conv(name + ".conv3", width * 4, 1, 1, 0, false);
  b.apply(name + ".bn3", Op::batch_norm);
  shortcut(b, name, from, width * 4, stride, project);
  b.apply(name + ".relu3", Op::relu);
}

using Block = void (*)(Builder&, const std::string&, std::int64_t, std::int64_t, bool);

Result<Network> make_resnet(const std::string& architecture, const ArchitectureOptions& options,
                            const std::array<int, 4>& depths, Block block) {
  ACESO_TRY_OK(check_options(architecture, options, 3, 4));
  Builder b{architecture, Init::torchvision};
  b.input(options.input);
  const bool small = small_stem(options);
  if (small) {
    b.conv("conv1", 64, 3, 1, 1, false);
  } else {
    b.conv("conv1", 64, 7, 2, 3, false);
  }
  b.apply("bn1", Op::batch_norm);
  b.apply("relu", Op::relu);
  if (!small) b.max_pool("maxpool", 3, 2, 1);
  std::int64_t width = 64;
  for (std::size_t stage = 0; stage < depths.size(); ++stage, width *= 2) {
    for (int i = 0; i < depths[stage]; ++i) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      const bool project = i == 0 && (stage > 0 || block == bottleneck);
      block(b, name, width, i == 0 && stage > 0 ? 2 : 1, project);
    }
  }
  b.apply("avgpool", Op::global_avg_pool);
  b.dense("fc", options.outputs);
  return b.finish(options);
}

}  // namespace

Result<Network> make_resnet18(const ArchitectureOptions& options) {
  return make_resnet("resnet18", options, {2, 2, 2, 2}, basic_block);
}
Result<Network> make_resnet34(const ArchitectureOptions& options) {
  return make_resnet("resnet34", options, {3, 4, 6, 3}, basic_block);
}
Result<Network> make_resnet50(const ArchitectureOptions& options) {
  return make_resnet("resnet50", options, {3, 4, 6, 3}, bottleneck);
}

}  // namespace aceso::learn
