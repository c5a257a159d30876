// An id of one kind is no id of another.
// expect: invalid initialization|could not convert|no matching function|no viable conversion
#include <string>

#include "aceso/base/id.hpp"

namespace aceso {

using PatientId = Id<struct PatientTag>;
using StudyId = Id<struct StudyTag>;

bool known(const PatientId& id) {
  return !id.empty();
}

bool check(const std::string& text) {
#ifdef ACESO_MUST_FAIL
  return known(StudyId{text});
#else
  return known(PatientId{text});
#endif
}

}  // namespace aceso
