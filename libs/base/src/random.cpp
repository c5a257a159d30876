#include "aceso/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "aceso/base/assert.hpp"

namespace aceso {
namespace {

// Round and key constants of Philox 4x32 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// SC'11).
constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

constexpr std::uint64_t kFillStream = 0x66696C6C;  // SeededRandom draws here, away from streams numbered from zero

constexpr std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
constexpr std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32U);
}

double unit(std::uint32_t high_word, std::uint32_t low_word) {
  const std::uint64_t bits = (std::uint64_t{high_word} << 32U | low_word) >> 11U;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

std::uint64_t RandomSource::next_u64() {
  std::array<std::byte, 8> bytes{};
  fill(bytes);
  std::uint64_t value = 0;
  for (const std::byte b : bytes) value = value << 8U | std::to_integer<std::uint64_t>(b);
  return value;
}

std::uint64_t RandomSource::uniform(std::uint64_t below) {
  ACESO_ASSERT(below > 0, "uniform(0) has no value");
  const std::uint64_t rejected =
      (0 - below) % below;  // 2^64 mod below: that many of the smallest values are drawn again
  for (;;) {
    const std::uint64_t value = next_u64();
    if (value >= rejected) return value % below;
  }
}

std::array<std::uint32_t, 4> Philox::block(std::uint64_t stream, std::uint64_t counter) const noexcept {
  std::array<std::uint32_t, 4> x{low(counter), high(counter), low(stream), high(stream)};
  std::uint32_t key0 = low(seed_);
  std::uint32_t key1 = high(seed_);
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = kMultiplier0 * x[0];
    const std::uint64_t product1 = kMultiplier1 * x[2];
    x = {high(product1) ^ x[1] ^ key0, low(product1), high(product0) ^ x[3] ^ key1, low(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return x;
}

double Philox::uniform01(std::uint64_t stream, std::uint64_t counter) const noexcept {
  const auto words = block(stream, counter);
  return unit(words[0], words[1]);
}

double Philox::normal(std::uint64_t stream, std::uint64_t counter) const noexcept {
  const auto words = block(stream, counter);
  const double radius = std::sqrt(-2 * std::log(1 - unit(words[0], words[1])));
  return radius * std::cos(2 * std::numbers::pi * unit(words[2], words[3]));
}

SeededRandom::SeededRandom(std::uint64_t seed) : philox_{seed} {}

void SeededRandom::fill(std::span<std::byte> out) {
  std::uint64_t counter = counter_.fetch_add((out.size() + 15) / 16);
  for (std::size_t at = 0; at < out.size(); at += 16, ++counter) {
    const auto words = philox_.block(kFillStream, counter);
    const std::size_t count = std::min<std::size_t>(16, out.size() - at);
    for (std::size_t i = 0; i < count; ++i) out[at + i] = static_cast<std::byte>(words[i / 4] >> (8 * (i % 4)) & 0xFFU);
  }
}

}  // namespace aceso
