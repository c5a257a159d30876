#include "prepare.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "compress.hpp"
#include "head.hpp"
#include "http_date.hpp"
#include "range.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kSmallFile = 32 * 1024;  // read at once
constexpr std::size_t kMinGzip = 860;          // below one packet it does not pay

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

class FileSource final : public BodySource {
 public:
  FileSource(Descriptor fd, std::uint64_t offset, std::uint64_t length)
      : fd_{std::move(fd)}, offset_{offset}, left_{length}, length_{length} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    if (want == 0) return std::size_t{0};
    ssize_t n = 0;
    do {
      n = ::pread(fd_.get(), out.data(), want, static_cast<off_t>(offset_));
    } while (n < 0 && errno == EINTR);
    if (n <= 0) return Error{Code::data_loss, "the file became shorter while it was sent"};
    offset_ += static_cast<std::uint64_t>(n);
    left_ -= static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  Descriptor fd_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::uint64_t length_;
};

void make_problem(const Request& request, const Error& error, Prepared& out, int status = 0) {
  Response problem = status != 0 ? problem_with_status(error, status, request.request_id)
                                 : Response::problem(error, request.request_id);
  out.status = problem.status;
  out.headers = std::move(problem.headers);
  out.text = std::get<std::string>(std::move(problem.body));
}

void make_not_modified(Prepared& out) {
  Headers kept;
  for (const auto& [name, value] : out.headers.all()) {
    if (!iequals(name, "Content-Type") && !iequals(name, "Content-Length") && !iequals(name, "Content-Range"))
      kept.add(name, value);
  }
  out.status = 304;
  out.headers = std::move(kept);
  out.text.clear();
  out.source.reset();
  out.source_length.reset();
}

void open_file(const Request& request, const FileBody& file, Prepared& out) {
  Descriptor fd{::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  struct stat info{};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    const bool busy = fd.get() < 0 && (errno == EMFILE || errno == ENFILE);
    return make_problem(
        request,
        busy ? Error{Code::unavailable, "too many open files"} : Error{Code::not_found, "there is nothing here"}, out);
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const std::string etag = !file.etag.empty()
                               ? file.etag
                               : fmt::format("\"{:x}-{:x}{:08x}\"", size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  const std::string modified = format_http_date(info.st_mtim.tv_sec);
  if (!out.headers.has("Content-Type") && !file.content_type.empty())
    out.headers.set("Content-Type", file.content_type);
  out.headers.set("ETag", etag);
  out.headers.set("Last-Modified", modified);
  out.headers.set("Accept-Ranges", "bytes");
  const bool reads = request.method == Method::get || request.method == Method::head;
  if (reads && not_modified(request.headers, etag, modified)) return make_not_modified(out);
  RangeAnswer range;
  if (request.method == Method::get && request.headers.has("Range") && if_range_holds(request.headers, etag, modified))
    range = parse_range(request.headers.get("Range"), size);
  if (range.kind == RangeAnswer::Kind::unsatisfiable) {
    make_problem(request, Error{Code::invalid, "the range lies outside the file"}, out, 416);
    out.headers.set("Content-Range", fmt::format("bytes */{}", size));
    return;
  }
  std::uint64_t length = size;
  if (range.kind == RangeAnswer::Kind::part) {
    length = range.last - range.first + 1;
    out.status = 206;
    out.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.first, range.last, size));
  }
  out.source = std::make_shared<FileSource>(std::move(fd), range.first, length);
  out.source_length = length;
}

// A small body of known length travels with its head in one write.
void absorb_small_source(const Request& request, Prepared& out) {
  if (!out.source || !out.source_length || *out.source_length > kSmallFile || request.method == Method::head) return;
  std::string text(static_cast<std::size_t>(*out.source_length), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const auto n = out.source->read(std::as_writable_bytes(std::span{text}).subspan(have));
    if (!n || *n == 0) {
      out.source.reset();
      return make_problem(request, n ? Error{Code::internal, "a body ended early"} : n.error(), out);
    }
    have += *n;
  }
  out.text = std::move(text);
  out.source.reset();
}

void compress(const Request& request, Prepared& out) {
  const bool whole = out.status == 200 || out.status == 201 || out.status >= 400;
  if (!whole || out.headers.has("Content-Encoding") || !compressible(out.headers.get("Content-Type")) ||
      list_has(out.headers.get("Cache-Control"), "no-transform"))
    return;
  const std::uint64_t size =
      out.source ? out.source_length.value_or(std::numeric_limits<std::uint64_t>::max()) : out.text.size();
  if (size < kMinGzip) return;
  out.headers.add("Vary", "Accept-Encoding");
  if (request.method == Method::head || !accepts_gzip(request.headers.get("Accept-Encoding"))) return;
  if (out.source) {
    out.source = make_gzip_source(std::move(out.source));
    out.source_length.reset();
  } else {
    auto packed = gzip(out.text);
    if (!packed) return;
    out.text = *std::move(packed);
  }
  out.headers.set("Content-Encoding", "gzip");
  if (const std::string_view etag = out.headers.get("ETag"); !etag.empty() && etag.front() == '"')
    out.headers.set("ETag", "W/" + std::string{etag});
}

}  // namespace

Prepared prepare(const Request& request, Response response) {
  Prepared out;
  out.status = response.status;
  for (const auto& [name, value] : response.headers.all()) {  // framing is made here alone
    if (is_token(name) && !iequals(name, "Content-Length") && !iequals(name, "Transfer-Encoding") &&
        !iequals(name, "Connection"))
      out.headers.add(name, value);
  }
  if (auto* text = std::get_if<std::string>(&response.body)) {
    out.text = std::move(*text);
  } else if (auto* source = std::get_if<std::shared_ptr<BodySource>>(&response.body)) {
    out.source = std::move(*source);
    if (out.source) out.source_length = out.source->length();
  } else if (const auto* file = std::get_if<FileBody>(&response.body)) {
    open_file(request, *file, out);
  } else if (auto* events = std::get_if<EventStreamBody>(&response.body)) {
    out.events = std::move(*events);
    out.headers.set("Content-Type", "text/event-stream");
    out.headers.set("Cache-Control", "no-store");
    out.headers.set("X-Accel-Buffering", "no");
  } else if (auto* socket = std::get_if<WebSocketBody>(&response.body)) {
    out.socket = std::move(*socket);
  }
  const bool reads = request.method == Method::get || request.method == Method::head;
  if (out.status == 200 && reads && !out.events && !out.socket &&
      not_modified(request.headers, out.headers.get("ETag"), out.headers.get("Last-Modified")))
    make_not_modified(out);
  if (!out.events && !out.socket) {
    absorb_small_source(request, out);
    compress(request, out);
  }
  out.no_body = request.method == Method::head || out.status == 204 || out.status == 304;
  return out;
}

bool uses_chunks(const Prepared& response, bool http10) noexcept {
  return !http10 && !response.no_body && (response.events || (response.source && !response.source_length));
}

std::string format_head(const Prepared& response, const HeadOptions& options) {
  std::string out;
  out.reserve(512);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  for (const auto& [name, value] : response.headers.all()) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  const auto field = [&](std::string_view name, std::string_view value) {
    out += name;
    out += value;
    out += "\r\n";
  };
  if (!options.date.empty()) field("Date: ", options.date);
  if (!options.request_id.empty()) field("X-Request-Id: ", options.request_id);
  if (uses_chunks(response, options.http10)) {
    field("Transfer-Encoding: ", "chunked");
  } else if (response.status != 204 && response.status != 304 && !response.events) {
    if (!response.source) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.text.size());
    if (response.source && response.source_length)
      fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *response.source_length);
  }
  if (options.close) field("Connection: ", "close");
  out += "\r\n";
  return out;
}

std::string_view reason(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

}  // namespace aceso::net
