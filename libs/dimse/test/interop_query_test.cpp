// Query and retrieve with DCMTK's tools as peers, and our client against our server.
#include <algorithm>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dimse/client.hpp"
#include "peer.hpp"

namespace aceso::dimse::testing {
namespace {

constexpr std::string_view kStudyInstanceUid = "0020,000d";

class Query : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_program("findscu")) GTEST_SKIP() << "skipped: package dcmtk is not installed";
  }
  static void fill(MemoryArchive& archive) {
    for (int study = 1; study <= 2; ++study) {
      for (int instance = 1; instance <= 3; ++instance) ASSERT_OK(archive.add(make_ct(1, study, 1, instance, 16)));
    }
    ASSERT_OK(archive.add(make_ct(2, 3, 1, 1, 16)));
  }
  static ServerOptions with_destination(const std::string& ae, std::uint16_t port) {
    ServerOptions options = open_options();
    options.nodes = {{.ae = ae, .host = "127.0.0.1", .port = port}};
    return options;
  }
  static Result<std::unique_ptr<Client>> client(std::uint16_t port, const std::string& ae = "ACESO") {
    return Client::create({.node = {.ae = ae, .host = "127.0.0.1", .port = port}, .modules = ACESO_MODULE_FOLDER});
  }
  static contracts::ObjectQuery study_query(const std::string& uid) {
    return {.level = contracts::QueryLevel::study, .keys = {{0x0020000D, Phi<std::string>{uid}}}};
  }
  TempDir folder_ = *TempDir::create();
};

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

bool same_data_set(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  const auto first = dicom::parse(a);
  const auto second = dicom::parse(b);
  return first && second &&
         std::ranges::equal(std::span{a}.subspan(first->dataset_offset), std::span{b}.subspan(second->dataset_offset));
}

TEST_F(Query, findscu_finds_studies_with_wildcard_and_range) {
  TestServer server;
  fill(server.archive);
  const auto found =
      run_peer({"findscu", "-S", "-k", "0008,0052=STUDY", "-k", "0010,0010=Test*1", "-k", "0008,0020=20260112-", "-k",
                std::string{kStudyInstanceUid}, "-k", "0008,0061", "127.0.0.1", server.port_text()});
  ASSERT_EQ(found.status, 0) << found.output;
  EXPECT_EQ(count(found.output, "(0020,000d) UI [" + uid_of(1, 2)), 1U) << found.output;
  EXPECT_EQ(count(found.output, "(0020,000d) UI [1."), 1U) << found.output;
  EXPECT_EQ(count(found.output, "Test^Patient1"), 1U) << found.output;
}

TEST_F(Query, a_level_that_the_model_lacks_is_refused) {
  TestServer server;
  const auto found = run_peer({"findscu", "-v", "-S", "-k", "0008,0052=PATIENT", "127.0.0.1", server.port_text()});
  EXPECT_NE(found.output.find("DataSetDoesNotMatchSOPClass"), std::string::npos) << found.output;
}

TEST_F(Query, findscu_that_cancels_gets_no_more_answers) {
  TestServer server;
  for (int instance = 1; instance <= 300; ++instance) ASSERT_OK(server.archive.add(make_ct(1, 1, 1, instance, 2)));
  const auto found = run_peer({"findscu", "-v", "--cancel", "2", "-S", "-k", "0008,0052=IMAGE", "-k", "0008,0018",
                               "127.0.0.1", server.port_text()});
  EXPECT_NE(found.output.find("Cancel"), std::string::npos) << found.output;
  EXPECT_EQ(found.status, 0) << found.output;
}

TEST_F(Query, movescu_makes_the_server_send_to_a_third_node) {
  TestServer destination;
  TestServer server{with_destination("THIRD", destination.port())};
  fill(server.archive);
  const auto moved = run_peer({"movescu", "-v", "-S", "-aem", "THIRD", "-k", "0008,0052=STUDY", "-k",
                               "0020,000d=" + uid_of(1, 1), "127.0.0.1", server.port_text()});
  ASSERT_EQ(moved.status, 0) << moved.output;
  const auto arrived = destination.archive.all();
  ASSERT_EQ(arrived.size(), 3U);
  EXPECT_TRUE(same_data_set(arrived[0].bytes, make_ct(1, 1, 1, 1, 16)));
  const auto unknown = run_peer({"movescu", "-v", "-S", "-aem", "NOBODY", "-k", "0008,0052=STUDY", "-k",
                                 "0020,000d=" + uid_of(1, 1), "127.0.0.1", server.port_text()});
  EXPECT_NE(unknown.output.find("MoveDestinationUnknown"), std::string::npos) << unknown.output;
}

TEST_F(Query, getscu_gets_a_study_on_its_own_association) {
  TestServer server;
  fill(server.archive);
  const auto got = run_peer({"getscu", "-S", "-od", folder_.path().string(), "-k", "0008,0052=STUDY", "-k",
                             "0020,000d=" + uid_of(1, 2), "127.0.0.1", server.port_text()});
  ASSERT_EQ(got.status, 0) << got.output;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder_.path()}) {
    (void)entry;
    ++files;
  }
  EXPECT_EQ(files, 3U) << got.output;
}

TEST_F(Query, our_client_stores_finds_moves_and_gets) {
  TestServer destination;
  TestServer server{with_destination("THIRD", destination.port())};
  std::vector<std::unique_ptr<contracts::ObjectBytes>> files;
  std::vector<contracts::StoredObject> objects;
  for (int instance = 1; instance <= 4; ++instance) {
    const auto path = save(folder_, std::to_string(instance), make_ct(1, 1, 1, instance, 300));
    auto file = open_file(path);
    ASSERT_OK(file);
    objects.push_back((*file)->object());
  }
  auto calls = client(server.port());
  ASSERT_OK(calls);
  Client& peer = **calls;
  ASSERT_OK(peer.echo());
  std::size_t stored = 0;
  ASSERT_OK(peer.store(
      objects, [&](std::size_t i) { return open_file(folder_.path() / std::to_string(i + 1)); },
      [&](const Client::Stored& one) { stored += one.status == kSuccess ? 1U : 0U; }));
  EXPECT_EQ(stored, 4U);
  std::vector<std::string> found;
  contracts::ObjectQuery query = study_query("");
  query.keys.push_back({0x00100010, Phi<std::string>{"*Patient1"}});
  ASSERT_OK(peer.find(InformationModel::study_root, query, [&](const contracts::ObjectRow& row) {
    for (const auto& attribute : row) {
      if (attribute.tag == 0x0020000D) found.push_back(attribute.value.reveal(Reveal::to_test));
    }
    return true;
  }));
  EXPECT_EQ(found, std::vector<std::string>{uid_of(1, 1)});
  const auto moved = peer.move(InformationModel::study_root, study_query(uid_of(1, 1)), "THIRD", {});
  ASSERT_OK(moved);
  EXPECT_EQ(moved->completed, 4U);
  EXPECT_EQ(destination.archive.size(), 4U);
  MemoryArchive mine;
  const contracts::ObjectPeer me{.principal = {.scopes = {"store"}}};
  const auto got = peer.get(InformationModel::study_root, study_query(uid_of(1, 1)), {}, mine, me, {});
  ASSERT_OK(got);
  EXPECT_EQ(got->completed, 4U);
  ASSERT_EQ(mine.size(), 4U);
  EXPECT_TRUE(same_data_set(mine.all()[2].bytes, make_ct(1, 1, 1, 3, 300)));
}

TEST_F(Query, a_get_that_is_cancelled_ends_early) {
  TestServer server;
  for (int instance = 1; instance <= 50; ++instance) ASSERT_OK(server.archive.add(make_ct(1, 1, 1, instance, 64)));
  auto calls = client(server.port());
  ASSERT_OK(calls);
  MemoryArchive mine;
  const contracts::ObjectPeer me{.principal = {.scopes = {"store"}}};
  const auto got = (*calls)->get(InformationModel::study_root, study_query(uid_of(1, 1)), {}, mine, me,
                                 [](const Progress& progress) { return progress.completed < 3; });
  ASSERT_OK(got);
  EXPECT_GE(got->completed, 3U);
  EXPECT_LT(mine.size(), 50U);
}

TEST_F(Query, objects_in_syntaxes_that_no_toolkit_knows_are_kept_and_sent_as_they_are) {
  // HTJ2K and JPEG XL: newer than DCMTK 3.6.7. The codestream is not looked at on the way.
  for (const std::string_view syntax : {"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.112"}) {
    auto file = make_ct(1, 1, 1, 1, 16);
    auto parsed = dicom::parse(file);
    ASSERT_OK(parsed);
    parsed->dataset.set_frames({std::vector<std::byte>(100, std::byte{0x5A})});
    const auto encapsulated = dicom::write_part10(parsed->dataset, syntax);
    ASSERT_OK(encapsulated);
    const auto path = save(folder_, "new", *encapsulated);
    TestServer destination;
    TestServer server{with_destination("THIRD", destination.port())};
    auto calls = client(server.port());
    ASSERT_OK(calls);
    const auto opened = open_file(path);
    ASSERT_OK(opened);
    const std::vector<contracts::StoredObject> objects{(*opened)->object()};
    ASSERT_OK((*calls)->store(
        objects, [&](std::size_t) { return open_file(path); },
        [](const Client::Stored& one) { EXPECT_EQ(one.status, kSuccess); }));
    const auto moved = (*calls)->move(InformationModel::study_root, study_query(uid_of(1, 1)), "THIRD", {});
    ASSERT_OK(moved);
    EXPECT_EQ(moved->completed, 1U);
    const auto arrived = destination.archive.all();
    ASSERT_EQ(arrived.size(), 1U);
    EXPECT_EQ(arrived[0].object.transfer_syntax_uid, syntax);
    EXPECT_TRUE(same_data_set(arrived[0].bytes, *encapsulated));
  }
}

TEST_F(Query, failed_sub_operations_are_counted_and_named) {
  TestServer destination;
  TestServer server{with_destination("THIRD", destination.port())};
  fill(server.archive);
  destination.archive.refuse_with(Code::exhausted);
  auto calls = client(server.port());
  ASSERT_OK(calls);
  const auto moved = (*calls)->move(InformationModel::study_root, study_query(uid_of(1, 1)), "THIRD", {});
  ASSERT_OK(moved);
  EXPECT_EQ(moved->failed, 3U);
  EXPECT_EQ(moved->completed, 0U);
}

TEST_F(Query, logs_hold_no_patient_and_no_uid) {
  TestServer destination;
  TestServer server{with_destination("THIRD", destination.port())};
  fill(server.archive);
  destination.archive.refuse_with(Code::exhausted);
  auto calls = client(server.port());
  ASSERT_OK(calls);
  ASSERT_OK((*calls)->move(InformationModel::study_root, study_query(uid_of(1, 1)), "THIRD", {}));
  server.server->stop(std::chrono::seconds{20});
  const std::string log = server.log.text();
  EXPECT_NE(log.find("dimse.association"), std::string::npos);
  for (const auto& secret : {uid_of(1), std::string{"Patient1"}, std::string{"PID1"}}) {
    EXPECT_EQ(log.find(secret), std::string::npos) << log;
  }
}

}  // namespace
}  // namespace aceso::dimse::testing
