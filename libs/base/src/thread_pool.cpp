#include "aceso/base/thread_pool.hpp"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "aceso/base/assert.hpp"

namespace aceso {

struct ThreadPool::Impl {
  std::size_t bound = 0;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> waiting;
  bool stopping = false;
  std::mutex joining;
  std::vector<std::thread> threads;

  void work() {
    std::unique_lock lock{mutex};
    for (;;) {
      changed.wait(lock, [&] { return stopping || !waiting.empty(); });
      if (waiting.empty()) return;
      {
        const std::function<void()> task = std::move(waiting.front());
        waiting.pop_front();
        lock.unlock();
        task();
      }  // what the task held is released before the next wait
      lock.lock();
    }
  }
};

ThreadPool::ThreadPool(Options options) : impl_{std::make_unique<Impl>()} {
  ACESO_ASSERT(options.threads > 0 && options.queue > 0, "a pool needs threads and room to wait");
  impl_->bound = options.queue;
  for (std::size_t i = 0; i < options.threads; ++i) {
    auto& thread = impl_->threads.emplace_back([impl = impl_.get()] { impl->work(); });
    const std::string name = options.name.substr(0, 12) + "-" + std::to_string(i % 100);
    pthread_setname_np(thread.native_handle(), name.c_str());
  }
}

ThreadPool::~ThreadPool() {
  stop();
}

Status ThreadPool::submit(std::function<void()> task) {
  {
    const std::lock_guard lock{impl_->mutex};
    if (impl_->stopping) return Error{Code::cancelled, "the pool is stopped"};
    if (impl_->waiting.size() >= impl_->bound) return Error{Code::exhausted, "too many tasks are waiting"};
    impl_->waiting.push_back(std::move(task));
  }
  impl_->changed.notify_one();
  return {};
}

void ThreadPool::stop() {
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  const std::lock_guard lock{impl_->joining};
  for (auto& thread : impl_->threads) {
    ACESO_ASSERT(thread.get_id() != std::this_thread::get_id(), "a task stops the pool it runs on");
    thread.join();
  }
  impl_->threads.clear();
}

std::size_t ThreadPool::queued() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->waiting.size();
}

}  // namespace aceso
