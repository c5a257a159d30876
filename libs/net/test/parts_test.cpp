// The parts without sockets: router, OpenAPI, multipart, static files, dates, ranges.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/net/http.hpp"
#include "aceso/net/multipart.hpp"
#include "aceso/net/static_files.hpp"
#include "compress.hpp"
#include "http_date.hpp"
#include "range.hpp"
#include "uri.hpp"

namespace aceso::net {
namespace {

Handler nothing() {
  return [](Request&) -> Result<Response> { return Response::no_content(); };
}

Router sample() {
  Router r;
  r.add(Method::get, "/api/models/{name}/{version:int}",
        RouteInfo{.summary = "One version", .tag = "models", .scope = "models:read", .query = {{"blinded", "0 or 1"}}},
        nothing());
  r.add(Method::get, "/api/models/{name}/latest",
        RouteInfo{.summary = "Latest", .tag = "models", .scope = "models:read"}, nothing());
  r.add(Method::get, "/api/jobs/{id:uuid}", RouteInfo{.summary = "A job", .tag = "jobs", .scope = ""}, nothing());
  r.add(Method::get, "/{path...}", RouteInfo{.summary = "Files", .tag = "", .scope = ""}, nothing());
  r.add(Method::post, "/api/models",
        RouteInfo{.summary = "Add",
                  .tag = "models",
                  .scope = "models:write",
                  .request_type = "application/json",
                  .request_schema = R"({"type":"object"})"},
        nothing());
  return r;
}

std::string pattern_for(const Router& r, std::string path, Request& q) {
  q.path = std::move(path);
  std::vector<Method> allowed;
  const auto route = r.match(q, allowed);
  return route ? (*route)->pattern : "-";
}

TEST(Router, the_most_specific_route_wins_and_fills_the_parameters) {
  const Router r = sample();
  Request q;
  EXPECT_EQ(pattern_for(r, "/api/models/lung/3", q), "/api/models/{name}/{version:int}");
  EXPECT_EQ(q.param("name"), "lung");
  EXPECT_EQ(q.param("version"), "3");
  EXPECT_EQ(pattern_for(r, "/api/models/lung/latest", q), "/api/models/{name}/latest");
  EXPECT_EQ(pattern_for(r, "/api/jobs/0190f3a0-0000-7000-8000-000000000000", q), "/api/jobs/{id:uuid}");
  EXPECT_EQ(pattern_for(r, "/api/jobs/7", q), "/{path...}");
  EXPECT_EQ(q.param("path"), "api/jobs/7");
  EXPECT_EQ(pattern_for(r, "/", q), "/{path...}");
}

TEST(OpenApi, describes_every_route) {
  const Json doc = make_openapi(sample(), "Aceso", "1");
  EXPECT_EQ(doc["openapi"], "3.1.0");
  const Json& get = doc["paths"]["/api/models/{name}/{version}"]["get"];
  EXPECT_EQ(get["operationId"], "get_api_models_by_name_by_version");
  EXPECT_EQ(get["parameters"].size(), 3U);
  EXPECT_EQ(get["parameters"][1]["schema"]["type"], "integer");
  EXPECT_EQ(get["security"][0]["session"][0], "models:read");
  EXPECT_EQ(get["responses"]["default"]["$ref"], "#/components/responses/Problem");
  EXPECT_TRUE(doc["paths"]["/api/jobs/{id}"]["get"]["security"].empty());
  EXPECT_EQ(doc["paths"]["/api/models"]["post"]["requestBody"]["content"]["application/json"]["schema"]["type"],
            "object");
}

struct Collected {
  std::vector<PartHead> heads;
  std::vector<std::string> bodies;
  int ends = 0;
  MultipartHandler handler() {
    return {.begin = [this](const PartHead& h) -> Status {
              heads.push_back(h);
              bodies.emplace_back();
              return {};
            },
            .data = [this](std::span<const std::byte> d) -> Status {
              bodies.back().append(reinterpret_cast<const char*>(d.data()), d.size());
              return {};
            },
            .end = [this]() -> Status {
              ++ends;
              return {};
            }};
  }
};

TEST(Multipart, gives_the_same_parts_however_the_bytes_are_cut) {
  const std::string body =
      "preamble\r\n--b1\r\nContent-Disposition: form-data; name=\"a;\\\"x\"; filename=\"f.npz\"\r\nContent-Type: "
      "application/zip\r\n\r\ndata\r\n--b\r\n-\r\n--b1\r\n\r\n\r\n--b1  \r\nX-A: 1\r\n\r\n\r\n\r\n--b1--epilogue";
  for (std::size_t step = 1; step <= body.size(); ++step) {
    Collected c;
    auto parser = MultipartParser::create("multipart/form-data; boundary=b1", c.handler());
    ASSERT_TRUE(parser.ok());
    for (std::size_t i = 0; i < body.size(); i += step)
      ASSERT_TRUE((*parser)->feed(std::as_bytes(std::span{body}.subspan(i, std::min(step, body.size() - i)))).ok());
    ASSERT_TRUE((*parser)->finish().ok());
    ASSERT_EQ(c.bodies.size(), 3U) << step;
    EXPECT_EQ(c.ends, 3);
    EXPECT_EQ(c.heads[0].name, "a;\"x");
    EXPECT_EQ(c.heads[0].file_name, "f.npz");
    EXPECT_EQ(c.heads[0].content_type, "application/zip");
    EXPECT_EQ(c.bodies[0], "data\r\n--b\r\n-");
    EXPECT_EQ(c.bodies[1], "");
    EXPECT_EQ(c.bodies[2], "\r\n");
  }
}

TEST(Multipart, malformed_and_endless_input_is_refused) {
  const auto run = [](std::string_view type, const std::string& body) -> Status {
    ACESO_TRY(const auto parser,
              MultipartParser::create(type, {}, {.parts = 2, .part_head_bytes = 100, .preamble_bytes = 100}));
    ACESO_TRY_OK(parser->feed(std::as_bytes(std::span{body})));
    return parser->finish();
  };
  const auto code = [&](std::string_view type, const std::string& body) {
    return run(type, body).ok() ? Code::internal : run(type, body).error().code();
  };
  EXPECT_EQ(code("text/plain", ""), Code::unsupported);
  EXPECT_EQ(code("multipart/form-data", ""), Code::invalid);
  EXPECT_EQ(code("multipart/form-data; boundary=\"a\r\"", ""), Code::invalid);
  const char* type = "multipart/form-data; boundary=b";
  EXPECT_EQ(code(type, "--b\r\n\r\ndata"), Code::invalid);
  EXPECT_EQ(code(type, "--bX\r\n\r\ndata\r\n--b--"), Code::invalid);
  EXPECT_EQ(code(type, std::string(1000, 'a')), Code::too_large);
  EXPECT_EQ(code(type, "--b\r\nX: " + std::string(1000, 'a')), Code::too_large);
  EXPECT_EQ(code(type, "--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b--"), Code::too_large);
}

TEST(StaticFiles, stay_in_their_folder_and_cache_hashed_names) {
  const auto folder = TempDir::create();
  ASSERT_TRUE(folder.ok());
  const auto root = folder->path() / "web";
  std::filesystem::create_directories(root / "assets");
  ASSERT_TRUE(write_file_atomic(root / "index.html", "<p>").ok());
  ASSERT_TRUE(write_file_atomic(root / "assets/app-3f9c2a1b.js", "1").ok());
  ASSERT_TRUE(write_file_atomic(folder->path() / "secret", "s").ok());
  std::filesystem::create_symlink(folder->path() / "secret", root / "link");
  const auto files = StaticFiles::create({.root = root, .fallback = "index.html"});
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->serve("/")->headers.get("Cache-Control"), "no-cache");
  EXPECT_EQ(std::get<FileBody>(files->serve("/models/7")->body).content_type, "text/html; charset=utf-8");
  EXPECT_NE(files->serve("/assets/app-3f9c2a1b.js")->headers.get("Cache-Control").find("immutable"),
            std::string_view::npos);
  EXPECT_FALSE(files->serve("/assets/missing.js").ok());
  EXPECT_FALSE(files->serve("/../secret.txt").ok());
  EXPECT_EQ(std::get<FileBody>(files->serve("/link")->body).path.filename(), "index.html");
}

TEST(Dates, follow_rfc_9110) {
  EXPECT_EQ(format_http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
  EXPECT_FALSE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"));
  EXPECT_FALSE(parse_http_date("Sun, 31 Feb 1994 08:49:37 GMT"));
}

TEST(Encoding, gzip_comes_back_and_bombs_stop_at_the_limit) {
  const std::string text(1 << 20, 'a');
  const auto packed = gzip(text);
  ASSERT_TRUE(packed.ok());
  EXPECT_EQ(*gunzip(*packed, text.size()), text);
  EXPECT_EQ(gunzip(*packed, 1000).error().code(), Code::too_large);
  EXPECT_FALSE(gunzip(packed->substr(0, 100), 1 << 21).ok());
  EXPECT_EQ(*decode_path("/a/%C3%A9/./b"), "/a/\xc3\xa9/b");
}

TEST(Ranges, are_read_as_rfc_9110_says) {
  using Kind = RangeAnswer::Kind;
  EXPECT_EQ(parse_range("bytes=0-0", 10).last, 0U);
  EXPECT_EQ(parse_range("bytes=-20", 10).first, 0U);
  EXPECT_EQ(parse_range("bytes=5-100", 10).last, 9U);
  EXPECT_EQ(parse_range("bytes=-0", 10).kind, Kind::unsatisfiable);
  EXPECT_EQ(parse_range("bytes=0-", 0).kind, Kind::unsatisfiable);
  EXPECT_EQ(parse_range("bytes=5-4", 10).kind, Kind::whole);
  EXPECT_EQ(parse_range("items=0-1", 10).kind, Kind::whole);
  EXPECT_TRUE(etag_listed("\"a\", W/\"b\"", "\"b\""));
  EXPECT_FALSE(etag_listed("\"a\"", "\"b\""));
}

}  // namespace
}  // namespace aceso::net
