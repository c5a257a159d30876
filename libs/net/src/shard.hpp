// One I/O thread with the connections that live on it, and what all connections share.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "aceso/base/thread_pool.hpp"
#include "aceso/net/server.hpp"

namespace aceso::net {

class Connection;

// on_open before on_close, each at most once, whichever threads they run on.
class Lifecycle {
 public:
  explicit Lifecycle(std::function<void()> on_close) : on_close_{std::move(on_close)} {}
  void opened() { settle(opened_); }
  void closed() { settle(closed_); }

 private:
  void settle(bool& flag) {
    {
      const std::lock_guard lock{mutex_};
      if (flag) return;
      flag = true;
      if (!opened_ || !closed_) return;
    }
    if (on_close_) on_close_();
  }
  std::mutex mutex_;
  bool opened_ = false;
  bool closed_ = false;
  std::function<void()> on_close_;
};

struct ServerCore {
  ServerCore(Server::Callbacks c, const ServerLimits& l, const Clock& k, RandomSource& r, const Logger& g)
      : callbacks{std::move(c)},
        limits{l},
        clock{k},
        random{r},
        log{g},
        pool{ThreadPool::Options{.name = "http", .threads = l.handler_threads, .queue = l.handler_queue}} {}

  const Server::Callbacks callbacks;
  const ServerLimits limits;
  const Clock& clock;
  RandomSource& random;
  const Logger log;
  ThreadPool pool;
  std::atomic<bool> draining{false};
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> connections{0}, open{0}, requests{0}, rejected{0}, bytes_in{0}, bytes_out{0};
  std::mutex closed_mutex;
  std::condition_variable closed;  // a connection went away
};

// Shared by the server and by whoever may still send events after it is gone.
class Shard : public std::enable_shared_from_this<Shard> {
 public:
  explicit Shard(ServerCore& core) : core_{core} {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  void start();
  void stop();                            // closes every connection, joins; then post() refuses
  bool post(std::function<void()> task);  // from any thread; false once stopped
  boost::asio::io_context& io() noexcept { return io_; }

  // On the shard's thread:
  void add(std::shared_ptr<Connection> connection);  // shared with the callbacks of its socket and the pool's tasks
  void remove(const std::shared_ptr<Connection>& connection);
  void close_idle();
  void close_all();
  const std::string& date();  // for the Date field, made once a second

 private:
  void tick();

  ServerCore& core_;
  std::mutex post_mutex_;
  bool alive_ = true;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  boost::asio::steady_timer timer_{io_};
  bool stopping_ = false;  // on the shard's thread only
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::int64_t date_second_ = -1;
  std::string date_;
  std::thread thread_;
};

}  // namespace aceso::net
