#include "aceso/net/multipart.hpp"

#include <algorithm>
#include <array>

#include "head.hpp"

namespace aceso::net {
namespace {

std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool valid_boundary(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 70 && text.back() != ' ' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{"'()+_,-./:=? "}.find(c) != std::string_view::npos;
  });
}

class Parser final : public MultipartParser {
 public:
  // The first delimiter may stand at the very start: the buffer begins as if a line had ended.
  Parser(std::string_view boundary, MultipartHandler handler, MultipartLimits limits)
      : delimiter_{"\r\n--" + std::string{boundary}}, handler_{std::move(handler)}, limits_{limits}, buffer_{"\r\n"} {}

  Status feed(std::span<const std::byte> piece) override {
    if (failed_) return Error{Code::invalid, "the multipart body was refused already"};
    buffer_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    while (true) {
      const Result<bool> more = step();
      if (!more) {
        failed_ = true;
        return more.error();
      }
      if (!*more) return {};
    }
  }

  Status finish() override {
    if (failed_ || state_ != State::epilogue)
      return Error{Code::invalid, "the multipart body ends before its closing boundary"};
    return {};
  }

 private:
  enum class State : std::uint8_t { preamble, after_delimiter, head, data, epilogue };

  Result<bool> step() {  // false: more bytes are needed
    switch (state_) {
      case State::preamble:
        return preamble();
      case State::after_delimiter:
        return after_delimiter();
      case State::head:
        return head();
      case State::data:
        return data();
      case State::epilogue:
        buffer_.clear();
        return false;
    }
    return false;
  }

  Result<bool> preamble() {
    const std::size_t at = buffer_.find(delimiter_);
    if (at == std::string::npos) {
      const std::size_t keep = std::min(buffer_.size(), delimiter_.size());
      skipped_ += buffer_.size() - keep;
      if (skipped_ > limits_.preamble_bytes)
        return Error{Code::too_large, "the text before the first part is too long"};
      buffer_.erase(0, buffer_.size() - keep);
      return false;
    }
    buffer_.erase(0, at + delimiter_.size());
    state_ = State::after_delimiter;
    return true;
  }

  // "--" closes; else optional blanks and CRLF (RFC 2046 5.1.1, transport-padding).
  Result<bool> after_delimiter() {
    const std::size_t text = std::min(buffer_.find_first_not_of(" \t"), buffer_.size());
    if (text > 256) return Error{Code::invalid, "malformed boundary line"};
    if (buffer_.size() < text + 2) return false;
    const std::string_view mark = std::string_view{buffer_}.substr(text, 2);
    if (text == 0 && mark == "--") {
      state_ = State::epilogue;
      return true;
    }
    if (mark != "\r\n") return Error{Code::invalid, "malformed boundary line"};
    if (++parts_ > limits_.parts)
      return Error{Code::too_large, "the body has more than " + std::to_string(limits_.parts) + " parts"};
    buffer_.erase(0, text);  // keeps the CRLF: an empty head is then the same as any other
    state_ = State::head;
    return true;
  }

  Result<bool> head() {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos || end > limits_.part_head_bytes) {
      if (buffer_.size() > limits_.part_head_bytes + 4)
        return Error{Code::too_large, "the head of a part is too large"};
      return false;
    }
    PartHead part;
    for (std::size_t begin = 2; begin < end;) {
      const std::size_t stop = std::min(buffer_.find("\r\n", begin), end);
      if (stop > begin)
        ACESO_TRY_OK(parse_field_line(std::string_view{buffer_}.substr(begin, stop - begin), part.headers));
      begin = stop + 2;
    }
    const std::string_view disposition = part.headers.get("Content-Disposition");
    part.name = header_parameter(disposition, "name");
    part.file_name = header_parameter(disposition, "filename");
    if (const auto type = part.headers.get("Content-Type"); !type.empty()) part.content_type = type;
    // The CRLF that ends the head may be the one that begins the next delimiter.
    buffer_.erase(0, end + 2);
    first_ = true;
    state_ = State::data;
    if (handler_.begin) ACESO_TRY_OK(handler_.begin(part));
    return true;
  }

  Result<bool> data() {
    const std::size_t at = buffer_.find(delimiter_);
    const bool found = at != std::string::npos;
    const std::size_t stop = found ? at : buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1);
    const std::size_t start = first_ ? 2 : 0;  // the CRLF of the head is not data
    if (stop > start) {
      if (handler_.data) ACESO_TRY_OK(handler_.data(std::as_bytes(std::span{buffer_}.subspan(start, stop - start))));
      first_ = false;
      buffer_.erase(0, stop);
    }
    if (!found) return false;
    buffer_.erase(0, buffer_.find(delimiter_) + delimiter_.size());
    if (handler_.end) ACESO_TRY_OK(handler_.end());
    state_ = State::after_delimiter;
    return true;
  }

  std::string delimiter_;
  MultipartHandler handler_;
  MultipartLimits limits_;
  std::string buffer_;
  State state_ = State::preamble;
  std::size_t skipped_ = 0;
  std::size_t parts_ = 0;
  bool first_ = false;
  bool failed_ = false;
};

}  // namespace

std::string header_parameter(std::string_view value, std::string_view name) {
  std::size_t at = std::min(value.find(';'), value.size());
  while (at < value.size()) {
    ++at;
    const std::size_t equals = value.find_first_of("=;", at);
    if (equals == std::string_view::npos) return {};
    if (value[equals] == ';') {
      at = equals;
      continue;
    }
    const bool wanted = iequals(trim_blanks(value.substr(at, equals - at)), name);
    std::string out;
    at = equals + 1;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        if (value[at] == '\\' && at + 1 < value.size()) ++at;
        out.push_back(value[at]);
      }
      at = std::min(value.find(';', at), value.size());
    } else {
      const std::size_t end = std::min(value.find(';', at), value.size());
      out = trim_blanks(value.substr(at, end - at));
      at = end;
    }
    if (wanted) return out;
  }
  return {};
}

Result<std::unique_ptr<MultipartParser>> MultipartParser::create(std::string_view content_type,
                                                                 MultipartHandler handler, MultipartLimits limits) {
  const std::string_view type =
      trim_blanks(content_type.substr(0, std::min(content_type.find(';'), content_type.size())));
  if (!iequals(type, "multipart/form-data") && !iequals(type, "multipart/related") && !iequals(type, "multipart/mixed"))
    return Error{Code::unsupported, "the body must be multipart"};
  const std::string boundary = header_parameter(content_type, "boundary");
  if (!valid_boundary(boundary)) return Error{Code::invalid, "the multipart boundary is missing or malformed"};
  return std::unique_ptr<MultipartParser>{std::make_unique<Parser>(boundary, std::move(handler), limits)};
}

Status read_multipart(Request& request, MultipartHandler handler, MultipartLimits limits) {
  ACESO_TRY(const auto parser,
            MultipartParser::create(request.headers.get("Content-Type"), std::move(handler), limits));
  std::array<std::byte, 16 * 1024> piece;
  while (true) {
    ACESO_TRY(const std::size_t n, request.body->read(piece));
    if (n == 0) return parser->finish();
    ACESO_TRY_OK(parser->feed(std::span{piece}.first(n)));
  }
}

}  // namespace aceso::net
