// The layer list as an OpenVINO graph.
#pragma once

#include <map>
#include <memory>
#include <openvino/core/model.hpp>
#include <string>

#include "aceso/learn/network.hpp"

namespace aceso::learn_openvino {

// Inputs under their layers' names, a result "output", and one "embedding" of the layer of that name unless it is "".
// Weights are copied. Errors: invalid (names the layer or weight that does not fit).
Result<std::shared_ptr<ov::Model>> build_graph(const learn::Network& network, const learn::Weights& weights,
                                               const std::map<std::string, learn::Shape>& inputs,
                                               const std::string& embedding);

}  // namespace aceso::learn_openvino
