#include "api.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "aceso/base/file.hpp"

namespace aceso::app {
namespace {

class SocketApi final : public Api {
 public:
  explicit SocketApi(std::unique_ptr<net::Client> client) : client_{std::move(client)} {}
  Result<net::ClientResponse> send(const net::ClientRequest& request) override { return client_->send(request); }
  bool in_process() const override { return false; }

 private:
  std::unique_ptr<net::Client> client_;
};

class TextBody final : public net::BodyReader {
 public:
  explicit TextBody(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const auto n = std::min(out.size(), text_.size() - at_);
    if (n > 0) std::memcpy(out.data(), text_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class FileBodyReader final : public net::BodyReader {
 public:
  explicit FileBodyReader(int fd) : fd_{fd} {}
  ~FileBodyReader() override { ::close(fd_); }
  Result<std::size_t> read(std::span<std::byte> out) override {
    for (;;) {
      const auto n = ::read(fd_, out.data(), out.size());
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return Error{Code::internal, "reading the file failed"};
    }
  }

 private:
  int fd_;
};

std::string url_decode(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

class InProcessApi final : public Api {
 public:
  explicit InProcessApi(net::Handler handler) : handler_{std::move(handler)} {}
  bool in_process() const override { return true; }

  Result<net::ClientResponse> send(const net::ClientRequest& request) override {
    ACESO_TRY(net::Request incoming, make_request(request));
    auto answer = handler_(incoming);
    net::Response response = answer ? std::move(*answer) : net::Response::problem(answer.error(), incoming.request_id);
    net::ClientResponse out;
    out.status = response.status;
    out.headers = response.headers;
    ACESO_TRY_OK(read_body(response, request.max_response, out.body));
    return out;
  }

 private:
  static Result<net::Request> make_request(const net::ClientRequest& from) {
    net::Request to;
    to.method = from.method;
    const auto mark = from.target.find('?');
    to.path = url_decode(std::string_view{from.target}.substr(0, mark));
    std::string_view rest =
        mark == std::string::npos ? std::string_view{} : std::string_view{from.target}.substr(mark + 1);
    while (!rest.empty()) {
      const auto end = std::min(rest.find('&'), rest.size());
      const auto item = rest.substr(0, end);
      const auto equals = std::min(item.find('='), item.size());
      to.query.emplace_back(url_decode(item.substr(0, equals)),
                            equals < item.size() ? url_decode(item.substr(equals + 1)) : "");
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    to.headers = from.headers;
    to.request_id = "local";
    to.remote_address = "local";
    to.local_socket = true;
    if (from.body_file.empty()) {
      to.body = std::make_shared<TextBody>(from.body);
      to.headers.set("Content-Length", std::to_string(from.body.size()));
    } else {
      const int fd = ::open(from.body_file.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0)
        return Error{
            errno == ENOENT ? Code::not_found : Code::denied,
            "cannot open " + from.body_file.string() + ": " + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
      to.body = std::make_shared<FileBodyReader>(fd);
      std::error_code ec;
      to.headers.set("Content-Length", std::to_string(std::filesystem::file_size(from.body_file, ec)));
    }
    return to;
  }

  static Status read_body(net::Response& response, std::size_t limit, std::string& out) {
    if (auto* text = std::get_if<std::string>(&response.body)) {
      out = std::move(*text);
    } else if (auto* file = std::get_if<net::FileBody>(&response.body)) {
      ACESO_TRY(out, read_text_file(file->path, limit));
    } else if (auto* source = std::get_if<std::shared_ptr<net::BodySource>>(&response.body)) {
      std::array<std::byte, 65536> piece{};
      for (;;) {
        ACESO_TRY(const auto n, (*source)->read(piece));
        if (n == 0) break;
        if (out.size() + n > limit) return Error{Code::too_large, "the answer is larger than expected"};
        out.append(reinterpret_cast<const char*>(piece.data()), n);
      }
    } else {
      return Error{Code::unsupported, "event streams need a running node"};
    }
    return {};
  }

  net::Handler handler_;
};

}  // namespace

Result<Json> Api::get(std::string target) {
  ACESO_TRY(auto response, send({.method = net::Method::get, .target = std::move(target)}));
  return response.json();
}

Result<Json> Api::call(net::Method method, std::string target, const Json& body) {
  net::ClientRequest request{.method = method, .target = std::move(target)};
  if (!body.is_null()) {
    request.headers.set("Content-Type", "application/json");
    request.body = body.dump();
  }
  ACESO_TRY(auto response, send(request));
  if (response.status == 204) return Json(nullptr);
  return response.json();
}

Result<Json> Api::upload(std::string target, const std::filesystem::path& file, std::string_view content_type,
                         const std::string& input_facts) {
  net::ClientRequest request{.method = net::Method::post, .target = std::move(target)};
  request.headers.set("Content-Type", content_type);
  if (!input_facts.empty()) request.headers.set("Aceso-Input-Facts", input_facts);
  request.body_file = file;
  request.timeout_ms = 0;
  ACESO_TRY(auto response, send(request));
  return response.json();
}

Result<std::string> Api::text(std::string target) {
  ACESO_TRY(auto response, send({.method = net::Method::get, .target = std::move(target)}));
  if (response.status >= 400) {
    ACESO_TRY(const auto unused, response.json());
    return unused.dump();
  }
  return std::move(response.body);
}

std::unique_ptr<Api> make_socket_api(std::unique_ptr<net::Client> client) {
  return std::make_unique<SocketApi>(std::move(client));
}
std::unique_ptr<Api> make_in_process_api(net::Handler handler) {
  return std::make_unique<InProcessApi>(std::move(handler));
}

std::string url_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += ch;
    } else {
      out += '%';
      out += kHex[c >> 4U];
      out += kHex[c & 15U];
    }
  }
  return out;
}

}  // namespace aceso::app
