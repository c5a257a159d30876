// The DICOM upper layer (PS3.8): associations and the PDVs that flow on them. One implementation, on DCMTK's network
// part, is a shared module loaded on first use, because DCMTK brings a dozen libraries that most commands never need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "transport.hpp"

namespace aceso::dimse {

inline constexpr std::size_t kMaxPdu = 131072;  // what DCMTK's network part takes
inline constexpr std::size_t kMinPdu = 4096;

// Which roles the requestor of the association may take in a context (PS3.7 D.3.3.4).
struct Roles {
  bool scu = true;
  bool scp = false;
  bool proposed = false;  // a role selection item says so; without one the requestor is SCU
};

struct ProposedContext {
  std::uint8_t id = 0;
  std::string abstract_syntax = {};
  std::vector<std::string> transfer_syntaxes = {};  // in the requestor's order
  Roles roles = {};
};

enum class ContextResult : std::uint8_t {  // PS3.8 9.3.3.2
  accepted = 0,
  user_rejection = 1,
  no_reason = 2,
  abstract_syntax_not_supported = 3,
  transfer_syntaxes_not_supported = 4
};

struct AgreedContext {
  std::uint8_t id = 0;
  std::string abstract_syntax = {};
  std::string transfer_syntax = {};
  Roles roles = {};  // of the requestor
  ContextResult result = ContextResult::accepted;
};

struct AssociationRequest {
  std::string calling_ae = {};
  std::string called_ae = {};
  std::string application_context = {};
  std::string implementation_version = {};
  std::vector<ProposedContext> contexts = {};
};

struct Rejection {  // PS3.8 9.3.4
  bool permanent = true;
  std::uint8_t source = 1;
  std::uint8_t reason = 1;
};
inline constexpr Rejection kCallingAeNotRecognised{true, 1, 3};
inline constexpr Rejection kCalledAeNotRecognised{true, 1, 7};
inline constexpr Rejection kApplicationContextNotSupported{true, 1, 2};
inline constexpr Rejection kLocalLimitExceeded{false, 3, 2};
inline constexpr Rejection kNoReason{true, 1, 1};

struct Pdv {
  std::uint8_t context = 0;
  bool command = false;
  bool last = false;
  std::span<const std::byte> bytes = {};  // valid until the next call
};

// One association. One thread at a time. Errors: timeout, unavailable (connection broke), cancelled (the peer aborted,
// or the transport was interrupted), invalid (the peer broke the protocol; it has been told).
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;  // closes the connection, without A-ABORT

  virtual const AssociationRequest& request() const = 0;
  virtual std::size_t max_fragment() const = 0;  // the longest PDV the peer takes, even
  virtual Transport& transport() = 0;

  // Acceptor, once, before anything else.
  virtual Status accept(const std::vector<AgreedContext>& contexts) = 0;
  virtual Status reject(Rejection why) = 0;

  virtual Result<std::optional<Pdv>> next() = 0;  // nothing: the peer asks for release
  virtual bool waiting() const = 0;               // a PDV of the last PDU has not been taken yet
  virtual Status send(const Pdv& pdv) = 0;        // at most max_fragment() bytes
  virtual Status confirm_release() = 0;
  virtual Status release() = 0;  // requestor: asks and waits for the answer
  virtual void abort() = 0;
};

struct Requested {
  std::unique_ptr<Link> link;
  std::vector<AgreedContext> contexts;
};

// Makes the bytes of a connection that was just opened, and takes over its descriptor. The result is shared with
// whoever may interrupt() it.
using TransportMaker = std::function<std::shared_ptr<Transport>(int descriptor)>;

// Thread-safe.
class UpperLayer {
 public:
  UpperLayer() = default;
  UpperLayer(const UpperLayer&) = delete;
  UpperLayer& operator=(const UpperLayer&) = delete;
  virtual ~UpperLayer() = default;

  // A connection somebody opened to us: reads the A-ASSOCIATE-RQ. Errors as Link, unauthenticated (TLS).
  virtual Result<std::unique_ptr<Link>> receive(int descriptor, const TransportMaker& maker, std::size_t max_pdu) = 0;
  // Connects to an IPv4 address. Errors as Link; unavailable (nobody answers), denied (rejected; the message says why).
  virtual Result<Requested> connect(const std::string& address, std::uint16_t port, const AssociationRequest& request,
                                    const TransportMaker& maker, std::size_t max_pdu,
                                    std::chrono::milliseconds timeout) = 0;
};

// The module's one C entry:  extern "C" aceso::dimse::UpperLayer* aceso_upper_layer_create(std::uint32_t abi).
inline constexpr std::uint32_t kUpperLayerAbi = 1;
// Loads libaceso_dimse_dcmtk.so from `folder`; it stays loaded for the life of the process. Errors: not_found,
// unavailable.
Result<std::shared_ptr<UpperLayer>> load_upper_layer(const std::filesystem::path& folder);

}  // namespace aceso::dimse
