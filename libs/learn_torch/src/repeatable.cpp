#include "repeatable.hpp"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace aceso::learn_torch {
namespace {

using Pair = std::array<std::int64_t, 2>;

at::Tensor pool_plane(const at::Tensor& x, bool largest, Pair kernel, Pair stride, Pair padding) {
  return largest ? at::max_pool2d(x, kernel, stride, padding) : at::avg_pool2d(x, kernel, stride, padding);
}

// [to, from]: what each of `from` points gives to each of `to`.
at::Tensor interpolation(std::int64_t from, std::int64_t to, const at::Tensor& like) {
  at::Tensor weights = at::zeros({to, from}, at::kFloat);
  float* w = weights.mutable_data_ptr<float>();
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (std::int64_t i = 0; i < to; ++i) {
    const double place = std::max(0.0, (static_cast<double>(i) + 0.5) * scale - 0.5);
    const std::int64_t low = std::min(static_cast<std::int64_t>(place), from - 1);
    const std::int64_t high = std::min(low + 1, from - 1);
    const double share = place - static_cast<double>(low);
    w[i * from + low] += static_cast<float>(1 - share);
    w[i * from + high] += static_cast<float>(share);
  }
  return weights.to(like.options());
}

}  // namespace

at::Tensor pool_volume(const at::Tensor& x, bool largest, const std::vector<std::int64_t>& kernel,
                       const std::vector<std::int64_t>& stride, const std::vector<std::int64_t>& padding) {
  const at::Tensor slices = pool_plane(x.contiguous().flatten(1, 2), largest, {kernel[1], kernel[2]},
                                       {stride[1], stride[2]}, {padding[1], padding[2]});
  const std::int64_t height = slices.size(2), width = slices.size(3);
  const at::Tensor columns = slices.contiguous().view({x.size(0), x.size(1), x.size(2), height * width});
  const at::Tensor out = pool_plane(columns, largest, {kernel[0], 1}, {stride[0], 1}, {padding[0], 0});
  return out.contiguous().view({x.size(0), x.size(1), out.size(2), height, width});
}

at::Tensor upsample_linear(const at::Tensor& x, const std::vector<std::int64_t>& size) {
  at::Tensor out = x;
  for (std::size_t d = 0; d < size.size(); ++d) {
    const auto dimension = static_cast<std::int64_t>(d) + 2;
    if (out.size(dimension) == size[d]) continue;
    const at::Tensor weights = interpolation(out.size(dimension), size[d], out);
    out = at::matmul(out.transpose(dimension, -1), weights.t()).transpose(dimension, -1);
  }
  return out.contiguous(x.suggest_memory_format());
}

}  // namespace aceso::learn_torch
