// Against MONAI's sliding_window_inference: golden/generate_sliding_window.py.
#include "aceso/learn/sliding_window.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

namespace aceso::learn {
namespace {

Array counted(const Shape& shape) {
  Array array = Array::zeros(DType::f32, shape);
  std::size_t i = 0;
  for (float& x : array.f32()) x = static_cast<float>(static_cast<double>(i++ * 37 % 101) / 101);
  return array;
}

// The twin of generate_sliding_window.py's network().
Result<Array> network(const Array& windows) {
  Shape shape = windows.shape;
  const auto n = static_cast<std::size_t>(shape[0]), channels = static_cast<std::size_t>(shape[1]);
  shape[1] = 2;
  Array out = Array::zeros(DType::f32, shape);
  const std::size_t area = windows.f32().size() / (n * channels);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t p = 0; p < area; ++p) {
      const float* x = windows.f32().data() + i * channels * area + p;
      out.f32()[2 * i * area + p] = x[0] * (static_cast<float>(p) / static_cast<float>(area));
      for (std::size_t c = 0; c < channels; ++c) out.f32()[(2 * i + 1) * area + p] += x[c * area];
    }
  }
  return out;
}

struct Silent final : ProgressSink {
  void update(const ProgressUpdate& update) override { last = update.done; }
  void finish(std::string_view) override {}
  std::uint64_t last = 0;
};

TEST(SlidingWindow, gives_what_monai_gives) {
  const auto cases = nlohmann::json::parse(std::ifstream{ACESO_LEARN_GOLDEN "/sliding_window.json"});
  ASSERT_GE(cases.size(), 7U);
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry["image"].dump() + " " + entry["window"].dump());
    const SlidingWindow how{
        .window = entry["window"], .overlap = entry["overlap"], .gaussian = entry["gaussian"], .batch = 3};
    Silent progress;
    const auto out = slide(how, counted(entry["image"].get<Shape>()), network, progress, {});
    ASSERT_TRUE(out.ok()) << out.error().message();
    EXPECT_EQ(out->shape, entry["shape"].get<Shape>());
    const auto values = entry["values"].get<std::vector<float>>();
    const auto step = entry["step"].get<std::size_t>();
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(out->f32()[i * step], values[i], 2e-5) << i;
  }
}

TEST(SlidingWindow, streams_each_row_once_and_keeps_no_more_than_a_window) {
  const Array image = counted({1, 40, 6, 6});
  const SlidingWindow how{.window = {8, 6, 6}, .overlap = 0.5, .batch = 2};
  Silent progress;
  std::int64_t next = 0, widest = 0;
  const Status done = slide(how, image, network,
                            [&](std::int64_t first, const Array& rows) -> Status {
                              EXPECT_EQ(first, next);
                              next += rows.shape[1];
                              widest = std::max(widest, rows.shape[1]);
                              return {};
                            },
                            progress, {});
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(next, 40);
  EXPECT_LE(widest, 8);
  EXPECT_EQ(progress.last, 9U);
}

TEST(SlidingWindow, refuses_what_does_not_fit_and_stops_when_asked) {
  const Array image = counted({1, 9, 9});
  Silent progress;
  const auto code = [&](SlidingWindow how, const WindowPredictor& predict, std::stop_token stop = {}) {
    const auto out = slide(how, image, predict, progress, stop);
    return out.ok() ? std::optional<Code>{} : out.error().code();
  };
  EXPECT_EQ(code({.window = {4, 4, 4}}, network), Code::invalid);
  EXPECT_EQ(code({.window = {4, 0}}, network), Code::invalid);
  EXPECT_EQ(code({.window = {4, 4}, .overlap = 1}, network), Code::invalid);
  EXPECT_EQ(code({.window = {4, 4}}, [](const Array&) -> Result<Array> { return counted({1, 1, 4, 3}); }),
            Code::invalid);
  EXPECT_EQ(code({.window = {4, 4}}, [](const Array&) -> Result<Array> { return Error{Code::exhausted, "full"}; }),
            Code::exhausted);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code({.window = {4, 4}}, network, stop.get_token()), Code::cancelled);
}

}  // namespace
}  // namespace aceso::learn
