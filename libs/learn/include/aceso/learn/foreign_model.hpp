// A network from elsewhere (ONNX) as a bundle: what a person says about its input and output, checked against the file
// and a trial run.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aceso/learn/bundle.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/learn/onnx_check.hpp"

namespace aceso::learn {

struct ForeignSpec {
  ModelCard card;               // name, intended_use and classes are required
  Preprocessing preprocessing;  // height, width and channels are required
  std::string input, output;    // names in the file; "": its only one
  bool logits = false;          // sigmoid or softmax follows
  std::string source;           // where it comes from, licence
};
// The YAML of docs/formats/foreign-model.md. Errors: invalid, naming file, line and key; too_large.
Result<ForeignSpec> parse_foreign_spec(std::string_view yaml, std::string_view file_name);

// Checks the file, loads it with `engine`, runs it on one blank input and puts the bundle together (unsigned, without
// an evaluation). Errors: those of check_onnx and of the engine; invalid when specification and file contradict each
// other.
Result<Bundle> make_foreign_bundle(Engine& engine, std::span<const std::byte> onnx, const ForeignSpec& spec);

// A bundle ready to run, whether its network is ours or ONNX: the result is named "output" and holds probabilities
// where the signature's output is a logit. Errors: the engine's.
Result<std::unique_ptr<InferenceSession>> load_bundle(Engine& engine, const Bundle& bundle,
                                                      const InferenceOptions& options);

}  // namespace aceso::learn
