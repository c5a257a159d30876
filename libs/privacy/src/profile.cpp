#include "profile.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace aceso::privacy {
namespace {

constexpr ProfileRow kRows[] = {
#include "profile.inc"
};

constexpr std::array<std::string_view, 12> kNames{"none", "X",   "Z",   "D",   "U",     "K",
                                                  "C",    "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"};

std::uint32_t canonical(dicom::Tag tag) noexcept {
  if (tag.is_private()) return tag.value();
  if ((tag.group & 0xFF00U) == 0x5000U) return 0x50000000;
  if ((tag.group & 0xFF00U) == 0x6000U) return 0x60000000U | tag.element;
  return tag.value();
}

Rule rule_of(Action action) {
  switch (action) {
    case Action::x:
      return Rule::remove;
    case Action::z:
    case Action::xz:
      return Rule::empty;
    case Action::u:
      return Rule::map_uid;
    case Action::k:
      return Rule::keep;
    case Action::c:
      return Rule::clean;
    case Action::xzu:
      return Rule::descend;
    default:
      return Rule::dummy;
  }
}

using Option = std::pair<bool DeidOptions::*, std::string_view>;
constexpr std::array<std::pair<Option, Action ProfileRow::*>, 9> kOptions{
    {{{&DeidOptions::retain_uids, "retain-uids"}, &ProfileRow::uids},
     {{&DeidOptions::retain_device, "retain-device"}, &ProfileRow::device},
     {{&DeidOptions::retain_institution, "retain-institution"}, &ProfileRow::institution},
     {{&DeidOptions::retain_patient_characteristics, "retain-patient-characteristics"}, &ProfileRow::patient},
     {{&DeidOptions::retain_full_dates, "retain-full-dates"}, &ProfileRow::full_dates},
     {{&DeidOptions::retain_modified_dates, "retain-modified-dates"}, &ProfileRow::modified_dates},
     {{&DeidOptions::clean_descriptors, "clean-descriptors"}, &ProfileRow::descriptors},
     {{&DeidOptions::clean_structured_content, "clean-structured-content"}, &ProfileRow::structured},
     {{&DeidOptions::clean_graphics, "clean-graphics"}, &ProfileRow::graphics}}};
constexpr std::array<Option, 2> kOthers{
    {{&DeidOptions::retain_safe_private, "retain-safe-private"}, {&DeidOptions::clean_pixel_data, "clean-pixel-data"}}};

}  // namespace

const ProfileRow* find_row(dicom::Tag tag) noexcept {
  const std::uint32_t wanted = canonical(tag);
  const auto* at = std::lower_bound(std::begin(kRows), std::end(kRows), wanted,
                                    [](const ProfileRow& row, std::uint32_t key) { return row.tag < key; });
  return at != std::end(kRows) && at->tag == wanted ? at : nullptr;
}

Decision decide(const ProfileRow& row, const DeidOptions& options) {
  for (const Action wanted : {Action::k, Action::c}) {
    for (const auto& [option, column] : kOptions) {
      if (options.*(option.first) && row.*column == wanted)
        return {rule_of(wanted), "E.1-1 " + std::string{option.second} + (wanted == Action::k ? " K" : " C")};
    }
  }
  return {rule_of(row.basic), "E.1-1 basic " + std::string{kNames[static_cast<std::size_t>(row.basic)]}};
}

Status set_option(DeidOptions& options, std::string_view name) {
  for (const auto& [option, column] : kOptions) {
    if (option.second == name) {
      options.*(option.first) = true;
      return {};
    }
  }
  for (const Option& option : kOthers) {
    if (option.second == name) {
      options.*(option.first) = true;
      return {};
    }
  }
  std::string known;
  for (const std::string& option : option_names()) known += (known.empty() ? "" : ", ") + option;
  return Error{Code::invalid, "no such option; there are " + known};
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const auto& [option, column] : kOptions) names.emplace_back(option.second);
  for (const Option& option : kOthers) names.emplace_back(option.second);
  return names;
}

}  // namespace aceso::privacy
