// Attributes as Orthanc writes them in JSON: all of an object in three forms, and those it shows of each level.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/dicom/dataset.hpp"
#include "aceso/dicom/tag.hpp"

namespace aceso::archive {

using contracts::QueryLevel;

enum class OrthancForm : std::uint8_t {
  full,        // {"0010,0010": {"Name": "PatientName", "Type": "String", "Value": "Doe^Jane"}}
  brief,       // {"0010,0010": "Doe^Jane"}
  simplified,  // {"PatientName": "Doe^Jane"}
};
// Values longer than 256 bytes and binary ones become null, "TooLong" and "Null" in the full form.
Json orthanc_tags(const dicom::Dataset& dataset, OrthancForm form);

// "MainDicomTags" of a level: what the object has of them, by keyword.
std::span<const dicom::Tag> orthanc_main_tags(QueryLevel level) noexcept;
Json orthanc_main(const dicom::Dataset& dataset, QueryLevel level);

// One element as text: characters in UTF-8 without spaces around them, numbers and tags joined by backslashes. nullopt:
// a sequence, binary, or not read.
std::optional<std::string> orthanc_text(const dicom::Element& element, const dicom::CharacterSet& charset);

// "PatientName", "0010,0010", "0010-0010", "00100010".
std::optional<dicom::Tag> parse_orthanc_tag(std::string_view text);

}  // namespace aceso::archive
