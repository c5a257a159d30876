#include "aceso/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace aceso::detail {

void assertion_failed(const char* condition, const char* why, const char* file, int line) noexcept {
  static_cast<void>(std::fprintf(stderr, "%s:%d: broken invariant: %s (%s)\n", file, line, why, condition));
  std::abort();
}

}  // namespace aceso::detail
