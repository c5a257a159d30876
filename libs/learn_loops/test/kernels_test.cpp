// Our own loops against their definitions written out in double precision, with every instruction set that this
// processor has.
#include "aceso/learn_loops/kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>

namespace aceso::learn_loops {
namespace {

std::vector<float> random_floats(std::size_t count, std::uint32_t seed, float deviation = 1) {
  std::mt19937 bits{seed};
  std::normal_distribution<float> normal{0, deviation};
  std::vector<float> values(count);
  for (float& v : values) v = normal(bits);
  return values;
}

std::size_t n(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

double furthest(const std::vector<double>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(a[i] - static_cast<double>(b[i])));
  return most;
}

// What the fused operation computes, one product at a time.
struct ConvPoolCase {
  ConvPool s;
  std::int64_t images = 3;
  std::vector<float> x, w, bias, gy;  // w: [out, 3, 3 * in]
  std::vector<double> y, gx, gw, gb;
  std::vector<std::uint8_t> where;

  explicit ConvPoolCase(ConvPool shape)
      : ConvPoolCase{
            shape, random_floats(n(3 * shape.height * shape.width * shape.in), 1),
            random_floats(n(9 * shape.in * shape.out), 2, 1 / std::sqrt(9.0F * static_cast<float>(shape.in)))} {}

  ConvPoolCase(ConvPool shape, std::vector<float> inputs, std::vector<float> weights)
      : s{shape}, x{std::move(inputs)}, w{std::move(weights)} {
    bias = random_floats(n(s.out), 3);
    gy = random_floats(n(images * s.pooled_height() * s.pooled_width() * s.out), 4);
    gx.resize(x.size());
    gw.resize(w.size());
    gb.resize(bias.size());
    std::size_t at = 0;
    for (std::int64_t i = 0; i < images; ++i)
      for (std::int64_t py = 0; py < s.pooled_height(); ++py)
        for (std::int64_t px = 0; px < s.pooled_width(); ++px)
          for (std::int64_t o = 0; o < s.out; ++o) window(i, py, px, o, gy[at++]);
  }

  // Where the kernel at position k of the window reads: j from 0 to 3 * in - 1 of its row ky.
  std::size_t input(std::int64_t image, std::int64_t py, std::int64_t px, int k, std::int64_t ky,
                    std::int64_t j) const {
    return n(((image * s.height + 2 * py + k / 2 + ky) * s.width + 2 * px + k % 2) * s.in + j);
  }

  void window(std::int64_t image, std::int64_t py, std::int64_t px, std::int64_t o, float slope) {
    double best = -std::numeric_limits<double>::infinity();
    int at = 0;
    for (int k = 0; k < 4; ++k) {
      double sum = static_cast<double>(bias[n(o)]);
      for (std::int64_t ky = 0; ky < 3; ++ky)
        for (std::int64_t j = 0; j < 3 * s.in; ++j)
          sum += static_cast<double>(w[n((o * 3 + ky) * 3 * s.in + j)]) *
                 static_cast<double>(x[input(image, py, px, k, ky, j)]);
      if (sum > best) best = sum, at = k;
    }
    y.push_back(std::max(best, 0.0));
    where.push_back(static_cast<std::uint8_t>(best > 0 ? at : kInactive));
    if (best <= 0) return;
    gb[n(o)] += static_cast<double>(slope);
    for (std::int64_t ky = 0; ky < 3; ++ky)
      for (std::int64_t j = 0; j < 3 * s.in; ++j) {
        const std::size_t weight = n((o * 3 + ky) * 3 * s.in + j), from = input(image, py, px, at, ky, j);
        gx[from] += static_cast<double>(slope) * static_cast<double>(w[weight]);
        gw[weight] += static_cast<double>(slope) * static_cast<double>(x[from]);
      }
  }

  std::vector<float> by_tap() const {
    std::vector<float> packed(w.size());
    for (std::int64_t o = 0; o < s.out; ++o)
      for (std::int64_t t = 0; t < 9 * s.in; ++t) packed[n(t * s.out + o)] = w[n(o * 9 * s.in + t)];
    return packed;
  }
  std::vector<float> by_output(std::int64_t run) const {
    std::vector<float> packed(n(3 * s.out * run));
    for (std::int64_t r = 0; r < 3 * s.out; ++r)
      std::copy_n(w.data() + r * 3 * s.in, 3 * s.in, packed.data() + r * run);
    return packed;
  }
};

const ConvPool kShapes[] = {{4, 4, 1, 16},   {7, 9, 3, 32},  {16, 21, 3, 16},
                            {13, 8, 32, 32}, {9, 10, 5, 48}, {8, 8, 70, 16}};

class ConvPoolTest : public testing::TestWithParam<ConvPool> {};

TEST_P(ConvPoolTest, gives_what_the_three_operations_give) {
  const ConvPoolCase c{GetParam()};
  for (const Kernels* k : all_kernels()) {
    SCOPED_TRACE(std::to_string(k->lanes) + " lanes");
    std::vector<float> x = c.x, y(c.y.size());
    x.resize(x.size() + n(k->lanes), std::numeric_limits<float>::quiet_NaN());  // what is behind must not matter
    std::vector<std::uint8_t> where(c.where.size(), 9);
    const std::vector<float> w = c.by_tap();
    k->conv_pool_forward(c.s, x.data(), w.data(), c.bias.data(), y.data(), where.data(), 0, 1);  // in two ranges
    k->conv_pool_forward(c.s, x.data(), w.data(), c.bias.data(), y.data(), where.data(), 1, c.images);
    EXPECT_LT(furthest(c.y, y), 1e-5);
    EXPECT_EQ(where, c.where);
    std::vector<float> again(y.size());
    k->conv_pool_forward(c.s, x.data(), w.data(), c.bias.data(), again.data(), nullptr, 0, c.images);
    EXPECT_EQ(again, y);
  }
}

TEST_P(ConvPoolTest, gives_in_bfloat16_what_rounded_numbers_give) {
  const auto widened = [](std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U); };
  ConvPoolCase c{GetParam()};
  for (float& v : c.x) v = widened(bf16(v));
  for (float& v : c.w) v = widened(bf16(v));
  ConvPoolCase rounded{c.s, c.x, c.w};
  for (const Kernels* k : all_kernels()) {
    if (k->conv_pool_forward_bf16 == nullptr) continue;
    const std::vector<float> taps = c.by_tap();
    std::vector<std::uint16_t> pairs;
    for (std::int64_t ky = 0; ky < 3; ++ky)
      for (std::int64_t j = 0; j < 3 * c.s.in; j += 2)
        for (std::int64_t o = 0; o < c.s.out; ++o)
          for (std::int64_t i = j; i < j + 2; ++i)
            pairs.push_back(i < 3 * c.s.in ? bf16(taps[n((ky * 3 * c.s.in + i) * c.s.out + o)]) : std::uint16_t{0});
    std::vector<float> y(c.y.size());
    std::vector<std::uint8_t> marks(c.where.size(), 9);
    ConvPoolScratch scratch;
    k->conv_pool_forward_bf16(c.s, c.x.data(), pairs.data(), c.bias.data(), y.data(), marks.data(), 0, c.images,
                              scratch);
    EXPECT_LT(furthest(rounded.y, y), 1e-5);
    EXPECT_EQ(marks, rounded.where);
  }
}

TEST(Kernels, bfloat16_rounds_to_the_nearest_and_to_even) {
  EXPECT_EQ(bf16(1.0F), 0x3F80);
  EXPECT_EQ(bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // half way: to even
  EXPECT_EQ(bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_EQ(bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(bf16(std::numeric_limits<float>::max()), 0x7F80);  // to infinity
  EXPECT_GT(bf16(std::numeric_limits<float>::quiet_NaN()) & 0x7FFF, 0x7F80);
}

TEST_P(ConvPoolTest, has_the_gradients_of_the_three_operations) {
  const ConvPoolCase c{GetParam()};
  for (const Kernels* k : all_kernels()) {
    SCOPED_TRACE(std::to_string(k->lanes) + " lanes");
    const std::int64_t run = c.s.run(k->lanes);
    ConvPoolScratch scratch;
    std::vector<float> gx(c.x.size() + n(k->lanes), 7.0F);
    const std::vector<float> w = c.by_output(run);
    k->conv_pool_backward_input(c.s, c.gy.data(), c.where.data(), w.data(), gx.data(), 0, 2, scratch);
    k->conv_pool_backward_input(c.s, c.gy.data(), c.where.data(), w.data(), gx.data(), 2, c.images, scratch);
    EXPECT_LT(furthest(c.gx, gx), 1e-4);

    std::vector<float> x = c.x, gw(n(3 * c.s.out * run)), gb(c.gb.size());
    x.resize(x.size() + n(k->lanes));
    k->conv_pool_backward_weights(c.s, x.data(), c.gy.data(), c.where.data(), gw.data(), gb.data(), 0, 2, scratch);
    k->conv_pool_backward_weights(c.s, x.data(), c.gy.data(), c.where.data(), gw.data(), gb.data(), 2, c.images,
                                  scratch);
    std::vector<float> rows;
    for (std::int64_t r = 0; r < 3 * c.s.out; ++r)
      rows.insert(rows.end(), gw.begin() + r * run, gw.begin() + r * run + 3 * c.s.in);
    EXPECT_LT(furthest(c.gw, rows), 1e-3);
    EXPECT_LT(furthest(c.gb, gb), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, ConvPoolTest, testing::ValuesIn(kShapes), [](const auto& shape) {
  const ConvPool& s = shape.param;
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.in) + "_to_" +
         std::to_string(s.out);
});

TEST(Kernels, what_is_no_number_stays_none_and_spoils_nothing_else) {
  const ConvPoolCase c{{10, 10, 3, 32}};
  for (const Kernels* k : all_kernels()) {
    std::vector<float> x = c.x, y(c.y.size());
    x.resize(x.size() + n(k->lanes));
    x[n((4 * c.s.width + 4) * c.s.in)] = std::numeric_limits<float>::quiet_NaN();  // pixel 4, 4 of the first image
    const std::vector<float> w = c.by_tap();
    k->conv_pool_forward(c.s, x.data(), w.data(), c.bias.data(), y.data(), nullptr, 0, c.images);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto position = static_cast<std::int64_t>(i) / c.s.out;
      const std::int64_t py = position / c.s.pooled_width(), px = position % c.s.pooled_width();
      const bool touched =
          position < 16 && py >= 1 && py <= 2 && px >= 1 && px <= 2;  // outputs 2 to 4 in both directions
      EXPECT_EQ(std::isnan(y[i]), touched) << position;
      if (!touched) {
        EXPECT_NEAR(y[i], c.y[i], 1e-5);
      }
    }
  }
}

TEST(Kernels, dense_layers_and_their_gradients) {
  for (const Dense s : {Dense{1, 16, 1}, Dense{3, 2064, 5}, Dense{32, 4112, 16}, Dense{7, 160, 9}}) {
    const std::vector<float> x = random_floats(n(s.rows * s.in), 1), w = random_floats(n(s.out * s.in), 2);
    const std::vector<float> bias = random_floats(n(s.out), 3), gy = random_floats(n(s.rows * s.out), 4);
    std::vector<double> y, gx(x.size()), gw(w.size());
    for (std::int64_t m = 0; m < s.rows; ++m)
      for (std::int64_t o = 0; o < s.out; ++o) {
        double sum = static_cast<double>(bias[n(o)]);
        for (std::int64_t i = 0; i < s.in; ++i) {
          const double g = static_cast<double>(gy[n(m * s.out + o)]);
          const double a = static_cast<double>(x[n(m * s.in + i)]), b = static_cast<double>(w[n(o * s.in + i)]);
          sum += a * b;
          gx[n(m * s.in + i)] += g * b;
          gw[n(o * s.in + i)] += g * a;
        }
        y.push_back(sum);
      }
    for (const Kernels* k : all_kernels()) {
      SCOPED_TRACE(std::to_string(k->lanes) + " lanes, " + std::to_string(s.in) + " inputs");
      const std::int64_t half = s.in / 2 / k->lanes * k->lanes, part = s.out / 2;
      std::vector<float> to(y.size()), by_x(x.size()), by_w(w.size());
      k->dense_forward(s, x.data(), w.data(), bias.data(), to.data(), 0, part);
      k->dense_forward(s, x.data(), w.data(), bias.data(), to.data(), part, s.out);
      EXPECT_LT(furthest(y, to), 2e-3);
      k->dense_backward(s, x.data(), w.data(), gy.data(), by_x.data(), by_w.data(), 0, half);
      k->dense_backward(s, x.data(), w.data(), gy.data(), by_x.data(), by_w.data(), half, s.in);
      EXPECT_LT(furthest(gx, by_x), 1e-4);
      EXPECT_LT(furthest(gw, by_w), 1e-4);
      std::vector<float> alone(x.size());
      k->dense_backward(s, x.data(), w.data(), gy.data(), alone.data(), nullptr, 0, s.in);
      EXPECT_EQ(alone, by_x);
    }
  }
}

}  // namespace
}  // namespace aceso::learn_loops
