// Identifiers of C-FIND, C-MOVE and C-GET (PS3.4 C.4.1.1.3): data sets to queries and back.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "aceso/contracts/objects.hpp"
#include "aceso/dicom/dataset.hpp"

namespace aceso::dimse {

inline constexpr dicom::Tag kSpecificCharacterSet{0x0008, 0x0005};
inline constexpr dicom::Tag kQueryRetrieveLevel{0x0008, 0x0052};
inline constexpr dicom::Tag kRetrieveAeTitle{0x0008, 0x0054};
inline constexpr dicom::Tag kInstanceAvailability{0x0008, 0x0056};
inline constexpr dicom::Tag kFailedSopInstanceUidList{0x0008, 0x0058};
inline constexpr dicom::Tag kPatientId{0x0010, 0x0020};
inline constexpr dicom::Tag kStudyInstanceUid{0x0020, 0x000D};
inline constexpr dicom::Tag kSeriesInstanceUid{0x0020, 0x000E};
inline constexpr dicom::Tag kSopInstanceUid{0x0008, 0x0018};

std::optional<contracts::QueryLevel> parse_level(std::string_view text) noexcept;
dicom::Tag unique_key(contracts::QueryLevel level) noexcept;

// The text of an element as a query key or an attribute holds it: UTF-8, values separated by backslashes.
std::string joined_text(const dicom::Dataset& data, const dicom::Element& element);

// Errors: invalid (no level, or none of this model), conflict (the model has no such level).
Result<contracts::ObjectQuery> query_of(const dicom::Dataset& identifier, bool patient_root);
// What was asked for with the row's values; in the character set of the request where that can express them, else in
// UTF-8.
dicom::Dataset answer_of(const dicom::Dataset& identifier, const contracts::ObjectQuery& query,
                         const contracts::ObjectRow& row, std::string_view retrieve_ae);

// What a C-MOVE or C-GET asks for: all objects under any of `uids`, within the study and series when these are given.
struct Wanted {
  contracts::QueryLevel level = contracts::QueryLevel::study;
  std::vector<std::string> uids = {};
  std::string study_uid = {};
  std::string series_uid = {};
};
Result<Wanted> wanted_of(const dicom::Dataset& identifier, bool patient_root);

// An element with this text; numbers are written as such, what cannot be stays empty.
void set_value(dicom::Dataset& data, dicom::Tag tag, dicom::Vr vr, const std::string& value);

}  // namespace aceso::dimse
