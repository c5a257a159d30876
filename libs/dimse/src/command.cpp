#include "command.hpp"

#include <algorithm>

namespace aceso::dimse {
namespace {

// Elements of group 0000 (PS3.7 Annex E).
constexpr std::uint16_t kGroupLength = 0x0000;
constexpr std::uint16_t kAffectedSopClass = 0x0002;
constexpr std::uint16_t kRequestedSopClass = 0x0003;
constexpr std::uint16_t kCommandField = 0x0100;
constexpr std::uint16_t kMessageId = 0x0110;
constexpr std::uint16_t kMessageIdRespondedTo = 0x0120;
constexpr std::uint16_t kMoveDestination = 0x0600;
constexpr std::uint16_t kPriority = 0x0700;
constexpr std::uint16_t kDataSetType = 0x0800;
constexpr std::uint16_t kStatus = 0x0900;
constexpr std::uint16_t kErrorComment = 0x0902;
constexpr std::uint16_t kErrorId = 0x0903;
constexpr std::uint16_t kAffectedSopInstance = 0x1000;
constexpr std::uint16_t kRequestedSopInstance = 0x1001;
constexpr std::uint16_t kEventType = 0x1002;
constexpr std::uint16_t kActionType = 0x1008;
constexpr std::uint16_t kRemaining = 0x1020;
constexpr std::uint16_t kCompleted = 0x1021;
constexpr std::uint16_t kFailed = 0x1022;
constexpr std::uint16_t kWarning = 0x1023;
constexpr std::uint16_t kMoveOriginatorAe = 0x1030;
constexpr std::uint16_t kMoveOriginatorId = 0x1031;
constexpr std::uint16_t kNoDataSet = 0x0101;

class Writer {
 public:
  void number(std::uint16_t element, std::uint16_t value) {
    head(element, 2);
    put(value, 2);
  }
  void text(std::uint16_t element, std::string_view value, char padding) {
    const std::size_t even = value.size() + (value.size() & 1U);
    head(element, even);
    for (const char c : value) out_.push_back(static_cast<std::byte>(c));
    if (even != value.size()) out_.push_back(static_cast<std::byte>(padding));
  }
  void uid(std::uint16_t element, std::string_view value) { text(element, value, '\0'); }

  std::vector<std::byte> finish() && {
    Writer whole;
    whole.head(kGroupLength, 4);
    whole.put(static_cast<std::uint32_t>(out_.size()), 4);
    whole.out_.insert(whole.out_.end(), out_.begin(), out_.end());
    return std::move(whole.out_);
  }

 private:
  void put(std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
  }
  void head(std::uint16_t element, std::size_t length) {
    put(0, 2);
    put(element, 2);
    put(static_cast<std::uint32_t>(length), 4);
  }
  std::vector<std::byte> out_;
};

std::uint32_t little(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

std::string text_of(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  std::ranges::transform(bytes, text.begin(), [](std::byte b) { return std::to_integer<char>(b); });
  const auto padding = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && padding(text.back())) text.pop_back();
  text.erase(text.begin(), std::ranges::find_if_not(text, padding));
  return text;
}

bool names_requested(Verb verb) {  // N-services on an instance that exists name it as requested in their requests
  return verb == Verb::n_get || verb == Verb::n_set || verb == Verb::n_action || verb == Verb::n_delete;
}

bool has_priority(Verb verb) {
  return verb == Verb::c_store || verb == Verb::c_find || verb == Verb::c_move || verb == Verb::c_get;
}

void take_number(Command& command, std::uint16_t element, std::uint16_t value) {
  const auto counts = [&]() -> SubOperations& {
    if (!command.sub_operations) command.sub_operations.emplace();
    return *command.sub_operations;
  };
  switch (element) {
    case kCommandField:
      command.field = value;
      break;
    case kPriority:
      command.priority = value;
      break;
    case kDataSetType:
      command.has_data_set = value != kNoDataSet;
      break;
    case kStatus:
      command.status = value;
      break;
    case kErrorId:
      command.error_id = value;
      break;
    case kEventType:
    case kActionType:
      command.event_or_action = value;
      break;
    case kRemaining:
      counts().remaining = value;
      break;
    case kCompleted:
      counts().completed = value;
      break;
    case kFailed:
      counts().failed = value;
      break;
    case kWarning:
      counts().warning = value;
      break;
    case kMoveOriginatorId:
      command.move_originator_id = value;
      break;
    default:
      break;
  }
}

void take_text(Command& command, std::uint16_t element, std::span<const std::byte> value) {
  switch (element) {
    case kAffectedSopClass:
    case kRequestedSopClass:
      command.sop_class = text_of(value);
      break;
    case kAffectedSopInstance:
    case kRequestedSopInstance:
      command.sop_instance = text_of(value);
      break;
    case kMoveDestination:
      command.move_destination = text_of(value);
      break;
    case kMoveOriginatorAe:
      command.move_originator_ae = text_of(value);
      break;
    case kErrorComment:
      command.error_comment = text_of(value);
      break;
    default:
      break;
  }
}

}  // namespace

Command request_of(Verb verb, std::uint16_t message_id, std::string sop_class) {
  Command command;
  command.field = static_cast<std::uint16_t>(verb);
  command.message_id = message_id;
  command.sop_class = std::move(sop_class);
  return command;
}

Command response_to(const Command& request, std::uint16_t status) {
  Command command;
  command.field = request.field | kResponse;
  command.message_id = request.message_id;
  command.sop_class = request.sop_class;
  command.sop_instance = request.sop_instance;
  command.status = status;
  command.event_or_action = request.event_or_action;
  return command;
}

std::vector<std::byte> encode(const Command& command) {
  Writer out;
  const Verb verb = command.verb();
  const bool requested = !command.is_response() && names_requested(verb);
  if (!command.sop_class.empty()) out.uid(requested ? kRequestedSopClass : kAffectedSopClass, command.sop_class);
  out.number(kCommandField, command.field);
  const bool responds = command.is_response() || verb == Verb::c_cancel;
  out.number(responds ? kMessageIdRespondedTo : kMessageId, command.message_id);
  if (!command.move_destination.empty()) out.text(kMoveDestination, command.move_destination, ' ');
  if (!responds && has_priority(verb)) out.number(kPriority, command.priority);
  out.number(kDataSetType, command.has_data_set ? 0x0001 : kNoDataSet);
  if (command.is_response()) out.number(kStatus, command.status);
  if (!command.error_comment.empty()) out.text(kErrorComment, command.error_comment.substr(0, 64), ' ');
  if (command.error_id) out.number(kErrorId, *command.error_id);
  if (!command.sop_instance.empty()) {
    out.uid(requested ? kRequestedSopInstance : kAffectedSopInstance, command.sop_instance);
  }
  if (command.event_or_action != 0) {
    out.number(verb == Verb::n_action ? kActionType : kEventType, command.event_or_action);
  }
  if (const auto& counts = command.sub_operations) {
    // PS3.4 C.4.2.1.6: Remaining is left out of the final answer unless it was cancelled.
    if (command.status == 0xFF00 || command.status == 0xFE00) out.number(kRemaining, counts->remaining);
    out.number(kCompleted, counts->completed);
    out.number(kFailed, counts->failed);
    out.number(kWarning, counts->warning);
  }
  if (!command.move_originator_ae.empty()) {
    out.text(kMoveOriginatorAe, command.move_originator_ae, ' ');
    out.number(kMoveOriginatorId, command.move_originator_id);
  }
  return std::move(out).finish();
}

Result<Command> decode(std::span<const std::byte> bytes) {
  const Error damaged{Code::invalid, "a command set is damaged"};
  if (bytes.size() > kMaxCommand) return Error{Code::invalid, "a command set is too long"};
  Command command;
  bool has_id = false;
  while (!bytes.empty()) {
    if (bytes.size() < 8 || little(bytes.first(2)) != 0) return damaged;
    const auto element = static_cast<std::uint16_t>(little(bytes.subspan(2, 2)));
    const std::uint32_t length = little(bytes.subspan(4, 4));
    bytes = bytes.subspan(8);
    if (length > bytes.size()) return damaged;
    const auto value = bytes.first(length);
    bytes = bytes.subspan(length);
    if (length == 2) {
      const auto number = static_cast<std::uint16_t>(little(value));
      if (element == kMessageId || element == kMessageIdRespondedTo) {
        command.message_id = number;
        has_id = true;
      }
      take_number(command, element, number);
    }
    if (element == kGroupLength && length == 4 && little(value) > bytes.size()) return damaged;
    take_text(command, element, value);
  }
  if (command.field == 0 || !has_id) return damaged;
  return command;
}

}  // namespace aceso::dimse
