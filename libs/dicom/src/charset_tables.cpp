#include "charset_tables.hpp"

#include <array>
#include <cerrno>
#include <cstdint>

namespace aceso::dicom {
namespace {

const iconv_t kNone =
    reinterpret_cast<iconv_t>(-1);  // NOLINT(performance-no-int-to-ptr): what iconv_open returns on failure

const char* encoding(CharsetTerm term) noexcept {
  switch (term) {
    case CharsetTerm::latin2:
      return "ISO-8859-2";
    case CharsetTerm::latin3:
      return "ISO-8859-3";
    case CharsetTerm::latin4:
      return "ISO-8859-4";
    case CharsetTerm::cyrillic:
      return "ISO-8859-5";
    case CharsetTerm::arabic:
      return "ISO-8859-6";
    case CharsetTerm::greek:
      return "ISO-8859-7";
    case CharsetTerm::hebrew:
      return "ISO-8859-8";
    case CharsetTerm::latin5:
      return "ISO-8859-9";
    case CharsetTerm::latin9:
      return "ISO-8859-15";
    case CharsetTerm::thai:
      return "TIS-620";
    case CharsetTerm::jis_x0208:
    case CharsetTerm::jis_x0212:
      return "EUC-JP";
    case CharsetTerm::ks_x1001:
      return "EUC-KR";
    case CharsetTerm::gb2312:
      return "EUC-CN";
    case CharsetTerm::gb18030:
      return "GB18030";
    case CharsetTerm::gbk:
      return "GBK";
    default:
      return "ISO-8859-1";
  }
}

// `in` whole, to at most 16 bytes; nullopt when it is no character.
std::optional<std::string> convert(iconv_t handle, std::string_view in) {
  if (handle == kNone) return std::nullopt;
  std::string source{in};
  std::array<char, 16> out{};
  char* from = source.data();
  char* to = out.data();
  std::size_t left = source.size();
  std::size_t room = out.size();
  iconv(handle, nullptr, nullptr, nullptr, nullptr);
  if (iconv(handle, &from, &left, &to, &room) != 0 || left != 0) return std::nullopt;
  return std::string{out.data(), out.size() - room};
}

using Upper = std::array<char32_t, 128>;

Upper make_upper(CharsetTerm term) {
  Upper table{};
  const iconv_t handle = iconv_open("UCS-4LE", encoding(term));
  for (unsigned byte = 0x80; byte < 0x100; ++byte) {
    const auto text = convert(handle, std::string(1, static_cast<char>(byte)));
    if (!text || text->size() != 4) continue;
    char32_t point = 0;
    for (std::size_t i = 4; i-- > 0;) point = point << 8 | static_cast<unsigned char>((*text)[i]);
    table[byte - 0x80] = point;
  }
  if (handle != kNone) iconv_close(handle);
  return table;
}

const Upper& upper_table(CharsetTerm term) {
  static const auto kTables = [] {
    std::array<Upper, 12> all{};
    for (std::size_t i = 1; i < all.size(); ++i) all[i] = make_upper(static_cast<CharsetTerm>(i));
    return all;
  }();
  static_assert(static_cast<std::size_t>(CharsetTerm::thai) == 11);
  return kTables[static_cast<std::size_t>(term)];
}

}  // namespace

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

char32_t upper_half(CharsetTerm term, unsigned byte) noexcept {
  if (term == CharsetTerm::jis_x0201) return byte >= 0xA1 && byte <= 0xDF ? 0xFF61 + (byte - 0xA1) : 0;
  if (term == CharsetTerm::ascii || term > CharsetTerm::thai || byte < 0x80) return 0;
  return upper_table(term)[byte - 0x80];
}

unsigned lower_half(CharsetTerm term, char32_t point) noexcept {
  if (point == 0) return 0;
  for (unsigned byte = 0x80; byte < 0x100; ++byte) {
    if (upper_half(term, byte) == point) return byte;
  }
  return 0;
}

std::string whole_to_utf8(CharsetTerm term, std::string_view text) {
  std::string out;
  const iconv_t handle = iconv_open("UTF-8", encoding(term));
  std::string source{text};
  char* from = source.data();
  std::size_t left = handle == kNone ? 0 : source.size();
  std::array<char, 1024> buffer{};
  while (left > 0) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t done = iconv(handle, &from, &left, &to, &room);
    out.append(buffer.data(), buffer.size() - room);
    if (done == static_cast<std::size_t>(-1) && errno != E2BIG) {
      out += "\xEF\xBF\xBD";
      ++from;
      --left;
    }
  }
  if (handle != kNone) iconv_close(handle);
  return out;
}

std::optional<std::string> whole_from_utf8(CharsetTerm term, std::string_view text) {
  const iconv_t handle = iconv_open(encoding(term), "UTF-8");
  if (handle == kNone) return std::nullopt;
  std::string source{text};
  std::string out(text.size() * 4 + 4, '\0');
  char* from = source.data();
  char* to = out.data();
  std::size_t left = source.size();
  std::size_t room = out.size();
  const bool ok = iconv(handle, &from, &left, &to, &room) == 0 && left == 0;
  iconv_close(handle);
  if (!ok) return std::nullopt;
  out.resize(out.size() - room);
  return out;
}

WideConverter::~WideConverter() {
  if (open_ != nullptr && open_ != kNone) iconv_close(open_);
}

iconv_t WideConverter::handle(CharsetTerm term, bool decode) {
  if (open_ != nullptr && term_ == term && decode_ == decode) return open_;
  if (open_ != nullptr && open_ != kNone) iconv_close(open_);
  open_ = decode ? iconv_open("UTF-8", encoding(term)) : iconv_open(encoding(term), "UTF-8");
  term_ = term;
  decode_ = decode;
  return open_;
}

std::optional<std::string> WideConverter::pair(CharsetTerm term, unsigned char first, unsigned char second) {
  std::string bytes;
  if (term == CharsetTerm::jis_x0212) bytes += '\x8F';
  bytes += static_cast<char>(first | 0x80U);
  bytes += static_cast<char>(second | 0x80U);
  return convert(handle(term, true), bytes);
}

std::string WideConverter::encode(CharsetTerm term, char32_t point) {
  std::string text;
  append_utf8(text, point);
  auto bytes = convert(handle(term, false), text);
  if (!bytes) return "";
  const bool three = bytes->size() == 3 && (*bytes)[0] == '\x8F';
  if (term == CharsetTerm::jis_x0212) {
    if (!three) return "";
    bytes->erase(0, 1);
  } else if (bytes->size() != 2 || (*bytes)[0] == '\x8E') {
    return "";
  }
  if (term == CharsetTerm::jis_x0208 || term == CharsetTerm::jis_x0212) {
    for (char& c : *bytes) c = static_cast<char>(c & 0x7F);
  }
  return *std::move(bytes);
}

}  // namespace aceso::dicom
