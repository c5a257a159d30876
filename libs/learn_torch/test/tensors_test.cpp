// What GPUs run, on CPU tensors: the updates over lists of tensors against those over plain arrays, and the operations
// with a fixed order of sums against LibTorch's own, their gradients too.
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <gtest/gtest.h>

#include "device.hpp"
#include "optimiser.hpp"
#include "repeatable.hpp"
#include "tensor_optimiser.hpp"

namespace aceso::learn_torch {
namespace {

using learn::Optimiser;

at::Tensor counted_tensor(at::IntArrayRef shape, double from) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  at::Tensor tensor = at::rand(count);
  for (std::int64_t i = 0; i < count; ++i)
    tensor.mutable_data_ptr<float>()[i] = static_cast<float>(std::sin(from + 0.7 * static_cast<double>(i)));
  return tensor.view(shape);
}

std::vector<learn::TrainingOptions> optimisers() {
  std::vector<learn::TrainingOptions> all;
  for (const Optimiser kind : {Optimiser::adam, Optimiser::adamw, Optimiser::sgd}) {
    for (const double momentum : {0.0, 0.9}) {
      for (const double decay : {0.0, 0.1}) {
        learn::TrainingOptions options;
        options.optimiser = kind;
        options.learning_rate = 0.03;
        options.momentum = momentum;
        options.nesterov = momentum > 0 && decay > 0;
        options.weight_decay = decay;
        all.push_back(options);
      }
    }
  }
  return all;
}

// A convolution's weight in channels-last, a bias, and one that is never trained.
TEST(TensorOptimiser, updates_as_the_one_over_arrays_does) {
  for (const learn::TrainingOptions& options : optimisers()) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(options.optimiser) << ' ' << options.momentum << ' '
                                    << options.weight_decay);
    const std::vector<at::Tensor> weights{counted_tensor({4, 3, 2, 2}, 1).contiguous(at::MemoryFormat::ChannelsLast),
                                          counted_tensor({5}, 2)};
    std::vector<std::vector<float>> plain;
    for (const at::Tensor& weight : weights) {
      const at::Tensor flat = flat_view(weight).clone();
      plain.emplace_back(flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel());
    }
    TensorOptimiser lists{options, {weights[0], weights[1], at::Tensor{}}, {1.0, 0.25, 1.0}};
    OptimiserState arrays{options, {plain[0].size(), plain[1].size(), 0}};
    for (int t = 1; t <= 10; ++t) {
      const std::vector<at::Tensor> gradients{
          counted_tensor({4, 3, 2, 2}, t).contiguous(at::MemoryFormat::ChannelsLast), counted_tensor({5}, -t),
          counted_tensor({5}, t)};
      lists.update(gradients, t);
      arrays.begin_step();
      for (std::size_t i = 0; i < plain.size(); ++i) {
        const at::Tensor flat = flat_view(gradients[i]);
        arrays.update(i, plain[i], {flat.const_data_ptr<float>(), plain[i].size()}, 0, plain[i].size(),
                      i == 0 ? 1.0 : 0.25);
      }
    }
    for (std::size_t i = 0; i < plain.size(); ++i) {
      const at::Tensor flat = flat_view(weights[i]);
      for (std::size_t k = 0; k < plain[i].size(); ++k) {
        EXPECT_NEAR(flat.const_data_ptr<float>()[k], plain[i][k], 2e-6);
        for (std::size_t m = 0; m < arrays.moments().size(); ++m)
          EXPECT_NEAR(lists.moment(m, i).const_data_ptr<float>()[k], arrays.moment(m, i)[k], 2e-6);
      }
    }
  }
}

TEST(TensorOptimiser, leaves_what_has_no_gradient) {
  const at::Tensor weight = counted_tensor({3}, 1), other = counted_tensor({3}, 1);
  TensorOptimiser lists{{}, {weight, other}, {1.0, 1.0}};
  lists.update({counted_tensor({3}, 2), at::Tensor{}}, 1);
  EXPECT_FALSE(weight.equal(other));
  EXPECT_TRUE(other.equal(counted_tensor({3}, 1)));
  EXPECT_EQ(lists.moment(0, 1).abs().sum().item().toDouble(), 0);
}

// Outputs and input gradients of two functions of one input.
template <class A, class B>
void expect_same(const at::Tensor& input, A&& ours, B&& theirs) {
  const at::Tensor x = input.clone().requires_grad_(true), y = input.clone().requires_grad_(true);
  const at::Tensor a = ours(x), b = theirs(y);
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LT(a.sub(b).abs().max().item().toDouble(), 1e-5);
  const at::Tensor pull = counted_tensor(a.sizes(), 9);
  a.backward(pull);
  b.backward(pull);
  EXPECT_LT(x.grad().sub(y.grad()).abs().max().item().toDouble(), 1e-5);
}

TEST(Repeatable, windows_over_volumes_are_libtorchs) {
  const at::Tensor volume = counted_tensor({2, 3, 7, 8, 9}, 1);
  const at::Tensor many_equal = volume.mul(2).round();
  for (const auto& [kernel, stride, padding] : {std::tuple{3, 2, 1}, std::tuple{2, 2, 0}, std::tuple{3, 1, 0}}) {
    const std::vector<std::int64_t> k(3, kernel), s(3, stride), p(3, padding);
    for (const at::Tensor& input : {volume, many_equal})
      expect_same(
          input, [&](const at::Tensor& x) { return pool_volume(x, true, k, s, p); },
          [&](const at::Tensor& x) { return at::max_pool3d(x, k, s, p); });
    expect_same(
        volume, [&](const at::Tensor& x) { return pool_volume(x, false, k, s, p); },
        [&](const at::Tensor& x) { return at::avg_pool3d(x, k, s, p); });
  }
  const std::vector<std::int64_t> k{1, 2, 3}, s{1, 2, 1}, p{0, 1, 1};
  expect_same(
      volume, [&](const at::Tensor& x) { return pool_volume(x, true, k, s, p); },
      [&](const at::Tensor& x) { return at::max_pool3d(x, k, s, p); });
}

TEST(Repeatable, linear_interpolation_is_libtorchs) {
  const std::vector<std::int64_t> plane{12, 15}, room{6, 8, 15};
  expect_same(
      counted_tensor({2, 3, 6, 5}, 1).contiguous(at::MemoryFormat::ChannelsLast),
      [&](const at::Tensor& x) { return upsample_linear(x, plane); },
      [&](const at::Tensor& x) { return at::upsample_bilinear2d(x, plane, false); });
  expect_same(
      counted_tensor({2, 3, 3, 8, 5}, 1), [&](const at::Tensor& x) { return upsample_linear(x, room); },
      [&](const at::Tensor& x) { return at::upsample_trilinear3d(x, room, false); });
}

TEST(Device, the_cpu_can_always_be_chosen) {
  EXPECT_EQ(choose_device(learn::Device::cpu)->type(), at::kCPU);
  EXPECT_EQ(choose_device(learn::Device::cuda).ok(), gpu().why_not.empty());
  EXPECT_EQ(choose_device(learn::Device::automatic)->is_cuda(), gpu().why_not.empty());
  EXPECT_TRUE(describe(at::Device{at::kCPU}).starts_with("CPU: "));
  EXPECT_EQ(peak_memory_bytes(at::Device{at::kCPU}), 0U);
}

}  // namespace
}  // namespace aceso::learn_torch
