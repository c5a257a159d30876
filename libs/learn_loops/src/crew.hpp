// Threads that share the pieces of one computation after another, as short as a tenth of a millisecond each.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace aceso::learn_loops {

// Thread-safe. Helpers look for new work for some microseconds after the last, then they sleep.
class Crew {
 public:
  explicit Crew(int threads);  // >= 1, the caller of run() among them
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  int threads() const noexcept { return static_cast<int>(helpers_.size()) + 1; }

  // work(piece, thread) for each piece below `count`, thread below threads(), no two at once on one thread; returns
  // when all is done. While another caller has the helpers, all pieces run on the caller's thread as thread 0.
  using Work = std::function<void(std::int64_t piece, int thread)>;
  void run(std::int64_t count, const Work& work);

 private:
  void help(int thread);
  void take_pieces(int thread);

  std::mutex held_;  // by the caller who has the helpers
  const Work* work_ = nullptr;
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::atomic<int> busy_{0};             // helpers that have not finished the round
  std::atomic<std::uint32_t> round_{0};  // helpers wait for the next; odd while stopping
  std::vector<std::thread> helpers_;
};

}  // namespace aceso::learn_loops
