// The service's HTTP routes, by subject. The gateway has authenticated; every route checks its scope again.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "aceso/models/models.hpp"
#include "impl.hpp"

namespace aceso::models {

using ActorHandler = std::function<Result<net::Response>(net::Request&, const Actor&)>;

struct Routes {
  net::Router& router;
  Models& models;
  Models::Impl& impl;

  void add(net::Method method, std::string_view pattern, net::RouteInfo info, ActorHandler handler);
  void datasets();
  void jobs();
  void registry();
  void predictions();
  void kserve();
  void watch();
  void labelling();
  void truths();
  void oversight();
  void improvement();
};

// unauthenticated without a principal, denied without the scope.
Result<Actor> require(const net::Request& request, std::string_view scope);
Result<int> version_param(const net::Request& request);  // {version:int} of the path
Result<std::size_t> limit_param(const net::Request& request, std::int64_t fallback, std::int64_t max);
net::Response accepted(const Json& answer);
net::Response page_response(std::string html);
net::Response png_response(std::vector<std::byte> bytes);
net::Response npy_response(const std::vector<std::byte>& bytes);

}  // namespace aceso::models
