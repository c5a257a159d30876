#include "aceso/portal/portal.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "aceso/portal/scopes.hpp"
#include "gateway.hpp"
#include "service_token.hpp"

namespace aceso::portal {
namespace {

constexpr ThrottleRule kPairRule{};
constexpr ThrottleRule kWideRule{.free_attempts = 50,
                                 .first_delay = std::chrono::milliseconds{1000},
                                 .longest_delay = std::chrono::milliseconds{60'000},
                                 .forget_after = std::chrono::milliseconds{15 * 60 * 1000},
                                 .keys = 4096};

// Whether the session, the API token or the user that a service token speaks for can still be used.
Result<bool> subject_stands(const Portal::Impl& portal, const contracts::Principal& p) {
  if (!p.session_id.empty()) return portal.sessions.alive(p.session_id);
  if (p.id == local_operator().id) return true;
  ACESO_TRY(const auto user, portal.users.find_by_id(p.id));
  if (user) return !user->disabled;
  return portal.tokens.alive(p.id);
}

}  // namespace

contracts::Principal local_operator() {
  contracts::Principal p;
  p.id = "system";
  p.name = "local";
  p.roles = {"admin"};
  p.scopes = all_scopes();
  return p;
}

Portal::Impl::Impl(Core made)
    : core{std::move(made)},
      passwords{core.config.password_cost, core.config.password_checks},
      users{core, passwords},
      sessions{core},
      tokens{core, users},
      totp{core},
      setup{core, users},
      by_account_and_address{kPairRule, core.clock},
      by_account{kWideRule, core.clock},
      by_address{kWideRule, core.clock},
      anonymous_denials{100, 1, core.clock} {}

Status Portal::Impl::record_if_rare(contracts::AuditEvent event) {
  std::uint64_t left_out = 0;
  if (!anonymous_denials.admit(left_out)) return {};
  if (left_out > 0) {
    const auto before = Json{{"left_out_before", left_out}}.dump();
    event.detail =
        event.detail.empty() ? before : event.detail.substr(0, event.detail.size() - 1) + "," + before.substr(1);
  }
  return core.audit->record(event);
}

bool Portal::Impl::records_itself(std::string_view pattern) noexcept {
  static constexpr std::array kOwn{std::string_view{"/api/v1/setup"},
                                   std::string_view{"/api/v1/session"},
                                   std::string_view{"/api/v1/session/password"},
                                   std::string_view{"/api/v1/session/totp"},
                                   std::string_view{"/api/v1/users"},
                                   std::string_view{"/api/v1/users/{id}"},
                                   std::string_view{"/api/v1/tokens"},
                                   std::string_view{"/api/v1/tokens/{id}"}};
  // A training logs many times a second; what is made, ended or removed is recorded there.
  return std::ranges::find(kOwn, pattern) != kOwn.end() || pattern.starts_with("/api/2.0/mlflow");
}

Portal::Portal(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Portal::~Portal() = default;

Result<std::unique_ptr<Portal>> Portal::create(const std::filesystem::path& home, NodeKeys keys, PortalDeps deps,
                                               PortalConfig config) {
  const auto folder = home / "portal";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{Code::denied, folder.string() + " cannot be made"};
  ACESO_TRY(auto catalogue, store::open_sqlite(folder / "catalogue.sqlite", portal_migrations(), deps.logger));
  ACESO_TRY(auto audit, AuditTrail::open(*catalogue, folder / "audit.checkpoint", keys, deps.clock, deps.logger));
  auto impl = std::make_unique<Impl>(Core{.home = home,
                                          .config = std::move(config),
                                          .keys = std::move(keys),
                                          .clock = deps.clock,
                                          .random = deps.random,
                                          .logger = deps.logger,
                                          .catalogue = std::move(catalogue),
                                          .audit = std::move(audit)});
  ACESO_TRY_OK(impl->setup.prepare());
  std::unique_ptr<Portal> portal{new Portal{std::move(impl)}};
  auto& core = portal->impl_->core;
  portal->add_readiness("portal", [&core]() -> Status {
    ACESO_TRY_OK(core.catalogue->query("SELECT 1"));
    return {};
  });
  return portal;
}

void Portal::register_routes(net::Router& router) {
  register_session_routes(router, *impl_);
  register_user_routes(router, *impl_);
  register_token_routes(router, *impl_);
  register_audit_routes(router, *impl_);
  register_system_routes(router, *impl_);
}

net::Handler Portal::wrap(const net::Router& router) {
  return [gateway = Gateway{*impl_, *this, router}](net::Request& request) -> Result<net::Response> {
    return gateway.handle(request);
  };
}

std::function<std::size_t(const net::Request&)> Portal::body_limit(const net::Router& router) {
  return [&router](const net::Request& request) -> std::size_t {
    net::Request probe;
    probe.method = request.method;
    probe.path = request.path;
    std::vector<net::Method> allowed;
    const auto found = router.match(probe, allowed);
    constexpr std::size_t kUnrouted = std::size_t{64} << 10;  // read, so that the answer is 404 or 405 and not 413
    return found ? (*found)->info.max_body : kUnrouted;
  };
}

contracts::AuditSink& Portal::audit() noexcept {
  return *impl_->core.audit;
}
AuditTrail& Portal::audit_trail() noexcept {
  return *impl_->core.audit;
}

std::string Portal::issue_token(const contracts::Principal& principal) const {
  const auto now = impl_->core.clock.utc_now();
  return sign_service_token(principal, now, now + std::chrono::milliseconds{impl_->core.config.service_token_ms},
                            impl_->core.keys.signing);
}

Result<contracts::Principal> Portal::verify_token(std::string_view token) const {
  const auto& core = impl_->core;
  ACESO_TRY(auto p, verify_service_token(token, core.clock.utc_now(), core.keys.signing.public_key()));
  ACESO_TRY(const bool stands, subject_stands(*impl_, p));
  if (!stands) return Error{Code::unauthenticated, "what this token was made from has ended"};
  return p;
}

Status Portal::require(const contracts::Principal& principal, std::string_view scope) const {
  if (principal.has(scope)) return {};
  return Error{Code::denied, "this needs the scope " + std::string{scope}};
}

Result<std::optional<contracts::Account>> Portal::find_account(std::string_view name) const {
  ACESO_TRY(const auto user, impl_->users.find_by_name(name));
  if (!user || user->disabled) return std::optional<contracts::Account>{};
  return std::optional{contracts::Account{.id = user->id, .name = user->name, .scopes = scopes_of(user->roles)}};
}

std::optional<std::string> Portal::setup_token() const {
  return impl_->setup.token();
}

void Portal::add_readiness(std::string name, std::function<Status()> check) {
  impl_->readiness.emplace_back(std::move(name), std::move(check));
}
void Portal::add_metrics(std::function<void(std::string& out)> write) {
  impl_->more_metrics.push_back(std::move(write));
}
void Portal::set_engines(std::vector<std::string> engines) {
  impl_->engines = std::move(engines);
}

}  // namespace aceso::portal
