// A look at ONNX bytes before OpenVINO gets them.
#pragma once

#include <cstddef>
#include <span>

#include "aceso/base/result.hpp"

namespace aceso::learn_openvino {

// ONNX may keep tensors in other files, named by the model itself ("external data"): a model from outside could read
// any file of this machine that way. denied when a tensor says so, invalid when the bytes are no protobuf message that
// holds a graph, too_large past 2 GiB (protobuf's limit) or when nested more than 64 deep. Walks ModelProto.graph,
// GraphProto.{node,initializer,sparse_initializer}, AttributeProto.{t,g,tensors,graphs,sparse_tensor,sparse_tensors},
// ModelProto.{training_info,functions} and what these hold (onnx.proto, IR version 10).
Status refuse_external_data(std::span<const std::byte> onnx);

}  // namespace aceso::learn_openvino
