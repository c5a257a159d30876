// Calling another node: an association that we ask for, and the objects sent on it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "aceso/contracts/objects.hpp"
#include "aceso/dimse/access.hpp"
#include "aceso/dimse/status.hpp"
#include "association.hpp"

namespace aceso::dimse {

inline constexpr std::size_t kMaxIdentifier = std::size_t{4} << 20;  // bytes of a data set that is no object

struct CallOptions {
  std::string calling_ae = {};
  Node node = {};
  std::shared_ptr<crypto::TlsContext> tls = {};  // of the caller; used when node.tls
  Patience patience = {};
  std::size_t max_pdu = kMaxPdu;
  std::chrono::milliseconds connect = std::chrono::seconds{10};
  // Told of the transport as soon as there is one, to interrupt it.
  std::function<void(const std::shared_ptr<Transport>&)> opened = {};
};

struct Proposal {
  std::string abstract_syntax = {};
  std::vector<std::string> transfer_syntaxes = {};
  Roles roles = {};
};

// Errors: not_found (the host has no IPv4 address), invalid, and those of UpperLayer::connect.
Result<std::unique_ptr<Association>> call(UpperLayer& upper, const CallOptions& options,
                                          std::span<const Proposal> proposals);

// The contexts that these objects need, each once: as stored, and for uncompressed ones the default transfer syntax,
// which every node takes (PS3.5 10.1). At most 128; `covered` is how many of the objects they serve.
std::vector<Proposal> proposals_for(std::span<const contracts::StoredObject> objects, std::size_t& covered);

// One C-STORE and its answer. Messages that come between (C-CANCEL) go to `other`. Errors: of the association, which
// is then of no more use. An object that cannot be read or that the peer takes in no syntax it has: a status of
// failure.
struct MoveOriginator {
  std::string ae = {};
  std::uint16_t message_id = 0;
};
Result<StatusCode> send_object(Association& association, const contracts::ObjectBytes& object, std::uint16_t priority,
                               const MoveOriginator& originator, const std::function<void(const Message&)>& other,
                               bool as_requestor = true);

// One C-STORE that comes: its data set to the sink, and what to answer. Errors: of the association.
struct ReceivedObject {
  StatusCode status = kSuccess;
  std::string comment = {};
};
Result<ReceivedObject> receive_object(Association& association, const Message& message, contracts::ObjectSink& sink,
                                      const contracts::ObjectPeer& peer);

}  // namespace aceso::dimse
