// Attribute matching (PS3.4 C.2.2.2): single value, list of UIDs, universal, wildcard, range.
#pragma once

#include <string_view>

#include "aceso/dicom/tag.hpp"

namespace aceso::dimse {

// `value` may hold several values separated by backslashes: one that matches is enough. Time: linear in the key times
// the value, whatever the wildcards.
bool matches(dicom::Vr vr, std::string_view key, std::string_view value) noexcept;

}  // namespace aceso::dimse
