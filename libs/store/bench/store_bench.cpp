// The log against what it stands on and against SQLite: 1 KiB records, acknowledged on disk, 1 and 8 threads.
// Compare rows of one run only: ./store_bench --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "aceso/base/file.hpp"
#include "aceso/store/catalogue.hpp"
#include "aceso/store/log.hpp"

namespace aceso::store {
namespace {

class Silence final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

// What the threads of one benchmark share; thread 0 makes and drops it.
struct Bench {
  TempDir folder = *TempDir::create("aceso-bench");
  SystemClock clock;
  Silence silence;
  Logger logger{clock, silence};
  std::unique_ptr<SegmentedLog> log = {};
  std::unique_ptr<Catalogue> catalogue = {};
  std::mutex mutex = {};
};
std::unique_ptr<Bench> shared;

const std::vector<std::byte> kRecord(1024, std::byte{0x5a});

void must(bool ok) {
  if (!ok) std::abort();
}

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) shared.reset();
}

void log_append(benchmark::State& state, SyncMode sync, bool encrypted) {
  if (state.thread_index() == 0) {
    shared = std::make_unique<Bench>();
    SegmentedLog::Options options{.sync = sync};
    if (encrypted) options.key = *crypto::SecretKey::from_bytes(std::vector<std::byte>(32));
    shared->log = *SegmentedLog::open(shared->folder.path() / "log", options, shared->clock, shared->logger);
  }
  for (auto _ : state) must(shared->log->append(kRecord).ok());
  count(state);
}
BENCHMARK_CAPTURE(log_append, each, SyncMode::each, false)->Threads(1)->Threads(8)->UseRealTime();
BENCHMARK_CAPTURE(log_append, each_encrypted, SyncMode::each, true)->Threads(1)->Threads(8)->UseRealTime();
BENCHMARK_CAPTURE(log_append, window, SyncMode::window, false)->Threads(1)->Threads(8)->UseRealTime();

// The floor: one write and one fdatasync a record, under a lock.
void peer_fdatasync(benchmark::State& state) {
  static int fd = -1;
  static off_t at = 0;
  if (state.thread_index() == 0) {
    shared = std::make_unique<Bench>();
    fd = ::open((shared->folder.path() / "raw").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    at = 0;
  }
  for (auto _ : state) {
    const std::lock_guard lock{shared->mutex};
    must(::pwrite(fd, kRecord.data(), kRecord.size(), at) == static_cast<ssize_t>(kRecord.size()) &&
         ::fdatasync(fd) == 0);
    at += static_cast<off_t>(kRecord.size());
  }
  if (state.thread_index() == 0) ::close(fd);
  count(state);
}
BENCHMARK(peer_fdatasync)->Threads(1)->Threads(8)->UseRealTime();

void catalogue_insert(benchmark::State& state) {
  if (state.thread_index() == 0) {
    shared = std::make_unique<Bench>();
    shared->catalogue =
        *open_sqlite(shared->folder.path() / "a.sqlite", {{1, "CREATE TABLE t (b BLOB)"}}, shared->logger);
  }
  for (auto _ : state) must(shared->catalogue->execute("INSERT INTO t VALUES (?1)", {kRecord}).ok());
  count(state);
}
BENCHMARK(catalogue_insert)->Threads(1)->Threads(8)->UseRealTime();

// SQLite as it comes: WAL, synchronous=FULL, one connection behind a lock, a commit a row.
void peer_sqlite_insert(benchmark::State& state) {
  static sqlite3* db = nullptr;
  static sqlite3_stmt* insert = nullptr;
  if (state.thread_index() == 0) {
    shared = std::make_unique<Bench>();
    must(sqlite3_open((shared->folder.path() / "b.sqlite").c_str(), &db) == SQLITE_OK);
    must(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (b BLOB)", nullptr, nullptr,
                      nullptr) == SQLITE_OK);
    must(sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?1)", -1, &insert, nullptr) == SQLITE_OK);
  }
  for (auto _ : state) {
    const std::lock_guard lock{shared->mutex};
    sqlite3_bind_blob(insert, 1, kRecord.data(), static_cast<int>(kRecord.size()), SQLITE_STATIC);
    must(sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK);
  }
  if (state.thread_index() == 0) {
    sqlite3_finalize(insert);
    sqlite3_close(db);
  }
  count(state);
}
BENCHMARK(peer_sqlite_insert)->Threads(1)->Threads(8)->UseRealTime();

void log_read(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const Bench bench;
  SegmentedLog::Options options;
  if (state.range(1) != 0) options.key = *crypto::SecretKey::from_bytes(std::vector<std::byte>(32));
  auto log = *SegmentedLog::open(bench.folder.path() / "log", options, bench.clock, bench.logger);
  std::vector<std::byte> bytes(size, std::byte{1});
  const RecordRef ref = *log->append(bytes);
  for (auto _ : state) must(log->read_range(ref, 0, bytes).ok());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(log_read)->ArgNames({"bytes", "encrypted"})->ArgsProduct({{1 << 10, 1 << 20}, {0, 1}});

}  // namespace
}  // namespace aceso::store
