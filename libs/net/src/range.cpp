#include "range.hpp"

#include <algorithm>

#include "head.hpp"
#include "http_date.hpp"

namespace aceso::net {
namespace {

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view opaque(std::string_view etag) noexcept {
  return etag.substr(0, 2) == "W/" ? etag.substr(2) : etag;
}

}  // namespace

RangeAnswer parse_range(std::string_view field, std::uint64_t size) noexcept {
  using Kind = RangeAnswer::Kind;
  if (field.size() < 7 || !iequals(field.substr(0, 6), "bytes=")) return {};
  const std::string_view spec = trim(field.substr(6));
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return {};
  const auto first = parse_digits(spec.substr(0, dash));
  const auto last = parse_digits(spec.substr(dash + 1));
  if (dash == 0) {
    if (!last) return {};
    if (*last == 0 || size == 0) return {Kind::unsatisfiable, 0, 0};
    return {Kind::part, size - std::min(*last, size), size - 1};
  }
  if (!first || (!last && dash + 1 < spec.size()) || (last && *last < *first)) return {};
  if (*first >= size) return {Kind::unsatisfiable, 0, 0};
  return {Kind::part, *first, last ? std::min(*last, size - 1) : size - 1};
}

bool etag_listed(std::string_view list, std::string_view etag) noexcept {
  if (etag.empty()) return false;
  if (trim(list) == "*") return true;
  while (!list.empty()) {
    list = trim(list);
    const std::size_t quote = list.find('"');
    const std::size_t close = quote == std::string_view::npos ? quote : list.find('"', quote + 1);
    if (close == std::string_view::npos) return false;
    if (opaque(trim(list.substr(0, close + 1))) == opaque(etag)) return true;
    list.remove_prefix(close + 1);
    list = trim(list);
    if (!list.empty() && list.front() == ',') list.remove_prefix(1);
  }
  return false;
}

bool not_modified(const Headers& request, std::string_view etag, std::string_view last_modified) {
  if (request.has("If-None-Match")) return etag_listed(request.get("If-None-Match"), etag);
  const auto since = parse_http_date(request.get("If-Modified-Since"));
  const auto changed = parse_http_date(last_modified);
  return since && changed && *changed <= *since;
}

bool if_range_holds(const Headers& request, std::string_view etag, std::string_view last_modified) {
  const std::string_view field = request.get("If-Range");
  if (field.empty()) return true;
  if (field.front() == '"') return field == etag;
  return !last_modified.empty() && field == last_modified;
}

}  // namespace aceso::net
