#include "aceso/dicom/charset.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "aceso/base/text.hpp"
#include "bytes.hpp"
#include "charset_tables.hpp"

namespace aceso::dicom {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct TermName {
  std::string_view name;  // upper case, without spaces, '-' and '_'
  CharsetTerm term;
};
constexpr TermName kTermNames[] = {
    {"", CharsetTerm::ascii},          {"IR6", CharsetTerm::ascii},       {"IR100", CharsetTerm::latin1},
    {"IR101", CharsetTerm::latin2},    {"IR109", CharsetTerm::latin3},    {"IR110", CharsetTerm::latin4},
    {"IR144", CharsetTerm::cyrillic},  {"IR127", CharsetTerm::arabic},    {"IR126", CharsetTerm::greek},
    {"IR138", CharsetTerm::hebrew},    {"IR148", CharsetTerm::latin5},    {"IR203", CharsetTerm::latin9},
    {"IR166", CharsetTerm::thai},      {"IR13", CharsetTerm::jis_x0201},  {"IR87", CharsetTerm::jis_x0208},
    {"IR159", CharsetTerm::jis_x0212}, {"IR149", CharsetTerm::ks_x1001},  {"IR58", CharsetTerm::gb2312},
    {"IR192", CharsetTerm::utf8},      {"GB18030", CharsetTerm::gb18030}, {"GBK", CharsetTerm::gbk},
    {"UTF8", CharsetTerm::utf8},       {"GB2312", CharsetTerm::gbk},      {"ISO88591", CharsetTerm::latin1},
    {"ASCII", CharsetTerm::ascii},     {"USASCII", CharsetTerm::ascii},   {"LATIN1", CharsetTerm::latin1},
};

std::optional<CharsetTerm> find_term(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (c != ' ' && c != '-' && c != '_' && c != '\0')
      name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  for (const std::string_view prefix : {"ISO2022IR", "ISOIR"}) {
    if (name.starts_with(prefix)) {
      name.erase(0, prefix.size() - 2);
      break;
    }
  }
  for (const auto& entry : kTermNames) {
    if (entry.name == name) return entry.term;
  }
  return std::nullopt;
}

bool is_whole(CharsetTerm term) noexcept {  // sets that escapes do not mix with
  return term == CharsetTerm::utf8 || term == CharsetTerm::gb18030 || term == CharsetTerm::gbk;
}
bool is_wide(CharsetTerm term) noexcept {
  return term == CharsetTerm::jis_x0208 || term == CharsetTerm::jis_x0212 || term == CharsetTerm::ks_x1001 ||
         term == CharsetTerm::gb2312;
}
// Sets that live in G0 (bytes below 0x80) when designated.
bool is_g0(CharsetTerm term) noexcept {
  return term == CharsetTerm::jis_x0208 || term == CharsetTerm::jis_x0212;
}

struct Escape {
  std::string_view bytes;  // after ESC
  bool g1;
  CharsetTerm term;
};
// PS3.3 tables C.12-3 and C.12-4.
constexpr Escape kEscapes[] = {
    {"(B", false, CharsetTerm::ascii},      {"(J", false, CharsetTerm::ascii},    {")I", true, CharsetTerm::jis_x0201},
    {"-A", true, CharsetTerm::latin1},      {"-B", true, CharsetTerm::latin2},    {"-C", true, CharsetTerm::latin3},
    {"-D", true, CharsetTerm::latin4},      {"-L", true, CharsetTerm::cyrillic},  {"-G", true, CharsetTerm::arabic},
    {"-F", true, CharsetTerm::greek},       {"-H", true, CharsetTerm::hebrew},    {"-M", true, CharsetTerm::latin5},
    {"-b", true, CharsetTerm::latin9},      {"-T", true, CharsetTerm::thai},      {"$B", false, CharsetTerm::jis_x0208},
    {"$(D", false, CharsetTerm::jis_x0212}, {"$)C", true, CharsetTerm::ks_x1001}, {"$)A", true, CharsetTerm::gb2312},
    {"$@", false, CharsetTerm::jis_x0208},
};
const Escape* find_escape(std::string_view after_esc) noexcept {
  for (const auto& escape : kEscapes) {
    if (after_esc.starts_with(escape.bytes)) return &escape;
  }
  return nullptr;
}

void append_valid_utf8(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto point = decode_utf8(text, at);
    if (!point) {
      out += kReplacement;
      ++at;
    } else {
      out += text.substr(at, point->bytes);
      at += point->bytes;
    }
  }
}

// ISO/IEC 2022 as PS3.5 6.1.2.5 restricts it: G0 for bytes below 0x80, G1 above, both back at their start after a
// delimiter.
class EscapeReader {
 public:
  EscapeReader(std::optional<CharsetTerm> g1, bool person_name) : initial_g1_{g1}, g1_{g1}, person_name_{person_name} {}

  std::string read(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) at += step(text.substr(at));
    return std::move(out_);
  }

 private:
  std::size_t step(std::string_view rest) {
    const auto byte = static_cast<unsigned char>(rest[0]);
    if (byte == 0x1B) {
      const Escape* escape = find_escape(rest.substr(1));
      if (escape == nullptr) {
        out_ += kReplacement;
        return 1;
      }
      if (escape->g1) {
        g1_ = escape->term;
      } else {
        g0_ = escape->term;
      }
      return 1 + escape->bytes.size();
    }
    if (byte < 0x80) return low(rest, byte);
    if (!g1_) return replace();
    if (is_wide(*g1_)) return wide(*g1_, rest);
    const char32_t point = upper_half(*g1_, byte);
    if (point == 0) return replace();
    append_utf8(out_, point);
    return 1;
  }
  std::size_t low(std::string_view rest, unsigned char byte) {
    if (is_g0(g0_) && byte > 0x20 && byte < 0x7F) return wide(g0_, rest);
    out_ += static_cast<char>(byte);
    if (byte == '\r' || byte == '\n' || byte == '\f' || byte == '\t' || byte == '\\' ||
        (person_name_ && (byte == '^' || byte == '='))) {
      g0_ = CharsetTerm::ascii;
      g1_ = initial_g1_;
    }
    return 1;
  }
  std::size_t wide(CharsetTerm term, std::string_view rest) {
    const auto second = static_cast<unsigned char>(rest.size() > 1 ? rest[1] : '\0');
    const auto first = static_cast<unsigned char>(rest[0]);
    if ((first < 0x80) != (second < 0x80) || (second & 0x7FU) < 0x21) return replace();
    const auto text = converter_.pair(term, first, second);
    if (!text) {
      out_ += kReplacement;
    } else {
      out_ += *text;
    }
    return 2;
  }
  std::size_t replace() {
    out_ += kReplacement;
    return 1;
  }

  std::optional<CharsetTerm> initial_g1_;
  std::optional<CharsetTerm> g1_;
  CharsetTerm g0_ = CharsetTerm::ascii;
  bool person_name_;
  WideConverter converter_;
  std::string out_;
};

std::string_view escape_of(CharsetTerm term) noexcept {
  for (const auto& escape : kEscapes) {
    if (escape.term == term) return escape.bytes;
  }
  return {};
}

// The bytes of one character in a set, without escapes; "" when it has none.
std::string encode_in(CharsetTerm term, char32_t point, WideConverter& converter) {
  if (point < 0x80) return term == CharsetTerm::ascii || !is_g0(term) ? std::string(1, static_cast<char>(point)) : "";
  if (term == CharsetTerm::ascii) return "";
  if (is_wide(term)) return converter.encode(term, point);
  const unsigned byte = lower_half(term, point);
  return byte == 0 ? "" : std::string(1, static_cast<char>(byte));
}

}  // namespace

Result<CharacterSet> CharacterSet::parse(std::string_view specific_character_set) {
  CharacterSet set;
  std::size_t count = 0;
  for (std::size_t start = 0; start <= specific_character_set.size();) {
    const std::size_t end = std::min(specific_character_set.find('\\', start), specific_character_set.size());
    const auto term = find_term(specific_character_set.substr(start, end - start));
    if (!term) return Error{Code::unsupported, "unknown Specific Character Set"};
    if (count < set.terms_.size()) set.terms_[count++] = *term;
    start = end + 1;
  }
  set.count_ = static_cast<std::uint8_t>(is_whole(set.terms_[0]) ? 1 : count);
  for (std::size_t i = set.count_; i < set.terms_.size(); ++i) set.terms_[i] = CharsetTerm::ascii;
  return set;
}

CharacterSet CharacterSet::parse_lenient(std::string_view specific_character_set) {
  if (auto set = parse(specific_character_set)) return *set;
  CharacterSet set;
  set.terms_[0] = CharsetTerm::latin1;
  return set;
}

CharacterSet CharacterSet::utf8() {
  CharacterSet set;
  set.terms_[0] = CharsetTerm::utf8;
  return set;
}

std::string CharacterSet::to_utf8(std::span<const std::byte> bytes, bool person_name) const {
  const std::string_view text = as_text(bytes);
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0 && c != 0x1B; });
  if (plain) return std::string{text};
  std::string out;
  const bool unnamed = count_ == 1 && first() == CharsetTerm::ascii && text.find('\x1B') == std::string_view::npos;
  if (first() == CharsetTerm::utf8 || (unnamed && is_valid_utf8(text))) {
    append_valid_utf8(out, text);
    return out;
  }
  if (is_whole(first())) return whole_to_utf8(first(), text);
  std::optional<CharsetTerm> g1;
  for (std::size_t i = 0; i < count_ && !g1;
       ++i) {  // senders forget the first escape: the first set with a G1 is meant
    if (terms_[i] != CharsetTerm::ascii && !is_g0(terms_[i])) g1 = terms_[i];
  }
  if (unnamed) g1 = CharsetTerm::latin1;
  return EscapeReader{g1, person_name}.read(text);
}

Result<std::string> CharacterSet::from_utf8(std::string_view text) const {
  const auto inexpressible = [] { return Error{Code::invalid, "text has a character that its set does not have"}; };
  if (!is_valid_utf8(text)) return Error{Code::invalid, "text is not UTF-8"};
  if (first() == CharsetTerm::utf8) return std::string{text};
  if (is_whole(first())) {
    auto bytes = whole_from_utf8(first(), text);
    if (!bytes) return inexpressible();
    return *std::move(bytes);
  }
  WideConverter converter;
  std::string out;
  CharsetTerm g0 = CharsetTerm::ascii;
  const CharsetTerm start = first();
  CharsetTerm g1 = start;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = *decode_utf8(text, at);
    at += point.bytes;
    if (point.value < 0x80) {
      if (g0 != CharsetTerm::ascii) out += "\x1B(B";
      g0 = CharsetTerm::ascii;
      out += static_cast<char>(point.value);
      if (point.value == '^' || point.value == '=' || point.value == '\\' || point.value < 0x20) g1 = start;
      continue;
    }
    std::string bytes = encode_in(is_g0(g0) ? g0 : g1, point.value, converter);
    for (std::size_t i = 0; i < count_ && bytes.empty(); ++i) {
      bytes = encode_in(terms_[i], point.value, converter);
      if (bytes.empty()) continue;
      (is_g0(terms_[i]) ? g0 : g1) = terms_[i];
      out += '\x1B';
      out += escape_of(terms_[i]);
    }
    if (bytes.empty()) return inexpressible();
    out += bytes;
  }
  if (g0 != CharsetTerm::ascii) out += "\x1B(B";
  return out;
}

std::string CharacterSet::to_value() const {
  std::string value;
  for (std::size_t i = 0; i < count_; ++i) {
    if (i > 0) value += '\\';
    const CharsetTerm term = terms_[i];
    if (term == CharsetTerm::gb18030 || term == CharsetTerm::gbk) {
      value += term == CharsetTerm::gbk ? "GBK" : "GB18030";
      continue;
    }
    if (term == CharsetTerm::ascii) continue;
    const auto* name = std::find_if(std::begin(kTermNames), std::end(kTermNames),
                                    [&](const TermName& entry) { return entry.term == term; });
    value += (count_ > 1 || is_wide(term) ? "ISO 2022 IR " : "ISO_IR ") + std::string{name->name.substr(2)};
  }
  return value;
}

}  // namespace aceso::dicom
