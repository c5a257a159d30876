#include "aceso/learn/dataset.hpp"

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

class DatasetTest : public ::testing::Test {
 protected:
  Result<Dataset> import_arrays(const NamedArrays& arrays, ImportOptions options = {}) {
    options.name = "tiny";
    return Dataset::import_arrays(arrays, "tiny.npz", dir_.path() / "tiny", options, *progress_, {});
  }
  bool nothing_left() const { return fs::is_empty(dir_.path()); }

  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

// n images of 4 x 4, all different, labels 0 and 1 in turn.
NamedArrays images(std::int64_t n) {
  Array x = Array::zeros(DType::u8, {n, 4, 4});
  Array y = Array::zeros(DType::u8, {n});
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = static_cast<std::byte>(i * 7 + i / 16 * 13);
  for (std::size_t i = 0; i < y.data.size(); ++i) {
    std::memcpy(&x.data[i * 16], &i, 2);
    y.data[i] = static_cast<std::byte>(i % 2);
  }
  return {{"X", x}, {"y", y}};
}

TEST_F(DatasetTest, imports_opens_and_verifies_arrays) {
  const auto arrays = images(40);
  ImportOptions options;
  options.classes = {"normal", "ill"};
  options.licence = "CC0";
  const auto made = import_arrays(arrays, options);
  ASSERT_OK(made);
  const auto opened = Dataset::open(dir_.path() / "tiny");
  ASSERT_OK(opened);
  const Manifest& manifest = opened->manifest();
  EXPECT_EQ(manifest.kind, "image");
  EXPECT_EQ(manifest.classes, (std::vector<std::string>{"normal", "ill"}));
  EXPECT_EQ(manifest.samples.size(), 40U);
  EXPECT_EQ(manifest.samples[3].id, "000003");
  EXPECT_EQ(manifest.samples[3].shape, (Shape{4, 4, 1}));
  EXPECT_EQ(manifest.sha256.size(), 64U);
  EXPECT_EQ(0, std::memcmp(opened->raw(3).data(), &arrays.at("X").data[48], 16));
  EXPECT_OK(opened->verify());
  EXPECT_EQ(opened->indices(Split::validation).size(), 8U);
  EXPECT_EQ(opened->indices(Split::train).size(), 32U);
  const Json summary = summary_json(*opened);
  EXPECT_EQ(summary["counts"]["validation"]["ill"], 4);
  EXPECT_EQ(summary["shape"], (Json{4, 4, 1}));
  EXPECT_EQ(summary["warnings"].size(), 1U);
}

TEST_F(DatasetTest, is_the_same_for_the_same_seed_and_another_for_another) {
  const auto arrays = images(40);
  ImportOptions options;
  const auto a = Dataset::import_arrays(arrays, "x", dir_.path() / "a", options, *progress_, {});
  const auto b = Dataset::import_arrays(arrays, "x", dir_.path() / "b", options, *progress_, {});
  options.seed = 2;
  const auto c = Dataset::import_arrays(arrays, "x", dir_.path() / "c", options, *progress_, {});
  EXPECT_EQ(a->manifest().sha256, b->manifest().sha256);
  EXPECT_NE(a->manifest().sha256, c->manifest().sha256);
}

TEST_F(DatasetTest, keeps_medmnists_splits) {
  const auto a = images(20);
  const auto made = import_arrays({{"train_images", a.at("X")},
                                   {"train_labels", a.at("y")},
                                   {"test_images", images(6).at("X")},
                                   {"test_labels", images(6).at("y")}});
  ASSERT_OK(made);
  EXPECT_EQ(made->indices(Split::test).size(), 6U);
  EXPECT_EQ(made->manifest().samples[20].id, "test/000000");
  const auto& warnings = made->manifest().warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(),
                          [](const std::string& w) { return w.starts_with("6 exact duplicates across splits"); }));
}

TEST_F(DatasetTest, tells_signals_and_tables_from_images) {
  Array y = Array::zeros(DType::u8, {10, 1});
  Array wave = Array::zeros(DType::f32, {10, 2, 30});
  Array row = Array::zeros(DType::f64, {10, 5});
  for (std::size_t i = 0; i < 10; ++i) {
    y.data[i] = static_cast<std::byte>(i % 2);
    wave.f32()[i * 60] = static_cast<float>(i + 1);
    const auto value = static_cast<double>(i);
    std::memcpy(&row.data[i * 40], &value, 8);
  }
  const auto signal = Dataset::import_arrays({{"X", wave}, {"y", y}}, "s", dir_.path() / "s", {}, *progress_, {});
  ASSERT_OK(signal);
  EXPECT_EQ(signal->manifest().kind, "signal");
  const auto table = Dataset::import_arrays({{"X", row}, {"y", y}}, "t", dir_.path() / "t", {}, *progress_, {});
  ASSERT_OK(table);
  EXPECT_EQ(table->manifest().kind, "table");
  EXPECT_EQ(table->manifest().samples[0].shape, Shape{5});
}

TEST_F(DatasetTest, sets_aside_what_cannot_be_learnt_from_and_says_why) {
  auto arrays = images(20);
  std::memset(&arrays["X"].data[5 * 16], 9, 16);
  const auto made = import_arrays(arrays);
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().samples.size(), 19U);
  ASSERT_EQ(made->manifest().set_aside.size(), 1U);
  EXPECT_EQ(made->manifest().set_aside[0].id, "000005");
  EXPECT_EQ(made->manifest().set_aside[0].reason, "constant image");
}

TEST_F(DatasetTest, refuses_contradictions_and_leaves_nothing_behind) {
  auto one_class = images(20);
  std::memset(one_class["y"].data.data(), 1, 20);
  EXPECT_NE(import_arrays(one_class).error().message().find("one class only"), std::string::npos);

  auto twice = images(20);
  std::memcpy(&twice["X"].data[3 * 16], &twice["X"].data[0], 16);
  EXPECT_EQ(import_arrays(twice).error().message(),
            "samples \"000000\" and \"000003\" are the same image under two labels: correct the labels, or import "
            "with conflicts set-aside or keep");

  auto lengths = images(20);
  lengths["y"] = images(19).at("y");
  EXPECT_EQ(import_arrays(lengths).error().message(), "labels must have shape [20], has [19]");

  auto nan = images(20);
  nan["y"] = Array::from({20}, std::vector<float>(20, std::nanf("")));
  EXPECT_CODE(import_arrays(nan), Code::invalid);
  EXPECT_CODE(import_arrays({{"X", images(4).at("X")}}), Code::invalid);
  EXPECT_NE(import_arrays({{"data", images(4).at("X")}}).error().message().find("the file has data"),
            std::string::npos);
  ImportOptions small;
  small.max_bytes = 4096 + 64;
  EXPECT_CODE(import_arrays(images(20), small), Code::too_large);
  EXPECT_TRUE(nothing_left());
}

TEST_F(DatasetTest, refuses_a_target_that_exists) {
  ASSERT_OK(import_arrays(images(20)));
  EXPECT_CODE(import_arrays(images(20)), Code::exists);
}

TEST_F(DatasetTest, stops_when_told_to) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_CODE(Dataset::import_arrays(images(20), "x", dir_.path() / "x", {}, *progress_, stop.get_token()),
              Code::cancelled);
  EXPECT_TRUE(nothing_left());
}

TEST_F(DatasetTest, says_that_the_disk_is_full_and_leaves_nothing_behind) {
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = old;
  tight.rlim_cur = 4096 + 100;
  setrlimit(RLIMIT_FSIZE, &tight);
  const auto made = import_arrays(images(200));
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_CODE(made, Code::exhausted);
  EXPECT_TRUE(nothing_left());
}

TEST_F(DatasetTest, keeps_groups_whole_and_labels_in_proportion) {
  auto arrays = images(400);
  Array group = Array::zeros(DType::i32, {400});
  for (std::int32_t i = 0; i < 400; ++i) {
    const std::int32_t patient = i / 8 * 2 + i % 2;  // four images each, of one label
    std::memcpy(&group.data[static_cast<std::size_t>(i) * 4], &patient, 4);
  }
  arrays["group"] = group;
  ImportOptions options;
  options.test_fraction = 0.2;
  const auto made = import_arrays(arrays, options);
  ASSERT_OK(made);
  std::map<std::string, std::set<Split>> seen;
  std::map<std::pair<Split, int>, int> counts;
  for (const Sample& sample : made->manifest().samples) {
    seen[sample.group].insert(sample.split);
    ++counts[{sample.split, sample.label}];
  }
  for (const auto& [name, splits] : seen) EXPECT_EQ(splits.size(), 1U) << name;
  EXPECT_EQ((counts[{Split::test, 0}]), 40);
  EXPECT_EQ((counts[{Split::test, 1}]), 40);
  EXPECT_EQ((counts[{Split::validation, 0}]), 32);
}

TEST_F(DatasetTest, open_names_what_was_damaged) {
  ASSERT_OK(import_arrays(images(20)));
  const fs::path folder = dir_.path() / "tiny";
  const std::string manifest = *read_text_file(folder / "manifest.json", 1 << 20);
  const auto with = [&](const std::string& text) {
    std::ofstream{folder / "manifest.json"} << text;
    auto opened = Dataset::open(folder);
    return opened.ok() ? std::string{"ok"} : opened.error().message();
  };
  EXPECT_NE(with(manifest.substr(0, manifest.size() / 2)).find("manifest.json"), std::string::npos);
  auto relabelled = manifest;
  relabelled.replace(relabelled.find("\"label\": 1"), 10, "\"label\": 0");
  EXPECT_NE(with(relabelled).find("was altered"), std::string::npos);
  auto outside = manifest;
  outside.replace(outside.find("\"offset\": 4096"), 14, "\"offset\": 409600000");
  EXPECT_NE(with(outside).find("lies outside pack.bin"), std::string::npos);
  EXPECT_EQ(with(manifest), "ok");

  std::fstream pack{folder / "pack.bin", std::ios::in | std::ios::out | std::ios::binary};
  pack.seekp(4096 + 64 * 7);
  pack.put('\x55');
  pack.close();
  const auto opened = Dataset::open(folder);
  ASSERT_OK(opened);
  EXPECT_CODE(opened->verify(), Code::data_loss);
  EXPECT_NE(opened->verify().error().message().find("000007"), std::string::npos);
  fs::resize_file(folder / "pack.bin", 5000);
  EXPECT_CODE(Dataset::open(folder), Code::data_loss);
}

void write_image(const fs::path& path, int value, int channels = 1) {
  fs::create_directories(path.parent_path());
  imaging::Image image{5, 4, channels, 8,
                       std::vector<std::byte>(static_cast<std::size_t>(20 * channels), static_cast<std::byte>(value))};
  image.pixels[0] = std::byte{200};
  const auto file = imaging::encode_png(image);
  std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(file->data()),
                                              static_cast<std::streamsize>(file->size()));
}

TEST_F(DatasetTest, reads_class_folders_and_sets_broken_files_aside) {
  const fs::path source = dir_.path() / "source";
  for (int i = 0; i < 10; ++i)
    write_image(source / (i % 2 == 0 ? "benign" : "malignant") / (std::to_string(i) + ".png"), i + 1,
                i % 3 == 0 ? 4 : 1);
  std::ofstream{source / "benign" / "broken.png"} << "\x89PNG\r\n\x1a\n nothing";
  std::ofstream{source / "benign" / "notes.txt"} << "not an image";
  fs::create_symlink("/etc/passwd", source / "benign" / "link.png");
  const auto made = Dataset::import(source, dir_.path() / "set", {}, *progress_, {});
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().classes, (std::vector<std::string>{"benign", "malignant"}));
  EXPECT_EQ(made->manifest().samples.size(), 10U);
  EXPECT_EQ(made->manifest().samples[0].id, "benign/0.png");
  EXPECT_EQ(made->manifest().samples[0].shape, (Shape{4, 5, 3}));
  ASSERT_EQ(made->manifest().set_aside.size(), 2U);
  EXPECT_EQ(made->manifest().set_aside[0].reason, "symbolic link");
  EXPECT_NE(made->manifest().set_aside[1].reason.find("undecodable PNG"), std::string::npos);
}

TEST_F(DatasetTest, reads_a_table_of_labels_and_refuses_paths_that_lead_out) {
  const fs::path source = dir_.path() / "source";
  std::string csv = "path,label,patient,split\r\n";
  for (int i = 0; i < 8; ++i) {
    write_image(source / (std::to_string(i) + ".png"), i + 1);
    csv += std::to_string(i) + ".png," + (i % 2 == 0 ? "no" : "\"yes, seen\"") + ",p" + std::to_string(i / 4) + "," +
           (i < 4 ? "train" : "val") + "\r\n";
  }
  std::ofstream{source / "labels.csv"} << csv;
  ImportOptions options;
  options.labels_csv = "labels.csv";
  const auto made = Dataset::import(source, dir_.path() / "set", options, *progress_, {});
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().classes, (std::vector<std::string>{"no", "yes, seen"}));
  EXPECT_EQ(made->indices(Split::validation).size(), 4U);
  EXPECT_EQ(made->manifest().samples[0].group, "p0");
  std::ofstream{source / "labels.csv"} << "path,label\n../x.png,no\n";
  EXPECT_NE(Dataset::import(source, dir_.path() / "b", options, *progress_, {})
                .error()
                .message()
                .find("line 2: the path leads out"),
            std::string::npos);
}

TEST_F(DatasetTest, reads_an_npz_file_and_names_it_in_errors) {
  const auto bytes = *to_npz(images(20));
  std::ofstream{dir_.path() / "a.npz", std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                               static_cast<std::streamsize>(bytes.size()));
  EXPECT_OK(Dataset::import(dir_.path() / "a.npz", dir_.path() / "a", {}, *progress_, {}));
  std::ofstream{dir_.path() / "b.npz", std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()), 100);
  EXPECT_EQ(Dataset::import(dir_.path() / "b.npz", dir_.path() / "b", {}, *progress_, {}).error().message(),
            "\"b.npz\": not a .npz archive, or truncated");
}

// Samples of an archive are read one after the other: what is damaged in them shows late, and still nothing is left.
TEST_F(DatasetTest, damaged_samples_of_an_npz_file_leave_nothing_behind) {
  NamedArrays arrays;
  Array x = Array::zeros(DType::u8, {40, 16, 16});
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = static_cast<std::byte>(i * i % 251);
  Array y = Array::zeros(DType::u8, {40});
  for (std::size_t i = 0; i < 40; ++i) y.data[i] = static_cast<std::byte>(i % 2);
  arrays.emplace("X", x);
  arrays.emplace("y", y);
  auto bytes = *to_npz(arrays);
  const fs::path file = dir_.path() / "scans.npz";
  ImportOptions options;
  options.name = "scans";
  const auto import = [&](const std::vector<std::byte>& what) {
    EXPECT_OK(write_file_atomic(file, what));
    return Dataset::import(file, dir_.path() / "made", options, *progress_, {});
  };
  const auto good = import(bytes);
  ASSERT_OK(good);
  EXPECT_EQ(good->array(39).data, std::vector<std::byte>(x.data.end() - 256, x.data.end()));
  fs::remove_all(dir_.path() / "made");
  const auto at = std::search(bytes.begin(), bytes.end(), x.data.begin() + 512, x.data.begin() + 768);
  ASSERT_NE(at, bytes.end());
  *at ^= std::byte{1};
  const auto damaged = import(bytes);
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message().find("scans.npz"), std::string::npos) << damaged.error().message();
  EXPECT_NE(damaged.error().message().find("\"X\""), std::string::npos) << damaged.error().message();
  EXPECT_FALSE(fs::exists(dir_.path() / "made"));
}

TEST(Phantom, is_deterministic_and_its_classes_differ) {
  PhantomOptions options;
  options.train = 60;
  options.validation = options.test = 4;
  options.size = 32;
  const auto a = make_phantom_ct(options);
  EXPECT_EQ(a.at("train_images").data, make_phantom_ct(options).at("train_images").data);
  options.seed = 8;
  EXPECT_NE(a.at("train_images").data, make_phantom_ct(options).at("train_images").data);
  std::size_t ones = 0;
  for (const std::byte label : a.at("train_labels").data) ones += label == std::byte{1} ? 1 : 0;
  EXPECT_GT(ones, 15U);
  EXPECT_LT(ones, 45U);
}

class RealData : public DatasetTest {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("ACESO_SHARED_DATA");
    root_ = folder != nullptr ? fs::path{folder} : fs::path{"../shared/data"};
    if (!fs::exists(root_ / "images")) GTEST_SKIP() << "skipped: no real data";
  }
  fs::path root_;
};

TEST_F(RealData, pneumoniamnist_has_its_published_sizes) {
  const auto made =
      Dataset::import(root_ / "images/pneumoniamnist_reconstructed.npz", dir_.path() / "p", {}, *progress_, {});
  ASSERT_OK(made);
  EXPECT_EQ(made->indices(Split::train).size(), 4708U);
  EXPECT_EQ(made->indices(Split::validation).size(), 524U);
  EXPECT_EQ(made->indices(Split::test).size(), 624U);
  EXPECT_TRUE(made->manifest().set_aside.empty());
  EXPECT_OK(made->verify());
}

TEST_F(RealData, lung_ct_slices_are_split_by_blocks) {
  ImportOptions options;
  options.classes = {"normal", "benign", "malignant"};
  options.block = 20;
  options.test_fraction = 0.2;
  const auto made =
      Dataset::import(root_ / "images/iqoth_nccd_lung_ct_128.npz", dir_.path() / "i", options, *progress_, {});
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().samples.size(), 1097U);
  EXPECT_NEAR(static_cast<double>(made->indices(Split::test).size()), 1097 * 0.2, 40);
}

}  // namespace
}  // namespace aceso::learn
