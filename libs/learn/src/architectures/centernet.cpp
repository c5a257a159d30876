// CenterNet (Zhou et al., Objects as Points, arXiv:1904.07850, 2019): every object is the point of its centre on a map
// of cells, from which its size and the rest of its place are read. Here on an encoder of residual blocks whose levels
// are joined again on the way up (Lin et al., Feature Pyramid Networks, CVPR 2017).
#include <algorithm>
#include <array>

#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {
namespace {

constexpr std::array<std::int64_t, 5> kLevelWidths{16, 32, 64, 128, 256};  // at 1/2, 1/4 ... of the sample's size
constexpr std::int64_t kHeadWidth = 64;
constexpr std::int64_t kFineBelow = 128;  // pixels: cells of 2 instead of 4

class CentreNet {
 public:
  explicit CentreNet(Builder& builder) : b_{builder} {}

  void encode(std::size_t levels) {
    normalised("conv1", kLevelWidths[0], 2);
    names_.push_back(b_.last());
    for (std::size_t k = 1; k < levels; ++k) {
      block("layer" + std::to_string(k), kLevelWidths[k]);
      names_.push_back(b_.last());
    }
  }
  // Down to level `last`: 0 has half of the sample's size.
  void decode(std::size_t last) {
    for (std::size_t k = names_.size() - 1; k > last; --k) {
      const std::string name = "up" + std::to_string(k);
      b_.conv_transpose(name + ".conv", kLevelWidths[k - 1], 3, 2);
      b_.apply(name + ".bn", Op::batch_norm);
      b_.apply(name + ".relu", Op::relu);
      b_.sum(name + ".add", b_.last(), names_[k - 1]);
      normalised(name + ".out", kLevelWidths[k - 1], 1);
    }
  }
  std::string head(const std::string& name, std::int64_t out) {
    b_.conv(name + ".0", kHeadWidth, 3, 1, 1, true);
    b_.apply(name + ".1", Op::relu);
    return b_.conv(name + ".2", out, 1, 1, 0, true);
  }

 private:
  void normalised(const std::string& name, std::int64_t out, std::int64_t stride) {
    b_.conv(name + ".conv", out, 3, stride, 1, false);
    b_.apply(name + ".bn", Op::batch_norm);
    b_.apply(name + ".relu", Op::relu);
  }
  // A residual block that halves the size.
  void block(const std::string& name, std::int64_t width) {
    const std::string from = b_.last();
    normalised(name + ".0", width, 2);
    b_.conv(name + ".1.conv", width, 3, 1, 1, false);
    const std::string branch = b_.apply(name + ".1.bn", Op::batch_norm);
    b_.continue_from(from);
    b_.conv(name + ".downsample.conv", width, 1, 2, 0, false);
    b_.sum(name + ".add", branch, b_.apply(name + ".downsample.bn", Op::batch_norm));
    b_.apply(name + ".relu", Op::relu);
  }

  Builder& b_;
  std::vector<std::string> names_;  // the last layer of each level
};

}  // namespace

Result<Network> make_centernet(const ArchitectureOptions& options) {
  if (options.task != Task::boxes)
    return Error{Code::invalid, "centernet finds boxes: it gives no " + std::string{to_string(options.task)}};
  const auto count = element_count(options.input);
  if ((options.input.size() != 3 && options.input.size() != 4) || !count || *count == 0)
    return Error{Code::invalid, "centernet takes images and volumes, not samples of shape " + to_string(options.input)};
  if (options.outputs < 1 || options.outputs > 1000)
    return Error{Code::invalid, "centernet: the number of labels must be 1 to 1000"};
  const auto axes = static_cast<std::int64_t>(options.input.size()) - 1;
  std::size_t levels = kLevelWidths.size();  // as often as every side can be halved
  for (std::size_t d = 1; d < options.input.size(); ++d) {
    std::size_t possible = 0;
    for (std::int64_t size = options.input[d]; size > 1 && size % 2 == 0; size /= 2) ++possible;
    levels = std::min(levels, possible);
  }
  const std::int64_t least = *std::min_element(options.input.begin() + 1, options.input.end());
  const bool fine = options.stem == Stem::by_size ? least < kFineBelow : options.stem == Stem::small;
  const std::size_t last = fine ? 0 : 1;
  if (levels < last + 2) {
    return Error{Code::invalid, "centernet needs sides that can be halved " + std::to_string(last + 2) +
                                    " times, gets a sample of shape " + to_string(options.input) +
                                    ": set image_size to a multiple of 32"};
  }
  Builder b{"centernet", Init::torchvision};
  b.input(options.input);
  CentreNet net{b};
  net.encode(levels);
  net.decode(last);
  const std::string features = b.last();
  const std::string heat = net.head("heat", options.outputs);
  b.continue_from(features);
  const std::string place = net.head("place", 2 * axes);
  const std::string logits = b.concat("maps", {heat, place});
  b.continue_from(heat);
  const std::string probability = b.apply("probability", Op::sigmoid);
  return b.finish(logits, b.concat("output", {probability, place}), options.input);
}

}  // namespace aceso::learn
