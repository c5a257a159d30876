#include "aceso/learn/onnx_check.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "aceso/base/random.hpp"

namespace aceso::learn {
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
Result<OnnxSummary> scan(const std::string& bytes) {
  return check_onnx(std::as_bytes(std::span{bytes}));
}

const std::string kExternal = message(13, message(1, "location") + message(2, "/etc/passwd")) + number(14, 1);
const std::string kInside = number(1, 1) + message(9, "1234");

TEST(OnnxCheck, takes_tensors_that_are_inside) {
  EXPECT_TRUE(scan(message(7, message(5, kInside))).ok());
  EXPECT_TRUE(scan(number(1, 8) + message(7, message(1, message(5, message(5, kInside))))).ok());
}

TEST(OnnxCheck, finds_external_data_wherever_a_tensor_may_stand) {
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
    const auto status = scan(bytes);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Code::denied);
  }
}

TEST(OnnxCheck, refuses_what_is_no_model) {
  for (const std::string& bytes : {std::string{}, std::string{"\x3A\x7F"}, std::string{"hello"}, number(1, 8)}) {
    const auto status = scan(bytes);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Code::invalid);
  }
  std::string deep = kInside;
  for (int i = 0; i < 60; ++i) deep = message(1, message(5, message(6, deep)));
  EXPECT_EQ(scan(message(7, deep)).error().code(), Code::too_large);
}

TEST(OnnxCheck, survives_damaged_models) {
  const std::string good = message(7, message(1, message(5, message(5, kInside))) + message(5, kInside));
  const Philox philox{1};
  for (std::uint64_t i = 0; i < 5000; ++i) {
    std::string bad = good.substr(0, philox.block(1, i)[0] % (good.size() + 1));
    if (!bad.empty()) bad[philox.block(2, i)[0] % bad.size()] = static_cast<char>(philox.block(3, i)[0]);
    const auto status = scan(bad);
    EXPECT_TRUE(status.ok() || status.error().code() != Code::internal);
  }
}

// A node of that type from `in` to `out`.
std::string node(const std::string& type, const std::string& in, const std::string& out, const std::string& more = "") {
  return message(1, message(1, in) + message(2, out) + message(4, type) + more);
}
std::string port(std::uint32_t field, const std::string& name, std::initializer_list<std::uint64_t> sizes) {
  std::string dims;
  for (const std::uint64_t size : sizes) dims += message(1, size == 0 ? message(2, "N") : number(1, size));
  return message(field, message(1, name) + message(2, message(1, number(1, 1) + message(2, dims))));
}
std::string model(const std::string& graph) {
  return number(1, 8) + message(2, "test") + message(7, graph) + message(8, number(2, 17));
}

TEST(OnnxCheck, tells_the_ports_of_a_model) {
  const auto summary = scan(
      model(node("Relu", "x", "y") + node("Relu", "y", "z") + port(11, "x", {0, 3, 28}) + port(12, "z", {0, 3, 28})));
  ASSERT_TRUE(summary.ok()) << summary.error().message();
  ASSERT_EQ(summary->inputs.size(), 1U);
  EXPECT_EQ(summary->inputs[0].name, "x");
  EXPECT_EQ(summary->inputs[0].shape, (Shape{-1, 3, 28}));
  EXPECT_EQ(summary->outputs[0].name, "z");
  EXPECT_EQ(summary->producer, "test");
  EXPECT_EQ(summary->opset, 17);
  EXPECT_EQ(summary->nodes, 2U);
}

TEST(OnnxCheck, refuses_cycles_loops_foreign_operations_and_lies_about_sizes) {
  const std::string in = port(11, "x", {1}), out = port(12, "z", {1});
  const auto code = [&](const std::string& graph) {
    const auto summary = scan(model(graph));
    return summary.ok() ? std::optional<Code>{} : summary.error().code();
  };
  EXPECT_EQ(code(in + out + node("Relu", "x", "z")), std::nullopt);
  EXPECT_EQ(code(in + out + node("Relu", "z", "z")), Code::invalid);
  EXPECT_EQ(code(in + out + node("Relu", "b", "a") + node("Relu", "a", "b") + node("Relu", "a", "z")), Code::invalid);
  EXPECT_EQ(code(in + out + node("Relu", "x", "y")), Code::invalid);
  EXPECT_EQ(code(in + out + node("Relu", "x", "z") + node("Relu", "x", "z")), Code::invalid);
  EXPECT_EQ(code(in + out + node("Loop", "x", "z")), Code::unsupported);
  EXPECT_EQ(code(in + out + node("Anything", "x", "z", message(7, "com.example"))), Code::unsupported);
  EXPECT_EQ(code(port(11, "x", {1U << 20U, 1U << 20U}) + out + node("Relu", "x", "z")), Code::too_large);
  const std::string huge =
      message(5, number(1, 1U << 30U) + number(1, 1U << 30U) + message(8, "w") + message(9, "1234"));
  EXPECT_EQ(code(in + out + huge + node("Relu", "x", "z")), Code::invalid);
  const std::string packed =
      message(5, message(1, varint(1U << 30U) + varint(4)) + message(8, "w") + message(9, "1234"));
  EXPECT_EQ(code(in + out + packed + node("Relu", "x", "z")), Code::invalid);
  EXPECT_EQ(scan(model(in + out + node("Relu", "x", "z")) + message(25, message(1, "f"))).error().code(),
            Code::unsupported);
}

TEST(OnnxCheck, branches_may_read_what_stands_around_them) {
  const std::string branch = message(6, node("Relu", "x", "inner") + port(12, "inner", {1}));
  const std::string lost = message(6, node("Relu", "nowhere", "inner") + port(12, "inner", {1}));
  const std::string in = port(11, "x", {1}), out = port(12, "z", {1});
  EXPECT_TRUE(scan(model(in + out + node("If", "x", "z", message(5, branch)))).ok());
  EXPECT_EQ(scan(model(in + out + node("If", "x", "z", message(5, lost)))).error().code(), Code::invalid);
}

}  // namespace
}  // namespace aceso::learn
