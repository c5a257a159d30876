// The loops that answer, against their definition in double precision, with every instruction set that this processor
// has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "aceso/learn_loops/kernels.hpp"

namespace aceso::learn_loops {
namespace {

std::vector<float> normal_floats(std::int64_t count, std::uint32_t seed, double deviation = 1) {
  std::mt19937 bits{seed};
  std::normal_distribution<double> normal{0, deviation};
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(normal(bits));
  return values;
}

std::size_t index_of(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

// One image, one product at a time. x: [height, width, in]; w: [ky, kx, in, out].
struct ConvCase {
  Conv s;
  std::vector<float> x, w, bias;
  std::vector<double> y;      // results
  std::vector<double> close;  // of a pooling window: how far the second largest, and 0, stay behind the largest
  std::vector<std::uint8_t> where;

  explicit ConvCase(Conv shape) : s{shape} {
    x = normal_floats(s.height * s.width * s.in, 1);
    w = normal_floats(9 * s.in * s.out, 2, 1 / std::sqrt(9.0 * static_cast<double>(s.in)));
    bias = normal_floats(s.out, 3);
    for (std::int64_t r = 0; r < s.result_rows(); ++r)
      for (std::int64_t c = 0; c < s.result_columns(); ++c)
        for (std::int64_t o = 0; o < s.out; ++o) result(r, c, o);
  }

  double sum(std::int64_t row, std::int64_t column, std::int64_t o) const {
    double total = static_cast<double>(bias[index_of(o)]);
    for (std::int64_t k = 0; k < 9; ++k) {
      const std::int64_t r = row + k / 3 - s.padding, c = column + k % 3 - s.padding;
      if (r < 0 || r >= s.height || c < 0 || c >= s.width) continue;
      for (std::int64_t i = 0; i < s.in; ++i)
        total += static_cast<double>(x[index_of((r * s.width + c) * s.in + i)]) *
                 static_cast<double>(w[index_of((k * s.in + i) * s.out + o)]);
    }
    return total;
  }

  void result(std::int64_t r, std::int64_t c, std::int64_t o) {
    if (!s.pool) {
      y.push_back(s.relu ? std::max(0.0, sum(r, c, o)) : sum(r, c, o));
      return;
    }
    std::vector<double> four;
    for (std::int64_t k = 0; k < 4; ++k) four.push_back(sum(2 * r + k / 2, 2 * c + k % 2, o));
    const auto best = std::max_element(four.begin(), four.end());
    const double most = *best;
    where.push_back(static_cast<std::uint8_t>(most > 0 ? best - four.begin() : kInactive));
    y.push_back(s.relu ? std::max(0.0, most) : most);
    std::sort(four.begin(), four.end());
    close.push_back(std::min(four[3] - four[2], std::fabs(most)));
  }

  double furthest(const std::vector<float>& from) const {
    double most = from.size() == y.size() ? 0 : HUGE_VAL;
    for (std::size_t i = 0; i < std::min(y.size(), from.size()); ++i)
      most = std::max(most, std::fabs(y[i] - static_cast<double>(from[i])));
    return most;
  }
};

// Channels are multiples of 16, as the widest registers want them.
const Conv kConvs[] = {
    {3, 3, 16, 16, 0, true, false},  {4, 4, 16, 16, 0, true, true},     {6, 6, 16, 48, 0, false, false},
    {9, 13, 32, 16, 1, true, true},  {15, 8, 16, 80, 1, false, true},   {17, 31, 48, 64, 1, true, false},
    {12, 7, 32, 32, 0, true, true},  {33, 34, 64, 112, 0, false, true}, {1, 1, 16, 16, 1, false, false},
    {2, 5, 128, 64, 1, true, false}, {63, 63, 32, 64, 0, true, true},
};

class WinogradTest : public testing::TestWithParam<Conv> {};

std::string name_of(const testing::TestParamInfo<Conv>& info) {
  const Conv& s = info.param;
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.in) + "_to_" +
         std::to_string(s.out) + (s.padding > 0 ? "_padded" : "") + (s.relu ? "_relu" : "") + (s.pool ? "_pool" : "");
}

std::vector<float> transformed(const Kernels& k, const ConvCase& c) {
  std::vector<float> u(index_of(36 * c.s.in * c.s.out), std::numeric_limits<float>::quiet_NaN());
  k.winograd_weights(c.s, c.w.data(), u.data());
  return u;
}

std::vector<float> scratch_for(const Kernels& k, const Conv& s) {
  return std::vector<float>(index_of(k.winograd_scratch(s)), std::numeric_limits<float>::quiet_NaN());
}

// Normal numbers in, results up to 6: 6e-6 was seen with these points, 3e-5 with 0, 1, -1, 2, -2.
TEST_P(WinogradTest, gives_what_the_definition_gives) {
  const ConvCase c{GetParam()};
  for (const Kernels* k : all_kernels()) {
    SCOPED_TRACE(std::to_string(k->lanes) + " lanes");
    const std::vector<float> u = transformed(*k, c);
    std::vector<float> y(c.y.size(), std::numeric_limits<float>::quiet_NaN()), scratch = scratch_for(*k, c.s);
    k->winograd(c.s, c.x.data(), u.data(), c.bias.data(), y.data(), nullptr, 0, c.s.tile_rows(), scratch.data());
    EXPECT_LT(c.furthest(y), 2e-5);
    std::vector<float> rows(y.size());  // row by row: the same to the bit
    for (std::int64_t r = 0; r < c.s.tile_rows(); ++r)
      k->winograd(c.s, c.x.data(), u.data(), c.bias.data(), rows.data(), nullptr, r, r + 1, scratch.data());
    EXPECT_EQ(rows, y);
  }
}

TEST_P(WinogradTest, says_where_the_largest_of_a_window_was) {
  const ConvCase c{GetParam()};
  if (!c.s.pool || !c.s.relu) return;
  for (const Kernels* k : all_kernels()) {
    SCOPED_TRACE(std::to_string(k->lanes) + " lanes");
    const std::vector<float> u = transformed(*k, c);
    std::vector<float> y(c.y.size()), plain(c.y.size()), scratch = scratch_for(*k, c.s);
    std::vector<std::uint8_t> where(c.where.size(), 9);
    k->winograd(c.s, c.x.data(), u.data(), c.bias.data(), y.data(), where.data(), 0, c.s.tile_rows(), scratch.data());
    k->winograd(c.s, c.x.data(), u.data(), c.bias.data(), plain.data(), nullptr, 0, c.s.tile_rows(), scratch.data());
    EXPECT_EQ(y, plain);
    std::size_t judged = 0;
    for (std::size_t i = 0; i < where.size(); ++i) {
      if (c.close[i] < 1e-4) continue;  // rounding may decide
      ++judged;
      EXPECT_EQ(where[i], c.where[i]) << i;
    }
    EXPECT_GT(judged, where.size() * 9 / 10);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, WinogradTest, testing::ValuesIn(kConvs), name_of);

TEST(Kernels, winograd_hides_no_number_that_is_none) {
  ConvCase c{{10, 10, 16, 16, 0, true, true}};
  c.x[index_of((4 * 10 + 4) * 16)] = std::numeric_limits<float>::quiet_NaN();  // pixel 4, 4
  for (const Kernels* k : all_kernels()) {
    const std::vector<float> u = transformed(*k, c);
    std::vector<float> y(c.y.size()), scratch = scratch_for(*k, c.s);
    k->winograd(c.s, c.x.data(), u.data(), c.bias.data(), y.data(), nullptr, 0, c.s.tile_rows(), scratch.data());
    for (std::int64_t p = 0; p < 16; ++p) {  // windows of 4 x 4 results; outputs 2 to 4 read the pixel
      if (p / 4 < 1 || p / 4 > 2 || p % 4 < 1 || p % 4 > 2) continue;
      for (std::int64_t o = 0; o < 16; ++o) EXPECT_TRUE(std::isnan(y[index_of(p * 16 + o)])) << p;
    }
  }
}

TEST(Kernels, the_first_convolution_reads_planes) {
  for (const Conv s :
       {Conv{4, 4, 1, 16, 0, true, true}, Conv{7, 10, 3, 32, 0, true, false}, Conv{19, 26, 3, 48, 0, false, true},
        Conv{9, 5, 2, 16, 0, false, false}, Conv{3, 3, 4, 80, 0, true, false}, Conv{40, 17, 4, 32, 0, true, true}}) {
    const ConvCase c{s};
    SCOPED_TRACE(std::to_string(s.height) + " x " + std::to_string(s.width) + " x " + std::to_string(s.in));
    const Planes planes{s.width + 1, (s.width + 1) * (s.height + 1)};
    std::vector<float> x(index_of(planes.plane * s.in), std::numeric_limits<float>::quiet_NaN()), w(c.w.size());
    for (std::int64_t i = 0; i < s.in; ++i)
      for (std::int64_t r = 0; r < s.height; ++r)
        for (std::int64_t col = 0; col < s.width; ++col)
          x[index_of(i * planes.plane + r * planes.row + col)] = c.x[index_of((r * s.width + col) * s.in + i)];
    for (std::int64_t k = 0; k < 9; ++k)
      for (std::int64_t i = 0; i < s.in; ++i)
        std::copy_n(c.w.begin() + (k * s.in + i) * s.out, s.out, w.begin() + ((k / 3 * s.in + i) * 3 + k % 3) * s.out);
    for (const Kernels* k : all_kernels()) {
      SCOPED_TRACE(std::to_string(k->lanes) + " lanes");
      std::vector<float> y(c.y.size(), std::numeric_limits<float>::quiet_NaN()), parts(y);
      k->conv_planes(s, planes, x.data(), w.data(), c.bias.data(), y.data(), 0, s.result_rows());
      EXPECT_LT(c.furthest(y), 1e-5);
      const std::int64_t half = s.result_rows() / 4 * 2;
      k->conv_planes(s, planes, x.data(), w.data(), c.bias.data(), parts.data(), 0, half);
      k->conv_planes(s, planes, x.data(), w.data(), c.bias.data(), parts.data(), half, s.result_rows());
      EXPECT_EQ(parts, y);
    }
  }
}

}  // namespace
}  // namespace aceso::learn_loops
