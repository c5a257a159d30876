// What every BlobStore must do, run on segment files (plain and encrypted) and on the twin in memory.
#include "aceso/store/blobs.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "aceso/base/random.hpp"
#include "fixture.hpp"

namespace aceso::store {
namespace {

enum class Kind { plain, encrypted, memory };

SegmentedLog::Options options_for(Kind kind) {
  SegmentedLog::Options options;
  options.segment_bytes = 100'000;
  SeededRandom random{3};
  if (kind == Kind::encrypted) options.key = crypto::SecretKey::generate(random);
  return options;
}

class BlobsConformance : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { open(); }
  void open() {
    blobs_.reset();
    if (GetParam() == Kind::memory) {
      blobs_ = make_memory_blobs();
      return;
    }
    auto opened = open_segment_blobs(around_.path("blobs"), options_for(GetParam()), around_.clock, around_.logger);
    ASSERT_OK(opened);
    blobs_ = *std::move(opened);
  }
  std::string get(const std::string& sha256) {
    const auto bytes = blobs_->read(sha256, 1U << 26U);
    EXPECT_OK(bytes);
    return bytes.ok() ? text_of(*bytes) : "";
  }

  Surroundings around_;
  std::unique_ptr<BlobStore> blobs_;
};

TEST_P(BlobsConformance, gives_back_what_was_put_under_its_hash) {
  const auto info = blobs_->put(crypto::as_bytes("abc"));
  ASSERT_OK(info);
  EXPECT_EQ(info->sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(info->length, 3U);
  EXPECT_EQ(get(info->sha256), "abc");
  EXPECT_EQ(blobs_->info(info->sha256)->length, 3U);
}

TEST_P(BlobsConformance, keeps_the_empty_blob) {
  const auto info = blobs_->put({});
  ASSERT_OK(info);
  EXPECT_EQ(info->length, 0U);
  EXPECT_EQ(get(info->sha256), "");
}

TEST_P(BlobsConformance, put_is_idempotent) {
  const auto first = blobs_->put(crypto::as_bytes("same"));
  const auto second = blobs_->put(crypto::as_bytes("same"));
  ASSERT_OK(second);
  EXPECT_EQ(first->sha256, second->sha256);
}

TEST_P(BlobsConformance, reads_ranges_and_nothing_beyond) {
  const std::string id = blobs_->put(crypto::as_bytes("0123456789"))->sha256;
  std::vector<std::byte> out(4);
  ASSERT_OK(blobs_->read_range(id, 3, out));
  EXPECT_EQ(text_of(out), "3456");
  EXPECT_CODE(blobs_->read_range(id, 7, out), Code::invalid);
  EXPECT_CODE(blobs_->read_range(id, 11, std::span{out}.first(0)), Code::invalid);
  EXPECT_CODE(blobs_->read(id, 9), Code::too_large);
}

TEST_P(BlobsConformance, unknown_ids_are_not_found) {
  std::vector<std::byte> out(1);
  for (const char* id : {"", "zz", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}) {
    EXPECT_CODE(blobs_->info(id), Code::not_found);
    EXPECT_CODE(blobs_->read_range(id, 0, out), Code::not_found);
    EXPECT_CODE(blobs_->remove(id), Code::not_found);
  }
}

TEST_P(BlobsConformance, a_writer_gives_the_same_as_put) {
  const std::string text(5'000'000, 'x');
  auto writer = blobs_->begin();
  ASSERT_OK(writer);
  for (std::size_t at = 0; at < text.size(); at += 1'000'000) {
    ASSERT_OK((*writer)->write(crypto::as_bytes(std::string_view{text}.substr(at, 1'000'000))));
  }
  const auto info = (*writer)->commit();
  ASSERT_OK(info);
  EXPECT_EQ(info->sha256, crypto::to_hex(crypto::sha256(text)));
  EXPECT_TRUE(get(info->sha256) == text);
  EXPECT_CODE((*writer)->commit(), Code::precondition);
  EXPECT_CODE((*writer)->write({}), Code::precondition);
}

TEST_P(BlobsConformance, a_writer_that_does_not_commit_leaves_nothing) {
  {
    auto writer = blobs_->begin();
    ASSERT_OK((*writer)->write(crypto::as_bytes("abc")));
  }
  EXPECT_CODE(blobs_->info(crypto::to_hex(crypto::sha256("abc"))), Code::not_found);
}

TEST_P(BlobsConformance, removed_blobs_are_gone_and_can_be_put_again) {
  const std::string id = blobs_->put(crypto::as_bytes("abc"))->sha256;
  ASSERT_OK(blobs_->remove(id));
  EXPECT_CODE(blobs_->info(id), Code::not_found);
  EXPECT_OK(blobs_->put(crypto::as_bytes("abc")));
  EXPECT_EQ(get(id), "abc");
}

TEST_P(BlobsConformance, many_threads_put_and_read) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string own = std::to_string(t) + "/" + std::to_string(i);
        const auto info = blobs_->put(crypto::as_bytes(own));
        ASSERT_OK(info);
        EXPECT_EQ(text_of(*blobs_->read(info->sha256, 100)), own);
        EXPECT_OK(blobs_->put(crypto::as_bytes("shared " + std::to_string(i))));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::string name_of(const ::testing::TestParamInfo<Kind>& tested) {
  if (tested.param == Kind::memory) return "memory";
  return tested.param == Kind::plain ? "plain" : "encrypted";
}

INSTANTIATE_TEST_SUITE_P(Blobs, BlobsConformance, ::testing::Values(Kind::plain, Kind::encrypted, Kind::memory),
                         name_of);

class SegmentBlobs : public BlobsConformance {};

TEST_P(SegmentBlobs, survive_a_restart_a_lost_index_and_a_damaged_one) {
  const std::string id = blobs_->put(crypto::as_bytes("abc"))->sha256;
  const std::string gone = blobs_->put(crypto::as_bytes("removed"))->sha256;
  ASSERT_OK(blobs_->remove(gone));
  const auto index = around_.path("blobs") / "index.sqlite";
  const auto check = [&] {
    open();
    EXPECT_EQ(get(id), "abc");
    EXPECT_CODE(blobs_->info(gone), Code::not_found) << "a removal outlives the index";
  };
  check();
  blobs_.reset();
  std::filesystem::remove(index);
  check();
  blobs_.reset();
  ASSERT_OK(write_file_atomic(index, std::string(9000, 'x')));
  check();
}

INSTANTIATE_TEST_SUITE_P(Blobs, SegmentBlobs, ::testing::Values(Kind::plain, Kind::encrypted), name_of);

}  // namespace
}  // namespace aceso::store
