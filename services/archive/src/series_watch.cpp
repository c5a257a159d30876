#include "series_watch.hpp"

#include <algorithm>
#include <utility>

namespace aceso::archive {

bool SeriesWatch::seen(std::string_view study_uid, std::string_view series_uid, std::int64_t received_us,
                       SteadyTime now) {
  const std::lock_guard lock{mutex_};
  if (const auto found = open_.find(series_uid); found != open_.end()) {
    found->second.last = now;
    found->second.since_us = std::min(found->second.since_us, received_us);
    return false;
  }
  if (open_.size() >= kMaxOpen) {
    overflow_ = true;
    return false;
  }
  open_.emplace(std::string{series_uid}, Entry{std::string{study_uid}, received_us, now});
  return true;
}

std::vector<OpenSeries> SeriesWatch::take_uncounted() {
  std::vector<OpenSeries> out;
  const std::lock_guard lock{mutex_};
  for (auto& [uid, entry] : open_) {
    if (!std::exchange(entry.asked, true)) out.push_back({entry.study_uid, uid, entry.since_us});
  }
  return out;
}

bool SeriesWatch::expect(std::string_view series_uid, std::size_t count, std::size_t have) {
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(series_uid);
  if (found == open_.end()) return false;
  found->second.expected = count;
  found->second.have = std::max(found->second.have, have);
  return found->second.complete();
}

bool SeriesWatch::is_counted(std::string_view series_uid) const {
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(series_uid);
  return found != open_.end() && found->second.expected > 0;
}

bool SeriesWatch::reached(std::string_view series_uid, std::size_t have) {
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(series_uid);
  if (found == open_.end() || found->second.expected == 0) return false;
  const bool before = found->second.have >= found->second.expected;
  found->second.have = std::max(found->second.have, have);
  return !before && found->second.have >= found->second.expected;
}

void SeriesWatch::ends_with(std::string_view study_uid, std::string_view series_uid,
                            std::span<const std::string> sop_instance_uids, std::int64_t received_us, SteadyTime now) {
  seen(study_uid, series_uid, received_us, now);
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(series_uid);
  if (found == open_.end() || sop_instance_uids.size() > kMaxAwaited) return;
  found->second.ended = true;
  found->second.awaited = {sop_instance_uids.begin(), sop_instance_uids.end()};
}

bool SeriesWatch::arrived(std::string_view series_uid, std::string_view sop_instance_uid) {
  const std::lock_guard lock{mutex_};
  const auto found = open_.find(series_uid);
  if (found == open_.end() || !found->second.ended) return false;
  const auto name = found->second.awaited.find(sop_instance_uid);
  if (name == found->second.awaited.end()) return false;
  found->second.awaited.erase(name);
  return found->second.complete();
}

std::vector<OpenSeries> SeriesWatch::take_quiet(SteadyTime now) {
  std::vector<OpenSeries> out;
  const std::lock_guard lock{mutex_};
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.last + quiet_ > now && !at->second.complete()) {
      ++at;
      continue;
    }
    out.push_back({std::move(at->second.study_uid), at->first, at->second.since_us});
    at = open_.erase(at);
  }
  return out;
}

bool SeriesWatch::open(std::string_view series_uid) const {
  const std::lock_guard lock{mutex_};
  return open_.contains(series_uid);
}

std::optional<SteadyTime> SeriesWatch::next() const {
  const std::lock_guard lock{mutex_};
  std::optional<SteadyTime> first;
  for (const auto& [uid, entry] : open_) first = std::min(first.value_or(entry.last + quiet_), entry.last + quiet_);
  return first;
}

std::int64_t SeriesWatch::oldest_us(std::int64_t now_us) const {
  const std::lock_guard lock{mutex_};
  for (const auto& [uid, entry] : open_) now_us = std::min(now_us, entry.since_us);
  return now_us;
}

bool SeriesWatch::take_overflow() {
  const std::lock_guard lock{mutex_};
  return std::exchange(overflow_, false);
}

}  // namespace aceso::archive
