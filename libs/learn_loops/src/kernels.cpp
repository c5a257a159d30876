#include "aceso/learn_loops/kernels.hpp"

namespace aceso::learn_loops {

namespace base {
extern const Kernels kKernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
namespace avx512bf16 {
extern const Kernels kKernels;
}
#endif

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> all;
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (wide && __builtin_cpu_supports("avx512bf16")) all.push_back(&avx512bf16::kKernels);
  if (wide) all.push_back(&avx512::kKernels);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all.push_back(&avx2::kKernels);
#endif
  all.push_back(&base::kKernels);
  return all;
}

const Kernels& kernels() noexcept {
  static const Kernels& widest = *all_kernels().front();
  return widest;
}

}  // namespace aceso::learn_loops
