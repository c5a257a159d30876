// Our own loops as an engine that answers: plain networks of 3 x 3 convolutions, pooling and dense layers, and tables'
// dense layers, in float32 on the CPU. Everything else is for libs/learn_openvino.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "aceso/learn/engine.hpp"

namespace aceso::learn_loops {

// OK when load() runs the network: a chain of
//   conv 3 x 3, stride 1, padding 0 or 1, [batch_norm], [relu], [max_pool 2 x 2, stride 2]   (images only)
//   flatten or global_avg_pool, then dense, [relu], ...; dropout anywhere; sigmoid or softmax at the end.
// `embedding` (may be empty): the input of a dense layer behind the first, or what global_avg_pool gives. Inputs have a
// free batch dimension only. Activations of one image and of 32 samples before the dense layers take 256 MiB at most.
// Errors: unsupported, naming the layer; invalid when the network itself is.
Status takes(const learn::Network& network, const std::map<std::string, learn::Shape>& inputs,
             const std::string& embedding);

// "loops". load() refuses what takes() refuses; it neither trains nor reads ONNX (unsupported). Sessions are
// thread-safe; of several callers one runs at a time. A sample's answer is the same to the bit alone and in any batch,
// and on any number of threads; on another instruction set it may differ in the last bits. Against sums in double
// precision the answer of the article's network is within 1e-5 (ADR 0138). After the first call of a session with a
// batch of 32 or more nothing is allocated but the answer.
std::unique_ptr<learn::Engine> make_engine();

}  // namespace aceso::learn_loops
