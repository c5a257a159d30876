#include "aceso/dicom/derived.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "aceso/dicom/tags.hpp"
#include "derived_parts.hpp"

namespace aceso::dicom {
namespace {

// Type 2 in both modules: written even when the source has none.
constexpr std::array kAlways{tags::kPatientName, tags::kPatientID,       tags::kPatientBirthDate,
                             tags::kPatientSex,  tags::kStudyDate,       tags::kStudyTime,
                             tags::kStudyID,     tags::kAccessionNumber, tags::kReferringPhysicianName};
constexpr std::array kWhenThere{
    tags::kIssuerOfPatientID,      tags::kStudyDescription,       tags::kPatientAge,
    tags::kPatientIdentityRemoved, tags::kDeidentificationMethod, tags::kLongitudinalTemporalInformationModified};

std::string joined(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : "\\") + value;
  return out;
}

std::chrono::sys_seconds shifted(std::chrono::sys_seconds time, std::chrono::minutes offset) {
  return time + std::chrono::duration_cast<std::chrono::seconds>(offset);
}

constexpr std::size_t kLongString = 64;  // LO

std::string offset_text(std::chrono::minutes offset) {
  const auto minutes = std::abs(offset.count());
  std::array<char, 16> text{};
  (void)std::snprintf(text.data(), text.size(), "%c%02d%02d", offset.count() < 0 ? '-' : '+',
                      static_cast<int>(minutes / 60 % 100), static_cast<int>(minutes % 60));
  return text.data();
}

}  // namespace

std::string clipped_text(std::string_view utf8, std::size_t characters) {
  std::size_t end = 0;
  for (; end < utf8.size(); ++end) {
    const bool starts = (static_cast<unsigned char>(utf8[end]) & 0xC0U) != 0x80U;
    if (starts && characters-- == 0) break;
  }
  return std::string{utf8.substr(0, end)};
}

Dataset code_item(const CodedEntry& code) {
  constexpr std::size_t kShort = 16;
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_text(code.value.size() <= kShort ? tags::kCodeValue : tags::kLongCodeValue, code.value);
  item.set_text(tags::kCodingSchemeDesignator, code.scheme)
      .set_text(tags::kCodeMeaning, clipped_text(code.meaning, kLongString));
  item.erase(tags::kSpecificCharacterSet);
  return item;
}

std::string dicom_date(std::chrono::sys_seconds time, std::chrono::minutes utc_offset) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(shifted(time, utc_offset))};
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(day.year()),
                      static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

std::string dicom_time(std::chrono::sys_seconds time, std::chrono::minutes utc_offset) {
  const auto local = shifted(time, utc_offset);
  const std::chrono::hh_mm_ss clock{local - std::chrono::floor<std::chrono::days>(local)};
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%02d%02d%02d", static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::optional<std::chrono::minutes> utc_offset_of(const Dataset& dataset) {
  const std::string text = dataset.text_or(tags::kTimezoneOffsetFromUTC);
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value % 100 > 59 || value > 1400)
    return std::nullopt;
  const std::chrono::minutes offset{value / 100 * 60 + value % 100};
  return text[0] == '-' ? -offset : offset;
}

Dataset make_derived(const Dataset& source, std::string_view sop_class, std::string_view modality,
                     const DerivedObject& object) {
  Dataset d;
  d.set_charset(CharacterSet::utf8());
  for (const Tag tag : kAlways) {
    const auto values = source.texts(tag);
    if (values.empty()) {
      d.set_empty(tag);
    } else {
      d.set_text(tag, joined(values));
    }
  }
  for (const Tag tag : kWhenThere) {
    if (const auto values = source.texts(tag); !values.empty()) d.set_text(tag, joined(values));
  }
  std::vector<Dataset> methods;
  for (const Dataset& method : source.items(tags::kDeidentificationMethodCodeSequence))
    methods.push_back(code_item({method.text_or(tags::kCodeValue), method.text_or(tags::kCodingSchemeDesignator),
                                 method.text_or(tags::kCodeMeaning)}));
  if (!methods.empty()) d.set_items(tags::kDeidentificationMethodCodeSequence, std::move(methods));
  d.set_text(tags::kStudyInstanceUID, source.text_or(tags::kStudyInstanceUID));

  const std::string date = dicom_date(object.created, object.utc_offset);
  const std::string time = dicom_time(object.created, object.utc_offset);
  d.set_text(tags::kTimezoneOffsetFromUTC, offset_text(object.utc_offset));
  d.set_text(tags::kModality, modality).set_text(tags::kSeriesInstanceUID, object.series_uid);
  d.set_integer(tags::kSeriesNumber, object.series_number).set_text(tags::kSeriesDate, date);
  d.set_text(tags::kSeriesTime, time);
  if (!object.series_description.empty())
    d.set_text(tags::kSeriesDescription, clipped_text(object.series_description, kLongString));

  d.set_text(tags::kManufacturer, clipped_text(object.equipment.manufacturer, kLongString));
  d.set_text(tags::kManufacturerModelName, clipped_text(object.equipment.model_name, kLongString));
  d.set_text(tags::kDeviceSerialNumber, clipped_text(object.equipment.serial_number, kLongString));
  d.set_text(tags::kSoftwareVersions, clipped_text(object.equipment.software, kLongString));

  d.set_text(tags::kSOPClassUID, sop_class).set_text(tags::kSOPInstanceUID, object.sop_instance_uid);
  d.set_text(tags::kInstanceCreationDate, date).set_text(tags::kInstanceCreationTime, time);
  d.set_text(tags::kContentDate, date).set_text(tags::kContentTime, time);
  d.set_integer(tags::kInstanceNumber, object.instance_number);
  return d;
}

}  // namespace aceso::dicom
