// Times as the tables keep them: microseconds since 1970 UTC.
#pragma once

#include <cstdint>

#include "aceso/base/clock.hpp"

namespace aceso::portal {

inline std::int64_t to_micros(UtcTime time) noexcept {
  return time.time_since_epoch().count();
}
inline UtcTime from_micros(std::int64_t micros) noexcept {
  return UtcTime{std::chrono::microseconds{micros}};
}

}  // namespace aceso::portal
