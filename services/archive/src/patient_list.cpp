#include "patient_list.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "list_fields.hpp"
#include "study_list.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

Result<PatientOrder> order_field(const Json& value) {
  const std::string name = value.is_string() ? value.get<std::string>() : std::string{};
  if (name == "date") return PatientOrder::date;
  if (name == "patient") return PatientOrder::patient;
  if (name == "patient_id") return PatientOrder::patient_id;
  if (name == "studies") return PatientOrder::studies;
  return Error{Code::invalid, "order must be date, patient, patient_id or studies"};
}

// Sorts as text; "" comes last whatever the direction.
std::string key_of(const PatientRow& row, PatientOrder order) {
  switch (order) {
    case PatientOrder::date:
      return row.newest_date;
    case PatientOrder::patient:
      return lower_ascii(row.patient.value(tags::kPatientName));
    case PatientOrder::patient_id:
      return lower_ascii(row.patient.value(tags::kPatientID));
    case PatientOrder::studies:
      return padded(row.studies);
  }
  return {};
}

}  // namespace

Result<PatientQuery> parse_patient_query(const Json& body) {
  if (!body.is_object()) return Error{Code::invalid, "the body must be an object"};
  PatientQuery out;
  for (const auto& [name, value] : body.items()) {
    if (name == "patient") {
      ACESO_TRY(out.patient, text_field(value, name));
    } else if (name == "order") {
      ACESO_TRY(out.order, order_field(value));
    } else {
      ACESO_TRY(const bool paging, page_field(value, name, kMaxStudyPage, out.ascending, out.offset, out.limit));
      if (!paging) return Error{Code::invalid, "there is an unknown field in the body"};
    }
  }
  return out;
}

PatientPage list_patients(const Index& index, const PatientQuery& query) {
  using Who = std::tuple<std::string, std::string, std::string>;  // ID, issuer, the study's UID where there is no ID
  std::map<Who, std::size_t> known;
  std::vector<PatientRow> found;  // by newest study, as the index has them
  index.each_study([&](const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    if (study->gone || study->series.empty()) return true;
    const auto& patient = study->patient;
    const auto id = patient.value(tags::kPatientID);
    if (!query.patient.empty() && !patient_match(query.patient, patient.value(tags::kPatientName), id)) return true;
    Who who{std::string{id}, id.empty() ? std::string{} : std::string{patient.value(tags::kIssuerOfPatientID)},
            id.empty() ? study->uid : std::string{}};
    const auto [at, fresh] = known.try_emplace(std::move(who), found.size());
    if (fresh) found.emplace_back();
    auto& row = found[at->second];
    if (fresh) {
      row.patient = patient;
      row.newest_study_uid = study->uid;
      row.newest_date = study->attributes.value(tags::kStudyDate);
    }
    ++row.studies;
    for (const auto& [uid, series] : study->series) {
      if (const auto modality = series.attributes.value(tags::kModality); !modality.empty())
        row.modalities.emplace(modality);
    }
    return true;
  });
  std::vector<std::pair<std::string, const PatientRow*>> sorted;
  sorted.reserve(found.size());
  for (const auto& row : found) sorted.emplace_back(key_of(row, query.order), &row);
  std::ranges::stable_sort(sorted, [&](const auto& a, const auto& b) {
    if (a.first.empty() || b.first.empty()) return !a.first.empty() && b.first.empty();
    return query.ascending ? a.first < b.first : a.first > b.first;
  });
  PatientPage out;
  out.total = sorted.size();
  for (std::size_t i = query.offset; i < sorted.size() && out.rows.size() < query.limit; ++i)
    out.rows.push_back(*sorted[i].second);
  return out;
}

Json to_json(const PatientRow& row) {
  const auto text = [&](dicom::Tag tag) { return std::string{row.patient.value(tag)}; };
  return Json{{"patient",
               {{"name", text(tags::kPatientName)},
                {"id", text(tags::kPatientID)},
                {"issuer", text(tags::kIssuerOfPatientID)},
                {"birth_date", text(tags::kPatientBirthDate)},
                {"sex", text(tags::kPatientSex)}}},
              {"studies", row.studies},
              {"modalities", row.modalities},
              {"newest_date", row.newest_date},
              {"newest_study_uid", row.newest_study_uid}};
}

}  // namespace aceso::archive
