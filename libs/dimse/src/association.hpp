// DIMSE messages on one association (PS3.7 6.3.1, PS3.8 Annex E): a command set, and a data set that flows in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "command.hpp"
#include "upper_layer.hpp"

namespace aceso::dimse {

struct Message {
  std::uint8_t context = 0;
  Command command = {};
};

// How long a peer may be silent.
struct Patience {
  std::chrono::milliseconds idle = std::chrono::seconds{600};    // between messages
  std::chrono::milliseconds message = std::chrono::seconds{60};  // within one: between PDUs, and for ours to be taken
};

// One thread at a time. Errors of all: Link's. After any the association is of no more use.
class Association {
 public:
  Association(std::unique_ptr<Link> link, std::vector<AgreedContext> contexts, Patience patience);

  // The next command set; nothing when the peer asks for release. A data set that was announced must be read next.
  Result<std::optional<Message>> receive();
  // A message that has begun to arrive already; nothing when none has. Never waits for one to begin.
  Result<std::optional<Message>> receive_waiting();
  // Pieces of the data set announced by the last command, in order; views into the PDU. What `take` refuses is read to
  // its end all the same, and its first error returned as `refused`.
  struct Received {
    std::uint64_t bytes = 0;
    std::optional<Error> refused = {};
  };
  Result<Received> receive_data_set(const std::function<Status(std::span<const std::byte>)>& take);
  // The whole; too_large (as `refused`) past `limit`.
  Result<std::vector<std::byte>> receive_data_set(std::size_t limit);

  Status send(std::uint8_t context, const Command& command);
  Status send(std::uint8_t context, Command command, std::span<const std::byte> data_set);
  // `read` fills its argument with the next bytes of `size` in all; its error aborts the association.
  Status send(std::uint8_t context, Command command, std::uint64_t size,
              const std::function<Status(std::uint64_t from, std::span<std::byte> out)>& read);

  const AgreedContext* context(std::uint8_t id) const noexcept;  // accepted ones only
  const std::vector<AgreedContext>& contexts() const noexcept { return contexts_; }
  // The accepted context for a class and, unless empty, a transfer syntax, in which we have the SCU's role.
  const AgreedContext* find_context(std::string_view abstract_syntax, std::string_view transfer_syntax = {},
                                    bool as_requestor = true) const noexcept;
  std::uint16_t next_message_id() noexcept { return ++message_id_ == 0 ? ++message_id_ : message_id_; }
  Link& link() noexcept { return *link_; }
  bool usable() const noexcept { return usable_; }  // false after an error of the link

 private:
  Result<std::optional<Pdv>> next_pdv(std::chrono::milliseconds patience);
  Result<Message> finish_command(const Pdv& first);
  Status put(const Pdv& pdv);
  Error broke_protocol(std::string_view why);

  std::unique_ptr<Link> link_;
  std::vector<AgreedContext> contexts_;
  Patience patience_;
  std::uint8_t data_context_ = 0;  // whose data set comes next
  std::uint16_t message_id_ = 0;
  bool usable_ = true;
  std::vector<std::byte> buffer_;
};

}  // namespace aceso::dimse
