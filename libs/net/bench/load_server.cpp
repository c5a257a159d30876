// A server for load tests: prints its port, answers /hello with small JSON and /file/{size:int} with that many bytes,
// until stdin closes.
#include <sys/resource.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/base/log.hpp"
#include "aceso/net/server.hpp"

namespace {

using namespace aceso;
using namespace aceso::net;

void add_routes(Router& router) {
  router.add(
      Method::get, "/hello", RouteInfo{.summary = "Small", .tag = "load", .scope = ""},
      [](Request&) -> Result<Response> {
        return Response::json(Json{{"service", "load"}, {"status", "ok"}, {"text", "seventy bytes of JSON, about"}});
      });
  router.add(
      Method::get, "/zeros/{size:int}", RouteInfo{.summary = "Zeros", .tag = "load", .scope = ""},
      [](Request& r) -> Result<Response> {
        return Response::text(
            std::string(
                std::min<std::size_t>(std::strtoull(std::string{r.param("size")}.c_str(), nullptr, 10), 1 << 26), '\0'),
            "application/octet-stream");
      });
}

}  // namespace

int main() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const SystemClock clock;
  SeededRandom random{1};
  const auto sink = make_stderr_sink();
  Router router;
  add_routes(router);
  auto server = Server::create({.handler = [&](Request& r) { return route_request(router, r); },
                                .max_body = [&](const Request& r) { return route_max_body(router, r); }},
                               {}, clock, random, Logger{clock, *sink});
  if (!server) return 1;
  const auto endpoint = (*server)->listen({.address = "127.0.0.1"});
  if (!endpoint) return 1;
  (*server)->start();
  std::printf("%u\n", endpoint->port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  (*server)->drain(1000);
  (*server)->stop();
  return 0;
}
