// Writes a Network layer by layer; each call returns the new layer's name, and takes the previous layer as input unless
// told otherwise.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "aceso/learn/network.hpp"

namespace aceso::learn {

class Builder {
 public:
  Builder(std::string architecture, Init init) {
    network_.architecture = std::move(architecture);
    network_.init = init;
  }

  // The input layer named for what it holds; `dims` of all later windows follow its spatial dimensions.
  std::string input(const Shape& sample) {
    dims_ = sample.size() - 1;
    Layer layer;
    layer.name = dims_ == 0 ? "features" : dims_ == 1 ? "signal" : "image";
    layer.op = Op::input;
    return add(std::move(layer));
  }
  std::string conv(std::string name, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                   bool bias) {
    Layer layer = window(std::move(name), Op::conv, kernel, stride, padding);
    layer.out = out;
    layer.bias = bias;
    return add(std::move(layer));
  }
  // Grows by `stride` what a convolution of that kernel and stride, padded by (kernel - 1) / 2, shrank.
  std::string conv_transpose(std::string name, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
    Layer layer = window(std::move(name), Op::conv_transpose, kernel, stride, (kernel - 1) / 2);
    layer.out = out;
    layer.output_padding.assign(dims_, stride - 1);
    return add(std::move(layer));
  }
  std::string avg_pool(std::string name, std::int64_t kernel, std::int64_t stride) {
    return add(window(std::move(name), Op::avg_pool, kernel, stride, 0));
  }
  std::string prelu(std::string name) {  // one slope
    Layer layer = simple(std::move(name), Op::prelu);
    layer.out = 1;
    return add(std::move(layer));
  }
  std::string instance_norm(std::string name, bool affine) {
    Layer layer = simple(std::move(name), Op::instance_norm);
    layer.affine = affine;
    return add(std::move(layer));
  }
  std::string concat(std::string name, std::vector<std::string> parts) {
    Layer layer;
    layer.name = std::move(name);
    layer.op = Op::concat;
    layer.inputs = std::move(parts);
    return add(std::move(layer));
  }
  std::string max_pool(std::string name, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
    return add(window(std::move(name), Op::max_pool, kernel, stride, padding));
  }
  std::string dense(std::string name, std::int64_t out) {
    Layer layer = simple(std::move(name), Op::dense);
    layer.out = out;
    return add(std::move(layer));
  }
  std::string dropout(std::string name, double probability) {
    Layer layer = simple(std::move(name), Op::dropout);
    layer.probability = probability;
    return add(std::move(layer));
  }
  std::string apply(std::string name, Op op) { return add(simple(std::move(name), op)); }
  std::string sum(std::string name, std::string a, std::string b) {
    Layer layer;
    layer.name = std::move(name);
    layer.op = Op::add;
    layer.inputs = {std::move(a), std::move(b)};
    return add(std::move(layer));
  }
  void continue_from(std::string layer) { last_ = std::move(layer); }
  const std::string& last() const { return last_; }

  // What the task wants behind the logits; checks the whole against the sample's shape.
  Result<Network> finish(const ArchitectureOptions& options) {
    const std::string logits = last_;
    const bool softmax = options.outputs > 1 && options.task != Task::multi_label;
    if (options.task != Task::regression) apply("probability", softmax ? Op::softmax : Op::sigmoid);
    return finish(logits, last_, options.input);
  }
  // With layers of its own as logits and output.
  Result<Network> finish(std::string logits, std::string output, const Shape& sample) {
    network_.logits = std::move(logits);
    network_.output = std::move(output);
    Shape batch{-1};
    batch.insert(batch.end(), sample.begin(), sample.end());
    if (auto shapes = infer_shapes(network_, {{network_.layers.front().name, batch}}); !shapes) {
      return std::move(shapes).error().add_context(network_.architecture + " does not fit a sample of shape " +
                                                   to_string(sample));
    }
    return std::move(network_);
  }

 private:
  Layer simple(std::string name, Op op) const {
    Layer layer;
    layer.name = std::move(name);
    layer.op = op;
    layer.inputs = {last_};
    return layer;
  }
  Layer window(std::string name, Op op, std::int64_t kernel, std::int64_t stride, std::int64_t padding) const {
    Layer layer = simple(std::move(name), op);
    layer.kernel.assign(dims_, kernel);
    layer.stride.assign(dims_, stride);
    layer.padding.assign(dims_, padding);
    return layer;
  }
  std::string add(Layer layer) {
    last_ = layer.name;
    network_.layers.push_back(std::move(layer));
    return last_;
  }

  Network network_;
  std::string last_;
  std::size_t dims_ = 0;
};

// invalid unless the sample has between `least` and `most` dimensions, none empty, and outputs > 0.
inline Status check_options(std::string_view architecture, const ArchitectureOptions& options, std::size_t least,
                            std::size_t most) {
  const auto count = element_count(options.input);
  if (options.input.size() < least || options.input.size() > most || !count || *count == 0) {
    return Error{Code::invalid, std::string{architecture} + " takes samples of " + std::to_string(least) +
                                    (most > least ? " to " + std::to_string(most) : std::string{}) +
                                    " dimensions, not of shape " + to_string(options.input)};
  }
  if (options.task == Task::outlines)
    return Error{Code::invalid, std::string{architecture} + " draws no outlines: use unet"};
  if (options.task == Task::boxes)
    return Error{Code::invalid, std::string{architecture} + " finds no boxes: use centernet"};
  if (options.outputs < 1 || options.outputs > 100'000)
    return Error{Code::invalid, std::string{architecture} + ": the number of outputs must be 1 to 100000"};
  return {};
}

// Whether the network begins with the small stem.
inline bool small_stem(const ArchitectureOptions& options) {
  constexpr std::int64_t kSmallImage = 64;
  if (options.stem != Stem::by_size) return options.stem == Stem::small;
  return *std::min_element(options.input.begin() + 1, options.input.end()) < kSmallImage;
}

}  // namespace aceso::learn
