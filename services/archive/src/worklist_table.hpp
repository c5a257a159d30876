// Scheduled and performed steps in a catalogue. What they say is sealed (AES-256-GCM); performed steps are found by a
// keyed hash of their UID.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/worklist.hpp"
#include "aceso/store/catalogue.hpp"
#include "index.hpp"
#include "scheduled_step.hpp"
#include "sealer.hpp"

namespace aceso::archive {

struct KeptStep {
  std::string id = {};        // UUIDv7, of the time it was reported
  std::string reporter = {};  // AE title
  std::int64_t updated_us = 0;
  contracts::PerformedStep step = {};
};

// Thread-safe. Errors of all: those of the catalogue; data_loss (another key, an altered row).
class WorklistTable {
 public:
  static std::vector<store::Migration> migrations();
  // catalogue and random outlive it.
  WorklistTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key);

  Result<std::vector<ScheduledStep>> scheduled() const;
  Status put(const ScheduledStep& step);  // new, or in place of the one with its id
  Status remove(std::string_view id);

  // The performed step, and the scheduled steps that it changed, in one transaction. add: exists.
  Status add(const KeptStep& step, const std::vector<ScheduledStep>& changed);
  Status update(const KeptStep& step, const std::vector<ScheduledStep>& changed);
  Result<std::optional<KeptStep>> find(std::string_view sop_instance_uid) const;
  Result<std::vector<KeptStep>> performed(std::string_view before, std::size_t limit) const;  // newest first

 private:
  Result<KeptStep> step_of(const store::Row& row) const;

  store::Catalogue& catalogue_;
  Sealer sealer_;
};

// With how many of the objects that it names are in the index.
Json to_json(const KeptStep& step, const Index& index);

}  // namespace aceso::archive
