// What the files of watching share.
#pragma once

#include <cstddef>
#include <string_view>

namespace aceso::learn {

inline constexpr std::size_t kWatchComponents = 4;
inline constexpr std::string_view kWatchComponent = "embedding: component ";

}  // namespace aceso::learn
