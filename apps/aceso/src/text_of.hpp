// A text of a request's JSON body; empty when it is missing or no text.
#pragma once

#include <string>

#include "aceso/base/json.hpp"

namespace aceso::app {

inline std::string text_of(const Json& body, const char* key) {
  const auto it = body.find(key);
  return it != body.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

}  // namespace aceso::app
