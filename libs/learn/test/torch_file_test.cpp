// Files written by PyTorch 2.15, and hostile ones: torch_files/generate.py.
#include "aceso/learn/torch_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "aceso/base/file.hpp"
#include "aceso/learn/weight_import.hpp"
#include "half.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 20;

std::vector<std::byte> bytes_of(const std::string& name) {
  auto bytes = read_file(std::filesystem::path{ACESO_TORCH_FILES} / name, kMaxFileBytes);
  if (!bytes) throw std::runtime_error{bytes.error().message()};
  return std::move(*bytes);
}

std::vector<float> floats(const Array& array) {
  return {array.f32().begin(), array.f32().end()};
}

// What generate.py's state_dict holds, whatever stands before its names.
void expect_state(const Weights& w, const std::string& prefix) {
  EXPECT_EQ(w.size(), 11U);
  EXPECT_EQ(w.at(prefix + "layer.weight").shape, (Shape{2, 3}));
  EXPECT_EQ(floats(w.at(prefix + "layer.weight")), (std::vector<float>{0, 0.25, 0.5, 0.75, 1, 1.25}));
  EXPECT_EQ(w.at(prefix + "layer.turned").shape, (Shape{3, 2}));
  EXPECT_EQ(floats(w.at(prefix + "layer.turned")), (std::vector<float>{0, 0.75, 0.25, 1, 0.5, 1.25}));
  EXPECT_EQ(floats(w.at(prefix + "layer.part")), (std::vector<float>{0.5, 0.75, 1}));
  EXPECT_EQ(floats(w.at(prefix + "layer.rest")), (std::vector<float>{1.25, 1.5, 1.75}));
  const std::vector<float> six{0, 0.25, 0.5, 0.75, 1, 1.25};
  EXPECT_EQ(floats(w.at(prefix + "types.half")), six);
  EXPECT_EQ(floats(w.at(prefix + "types.bfloat")), six);
  EXPECT_EQ(w.at(prefix + "types.double").as<double>()[5], 1.25);
  EXPECT_EQ(w.at(prefix + "types.bytes").as<std::uint8_t>()[5], 1);
  EXPECT_EQ(w.at(prefix + "types.truth").dtype, DType::boolean);
  EXPECT_EQ(w.at(prefix + "types.truth").data[0], std::byte{0});
  EXPECT_EQ(w.at(prefix + "types.truth").data[1], std::byte{1});
  EXPECT_EQ(w.at(prefix + "bn.num_batches_tracked").as<std::int64_t>()[0], 7);
  EXPECT_TRUE(w.at(prefix + "scale").shape.empty());
  EXPECT_EQ(w.at(prefix + "scale").f32()[0], 0.5F);
}

TEST(TorchFile, reads_a_state_dict_with_views_and_every_number_type) {
  const auto file = parse_torch_file(bytes_of("state_dict.pt"), kMaxFileBytes);
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->under, "");
  expect_state(file->weights, "");
}

TEST(TorchFile, finds_the_state_dict_in_a_checkpoint) {
  const auto file = parse_torch_file(bytes_of("checkpoint.pt"), kMaxFileBytes);
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->under, "state_dict");
  expect_state(file->weights, "module.");
}

struct Refusal {
  const char* file;
  Code code;
  const char* word;
};

TEST(TorchFile, refuses_and_says_why) {
  for (const Refusal& refusal :
       std::initializer_list<Refusal>{{"command.pt", Code::denied, "posix.system"},
                                      {"numpy.pt", Code::denied, "numpy"},
                                      {"whole_module.pt", Code::denied, "torch.nn.modules.linear.Linear"},
                                      {"before_1_6.pt", Code::unsupported, "before version 1.6"},
                                      {"script.pt", Code::unsupported, "TorchScript"},
                                      {"compressed.pt", Code::unsupported, "compressed"},
                                      {"overlapping.pt", Code::invalid, "overlap"},
                                      {"no_tensors.pt", Code::invalid, "no tensors"},
                                      {"huge_storage.pt", Code::too_large, "larger"},
                                      {"beyond.pt", Code::invalid, "beyond its storage"},
                                      {"negative.pt", Code::invalid, "damaged"},
                                      {"expanded.pt", Code::too_large, "larger"},
                                      {"wrapping.pt", Code::too_large, "larger"},
                                      {"cycle.pt", Code::invalid, "no tensors"},
                                      {"deep.pt", Code::invalid, "no tensors"}}) {
    SCOPED_TRACE(refusal.file);
    const auto file = parse_torch_file(bytes_of(refusal.file), kMaxFileBytes);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code(), refusal.code) << file.error().message();
    EXPECT_NE(file.error().message().find(refusal.word), std::string::npos) << file.error().message();
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/aceso-was-here"));
}

TEST(TorchFile, refuses_every_truncation_and_survives_every_changed_byte) {
  const auto whole = bytes_of("state_dict.pt");
  for (std::size_t size = 0; size < whole.size(); size += 7)
    EXPECT_FALSE(parse_torch_file({whole.data(), size}, kMaxFileBytes).ok()) << size;
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    auto changed = whole;
    changed[at] ^= std::byte{0x41};
    if (const auto file = parse_torch_file(changed, kMaxFileBytes); !file.ok()) {
      EXPECT_FALSE(file.error().message().empty());
    }
  }
  EXPECT_EQ(parse_torch_file(whole, 100).error().code(), Code::too_large);
}

TEST(TorchFile, is_told_from_safetensors_by_its_content) {
  const auto weights = read_weights(std::filesystem::path{ACESO_TORCH_FILES} / "checkpoint.pt");
  ASSERT_TRUE(weights.ok()) << weights.error().message();
  EXPECT_TRUE(weights->contains("module.layer.weight"));
  const auto legacy = read_weights(std::filesystem::path{ACESO_TORCH_FILES} / "before_1_6.pt");
  ASSERT_FALSE(legacy.ok());
  EXPECT_NE(legacy.error().message().find("before_1_6.pt"), std::string::npos);
  EXPECT_EQ(read_weights("/nowhere/weights.pt").error().code(), Code::not_found);
}

TEST(Half, covers_zero_subnormal_normal_and_special) {
  EXPECT_EQ(from_half(0x3C00), 1.0F);
  EXPECT_EQ(from_half(0xC000), -2.0F);
  EXPECT_EQ(from_half(0x7BFF), 65504.0F);
  EXPECT_EQ(from_half(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(from_half(0x83FF), -1023.0F * std::ldexp(1.0F, -24));
  EXPECT_TRUE(std::isinf(from_half(0xFC00)) && from_half(0xFC00) < 0);
  EXPECT_TRUE(std::isnan(from_half(0x7E00)));
  EXPECT_TRUE(std::signbit(from_half(0x8000)));
  EXPECT_EQ(from_bfloat16(0x3F80), 1.0F);
  EXPECT_EQ(from_bfloat16(0xC2F7), -123.5F);
}

}  // namespace
}  // namespace aceso::learn
