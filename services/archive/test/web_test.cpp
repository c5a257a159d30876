// DICOMweb as clients use it: handlers behind a router, without sockets (PS3.18 10.4, 10.5, 10.6).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/dicom/parse.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/net/multipart.hpp"
#include "deflated.hpp"
#include "fixture.hpp"
#include "media_type.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;
using Fields = std::vector<std::pair<std::string, std::string>>;

class StringReader final : public net::BodyReader {
 public:
  explicit StringReader(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min({out.size(), text_.size() - at_, std::size_t{1009}});
    std::copy_n(std::as_bytes(std::span{text_}).begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
  Json json() const { return parse_json(body).ok() ? *parse_json(body) : Json(); }
};

class Web : public ::testing::Test {
 protected:
  Web() {
    auto opened = around_.open();
    EXPECT_OK(opened);
    archive_ = *std::move(opened);
    archive_->register_routes(router_);
  }

  Answer ask(net::Method method, const std::string& target, const Fields& headers = {}, std::string body = {}) {
    net::Request request;
    request.method = method;
    const auto mark = std::min(target.find('?'), target.size());
    request.path = target.substr(0, mark);
    for (std::size_t at = mark + 1; at < target.size();) {
      const auto end = std::min(target.find('&', at), target.size());
      const auto pair = target.substr(at, end - at);
      const auto equals = std::min(pair.find('='), pair.size());
      request.query.emplace_back(pair.substr(0, equals), equals < pair.size() ? pair.substr(equals + 1) : "");
      at = end + 1;
    }
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    request.headers.set("Host", "pacs.example:8420");
    request.body = std::make_shared<StringReader>(std::move(body));
    request.request_id = "r1";
    request.remote_address = "192.0.2.9";
    request.principal = caller().principal;
    auto response = net::route_request(router_, request);
    if (!response) {
      auto problem = net::Response::problem(response.error(), "r1");
      return {problem.status, problem.headers, std::get<std::string>(problem.body)};
    }
    return {response->status, response->headers, body_of(*response)};
  }
  static std::string body_of(const net::Response& response) {
    if (const auto* text = std::get_if<std::string>(&response.body)) return *text;
    std::string out;
    std::vector<std::byte> piece(777);
    const auto& source = std::get<std::shared_ptr<net::BodySource>>(response.body);
    for (;;) {
      const auto n = source->read(piece);
      EXPECT_OK(n);
      if (!n || *n == 0) return out;
      out += text_of(std::span{piece}.first(*n));
    }
  }
  Answer get(const std::string& target, const Fields& headers = {}) { return ask(net::Method::get, target, headers); }
  Answer post(const std::vector<std::string>& parts, const std::string& path = "/dicom-web/studies") {
    std::string body;
    for (const auto& part : parts) body += "--b1\r\nContent-Type: application/dicom\r\n\r\n" + part + "\r\n";
    body += "--b1--\r\n";
    return ask(net::Method::post, path, {{"Content-Type", "multipart/related; type=application/dicom; boundary=b1"}},
               body);
  }
  static std::vector<std::string> parts_of(const Answer& answer) {
    std::vector<std::string> out;
    net::MultipartHandler handler;
    handler.begin = [&](const net::PartHead&) -> Status {
      out.emplace_back();
      return {};
    };
    handler.data = [&](std::span<const std::byte> data) -> Status {
      out.back() += text_of(data);
      return {};
    };
    handler.end = []() -> Status { return {}; };
    auto parser = net::MultipartParser::create(answer.headers.get("Content-Type"), std::move(handler));
    EXPECT_OK(parser);
    EXPECT_OK((*parser)->feed(std::as_bytes(std::span{answer.body})));
    EXPECT_OK((*parser)->finish());
    return out;
  }

  Surroundings around_;
  net::Router router_;
  std::unique_ptr<Archive> archive_;
  const std::string instance_ = "/dicom-web/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.1";
};

TEST(Accept, is_read_as_clients_write_it) {
  const auto ohif = parse_accept("multipart/related; type=application/octet-stream; transfer-syntax=*");
  ASSERT_EQ(ohif.size(), 1U);
  EXPECT_TRUE(ohif[0].multipart);
  EXPECT_EQ(ohif[0].type, "application/octet-stream");
  EXPECT_EQ(ohif[0].transfer_syntax, "*");
  const auto several = parse_accept(R"(image/png;q=0.5, multipart/related; type="image/jls"; transfer-syntax=1.2.3)");
  ASSERT_EQ(several.size(), 2U);
  EXPECT_EQ(several[0].type, "image/jls");
  EXPECT_EQ(several[1].type, "image/png");
  EXPECT_EQ(parse_accept("")[0].type, "*/*");
}

TEST(DeflatedArray, is_one_gzip_body_of_pieces) {
  const auto a = deflate_piece(R"({"a":1})");
  const auto b = deflate_piece(std::string(100'000, ' '));
  ASSERT_OK(a);
  ASSERT_OK(b);
  const std::array<const Deflated*, 2> pieces{&*a, &*b};
  const auto plain = plain_array(pieces, 1 << 20);
  ASSERT_OK(plain);
  EXPECT_EQ(*plain, R"([{"a":1},)" + std::string(100'000, ' ') + "]");
  EXPECT_LT(gzip_array(pieces).size(), 1000U);
  EXPECT_CODE(plain_array(pieces, 1000), Code::too_large);
}

TEST_F(Web, stores_parts_and_says_what_became_of_each) {
  ObjectSpec second;
  second.instance = "1.2.3.1.1.2";
  const auto good = post({text_of(make_file({})), text_of(make_file(second))});
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.json().at("00081199").at("Value").size(), 2U);
  EXPECT_EQ(good.json().at("00081190").at("Value")[0], "http://pacs.example:8420/dicom-web/studies/1.2.3.1");
  EXPECT_FALSE(good.json().contains("00081198"));
  ObjectSpec other;
  other.fill = 7;
  ObjectSpec third;
  third.instance = "1.2.3.1.1.3";
  const auto mixed = post({text_of(make_file(other)), "no DICOM", text_of(make_file(third))});
  EXPECT_EQ(mixed.status, 202);
  const auto failed = mixed.json().at("00081198").at("Value");
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].at("00081155").at("Value")[0], "1.2.3.1.1.1");
  EXPECT_EQ(failed[0].at("00081197").at("Value")[0], 0x0111);
  EXPECT_EQ(failed[1].at("00081197").at("Value")[0], 0xC000);
  EXPECT_EQ(post({"no DICOM"}).status, 409);
  EXPECT_EQ(archive_->totals().instances, 3U);
}

TEST_F(Web, refuses_other_bodies_and_other_studies) {
  EXPECT_EQ(ask(net::Method::post, "/dicom-web/studies", {{"Content-Type", "text/plain"}}, "x").status, 415);
  EXPECT_EQ(post({}).status, 400);
  EXPECT_EQ(post({text_of(make_file({}))}, "/dicom-web/studies/9.9").status, 409);
  EXPECT_EQ(archive_->totals().instances, 0U);
  const auto single = ask(net::Method::post, "/dicom-web/studies/1.2.3.1", {{"Content-Type", "application/dicom"}},
                          text_of(make_file({})));
  EXPECT_EQ(single.status, 200);
}

TEST_F(Web, finds_at_every_level_with_what_was_asked_for) {
  EXPECT_EQ(get("/dicom-web/studies").status, 204);
  ASSERT_OK(put(*archive_, make_file({})));
  const auto studies = get("/dicom-web/studies?PatientName=doe*&StudyDate=20240101-20241231&includefield=00081030");
  ASSERT_EQ(studies.status, 200);
  const auto study = studies.json().at(0);
  EXPECT_EQ(study.at("0020000D").at("Value")[0], "1.2.3.1");
  EXPECT_EQ(study.at("00100010").at("Value")[0].at("Alphabetic"), "Doe^Jane");
  EXPECT_EQ(study.at("00201208").at("Value")[0], 1);
  EXPECT_EQ(study.at("00080061").at("Value")[0], "CT");
  EXPECT_EQ(study.at("00081030").at("Value")[0], "Chest");
  EXPECT_EQ(get("/dicom-web/studies?PatientName=roe*").status, 204);
  EXPECT_EQ(get("/dicom-web/studies?00100020=P1&ModalitiesInStudy=MR,CT").status, 200);
  EXPECT_EQ(get("/dicom-web/studies?PatientName=jan%20d&fuzzymatching=true").status, 204);
  EXPECT_EQ(get("/dicom-web/studies?PatientName=jan d&fuzzymatching=true").status, 200);
  const auto series = get("/dicom-web/series?RequestAttributesSequence.RequestedProcedureID=RPA1");
  ASSERT_EQ(series.status, 200);
  EXPECT_EQ(series.json().at(0).at("0020000E").at("Value")[0], "1.2.3.1.1");
  EXPECT_EQ(series.json().at(0).at("00400275").at("Value")[0].at("00401001").at("Value")[0], "RPA1");
  const auto instances = get("/dicom-web/studies/1.2.3.1/series/1.2.3.1.1/instances?includefield=00280101");
  ASSERT_EQ(instances.status, 200);
  EXPECT_EQ(instances.json().at(0).at("00280010").at("Value")[0], 8);
  EXPECT_EQ(instances.json().at(0).at("00280101").at("Value")[0], 16);
  EXPECT_EQ(get("/dicom-web/studies/1.2.3.1/instances?includefield=all").status, 200);
  EXPECT_EQ(get("/dicom-web/studies?limit=none").status, 400);
  EXPECT_EQ(get("/dicom-web/studies?StudyDate=yesterday").status, 400);
  EXPECT_EQ(get("/dicom-web/studies", {{"Accept", "application/dicom+xml"}}).status, 406);
}

TEST_F(Web, warns_of_more_results_and_of_what_it_ignored) {
  for (int i = 1; i <= 3; ++i) {
    ObjectSpec spec;
    spec.study = "1.2." + std::to_string(i);
    spec.series = spec.study + ".1";
    spec.instance = spec.series + ".1";
    ASSERT_OK(put(*archive_, make_file(spec)));
  }
  const auto page = get("/dicom-web/studies?limit=2&KVP=120");
  EXPECT_EQ(page.json().size(), 2U);
  std::vector<std::string> warnings;
  for (const auto& [name, value] : page.headers.all()) {
    if (name == "Warning") warnings.push_back(value);
  }
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_TRUE(warnings[0].starts_with("299 "));
  EXPECT_EQ(get("/dicom-web/studies?limit=2&offset=2").json().size(), 1U);
}

TEST_F(Web, gives_objects_as_kept_and_says_when_they_have_not_changed) {
  const auto file = make_file({});
  ASSERT_OK(put(*archive_, file));
  const auto single = get(instance_, {{"Accept", "application/dicom; transfer-syntax=*"}});
  EXPECT_EQ(single.status, 200);
  EXPECT_EQ(single.body, text_of(file));
  const auto whole = get("/dicom-web/studies/1.2.3.1",
                         {{"Accept", R"(multipart/related; type="application/dicom"; transfer-syntax=*)"}});
  ASSERT_EQ(parts_of(whole).size(), 1U);
  EXPECT_EQ(parts_of(whole)[0], text_of(file));
  const std::string etag{single.headers.get("ETag")};
  EXPECT_EQ(get(instance_, {{"Accept", "application/dicom; transfer-syntax=*"}, {"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(get(instance_, {{"Accept", "text/html"}}).status, 406);
  EXPECT_EQ(get("/dicom-web/studies/9.9").status, 404);
  EXPECT_EQ(get("/dicom-web/studies/9.9/series/1.2.3.1.1/instances/1.2.3.1.1.1").status, 404);
}

TEST_F(Web, makes_explicit_little_endian_when_no_syntax_is_named) {
  const auto data = make_data_set({});
  ASSERT_OK(put(*archive_, *dicom::write_part10(data, dicom::kImplicitLittle)));
  const auto answer = get(instance_, {{"Accept", "application/dicom"}});
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
  const auto object = dicom::parse(std::as_bytes(std::span{answer.body}));
  ASSERT_OK(object);
  EXPECT_EQ(object->syntax_uid, dicom::kExplicitLittle);
  EXPECT_EQ(object->dataset.text_or(tags::kPatientName), "Doe^Jane");
  const auto sent = object->dataset.find(tags::kPixelData)->bytes();
  const auto kept = data.find(tags::kPixelData)->bytes();
  EXPECT_TRUE(std::ranges::equal(sent, kept));
}

TEST_F(Web, gives_single_frames) {
  ObjectSpec spec;
  spec.frames = 3;
  ASSERT_OK(put(*archive_, make_file(spec)));
  const auto data = make_data_set(spec);
  const auto pixels = data.find(tags::kPixelData)->bytes();
  const auto frame = [&](std::size_t n) { return text_of(std::span{pixels}.subspan(n * 128, 128)); };
  const auto ohif =
      get(instance_ + "/frames/2", {{"Accept", "multipart/related; type=application/octet-stream; transfer-syntax=*"}});
  ASSERT_EQ(ohif.status, 200);
  EXPECT_EQ(parts_of(ohif), std::vector<std::string>{frame(1)});
  const auto single = get(instance_ + "/frames/3", {{"Accept", "application/octet-stream"}});
  EXPECT_EQ(single.body, frame(2));
  EXPECT_EQ(single.headers.get("Content-Type"), "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1");
  EXPECT_EQ(parts_of(get(instance_ + "/frames/3,1")), (std::vector<std::string>{frame(2), frame(0)}));
  EXPECT_EQ(get(instance_ + "/frames/4").status, 404);
  EXPECT_EQ(get(instance_ + "/frames/0").status, 400);
  EXPECT_EQ(get(instance_ + "/frames/1", {{"Accept", "video/mp4"}}).status, 406);
}

TEST_F(Web, transcodes_frames_into_what_is_accepted) {
  ASSERT_OK(put(*archive_, make_file({})));
  const auto rle = get(instance_ + "/frames/1", {{"Accept", "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5"}});
  ASSERT_EQ(rle.status, 200) << rle.body;
  EXPECT_EQ(rle.headers.get("Content-Type"), "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5");
  const auto again = get(instance_ + "/frames/1", {{"Accept", "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5"}});
  EXPECT_EQ(again.body, rle.body);
}

TEST_F(Web, gives_metadata_with_uris_of_bulk_data) {
  ASSERT_OK(put(*archive_, make_file({})));
  const auto one = get(instance_ + "/metadata");
  ASSERT_EQ(one.status, 200);
  const auto object = one.json().at(0);
  EXPECT_EQ(object.at("00100020").at("Value")[0], "P1");
  const std::string uri = object.at("7FE00010").at("BulkDataURI");
  EXPECT_EQ(uri, instance_ + "/bulkdata/7FE00010");
  const auto packed = get("/dicom-web/studies/1.2.3.1/metadata", {{"Accept-Encoding", "gzip, deflate"}});
  EXPECT_EQ(packed.headers.get("Content-Encoding"), "gzip");
  EXPECT_EQ(get("/dicom-web/studies/1.2.3.1/series/1.2.3.1.1/metadata").body, one.body);
  const std::string etag{one.headers.get("ETag")};
  EXPECT_EQ(get(instance_ + "/metadata", {{"If-None-Match", etag}}).status, 304);
  const auto data = make_data_set({});
  const auto pixels = data.find(tags::kPixelData)->bytes();
  const auto bulk = get(uri, {{"Accept", "application/octet-stream"}});
  EXPECT_EQ(bulk.body, text_of(pixels));
  const auto part = get(uri, {{"Accept", "*/*"}, {"Range", "bytes=10-19"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.headers.get("Content-Range"), "bytes 10-19/128");
  EXPECT_EQ(part.body, text_of(pixels.subspan(10, 10)));
  EXPECT_EQ(get(uri, {{"Range", "bytes=128-"}}).status, 416);
  EXPECT_EQ(get(instance_ + "/bulkdata/00100099").status, 404);
}

TEST_F(Web, draws_pictures_and_thumbnails) {
  ObjectSpec spec;
  spec.rows = 32;
  spec.columns = 64;
  ASSERT_OK(put(*archive_, make_file(spec)));
  const auto jpeg = get(instance_ + "/rendered");
  ASSERT_EQ(jpeg.status, 200) << jpeg.body;
  EXPECT_EQ(jpeg.headers.get("Content-Type"), "image/jpeg");
  const auto picture = imaging::decode_image(std::as_bytes(std::span{jpeg.body}));
  ASSERT_OK(picture);
  EXPECT_EQ(picture->width, 64);
  const auto png = get(instance_ + "/frames/1/rendered?window=128,256,linear", {{"Accept", "image/png"}});
  ASSERT_EQ(png.status, 200);
  const auto other = get(instance_ + "/frames/1/rendered?window=10,20,sigmoid", {{"Accept", "image/png"}});
  EXPECT_NE(png.body, other.body);
  const auto small = get("/dicom-web/studies/1.2.3.1/thumbnail?viewport=16,16", {{"Accept", "image/png"}});
  const auto shrunk = imaging::decode_image(std::as_bytes(std::span{small.body}));
  ASSERT_OK(shrunk);
  EXPECT_EQ(shrunk->width, 16);
  EXPECT_EQ(shrunk->height, 8);
  EXPECT_EQ(get(instance_ + "/rendered?window=wide").status, 400);
  EXPECT_EQ(get(instance_ + "/rendered", {{"Accept", "image/gif"}}).status, 406);
}

TEST_F(Web, deletes_and_describes_itself) {
  ASSERT_OK(put(*archive_, make_file({})));
  EXPECT_EQ(ask(net::Method::del, instance_).status, 204);
  EXPECT_EQ(ask(net::Method::del, instance_).status, 404);
  EXPECT_EQ(get(instance_).status, 404);
  const auto capabilities = ask(net::Method::options, "/dicom-web");
  EXPECT_EQ(capabilities.status, 200);
  EXPECT_NE(capabilities.body.find("RetrieveFrames"), std::string::npos);
}

}  // namespace
}  // namespace aceso::archive
