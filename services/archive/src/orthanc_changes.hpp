// The list of changes that scripts poll (Orthanc's /changes): what came, what became stable, numbered without end. It
// survives the process; what a crash kept from it is found again in the index.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/store/catalogue.hpp"
#include "orthanc_ids.hpp"

namespace aceso::archive {

struct OrthancChange {
  std::int64_t sequence = 0;
  QueryLevel level = QueryLevel::image;
  bool stable = false;  // else new
  OrthancId id;
  std::int64_t at_us = 0;
};

// Thread-safe.
class OrthancChanges {
 public:
  // clock and index outlive it. What a crash lost, and at first all there is, is found by the first settle(). A
  // resource is stable when nothing came for `stable_after`.
  static Result<std::unique_ptr<OrthancChanges>> open(const std::filesystem::path& folder, const Clock& clock,
                                                      const Logger& logger, const Index& index,
                                                      std::chrono::milliseconds stable_after);

  // Noted in memory: written by the next settle().
  void stored(std::string_view sop_instance_uid);
  void removed(std::string_view study_uid);
  // Writes what was noted and what became stable by now.
  Status settle();
  // Those after `since`, at most `limit`, oldest first, after settle().
  Result<std::vector<OrthancChange>> after(std::int64_t since, std::size_t limit);
  Result<std::optional<OrthancChange>> last();
  bool is_stable(std::int64_t last_received_us) const;

 private:
  static constexpr std::size_t kMaxNoted = 100'000;
  struct Note {
    bool gone = false;
    std::string uid;
  };
  struct Growing {
    std::int64_t last_us = 0;
    SteadyTime since{};
  };
  using Resource = std::pair<QueryLevel, OrthancId>;
  OrthancChanges(const Clock& clock, const Logger& logger, const Index& index, std::chrono::milliseconds stable_after)
      : clock_{clock}, logger_{logger}, index_{index}, stable_after_{stable_after} {}
  Status scan(std::int64_t from_us);
  Status write(const std::deque<Note>& notes);
  Status note_new(store::Transaction& transaction, const InstancePtr& instance, std::map<Resource, Growing>& grown);
  Status forget_gone(store::Transaction& transaction, const std::string& study_uid, std::map<Resource, Growing>& grown);
  Status note_stable();
  bool patient_lives(const OrthancId& id) const;
  Result<std::vector<OrthancChange>> select(const std::string& rest, const store::SqlArgs& args) const;

  const Clock& clock_;
  Logger logger_;
  const Index& index_;
  const std::chrono::milliseconds stable_after_;
  std::unique_ptr<store::Catalogue> catalogue_;
  std::mutex mutex_;  // of the notes
  std::deque<Note> notes_;
  bool overflow_ = false;
  std::mutex settle_mutex_;  // of all below, and one settle() at a time
  std::map<Resource, Growing> growing_;
  std::optional<std::int64_t> scan_from_;  // what came from then on is looked for in the index by the next settle()
};

}  // namespace aceso::archive
