// What two HTTP readers could understand differently must be refused and the connection closed (RFC 9112 11.2). Raw
// bytes on a socket.
#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "test_server.hpp"

namespace aceso::net {
namespace {

using testing::body_of;
using testing::get;
using testing::RawSocket;
using testing::status_of;
using testing::TestServer;

struct Probe {
  const char* name;
  std::string bytes;
  int status;
};

std::string many_fields() {
  std::string out = "GET /a HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 101; ++i) out += "X-" + std::to_string(i) + ": 1\r\n";
  return out + "\r\n";
}

std::vector<Probe> probes() {
  const std::string smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  return {
      {"cl_then_te",
       "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled, 400},
      {"te_then_cl",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + smuggled, 400},
      {"te_xchunked", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled, 501},
      {"te_gzip_chunked", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + smuggled, 501},
      {"te_identity", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n" + smuggled, 501},
      {"te_twice",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled,
       501},
      {"te_chunked_chunked", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + smuggled,
       501},
      {"te_in_http10", "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled, 400},
      {"no_host", "GET /a HTTP/1.1\r\n\r\n", 400},
      {"two_hosts", "GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
      {"host_with_user", "GET /a HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      {"host_list", "GET /a HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
      {"differing_lengths", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
      {"length_list", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400},
      {"length_plus", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400},
      {"length_negative", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello", 400},
      {"length_hex", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello", 400},
      {"length_empty", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", 400},
      {"length_huge", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      {"folded", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n", 400},
      {"folded_first", "GET /a HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"space_before_colon", "GET /a HTTP/1.1\r\nHost : x\r\n\r\n", 400},
      {"empty_name", "GET /a HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n", 400},
      {"no_colon", "GET /a HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
      {"bare_lf", "GET /a HTTP/1.1\nHost: x\n\n", 400},
      {"bare_lf_in_field", "GET /a HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n", 400},
      {"bare_cr_in_field", "GET /a HTTP/1.1\r\nHost: x\rX-A: 1\r\n\r\n", 400},
      {"nul_in_field", std::string{"GET /a HTTP/1.1\r\nHost: x\r\nX-A: 1"} + '\0' + "2\r\n\r\n", 400},
      {"control_in_field", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: 1\x01\r\n\r\n", 400},
      {"del_in_field", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: 1\x7f\r\n\r\n", 400},
      {"many_fields", many_fields(), 431},
      {"large_head", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + std::string(40'000, 'a') + "\r\n\r\n", 431},
      {"long_line", "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      {"long_line_without_end", "GET /" + std::string(20'000, 'a'), 414},
      {"authority_form", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 501},
      {"authority_target", "GET example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 400},
      {"absolute_other_host", "GET http://evil/a HTTP/1.1\r\nHost: x\r\n\r\n", 421},
      {"other_scheme", "GET ftp://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"star_target", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"encoded_slash", "GET /a%2fb HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"encoded_backslash", "GET /a%5Cb HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"dot_dot", "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"encoded_dot_dot", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"encoded_nul", "GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"bad_escape", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"not_utf8", "GET /a%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"high_byte_in_target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"two_spaces", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"tab_in_line", "GET\t/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"no_version", "GET /a\r\nHost: x\r\n\r\n", 400},
      {"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"http12", "GET /a HTTP/1.2\r\nHost: x\r\n\r\n", 505},
      {"unknown_method", "BREW /a HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"lower_method", "get /a HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"other_expectation", "POST /a HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nContent-Length: 1\r\n\r\n1", 417},
      {"chunk_bad_size", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
       400},
      {"chunk_signed_size", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
       400},
      {"chunk_0x_size", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
       400},
      {"chunk_space_after_size",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", 400},
      {"chunk_huge_size",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk_bare_lf", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
      {"chunk_longer_than_size",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", 400},
      {"trailer_with_length",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
       400},
      {"trailer_with_coding",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       400},
      {"trailer_folded",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n", 400},
      {"body_over_limit", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", 413},
      {"body_over_limit_chunked",
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'a') +
           "\r\n0\r\n\r\n",
       413},
      {"large_body_where_no_route_is", "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n", 413},
  };
}

class Strict : public ::testing::TestWithParam<Probe> {};

TEST_P(Strict, is_refused_and_closed) {
  const SystemClock clock;
  TestServer s{clock};
  std::atomic<int> handled{0};
  const auto count = [&](Request&) -> Result<Response> {
    ++handled;
    return Response::text("handled");
  };
  s.router.add(Method::get, "/{path...}", RouteInfo{.summary = "All", .tag = "t", .scope = ""}, count);
  s.router.add(Method::post, "/a", RouteInfo{.summary = "Post", .tag = "t", .scope = "", .max_body = 1000}, count);
  s.start();
  RawSocket socket{s.port};
  socket.send(GetParam().bytes);
  const std::string answer = socket.read_all();
  EXPECT_EQ(status_of(answer), GetParam().status) << answer;
  EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << "a second answer: " << answer;
  EXPECT_EQ(handled, 0);
}

INSTANTIATE_TEST_SUITE_P(Probes, Strict, ::testing::ValuesIn(probes()),
                         [](const auto& p) { return std::string{p.param.name}; });

struct Allowed : ::testing::Test {
  Allowed() : server{clock} {
    server.router.add(
        Method::get, "/a", RouteInfo{.summary = "A", .tag = "t", .scope = ""},
        [](Request& r) -> Result<Response> { return Response::text("query:" + r.query_value("q").value_or("-")); });
    server.router.add(Method::post, "/a", RouteInfo{.summary = "B", .tag = "t", .scope = ""},
                      [](Request& r) -> Result<Response> {
                        ACESO_TRY(std::string body, r.body->read_all(1000));
                        return Response::text(body);
                      });
    server.start();
  }
  SystemClock clock;
  TestServer server;
};

TEST_F(Allowed, chunks_with_extensions_and_harmless_trailers) {
  RawSocket s{server.port};
  s.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Check: "
      "1\r\n\r\n" +
      get("/a?q=%41+b"));
  EXPECT_EQ(body_of(s.read_response()), "hello");
  EXPECT_EQ(body_of(s.read_response()), "query:A b");
}

TEST_F(Allowed, same_content_length_twice_and_absolute_form_for_this_host) {
  RawSocket s{server.port};
  s.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(body_of(s.read_response()), "ok");
  s.send("GET http://x/a?q=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(s.read_response()), "query:1");
}

TEST_F(Allowed, pipelined_requests_are_answered_in_order) {
  RawSocket s{server.port};
  std::string all;
  for (int i = 0; i < 50; ++i) all += get("/a?q=" + std::to_string(i));
  s.send(all);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(body_of(s.read_response()), "query:" + std::to_string(i));
}

TEST_F(Allowed, a_request_in_single_bytes) {
  RawSocket s{server.port};
  for (const char c :
       std::string{"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"})
    s.send(std::string_view{&c, 1});
  EXPECT_EQ(body_of(s.read_response()), "hello");
}

TEST_F(Allowed, expect_100_continue) {
  RawSocket s{server.port};
  s.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(s.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  s.send("hello");
  EXPECT_EQ(body_of(s.read_response()), "hello");
}

TEST_F(Allowed, head_has_the_length_but_no_body) {
  RawSocket s{server.port};
  s.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + get("/a"));
  const std::string head = s.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 7\r\n"), std::string::npos) << head;
  EXPECT_EQ(body_of(s.read_response()), "query:-");
}

TEST_F(Allowed, another_method_gets_405_with_allow_and_options_the_same_list) {
  RawSocket s{server.port};
  s.send("DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = s.read_response();
  EXPECT_EQ(status_of(answer), 405);
  EXPECT_NE(answer.find("Allow: GET, HEAD, POST, OPTIONS\r\n"), std::string::npos) << answer;
  s.send("OPTIONS /a HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string options = s.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(options), 204);
  EXPECT_NE(options.find("Allow: GET, HEAD, POST, OPTIONS\r\n"), std::string::npos);
}

TEST_F(Allowed, http10_is_answered_and_closed) {
  RawSocket s{server.port};
  s.send("GET /a HTTP/1.0\r\n\r\n");
  const std::string answer = s.read_all();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "query:-");
}

TEST_F(Allowed, unknown_paths_get_a_problem_and_keep_the_connection) {
  RawSocket s{server.port};
  s.send(get("/b") + get("/a"));
  const std::string answer = s.read_response();
  EXPECT_EQ(status_of(answer), 404);
  EXPECT_NE(answer.find(R"("code":"not_found")"), std::string::npos);
  EXPECT_EQ(body_of(s.read_response()), "query:-");
}

}  // namespace
}  // namespace aceso::net
