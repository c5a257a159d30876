// Analyses of archived series, kept in a catalogue: what waits, what came of it, and why not. UIDs and answers are
// sealed (AES-256-GCM), studies, series and instances are found by keyed hashes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/store/catalogue.hpp"

namespace aceso::archive {

enum class AnalysisState : std::uint8_t { waiting, running, analysed, failed, not_applicable };
std::string_view to_string(AnalysisState state) noexcept;
std::optional<AnalysisState> parse_analysis_state(std::string_view text) noexcept;

// Where the map of influence of an answer stands, and where the image lies in that picture.
struct AnalysisMap {
  std::string instance_uid = {}, series_uid = {};  // of the picture in colour
  std::string method = {}, label = {}, warning = {};
  std::int64_t left = 0, top = 0, width = 0, height = 0;  // pixels of that picture
};
// What the last person who looked said.
struct AnalysisJudgement {
  bool agrees = true;
  std::string finding = {}, comment = {};
  std::string person = {};      // name of the account
  std::string report_uid = {};  // of the verified report
  std::string report_series = {};
  std::int64_t revision = 1;
  std::int64_t at_s = 0;  // since 1970 UTC
};
// Of a positive finding; UPS Scheduled Procedure Step Priority (PS3.3 C.30.2) has the same three.
enum class Urgency : std::uint8_t { high, medium, low };
std::string_view to_string(Urgency urgency) noexcept;
std::optional<Urgency> parse_urgency(std::string_view text) noexcept;

struct Analysis {
  std::string id = {};            // UUIDv7
  std::string study_uid = {};     //
  std::string series_uid = {};    //
  std::string instance_uid = {};  // "": the series as a whole
  std::string rule = {};          // name; "": no rule
  AnalysisState state = AnalysisState::waiting;
  std::string reason = {};
  std::string model = {};       // as the rule names it
  std::string job = {};         // "": none yet
  std::int64_t updated_us = 0;  //
  // Once the model has answered; kept before anything is written, so that what is written is the same after a crash.
  // Of what it drew only labels and sizes are kept: who needs the masks asks the model again.
  std::optional<contracts::PictureAnswer> answer = {};
  std::string input_sha256 = {};
  std::int64_t answered_s = 0;  // since 1970 UTC
  std::int64_t utc_offset_min = 0;
  std::vector<std::string> results = {};            // SOP instance UIDs
  std::string report_uid = {}, report_series = {};  // of the report among them
  std::size_t images = 0;                           // of the series when it was taken as one volume
  bool positive = false;                            // the rule's positive findings hold the answer's
  Urgency urgency = Urgency::medium;
  std::optional<AnalysisMap> map = {};
  std::string map_note = {};  // why there is none
  std::optional<AnalysisJudgement> judgement = {};
  bool recalled = false;         // the model was, and the answer does not stand any more
  std::string recall_note = {};  // UID of the note that rejects the results; "-": there can be none; "": not yet
};

// Studies are read in this order: what a model found and how urgent it is, then what nobody has looked at, then the
// rest. A study stands where its first analysis stands.
enum class WorklistRank : std::uint8_t {
  positive_high = 1,
  positive_medium,
  positive_low,
  failed,
  waiting,
  negative,
  not_applicable,
  judged  // a person has agreed or corrected
};
std::string_view to_string(WorklistRank rank) noexcept;
WorklistRank rank_of(const Analysis& analysis) noexcept;

struct WorklistRow {
  WorklistRank rank = WorklistRank::not_applicable;
  std::string study_uid;
  std::string cursor;  // of the next page
};

// Thread-safe. Errors of all: those of the catalogue; data_loss (another key, an altered row).
class AnalysisTable {
 public:
  static std::vector<store::Migration> migrations(int first_number);
  static store::Migration order_migration(int number);   // after the first; columns that order the worklist
  static store::Migration recall_migration(int number);  // after the order's
  // catalogue and random outlive it.
  AnalysisTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key);

  // One transaction. Rows whose series, instance and rule are there already are left as they are, or with `again` start
  // from the beginning. A row without a rule stands only while its series has none with one.
  // With `again` what had been answered and written is kept as past().
  Status add(const std::vector<Analysis>& analyses, bool again);
  Result<std::optional<Analysis>> find(std::string_view id) const;
  Result<std::vector<Analysis>> of_study(std::string_view study_uid) const;
  // Newest first, ids below `before` ("": from the newest).
  Result<std::vector<Analysis>> list(std::optional<AnalysisState> state, std::string_view before,
                                     std::size_t limit) const;
  Result<std::vector<Analysis>> without_job(std::size_t limit) const;  // that wait
  Result<std::vector<Analysis>> unfinished(std::size_t limit) const;   // that wait or run, with a job
  Status set_job(std::string_view id, std::string_view job);
  Status update(const Analysis& analysis);  // state, reason, answer, results
  // Studies by rank, newest first within one; after `cursor` ("": from the top).
  Result<std::vector<WorklistRow>> worklist(std::string_view cursor, std::size_t limit) const;
  Result<bool> is_result(std::string_view sop_instance_uid) const;
  Status forget_study(std::string_view study_uid);

  // What was answered and written into studies before it was analysed again, and what was recalled: kept beside the
  // analyses that stand. Written again under the same id it takes the place of what was there.
  Status keep_past(const Analysis& analysis);
  // Of one version, recalled or not. Newest first, ids below `before` ("": from the newest).
  Result<std::vector<Analysis>> past(std::string_view model, int version, bool recalled, std::string_view before,
                                     std::size_t limit) const;

  // Times in microseconds since 1970 UTC, by name.
  Result<std::optional<std::int64_t>> time(std::string_view name) const;
  Status set_time(std::string_view name, std::int64_t us);

 private:
  std::string hashed(std::string_view kind, std::string_view uid) const;
  store::Blob sealed(const Analysis& analysis) const;
  Result<Analysis> opened(const store::Row& row) const;
  Status keep_past(store::Transaction& tx, const Analysis& analysis) const;
  Result<std::vector<Analysis>> select(const std::string& rest, const store::SqlArgs& args) const;

  store::Catalogue& catalogue_;
  RandomSource& random_;
  crypto::SecretKey names_;
  crypto::SecretKey seal_;
};

}  // namespace aceso::archive
