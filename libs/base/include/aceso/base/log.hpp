// Structured logs: an event name, fields, a request id; one line an event, as text or JSON. Never patient data: a
// Phi<T> is no field value.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"

namespace aceso {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

struct LogField {
  using Value = std::variant<std::string, std::int64_t, double, bool>;
  std::string_view key;
  Value value;

  LogField(std::string_view k, std::string_view v) : key{k}, value{std::string{v}} {}
  LogField(std::string_view k, const char* v) : key{k}, value{std::string{v}} {}
  LogField(std::string_view k, bool v) : key{k}, value{v} {}
  LogField(std::string_view k, double v) : key{k}, value{v} {}
  LogField(std::string_view k, const void* v) = delete;  // else any pointer would be logged as true
  template <std::integral T>
  LogField(std::string_view k, T v) : key{k}, value{static_cast<std::int64_t>(v)} {}
};

// Where finished lines go. write() gets one line without its newline; thread-safe.
class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
};

std::unique_ptr<LogSink> make_stderr_sink();

// Cheap to copy. Thread-safe. Control characters in fields are escaped, so one event stays one line.
class Logger {
 public:
  // clock and sink must outlive every copy.
  Logger(const Clock& clock, LogSink& sink, LogLevel level = LogLevel::info, LogFormat format = LogFormat::text);

  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void warn(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void error(std::string_view event, const Error& why, std::initializer_list<LogField> fields = {}) const;

  Logger with(LogField field) const;  // a logger that adds this field to every event
  Logger with_request(std::string_view request_id) const;
  bool enabled(LogLevel level) const noexcept { return level >= level_; }

 private:
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields, const Error* why) const;

  const Clock* clock_;
  LogSink* sink_;
  LogLevel level_;
  LogFormat format_;
  std::vector<std::pair<std::string, LogField::Value>> context_;
};

}  // namespace aceso
