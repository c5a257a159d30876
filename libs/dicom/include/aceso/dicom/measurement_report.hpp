// Structured reports of what an algorithm found: template TID 1500 "Measurement Report" with TID 1501 groups (PS3.16),
// as Comprehensive 3D SR (PS3.3 A.35.13).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kComprehensive3dSr = "1.2.840.10008.5.1.4.1.1.88.34";

struct ReferencedObject {
  std::string sop_class_uid;
  std::string sop_instance_uid;
  std::string series_uid;
};

// TID 4019. Name and version must not be empty.
struct AlgorithmIdentification {
  std::string name = {};
  std::string version = {};
  std::vector<std::string> parameters = {};  // "decision threshold = 0.43"
};

struct ReportedCode {
  CodedEntry concept_name;
  CodedEntry value;
};
// TID 300: a number with its unit (UCUM), written with six decimals at most, and what makes its name more precise.
struct ReportedNumber {
  CodedEntry concept_name;
  double value = 0;
  CodedEntry unit;
  std::vector<ReportedCode> modifiers = {};
};
struct ReportedText {
  CodedEntry concept_name;
  std::string text;
};

// TID 1501.
struct MeasurementGroup {
  std::string tracking_identifier = {};
  std::string tracking_uid = {};
  std::optional<CodedEntry> finding = {};  // (121071, DCM, "Finding")
  AlgorithmIdentification algorithm = {};
  std::vector<ReportedNumber> numbers = {};
  std::vector<ReportedCode> codes = {};
  std::vector<ReportedText> texts = {};
  std::vector<ReferencedObject> images = {};  // source of the numbers; at least one, of the study of `source`
};

struct MeasurementReport {
  std::string device_uid = {};           // of the observer: this node
  std::string device_name = {};          //
  CodedEntry procedure = {};             // (121058, DCM, "Procedure reported")
  std::vector<CodedEntry> schemes = {};  // private coding schemes: value = designator, scheme = UID, meaning = name
  std::vector<MeasurementGroup> groups = {};
};

// In English, complete, unverified, preliminary. `source`: any image of the study. Errors: invalid (no group; a group
// without image, tracking, algorithm's name or version; a number that is not finite; a UID that is none).
Result<Dataset> make_measurement_report(const Dataset& source, const DerivedObject& object,
                                        const MeasurementReport& report);

}  // namespace aceso::dicom
