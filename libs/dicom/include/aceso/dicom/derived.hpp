// What objects that the node makes of a study's images have in common: they stay in the patient and study of their
// source (PS3.3 C.7.1.1, C.7.2.1) and name the equipment that made them (C.7.5.1, C.7.5.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/dicom/dataset.hpp"

namespace aceso::dicom {

// (Code Value, Coding Scheme Designator, Code Meaning), PS3.3 8. Values longer than 16 characters become Long Code
// Values; meanings are cut at 64.
struct CodedEntry {
  std::string value;
  std::string scheme;
  std::string meaning;
};
// One item of a code sequence.
Dataset code_item(const CodedEntry& code);

struct ReferencedObject {
  std::string sop_class_uid;
  std::string sop_instance_uid;
  std::string series_uid;
};

// TID 4019, PS3.3 table 10-19. Name and version must not be empty.
struct AlgorithmIdentification {
  std::string name = {};
  std::string version = {};
  std::vector<std::string> parameters = {};  // "decision threshold = 0.43"
};

struct Equipment {
  std::string manufacturer = {};
  std::string model_name = {};
  std::string serial_number = {};
  std::string software = {};
};

struct DerivedObject {
  std::string sop_instance_uid = {};
  std::string series_uid = {};
  std::int64_t series_number = 1;
  std::int64_t instance_number = 1;
  std::string series_description = {};
  std::chrono::sys_seconds created{};  // content, series and instance creation time
  std::chrono::minutes utc_offset{0};  // of the times that are written
  Equipment equipment = {};
};

// Modules Patient and General Study of `source` (any image of the study; missing type 2 attributes are empty), General
// Series, General Equipment, SOP Common. Text in UTF-8, cut at 64
// characters. Notes of de-identification are kept.
Dataset make_derived(const Dataset& source, std::string_view sop_class, std::string_view modality,
                     const DerivedObject& object);

// "20260131" and "134501" of a time at an offset from UTC.
std::string dicom_date(std::chrono::sys_seconds time, std::chrono::minutes utc_offset);
std::string dicom_time(std::chrono::sys_seconds time, std::chrono::minutes utc_offset);
// Of (0008,0201), "+0530"; nullopt when it is missing or no offset.
std::optional<std::chrono::minutes> utc_offset_of(const Dataset& dataset);

}  // namespace aceso::dicom
