#include "text.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace aceso::privacy {
namespace {

constexpr std::string_view kVocabulary[] = {
#include "vocabulary.inc"
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {  // bytes of characters beyond ASCII belong to words
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Dates and telephone numbers are one word.
bool joins_digits(std::string_view text, std::size_t at) {
  const bool sign = text[at] == '-' || text[at] == '/' || text[at] == ':';
  return sign && at > 0 && at + 1 < text.size() && is_digit(text[at - 1]) && is_digit(text[at + 1]);
}

template <class Use>
void for_each_word(std::string_view text, Use use) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is_word(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && (is_word(text[end]) || joins_digits(text, end))) ++end;
    use(text.substr(at, end - at));
    at = end;
  }
}

bool may_stay(std::string_view word) {
  if (std::ranges::all_of(word, is_digit)) return word.size() <= 3;
  const std::string known = lower(word);
  return std::binary_search(std::begin(kVocabulary), std::end(kVocabulary), std::string_view{known});
}

}  // namespace

std::string clean_text(std::string_view utf8) {
  std::string out;
  for_each_word(utf8, [&](std::string_view word) {
    if (!may_stay(word)) return;
    if (!out.empty()) out += ' ';
    out += word;
  });
  return out;
}

void Identities::add_name(std::string_view utf8) {
  for_each_word(utf8, [this](std::string_view word) {
    const bool ascii = std::ranges::all_of(word, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (word.size() < 3) return;
    if (ascii && may_stay(word)) return;  // "Cross^Section": would empty half the object
    add_value(word);
  });
}

void Identities::add_value(std::string_view utf8) {
  const std::string value = lower(utf8);
  const bool digits = std::ranges::all_of(value, is_digit);
  if (value.size() < (digits ? 5U : 3U)) return;
  (value.size() < 6 ? words_ : parts_).insert(value);
}

bool Identities::found_in(std::string_view utf8) const {
  const std::string text = lower(utf8);
  for (const std::string& part : parts_) {
    if (text.find(part) != std::string::npos) return true;
  }
  bool found = false;
  if (!words_.empty()) for_each_word(text, [&](std::string_view word) { found = found || words_.contains(word); });
  return found;
}

}  // namespace aceso::privacy
