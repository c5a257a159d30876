// Storage commitment, push model (PS3.4 Annex J): commitment is given for what is on disk, after sync().
#include <algorithm>

#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/write.hpp"
#include "identifier.hpp"
#include "reporter.hpp"
#include "session.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

using dicom::Dataset;
using dicom::Tag;
using dicom::Vr;

constexpr Tag kTransactionUid{0x0008, 0x1195};
constexpr Tag kReferencedSopSequence{0x0008, 0x1199};
constexpr Tag kFailedSopSequence{0x0008, 0x1198};
constexpr Tag kFailureReason{0x0008, 0x1197};
constexpr Tag kReferencedClass{0x0008, 0x1150};
constexpr Tag kReferencedInstance{0x0008, 0x1155};
constexpr std::uint16_t kRequestCommitment = 1;

// Success or why the object is not committed to (PS3.3 C.14.1.1).
StatusCode judge(Session& session, const std::string& sop_class, const std::string& sop_instance) {
  const auto found = session.server.services.source->expand(session.peer, contracts::QueryLevel::image,
                                                            Phi<std::string>{sop_instance});
  if (!found) return normalised_status(found.error().code());
  const auto kept = std::ranges::find(*found, sop_instance, &contracts::StoredObject::sop_instance_uid);
  if (kept == found->end()) return kNoSuchInstance;
  if (kept->sop_class_uid != sop_class) return kClassInstanceConflict;
  return kept->on_disk ? kSuccess : kProcessingFailure;
}

Dataset result_of(Session& session, const Dataset& action, bool& failures) {
  const Status synced = session.server.services.source->sync();
  std::vector<Dataset> committed, failed;
  for (const auto& reference : action.items(kReferencedSopSequence)) {
    const std::string sop_class = reference.text_or(kReferencedClass);
    const std::string sop_instance = reference.text_or(kReferencedInstance);
    const StatusCode status = synced ? judge(session, sop_class, sop_instance) : kProcessingFailure;
    Dataset& item = (status == kSuccess ? committed : failed).emplace_back();
    item.set_text(kReferencedClass, Vr::ui, sop_class);
    item.set_text(kReferencedInstance, Vr::ui, sop_instance);
    if (status != kSuccess) item.set_integer(kFailureReason, status);
  }
  failures = !failed.empty();
  Dataset result;
  result.set_text(kRetrieveAeTitle, Vr::ae, session.peer.called_ae);
  result.set_text(kTransactionUid, Vr::ui, action.text_or(kTransactionUid));
  if (!committed.empty()) result.set_items(kReferencedSopSequence, std::move(committed));
  if (failures) result.set_items(kFailedSopSequence, std::move(failed));
  return result;
}

}  // namespace

Status serve_commitment(Session& session, const Message& message) {
  Association& association = session.association;
  const Command& request = message.command;
  const AgreedContext context = *association.context(message.context);
  std::vector<std::byte> bytes;
  const auto action = receive_identifier(session, message, bytes);
  if (!association.usable()) return action.error();
  if (request.event_or_action != kRequestCommitment) {
    return answer_failure(session, message, kNoSuchAction, "storage commitment has one action");
  }
  if (request.sop_instance != sop::kStorageCommitmentInstance) {
    return answer_failure(session, message, kNoSuchInstance, "storage commitment has one instance");
  }
  if (!action || action->dataset.text_or(kTransactionUid).empty() ||
      action->dataset.items(kReferencedSopSequence).empty()) {
    return answer_failure(session, message, kInvalidArgumentValue, "the transaction UID or the references are missing");
  }
  ACESO_TRY_OK(association.send(message.context, response_to(request, kSuccess)));
  bool failures = false;
  Dataset result = result_of(session, action->dataset, failures);
  const auto& nodes = session.server.options.nodes;
  const auto node =
      std::ranges::find_if(nodes, [&](const Node& n) { return n.ae == session.peer.calling_ae && !n.host.empty(); });
  if (node != nodes.end()) {
    const Status queued = session.server.reporter->submit({*node, session.peer.called_ae, failures, std::move(result)});
    if (!queued)
      session.server.logger.warn("dimse.commitment.not_delivered",
                                 {{"destination", node->ae}, {"reason", queued.error().message()}});
    return {};
  }
  // Nobody knows where to call the requestor: it must wait on this association. Its answer is passed over by serve().
  ACESO_TRY(const auto report, dicom::write_dataset(result, context.transfer_syntax));
  Command event = request_of(Verb::n_event_report, association.next_message_id(), request.sop_class);
  event.sop_instance = request.sop_instance;
  event.event_or_action = failures ? 2 : 1;
  return association.send(message.context, event, report);
}

}  // namespace aceso::dimse
