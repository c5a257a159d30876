// Between Aceso's arrays and LibTorch's tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "aceso/learn/array.hpp"
#include "aceso/learn/network.hpp"

namespace aceso::learn_torch {

// What `load` and `train` were given, checked: the network fits its inputs and the weights are whole.
struct Checked {
  std::map<std::string, learn::Shape> inputs;   // batch dimension first; -1: any
  std::map<std::string, learn::Shape> outputs;  // of every layer
  std::map<std::string, learn::Shape> parameters;
};
Result<Checked> check(const learn::Network& network, const learn::Weights& weights,
                      const std::map<std::string, learn::Shape>& inputs);
// Each parameter there, float32, of the right shape and finite. Names the first that is not.
Status check_weights(const std::map<std::string, learn::Shape>& parameters, const learn::Weights& weights);
// One batch: every port there, float32, of the right shape, the same N in all. Gives N.
Result<std::int64_t> check_batch(const std::map<std::string, learn::Shape>& ports, const learn::NamedArrays& batch);

at::Tensor view_of(const learn::Array& array);  // float32; valid while the array lives
learn::Array to_array(const at::Tensor& tensor, const learn::Shape& shape);

}  // namespace aceso::learn_torch
