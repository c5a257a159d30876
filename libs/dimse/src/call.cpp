#include "call.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <set>

#include "aceso/crypto/tls.hpp"
#include "aceso/dicom/uid.hpp"
#include "convert.hpp"

namespace aceso::dimse {
namespace {

constexpr std::size_t kMaxContexts = 128;  // odd numbers of one byte (PS3.8 9.3.2.2)

Result<std::string> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) {
    return Error{Code::not_found, "the host " + host + " has no IPv4 address"};
  }
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr, text.data(), text.size());
  ::freeaddrinfo(found);
  return std::string{text.data()};
}

}  // namespace

Result<std::unique_ptr<Association>> call(UpperLayer& upper, const CallOptions& options,
                                          std::span<const Proposal> proposals) {
  const Node& node = options.node;
  if (!is_valid_ae_title(node.ae) || !is_valid_ae_title(options.calling_ae)) {
    return Error{Code::invalid, "an AE title has 1 to 16 characters"};
  }
  if (node.port == 0) return Error{Code::invalid, "a node that is called needs a port"};
  if (proposals.size() > kMaxContexts) return Error{Code::too_large, "an association has 128 contexts at most"};
  if (node.tls && !options.tls) return Error{Code::precondition, "a TLS context is needed to call this node"};
  ACESO_TRY(const auto address, resolve(node.host));
  AssociationRequest request{.calling_ae = options.calling_ae, .called_ae = node.ae};
  for (const auto& proposal : proposals) {
    request.contexts.push_back({.id = static_cast<std::uint8_t>(2 * request.contexts.size() + 1),
                                .abstract_syntax = proposal.abstract_syntax,
                                .transfer_syntaxes = proposal.transfer_syntaxes,
                                .roles = proposal.roles});
  }
  const TransportMaker maker = [&](int descriptor) {
    auto transport = make_transport(descriptor, node.tls ? options.tls : nullptr, TlsSide::client, node.host);
    transport->set_deadline(Transport::Clock::now() + options.patience.message);
    if (options.opened) options.opened(transport);
    return transport;
  };
  ACESO_TRY(auto requested, upper.connect(address, node.port, request, maker, options.max_pdu, options.connect));
  return std::make_unique<Association>(std::move(requested.link), std::move(requested.contexts), options.patience);
}

std::vector<Proposal> proposals_for(std::span<const contracts::StoredObject> objects, std::size_t& covered) {
  std::vector<Proposal> proposals;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  covered = 0;
  for (const auto& object : objects) {
    std::vector<std::string_view> wanted{object.transfer_syntax_uid};
    if (is_native(object.transfer_syntax_uid)) {
      for (const auto uid : {dicom::kExplicitLittle, dicom::kImplicitLittle}) {
        if (uid != object.transfer_syntax_uid) wanted.push_back(uid);
      }
    }
    std::erase_if(wanted, [&](std::string_view uid) { return seen.contains({object.sop_class_uid, uid}); });
    if (proposals.size() + wanted.size() > kMaxContexts) break;
    for (const auto uid : wanted) {
      seen.insert({object.sop_class_uid, uid});
      proposals.push_back({object.sop_class_uid, {std::string{uid}}, {}});
    }
    ++covered;
  }
  return proposals;
}

Result<StatusCode> send_object(Association& association, const contracts::ObjectBytes& object, std::uint16_t priority,
                               const MoveOriginator& originator, const std::function<void(const Message&)>& other,
                               bool as_requestor) {
  const auto& stored = object.object();
  Command request = request_of(Verb::c_store, association.next_message_id(), stored.sop_class_uid);
  request.sop_instance = stored.sop_instance_uid;
  request.priority = priority;
  request.move_originator_ae = originator.ae;
  request.move_originator_id = originator.message_id;
  const auto* context = association.find_context(stored.sop_class_uid, stored.transfer_syntax_uid, as_requestor);
  if (context != nullptr) {
    const std::uint64_t offset = object.data_set_offset();
    if (stored.bytes <= offset) return kProcessingFailure;
    const auto sent =
        association.send(context->id, request, stored.bytes - offset,
                         [&](std::uint64_t from, std::span<std::byte> out) { return object.read(offset + from, out); });
    if (!sent && !association.usable()) return sent.error();
    if (!sent) return kProcessingFailure;
  } else {
    const auto converted = convert(association, object, as_requestor);
    if (!converted) return kSopClassNotSupported;
    ACESO_TRY_OK(association.send(converted->context, request, converted->data_set));
  }
  for (;;) {
    ACESO_TRY(const auto answer, association.receive());
    if (!answer) return Error{Code::cancelled, "the peer released the association instead of answering"};
    const Command& command = answer->command;
    if (command.field != (static_cast<std::uint16_t>(Verb::c_store) | kResponse)) {
      if (other) other(*answer);
      if (command.verb() != Verb::c_cancel) return Error{Code::invalid, "the peer answered something else"};
      continue;
    }
    if (command.has_data_set) {
      ACESO_TRY(const auto ignored, association.receive_data_set([](std::span<const std::byte>) { return Status{}; }));
      (void)ignored;
    }
    if (command.message_id == request.message_id) return command.status;
  }
}

Result<ReceivedObject> receive_object(Association& association, const Message& message, contracts::ObjectSink& sink,
                                      const contracts::ObjectPeer& peer) {
  const Command& request = message.command;
  const AgreedContext& context = *association.context(message.context);
  ReceivedObject result;
  const auto failed = [&](const Error& error) {
    result.status = store_status(error.code());
    result.comment = error.message();
  };
  std::unique_ptr<contracts::ObjectWriter> writer;
  if (request.sop_class != context.abstract_syntax) {
    result.status = kSopClassNotSupported;
  } else if (auto begun =
                 sink.begin_data_set(peer, {request.sop_class, request.sop_instance, context.transfer_syntax})) {
    writer = *std::move(begun);
  } else {
    failed(begun.error());
  }
  ACESO_TRY(const auto received, association.receive_data_set([&](std::span<const std::byte> piece) -> Status {
    return writer ? writer->write(piece) : Status{};
  }));
  if (received.refused) {
    failed(*received.refused);
  } else if (writer) {
    if (auto kept = writer->commit(); !kept) failed(kept.error());
  }
  return result;
}

}  // namespace aceso::dimse
