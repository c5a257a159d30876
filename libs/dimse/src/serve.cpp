// The loop of one association, and which service answers which message.
#include "session.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

// The peer hears that there is no such operation here; the association goes on (PS3.7 C.4.2).
Status refuse(Session& session, const Message& message, StatusCode status) {
  if (message.command.has_data_set) {
    ACESO_TRY(const auto ignored,
              session.association.receive_data_set([](std::span<const std::byte>) { return Status{}; }));
    (void)ignored;
  }
  if (message.command.is_response() || message.command.verb() == Verb::c_cancel) return {};  // came too late
  return session.association.send(message.context, response_to(message.command, status));
}

using Handler = Status (*)(Session&, const Message&);

// Which service answers a verb in a context of this class; null: none.
Handler handler_of(const Session& session, const Command& command, std::string_view abstract_syntax) {
  const Services& services = session.server.services;
  const bool found = services.source != nullptr;
  switch (command.verb()) {
    case Verb::c_echo:
      return serve_echo;
    case Verb::c_store:
      return services.sink != nullptr ? serve_store : nullptr;
    case Verb::c_find:
      if (abstract_syntax == sop::kWorklistFind) return services.worklist != nullptr ? serve_worklist : nullptr;
      if (abstract_syntax != sop::kPatientRootFind && abstract_syntax != sop::kStudyRootFind) return nullptr;
      return found ? serve_find : nullptr;
    case Verb::c_move:
      if (abstract_syntax != sop::kPatientRootMove && abstract_syntax != sop::kStudyRootMove) return nullptr;
      return found ? serve_move : nullptr;
    case Verb::c_get:
      if (abstract_syntax != sop::kPatientRootGet && abstract_syntax != sop::kStudyRootGet) return nullptr;
      return found ? serve_get : nullptr;
    case Verb::n_create:
    case Verb::n_set:
      if (abstract_syntax != sop::kPerformedStep) return nullptr;
      return services.steps != nullptr ? serve_step : nullptr;
    case Verb::n_action:
      if (abstract_syntax != sop::kStorageCommitment) return nullptr;
      return found ? serve_commitment : nullptr;
    default:
      return nullptr;
  }
}

Status answer(Session& session, const Message& message) {
  const Command& command = message.command;
  if (command.is_response()) return refuse(session, message, kUnrecognisedOperation);
  const Handler handler = handler_of(session, command, session.association.context(message.context)->abstract_syntax);
  const bool needs_data_set = command.verb() != Verb::c_echo;
  if (handler == nullptr || command.has_data_set != needs_data_set) {
    return refuse(session, message, kUnrecognisedOperation);
  }
  return handler(session, message);
}

}  // namespace

Status serve(Session& session, std::atomic<bool>& busy) {
  for (;;) {
    busy = false;
    if (session.server.draining) return Error{Code::cancelled, "the server stops"};
    ACESO_TRY(const auto message, session.association.receive());
    if (!message) return {};
    busy = true;
    ACESO_TRY_OK(answer(session, *message));
  }
}

}  // namespace aceso::dimse
