// Weights from a PyTorch file (.pt, .pth) without running what it holds: the ZIP form that torch.save has written since
// PyTorch 1.6, read by a pickle machine that knows tensors and plain values and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

struct TorchFile {
  Weights weights;    // float16 and bfloat16 widened to float32, C order; views of a shared storage become copies
  std::string under;  // where the state_dict was found: "", "state_dict", "model"...
  std::vector<std::string> left_out;  // keys beside the tensors whose values are no tensors, 100 at most
};

// A state_dict, or a dictionary that holds one under state_dict, model_state_dict, model, network_weights, net or
// weights (three levels at most). Memory stays below about 8 times the file. Errors: denied (the pickle names a class
// or function other than the tensors' own: it is named), unsupported (the form before PyTorch 1.6, TorchScript,
// compressed members, big-endian, a number type of no array), too_large (over `limit` bytes), invalid (what is wrong).
// Pure; thread-safe.
Result<TorchFile> parse_torch_file(std::span<const std::byte> bytes, std::uint64_t limit);

}  // namespace aceso::learn
