// One instruction set's kernels: included by kernels_*.cpp with ACESO_ISA (a namespace) and ACESO_LANES (floats in a
// register) defined. Vectors are the compiler's own: its options decide the instructions.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "aceso/learn_loops/kernels.hpp"
#if defined(ACESO_BF16)
#include <immintrin.h>
#endif

namespace aceso::learn_loops::ACESO_ISA {
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
// What is no number stays none.
inline Vec positive(Vec x) {
  return x <= 0.0F ? Vec{} : x;
}
inline Vec larger(Vec a, Vec b) {
  return ((a > b) | (a != a)) ? a : b;
}

}  // namespace
}  // namespace aceso::learn_loops::ACESO_ISA

#include "conv_pool.inl"
#include "dense.inl"
#include "panel.inl"
#include "planes.inl"
#include "winograd.inl"

namespace aceso::learn_loops::ACESO_ISA {

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
                              winograd,
                              winograd_weights,
                              winograd_scratch,
                              conv_planes,
                              dense_forward,
                              dense_panel,
                              panel_width,
                              dense_backward};

}  // namespace aceso::learn_loops::ACESO_ISA
