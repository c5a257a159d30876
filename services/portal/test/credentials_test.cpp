#include "credentials.hpp"

#include <gtest/gtest.h>

namespace aceso::portal {
namespace {

TEST(Credential, is_none_when_nothing_is_shown) {
  EXPECT_EQ(read_credential("", "")->kind, CredentialKind::none);
}

TEST(Credential, is_read_from_header_or_cookie) {
  const auto cookie = read_credential("", "AbC-_09");
  ASSERT_TRUE(cookie);
  EXPECT_EQ(cookie->kind, CredentialKind::session);
  EXPECT_EQ(cookie->secret, "AbC-_09");
  const auto api = read_credential("Bearer aceso_AbC-_09", "");
  ASSERT_TRUE(api);
  EXPECT_EQ(api->kind, CredentialKind::api_token);
  EXPECT_EQ(api->secret, "aceso_AbC-_09");
  EXPECT_EQ(read_credential("bearer a.b.c", "")->kind, CredentialKind::service_token);
}

TEST(Credential, a_header_decides_alone) {
  EXPECT_EQ(read_credential("Bearer aceso_AbC", "cookie")->kind, CredentialKind::api_token);
}

TEST(Credential, an_api_token_may_be_the_password_of_basic_but_no_other_secret_may) {
  const auto basic = read_credential("Basic YW55Om9uZTphY2Vzb19BYkMtXzA5", "");        // any:one:aceso_AbC-_09
  EXPECT_FALSE(basic);                                                                 // the name holds no colon
  const auto token = read_credential("basic c2NyaXB0OmFjZXNvX0FiQy1fMDk=", "cookie");  // script:aceso_AbC-_09
  ASSERT_TRUE(token);
  EXPECT_EQ(token->kind, CredentialKind::api_token);
  EXPECT_EQ(token->secret, "aceso_AbC-_09");
  for (const auto* header :
       {"Basic YWRhOnB3" /* ada:pw */, "Basic c2NyaXB0OmEuYi5j" /* script:a.b.c */, "Basic YWNlc29fQWJD" /* no colon */,
        "Basic c2NyaXB0OmFjZXNvXw==" /* nothing behind */, "Basic ???", "Basic "}) {
    const auto read = read_credential(header, "");
    ASSERT_FALSE(read) << header;
    EXPECT_EQ(read.error().code(), Code::unauthenticated);
  }
}

TEST(Credential, refuses_what_is_not_one_token) {
  for (const auto* header : {"Bearer", "Bearer ", "Bearer  aceso_a", "Bearer aceso_", "Bearer aceso_a b",
                             "Bearer aceso_a,b", "Bearer a.b", "Bearer .b.c", "Bearer a..c", "Bearer a.b.",
                             "Bearer a.b.c.d", "aceso_a", "Basic aceso_a", "Bearer aceso_a\n"}) {
    const auto read = read_credential(header, "");
    ASSERT_FALSE(read) << header;
    EXPECT_EQ(read.error().code(), Code::unauthenticated);
  }
  EXPECT_FALSE(read_credential("Bearer aceso_" + std::string(5000, 'a'), ""));
  EXPECT_FALSE(read_credential("", "a b"));
  EXPECT_FALSE(read_credential("", std::string(200, 'a')));
}

TEST(SameOrigin, believes_the_browser_about_other_sites) {
  EXPECT_TRUE(same_origin("", "", "ward:8443"));  // a program
  EXPECT_TRUE(same_origin("https://ward:8443", "same-origin", "ward:8443"));
  EXPECT_TRUE(same_origin("http://127.0.0.1:8080", "", "127.0.0.1:8080"));
  EXPECT_TRUE(same_origin("", "none", "ward:8443"));  // typed into the address bar
  EXPECT_FALSE(same_origin("https://evil.example", "", "ward:8443"));
  EXPECT_FALSE(same_origin("https://ward:8443", "cross-site", "ward:8443"));
  EXPECT_FALSE(same_origin("https://ward:8443", "same-site", "ward:8443"));
  EXPECT_FALSE(same_origin("https://ward:8443.evil.example", "", "ward:8443"));
  EXPECT_FALSE(same_origin("https://evil.example@ward:8443", "", "ward:8443"));
  EXPECT_FALSE(same_origin("null", "", "ward:8443"));
  EXPECT_FALSE(same_origin("ftp://ward:8443", "", "ward:8443"));
  EXPECT_FALSE(same_origin("https://", "", ""));
}

}  // namespace
}  // namespace aceso::portal
