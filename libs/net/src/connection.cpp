#include "connection.hpp"

#include <boost/asio/error.hpp>

#include "aceso/base/id.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kHeadRead = 4 * 1024;  // what an idle connection holds
constexpr std::size_t kBodyRead = 64 * 1024;
constexpr std::int64_t kLingerMs = 2'000;
constexpr std::size_t kLingerBytes = std::size_t{4} << 20;

}  // namespace

Connection::Connection(ServerCore& core, Shard& shard, std::unique_ptr<Transport> transport, Peer peer)
    : core_{core}, shard_{shard}, transport_{std::move(transport)}, peer_{std::move(peer)} {}

SteadyTime Connection::in(std::int64_t ms) const {
  return core_.clock.steady_now() + std::chrono::milliseconds{ms};
}

void Connection::start() {
  read_deadline_ = in(core_.limits.header_timeout_ms);
  transport_->handshake([self = shared_from_this()](const ErrorCode& error) {
    if (self->state_ != State::handshake) return;
    if (error) return self->close();
    self->next_request();
    if (self->state_ == State::head)
      self->read_deadline_ = self->in(self->core_.limits.header_timeout_ms);  // a new connection must say something
  });
}

void Connection::close() {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();
  state_ = State::closed;
  read_deadline_ = write_deadline_ = ping_at_ = kNever;
  retry_pull_ = false;
  if (transport_) transport_->close();
  if (exchange_) exchange_->pipe->fail(Error{Code::cancelled, "the connection was closed"});
  if (events_) events_->detach();
  if (socket_) socket_->abort();
  if (lifecycle_ && !core_.pool.submit([life = lifecycle_] { life->closed(); })) lifecycle_->closed();
  shard_.remove(self);
}

void Connection::drain() {
  close_after_ = true;
  if (state_ == State::handshake || (state_ == State::head && !head_begun_)) return close();
  if (state_ == State::events) return events_->close();
  if (state_ == State::socket) socket_->close(1001);
}

void Connection::on_due(SteadyTime now) {
  if (now >= write_deadline_) return close();
  if (now >= read_deadline_) {
    read_deadline_ = kNever;
    const Error late{Code::timeout, "the request did not arrive in time"};
    if (state_ == State::head && head_begun_) return refuse(408, late);
    if (state_ == State::body || state_ == State::handling) return fail_body(late, 408);
    if (state_ != State::writing) return close();
  }
  if (now >= ping_at_) {
    ping_at_ = in(core_.limits.event_ping_ms);
    flush_events(true);
  }
  if (retry_pull_) pull();
}

void Connection::next_request() {
  state_ = State::head;
  searched_ = 0;
  head_begun_ = false;
  if (in_.capacity() > 4 * kHeadRead) in_.shrink_to_fit();
  read_deadline_ = in(core_.limits.keep_alive_timeout_ms);
  if (in_.empty()) return read();
  read_head();
}

void Connection::read() {
  if (reading_ || state_ == State::closed || eof_) return;
  reading_ = true;
  read_began_ = core_.clock.steady_now();
  const std::size_t have = in_.size();
  const std::size_t want = state_ == State::head || state_ == State::events ? kHeadRead : kBodyRead;
  in_.resize(have + want);
  transport_->read_some(boost::asio::buffer(in_.data() + have, want),
                        [self = shared_from_this(), have](const ErrorCode& error, std::size_t n) {
                          self->reading_ = false;
                          self->in_.resize(have + n);
                          self->on_read(error, n);
                        });
}

void Connection::on_read(const ErrorCode& error, std::size_t n) {
  if (state_ == State::closed) return;
  core_.bytes_in.fetch_add(n, std::memory_order_relaxed);
  if (state_ == State::body || state_ == State::handling) body_waited_ += core_.clock.steady_now() - read_began_;
  if (error) {
    eof_ = true;
    if (exchange_ && exchange_->dispatched && (state_ == State::handling || state_ == State::writing)) {
      exchange_->broken = true;
      exchange_->pipe->fail(Error{Code::cancelled, "the peer closed the connection"});
      read_deadline_ = kNever;
      return;
    }
    return close();
  }
  switch (state_) {
    case State::head:
      return read_head();
    case State::body:
    case State::handling:
      return exchange_->broken ? in_.clear() : read_body();
    case State::events:
      in_.clear();
      return read();
    case State::lingering:
      in_.clear();
      lingered_ += n;
      return lingered_ > kLingerBytes ? close() : read();
    default:
      in_.clear();
  }
}

void Connection::read_head() {
  if (!head_begun_ && in_.compare(0, 2, "\r\n") == 0)
    in_.erase(0, 2);  // RFC 9112 2.2: one empty line before a request is ignored
  if (in_.empty()) return read();
  if (!head_begun_) read_deadline_ = in(core_.limits.header_timeout_ms);
  head_begun_ = true;
  const HeadLimits limits{.bytes = core_.limits.header_bytes, .fields = core_.limits.header_fields};
  const std::size_t end = find_head_end(in_, searched_);
  if (end == 0) {
    if (in_.size() > limits.request_line + 16 && in_.find('\n') == std::string::npos)
      return refuse(414, Error{Code::too_large, "the request line is too long"});
    if (in_.size() > limits.bytes) return refuse(431, Error{Code::too_large, "the request head is too large"});
    return read();
  }
  read_deadline_ = kNever;
  core_.requests.fetch_add(1, std::memory_order_relaxed);
  exchange_ = std::make_shared<Exchange>();
  exchange_->pipe = std::make_shared<BodyPipe>();
  exchange_->request.request_id = Uuid::v7(core_.clock, core_.random).to_string();
  auto refusal = parse_request_head(std::string_view{in_}.substr(0, end), limits, exchange_->head);
  in_.erase(0, end);
  if (refusal) return refuse(refusal->status, refusal->error);
  Request& request = exchange_->request;
  request.method = exchange_->head.method;
  request.path = std::move(exchange_->head.path);
  request.query = std::move(exchange_->head.query);
  request.headers = std::move(exchange_->head.headers);
  request.remote_address = peer_.address;
  request.secure = peer_.secure;
  request.local_socket = peer_.local;
  request.body = exchange_->pipe;
  begin_body();
}

void Connection::begin_body() {
  Exchange& e = *exchange_;
  e.left = e.head.content_length.value_or(0);
  state_ = State::body;
  body_waited_ = {};
  if (!e.head.chunked && e.left == 0) {
    e.body_done = true;
    e.pipe->finish();
    return dispatch();
  }
  e.max_body = core_.callbacks.max_body ? core_.callbacks.max_body(e.request) : std::size_t{1} << 20;
  if (e.left > e.max_body)
    return refuse(413, Error{Code::too_large, "the body may have at most " + std::to_string(e.max_body) + " bytes"});
  e.pipe->set_on_room([weak = weak_from_this(), shard = shard_.shared_from_this()] {
    shard->post([weak] {
      const auto self = weak.lock();
      if (self && self->state_ == State::handling && !self->reading_ && !self->exchange_->body_done &&
          !self->exchange_->broken)
        self->read_body();
    });
  });
  if (!e.head.expect_continue || !in_.empty()) return read_body();
  write({boost::asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25)}, [this] {
    write_deadline_ = kNever;
    read_body();
  });
}

Result<bool> Connection::take_body() {
  Exchange& e = *exchange_;
  std::string_view rest{in_};
  bool full = false;
  while (!rest.empty() && !e.body_done && !full) {
    std::string_view piece;
    if (e.head.chunked) {
      ACESO_TRY(piece, e.decoder.next(rest));
      e.body_done = e.decoder.done();
    } else {
      piece = rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(e.left, rest.size())));
      rest.remove_prefix(piece.size());
      e.left -= piece.size();
      e.body_done = e.left == 0;
    }
    e.received += piece.size();
    if (e.received > e.max_body)
      return Error{Code::too_large, "the body may have at most " + std::to_string(e.max_body) + " bytes"};
    if (!piece.empty()) full = e.pipe->push(piece);
  }
  in_.erase(0, in_.size() - rest.size());
  return full;
}

void Connection::read_body() {
  read_deadline_ = kNever;
  Exchange& e = *exchange_;
  const auto full = take_body();
  if (!full) return fail_body(full.error(), http_status(full.error().code()));
  if (e.body_done) {
    e.pipe->finish();
    if (!e.dispatched) dispatch();
    return;
  }
  if (too_slow()) return fail_body(Error{Code::timeout, "the body arrives too slowly"}, 408);
  if (!e.dispatched && e.received >= core_.limits.buffered_body) dispatch();
  if (*full || state_ == State::writing) return;
  read_deadline_ = in(core_.limits.body_idle_timeout_ms);
  read();
}

bool Connection::too_slow() const {
  const std::int64_t waited = std::chrono::duration_cast<std::chrono::milliseconds>(body_waited_).count();
  return waited > core_.limits.body_idle_timeout_ms &&
         static_cast<std::int64_t>(exchange_->received) * 1000 < core_.limits.min_body_rate * waited;
}

void Connection::fail_body(Error error, int status) {
  exchange_->broken = true;
  close_after_ = true;
  if (!exchange_->dispatched) return refuse(status, error);
  exchange_->pipe->fail(std::move(error));
}

// The peer gets the answer even while it is still sending: shutting down only our side and reading on avoids a reset
// (RFC 9112 9.6).
void Connection::linger() {
  state_ = State::lingering;
  lingered_ = 0;
  write_deadline_ = kNever;
  read_deadline_ = in(kLingerMs);
  if (eof_) return close();
  if (!peer_.secure) {
    transport_->shutdown_send([] {});
    return read();
  }
  if (reading_) return;  // TLS cannot close while it reads: go on until the peer or the deadline ends it
  transport_->shutdown_send([self = shared_from_this()] { self->close(); });
}

}  // namespace aceso::net
