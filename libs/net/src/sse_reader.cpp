#include "sse_reader.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kMaxEvent = std::size_t{1} << 20;

}  // namespace

Result<bool> EventReader::feed(std::string_view piece, const OnEvent& on_event) {
  for (const char c : piece) {
    const bool second_of_crlf = after_cr_ && c == '\n';
    after_cr_ = c == '\r';
    if (second_of_crlf) continue;
    if (c == '\n' || c == '\r') {
      ACESO_TRY(const bool more, line(on_event));
      line_.clear();
      if (!more) return false;
    } else {
      if (line_.size() + data_.size() >= kMaxEvent) return Error{Code::too_large, "an event is larger than 1 MiB"};
      line_.push_back(c);
    }
  }
  return true;
}

Result<bool> EventReader::line(const OnEvent& on_event) {
  if (line_.empty()) {
    const bool more =
        !has_data_ || on_event(event_.empty() ? std::string_view{"message"} : std::string_view{event_}, data_);
    event_.clear();
    data_.clear();
    has_data_ = false;
    return more;
  }
  const std::size_t colon = std::min(line_.find(':'), line_.size());
  const std::string_view name = std::string_view{line_}.substr(0, colon);
  std::string_view value = colon < line_.size() ? std::string_view{line_}.substr(colon + 1) : std::string_view{};
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "event") event_ = value;
  if (name == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  return true;
}

}  // namespace aceso::net
