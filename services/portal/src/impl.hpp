// Portal's parts, made once and shared by its routes and the gateway.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core.hpp"
#include "metrics.hpp"
#include "passwords.hpp"
#include "sessions.hpp"
#include "setup.hpp"
#include "throttle.hpp"
#include "totp.hpp"
#include "users.hpp"

namespace aceso::portal {

struct Portal::Impl {
  explicit Impl(Core made);

  Core core;
  Passwords passwords;
  Users users;
  Sessions sessions;
  ApiTokens tokens;
  Totp totp;
  Setup setup;
  Metrics metrics;
  Throttle by_account_and_address;  // the delays of somebody guessing from one place
  Throttle by_account;  // of many places guessing one account: short delays, so that nobody is locked out for long
  Throttle by_address;  // of one place guessing many accounts
  RateLimit anonymous_denials;  // audit records that anybody can cause
  std::vector<std::pair<std::string, std::function<Status()>>> readiness;
  std::vector<std::function<void(std::string&)>> more_metrics;
  std::vector<std::string> engines;

  // For what anybody can cause: a hundred records, then one a second; the next one says how many were left out.
  Status record_if_rare(contracts::AuditEvent event);

  // Routes whose handlers record what they do in the same transaction; every other change is recorded by the gateway
  // before it runs.
  static bool records_itself(std::string_view pattern) noexcept;
};

void register_session_routes(net::Router& router, Portal::Impl& portal);
void register_user_routes(net::Router& router, Portal::Impl& portal);
void register_token_routes(net::Router& router, Portal::Impl& portal);
void register_audit_routes(net::Router& router, Portal::Impl& portal);
void register_system_routes(net::Router& router, Portal::Impl& portal);

}  // namespace aceso::portal
