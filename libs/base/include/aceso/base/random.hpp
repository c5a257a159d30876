// Randomness as a dependency, so that a run can be replayed from its seed. For keys and tokens use
// crypto::SystemRandom.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace aceso {

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::byte> out) = 0;  // thread-safe
  std::uint64_t next_u64();
  std::uint64_t uniform(std::uint64_t below);  // unbiased, below > 0
};

// Philox 4x32-10 (Salmon et al., SC'11): the value depends on (key, counter) alone, so draws keyed by
// (seed, epoch, sample) do not depend on the number of threads. Stateless and thread-safe.
class Philox {
 public:
  explicit Philox(std::uint64_t seed) noexcept : seed_{seed} {}
  std::array<std::uint32_t, 4> block(std::uint64_t stream, std::uint64_t counter) const noexcept;
  double uniform01(std::uint64_t stream, std::uint64_t counter) const noexcept;  // [0, 1), 53 bits
  double normal(std::uint64_t stream, std::uint64_t counter) const noexcept;     // Box-Muller, N(0, 1)

 private:
  std::uint64_t seed_;
};

// Deterministic RandomSource on Philox, for tests and replay.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(std::span<std::byte> out) override;

 private:
  Philox philox_;
  std::atomic<std::uint64_t> counter_{0};
};

}  // namespace aceso
