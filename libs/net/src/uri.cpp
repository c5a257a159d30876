#include "uri.hpp"

#include <cstddef>
#include <cstdint>

namespace aceso::net {
namespace {

constexpr std::size_t kMaxPairs = 256;

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the well-formed sequence at `at` (Unicode 15, table 3-7), 0 when there is none.
std::size_t utf8_sequence(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : 0U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

}  // namespace

bool valid_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = utf8_sequence(text, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Error{Code::invalid, "bad percent escape"};
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

Result<std::string> decode_path(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return Error{Code::invalid, "the path must start with a slash"};
  std::string out;
  for (std::size_t begin = 1; begin <= raw.size();) {
    const std::size_t end = std::min(raw.find('/', begin), raw.size());
    const Result<std::string> decoded = percent_decode(raw.substr(begin, end - begin), false);
    if (!decoded) return decoded.error();
    const std::string& part = *decoded;
    if (part == "..") return Error{Code::invalid, "the path has a '..' segment"};
    for (const char c : part) {
      if (c == '/' || c == '\\') return Error{Code::invalid, "the path has an encoded slash or a backslash"};
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
        return Error{Code::invalid, "the path has a control character"};
    }
    if (part != ".") {
      out += '/';
      out += part;
    } else if (end == raw.size()) {
      out += '/';
    }
    begin = end + 1;
  }
  if (!valid_utf8(out)) return Error{Code::invalid, "the path is not UTF-8"};
  return out;
}

Result<QueryList> decode_query(std::string_view raw) {
  QueryList out;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    if (out.size() == kMaxPairs) return Error{Code::invalid, "too many query parameters"};
    const std::size_t equals = std::min(pair.find('='), pair.size());
    ACESO_TRY(std::string name, percent_decode(pair.substr(0, equals), true));
    ACESO_TRY(std::string value,
              percent_decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view{}, true));
    if (!valid_utf8(name) || !valid_utf8(value)) return Error{Code::invalid, "the query is not UTF-8"};
    if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
      return Error{Code::invalid, "the query has a NUL"};
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

}  // namespace aceso::net
