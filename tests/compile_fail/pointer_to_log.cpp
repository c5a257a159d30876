// A pointer is not logged as true.
// expect: use of deleted function|call to deleted constructor
#include "aceso/base/log.hpp"

namespace aceso {

LogField field(const int* count) {
#ifdef ACESO_MUST_FAIL
  return LogField{"count", count};
#else
  return LogField{"count", *count};
#endif
}

}  // namespace aceso
