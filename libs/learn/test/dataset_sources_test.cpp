// Folders of pictures, volumes and masks in; archives and folders out; phantoms.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/imaging/nifti.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/dataset_export.hpp"
#include "aceso/learn/synthesise.hpp"
#include "choose_preprocessing.hpp"
#include "mask_files.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

class SourcesTest : public ::testing::Test {
 protected:
  void write(const fs::path& name, std::span<const std::byte> bytes) {
    fs::create_directories((source_ / name).parent_path());
    ASSERT_OK(write_file_atomic(source_ / name, bytes, {.durable = false}));
  }
  void picture(const fs::path& name, int value, int bits = 8, std::int64_t width = 6) {
    imaging::Image image{width, 5, 1, bits, std::vector<std::byte>(static_cast<std::size_t>(width * 5 * bits / 8))};
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      image.pixels[i] = static_cast<std::byte>(value + static_cast<int>(i));
    write(name, *imaging::encode_png(image));
  }
  void mask(const fs::path& name, std::int64_t width = 6) {
    imaging::Image image{width, 5, 1, 8, std::vector<std::byte>(static_cast<std::size_t>(width * 5))};
    image.pixels[7] = image.pixels[8] = std::byte{255};
    write(name, *imaging::encode_png(image));
  }
  void volume(const fs::path& name, int value) {
    imaging::NiftiImage image;
    image.type = imaging::VoxelType::i16;
    image.size = {4, 3, 5};
    image.spacing_mm = {0.5, 0.5, 2};
    for (int i = 0; i < 120; ++i) image.data.push_back(static_cast<std::byte>(i * 3 + value));
    write(name, *imaging::encode_nifti(image));
  }
  Result<Dataset> import(const ImportOptions& options = {}, const char* name = "set") {
    return Dataset::import(source_, dir_.path() / name, options, *progress_, {});
  }

  TempDir dir_ = *TempDir::create();
  fs::path source_ = dir_.path() / "source";
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

TEST_F(SourcesTest, masks_beside_images_become_the_second_array) {
  for (int i = 0; i < 4; ++i) {
    const std::string base = (i % 2 == 0 ? "no/" : "yes/") + std::to_string(i);
    picture(base + ".png", i + 1);
    if (i < 2) mask(base + "_mask.png");
  }
  mask("yes/3_mask.png", 7);  // of another size
  mask("yes/9_mask.png");     // of no image
  picture("yes/11.png", 60);
  const auto made = import();
  ASSERT_OK(made);
  const auto& samples = made->manifest().samples;
  ASSERT_EQ(samples.size(), 4U);
  ASSERT_TRUE(samples[0].mask);
  EXPECT_EQ(samples[0].mask->shape, (Shape{5, 6}));
  const auto outline = made->mask(0);
  EXPECT_EQ(std::count(outline->data.begin(), outline->data.end(), std::byte{1}), 2);
  EXPECT_EQ(outline->data[7], std::byte{1});
  EXPECT_FALSE(samples[1].mask);  // no/2
  std::map<std::string, std::string> aside;
  for (const SetAside& item : made->manifest().set_aside) aside[item.id] = item.reason;
  EXPECT_NE(aside["yes/3.png"].find("mask has another size"), std::string::npos);
  EXPECT_NE(aside["yes/9_mask.png"].find("no image of that name"), std::string::npos);
  EXPECT_OK(made->verify());
}

TEST_F(SourcesTest, masks_are_told_by_name_and_folder) {
  const auto files = pair_masks({"a.png", "a_mask.png", "b.png", "b_mask_1.png", "b-seg-2.png", "images/c.png",
                                 "masks/c.png", "d.png", "masks/d.png", "unmask.png", "e_Mask.tif"});
  EXPECT_EQ(files.images, (std::vector<fs::path>{"a.png", "b.png", "d.png", "images/c.png", "unmask.png"}));
  EXPECT_EQ(files.masks.at("a.png"), (std::vector<fs::path>{"a_mask.png"}));
  EXPECT_EQ(files.masks.at("b.png"), (std::vector<fs::path>{"b-seg-2.png", "b_mask_1.png"}));
  EXPECT_EQ(files.masks.at("images/c.png"), (std::vector<fs::path>{"masks/c.png"}));
  EXPECT_EQ(files.masks.at("d.png"), (std::vector<fs::path>{"masks/d.png"}));
  EXPECT_EQ(files.orphans, (std::vector<fs::path>{"e_Mask.tif"}));
}

TEST_F(SourcesTest, nifti_volumes_keep_their_numbers_and_spacing) {
  for (int i = 0; i < 6; ++i) volume((i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + ".nii", i);
  picture("a/stray.png", 3);
  const auto made = import();
  ASSERT_OK(made);
  const Manifest& manifest = made->manifest();
  EXPECT_EQ(manifest.kind, "volume");
  EXPECT_EQ(manifest.dtype, DType::i16);
  ASSERT_EQ(manifest.samples.size(), 6U);
  EXPECT_EQ(manifest.samples[0].shape, (Shape{5, 3, 4, 1}));
  ASSERT_EQ(manifest.samples[0].spacing_mm.size(), 3U);
  EXPECT_NEAR(manifest.samples[0].spacing_mm[0], 2, 1e-6);
  ASSERT_EQ(manifest.set_aside.size(), 1U);
  EXPECT_EQ(manifest.set_aside[0].reason, "an image among volumes");
  ASSERT_FALSE(manifest.preprocessing.empty());
  EXPECT_OK(Dataset::open(dir_.path() / "set"));
}

TEST_F(SourcesTest, sixteen_bits_among_eight_and_wrong_sizes) {
  for (int i = 0; i < 8; ++i) picture((i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + ".png", 10 * i, i == 3 ? 16 : 8);
  picture("a/wide.png", 3, 8, 9);
  write("a/empty.png", {});
  ImportOptions options;
  options.only_shape = {5, 6, 1};
  const auto made = import(options);
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().dtype, DType::u16);
  EXPECT_EQ(made->manifest().samples.size(), 8U);
  std::uint16_t first = 0;
  std::memcpy(&first, made->raw(1).data(), 2);
  EXPECT_EQ(first, 20 * 257);  // a/2.png
  std::map<std::string, std::string> aside;
  for (const SetAside& item : made->manifest().set_aside) aside[item.id] = item.reason;
  EXPECT_EQ(aside["a/wide.png"], "has shape [5, 9, 1], wanted is [5, 6, 1]");
  EXPECT_EQ(aside["a/empty.png"], "empty file");
}

TEST_F(SourcesTest, samples_without_a_label_are_kept_in_no_split) {
  std::string csv = "path,label\n";
  for (int i = 0; i < 10; ++i) {
    picture(std::to_string(i) + ".png", i);
    csv += std::to_string(i) + ".png," + (i == 4 ? "" : i % 2 == 0 ? "a" : "b") + "\n";
  }
  std::ofstream{source_ / "labels.csv"} << csv;
  ImportOptions options;
  options.labels_csv = "labels.csv";
  const auto made = import(options);
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().samples[4].label, -1);
  EXPECT_EQ(made->indices(Split::unassigned), std::vector<std::size_t>{4});
  EXPECT_NE(made->manifest().warnings.front().find("1 samples have no label"), std::string::npos);
}

TEST_F(SourcesTest, phantoms_carry_their_truth_and_survive_export_and_import) {
  SynthesiseOptions how;
  how.train = 12;
  how.validation = how.test = 6;
  how.size = 32;
  how.task = PhantomTask::presence;
  const auto arrays = synthesise(how);
  ASSERT_OK(arrays);
  EXPECT_EQ(arrays->at("train_images").data, synthesise(how)->at("train_images").data);
  ImportOptions options;
  options.classes = class_names(how.task);
  const auto made = Dataset::import_arrays(*arrays, "p", dir_.path() / "p", options, *progress_, {});
  ASSERT_OK(made);
  for (std::size_t i = 0; i < made->manifest().samples.size(); ++i) {
    const Sample& sample = made->manifest().samples[i];
    const auto outline = made->mask(i);
    const auto inside = std::count(outline->data.begin(), outline->data.end(), std::byte{1});
    EXPECT_EQ(inside > 0, sample.label == 1);
    ASSERT_EQ(sample.boxes.size(), sample.label == 1 ? 1U : 0U);
    if (sample.boxes.empty()) continue;
    const Box& box = sample.boxes[0];
    std::ptrdiff_t in_box = 0;
    for (auto y = static_cast<std::size_t>(box.low[0]); y < static_cast<std::size_t>(box.high[0]); ++y) {
      for (auto x = static_cast<std::size_t>(box.low[1]); x < static_cast<std::size_t>(box.high[1]); ++x)
        in_box += outline->data[y * 32 + x] == std::byte{1} ? 1 : 0;
    }
    EXPECT_EQ(in_box, inside);
  }
  EXPECT_OK(made->verify());

  ASSERT_OK(export_dataset(*made, dir_.path() / "out.npz", ExportFormat::npz, *progress_, {}));
  const auto back = Dataset::import(dir_.path() / "out.npz", dir_.path() / "back", options, *progress_, {});
  ASSERT_OK(back);
  ASSERT_OK(export_dataset(*made, dir_.path() / "source", ExportFormat::folder, *progress_, {}));
  options.labels_csv = "labels.csv";
  const auto folder = import(options);
  ASSERT_OK(folder);
  ASSERT_EQ(folder->manifest().samples.size(), 24U);
  for (std::size_t i = 0; i < 24; ++i) {
    const Sample& sample = made->manifest().samples[i];
    EXPECT_EQ(back->manifest().samples[i].sha256, sample.sha256);
    EXPECT_EQ(folder->manifest().samples[i].sha256, sample.sha256);
    EXPECT_EQ(folder->manifest().samples[i].split, sample.split);
    EXPECT_EQ(folder->manifest().samples[i].label, sample.label);
    EXPECT_EQ(folder->manifest().samples[i].mask->sha256, sample.mask->sha256);
  }
  EXPECT_CODE(export_dataset(*made, dir_.path() / "out.npz", ExportFormat::npz, *progress_, {}), Code::exists);
}

TEST_F(SourcesTest, volumes_of_phantoms_become_nifti_files_and_come_back) {
  SynthesiseOptions how;
  how.volume = true;
  how.size = 16;
  how.train = 10;
  how.validation = 4;
  how.test = 4;
  how.diameter_mm = 30;
  const auto arrays = synthesise(how);
  ASSERT_OK(arrays);
  const auto made = Dataset::import_arrays(*arrays, "v", dir_.path() / "v", {}, *progress_, {});
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().kind, "volume");
  EXPECT_EQ(made->manifest().samples[0].shape, (Shape{16, 16, 16, 1}));
  EXPECT_EQ(made->manifest().samples[0].boxes.at(0).low.size(), 3U);
  ASSERT_OK(export_dataset(*made, dir_.path() / "source", ExportFormat::folder, *progress_, {}));
  EXPECT_TRUE(fs::exists(source_ / "000000.nii"));
  ImportOptions options;
  options.labels_csv = "labels.csv";
  const auto back = import(options);
  ASSERT_OK(back);
  EXPECT_EQ(back->manifest().samples[3].sha256, made->manifest().samples[3].sha256);
  EXPECT_EQ(back->manifest().samples[3].mask->sha256, made->manifest().samples[3].mask->sha256);
  const auto preprocessing = choose_preprocessing(*made, {});
  ASSERT_OK(preprocessing);
  EXPECT_EQ(preprocessing->kind, PortKind::volume);
  EXPECT_EQ(preprocessing->depth, 16);
  how.size = 4096;
  EXPECT_CODE(synthesise(how), Code::invalid);
}

}  // namespace
}  // namespace aceso::learn
