#include "onnx_scan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "aceso/base/random.hpp"

namespace aceso::learn_openvino {
namespace {

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  return out + static_cast<char>(value);
}
std::string number(std::uint32_t field, std::uint64_t value) {
  return varint(field << 3) + varint(value);
}
std::string message(std::uint32_t field, const std::string& body) {
  return varint(field << 3 | 2) + varint(body.size()) + body;
}
Status scan(const std::string& bytes) {
  return refuse_external_data(std::as_bytes(std::span{bytes}));
}

const std::string kExternal = message(13, message(1, "location") + message(2, "/etc/passwd")) + number(14, 1);
const std::string kInside = number(1, 1) + message(9, "1234");

TEST(OnnxScan, takes_tensors_that_are_inside) {
  EXPECT_TRUE(scan(message(7, message(5, kInside))).ok());
  EXPECT_TRUE(scan(number(1, 8) + message(7, message(1, message(5, message(5, kInside))))).ok());
}

TEST(OnnxScan, finds_external_data_wherever_a_tensor_may_stand) {
  const std::string node_with = message(1, message(5, message(5, kExternal)));
  const std::string subgraph = message(1, message(5, message(6, message(5, kExternal))));
  for (const std::string& bytes :
       {message(7, message(5, kExternal)), message(7, message(5, number(14, 1))), message(7, node_with),
        message(7, message(1, message(5, message(10, kExternal)))), message(7, subgraph),
        message(7, message(1, message(5, message(11, message(5, kExternal))))),
        message(7, message(15, message(1, kExternal))),
        message(7, message(1, message(5, message(22, message(2, kExternal))))),
        message(7, "") + message(20, message(2, message(5, kExternal))),
        message(7, "") + message(25, message(7, message(5, message(5, kExternal))))}) {
    const Status status = scan(bytes);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Code::denied);
  }
}

TEST(OnnxScan, refuses_what_is_no_model) {
  for (const std::string& bytes : {std::string{}, std::string{"\x3A\x7F"}, std::string{"hello"}, number(1, 8)}) {
    const Status status = scan(bytes);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Code::invalid);
  }
  std::string deep = kInside;
  for (int i = 0; i < 60; ++i) deep = message(1, message(5, message(6, deep)));
  EXPECT_EQ(scan(message(7, deep)).error().code(), Code::too_large);
}

TEST(OnnxScan, survives_damaged_models) {
  const std::string good = message(7, message(1, message(5, message(5, kInside))) + message(5, kInside));
  const Philox philox{1};
  for (std::uint64_t i = 0; i < 5000; ++i) {
    std::string bad = good.substr(0, philox.block(1, i)[0] % (good.size() + 1));
    if (!bad.empty()) bad[philox.block(2, i)[0] % bad.size()] = static_cast<char>(philox.block(3, i)[0]);
    const Status status = scan(bad);
    EXPECT_TRUE(status.ok() || status.error().code() != Code::internal);
  }
}

}  // namespace
}  // namespace aceso::learn_openvino
