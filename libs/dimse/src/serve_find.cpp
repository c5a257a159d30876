// C-FIND of the patient root and study root information models (PS3.4 C.4.1).
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/write.hpp"
#include "call.hpp"
#include "identifier.hpp"
#include "session.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

constexpr std::size_t kPage = 1000;  // rows asked of the source at once

}  // namespace

Result<bool> cancelled_by_peer(Association& association, std::uint16_t message_id) {
  ACESO_TRY(const auto waiting, association.receive_waiting());
  if (!waiting) return false;
  if (waiting->command.verb() != Verb::c_cancel || waiting->command.is_response()) {
    association.link().abort();
    return Error{Code::invalid, "the peer asked for something else before its request was answered"};
  }
  return waiting->command.message_id == message_id;
}

Result<dicom::Object> receive_identifier(Session& session, const Message& message, std::vector<std::byte>& bytes) {
  ACESO_TRY(bytes, session.association.receive_data_set(kMaxIdentifier));
  return dicom::parse_dataset(bytes, session.association.context(message.context)->transfer_syntax);
}

Status answer_failure(Session& session, const Message& message, StatusCode status, std::string_view comment) {
  Command response = response_to(message.command, status);
  response.error_comment = comment;
  return session.association.send(message.context, response);
}

Status serve_find(Session& session, const Message& message) {
  Association& association = session.association;
  const AgreedContext context = *association.context(message.context);
  std::vector<std::byte> bytes;
  const auto identifier = receive_identifier(session, message, bytes);
  if (!association.usable()) return identifier.error();
  if (!identifier) return answer_failure(session, message, kCannotUnderstand, "the identifier is damaged");
  auto query = query_of(identifier->dataset, context.abstract_syntax == sop::kPatientRootFind);
  if (!query) return answer_failure(session, message, find_status(query.error().code()), query.error().message());
  query->limit = kPage;
  for (bool more = true; more; query->offset += query->limit) {
    const auto rows = session.server.services.source->find(session.peer, *query);
    if (!rows) return answer_failure(session, message, find_status(rows.error().code()), rows.error().message());
    const StatusCode pending = rows->unmatched.empty() ? kPending : kPendingUnmatchedKeys;
    for (const auto& row : rows->rows) {
      ACESO_TRY(const bool cancelled, cancelled_by_peer(association, message.command.message_id));
      if (cancelled) return association.send(message.context, response_to(message.command, kCancelled));
      const auto answer = dicom::write_dataset(answer_of(identifier->dataset, *query, row, session.peer.called_ae),
                                               context.transfer_syntax);
      if (!answer) return answer_failure(session, message, kProcessingFailure, "an answer could not be written");
      ACESO_TRY_OK(association.send(message.context, response_to(message.command, pending), *answer));
    }
    more = rows->more;
  }
  return association.send(message.context, response_to(message.command, kSuccess));
}

}  // namespace aceso::dimse
