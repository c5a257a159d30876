// The parts of the command line that need no process of their own.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "aceso/base/file.hpp"
#include "api.hpp"
#include "completion.hpp"
#include "context.hpp"
#include "home.hpp"
#include "settings.hpp"

namespace aceso::app {
namespace {

bool has(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

struct Tree {
  CLI::App app{"test", "aceso"};
  Context context;
  Tree() {
    app.add_flag("--json", context.json);
    add_dataset(app, context);
    add_model(app, context);
    add_worker(app, context);
  }
};

TEST(Completion, offers_commands_by_prefix) {
  const Tree tree;
  EXPECT_EQ(complete(tree.app, {"da"}), std::vector<std::string>{"dataset"});
  const auto inner = complete(tree.app, {"dataset", ""});
  EXPECT_TRUE(has(inner, "import"));
  EXPECT_TRUE(has(inner, "verify"));
}
TEST(Completion, offers_options_of_the_command_and_its_parents) {
  const Tree tree;
  const auto found = complete(tree.app, {"dataset", "import", "--"});
  EXPECT_TRUE(has(found, "--labels"));
  EXPECT_TRUE(has(found, "--json"));
}
TEST(Completion, hides_what_is_not_for_people) {
  const Tree tree;
  EXPECT_FALSE(has(complete(tree.app, {""}), "worker"));
}
TEST(Completion, names_the_shells_it_knows) {
  for (const char* shell : {"bash", "zsh", "fish"}) EXPECT_TRUE(completion_script(shell).ok()) << shell;
  EXPECT_EQ(completion_script("csh").error().code(), Code::invalid);
}

TEST(HomeLock, is_held_by_one_process_object_and_freed_with_it) {
  const auto home = TempDir::create();
  ASSERT_TRUE(home.ok());
  {
    const auto first = HomeLock::acquire(home->path());
    ASSERT_TRUE(first.ok());
    const auto second = HomeLock::acquire(home->path());
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), Code::unavailable);
    EXPECT_NE(second.error().message().find(std::to_string(::getpid())), std::string::npos)
        << "the message names the owner";
  }
  EXPECT_TRUE(HomeLock::acquire(home->path()).ok());
}

TEST(Table, pads_by_characters_not_bytes) {
  EXPECT_EQ(format_table({"A", "B"}, {{"für", "1"}, {"x", "2"}}), "A    B\nfür  1\nx    2\n");
}

TEST(Url, encodes_all_but_unreserved_characters) {
  EXPECT_EQ(url_encode("a b/ü~"), "a%20b%2F%C3%BC~");
}

TEST(Api, in_process_decodes_targets_and_turns_errors_into_problems) {
  const auto api = make_in_process_api([](net::Request& request) -> Result<net::Response> {
    if (request.path != "/x y") return Error{Code::not_found, "nothing there"};
    EXPECT_TRUE(request.local_socket);
    return net::Response::json(Json{{"q", request.query_value("k").value_or("")}});
  });
  const auto good = api->get("/x%20y?k=a%26b");
  ASSERT_TRUE(good.ok()) << good.error().message();
  EXPECT_EQ(good->at("q"), "a&b");
  const auto bad = api->get("/z");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), Code::not_found);
  EXPECT_NE(bad.error().message().find("nothing there"), std::string::npos);
}

TEST(Settings, reference_parses_and_unknown_keys_are_named_with_their_line) {
  const auto none = [](const std::string&) { return std::optional<std::string>{}; };
  const auto schema = make_schema();
  EXPECT_TRUE(Config::parse(schema, schema.reference_yaml(), "aceso.yaml", none).ok());
  const auto bad = Config::parse(schema, "net:\n  prot: 9\n", "aceso.yaml", none);
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message().find("aceso.yaml:2"), std::string::npos) << bad.error().message();
  EXPECT_NE(bad.error().message().find("net.port"), std::string::npos) << bad.error().message();
}

}  // namespace
}  // namespace aceso::app
