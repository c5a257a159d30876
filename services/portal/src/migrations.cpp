#include "aceso/portal/audit.hpp"

namespace aceso::portal {
namespace {

// Times are microseconds since 1970 UTC; lists are separated by commas; hashes are hexadecimal.
constexpr std::string_view kTables = R"sql(
CREATE TABLE users(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL,
  roles TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  totp_secret BLOB,
  totp_pending BLOB,
  totp_last_step BIGINT NOT NULL DEFAULT 0,
  created BIGINT NOT NULL,
  last_login BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE sessions(
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users(id),
  created BIGINT NOT NULL,
  last_seen BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions(user_id);
CREATE TABLE api_tokens(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  user_id TEXT REFERENCES users(id),
  scopes TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  last_used BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX api_tokens_by_user ON api_tokens(user_id);
CREATE TABLE audit(
  sequence INTEGER PRIMARY KEY,
  time BIGINT NOT NULL,
  action TEXT NOT NULL,
  event TEXT NOT NULL,
  outcome TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  agent_name TEXT NOT NULL,
  source_address TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  seal TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit(time);
CREATE INDEX audit_by_event ON audit(event, sequence);
CREATE INDEX audit_by_agent ON audit(agent_id, sequence);
CREATE INDEX audit_by_entity ON audit(entity_type, entity_id, sequence);
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_has_no_gaps BEFORE INSERT ON audit
WHEN NEW.sequence <> (SELECT COALESCE(MAX(sequence), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit trail has no gaps'); END;
)sql";

}  // namespace

const std::vector<store::Migration>& portal_migrations() {
  static const std::vector<store::Migration> migrations{{1, kTables}};
  return migrations;
}

}  // namespace aceso::portal
