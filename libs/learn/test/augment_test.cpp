#include "aceso/learn/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "aceso/base/random.hpp"
#include "batches.hpp"

namespace aceso::learn {
namespace {

std::vector<float> noise(std::size_t count) {
  const Philox philox{3};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(philox.uniform01(1, i));
  return values;
}

std::vector<float> resampled(const Warp& warp, const std::vector<float>& in, Interpolation how = Interpolation::linear,
                             Edge edge = Edge::nearest, int threads = 1) {
  std::vector<float> out(in.size());
  resample(warp, how, edge, in, out, threads);
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(static_cast<double>(a[i] - b[i])));
  return largest;
}

// The definition written out in double precision, one point at a time.
class Reference {
 public:
  Reference(const Warp& warp, const std::vector<float>& in) : warp_{warp}, in_{in} {
    for (std::size_t d = 0; d < warp.size.size(); ++d) size_[3 - warp.size.size() + d] = warp.size[d];
  }
  double at(std::array<std::int64_t, 3> p, Edge edge) const {
    std::array<double, 3> source{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      source[axis] = centre(axis) + warp_.offset[axis] + displacement(axis, p);
      for (std::size_t k = 0; k < 3; ++k)
        source[axis] += warp_.matrix[axis * 3 + k] * (static_cast<double>(p[k]) - centre(k));
    }
    double sum = 0;
    for (int corner = 0; corner < 8; ++corner) {
      double weight = 1;
      std::array<std::int64_t, 3> from{};
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const auto low = static_cast<std::int64_t>(std::floor(source[axis]));
        const bool up = (corner >> axis & 1) != 0;
        const double share = source[axis] - static_cast<double>(low);
        weight *= up ? share : 1 - share;
        from[axis] = low + (up ? 1 : 0);
      }
      if (weight > 0) sum += weight * value(from, edge);
    }
    return sum;
  }

 private:
  double centre(std::size_t axis) const { return static_cast<double>(size_[axis] - 1) / 2; }
  double value(std::array<std::int64_t, 3> p, Edge edge) const {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::int64_t last = size_[axis] - 1;
      if (p[axis] >= 0 && p[axis] <= last) continue;
      if (edge == Edge::zero) return 0;
      if (edge == Edge::nearest || last == 0) {
        p[axis] = std::clamp<std::int64_t>(p[axis], 0, last);
      } else {
        const std::int64_t rest = std::abs(p[axis]) % (2 * last);
        p[axis] = rest > last ? 2 * last - rest : rest;
      }
    }
    return static_cast<double>(in_[static_cast<std::size_t>((p[0] * size_[1] + p[1]) * size_[2] + p[2])]);
  }
  static double b3(double x) {
    const double a = std::fabs(x);
    if (a >= 2) return 0;
    return a < 1 ? 2.0 / 3 - a * a + a * a * a / 2 : std::pow(2 - a, 3) / 6;
  }
  double displacement(std::size_t axis, const std::array<std::int64_t, 3>& p) const {
    if (warp_.control.empty()) return 0;
    const auto& n = warp_.points;
    double sum = 0;
    for (int a = 0; a < n[0]; ++a) {
      for (int b = 0; b < n[1]; ++b) {
        for (int c = 0; c < n[2]; ++c) {
          const std::array<int, 3> at{a, b, c};
          double weight = 1;
          for (std::size_t k = 0; k < 3; ++k) {
            if (n[k] == 1) continue;
            const double u =
                size_[k] > 1 ? static_cast<double>(p[k]) / static_cast<double>(size_[k] - 1) * (n[k] - 3) : 0;
            weight *= b3(u - (at[k] - 1));
          }
          sum +=
              weight *
              static_cast<double>(
                  warp_.control[axis * warp_.control.size() / 3 + static_cast<std::size_t>((a * n[1] + b) * n[2] + c)]);
        }
      }
    }
    return sum;
  }
  const Warp& warp_;
  const std::vector<float>& in_;
  std::array<std::int64_t, 3> size_{1, 1, 1};
};

Augmentation everything() {
  Augmentation how;
  how.flip_left_right = how.flip_up_down = how.flip_front_back = 0.5;
  how.rotate = 30;
  how.scale = 0.3;
  how.shift = 0.1;
  how.crop = 0.3;
  how.elastic = 0.05;
  return how;
}

TEST(Resample, computes_its_definition_in_two_and_three_dimensions_at_every_edge) {
  for (const Shape& size : {Shape{19, 300}, Shape{7, 11, 13}, Shape{1, 9}, Shape{5, 1, 6}}) {
    SCOPED_TRACE(to_string(size));
    const auto in = noise(static_cast<std::size_t>(*element_count(size)));
    for (const Edge edge : {Edge::nearest, Edge::zero, Edge::reflect}) {
      for (std::size_t sample = 0; sample < 3; ++sample) {
        const Warp warp = draw_warp(everything(), size, {1, 1, sample});
        const auto out = resampled(warp, in, Interpolation::linear, edge);
        const Reference reference{warp, in};
        const std::int64_t height = size[size.size() - 2];
        const std::int64_t width = size.back();
        double largest = 0;
        for (std::size_t i = 0; i < out.size(); i += 3) {
          const auto at = static_cast<std::int64_t>(i);
          const double expected = reference.at({at / (height * width), at / width % height, at % width}, edge);
          largest = std::max(largest, std::fabs(static_cast<double>(out[i]) - expected));
        }
        EXPECT_LT(largest, 2e-3) << "edge " << static_cast<int>(edge);
      }
    }
  }
}

TEST(Resample, nothing_drawn_changes_nothing_and_flips_are_exact) {
  const auto in = noise(12 * 14);
  EXPECT_TRUE(draw_warp({}, {12, 14}, {1, 1, 1}).identity());
  EXPECT_EQ(resampled(draw_warp({}, {12, 14}, {1, 1, 1}), in), in);
  Augmentation how;
  how.flip_left_right = 1;
  const auto flipped = resampled(draw_warp(how, {12, 14}, {1, 1, 1}), in);
  for (std::size_t y = 0; y < 12; ++y) {
    for (std::size_t x = 0; x < 14; ++x) EXPECT_EQ(flipped[y * 14 + x], in[y * 14 + 13 - x]);
  }
}

TEST(Resample, does_not_depend_on_the_number_of_threads) {
  const Shape size{24, 30, 40};
  const auto in = noise(24 * 30 * 40);
  const Warp warp = draw_warp(everything(), size, {9, 2, 5});
  const auto one = resampled(warp, in);
  for (const int threads : {2, 3, 7})
    EXPECT_EQ(resampled(warp, in, Interpolation::linear, Edge::nearest, threads), one) << threads;
}

TEST(Resample, masks_keep_their_values_and_follow_the_picture) {
  const Shape size{64, 64};
  std::vector<float> picture(64 * 64), mask(64 * 64);
  for (std::size_t i = 0; i < picture.size(); ++i) {
    const double y = static_cast<double>(i / 64) - 30;
    const double x = static_cast<double>(i % 64) - 25;
    mask[i] = y * y + x * x < 100 ? 2.0F : 0.0F;
    picture[i] = mask[i];
  }
  for (std::size_t sample = 0; sample < 5; ++sample) {
    const Warp warp = draw_warp(everything(), size, {4, 1, sample});
    const auto moved = resampled(warp, mask, Interpolation::nearest, Edge::zero);
    const auto shown = resampled(warp, picture, Interpolation::linear, Edge::zero);
    for (const float x : moved) ASSERT_TRUE(x == 0.0F || x == 2.0F);
    std::size_t different = 0;
    for (std::size_t i = 0; i < moved.size(); ++i) different += (moved[i] > 1) != (shown[i] > 1) ? 1U : 0U;
    EXPECT_LT(different, 30U) << "the mask's edge may differ by a rounding, not its place";
  }
}

TEST(MoveBox, holds_what_was_in_the_box) {
  for (const Shape& size : {Shape{80, 90}, Shape{30, 40, 50}}) {
    const bool volume = size.size() == 3;
    Bounds box;
    box.low = {volume ? 12.0 : 0.0, 15, 20};
    box.high = {volume ? 18.0 : 0.0, 25, 31};
    const std::int64_t height = size[size.size() - 2];
    const std::int64_t width = size.back();
    std::vector<float> mask(static_cast<std::size_t>(*element_count(size)));
    for (std::size_t i = 0; i < mask.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::array<std::int64_t, 3> p{at / (height * width), at / width % height, at % width};
      bool inside = true;
      for (std::size_t k = 0; k < 3; ++k)
        inside = inside && static_cast<double>(p[k]) >= box.low[k] && static_cast<double>(p[k]) <= box.high[k];
      mask[i] = inside ? 1.0F : 0.0F;
    }
    int left = 0;
    for (std::size_t sample = 0; sample < 8; ++sample) {
      Augmentation how = everything();
      how.elastic = 0.02;
      const Warp warp = draw_warp(how, size, {8, 3, sample});
      const auto moved = resampled(warp, mask, Interpolation::nearest, Edge::zero);
      const Bounds after = move_box(warp, box);
      Bounds seen{{1e9, 1e9, 1e9}, {-1e9, -1e9, -1e9}};
      for (std::size_t i = 0; i < moved.size(); ++i) {
        if (moved[i] == 0) continue;
        const auto at = static_cast<std::int64_t>(i);
        const std::array<std::int64_t, 3> p{at / (height * width), at / width % height, at % width};
        for (std::size_t k = 0; k < 3; ++k) {
          seen.low[k] = std::min(seen.low[k], static_cast<double>(p[k]));
          seen.high[k] = std::max(seen.high[k], static_cast<double>(p[k]));
        }
      }
      if (seen.low[2] > seen.high[2]) {  // moved out of the picture
        bool gone = false;
        for (std::size_t k = 0; k < 3; ++k) gone = gone || after.low[k] > after.high[k] - 1.6;
        EXPECT_TRUE(gone);
        continue;
      }
      ++left;
      for (std::size_t k = volume ? 0 : 1; k < 3; ++k) {
        EXPECT_NEAR(after.low[k], seen.low[k], 1.6) << "axis " << k;
        EXPECT_NEAR(after.high[k], seen.high[k], 1.6) << "axis " << k;
      }
    }
    EXPECT_GE(left, 3);
  }
}

TEST(DrawWarp, a_rotation_turns_about_the_centre_by_at_most_what_was_asked) {
  Augmentation how;
  how.rotate = 20;
  double largest = 0;
  for (std::size_t sample = 0; sample < 200; ++sample) {
    const Warp warp = draw_warp(how, {31, 31}, {1, 1, sample});
    const double angle = std::atan2(warp.matrix[7], warp.matrix[4]) * 180 / std::numbers::pi;
    EXPECT_LE(std::fabs(angle), 20.0);
    largest = std::max(largest, std::fabs(angle));
  }
  EXPECT_GT(largest, 18);
}

TEST(DrawWarp, differs_by_seed_epoch_and_sample_and_repeats_itself) {
  const auto matrix = [](DrawKey key) { return draw_warp(everything(), {20, 20}, key).matrix; };
  EXPECT_EQ(matrix({1, 1, 1}), matrix({1, 1, 1}));
  EXPECT_NE(matrix({1, 1, 1}), matrix({2, 1, 1}));
  EXPECT_NE(matrix({1, 1, 1}), matrix({1, 2, 1}));
  EXPECT_NE(matrix({1, 1, 1}), matrix({1, 1, 2}));
}

TEST(ChangeIntensity, each_change_does_what_it_says) {
  const Shape size{40, 50};
  const auto in = noise(2000);
  const auto changed = [&](const Augmentation& how, std::size_t sample) {
    std::vector<float> values = in;
    change_intensity(how, size, {1, 1, sample}, values);
    return values;
  };
  const auto mean = [](const std::vector<float>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  };
  const auto deviation = [&](const std::vector<float>& v) {
    double sum = 0;
    for (const float x : v) sum += (static_cast<double>(x) - mean(v)) * (static_cast<double>(x) - mean(v));
    return std::sqrt(sum / static_cast<double>(v.size()));
  };
  Augmentation how;
  how.brightness = 0.3;
  const double shift = mean(changed(how, 1)) - mean(in);
  EXPECT_LE(std::fabs(shift), 0.3);
  EXPECT_NEAR(deviation(changed(how, 1)), deviation(in), 1e-5);
  how = {};
  how.contrast = 0.5;
  EXPECT_NEAR(mean(changed(how, 2)), mean(in), 1e-5);
  EXPECT_GT(std::fabs(deviation(changed(how, 2)) / deviation(in) - 1), 1e-3);
  how = {};
  how.gamma = 1;
  const auto curved = changed(how, 3);
  EXPECT_NEAR(*std::min_element(curved.begin(), curved.end()), *std::min_element(in.begin(), in.end()), 1e-5);
  EXPECT_NEAR(*std::max_element(curved.begin(), curved.end()), *std::max_element(in.begin(), in.end()), 1e-5);
  EXPECT_GT(largest_difference(curved, in), 1e-3);
  how = {};
  how.blur = 2;
  double smoothest = deviation(in);
  for (std::size_t sample = 0; sample < 8; ++sample) {
    smoothest = std::min(smoothest, deviation(changed(how, sample)));
    EXPECT_NEAR(mean(changed(how, sample)), mean(in), 0.02);
  }
  EXPECT_LT(smoothest, 0.4 * deviation(in));
  how = {};
  how.noise = 0.2;
  const auto noisy = changed(how, 5);
  const double added = std::sqrt(deviation(noisy) * deviation(noisy) - deviation(in) * deviation(in));
  EXPECT_LE(added, 0.22);
  EXPECT_GT(added, 0.0);
  how = {};
  how.cutout = 0.5;
  const auto cut = changed(how, 6);
  const auto gone = static_cast<double>(std::count(cut.begin(), cut.end(), static_cast<float>(mean(in))));
  EXPECT_GT(gone, 2000 * 0.06);
  EXPECT_LT(gone, 2000 * 0.27);
}

TEST(ChangeIntensity, noise_is_normal) {
  std::vector<float> values(100'000, 0.0F);
  Augmentation how;
  how.noise = 1;
  change_intensity(how, {100, 1000}, {1, 1, 1}, values);
  double squares = 0;
  for (const float x : values) squares += static_cast<double>(x) * static_cast<double>(x);
  const double sd = std::sqrt(squares / 1e5);
  const auto within =
      std::count_if(values.begin(), values.end(), [&](float x) { return std::fabs(static_cast<double>(x)) < sd; });
  EXPECT_NEAR(static_cast<double>(within) / 1e5, 0.6827, 0.01);
}

TEST(Mixup, lambda_has_the_mean_of_the_folded_beta_distribution) {
  Augmentation how;
  how.mixup = 1;  // Beta(1, 1) is uniform: the larger part's mean is 3/4
  double sum = 0;
  for (std::size_t i = 0; i < 4000; ++i) sum += draw_mixup(how, {1, 1, i});
  EXPECT_NEAR(sum / 4000, 0.75, 0.01);
  how.mixup = 0.2;  // mean of max(x, 1-x), x ~ Beta(0.2, 0.2): that is P(Beta(1.2, 0.2) > 1/2)
  sum = 0;
  for (std::size_t i = 0; i < 4000; ++i) sum += draw_mixup(how, {1, 1, i});
  EXPECT_NEAR(sum / 4000, 0.8988, 0.01);
}

}  // namespace
}  // namespace aceso::learn
