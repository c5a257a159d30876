#include "workitem.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <span>
#include <utility>

#include "aceso/base/clock.hpp"
#include "aceso/base/id.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;
using dicom::Vr;

constexpr std::array<std::pair<UpsState, std::string_view>, 4> kUpsStates{{{UpsState::scheduled, "SCHEDULED"},
                                                                           {UpsState::in_progress, "IN PROGRESS"},
                                                                           {UpsState::completed, "COMPLETED"},
                                                                           {UpsState::canceled, "CANCELED"}}};
constexpr Tag kScheduledStart{0x0040, 0x4005};
constexpr Tag kPerformedStation{0x0040, 0x4028};
constexpr Tag kPerformedStart{0x0040, 0x4050};
constexpr Tag kPerformedEnd{0x0040, 0x4051};
constexpr Tag kCancellationTime{0x0040, 0x4052};
constexpr Tag kReasonForCancellation{0x0074, 0x1238};
constexpr std::string_view kInconsistent = "The submitted request is inconsistent with the state of the UPS Instance.";

UpsAnswer refused(int status, std::string warning) {
  return {status, std::move(warning)};
}
UpsAnswer missing(Tag tag) {
  return refused(400, std::string{dicom::keyword(tag)} + " is missing or has no allowed value.");
}

bool one_of(const std::optional<std::string>& value, std::initializer_list<std::string_view> allowed) {
  return value && std::ranges::find(allowed, *value) != allowed.end();
}

bool has_items(const dicom::Dataset& data, Tag tag) {
  return !data.items(tag).empty();
}

// PS3.4 table CC.2.5-3, what a final state requires of a step that was completed.
bool meets_final_state(const dicom::Dataset& data) {
  const auto performed = data.items(tags::kUnifiedProcedureStepPerformedProcedureSequence);
  return performed.size() == 1 && has_items(performed[0], kPerformedStation) &&
         has_items(performed[0], tags::kPerformedWorkitemCodeSequence) && performed[0].text(kPerformedStart) &&
         performed[0].text(kPerformedEnd) && performed[0].contains(tags::kOutputInformationSequence);
}

// Cancellation Date Time and a reason, where the performer gave none.
void note_cancellation(dicom::Dataset& data, std::string_view reason, std::int64_t now_us) {
  std::vector<dicom::Dataset> items;
  for (const auto& one : data.items(tags::kProcedureStepProgressInformationSequence)) items.push_back(one);
  if (items.empty()) {
    items.emplace_back();
    items.front().set_charset(data.charset());
    items.front().erase(tags::kSpecificCharacterSet);
  }
  if (!items.front().text(kCancellationTime)) items.front().set_text(kCancellationTime, dicom_date_time(now_us));
  if (!reason.empty() && !items.front().text(kReasonForCancellation))
    items.front().set_text(kReasonForCancellation, reason);
  data.set_items(tags::kProcedureStepProgressInformationSequence, std::move(items));
}

void set_state(Workitem& item, UpsState state, std::int64_t now_us) {
  item.state = state;
  item.updated_us = now_us;
  item.data.set_text(tags::kProcedureStepState, to_string(state));
}

UpsAnswer check_choices(const dicom::Dataset& data, bool must_be_there) {
  const auto wrong = [&](Tag tag, std::initializer_list<std::string_view> allowed) {
    return (must_be_there || data.contains(tag)) && !one_of(data.text(tag), allowed);
  };
  if (wrong(tags::kScheduledProcedureStepPriority, {"HIGH", "MEDIUM", "LOW"}))
    return missing(tags::kScheduledProcedureStepPriority);
  if (wrong(tags::kInputReadinessState, {"INCOMPLETE", "UNAVAILABLE", "READY"}))
    return missing(tags::kInputReadinessState);
  return {};
}

bool data_matches(const dicom::Dataset& data, std::span<const Tag> path,
                  const std::function<bool(const std::string&)>& fits) {
  const auto* element = data.find(path.front());
  if (element == nullptr) return false;
  if (path.size() > 1)
    return std::ranges::any_of(element->items(),
                               [&](const auto& item) { return data_matches(item, path.subspan(1), fits); });
  std::string joined;
  for (const auto& text : element->texts(data.charset())) joined += (joined.empty() ? "" : "\\") + text;
  return fits(joined);
}

bool is_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

std::string_view to_string(UpsState state) noexcept {
  return kUpsStates.at(static_cast<std::size_t>(state)).second;
}
std::optional<UpsState> parse_ups_state(std::string_view text) noexcept {
  for (const auto& [state, name] : kUpsStates) {
    if (name == text) return state;
  }
  if (text == "CANCELLED") return UpsState::canceled;  // as PS3.18 11.7.1.4 spells it
  return std::nullopt;
}

std::string dicom_date_time(std::int64_t us) {
  std::string out;
  const auto text = format_utc(UtcTime{std::chrono::microseconds{us}});  // 2026-03-01T09:30:00.000000Z
  for (const char c : text.substr(0, 19)) {
    if (c >= '0' && c <= '9') out += c;
  }
  return out + text.substr(19, 7) + "+0000";
}

UpsAnswer check_new_workitem(const dicom::Dataset& data) {
  if (data.text_or(tags::kProcedureStepState) != "SCHEDULED") return missing(tags::kProcedureStepState);
  if (data.text(tags::kTransactionUID)) return refused(400, "The Transaction UID of a new Workitem must be empty.");
  if (has_items(data, tags::kProcedureStepProgressInformationSequence))
    return refused(400, "ProcedureStepProgressInformationSequence of a new Workitem must be empty.");
  if (has_items(data, tags::kUnifiedProcedureStepPerformedProcedureSequence))
    return refused(400, "UnifiedProcedureStepPerformedProcedureSequence of a new Workitem must be empty.");
  if (auto choices = check_choices(data, true); !choices.good()) return choices;
  if (!data.text(tags::kProcedureStepLabel)) return missing(tags::kProcedureStepLabel);
  if (!data.text(kScheduledStart) || !dicom::parse_datetime(*data.text(kScheduledStart)))
    return missing(kScheduledStart);
  if (data.text(tags::kSOPClassUID) && data.text_or(tags::kSOPClassUID) != kUpsPush)
    return refused(400, "The SOP Class UID is not that of a Workitem.");
  return {.status = 201};
}

Workitem make_workitem(dicom::Dataset data, std::string uid, std::int64_t now_us) {
  Workitem item{.uid = std::move(uid), .updated_us = now_us, .data = std::move(data)};
  item.data.erase(tags::kTransactionUID);
  item.data.set_text(tags::kSOPClassUID, kUpsPush);
  item.data.set_text(tags::kSOPInstanceUID, item.uid);
  item.data.set_text(tags::kProcedureStepState, to_string(item.state));
  if (!item.data.contains(tags::kWorklistLabel)) item.data.set_empty(tags::kWorklistLabel);
  return item;
}

UpsAnswer update_workitem(Workitem& item, const dicom::Dataset& changes, std::string_view transaction_uid,
                          std::int64_t now_us) {
  if (item.state == UpsState::completed || item.state == UpsState::canceled)
    return refused(400, "The submitted request is inconsistent with the current state of the Workitem.");
  if (item.state == UpsState::in_progress) {
    if (transaction_uid.empty()) return refused(400, "The Transaction UID is missing.");
    if (transaction_uid != item.transaction_uid) return refused(400, "The Transaction UID is incorrect.");
  } else if (!transaction_uid.empty()) {
    return refused(409, "The target URI did not reference a claimed Workitem.");
  }
  for (const Tag tag : {tags::kSOPClassUID, tags::kSOPInstanceUID, tags::kProcedureStepState}) {
    if (changes.contains(tag)) return refused(400, std::string{dicom::keyword(tag)} + " cannot be updated.");
  }
  if (auto choices = check_choices(changes, false); !choices.good()) return choices;
  if (const auto start = changes.text(kScheduledStart); changes.contains(kScheduledStart)) {
    if (!start || !dicom::parse_datetime(*start)) return missing(kScheduledStart);
  }
  dicom::Dataset merged = item.data;
  // Both are in UTF-8: dicom::from_json() makes nothing else.
  if (changes.contains(tags::kSpecificCharacterSet)) merged.set_charset(dicom::CharacterSet::utf8());
  for (const auto& element : changes.elements()) {
    const Tag tag = element.tag();
    if (tag == tags::kTransactionUID || tag == tags::kSpecificCharacterSet || tag.group == 0x0002) continue;
    if (tag.group == 0x0010) return refused(400, "The patient of a Workitem cannot be updated.");
    merged.set(element);
  }
  item.data = std::move(merged);
  item.updated_us = now_us;
  return {};
}

UpsAnswer change_workitem_state(Workitem& item, UpsState wanted, std::string_view transaction_uid,
                                std::int64_t now_us) {
  if (transaction_uid.empty()) return refused(400, "The Transaction UID is missing.");
  if (wanted == UpsState::scheduled) return refused(409, std::string{kInconsistent});
  if (item.state == UpsState::scheduled) {
    if (wanted != UpsState::in_progress) return refused(409, std::string{kInconsistent});
    item.transaction_uid = transaction_uid;
    set_state(item, wanted, now_us);
    return {};
  }
  if (transaction_uid != item.transaction_uid && !item.transaction_uid.empty()) {
    // Who comes too late for a step that another one performs.
    if (item.state == UpsState::in_progress && wanted == UpsState::in_progress)
      return refused(409, std::string{kInconsistent});
    return refused(400, "The Transaction UID is incorrect.");
  }
  if (item.state == wanted && wanted != UpsState::in_progress)
    return {200, "The UPS is already in the requested state of " + std::string{to_string(wanted)} + "."};
  if (item.state != UpsState::in_progress || wanted == UpsState::in_progress)
    return refused(409, std::string{kInconsistent});
  if (wanted == UpsState::completed && !meets_final_state(item.data))
    return refused(409,
                   "The Workitem does not meet the requirements of a final state: "
                   "UnifiedProcedureStepPerformedProcedureSequence is incomplete.");
  if (wanted == UpsState::canceled) note_cancellation(item.data, {}, now_us);
  set_state(item, wanted, now_us);
  return {};
}

UpsAnswer request_workitem_cancel(Workitem& item, std::string_view reason, std::int64_t now_us) {
  switch (item.state) {
    case UpsState::scheduled:
      note_cancellation(item.data, reason, now_us);
      set_state(item, UpsState::canceled, now_us);
      return {.status = 202};
    case UpsState::in_progress:
      return {.status = 202};
    case UpsState::completed:
      return refused(409, std::string{kInconsistent});
    case UpsState::canceled:
      return {202, "The UPS is already in the requested state of CANCELED."};
  }
  return {};
}

Result<WorkitemFilter> WorkitemFilter::create(const std::vector<SearchKey>& keys, bool fuzzy_names) {
  WorkitemFilter out;
  for (const auto& key : keys) {
    if (key.path.empty()) continue;
    const auto* known = dicom::find_attribute(key.path.back());
    const auto dash = key.value.find('-');
    if (known != nullptr && known->vr == Vr::dt && dash != std::string::npos) {
      TimeSpan span{key.path, key.value.substr(0, dash), key.value.substr(dash + 1)};
      if (!is_digits(span.from) || !is_digits(span.to))
        return Error{Code::invalid, dicom::to_string(key.path.back()) + ": a range of dates is written A-B"};
      out.spans_.push_back(std::move(span));
      continue;
    }
    ACESO_TRY(auto matcher, Matcher::create(key.path, key.value, fuzzy_names));
    out.matchers_.push_back(std::move(matcher));
  }
  return out;
}

bool WorkitemFilter::matches(const dicom::Dataset& data) const {
  return std::ranges::all_of(matchers_,
                             [&](const Matcher& one) {
                               return one.universal() || data_matches(data, one.path(), [&](const std::string& value) {
                                        return one.matches_value(value);
                                      });
                             }) &&
         std::ranges::all_of(spans_, [&](const TimeSpan& span) {
           return data_matches(data, span.path, [&](const std::string& value) {
             return !value.empty() && (span.from.empty() || value >= span.from) &&
                    (span.to.empty() || value.substr(0, span.to.size()) <= span.to);
           });
         });
}

std::string uid_of_uuid(std::string_view uuid) {
  const auto parsed = Uuid::parse(uuid);
  if (!parsed) return {};
  auto bytes = parsed->bytes();
  std::string digits;
  while (std::ranges::any_of(bytes, [](std::uint8_t b) { return b != 0; })) {
    unsigned rest = 0;
    for (auto& byte : bytes) {
      const unsigned value = rest * 256 + byte;
      byte = static_cast<std::uint8_t>(value / 10);
      rest = value % 10;
    }
    digits.insert(digits.begin(), static_cast<char>('0' + rest));
  }
  return "2.25." + (digits.empty() ? "0" : digits);
}

std::optional<std::string> uuid_of_uid(std::string_view uid) {
  if (!uid.starts_with("2.25.") || !dicom::is_valid_uid(uid)) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (const char c : uid.substr(5)) {
    if (c == '.') return std::nullopt;
    unsigned carry = static_cast<unsigned>(c - '0');
    for (auto at = bytes.rbegin(); at != bytes.rend(); ++at) {
      const unsigned value = *at * 10U + carry;
      *at = static_cast<std::uint8_t>(value & 0xFFU);
      carry = value >> 8U;
    }
    if (carry != 0) return std::nullopt;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[bytes.at(i) >> 4U];
    out += kHex[bytes.at(i) & 15U];
  }
  return out;
}

}  // namespace aceso::archive
