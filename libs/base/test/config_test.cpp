#include "aceso/base/config.hpp"

#include <algorithm>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

ConfigSchema schema() {
  ConfigSchema s;
  s.add({"home", ConfigType::text, "", "Folder of the node."})
      .add({"net.port", ConfigType::integer, "8080", "TCP port.", 1, 65535})
      .add({"net.addresses", ConfigType::list, "127.0.0.1, ::1", "Addresses to listen on.", 1, 8})
      .add({"net.idle", ConfigType::duration, "30s", "Idle connections are closed after this.", 1000, {}})
      .add({"net.tls.enabled", ConfigType::boolean, "false", "TLS on the listener."})
      .add({"store.segment", ConfigType::size, "64MiB", "Size of a segment.", 4096, {}})
      .add({"store.fill", ConfigType::number, "0.5", "Share that is filled.", 0, 1})
      .add({"log.level", ConfigType::text, "info", "Least level.", {}, {}, {"debug", "info", "warn", "error"}})
      .add({"routing.rules", ConfigType::document, "[]", "What goes where."})
      .add({"portal.pepper", ConfigType::secret, "", "Mixed into passwords."});
  return s;
}

Config::Environment environment(std::map<std::string, std::string> values = {}) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto at = values.find(name);
    return at == values.end() ? std::nullopt : std::optional{at->second};
  };
}

Result<Config> parse(std::string_view yaml, std::map<std::string, std::string> variables = {}) {
  return Config::parse(schema(), yaml, "/etc/aceso.yaml", environment(std::move(variables)));
}

std::string problem(std::string_view yaml, std::map<std::string, std::string> variables = {}) {
  const auto config = parse(yaml, std::move(variables));
  if (config.ok()) return "accepted";
  EXPECT_EQ(config.error().code(), Code::invalid);
  return config.error().message();
}

TEST(Config, an_empty_file_gives_the_defaults) {
  const auto config = parse("");
  ASSERT_OK(config);
  EXPECT_EQ(config->integer("net.port"), 8080);
  EXPECT_EQ(config->list("net.addresses"), (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(config->duration_ms("net.idle"), 30'000);
  EXPECT_EQ(config->size_bytes("store.segment"), 64U << 20U);
  EXPECT_EQ(config->number("store.fill"), 0.5);
  EXPECT_FALSE(config->boolean("net.tls.enabled"));
  EXPECT_EQ(config->text("home"), "");
  EXPECT_EQ(config->secret("portal.pepper"), std::nullopt);
  EXPECT_EQ(config->origin("net.port"), "default");
}

TEST(Config, the_file_comes_before_the_default_and_the_environment_before_the_file) {
  const auto config = parse("net:\n  port: 9000\n  idle: 2h\n  tls: {enabled: yes}\n", {{"ACESO_NET_PORT", "9001"}});
  ASSERT_OK(config);
  EXPECT_EQ(config->integer("net.port"), 9001);
  EXPECT_EQ(config->origin("net.port"), "environment");
  EXPECT_EQ(config->duration_ms("net.idle"), 7'200'000);
  EXPECT_EQ(config->origin("net.idle"), "aceso.yaml:3");
  EXPECT_TRUE(config->boolean("net.tls.enabled"));
}

TEST(Config, lists_come_as_sequences_or_with_commas) {
  EXPECT_EQ(parse("net: {addresses: [a, b]}")->list("net.addresses").size(), 2U);
  EXPECT_EQ(parse("net: {addresses: 'a, b,c'}")->list("net.addresses").size(), 3U);
  EXPECT_EQ(parse("", {{"ACESO_NET_ADDRESSES", "a"}})->list("net.addresses").size(), 1U);
}

TEST(Config, a_document_comes_as_json_of_any_shape) {
  EXPECT_EQ(parse("")->document("routing.rules"), "[]");
  EXPECT_EQ(parse("routing:\n  rules:\n    - match: {modality: DX, part: 'yes'}\n      to: [1, -2.5, true, '3', ~]\n")
                ->document("routing.rules"),
            R"([{"match":{"modality":"DX","part":"yes"},"to":[1,-2.5,true,"3",null]}])");
  EXPECT_EQ(parse("", {{"ACESO_ROUTING_RULES", R"([ {"a": 1} ])"}})->document("routing.rules"), R"([{"a":1}])");
  EXPECT_EQ(problem("routing:\n  rules: 7\n"), "aceso.yaml:2: routing.rules: \"7\" is not a list or map");
  EXPECT_EQ(problem("", {{"ACESO_ROUTING_RULES", "[1"}}), "ACESO_ROUTING_RULES: \"[1\" is not a list or map");
  EXPECT_EQ(problem("routing:\n  rules: {a: 1, a: 2}\n"), "aceso.yaml:2: routing.rules: holds a key twice");
  std::string deep = "1";
  for (int i = 0; i < 20; ++i) deep = "[" + deep + "]";
  EXPECT_EQ(problem("routing: {rules: " + deep + "}"), "aceso.yaml:1: routing.rules: is too deep or too large");
}

TEST(Config, an_unknown_key_names_file_line_and_the_nearest_key) {
  EXPECT_EQ(problem("home: /x\nnet:\n  prot: 1\n"), "aceso.yaml:3: net.prot: unknown key, did you mean net.port?");
  EXPECT_EQ(problem("nte:\n  port: 1\n"), "aceso.yaml:1: nte: unknown key, did you mean net?");
  EXPECT_EQ(problem("quite_else: 1\n"), "aceso.yaml:1: quite_else: unknown key");
}

TEST(Config, a_wrong_value_names_file_line_key_and_what_it_should_be) {
  EXPECT_EQ(problem("net:\n  port: http\n"), "aceso.yaml:2: net.port: \"http\" is not a whole number");
  EXPECT_EQ(problem("net:\n  port: 70000\n"), "aceso.yaml:2: net.port: \"70000\" is above 65535");
  EXPECT_EQ(problem("net: {idle: 10ms}"), "aceso.yaml:1: net.idle: \"10ms\" is below 1000");
  EXPECT_EQ(problem("log: {level: verbose}"),
            "aceso.yaml:1: log.level: \"verbose\" is none of debug, info, warn, error");
  EXPECT_EQ(problem("", {{"ACESO_NET_PORT", "x\n"}}), "ACESO_NET_PORT: \"x\\n\" is not a whole number");
  EXPECT_EQ(problem("net: {port: [1, 2]}"), "aceso.yaml:1: net.port: a list is not a whole number");
  EXPECT_EQ(problem("net: {addresses: []}"), "aceso.yaml:1: net.addresses: \"0 items\" is below 1");
  EXPECT_EQ(problem("net: 5"), "aceso.yaml:1: net: is a section: its keys stand below it, indented");
  EXPECT_EQ(problem("net:\n  port:\n"), "aceso.yaml:2: net.port: has no value");
}

TEST(Config, units_must_be_known_and_values_whole) {
  for (const char* text : {"30", "s", "30 parsecs", "-1s", "1e3s", "0.5ms", "99999999999999999999d", "."}) {
    EXPECT_NE(problem("net: {idle: '" + std::string{text} + "'}"), "accepted") << text;
  }
  for (const char* text : {"64MB", "-1", "1.5", "MiB", "9999999999TiB", "nan"}) {
    EXPECT_NE(problem("store: {segment: '" + std::string{text} + "'}"), "accepted") << text;
  }
  EXPECT_EQ(parse("store: {segment: 1.5KiB}").ok(), false);  // below its minimum
  EXPECT_EQ(parse("store: {segment: 1.5 MiB}")->size_bytes("store.segment"), 1'572'864U);
  EXPECT_EQ(parse("net: {idle: 7d}")->duration_ms("net.idle"), 604'800'000);
}

TEST(Config, a_key_given_twice_is_refused) {
  EXPECT_EQ(problem("net:\n  port: 1\n  port: 2\n"), "aceso.yaml:3: net.port: is given twice");
  EXPECT_EQ(problem("net:\n  port: 1\nnet:\n  port: 2\n"), "aceso.yaml:4: net.port: is given twice");
}

TEST(Config, all_problems_are_told_at_once_up_to_ten) {
  EXPECT_EQ(problem("a: 1\nb: 1\n"), "aceso.yaml:1: a: unknown key\naceso.yaml:2: b: unknown key");
  std::string yaml;
  for (char c = 'a'; c <= 'l'; ++c) yaml += std::string(12, c) + ": 1\n";
  const std::string text = problem(yaml);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  EXPECT_TRUE(text.ends_with("\nand 2 more"));
}

TEST(Config, broken_yaml_names_its_line) {
  EXPECT_TRUE(problem("net:\n  port: [1\n").starts_with("aceso.yaml:")) << problem("net:\n  port: [1\n");
  EXPECT_TRUE(problem("- 1\n").find("not a map") != std::string::npos);
  EXPECT_NE(problem(std::string(100'000, '[')), "accepted");
  EXPECT_NE(problem("? [a, b]\n: 1\n"), "accepted");
}

TEST(Config, references_that_multiply_cost_nothing) {
  std::string yaml = "home: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    yaml += "k" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" +
            std::to_string(i - 1) + "]\n";
  }
  EXPECT_NE(problem(yaml), "accepted");
}

TEST(Config, secrets_come_from_files_beside_the_configuration) {
  auto folder = TempDir::create();
  ASSERT_OK(folder);
  ASSERT_OK(write_file_atomic(folder->path() / "pepper", "s3cret\n\n", {.mode = 0600}));
  ASSERT_OK(write_file_atomic(folder->path() / "aceso.yaml", "portal:\n  pepper_file: pepper\n"));
  const auto config = Config::load(schema(), folder->path() / "aceso.yaml", true, environment());
  ASSERT_OK(config);
  EXPECT_EQ(config->secret("portal.pepper"), "s3cret\n");
  EXPECT_EQ(config->origin("portal.pepper"), "aceso.yaml:2");
  const auto by_variable = parse("", {{"ACESO_PORTAL_PEPPER_FILE", (folder->path() / "pepper").string()}});
  ASSERT_OK(by_variable);
  EXPECT_EQ(by_variable->secret("portal.pepper"), "s3cret\n");
}

TEST(Config, a_secret_in_the_open_is_refused_and_not_repeated) {
  for (const std::string& text :
       {problem("portal: {pepper: hunter2}"), problem("", {{"ACESO_PORTAL_PEPPER", "hunter2"}})}) {
    EXPECT_NE(text.find("to the path of one"), std::string::npos) << text;
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  }
  EXPECT_NE(problem("portal: {pepper_file: /no/such/file}").find("/no/such/file"), std::string::npos);
}

TEST(Config, a_missing_file_is_an_error_only_when_required) {
  EXPECT_CODE(Config::load(schema(), "/no/such/aceso.yaml", true, environment()), Code::not_found);
  EXPECT_OK(Config::load(schema(), "/no/such/aceso.yaml", false, environment()));
}

TEST(Config, the_reference_holds_every_key_and_parses_to_the_defaults) {
  const ConfigSchema declared = schema();
  const std::string yaml = declared.reference_yaml();
  const auto config = parse(yaml);
  ASSERT_OK(config);
  EXPECT_EQ(config->integer("net.port"), 8080);
  EXPECT_NE(config->origin("net.port"), "default");
  EXPECT_EQ(config->list("net.addresses").size(), 2U);
  for (const ConfigKey& key : declared.keys()) {
    EXPECT_NE(yaml.find("# " + key.help), std::string::npos) << key.name;
    EXPECT_EQ(config->origin(key.name) == "default", key.type == ConfigType::secret) << key.name;
  }
  EXPECT_NE(yaml.find("  # pepper_file: /path/of/a/file\n"), std::string::npos);
}

TEST(ConfigDeathTest, wrong_declarations_and_questions_are_defects_of_ours) {
  EXPECT_DEATH(schema().add({"net.port", ConfigType::integer, "1", "Again."}), "declared twice");
  EXPECT_DEATH(schema().add({"net", ConfigType::integer, "1", "A section."}), "also a section");
  EXPECT_DEATH(schema().add({"x", ConfigType::integer, "one", "Bad default."}), "default");
  const auto config = parse("");
  EXPECT_DEATH(static_cast<void>(config->text("net.port")), "another type");
  EXPECT_DEATH(static_cast<void>(config->text("nothing")), "no such configuration key");
}

}  // namespace
}  // namespace aceso
