#define ACESO_ISA base
#define ACESO_LANES 4
#include "kernels.inl"
