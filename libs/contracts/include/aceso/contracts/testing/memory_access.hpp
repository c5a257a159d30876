// AuditSink and Authorizer in memory, for tests of services.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "aceso/contracts/access.hpp"

namespace aceso::contracts::testing {

class MemoryAuditSink final : public AuditSink {
 public:
  Status record(const AuditEvent& event) override {
    const std::lock_guard lock{mutex_};
    if (failing_) return Error{Code::unavailable, "the audit trail cannot be written"};
    events_.push_back(event);
    return {};
  }
  void fail(bool failing) {
    const std::lock_guard lock{mutex_};
    failing_ = failing;
  }
  std::vector<AuditEvent> events() const {
    const std::lock_guard lock{mutex_};
    return events_;
  }

 private:
  mutable std::mutex mutex_;
  bool failing_ = false;
  std::vector<AuditEvent> events_;
};

// Knows the tokens that it is told, and judges scopes as portal does.
class MemoryAuthorizer final : public Authorizer {
 public:
  void add(std::string token, Principal principal) { tokens_.emplace_back(std::move(token), std::move(principal)); }
  Result<Principal> verify_token(std::string_view token) const override {
    for (const auto& [known, principal] : tokens_) {
      if (known == token) return principal;
    }
    return Error{Code::unauthenticated, "this token is not valid"};
  }
  Status require(const Principal& principal, std::string_view scope) const override {
    if (principal.has(scope)) return {};
    return Error{Code::denied, "this needs the scope " + std::string{scope}};
  }

 private:
  std::vector<std::pair<std::string, Principal>> tokens_;
};

}  // namespace aceso::contracts::testing
