#include "aceso/base/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <mutex>
#include <utility>

#include "aceso/base/text.hpp"
#include "fd.hpp"

namespace aceso {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warn", "error"};
constexpr std::size_t kLongestValue = 8192;  // bytes of a field that reach a line

class StderrSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    std::string whole{line};
    whole += '\n';
    const std::lock_guard lock{mutex_};
    // A full disk or closed terminal must not stop the node; there is nowhere left to say so.
    static_cast<void>(detail::write_all(STDERR_FILENO, whole.data(), whole.size()));
  }

 private:
  std::mutex mutex_;
};

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    const auto point = decode_utf8(text, at);
    const std::size_t bytes = point ? point->bytes : 1;
    if (at + bytes > kLongestValue) break;
    if (!point) {
      out += "\xEF\xBF\xBD";  // U+FFFD
    } else if (point->value == U'"' || point->value == U'\\') {
      out += '\\';
      out += text[at];
    } else if (is_unsafe_control(point->value)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(point->value));
    } else {
      out += text.substr(at, bytes);
    }
    at += bytes;
  }
  out += at < text.size() ? "...\"" : "\"";
}

// name=value as it is when that is unambiguous, else in double quotes.
void append_text_string(std::string& out, std::string_view text) {
  const std::string escaped = escape_controls(text, kLongestValue);
  const bool plain = !escaped.empty() && escaped.find_first_of(" \"=") == std::string::npos;
  if (plain) {
    out += escaped;
    return;
  }
  out += '"';
  for (const char c : escaped) {
    if (c == '"') out += '\\';
    out += c;
  }
  out += '"';
}

void append_number(std::string& out, double value, LogFormat format) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else if (format == LogFormat::json) {
    out += "null";  // RFC 8259 6 has no NaN and no infinity
  } else {
    out += std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
}

void append_value(std::string& out, const LogField::Value& value, LogFormat format) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    format == LogFormat::json ? append_json_string(out, *text) : append_text_string(out, *text);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out += std::to_string(*integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    append_number(out, *number, format);
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

void append_field(std::string& out, std::string_view key, const LogField::Value& value, LogFormat format) {
  if (format == LogFormat::json) {
    out += out.size() > 1 ? "," : "";
    append_json_string(out, key);
    out += ':';
  } else {
    out += ' ';
    append_text_string(out, key);
    out += '=';
  }
  append_value(out, value, format);
}

std::string begin_line(LogFormat format, UtcTime time, LogLevel level, std::string_view event) {
  const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
  if (format == LogFormat::text) {
    std::string line = fmt::format("{} {:5} ", format_utc(time), name);
    append_text_string(line, event);
    return line;
  }
  std::string line = "{";
  append_field(line, "time", format_utc(time), format);
  append_field(line, "level", std::string{name}, format);
  append_field(line, "event", std::string{event}, format);
  return line;
}

}  // namespace

std::unique_ptr<LogSink> make_stderr_sink() {
  return std::make_unique<StderrSink>();
}

Logger::Logger(const Clock& clock, LogSink& sink, LogLevel level, LogFormat format)
    : clock_{&clock}, sink_{&sink}, level_{level}, format_{format} {}

void Logger::debug(std::string_view event, std::initializer_list<LogField> fields) const {
  write(LogLevel::debug, event, fields, nullptr);
}
void Logger::info(std::string_view event, std::initializer_list<LogField> fields) const {
  write(LogLevel::info, event, fields, nullptr);
}
void Logger::warn(std::string_view event, std::initializer_list<LogField> fields) const {
  write(LogLevel::warn, event, fields, nullptr);
}
void Logger::error(std::string_view event, std::initializer_list<LogField> fields) const {
  write(LogLevel::error, event, fields, nullptr);
}
void Logger::error(std::string_view event, const Error& why, std::initializer_list<LogField> fields) const {
  write(LogLevel::error, event, fields, &why);
}

Logger Logger::with(LogField field) const {
  Logger copy = *this;
  const auto same = std::find_if(copy.context_.begin(), copy.context_.end(),
                                 [&](const auto& entry) { return entry.first == field.key; });
  if (same != copy.context_.end()) {
    same->second = std::move(field.value);
  } else {
    copy.context_.emplace_back(std::string{field.key}, std::move(field.value));
  }
  return copy;
}

Logger Logger::with_request(std::string_view request_id) const {
  return with({"request_id", request_id});
}

void Logger::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields,
                   const Error* why) const {
  if (!enabled(level)) return;
  std::string line = begin_line(format_, clock_->utc_now(), level, event);
  for (const auto& [key, value] : context_) {
    const bool replaced = std::any_of(fields.begin(), fields.end(), [&](const LogField& f) { return f.key == key; });
    if (!replaced) append_field(line, key, value, format_);
  }
  for (const LogField& field : fields) append_field(line, field.key, field.value, format_);
  if (why != nullptr) {
    append_field(line, "code", std::string{to_string(why->code())}, format_);
    append_field(line, "message", why->message(), format_);
    append_field(line, "where", fmt::format("{}:{}", why->where().file, why->where().line), format_);
  }
  if (format_ == LogFormat::json) line += '}';
  sink_->write(level, line);
}

}  // namespace aceso
