// A text is no id until someone says of what.
// expect: invalid initialization|could not convert|no matching function|no viable conversion
#include <string>

#include "aceso/base/id.hpp"

namespace aceso {

using PatientId = Id<struct PatientTag>;

bool known(const PatientId& id) {
  return !id.empty();
}

bool check(const std::string& text) {
#ifdef ACESO_MUST_FAIL
  return known(text);
#else
  return known(PatientId{text});
#endif
}

}  // namespace aceso
