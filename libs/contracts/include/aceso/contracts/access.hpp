// Who asks, whether they may, and the record of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"

namespace aceso::contracts {

struct Principal {
  std::string id = {};                   // user or token id (UUIDv7); "system" for the node itself
  std::string name = {};                 // login name
  std::vector<std::string> roles = {};   // admin, clinician, scientist, auditor
  std::vector<std::string> scopes = {};  // "models:read", ...; what this session or token may do
  std::string session_id = {};
  bool has(std::string_view scope) const noexcept {
    for (const auto& s : scopes) {
      if (s == scope) return true;
    }
    return false;
  }
};

// Thread-safe.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // A short-lived EdDSA token issued by portal. unauthenticated: expired, revoked or forged.
  virtual Result<Principal> verify_token(std::string_view token) const = 0;
  // denied names the scope, never the resource.
  virtual Status require(const Principal& principal, std::string_view scope) const = 0;
};

// IHE BALP (Basic Audit Log Patterns) fields. No patient data: entities are named by internal id.
struct AuditEvent {
  std::string action = {};          // C, R, U, D, E (create, read, update, delete, execute)
  std::string event = {};           // "model.promote", "user.login", "prediction.create"
  std::string outcome = "success";  // success, minor, serious (DICOM PS3.15 A.5)
  std::string agent_id = {};
  std::string agent_name = {};
  std::string source_address = {};
  std::string entity_type = {};  // "model", "user", "dataset", "prediction"
  std::string entity_id = {};
  std::string request_id = {};
  std::string detail = {};  // short, structured (JSON) or ""
};

// Appended and hash-chained before record() returns. Thread-safe. An action that cannot be recorded must fail.
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  virtual Status record(const AuditEvent& event) = 0;
};

}  // namespace aceso::contracts
