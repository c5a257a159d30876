// What the parts of the archive share.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>

#include "access_log.hpp"
#include "aceso/archive/archive.hpp"
#include "frame_source.hpp"
#include "metrics.hpp"
#include "object_store.hpp"
#include "query.hpp"

namespace aceso::archive {

inline constexpr std::string_view kRead = "archive:read";
inline constexpr std::string_view kWrite = "archive:write";
inline constexpr std::string_view kJudge = "feedback:write";
inline constexpr std::string_view kDelete = "archive:delete";

Status require(const contracts::ObjectPeer& peer, std::string_view scope);

struct Archive::Impl {
  Impl(Deps given, const Options& how)
      : deps{std::move(given)},
        options{how},
        access{deps.audit, deps.audit_key, std::chrono::milliseconds{how.audit_window_ms}, deps.clock} {}

  Deps deps;
  Options options;
  mutable AccessLog access;
  mutable Metrics metrics;
  std::unique_ptr<ObjectStore> store;
  std::unique_ptr<FrameSource> frames;
  std::shared_mutex listener_mutex;  // held shared while a listener runs
  std::map<std::string, Listener, std::less<>> listeners;

  // `accept`, when given, may refuse an object before anything of it lasts.
  std::unique_ptr<contracts::ObjectWriter> writer(const contracts::ObjectPeer& peer, std::string source_ae,
                                                  std::function<Status(const Entry&)> accept = {});
  // The patient of a new study, told to the index of patients; a failure is logged, the object is kept.
  void introduce(const Entry& entry);
  Status record_read(const contracts::ObjectPeer& peer, std::string_view study_uid) const;
  Status record_query(const contracts::ObjectPeer& peer, const Search& wanted) const;
};

}  // namespace aceso::archive
