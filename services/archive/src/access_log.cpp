#include "access_log.hpp"

#include "aceso/crypto/hash.hpp"

namespace aceso::archive {

std::string AccessLog::pseudonym(std::string_view entity_type, std::string_view entity) const {
  std::string text{entity_type};
  text += '\0';
  text += entity;
  const auto digest = crypto::hmac_sha256(key_.bytes(), crypto::as_bytes(text));
  return crypto::to_hex(crypto::ByteView{digest}.first(16));
}

bool AccessLog::known(const Key& key) {
  const auto now = clock_.steady_now();
  const std::lock_guard lock{mutex_};
  const auto found = recorded_.find(key);
  return found != recorded_.end() && now - found->second < window_;
}

Status AccessLog::record(const contracts::ObjectPeer& peer, const Access& access) {
  const contracts::AuditEvent event{.action = std::string{access.action},
                                    .event = std::string{access.event},
                                    .agent_id = peer.principal.id,
                                    .agent_name = peer.principal.name,
                                    .source_address = peer.source_address,
                                    .entity_type = std::string{access.entity_type},
                                    .entity_id = pseudonym(access.entity_type, access.entity),
                                    .request_id = peer.request_id,
                                    .detail = access.detail};
  const Key key{peer.principal.id + '\n' + peer.calling_ae + '\n' + peer.source_address, event.event, event.entity_id};
  if (access.once_a_window && known(key)) return {};
  if (const auto done = sink_.record(event); !done)
    return Error{Code::unavailable, "this cannot be recorded in the audit trail, so it was not done"};
  if (!access.once_a_window) return {};
  const auto now = clock_.steady_now();
  const std::lock_guard lock{mutex_};
  if (recorded_.size() >= kMaxRemembered)
    std::erase_if(recorded_, [&](const auto& one) { return now - one.second >= window_; });
  if (recorded_.size() >= kMaxRemembered) recorded_.clear();  // costs records said twice, none missing
  recorded_[key] = now;
  return {};
}

}  // namespace aceso::archive
