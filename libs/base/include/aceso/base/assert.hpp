// Invariants of our own code, checked in every build. Never reachable from input: what comes from outside is a Result's
// business.
#pragma once

namespace aceso::detail {

[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file, int line) noexcept;

}  // namespace aceso::detail

// ACESO_ASSERT(index < size, "shard index out of range"): writes one line to stderr and aborts when the condition is
// false.
#define ACESO_ASSERT(condition, why) \
  ((condition) ? static_cast<void>(0) : ::aceso::detail::assertion_failed(#condition, why, __FILE__, __LINE__))
