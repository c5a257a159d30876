#if defined(__x86_64__)
#define ACESO_ISA avx2
#define ACESO_LANES 8
#include "kernels.inl"
#endif
