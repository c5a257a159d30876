#if defined(__x86_64__)
#define ACESO_ISA avx512
#define ACESO_LANES 16
#include "kernels.inl"
#endif
