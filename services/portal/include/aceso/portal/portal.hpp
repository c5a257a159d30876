// Users, sessions, tokens, audit and the gateway through which every HTTP request passes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/contracts/accounts.hpp"
#include "aceso/net/http.hpp"
#include "aceso/portal/audit.hpp"
#include "aceso/portal/keys.hpp"

namespace aceso::portal {

struct PortalConfig {
  std::filesystem::path web_root = {};     // folder of the built web application; empty or absent: a plain page says so
  std::filesystem::path viewer_root = {};  // folder of the OHIF viewer; empty or absent: a page says how to install it
  std::int64_t session_idle_ms = 30LL * 60 * 1000;
  std::int64_t session_absolute_ms = 12LL * 60 * 60 * 1000;
  std::int64_t service_token_ms = 5LL * 60 * 1000;
  crypto::PasswordCost password_cost = {};
  std::size_t password_checks = 4;     // at once; each takes password_cost.memory_kib
  std::size_t sessions_per_user = 16;  // beyond it the oldest ends
  std::string version = "0.0.0";
  std::string build = "";
};

struct PortalDeps {
  const Clock& clock;    // outlives the portal
  RandomSource& random;  // outlives the portal; crypto::SystemRandom outside of tests
  Logger logger;
};

// Thread-safe once the routes are registered.
class Portal final : public contracts::Authorizer, public contracts::Accounts {
 public:
  // Opens or creates home/portal/catalogue.sqlite. The caller holds the lock on `home`. While there is no user a
  // one-time set-up token stands in home/keys/setup-token (mode 0600).
  static Result<std::unique_ptr<Portal>> create(const std::filesystem::path& home, NodeKeys keys, PortalDeps deps,
                                                PortalConfig config);
  ~Portal() override;

  // The router must outlive the portal's handlers: /api/v1/openapi.json describes every route in it.
  void register_routes(net::Router& router);

  // The gateway: authenticates, checks origin, CSRF token and scope, records, runs the route, adds security headers,
  // counts. Paths outside /api, /v2 and the router's own are files of the web application. router must outlive the
  // handler.
  net::Handler wrap(const net::Router& router);
  // For net::Server: the largest body of the route that the request would reach.
  static std::function<std::size_t(const net::Request&)> body_limit(const net::Router& router);

  contracts::AuditSink& audit() noexcept;
  AuditTrail& audit_trail() noexcept;

  // A token signed by the node that other processes verify by verify_token(): who, which scopes, until when.
  std::string issue_token(const contracts::Principal& principal) const;
  Result<contracts::Principal> verify_token(std::string_view token) const override;
  Status require(const contracts::Principal& principal, std::string_view scope) const override;
  Result<std::optional<contracts::Account>> find_account(std::string_view name) const override;

  // What the operator types to make the first user; nothing once there is one.
  std::optional<std::string> setup_token() const;

  // Before the server starts. /readyz answers 503 while one of the checks fails.
  void add_readiness(std::string name, std::function<Status()> check);
  // Appends Prometheus text. Labels must be bounded and hold no patient data.
  void add_metrics(std::function<void(std::string& out)> write);
  // Names shown by /api/v1/about.
  void set_engines(std::vector<std::string> engines);

  struct Impl;  // in src/

 private:
  explicit Portal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The node's operator on this machine: whoever may open the local socket.
contracts::Principal local_operator();

}  // namespace aceso::portal
