// kill -9 during ingest. A child stores and deletes objects and tells over a pipe what was acknowledged; the parent
// kills it at a random moment, opens the archive again and looks for all of it. 5 kills run every time (label fault),
// 50 when named (label soak): ctest --test-dir build/dev -C soak -R ArchiveKill.soak --verbose
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>
#include <thread>

#include "fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

struct Ack {
  std::uint64_t number;  // makes the object
  bool removed;
};

constexpr std::uint64_t kThreads = 3;

// Mostly small; every 40th goes through a segment file of its own.
ObjectSpec spec_of(std::uint64_t number) {
  ObjectSpec spec;
  spec.study = "1.2.9." + std::to_string(number / 50);
  spec.series = spec.study + "." + std::to_string(number % 3);
  spec.instance = "1.2.10." + std::to_string(number);
  spec.number = static_cast<int>(number);
  spec.fill = static_cast<unsigned char>(number);
  spec.rows = static_cast<std::uint16_t>(16 + number % 97);
  spec.columns = 64;
  if (number % 40 == 0) spec.rows = spec.columns = 1600;
  return spec;
}

void acknowledge(int pipe, const Ack& ack) {
  if (::write(pipe, &ack, sizeof ack) != static_cast<ssize_t>(sizeof ack)) ::_exit(3);
}

[[noreturn]] void child(Surroundings& around, int pipe, std::uint64_t first, bool encrypted) {
  Options options;
  options.segment_bytes = 4'000'000;
  auto archive = around.open(options, encrypted);
  if (!archive) ::_exit(2);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t n = first + t;; n += kThreads) {
        if (!put(**archive, make_file(spec_of(n)))) ::_exit(4);
        acknowledge(pipe, {n, false});
        if (n % 10 != 7) continue;
        const auto spec = spec_of(n);
        if (!(*archive)->remove(caller(), spec.study, spec.series, spec.instance)) ::_exit(5);
        acknowledge(pipe, {n, true});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ::_exit(1);
}

std::vector<Ack> run_and_kill(Surroundings& around, std::uint64_t first, bool encrypted, std::int64_t after_us) {
  int ends[2] = {};
  if (::pipe(ends) != 0) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    child(around, ends[1], first, encrypted);
  }
  ::close(ends[1]);
  std::vector<Ack> acks;
  const auto read_one = [&] {
    Ack ack{};
    auto* at = reinterpret_cast<char*>(&ack);
    std::size_t have = 0;
    while (have < sizeof ack) {
      const ssize_t got = ::read(ends[0], at + have, sizeof ack - have);
      if (got <= 0) return false;
      have += static_cast<std::size_t>(got);
    }
    acks.push_back(ack);
    return true;
  };
  const bool at_work = read_one();
  std::thread killer{[&] {
    SystemClock{}.sleep_until(std::chrono::steady_clock::now() + std::chrono::microseconds{after_us}, {});
    ::kill(pid, SIGKILL);
  }};
  while (at_work && read_one()) {
  }
  killer.join();
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with status " << WEXITSTATUS(status);
  ::close(ends[0]);
  return acks;
}

// What was acknowledged is there, byte for byte; what was acknowledged as deleted is not.
void check(Surroundings& around, const std::vector<Ack>& acks, bool encrypted) {
  Options options;
  options.segment_bytes = 4'000'000;
  auto archive = around.open(options, encrypted);
  ASSERT_OK(archive);
  std::set<std::uint64_t> removed;
  for (const Ack& ack : acks) {
    if (ack.removed) removed.insert(ack.number);
  }
  for (const Ack& ack : acks) {
    const auto spec = spec_of(ack.number);
    const auto bytes = get(**archive, spec.instance);
    if (removed.contains(ack.number)) {
      ASSERT_CODE(bytes, Code::not_found);
    } else if (ack.number % 10 != 7) {  // one that was about to be deleted may be gone
      ASSERT_OK(bytes);
      ASSERT_TRUE(*bytes == make_file(spec));
    }
  }
  const auto totals = (*archive)->totals();
  const auto listed = (*archive)->expand(caller(), contracts::QueryLevel::patient, Phi<std::string>{"P1"});
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), totals.instances);
}

void kill_times(int kills, bool encrypted) {
  Surroundings around;
  SeededRandom random{static_cast<std::uint64_t>(encrypted) + 1};
  std::uint64_t first = 0;
  std::vector<Ack> all;
  for (int i = 0; i < kills; ++i) {
    const auto acks = run_and_kill(around, first, encrypted, static_cast<std::int64_t>(random.uniform(120'000)));
    ASSERT_FALSE(acks.empty());
    for (const Ack& ack : acks) first = std::max(first, ack.number + 2 * kThreads);  // past what was not acknowledged
    all.insert(all.end(), acks.begin(), acks.end());
    check(around, i % 10 == 9 || i + 1 == kills ? all : acks, encrypted);
    if (::testing::Test::HasFatalFailure()) return;
  }
  std::printf("%d kills (%s): %zu acknowledgements, all found\n", kills, encrypted ? "encrypted" : "plain", all.size());
}

TEST(ArchiveKill, nothing_acknowledged_is_lost_plain) {
  kill_times(3, false);
}
TEST(ArchiveKill, nothing_acknowledged_is_lost_encrypted) {
  kill_times(2, true);
}
TEST(ArchiveKill, DISABLED_soak_50) {
  kill_times(25, false);
  kill_times(25, true);
}

}  // namespace
}  // namespace aceso::archive
