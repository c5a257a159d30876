#if defined(__x86_64__)
#define ACESO_ISA avx512bf16
#define ACESO_LANES 16
#define ACESO_BF16
#include "kernels.inl"
#endif
