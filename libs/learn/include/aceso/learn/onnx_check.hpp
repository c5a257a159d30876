// A look at ONNX bytes from outside before an engine gets them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"

namespace aceso::learn {

struct OnnxPort {
  std::string name;
  Shape shape;  // with the batch dimension; -1: any
};
struct OnnxSummary {
  std::vector<OnnxPort> inputs;  // without those that have an initial value
  std::vector<OnnxPort> outputs;
  std::string producer;  // "pytorch"
  std::int64_t opset = 0;
  std::size_t nodes = 0;
};

// Refuses what could read files, not end, or take memory beyond the file's own size (onnx.proto, IR version 10):
// denied: tensors in other files ("external data": such a model could read any file of this machine);
// unsupported: loops and scans, sparse tensors, functions of the model's own, operations outside ai.onnx and
// ai.onnx.ml; too_large: past 2 GiB (protobuf's limit), nested more than 64 deep, more than 65536 nodes, an input or
// output of more than 2^31 numbers; invalid: no protobuf message that holds a graph, a tensor that declares more
// numbers than it holds, a node that reads what no earlier node wrote (so no cycles), a name written twice. Walks
// ModelProto.graph, GraphProto.{node,initializer,sparse_initializer}, AttributeProto.{t,g,tensors,graphs,
// sparse_tensor,sparse_tensors}, ModelProto.{training_info,functions} and what these hold. Pure; thread-safe.
Result<OnnxSummary> check_onnx(std::span<const std::byte> onnx);

}  // namespace aceso::learn
