// Lower case, ASCII letters only: other scripts stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace aceso::archive {

inline std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace aceso::archive
