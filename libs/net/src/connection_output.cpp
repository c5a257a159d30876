// The answering half of a connection: running the handler, writing heads, bodies, events.
#include <fmt/format.h>

#include <exception>

#include "connection.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

boost::asio::const_buffer buffer_of(std::string_view text) {
  return {text.data(), text.size()};
}

Result<Response> guarded(const Handler& handler, Request& request) {
  try {
    return handler(request);
  } catch (const std::exception& e) {
    return Error{Code::internal, std::string{"a handler threw: "} + e.what()};
  } catch (...) {
    return Error{Code::internal, "a handler threw"};
  }
}

Result<std::size_t> guarded_read(BodySource& source, std::span<std::byte> out) {
  try {
    return source.read(out);
  } catch (const std::exception& e) {
    return Error{Code::internal, std::string{"a body source threw: "} + e.what()};
  } catch (...) {
    return Error{Code::internal, "a body source threw"};
  }
}

}  // namespace

void Connection::dispatch() {
  exchange_->dispatched = true;
  state_ = State::handling;
  const Status queued =
      core_.pool.submit([self = shared_from_this(), exchange = exchange_] { self->run_handler(exchange); });
  if (!queued) refuse(503, Error{Code::unavailable, "too many requests at once"});
}

void Connection::run_handler(const std::shared_ptr<Exchange>& exchange) {
  Request& request = exchange->request;
  Result<Response> answer = core_.stopping ? Result<Response>{Error{Code::unavailable, "the node is stopping"}}
                                           : guarded(core_.callbacks.handler, request);
  if (answer) {
    if (const auto* body = std::get_if<WebSocketBody>(&answer->body)) {
      if (auto error = refuse_websocket(request, *body)) answer = *std::move(error);
    }
  }
  if (!answer) {
    const Error& error = answer.error();
    if (error.code() == Code::internal || error.code() == Code::data_loss)
      core_.log.error("http.failed", error,
                      {{"request_id", request.request_id}, {"method", to_string(request.method)}});
    const bool late = error.code() == Code::timeout && exchange->pipe->timed_out();
    Response problem = problem_with_status(error, late ? 408 : http_status(error.code()), request.request_id);
    if (problem.status == 503 || problem.status == 429) problem.headers.set("Retry-After", "1");
    answer = std::move(problem);
  }
  auto prepared = std::make_shared<Prepared>(prepare(request, *std::move(answer)));
  shard_.post([self = shared_from_this(), prepared = std::move(prepared)] { self->respond(prepared); });
}

// Answers without a handler, then closes: after a refusal nobody knows where the next request would begin.
void Connection::refuse(int status, const Error& error) {
  core_.rejected.fetch_add(1, std::memory_order_relaxed);
  if (!exchange_) {
    exchange_ = std::make_shared<Exchange>();
    exchange_->pipe = std::make_shared<BodyPipe>();
  }
  Response problem = problem_with_status(error, status, exchange_->request.request_id);
  if (status == 503) problem.headers.set("Retry-After", "1");
  auto prepared = std::make_shared<Prepared>(prepare(exchange_->request, std::move(problem)));
  // A body that came whole leaves the connection in a known state.
  if (!exchange_->body_done) close_after_ = true;
  respond(std::move(prepared));
}

void Connection::respond(std::shared_ptr<Prepared> response) {
  if (state_ == State::closed) return;
  response_ = std::move(response);
  read_deadline_ = kNever;
  state_ = State::writing;
  streamed_ = 0;
  if (!exchange_->body_done) {
    close_after_ = true;
    exchange_->broken = true;
    exchange_->pipe->fail(Error{Code::cancelled, "the request was answered already"});
  }
  if (!exchange_->head.keep_alive || core_.draining || response_->events) close_after_ = true;
  if (response_->socket) return open_socket();
  const bool http10 = exchange_->head.http10;
  head_out_ = format_head(
      *response_,
      {.http10 = http10, .close = close_after_, .date = shard_.date(), .request_id = exchange_->request.request_id});
  write({buffer_of(head_out_), buffer_of(response_->no_body ? std::string_view{} : std::string_view{response_->text})},
        [this] { after_head(); });
}

void Connection::after_head() {
  if (response_->no_body || (!response_->source && !response_->events)) return finish_response();
  if (response_->events) return open_events();
  pull();
}

void Connection::pull() {
  retry_pull_ = false;
  piece_.resize(kPiece);
  const Status queued = core_.pool.submit([self = shared_from_this(), response = response_] {
    auto n = guarded_read(*response->source, std::as_writable_bytes(std::span{self->piece_}));
    self->shard_.post([self, n = std::move(n)] { self->on_pulled(n); });
  });
  write_deadline_ = kNever;
  if (queued) return;
  if (queued.error().code() != Code::exhausted) return close();
  retry_pull_ = true;  // the next tick asks again
}

void Connection::on_pulled(const Result<std::size_t>& n) {
  if (state_ != State::writing) return;
  if (!n) {
    core_.log.error("http.body_failed", n.error(), {{"request_id", exchange_->request.request_id}});
    return close();  // the peer sees a body that ends early, never a wrong one
  }
  const bool chunks = uses_chunks(*response_, exchange_->head.http10);
  const auto length = response_->source_length;
  streamed_ += *n;
  if (length && (streamed_ > *length || (*n == 0 && streamed_ < *length))) return close();
  if (*n == 0) {
    if (!chunks) return finish_response();
    return write({buffer_of("0\r\n\r\n")}, [this] { finish_response(); });
  }
  const bool last = length && streamed_ == *length;
  head_out_ = chunks ? fmt::format("{:x}\r\n", *n) : std::string{};
  const auto done = [this, last] { last ? finish_response() : pull(); };
  write({buffer_of(head_out_), buffer_of(std::string_view{piece_}.substr(0, *n)), buffer_of(chunks ? "\r\n" : "")},
        done);
}

void Connection::finish_response() {
  write_deadline_ = kNever;
  response_.reset();
  if (piece_.capacity() > 0) std::string{}.swap(piece_);
  if (close_after_ || core_.draining) return linger();
  exchange_.reset();
  next_request();
}

void Connection::write(Transport::Buffers buffers, std::function<void()> done) {
  continue_write(std::make_shared<Transport::Buffers>(buffers), std::move(done));
}

// `done` runs only while this connection lives and is open. Every byte that goes out moves the deadline.
void Connection::continue_write(std::shared_ptr<Transport::Buffers> buffers, std::function<void()> done) {
  write_deadline_ = in(core_.limits.write_timeout_ms);
  const Transport::Buffers& now = *buffers;
  transport_->write_some(now, [self = shared_from_this(), buffers = std::move(buffers), done = std::move(done)](
                                  const ErrorCode& error, std::size_t n) mutable {
    if (self->state_ == State::closed) return;
    if (error) return self->close();
    self->core_.bytes_out.fetch_add(n, std::memory_order_relaxed);
    bool empty = true;
    for (auto& b : *buffers) {
      const std::size_t gone = std::min(n, b.size());
      b += gone;
      n -= gone;
      empty = empty && b.size() == 0;
    }
    if (empty) return done();
    self->continue_write(std::move(buffers), std::move(done));
  });
}

void Connection::open_events() {
  state_ = State::events;
  write_deadline_ = kNever;
  auto& body = *response_->events;
  events_ =
      std::make_shared<EventQueue>(body.max_pending, [weak = weak_from_this(), shard = shard_.shared_from_this()] {
        shard->post([weak] {
          if (const auto self = weak.lock()) self->flush_events();
        });
      });
  lifecycle_ = std::make_shared<Lifecycle>(body.on_close);
  ping_at_ = in(core_.limits.event_ping_ms);
  const Status queued = core_.pool.submit([life = lifecycle_, on_open = body.on_open, events = events_] {
    if (on_open) on_open(events);
    life->opened();
  });
  if (!queued) {
    lifecycle_.reset();  // never opened: the browser connects again
    return close();
  }
  if (core_.draining) events_->close();
  if (!reading_) read();  // to see the peer go away
}

void Connection::flush_events(bool ping) {
  if (state_ != State::events || flushing_) return;
  bool ended = false;
  piece_ = events_->take(ended);
  const bool http10 = exchange_->head.http10;
  if (piece_.empty() && ended) {
    flushing_ = true;
    return write({buffer_of(http10 ? "" : "0\r\n\r\n")}, [this] { finish_response(); });
  }
  if (piece_.empty() && !ping) return;
  if (piece_.empty()) piece_ = ":\n\n";  // a comment: keeps proxies and sees dead peers
  ping_at_ = in(core_.limits.event_ping_ms);
  flushing_ = true;
  head_out_ = http10 ? std::string{} : fmt::format("{:x}\r\n", piece_.size());
  write({buffer_of(head_out_), buffer_of(piece_), buffer_of(http10 ? "" : "\r\n")}, [this] {
    write_deadline_ = kNever;
    flushing_ = false;
    flush_events();
  });
}

void Connection::open_socket() {
  state_ = State::socket;
  write_deadline_ = kNever;
  socket_ = make_websocket(core_, shard_, std::move(transport_), exchange_->request, std::move(*response_->socket),
                           std::move(in_), [weak = weak_from_this()] {
                             if (const auto self = weak.lock()) self->close();
                           });
  socket_->start();
  if (core_.draining) socket_->close(1001);
}

}  // namespace aceso::net
