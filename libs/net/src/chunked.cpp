#include "chunked.hpp"

#include <algorithm>

#include "head.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxOverhead = 16 * 1024;  // extensions and trailers of one body together

}  // namespace

Result<bool> ChunkDecoder::line(std::string_view& in) {
  while (!in.empty()) {
    const char c = in.front();
    in.remove_prefix(1);
    if (c == '\n') {
      if (line_.empty() || line_.back() != '\r') return Error{Code::invalid, "bare LF in the chunked body"};
      line_.pop_back();
      return true;
    }
    if (!line_.empty() && line_.back() == '\r') return Error{Code::invalid, "bare CR in the chunked body"};
    if (line_.size() == kMaxLine) return Error{Code::too_large, "a chunk line is too long"};
    line_.push_back(c);
  }
  return false;
}

Status ChunkDecoder::take_size() {
  std::size_t digits = 0;
  left_ = 0;
  for (const char c : line_) {
    int value = -1;
    if (c >= '0' && c <= '9') value = c - '0';
    if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
    if (value < 0) break;
    if (++digits > 15) return Error{Code::invalid, "the chunk size is too large"};
    left_ = left_ * 16 + static_cast<std::uint64_t>(value);
  }
  if (digits == 0) return Error{Code::invalid, "malformed chunk size"};
  if (digits < line_.size()) {
    if (line_[digits] != ';') return Error{Code::invalid, "malformed chunk size"};
    for (const char c : line_) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F)
        return Error{Code::invalid, "control character in a chunk extension"};
    }
    overhead_ += line_.size() - digits;
    if (overhead_ > kMaxOverhead) return Error{Code::too_large, "too many chunk extensions"};
  }
  return {};
}

Result<std::string_view> ChunkDecoder::next(std::string_view& in) {
  while (!in.empty() && state_ != State::done) {
    switch (state_) {
      case State::size: {
        ACESO_TRY(const bool complete, line(in));
        if (!complete) return std::string_view{};
        ACESO_TRY_OK(take_size());
        line_.clear();
        state_ = left_ > 0 ? State::data : State::trailer;
        break;
      }
      case State::data: {
        const std::string_view piece =
            in.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size())));
        in.remove_prefix(piece.size());
        left_ -= piece.size();
        if (left_ == 0) state_ = State::data_end;
        return piece;
      }
      case State::data_end: {
        ACESO_TRY(const bool complete, line(in));
        if (!line_.empty() && line_ != "\r") return Error{Code::invalid, "a chunk is longer than its size"};
        if (!complete) return std::string_view{};
        state_ = State::size;
        break;
      }
      case State::trailer: {
        ACESO_TRY(const bool complete, line(in));
        if (!complete) return std::string_view{};
        if (line_.empty()) {
          state_ = State::done;
          break;
        }
        overhead_ += line_.size();
        if (overhead_ > kMaxOverhead) return Error{Code::too_large, "the trailers are too large"};
        Headers field;
        ACESO_TRY_OK(parse_field_line(line_, field));
        if (forbidden_in_trailer(field.all().front().first))
          return Error{Code::invalid, "a trailer holds a field that may not stand there"};
        line_.clear();
        break;
      }
      case State::done:
        break;
    }
  }
  return std::string_view{};
}

}  // namespace aceso::net
