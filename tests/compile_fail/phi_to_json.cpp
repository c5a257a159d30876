// Patient data does not become JSON by itself.
// expect: could not convert|no viable conversion|conversion from .* requested|no matching function
#include <nlohmann/json.hpp>
#include <string>

#include "aceso/base/json.hpp"
#include "aceso/base/phi.hpp"

namespace aceso {

Json value(const Phi<std::string>& name) {
#ifdef ACESO_MUST_FAIL
  return Json{name};
#else
  return Json{name.reveal(Reveal::to_authorised_user)};
#endif
}

}  // namespace aceso
