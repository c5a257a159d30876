// Verification and storage (PS3.4 Annexes A and B).
#include "call.hpp"
#include "session.hpp"

namespace aceso::dimse {

Status serve_echo(Session& session, const Message& message) {
  return session.association.send(message.context, response_to(message.command, kSuccess));
}

Status serve_store(Session& session, const Message& message) {
  ACESO_TRY(const auto received,
            receive_object(session.association, message, *session.server.services.sink, session.peer));
  ++(received.status == kSuccess ? session.server.stored : session.server.store_failures);
  Command response = response_to(message.command, received.status);
  response.error_comment = received.comment;
  return session.association.send(message.context, response);
}

}  // namespace aceso::dimse
