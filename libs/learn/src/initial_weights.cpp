// Glorot & Bengio, AISTATS 2010 (uniform); He et al., ICCV 2015 (normal, fan-out); PyTorch's Linear: U(-1/sqrt(fan_in),
// 1/sqrt(fan_in)).
#include <cassert>
#include <cmath>

#include "aceso/base/random.hpp"
#include "aceso/learn/network.hpp"

namespace aceso::learn {
namespace {

// FNV-1a: one stream a parameter, so that a weight depends on its own name and place only.
std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

Array constant(const Shape& shape, float value) {
  Array array = Array::zeros(DType::f32, shape);
  for (float& x : array.f32()) x = value;
  return array;
}

class Drawer {
 public:
  explicit Drawer(std::uint64_t seed) : philox_{seed} {}
  Array uniform(const std::string& name, const Shape& shape, double limit) const {
    Array array = Array::zeros(DType::f32, shape);
    const std::uint64_t stream = stream_of(name);
    std::uint64_t i = 0;
    for (float& x : array.f32()) x = static_cast<float>((2.0 * philox_.uniform01(stream, i++) - 1.0) * limit);
    return array;
  }
  Array normal(const std::string& name, const Shape& shape, double deviation) const {
    Array array = Array::zeros(DType::f32, shape);
    const std::uint64_t stream = stream_of(name);
    std::uint64_t i = 0;
    for (float& x : array.f32()) x = static_cast<float>(philox_.normal(stream, i++) * deviation);
    return array;
  }

 private:
  Philox philox_;
};

}  // namespace

Weights initial_weights(const Network& network, const Shapes& shapes, std::uint64_t seed) {
  Weights weights;
  const Drawer draw{seed};
  for (const Layer& layer : network.layers) {
    const std::string weight = layer.name + ".weight";
    const std::string bias = layer.name + ".bias";
    if (layer.op == Op::batch_norm) {
      const Shape& shape = shapes.parameters.at(weight);
      weights[weight] = constant(shape, 1);
      weights[bias] = constant(shape, 0);
      weights[layer.name + ".running_mean"] = constant(shape, 0);
      weights[layer.name + ".running_var"] = constant(shape, 1);
    }
    if ((layer.op == Op::instance_norm || layer.op == Op::group_norm) && layer.affine) {
      weights[weight] = constant(shapes.parameters.at(weight), 1);
      weights[bias] = constant(shapes.parameters.at(bias), 0);
    }
    if (layer.op == Op::prelu) weights[weight] = constant(shapes.parameters.at(weight), 0.25F);  // PyTorch's
    const bool convolution = layer.op == Op::conv || layer.op == Op::conv_transpose;
    if (!convolution && layer.op != Op::dense) continue;
    const Shape& shape = shapes.parameters.at(weight);
    double receptive = 1;
    for (std::size_t d = 2; d < shape.size(); ++d) receptive *= static_cast<double>(shape[d]);
    const double fan_in = static_cast<double>(shape[1]) * receptive;
    const double fan_out = static_cast<double>(shape[0]) * receptive;
    if (network.init == Init::keras) {
      weights[weight] = draw.uniform(weight, shape, std::sqrt(6.0 / (fan_in + fan_out)));
      if (layer.bias) weights[bias] = constant({layer.out}, 0);
      continue;
    }
    weights[weight] = convolution ? draw.normal(weight, shape, std::sqrt(2.0 / fan_out))
                                  : draw.uniform(weight, shape, 1.0 / std::sqrt(fan_in));
    if (layer.bias) weights[bias] = draw.uniform(bias, {layer.out}, 1.0 / std::sqrt(fan_in));
  }
  return weights;
}

}  // namespace aceso::learn
