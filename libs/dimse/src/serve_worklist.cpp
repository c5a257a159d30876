// Modality worklist (PS3.4 Annex K).
#include <algorithm>

#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/write.hpp"
#include "identifier.hpp"
#include "match.hpp"
#include "session.hpp"

namespace aceso::dimse {
namespace {

using contracts::ObjectRow;
using dicom::Dataset;
using dicom::Element;
using dicom::Tag;

constexpr Tag kScheduledStepSequence{0x0040, 0x0100};
constexpr Tag kModality{0x0008, 0x0060};
constexpr Tag kStationAe{0x0040, 0x0001};
constexpr Tag kStartDate{0x0040, 0x0002};

const std::string* value_of(const ObjectRow& row, Tag tag) {
  const auto found = std::ranges::find(row, tag.value(), &contracts::ObjectAttribute::tag);
  return found == row.end() ? nullptr : &found->value.reveal(Reveal::to_authorised_user);
}

bool is_about_query(Tag tag) {
  return tag == kSpecificCharacterSet || tag.is_group_length() || tag.is_private();
}

bool row_matches(const Dataset& keys, const ObjectRow& row) {
  return std::ranges::all_of(keys.elements(), [&](const Element& key) {
    if (key.is_sequence() || is_about_query(key.tag())) return true;
    const std::string* value = value_of(row, key.tag());
    return matches(key.vr(), joined_text(keys, key), value == nullptr ? "" : *value);
  });
}

contracts::WorklistQuery narrow(const Dataset& identifier) {
  contracts::WorklistQuery query;
  const auto steps = identifier.items(kScheduledStepSequence);
  if (steps.empty()) return query;
  const auto exact = [&](Tag tag) {
    std::string text = steps[0].text_or(tag);
    return text.find_first_of("*?") == std::string::npos ? text : std::string{};
  };
  query.modality = exact(kModality);
  query.station_ae = exact(kStationAe);
  const std::string date = steps[0].text_or(kStartDate);
  const auto dash = date.find('-');
  query.from_date = date.substr(0, dash);
  query.to_date = dash == std::string::npos ? date : date.substr(dash + 1);
  return query;
}

void fill(Dataset& answer, const Dataset& keys, const ObjectRow& row) {
  for (const auto& key : keys.elements()) {
    if (is_about_query(key.tag())) continue;
    const std::string* value = value_of(row, key.tag());
    set_value(answer, key.tag(), key.vr(), value == nullptr ? std::string{} : *value);
  }
}

Dataset answer_for(const Dataset& identifier, const contracts::WorklistItem& item) {
  const auto expressible = [&](const contracts::ObjectAttribute& attribute) {
    return identifier.charset().from_utf8(attribute.value.reveal(Reveal::to_authorised_user)).ok();
  };
  const bool same = std::ranges::all_of(item.attributes, expressible) && std::ranges::all_of(item.step, expressible);
  Dataset answer;
  if (!same || identifier.contains(kSpecificCharacterSet)) {
    answer.set_charset(same ? identifier.charset() : dicom::CharacterSet::utf8());
  }
  fill(answer, identifier, item.attributes);
  if (const auto steps = identifier.items(kScheduledStepSequence); !steps.empty()) {
    Dataset step;
    step.set_charset(answer.charset());
    fill(step, steps[0], item.step);
    step.erase(kSpecificCharacterSet);
    answer.set_items(kScheduledStepSequence, {std::move(step)});
  }
  return answer;
}

}  // namespace

Status serve_worklist(Session& session, const Message& message) {
  Association& association = session.association;
  const std::string syntax = association.context(message.context)->transfer_syntax;
  std::vector<std::byte> bytes;
  const auto identifier = receive_identifier(session, message, bytes);
  if (!association.usable()) return identifier.error();
  if (!identifier) return answer_failure(session, message, kCannotUnderstand, "the identifier is damaged");
  const Dataset& keys = identifier->dataset;
  const auto items = session.server.services.worklist->scheduled(session.peer, narrow(keys));
  if (!items) return answer_failure(session, message, find_status(items.error().code()), items.error().message());
  const auto steps = keys.items(kScheduledStepSequence);
  for (const auto& item : *items) {
    if (!row_matches(keys, item.attributes) || (!steps.empty() && !row_matches(steps[0], item.step))) continue;
    ACESO_TRY(const bool cancelled, cancelled_by_peer(association, message.command.message_id));
    if (cancelled) return association.send(message.context, response_to(message.command, kCancelled));
    const auto answer = dicom::write_dataset(answer_for(keys, item), syntax);
    if (!answer) return answer_failure(session, message, kProcessingFailure, "an answer could not be written");
    ACESO_TRY_OK(association.send(message.context, response_to(message.command, kPending), *answer));
  }
  return association.send(message.context, response_to(message.command, kSuccess));
}

}  // namespace aceso::dimse
