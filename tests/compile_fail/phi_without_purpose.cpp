// Whoever reveals patient data says what for.
// expect: no matching function for call to .*reveal|no matching member function for call to .reveal
#include <string>

#include "aceso/base/phi.hpp"

namespace aceso {

std::string plain(const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  return name.reveal();
#else
  return name.reveal(Reveal::to_store);
#endif
}

}  // namespace aceso
