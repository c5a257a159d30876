// Patient data is not printed.
// expect: use of deleted function|selected deleted operator
#include <ostream>
#include <string>

#include "aceso/base/phi.hpp"

namespace aceso {

void print(std::ostream& out, const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  out << name;
#else
  out << name.reveal(Reveal::to_authorised_user);
#endif
}

}  // namespace aceso
