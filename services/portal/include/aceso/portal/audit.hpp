// The audit trail: append-only, hash-chained, sealed with the node's secret and pinned by signed checkpoints.
// docs/formats/audit.md specifies the bytes that are hashed and signed. Fields follow IHE BALP.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/portal/keys.hpp"
#include "aceso/store/catalogue.hpp"

namespace aceso::portal {

struct AuditRecord {
  std::int64_t sequence = 0;  // 1, 2, 3...: without gaps
  UtcTime time = {};
  contracts::AuditEvent event = {};
  std::string previous = {};  // hash of the record before, 64 zeros for the first
  std::string hash = {};      // SHA-256 over `previous` and this record, hexadecimal
  std::string seal = {};      // HMAC-SHA-256 of `hash` by a key of the node, hexadecimal
};

struct AuditQuery {
  std::optional<UtcTime> from = {};  // inclusive
  std::optional<UtcTime> to = {};    // exclusive
  std::string agent = {};            // part of a name or id
  std::string event = {};            // part of it: "user.login", or "user." for every event of users
  std::string entity = {};           // part of type/id
  std::string text = {};             // anywhere in names, ids, address and detail
  std::int64_t before = 0;           // only records before this sequence; 0: from the newest
  std::size_t limit = 50;            // 1..1000
};
struct AuditPage {
  std::vector<AuditRecord> items = {};    // newest first
  std::optional<std::int64_t> next = {};  // `before` of the next page
};

struct AuditVerdict {
  bool ok = false;
  std::int64_t checked = 0;
  std::int64_t head = 0;  // sequence of the newest record
  std::string head_hash = {};
  std::optional<std::int64_t> first_bad = {};  // the first record that is missing or is not what was written
  std::string reason = {};                     // empty when ok
};

// The bytes that are hashed for a record: each field as a netstring ("5:hello,").
std::string canonical_audit_record(const AuditRecord& record);
std::string audit_hash(const AuditRecord& record);  // hexadecimal

// Thread-safe.
class AuditTrail final : public contracts::AuditSink {
 public:
  // The catalogue must hold the tables of portal_migrations() and outlive the trail. Writes the checkpoint of an empty
  // trail; a trail that is shorter than its checkpoint, or differs from it, is reported in the log, stays readable and
  // never verifies again.
  static Result<std::unique_ptr<AuditTrail>> open(store::Catalogue& catalogue, std::filesystem::path checkpoint_file,
                                                  const NodeKeys& keys, const Clock& clock, const Logger& logger);
  ~AuditTrail() override;

  // Appended and on disk when it returns.
  Status record(const contracts::AuditEvent& event) override;

  // A change and its record in one transaction: `work` may complete the event; neither happens without the other.
  using Work = std::function<Status(store::Transaction&, contracts::AuditEvent&)>;
  Status record_with(contracts::AuditEvent event, const Work& work);

  Result<AuditPage> search(const AuditQuery& query) const;

  // Recomputes every hash and seal and compares with the signed checkpoint. Reads everything: seconds per million
  // records.
  Result<AuditVerdict> verify() const;

  // Signs the newest record's hash into the checkpoint file when records came since and the last one is a second old.
  void checkpoint_if_due();
  Status checkpoint();

 private:
  AuditTrail(store::Catalogue& catalogue, std::filesystem::path checkpoint_file, const NodeKeys& keys,
             const Clock& clock, const Logger& logger);
  Status append(store::Transaction& tx, const contracts::AuditEvent& event);
  Status pin_head();  // under checkpoint_mutex_
  Status check_at_start();
  void remember_damage(std::int64_t first_bad, const std::string& reason);
  std::filesystem::path damage_file() const;
  std::string seal_of(const std::string& hash) const;

  store::Catalogue& catalogue_;
  std::filesystem::path checkpoint_file_;
  const NodeKeys keys_;
  const crypto::SecretKey seal_key_;
  const Clock& clock_;
  Logger logger_;
  std::atomic<std::int64_t> head_{0};
  std::mutex checkpoint_mutex_;
  std::atomic<std::int64_t> pinned_{-1};  // sequence in the checkpoint file
  std::optional<SteadyTime> pinned_at_;   // guarded by checkpoint_mutex_
};

struct AuditCheckpoint {
  std::int64_t sequence = 0;
  std::string hash = {};
  UtcTime time = {};
};
std::string write_checkpoint(const AuditCheckpoint& checkpoint, const crypto::SigningKey& key);
// Errors: invalid when malformed, denied when the signature is not by this key.
Result<AuditCheckpoint> read_checkpoint(std::string_view text, const crypto::PublicKey& key);

// Tables of portal: users, sessions, tokens, audit.
const std::vector<store::Migration>& portal_migrations();

}  // namespace aceso::portal
