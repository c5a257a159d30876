// Server-sent events (WHATWG HTML 9.2): the queue between those who send and the connection that writes.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "aceso/net/http.hpp"

namespace aceso::net {

// One event as text. A line end in `event` or `id` is dropped; `data` may have several lines.
std::string format_event(std::string_view event, std::string_view data, std::string_view id);

// Thread-safe. Outlives its connection.
class EventQueue final : public EventStream {
 public:
  // wake is called, on the sender's thread, when the queue is no longer empty or was closed; it must be quick.
  EventQueue(std::size_t max_pending, std::function<void()> wake) : max_pending_{max_pending}, wake_{std::move(wake)} {}

  bool send(std::string_view event, std::string_view data, std::string_view id) override;
  void close() override;
  bool closed() const override;

  // For the connection. take() empties the queue; `ended`: nothing more will come.
  std::string take(bool& ended);
  void detach();  // the connection is gone

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> pending_;
  std::size_t max_pending_;
  bool closed_ = false;
  bool woken_ = false;
  std::function<void()> wake_;
};

}  // namespace aceso::net
