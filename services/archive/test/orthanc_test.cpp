// The Orthanc interface as a script uses it: handlers behind a router, without sockets. Compared with Orthanc itself by
// tests/interop/orthanc_rest.py.
#include "aceso/archive/orthanc.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "aceso/imaging/image.hpp"
#include "fixture.hpp"
#include "orthanc_ids.hpp"
#include "orthanc_tags.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

std::string bytes_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Reply {
  int status = 0;
  net::Headers headers;
  std::string body;
  Json json() const { return *parse_json(body); }
};

class OrthancTest : public ::testing::Test {
 protected:
  OrthancTest() : clock_{SystemClock{}.utc_now()} {
    archive_ = *around_.open();
    open();
  }
  void open() {
    interface_.reset();
    router_ = {};
    auto opened = OrthancInterface::create(around_.folder.path() / "orthanc",
                                           {.clock = clock_, .logger = around_.logger, .archive = *archive_}, {});
    ASSERT_OK(opened);
    interface_ = *std::move(opened);
    interface_->register_routes(router_);
  }

  Reply ask(net::Method method, const std::string& target, std::string body = {},
            const std::vector<std::string>& scopes = {"archive:read", "archive:write", "archive:delete"}) {
    net::Request request;
    request.method = method;
    const auto mark = std::min(target.find('?'), target.size());
    request.path = "/orthanc" + target.substr(0, mark);
    for (std::size_t at = mark + 1; at < target.size();) {
      const auto end = std::min(target.find('&', at), target.size());
      const auto pair = target.substr(at, end - at);
      const auto equals = std::min(pair.find('='), pair.size());
      request.query.emplace_back(pair.substr(0, equals), equals < pair.size() ? pair.substr(equals + 1) : "");
      at = end + 1;
    }
    request.body = std::make_shared<TextBody>(std::move(body));
    request.principal = caller(scopes).principal;
    auto response = net::route_request(router_, request);
    if (!response) {
      auto problem = net::Response::problem(response.error(), "r1");
      return {problem.status, problem.headers, std::get<std::string>(problem.body)};
    }
    Reply out{response->status, response->headers, {}};
    if (const auto* text = std::get_if<std::string>(&response->body)) {
      out.body = *text;
      return out;
    }
    std::vector<std::byte> piece(777);
    const auto& source = std::get<std::shared_ptr<net::BodySource>>(response->body);
    for (;;) {
      const auto n = source->read(piece);
      EXPECT_OK(n);
      if (!n || *n == 0) break;
      out.body += bytes_text(std::span{piece}.first(*n));
    }
    EXPECT_EQ(source->length().value_or(out.body.size()), out.body.size());
    return out;
  }
  Reply get(const std::string& target) { return ask(net::Method::get, target); }
  Json find(const Json& query) { return ask(net::Method::post, "/tools/find", query.dump()).json(); }
  std::vector<std::string> changes(std::int64_t since = 0) {
    std::vector<std::string> out;
    const auto answer = get("/changes?limit=1000&since=" + std::to_string(since)).json();
    for (const auto& one : answer.at("Changes")) out.push_back(one.at("ChangeType").get<std::string>());
    return out;
  }

  // Two studies of P1 (one of two series), one of P2.
  void fill() {
    ASSERT_OK(put(*archive_, make_file({})));
    ASSERT_OK(put(*archive_, make_file({.instance = "1.2.3.1.1.2", .number = 2})));
    ASSERT_OK(put(*archive_, make_file({.series = "1.2.3.1.2", .instance = "1.2.3.1.2.1", .modality = "MR"})));
    ASSERT_OK(put(*archive_, make_file({.study = "1.2.3.2",
                                        .series = "1.2.3.2.1",
                                        .instance = "1.2.3.2.1.1",
                                        .study_date = "20200505",
                                        .accession = "A2",
                                        .description = "Head"})));
    ASSERT_OK(put(*archive_, make_file({.study = "1.2.3.3",
                                        .series = "1.2.3.3.1",
                                        .instance = "1.2.3.3.1.1",
                                        .patient_id = "P2",
                                        .patient_name = "Roe^Max",
                                        .accession = "A3"})));
  }

  Surroundings around_;
  ManualClock clock_;
  net::Router router_;
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<OrthancInterface> interface_;
  const std::string patient_ = to_string(orthanc_id("P1"));
  const std::string study_ = to_string(orthanc_id("P1", "1.2.3.1"));
  const std::string series_ = to_string(orthanc_id("P1", "1.2.3.1", "1.2.3.1.1"));
  const std::string instance_ = "a8798ea9-793ff2a9-80ef7a33-5ba2f936-fdc00310";
};

TEST(OrthancIdentifier, is_the_hash_of_what_names_a_resource) {
  // https://orthanc.uclouvain.be/book/faq/orthanc-ids.html; the digests are those of Python's hashlib.
  EXPECT_EQ(to_string(orthanc_id("P1")), "bdaf1eca-33d4619e-80e8ca68-9a1b74a4-febbbb29");
  EXPECT_EQ(to_string(orthanc_id("P1", "1.2.3.1")), "06d643a1-e154382d-aafc1b39-a940d6df-7b2ccebc");
  EXPECT_EQ(to_string(orthanc_id("P1", "1.2.3.1", "1.2.3.1.1")), "33a5389e-a7920ad0-4544ecfd-2bba1ade-459628ad");
  const auto id = orthanc_id("", "1.2");
  EXPECT_EQ(parse_orthanc_id(to_string(id)), id);
  EXPECT_EQ(parse_orthanc_id("bdaf1eca-33d4619e-80e8ca68-9a1b74a4-febbbb2"), std::nullopt);
  EXPECT_EQ(parse_orthanc_id("bdaf1ecax33d4619e-80e8ca68-9a1b74a4-febbbb29"), std::nullopt);
  EXPECT_EQ(parse_orthanc_id("bdaf1eca-33d4619g-80e8ca68-9a1b74a4-febbbb29"), std::nullopt);
}

TEST(OrthancTags, are_written_in_three_forms) {
  dicom::Dataset item;
  item.set_text(tags::kCodeValue, "T-1");
  dicom::Dataset d;
  d.set_charset(dicom::CharacterSet::utf8());
  d.set_text(tags::kPatientName, "Müller^Änne").set_text(tags::kImageComments, std::string(300, 'x'));
  d.set_items(tags::kProcedureCodeSequence, {item});
  d.set_integer(tags::kRows, 512);
  d.set_text(dicom::Tag{0x0009, 0x0010}, dicom::Vr::lo, "ACME 1.1")
      .set_text(dicom::Tag{0x0009, 0x1001}, dicom::Vr::lo, "v");
  d.set_bytes(tags::kPixelData, dicom::Vr::ow, std::vector<std::byte>(8));
  const Json full = orthanc_tags(d, OrthancForm::full);
  EXPECT_EQ(full.at("0010,0010"), (Json{{"Name", "PatientName"}, {"Type", "String"}, {"Value", "Müller^Änne"}}));
  EXPECT_EQ(full.at("0020,4000"), (Json{{"Name", "ImageComments"}, {"Type", "TooLong"}, {"Value", nullptr}}));
  EXPECT_EQ(full.at("7fe0,0010"), (Json{{"Name", "PixelData"}, {"Type", "Null"}, {"Value", nullptr}}));
  EXPECT_EQ(full.at("0028,0010").at("Value"), "512");
  EXPECT_EQ(full.at("0008,1032").at("Value")[0].at("0008,0100").at("Value"), "T-1");
  EXPECT_EQ(full.at("0009,1001").at("PrivateCreator"), "ACME 1.1");
  EXPECT_EQ(orthanc_tags(d, OrthancForm::brief).at("0010,0010"), "Müller^Änne");
  const Json simple = orthanc_tags(d, OrthancForm::simplified);
  EXPECT_EQ(simple.at("PatientName"), "Müller^Änne");
  EXPECT_EQ(simple.at("ProcedureCodeSequence")[0].at("CodeValue"), "T-1");
  EXPECT_TRUE(simple.at("PixelData").is_null());
}

TEST_F(OrthancTest, lists_and_describes_every_level) {
  EXPECT_EQ(get("/patients").body, "[]");
  fill();
  EXPECT_EQ(get("/patients").json().size(), 2U);
  EXPECT_EQ(get("/studies").json().size(), 3U);
  EXPECT_EQ(get("/series").json().size(), 4U);
  const auto all = get("/instances").json();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(get("/instances?since=1&limit=2").json(), (Json{all[1], all[2]}));
  EXPECT_EQ(get("/instances?since=5&limit=2").body, "[]");
  EXPECT_EQ(get("/instances?since=-1").status, 400);
  const auto expanded = get("/studies?expand").json();
  ASSERT_EQ(expanded.size(), 3U);
  const auto study = get("/studies/" + study_).json();
  EXPECT_NE(std::ranges::find(expanded, study), expanded.end());
  EXPECT_EQ(study.at("MainDicomTags").at("StudyInstanceUID"), "1.2.3.1");
  EXPECT_EQ(study.at("PatientMainDicomTags").at("PatientName"), "Doe^Jane");
  EXPECT_EQ(study.at("ParentPatient"), patient_);
  EXPECT_EQ(study.at("Series").size(), 2U);
  EXPECT_EQ(study.at("Type"), "Study");
  EXPECT_EQ(study.at("IsStable"), false);
  const auto patient = get("/patients/" + patient_).json();
  EXPECT_EQ(patient.at("Studies").size(), 2U);
  const auto series = get("/series/" + series_).json();
  EXPECT_EQ(series.at("Instances").size(), 2U);
  EXPECT_EQ(series.at("ParentStudy"), study_);
  EXPECT_EQ(series.at("Status"), "Unknown");
  EXPECT_TRUE(series.at("ExpectedNumberOfInstances").is_null());
  const auto instance = get("/instances/" + instance_).json();
  EXPECT_EQ(instance.at("ParentSeries"), series_);
  EXPECT_EQ(instance.at("IndexInSeries"), 1);
  EXPECT_EQ(instance.at("FileSize"), make_file({}).size());
  EXPECT_EQ(get("/studies/" + study_ + "/instances").json().size(), 3U);
  EXPECT_EQ(get("/instances/" + instance_ + "/patient").json(), patient);
  EXPECT_EQ(get("/statistics").json().at("CountPatients"), 2);
  EXPECT_EQ(get("/system").json().at("DicomAet"), "ACESO");
}

TEST_F(OrthancTest, takes_gives_and_removes_objects) {
  const auto file = bytes_text(make_file({}));
  const auto stored = ask(net::Method::post, "/instances", file);
  ASSERT_EQ(stored.status, 200);
  EXPECT_EQ(stored.json(), (Json{{"ID", instance_},
                                 {"ParentPatient", patient_},
                                 {"ParentSeries", series_},
                                 {"ParentStudy", study_},
                                 {"Path", "/instances/" + instance_},
                                 {"Status", "Success"}}));
  EXPECT_EQ(ask(net::Method::post, "/instances", file).json().at("Status"), "AlreadyStored");
  EXPECT_EQ(ask(net::Method::post, "/instances", "no DICOM").status, 400);
  EXPECT_EQ(ask(net::Method::post, "/instances", bytes_text(make_file({.fill = 9}))).status, 409);
  const auto got = get("/instances/" + instance_ + "/file");
  EXPECT_EQ(got.body, file);
  EXPECT_EQ(got.headers.get("Content-Type"), "application/dicom");
  EXPECT_EQ(get("/instances/" + instance_ + "/tags").json().at("0010,0010").at("Value"), "Doe^Jane");
  EXPECT_EQ(get("/instances/" + instance_ + "/tags?short").json().at("0010,0010"), "Doe^Jane");
  EXPECT_EQ(get("/instances/" + instance_ + "/simplified-tags").json().at("Rows"), "8");
  const auto picture = get("/instances/" + instance_ + "/preview");
  EXPECT_EQ(picture.headers.get("Content-Type"), "image/png");
  EXPECT_EQ(picture.body.substr(1, 3), "PNG");
  EXPECT_EQ(get("/instances/" + instance_ + "/frames/0/preview").body, picture.body);
  EXPECT_EQ(get("/instances/" + instance_ + "/frames/1/preview").status, 404);
  EXPECT_EQ(get("/instances/" + instance_ + "/frames").json(), (Json{"0"}));
  ASSERT_OK(put(*archive_, make_file({.instance = "1.2.3.1.1.2", .number = 2})));
  const auto one_left = ask(net::Method::del, "/instances/" + instance_);
  EXPECT_EQ(one_left.json().at("RemainingAncestor"),
            (Json{{"ID", series_}, {"Path", "/series/" + series_}, {"Type", "Series"}}));
  EXPECT_EQ(get("/instances/" + instance_).status, 404);
  EXPECT_EQ(get("/instances").json().size(), 1U);
  EXPECT_TRUE(ask(net::Method::del, "/patients/" + patient_).json().at("RemainingAncestor").is_null());
  EXPECT_EQ(get("/patients").body, "[]");
  EXPECT_EQ(ask(net::Method::del, "/patients/" + patient_).status, 404);
  EXPECT_EQ(get("/instances/nothing").status, 404);
}

// Reads what is stored uncompressed, by the central directory.
std::map<std::string, std::string> unzip_stored(const std::string& zip) {
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value |= static_cast<std::size_t>(static_cast<unsigned char>(zip.at(at + i))) << (8 * i);
    return value;
  };
  std::map<std::string, std::string> out;
  const std::size_t end = zip.size() - 22;
  EXPECT_EQ(zip.substr(end, 4), "PK\5\6");
  std::size_t at = number(end + 16, 4);
  for (std::size_t i = 0; i < number(end + 10, 2); ++i) {
    EXPECT_EQ(zip.substr(at, 4), "PK\1\2");
    const auto name = zip.substr(at + 46, number(at + 28, 2));
    const auto local = number(at + 42, 4);
    const auto size = number(at + 24, 4);
    EXPECT_EQ(zip.substr(local + 30, number(local + 26, 2)), name);
    const auto data = zip.substr(local + 30 + number(local + 26, 2) + number(local + 28, 2), size);
    EXPECT_EQ(crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())),
              number(local + 14, 4));
    out[name] = data;
    at += 46 + number(at + 28, 2) + number(at + 30, 2);
  }
  return out;
}

TEST_F(OrthancTest, gives_a_study_as_a_zip_file_whose_names_tell_nothing) {
  fill();
  const auto zip = get("/studies/" + study_ + "/archive");
  EXPECT_EQ(zip.headers.get("Content-Type"), "application/zip");
  const auto files = unzip_stored(zip.body);
  ASSERT_EQ(files.size(), 3U);
  const std::string first = patient_ + "/" + study_ + "/" + series_ + "/IM000000.dcm";
  ASSERT_TRUE(files.contains(first));
  EXPECT_EQ(files.at(first), bytes_text(make_file({})));
  EXPECT_EQ(unzip_stored(get("/patients/" + patient_ + "/archive").body).size(), 4U);
}

TEST_F(OrthancTest, finds_by_attributes_and_by_one_value) {
  fill();
  EXPECT_EQ(find({{"Level", "Study"}, {"Query", {{"PatientID", "p1"}}}}).size(), 2U) << "without case";
  EXPECT_EQ(find({{"Level", "Study"}, {"CaseSensitive", true}, {"Query", {{"PatientID", "p1"}}}}).size(), 0U);
  EXPECT_EQ(find({{"Level", "Study"}, {"Query", {{"StudyDescription", "*hea*"}}}}).size(), 1U);
  EXPECT_EQ(find({{"Level", "Study"}, {"Query", {{"StudyDate", "20200101-20201231"}}}}).size(), 1U);
  EXPECT_EQ(find({{"Level", "Study"}, {"Query", {{"StudyDate", "20210101-"}}}}).size(), 2U);
  EXPECT_EQ(find({{"Level", "Series"}, {"Query", {{"Modality", "MR\\US"}}}}).size(), 1U);
  EXPECT_EQ(find({{"Level", "Study"}, {"Query", {{"ModalitiesInStudy", "MR"}}}}), (Json{study_}));
  EXPECT_EQ(find({{"Level", "Instance"}, {"Query", {{"0010,0020", "P1"}, {"InstanceNumber", "2"}}}}).size(), 1U);
  EXPECT_EQ(find({{"Level", "Series"}, {"Query", {{"BitsStored", "16"}}}}).size(), 4U) << "from the objects";
  EXPECT_EQ(find({{"Level", "Series"}, {"Query", {{"BitsStored", "12"}}}}).size(), 0U);
  EXPECT_EQ(find({{"Level", "Patient"}, {"Query", {{"PatientName", "*"}}}}).size(), 2U);
  const auto all = find({{"Level", "Study"}, {"Query", Json::object()}});
  EXPECT_EQ(find({{"Level", "Study"}, {"Query", Json::object()}, {"Since", 1}, {"Limit", 1}}), (Json{all[1]}));
  const auto expanded = find({{"Level", "Study"}, {"Expand", true}, {"Query", {{"AccessionNumber", "A3"}}}});
  ASSERT_EQ(expanded.size(), 1U);
  EXPECT_EQ(expanded[0].at("MainDicomTags").at("AccessionNumber"), "A3");
  for (const char* bad :
       {"{", "[]", R"({"Query":{}})", R"({"Level":"Room","Query":{}})", R"({"Level":"Study"})",
        R"({"Level":"Study","Query":{"NoSuchTag":"1"}})", R"({"Level":"Study","Query":{"PatientID":1}})",
        R"({"Level":"Study","Query":{},"Limit":-1})"}) {
    EXPECT_EQ(ask(net::Method::post, "/tools/find", bad).status, 400) << bad;
  }
  const auto lookup = [&](const std::string& value) { return ask(net::Method::post, "/tools/lookup", value).json(); };
  EXPECT_EQ(lookup("P1\n"), (Json{{{"ID", patient_}, {"Path", "/patients/" + patient_}, {"Type", "Patient"}}}));
  EXPECT_EQ(lookup("1.2.3.1")[0].at("Type"), "Study");
  EXPECT_EQ(lookup("1.2.3.1.1")[0].at("ID"), series_);
  EXPECT_EQ(lookup("1.2.3.1.1.1")[0].at("ID"), instance_);
  EXPECT_EQ(lookup("nobody"), Json::array());
}

TEST_F(OrthancTest, changes_are_numbered_once_and_survive) {
  ASSERT_OK(put(*archive_, make_file({})));
  ASSERT_OK(put(*archive_, make_file({.instance = "1.2.3.1.1.2", .number = 2})));
  const std::vector<std::string> came{"NewInstance", "NewSeries", "NewStudy", "NewPatient", "NewInstance"};
  EXPECT_EQ(changes(), came);
  const auto page = get("/changes?limit=2").json();
  EXPECT_EQ(page.at("Done"), false);
  EXPECT_EQ(page.at("Changes").size(), 2U);
  EXPECT_EQ(page.at("Changes")[1].at("Path"), "/series/" + series_);
  const auto next = page.at("Last").get<std::int64_t>();
  EXPECT_EQ(changes(next), (std::vector<std::string>{"NewStudy", "NewPatient", "NewInstance"}));
  clock_.advance(std::chrono::seconds{61});
  const std::vector<std::string> stable{"StableSeries", "StableStudy", "StablePatient"};
  const auto last = get("/changes?last").json();
  EXPECT_EQ(last.at("Changes")[0].at("ChangeType"), "StablePatient");
  EXPECT_EQ(changes(next + 3), stable);
  EXPECT_EQ(get("/studies/" + study_).json().at("IsStable"), true);
  const auto before = get("/changes?limit=1000").json();
  open();  // as after a restart
  clock_.advance(std::chrono::seconds{61});
  EXPECT_EQ(get("/changes?limit=1000").json(), before) << "nothing is told twice";
  EXPECT_EQ(get("/changes?since=" + std::to_string(last.at("Last").get<std::int64_t>())).json(),
            (Json{{"Changes", Json::array()}, {"Done", true}, {"Last", last.at("Last")}}));
}

TEST_F(OrthancTest, changes_that_a_crash_kept_are_found_again) {
  ASSERT_OK(put(*archive_, make_file({})));
  EXPECT_EQ(changes().size(), 4U);
  interface_.reset();  // stopped: what comes now is not heard of
  ASSERT_OK(put(*archive_, make_file({.instance = "1.2.3.1.1.2", .number = 2})));
  open();
  EXPECT_EQ(changes(4), (std::vector<std::string>{"NewInstance"}));
}

TEST_F(OrthancTest, what_was_deleted_has_no_changes_and_is_new_when_it_comes_again) {
  fill();
  const auto all = changes().size();
  ASSERT_OK(archive_->remove(caller(), "1.2.3.1", "", ""));
  const auto rest = get("/changes?limit=1000").json();
  EXPECT_EQ(rest.at("Changes").size(), all - 6) << "three instances, two series, one study; the patient has another";
  ASSERT_OK(put(*archive_, make_file({})));
  EXPECT_EQ(changes(rest.at("Last").get<std::int64_t>()),
            (std::vector<std::string>{"NewInstance", "NewSeries", "NewStudy"}));
  EXPECT_EQ(get("/series/" + series_).json().at("Instances").size(), 1U);
}

TEST_F(OrthancTest, a_caller_without_rights_learns_nothing) {
  fill();
  const std::vector<std::string> paths{"/studies", "/studies/" + study_, "/studies/" + to_string(orthanc_id("none")),
                                       "/instances/" + instance_ + "/file", "/changes"};
  for (const auto& path : paths) {
    EXPECT_EQ(ask(net::Method::get, path, {}, {}).status, 403) << path;
  }
  EXPECT_EQ(ask(net::Method::post, "/tools/find", R"({"Level":"Study","Query":{}})", {}).status, 403);
  EXPECT_EQ(ask(net::Method::post, "/tools/lookup", "P1", {"archive:write"}).status, 403);
  EXPECT_EQ(ask(net::Method::post, "/instances", bytes_text(make_file({})), {"archive:read"}).status, 403);
  EXPECT_EQ(ask(net::Method::del, "/studies/" + study_, {}, {"archive:read"}).status, 403);
  EXPECT_EQ(archive_->totals().instances, 5U);
}

TEST_F(OrthancTest, every_access_is_on_record_and_names_nobody) {
  fill();
  const auto before = around_.audit.events().size();
  get("/studies/" + study_);
  get("/studies?expand");
  find({{"Level", "Study"}, {"Query", {{"PatientName", "Doe*"}}}});
  const auto events = around_.audit.events();
  ASSERT_EQ(events.size(), before + 3);
  EXPECT_EQ(events[before].event, "archive.read");
  EXPECT_EQ(events[before + 1].event, "archive.query");
  for (const auto& event : events) {
    EXPECT_EQ((event.entity_id + event.detail).find("Doe"), std::string::npos);
    EXPECT_EQ((event.entity_id + event.detail).find("1.2.3"), std::string::npos);
  }
}

}  // namespace
}  // namespace aceso::archive
