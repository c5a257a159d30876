// A cell of a CSV table (RFC 4180).
#pragma once

#include <string>

namespace aceso::models {

// Quoted when it holds a separator, a quote or the end of a line.
inline std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  return out + "\"";
}

}  // namespace aceso::models
