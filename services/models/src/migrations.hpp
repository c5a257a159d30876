// The service's own tables, from migrations/NNNN.sql, built into the program.
#pragma once

#include <string_view>

namespace aceso::models {

std::string_view migration_0001() noexcept;
std::string_view migration_0002() noexcept;
std::string_view migration_0003() noexcept;
std::string_view migration_0004() noexcept;
std::string_view migration_0005() noexcept;
std::string_view migration_0006() noexcept;

}  // namespace aceso::models
