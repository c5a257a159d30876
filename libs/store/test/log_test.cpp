#include "aceso/store/log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>

#include "aceso/base/random.hpp"
#include "aceso/base/small_disk.hpp"
#include "crc32c.hpp"
#include "fixture.hpp"
#include "segmented_log.hpp"

namespace aceso::store {
namespace {

// Fails on demand, as a full or dying disk does.
class FaultyOps final : public FileOps {
 public:
  std::int64_t room = std::numeric_limits<std::int64_t>::max();  // bytes until ENOSPC
  bool fail_sync = false;
  std::atomic<int> syncs{0};
  std::atomic<int> appending{0}, running{0};  // threads inside append(), threads that will append again
  std::function<void()> while_syncing;        // what happens while the disk works

  ssize_t pwrite(int fd, std::span<const std::byte> bytes, off_t at) override {
    if (room <= 0) {
      errno = ENOSPC;
      return -1;
    }
    const auto take = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(room));  // short writes happen
    const ssize_t done = FileOps::pwrite(fd, bytes.first(take), at);
    if (done > 0) room -= done;
    return done;
  }
  int fdatasync(int fd) override {
    ++syncs;
    while (running > 1 && appending < 2) std::this_thread::yield();  // a slow disk: others arrive meanwhile
    if (const auto meanwhile = std::exchange(while_syncing, {})) meanwhile();
    if (fd >= 0 && !fail_sync) return 0;  // quick: no test here cuts the power
    errno = EIO;
    return -1;
  }
};

std::string pattern(std::size_t size, std::uint64_t seed) {
  std::string out(size, '\0');
  SeededRandom random{seed};
  random.fill(std::as_writable_bytes(std::span{out}));
  return out;
}

class Log : public ::testing::TestWithParam<bool> {
 protected:
  Log() {
    SeededRandom random{5};
    if (GetParam()) options_.key = crypto::SecretKey::generate(random);
  }
  Status open() {
    log_.reset();
    auto opened = open_log(around_.path("log"), options_, around_.clock, around_.logger, ops_);
    if (!opened) return opened.error();
    log_ = *std::move(opened);
    return {};
  }
  RecordRef add(std::string_view text) {
    const auto ref = log_->append(crypto::as_bytes(text));
    EXPECT_OK(ref);
    return ref.ok() ? *ref : RecordRef{};
  }
  std::string get(const RecordRef& ref) {
    const auto bytes = log_->read(ref, 1U << 30U);
    EXPECT_OK(bytes);
    return bytes.ok() ? text_of(*bytes) : "";
  }
  std::vector<RecordRef> all(LogPosition from = {}) {
    std::vector<RecordRef> refs;
    EXPECT_OK(log_->scan(from, [&](const RecordRef& ref) {
      refs.push_back(ref);
      return true;
    }));
    return refs;
  }
  std::filesystem::path file(std::uint32_t number) { return around_.path("log") / segment_file_name(number); }
  std::string file_bytes(std::uint32_t number) { return *read_text_file(file(number), 1U << 30U); }
  void put_file(std::uint32_t number, std::string_view bytes) { ASSERT_OK(write_file_atomic(file(number), bytes)); }
  // Leaves the files as a killed process would: without checkpoint or seal.
  void crash() {
    std::filesystem::copy(around_.path("log"), around_.path("copy"), std::filesystem::copy_options::recursive);
    log_.reset();
    std::filesystem::remove_all(around_.path("log"));
    std::filesystem::rename(around_.path("copy"), around_.path("log"));
  }

  Surroundings around_;
  FaultyOps ops_;
  SegmentedLog::Options options_;
  std::unique_ptr<SegmentedLog> log_;
};

TEST_P(Log, keeps_records_of_every_size_over_a_restart) {
  ASSERT_OK(open());
  std::vector<std::pair<RecordRef, std::string>> kept;
  for (const std::size_t size : {0UL, 1UL, 65535UL, 65536UL, 65537UL, 131072UL, 3000000UL}) {
    const std::string text = pattern(size, size);
    kept.emplace_back(add(text), text);
  }
  for (int run = 0; run < 2; ++run) {
    for (const auto& [ref, text] : kept) EXPECT_EQ(get(ref), text) << text.size();
    EXPECT_EQ(all().size(), kept.size());
    EXPECT_OK(log_->verify());
    ASSERT_OK(open());
    EXPECT_EQ(log_->recovery().records, kept.size());
    EXPECT_EQ(log_->recovery().cut_bytes, 0U);
  }
}

TEST_P(Log, reads_ranges) {
  ASSERT_OK(open());
  const std::string text = pattern(200'000, 1);
  const RecordRef ref = add(text);
  for (const auto& [from, size] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 1}, {65535, 2}, {65536, 65536}, {100, 150000}, {199'999, 1}, {200'000, 0}, {131072, 0}, {0, 200'000}}) {
    std::vector<std::byte> out(size);
    ASSERT_OK(log_->read_range(ref, from, out));
    EXPECT_EQ(text_of(out), text.substr(from, size));
  }
  std::vector<std::byte> out(2);
  EXPECT_CODE(log_->read_range(ref, 199'999, out), Code::invalid);
  EXPECT_CODE(log_->read(ref, 199'999), Code::too_large);
  EXPECT_CODE(log_->read({{ref.at.segment, ref.at.offset + 1}, 5}, 100), Code::data_loss);
  EXPECT_CODE(log_->read({ref.at, 5}, 100), Code::not_found) << "of another length";
  EXPECT_CODE(log_->read({log_->end(), 5}, 100), Code::not_found);
  EXPECT_CODE(log_->read({{99, 88}, 5}, 100), Code::not_found);
}

TEST_P(Log, rolls_over_to_new_segments_and_scans_across_them) {
  options_.segment_bytes = 10'000;
  ASSERT_OK(open());
  std::vector<RecordRef> refs;
  for (std::uint64_t i = 0; i < 50; ++i) refs.push_back(add(pattern(999, i)));
  EXPECT_GE(refs.back().at.segment, 5U);
  for (int run = 0; run < 2; ++run) {
    const auto seen = all();
    ASSERT_EQ(seen.size(), 50U);
    for (std::size_t i = 0; i < 50; ++i) {
      EXPECT_EQ(seen[i].at, refs[i].at);
      EXPECT_EQ(get(seen[i]), pattern(999, i));
    }
    EXPECT_EQ(all(refs[30].at).size(), 20U);
    EXPECT_OK(log_->verify());
    ASSERT_OK(open());
  }
  const LogPosition end = log_->end();
  const RecordRef next = add("next");
  ASSERT_EQ(all(end).size(), 1U);
  EXPECT_EQ(all(end)[0].at, next.at);
  int seen = 0;
  EXPECT_OK(log_->scan({}, [&](const RecordRef&) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
}

TEST_P(Log, a_writer_gives_the_same_record_as_append) {
  ASSERT_OK(open());
  for (const std::size_t size : {0UL, 1000UL, 4194304UL, 4194305UL, 9000000UL, 131072UL * 40}) {
    const std::string text = pattern(size, size);
    const RecordRef before = add("before");
    auto writer = log_->begin();
    ASSERT_OK(writer);
    for (std::size_t at = 0; at < text.size(); at += 100'000) {
      ASSERT_OK((*writer)->write(crypto::as_bytes(std::string_view{text}.substr(at, 100'000))));
    }
    const auto ref = (*writer)->commit();
    ASSERT_OK(ref);
    EXPECT_CODE((*writer)->commit(), Code::precondition);
    const RecordRef after = add("after");
    EXPECT_LT(before.at, ref->at);
    EXPECT_LT(ref->at, after.at);
    EXPECT_TRUE(get(*ref) == text) << size;
  }
  EXPECT_OK(log_->verify());
  ASSERT_OK(open());
  EXPECT_EQ(all().size(), 18U);
}

TEST_P(Log, a_writer_that_does_not_commit_leaves_nothing) {
  ASSERT_OK(open());
  {
    auto writer = log_->begin();
    ASSERT_OK((*writer)->write(crypto::as_bytes(pattern(6'000'000, 1))));
    EXPECT_TRUE(all().empty());
  }
  add("x");
  EXPECT_EQ(all().size(), 1U);
  for (const auto& entry : std::filesystem::directory_iterator{around_.path("log")}) {
    EXPECT_NE(entry.path().extension(), ".part");
  }
}

TEST_P(Log, cuts_a_torn_tail_wherever_it_was_torn) {
  options_.ahead_bytes = 0;
  ASSERT_OK(open());
  add("first");
  const std::uint64_t good = log_->end().offset;
  add(pattern(300, 3));
  crash();
  const std::string whole = file_bytes(1);
  for (std::size_t size = good; size < whole.size(); size += 7) {
    put_file(1, std::string_view{whole}.substr(0, size));
    ASSERT_OK(open()) << size;
    EXPECT_EQ(log_->recovery().records, 1U);
    EXPECT_EQ(log_->recovery().cut_bytes, size - good);
    EXPECT_EQ(log_->recovery().damaged_segment, size == good ? "" : "0000000001.seg");
    const RecordRef next = add("next");
    EXPECT_EQ(get(next), "next");
    EXPECT_EQ(all().size(), 2U);
    EXPECT_OK(log_->verify());
    log_.reset();
    std::filesystem::remove(file(2));
  }
  EXPECT_TRUE(around_.lines.contains("log tail cut"));
}

TEST_P(Log, cuts_what_was_torn_among_zeros) {
  options_.ahead_bytes = 0;
  ASSERT_OK(open());
  add("first");
  const std::uint64_t good = log_->end().offset;
  add(pattern(300, 3));
  crash();
  const std::string whole = file_bytes(1);
  for (std::size_t size = good + 1; size < whole.size(); size += 7) {
    put_file(1, whole.substr(0, size) + std::string(5000, '\0'));
    ASSERT_OK(open()) << size;
    EXPECT_EQ(log_->recovery().records, 1U);
    EXPECT_EQ(log_->recovery().cut_bytes, size - good + 5000U);
    log_.reset();
    std::filesystem::remove(file(2));
  }
}

TEST_P(Log, a_tail_of_zeros_is_cut_and_is_no_damage) {
  ASSERT_OK(open());
  add("first");
  const std::uint64_t good = log_->end().offset;
  crash();
  put_file(1, file_bytes(1) + std::string(5000, '\0'));
  ASSERT_OK(open());
  EXPECT_EQ(log_->recovery().records, 1U);
  EXPECT_EQ(log_->recovery().cut_bytes, 0U);
  EXPECT_EQ(log_->end().offset, good);
  EXPECT_OK(log_->verify());
}

TEST_P(Log, damage_before_acknowledged_records_is_data_loss) {
  ASSERT_OK(open());
  add(pattern(300, 1));
  add("second: says that the first was on disk");
  crash();
  const std::string whole = file_bytes(1);
  for (const std::size_t at : {kSegmentHeaderSize + 4, kSegmentHeaderSize + kRecordHeaderSize + 100}) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    put_file(1, damaged);
    EXPECT_CODE(open(), Code::data_loss) << at;
    EXPECT_EQ(file_bytes(1), damaged) << "the evidence stays";
  }
}

TEST_P(Log, damage_of_a_log_that_was_closed_is_data_loss_even_at_its_end) {
  ASSERT_OK(open());
  add("only");
  log_.reset();
  std::string damaged = file_bytes(1);
  damaged[kSegmentHeaderSize + kRecordHeaderSize] ^= 1;
  put_file(1, damaged);
  EXPECT_CODE(open(), Code::data_loss);
}

TEST_P(Log, notices_damage_in_sealed_segments_missing_ones_and_cut_ones) {
  options_.segment_bytes = 2000;
  ASSERT_OK(open());
  std::vector<RecordRef> refs;
  for (std::uint64_t i = 0; i < 9; ++i) refs.push_back(add(pattern(900, i)));
  log_.reset();
  const std::string second = file_bytes(2);
  std::string damaged = second;
  damaged[kSegmentHeaderSize + kRecordHeaderSize + 10] ^= 1;
  put_file(2, damaged);
  ASSERT_OK(open());
  EXPECT_CODE(log_->verify(), Code::data_loss);
  for (const RecordRef& ref : refs) {
    if (ref.at == LogPosition{2, kSegmentHeaderSize}) {
      EXPECT_CODE(log_->read(ref, 1000), Code::data_loss);
    }
  }
  log_.reset();
  put_file(2, std::string_view{second}.substr(0, second.size() - 1));
  EXPECT_CODE(open(), Code::data_loss);
  std::filesystem::remove(file(2));
  EXPECT_CODE(open(), Code::data_loss);
}

TEST_P(Log, a_full_disk_is_reported_and_the_log_goes_on_when_there_is_room) {
  ASSERT_OK(open());
  const RecordRef first = add("first");
  ops_.room = 100;
  EXPECT_CODE(log_->append(crypto::as_bytes(pattern(5000, 1))), Code::exhausted);
  EXPECT_CODE(log_->append(crypto::as_bytes(pattern(3'000'000, 1))), Code::exhausted);
  EXPECT_EQ(get(first), "first") << "readers do not care";
  {
    auto writer = log_->begin();
    const std::string body = pattern(6'000'000, 2);
    EXPECT_CODE((*writer)->write(crypto::as_bytes(body)), Code::exhausted);
  }
  ops_.room = std::numeric_limits<std::int64_t>::max();
  const RecordRef second = add("second");
  EXPECT_EQ(get(second), "second");
  EXPECT_EQ(all().size(), 2U);
  EXPECT_OK(log_->verify());
  crash();
  ASSERT_OK(open());
  EXPECT_EQ(log_->recovery().records, 2U);
  EXPECT_EQ(log_->recovery().cut_bytes, 0U);
}

TEST_P(Log, survives_every_place_where_the_disk_can_become_full) {
  options_.segment_bytes = 1500;
  for (std::int64_t room = 0; room < 4000; room += 61) {
    ops_.room = std::numeric_limits<std::int64_t>::max();
    log_.reset();
    std::filesystem::remove_all(around_.path("log"));
    ASSERT_OK(open());
    ops_.room = room;
    std::vector<std::pair<RecordRef, std::string>> kept;
    for (std::uint64_t i = 0; i < 12; ++i) {
      if (i == 9) ops_.room = std::numeric_limits<std::int64_t>::max();
      const std::string text = pattern(400, i);
      if (const auto ref = log_->append(crypto::as_bytes(text)); ref.ok()) kept.emplace_back(*ref, text);
    }
    ASSERT_GE(kept.size(), 3U);
    crash();
    ASSERT_OK(open()) << room;
    ASSERT_EQ(all().size(), kept.size()) << room;
    for (const auto& [ref, text] : kept) ASSERT_EQ(get(ref), text);
    ASSERT_OK(log_->verify());
  }
}

TEST_P(Log, after_a_failed_fsync_nothing_is_acknowledged_any_more) {
  ASSERT_OK(open());
  const RecordRef first = add("first");
  ops_.fail_sync = true;
  EXPECT_CODE(log_->append(crypto::as_bytes("lost?")), Code::unavailable);
  ops_.fail_sync = false;  // the next fsync would "succeed" and prove nothing
  const int syncs = ops_.syncs;
  EXPECT_CODE(log_->append(crypto::as_bytes("also lost?")), Code::unavailable);
  EXPECT_CODE(log_->sync(), Code::unavailable);
  EXPECT_EQ(ops_.syncs, syncs);
  EXPECT_EQ(get(first), "first");
  EXPECT_EQ(all().size(), 1U);
  ASSERT_OK(open());
  EXPECT_EQ(get(first), "first");
  add("second");
}

TEST_P(Log, concurrent_appends_share_fsyncs) {
  ASSERT_OK(open());
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  std::vector<std::thread> threads;
  ops_.running = kThreads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      struct Leave {  // also when an assertion ends the thread early
        std::atomic<int>& running;
        ~Leave() { --running; }
      } const leave{ops_.running};
      for (int i = 0; i < kEach; ++i) {
        const std::string text = std::to_string(t) + ":" + std::to_string(i);
        ++ops_.appending;
        const auto ref = log_->append(crypto::as_bytes(text));
        --ops_.appending;
        ASSERT_OK(ref);
        ASSERT_EQ(text_of(*log_->read(*ref, 100)), text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(all().size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_LT(ops_.syncs, kThreads * kEach) << "one fsync a record would be no group commit";
}

TEST_P(Log, window_mode_acknowledges_first_and_syncs_within_the_window) {
  options_.sync = SyncMode::window;
  options_.window_ms = 50;
  ASSERT_OK(open());
  add("makes the segment");
  around_.clock.wait_for_sleepers(1);
  const int before = ops_.syncs;
  for (int i = 0; i < 100; ++i) add("x");
  EXPECT_EQ(ops_.syncs, before);
  EXPECT_EQ(all().size(), 101U) << "visible at once";
  around_.clock.advance(std::chrono::milliseconds{51});
  while (ops_.syncs == before) std::this_thread::yield();
  EXPECT_EQ(ops_.syncs, before + 1);
  add("y");
  ASSERT_OK(log_->sync());
  EXPECT_EQ(ops_.syncs, before + 2);
}

TEST_P(Log, zeros_are_written_ahead_and_never_taken_for_records) {
  ASSERT_OK(open());
  add("first");
  const auto file = around_.path("log") / "0000000001.seg";
  const auto grown = std::filesystem::file_size(file);
  EXPECT_GT(grown, 60'000U) << "zeros behind the first record";
  add("second");
  EXPECT_EQ(std::filesystem::file_size(file), grown) << "the second stands in them";
  EXPECT_EQ(all().size(), 2U);
  const auto crashed = around_.path("crashed");  // as after kill -9: nobody cut the zeros off
  std::filesystem::copy(around_.path("log"), crashed);
  auto again = open_log(crashed, options_, around_.clock, around_.logger, ops_);
  ASSERT_OK(again);
  EXPECT_EQ((*again)->recovery().records, 2U);
  EXPECT_EQ((*again)->recovery().cut_bytes, 0U) << "zeros are no damage";
  ASSERT_OK((*again)->append(crypto::as_bytes("third")));
  EXPECT_OK((*again)->verify());
  log_.reset();
  EXPECT_LT(std::filesystem::file_size(file), 1000U) << "closed in order: cut off";
}

TEST_P(Log, window_mode_takes_records_while_the_disk_works) {
  options_.sync = SyncMode::window;
  ASSERT_OK(open());
  add("before");
  ops_.while_syncing = [&] {
    for (int i = 0; i < 10; ++i) add("meanwhile");  // on the thread that syncs: it would wait for itself
    EXPECT_EQ(all().size(), 11U) << "and readers see them";
  };
  const int before = ops_.syncs;
  ASSERT_OK(log_->sync());
  EXPECT_EQ(ops_.syncs, before + 1);
  ASSERT_OK(log_->sync());
  EXPECT_EQ(ops_.syncs, before + 2) << "what came meanwhile was not on disk yet";
  ASSERT_OK(log_->sync());
  EXPECT_EQ(ops_.syncs, before + 2) << "now everything is";
}

TEST_P(Log, a_segment_that_ends_while_the_disk_works_is_whole) {
  options_.sync = SyncMode::window;
  options_.segment_bytes = 4096;
  ASSERT_OK(open());
  add(pattern(3000, 1));
  std::thread other;
  ops_.while_syncing = [&] { other = std::thread{[&] { add(pattern(3000, 2)); }}; };  // seals: waits for this sync
  ASSERT_OK(log_->sync());
  other.join();
  ASSERT_OK(log_->sync());
  EXPECT_OK(log_->verify());
  ASSERT_OK(open());
  EXPECT_EQ(all().size(), 2U);
  EXPECT_EQ(log_->recovery().cut_bytes, 0U);
}

TEST_P(Log, a_sync_that_fails_while_others_write_fails_the_log_for_good) {
  options_.sync = SyncMode::window;
  ASSERT_OK(open());
  add("before");
  ops_.while_syncing = [&] {
    add("meanwhile");
    ops_.fail_sync = true;
  };
  EXPECT_CODE(log_->sync(), Code::unavailable);
  ops_.fail_sync = false;
  EXPECT_CODE(log_->sync(), Code::unavailable) << "a second fdatasync that succeeds proves nothing";
  EXPECT_CODE(log_->append(crypto::as_bytes("after")), Code::unavailable);
}

TEST_P(Log, one_process_at_a_time) {
  ASSERT_OK(open());
  EXPECT_CODE(open_log(around_.path("log"), options_, around_.clock, around_.logger, ops_), Code::conflict);
}

INSTANTIATE_TEST_SUITE_P(Segments, Log, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "encrypted" : "plain"; });

TEST(LogFileSize, a_limit_of_the_system_is_a_full_disk) {  // the true system call, not the faulty one
  Surroundings around;
  auto log = SegmentedLog::open(around.path("log"), {}, around.clock, around.logger);
  ASSERT_OK(log);
  ASSERT_OK((*log)->append(crypto::as_bytes("first")));
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{20'000, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto full = (*log)->append(crypto::as_bytes(pattern(50'000, 1)));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_CODE(full, Code::exhausted);
  const auto next = (*log)->append(crypto::as_bytes(pattern(50'000, 1)));
  ASSERT_OK(next);
  EXPECT_EQ(text_of(*(*log)->read(*next, 50'000)), pattern(50'000, 1));
}

TEST(LogOnAFullDisk, keeps_what_it_acknowledged_and_goes_on_when_there_is_room) {
  Surroundings around;
  const auto disk = testing::SmallDisk::mount(around.folder.path(), 4 << 20);
  if (!disk) GTEST_SKIP() << "skipped: mounts are not allowed here";
  disk->fill(1 << 20);
  std::vector<RecordRef> kept;
  const auto read_all = [&](const SegmentedLog& log) {
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const auto bytes = log.read(kept[i], 50'000);
      ASSERT_OK(bytes);
      ASSERT_EQ(text_of(*bytes), pattern(50'000, i)) << i;
    }
  };
  {
    auto log = SegmentedLog::open(around.path("log"), {}, around.clock, around.logger);
    ASSERT_OK(log);
    for (;;) {
      const auto ref = (*log)->append(crypto::as_bytes(pattern(50'000, kept.size())));
      if (!ref) {
        EXPECT_CODE(ref, Code::exhausted);
        break;
      }
      kept.push_back(*ref);
    }
    EXPECT_GT(kept.size(), 5U);
    read_all(**log);
  }
  auto log = SegmentedLog::open(around.path("log"), {}, around.clock, around.logger);  // with no room left
  ASSERT_OK(log);
  read_all(**log);
  std::filesystem::remove(around.path("ballast"));
  const auto next = (*log)->append(crypto::as_bytes(pattern(50'000, kept.size())));
  ASSERT_OK(next);
  kept.push_back(*next);
  read_all(**log);
  EXPECT_OK((*log)->verify());
}

TEST(LogEncryption, hides_the_content_and_wants_its_key) {
  Surroundings around;
  SeededRandom random{1};
  SegmentedLog::Options options{.key = crypto::SecretKey::generate(random)};
  const std::string secret = "the patient's name is in here";
  {
    auto log = SegmentedLog::open(around.path("log"), options, around.clock, around.logger);
    ASSERT_OK((*log)->append(crypto::as_bytes(secret)));
  }
  const std::string bytes = *read_text_file(around.path("log") / "0000000001.seg", 100'000);
  EXPECT_EQ(bytes.find("patient"), std::string::npos);
  EXPECT_CODE(SegmentedLog::open(around.path("log"), {}, around.clock, around.logger), Code::precondition);
  SegmentedLog::Options other{.key = crypto::SecretKey::generate(random)};
  EXPECT_CODE(SegmentedLog::open(around.path("log"), other, around.clock, around.logger), Code::denied);
}

// An attacker with the disk but without the key: chunks moved, records shortened, with all checksums made right.
TEST(LogEncryption, chunks_cannot_be_swapped_nor_records_shortened) {
  Surroundings around;
  SeededRandom random{1};
  const SegmentedLog::Options options{.key = crypto::SecretKey::generate(random)};
  const auto file = around.path("log") / "0000000001.seg";
  {
    auto log = SegmentedLog::open(around.path("log"), options, around.clock, around.logger);
    ASSERT_OK((*log)->append(crypto::as_bytes(pattern(2 * kChunkSize, 1))));
  }
  const std::string whole = *read_text_file(file, 1U << 20U);
  const std::size_t chunks = kSegmentHeaderSize + kRecordHeaderSize;
  constexpr std::size_t kStored = kChunkSize + crypto::kTagSize;
  std::string swapped = whole;
  std::swap_ranges(swapped.begin() + static_cast<std::ptrdiff_t>(chunks),
                   swapped.begin() + static_cast<std::ptrdiff_t>(chunks + kStored),
                   swapped.begin() + static_cast<std::ptrdiff_t>(chunks + kStored));
  std::string shortened = whole;
  const auto header = encode(RecordHeader{
      .kind = RecordKind::data, .length = kChunkSize, .offset = kSegmentHeaderSize, .synced = kSegmentHeaderSize});
  shortened.replace(kSegmentHeaderSize, kRecordHeaderSize, text_of(header));
  for (const std::string& altered : {swapped, shortened}) {
    ASSERT_OK(write_file_atomic(file, altered));
    EXPECT_CODE(SegmentedLog::open(around.path("log"), options, around.clock, around.logger), Code::data_loss);
  }
}

TEST(LogEncryption, no_nonce_is_used_twice_after_a_crash) {
  Surroundings around;
  SeededRandom random{1};
  const SegmentedLog::Options options{.key = crypto::SecretKey::generate(random)};
  RecordRef first;
  {
    auto log = SegmentedLog::open(around.path("log"), options, around.clock, around.logger);
    first = *(*log)->append(crypto::as_bytes("one"));
    std::filesystem::copy(around.path("log"), around.path("crashed"), std::filesystem::copy_options::recursive);
  }
  auto log = SegmentedLog::open(around.path("crashed"), options, around.clock, around.logger);
  const auto second = (*log)->append(crypto::as_bytes("two"));
  ASSERT_OK(second);
  EXPECT_GT(second->at.segment, first.at.segment) << "a new segment, with a data key of its own";
}

TEST(LogEncryption, a_plain_log_can_become_an_encrypted_one) {
  Surroundings around;
  SeededRandom random{1};
  RecordRef plain;
  {
    auto log = SegmentedLog::open(around.path("log"), {}, around.clock, around.logger);
    plain = *(*log)->append(crypto::as_bytes("plain"));
  }
  const SegmentedLog::Options options{.key = crypto::SecretKey::generate(random)};
  auto log = SegmentedLog::open(around.path("log"), options, around.clock, around.logger);
  ASSERT_OK(log);
  ASSERT_OK((*log)->append(crypto::as_bytes("hidden text")));
  EXPECT_EQ(text_of(*(*log)->read(plain, 10)), "plain");
  EXPECT_EQ(read_text_file(around.path("log") / "0000000002.seg", 200'000)->find("hidden"), std::string::npos);
}

TEST(Crc32c, matches_rfc_3720_and_its_portable_form) {
  EXPECT_EQ(crc32c(0, crypto::as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(0, std::vector<std::byte>(32)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(0, std::vector<std::byte>(32, std::byte{0xff})), 0x62a8ab43U);
  const std::string text = pattern(1003, 9);
  const auto bytes = crypto::as_bytes(text);
  EXPECT_EQ(crc32c(0, bytes), crc32c_portable(0, bytes));
  EXPECT_EQ(crc32c(crc32c(0, bytes.first(500)), bytes.subspan(500)), crc32c(0, bytes));
}

}  // namespace
}  // namespace aceso::store
