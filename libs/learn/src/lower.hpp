// Lower case for file names: ASCII letters only.
#pragma once

#include <algorithm>
#include <string>

namespace aceso::learn {

inline std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace aceso::learn
