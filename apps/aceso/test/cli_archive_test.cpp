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
  // A computed radiograph of 16 x 16: `seed` decides what it shows.
  void write_radiograph(int patient, int study, unsigned seed, const std::string& manufacturer = "Maker") {
    const std::string uid = "1.2.9." + std::to_string(patient) + "." + std::to_string(study);
    dicom::Dataset d;
    d.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.1").set_text(tags::kSOPInstanceUID, uid + ".1.1");
    d.set_text(tags::kStudyInstanceUID, uid).set_text(tags::kSeriesInstanceUID, uid + ".1");
    d.set_text(tags::kPatientName, "Doe^Jane").set_text(tags::kPatientID, "P" + std::to_string(patient));
    d.set_text(tags::kAccessionNumber, "A" + std::to_string(10 * patient + study)).set_text(tags::kModality, "CR");
    d.set_text(tags::kStudyDate, "202401" + std::to_string(10 + patient)).set_text(tags::kManufacturer, manufacturer);
    d.set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
    d.set_integer(tags::kSamplesPerPixel, 1).set_integer(tags::kRows, 16).set_integer(tags::kColumns, 16);
    d.set_integer(tags::kBitsAllocated, 8).set_integer(tags::kBitsStored, 8).set_integer(tags::kHighBit, 7);
    d.set_integer(tags::kPixelRepresentation, 0);
    std::vector<std::byte> pixels(256);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::byte>((i * (seed + 3) + seed * 7) % 251);
    d.set_bytes(tags::kPixelData, dicom::Vr::ob, std::move(pixels));
    std::filesystem::create_directories(folder_.path() / "in");
    EXPECT_TRUE(
        write_file_atomic(folder_.path() / "in" / (uid + manufacturer), *dicom::write_part10(d, dicom::kExplicitLittle))
            .ok());
  }
  TempDir folder_;
};

TEST_F(CliArchive, images_of_the_archive_become_a_data_set_by_accession_number) {
  std::string table = "accession_number,label\n";
  for (int patient = 1; patient <= 8; ++patient) {
    write_radiograph(patient, 1, static_cast<unsigned>(patient));
    if (patient != 8)
      table += "A" + std::to_string(10 * patient + 1) + (patient % 2 == 0 ? ",normal\n" : ",pneumonia\n");
  }
  write_radiograph(3, 2, 40, "Aceso");  // what a model of a node wrote
  ASSERT_EQ(run({"archive", "import", (folder_.path() / "in").string()}).status, kOk);
  const auto labels = folder_.path() / "labels.csv";
  ASSERT_TRUE(write_file_atomic(labels, std::string_view{table}).ok());
  const std::vector<std::string> words{"--json", "dataset", "import",     "--from-archive",
                                       "--name", "chest",   "--modality", "CR"};
  const auto with = [](std::vector<std::string> all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto made = run(with(words, {"--labels", labels.string(), "--validation", "0.3"}));
  ASSERT_EQ(made.status, kOk) << made.err << made.out;
  const Json summary = json_of(made);
  std::size_t samples = 0;
  for (const auto& [split, classes] : summary.at("counts").items()) {
    for (const auto& [label, n] : classes.items()) samples += n.get<std::size_t>();
  }
  EXPECT_EQ(samples, 7U) << summary.dump(1);
  EXPECT_EQ(summary.at("classes"), Json::array({"normal", "pneumonia"}));
  const std::string manifest =
      *read_text_file(folder_.path() / "home" / "models" / "datasets" / "chest" / "manifest.json", 1 << 20);
  for (const char* said : {"Doe", "A11", "1.2.9.1.1"}) EXPECT_EQ(manifest.find(said), std::string::npos) << said;
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "home" / "models" / "spool"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "home" / "models" / "jobs"));
  EXPECT_EQ(run({"audit", "verify"}).status, kOk);

  // Days, no labels, and what goes wrong.
  const auto days = run({"--json", "dataset", "import", "--from-archive", "--name", "later", "--from", "2024-01-15"});
  ASSERT_EQ(days.status, kOk) << days.err << days.out;
  EXPECT_NE(run({"dataset", "import", "--from-archive", "--name", "x", "--modality", "MR"})
                .err.find("no image of the archive"),
            std::string::npos);
  EXPECT_NE(run({"dataset", "import", "--from-archive", "--name", "x"}).err.find("say which images"),
            std::string::npos);
  EXPECT_NE(run({"dataset", "import", "--from-archive", "--name", "x", "--from", "1.2.2024"}).err.find("YYYY-MM-DD"),
            std::string::npos);
  EXPECT_NE(run({"dataset", "import", "--from-archive", "--name", "x", "--modality", "CR", "--max-objects", "3"})
                .err.find("more than 3 objects"),
            std::string::npos);
  EXPECT_EQ(run({"dataset", "import", "--name", "x"}).status, kUsage);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "home" / "models" / "spool"));
}

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
