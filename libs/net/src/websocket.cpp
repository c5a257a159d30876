#include "websocket.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

#include "head.hpp"

namespace aceso::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;

// What Beast needs of a stream, over a Transport; serves the bytes that came with the request head first.
class AnyStream {
 public:
  using executor_type = asio::any_io_executor;

  AnyStream(std::unique_ptr<Transport> transport, std::string early)
      : transport_{std::move(transport)}, early_{std::move(early)} {}
  executor_type get_executor() { return transport_->executor(); }
  Transport& transport() { return *transport_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          const asio::mutable_buffer first = first_of(into);
          if (!early_.empty() || first.size() == 0) {
            const std::size_t n = asio::buffer_copy(first, asio::buffer(early_));
            early_.erase(0, n);
            asio::post(get_executor(), [shared, n] { (*shared)(ErrorCode{}, n); });
            return;
          }
          transport_->read_some(first, [shared](const ErrorCode& e, std::size_t n) { (*shared)(e, n); });
        },
        token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          Transport::Buffers some;
          std::size_t i = 0;
          for (auto it = asio::buffer_sequence_begin(from); it != asio::buffer_sequence_end(from) && i < some.size();
               ++it) {
            const asio::const_buffer b = *it;
            if (b.size() > 0) some[i++] = b;
          }
          transport_->write_some(some, [shared](const ErrorCode& e, std::size_t n) { (*shared)(e, n); });
        },
        token, buffers);
  }

 private:
  template <class Buffers>
  static asio::mutable_buffer first_of(const Buffers& buffers) {
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
      const asio::mutable_buffer b = *it;
      if (b.size() > 0) return b;
    }
    return {};
  }

  std::unique_ptr<Transport> transport_;
  std::string early_;
};

// Found by Beast through their argument.
void beast_close_socket(AnyStream& stream) {
  stream.transport().close();
}

template <class Handler>
void async_teardown(beast::role_type /*role*/, AnyStream& stream, Handler&& handler) {
  auto shared = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
  asio::post(stream.get_executor(), [&stream, shared] {
    stream.transport().close();
    (*shared)(ErrorCode{});
  });
}

// The thread-safe handle; outlives its session.
class Outbox final : public WebSocket {
 public:
  struct Message {
    std::string text;
    bool binary = false;
  };
  Outbox(std::size_t max_pending, std::function<void()> wake) : max_pending_{max_pending}, wake_{std::move(wake)} {}

  bool send(std::string message, bool binary) override {
    std::function<void()> wake;
    {
      const std::lock_guard lock{mutex_};
      if (closed_ || pending_.size() >= max_pending_) return false;
      pending_.push_back({std::move(message), binary});
      wake = wake_;
    }
    if (wake) wake();
    return true;
  }
  void close(std::uint16_t code) override {
    std::function<void()> wake;
    {
      const std::lock_guard lock{mutex_};
      if (closed_) return;
      closed_ = true;
      code_ = code;
      wake = wake_;
    }
    if (wake) wake();
  }
  // The next message; none: `code` is set when the socket is to be closed.
  std::optional<Message> take(std::optional<std::uint16_t>& code) {
    const std::lock_guard lock{mutex_};
    if (pending_.empty()) {
      if (closed_) code = code_;
      return std::nullopt;
    }
    Message m = std::move(pending_.front());
    pending_.pop_front();
    return m;
  }
  void detach() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    pending_.clear();
    wake_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::deque<Message> pending_;
  std::size_t max_pending_;
  bool closed_ = false;
  std::uint16_t code_ = 1000;
  std::function<void()> wake_;
};

class Session final : public WebSocketSession, public std::enable_shared_from_this<Session> {
 public:
  Session(ServerCore& core, Shard& shard, std::unique_ptr<Transport> transport, const Request& request,
          WebSocketBody body, std::string early, std::function<void()> on_end)
      : core_{core},
        shard_{shard},
        body_{std::move(body)},
        on_end_{std::move(on_end)},
        ws_{AnyStream{std::move(transport), std::move(early)}},
        retry_{ws_.get_executor()} {
    upgrade_.method(beast::http::verb::get);
    upgrade_.target("/");  // Beast looks at the handshake's fields only
    upgrade_.version(11);
    for (const auto& [name, value] : request.headers.all()) upgrade_.insert(name, value);
  }

  void start() override {
    using beast::websocket::stream_base;
    ws_.set_option(stream_base::timeout{std::chrono::milliseconds{core_.limits.header_timeout_ms},
                                        std::chrono::milliseconds{2 * core_.limits.event_ping_ms}, true});
    ws_.read_message_max(body_.max_message);
    outbox_ = std::make_shared<Outbox>(body_.max_pending, [weak = weak_from_this(), shard = shard_.shared_from_this()] {
      shard->post([weak] {
        if (const auto self = weak.lock()) self->flush();
      });
    });
    ws_.async_accept(upgrade_, [self = shared_from_this()](const ErrorCode& error) {
      if (error) return self->end();
      self->open();
    });
  }

  void close(std::uint16_t code) override {
    if (outbox_) outbox_->close(code);
  }

  void abort() override {
    ws_.next_layer().transport().close();
    end();
  }

 private:
  void open() {
    lifecycle_ = std::make_shared<Lifecycle>(body_.on_close);
    const Status queued = core_.pool.submit([self = shared_from_this()] {
      if (self->body_.on_open) self->body_.on_open(self->outbox_);
      self->lifecycle_->opened();
      self->shard_.post([self] {
        self->opened_ = true;
        self->read();
        self->flush();
      });
    });
    if (queued) return;
    lifecycle_.reset();
    end();
  }

  void read() {
    if (ended_) return;
    ws_.async_read(buffer_, [self = shared_from_this()](const ErrorCode& error, std::size_t n) {
      if (error) return self->end();
      self->core_.bytes_in.fetch_add(n, std::memory_order_relaxed);
      self->message_ = beast::buffers_to_string(self->buffer_.data());
      self->buffer_.clear();
      self->deliver();
    });
  }

  // One message at a time: the next is read when the pool has handled this one.
  void deliver() {
    if (ended_) return;
    const Status queued = core_.pool.submit([self = shared_from_this()] {
      if (self->body_.on_message) self->body_.on_message(std::move(self->message_), self->ws_.got_binary());
      self->shard_.post([self] { self->read(); });
    });
    if (queued) return;
    if (queued.error().code() != Code::exhausted) return end();
    retry_.expires_after(std::chrono::milliseconds{20});
    retry_.async_wait([self = shared_from_this()](const ErrorCode& error) {
      if (!error) self->deliver();
    });
  }

  void flush() {
    if (ended_ || !opened_ || writing_) return;
    std::optional<std::uint16_t> code;
    auto message = outbox_->take(code);
    if (!message) {
      if (code && !closing_) {
        closing_ = true;
        ws_.async_close(beast::websocket::close_reason{*code},
                        [self = shared_from_this()](const ErrorCode&) { self->end(); });
      }
      return;
    }
    writing_ = true;
    sending_ = std::move(message->text);
    ws_.binary(message->binary);
    ws_.async_write(asio::buffer(sending_), [self = shared_from_this()](const ErrorCode& error, std::size_t n) {
      self->writing_ = false;
      if (error) return self->end();
      self->core_.bytes_out.fetch_add(n, std::memory_order_relaxed);
      self->flush();
    });
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    const auto self = shared_from_this();
    outbox_->detach();
    retry_.cancel();
    if (lifecycle_ && !core_.pool.submit([life = lifecycle_] { life->closed(); })) lifecycle_->closed();
    if (on_end_) on_end_();
  }

  ServerCore& core_;
  Shard& shard_;
  WebSocketBody body_;
  std::function<void()> on_end_;
  beast::http::request<beast::http::empty_body> upgrade_;
  beast::websocket::stream<AnyStream, false> ws_;  // false: no permessage-deflate
  asio::steady_timer retry_;
  beast::flat_buffer buffer_;
  std::string message_;
  std::string sending_;
  std::shared_ptr<Outbox> outbox_;  // shared with whoever sends
  std::shared_ptr<Lifecycle> lifecycle_;
  bool opened_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool ended_ = false;
};

// An Origin is the server itself when its authority is the Host the browser asked for.
bool same_origin(const Request& request, std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && iequals(origin.substr(scheme + 3), request.headers.get("Host"));
}

}  // namespace

std::optional<Error> refuse_websocket(const Request& request, const WebSocketBody& body) {
  const Headers& h = request.headers;
  if (request.method != Method::get || !list_has(h.get("Connection"), "upgrade") ||
      !iequals(h.get("Upgrade"), "websocket") || h.get("Sec-WebSocket-Version") != "13" ||
      h.get("Sec-WebSocket-Key").empty()) {
    return Error{Code::invalid, "this address speaks WebSocket (RFC 6455)"};
  }
  const std::string_view origin = h.get("Origin");
  if (origin.empty() || (body.allow_origin ? body.allow_origin(origin) : same_origin(request, origin)))
    return std::nullopt;
  return Error{Code::denied, "this origin may not open a WebSocket here"};
}

std::shared_ptr<WebSocketSession> make_websocket(ServerCore& core, Shard& shard, std::unique_ptr<Transport> transport,
                                                 const Request& request, WebSocketBody body, std::string early,
                                                 std::function<void()> on_end) {
  return std::make_shared<Session>(core, shard, std::move(transport), request, std::move(body), std::move(early),
                                   std::move(on_end));
}

}  // namespace aceso::net
