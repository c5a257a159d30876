#include "head.hpp"

#include <algorithm>
#include <array>

#include "uri.hpp"

namespace aceso::net {
namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool token_char(char c) noexcept {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Refusal refuse(int status, Code code, std::string detail) {
  return Refusal{status, Error{code, std::move(detail)}};
}
Refusal malformed(std::string detail) {
  return refuse(400, Code::invalid, std::move(detail));
}

// All lines end with CRLF; a lone CR or LF is an error (RFC 9112 2.2 lets a server be lenient; this one is not).
struct Lines {
  std::string_view rest;
  bool bad = false;

  std::optional<std::string_view> next() {
    const std::size_t end = rest.find_first_of("\r\n");
    if (end == std::string_view::npos || rest.substr(end, 2) != "\r\n") {
      bad = true;
      return std::nullopt;
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty()) return std::nullopt;
    return line;
  }
};

std::size_t count(const Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(headers.all().begin(), headers.all().end(), [&](const auto& f) { return iequals(f.first, name); }));
}

// Host = uri-host [":" port]: no user name, no path, no white space (RFC 9110 7.2).
bool valid_host(std::string_view host) noexcept {
  return std::none_of(host.begin(), host.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F ||
           std::string_view{"@/\\?#<>\"{}|^`,"}.find(c) != std::string_view::npos;
  });
}

std::optional<Refusal> read_framing(RequestHead& out) {
  const std::size_t encodings = count(out.headers, "Transfer-Encoding");
  const std::size_t lengths = count(out.headers, "Content-Length");
  if (encodings > 0) {
    if (lengths > 0) return malformed("both Transfer-Encoding and Content-Length");
    if (out.http10) return malformed("Transfer-Encoding in HTTP/1.0");
    if (encodings > 1 || !iequals(out.headers.get("Transfer-Encoding"), "chunked"))
      return refuse(501, Code::unsupported, "the only transfer coding is one 'chunked'");
    out.chunked = true;
    return std::nullopt;
  }
  for (const auto& [name, value] : out.headers.all()) {
    if (!iequals(name, "Content-Length")) continue;
    const auto length = parse_digits(value);
    if (!length) return malformed("Content-Length is not a number");
    if (out.content_length && *out.content_length != *length) return malformed("differing Content-Length fields");
    out.content_length = length;
  }
  return std::nullopt;
}

std::optional<Refusal> read_hosts_and_options(RequestHead& out) {
  const std::size_t hosts = count(out.headers, "Host");
  if (hosts > 1 || (hosts == 0 && !out.http10)) return malformed("exactly one Host field is needed");
  if (hosts == 1 && !valid_host(out.headers.get("Host"))) return malformed("malformed Host");
  const std::string_view connection = out.headers.get("Connection");
  out.keep_alive = !out.http10 && !list_has(connection, "close");
  if (const auto expect = out.headers.get("Expect"); !expect.empty()) {
    if (!iequals(expect, "100-continue")) return refuse(417, Code::unsupported, "the only expectation is 100-continue");
    out.expect_continue = !out.http10;
  }
  out.upgrade_websocket = !out.http10 && out.method == Method::get && list_has(connection, "upgrade") &&
                          iequals(out.headers.get("Upgrade"), "websocket");
  return std::nullopt;
}

// The path and query of an origin-form target; absolute-form is reduced to it when its authority is the Host (RFC
// 9112 3.2.2).
std::optional<Refusal> read_target(std::string_view target, RequestHead& out) {
  if (target == "*") {
    if (out.method != Method::options) return malformed("the target '*' is for OPTIONS");
    out.path.assign(1, '*');
    return std::nullopt;
  }
  if (target.empty()) return malformed("empty request target");
  if (target.front() != '/') {
    const std::size_t scheme =
        iequals(target.substr(0, 7), "http://") ? 7 : (iequals(target.substr(0, 8), "https://") ? 8 : 0);
    if (scheme == 0) return malformed("the target must be a path");
    const std::size_t slash = std::min(target.find_first_of("/?", scheme), target.size());
    if (!iequals(target.substr(scheme, slash - scheme), out.headers.get("Host")))
      return refuse(421, Code::invalid, "the target is for another host");
    target.remove_prefix(slash);
    if (target.empty() || target.front() != '/') return malformed("the target must have a path");
  }
  if (target.find('#') != std::string_view::npos) return malformed("the target has a fragment");
  const std::size_t question = std::min(target.find('?'), target.size());
  auto path = decode_path(target.substr(0, question));
  if (!path) return Refusal{400, std::move(path).error()};
  auto query = decode_query(question < target.size() ? target.substr(question + 1) : std::string_view{});
  if (!query) return Refusal{400, std::move(query).error()};
  out.path = *std::move(path);
  out.query = *std::move(query);
  return std::nullopt;
}

std::optional<Refusal> read_request_line(std::string_view line, const HeadLimits& limits, std::string_view& target,
                                         RequestHead& out) {
  if (line.size() > limits.request_line) return refuse(414, Code::too_large, "the request line is too long");
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return malformed("malformed request line");
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  target = line.substr(first + 1, last - first - 1);
  if (!is_token(method)) return malformed("malformed method");
  if (std::any_of(target.begin(), target.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F;
      }))
    return malformed("malformed request target");
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || version[6] != '.')
    return malformed("malformed protocol version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return refuse(505, Code::unsupported, "only versions 1.0 and 1.1 are spoken here");
  out.http10 = version == "HTTP/1.0";
  const auto* const found = std::find(kMethods.begin(), kMethods.end(), method);
  if (found == kMethods.end()) return refuse(501, Code::unsupported, "unknown method");
  out.method = static_cast<Method>(found - kMethods.begin());
  return std::nullopt;
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), token_char);
}

bool iequals(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool list_has(std::string_view field, std::string_view token) noexcept {
  while (!field.empty()) {
    const std::size_t comma = std::min(field.find(','), field.size());
    if (iequals(trim(field.substr(0, comma)), token)) return true;
    field.remove_prefix(std::min(comma + 1, field.size()));
  }
  return false;
}

std::optional<std::uint64_t> parse_digits(std::string_view text) noexcept {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::size_t find_head_end(std::string_view data, std::size_t& from) noexcept {
  const std::size_t at = data.find("\r\n\r\n", from);
  if (at != std::string_view::npos) return at + 4;
  // A head with bare line feeds would never end: hand it on, so that it is refused at once.
  const std::size_t bare = data.find("\n\n", from);
  if (bare != std::string_view::npos) return bare + 2;
  from = data.size() > 3 ? data.size() - 3 : 0;
  return 0;
}

Status parse_field_line(std::string_view line, Headers& out) {
  if (line.front() == ' ' || line.front() == '\t') return Error{Code::invalid, "folded header field"};
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Error{Code::invalid, "header field without colon"};
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return Error{Code::invalid, "malformed header field name"};
  const std::string_view value = trim(line.substr(colon + 1));
  for (const char c : value) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F)
      return Error{Code::invalid, "control character in a header field"};
  }
  out.add(name, value);
  return {};
}

bool forbidden_in_trailer(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 15> kNames = {
      "Transfer-Encoding", "Content-Length", "Host",          "Connection", "Trailer",          "TE",
      "Upgrade",           "Expect",         "Authorization", "Cookie",     "Content-Encoding", "Content-Type",
      "Content-Range",     "Range",          "X-CSRF-Token"};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view n) { return iequals(n, name); });
}

std::optional<Refusal> parse_request_head(std::string_view head, const HeadLimits& limits, RequestHead& out) {
  if (head.size() > limits.bytes) return refuse(431, Code::too_large, "the request head is too large");
  Lines lines{head};
  const auto first = lines.next();
  if (!first) return malformed("malformed request line");
  std::string_view target;
  if (auto r = read_request_line(*first, limits, target, out)) return r;
  std::size_t fields = 0;
  while (const auto line = lines.next()) {
    if (++fields > limits.fields) return refuse(431, Code::too_large, "too many header fields");
    if (auto s = parse_field_line(*line, out.headers); !s) return Refusal{400, std::move(s).error()};
  }
  if (lines.bad || !lines.rest.empty()) return malformed("bare CR or LF in the request head");
  if (auto r = read_framing(out)) return r;
  if (auto r = read_hosts_and_options(out)) return r;
  return read_target(target, out);
}

Result<ResponseHead> parse_response_head(std::string_view head, const HeadLimits& limits) {
  ResponseHead out;
  Lines lines{head};
  const auto first = lines.next();
  if (!first || first->size() < 12 || (first->substr(0, 9) != "HTTP/1.1 " && first->substr(0, 9) != "HTTP/1.0 "))
    return Error{Code::invalid, "malformed status line"};
  const auto status = parse_digits(first->substr(9, 3));
  if (!status || *status < 100 || (first->size() > 12 && (*first)[12] != ' '))
    return Error{Code::invalid, "malformed status line"};
  out.status = static_cast<int>(*status);
  std::size_t fields = 0;
  while (const auto line = lines.next()) {
    if (++fields > limits.fields) return Error{Code::too_large, "too many header fields"};
    ACESO_TRY_OK(parse_field_line(*line, out.headers));
  }
  if (lines.bad || !lines.rest.empty()) return Error{Code::invalid, "bare CR or LF in the response head"};
  out.keep_alive = first->substr(0, 9) == "HTTP/1.1 " && !list_has(out.headers.get("Connection"), "close");
  RequestHead framing;
  framing.headers = out.headers;
  if (auto r = read_framing(framing)) return std::move(r->error);
  out.chunked = framing.chunked;
  out.content_length = framing.content_length;
  return out;
}

}  // namespace aceso::net
