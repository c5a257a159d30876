// Structured reports of what an algorithm found: template TID 1500 "Measurement Report" with TID 1501, TID 1410 and
// TID 1411 groups (PS3.16), as Comprehensive 3D SR (PS3.3 A.35.13).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kComprehensive3dSr = "1.2.840.10008.5.1.4.1.1.88.34";

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

struct ReferencedSegment {
  ReferencedObject object;
  std::int64_t number = 1;
};

// A rectangle on an image, in columns and rows from the outer corner of its first pixel (PS3.3 C.18.6.1.2): the whole
// image is 0, 0, columns, rows.
struct ImageRegion {
  double left = 0, top = 0, right = 0, bottom = 0;
};

// TID 1501; TID 1411 with a segment or TID 1410 with a region, which then is what the numbers measure.
struct MeasurementGroup {
  std::string tracking_identifier = {};
  std::string tracking_uid = {};
  std::optional<CodedEntry> finding = {};  // (121071, DCM, "Finding")
  // Left out of what a person found; must be there in a report without one.
  std::optional<AlgorithmIdentification> algorithm = {};
  std::vector<ReportedNumber> numbers = {};
  std::vector<ReportedCode> codes = {};
  std::vector<ReportedText> texts = {};
  std::vector<ReferencedObject> images = {};  // source of the numbers; at least one, of the study of `source`
  std::optional<ReferencedSegment> segment = {};
  std::optional<ImageRegion> region = {};  // of the first image; not with a segment
};

// Who answers for a report (PS3.3 C.17.2, Verifying Observer Sequence) and which one it takes the place of.
struct Verification {
  std::string person_name = {};   // PN: "Yamada^Tarou"
  std::string organization = {};  // empty: "Not given", since the attribute must have a value
  std::chrono::sys_seconds time{};
};

struct MeasurementReport {
  std::string device_uid = {};           // of the observer: this node
  std::string device_name = {};          //
  CodedEntry procedure = {};             // (121058, DCM, "Procedure reported")
  std::vector<CodedEntry> schemes = {};  // private coding schemes: value = designator, scheme = UID, meaning = name
  std::vector<MeasurementGroup> groups = {};
  std::optional<Verification> verification = {};    // then the report is verified and final, its observer a person
  std::vector<ReferencedObject> predecessors = {};  // reports of the same study that this one replaces
};

// In English, complete; unverified and preliminary unless it says who verified it. `source`: any image of the study.
// Errors: invalid (no group; a group without image, tracking, algorithm's name or version; a region that is empty or
// beside a segment; a number that is not finite; a UID that is none; a verification without a name).
Result<Dataset> make_measurement_report(const Dataset& source, const DerivedObject& object,
                                        const MeasurementReport& report);

}  // namespace aceso::dicom
