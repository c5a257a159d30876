#include "media_type.hpp"

#include <algorithm>
#include <charconv>

#include "list_fields.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxRanges = 32;

std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts at a separator that stands outside of quotes.
std::vector<std::string_view> split_unquoted(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  bool quoted = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] != separator || quoted) continue;
    out.push_back(trim_blanks(text.substr(start, i - start)));
    start = i + 1;
  }
  out.push_back(trim_blanks(text.substr(start)));
  return out;
}

std::string_view unquoted(std::string_view value) noexcept {
  value = trim_blanks(value);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return trim_blanks(value);
}

double quality_of(std::string_view text) noexcept {
  double value = 1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && value >= 0 && value <= 1 ? value : 1;
}

MediaRange range_of(std::string_view text) {
  MediaRange range;
  const auto parts = split_unquoted(text, ';');
  range.type = lower_ascii(parts.front());
  if (range.type == "multipart/related") {
    range.multipart = true;
    range.type = "*/*";
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = lower_ascii(trim_blanks(parts[i].substr(0, equals)));
    const auto value = unquoted(parts[i].substr(equals + 1));
    if (name == "q") range.quality = quality_of(value);
    if (name == "transfer-syntax") range.transfer_syntax = value;
    if (name == "type" && range.multipart) range.type = lower_ascii(value);
  }
  return range;
}

}  // namespace

std::vector<MediaRange> parse_accept(std::string_view accept) {
  std::vector<MediaRange> out;
  for (const auto one : split_unquoted(accept, ',')) {
    if (out.size() >= kMaxRanges) break;
    if (one.empty()) continue;
    auto range = range_of(one);
    if (range.quality > 0) out.push_back(std::move(range));
  }
  if (out.empty()) out.push_back({.type = "*/*", .transfer_syntax = {}});
  std::ranges::stable_sort(out, std::greater{}, &MediaRange::quality);
  return out;
}

std::vector<MediaRange> accepted(const net::Request& request) {
  if (const auto wanted = request.query_value("accept"); wanted && !wanted->empty()) return parse_accept(*wanted);
  std::string all;
  for (const auto& [name, value] : request.headers.all()) {
    if (lower_ascii(name) == "accept") all += (all.empty() ? "" : ",") + value;
  }
  return parse_accept(all);
}

bool fits(const MediaRange& range, std::string_view type) noexcept {
  if (range.type == "*/*" || range.type == "*" || range.type == type) return true;
  return range.type.ends_with("/*") && type.starts_with(std::string_view{range.type}.substr(0, range.type.size() - 1));
}

}  // namespace aceso::archive
