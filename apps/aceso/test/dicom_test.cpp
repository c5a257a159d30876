// DICOM through the program: a node that listens, and `aceso dicom` as another node.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "exit_code.hpp"
#include "run_aceso.hpp"

namespace aceso::app {
namespace {

namespace tags = dicom::tags;

std::vector<std::byte> make_object(int instance) {
  dicom::Dataset data;
  data.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.7");
  data.set_text(tags::kSOPInstanceUID, "1.2.3.1.1." + std::to_string(instance));
  data.set_text(tags::kStudyInstanceUID, "1.2.3.1");
  data.set_text(tags::kSeriesInstanceUID, "1.2.3.1.1");
  data.set_text(tags::kPatientID, "P1");
  data.set_text(tags::kPatientName, "Doe^Jane");
  data.set_text(tags::kModality, "OT");
  auto bytes = dicom::write_part10(data, dicom::kExplicitLittle);
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *std::move(bytes) : std::vector<std::byte>{};
}

class DicomNode : public ::testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) { return run_aceso(home_.path() / "other", arguments); }
  void write_settings(const std::string& yaml) {
    std::filesystem::create_directories(home_.path() / "home");
    ASSERT_TRUE(write_file_atomic(home_.path() / "home" / "aceso.yaml", yaml).ok());
  }
  TempDir home_ = *TempDir::create();
};

std::string dicom_address(BackgroundNode& node) {
  std::string text, line;
  while (!(line = node.read_line()).empty()) {
    text += line;
    if (const auto json = parse_json(text); json.ok()) return json->value("dicom", "");
  }
  return {};
}

TEST_F(DicomNode, stores_finds_and_gives_back_what_the_command_line_sends) {
  write_settings("net: {port: 0}\ndimse: {enabled: true, port: 0, peers: [\"ME@127.0.0.1\"]}\n");
  BackgroundNode node{home_.path() / "home"};
  const std::string address = dicom_address(node);
  ASSERT_FALSE(address.empty());
  const std::string peer = "ACESO@" + address;
  const auto folder = home_.path() / "files";
  std::filesystem::create_directories(folder);
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(write_file_atomic(folder / std::to_string(i), make_object(i)).ok());
  }
  ASSERT_TRUE(write_file_atomic(folder / "notes.txt", "no image").ok());
  EXPECT_EQ(run({"dicom", "echo", peer, "--aet", "ME"}).status, kOk);
  EXPECT_EQ(run({"dicom", "echo", peer, "--aet", "STRANGER"}).status, kDenied);
  const auto stored = run({"--json", "dicom", "store", peer, folder.string(), "--aet", "ME"});
  EXPECT_EQ(stored.status, kFailed) << "one file is no DICOM: " << stored.err;
  EXPECT_EQ(parse_json(stored.out)->at("stored"), 3);
  EXPECT_EQ(parse_json(stored.out)->at("failed").size(), 1U);
  const auto found = run({"--json", "dicom", "find", peer, "--aet", "ME", "-k", "PatientName=Doe*"});
  ASSERT_EQ(found.status, kOk) << found.err;
  EXPECT_EQ(parse_json(found.out)->at("matches").at(0).at("StudyInstanceUID"), "1.2.3.1");
  const auto back = home_.path() / "back";
  const auto got = run({"--json", "dicom", "get", peer, "--aet", "ME", "--study", "1.2.3.1", "--to", back.string()});
  ASSERT_EQ(got.status, kOk) << got.err;
  EXPECT_EQ(parse_json(got.out)->at("completed"), 3);
  EXPECT_TRUE(std::filesystem::exists(back / "000003.dcm"));
  EXPECT_EQ(node.stop().status, kOk);
}

TEST_F(DicomNode, wrong_settings_and_peers_are_refused_with_the_way_out) {
  write_settings("net: {port: 0}\ndimse: {enabled: true, port: 0}\n");
  const auto nobody = run_aceso(home_.path() / "home", {"node"});
  EXPECT_EQ(nobody.status, kUsage);
  EXPECT_NE(nobody.err.find("dimse.peers"), std::string::npos) << nobody.err;
  write_settings("net: {port: 0}\ndimse: {enabled: true, port: 0, address: 0.0.0.0, peers: [\"ME@127.0.0.1\"]}\n");
  const auto plain = run_aceso(home_.path() / "home", {"node"});
  EXPECT_EQ(plain.status, kUsage);
  EXPECT_NE(plain.err.find("dimse.tls_certificate"), std::string::npos) << plain.err;
  EXPECT_EQ(run({"dicom", "echo", "nonsense"}).status, kUsage);
  EXPECT_EQ(run({"dicom", "echo", "X@127.0.0.1:1"}).status, kUnavailable);
}

}  // namespace
}  // namespace aceso::app
