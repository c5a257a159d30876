#include "match.hpp"

#include <algorithm>

namespace aceso::dimse {
namespace {

using dicom::Vr;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// '*' any run, '?' any one; goes back to the last '*' only.
bool matches_wildcard(std::string_view pattern, std::string_view text, bool fold) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    const bool same = p < pattern.size() && (pattern[p] == text[t] || (fold && lower(pattern[p]) == lower(text[t])));
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same)) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Dates and times compare as text once the shorter is read as a prefix.
bool in_range(std::string_view key, std::string_view value) {
  const auto dash = key.find('-');
  const auto from = key.substr(0, dash);
  const auto to = key.substr(dash + 1);
  if (value.empty()) return false;
  if (!from.empty() && value.substr(0, from.size()) < from) return false;
  return to.empty() || value.substr(0, to.size()) <= to;
}

bool matches_one(Vr vr, std::string_view key, std::string_view value) {
  const bool ranged = vr == Vr::da || vr == Vr::tm || vr == Vr::dt;
  if (ranged && key.find('-') != std::string_view::npos) return in_range(key, value);
  if (vr == Vr::tm) return value.starts_with(key) || key.starts_with(value);
  const bool wild = vr != Vr::ui && !ranged && key.find_first_of("*?") != std::string_view::npos;
  if (wild || vr == Vr::pn) return matches_wildcard(key, value, vr == Vr::pn);
  return key == value;
}

template <class Predicate>
bool any_part(std::string_view text, Predicate predicate) {
  for (;;) {
    const auto end = text.find('\\');
    if (predicate(text.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

bool matches(dicom::Vr vr, std::string_view key, std::string_view value) noexcept {
  if (key.empty() || key == "*") return true;
  const auto against_values = [&](std::string_view one) {
    return any_part(value, [&](std::string_view v) { return matches_one(vr, one, v); });
  };
  return vr == Vr::ui ? any_part(key, against_values) : against_values(key);
}

}  // namespace aceso::dimse
