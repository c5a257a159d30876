#include "passwords.hpp"

#include <gtest/gtest.h>

namespace aceso::portal {
namespace {

constexpr crypto::PasswordCost kCheap{.memory_kib = 8, .iterations = 1};

TEST(PasswordRules, ask_for_length_and_nothing_else) {
  EXPECT_TRUE(check_password("a quiet ward at night", "ada"));
  EXPECT_TRUE(check_password("护士站的灯一直亮到天明啊", "ada"));  // twelve characters of three bytes
  EXPECT_FALSE(check_password("护士站的灯", "ada"));
  EXPECT_FALSE(check_password("elevenchars", "ada"));
  EXPECT_FALSE(check_password(std::string(1025, 'x') + "y", "ada"));
}

TEST(PasswordRules, refuse_the_name_and_what_everybody_takes) {
  EXPECT_FALSE(check_password("Administrator", "ada"));
  EXPECT_FALSE(check_password("PASSWORD1234", "ada"));
  EXPECT_FALSE(check_password("aaaaaaaaaaaaaaaa", "ada"));
  EXPECT_FALSE(check_password("Florence.Nightingale", "florence.nightingale"));
}

TEST(Passwords, verify_the_one_that_was_hashed) {
  Passwords passwords{kCheap, 2};
  const auto phc = passwords.hash("a quiet ward at night");
  ASSERT_TRUE(phc);
  EXPECT_TRUE(*passwords.verify("a quiet ward at night", *phc));
  EXPECT_FALSE(*passwords.verify("a quiet ward at nighT", *phc));
}

TEST(Passwords, an_unknown_user_has_no_password_at_all) {
  Passwords passwords{kCheap, 2};
  EXPECT_FALSE(*passwords.verify("no user has this password", ""));
}

TEST(Passwords, refuse_more_at_once_than_there_is_memory_for) {
  Passwords passwords{kCheap, 0};
  const auto busy = passwords.hash("a quiet ward at night");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), Code::unavailable);
}

}  // namespace
}  // namespace aceso::portal
