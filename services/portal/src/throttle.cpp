#include "throttle.hpp"

#include <algorithm>

namespace aceso::portal {

std::chrono::milliseconds Throttle::delay_after(int attempts) const noexcept {
  const int over = attempts - rule_.free_attempts;
  if (over < 0) return std::chrono::milliseconds{0};
  auto delay = rule_.first_delay;
  for (int i = 0; i < over && delay < rule_.longest_delay; ++i) delay *= 2;
  return std::min(delay, rule_.longest_delay);
}

std::chrono::milliseconds Throttle::admit(const std::string& key) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_.steady_now();
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= rule_.keys) make_room(now);
    found = entries_.emplace(key, Entry{.attempts = 0, .last = now, .until = now}).first;
  }
  Entry& e = found->second;
  if (now < e.until) {
    return std::chrono::ceil<std::chrono::milliseconds>(e.until - now);
  }
  if (now - std::max(e.last, e.until) >= rule_.forget_after) e.attempts = 0;
  e.attempts = std::min(e.attempts + 1, 1 << 20);
  e.last = now;
  e.until = now + delay_after(e.attempts);
  return std::chrono::milliseconds{0};
}

void Throttle::succeeded(const std::string& key) {
  const std::lock_guard lock{mutex_};
  entries_.erase(key);
}

void Throttle::refund(const std::string& key) {
  const std::lock_guard lock{mutex_};
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& e = found->second;
  e.attempts = std::max(e.attempts - 1, 0);
  e.until = e.last;
}

std::size_t Throttle::size() const {
  const std::lock_guard lock{mutex_};
  return entries_.size();
}

void Throttle::make_room(SteadyTime now) {
  std::erase_if(entries_, [&](const auto& item) {
    return now - std::max(item.second.last, item.second.until) >= rule_.forget_after;
  });
  if (entries_.size() < rule_.keys) return;
  const auto oldest =
      std::ranges::min_element(entries_, [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
  entries_.erase(oldest);
}

bool RateLimit::admit(std::uint64_t& refused_before) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_.steady_now();
  tokens_ = std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - last_).count());
  last_ = now;
  if (tokens_ < 1) {
    ++refused_;
    return false;
  }
  tokens_ -= 1;
  refused_before = refused_;
  refused_ = 0;
  return true;
}

}  // namespace aceso::portal
