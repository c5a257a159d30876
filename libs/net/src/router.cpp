#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "aceso/base/id.hpp"
#include "aceso/net/http.hpp"
#include "head.hpp"
#include "prepare.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kMaxSegments = 32;
constexpr std::size_t kUnknownBody = 64 * 1024;  // read and dropped before a 404 or 405

// "/a/b/" has the parts a, b and "". nullopt-like: an empty result for more than kMaxSegments parts or a path without
// leading slash.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  if (path.empty() || path.front() != '/') return out;
  out.reserve(8);
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (out.size() == kMaxSegments) return {};
    out.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

[[noreturn]] void broken_pattern(std::string_view pattern, std::string_view why) {
  std::fprintf(stderr, "route %.*s: %.*s\n", static_cast<int>(pattern.size()), pattern.data(),
               static_cast<int>(why.size()), why.data());
  std::abort();
}

Response problem_405(const Request& request, const std::vector<Method>& allowed) {
  std::string list;
  for (const Method m : allowed) list += (list.empty() ? "" : ", ") + std::string{to_string(m)};
  Response out;
  if (request.method == Method::options) {
    out.status = 204;
  } else {
    out = problem_with_status(Error{Code::unsupported, "the method is not allowed here"}, 405, request.request_id);
  }
  out.headers.set("Allow", list);
  return out;
}

}  // namespace

std::vector<Router::Segment> Router::compile(std::string_view pattern) {
  std::vector<Segment> out;
  for (const std::string_view part : split(pattern)) {
    if (part.size() < 2 || part.front() != '{' || part.back() != '}') {
      out.push_back({Segment::Kind::literal, std::string{part}});
      continue;
    }
    std::string_view name = part.substr(1, part.size() - 2);
    Segment::Kind kind = Segment::Kind::any;
    if (name.size() > 3 && name.substr(name.size() - 3) == "...") {
      kind = Segment::Kind::rest;
      name.remove_suffix(3);
    } else if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
      const std::string_view type = name.substr(colon + 1);
      if (type != "int" && type != "uuid") broken_pattern(pattern, "unknown parameter type");
      kind = type == "int" ? Segment::Kind::integer : Segment::Kind::uuid;
      name = name.substr(0, colon);
    }
    out.push_back({kind, std::string{name}});
  }
  if (out.empty()) broken_pattern(pattern, "must start with a slash and have at most 32 parts");
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i].kind == Segment::Kind::rest) broken_pattern(pattern, "'...' must come last");
  }
  return out;
}

bool Router::fits(const Segment& segment, std::string_view part) {
  switch (segment.kind) {
    case Segment::Kind::literal:
      return segment.text == part;
    case Segment::Kind::integer:
      return parse_digits(part).has_value();
    case Segment::Kind::uuid:
      return part.size() == 36 && Uuid::parse(part).ok();
    case Segment::Kind::any:
      return !part.empty();
    case Segment::Kind::rest:
      return true;
  }
  return false;
}

bool Router::matches(const std::vector<Segment>& segments, std::span<const std::string_view> parts) {
  const bool rest = segments.back().kind == Segment::Kind::rest;
  if (rest ? parts.size() < segments.size() : parts.size() != segments.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!fits(segments[i], parts[i])) return false;
  }
  return true;
}

void Router::add(Method method, std::string_view pattern, RouteInfo info, Handler handler) {
  std::vector<Segment> segments = compile(pattern);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const bool same = routes_[i].method == method &&
                      std::equal(segments.begin(), segments.end(), segments_[i].begin(), segments_[i].end(),
                                 [](const Segment& a, const Segment& b) {
                                   return a.kind == b.kind && (a.kind != Segment::Kind::literal || a.text == b.text);
                                 });
    if (same) broken_pattern(pattern, "added twice");
  }
  routes_.push_back({method, std::string{pattern}, std::move(info), std::move(handler)});
  segments_.push_back(std::move(segments));
}

// The most specific route: at the first part where two differ, the kind that stands first in Segment::Kind wins.
const Router::Route* Router::best(Method method, std::span<const std::string_view> parts, std::size_t& index) const {
  const Route* found = nullptr;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (routes_[i].method != method || !matches(segments_[i], parts)) continue;
    if (found != nullptr) {
      const auto& a = segments_[i];
      const auto& b = segments_[index];
      const bool better = std::lexicographical_compare(
          a.begin(), a.end(), b.begin(), b.end(), [](const Segment& x, const Segment& y) { return x.kind < y.kind; });
      if (!better) continue;
    }
    found = &routes_[i];
    index = i;
  }
  return found;
}

const Router::Route* Router::find(Method method, std::string_view path) const {
  const auto parts = split(path);
  if (parts.empty()) return nullptr;
  std::size_t index = 0;
  const Route* route = best(method, parts, index);
  if (route == nullptr && method == Method::head) route = best(Method::get, parts, index);
  return route;
}

Result<const Router::Route*> Router::match(Request& request, std::vector<Method>& allowed) const {
  const auto parts = split(request.path);
  allowed.clear();
  if (parts.empty()) return Error{Code::not_found, "there is nothing here"};
  std::size_t index = 0;
  const Route* route = best(request.method, parts, index);
  if (route == nullptr && request.method == Method::head) route = best(Method::get, parts, index);
  if (route == nullptr) {
    for (const Method m :
         {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del, Method::options}) {
      std::size_t ignored = 0;
      const bool direct = best(m, parts, ignored) != nullptr;
      if (direct || (m == Method::head && best(Method::get, parts, ignored) != nullptr)) allowed.push_back(m);
    }
    if (allowed.empty()) return Error{Code::not_found, "there is nothing here"};
    if (allowed.back() != Method::options) allowed.push_back(Method::options);
    return Error{Code::unsupported, "the method is not allowed here"};
  }
  request.path_params.clear();
  const auto& segments = segments_[index];
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].kind == Segment::Kind::literal) continue;
    const bool rest = segments[i].kind == Segment::Kind::rest;
    const auto offset = static_cast<std::size_t>(parts[i].data() - request.path.data());
    request.path_params.emplace_back(segments[i].text, rest ? request.path.substr(offset) : std::string{parts[i]});
  }
  return route;
}

Result<Response> route_request(const Router& router, Request& request, const RouteGuard& guard) {
  std::vector<Method> allowed;
  const auto route = router.match(request, allowed);
  if (!route && allowed.empty()) return route.error();
  if (!route) return problem_405(request, allowed);
  if (guard) ACESO_TRY_OK(guard(request, **route));
  return (*route)->handler(request);
}

std::size_t route_max_body(const Router& router, const Request& request) {
  const Router::Route* route = router.find(request.method, request.path);
  return route == nullptr ? kUnknownBody : route->info.max_body;
}

}  // namespace aceso::net
