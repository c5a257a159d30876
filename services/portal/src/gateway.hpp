// The way of every request: who asks, may they, is it recorded, then the route. docs/adr/0061.
#pragma once

#include "impl.hpp"

namespace aceso::portal {

// Thread-safe.
class Gateway {
 public:
  Gateway(Portal::Impl& portal, const Portal& authorizer, const net::Router& router)
      : portal_{portal}, authorizer_{authorizer}, router_{router} {}

  net::Response handle(net::Request& request) const;

 private:
  struct Outcome {
    net::Response response;
    std::string_view pattern;  // of the route, "web" or "unknown"
    bool api = true;
  };
  Outcome dispatch(net::Request& request) const;
  Outcome without_route(net::Request& request, const std::vector<net::Method>& allowed) const;
  net::Response run(net::Request& request, const net::Router::Route& route) const;
  Status authenticate(net::Request& request, bool& by_cookie, std::string& csrf_token) const;
  Status admit(net::Request& request, const net::Router::Route& route) const;
  Status record_before(const net::Request& request, const net::Router::Route& route) const;
  void record_failure(const net::Request& request, const net::Router::Route& route, int status) const;
  void record_denial(const net::Request& request, const net::Router::Route& route, const Error& why) const;

  Portal::Impl& portal_;
  const Portal& authorizer_;
  const net::Router& router_;
};

}  // namespace aceso::portal
