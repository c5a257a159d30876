// Nor is one that comes with a value.
// expect: ignoring return(ed)? value|nodiscard
#include "aceso/base/result.hpp"

namespace aceso {

Result<int> count();

int work() {
#ifdef ACESO_MUST_FAIL
  count();
  return 0;
#else
  const auto n = count();
  return n ? *n : 0;
#endif
}

}  // namespace aceso
