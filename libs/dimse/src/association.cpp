#include "association.hpp"

#include <algorithm>

namespace aceso::dimse {
namespace {

// One piece of a data set read from the store: some PDVs, so that small reads do not dominate.
constexpr std::size_t kPiece = std::size_t{256} << 10;

}  // namespace

Association::Association(std::unique_ptr<Link> link, std::vector<AgreedContext> contexts, Patience patience)
    : link_{std::move(link)}, contexts_{std::move(contexts)}, patience_{patience} {
  std::erase_if(contexts_, [](const AgreedContext& c) { return c.result != ContextResult::accepted; });
}

const AgreedContext* Association::context(std::uint8_t id) const noexcept {
  const auto found = std::ranges::find(contexts_, id, &AgreedContext::id);
  return found == contexts_.end() ? nullptr : &*found;
}

const AgreedContext* Association::find_context(std::string_view abstract_syntax, std::string_view transfer_syntax,
                                               bool as_requestor) const noexcept {
  const auto found = std::ranges::find_if(contexts_, [&](const AgreedContext& c) {
    return c.abstract_syntax == abstract_syntax && (transfer_syntax.empty() || c.transfer_syntax == transfer_syntax) &&
           (as_requestor ? c.roles.scu : c.roles.scp);
  });
  return found == contexts_.end() ? nullptr : &*found;
}

Error Association::broke_protocol(std::string_view why) {
  usable_ = false;
  link_->abort();
  return {Code::invalid, std::string{why}};
}

Result<std::optional<Pdv>> Association::next_pdv(std::chrono::milliseconds patience) {
  link_->transport().set_deadline(Transport::Clock::now() + patience);
  auto pdv = link_->next();
  if (!pdv || !*pdv) usable_ = false;
  return pdv;
}

Status Association::put(const Pdv& pdv) {
  link_->transport().set_deadline(Transport::Clock::now() + patience_.message);
  auto sent = link_->send(pdv);
  if (!sent) usable_ = false;
  return sent;
}

Result<std::optional<Message>> Association::receive() {
  ACESO_TRY(const auto first, next_pdv(patience_.idle));
  if (!first) return std::optional<Message>{};
  ACESO_TRY(auto message, finish_command(*first));
  return std::optional{std::move(message)};
}

Result<std::optional<Message>> Association::receive_waiting() {
  if (!link_->waiting() && !link_->transport().readable(std::chrono::milliseconds{0})) return std::optional<Message>{};
  return receive();
}

Result<Message> Association::finish_command(const Pdv& first) {
  const std::uint8_t id = first.context;
  if (context(id) == nullptr) return broke_protocol("the peer used a presentation context that was not agreed");
  Pdv pdv = first;
  std::vector<std::byte> bytes;
  for (;;) {
    if (!pdv.command || pdv.context != id) return broke_protocol("the peer mixed messages");
    if (bytes.size() + pdv.bytes.size() > kMaxCommand) return broke_protocol("a command set is too long");
    bytes.insert(bytes.end(), pdv.bytes.begin(), pdv.bytes.end());
    if (pdv.last) break;
    ACESO_TRY(const auto next, next_pdv(patience_.message));
    if (!next) return broke_protocol("the peer asked for release within a message");
    pdv = *next;
  }
  auto command = decode(bytes);
  if (!command) return broke_protocol(command.error().message());
  data_context_ = command->has_data_set ? id : 0;
  return Message{id, *std::move(command)};
}

Result<Association::Received> Association::receive_data_set(
    const std::function<Status(std::span<const std::byte>)>& take) {
  Received received;
  for (bool last = false; !last;) {
    ACESO_TRY(const auto pdv, next_pdv(patience_.message));
    if (!pdv) return broke_protocol("the peer asked for release within a data set");
    if (pdv->command || pdv->context != data_context_) return broke_protocol("the peer mixed messages");
    received.bytes += pdv->bytes.size();
    last = pdv->last;
    if (received.refused) continue;
    if (auto taken = take(pdv->bytes); !taken) received.refused = std::move(taken).error();
  }
  data_context_ = 0;
  return received;
}

Result<std::vector<std::byte>> Association::receive_data_set(std::size_t limit) {
  std::vector<std::byte> whole;
  ACESO_TRY(const auto received, receive_data_set([&](std::span<const std::byte> piece) -> Status {
              if (whole.size() + piece.size() > limit) return Error{Code::too_large, "the data set is too long"};
              whole.insert(whole.end(), piece.begin(), piece.end());
              return {};
            }));
  if (received.refused) return broke_protocol("a data set that is no object is too long");
  return whole;
}

Status Association::send(std::uint8_t context, const Command& command) {
  const auto bytes = encode(command);
  std::span<const std::byte> left{bytes};
  while (!left.empty()) {
    const auto piece = left.first(std::min(left.size(), link_->max_fragment()));
    left = left.subspan(piece.size());
    ACESO_TRY_OK(put({context, true, left.empty(), piece}));
  }
  return {};
}

Status Association::send(std::uint8_t context, Command command, std::span<const std::byte> data_set) {
  command.has_data_set = true;
  ACESO_TRY_OK(send(context, command));
  do {
    const auto piece = data_set.first(std::min(data_set.size(), link_->max_fragment()));
    data_set = data_set.subspan(piece.size());
    ACESO_TRY_OK(put({context, false, data_set.empty(), piece}));
  } while (!data_set.empty());
  return {};
}

Status Association::send(std::uint8_t context, Command command, std::uint64_t size,
                         const std::function<Status(std::uint64_t from, std::span<std::byte> out)>& read) {
  const std::size_t fragment = link_->max_fragment();
  // Whole PDVs only: what the first read leaves over would become a short PDU.
  const std::size_t piece = std::max<std::size_t>(fragment, kPiece / fragment * fragment);
  buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece, size)));
  if (auto first = read(0, buffer_); !first) return first;  // nothing was sent yet: the association goes on
  command.has_data_set = true;
  ACESO_TRY_OK(send(context, command));
  for (std::uint64_t from = 0; from < size;) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), size - from));
    const std::span<std::byte> bytes{buffer_.data(), length};
    if (from != 0) {
      if (auto done = read(from, bytes); !done) {
        usable_ = false;
        link_->abort();
        return done;
      }
    }
    from += length;
    for (std::span<const std::byte> left{bytes}; !left.empty();) {
      const auto pdv = left.first(std::min(left.size(), fragment));
      left = left.subspan(pdv.size());
      ACESO_TRY_OK(put({context, false, left.empty() && from == size, pdv}));
    }
  }
  return {};
}

}  // namespace aceso::dimse
