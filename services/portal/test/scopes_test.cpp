#include "aceso/portal/scopes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aceso::portal {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::UnorderedElementsAre;

TEST(Scopes, each_role_gives_what_its_work_needs) {
  EXPECT_THAT(scopes_of({"clinician"}),
              UnorderedElementsAre("self", "models:read", "models:accept", "predictions:create", "predictions:read",
                                   "feedback:write", "archive:read", "archive:write"));
  EXPECT_THAT(scopes_of({"auditor"}), UnorderedElementsAre("self", "audit:read", "models:read"));
  EXPECT_THAT(scopes_of({"scientist"}), UnorderedElementsAre("self", "datasets:read", "datasets:write", "models:read",
                                                             "models:write", "models:promote", "jobs:read",
                                                             "jobs:write", "predictions:create", "predictions:read"));
}

TEST(Scopes, an_admin_does_everything_but_speak_for_a_clinician) {
  const auto admin = scopes_of({"admin"});
  EXPECT_THAT(admin, Not(Contains("feedback:write")));
  EXPECT_THAT(admin, Not(Contains("models:accept")));
  EXPECT_EQ(admin.size(), all_scopes().size() - 2);
}

TEST(Scopes, roles_add_up_and_unknown_roles_give_nothing) {
  EXPECT_THAT(scopes_of({"auditor", "clinician"}),
              UnorderedElementsAre("self", "audit:read", "models:read", "models:accept", "predictions:create",
                                   "predictions:read", "feedback:write", "archive:read", "archive:write"));
  EXPECT_THAT(scopes_of({"root"}), ElementsAre("self"));
}

TEST(Scopes, a_token_cannot_make_users_tokens_or_itself_stronger) {
  for (const auto* scope : {"self", "users:write", "tokens:write", "", "everything", "models"}) {
    EXPECT_FALSE(allowed_for_token(scope)) << scope;
  }
  EXPECT_TRUE(allowed_for_token("models:read"));
}

}  // namespace
}  // namespace aceso::portal
