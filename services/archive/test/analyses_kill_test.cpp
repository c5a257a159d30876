// kill -9 between a model's answer and its results: after the restart they are in the study exactly once, as the model
// said them the first time.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "analyses_fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

// The child dies by its own hand when it begins to write result number `at` (from 0).
void die_while_writing(AnalysisNode& node, int at) {
  int begun = 0;
  node.before_result = [&begun, at] {
    if (begun++ == at) ::kill(::getpid(), SIGKILL);
  };
  if (!node.open() || !put(*node.archive, make_file(chest()))) ::_exit(1);
  node.quiet();
  for (;;) ::pause();
}

TEST(AnalysesKill, results_are_written_exactly_once) {
  for (const int at : {0, 1}) {
    AnalysisNode node;
    const pid_t child = ::fork();
    if (child == 0) die_while_writing(node, at);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    node.predictor.answer = [] { return made_up_answer(0.125); };  // were it asked again, it would say something else
    node.clock.advance(std::chrono::hours{2});
    ASSERT_OK(node.open());
    EXPECT_EQ(node.archive->totals().instances, 1U + static_cast<unsigned>(at));
    ASSERT_TRUE(node.becomes("analysed"));
    EXPECT_EQ(node.archive->totals().instances, 3U);
    EXPECT_TRUE(node.predictor.pictures().empty()) << "the answer was kept before anything was written";
    EXPECT_EQ(node.view().at("analyses").at(0).at("probability"), 0.875);
    node.close();
    node.clock.advance(std::chrono::hours{2});
    ASSERT_OK(node.open());
    EXPECT_EQ(node.archive->totals().instances, 3U);
  }
}

}  // namespace
}  // namespace aceso::archive
