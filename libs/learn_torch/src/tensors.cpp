#include "tensors.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>

#include "fence.hpp"

namespace aceso::learn_torch {

using learn::Array;
using learn::DType;
using learn::Shape;
using learn::to_string;

Error to_error(std::string_view doing, const std::exception& caught) {
  std::string_view text{caught.what()};
  constexpr std::array kOfTheGpu{"CUDA out of memory", "CUDA error: out of memory", "CUDNN_STATUS_ALLOC_FAILED",
                                 "CUBLAS_STATUS_ALLOC_FAILED"};
  const auto says = [&](const char* sign) { return text.find(sign) != std::string_view::npos; };
  if (std::any_of(kOfTheGpu.begin(), kOfTheGpu.end(), says))
    return {Code::exhausted, std::string{doing} +
                                 ": not enough memory on the GPU; use a smaller batch (accumulate keeps the step's "
                                 "size), smaller images or patch, precision: bf16, or device: cpu"};
  const bool memory = dynamic_cast<const std::bad_alloc*>(&caught) != nullptr ||
                      text.find("allocate memory") != std::string_view::npos ||
                      text.find("out of memory") != std::string_view::npos ||
                      text.find("out_of_memory") != std::string_view::npos ||
                      text.find("could not create a primitive") != std::string_view::npos ||
                      text.find("could not create a memory") != std::string_view::npos;
  if (memory) {
    return {Code::exhausted, std::string{doing} + ": not enough memory; use smaller batches or smaller images"};
  }
  text = text.substr(0, text.find('\n'));  // the first line: what follows is a stack trace
  return {Code::internal, std::string{doing} + ": " + std::string{text.substr(0, 300)}};
}

Status check_weights(const std::map<std::string, Shape>& parameters, const learn::Weights& weights) {
  for (const auto& [name, shape] : parameters) {
    const auto found = weights.find(name);
    if (found == weights.end()) return Error{Code::invalid, "the weights lack \"" + name + "\""};
    const Array& array = found->second;
    if (array.dtype != DType::f32 || array.shape != shape) {
      return Error{Code::invalid, "the weight \"" + name + "\" is " + std::string{to_string(array.dtype)} + " " +
                                      to_string(array.shape) + ", but float32 " + to_string(shape) + " is needed"};
    }
    for (const float x : array.f32()) {
      if (!std::isfinite(x)) return Error{Code::invalid, "the weight \"" + name + "\" has values that are not finite"};
    }
  }
  return {};
}

Result<Checked> check(const learn::Network& network, const learn::Weights& weights,
                      const std::map<std::string, Shape>& inputs) {
  ACESO_TRY(learn::Shapes shapes, learn::infer_shapes(network, inputs));
  Checked checked;
  for (const learn::Layer& layer : network.layers) {
    if (layer.op == learn::Op::input) checked.inputs.emplace(layer.name, inputs.at(layer.name));
  }
  ACESO_TRY_OK(check_weights(shapes.parameters, weights));
  checked.outputs = std::move(shapes.outputs);
  checked.parameters = std::move(shapes.parameters);
  return checked;
}

Result<std::int64_t> check_batch(const std::map<std::string, Shape>& ports, const learn::NamedArrays& batch) {
  std::int64_t count = -1;
  for (const auto& [name, shape] : ports) {
    const auto found = batch.find(name);
    if (found == batch.end()) return Error{Code::invalid, "the batch lacks the input \"" + name + "\""};
    const Array& array = found->second;
    bool fits = array.dtype == DType::f32 && array.shape.size() == shape.size() && array.shape[0] > 0;
    for (std::size_t d = 0; fits && d < shape.size(); ++d)
      fits = shape[d] == array.shape[d] || (d == 0 && shape[0] < 0);
    if (!fits) {
      return Error{Code::invalid, "the input \"" + name + "\" is " + std::string{to_string(array.dtype)} + " " +
                                      to_string(array.shape) + ", but float32 " + to_string(shape) + " is needed"};
    }
    if (count >= 0 && count != array.shape[0])
      return Error{Code::invalid, "the inputs have different numbers of samples"};
    count = array.shape[0];
  }
  return count;
}

at::Tensor view_of(const Array& array) {
  assert(array.dtype == DType::f32);
  // LibTorch has no read-only tensor; nothing here writes through this one.
  return at::from_blob(const_cast<std::byte*>(array.data.data()), array.shape, at::kFloat);  // NOLINT
}

Array to_array(const at::Tensor& tensor, const Shape& shape) {
  const at::Tensor flat = tensor.detach().contiguous().cpu();
  Array array = Array::zeros(DType::f32, shape);
  assert(static_cast<std::size_t>(flat.nbytes()) == array.data.size());
  std::memcpy(array.data.data(), flat.const_data_ptr<float>(), array.data.size());
  return array;
}

}  // namespace aceso::learn_torch
