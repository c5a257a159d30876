// One HTTP/1.1 connection (RFC 9112): reads heads and bodies, hands requests to the pool one at a time, writes the
// answers in order. Everything but run_handler() and the pull task runs on the shard's thread.
#pragma once

#include <deque>
#include <limits>
#include <memory>
#include <string>

#include "body_pipe.hpp"
#include "chunked.hpp"
#include "event_stream.hpp"
#include "head.hpp"
#include "prepare.hpp"
#include "shard.hpp"
#include "transport.hpp"
#include "websocket.hpp"

namespace aceso::net {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Peer {
    std::string address;
    bool secure = false;
    bool local = false;
  };
  Connection(ServerCore& core, Shard& shard, std::unique_ptr<Transport> transport, Peer peer);

  void start();
  void close();  // now; idempotent
  void drain();  // at once when idle, else after the answer
  bool is_due(SteadyTime now) const noexcept {
    return now >= read_deadline_ || now >= write_deadline_ || now >= ping_at_ || retry_pull_;
  }
  void on_due(SteadyTime now);

 private:
  enum class State : std::uint8_t { handshake, head, body, handling, writing, events, socket, lingering, closed };

  // A request from its head to its answer. Shared with the pool task that runs its handler.
  struct Exchange {
    RequestHead head;
    Request request;
    std::shared_ptr<BodyPipe> pipe;
    ChunkDecoder decoder;
    std::uint64_t left = 0;  // of a body with Content-Length
    std::uint64_t received = 0;
    std::size_t max_body = 0;
    bool body_done = false;
    bool dispatched = false;
    bool broken = false;  // the body cannot be read to its end
  };

  void read();
  void on_read(const ErrorCode& error, std::size_t n);
  void next_request();
  void read_head();
  void begin_body();
  void read_body();
  Result<bool> take_body();  // true: the pipe is full
  void fail_body(Error error, int status);
  bool too_slow() const;
  void dispatch();
  void run_handler(const std::shared_ptr<Exchange>& exchange);
  void refuse(int status, const Error& error);
  void respond(std::shared_ptr<Prepared> response);
  void after_head();
  void pull();
  void on_pulled(const Result<std::size_t>& n);
  void finish_response();
  void linger();
  void open_events();
  void flush_events(bool ping = false);
  void open_socket();
  void write(Transport::Buffers buffers, std::function<void()> done);
  void continue_write(std::shared_ptr<Transport::Buffers> buffers, std::function<void()> done);
  SteadyTime in(std::int64_t ms) const;

  static constexpr SteadyTime kNever = SteadyTime::max();

  ServerCore& core_;
  Shard& shard_;
  std::unique_ptr<Transport> transport_;
  Peer peer_;
  State state_ = State::handshake;
  std::string in_;  // bytes not yet understood
  std::size_t searched_ = 0;
  bool reading_ = false;
  bool eof_ = false;
  bool close_after_ = false;
  bool head_begun_ = false;
  bool flushing_ = false;
  bool retry_pull_ = false;
  SteadyTime read_deadline_ = kNever;
  SteadyTime write_deadline_ = kNever;
  SteadyTime ping_at_ = kNever;
  SteadyTime read_began_{};
  std::chrono::nanoseconds body_waited_{0};
  std::size_t lingered_ = 0;
  std::shared_ptr<Exchange> exchange_;  // shared with the pool task
  std::shared_ptr<Prepared> response_;  // shared with the pull task
  std::string head_out_;
  std::string piece_;  // of a streamed body
  std::uint64_t streamed_ = 0;
  std::shared_ptr<EventQueue> events_;        // shared with whoever sends events
  std::shared_ptr<Lifecycle> lifecycle_;      // shared with the pool task that runs on_open
  std::shared_ptr<WebSocketSession> socket_;  // shared with whoever sends messages
};

}  // namespace aceso::net
