// Paths and queries: what is accepted never escapes, and the router takes any of it.
#include <cstdint>
#include <cstdlib>

#include "../src/uri.hpp"
#include "aceso/net/http.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso::net;
  static const Router router = [] {
    Router r;
    const Handler none = [](Request&) -> aceso::Result<Response> { return Response::no_content(); };
    r.add(Method::get, "/a/{id:int}/b", {}, none);
    r.add(Method::get, "/a/{id:uuid}", {}, none);
    r.add(Method::get, "/a/{name}/{rest...}", {}, none);
    return r;
  }();
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)decode_query(text);
  const auto path = decode_path(text);
  if (!path) return 0;
  if (path->empty() || path->front() != '/' || path->find("/../") != std::string::npos ||
      path->find('\0') != std::string::npos || path->find('\\') != std::string::npos)
    std::abort();
  Request request;
  request.path = *path;
  std::vector<Method> allowed;
  (void)router.match(request, allowed);
  return 0;
}
