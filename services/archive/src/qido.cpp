#include "qido.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;

constexpr std::size_t kMaxKeys = 200;
constexpr std::size_t kMaxPath = 8;

// PS3.18 tables 10.6.3-3, 10.6.3-4 and 10.6.3-5.
constexpr std::array kStudyAnswer{tags::kStudyDate,
                                  tags::kStudyTime,
                                  tags::kAccessionNumber,
                                  tags::kInstanceAvailability,
                                  tags::kModalitiesInStudy,
                                  tags::kReferringPhysicianName,
                                  tags::kTimezoneOffsetFromUTC,
                                  tags::kStudyDescription,
                                  tags::kPatientName,
                                  tags::kPatientID,
                                  tags::kIssuerOfPatientID,
                                  tags::kPatientBirthDate,
                                  tags::kPatientSex,
                                  tags::kStudyInstanceUID,
                                  tags::kStudyID,
                                  tags::kNumberOfStudyRelatedSeries,
                                  tags::kNumberOfStudyRelatedInstances};
constexpr std::array kSeriesAnswer{tags::kModality,
                                   tags::kTimezoneOffsetFromUTC,
                                   tags::kSeriesDescription,
                                   tags::kSeriesDate,
                                   tags::kSeriesTime,
                                   tags::kBodyPartExamined,
                                   tags::kStudyInstanceUID,
                                   tags::kSeriesInstanceUID,
                                   tags::kSeriesNumber,
                                   tags::kNumberOfSeriesRelatedInstances,
                                   tags::kPerformedProcedureStepStartDate,
                                   tags::kPerformedProcedureStepStartTime,
                                   tags::kRequestAttributesSequence};
constexpr std::array kImageAnswer{tags::kSOPClassUID,
                                  tags::kSOPInstanceUID,
                                  tags::kInstanceAvailability,
                                  tags::kStudyInstanceUID,
                                  tags::kSeriesInstanceUID,
                                  tags::kInstanceNumber,
                                  tags::kRows,
                                  tags::kColumns,
                                  tags::kBitsAllocated,
                                  tags::kNumberOfFrames,
                                  tags::kAvailableTransferSyntaxUID};

std::optional<std::vector<Tag>> parse_path(std::string_view text) {
  std::vector<Tag> path;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find('.', start), text.size());
    const auto tag = dicom::parse_tag(text.substr(start, end - start));
    if (!tag || path.size() >= kMaxPath) return std::nullopt;
    path.push_back(*tag);
    start = end + 1;
  }
  return path;
}

Result<std::size_t> count_of(std::string_view name, std::string_view text) {
  std::size_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size())
    return Error{Code::invalid, std::string{name} + " must be a number of results"};
  return value;
}

void include(QidoRequest& out, std::string_view list) {
  for (std::size_t start = 0; start <= list.size();) {
    const auto end = std::min(list.find(',', start), list.size());
    const auto name = list.substr(start, end - start);
    start = end + 1;
    if (name == "all") {
      out.include_all = true;
    } else if (auto path = parse_path(name); path && out.include.size() < kMaxKeys) {
      out.include.push_back(*std::move(path));
    } else if (out.ignored.size() < kMaxKeys) {
      out.ignored.emplace_back("includefield");
    }
  }
}

// Where the level's value comes from.
bool add(const Index& index, const Match& match, Tag tag, dicom::Dataset& out) {
  if (is_computed(tag)) {
    auto value = value_of(index, match, tag);
    if (!value) return false;
    const auto* known = dicom::find_attribute(tag);
    std::int64_t number = 0;
    if (known != nullptr && known->vr == dicom::Vr::is) {
      std::from_chars(value->data(), value->data() + value->size(), number);
      out.set_integer(tag, number);
    } else {
      out.set_text(tag, *value);
    }
    return true;
  }
  const auto level = level_of(tag);
  if (!level || static_cast<int>(*level) > static_cast<int>(match.level)) return false;
  const std::array<const Attributes*, 4> levels{&match.patient, &match.study, &match.series, &match.image->image};
  bool found = false;
  levels.at(static_cast<std::size_t>(*level))->each([&](const Attributes::Field& field) {
    if (field.tag != tag) return field.tag < tag;
    Attributes::copy_to(out, field);
    found = true;
    return false;
  });
  return found;
}

}  // namespace

Result<QidoRequest> parse_qido(std::span<const std::pair<std::string, std::string>> query, QueryLevel level) {
  QidoRequest out;
  out.search.level = level;
  out.search.limit = kMaxResults;
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      ACESO_TRY(const std::size_t limit, count_of(name, value));
      if (limit == 0) return Error{Code::invalid, "limit must be at least 1"};
      out.search.limit = std::min(limit, kMaxResults);
    } else if (name == "offset") {
      ACESO_TRY(out.search.offset, count_of(name, value));
    } else if (name == "fuzzymatching") {
      if (value != "true" && value != "false") return Error{Code::invalid, "fuzzymatching must be true or false"};
      out.search.fuzzy_names = value == "true";
    } else if (name == "includefield") {
      include(out, value);
    } else if (name == "accept" || name == "charset" || name == "emptyvaluematching" ||
               name == "multiplevaluematching") {
      continue;
    } else if (auto path = parse_path(name); path && out.search.keys.size() < kMaxKeys) {
      out.include.push_back(*path);
      out.search.keys.push_back({*std::move(path), value});
    } else if (out.ignored.size() < kMaxKeys) {
      out.ignored.push_back("a parameter that is no attribute");
    }
  }
  return out;
}

dicom::Dataset answer_of(const Index& index, const Match& match, const QidoRequest& wanted, bool with_study,
                         bool with_series) {
  dicom::Dataset out;
  out.set_charset(dicom::CharacterSet::utf8());
  const auto add_all = [&](std::span<const Tag> list) {
    for (const Tag tag : list) add(index, match, tag, out);
  };
  if (with_study) add_all(kStudyAnswer);
  if (with_series) add_all(kSeriesAnswer);
  if (match.level == QueryLevel::image) add_all(kImageAnswer);
  out.set_text(tags::kStudyInstanceUID, match.study_uid);
  if (match.level != QueryLevel::study) out.set_text(tags::kSeriesInstanceUID, match.image->key->series_uid);
  for (const auto& path : wanted.include) add(index, match, path.front(), out);
  if (wanted.include_all) {
    add_all(indexed_tags(QueryLevel::patient));
    add_all(indexed_tags(QueryLevel::study));
    if (match.level != QueryLevel::study) add_all(indexed_tags(QueryLevel::series));
    if (match.level == QueryLevel::image) add_all(indexed_tags(QueryLevel::image));
    add(index, match, tags::kSOPClassesInStudy, out);
  }
  return out;
}

}  // namespace aceso::archive
