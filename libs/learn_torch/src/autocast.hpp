// bfloat16 where it pays: convolutions and dense layers run in it, sums and losses in float32 (PyTorch's lists of
// operations). The parameters stay float32.
#pragma once

#include <c10/core/DeviceType.h>

namespace aceso::learn_torch {

// Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX or Armv8.6 BF16); without it bfloat16 is slower
// than float32.
bool cpu_has_bf16();

// While it lives, operations of this thread on that kind of device are cast as above. Nothing when `on` is false.
class Autocast {
 public:
  Autocast(bool on, at::DeviceType device);
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast();

 private:
  bool on_;
  at::DeviceType device_;
};

}  // namespace aceso::learn_torch
