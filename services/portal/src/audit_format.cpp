// The bytes that are hashed for a record and signed for a checkpoint. docs/formats/audit.md.
#include <charconv>

#include "aceso/crypto/hash.hpp"
#include "aceso/portal/audit.hpp"
#include "time_micros.hpp"

namespace aceso::portal {
namespace {

constexpr std::string_view kRecordMark = "aceso-audit-1";
constexpr std::string_view kCheckpointMark = "aceso audit checkpoint 1";

void netstring(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
  out += ',';
}

// Takes the next line off `text`; false when there is no complete line.
bool take_line(std::string_view& text, std::string_view& line) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string canonical_audit_record(const AuditRecord& r) {
  const auto& e = r.event;
  const std::string sequence = std::to_string(r.sequence);
  const std::string time = std::to_string(to_micros(r.time));
  std::string out;
  for (const std::string_view field :
       {kRecordMark, std::string_view{sequence}, std::string_view{time}, std::string_view{e.action},
        std::string_view{e.event}, std::string_view{e.outcome}, std::string_view{e.agent_id},
        std::string_view{e.agent_name}, std::string_view{e.source_address}, std::string_view{e.entity_type},
        std::string_view{e.entity_id}, std::string_view{e.request_id}, std::string_view{e.detail},
        std::string_view{r.previous}}) {
    netstring(out, field);
  }
  return out;
}

std::string audit_hash(const AuditRecord& record) {
  return crypto::to_hex(crypto::sha256(canonical_audit_record(record)));
}

std::string write_checkpoint(const AuditCheckpoint& c, const crypto::SigningKey& key) {
  const std::string body = std::string{kCheckpointMark} + "\n" + std::to_string(c.sequence) + "\n" + c.hash + "\n" +
                           format_utc(c.time) + "\n";
  return body + "\n" + crypto::to_base64(key.sign(crypto::as_bytes(body))) + "\n";
}

Result<AuditCheckpoint> read_checkpoint(std::string_view text, const crypto::PublicKey& key) {
  const Error malformed{Code::invalid, "malformed audit checkpoint"};
  std::string_view rest = text;
  std::string_view mark, sequence, hash, time, empty, signature;
  if (!take_line(rest, mark) || !take_line(rest, sequence) || !take_line(rest, hash) || !take_line(rest, time)) {
    return malformed;
  }
  const auto body = text.substr(0, text.size() - rest.size());
  if (!take_line(rest, empty) || !take_line(rest, signature) || !rest.empty() || !empty.empty()) return malformed;
  if (mark != kCheckpointMark || hash.size() != 64) return malformed;
  AuditCheckpoint out{.sequence = 0, .hash = std::string{hash}, .time = {}};
  const auto parsed = std::from_chars(sequence.data(), sequence.data() + sequence.size(), out.sequence);
  if (parsed.ec != std::errc{} || parsed.ptr != sequence.data() + sequence.size() || out.sequence < 0) return malformed;
  const auto when = parse_utc(time);
  const auto bytes = crypto::from_base64(signature);
  if (!when || !bytes) return malformed;
  if (!crypto::verify(key, crypto::as_bytes(body), *bytes)) {
    return Error{Code::denied, "the audit checkpoint is not signed by this node"};
  }
  out.time = *when;
  return out;
}

}  // namespace aceso::portal
