// Modality performed procedure step (PS3.4 F.7): N-CREATE and N-SET.
#include "aceso/base/id.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/uid.hpp"
#include "identifier.hpp"
#include "session.hpp"

namespace aceso::dimse {
namespace {

using contracts::PerformedStep;
using contracts::StepState;
using dicom::Dataset;
using dicom::Tag;

constexpr Tag kStepStatus{0x0040, 0x0252};
constexpr Tag kScheduledStepAttributes{0x0040, 0x0270};
constexpr Tag kScheduledStepId{0x0040, 0x0009};
constexpr Tag kPerformedSeriesSequence{0x0040, 0x0340};
constexpr Tag kReferencedImageSequence{0x0008, 0x1140};
constexpr Tag kReferencedNonImageSequence{0x0040, 0x0220};
constexpr Tag kReferencedInstance{0x0008, 0x1155};
// PS3.4 F.7.2.2.2: the step may no longer be updated.
constexpr std::uint16_t kMayNoLongerBeUpdated = 0xA710;

Result<PerformedStep> step_of(const Dataset& data, std::string sop_instance) {
  PerformedStep step;
  step.sop_instance_uid = std::move(sop_instance);
  const std::string state = data.text_or(kStepStatus);
  step.has_state = !state.empty();
  if (state == "COMPLETED") {
    step.state = StepState::completed;
  } else if (state == "DISCONTINUED") {
    step.state = StepState::discontinued;
  } else if (step.has_state && state != "IN PROGRESS") {
    return Error{Code::invalid, "the state of the procedure step is none of the standard's"};
  }
  for (const auto& scheduled : data.items(kScheduledStepAttributes)) {
    if (auto uid = scheduled.text_or(kStudyInstanceUid); !uid.empty()) step.study_uids.push_back(std::move(uid));
    if (auto id = scheduled.text_or(kScheduledStepId); !id.empty()) step.step_ids.push_back(std::move(id));
  }
  step.has_series = data.contains(kPerformedSeriesSequence);
  for (const auto& series : data.items(kPerformedSeriesSequence)) {
    auto& performed = step.series.emplace_back();
    performed.series_uid = series.text_or(kSeriesInstanceUid);
    for (const Tag references : {kReferencedImageSequence, kReferencedNonImageSequence}) {
      for (const auto& reference : series.items(references)) {
        performed.sop_instance_uids.push_back(reference.text_or(kReferencedInstance));
      }
    }
  }
  for (const auto& element : data.elements()) {
    if (element.is_sequence() || !dicom::is_text(element.vr())) continue;
    step.attributes.push_back({element.tag().value(), Phi<std::string>{joined_text(data, element)}});
  }
  return step;
}

}  // namespace

Status serve_step(Session& session, const Message& message) {
  const Command& request = message.command;
  const bool creates = request.verb() == Verb::n_create;
  std::vector<std::byte> bytes;
  const auto data = receive_identifier(session, message, bytes);
  if (!session.association.usable()) return data.error();
  if (!data) return answer_failure(session, message, kProcessingFailure, "the data set is damaged");
  std::string instance = request.sop_instance;
  if (instance.empty() && creates) {  // PS3.7 10.1.5.1.4: then the SCP names it
    const Uuid id = Uuid::v7(SystemClock{}, session.server.random);
    instance = dicom::uid_from_hash(std::as_bytes(std::span{id.bytes()}));
  }
  if (!dicom::is_tolerable_uid(instance)) {
    return answer_failure(session, message, kInvalidInstance, "the SOP instance UID is invalid");
  }
  const auto step = step_of(data->dataset, instance);
  if (!step) return answer_failure(session, message, kInvalidAttributeValue, step.error().message());
  if (creates && !step->has_state) return answer_failure(session, message, kMissingAttribute, "the state is missing");
  if (creates && step->state != StepState::in_progress) {
    return answer_failure(session, message, kInvalidAttributeValue, "a new procedure step is in progress");
  }
  contracts::ProcedureStepSink& sink = *session.server.services.steps;
  const Status done = creates ? sink.create(session.peer, *step) : sink.update(session.peer, *step);
  Command response = response_to(request, done ? kSuccess : normalised_status(done.error().code()));
  response.sop_instance = instance;
  if (!done) response.error_comment = done.error().message();
  if (!done && done.error().code() == Code::precondition) response.error_id = kMayNoLongerBeUpdated;
  return session.association.send(message.context, response);
}

}  // namespace aceso::dimse
