// An error is not overlooked.
// expect: ignoring return(ed)? value|nodiscard
#include "aceso/base/result.hpp"

namespace aceso {

Status save();

void work() {
#ifdef ACESO_MUST_FAIL
  save();
#else
  static_cast<void>(save());
#endif
}

}  // namespace aceso
