#include "orthanc_tags.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;
using dicom::Vr;

constexpr std::size_t kLongest = 256;  // bytes of a value that is shown
constexpr std::string_view kUnknown = "Unknown Tag & Data";
constexpr Tag kOtherPatientIds{0x0010, 0x1000};
// Retired, and not marked as such: by Orthanc's choice, or since DCMTK 3.6.7.
constexpr std::array kNotMarked{kOtherPatientIds, Tag{0x3006, 0x0085}, Tag{0x3006, 0x0088}};
constexpr Tag kPadding{0xFFFC, 0xFFFC};

// The levels' attributes as Orthanc 1.10 has them without further configuration (ExtraMainDicomTags is not offered).
constexpr std::array kPatientMain{tags::kPatientName, tags::kPatientID, tags::kPatientBirthDate, tags::kPatientSex,
                                  kOtherPatientIds};
constexpr std::array kStudyMain{tags::kStudyDate,
                                tags::kStudyTime,
                                tags::kAccessionNumber,
                                tags::kInstitutionName,
                                tags::kReferringPhysicianName,
                                tags::kStudyDescription,
                                tags::kStudyInstanceUID,
                                tags::kStudyID,
                                Tag{0x0032, 0x1032},   // Requesting Physician
                                Tag{0x0032, 0x1060}};  // Requested Procedure Description
constexpr std::array kSeriesMain{
    tags::kSeriesDate,        tags::kSeriesTime,    tags::kModality,     tags::kManufacturer, tags::kStationName,
    tags::kSeriesDescription, tags::kOperatorsName, Tag{0x0018, 0x0010},  // Contrast/Bolus Agent
    tags::kBodyPartExamined,  Tag{0x0018, 0x0024},                        // Sequence Name
    tags::kProtocolName,      Tag{0x0018, 0x1090},                        // Cardiac Number of Images
    Tag{0x0018, 0x1400},                                                  // Acquisition Device Processing Description
    tags::kSeriesInstanceUID, tags::kSeriesNumber,  Tag{0x0020, 0x0037},  // Image Orientation (Patient)
    Tag{0x0020, 0x0105},                                                  // Number of Temporal Positions
    Tag{0x0020, 0x1002},                                                  // Images in Acquisition
    Tag{0x0040, 0x0254},                                                  // Performed Procedure Step Description
    Tag{0x0054, 0x0081},                                                  // Number of Slices
    Tag{0x0054, 0x0101},                                                  // Number of Time Slices
    Tag{0x0054, 0x1000}};                                                 // Series Type
constexpr std::array kInstanceMain{Tag{0x0008, 0x0012},                   // Instance Creation Date
                                   Tag{0x0008, 0x0013},                   // Instance Creation Time
                                   tags::kSOPInstanceUID, tags::kAcquisitionNumber,
                                   tags::kInstanceNumber, Tag{0x0020, 0x0032},   // Image Position (Patient)
                                   Tag{0x0020, 0x0037},                          // Image Orientation (Patient)
                                   Tag{0x0020, 0x0100},                          // Temporal Position Identifier
                                   Tag{0x0020, 0x4000},                          // Image Comments
                                   tags::kNumberOfFrames, Tag{0x0054, 0x1330}};  // Image Index

std::string_view without_spaces(std::string_view text) noexcept {
  constexpr std::string_view kSpaces{" \t\r\n\v\f\0", 7};
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::string digits_of(double value) {
  constexpr int kTellsEveryDouble = 17;
  std::array<char, 40> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, kTellsEveryDouble);
  return error == std::errc{} ? std::string{text.data(), end} : std::string{};
}

std::string with_comma(Tag tag) {
  auto hex = dicom::to_hex(tag);
  std::ranges::transform(hex, hex.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return hex.substr(0, 4) + "," + hex.substr(4);
}

// As DCMTK's dictionary calls them, which Orthanc reads.
std::string name_of(Tag tag) {
  if (tag.is_private_creator()) return "PrivateCreator";
  if (tag.is_group_length()) return tag.is_private() ? "PrivateGroupLength" : "GenericGroupLength";
  const auto* known = dicom::find_attribute(tag);
  if (known == nullptr || known->keyword.empty()) return std::string{kUnknown};
  const bool marked = known->retired && std::ranges::find(kNotMarked, tag) == kNotMarked.end();
  return (marked ? "RETIRED_" : "") + std::string{known->keyword};
}

// Tags with a comma, floating point with as many digits as tell every value apart.
std::vector<std::string> number_texts(const dicom::Element& element, const dicom::CharacterSet& charset) {
  if (element.vr() == Vr::fl || element.vr() == Vr::fd) {
    std::vector<std::string> out;
    for (const double value : element.numbers()) out.push_back(digits_of(value));
    return out;
  }
  auto out = element.texts(charset);
  if (element.vr() == Vr::at) {
    for (auto& one : out) {
      if (const auto tag = dicom::parse_tag(one)) one = with_comma(*tag);
    }
  }
  return out;
}

Json sequence_of(const dicom::Element& element, OrthancForm form) {
  Json items = Json::array();
  for (const auto& item : element.items()) items.push_back(orthanc_tags(item, form));
  return items;
}

}  // namespace

std::span<const Tag> orthanc_main_tags(QueryLevel level) noexcept {
  switch (level) {
    case QueryLevel::patient:
      return kPatientMain;
    case QueryLevel::study:
      return kStudyMain;
    case QueryLevel::series:
      return kSeriesMain;
    case QueryLevel::image:
      return kInstanceMain;
  }
  return {};
}

std::optional<std::string> orthanc_text(const dicom::Element& element, const dicom::CharacterSet& charset) {
  const Vr vr = element.vr();
  if (element.is_sequence() || element.skipped() || element.is_encapsulated() || dicom::is_bulk(vr))
    return std::nullopt;
  if (dicom::is_text(vr)) {
    const auto decoded = dicom::uses_charset(vr) ? charset.to_utf8(element.bytes(), vr == Vr::pn)
                                                 : dicom::CharacterSet{}.to_utf8(element.bytes());
    return std::string{without_spaces(decoded)};
  }
  const auto values = number_texts(element, charset);
  if (values.empty()) return std::nullopt;
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : "\\") + value;
  return out;
}

Json orthanc_tags(const dicom::Dataset& dataset, OrthancForm form) {
  Json out = Json::object();
  for (const auto& element : dataset.elements()) {
    const Tag tag = element.tag();
    if (tag == kPadding) continue;
    const std::string key = form == OrthancForm::simplified ? name_of(tag) : with_comma(tag);
    Json value;
    std::string_view type = "Null";
    if (element.is_sequence()) {
      value = sequence_of(element, form);
      type = "Sequence";
    } else if (const auto text = orthanc_text(element, dataset.charset())) {
      type = text->size() > kLongest ? "TooLong" : "String";
      if (text->size() <= kLongest) value = *text;
    } else if (element.skipped() && dicom::is_text(element.vr())) {
      type = "TooLong";
    }
    if (form != OrthancForm::full) {
      out[key] = std::move(value);
      continue;
    }
    Json shown{{"Name", name_of(tag)}};
    if (tag.is_private() && !tag.is_private_creator() && tag.element > 0xFF) {
      const auto creator = dataset.text_or({tag.group, static_cast<std::uint16_t>(tag.element >> 8U)});
      if (!creator.empty()) shown["PrivateCreator"] = creator;
    }
    shown["Type"] = type;
    shown["Value"] = std::move(value);
    out[key] = std::move(shown);
  }
  return out;
}

Json orthanc_main(const dicom::Dataset& dataset, QueryLevel level) {
  Json out = Json::object();
  for (const Tag tag : orthanc_main_tags(level)) {
    const auto* element = dataset.find(tag);
    if (element == nullptr) continue;
    const auto text = orthanc_text(*element, dataset.charset());
    if (text && text->size() <= kLongest) out[std::string{dicom::keyword(tag)}] = *text;
  }
  return out;
}

std::optional<Tag> parse_orthanc_tag(std::string_view text) {
  if (text.size() == 9 && (text[4] == ',' || text[4] == '-'))
    return dicom::parse_tag(std::string{text.substr(0, 4)} + std::string{text.substr(5)});
  return dicom::parse_tag(text);
}

}  // namespace aceso::archive
