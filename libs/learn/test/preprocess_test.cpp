#include <gtest/gtest.h>

#include <cmath>

#include "aceso/learn/trainer.hpp"
#include "resize.hpp"

namespace aceso::learn {
namespace {

// Pillow 12: a = ((numpy.arange(35) * 37) % 101).astype('f4').reshape(5, 7); Image.fromarray(a, 'F').resize((w, h),
// Image.BILINEAR)
TEST(Resize, agrees_with_pillow_when_shrinking_and_growing) {
  std::vector<float> pixels;
  for (int i = 0; i < 35; ++i) pixels.push_back(static_cast<float>(i * 37 % 101));
  const std::vector<float> small{41.7483F, 50.6000F, 37.3029F, 52.5306F, 43.0688F, 56.2933F,
                                 47.1644F, 62.7831F, 43.6259F, 62.3714F, 46.1886F, 48.2245F};
  const auto shrunk = resize_bilinear(pixels, 5, 7, 3, 4);
  ASSERT_EQ(shrunk.size(), small.size());
  for (std::size_t i = 0; i < small.size(); ++i) EXPECT_NEAR(shrunk[i], small[i], 2e-4);
  const std::vector<float> mixed{29.4545F, 47.2795F, 60.7841F, 57.7614F, 45.7864F, 36.3364F, 32.3955F,
                                 58.2955F, 59.4045F, 49.4545F, 42.4545F, 40.0795F, 46.2386F, 68.9250F,
                                 58.7864F, 49.3364F, 43.7886F, 47.1932F, 54.7295F, 62.4545F};
  const auto wide = resize_bilinear(pixels, 5, 7, 2, 10);
  for (std::size_t i = 0; i < mixed.size(); ++i) EXPECT_NEAR(wide[i], mixed[i], 2e-4);
  const std::vector<float> first_row{0.0000F,  24.6667F, 53.4444F, 59.7778F, 10.0000F,
                                     38.7778F, 67.5556F, 62.6667F, 20.0000F};
  const auto grown = resize_bilinear(pixels, 5, 7, 8, 9);
  for (std::size_t i = 0; i < first_row.size(); ++i) EXPECT_NEAR(grown[i], first_row[i], 2e-4);
}

Array bytes(Shape shape, std::vector<int> values) {
  Array array = Array::zeros(DType::u8, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) array.data[i] = static_cast<std::byte>(values[i]);
  return array;
}

TEST(Preprocess, brings_channels_to_the_front_and_scales) {
  const Array rgb = bytes({1, 2, 3}, {255, 0, 0, 0, 51, 102});
  const auto batch = preprocess({}, std::vector{rgb});
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  EXPECT_EQ(batch->shape, (Shape{1, 3, 1, 2}));
  const std::vector<float> expected{1, 0, 0, 0.2F, 0, 0.4F};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(batch->f32()[i], expected[i], 1e-6);
}

TEST(Preprocess, turns_colour_to_grey_by_bt601_and_grey_to_colour) {
  Preprocessing grey;
  grey.channels = 1;
  EXPECT_NEAR(preprocess(grey, std::vector{bytes({1, 1, 3}, {255, 0, 0})})->f32()[0], 0.299, 1e-6);
  EXPECT_NEAR(preprocess(grey, std::vector{bytes({1, 1, 4}, {0, 255, 0, 9})})->f32()[0], 0.587, 1e-6);
  Preprocessing colour;
  colour.channels = 3;
  const auto repeated = preprocess(colour, std::vector{bytes({1, 1}, {51})});
  EXPECT_EQ(repeated->shape, (Shape{1, 3, 1, 1}));
  for (const float value : repeated->f32()) EXPECT_NEAR(value, 0.2, 1e-6);
  EXPECT_EQ(preprocess(colour, std::vector{bytes({1, 1, 4}, {0, 0, 255, 9})})->f32()[2], 1.0F);
}

TEST(Preprocess, standardises_a_table_column_by_column_and_a_signal_by_channel) {
  Preprocessing table{.kind = PortKind::table, .scale = 1, .mean = {1, 10}, .std = {2, 5}};
  const auto row = preprocess(table, std::vector{Array::from({2}, {3, 0})});
  ASSERT_TRUE(row.ok()) << row.error().message();
  EXPECT_EQ(row->shape, (Shape{1, 2}));
  EXPECT_EQ(row->f32()[0], 1.0F);
  EXPECT_EQ(row->f32()[1], -2.0F);
  Preprocessing signal{.kind = PortKind::signal, .scale = 1, .mean = {1}, .std = {2}};
  const auto wave = preprocess(signal, std::vector{Array::from({2, 3}, {1, 3, 5, 1, 1, 1})});
  EXPECT_EQ(wave->shape, (Shape{1, 2, 3}));
  EXPECT_EQ(wave->f32()[2], 2.0F);
}

TEST(Preprocess, names_the_sample_that_is_wrong) {
  const Array good = bytes({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(preprocess({}, std::vector{good, bytes({2, 3}, {})}).error().message(),
            "sample 1: has another shape than the first of the batch");
  Array nan = Array::from({2, 2}, {0, std::nanf(""), 0, 0});
  EXPECT_EQ(preprocess({}, std::vector{nan}).error().message(), "sample 0: holds a value that is not finite");
  EXPECT_FALSE(preprocess({}, std::vector{Array::zeros(DType::u8, {4})}).ok());
  EXPECT_FALSE(preprocess({}, {}).ok());
}

}  // namespace
}  // namespace aceso::learn
