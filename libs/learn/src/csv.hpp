// Comma-separated values (RFC 4180): rows of fields, quotes doubled inside quotes, CRLF or LF.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::learn {

// Empty lines are left out. invalid names the line of a quote that never ends or stands inside a field.
inline Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false;
  std::size_t line = 1;
  const auto end_row = [&] {
    if (!row.empty() || !field.empty()) {
      row.push_back(std::move(field));
      rows.push_back(std::move(row));
    }
    row.clear();
    field.clear();
  };
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      if (!field.empty())
        return Error{Code::invalid, "table of labels, line " + std::to_string(line) + ": a quote inside a field"};
      quoted = true;
    } else if (c == ',') {
      row.push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      end_row();
    } else if (c != '\r') {
      field += c;
    }
  }
  if (quoted) return Error{Code::invalid, "table of labels: a quote that never ends"};
  end_row();
  return rows;
}

}  // namespace aceso::learn
