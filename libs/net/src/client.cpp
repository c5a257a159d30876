#include "aceso/net/client.hpp"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "chunked.hpp"
#include "client_stream.hpp"
#include "head.hpp"
#include "sse_reader.hpp"

namespace aceso::net {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kMaxProblem = 64 * 1024;

using OnPiece = std::function<Result<bool>(std::string_view)>;  // false: stop here
using Opener = std::function<Result<std::unique_ptr<ClientStream>>(std::int64_t timeout_ms)>;

bool safe_to_repeat(Method method) {
  return method != Method::post && method != Method::patch;
}

std::string text_of(const Json& object, const char* key) {
  if (!object.contains(key)) return {};
  const Json& value = object.at(key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

Error error_of(int status, std::string_view body) {
  Code code = code_of_status(status);
  std::string detail = "the server answered " + std::to_string(status);
  const auto json = parse_json(body, JsonLimits{.bytes = kMaxProblem});
  if (!json || !json->is_object()) return Error{code, std::move(detail)};
  const std::string name = text_of(*json, "code");
  for (int c = 0; c <= static_cast<int>(Code::internal); ++c) {
    if (to_string(static_cast<Code>(c)) == name) code = static_cast<Code>(c);
  }
  if (std::string text = text_of(*json, "detail"); !text.empty()) detail = std::move(text);
  return Error{code, std::move(detail)};
}

class ClientImpl final : public Client {
 public:
  ClientImpl(Opener open, std::string host) : open_{std::move(open)}, host_{std::move(host)} {}

  Result<ClientResponse> send(const ClientRequest& request) override {
    ACESO_TRY(const ResponseHead head, exchange(request));
    ClientResponse out{.status = head.status, .headers = head.headers, .body = {}};
    ACESO_TRY_OK(read_body(request, head, [&](std::string_view piece) -> Result<bool> {
      if (piece.size() > request.max_response - out.body.size())
        return Error{Code::too_large, "the answer is larger than " + std::to_string(request.max_response) + " bytes"};
      out.body.append(piece);
      return true;
    }));
    return out;
  }

  Status download(const ClientRequest& request,
                  const std::function<Status(std::span<const std::byte>)>& on_piece) override {
    return stream(request, [&](std::string_view piece) -> Result<bool> {
      ACESO_TRY_OK(on_piece(std::as_bytes(std::span{piece})));
      return true;
    });
  }

  Status events(const ClientRequest& request,
                const std::function<bool(std::string_view, std::string_view)>& on_event) override {
    ClientRequest asked = request;
    if (!asked.headers.has("Accept")) asked.headers.set("Accept", "text/event-stream");
    EventReader reader;
    return stream(asked, [&](std::string_view piece) { return reader.feed(piece, on_event); });
  }

 private:
  // The answer must be 2xx; its body goes to on_piece.
  Status stream(const ClientRequest& request, const OnPiece& on_piece) {
    ACESO_TRY(const ResponseHead head, exchange(request));
    if (head.status >= 200 && head.status < 300) return read_body(request, head, on_piece);
    std::string body;
    ACESO_TRY_OK(read_body(request, head, [&](std::string_view piece) -> Result<bool> {
      body.append(piece);
      return body.size() <= kMaxProblem;
    }));
    return error_of(head.status, body);
  }

  Result<ResponseHead> exchange(const ClientRequest& request) {
    if (request.target.empty() || request.target.front() != '/' ||
        request.target.find_first_of(" \r\n\t") != std::string::npos)
      return Error{Code::invalid, "a request target is an encoded path"};
    if (stream_ && stream_->readable()) stream_.reset();  // closed by the server, or out of step
    const bool kept = stream_ != nullptr;
    Result<ResponseHead> head = attempt(request);
    if (head || !kept || !stale_ || request.body_source || !safe_to_repeat(request.method)) return head;
    return attempt(request);
  }

  Result<ResponseHead> attempt(const ClientRequest& request) {
    stale_ = false;
    if (!stream_) {
      in_.clear();
      ACESO_TRY(stream_, open_(request.timeout_ms));
    }
    auto head = converse(request);
    if (!head) stream_.reset();
    return head;
  }

  Result<ResponseHead> converse(const ClientRequest& request) {
    const Status sent = send_request(request);
    // A server may refuse before it has read everything: its answer counts more than our failed write.
    if (!sent && sent.error().code() != Code::unavailable) return sent.error();
    auto head = read_head(request.timeout_ms);
    if (!head && !sent) return sent.error();
    if (head && (!sent || unsent_)) head->keep_alive = false;
    return head;
  }

  Status send_request(const ClientRequest& request) {
    std::uint64_t length = request.body.size();
    std::ifstream file;
    if (!request.body_file.empty()) {
      file.open(request.body_file, std::ios::binary);
      std::error_code error;
      length = std::filesystem::file_size(request.body_file, error);
      if (!file || error) return Error{Code::not_found, "cannot read " + request.body_file.string()};
    }
    if (request.body_source) {
      const auto known = request.body_source->length();
      if (!known) return Error{Code::invalid, "a body that is sent needs a length"};
      length = *known;
    }
    std::string out{to_string(request.method)};
    out += " " + request.target + " HTTP/1.1\r\nHost: " + host_ + "\r\n";
    for (const auto& [name, value] : request.headers.all()) out += name + ": " + value + "\r\n";
    const bool has_body = length > 0 || request.method == Method::post || request.method == Method::put ||
                          request.method == Method::patch;
    if (has_body) out += "Content-Length: " + std::to_string(length) + "\r\n";
    out += "\r\n";
    unsent_ = false;
    if (!request.body_source && request.body_file.empty() && request.body.size() <= kPiece)
      return stream_->write(out + request.body, request.timeout_ms);
    ACESO_TRY_OK(stream_->write(out, request.timeout_ms));
    std::string piece(kPiece, '\0');
    for (std::uint64_t sent = 0; sent < length;) {
      if (stream_->readable()) {
        unsent_ = true;
        return {};
      }
      auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, length - sent));
      std::string_view next = std::string_view{request.body}.substr(
          std::min<std::size_t>(static_cast<std::size_t>(sent), request.body.size()), want);
      if (!request.body_file.empty()) {
        if (!file.read(piece.data(), static_cast<std::streamsize>(want)))
          return Error{Code::data_loss, "the file became shorter while it was sent"};
        next = std::string_view{piece}.substr(0, want);
      }
      if (request.body_source) {
        ACESO_TRY(want, request.body_source->read(std::as_writable_bytes(std::span{piece}.first(want))));
        if (want == 0) return Error{Code::data_loss, "the body became shorter while it was sent"};
        next = std::string_view{piece}.substr(0, want);
      }
      ACESO_TRY_OK(stream_->write(next, request.timeout_ms));
      sent += want;
    }
    return {};
  }

  Result<ResponseHead> read_head(std::int64_t timeout_ms) {
    while (true) {
      std::size_t searched = 0;
      if (const std::size_t end = find_head_end(in_, searched); end > 0) {
        auto head = parse_response_head(std::string_view{in_}.substr(0, end), HeadLimits{.bytes = 64 * 1024});
        in_.erase(0, end);
        if (!head || head->status >= 200) return head;
        continue;  // 100 Continue and its like
      }
      if (in_.size() > 64 * 1024) return Error{Code::too_large, "the head of the answer is too large"};
      const bool first = in_.empty();
      auto n = fill(timeout_ms);
      if (!n || *n == 0) stale_ = first && (!n ? n.error().code() == Code::unavailable : true);
      if (!n) return n.error();
      if (*n == 0) return Error{Code::unavailable, "the server closed the connection"};
    }
  }

  Result<std::size_t> fill(std::int64_t timeout_ms) {
    const std::size_t have = in_.size();
    in_.resize(have + kPiece);
    auto n = stream_->read(std::span{in_}.subspan(have), timeout_ms);
    in_.resize(have + (n ? *n : 0));
    return n;
  }

  // Keeps the connection only when the body was read to its end.
  Status read_body(const ClientRequest& request, const ResponseHead& head, const OnPiece& on_piece) {
    const Result<bool> whole = read_pieces(request, head, on_piece);
    if (!whole || !*whole || !head.keep_alive) stream_.reset();
    if (!whole) return whole.error();
    return {};
  }

  Result<bool> read_pieces(const ClientRequest& request, const ResponseHead& head, const OnPiece& on_piece) {
    if (request.method == Method::head || head.status == 204 || head.status == 304) return true;
    const bool until_close = !head.chunked && !head.content_length;
    ChunkDecoder decoder;
    std::uint64_t left = head.content_length.value_or(0);
    while (true) {
      std::string_view rest{in_};
      bool more = true;
      while (!rest.empty() && more && (head.chunked ? !decoder.done() : until_close || left > 0)) {
        std::string_view piece;
        if (head.chunked) {
          ACESO_TRY(piece, decoder.next(rest));
        } else {
          piece =
              until_close ? rest : rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, rest.size())));
          rest.remove_prefix(piece.size());
          left -= until_close ? 0 : piece.size();
        }
        if (!piece.empty()) {
          ACESO_TRY(more, on_piece(piece));
        }
      }
      in_.erase(0, in_.size() - rest.size());
      if (!more) return false;
      if (head.chunked ? decoder.done() : !until_close && left == 0) return true;
      ACESO_TRY(const std::size_t n, fill(request.timeout_ms));
      if (n == 0 && until_close) return false;
      if (n == 0) return Error{Code::unavailable, "the answer ended early"};
    }
  }

  Opener open_;
  std::string host_;
  std::unique_ptr<ClientStream> stream_;
  std::string in_;
  bool stale_ = false;   // the last failure was a kept connection that had been closed
  bool unsent_ = false;  // the server answered before the whole body was sent
};

}  // namespace

Result<Json> ClientResponse::json() const {
  if (status >= 400) return error_of(status, body);
  return parse_json(body, JsonLimits{.bytes = body.size() + 1});
}

Result<std::unique_ptr<Client>> Client::connect_tcp(std::string host, std::uint16_t port,
                                                    std::shared_ptr<crypto::TlsContext> tls) {
  const bool usual = port == (tls ? 443 : 80);
  std::string name = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (!usual) name += ":" + std::to_string(port);
  return std::unique_ptr<Client>{std::make_unique<ClientImpl>(
      [host = std::move(host), port, tls = std::move(tls)](std::int64_t timeout_ms) {
        return open_tcp_stream(host, port, tls.get(), timeout_ms);
      },
      std::move(name))};
}

Result<std::unique_ptr<Client>> Client::connect_unix(std::filesystem::path socket) {
  return std::unique_ptr<Client>{std::make_unique<ClientImpl>(
      [socket = std::move(socket)](std::int64_t) { return open_unix_stream(socket); }, "localhost")};
}

}  // namespace aceso::net
