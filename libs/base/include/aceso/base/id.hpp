// Identifiers: UUID version 7 (RFC 9562 5.7), sortable by creation time, and strong ids that do not mix.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "aceso/base/clock.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"

namespace aceso {

class Uuid {
 public:
  Uuid() = default;  // the nil UUID
  static Uuid v7(const Clock& clock, RandomSource& random);
  static Result<Uuid> parse(std::string_view text);  // 36 characters, hex in either case
  std::string to_string() const;                     // lower case, with hyphens
  bool is_nil() const noexcept;
  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// Id<struct PatientTag> and Id<struct StudyTag> are different types that both hold a string key.
template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_{std::move(value)} {}
  const std::string& value() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

}  // namespace aceso

template <class Tag>
struct std::hash<aceso::Id<Tag>> {
  std::size_t operator()(const aceso::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.value()); }
};
