// Marks and their revisions in a catalogue. What they say is sealed; study and image are found by keyed hashes.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/store/catalogue.hpp"
#include "mark_words.hpp"
#include "sealer.hpp"

namespace aceso::archive {

struct Mark {
  std::string id = {};  // UUIDv7
  std::string study_uid = {}, series_uid = {}, instance_uid = {};
  std::uint32_t frame = 1;
  std::int64_t rows = 0, columns = 0;
  MarkWords words = {};
  std::string author_id = {}, author = {};
  std::int64_t created_us = 0, updated_us = 0;
  int revision = 1;
  bool after_ai = false, after_others = false;
  bool withdrawn = false;
  std::string reason = {};  // of the withdrawal
};

// Thread-safe. Errors of all: those of the catalogue; data_loss (another key, an altered row).
class MarkTable {
 public:
  static std::vector<store::Migration> migrations();
  // catalogue and random outlive it.
  MarkTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key);

  // The mark as it stands from now on, and the revision that it is, in one transaction; a finding that was never said
  // before with it.
  Status put(const Mark& mark, bool new_finding);
  Result<std::optional<Mark>> find(std::string_view id) const;
  // Oldest first, withdrawn ones left out.
  Result<std::vector<Mark>> of_study(std::string_view study_uid) const;
  Result<std::vector<Mark>> of_instance(std::string_view instance_uid) const;
  Result<std::vector<Mark>> revisions(std::string_view id) const;  // newest first
  Result<std::set<std::string>> findings() const;

 private:
  Result<std::vector<Mark>> read(const std::vector<store::Row>& rows) const;

  store::Catalogue& catalogue_;
  Sealer sealer_;
};

}  // namespace aceso::archive
