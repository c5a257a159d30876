#include "aceso/portal/keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "aceso/base/file.hpp"

namespace aceso::portal {
namespace {

using std::filesystem::perms;

class Keys : public testing::Test {
 protected:
  std::filesystem::path folder() const { return home->path() / "keys"; }
  Result<TempDir> home = TempDir::create();
  SeededRandom random{5};
};

TEST_F(Keys, are_made_once_for_the_owner_alone) {
  const auto made = NodeKeys::load_or_create(folder(), random);
  ASSERT_TRUE(made);
  const auto again = NodeKeys::load_or_create(folder(), random);
  ASSERT_TRUE(again);
  EXPECT_EQ(made->signing.public_key(), again->signing.public_key());
  for (const auto* name : {"node.key", "master.key"}) {
    EXPECT_EQ(std::filesystem::status(folder() / name).permissions(), perms::owner_read | perms::owner_write) << name;
  }
  EXPECT_EQ(std::filesystem::status(folder()).permissions(), perms::owner_all);
}

TEST_F(Keys, that_others_can_read_are_refused) {
  ASSERT_TRUE(NodeKeys::load_or_create(folder(), random));
  std::filesystem::permissions(folder() / "node.key", perms::owner_read | perms::owner_write | perms::group_read);
  EXPECT_EQ(NodeKeys::load_or_create(folder(), random).error().code(), Code::precondition);
}

TEST_F(Keys, half_lost_or_damaged_are_not_replaced_in_silence) {
  ASSERT_TRUE(NodeKeys::load_or_create(folder(), random));
  std::filesystem::remove(folder() / "master.key");
  EXPECT_EQ(NodeKeys::load_or_create(folder(), random).error().code(), Code::data_loss);
  ASSERT_TRUE(write_file_atomic(folder() / "master.key", "not a key\n", {.mode = 0600}));
  EXPECT_EQ(NodeKeys::load_or_create(folder(), random).error().code(), Code::data_loss);
}

TEST_F(Keys, derive_another_key_for_each_purpose) {
  const auto keys = *NodeKeys::load_or_create(folder(), random);
  const auto a = keys.derive("a");
  const auto b = keys.derive("b");
  EXPECT_FALSE(std::ranges::equal(a.bytes(), b.bytes()));
  EXPECT_TRUE(std::ranges::equal(a.bytes(), keys.derive("a").bytes()));
}

}  // namespace
}  // namespace aceso::portal
