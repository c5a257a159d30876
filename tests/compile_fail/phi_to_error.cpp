// Patient data is not an error message.
// expect: no matching function for call to .*Error|no matching constructor for initialization of .*Error
#include <string>

#include "aceso/base/phi.hpp"
#include "aceso/base/result.hpp"

namespace aceso {

Error unknown([[maybe_unused]] const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  return Error{Code::not_found, name};
#else
  return Error{Code::not_found, "no such patient"};
#endif
}

}  // namespace aceso
