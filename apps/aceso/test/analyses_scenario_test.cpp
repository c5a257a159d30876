// From a modality to a finding in the study: a node with a trained model receives images and writes what it found.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "aceso/learn/dataset.hpp"
#include "exit_code.hpp"
#include "run_aceso.hpp"

namespace aceso::app {
namespace {

namespace tags = dicom::tags;
constexpr std::int64_t kSide = 32;

bool has_program(const std::string& name) {
  return ::access(("/usr/bin/" + name).c_str(), X_OK) == 0;
}

// What a program of another hand prints on either stream.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(("/usr/bin/" + command + " 2>&1").c_str(), "r"), pclose};
  std::string out;
  std::array<char, 4096> part{};
  for (std::size_t n = 0; pipe && (n = std::fread(part.data(), 1, part.size(), pipe.get())) > 0;)
    out.append(part.data(), n);
  return out;
}

class AnalysesScenario : public ::testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) { return run_aceso(home(), arguments); }
  std::filesystem::path home() const { return folder_.path() / "home"; }
  Json json_of(const Outcome& outcome) {
    const auto parsed = parse_json(outcome.out);
    EXPECT_TRUE(parsed.ok()) << outcome.out << outcome.err;
    return parsed.ok() ? *parsed : Json();
  }
  void train() {
    const auto file = folder_.path() / "phantom.npz";
    const auto bytes =
        learn::to_npz(learn::make_phantom_ct({.train = 160, .validation = 40, .test = 40, .size = kSide}));
    ASSERT_TRUE(bytes.ok());
    ASSERT_TRUE(write_file_atomic(file, *bytes).ok());
    ASSERT_EQ(run({"dataset", "import", file.string(), "--name", "phantom", "--classes", "smooth,spiculated"}).status,
              kOk);
    const auto trained = run({"train", "--dataset", "phantom", "--name", "nodule", "--epochs", "2", "--batch", "16"});
    ASSERT_EQ(trained.status, kOk) << trained.err;
    ASSERT_EQ(run({"model", "promote", "nodule", "1", "live"}).status, kOk);
  }
  // A phantom that was not trained on, as a computed radiograph (or in colour, as an ultrasound picture).
  std::string write_image(const std::string& series, bool colour) {
    const auto arrays = learn::make_phantom_ct({.train = 4, .validation = 2, .test = 2, .size = kSide, .seed = 99});
    const auto& images = arrays.at("test_images");
    dicom::Dataset d;
    d.set_charset(dicom::CharacterSet::utf8());
    d.set_text(tags::kSOPClassUID, colour ? "1.2.840.10008.5.1.4.1.1.6.1" : "1.2.840.10008.5.1.4.1.1.1");
    d.set_text(tags::kSOPInstanceUID, series + ".1").set_text(tags::kSeriesInstanceUID, series);
    d.set_text(tags::kStudyInstanceUID, "1.2.3.1").set_text(tags::kStudyDate, "20260131");
    d.set_text(tags::kPatientName, "Doe^Jane").set_text(tags::kPatientID, "P1");
    d.set_text(tags::kModality, colour ? "US" : "CR").set_text(tags::kBodyPartExamined, "CHEST");
    d.set_integer(tags::kSamplesPerPixel, colour ? 3 : 1);
    d.set_text(tags::kPhotometricInterpretation, colour ? "RGB" : "MONOCHROME2");
    if (colour) d.set_integer(tags::kPlanarConfiguration, 0);
    d.set_integer(tags::kRows, kSide).set_integer(tags::kColumns, kSide).set_integer(tags::kPixelRepresentation, 0);
    d.set_integer(tags::kBitsAllocated, 8).set_integer(tags::kBitsStored, 8).set_integer(tags::kHighBit, 7);
    d.set_number(tags::kWindowCenter, 128).set_number(tags::kWindowWidth, 256);  // values as they are
    std::vector<std::byte> pixels{images.data.begin(), images.data.begin() + kSide * kSide};
    if (colour) pixels.resize(static_cast<std::size_t>(kSide * kSide * 3));
    d.set_bytes(tags::kPixelData, dicom::Vr::ob, std::move(pixels));
    const auto file = folder_.path() / (series + ".dcm");
    EXPECT_TRUE(write_file_atomic(file, *dicom::write_part10(d, dicom::kExplicitLittle)).ok());
    return file.string();
  }
  // Until no analysis of the study waits or runs.
  Json settled(std::size_t analyses) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{3};
    Json view;
    do {
      view = json_of(run({"--json", "archive", "analyses", "1.2.3.1"}));
      std::size_t done = 0;
      for (const auto& one : view.value("analyses", Json::array()))
        done += one.at("state") != "waiting" && one.at("state") != "running" && !one.at("id").is_null() ? 1U : 0U;
      if (done == analyses) return view;
    } while (std::chrono::steady_clock::now() < end);
    ADD_FAILURE() << view.dump(1);
    return view;
  }
  TempDir folder_ = *TempDir::create();
};

std::string dicom_port(BackgroundNode& node) {
  std::string text, line;
  while (!(line = node.read_line()).empty()) {
    text += line;
    if (const auto json = parse_json(text); json.ok()) {
      const auto address = json->value("dicom", "");
      return address.substr(address.rfind(':') + 1);
    }
  }
  return {};
}

TEST_F(AnalysesScenario, from_a_modality_to_a_finding_in_the_study) {
  if (!has_program("storescu") || !has_program("dsrdump") || !has_program("dciodvfy"))
    GTEST_SKIP() << "skipped: packages dcmtk and dicom3tools are not installed";
  train();
  ASSERT_TRUE(write_file_atomic(home() / "aceso.yaml",
                                std::string_view{"net: {port: 0}\n"
                                                 "dimse: {enabled: true, port: 0, peers: [\"CR1@127.0.0.1\"]}\n"
                                                 "routing:\n  quiet: 200ms\n  rules:\n"
                                                 "    - name: nodules\n"
                                                 "      match: {modality: [CR, DX, US], body_part: CHEST}\n"
                                                 "      model: nodule\n      positive: [smooth, spiculated]\n"
                                                 "    - match: {modality: MG}\n      model: nothing@7\n"})
                  .ok());
  auto node = std::make_unique<BackgroundNode>(home());
  const auto port = dicom_port(*node);
  ASSERT_FALSE(port.empty());
  const auto sent = output_of("storescu -aet CR1 -aec ACESO 127.0.0.1 " + port + " " + write_image("1.2.3.1.1", false));
  ASSERT_EQ(sent.find("E:"), std::string::npos) << sent;
  ASSERT_EQ(run({"archive", "import", write_image("1.2.3.1.2", true)}).status, kOk);

  const Json view = settled(2);
  Json found, colour;
  for (const auto& one : view.at("analyses")) {
    if (one.at("series") == "1.2.3.1.1") found = one;
    if (one.at("series") == "1.2.3.1.2") colour = one;
  }
  EXPECT_EQ(colour.at("state"), "not_applicable");
  EXPECT_EQ(colour.at("reason"), "colour images are not analysed");
  ASSERT_EQ(found.at("state"), "analysed") << view.dump(1);
  EXPECT_EQ(found.at("model").at("name"), "nodule");
  EXPECT_EQ(found.at("model").at("version"), 1);
  EXPECT_FALSE(found.at("model").at("intended_use").get<std::string>().empty());
  EXPECT_FALSE(found.at("uncertainty").get<std::string>().empty());
  const double probability = found.at("probability").get<double>();
  // The command line's own way to the same picture says the same.
  const auto arrays = learn::make_phantom_ct({.train = 4, .validation = 2, .test = 2, .size = kSide, .seed = 99});
  const auto& images = arrays.at("test_images");
  const learn::Array one{images.dtype, {kSide, kSide}, {images.data.begin(), images.data.begin() + kSide * kSide}};
  ASSERT_TRUE(write_file_atomic(folder_.path() / "one.npy", learn::to_npy(one)).ok());
  const Json predicted = json_of(run({"predict", "nodule", (folder_.path() / "one.npy").string(), "--json"}));
  EXPECT_NEAR(predicted.at(0).at("probability").get<double>(), probability, 1e-6);

  const auto words = run({"archive", "analyses", "1.2.3.1"});
  EXPECT_EQ(words.status, kOk);
  for (const char* said : {"nodule version 1", "intended use", "uncertainty", "AI, not for primary diagnosis"})
    EXPECT_NE(words.out.find(said), std::string::npos) << said << "\n" << words.out;

  // Killed and started again: nothing more and nothing less.
  node->stop(SIGKILL);
  node = std::make_unique<BackgroundNode>(home());
  ASSERT_FALSE(dicom_port(*node).empty());
  ASSERT_EQ(run({"archive", "analyse", "1.2.3.1"}).status, kOk);
  EXPECT_EQ(settled(2).at("state"), "analysed");
  const auto out = folder_.path() / "out";
  const Json exported = json_of(run({"--json", "archive", "export", "--study", "1.2.3.1", out.string()}));
  // A map of influence comes when it passed its checks; it brings a picture and a presentation state.
  const bool mapped = !found.at("map").is_null();
  const auto why_not = found.at("map_note").get<std::string>();
  EXPECT_TRUE(mapped ? why_not.empty() : why_not.find("failed a check") != std::string::npos) << why_not;
  EXPECT_EQ(exported.at("files"), mapped ? 7 : 5) << "two images, a report, a picture, a note" << found.dump(1);
  int reports = 0, pictures = 0, notes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{out}) {
    if (entry.path().extension() != ".dcm") continue;
    const auto path = entry.path().string();
    const auto dump = output_of("dcmdump " + path);
    if (dump.find("AI, not for primary diagnosis") == std::string::npos) continue;
    const auto verdict = output_of("dciodvfy " + path);
    EXPECT_EQ(verdict.find("Error -"), std::string::npos) << verdict;
    EXPECT_NE(dump.find("[Aceso]"), std::string::npos) << dump;
    if (dump.find("=SecondaryCaptureImageStorage") != std::string::npos) ++pictures;
    if (dump.find("=KeyObjectSelectionDocumentStorage") != std::string::npos) ++notes;
    if (dump.find("=Comprehensive3DSRStorage") == std::string::npos) continue;
    ++reports;
    const auto tree = output_of("dsrdump +Pc " + path);
    EXPECT_NE(tree.find("(122157,DCM,\"Probability\")="), std::string::npos) << tree;
    EXPECT_NE(tree.find("(111001,DCM,\"Algorithm Name\")=\"nodule\""), std::string::npos) << tree;
    EXPECT_NE(tree.find("Intended use of the model"), std::string::npos) << tree;
  }
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(pictures, mapped ? 2 : 1);
  EXPECT_EQ(notes, 1);
  EXPECT_EQ(run({"archive", "analyses", "9.9"}).status, kNotFound);
  EXPECT_EQ(run({"archive", "analyses", "--state", "nonsense"}).status, kUsage);
  EXPECT_EQ(run({"archive", "analyses", "1.2.3.1", "--state", "failed"}).status, kUsage);
  EXPECT_EQ(json_of(run({"--json", "archive", "analyses", "--state", "failed"})).at("items").size(), 0U);
  EXPECT_EQ(run({"audit", "verify"}).status, kOk);
  EXPECT_EQ(node->stop().status, kOk);
}

TEST_F(AnalysesScenario, a_wrong_rule_names_file_line_and_what_is_wrong) {
  std::filesystem::create_directories(home());
  ASSERT_TRUE(write_file_atomic(home() / "aceso.yaml",
                                std::string_view{"routing:\n  rules:\n    - match: {modalty: CR}\n      model: m\n"})
                  .ok());
  const auto refused = run({"node"});
  EXPECT_EQ(refused.status, kUsage);
  EXPECT_NE(refused.err.find("aceso.yaml:2: routing.rules: rule 1:"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("modalty, did you mean modality?"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace aceso::app
