#include "attributes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "aceso/base/text.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "codec.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;
using dicom::Vr;

// PS3.4 C.6.1.1 and C.6.2.1, PS3.18 10.6.3.3; what devices fill and people search beside that.
constexpr std::array kPatientTags{tags::kPatientName,       tags::kPatientID,        tags::kIssuerOfPatientID,
                                  tags::kPatientBirthDate,  tags::kPatientBirthTime, tags::kPatientSex,
                                  Tag{0x0010, 0x1000},  // Other Patient IDs, retired and still sent
                                  tags::kOtherPatientNames, tags::kEthnicGroup,      tags::kPatientComments};
constexpr std::array kStudyTags{tags::kStudyDate,
                                tags::kStudyTime,
                                tags::kAccessionNumber,
                                tags::kReferringPhysicianName,
                                tags::kTimezoneOffsetFromUTC,
                                tags::kStudyDescription,
                                tags::kProcedureCodeSequence,
                                tags::kNameOfPhysiciansReadingStudy,
                                tags::kAdmittingDiagnosesDescription,
                                tags::kPatientAge,
                                tags::kPatientSize,
                                tags::kPatientWeight,
                                tags::kOccupation,
                                tags::kAdditionalPatientHistory,
                                tags::kStudyInstanceUID,
                                tags::kStudyID};
constexpr std::array kSeriesTags{tags::kSeriesDate,
                                 tags::kSeriesTime,
                                 tags::kModality,
                                 tags::kPresentationIntentType,
                                 tags::kManufacturer,
                                 tags::kInstitutionName,
                                 tags::kStationName,
                                 tags::kSeriesDescription,
                                 tags::kInstitutionalDepartmentName,
                                 tags::kPerformingPhysicianName,
                                 tags::kOperatorsName,
                                 tags::kManufacturerModelName,
                                 tags::kReferencedPerformedProcedureStepSequence,
                                 tags::kBodyPartExamined,
                                 tags::kDeviceSerialNumber,
                                 tags::kSoftwareVersions,
                                 tags::kProtocolName,
                                 tags::kPatientPosition,
                                 tags::kSeriesInstanceUID,
                                 tags::kSeriesNumber,
                                 tags::kFrameOfReferenceUID,
                                 tags::kLaterality,
                                 tags::kPerformedProcedureStepStartDate,
                                 tags::kPerformedProcedureStepStartTime,
                                 tags::kRequestAttributesSequence};
constexpr std::array kImageTags{tags::kImageType,
                                tags::kSOPClassUID,
                                tags::kSOPInstanceUID,
                                tags::kAcquisitionDate,
                                tags::kContentDate,
                                tags::kAcquisitionTime,
                                tags::kContentTime,
                                tags::kAcquisitionNumber,
                                tags::kInstanceNumber,
                                tags::kSamplesPerPixel,
                                tags::kPhotometricInterpretation,
                                tags::kNumberOfFrames,
                                tags::kRows,
                                tags::kColumns,
                                tags::kBitsAllocated,
                                tags::kBitsStored,
                                tags::kConceptNameCodeSequence,
                                tags::kCompletionFlag,
                                tags::kVerificationFlag,
                                tags::kDocumentTitle,
                                tags::kContentLabel,
                                tags::kContentDescription};
constexpr std::array kComputed{tags::kModalitiesInStudy,
                               tags::kSOPClassesInStudy,
                               tags::kNumberOfPatientRelatedStudies,
                               tags::kNumberOfPatientRelatedSeries,
                               tags::kNumberOfPatientRelatedInstances,
                               tags::kNumberOfStudyRelatedSeries,
                               tags::kNumberOfStudyRelatedInstances,
                               tags::kNumberOfSeriesRelatedInstances,
                               tags::kInstanceAvailability,
                               tags::kAvailableTransferSyntaxUID,
                               tags::kRetrieveURL};
static_assert(std::ranges::is_sorted(kPatientTags) && std::ranges::is_sorted(kStudyTags));
static_assert(std::ranges::is_sorted(kSeriesTags) && std::ranges::is_sorted(kImageTags));

// Inside of sequences any attribute is kept, to this depth: codes and references, not whole documents.
constexpr int kDepth = 3;
constexpr std::size_t kMaxItems = 64;
constexpr std::uint64_t kSequenceFlag = 1;

std::string_view cut(std::string_view text) {
  if (text.size() <= Attributes::kMaxValue) return text;
  std::size_t end = Attributes::kMaxValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::optional<Attributes::Field> next_field(CodecReader& in) {
  if (in.done()) return std::nullopt;
  const std::uint64_t head = in.varint();
  const auto value = in.string();
  if (!in.good()) return std::nullopt;
  const std::uint64_t tag = head >> 1U;
  return Attributes::Field{
      {static_cast<std::uint16_t>(tag >> 16U), static_cast<std::uint16_t>(tag)}, (head & kSequenceFlag) != 0, value};
}

std::vector<std::int64_t> integers_of(std::string_view text) {
  std::vector<std::int64_t> out;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find('\\'));
    std::int64_t value = 0;
    std::from_chars(part.data(), part.data() + part.size(), value);
    out.push_back(value);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return out;
}

}  // namespace

std::span<const Tag> indexed_tags(QueryLevel level) noexcept {
  switch (level) {
    case QueryLevel::patient:
      return kPatientTags;
    case QueryLevel::study:
      return kStudyTags;
    case QueryLevel::series:
      return kSeriesTags;
    case QueryLevel::image:
      return kImageTags;
  }
  return {};
}

std::optional<QueryLevel> level_of(Tag tag) noexcept {
  for (const auto level : {QueryLevel::patient, QueryLevel::study, QueryLevel::series, QueryLevel::image}) {
    if (std::ranges::binary_search(indexed_tags(level), tag)) return level;
  }
  return std::nullopt;
}

bool is_computed(Tag tag) noexcept {
  return std::ranges::find(kComputed, tag) != kComputed.end();
}

void Attributes::add(Tag tag, bool sequence, std::string_view value) {
  put_varint(packed_, std::uint64_t{tag.value()} << 1U | (sequence ? kSequenceFlag : 0));
  put_string(packed_, value);
}

void Attributes::pick_element(const dicom::Dataset& dataset, Tag tag, Attributes& out, int depth) {
  const auto* element = dataset.find(tag);
  if (element == nullptr || element->skipped()) return;
  if (element->is_sequence()) {
    if (depth >= kDepth) return;
    std::string items;
    for (const auto& item : element->items()) {
      if (&item - element->items().data() >= static_cast<std::ptrdiff_t>(kMaxItems)) break;
      Attributes inner;
      for (const auto& nested : item.elements()) {
        if (!nested.tag().is_private() && !dicom::is_bulk(nested.vr()))
          pick_element(item, nested.tag(), inner, depth + 1);
      }
      put_string(items, inner.packed_);
    }
    out.add(tag, true, items);
    return;
  }
  std::string joined;
  const auto texts = element->texts(dataset.charset());
  for (std::size_t i = 0; i < texts.size() && joined.size() <= kMaxValue; ++i) {
    if (i > 0) joined += '\\';
    joined += texts[i];
  }
  out.add(tag, false, cut(joined));
}

Attributes Attributes::pick(const dicom::Dataset& dataset, QueryLevel level) {
  Attributes out;
  for (const Tag tag : indexed_tags(level)) pick_element(dataset, tag, out, 0);
  out.packed_.shrink_to_fit();
  return out;
}

Attributes Attributes::from_bytes(std::string_view bytes) {
  Attributes out;
  CodecReader in{bytes};
  while (const auto field = next_field(in)) out.add(field->tag, field->sequence, field->value);
  out.packed_.shrink_to_fit();
  return out;
}

void Attributes::each(const std::function<bool(const Field&)>& visit) const {
  CodecReader in{packed_};
  while (const auto field = next_field(in)) {
    if (!visit(*field)) return;
  }
}

std::optional<std::string_view> Attributes::find(Tag tag) const noexcept {
  CodecReader in{packed_};
  while (const auto field = next_field(in)) {
    if (field->tag == tag) return field->sequence ? std::string_view{} : field->value;
    if (field->tag > tag) break;
  }
  return std::nullopt;
}

std::vector<Attributes> Attributes::items(Tag tag) const {
  std::vector<Attributes> out;
  each([&](const Field& field) {
    if (field.tag != tag || !field.sequence) return field.tag <= tag;
    CodecReader in{field.value};
    while (!in.done()) {
      const auto item = in.string();
      if (in.good()) out.push_back(from_bytes(item));
    }
    return false;
  });
  return out;
}

void Attributes::fill_from(const Attributes& other) {
  std::vector<Field> fields;
  each([&](const Field& field) {
    fields.push_back(field);
    return true;
  });
  bool changed = false;
  other.each([&](const Field& field) {
    const auto at = std::ranges::lower_bound(fields, field.tag, {}, &Field::tag);
    if (at != fields.end() && at->tag == field.tag) {
      if (at->value.empty() && !field.value.empty()) {
        *at = field;
        changed = true;
      }
    } else {
      fields.insert(at, field);
      changed = true;
    }
    return true;
  });
  if (!changed) return;
  Attributes merged;
  for (const Field& field : fields) merged.add(field.tag, field.sequence, field.value);
  *this = std::move(merged);
}

void Attributes::copy_to(dicom::Dataset& out, const Field& field) {
  if (field.sequence) {
    std::vector<dicom::Dataset> items;
    CodecReader in{field.value};
    while (!in.done()) {
      const auto bytes = in.string();
      if (!in.good()) break;
      dicom::Dataset item;
      item.set_charset(dicom::CharacterSet::utf8());
      from_bytes(bytes).copy_to(item);
      item.erase(tags::kSpecificCharacterSet);
      items.push_back(std::move(item));
    }
    out.set_items(field.tag, std::move(items));
    return;
  }
  const auto* known = dicom::find_attribute(field.tag);
  const Vr vr = known != nullptr ? known->vr : Vr::lo;
  const bool integers = dicom::word_size(vr) > 1 && vr != Vr::at && vr != Vr::fl && vr != Vr::fd;
  if (dicom::is_text(vr) && (known == nullptr || !field.value.empty())) {
    out.set_text(field.tag, vr, field.value);
  } else if (integers && !field.value.empty()) {
    out.set_integers(field.tag, vr, integers_of(field.value));
  } else {
    out.set_empty(field.tag);  // other kinds are not indexed
  }
}

void Attributes::copy_to(dicom::Dataset& out) const {
  each([&](const Field& field) {
    copy_to(out, field);
    return true;
  });
}

}  // namespace aceso::archive
