// kill -9 during writes. A child appends records, commits rows, puts blobs and submits jobs, and tells over a pipe what
// was acknowledged; the parent kills it at a random moment, opens everything again and looks for all of it. 20 kills
// run every time (label fault); 200 when named (label soak): ctest --test-dir build/dev -C soak -R Kill.soak --verbose
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "aceso/base/random.hpp"
#include "aceso/store/blobs.hpp"
#include "aceso/store/catalogue.hpp"
#include "aceso/store/jobs.hpp"
#include "aceso/store/log.hpp"
#include "fixture.hpp"

namespace aceso::store {
namespace {

// One acknowledged write, small enough that a pipe takes it whole (PIPE_BUF).
struct Ack {
  char kind;             // 'r'ecord, row 't', 'b'lob, 'j'ob
  std::uint64_t number;  // makes the content
  RecordRef at;
  char job[40];
};

// Mostly small; some records take several system calls, some go through a file of their own.
std::string content(std::uint64_t number) {
  SeededRandom random{number};
  std::size_t size = random.uniform(3'000);
  if (number % 16 == 0) size = 1'000'000 + random.uniform(3'000'000);
  if (number % 64 == 0) size = 5'000'000;
  std::string out(size, static_cast<char>('a' + number % 26));
  random.fill(std::as_writable_bytes(std::span{out}.first(std::min<std::size_t>(size, 3'000))));
  return out + std::to_string(number);  // no two are equal
}

constexpr std::uint64_t kLimit = 10'000'000;

Result<RecordRef> add_record(SegmentedLog& log, std::uint64_t number, const std::string& text) {
  if (number % 64 != 0) return log.append(crypto::as_bytes(text));
  ACESO_TRY(auto writer, log.begin());
  for (std::size_t at = 0; at < text.size(); at += 100'000) {
    ACESO_TRY_OK(writer->write(crypto::as_bytes(std::string_view{text}.substr(at, 100'000))));
  }
  return writer->commit();
}

SegmentedLog::Options log_options(bool encrypted) {
  SegmentedLog::Options options;
  options.segment_bytes = 8'000'000;
  SeededRandom random{77};
  if (encrypted) options.key = crypto::SecretKey::generate(random);
  return options;
}

std::vector<Migration> migrations() {
  std::vector<Migration> list = JobQueue::migrations(1);
  list.push_back({2, "CREATE TABLE kept (number INTEGER PRIMARY KEY, text TEXT NOT NULL)"});
  return list;
}

struct Stores {
  std::unique_ptr<SegmentedLog> log;
  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<Catalogue> catalogue;
  std::unique_ptr<JobQueue> jobs;
};

Result<Stores> open_all(Surroundings& around, RandomSource& random, bool encrypted) {
  Stores s;
  ACESO_TRY(s.log, SegmentedLog::open(around.path("log"), log_options(encrypted), around.system_clock, around.logger));
  ACESO_TRY(s.blobs,
            open_segment_blobs(around.path("blobs"), log_options(encrypted), around.system_clock, around.logger));
  ACESO_TRY(s.catalogue, open_sqlite(around.path("rows.sqlite"), migrations(), around.logger));
  ACESO_TRY(s.jobs, JobQueue::create(*s.catalogue, around.system_clock, random, around.logger,
                                     {.workers = 1, .max_queued = 1'000'000, .max_ended = 1'000'000}));
  return s;
}

void acknowledge(int pipe, const Ack& ack) {
  if (::write(pipe, &ack, sizeof ack) != static_cast<ssize_t>(sizeof ack)) ::_exit(3);
}

// Writes for ever; numbers begin at `first` and step by 4, one row of numbers a thread.
void write_one(Stores& s, int pipe, std::uint64_t number) {
  Ack ack{};
  ack.number = number;
  const std::string text = content(number);
  switch (number % 4) {
    case 0: {
      const auto ref = add_record(*s.log, number, text);
      if (!ref) ::_exit(4);
      ack.kind = 'r';
      ack.at = *ref;
      break;
    }
    case 1: {
      if (!s.catalogue->execute("INSERT INTO kept VALUES (?1, ?2)",
                                {static_cast<std::int64_t>(number), crypto::to_hex(crypto::sha256(text))})) {
        ::_exit(5);
      }
      ack.kind = 't';
      break;
    }
    case 2: {
      if (!s.blobs->put(crypto::as_bytes(text))) ::_exit(6);
      ack.kind = 'b';
      break;
    }
    default: {
      const auto id = s.jobs->submit("k", Json(number), "kill test");
      if (!id) ::_exit(7);
      ack.kind = 'j';
      std::strncpy(ack.job, id->c_str(), sizeof ack.job - 1);
    }
  }
  acknowledge(pipe, ack);
}

[[noreturn]] void child(Surroundings& around, int pipe, std::uint64_t first, bool encrypted) {
  crypto::SystemRandom random;
  auto stores = open_all(around, random, encrypted);
  if (!stores) ::_exit(2);
  stores->jobs->handle("k", [](JobContext& context) -> Result<Json> { return Json::parse(context.job().input_json); });
  if (!stores->jobs->start()) ::_exit(2);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t n = first + t;; n += 4) write_one(*stores, pipe, n);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ::_exit(1);
}

struct Totals {
  std::map<char, int> acknowledged;
  int tails_cut = 0;
};

// Everything acknowledged since the beginning must be there.
void check(Surroundings& around, const std::vector<Ack>& acks, bool encrypted, Totals& totals) {
  crypto::SystemRandom random;
  auto stores = open_all(around, random, encrypted);
  ASSERT_OK(stores);
  if (stores->log->recovery().cut_bytes > 0) ++totals.tails_cut;
  ASSERT_OK(stores->log->verify());
  for (const Ack& ack : acks) {
    const std::string text = content(ack.number);
    if (ack.kind == 'r') {
      const auto bytes = stores->log->read(ack.at, kLimit);
      ASSERT_OK(bytes);
      ASSERT_TRUE(text_of(*bytes) == text);
    } else if (ack.kind == 'b') {
      const auto bytes = stores->blobs->read(crypto::to_hex(crypto::sha256(text)), kLimit);
      ASSERT_OK(bytes);
      ASSERT_TRUE(text_of(*bytes) == text);
    } else if (ack.kind == 't') {
      const auto rows =
          stores->catalogue->query("SELECT text FROM kept WHERE number = ?1", {static_cast<std::int64_t>(ack.number)});
      ASSERT_OK(rows);
      ASSERT_EQ(rows->size(), 1U);
      ASSERT_EQ(rows->at(0).text(0), crypto::to_hex(crypto::sha256(text)));
    } else {
      const auto job = stores->jobs->get(ack.job);
      ASSERT_OK(job);
      ASSERT_EQ(job->input_json, std::to_string(ack.number));
      if (job->state == JobState::succeeded) {
        ASSERT_EQ(job->output_json, job->input_json);
      }
    }
  }
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
  Ack ack{};
  const auto read_one = [&] {
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
  // The first acknowledgement says that the child is at work; the kill comes at a random moment after it, and what
  // was acknowledged until then is read to the end.
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

void kill_times(int kills, bool encrypted) {
  Surroundings around;
  SeededRandom random{static_cast<std::uint64_t>(encrypted) + 1};
  Totals totals;
  std::uint64_t first = 0;
  std::vector<Ack> all;
  for (int i = 0; i < kills; ++i) {
    const auto acks = run_and_kill(around, first, encrypted, static_cast<std::int64_t>(random.uniform(80'000)));
    ASSERT_FALSE(acks.empty());
    for (const Ack& ack : acks) {
      ++totals.acknowledged[ack.kind];
      first = std::max(first, ack.number + 8 - ack.number % 4);  // past what was begun and not acknowledged
    }
    all.insert(all.end(), acks.begin(), acks.end());
    // All of it each tenth time and at the end, else what is new.
    const bool everything = i % 10 == 9 || i + 1 == kills;
    check(around, everything ? all : acks, encrypted, totals);
    if (::testing::Test::HasFatalFailure()) return;
  }
  std::printf("%d kills (%s): acknowledged and found %d records, %d rows, %d blobs, %d jobs; %d torn tails cut\n",
              kills, encrypted ? "encrypted" : "plain", totals.acknowledged['r'], totals.acknowledged['t'],
              totals.acknowledged['b'], totals.acknowledged['j'], totals.tails_cut);
}

TEST(Kill, nothing_acknowledged_is_lost_plain) {
  kill_times(10, false);
}
TEST(Kill, nothing_acknowledged_is_lost_encrypted) {
  kill_times(10, true);
}
TEST(Kill, DISABLED_soak_200) {
  kill_times(100, false);
  kill_times(100, true);
}

}  // namespace
}  // namespace aceso::store
