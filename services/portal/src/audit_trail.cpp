// Appending to the audit trail and pinning its head. docs/formats/audit.md.
#include <algorithm>
#include <utility>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/portal/audit.hpp"
#include "text.hpp"
#include "time_micros.hpp"

namespace aceso::portal {
namespace {

constexpr std::size_t kFieldLimit = 256;
constexpr std::size_t kDetailLimit = 2048;
constexpr auto kCheckpointInterval = std::chrono::seconds{1};
const std::string kNoHash(64, '0');

struct Head {
  std::int64_t sequence = 0;
  std::string hash = kNoHash;
};

Head head_of(const std::vector<store::Row>& rows) {
  return rows.empty() ? Head{} : Head{rows[0].integer(0), rows[0].text(1)};
}
constexpr std::string_view kSelectHead = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";

contracts::AuditEvent bounded(contracts::AuditEvent e) {
  for (std::string* field : {&e.action, &e.event, &e.outcome, &e.agent_id, &e.agent_name, &e.source_address,
                             &e.entity_type, &e.entity_id, &e.request_id}) {
    *field = clip_utf8(*field, kFieldLimit);
  }
  e.detail = clip_utf8(e.detail, kDetailLimit);
  return e;
}

Status check_vocabulary(const contracts::AuditEvent& e) {
  if (e.action.size() != 1 || std::string_view{"CRUDE"}.find(e.action) == std::string_view::npos) {
    return Error{Code::invalid, "an audit action is one of C, R, U, D, E"};
  }
  if (e.outcome != "success" && e.outcome != "minor" && e.outcome != "serious") {
    return Error{Code::invalid, "an audit outcome is success, minor or serious"};
  }
  if (e.event.empty()) return Error{Code::invalid, "an audit record needs an event"};
  return {};
}

}  // namespace

AuditTrail::AuditTrail(store::Catalogue& catalogue, std::filesystem::path checkpoint_file, const NodeKeys& keys,
                       const Clock& clock, const Logger& logger)
    : catalogue_{catalogue},
      checkpoint_file_{std::move(checkpoint_file)},
      keys_{keys},
      seal_key_{keys.derive("aceso audit seal")},
      clock_{clock},
      logger_{logger} {}

Result<std::unique_ptr<AuditTrail>> AuditTrail::open(store::Catalogue& catalogue, std::filesystem::path checkpoint_file,
                                                     const NodeKeys& keys, const Clock& clock, const Logger& logger) {
  std::unique_ptr<AuditTrail> trail{new AuditTrail{catalogue, std::move(checkpoint_file), keys, clock, logger}};
  ACESO_TRY_OK(trail->check_at_start());
  return trail;
}

AuditTrail::~AuditTrail() {
  if (pinned_ == head_) return;
  if (const auto done = checkpoint(); !done) logger_.error("audit.checkpoint_failed", done.error());
}

Status AuditTrail::record(const contracts::AuditEvent& event) {
  return record_with(event, [](store::Transaction&, contracts::AuditEvent&) { return Status{}; });
}

Status AuditTrail::record_with(contracts::AuditEvent event, const Work& work) {
  const auto both = [&](store::Transaction& tx) -> Status {
    ACESO_TRY_OK(work(tx, event));
    return append(tx, event);
  };
  ACESO_TRY_OK(catalogue_.write(both));
  checkpoint_if_due();
  return {};
}

Status AuditTrail::append(store::Transaction& tx, const contracts::AuditEvent& event) {
  ACESO_TRY_OK(check_vocabulary(event));
  ACESO_TRY(const auto rows, tx.query(kSelectHead));
  const Head head = head_of(rows);
  AuditRecord r{.sequence = head.sequence + 1,
                .time = clock_.utc_now(),
                .event = bounded(event),
                .previous = head.hash,
                .hash = {},
                .seal = {}};
  r.hash = audit_hash(r);
  r.seal = seal_of(r.hash);
  const auto& e = r.event;
  ACESO_TRY_OK(
      tx.execute("INSERT INTO audit(sequence, time, action, event, outcome, agent_id, agent_name, source_address, "
                 "entity_type, entity_id, request_id, detail, previous, hash, seal) "
                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                 {r.sequence, to_micros(r.time), e.action, e.event, e.outcome, e.agent_id, e.agent_name,
                  e.source_address, e.entity_type, e.entity_id, e.request_id, e.detail, r.previous, r.hash, r.seal}));
  head_ = r.sequence;  // may run ahead of a rolled back commit; checkpoint() reads the committed head
  return {};
}

std::string AuditTrail::seal_of(const std::string& hash) const {
  return crypto::to_hex(crypto::hmac_sha256(seal_key_.bytes(), crypto::as_bytes(hash)));
}

std::filesystem::path AuditTrail::damage_file() const {
  auto path = checkpoint_file_;
  path += ".damage";
  return path;
}

void AuditTrail::checkpoint_if_due() {
  if (pinned_ == head_) return;
  const std::unique_lock lock{checkpoint_mutex_, std::try_to_lock};
  if (!lock) return;  // the one who holds it, or the next request, will do it
  if (pinned_at_ && clock_.steady_now() - *pinned_at_ < kCheckpointInterval) return;
  pinned_at_ = clock_.steady_now();
  if (const auto done = pin_head(); !done) logger_.error("audit.checkpoint_failed", done.error());
}

Status AuditTrail::checkpoint() {
  const std::lock_guard lock{checkpoint_mutex_};
  return pin_head();
}

Status AuditTrail::pin_head() {
  ACESO_TRY(const auto rows, catalogue_.query(kSelectHead));
  const Head head = head_of(rows);
  const AuditCheckpoint point{.sequence = head.sequence, .hash = head.hash, .time = clock_.utc_now()};
  ACESO_TRY_OK(write_file_atomic(checkpoint_file_, write_checkpoint(point, keys_.signing), {.mode = 0644}));
  pinned_ = head.sequence;
  // A copy of the log kept elsewhere pins the trail even against somebody who holds the node's files and keys.
  logger_.info("audit.checkpoint", {{"sequence", head.sequence}, {"hash", head.hash}});
  return {};
}

Status AuditTrail::check_at_start() {
  ACESO_TRY(const auto rows, catalogue_.query(kSelectHead));
  const Head head = head_of(rows);
  head_ = head.sequence;
  auto text = read_text_file(checkpoint_file_, 4096);
  if (!text && text.error().code() == Code::not_found && head.sequence == 0) return checkpoint();
  if (!text) {
    remember_damage(std::max<std::int64_t>(head.sequence, 1), "the signed checkpoint is missing");
    return checkpoint();
  }
  const auto point = read_checkpoint(*text, keys_.signing.public_key());
  if (!point) {
    remember_damage(std::max<std::int64_t>(head.sequence, 1), "the signed checkpoint is not this node's");
    return checkpoint();
  }
  pinned_ = point->sequence;
  if (point->sequence > head.sequence) {
    remember_damage(head.sequence + 1, "records are missing at the end: a signed checkpoint names record " +
                                           std::to_string(point->sequence));
    return checkpoint();
  }
  ACESO_TRY(const auto pinned, catalogue_.query("SELECT hash FROM audit WHERE sequence = ?1", {point->sequence}));
  if (point->sequence > 0 && (pinned.empty() || pinned[0].text(0) != point->hash)) {
    remember_damage(point->sequence, "the record is not the one that the signed checkpoint names");
    return checkpoint();
  }
  return {};
}

// Kept beside the checkpoint because later checkpoints are signed over the damaged trail.
void AuditTrail::remember_damage(std::int64_t first_bad, const std::string& reason) {
  logger_.error("audit.damaged", {{"first_bad", first_bad}, {"reason", reason}});
  std::error_code failed;
  if (std::filesystem::exists(damage_file(), failed)) return;  // the first damage is the one to tell
  const auto text = std::to_string(first_bad) + "\n" + reason + "\n" + format_utc(clock_.utc_now()) + "\n";
  if (const auto done = write_file_atomic(damage_file(), text, {.mode = 0644}); !done) {
    logger_.error("audit.damage_not_noted", done.error());
  }
}

}  // namespace aceso::portal
