// What became of the priors of each worklist entry, in a catalogue; what it says of patients and studies is sealed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/store/catalogue.hpp"
#include "sealer.hpp"

namespace aceso::archive {

// One study under the patient's ID at a source.
struct PriorStudy {
  std::string study_uid = {};
  std::string source = {};      // AE title
  std::string date = {};        // YYYYMMDD, "" when not said
  std::string modalities = {};  // "CT\\SR"
  std::string description = {};
  std::size_t objects = 0;                    // there, counted object by object
  std::size_t here = 0;                       // of these
  std::vector<std::string> disagreeing = {};  // "name", ...: another person's, not fetched
  bool unconfirmed = false;                   // nothing but the ID says whose it is: not fetched
  std::string reason = {};                    // why something is missing
  bool is_prior() const noexcept { return disagreeing.empty() && !unconfirmed; }
};

enum class PriorState : std::uint8_t { waiting, fetched, none, failed };
std::string_view to_string(PriorState state) noexcept;

struct PriorFetch {
  std::string id = {};       // the scheduled step's
  std::string subject = {};  // keyed hash of what the step and its rule say
  std::string rule = {};
  PriorState state = PriorState::waiting;
  std::string reason = {};
  std::string job = {};                  // "": none yet
  std::int64_t due_us = 0;               // when it begins, local time since 1970
  std::int64_t updated_us = 0;           // UTC since 1970
  std::vector<PriorStudy> studies = {};  // those to be here, newest first, then those that are not the patient's
  std::size_t not_theirs = 0;            // studies under the ID that are not, or not surely, the patient's
};

// Thread-safe. Errors of all: those of the catalogue; data_loss (another key, an altered row).
class PriorTable {
 public:
  static std::vector<store::Migration> migrations(int first_number);
  // catalogue and random outlive it.
  PriorTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key);

  Result<std::vector<PriorFetch>> all() const;
  // In one transaction. Changed ones are new, or take the place of the one with their id.
  Status apply(const std::vector<PriorFetch>& changed, const std::vector<std::string>& gone);
  std::string subject_of(std::string_view text) const;

 private:
  store::Catalogue& catalogue_;
  Sealer sealer_;
};

Json to_json(const PriorStudy& study);

}  // namespace aceso::archive
