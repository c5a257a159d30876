#include "same_patient.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "aceso/base/text.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(std::string_view{" \0", 2}) - first + 1);
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (std::size_t start = 0;;) {
    const auto end = std::min(text.find(separator, start), text.size());
    out.push_back(text.substr(start, end - start));
    if (end == text.size()) return out;
    start = end + 1;
  }
}

// Base letters of U+00C0 to U+017F (Latin-1 Supplement, Latin Extended-A), by their canonical decompositions; letters
// without one as they are usually written.
constexpr std::array<std::string_view, 192> kLatin{
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",   // 00C0
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "ss",  // 00D0
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",   // 00E0
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",   // 00F0
    "a", "a", "a",  "a",  "a", "a", "c",  "c", "c", "c", "c", "c", "c", "c", "d",  "d",   // 0100
    "d", "d", "e",  "e",  "e", "e", "e",  "e", "e", "e", "e", "e", "g", "g", "g",  "g",   // 0110
    "g", "g", "g",  "g",  "h", "h", "h",  "h", "i", "i", "i", "i", "i", "i", "i",  "i",   // 0120
    "i", "i", "ij", "ij", "j", "j", "k",  "k", "k", "l", "l", "l", "l", "l", "l",  "l",   // 0130
    "l", "l", "l",  "n",  "n", "n", "n",  "n", "n", "n", "n", "n", "o", "o", "o",  "o",   // 0140
    "o", "o", "oe", "oe", "r", "r", "r",  "r", "r", "r", "s", "s", "s", "s", "s",  "s",   // 0150
    "s", "s", "t",  "t",  "t", "t", "t",  "t", "u", "u", "u", "u", "u", "u", "u",  "u",   // 0160
    "u", "u", "u",  "u",  "w", "w", "y",  "y", "y", "z", "z", "z", "z", "z", "z",  "s"};  // 0170

void put_utf8(std::string& out, char32_t c) {
  if (c < 0x800) {
    out += static_cast<char>(0xC0U | (c >> 6U));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0U | (c >> 12U));
    out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (c >> 18U));
    out += static_cast<char>(0x80U | ((c >> 12U) & 0x3FU));
    out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
  }
  out += static_cast<char>(0x80U | (c & 0x3FU));
}

// Greek and Cyrillic letters small and without accents (Unicode, CaseFolding.txt and canonical decompositions).
char32_t small_letter(char32_t c) {
  constexpr std::array<std::pair<char32_t, char32_t>, 17> kOthers{{{0x386, 0x3B1},
                                                                   {0x388, 0x3B5},
                                                                   {0x389, 0x3B7},
                                                                   {0x38A, 0x3B9},
                                                                   {0x38C, 0x3BF},
                                                                   {0x38E, 0x3C5},
                                                                   {0x38F, 0x3C9},
                                                                   {0x3AC, 0x3B1},
                                                                   {0x3AD, 0x3B5},
                                                                   {0x3AE, 0x3B7},
                                                                   {0x3AF, 0x3B9},
                                                                   {0x3C2, 0x3C3},
                                                                   {0x3CC, 0x3BF},
                                                                   {0x3CD, 0x3C5},
                                                                   {0x3CE, 0x3C9},
                                                                   {0x401, 0x435},
                                                                   {0x451, 0x435}}};
  for (const auto& [from, to] : kOthers) {
    if (c == from) return to;
  }
  if ((c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F)) return c + 0x20;
  return c >= 0x400 && c <= 0x40F ? c + 0x50 : c;
}

// Letters and digits without case and accents. `expand`: an umlaut as two letters, as typewriters had it.
std::string folded(std::string_view text, bool expand) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = decode_utf8(text, at);
    if (!point) {
      out += text[at++];
      continue;
    }
    at += point->bytes;
    const char32_t c = point->value;
    if (c < 0x80) {
      const auto letter = static_cast<char>(c);
      if (letter >= 'A' && letter <= 'Z') {
        out += static_cast<char>(letter - 'A' + 'a');
      } else if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) {
        out += letter;
      }
    } else if (c >= 0xC0 && c <= 0x17F) {
      out += kLatin.at(c - 0xC0);
      if (expand && (c == 0xC4 || c == 0xE4 || c == 0xD6 || c == 0xF6 || c == 0xDC || c == 0xFC)) out += 'e';
    } else if (c < 0x300 || c > 0x36F) {  // combining accents are left out
      put_utf8(out, small_letter(c));
    }
  }
  return out;
}

struct Folded {
  std::string plain, expanded;
  explicit Folded(std::string_view text) : plain{folded(text, false)}, expanded{folded(text, true)} {}
  bool empty() const { return plain.empty(); }
  bool same(const Folded& other) const {
    return plain == other.plain || expanded == other.expanded || plain == other.expanded || expanded == other.plain;
  }
};

std::vector<Folded> words_in(std::string_view text) {
  std::string spaced{text};
  std::ranges::replace_if(spaced, [](char c) { return c == '^' || c == ',' || c == '-' || c == '.'; }, ' ');
  std::vector<Folded> out;
  for (const auto word : parts_of(spaced, ' ')) {
    if (Folded one{word}; !one.empty()) out.push_back(std::move(one));
  }
  return out;
}

bool all_in(const std::vector<Folded>& some, const std::vector<Folded>& all) {
  return std::ranges::all_of(
      some, [&](const Folded& one) { return std::ranges::any_of(all, [&](const Folded& o) { return one.same(o); }); });
}

// Without separators nobody knows which word is the family name.
Agreement compare_words(std::string_view a, std::string_view b) {
  const auto left = words_in(a);
  const auto right = words_in(b);
  const bool inside = all_in(left, right);
  const bool around = all_in(right, left);
  if (inside && around) return Agreement::agree;
  return inside || around ? Agreement::unknown : Agreement::disagree;
}

Agreement compare_given(std::string_view a, std::string_view b) {
  const Folded whole_a{a};
  const Folded whole_b{b};
  if (whole_a.empty() || whole_b.empty()) return Agreement::unknown;
  if (whole_a.same(whole_b)) return Agreement::agree;
  const auto left = words_in(a);
  const auto right = words_in(b);
  if (left.empty() || right.empty()) return Agreement::unknown;
  if (left.front().same(right.front())) return Agreement::agree;
  const std::string& first = left.front().plain;
  const std::string& other = right.front().plain;
  const bool initial =
      (first.size() == 1 && other.starts_with(first)) || (other.size() == 1 && first.starts_with(other));
  return initial ? Agreement::unknown : Agreement::disagree;
}

// One group of components.
Agreement compare_group(std::string_view a, std::string_view b) {
  if (a.find('^') == std::string_view::npos || b.find('^') == std::string_view::npos) return compare_words(a, b);
  const auto left = parts_of(a, '^');
  const auto right = parts_of(b, '^');
  const Folded family{left.at(0)};
  const Folded other{right.at(0)};
  if (family.empty() || other.empty()) return compare_words(a, b);
  if (!family.same(other)) return Agreement::disagree;
  return compare_given(left.at(1), right.at(1));
}

std::string_view group_of(std::string_view name, std::size_t which) {
  const auto groups = parts_of(name, '=');
  if (which >= groups.size()) return {};
  const auto group = trimmed(groups.at(which));
  return group.find_first_not_of("^ ") == std::string_view::npos ? std::string_view{} : group;
}

void add_field(PatientComparison& out, std::string_view field, Agreement agreement) {
  if (agreement == Agreement::disagree) out.disagreeing.push_back(field);
  if (agreement == Agreement::agree) out.confirmed = true;
}

Agreement compare_texts(std::string_view a, std::string_view b) {
  if (trimmed(a).empty() || trimmed(b).empty()) return Agreement::unknown;
  return trimmed(a) == trimmed(b) ? Agreement::agree : Agreement::disagree;
}

}  // namespace

PatientClaim claim_of(const Attributes& patient) {
  const auto text = [&](dicom::Tag tag) { return std::string{patient.value(tag)}; };
  return {text(tags::kPatientID), text(tags::kIssuerOfPatientID), text(tags::kPatientName),
          text(tags::kPatientBirthDate)};
}

Agreement compare_names(std::string_view a, std::string_view b) {
  constexpr std::array<std::size_t, 3> kOrder{1, 0, 2};  // ideographic, alphabetic, phonetic
  for (const std::size_t which : kOrder) {
    const auto left = group_of(a, which);
    const auto right = group_of(b, which);
    if (!left.empty() && !right.empty()) return compare_group(left, right);
  }
  return Agreement::unknown;
}

PatientComparison compare_patients(const PatientClaim& a, const PatientClaim& b) {
  PatientComparison out;
  out.same_id = !trimmed(a.id).empty() && trimmed(a.id) == trimmed(b.id);
  add_field(out, "issuer", compare_texts(a.issuer, b.issuer));
  add_field(out, "name", compare_names(a.name, b.name));
  add_field(out, "birth_date", compare_texts(a.birth_date, b.birth_date));
  return out;
}

}  // namespace aceso::archive
