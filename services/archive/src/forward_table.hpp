// What is to be sent on, and what came of it, in a catalogue; UIDs are sealed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/store/catalogue.hpp"
#include "sealer.hpp"

namespace aceso::archive {

enum class ForwardState : std::uint8_t { waiting, sent, failed };
std::string_view to_string(ForwardState state) noexcept;

// Objects of one series that came in (from_us, until_us], for one destination.
struct Forward {
  std::string id = {};  // UUIDv7
  std::string study_uid = {};
  std::string series_uid = {};
  std::string rule = {};  // "": by hand
  std::string destination = {};
  std::int64_t from_us = 0;
  std::int64_t until_us = 0;
  ForwardState state = ForwardState::waiting;
  std::string reason = {};
  std::string job = {};  // "": none yet
  std::size_t objects = 0;
  std::size_t sent = 0;
  std::size_t refused = 0;    // not sent: identities could not be removed
  std::string refusals = {};  // why
  bool deidentified = false;
  std::int64_t updated_us = 0;
};

// Thread-safe. Errors of all: those of the catalogue; data_loss.
class ForwardTable {
 public:
  static std::vector<store::Migration> migrations(int first_number);
  // catalogue and random outlive it.
  ForwardTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key);

  Status add(const Forward& forward);
  Status update(const Forward& forward);                      // state, reason, counts, job
  Status set_job(std::string_view id, std::string_view job);  // unless it has one
  Result<std::optional<Forward>> find(std::string_view id) const;
  // Until when objects of the series were given to this rule; 0: none was.
  Result<std::int64_t> covered_us(std::string_view series_uid, std::string_view rule) const;
  Result<std::vector<Forward>> list(std::string_view before, std::size_t limit) const;  // newest first
  Result<std::vector<Forward>> waiting(bool with_job, std::size_t limit) const;

  Result<std::optional<std::int64_t>> time(std::string_view name) const;
  Status set_time(std::string_view name, std::int64_t us);

 private:
  Result<std::vector<Forward>> select(const std::string& rest, const store::SqlArgs& args) const;

  store::Catalogue& catalogue_;
  Sealer sealer_;
};

Json to_json(const Forward& forward);

}  // namespace aceso::archive
