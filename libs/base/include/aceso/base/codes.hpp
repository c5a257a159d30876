// What each Code means outside: one table, src/codes.def, from which docs/errors.md is written and checked.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso {

inline constexpr std::size_t kCodeCount = 15;

struct CodeInfo {
  Code code;
  std::string_view name;
  int http_status;
  std::string_view fhir_issue;  // FHIR R4 OperationOutcome.issue.code
  std::string_view meaning;
};

const std::array<CodeInfo, kCodeCount>& all_codes() noexcept;  // in the order of the enum
const CodeInfo& code_info(Code code) noexcept;

}  // namespace aceso
