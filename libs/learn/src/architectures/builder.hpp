// Writes a Network layer by layer; each call returns the new layer's name, and takes the previous layer as input unless
// told otherwise.
#pragma once

#include <string>
#include <utility>

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

  // Sigmoid for one output, softmax for more; checks the whole against the sample's shape.
  Result<Network> finish(const ArchitectureOptions& options) {
    network_.logits = last_;
    network_.output = apply("probability", options.outputs == 1 ? Op::sigmoid : Op::softmax);
    Shape batch{-1};
    batch.insert(batch.end(), options.input.begin(), options.input.end());
    if (auto shapes = infer_shapes(network_, {{network_.layers.front().name, batch}}); !shapes) {
      return std::move(shapes).error().add_context(network_.architecture + " does not fit a sample of shape " +
                                                   to_string(options.input));
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
  if (options.outputs < 1 || options.outputs > 100'000)
    return Error{Code::invalid, std::string{architecture} + ": the number of outputs must be 1 to 100000"};
  return {};
}

}  // namespace aceso::learn
