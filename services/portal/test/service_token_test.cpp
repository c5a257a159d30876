#include "service_token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aceso/crypto/hash.hpp"

namespace aceso::portal {
namespace {

using testing::ElementsAre;

class ServiceToken : public testing::Test {
 protected:
  std::string sign(std::chrono::seconds lifetime = std::chrono::minutes{5}) const {
    return sign_service_token(who, now, now + lifetime, key);
  }

  SeededRandom random{7};
  crypto::SigningKey key = crypto::SigningKey::generate(random);
  UtcTime now{std::chrono::seconds{1'700'000'000}};
  contracts::Principal who{
      .id = "0190", .name = "ada", .roles = {"scientist"}, .scopes = {"models:read"}, .session_id = "s1"};
};

TEST_F(ServiceToken, says_who_signed_in_and_what_they_may_do) {
  const auto p = verify_service_token(sign(), now, key.public_key());
  ASSERT_TRUE(p);
  EXPECT_EQ(p->id, "0190");
  EXPECT_EQ(p->name, "ada");
  EXPECT_THAT(p->roles, ElementsAre("scientist"));
  EXPECT_THAT(p->scopes, ElementsAre("models:read"));
  EXPECT_EQ(p->session_id, "s1");
}

TEST_F(ServiceToken, ends_at_its_time) {
  const auto token = sign(std::chrono::seconds{300});
  EXPECT_TRUE(verify_service_token(token, now + std::chrono::seconds{299}, key.public_key()));
  EXPECT_FALSE(verify_service_token(token, now + std::chrono::seconds{300}, key.public_key()));
  EXPECT_FALSE(verify_service_token(token, now - std::chrono::seconds{61}, key.public_key()));
}

TEST_F(ServiceToken, of_another_node_is_refused) {
  const auto other = crypto::SigningKey::generate(random);
  const auto p = verify_service_token(sign(), now, other.public_key());
  ASSERT_FALSE(p);
  EXPECT_EQ(p.error().code(), Code::unauthenticated);
}

TEST_F(ServiceToken, with_any_character_changed_is_refused) {
  const auto token = sign();
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_service_token(forged, now, key.public_key())) << i;
  }
}

TEST_F(ServiceToken, cannot_choose_its_algorithm) {
  const auto token = sign();
  const auto payload = token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1);
  const auto none = crypto::to_base64url(crypto::as_bytes(R"({"alg":"none"})"));
  EXPECT_FALSE(verify_service_token(none + "." + payload + ".", now, key.public_key()));
  // HS256 with the public key as secret, the classic confusion.
  const auto hs = crypto::to_base64url(crypto::as_bytes(R"({"alg":"HS256","typ":"JWT"})")) + "." + payload;
  const auto mac = crypto::hmac_sha256(key.public_key(), crypto::as_bytes(hs));
  EXPECT_FALSE(verify_service_token(hs + "." + crypto::to_base64url(mac), now, key.public_key()));
}

TEST_F(ServiceToken, signed_over_something_else_is_refused) {
  for (const auto* claims : {"", "[]", "{}", R"({"iss":"aceso","sub":1})", "{\"iss\":\"aceso\"", "null"}) {
    const auto token = sign();
    const auto head = token.substr(0, token.find('.')) + "." + crypto::to_base64url(crypto::as_bytes(claims));
    const auto signature = crypto::to_base64url(key.sign(crypto::as_bytes(head)));
    EXPECT_FALSE(verify_service_token(head + "." + signature, now, key.public_key())) << claims;
  }
}

}  // namespace
}  // namespace aceso::portal
