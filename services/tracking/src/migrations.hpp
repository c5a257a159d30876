#pragma once

#include <string_view>

namespace aceso::tracking {

std::string_view migration_0001() noexcept;

}  // namespace aceso::tracking
