#include "multipart.hpp"

#include <algorithm>
#include <array>

namespace aceso::models {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

// RFC 2046 5.1.1: 1 to 70 of these, not ending with a space.
bool good_boundary(std::string_view b) {
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view{"'()+_,-./:=? "}.find(c) != std::string_view::npos;
  };
  return !b.empty() && b.size() <= 70 && b.back() != ' ' && std::all_of(b.begin(), b.end(), allowed);
}

// One parameter "name=value" or name="quoted" from the front of `rest`; the rest moves past the next ';'.
std::optional<std::pair<std::string_view, std::string>> take_parameter(std::string_view& rest) {
  const std::size_t eq = rest.find('=');
  if (eq == std::string_view::npos) return std::nullopt;
  const std::string_view name = trim(rest.substr(0, eq));
  rest = trim(rest.substr(eq + 1));
  std::string value;
  if (!rest.empty() && rest.front() == '"') {
    std::size_t i = 1;
    for (; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      value.push_back(rest[i]);
    }
    if (i >= rest.size()) return std::nullopt;
    rest = trim(rest.substr(i + 1));
  } else {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    value = trim(rest.substr(0, end));
    rest = rest.substr(end);
  }
  if (!rest.empty() && rest.front() != ';') return std::nullopt;
  if (!rest.empty()) rest = trim(rest.substr(1));
  return std::pair{name, std::move(value)};
}

}  // namespace

std::optional<std::string> header_parameter(std::string_view value, std::string_view name) {
  const std::size_t start = value.find(';');
  if (start == std::string_view::npos) return std::nullopt;
  std::string_view rest = trim(value.substr(start + 1));
  while (!rest.empty()) {
    auto parameter = take_parameter(rest);
    if (!parameter) return std::nullopt;
    if (same_word(parameter->first, name)) return std::move(parameter->second);
  }
  return std::nullopt;
}

std::string media_type(std::string_view value) {
  std::string out{trim(value.substr(0, value.find(';')))};
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

Result<MultipartReader> MultipartReader::open(std::string_view content_type, net::BodyReader& body) {
  if (media_type(content_type) != "multipart/form-data")
    return Error{Code::unsupported, "multipart/form-data is expected"};
  const auto boundary = header_parameter(content_type, "boundary");
  if (!boundary || !good_boundary(*boundary))
    return Error{Code::invalid, "multipart: the boundary is missing or malformed"};
  return MultipartReader{"\r\n--" + *boundary, body};
}

Status MultipartReader::fill() {
  std::array<std::byte, 16384> piece;
  ACESO_TRY(const std::size_t n, body_->read(piece));
  if (n == 0) ended_ = true;
  buffer_.append(reinterpret_cast<const char*>(piece.data()), n);
  return {};
}

Result<std::string> MultipartReader::take_line() {
  for (;;) {
    const std::size_t end = buffer_.find("\r\n");
    if (end != std::string::npos && end <= kMaxHeader) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return line;
    }
    if (buffer_.size() > kMaxHeader) return Error{Code::too_large, "multipart: a header is too long"};
    if (ended_) return Error{Code::invalid, "multipart: the body ends too early"};
    ACESO_TRY_OK(fill());
  }
}

Result<MultipartReader::Part> MultipartReader::part_header() {
  Part part;
  std::size_t total = 0;
  for (;;) {
    ACESO_TRY(const std::string line, take_line());
    if (line.empty()) break;
    total += line.size();
    if (total > kMaxHeader) return Error{Code::too_large, "multipart: a header is too long"};
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return Error{Code::invalid, "multipart: malformed header"};
    const std::string_view name = std::string_view{line}.substr(0, colon);
    const std::string_view value = trim(std::string_view{line}.substr(colon + 1));
    if (same_word(name, "content-disposition")) {
      if (media_type(value) != "form-data") return Error{Code::invalid, "multipart: form-data is expected"};
      part.name = header_parameter(value, "name").value_or("");
      part.file = header_parameter(value, "filename").has_value();
    } else if (same_word(name, "content-type")) {
      part.content_type = media_type(value);
    }
  }
  if (part.name.empty()) return Error{Code::invalid, "multipart: a part has no name"};
  return part;
}

Result<std::optional<MultipartReader::Part>> MultipartReader::next() {
  std::array<std::byte, 4096> skipped;
  if (parts_ == 0) in_part_ = true;  // what stands before the first delimiter is no part
  while (in_part_) {
    if (auto n = read(skipped); !n) return std::move(n).error();
  }
  if (last_) return std::optional<Part>{};
  if (++parts_ > kMaxParts)
    return Error{Code::too_large, "multipart: more than " + std::to_string(kMaxParts) + " parts"};
  ACESO_TRY(Part part, part_header());
  in_part_ = true;
  buffer_.insert(0, "\r\n");  // an empty part's delimiter begins with the CRLF of the header's last line
  skip_ = 2;
  return std::optional<Part>{std::move(part)};
}

Result<std::size_t> MultipartReader::read(std::span<std::byte> out) {
  if (!in_part_ || out.empty()) return std::size_t{0};
  for (;;) {
    const std::size_t at = buffer_.find(delimiter_);
    if (at == std::string::npos) {
      // Everything but a possible beginning of the delimiter is content.
      const std::size_t safe = buffer_.size() > delimiter_.size() ? buffer_.size() - delimiter_.size() : 0;
      if (safe > skip_) return take(out, safe);
      if (ended_) return Error{Code::invalid, "multipart: the body ends too early"};
      ACESO_TRY_OK(fill());
      continue;
    }
    if (at > skip_) return take(out, at);
    // At the delimiter: two more bytes say whether it is the last.
    while (buffer_.size() < at + delimiter_.size() + 2 && !ended_) ACESO_TRY_OK(fill());
    const std::string_view after = std::string_view{buffer_}.substr(at + delimiter_.size());
    if (after.starts_with("--")) {
      last_ = true;
    } else if (!after.starts_with("\r\n")) {
      return Error{Code::invalid, "multipart: malformed delimiter"};
    }
    buffer_.erase(0, at + delimiter_.size() + 2);
    skip_ = 0;
    in_part_ = false;
    return std::size_t{0};
  }
}

std::size_t MultipartReader::take(std::span<std::byte> out, std::size_t end) {
  const std::size_t n = std::min(out.size(), end - skip_);
  std::transform(buffer_.begin() + static_cast<std::ptrdiff_t>(skip_),
                 buffer_.begin() + static_cast<std::ptrdiff_t>(skip_ + n), out.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  buffer_.erase(0, skip_ + n);
  skip_ = 0;
  return n;
}

Result<std::string> MultipartReader::read_all(std::size_t limit) {
  std::string out;
  std::array<std::byte, 16384> piece;
  for (;;) {
    ACESO_TRY(const std::size_t n, read(piece));
    if (n == 0) return out;
    if (out.size() + n > limit)
      return Error{Code::too_large, "multipart: a part is larger than " + std::to_string(limit) + " bytes"};
    out.append(reinterpret_cast<const char*>(piece.data()), n);
  }
}

}  // namespace aceso::models
