// One association that somebody opened to us: what was agreed, and the services that answer its messages.
#pragma once

#include <atomic>

#include "aceso/base/log.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dimse/server.hpp"
#include "aceso/dimse/status.hpp"
#include "association.hpp"

namespace aceso::dimse {

class Reporter;

// What all sessions of a server share.
struct ServerContext {
  const ServerOptions& options;
  const Services& services;
  const Logger& logger;
  RandomSource& random;
  std::shared_ptr<UpperLayer> upper;  // shared with clients made for C-MOVE
  Reporter* reporter = nullptr;
  std::atomic<bool> draining = false;
  std::atomic<std::uint64_t> stored = 0;
  std::atomic<std::uint64_t> store_failures = 0;
};

struct Session {
  ServerContext& server;
  Association& association;
  contracts::ObjectPeer peer;
  // Told of the connection of an association that the session itself asks for, and of its end by null.
  std::function<void(const std::shared_ptr<Transport>&)> opened;
};

// Which of the proposed contexts the server takes, and how.
std::vector<AgreedContext> negotiate(const AssociationRequest& request, const ServerOptions& options,
                                     const Services& services);

// Each answers one request and reads its data set. An error ends the association.
Status serve_echo(Session& session, const Message& message);
Status serve_store(Session& session, const Message& message);
Status serve_find(Session& session, const Message& message);
Status serve_move(Session& session, const Message& message);
Status serve_get(Session& session, const Message& message);
Status serve_worklist(Session& session, const Message& message);
Status serve_step(Session& session, const Message& message);        // MPPS: N-CREATE, N-SET
Status serve_commitment(Session& session, const Message& message);  // N-ACTION

// For these. The data set of a request that is no object, parsed; it views `bytes`. An error of the association makes
// it unusable; other errors are those of parsing.
Result<dicom::Object> receive_identifier(Session& session, const Message& message, std::vector<std::byte>& bytes);
// True when a C-CANCEL for this request has come meanwhile.
Result<bool> cancelled_by_peer(Association& association, std::uint16_t message_id);
Status answer_failure(Session& session, const Message& message, StatusCode status, std::string_view comment);

// Answers requests until the peer releases, an error ends the association or the server drains. `busy` is true while
// a request is being answered.
Status serve(Session& session, std::atomic<bool>& busy);

}  // namespace aceso::dimse
