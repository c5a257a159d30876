// One study shown to somebody without an account: by a link that ends, can be taken back, and is on the audit trail.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/objects.hpp"

namespace aceso::archive {

struct ShareDeps {
  const Clock& clock;  // all outlive the shares
  RandomSource& random;
  Logger logger;
  Archive& archive;
  crypto::SecretKey key;  // seals what is kept
};

// Thread-safe. Who shares, lists and revokes is signed in (no token) and has archive:write; who opens a link reads that
// study alone, by GET below /shared/dicom-web/studies.
class Shares {
 public:
  static Result<std::unique_ptr<Shares>> open(const std::filesystem::path& folder, ShareDeps deps);
  ~Shares();
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  void register_routes(net::Router& router);

  // {"id", "token", "expires_us"}: the token is told once and not kept. Hours: 1 to 720. Errors: denied, not_found,
  // invalid, exhausted.
  Result<Json> share(const contracts::ObjectPeer& peer, std::string_view study_uid, std::int64_t hours,
                     std::string_view note);
  // {"items": [{"id", "by", "note", "state", "created_us", "expires_us", "opened", "opened_us"}]}, the newest first;
  // state: open, expired, revoked.
  Result<Json> list(const contracts::ObjectPeer& peer, std::string_view study_uid) const;
  Status revoke(const contracts::ObjectPeer& peer, std::string_view study_uid, std::string_view id);

  struct Impl;  // in src/

 private:
  explicit Shares(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
