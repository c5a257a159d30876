#include "aceso/base/log.hpp"

#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

class Lines final : public LogSink {
 public:
  void write(LogLevel level, std::string_view line) override {
    levels.push_back(level);
    lines.emplace_back(line);
  }
  std::vector<LogLevel> levels;
  std::vector<std::string> lines;
};

class Log : public ::testing::Test {
 protected:
  Logger logger(LogFormat format, LogLevel level = LogLevel::info) { return {clock_, lines_, level, format}; }
  Json last() const {
    auto value = parse_json(lines_.lines.back());
    EXPECT_OK(value) << lines_.lines.back();
    return value.ok() ? *value : Json{};
  }

  ManualClock clock_{*parse_utc("2026-03-01T09:30:00Z")};
  Lines lines_;
};

TEST_F(Log, text_lines_hold_time_level_event_and_fields) {
  logger(LogFormat::text).info("request", {{"path", "/healthz"}, {"status", 200}, {"ms", 1.5}, {"local", true}});
  EXPECT_EQ(lines_.lines.at(0), "2026-03-01T09:30:00.000000Z info  request path=/healthz status=200 ms=1.5 local=true");
}

TEST_F(Log, json_lines_hold_the_same) {
  logger(LogFormat::json).warn("request", {{"path", "/\"x\""}, {"status", 200}, {"ms", 1.5}, {"local", false}});
  EXPECT_EQ(
      lines_.lines.at(0),
      R"({"time":"2026-03-01T09:30:00.000000Z","level":"warn","event":"request","path":"/\"x\"","status":200,"ms":1.5,"local":false})");
}

TEST_F(Log, lower_levels_are_left_out) {
  const Logger log = logger(LogFormat::text, LogLevel::warn);
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  EXPECT_EQ(lines_.levels, (std::vector{LogLevel::warn, LogLevel::error}));
  EXPECT_FALSE(log.enabled(LogLevel::info));
}

TEST_F(Log, context_and_request_ids_go_with_every_event) {
  const Logger log = logger(LogFormat::json).with({"service", "portal"}).with_request("r-1");
  log.info("a", {{"n", 1}});
  EXPECT_EQ(last()["service"], "portal");
  EXPECT_EQ(last()["request_id"], "r-1");
  log.with_request("r-2").info("b");
  EXPECT_EQ(last()["request_id"], "r-2");
  log.info("c", {{"service", "models"}});  // no key twice in a line
  EXPECT_EQ(last()["service"], "models");
}

TEST_F(Log, an_error_brings_its_code_message_and_place) {
  logger(LogFormat::json).error("import failed", Error{Code::too_large, "x.npz: 9 GiB"}, {{"name", "x"}});
  EXPECT_EQ(last()["level"], "error");
  EXPECT_EQ(last()["code"], "too_large");
  EXPECT_EQ(last()["message"], "x.npz: 9 GiB");
  EXPECT_NE(last()["where"].get<std::string>().find("log_test.cpp:"), std::string::npos);
}

TEST_F(Log, hostile_fields_stay_one_line_and_cannot_pose_as_others) {
  const std::string hostile = "x\n2026 info forged \x1b[2J\u202E\xff \"q\" a=b \\";
  logger(LogFormat::text).info("login", {{"name", hostile}});
  EXPECT_EQ(lines_.lines.back(),
            "2026-03-01T09:30:00.000000Z info  login "
            R"(name="x\n2026 info forged \u{001B}[2J\u{202E}\xFF \"q\" a=b \\")");
  logger(LogFormat::json).info("login", {{"name", hostile}});
  EXPECT_EQ(lines_.lines.back().find('\n'), std::string::npos);
  EXPECT_EQ(last()["name"], "x\n2026 info forged \x1b[2J\u202E\uFFFD \"q\" a=b \\");
}

TEST_F(Log, long_fields_are_cut) {
  logger(LogFormat::json).info("x", {{"body", std::string(100'000, 'a')}});
  EXPECT_LT(lines_.lines.back().size(), 9000U);
  EXPECT_TRUE(last()["body"].get<std::string>().ends_with("aaa..."));
}

TEST_F(Log, json_has_no_nan) {
  logger(LogFormat::json).info("loss", {{"value", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_TRUE(last()["value"].is_null());
  logger(LogFormat::text).info("loss", {{"value", -std::numeric_limits<double>::infinity()}});
  EXPECT_TRUE(lines_.lines.back().ends_with("value=-inf"));
}

TEST_F(Log, empty_text_is_visible) {
  logger(LogFormat::text).info("x", {{"name", ""}});
  EXPECT_TRUE(lines_.lines.back().ends_with("name=\"\""));
}

}  // namespace
}  // namespace aceso
