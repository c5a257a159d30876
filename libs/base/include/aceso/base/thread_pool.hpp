// A fixed number of threads and a bounded queue; at the bound submit() says so and the caller decides.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "aceso/base/result.hpp"

namespace aceso {

class ThreadPool {
 public:
  struct Options {
    std::string name = "pool";  // thread names, for debuggers; at most 12 characters are used
    std::size_t threads = 2;    // > 0
    std::size_t queue = 256;    // waiting tasks, > 0
  };
  explicit ThreadPool(Options options);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();  // stop()

  // Errors: Code::exhausted when the queue is full, Code::cancelled after stop(). Tasks must not throw. Thread-safe.
  Status submit(std::function<void()> task);
  void stop();  // runs what is queued, joins; idempotent
  std::size_t queued() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso
