#include "aceso/base/file.hpp"

#include <sys/stat.h>

#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "aceso/base/small_disk.hpp"
#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
}

class File : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TempDir>(*std::move(folder));
  }
  fs::path at(std::string_view name) const { return folder_->path() / name; }

  std::unique_ptr<TempDir> folder_;
};

TEST_F(File, written_bytes_are_read_back_and_nothing_else_stays) {
  const std::string text{"a\0b\n", 4};
  ASSERT_OK(write_file_atomic(at("x"), text));
  EXPECT_EQ(*read_text_file(at("x"), 4), text);
  EXPECT_EQ(read_file(at("x"), 4)->size(), 4U);
  EXPECT_EQ(entries(folder_->path()), 1U);
}

TEST_F(File, a_write_replaces_the_file_and_sets_its_mode) {
  ASSERT_OK(write_file_atomic(at("key"), "old and longer"));
  ASSERT_OK(write_file_atomic(at("key"), "new", {.mode = 0600}));
  EXPECT_EQ(*read_text_file(at("key"), 100), "new");
  struct stat info{};
  ASSERT_EQ(::stat(at("key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(File, a_failed_write_keeps_the_old_file_and_leaves_nothing_behind) {
  fs::create_directory(at("taken"));
  ASSERT_OK(write_file_atomic(at("taken/inside"), "x"));
  EXPECT_FALSE(write_file_atomic(at("taken"), "text over a folder").ok());
  EXPECT_EQ(*read_text_file(at("taken/inside"), 10), "x");
  EXPECT_EQ(entries(folder_->path()), 1U);
}

TEST_F(File, a_full_disk_keeps_the_old_file_and_leaves_nothing_behind) {
  const auto disk = testing::SmallDisk::mount(folder_->path(), 256 * 1024);
  if (!disk) GTEST_SKIP() << "skipped: mounts are not allowed here";
  ASSERT_OK(write_file_atomic(at("x"), std::string(10'000, 'o')));
  EXPECT_CODE(write_file_atomic(at("x"), std::string(1'000'000, 'n')), Code::exhausted);
  EXPECT_EQ(*read_text_file(at("x"), 10'000), std::string(10'000, 'o'));
  EXPECT_EQ(entries(folder_->path()), 1U);
  ASSERT_OK(write_file_atomic(at("x"), std::string(100'000, 'n'))) << "what was left of the failure takes no room";
  disk->fill(0);
  EXPECT_CODE(write_file_atomic(at("x"), "one byte more"), Code::exhausted);
  EXPECT_EQ(read_text_file(at("x"), 100'000)->size(), 100'000U);
}

TEST_F(File, errors_name_the_path_as_given) {
  const auto missing = read_text_file(at("no/such"), 10);
  ASSERT_CODE(missing, Code::not_found);
  EXPECT_TRUE(missing.error().message().starts_with(at("no/such").string())) << missing.error().message();
  EXPECT_CODE(write_file_atomic(at("no/such"), "x"), Code::not_found);
  EXPECT_CODE(read_text_file(folder_->path(), 10), Code::invalid);
  EXPECT_CODE(MappedFile::open(folder_->path()), Code::invalid);
}

TEST_F(File, a_file_over_the_limit_is_too_large) {
  ASSERT_OK(write_file_atomic(at("x"), "12345"));
  EXPECT_OK(read_text_file(at("x"), 5));
  EXPECT_CODE(read_text_file(at("x"), 4), Code::too_large);
}

TEST_F(File, files_that_tell_no_size_are_read_to_their_end) {
  const auto status = read_text_file("/proc/self/status", 1 << 20);
  ASSERT_OK(status);
  EXPECT_TRUE(status->starts_with("Name:"));
  EXPECT_CODE(read_text_file("/proc/self/status", 5), Code::too_large);
}

TEST_F(File, maps_bytes_and_empty_files) {
  ASSERT_OK(write_file_atomic(at("x"), "abc"));
  auto mapped = MappedFile::open(at("x"));
  ASSERT_OK(mapped);
  const MappedFile moved = *std::move(mapped);
  ASSERT_EQ(moved.bytes().size(), 3U);
  EXPECT_EQ(moved.bytes()[2], std::byte{'c'});
  ASSERT_OK(write_file_atomic(at("empty"), ""));
  EXPECT_TRUE(MappedFile::open(at("empty"))->bytes().empty());
}

TEST(TempDir, goes_away_with_what_is_in_it) {
  fs::path path;
  {
    auto folder = TempDir::create("probe");
    ASSERT_OK(folder);
    const TempDir moved = *std::move(folder);
    path = moved.path();
    EXPECT_TRUE(path.filename().string().starts_with("probe-"));
    fs::create_directories(path / "a/b");
    ASSERT_OK(write_file_atomic(path / "a/b/c", "x"));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(SafeJoin, joins_ordinary_names) {
  EXPECT_EQ(*safe_join("/data", "a/b.npy"), "/data/a/b.npy");
  EXPECT_EQ(*safe_join("/data", "./a//b/"), "/data/a/b");
  EXPECT_EQ(*safe_join("/data", "..a/b.."), "/data/..a/b..");
  EXPECT_EQ(*safe_join("/data", "胸部.png"), "/data/胸部.png");
}

TEST(SafeJoin, refuses_names_that_leave_or_disguise) {
  for (const std::string& name :
       {std::string{}, std::string{"."}, std::string{"./"}, std::string{"/etc/passwd"}, std::string{"../x"},
        std::string{"a/../../x"}, std::string{"a/.."}, std::string{"a\0b", 3}, std::string{"a\nb"},
        std::string{"a\x1b[2J"}, std::string{"..\\x"}, std::string{"\xff"}, std::string{"x\u202Egnp.exe"},
        std::string(256, 'a'), std::string(5000, '/').insert(0, "a")}) {
    EXPECT_CODE(safe_join("/data", name), Code::invalid) << name;
  }
}

}  // namespace
}  // namespace aceso
