// A model of volumes from phantoms to a real chest CT: made, trained, registered, routed; series come in by association
// and by import, segmentations go back onto the very slices.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/json.hpp"
#include "aceso/dicom/geometry.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "aceso/learn/synthesise.hpp"
#include "conformance.hpp"
#include "exit_code.hpp"
#include "run_aceso.hpp"

namespace aceso::app {
namespace {

namespace vtags = dicom::tags;
using VolumeBytes = std::vector<std::byte>;
constexpr std::int64_t kFine = 48;  // voxels of 100 mm along a side
constexpr double kFineMm = 100.0 / kFine;

std::string said_by_program(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(("/usr/bin/" + command + " 2>&1").c_str(), "r"), pclose};
  std::string out;
  std::array<char, 4096> part{};
  for (std::size_t n = 0; pipe && (n = std::fread(part.data(), 1, part.size(), pipe.get())) > 0;)
    out.append(part.data(), n);
  return out;
}

// A phantom that was not trained on, of fine voxels; the truth with it.
struct Phantom {
  std::vector<std::int16_t> values;
  std::vector<std::uint8_t> inside;
};
Phantom unseen_phantom() {
  const auto made = learn::synthesise({.volume = true,
                                       .train = 0,
                                       .validation = 0,
                                       .test = 1,
                                       .size = kFine,
                                       .diameter_mm = 26,
                                       .seed = 20,
                                       .hounsfield = true});
  EXPECT_TRUE(made.ok());
  const auto values = made->at("test_images").as<std::int16_t>();
  const auto inside = made->at("test_masks").as<std::uint8_t>();
  return {{values.begin(), values.end()}, {inside.begin(), inside.end()}};
}

// Slice `n` of the phantom, the highest first: the mean of `thick` fine slices, as a scanner with thick slices sees
// them. `inside` is the share of each pixel in the nodule.
struct ThickSlice {
  std::string sop;
  VolumeBytes file;
  std::vector<double> inside;
  double z_mm = 0;
};
std::string study_of(std::int64_t thick) {
  return "1.2.826.0.1.3680043.10.77." + std::to_string(thick);
}
ThickSlice thick_slice(const Phantom& phantom, std::int64_t n, std::int64_t thick) {
  const std::string study = study_of(thick);
  const std::int64_t slices = kFine / thick, from = (slices - 1 - n) * thick;  // fine slices go to the head
  ThickSlice out{.sop = study + ".1." + std::to_string(n + 1),
                 .file = {},
                 .inside = {},
                 .z_mm = -300 + (static_cast<double>(from) + static_cast<double>(thick) / 2.0) * kFineMm};
  VolumeBytes pixels;
  for (std::int64_t i = 0; i < kFine * kFine; ++i) {
    int sum = 0, share = 0;
    for (std::int64_t k = 0; k < thick; ++k) {
      const auto at = static_cast<std::size_t>((from + k) * kFine * kFine + i);
      sum += phantom.values[at];
      share += phantom.inside[at];
    }
    const int stored = static_cast<int>(std::lround(sum / static_cast<double>(thick))) + 1024;
    pixels.push_back(static_cast<std::byte>(stored & 255));
    pixels.push_back(static_cast<std::byte>(stored >> 8));
    out.inside.push_back(share / static_cast<double>(thick));
  }
  std::array<char, 64> spacing{}, position{}, thickness{};
  (void)std::snprintf(spacing.data(), spacing.size(), "%.8f\\%.8f", kFineMm, kFineMm);
  (void)std::snprintf(position.data(), position.size(), "-50\\-40\\%.6f", out.z_mm);
  (void)std::snprintf(thickness.data(), thickness.size(), "%.6f", static_cast<double>(thick) * kFineMm);
  dicom::Dataset d;
  d.set_charset(dicom::CharacterSet::utf8());
  d.set_text(vtags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.2").set_text(vtags::kSOPInstanceUID, out.sop);
  d.set_text(vtags::kStudyInstanceUID, study).set_text(vtags::kSeriesInstanceUID, study + ".1");
  d.set_text(vtags::kFrameOfReferenceUID, study + ".9");
  d.set_text(vtags::kPatientName, "Doe^Jane").set_text(vtags::kPatientID, "P1").set_text(vtags::kStudyDate, "20260131");
  d.set_text(vtags::kModality, "CT").set_text(vtags::kBodyPartExamined, "CHEST");
  d.set_text(vtags::kInstanceNumber, std::to_string(1 + (n * 7) % slices));  // numbers say nothing about places
  d.set_text(vtags::kImageOrientationPatient, "1\\0\\0\\0\\1\\0")
      .set_text(vtags::kImagePositionPatient, position.data());
  d.set_text(vtags::kPixelSpacing, spacing.data()).set_text(vtags::kSliceThickness, thickness.data());
  d.set_text(vtags::kRescaleIntercept, "-1024").set_text(vtags::kRescaleSlope, "1");
  d.set_text(vtags::kPhotometricInterpretation, "MONOCHROME2").set_integer(vtags::kSamplesPerPixel, 1);
  d.set_integer(vtags::kRows, kFine).set_integer(vtags::kColumns, kFine).set_integer(vtags::kPixelRepresentation, 0);
  d.set_integer(vtags::kBitsAllocated, 16).set_integer(vtags::kBitsStored, 16).set_integer(vtags::kHighBit, 15);
  d.set_bytes(vtags::kPixelData, dicom::Vr::ow, std::move(pixels));
  out.file = *dicom::write_part10(d, dicom::kExplicitLittle);
  return out;
}

// What a segmentation says: pixels of each source image, and where its frames lie.
struct Drawn {
  std::string sop;
  double z_mm = 0;
  std::vector<std::uint8_t> pixels;
};
std::vector<Drawn> frames_of(const VolumeBytes& file) {
  std::vector<Drawn> out;
  const auto object = dicom::parse(file);
  EXPECT_TRUE(object.ok());
  if (!object) return out;
  std::uint32_t number = 0;
  for (const auto& group : object->dataset.items(vtags::kPerFrameFunctionalGroupsSequence)) {
    const auto source = group.items(vtags::kDerivationImageSequence)[0].items(vtags::kSourceImageSequence)[0];
    const auto frame = dicom::decode_frame(*object, file, number);
    EXPECT_TRUE(frame.ok());
    const auto plane = dicom::frame_plane(object->dataset, number++);
    EXPECT_TRUE(plane.has_value());
    if (!frame || !plane) continue;
    Drawn one{.sop = source.text_or(vtags::kReferencedSOPInstanceUID), .z_mm = plane->position_mm[2], .pixels = {}};
    for (const std::byte b : frame->data) one.pixels.push_back(std::to_integer<std::uint8_t>(b));
    out.push_back(std::move(one));
  }
  return out;
}

class VolumeScenario : public ::testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) { return run_aceso(home(), arguments); }
  std::filesystem::path home() const { return folder_.path() / "home"; }
  Json json_of(const Outcome& outcome) {
    const auto parsed = parse_json(outcome.out);
    EXPECT_TRUE(parsed.ok()) << outcome.out << outcome.err;
    return parsed.ok() ? *parsed : Json();
  }
  void train() {
    ASSERT_EQ(run({"dataset", "synthesise", "lumps", "--3d", "--hounsfield", "--size", "24", "--train", "32",
                   "--validation", "6", "--test", "6", "--diameter", "26"})
                  .status,
              kOk);
    const auto config = folder_.path() / "train.yaml";
    ASSERT_TRUE(
        write_file_atomic(config, std::string_view{"patch: 16\noutline_labels: [nodule]\nlearning_rate: 0.005\n"})
            .ok());
    const auto trained = run({"train", config.string(), "--dataset", "lumps", "--name", "lumps", "--architecture",
                              "unet", "--epochs", "14", "--batch", "2"});
    ASSERT_EQ(trained.status, kOk) << trained.err;
    const Json shown = json_of(run({"--json", "model", "show", "lumps"}));
    ASSERT_NE(shown.dump().find("\"spacing_mm\""), std::string::npos) << shown.dump(1);
    ASSERT_EQ(run({"model", "promote", "lumps", "1", "live"}).status, kOk);
  }
  std::string started(BackgroundNode& node) {
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
  // The only routed analysis of a study, when it has ended.
  Json ended(const std::string& study) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{5};
    Json view;
    do {
      const auto asked = run({"--json", "archive", "analyses", study});
      if (asked.status != kOk) continue;
      view = json_of(asked);
      for (const auto& one : view.value("analyses", Json::array())) {
        if (!one.at("id").is_null() && one.at("state") != "waiting" && one.at("state") != "running") return one;
      }
    } while (std::chrono::steady_clock::now() < end);
    ADD_FAILURE() << view.dump(1);
    return view;
  }
  // Every object of the node's own in a study, checked by dciodvfy; the segmentation's frames.
  std::vector<Drawn> results(const std::string& study, std::map<std::string, int>& kinds) {
    const auto out = folder_.path() / ("out-" + study);
    EXPECT_EQ(run({"archive", "export", "--study", study, out.string()}).status, kOk);
    std::vector<Drawn> drawn;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{out}) {
      if (entry.path().extension() != ".dcm") continue;
      const auto file = read_file(entry.path(), std::uint64_t{1} << 30);
      EXPECT_TRUE(file.ok());
      const auto object = dicom::parse(*file);
      EXPECT_TRUE(object.ok());
      if (object->dataset.text_or(vtags::kManufacturer) != "Aceso") continue;
      ++kinds[object->dataset.text_or(vtags::kModality)];
      const auto verdict = said_by_program("dciodvfy " + entry.path().string());
      EXPECT_EQ(verdict.find("Error -"), std::string::npos) << verdict;
      if (object->dataset.text_or(vtags::kModality) == "SEG") drawn = frames_of(*file);
    }
    return drawn;
  }
  TempDir folder_ = *TempDir::create();
};

std::size_t corner(std::string_view xml, std::string_view name) {  // of a VOC annotation
  const auto at = xml.find("<" + std::string{name} + ">") + name.size() + 2;
  return static_cast<std::size_t>(std::strtoul(std::string{xml.substr(at, 8)}.c_str(), nullptr, 10));
}

TEST_F(VolumeScenario, a_model_of_phantoms_draws_on_the_slices_of_other_spacings_and_of_a_real_chest_ct) {
  for (const char* program : {"storescu", "dciodvfy"}) {
    if (::access(("/usr/bin/" + std::string{program}).c_str(), X_OK) != 0)
      GTEST_SKIP() << "skipped: packages dcmtk and dicom3tools are not installed";
  }
  train();
  ASSERT_TRUE(write_file_atomic(home() / "aceso.yaml",
                                std::string_view{"net: {port: 0}\n"
                                                 "dimse: {enabled: true, port: 0, peers: [\"CT1@127.0.0.1\"]}\n"
                                                 "routing:\n  quiet: 1s\n  rules:\n"
                                                 "    - name: lumps\n      match: {modality: CT}\n      model: lumps\n"
                                                 "      positive: [nodule]\n"})
                  .ok());
  BackgroundNode node{home()};
  const auto port = started(node);
  ASSERT_FALSE(port.empty());

  // The same phantom by association, in thin and in thick slices, sent in no order.
  const Phantom phantom = unseen_phantom();
  std::map<std::string, int> kinds;
  for (const std::int64_t thick : {1, 3}) {
    SCOPED_TRACE(thick);
    const auto files = folder_.path() / ("phantom" + std::to_string(thick));
    std::filesystem::create_directories(files);
    std::map<std::string, ThickSlice> slices;
    for (std::int64_t n = 0; n < kFine / thick; ++n) {
      auto slice = thick_slice(phantom, n, thick);
      ASSERT_TRUE(write_file_atomic(files / (std::to_string((n * 5) % (kFine / thick)) + ".dcm"), slice.file).ok());
      slices.emplace(slice.sop, std::move(slice));
    }
    const auto sent = said_by_program("storescu -aet CT1 -aec ACESO 127.0.0.1 " + port + " +sd " + files.string());
    ASSERT_EQ(sent.find("E:"), std::string::npos) << sent;
    const Json found = ended(study_of(thick));
    ASSERT_EQ(found.value("state", ""), "analysed") << found.dump(1);
    EXPECT_EQ(found.at("model").at("name"), "lumps");
    kinds.clear();
    const auto drawn = results(study_of(thick), kinds);
    ASSERT_FALSE(drawn.empty()) << found.dump(1);
    EXPECT_EQ(kinds["SEG"], 1);
    EXPECT_EQ(kinds["SR"], 1);
    double both = 0, model = 0, truth = 0;
    for (const auto& [sop, slice] : slices) {
      for (const double share : slice.inside) truth += share;
    }
    for (const auto& frame : drawn) {
      ASSERT_TRUE(slices.contains(frame.sop));
      const ThickSlice& slice = slices.at(frame.sop);
      EXPECT_NEAR(frame.z_mm, slice.z_mm, 1e-3) << "the frame lies where its slice lies";
      ASSERT_EQ(frame.pixels.size(), slice.inside.size());
      for (std::size_t i = 0; i < frame.pixels.size(); ++i) {
        model += frame.pixels[i];
        both += frame.pixels[i] * slice.inside[i];
      }
    }
    const double dice = 2 * both / (model + truth), voxel = static_cast<double>(thick) * kFineMm * kFineMm * kFineMm;
    std::printf("phantom in slices of %.2f mm, pixels of %.2f mm, model of 4.17 mm: Dice %.2f, %.0f mm3 of %.0f mm3\n",
                static_cast<double>(thick) * kFineMm, kFineMm, dice, model * voxel, truth * voxel);
    EXPECT_GT(dice, 0.6);
  }

  // The chest CT of the shared data by import.
  std::map<std::string, std::string> boxes;  // of the tumour, by SOP instance
  std::map<std::string, double> places;
  std::string study;
  const auto ct = folder_.path() / "ct";
  std::filesystem::create_directories(ct);
  if (const auto data = dicom::testing::shared_data(); !data.empty()) {
    for (const auto& [name, file] : dicom::testing::read_tar_xz(data / "dicom" / "lung_ct_tcia_A0001.tar.xz")) {
      if (name.ends_with(".xml"))
        boxes[std::filesystem::path{name}.stem().string()] = {reinterpret_cast<const char*>(file.data()), file.size()};
      if (!name.ends_with(".dcm")) continue;
      const auto object = dicom::parse(file);
      ASSERT_TRUE(object.ok());
      study = object->dataset.text_or(vtags::kStudyInstanceUID);
      places[object->sop_instance()] = dicom::frame_plane(object->dataset)->position_mm[2];
      ASSERT_TRUE(write_file_atomic(ct / (std::to_string(places.size()) + ".dcm"), file).ok());
    }
  }
  if (places.empty()) {
    std::puts("skipped: no real data");
    EXPECT_EQ(node.stop().status, kOk);
    return;
  }
  ASSERT_EQ(run({"archive", "import", ct.string()}).status, kOk);
  const Json real = ended(study);
  ASSERT_EQ(real.value("state", ""), "analysed") << real.dump(1);
  kinds.clear();
  const auto on_ct = results(study, kinds);
  EXPECT_EQ(kinds["SR"], 1);
  std::size_t pixels = 0, hit = 0, boxed = 0, in_boxes = 0;
  for (const auto& frame : on_ct) {
    ASSERT_TRUE(places.contains(frame.sop));
    EXPECT_NEAR(frame.z_mm, places.at(frame.sop), 1e-3);
    ASSERT_EQ(frame.pixels.size(), 512U * 512U);
    const auto box = boxes.find(frame.sop);
    std::size_t inside = 0;
    for (std::size_t i = 0; i < frame.pixels.size(); ++i) {
      if (frame.pixels[i] == 0) continue;
      ++pixels;
      if (box == boxes.end()) continue;
      const std::size_t x = i % 512, y = i / 512;
      inside += x >= corner(box->second, "xmin") && x < corner(box->second, "xmax") &&
                        y >= corner(box->second, "ymin") && y < corner(box->second, "ymax")
                    ? 1U
                    : 0U;
    }
    hit += inside > 0 ? 1U : 0U;
    in_boxes += inside;
  }
  for (const auto& [sop, xml] : boxes) boxed += places.contains(sop) ? 1U : 0U;
  std::printf(
      "chest CT: %zu slices drawn on, %zu pixels, %zu of them in the tumour's boxes; %zu of %zu slices with a box "
      "hit\n",
      on_ct.size(), pixels, in_boxes, hit, boxed);
  EXPECT_EQ(node.stop().status, kOk);
}

}  // namespace
}  // namespace aceso::app
