#include "shard.hpp"

#include <boost/asio/post.hpp>
#include <vector>

#include "connection.hpp"
#include "http_date.hpp"

namespace aceso::net {
namespace {

constexpr auto kTick = std::chrono::milliseconds{50};  // how late a time-out may be seen

}  // namespace

Shard::~Shard() {  // NOLINT(bugprone-exception-escape): without memory for one task the process ends either way
  stop();
}

void Shard::start() {
  tick();
  thread_ = std::thread{[this] { io_.run(); }};
}

void Shard::stop() {
  const auto refuse_more = [this] {
    const std::lock_guard lock{post_mutex_};
    alive_ = false;
  };
  if (!thread_.joinable()) return refuse_more();
  post([this, refuse_more] {
    refuse_more();  // here and not later: what was posted before still runs, and nothing is taken that would not
    close_all();
    stopping_ = true;  // a tick that has expired already is not cancelled: it must not start another
    timer_.cancel();
    work_.reset();
  });
  thread_.join();
}

bool Shard::post(std::function<void()> task) {
  const std::lock_guard lock{post_mutex_};
  if (!alive_) return false;
  boost::asio::post(io_, std::move(task));
  return true;
}

void Shard::add(std::shared_ptr<Connection> connection) {
  const auto kept = *connections_.insert(std::move(connection)).first;  // a copy: it may end, and be removed, at once
  core_.stopping ? kept->close() : kept->start();
}

void Shard::remove(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) == 0) return;
  const std::lock_guard lock{core_.closed_mutex};
  core_.open.fetch_sub(1);
  core_.closed.notify_all();
}

void Shard::close_idle() {
  const std::vector<std::shared_ptr<Connection>> all{connections_.begin(), connections_.end()};
  for (const auto& c : all) c->drain();
}

void Shard::close_all() {
  const std::vector<std::shared_ptr<Connection>> all{connections_.begin(), connections_.end()};
  for (const auto& c : all) c->close();
}

const std::string& Shard::date() {
  const std::int64_t now = std::chrono::floor<std::chrono::seconds>(core_.clock.utc_now()).time_since_epoch().count();
  if (now != date_second_) {
    date_second_ = now;
    date_ = format_http_date(now);
  }
  return date_;
}

void Shard::tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    const SteadyTime now = core_.clock.steady_now();
    std::vector<std::shared_ptr<Connection>> due;
    for (const auto& c : connections_) {
      if (c->is_due(now)) due.push_back(c);
    }
    for (const auto& c : due) c->on_due(now);
    tick();
  });
}

}  // namespace aceso::net
