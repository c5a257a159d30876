// HTTP as the services see it: requests with a readable body, responses that may stream, errors with a status made here
// and nowhere else.
#pragma once

#include <any>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::net {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options };
std::string_view to_string(Method method) noexcept;  // "GET"
int http_status(Code code) noexcept;
Code code_of_status(int status) noexcept;  // for clients

// Names compare without case. Values hold no CR, LF or NUL: set() drops such characters.
class Headers {
 public:
  void set(std::string_view name, std::string_view value);  // replaces
  void add(std::string_view name, std::string_view value);
  std::string_view get(std::string_view name) const noexcept;  // the first, "" when absent
  bool has(std::string_view name) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Pull: reading less makes the server read less from the socket. Blocking; only on the handler's thread.
class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  virtual ~BodyReader() = default;
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;  // 0: the end. Errors: timeout, too_large, invalid
                                                                   // (malformed chunk), cancelled (peer gone)
  Result<std::string> read_all(std::size_t limit);                 // too_large
};

struct Request {
  Method method = Method::get;
  std::string path;  // percent-decoded, normalised; never holds "..", NUL or an encoded slash
  std::vector<std::pair<std::string, std::string>> query;        // decoded, in order
  std::vector<std::pair<std::string, std::string>> path_params;  // filled by the router
  Headers headers;
  std::shared_ptr<BodyReader> body;  // shared with the connection that fills it; never null
  std::string request_id;            // UUIDv7, echoed as X-Request-Id
  std::string remote_address;        // "127.0.0.1", "unix"
  bool secure = false;               // TLS
  bool local_socket = false;         // came over the node's Unix socket
  std::any principal;                // contracts::Principal, put there by the authentication step

  std::string_view param(std::string_view name) const noexcept;  // path parameter, "" when absent
  std::optional<std::string> query_value(std::string_view name) const;
  Result<std::int64_t> query_integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                                     std::int64_t max) const;
  std::string_view cookie(std::string_view name) const noexcept;
  Result<Json> json(std::size_t limit = std::size_t{1} << 20);  // unsupported unless application/json
};

// A body made while it is sent. read() is called on a pool thread only when the socket has room, so a slow reader holds
// no thread.
class BodySource {
 public:
  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  virtual ~BodySource() = default;
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;               // 0: the end
  virtual std::optional<std::uint64_t> length() const { return std::nullopt; }  // known: Content-Length, else chunked
};

// Server-sent events (WHATWG HTML 9.2). Any thread may send; a subscriber that lags behind by `max_pending` events is
// closed and reconnects with Last-Event-ID.
class EventStream {
 public:
  virtual ~EventStream() = default;
  virtual bool send(std::string_view event, std::string_view data,
                    std::string_view id = {}) = 0;  // false: the peer is gone or too slow
  virtual void close() = 0;
  virtual bool closed() const = 0;
};
struct EventStreamBody {
  std::function<void(std::shared_ptr<EventStream>)> on_open;  // called once headers are out; shared with whoever sends
  std::function<void()> on_close;
  std::size_t max_pending = 256;
};

// WebSocket (RFC 6455), text and binary messages.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  virtual bool send(std::string message,
                    bool binary = false) = 0;  // queued; false when closed or `max_pending` messages wait
  virtual void close(std::uint16_t code = 1000) = 0;
};
struct WebSocketBody {
  std::function<void(std::shared_ptr<WebSocket>)> on_open;
  std::function<void(std::string message, bool binary)> on_message;  // on a pool thread, one at a time per socket
  std::function<void()> on_close;
  std::size_t max_message = std::size_t{1} << 20;
  std::size_t max_pending = 256;
  std::function<bool(std::string_view origin)> allow_origin =
      {};  // asked when the browser names one; by default it must be this server
};

// A file sent with ETag, Last-Modified, ranges (RFC 9110 14) and conditional requests.
struct FileBody {
  std::filesystem::path path;
  std::string content_type;
  std::string etag;  // strong, quoted; empty: made from size and time
};

struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, std::shared_ptr<BodySource>, FileBody, EventStreamBody, WebSocketBody>
      body;  // shared with the connection that sends it

  static Response json(const Json& value, int status = 200);
  static Response text(std::string body, std::string_view content_type = "text/plain; charset=utf-8", int status = 200);
  static Response file(std::filesystem::path path, std::string_view content_type);
  static Response no_content();
  // RFC 9457 problem+json: {"type","title","status","detail","code","request_id"}
  static Response problem(const Error& error, std::string_view request_id);
};

using Handler = std::function<Result<Response>(Request&)>;

// What the router knows of a route; OpenAPI is made from it.
struct RouteInfo {
  std::string summary;              // one line
  std::string tag;                  // "models"
  std::string scope;                // "models:read"; empty: anyone, signed in or not
  std::string request_type = {};    // content type of the request body, empty: none
  std::string request_schema = {};  // JSON Schema 2020-12 of a JSON body, or ""
  std::string response_type = "application/json";
  std::string response_schema = {};
  std::vector<std::pair<std::string, std::string>> query = {};  // name, description
  std::size_t max_body = std::size_t{1} << 20;
  bool audit_read = false;  // reading is recorded too (patient data)
};

class Router {
 public:
  // "/api/v1/models/{id}", "/files/{path...}" (the rest of the path). Typed parameters: {id:int}, {id:uuid}. Asserts
  // that the route is new.
  void add(Method method, std::string_view pattern, RouteInfo info, Handler handler);

  struct Route {
    Method method;
    std::string pattern;
    RouteInfo info;
    Handler handler;
  };
  const std::vector<Route>& routes() const noexcept { return routes_; }
  // The route of a request, without filling anything; null when there is none. A HEAD request finds the GET route.
  const Route* find(Method method, std::string_view path) const;
  // Finds the route and fills path_params. not_found, or unsupported with `allowed` filled when only the method is
  // wrong.
  Result<const Route*> match(Request& request, std::vector<Method>& allowed) const;

 private:
  struct Segment {
    enum class Kind : std::uint8_t { literal, integer, uuid, any, rest };  // in order of precedence
    Kind kind;
    std::string text;  // the literal, or the parameter's name
  };
  static std::vector<Segment> compile(std::string_view pattern);
  static bool fits(const Segment& segment, std::string_view part);
  static bool matches(const std::vector<Segment>& segments, std::span<const std::string_view> parts);
  const Route* best(Method method, std::span<const std::string_view> parts, std::size_t& index) const;

  std::vector<Route> routes_;
  std::vector<std::vector<Segment>> segments_;  // of the route with the same index
};

// Runs before the route's handler: authentication, CSRF, audit. An error is answered instead.
using RouteGuard = std::function<Status(Request&, const Router::Route&)>;
// What a server's handler does with a router: 404, 405 with Allow, OPTIONS, the guard, the handler. The server logs an
// error and answers it as problem+json.
Result<Response> route_request(const Router& router, Request& request, const RouteGuard& guard = {});
// For Server::Callbacks::max_body: the route's limit; 64 KiB when there is no such route, so that it gets its 404 or
// 405.
std::size_t route_max_body(const Router& router, const Request& request);

Json make_openapi(const Router& router, std::string_view title, std::string_view version);  // OpenAPI 3.1

}  // namespace aceso::net
