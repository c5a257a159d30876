#include "identifier.hpp"

#include <algorithm>
#include <charconv>

#include "aceso/dicom/dictionary.hpp"

namespace aceso::dimse {
namespace {

using contracts::QueryLevel;
using dicom::Dataset;
using dicom::Tag;
using dicom::Vr;

Tag tag_of(std::uint32_t value) {
  return {static_cast<std::uint16_t>(value >> 16), static_cast<std::uint16_t>(value)};
}

// About the query itself, not about what is looked for.
bool is_control(Tag tag) {
  static constexpr Tag kQueryView{0x0008, 0x0053};
  static constexpr Tag kTimezone{0x0008, 0x0201};
  return tag == kSpecificCharacterSet || tag == kQueryRetrieveLevel || tag == kQueryView || tag == kRetrieveAeTitle ||
         tag == kInstanceAvailability || tag == kTimezone || tag.is_group_length();
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\\'), text.size());
    if (end != 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Result<QueryLevel> level_of(const Dataset& identifier, bool patient_root) {
  const auto level = parse_level(identifier.text_or(kQueryRetrieveLevel));
  if (!level) return Error{Code::invalid, "the identifier names no level"};
  if (*level == QueryLevel::patient && !patient_root) {
    return Error{Code::conflict, "this information model has no patient level"};
  }
  return *level;
}

}  // namespace

std::optional<QueryLevel> parse_level(std::string_view text) noexcept {
  for (const auto level : {QueryLevel::patient, QueryLevel::study, QueryLevel::series, QueryLevel::image}) {
    if (text == contracts::to_string(level)) return level;
  }
  return std::nullopt;
}

Tag unique_key(QueryLevel level) noexcept {
  switch (level) {
    case QueryLevel::patient:
      return kPatientId;
    case QueryLevel::study:
      return kStudyInstanceUid;
    case QueryLevel::series:
      return kSeriesInstanceUid;
    case QueryLevel::image:
      break;
  }
  return kSopInstanceUid;
}

std::string joined_text(const Dataset& data, const dicom::Element& element) {
  std::string text;
  if (element.is_sequence()) return text;
  if (!dicom::is_text(element.vr())) {
    for (std::size_t i = 0; i < element.value_count(); ++i) {
      if (i != 0) text += '\\';
      if (const auto number = element.integer(i)) text += std::to_string(*number);
    }
    return text;
  }
  const auto values = element.texts(data.charset());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) text += '\\';
    text += values[i];
  }
  return text;
}

void set_value(Dataset& data, Tag tag, Vr vr, const std::string& value) {
  if (vr == Vr::sq) {
    data.set_items(tag, {});
  } else if (value.empty()) {
    data.set_text(tag, dicom::is_text(vr) ? vr : Vr::lo, "");
    if (!dicom::is_text(vr)) data.set_bytes(tag, vr, {});
  } else if (dicom::is_text(vr)) {
    data.set_text(tag, vr, value);
  } else {
    std::vector<std::int64_t> numbers;
    for (const auto& part : split(value)) {
      std::int64_t number = 0;
      const auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), number);
      if (ec == std::errc{} && end == part.data() + part.size()) numbers.push_back(number);
    }
    const bool integers = vr == Vr::us || vr == Vr::ss || vr == Vr::ul || vr == Vr::sl || vr == Vr::uv || vr == Vr::sv;
    if (integers && !numbers.empty()) {
      data.set_integers(tag, vr, numbers);
    } else {
      data.set_bytes(tag, vr, {});
    }
  }
}

Result<contracts::ObjectQuery> query_of(const Dataset& identifier, bool patient_root) {
  contracts::ObjectQuery query;
  ACESO_TRY(query.level, level_of(identifier, patient_root));
  for (const auto& element : identifier.elements()) {
    if (is_control(element.tag()) || element.is_sequence() || element.tag().is_private()) continue;
    query.keys.push_back({element.tag().value(), Phi<std::string>{joined_text(identifier, element)}});
  }
  return query;
}

Dataset answer_of(const Dataset& identifier, const contracts::ObjectQuery& query, const contracts::ObjectRow& row,
                  std::string_view retrieve_ae) {
  const auto expressible = [&](const contracts::ObjectAttribute& attribute) {
    return identifier.charset().from_utf8(attribute.value.reveal(Reveal::to_authorised_user)).ok();
  };
  const bool same = std::ranges::all_of(row, expressible);
  Dataset answer;
  if (!same || identifier.contains(kSpecificCharacterSet)) {
    answer.set_charset(same ? identifier.charset() : dicom::CharacterSet::utf8());
  }
  answer.set_text(kQueryRetrieveLevel, Vr::cs, contracts::to_string(query.level));
  answer.set_text(kRetrieveAeTitle, Vr::ae, retrieve_ae);
  for (const auto& element : identifier.elements()) {
    if (!is_control(element.tag())) set_value(answer, element.tag(), element.vr(), {});
  }
  if (identifier.contains(kInstanceAvailability)) answer.set_text(kInstanceAvailability, Vr::cs, "ONLINE");
  for (const auto& attribute : row) {
    const Tag tag = tag_of(attribute.tag);
    const auto* asked = identifier.find(tag);
    const auto* known = dicom::find_attribute(tag);
    const Vr vr = asked != nullptr ? asked->vr() : known != nullptr ? known->vr : Vr::un;
    if (asked == nullptr && tag != unique_key(query.level)) continue;  // PS3.4 C.4.1.1.3.2: what was asked for
    if (vr != Vr::sq && vr != Vr::un) set_value(answer, tag, vr, attribute.value.reveal(Reveal::to_authorised_user));
  }
  return answer;
}

Result<Wanted> wanted_of(const Dataset& identifier, bool patient_root) {
  Wanted wanted;
  ACESO_TRY(wanted.level, level_of(identifier, patient_root));
  const auto* unique = identifier.find(unique_key(wanted.level));
  if (unique != nullptr) wanted.uids = split(joined_text(identifier, *unique));
  if (wanted.uids.empty()) return Error{Code::conflict, "the identifier lacks the unique key of its level"};
  if (wanted.level > QueryLevel::study) wanted.study_uid = identifier.text_or(kStudyInstanceUid);
  if (wanted.level > QueryLevel::series) wanted.series_uid = identifier.text_or(kSeriesInstanceUid);
  return wanted;
}

}  // namespace aceso::dimse
