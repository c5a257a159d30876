// Our own operations in place of several of LibTorch's, where that is faster on the CPU; with gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace aceso::learn_torch {

// Whether conv_relu_pool() takes a convolution of so many output channels on this processor.
bool fuses(std::int64_t channels) noexcept;

// Whether it can round to bfloat16 without becoming slower.
bool fuses_bf16() noexcept;

// max_pool2d(relu(conv2d(x, weight, bias)), 2) of a 3 x 3 kernel without padding. x: [N, C, H, W], H and W at least 4;
// weight: [O, C, 3, 3]; bias: [O] or undefined; all float32 on the CPU. The result is channels last. Sums over the
// batch are made in the same order whatever the number of threads. rounded: forward with x and weight in bfloat16,
// gradients in float32 always.
at::Tensor conv_relu_pool(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool rounded);

// Whether wide_dense() takes a layer of so many inputs and outputs, and is faster than LibTorch's.
bool is_wide(std::int64_t in, std::int64_t out) noexcept;

// at::linear(x, weight, bias) of x: [N, in], weight: [out, in], bias: [out] or undefined, all float32 on the CPU.
at::Tensor wide_dense(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace aceso::learn_torch
