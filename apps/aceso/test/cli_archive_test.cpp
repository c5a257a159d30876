// aceso archive as a user types it: files in, found, out again as they were.
#include <gtest/gtest.h>

#include <fstream>
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

class CliArchive : public ::testing::Test {
 protected:
  CliArchive() : folder_{*TempDir::create()} {}
  Outcome run(const std::vector<std::string>& arguments) { return run_aceso(folder_.path() / "home", arguments); }
  Json json_of(const Outcome& outcome) {
    const auto parsed = parse_json(outcome.out);
    EXPECT_TRUE(parsed.ok()) << outcome.out << outcome.err;
    return parsed.ok() ? *parsed : Json();
  }
  std::vector<std::byte> write_object(const std::string& name, const std::string& instance) {
    dicom::Dataset d;
    d.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.7").set_text(tags::kSOPInstanceUID, instance);
    d.set_text(tags::kStudyInstanceUID, "1.2.3").set_text(tags::kSeriesInstanceUID, "1.2.3.1");
    d.set_text(tags::kPatientName, "Doe^Jane").set_text(tags::kPatientID, "P1").set_text(tags::kModality, "OT");
    d.set_text(tags::kStudyDate, "20240131");
    auto bytes = *dicom::write_part10(d, dicom::kExplicitLittle);
    std::filesystem::create_directories((folder_.path() / "in" / name).parent_path());
    EXPECT_TRUE(write_file_atomic(folder_.path() / "in" / name, bytes).ok());
    return bytes;
  }
  TempDir folder_;
};

TEST_F(CliArchive, from_a_folder_and_back) {
  const auto first = write_object("a/1.dcm", "1.2.3.1.1");
  const auto second = write_object("b/2", "1.2.3.1.2");
  ASSERT_TRUE(write_file_atomic(folder_.path() / "in" / "note.txt", "not an image").ok());
  const auto in = (folder_.path() / "in").string();
  const auto imported = run({"--json", "archive", "import", in});
  EXPECT_EQ(imported.status, kFailed);  // one was refused
  const Json totals = json_of(imported);
  EXPECT_EQ(totals.at("stored"), 2);
  ASSERT_EQ(totals.at("refused").size(), 1U);
  EXPECT_EQ(totals.at("refused")[0].at("code"), "invalid");
  EXPECT_EQ(json_of(run({"--json", "archive", "import", in + "/a"})).at("duplicates"), 1);

  const auto listed = run({"archive", "query", "--name", "doe*"});
  EXPECT_EQ(listed.status, kOk);
  EXPECT_NE(listed.out.find("Doe^Jane"), std::string::npos) << listed.out << listed.err;
  EXPECT_EQ(json_of(run({"--json", "archive", "query", "--name", "nobody"})).size(), 0U);
  const Json shown = json_of(run({"--json", "archive", "show", "1.2.3"}));
  EXPECT_EQ(shown.at("series").size(), 1U);

  const auto out = folder_.path() / "out";
  const auto exported = run({"--json", "archive", "export", "--all", out.string()});
  EXPECT_EQ(json_of(exported).at("files"), 2) << exported.err;
  EXPECT_EQ(*read_file(out / "000001" / "001" / "000001.dcm", 1 << 20), first);
  EXPECT_EQ(*read_file(out / "000001" / "001" / "000002.dcm", 1 << 20), second);
  EXPECT_EQ(run({"archive", "export", "--all", out.string()}).status, kUsage);  // not empty

  EXPECT_EQ(run({"archive", "delete", "1.2.3"}).status, kUsage);
  EXPECT_EQ(run({"archive", "delete", "1.2.3", "--yes"}).status, kOk);
  EXPECT_EQ(run({"archive", "delete", "1.2.3", "--yes"}).status, kNotFound);
  EXPECT_EQ(run({"archive", "show", "1.2.3"}).status, kNotFound);
  EXPECT_EQ(run({"archive", "import", in + "/nothing"}).status, kNotFound);
}

}  // namespace
}  // namespace aceso::app
