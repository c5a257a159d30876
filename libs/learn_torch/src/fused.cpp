#include "fused.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "aceso/learn_loops/kernels.hpp"

namespace aceso::learn_torch {

using learn_loops::bf16;
using learn_loops::Conv;
using learn_loops::ConvPool;
using learn_loops::ConvPoolScratch;
using learn_loops::Dense;
using learn_loops::kernels;

namespace {

constexpr std::int64_t kWinogradChannels = 16;  // inputs from which Winograd's transforms are worth their cost
constexpr std::int64_t kParts = 8;  // sums over the batch are made in so many parts, so that threads change no sum

// An uninitialised channels-last tensor with room behind its end, which whole registers may read and write.
at::Tensor roomy(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  const at::Tensor flat = at::empty({n * c * h * w + kernels().lanes}, at::kFloat);
  std::fill_n(flat.mutable_data_ptr<float>() + n * c * h * w, kernels().lanes, 0.0F);
  return flat.as_strided({n, c, h, w}, {c * h * w, 1, w * c, c});
}

// x as the kernels want it.
at::Tensor with_room(const at::Tensor& x) {
  at::Tensor last = x.contiguous(at::MemoryFormat::ChannelsLast);
  const auto after = static_cast<std::size_t>(last.storage_offset() + last.numel() + kernels().lanes);
  if (3 * x.size(1) % kernels().lanes == 0 || last.storage().nbytes() >= after * sizeof(float)) return last;
  at::Tensor copy = roomy(x.size(0), x.size(1), x.size(2), x.size(3));
  copy.copy_(last);
  return copy;
}

ConvPool geometry(const at::Tensor& x, std::int64_t out) {
  return {x.size(2), x.size(3), x.size(1), out};
}

// [O, C, 3, 3], channels last, as [3, 3 * C, O].
std::vector<float> by_tap(const at::Tensor& weight) {
  const std::int64_t out = weight.size(0), taps = 9 * weight.size(1);
  const at::Tensor last = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const float* from = last.const_data_ptr<float>();
  std::vector<float> packed(static_cast<std::size_t>(out * taps));
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t t = 0; t < taps; ++t) packed[static_cast<std::size_t>(t * out + o)] = from[o * taps + t];
  return packed;
}

// ... as [O, 3, run].
std::vector<float> by_output(const at::Tensor& weight, std::int64_t run) {
  const std::int64_t rows = 3 * weight.size(0), width = 3 * weight.size(1);
  const at::Tensor last = weight.contiguous(at::MemoryFormat::ChannelsLast);
  std::vector<float> packed(static_cast<std::size_t>(rows * run));
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(last.const_data_ptr<float>() + r * width, width, packed.data() + r * run);
  return packed;
}

// [kParts, count]: the first becomes the sum of all.
void sum_parts(float* values, std::int64_t count) {
  for (std::int64_t part = 1; part < kParts; ++part)
    for (std::int64_t i = 0; i < count; ++i) values[i] += values[part * count + i];
}

// ... rounded, as [3, pairs, O, 2].
std::vector<std::uint16_t> by_pair(const at::Tensor& weight, std::int64_t pairs) {
  const std::int64_t out = weight.size(0), width = 3 * weight.size(1);
  const at::Tensor last = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const float* from = last.const_data_ptr<float>();
  std::vector<std::uint16_t> packed(static_cast<std::size_t>(3 * pairs * out * 2));
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t ky = 0; ky < 3; ++ky) {
      for (std::int64_t j = 0; j < width; ++j) {
        packed[static_cast<std::size_t>(((ky * pairs + j / 2) * out + o) * 2 + j % 2)] =
            bf16(from[(o * 3 + ky) * width + j]);
      }
    }
  }
  return packed;
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool rounded,
                   std::uint8_t* where) {
  const ConvPool s = geometry(x, weight.size(0));
  at::Tensor y = roomy(x.size(0), s.out, s.pooled_height(), s.pooled_width());
  std::vector<float> offset(static_cast<std::size_t>(s.out));
  if (bias.defined()) std::copy_n(bias.const_data_ptr<float>(), s.out, offset.data());
  const float* from = x.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  if (s.in % kernels().lanes == 0 && s.in >= kWinogradChannels) {  // faster than bfloat16 too
    const Conv conv{s.height, s.width, s.in, s.out, 0, true, true};
    const std::vector<float> taps = by_tap(weight);
    const at::Tensor u = at::empty({36 * s.in * s.out}, at::kFloat);
    kernels().winograd_weights(conv, taps.data(), u.mutable_data_ptr<float>());
    const std::int64_t image = s.height * s.width * s.in, pooled = s.pooled_height() * s.pooled_width() * s.out;
    at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      const at::Tensor scratch = at::empty({kernels().winograd_scratch(conv)}, at::kFloat);
      for (std::int64_t n = begin; n < end; ++n) {
        kernels().winograd(conv, from + n * image, u.const_data_ptr<float>(), offset.data(), to + n * pooled,
                           where == nullptr ? nullptr : where + n * pooled, 0, conv.tile_rows(),
                           scratch.mutable_data_ptr<float>());
      }
    });
    return y;
  }
  if (rounded && kernels().conv_pool_forward_bf16 != nullptr) {
    const std::vector<std::uint16_t> pairs = by_pair(weight, s.pairs());
    at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      ConvPoolScratch scratch;
      kernels().conv_pool_forward_bf16(s, from, pairs.data(), offset.data(), to, where, begin, end, scratch);
    });
    return y;
  }
  const std::vector<float> packed = by_tap(weight);
  at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    kernels().conv_pool_forward(s, from, packed.data(), offset.data(), to, where, begin, end);
  });
  return y;
}

struct ConvReluPool final : torch::autograd::Function<ConvReluPool> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, bool rounded) {
    const ConvPool s = geometry(x, weight.size(0));
    const at::Tensor input = with_room(x);
    const at::Tensor where = at::empty({x.size(0), s.pooled_height(), s.pooled_width(), s.out}, at::kByte);
    at::Tensor y = learn_torch::forward(input, weight, bias, rounded, where.mutable_data_ptr<std::uint8_t>());
    context->save_for_backward({input, weight, where});
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const auto* where = saved[2].const_data_ptr<std::uint8_t>();
    const ConvPool s = geometry(x, weight.size(0));
    const at::Tensor gy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    torch::autograd::tensor_list result(4);
    if (context->needs_input_grad(0)) result[0] = by_input(s, gy, where, weight, x.size(0));
    if (context->needs_input_grad(1) || context->needs_input_grad(2))
      std::tie(result[1], result[2]) = by_weights(s, x, gy, where);
    return result;
  }

 private:
  static at::Tensor by_input(const ConvPool& s, const at::Tensor& gy, const std::uint8_t* where,
                             const at::Tensor& weight, std::int64_t images) {
    at::Tensor gx = roomy(images, s.in, s.height, s.width);
    const std::vector<float> packed = by_output(weight, s.run(kernels().lanes));
    const float* from = gy.const_data_ptr<float>();
    float* to = gx.mutable_data_ptr<float>();
    at::parallel_for(0, images, 1, [&](std::int64_t begin, std::int64_t end) {
      ConvPoolScratch scratch;
      kernels().conv_pool_backward_input(s, from, where, packed.data(), to, begin, end, scratch);
    });
    return gx;
  }

  static std::pair<at::Tensor, at::Tensor> by_weights(const ConvPool& s, const at::Tensor& x, const at::Tensor& gy,
                                                      const std::uint8_t* where) {
    const std::int64_t run = s.run(kernels().lanes), rows = 3 * s.out, images = x.size(0);
    std::vector<float> gw(static_cast<std::size_t>(kParts * rows * run)), gb(static_cast<std::size_t>(kParts * s.out));
    const float *from = x.const_data_ptr<float>(), *slope = gy.const_data_ptr<float>();
    at::parallel_for(0, kParts, 1, [&](std::int64_t begin, std::int64_t end) {
      ConvPoolScratch scratch;
      for (std::int64_t part = begin; part < end; ++part)
        kernels().conv_pool_backward_weights(s, from, slope, where, gw.data() + part * rows * run,
                                             gb.data() + part * s.out, images * part / kParts,
                                             images * (part + 1) / kParts, scratch);
    });
    sum_parts(gw.data(), rows * run);
    sum_parts(gb.data(), s.out);
    const std::int64_t width = 3 * s.in;
    at::Tensor by_weight = at::empty({s.out, s.in, 3, 3}, at::kFloat, at::MemoryFormat::ChannelsLast);
    at::Tensor by_bias = at::empty({s.out}, at::kFloat);
    for (std::int64_t r = 0; r < rows; ++r)
      std::copy_n(gw.data() + r * run, width, by_weight.mutable_data_ptr<float>() + r * width);
    std::copy_n(gb.data(), s.out, by_bias.mutable_data_ptr<float>());
    return {by_weight, by_bias};
  }
};

// Columns that one thread takes at least, and the share of each.
constexpr std::int64_t kDenseGrain = 64;

void for_columns(std::int64_t columns, const std::function<void(std::int64_t, std::int64_t)>& work) {
  const std::int64_t lanes = kernels().lanes;
  at::parallel_for(0, columns / lanes, kDenseGrain,
                   [&](std::int64_t begin, std::int64_t end) { work(begin * lanes, end * lanes); });
}

at::Tensor dense_forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const Dense s{x.size(0), x.size(1), weight.size(0)};
  at::Tensor y = at::empty({s.rows, s.out}, at::kFloat);
  std::vector<float> offset(static_cast<std::size_t>(s.out));
  if (bias.defined()) std::copy_n(bias.const_data_ptr<float>(), s.out, offset.data());
  const float *from = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  at::parallel_for(0, (s.out + 3) / 4, 1, [&](std::int64_t begin, std::int64_t end) {
    kernels().dense_forward(s, from, w, offset.data(), to, 4 * begin, std::min(4 * end, s.out));
  });
  return y;
}

struct WideDense final : torch::autograd::Function<WideDense> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    context->save_for_backward({x, weight});
    return dense_forward(x, weight, bias);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor gy = gradients[0].contiguous();
    const Dense s{x.size(0), x.size(1), weight.size(0)};
    torch::autograd::tensor_list result(3);
    if (context->needs_input_grad(0)) result[0] = at::empty({s.rows, s.in}, at::kFloat);
    if (context->needs_input_grad(1)) result[1] = at::empty({s.out, s.in}, at::kFloat);
    if (context->needs_input_grad(2)) result[2] = gy.sum(0);
    float* gx = result[0].defined() ? result[0].mutable_data_ptr<float>() : nullptr;
    float* gw = result[1].defined() ? result[1].mutable_data_ptr<float>() : nullptr;
    const float *from = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(),
                *slope = gy.const_data_ptr<float>();
    for_columns(s.in, [&](std::int64_t begin, std::int64_t end) {
      kernels().dense_backward(s, from, w, slope, gx, gw, begin, end);
    });
    return result;
  }
};

}  // namespace

bool fuses(std::int64_t channels) noexcept {
  return channels > 0 && channels % kernels().lanes == 0;
}

bool is_wide(std::int64_t in, std::int64_t out) noexcept {
  return in % kernels().lanes == 0 && in >= 4096 && out >= 16;
}

at::Tensor wide_dense(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!at::GradMode::is_enabled()) return dense_forward(x.contiguous(), weight.contiguous(), bias);
  return WideDense::apply(x.contiguous(), weight.contiguous(), bias);
}

bool fuses_bf16() noexcept {
  return kernels().conv_pool_forward_bf16 != nullptr;
}

at::Tensor conv_relu_pool(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool rounded) {
  const bool derived = at::GradMode::is_enabled() &&
                       (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad()));
  if (!derived) return forward(with_room(x), weight, bias, rounded, nullptr);
  return ConvReluPool::apply(x, weight, bias, rounded);
}

}  // namespace aceso::learn_torch
