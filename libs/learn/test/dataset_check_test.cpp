#include "aceso/learn/dataset_check.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/dataset_split.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kSide = 48;

// Blobs of random place, size and brightness: no two pictures have anything in common.
std::vector<double> blobs(std::uint64_t seed, double shift = 0) {
  const Philox philox{seed};
  std::vector<double> image(kSide * kSide, 100.0);
  for (std::uint64_t b = 0; b < 12; ++b) {
    const double x = philox.uniform01(b, 0) * kSide + shift;
    const double y = philox.uniform01(b, 1) * kSide;
    const double radius = 2 + 6 * philox.uniform01(b, 2);
    const double height = 120 * philox.uniform01(b, 3) - 60;
    for (std::size_t i = 0; i < image.size(); ++i) {
      const double dx = static_cast<double>(i % kSide) - x;
      const double dy = static_cast<double>(i / kSide) - y;
      image[i] += height * std::exp(-(dx * dx + dy * dy) / (2 * radius * radius));
    }
  }
  return image;
}

class CheckTest : public ::testing::Test {
 protected:
  void add(const std::vector<double>& image, int label, int group = -1) {
    for (const double value : image) pixels_.push_back(static_cast<std::byte>(std::clamp(value, 0.0, 255.0)));
    labels_.push_back(static_cast<std::byte>(label));
    groups_.push_back(group);
  }
  Result<Dataset> make(ImportOptions options = {}) {
    const auto n = static_cast<std::int64_t>(labels_.size());
    NamedArrays arrays{{"X", {DType::u8, {n, kSide, kSide}, pixels_}}, {"y", {DType::u8, {n}, labels_}}};
    if (groups_.front() >= 0) {
      Array group = Array::zeros(DType::i32, {n});
      std::memcpy(group.data.data(), groups_.data(), group.data.size());
      arrays["group"] = group;
    }
    options.name = "set";
    return Dataset::import_arrays(arrays, "set", folder(), options, *progress_, {});
  }
  fs::path folder() const { return dir_.path() / "set"; }
  std::vector<Twins> twins(const Dataset& dataset) {
    auto found = find_twins(dataset, *progress_, {});
    EXPECT_OK(found);
    return found->pairs;
  }
  Result<Dataset> split(const Dataset& dataset, const SplitOptions& options, const char* name = "set2") {
    return split_dataset(dataset, folder(), dir_.path() / name, options, *progress_, {});
  }

  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  std::vector<std::byte> pixels_, labels_;
  std::vector<int> groups_;
};

TEST_F(CheckTest, finds_copies_that_were_brightened_shifted_or_made_noisy) {
  for (std::uint64_t i = 0; i < 60; ++i) add(blobs(i), static_cast<int>(i % 2));
  auto bright = blobs(3);
  for (double& value : bright) value = value * 1.2 + 15;
  add(bright, 1);  // 60
  auto noisy = blobs(8);
  for (std::size_t i = 0; i < noisy.size(); ++i) noisy[i] += 4 * Philox{9}.normal(1, i);
  add(noisy, 0);           // 61
  add(blobs(20, 0.4), 0);  // 62
  add(blobs(31), 1);       // 63: the same bytes
  const auto dataset = make();
  ASSERT_OK(dataset);
  const auto pairs = twins(*dataset);
  std::set<std::pair<std::size_t, std::size_t>> found;
  for (const Twins& pair : pairs) found.insert({pair.a, pair.b});
  EXPECT_EQ(found, (std::set<std::pair<std::size_t, std::size_t>>{{3, 60}, {8, 61}, {20, 62}, {31, 63}}));
  ASSERT_FALSE(pairs.empty());
  EXPECT_TRUE(pairs.front().exact);
  EXPECT_FALSE(pairs.back().exact);
  EXPECT_GE(pairs.back().similarity, kTwinSimilarity);
}

TEST_F(CheckTest, does_not_take_one_template_with_other_noise_for_twins) {
  for (std::uint64_t i = 0; i < 80; ++i) {
    std::vector<double> image(kSide * kSide);
    for (std::size_t k = 0; k < image.size(); ++k) {
      const auto x = static_cast<double>(k % kSide);
      image[k] = 60 + 2 * (i % 2 == 0 ? x : kSide - x) + 25 * Philox{i}.normal(7, k);
    }
    add(image, static_cast<int>(i % 2));
  }
  const auto dataset = make();
  ASSERT_OK(dataset);
  EXPECT_TRUE(twins(*dataset).empty());
}

TEST_F(CheckTest, reports_leaks_labels_sizes_and_intensities) {
  for (std::uint64_t i = 0; i < 40; ++i) add(blobs(i), static_cast<int>(i % 2));
  auto dark = blobs(100);
  for (double& value : dark) value = value / 40 + 1;
  add(dark, 0);
  add(blobs(5, 0.3), 0);  // nearly sample 5, which has label 1
  const auto dataset = make();
  ASSERT_OK(dataset);
  const auto report = check_dataset(*dataset, {}, *progress_, {});
  ASSERT_OK(report);
  ASSERT_EQ(report->conflicts.size(), 1U);
  EXPECT_EQ(report->clusters, 1U);
  EXPECT_EQ(report->largest_cluster, 2U);
  ASSERT_FALSE(report->odd_intensities.empty());
  EXPECT_EQ(report->odd_intensities.front().index, 40U);
  EXPECT_TRUE(report->odd_sizes.empty());
  const Json json = to_json(*report, dataset->manifest());
  EXPECT_EQ(json["conflicts"]["items"][0]["a"]["id"], "000005");
  EXPECT_EQ(json["twins"]["total"], 1);
  EXPECT_EQ(json["label_doubts"], nullptr);
}

TEST_F(CheckTest, says_when_a_patient_or_a_twin_stands_on_two_sides) {
  Manifest manifest;
  manifest.samples.resize(100);
  for (std::size_t i = 0; i < 100; ++i) manifest.samples[i].split = i < 60 ? Split::train : Split::test;
  EXPECT_EQ(find_leakage(manifest, {}).verdict, LeakVerdict::none);
  std::vector<Twins> pairs{{1, 2, 1, false}, {3, 70, 1, false}, {4, 70, 1, false}};
  auto leakage = find_leakage(manifest, pairs);
  EXPECT_EQ(leakage.verdict, LeakVerdict::some);
  EXPECT_EQ(leakage.held_out, 40U);
  EXPECT_EQ(leakage.affected, 1U);
  EXPECT_EQ(leakage.pairs, 2U);
  pairs.push_back({5, 71, 1, false});
  pairs.push_back({5, 72, 1, false});
  EXPECT_EQ(find_leakage(manifest, pairs).verdict, LeakVerdict::leak);
  manifest.samples[2].group = manifest.samples[80].group = "p";
  leakage = find_leakage(manifest, {});
  EXPECT_EQ(leakage.verdict, LeakVerdict::leak);
  EXPECT_EQ(leakage.groups, 1U);
  EXPECT_EQ(leakage.affected, 1U);
  manifest.samples[80].split = Split::unassigned;
  EXPECT_EQ(find_leakage(manifest, {}).verdict, LeakVerdict::none);
}

TEST_F(CheckTest, keeps_patients_whole_and_is_fixed_by_the_seed) {
  for (std::uint64_t i = 0; i < 120; ++i) add(blobs(i), static_cast<int>(i / 3 % 2), static_cast<int>(i / 3));
  const auto dataset = make();
  ASSERT_OK(dataset);
  const std::string before = *read_text_file(folder() / "manifest.json", 1 << 20);
  SplitOptions options;
  options.name = "set@2";
  options.folds = 4;
  const auto made = split(*dataset, options);
  ASSERT_OK(made);
  std::map<std::string, std::set<std::pair<Split, int>>> sides;
  std::map<Split, int> count;
  std::map<int, int> folds;
  for (const Sample& sample : made->manifest().samples) {
    sides[sample.group].insert({sample.split, sample.fold});
    ++count[sample.split];
    ++folds[sample.fold];
    EXPECT_EQ(sample.fold >= 0, sample.split != Split::test);
  }
  for (const auto& [group, where] : sides) EXPECT_EQ(where.size(), 1U) << group;
  EXPECT_NEAR(count[Split::test], 18, 3);
  EXPECT_NEAR(count[Split::validation], 18, 3);
  EXPECT_EQ(folds.size(), 5U);
  EXPECT_NEAR(folds[0], folds[3], 3);
  EXPECT_EQ(made->manifest().parent_sha256, dataset->manifest().sha256);
  EXPECT_OK(made->verify());
  EXPECT_EQ(*read_text_file(folder() / "manifest.json", 1 << 20), before);
  EXPECT_EQ(fs::hard_link_count(folder() / "pack.bin"), 2U);

  EXPECT_EQ(split(*dataset, options, "again")->manifest().sha256, made->manifest().sha256);
  options.seed = 2;
  EXPECT_NE(split(*dataset, options, "other")->manifest().sha256, made->manifest().sha256);
}

TEST_F(CheckTest, refuses_a_split_that_leaks_and_leaves_nothing_behind) {
  for (std::uint64_t i = 0; i < 60; ++i) {
    add(blobs(i), static_cast<int>(i % 2));
    add(blobs(i, 0.3), static_cast<int>(i % 2));
  }
  const auto dataset = make();
  ASSERT_OK(dataset);
  SplitOptions options;
  options.by = SplitBy::stratified;
  options.twins = TwinPolicy::ignore;
  const auto leaking = split(*dataset, options);
  EXPECT_CODE(leaking, Code::precondition);
  EXPECT_NE(leaking.error().message().find("the split leaks"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir_.path() / "set2"));

  options.twins = TwinPolicy::together;
  options.folds = 5;
  const auto whole = split(*dataset, options, "together");
  ASSERT_OK(whole);
  EXPECT_TRUE(whole->indices(Split::unassigned).empty());
  options.twins = TwinPolicy::leave_out;
  const auto without = split(*dataset, options, "without");
  ASSERT_OK(without);
  EXPECT_FALSE(without->indices(Split::unassigned).empty());
  EXPECT_EQ(find_leakage(without->manifest(), twins(*without)).affected, 0U);
  options.by = SplitBy::patient;
  EXPECT_CODE(split(*dataset, options, "x"), Code::invalid);
}

TEST_F(CheckTest, doubts_labels_that_were_swapped) {
  const std::set<std::size_t> swapped{7, 50, 91, 133, 180};
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto image = blobs(i);
    const bool bright = i % 2 == 0;  // what the class means: a bright corner
    for (std::size_t k = 0; k < image.size(); ++k) {
      if (k % kSide < 16 && k / kSide < 16) image[k] += bright ? 50 : -20;
    }
    add(image, bright != swapped.contains(i) ? 1 : 0);
  }
  const auto dataset = make();
  ASSERT_OK(dataset);
  CheckOptions options;
  options.label_errors = true;
  const auto report = check_dataset(*dataset, options, *progress_, {});
  ASSERT_OK(report);
  EXPECT_GT(report->label_auc, 0.9);
  std::set<std::size_t> doubted;
  for (std::size_t i = 0; i < std::min<std::size_t>(5, report->label_doubts.size()); ++i)
    doubted.insert(report->label_doubts[i].index);
  EXPECT_EQ(doubted, swapped);
  EXPECT_LT(report->label_doubts.size(), 12U);
}

TEST_F(CheckTest, one_image_under_two_labels_is_refused_set_aside_or_kept_with_a_reason) {
  for (std::uint64_t i = 0; i < 20; ++i) add(blobs(i), static_cast<int>(i % 2));
  add(blobs(4), 1);
  EXPECT_CODE(make(), Code::invalid);
  ImportOptions options;
  options.conflicts = Conflicts::keep;
  EXPECT_CODE(make(options), Code::invalid);
  options.conflict_reason = "two readers";
  auto kept = make(options);
  ASSERT_OK(kept);
  EXPECT_EQ(kept->manifest().samples.size(), 21U);
  const auto report = check_dataset(*kept, {}, *progress_, {});
  ASSERT_EQ(report->problems.size(), 1U);
  EXPECT_NE(report->problems[0].find("under two labels"), std::string::npos);
  fs::remove_all(folder());
  options.conflicts = Conflicts::set_aside;
  const auto aside = make(options);
  ASSERT_OK(aside);
  EXPECT_EQ(aside->manifest().samples.size(), 19U);
  ASSERT_EQ(aside->manifest().set_aside.size(), 2U);
  EXPECT_EQ(aside->manifest().set_aside[0].id, "000004");
}

class RealChecks : public CheckTest {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("ACESO_SHARED_DATA");
    root_ = shared != nullptr ? fs::path{shared} : fs::path{"../shared/data"};
    if (!fs::exists(root_ / "images")) GTEST_SKIP() << "skipped: no real data";
  }
  fs::path root_;
};

// Slices of one patient, neighbours nearly the same and 42 copies (data README): a random split is worthless.
TEST_F(RealChecks, lung_ct_at_random_is_caught_and_by_blocks_passes) {
  ImportOptions how;
  how.classes = {"normal", "benign", "malignant"};
  how.test_fraction = 0.2;
  const auto dataset = Dataset::import(root_ / "images/iqoth_nccd_lung_ct_128.npz", folder(), how, *progress_, {});
  ASSERT_OK(dataset);
  const auto report = check_dataset(*dataset, {}, *progress_, {});
  ASSERT_OK(report);
  EXPECT_EQ(report->exact, 42U);
  EXPECT_EQ(report->leakage.verdict, LeakVerdict::leak);
  EXPECT_GT(report->leakage.affected, report->leakage.held_out / 4);

  SplitOptions options;
  options.by = SplitBy::stratified;
  options.twins = TwinPolicy::ignore;
  EXPECT_CODE(split(*dataset, options, "random"), Code::precondition);
  options.by = SplitBy::block;
  options.twins = TwinPolicy::leave_out;
  const auto blocked = split(*dataset, options, "blocked");
  ASSERT_OK(blocked);
  const auto again = check_dataset(*blocked, {}, *progress_, {});
  EXPECT_EQ(again->leakage.verdict, LeakVerdict::none);
  EXPECT_GT(blocked->indices(Split::test).size(), 100U);
  EXPECT_LT(blocked->indices(Split::unassigned).size(), 150U);
}

TEST_F(RealChecks, pneumoniamnist_has_no_near_copies_beyond_its_exact_ones) {
  const auto dataset = Dataset::import(root_ / "images/pneumoniamnist_reconstructed.npz", folder(), {}, *progress_, {});
  ASSERT_OK(dataset);
  const auto found = twins(*dataset);
  EXPECT_EQ(found.size(), 31U);
  EXPECT_EQ(find_leakage(dataset->manifest(), found).verdict, LeakVerdict::some);
}

}  // namespace
}  // namespace aceso::learn
