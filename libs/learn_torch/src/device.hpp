// Where sessions run: the CPU, or the first GPU that CUDA shows (CUDA_VISIBLE_DEVICES chooses among several).
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "aceso/learn/engine.hpp"

namespace aceso::learn_torch {

// What the process has found when first asked; it never changes afterwards. Finding out loads LibTorch's CUDA part, if
// it lies beside the CPU part and the machine has NVIDIA's driver, and must come before any other use of LibTorch. On a
// machine with a usable GPU it also asks for algorithms that repeat themselves and for float32 without TF32.
struct Gpu {
  std::string why_not;  // empty: there is one
  std::string name;     // "NVIDIA H100 80GB HBM3"
  bool bf16 = false;    // compute capability 8.0 and up
  std::uint64_t bytes = 0;
};
const Gpu& gpu();

// unsupported: cuda without a usable GPU; the text names the key, the reason and the way out.
Result<at::Device> choose_device(learn::Device asked);
bool has_bf16(at::Device device);
bool runs_bf16(learn::Precision precision, at::Device device);
std::string describe(at::Device device);  // "CPU: AVX512, bf16, 2 threads", "CUDA: NVIDIA H100 80GB HBM3, bf16"

// The most memory that tensors have held at once on a GPU since reset_peak_memory(); 0 on the CPU.
std::uint64_t peak_memory_bytes(at::Device device);
void reset_peak_memory(at::Device device);

}  // namespace aceso::learn_torch
