#include "aceso/net/server.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <variant>

#include "connection.hpp"

namespace aceso::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;

constexpr std::size_t kShards = 2;

Error error_of(const ErrorCode& error, std::string what) {
  Code code = Code::internal;
  if (error == asio::error::address_in_use) code = Code::exists;
  if (error == asio::error::access_denied) code = Code::denied;
  if (error == std::errc::address_not_available || error == std::errc::invalid_argument) code = Code::invalid;
  return Error{code, std::move(what) + ": " + error.message()};
}

class ServerImpl;

// One listening socket. On its shard's thread but for its making.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(ServerImpl& server, Shard& shard) : server_{server}, shard_{shard}, retry_{shard.io()} {}
  Result<Endpoint> open_tcp(const Endpoint& wanted);
  Result<Endpoint> open_unix(const Endpoint& wanted);
  void accept();
  void close();

 private:
  template <class Acceptor>
  void accept_on(Acceptor& acceptor);
  Connection::Peer peer_of(const Tcp::socket& socket) const;
  Connection::Peer peer_of(const Unix::socket& /*socket*/) const {
    return {.address = "unix", .secure = false, .local = true};
  }

  ServerImpl& server_;
  Shard& shard_;
  asio::steady_timer retry_;
  std::variant<std::monostate, Tcp::acceptor, Unix::acceptor> acceptor_;
  std::shared_ptr<crypto::TlsContext> tls_;  // shared with the owner of the certificates
  std::filesystem::path path_;
  std::pair<dev_t, ino_t> inode_{};
};

class ServerImpl final : public Server {
 public:
  ServerImpl(Callbacks callbacks, const ServerLimits& limits, const Clock& clock, RandomSource& random,
             const Logger& logger)
      : core_{std::move(callbacks), limits, clock, random, logger} {
    for (std::size_t i = 0; i < kShards; ++i) shards_.push_back(std::make_shared<Shard>(core_));
  }
  ~ServerImpl() override { stop_all(); }

  Result<Endpoint> listen(const Endpoint& endpoint) override {
    auto listener = std::make_shared<Listener>(*this, *shards_[listeners_.size() % kShards]);
    ACESO_TRY(Endpoint real,
              endpoint.unix_socket.empty() ? listener->open_tcp(endpoint) : listener->open_unix(endpoint));
    listeners_.push_back(listener);
    if (started_) listener->accept();
    return real;
  }

  void start() override {
    if (std::exchange(started_, true)) return;
    for (const auto& l : listeners_) l->accept();
    for (const auto& s : shards_) s->start();
  }

  void drain(std::int64_t grace_ms) override {
    core_.draining = true;
    close_listeners();
    for (const auto& s : shards_)
      s->post([shard = s.get()] { shard->close_idle(); });  // not its owner: that would be a cycle
    const SteadyTime end = core_.clock.steady_now() + std::chrono::milliseconds{grace_ms};
    std::unique_lock lock{core_.closed_mutex};
    while (core_.open > 0 && core_.clock.steady_now() < end) core_.closed.wait_for(lock, std::chrono::milliseconds{20});
  }

  void stop() override { stop_all(); }

  ServerStats stats() const override {
    return {.connections = core_.connections,
            .open_connections = core_.open,
            .requests = core_.requests,
            .rejected = core_.rejected,
            .bytes_in = core_.bytes_in,
            .bytes_out = core_.bytes_out};
  }

  Shard& next_shard() { return *shards_[next_++ % kShards]; }
  ServerCore& core() { return core_; }

 private:
  void stop_all() {
    if (std::exchange(stopped_, true)) return;
    core_.draining = true;
    core_.stopping = true;
    close_listeners();
    for (const auto& s : shards_) s->post([shard = s.get()] { shard->close_all(); });
    core_.pool.stop();
    for (const auto& s : shards_) s->stop();
  }

  void close_listeners() {
    for (const auto& l : listeners_) l->close();
  }

  ServerCore core_;
  std::vector<std::shared_ptr<Shard>> shards_;  // shared with those who may still send events
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::atomic<std::size_t> next_{0};
  bool started_ = false;
  bool stopped_ = false;
};

Result<Endpoint> Listener::open_tcp(const Endpoint& wanted) {
  ErrorCode error;
  const auto address = asio::ip::make_address(wanted.address, error);
  if (error) return Error{Code::invalid, "'" + wanted.address + "' is no IP address"};
  const Tcp::endpoint where{address, wanted.port};
  const std::string name = wanted.address + ":" + std::to_string(wanted.port);
  Tcp::acceptor acceptor{shard_.io()};
  if (acceptor.open(where.protocol(), error)) return error_of(error, "cannot listen on " + name);
  acceptor.set_option(asio::socket_base::reuse_address{true}, error);
  if (acceptor.bind(where, error)) return error_of(error, "cannot listen on " + name);
  if (acceptor.listen(asio::socket_base::max_listen_connections, error))
    return error_of(error, "cannot listen on " + name);
  Endpoint real = wanted;
  real.port = acceptor.local_endpoint(error).port();
  tls_ = wanted.tls;
  acceptor_ = std::move(acceptor);
  return real;
}

Result<Endpoint> Listener::open_unix(const Endpoint& wanted) {
  ErrorCode error;
  const std::string path = wanted.unix_socket.string();
  if (path.size() > 107) return Error{Code::invalid, "the path of the local socket is longer than 107 bytes"};
  Unix::acceptor acceptor{shard_.io()};
  acceptor.open(Unix{}, error);
  // A socket file that nobody answers is left over from a process that died.
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) {
    Unix::socket probe{shard_.io()};
    if (!S_ISSOCK(info.st_mode) || !probe.connect(Unix::endpoint{path}, error))
      return Error{Code::exists, path + " is in use"};
    ::unlink(path.c_str());
  }
  acceptor.bind(Unix::endpoint{path}, error);
  // Nobody can connect before listen().
  if (!error && ::chmod(path.c_str(), 0600) != 0) return Error{Code::denied, "cannot restrict " + path};
  if (error) return error_of(error, "cannot listen on " + path);
  if (acceptor.listen(asio::socket_base::max_listen_connections, error))
    return error_of(error, "cannot listen on " + path);
  if (::lstat(path.c_str(), &info) == 0) inode_ = {info.st_dev, info.st_ino};
  path_ = wanted.unix_socket;
  acceptor_ = std::move(acceptor);
  return wanted;
}

Connection::Peer Listener::peer_of(const Tcp::socket& socket) const {
  ErrorCode error;
  const auto address = socket.remote_endpoint(error).address();
  return {.address = error ? std::string{} : address.to_string(), .secure = tls_ != nullptr, .local = false};
}

void Listener::accept() {
  asio::post(shard_.io(), [self = shared_from_this()] {
    if (auto* tcp = std::get_if<Tcp::acceptor>(&self->acceptor_)) self->accept_on(*tcp);
    if (auto* local = std::get_if<Unix::acceptor>(&self->acceptor_)) self->accept_on(*local);
  });
}

template <class Acceptor>
void Listener::accept_on(Acceptor& acceptor) {
  Shard& target = server_.next_shard();
  using Socket = typename Acceptor::protocol_type::socket;
  acceptor.async_accept(asio::any_io_executor{target.io().get_executor()},
                        [self = shared_from_this(), &acceptor, &target](const ErrorCode& error, Socket socket) {
                          ServerCore& core = self->server_.core();
                          if (error == asio::error::operation_aborted || core.draining) return;
                          if (error) {  // out of descriptors: try again a little later
                            self->retry_.expires_after(std::chrono::milliseconds{50});
                            self->retry_.async_wait([self, &acceptor](const ErrorCode& stop) {
                              if (!stop && !self->server_.core().draining) self->accept_on(acceptor);
                            });
                            return;
                          }
                          if (core.open >= core.limits.max_connections) {
                            core.rejected.fetch_add(1);
                            socket.close();
                            return self->accept_on(acceptor);
                          }
                          core.connections.fetch_add(1);
                          core.open.fetch_add(1);
                          Connection::Peer peer = self->peer_of(socket);
                          StreamSocket stream{std::move(socket)};
                          auto transport = self->tls_ ? make_tls_transport(std::move(stream), *self->tls_)
                                                      : make_plain_transport(std::move(stream));
                          auto connection =
                              std::make_shared<Connection>(core, target, std::move(transport), std::move(peer));
                          if (!target.post([connection, &target] { target.add(connection); })) core.open.fetch_sub(1);
                          self->accept_on(acceptor);
                        });
}

void Listener::close() {
  shard_.post([self = shared_from_this()] {
    ErrorCode ignored;
    self->retry_.cancel();
    if (auto* tcp = std::get_if<Tcp::acceptor>(&self->acceptor_)) tcp->close(ignored);
    if (auto* local = std::get_if<Unix::acceptor>(&self->acceptor_)) local->close(ignored);
  });
  struct stat info{};
  if (!path_.empty() && ::lstat(path_.c_str(), &info) == 0 && std::pair{info.st_dev, info.st_ino} == inode_)
    ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(Callbacks callbacks, ServerLimits limits, const Clock& clock,
                                               RandomSource& random, const Logger& logger) {
  if (!callbacks.handler) return Error{Code::invalid, "a server needs a handler"};
  if (limits.handler_threads == 0 || limits.handler_queue == 0 || limits.header_bytes < 1024)
    return Error{Code::invalid, "a server needs handler threads, a queue and at least 1024 bytes of head"};
  return std::unique_ptr<Server>{std::make_unique<ServerImpl>(std::move(callbacks), limits, clock, random, logger)};
}

}  // namespace aceso::net
