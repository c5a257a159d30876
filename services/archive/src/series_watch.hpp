// Series that are still arriving, in memory: complete when nothing came for a while, when all objects that the modality
// named are here, or as many as were announced. What is lost with the process is found again in the index.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"

namespace aceso::archive {

struct OpenSeries {
  std::string study_uid;
  std::string series_uid;
  std::int64_t since_us = 0;  // when the first of its new objects came
};

// Thread-safe.
class SeriesWatch {
 public:
  static constexpr std::size_t kMaxOpen = 100'000;
  static constexpr std::size_t kMaxAwaited = 100'000;  // of one series

  explicit SeriesWatch(std::chrono::milliseconds quiet) : quiet_{quiet} {}

  // `received_us`: when the object came (since 1970 UTC). True when the series was not watched before.
  bool seen(std::string_view study_uid, std::string_view series_uid, std::int64_t received_us, SteadyTime now);
  // A modality says that the series holds these objects and no more: when all have come, it is complete without being
  // quiet. Call arrived() of each that is there already.
  void ends_with(std::string_view study_uid, std::string_view series_uid,
                 std::span<const std::string> sop_instance_uids, std::int64_t received_us, SteadyTime now);
  // True when this was the last object that a series waited for.
  bool arrived(std::string_view series_uid, std::string_view sop_instance_uid);
  // Series of which nobody has asked yet how many objects they will have; each once.
  std::vector<OpenSeries> take_uncounted();
  // So many objects are announced; `have` of them are here. True when that is all.
  bool expect(std::string_view series_uid, std::size_t count, std::size_t have);
  bool is_counted(std::string_view series_uid) const;           // expect() was called
  bool reached(std::string_view series_uid, std::size_t have);  // true when this was the last that was announced
  // Those that are quiet by now; they are no longer watched. seen() puts one back.
  std::vector<OpenSeries> take_quiet(SteadyTime now);
  bool open(std::string_view series_uid) const;
  // When take_quiet() next has something; nullopt: nothing is open.
  std::optional<SteadyTime> next() const;
  // When the oldest object of an open series came, at most `now_us`.
  std::int64_t oldest_us(std::int64_t now_us) const;
  // True once after more series were open than are remembered: the index must be looked through.
  bool take_overflow();

 private:
  struct Entry {
    std::string study_uid;
    std::int64_t since_us = 0;
    SteadyTime last{};
    std::set<std::string, std::less<>> awaited = {};  // that the modality named and that have not come
    bool ended = false;                               // the modality named them all
    bool asked = false;                               // by take_uncounted()
    std::size_t expected = 0;                         // 0: not known
    std::size_t have = 0;                             // of them
    bool complete() const { return (ended && awaited.empty()) || (expected > 0 && have >= expected); }
  };
  const std::chrono::milliseconds quiet_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> open_;  // by series
  bool overflow_ = false;
};

}  // namespace aceso::archive
