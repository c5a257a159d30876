#include "study_list.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "aceso/base/clock.hpp"
#include "aceso/dicom/tags.hpp"
#include "list_fields.hpp"
#include "matcher.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

constexpr std::array kOrders{std::pair{std::string_view{"date"}, StudyOrder::date},
                             std::pair{std::string_view{"patient"}, StudyOrder::patient},
                             std::pair{std::string_view{"patient_id"}, StudyOrder::patient_id},
                             std::pair{std::string_view{"accession"}, StudyOrder::accession},
                             std::pair{std::string_view{"description"}, StudyOrder::description},
                             std::pair{std::string_view{"received"}, StudyOrder::received},
                             std::pair{std::string_view{"instances"}, StudyOrder::instances}};

std::string without(std::string_view text, std::string_view unwanted) {
  std::string out;
  for (const char c : text) {
    if (unwanted.find(c) == std::string_view::npos) out += c;
  }
  return out;
}

// The component groups of a name: alphabetic, ideographic, phonetic (PS3.5 6.2.1.1).
std::vector<std::string_view> groups_of(std::string_view name) {
  std::vector<std::string_view> out;
  for (std::size_t start = 0;;) {
    const auto end = std::min(name.find('=', start), name.size());
    out.push_back(name.substr(start, end - start));
    if (end == name.size()) return out;
    start = end + 1;
  }
}

// What decides whether a study is in the list.
struct Conditions {
  std::optional<Matcher> study_uid, accession, date, modalities;
  std::string patient, description;  // lower case
  std::optional<std::pair<std::string, std::string>> same_patient;

  bool fit(const Study& study) const {
    const auto& patient_values = study.patient;
    if (!patient.empty() &&
        !patient_match(patient, patient_values.value(tags::kPatientName), patient_values.value(tags::kPatientID)))
      return false;
    if (same_patient && (patient_values.value(tags::kPatientID) != same_patient->first ||
                         patient_values.value(tags::kIssuerOfPatientID) != same_patient->second))
      return false;
    for (const auto* one : {&study_uid, &accession, &date}) {
      if (one->has_value() && !(*one)->matches(study.attributes)) return false;
    }
    if (!description.empty() &&
        lower_ascii(study.attributes.value(tags::kStudyDescription)).find(description) == std::string::npos)
      return false;
    return !modalities || std::ranges::any_of(study.series, [&](const auto& one) {
      return modalities->matches_value(one.second.attributes.value(tags::kModality));
    });
  }
};

std::string joined(const std::vector<std::string>& values, char between) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : std::string{between}) + value;
  return out;
}

Result<Conditions> conditions_of(const Index& index, const StudyQuery& query) {
  Conditions out;
  const auto set = [](std::optional<Matcher>& where, dicom::Tag tag, const std::string& value) -> Status {
    if (value.empty()) return {};
    ACESO_TRY(where, Matcher::create({tag}, value, false));
    return {};
  };
  ACESO_TRY_OK(set(out.study_uid, tags::kStudyInstanceUID, query.study_uid));
  ACESO_TRY_OK(set(out.accession, tags::kAccessionNumber, query.accession));
  ACESO_TRY_OK(set(out.modalities, tags::kModalitiesInStudy, joined(query.modalities, '\\')));
  if (!query.from.empty() || !query.to.empty())
    ACESO_TRY_OK(set(out.date, tags::kStudyDate, query.from == query.to ? query.from : query.from + "-" + query.to));
  out.patient = lower_ascii(query.patient);
  out.description = lower_ascii(query.description);
  if (!query.same_patient_as.empty()) {
    const auto study = index.study(query.same_patient_as);
    if (!study) return Error{Code::not_found, "there is no such study"};
    const std::shared_lock lock{study->mutex};
    out.same_patient = std::pair{std::string{study->patient.value(tags::kPatientID)},
                                 std::string{study->patient.value(tags::kIssuerOfPatientID)}};
    // Without an ID nobody is the same patient as anybody else.
    if (out.same_patient->first.empty()) {
      ACESO_TRY(out.study_uid, Matcher::create({tags::kStudyInstanceUID}, query.same_patient_as, false));
    }
  }
  return out;
}

// Sorts as text; "" comes last whatever the direction.
std::string key_of(const Study& study, StudyOrder order) {
  switch (order) {
    case StudyOrder::date: {
      const auto day = study.attributes.value(tags::kStudyDate);
      return day.empty() ? std::string{}
                         : std::string{day} + ' ' + std::string{study.attributes.value(tags::kStudyTime)};
    }
    case StudyOrder::patient:
      return lower_ascii(study.patient.value(tags::kPatientName));
    case StudyOrder::patient_id:
      return lower_ascii(study.patient.value(tags::kPatientID));
    case StudyOrder::accession:
      return lower_ascii(study.attributes.value(tags::kAccessionNumber));
    case StudyOrder::description:
      return lower_ascii(study.attributes.value(tags::kStudyDescription));
    case StudyOrder::received:
      return padded(static_cast<std::uint64_t>(std::max<std::int64_t>(0, study.last_received_us)));
    case StudyOrder::instances:
      return padded(study.instances);
  }
  return {};
}

Match row_of(const Study& study) {
  Match row;
  row.level = QueryLevel::study;
  row.patient = study.patient;
  row.study_uid = study.uid;
  row.study = study.attributes;
  row.study_series = study.series.size();
  row.study_instances = study.instances;
  for (const auto& [uid, series] : study.series) {
    if (const auto modality = series.attributes.value(tags::kModality); !modality.empty())
      row.modalities.emplace(modality);
  }
  return row;
}

Result<StudyOrder> study_order(const Json& value) {
  for (const auto& [name, order] : kOrders) {
    if (value.is_string() && value.get<std::string>() == name) return order;
  }
  return Error{Code::invalid, "order must be date, patient, patient_id, accession, description, received or instances"};
}

}  // namespace

bool patient_match(std::string_view query, std::string_view name, std::string_view id) {
  const std::string wanted = lower_ascii(query);
  if (wanted.find_first_of("*?") != std::string::npos && wildcard_match(wanted, lower_ascii(id))) return true;
  if (lower_ascii(id).starts_with(wanted)) return true;
  if (name.empty()) return false;
  if (fuzzy_name_match(wanted, name)) return true;
  const std::string together = without(wanted, " ^,");
  return !together.empty() && std::ranges::any_of(groups_of(name), [&](std::string_view group) {
    return lower_ascii(without(group, " ^")).starts_with(together);
  });
}

Result<StudyQuery> parse_study_query(const Json& body) {
  if (!body.is_object()) return Error{Code::invalid, "the body must be an object"};
  StudyQuery out;
  const std::array<std::pair<std::string_view, std::string*>, 7> texts{{{"patient", &out.patient},
                                                                        {"same_patient_as", &out.same_patient_as},
                                                                        {"study_uid", &out.study_uid},
                                                                        {"accession", &out.accession},
                                                                        {"description", &out.description},
                                                                        {"from", &out.from},
                                                                        {"to", &out.to}}};
  for (const auto& [name, value] : body.items()) {
    const auto text = std::ranges::find(texts, name, [](const auto& one) { return one.first; });
    if (text != texts.end()) {
      ACESO_TRY(*text->second, text_field(value, name));
    } else if (name == "modalities") {
      ACESO_TRY(out.modalities, list_field(value, name));
    } else if (name == "order") {
      ACESO_TRY(out.order, study_order(value));
    } else {
      ACESO_TRY(const bool paging, page_field(value, name, kMaxStudyPage, out.ascending, out.offset, out.limit));
      if (!paging) return Error{Code::invalid, "there is an unknown field in the body"};
    }
  }
  return out;
}

std::vector<std::string> fields_of(const StudyQuery& query) {
  std::vector<std::string> out;
  const auto add = [&](const char* name, bool used) {
    if (used) out.emplace_back(name);
  };
  add("patient", !query.patient.empty());
  add("same_patient_as", !query.same_patient_as.empty());
  add("study_uid", !query.study_uid.empty());
  add("accession", !query.accession.empty());
  add("description", !query.description.empty());
  add("date", !query.from.empty() || !query.to.empty());
  add("modalities", !query.modalities.empty());
  return out;
}

std::string text_of(const StudyQuery& query) {
  std::string out = "studies";
  for (const auto& value : {query.patient, query.same_patient_as, query.study_uid, query.accession, query.description,
                            query.from, query.to, joined(query.modalities, ',')})
    out += '\n' + value;
  return out;
}

Result<StudyPage> list_studies(const Index& index, const StudyQuery& query) {
  ACESO_TRY(const auto conditions, conditions_of(index, query));
  struct Found {
    std::string key;
    StudyPtr study;
  };
  std::vector<Found> found;  // newest first, as the index has them
  const auto visit = [&](const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    if (!study->gone && !study->series.empty() && conditions.fit(*study))
      found.push_back({key_of(*study, query.order), study});
    return true;
  };
  if (!query.study_uid.empty()) {
    if (const auto study = index.study(query.study_uid)) visit(study);
  } else {
    index.each_study(visit);
  }
  std::ranges::stable_sort(found, [&](const Found& a, const Found& b) {
    if (a.key.empty() || b.key.empty()) return !a.key.empty() && b.key.empty();
    return query.ascending ? a.key < b.key : a.key > b.key;
  });
  StudyPage out;
  out.total = found.size();
  for (std::size_t i = query.offset; i < found.size() && out.rows.size() < query.limit; ++i) {
    const auto& study = *found[i].study;
    const std::shared_lock lock{study.mutex};
    if (study.gone) continue;
    out.rows.push_back(row_of(study));
    out.received_us.push_back(study.last_received_us);
  }
  return out;
}

Json to_json(const Match& row, std::int64_t received_us) {
  const auto text = [](const Attributes& from, dicom::Tag tag) { return std::string{from.value(tag)}; };
  return Json{{"study_uid", row.study_uid},
              {"patient",
               {{"name", text(row.patient, tags::kPatientName)},
                {"id", text(row.patient, tags::kPatientID)},
                {"issuer", text(row.patient, tags::kIssuerOfPatientID)},
                {"birth_date", text(row.patient, tags::kPatientBirthDate)},
                {"sex", text(row.patient, tags::kPatientSex)},
                {"age", text(row.study, tags::kPatientAge)}}},
              {"accession", text(row.study, tags::kAccessionNumber)},
              {"date", text(row.study, tags::kStudyDate)},
              {"time", text(row.study, tags::kStudyTime)},
              {"description", text(row.study, tags::kStudyDescription)},
              {"referring_physician", text(row.study, tags::kReferringPhysicianName)},
              {"modalities", row.modalities},
              {"series", row.study_series},
              {"instances", row.study_instances},
              {"received", format_utc(UtcTime{std::chrono::microseconds{received_us}})}};
}

}  // namespace aceso::archive
