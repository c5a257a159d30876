#include "event_stream.hpp"

#include <algorithm>

namespace aceso::net {
namespace {

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  return out;
}

}  // namespace

std::string format_event(std::string_view event, std::string_view data, std::string_view id) {
  std::string out;
  if (!event.empty()) out += "event: " + one_line(event) + "\n";
  if (!id.empty()) out += "id: " + one_line(id) + "\n";
  for (std::size_t begin = 0; begin <= data.size();) {
    const std::size_t end = std::min(data.find_first_of("\r\n", begin), data.size());
    out += "data: ";
    out += data.substr(begin, end - begin);
    out += "\n";
    begin = end + (data.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  return out + "\n";
}

bool EventQueue::send(std::string_view event, std::string_view data, std::string_view id) {
  std::string text = format_event(event, data, id);
  std::function<void()> wake;
  bool taken = true;
  {
    const std::lock_guard lock{mutex_};
    if (closed_) return false;
    if (pending_.size() >= max_pending_) {
      closed_ = true;
      pending_.clear();
      taken = false;
    } else {
      pending_.push_back(std::move(text));
    }
    if (!woken_ || !taken) wake = wake_;
    woken_ = true;
  }
  if (wake) wake();
  return taken;
}

void EventQueue::close() {
  std::function<void()> wake;
  {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    closed_ = true;
    wake = wake_;
  }
  if (wake) wake();
}

bool EventQueue::closed() const {
  const std::lock_guard lock{mutex_};
  return closed_;
}

std::string EventQueue::take(bool& ended) {
  const std::lock_guard lock{mutex_};
  std::string out;
  for (const std::string& e : pending_) out += e;
  pending_.clear();
  woken_ = false;
  ended = closed_;
  return out;
}

void EventQueue::detach() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  pending_.clear();
  wake_ = nullptr;
}

}  // namespace aceso::net
