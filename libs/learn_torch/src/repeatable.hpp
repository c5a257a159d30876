// Operations whose gradient LibTorch sums in no fixed order on GPUs, made of others whose gradient it does not.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace aceso::learn_torch {

// Max or average (padding counts as zeros) over windows of [N, C, D, H, W], plane by plane and then along the depth;
// of several equal largest values the first takes the gradient, as in at::max_pool3d. One entry a spatial dimension.
at::Tensor pool_volume(const at::Tensor& x, bool largest, const std::vector<std::int64_t>& kernel,
                       const std::vector<std::int64_t>& stride, const std::vector<std::int64_t>& padding);
// Linear interpolation with half-pixel centres to the spatial `size`, as at::upsample_bilinear2d and
// upsample_trilinear3d without align_corners: one matrix product a dimension.
at::Tensor upsample_linear(const at::Tensor& x, const std::vector<std::int64_t>& size);

}  // namespace aceso::learn_torch
