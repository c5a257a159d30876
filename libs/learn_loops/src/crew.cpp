#include "crew.hpp"

namespace aceso::learn_loops {

namespace {

constexpr int kLooks = 2000;  // some 30 microseconds

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Returns the value when it is no longer `old`.
template <class T>
T await_other(const std::atomic<T>& value, T old) {
  for (int look = 0; look < kLooks; ++look) {
    if (const T now = value.load(std::memory_order_acquire); now != old) return now;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

Crew::Crew(int threads) {
  helpers_.reserve(static_cast<std::size_t>(threads - 1));
  for (int thread = 1; thread < threads; ++thread) helpers_.emplace_back([this, thread] { help(thread); });
}

Crew::~Crew() {
  round_.fetch_or(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Crew::take_pieces(int thread) {
  for (std::int64_t piece = next_.fetch_add(1, std::memory_order_relaxed); piece < count_;
       piece = next_.fetch_add(1, std::memory_order_relaxed))
    (*work_)(piece, thread);
}

void Crew::help(int thread) {
  for (std::uint32_t seen = 0;;) {
    seen = await_other(round_, seen);
    if (seen % 2 == 1) return;
    take_pieces(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void Crew::run(std::int64_t count, const Work& work) {
  const std::unique_lock held{held_, std::try_to_lock};
  if (helpers_.empty() || count <= 1 || !held) {
    for (std::int64_t piece = 0; piece < count; ++piece) work(piece, 0);
    return;
  }
  work_ = &work;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(helpers_.size()), std::memory_order_relaxed);
  round_.fetch_add(2, std::memory_order_release);
  round_.notify_all();
  take_pieces(0);
  for (int busy = busy_.load(std::memory_order_acquire); busy != 0;) busy = await_other(busy_, busy);
}

}  // namespace aceso::learn_loops
