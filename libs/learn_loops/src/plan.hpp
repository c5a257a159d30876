// A network as the steps that our loops run, with its weights in the order in which they are read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "aceso/learn/network.hpp"
#include "aceso/learn_loops/kernels.hpp"
#include "aligned.hpp"

namespace aceso::learn_loops {

inline constexpr std::int64_t kChunk = 32;  // samples between the convolutions and the dense layers
// Floats that a session may hold beside its weights: 256 MiB.
inline constexpr std::int64_t kMostScratch = std::int64_t{1} << 26;

// A convolution with what follows it. Images stand channels last, their channels filled up to whole registers.
struct ConvStep {
  Conv shape;
  bool planes = false;     // reads the network's input, plane by plane, by conv_planes(); else by winograd()
  std::string conv, norm;  // layers; norm "": none
  Floats weights, bias;
  std::int64_t floats() const noexcept { return shape.result_rows() * shape.result_columns() * shape.out; }
};

// The sums of many inputs are made in parts, which threads share; how many there are depends on the layer alone.
struct DenseStep {
  Dense shape;  // rows open; in and stride filled up to whole registers
  bool relu = false;
  bool panels = false;  // by dense_panel(), else by dense_forward()
  std::string layer;
  Floats weights, bias;  // weights: as the kernel reads them
  std::int64_t parts() const noexcept { return std::clamp<std::int64_t>(shape.in / 4096, 1, 16); }
};

struct Plan {
  enum class End : std::uint8_t { none, sigmoid, softmax };

  std::string input;
  learn::Shape sample;  // [channels, height, width] or [features]
  std::vector<ConvStep> convs;
  std::int64_t channels = 0;     // of what the last convolution gives, without filling; 0: no convolution
  bool average = false;          // over the last convolution's positions, else all of them are features
  std::vector<DenseStep> dense;  // at least one
  End end = End::none;
  int embedding = -1;  // before which dense step; -1: none
  std::int64_t embedding_width = 0;

  // Floats of one image's way through the convolutions: the input laid out anew, and two results in turn.
  std::int64_t room() const noexcept;
  // Floats of kChunk samples' way through the dense layers.
  std::int64_t stages() const noexcept;
  std::int64_t features() const noexcept { return dense.front().shape.in; }  // of a sample, filled up
};

// Errors: unsupported, naming the layer that our loops do not run; invalid when the network does not fit its inputs.
// Without weights.
Result<Plan> outline(const learn::Network& network, const std::map<std::string, learn::Shape>& inputs,
                     const std::string& embedding, const Kernels& kernels);

// Errors: invalid, naming a weight that is missing, has another shape or number type, or is not finite.
Status fill(Plan& plan, const learn::Network& network, const std::map<std::string, learn::Shape>& inputs,
            const learn::Weights& weights, const Kernels& kernels);

}  // namespace aceso::learn_loops
