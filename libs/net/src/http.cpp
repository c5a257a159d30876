#include "aceso/net/http.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "head.hpp"
#include "prepare.hpp"
#include "uri.hpp"

namespace aceso::net {
namespace {

struct StatusOf {
  Code code;
  int status;
  std::string_view title;
};
constexpr std::array<StatusOf, 15> kStatus = {{
    {Code::invalid, 400, "The request is not valid"},
    {Code::not_found, 404, "Not found"},
    {Code::exists, 409, "It exists already"},
    {Code::denied, 403, "Not allowed"},
    {Code::unauthenticated, 401, "Sign in first"},
    {Code::conflict, 409, "Changed meanwhile"},
    {Code::precondition, 412, "A precondition is not met"},
    {Code::exhausted, 429, "Too much at once"},
    {Code::too_large, 413, "Too large"},
    {Code::unsupported, 415, "Not supported"},
    {Code::cancelled, 503, "Cancelled"},
    {Code::timeout, 504, "Took too long"},
    {Code::unavailable, 503, "Not available now"},
    {Code::data_loss, 500, "Stored data is damaged"},
    {Code::internal, 500, "Internal error"},
}};

const StatusOf& row(Code code) noexcept {
  for (const StatusOf& r : kStatus) {
    if (r.code == code) return r;
  }
  return kStatus.back();
}

std::string clean(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  return out;
}

}  // namespace

std::string_view to_string(Method method) noexcept {
  static constexpr std::array<std::string_view, 7> kNames = {"GET",   "HEAD",   "POST",   "PUT",
                                                             "PATCH", "DELETE", "OPTIONS"};
  return kNames[static_cast<std::size_t>(method)];
}

int http_status(Code code) noexcept {
  return row(code).status;
}

Code code_of_status(int status) noexcept {
  switch (status) {
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::denied;
    case 404:
      return Code::not_found;
    case 408:
    case 504:
      return Code::timeout;
    case 409:
      return Code::conflict;
    case 412:
      return Code::precondition;
    case 413:
    case 414:
    case 431:
      return Code::too_large;
    case 405:
    case 415:
    case 501:
    case 505:
      return Code::unsupported;
    case 429:
      return Code::exhausted;
    case 502:
    case 503:
      return Code::unavailable;
    default:
      return status >= 400 && status < 500 ? Code::invalid : Code::internal;
  }
}

void Headers::set(std::string_view name, std::string_view value) {
  std::string cleaned = clean(value);
  const auto same = [&](const auto& f) { return iequals(f.first, name); };
  const auto first = std::find_if(fields_.begin(), fields_.end(), same);
  if (first == fields_.end()) {
    fields_.emplace_back(clean(name), std::move(cleaned));
    return;
  }
  first->second = std::move(cleaned);
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

void Headers::add(std::string_view name, std::string_view value) {
  fields_.emplace_back(clean(name), clean(value));
}

std::string_view Headers::get(std::string_view name) const noexcept {
  for (const auto& [n, v] : fields_) {
    if (iequals(n, name)) return v;
  }
  return {};
}

bool Headers::has(std::string_view name) const noexcept {
  return std::any_of(fields_.begin(), fields_.end(), [&](const auto& f) { return iequals(f.first, name); });
}

Result<std::string> BodyReader::read_all(std::size_t limit) {
  std::string out;
  std::array<std::byte, 16 * 1024> piece;
  while (true) {
    ACESO_TRY(const std::size_t n, read(piece));
    if (n == 0) return out;
    if (n > limit - out.size())
      return Error{Code::too_large, "the body is larger than " + std::to_string(limit) + " bytes"};
    out.append(reinterpret_cast<const char*>(piece.data()), n);
  }
}

std::string_view Request::param(std::string_view name) const noexcept {
  for (const auto& [n, v] : path_params) {
    if (n == name) return v;
  }
  return {};
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  for (const auto& [n, v] : query) {
    if (n == name) return v;
  }
  return std::nullopt;
}

Result<std::int64_t> Request::query_integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                                            std::int64_t max) const {
  const auto text = query_value(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < min || value > max) {
    return Error{Code::invalid, "query parameter '" + std::string{name} + "' must be a whole number from " +
                                    std::to_string(min) + " to " + std::to_string(max)};
  }
  return value;
}

// RFC 6265 4.2.1: name=value pairs separated by "; ".
std::string_view Request::cookie(std::string_view name) const noexcept {
  for (const auto& [field, value] : headers.all()) {
    if (!iequals(field, "Cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
      if (pair.size() > name.size() && pair[name.size()] == '=' && pair.substr(0, name.size()) == name)
        return pair.substr(name.size() + 1);
    }
  }
  return {};
}

Result<Json> Request::json(std::size_t limit) {
  const std::string_view type = headers.get("Content-Type");
  std::string_view media = type.substr(0, std::min(type.find(';'), type.size()));
  while (!media.empty() && media.back() == ' ') media.remove_suffix(1);
  if (!iequals(media, "application/json")) return Error{Code::unsupported, "the body must be application/json"};
  ACESO_TRY(const std::string text, body->read_all(limit));
  return parse_json(text, JsonLimits{.bytes = limit});
}

Response Response::json(const Json& value, int status) {
  Response out = text(value.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json", status);
  out.headers.set("Cache-Control", "no-store");
  return out;
}

Response Response::text(std::string body, std::string_view content_type, int status) {
  Response out;
  out.status = status;
  out.headers.set("Content-Type", content_type);
  out.body = std::move(body);
  return out;
}

Response Response::file(std::filesystem::path path, std::string_view content_type) {
  Response out;
  out.body = FileBody{std::move(path), std::string{content_type}, {}};
  return out;
}

Response Response::no_content() {
  Response out;
  out.status = 204;
  return out;
}

Response Response::problem(const Error& error, std::string_view request_id) {
  return problem_with_status(error, row(error.code()).status, request_id);
}

Response problem_with_status(const Error& error, int status, std::string_view request_id) {
  const StatusOf& what = row(error.code());
  Json body = Json::object();
  body["type"] = "about:blank";
  body["title"] = status == what.status ? what.title : reason(status);
  body["status"] = status;
  // What went wrong inside stays in the log, under the request id.
  body["detail"] = error.code() == Code::internal ? std::string{"see the log of the node"} : error.message();
  body["code"] = to_string(error.code());
  body["request_id"] = request_id;
  Response out =
      Response::text(body.dump(-1, ' ', false, Json::error_handler_t::replace), "application/problem+json", status);
  out.headers.set("Cache-Control", "no-store");
  return out;
}

}  // namespace aceso::net
