// The list of patients that people look at: everybody of whom the archive keeps a study.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "index.hpp"

namespace aceso::archive {

enum class PatientOrder : std::uint8_t { date, patient, patient_id, studies };

struct PatientQuery {
  std::string patient;  // as StudyQuery::patient
  PatientOrder order = PatientOrder::date;
  bool ascending = false;
  std::size_t offset = 0;
  std::size_t limit = 50;  // 1 to kMaxStudyPage
};

struct PatientRow {
  Attributes patient;  // as the newest study has them
  std::string newest_study_uid;
  std::string newest_date;  // YYYYMMDD, "" when unknown
  std::set<std::string> modalities;
  std::size_t studies = 0;
};

struct PatientPage {
  std::vector<PatientRow> rows;
  std::size_t total = 0;  // of all that match
};

// From the body of a request. Errors: invalid (what is unknown or malformed is named, no value is).
Result<PatientQuery> parse_patient_query(const Json& body);

// Studies with the same patient ID and issuer are one patient's; a study without an ID is a patient of its own. By
// default those with the newest studies first. Thread-safe; walks every study, holding the lock of one at a time.
PatientPage list_patients(const Index& index, const PatientQuery& query);

Json to_json(const PatientRow& row);

}  // namespace aceso::archive
