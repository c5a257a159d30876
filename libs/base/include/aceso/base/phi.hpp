// Protected health information. A Phi<T> cannot be printed, formatted, logged or turned into JSON by accident:
// tests/compile_fail proves it. reveal() is the one way out, and its argument says what for.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <utility>

namespace aceso {

// Why a value is revealed. Reviewers grep for these.
enum class Reveal : std::uint8_t { to_store, to_authorised_user, to_algorithm, to_test };

template <class T>
class Phi {
 public:
  Phi() = default;
  explicit Phi(T value) : value_{std::move(value)} {}
  const T& reveal(Reveal) const& noexcept { return value_; }
  T&& reveal(Reveal) && noexcept { return std::move(value_); }
  bool operator==(const Phi&) const = default;

  friend std::ostream& operator<<(std::ostream&, const Phi&) = delete;

 private:
  T value_{};
};

}  // namespace aceso
