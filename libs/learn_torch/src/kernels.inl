// One instruction set's kernels: included by kernels_*.cpp with ACESO_ISA (a namespace) and ACESO_LANES (floats in a
// register) defined. Vectors are the compiler's own: its options decide the instructions.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels.hpp"
#if defined(ACESO_BF16)
#include <immintrin.h>
#endif

namespace aceso::learn_torch::ACESO_ISA {
namespace {

constexpr int kLanes = ACESO_LANES;
constexpr int kBytes = kLanes * 4;
using Vec = float __attribute__((vector_size(kBytes)));

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) {
  std::memcpy(p, &v, sizeof v);
}
inline Vec splat(float x) {
  return x - Vec{};
}

}  // namespace
}  // namespace aceso::learn_torch::ACESO_ISA

#include "conv_pool.inl"
#include "dense.inl"

namespace aceso::learn_torch::ACESO_ISA {

#if defined(ACESO_BF16)
constexpr auto kForwardBf16 = conv_pool_forward_bf16;
#else
constexpr auto kForwardBf16 = nullptr;
#endif

extern const Kernels kKernels{kLanes,
                              conv_pool_forward,
                              kForwardBf16,
                              conv_pool_backward_input,
                              conv_pool_backward_weights,
                              dense_forward,
                              dense_backward};

}  // namespace aceso::learn_torch::ACESO_ISA
