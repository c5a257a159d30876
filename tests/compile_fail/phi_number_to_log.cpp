// Nor is a number about a patient.
// expect: no matching function for call to .*LogField|no matching constructor for initialization of .*LogField
#include "aceso/base/log.hpp"
#include "aceso/base/phi.hpp"

namespace aceso {

LogField field(const Phi<int>& age) {
#ifdef ACESO_MUST_FAIL
  return LogField{"age", age};
#else
  return LogField{"adult", age.reveal(Reveal::to_algorithm) >= 18};
#endif
}

}  // namespace aceso
