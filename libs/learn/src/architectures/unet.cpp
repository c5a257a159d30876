// U-Net for outlines (Ronneberger et al., MICCAI 2015) as MONAI builds it: strided residual units down, transposed
// convolutions up, each level's input joined to what came back from below (monai.networks.nets.UNet).
#include <algorithm>

#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxLevels = 12;
constexpr std::int64_t kKernel = 3;

class Unet {
 public:
  Unet(Builder& builder, const UnetOptions& options) : b_{builder}, options_{options} {}

  // One level and all below it. `inc` channels come in, `outc` leave.
  void level(const std::string& name, std::size_t depth, std::int64_t inc, std::int64_t outc) {
    const std::int64_t width = options_.channels[depth], stride = options_.strides[depth];
    const bool top = depth == 0;
    down(name + ".0", inc, width, stride);
    const std::string before = b_.last();
    const std::string below = name + ".1.submodule";
    if (depth + 2 < options_.channels.size()) {
      level(below, depth + 1, width, width);
    } else {
      down(below, width, options_.channels[depth + 1], 1);
    }
    b_.concat(name + ".1", {before, b_.last()});
    if (options_.residual_units == 0) {
      convolution(name + ".2", outc, stride, true, top);
      return;
    }
    convolution(name + ".2.0", outc, stride, true, false);
    residual(name + ".2.1", outc, outc, 1, 1, top);
  }

 private:
  void down(const std::string& name, std::int64_t inc, std::int64_t out, std::int64_t stride) {
    if (options_.residual_units > 0) {
      residual(name, inc, out, stride, options_.residual_units, false);
    } else {
      convolution(name, out, stride, false, false);
    }
  }

  // Convolution, normalisation, dropout, activation; or the convolution alone.
  void convolution(const std::string& name, std::int64_t out, std::int64_t stride, bool transposed, bool alone) {
    if (transposed) {
      b_.conv_transpose(name + ".conv", out, kKernel, stride);
    } else {
      b_.conv(name + ".conv", out, kKernel, stride, kKernel / 2, true);
    }
    if (alone) return;
    if (options_.batch_norm) {
      b_.apply(name + ".adn.N", Op::batch_norm);
    } else {
      b_.instance_norm(name + ".adn.N", false);
    }
    if (options_.dropout > 0) b_.dropout(name + ".adn.D", options_.dropout);
    b_.prelu(name + ".adn.A");
  }

  void residual(const std::string& name, std::int64_t inc, std::int64_t out, std::int64_t stride, std::int64_t units,
                bool last_alone) {
    const std::string from = b_.last();
    for (std::int64_t i = 0; i < units; ++i)
      convolution(name + ".conv.unit" + std::to_string(i), out, i == 0 ? stride : 1, false,
                  last_alone && i + 1 == units);
    const std::string branch = b_.last();
    std::string other = from;
    if (stride != 1 || inc != out) {
      b_.continue_from(from);
      other = stride != 1 ? b_.conv(name + ".residual", out, kKernel, stride, kKernel / 2, true)
                          : b_.conv(name + ".residual", out, 1, 1, 0, true);
    }
    b_.sum(name, branch, other);
  }

  Builder& b_;
  const UnetOptions& options_;
};

}  // namespace

Result<Network> make_unet(const UnetOptions& options) {
  const bool image = options.input.size() == 3 || options.input.size() == 4;
  if (!image)
    return Error{Code::invalid, "unet takes images and volumes, not samples of shape " + to_string(options.input)};
  if (options.channels.size() < 2 || options.channels.size() > kMaxLevels ||
      options.strides.size() + 1 != options.channels.size() || options.residual_units < 0 ||
      options.residual_units > 16 || options.outputs < 1 || options.outputs > 1000)
    return Error{Code::invalid, "unet: needs 2 to 12 widths, one stride fewer, 0 to 16 units and 1 to 1000 outputs"};
  const bool strides = std::all_of(options.strides.begin(), options.strides.end(),
                                   [](std::int64_t stride) { return stride >= 1 && stride <= 8; });
  if (!strides) return Error{Code::invalid, "unet: strides are 1 to 8"};
  Builder b{"unet", Init::torchvision};
  b.input(options.input);
  Unet{b, options}.level("model", 0, options.input[0], options.outputs);
  const Task task = options.multi_label ? Task::multi_label : Task::outlines;
  return b.finish({options.input, options.outputs, task, Stem::by_size});
}

// As deep as the sample can be halved, five levels at most.
Result<Network> make_default_unet(const ArchitectureOptions& options) {
  if (options.task != Task::outlines && options.task != Task::multi_label)
    return Error{Code::invalid, "unet draws outlines: it gives no " + std::string{to_string(options.task)}};
  UnetOptions unet{
      .input = options.input, .outputs = options.outputs, .multi_label = options.task == Task::multi_label};
  std::size_t halvings = unet.strides.size();
  for (std::size_t d = 1; d < options.input.size(); ++d) {
    std::size_t possible = 0;
    for (std::int64_t size = options.input[d]; size > 1 && size % 2 == 0; size /= 2) ++possible;
    halvings = std::min(halvings, possible);
  }
  if (halvings == 0)
    return Error{Code::invalid, "unet needs even sizes, gets a sample of shape " + to_string(options.input) +
                                    ": resize or crop to a multiple of 16"};
  unet.channels.resize(halvings + 1);
  unet.strides.resize(halvings);
  return make_unet(unet);
}

}  // namespace aceso::learn
