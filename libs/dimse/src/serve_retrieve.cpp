// C-MOVE and C-GET (PS3.4 C.4.2, C.4.3): C-STORE sub-operations to a third node or back to the caller, counted, and
// stopped by C-CANCEL.
#include <algorithm>
#include <limits>
#include <variant>

#include "aceso/dicom/write.hpp"
#include "call.hpp"
#include "identifier.hpp"
#include "session.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

using contracts::StoredObject;

Result<std::vector<StoredObject>> objects_of(Session& session, const Wanted& wanted) {
  std::vector<StoredObject> all;
  for (const auto& uid : wanted.uids) {
    ACESO_TRY(auto some, session.server.services.source->expand(session.peer, wanted.level, Phi<std::string>{uid}));
    std::erase_if(some, [&](const StoredObject& object) {
      return (!wanted.study_uid.empty() && object.study_uid != wanted.study_uid) ||
             (!wanted.series_uid.empty() && object.series_uid != wanted.series_uid);
    });
    std::ranges::move(some, std::back_inserter(all));
  }
  return all;
}

// The sub-operations of one request.
class Retrieval {
 public:
  Retrieval(Session& session, const Message& message, std::vector<StoredObject> objects)
      : session_{session}, message_{message}, objects_{std::move(objects)} {}

  std::span<const StoredObject> left() const { return std::span{objects_}.subspan(next_); }
  bool cancelled() const noexcept { return cancelled_; }
  void cancel() noexcept { cancelled_ = true; }

  // Sends the next object on `association`. Errors: `association` is of no more use; the object counts as failed.
  Status send_next(Association& association, const MoveOriginator& originator, bool as_requestor) {
    const StoredObject& object = objects_[next_++];
    const auto bytes = session_.server.services.source->open(session_.peer, object.sop_instance_uid);
    Result<StatusCode> status = kProcessingFailure;
    if (bytes) {
      status = send_object(
          association, **bytes, message_.command.priority, originator,
          [this](const Message& other) { take_cancel(other); }, as_requestor);
    }
    if (status && *status == kSuccess) {
      ++counts_.completed;
    } else if (status && is_warning(*status)) {
      ++counts_.warning;
    } else {
      fail(object);
    }
    if (!status) return status.error();
    return {};
  }
  void fail_next() { fail(objects_[next_++]); }
  void take_cancel(const Message& other) {
    const Command& command = other.command;
    if (command.verb() == Verb::c_cancel && command.message_id == message_.command.message_id) cancelled_ = true;
  }

  Status report_progress() {
    Command response = response_to(message_.command, kPending);
    response.sub_operations = counts();
    return session_.association.send(message_.context, response);
  }

  Status report_end() {
    StatusCode status = kSuccess;
    if (cancelled_) {
      status = kCancelled;
    } else if (counts_.failed != 0) {
      status = counts_.completed + counts_.warning == 0 ? kCannotPerformSubOperations : kSubOperationsWarning;
    }
    Command response = response_to(message_.command, status);
    response.sub_operations = counts();
    if (failed_.empty()) return session_.association.send(message_.context, response);
    std::string list;
    for (const auto& uid : failed_) list += (list.empty() ? "" : "\\") + uid;
    dicom::Dataset data;
    data.set_text(kFailedSopInstanceUidList, dicom::Vr::ui, list);
    const auto bytes = dicom::write_dataset(data, session_.association.context(message_.context)->transfer_syntax);
    if (!bytes) return session_.association.send(message_.context, response);
    return session_.association.send(message_.context, response, *bytes);
  }

 private:
  static constexpr std::size_t kMaxNamed = 900;  // of failed objects: a UI value has 65534 bytes at most

  void fail(const StoredObject& object) {
    ++counts_.failed;
    if (failed_.size() < kMaxNamed) failed_.push_back(object.sop_instance_uid);
  }
  struct Counts {
    std::size_t completed = 0, failed = 0, warning = 0;
  };
  SubOperations counts() const {
    const auto number = [](std::size_t n) {
      return static_cast<std::uint16_t>(std::min<std::size_t>(n, std::numeric_limits<std::uint16_t>::max()));
    };
    return {number(objects_.size() - next_), number(counts_.completed), number(counts_.failed),
            number(counts_.warning)};
  }

  Session& session_;
  const Message& message_;
  std::vector<StoredObject> objects_;
  std::size_t next_ = 0;
  Counts counts_;
  std::vector<std::string> failed_;
  bool cancelled_ = false;
};

// What the request asks for, or the status that refuses it.
struct Refusal {
  StatusCode status;
  std::string comment;
};
using Request = std::variant<std::vector<StoredObject>, Refusal>;
Result<Request> read_request(Session& session, const Message& message, bool patient_root) {
  std::vector<std::byte> bytes;
  const auto identifier = receive_identifier(session, message, bytes);
  if (!session.association.usable()) return identifier.error();
  if (!identifier) return Request{Refusal{kCannotUnderstand, "the identifier is damaged"}};
  const auto wanted = wanted_of(identifier->dataset, patient_root);
  if (!wanted) return Request{Refusal{retrieve_status(wanted.error().code()), wanted.error().message()}};
  auto objects = objects_of(session, *wanted);
  if (!objects) return Request{Refusal{retrieve_status(objects.error().code()), objects.error().message()}};
  return Request{*std::move(objects)};
}

// As many objects as one association's contexts serve. Errors: of the caller's association.
Status move_some(Session& session, const Message& message, const Node& node, Retrieval& retrieval) {
  std::size_t covered = 0;
  const auto proposals = proposals_for(retrieval.left(), covered);
  CallOptions options{.calling_ae = session.peer.called_ae,
                      .node = node,
                      .tls = session.server.options.client_tls,
                      .patience = {session.server.options.idle, session.server.options.message},
                      .max_pdu = session.server.options.max_pdu,
                      .opened = session.opened};
  auto called = call(*session.server.upper, options, proposals);
  if (!called) {
    session.server.logger.warn("dimse.move.no_association",
                               {{"destination", node.ae}, {"reason", called.error().message()}});
  }
  const MoveOriginator originator{session.peer.calling_ae, message.command.message_id};
  bool alive = called.ok();
  for (std::size_t i = 0; i < covered && !retrieval.cancelled(); ++i) {
    if (alive) {
      alive = retrieval.send_next(**called, originator, true).ok();
    } else {
      retrieval.fail_next();
    }
    ACESO_TRY_OK(retrieval.report_progress());
    ACESO_TRY(const bool cancelled, cancelled_by_peer(session.association, message.command.message_id));
    if (cancelled) retrieval.cancel();
  }
  if (alive) (void)(*called)->link().release();
  if (session.opened) session.opened(nullptr);
  return {};
}

}  // namespace

Status serve_move(Session& session, const Message& message) {
  const bool patient_root = session.association.context(message.context)->abstract_syntax == sop::kPatientRootMove;
  ACESO_TRY(auto request, read_request(session, message, patient_root));
  if (const auto* refusal = std::get_if<Refusal>(&request)) {
    return answer_failure(session, message, refusal->status, refusal->comment);
  }
  const auto& nodes = session.server.options.nodes;
  const auto node = std::ranges::find_if(
      nodes, [&](const Node& n) { return n.ae == message.command.move_destination && !n.host.empty(); });
  if (node == nodes.end()) {
    return answer_failure(session, message, kMoveDestinationUnknown, "the destination is not known here");
  }
  Retrieval retrieval{session, message, std::get<0>(std::move(request))};
  while (!retrieval.left().empty() && !retrieval.cancelled()) {
    ACESO_TRY_OK(move_some(session, message, *node, retrieval));
  }
  return retrieval.report_end();
}

Status serve_get(Session& session, const Message& message) {
  const bool patient_root = session.association.context(message.context)->abstract_syntax == sop::kPatientRootGet;
  ACESO_TRY(auto request, read_request(session, message, patient_root));
  if (const auto* refusal = std::get_if<Refusal>(&request)) {
    return answer_failure(session, message, refusal->status, refusal->comment);
  }
  Retrieval retrieval{session, message, std::get<0>(std::move(request))};
  while (!retrieval.left().empty() && !retrieval.cancelled()) {
    ACESO_TRY_OK(retrieval.send_next(session.association, {}, false));
    ACESO_TRY_OK(retrieval.report_progress());
    if (retrieval.cancelled()) break;
    ACESO_TRY(const bool cancelled, cancelled_by_peer(session.association, message.command.message_id));
    if (cancelled) retrieval.cancel();
  }
  return retrieval.report_end();
}

}  // namespace aceso::dimse
