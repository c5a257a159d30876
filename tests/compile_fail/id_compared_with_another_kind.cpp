// Ids of different kinds are not compared.
// expect: no match for .operator==|invalid operands to binary expression
#include "aceso/base/id.hpp"

namespace aceso {

using PatientId = Id<struct PatientTag>;
using StudyId = Id<struct StudyTag>;

bool same(const PatientId& a, [[maybe_unused]] const StudyId& b) {
#ifdef ACESO_MUST_FAIL
  return a == b;
#else
  return a == PatientId{b.value()};
#endif
}

}  // namespace aceso
