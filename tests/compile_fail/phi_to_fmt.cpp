// Patient data is not formatted.
// expect: Cannot format an argument|formattable
#include <fmt/format.h>

#include <string>

#include "aceso/base/phi.hpp"

namespace aceso {

std::string text(const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  return fmt::format("{}", name);
#else
  return fmt::format("{}", name.reveal(Reveal::to_authorised_user));
#endif
}

}  // namespace aceso
