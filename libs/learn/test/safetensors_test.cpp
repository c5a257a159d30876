#include <gtest/gtest.h>

#include <cstring>

#include "aceso/learn/array.hpp"

namespace aceso::learn {
namespace {

std::vector<std::byte> file(const std::string& header, std::size_t data) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  bytes[0] = static_cast<std::byte>(header.size() & 0xFF);
  bytes[1] = static_cast<std::byte>(header.size() >> 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

TEST(Safetensors, reads_what_it_writes) {
  Weights weights{{"a.weight", Array::from({2, 2}, {1, 2, 3, 4})},
                  {"b", Array::zeros(DType::u8, {3})},
                  {"c", Array::zeros(DType::i64, {})}};
  const auto bytes = to_safetensors(weights, {{"format", "pt"}});
  std::map<std::string, std::string> metadata;
  const auto again = parse_safetensors(bytes, &metadata);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(metadata.at("format"), "pt");
  ASSERT_EQ(again->size(), 3U);
  for (const auto& [name, array] : weights) {
    EXPECT_EQ(again->at(name).shape, array.shape);
    EXPECT_EQ(again->at(name).data, array.data);
  }
}

// python3 -c "import numpy, safetensors.numpy as s; print(s.save({'w': numpy.arange(2, dtype='f4')}))"
TEST(Safetensors, reads_the_reference_implementations_bytes) {
  auto bytes = file(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )", 8);
  const float one = 1;
  std::memcpy(bytes.data() + bytes.size() - 4, &one, 4);
  const auto weights = parse_safetensors(bytes);
  ASSERT_TRUE(weights.ok()) << weights.error().message();
  EXPECT_EQ(weights->at("w").f32()[1], 1.0F);
}

TEST(Safetensors, widens_16_bit_numbers) {
  auto bytes = file(
      R"({"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]}})",
      4);
  const std::uint16_t half = 0xC000, bfloat = 0x3FC0;
  std::memcpy(bytes.data() + bytes.size() - 4, &half, 2);
  std::memcpy(bytes.data() + bytes.size() - 2, &bfloat, 2);
  const auto weights = parse_safetensors(bytes);
  ASSERT_TRUE(weights.ok()) << weights.error().message();
  EXPECT_EQ(weights->at("h").f32()[0], -2.0F);
  EXPECT_EQ(weights->at("b").f32()[0], 1.5F);
}

TEST(Safetensors, refuses_holes_overlaps_and_lies) {
  const auto fails = [](const std::string& header, std::size_t data) {
    return !parse_safetensors(file(header, data)).ok();
  };
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 12));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}})", 8));
  EXPECT_TRUE(fails(
      R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"v":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
      8));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", 8));
  EXPECT_TRUE(fails(R"({"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,8]}})", 8));
  EXPECT_TRUE(fails(R"({"__metadata__":{"a":1}})", 0));
  EXPECT_TRUE(fails(R"([])", 0));
  EXPECT_FALSE(fails(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8));
}

TEST(Safetensors, refuses_every_truncation) {
  const auto whole = to_safetensors({{"w", Array::from({3}, {1, 2, 3})}}, {});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_safetensors({whole.data(), size}).ok()) << size;
}

TEST(Safetensors, refuses_a_huge_header_before_reading_it) {
  std::vector<std::byte> bytes(16, std::byte{0xFF});
  bytes[7] = std::byte{0};
  EXPECT_EQ(parse_safetensors(bytes).error().code(), Code::too_large);
}

}  // namespace
}  // namespace aceso::learn
