// Patient data is not a field of a log line.
// expect: no matching function for call to .*LogField|no matching constructor for initialization of .*LogField
#include <string>

#include "aceso/base/log.hpp"
#include "aceso/base/phi.hpp"

namespace aceso {

LogField field(const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  return LogField{"name", name};
#else
  return LogField{"known", !name.reveal(Reveal::to_algorithm).empty()};
#endif
}

}  // namespace aceso
