// Searching and verifying the audit trail.
#include <algorithm>
#include <charconv>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/portal/audit.hpp"
#include "text.hpp"
#include "time_micros.hpp"

namespace aceso::portal {
namespace {

constexpr std::string_view kColumns =
    "SELECT sequence, time, action, event, outcome, agent_id, agent_name, source_address, entity_type, entity_id, "
    "request_id, detail, previous, hash, seal FROM audit";
constexpr std::int64_t kVerifyPage = 2000;

AuditRecord record_of(const store::Row& row) {
  return AuditRecord{.sequence = row.integer(0),
                     .time = from_micros(row.integer(1)),
                     .event = {.action = row.text(2),
                               .event = row.text(3),
                               .outcome = row.text(4),
                               .agent_id = row.text(5),
                               .agent_name = row.text(6),
                               .source_address = row.text(7),
                               .entity_type = row.text(8),
                               .entity_id = row.text(9),
                               .request_id = row.text(10),
                               .detail = row.text(11)},
                     .previous = row.text(12),
                     .hash = row.text(13),
                     .seal = row.text(14)};
}

// Conditions joined by AND; each value becomes one more argument.
class Where {
 public:
  std::string arg(store::SqlValue value) {
    args.push_back(std::move(value));
    return "?" + std::to_string(args.size());
  }
  void add(const std::string& condition) { sql += (sql.empty() ? " WHERE " : " AND ") + condition; }

  std::string sql;
  store::SqlArgs args;
};

Where where_of(const AuditQuery& q) {
  Where w;
  if (q.before > 0) w.add("sequence < " + w.arg(q.before));
  if (q.from) w.add("time >= " + w.arg(to_micros(*q.from)));
  if (q.to) w.add("time < " + w.arg(to_micros(*q.to)));
  const auto anywhere = [&w](const std::string& text, std::initializer_list<std::string_view> columns) {
    const auto pattern = w.arg("%" + like_escape(text) + "%");
    std::string any;
    for (const auto column : columns) {
      any.append(any.empty() ? "" : " OR ").append(column).append(" LIKE ").append(pattern).append(" ESCAPE '\\'");
    }
    w.add("(" + any + ")");
  };
  if (!q.agent.empty()) anywhere(q.agent, {"agent_name", "agent_id"});
  if (!q.event.empty()) anywhere(q.event, {"event"});
  if (!q.entity.empty()) anywhere(q.entity, {"entity_type || '/' || entity_id"});
  if (!q.text.empty()) {
    anywhere(q.text, {"event", "agent_id", "agent_name", "source_address", "entity_type", "entity_id", "request_id",
                      "detail", "outcome"});
  }
  return w;
}

struct DamageNote {
  std::int64_t first_bad = 0;
  std::string reason;
};

Result<std::optional<DamageNote>> read_damage(const std::filesystem::path& file) {
  const auto text = read_text_file(file, 4096);
  if (!text && text.error().code() == Code::not_found) return std::optional<DamageNote>{};
  if (!text) return text.error();
  DamageNote note{.first_bad = 1, .reason = "the note about earlier damage is itself damaged"};
  const auto end = text->find('\n');
  const auto next = end == std::string::npos ? end : text->find('\n', end + 1);
  if (next != std::string::npos) {
    std::from_chars(text->data(), text->data() + end, note.first_bad);
    note.reason = text->substr(end + 1, next - end - 1);
  }
  return std::optional{note};
}

void blame(AuditVerdict& verdict, std::int64_t sequence, std::string reason) {
  if (verdict.first_bad && *verdict.first_bad <= sequence) return;
  verdict.first_bad = sequence;
  verdict.reason = std::move(reason);
}

}  // namespace

Result<AuditPage> AuditTrail::search(const AuditQuery& query) const {
  const auto limit = std::clamp<std::size_t>(query.limit, 1, 1000);
  auto where = where_of(query);
  const auto count = where.arg(static_cast<std::int64_t>(limit + 1));
  ACESO_TRY(const auto rows,
            catalogue_.query(std::string{kColumns} + where.sql + " ORDER BY sequence DESC LIMIT " + count, where.args));
  AuditPage page;
  for (const auto& row : rows) {
    if (page.items.size() == limit) {
      page.next = page.items.back().sequence;
      break;
    }
    page.items.push_back(record_of(row));
  }
  return page;
}

Result<AuditVerdict> AuditTrail::verify() const {
  AuditVerdict verdict;
  verdict.head_hash = std::string(64, '0');
  // Read before the records: what the checkpoint names was committed by then.
  const auto pinned_text = read_text_file(checkpoint_file_, 4096);
  std::optional<AuditCheckpoint> pinned;
  if (pinned_text) {
    if (auto point = read_checkpoint(*pinned_text, keys_.signing.public_key())) pinned = *point;
  }
  std::string pinned_hash = std::string(64, '0');  // of the record that the checkpoint names
  bool in_chain = true;
  for (bool more = true; more;) {
    ACESO_TRY(const auto rows,
              catalogue_.query(std::string{kColumns} + " WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                               {verdict.head, kVerifyPage}));
    more = std::cmp_equal(rows.size(), kVerifyPage);
    for (const auto& row : rows) {
      const auto r = record_of(row);
      if (in_chain && r.sequence != verdict.head + 1) blame(verdict, verdict.head + 1, "the record is missing");
      if (in_chain && (r.previous != verdict.head_hash || r.hash != audit_hash(r))) {
        blame(verdict, r.sequence, "the record was changed");
      }
      if (in_chain && r.seal != seal_of(r.hash)) blame(verdict, r.sequence, "the record was not written by this node");
      in_chain = !verdict.first_bad.has_value();
      if (pinned && r.sequence == pinned->sequence) pinned_hash = r.hash;
      verdict.head = r.sequence;
      verdict.head_hash = r.hash;
      verdict.checked += 1;
    }
  }
  if (!pinned) {
    blame(verdict, std::max<std::int64_t>(verdict.head, 1), "the signed checkpoint is missing or not this node's");
  } else if (pinned->sequence > verdict.head) {
    blame(verdict, verdict.head + 1,
          "records are missing at the end: a signed checkpoint names record " + std::to_string(pinned->sequence));
  } else if (pinned->hash != pinned_hash) {
    blame(verdict, pinned->sequence, "the record is not the one that the signed checkpoint names");
  }
  ACESO_TRY(const auto note, read_damage(damage_file()));
  if (note) blame(verdict, note->first_bad, note->reason);
  verdict.ok = !verdict.first_bad.has_value();
  return verdict;
}

}  // namespace aceso::portal
