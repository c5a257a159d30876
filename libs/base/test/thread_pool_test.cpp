#include "aceso/base/thread_pool.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

TEST(ThreadPool, runs_what_is_submitted) {
  ThreadPool pool{{.threads = 2, .queue = 100}};
  std::latch done{100};
  for (int i = 0; i < 100; ++i) {
    while (!pool.submit([&] { done.count_down(); }).ok()) std::this_thread::yield();
  }
  done.wait();
}

TEST(ThreadPool, says_when_it_is_full_and_takes_more_afterwards) {
  ThreadPool pool{{.threads = 1, .queue = 2}};
  std::latch running{1};
  std::latch release{1};
  ASSERT_OK(pool.submit([&] {
    running.count_down();
    release.wait();
  }));
  running.wait();
  std::latch rest{2};
  ASSERT_OK(pool.submit([&] { rest.count_down(); }));
  ASSERT_OK(pool.submit([&] { rest.count_down(); }));
  EXPECT_EQ(pool.queued(), 2U);
  EXPECT_CODE(pool.submit([] {}), Code::exhausted);
  release.count_down();
  rest.wait();
  EXPECT_OK(pool.submit([] {}));
}

TEST(ThreadPool, stop_runs_what_waits_and_refuses_more) {
  ThreadPool pool{{.threads = 1, .queue = 10}};
  std::latch running{1};
  std::latch release{1};
  std::atomic<int> ran{0};
  ASSERT_OK(pool.submit([&] {
    running.count_down();
    release.wait();
  }));
  running.wait();
  for (int i = 0; i < 5; ++i) ASSERT_OK(pool.submit([&] { ++ran; }));
  std::thread stopper{[&] { pool.stop(); }};
  release.count_down();
  stopper.join();
  EXPECT_EQ(ran, 5);
  EXPECT_CODE(pool.submit([] {}), Code::cancelled);
  pool.stop();
}

TEST(ThreadPool, several_threads_may_submit_and_stop_at_once) {
  std::atomic<int> accepted{0};
  std::atomic<int> ran{0};
  ThreadPool pool{{.threads = 3, .queue = 8}};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) accepted += pool.submit([&] { ++ran; }).ok() ? 1 : 0;
      pool.stop();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, accepted);
  EXPECT_GT(ran, 0);
}

TEST(ThreadPool, threads_carry_the_name_of_the_pool) {
  ThreadPool pool{{.name = "a-very-long-name", .threads = 1}};
  std::array<char, 16> name{};
  std::latch done{1};
  std::latch named{1};
  ASSERT_OK(pool.submit([&] {
    named.wait();
    pthread_getname_np(pthread_self(), name.data(), name.size());
    done.count_down();
  }));
  named.count_down();  // the constructor, which names the threads, is over
  done.wait();
  EXPECT_STREQ(name.data(), "a-very-long--0");
}

}  // namespace
}  // namespace aceso
