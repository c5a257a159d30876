// The list of studies that people look at: searched by words, sorted, counted, a page at a time. QIDO-RS answers
// programs; this answers the Studies page.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "index.hpp"
#include "query.hpp"

namespace aceso::archive {

inline constexpr std::size_t kMaxStudyPage = 200;

enum class StudyOrder : std::uint8_t { date, patient, patient_id, accession, description, received, instances };

struct StudyQuery {
  std::string patient;                  // words of the name in any order, or how the patient's ID begins; no case
  std::string same_patient_as;          // UID of a study: those with the same patient ID and issuer
  std::string study_uid;                // exactly this one
  std::string accession;                // '*' and '?' stand for characters
  std::string description;              // a part of it, without case
  std::string from, to;                 // study dates, YYYYMMDD, both included; empty: open
  std::vector<std::string> modalities;  // any of them in the study
  StudyOrder order = StudyOrder::date;
  bool ascending = false;
  std::size_t offset = 0;
  std::size_t limit = 50;  // 1 to kMaxStudyPage
};

struct StudyPage {
  std::vector<Match> rows;                // of study level
  std::vector<std::int64_t> received_us;  // of each row: when its newest object came
  std::size_t total = 0;                  // of all that match
};

// From the body of a request. Errors: invalid (what is unknown or malformed is named, no value is).
Result<StudyQuery> parse_study_query(const Json& body);
// The fields that restrict, for the audit trail: names, and the text that a keyed hash names the query by.
std::vector<std::string> fields_of(const StudyQuery& query);
std::string text_of(const StudyQuery& query);

// Newest first among equals; studies without the value that sorts come last. Errors: invalid (a malformed date or UID).
// Thread-safe; walks every study, holding the lock of one at a time.
Result<StudyPage> list_studies(const Index& index, const StudyQuery& query);

// Without case: each word of `query` begins a word of the name, or the whole begins the name written without
// delimiters (how Chinese names are typed), or the identifier.
bool patient_match(std::string_view query, std::string_view name, std::string_view id);

Json to_json(const Match& row, std::int64_t received_us);

}  // namespace aceso::archive
