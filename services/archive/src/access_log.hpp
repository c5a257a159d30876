// The archive's part of the audit trail. Studies and queries are named by keyed hashes, never by UIDs or values; what
// one caller does again with the same study within the window is one record (DICOM PS3.15 A.5.3 audits accesses to a
// study, not each frame of it).
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "aceso/base/clock.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::archive {

struct Access {
  std::string_view action;       // C R U D E
  std::string_view event;        // "archive.read"
  std::string_view entity_type;  // "study", "query"
  std::string_view entity;       // what is hashed: a Study Instance UID, the query's text
  std::string detail = {};       // JSON without patient data
  bool once_a_window = true;
};

// Thread-safe.
class AccessLog {
 public:
  // clock and sink outlive it.
  AccessLog(contracts::AuditSink& sink, const crypto::SecretKey& key, std::chrono::milliseconds window,
            const Clock& clock)
      : sink_{sink}, key_{key}, window_{window}, clock_{clock} {}

  // On record when it returns; else the access must not happen.
  Status record(const contracts::ObjectPeer& peer, const Access& access);
  // 32 hexadecimal digits that name a study in the trail; the same for the life of the node's keys.
  std::string pseudonym(std::string_view entity_type, std::string_view entity) const;

 private:
  static constexpr std::size_t kMaxRemembered = 20'000;
  using Key = std::tuple<std::string, std::string, std::string>;  // who and from where, event, entity
  bool known(const Key& key);

  contracts::AuditSink& sink_;
  crypto::SecretKey key_;
  std::chrono::milliseconds window_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<Key, SteadyTime> recorded_;
};

}  // namespace aceso::archive
