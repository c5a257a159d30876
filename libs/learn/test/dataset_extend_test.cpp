// Datasets that grow by cases whose truth became known.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/dataset_check.hpp"
#include "aceso/learn/dataset_extend.hpp"

namespace aceso::learn {
namespace {

// Noise of its own for each seed: no two are twins.
Array noise_picture(std::int64_t height, std::int64_t width, std::int64_t channels, std::uint64_t seed) {
  Array a = Array::zeros(DType::u8, {height, width, channels});
  const Philox philox{seed};
  for (std::size_t i = 0; i < a.data.size(); ++i) a.data[i] = static_cast<std::byte>(philox.block(0, i)[0] % 256);
  return a;
}

class Additions final : public SampleSource {
 public:
  void add(std::string id, int label, Split split, Array array) {
    items.push_back({.id = std::move(id), .label = label, .group = {}, .split = split});
    arrays.push_back(std::move(array));
  }
  Result<SourceSample> load(std::size_t index) override { return SourceSample{.array = arrays[index]}; }
  std::vector<Array> arrays;
};

class Extend : public ::testing::Test {
 protected:
  void SetUp() override {
    NamedArrays arrays;
    for (const auto& [prefix, n, first] : {std::tuple{"train", 20, 0}, {"val", 10, 100}, {"test", 10, 200}}) {
      Array x = Array::zeros(DType::u8, {n, 12, 12});
      Array y = Array::zeros(DType::u8, {n});
      for (int i = 0; i < n; ++i) {
        const Array one = noise_picture(12, 12, 1, static_cast<std::uint64_t>(first + i));
        std::ranges::copy(one.data, x.data.begin() + static_cast<std::ptrdiff_t>(i * 144));
        y.data[static_cast<std::size_t>(i)] = static_cast<std::byte>(i % 2);
      }
      arrays.emplace(std::string{prefix} + "_images", std::move(x));
      arrays.emplace(std::string{prefix} + "_labels", std::move(y));
    }
    ImportOptions options;
    options.name = "base";
    options.classes = {"no", "yes"};
    options.label_source = "radiologists";
    auto made = Dataset::import_arrays(arrays, "a", home.path() / "base", options, *quiet, {});
    ASSERT_TRUE(made) << made.error().message();
    base = std::make_unique<Dataset>(*std::move(made));
  }
  Result<Extended> extend(const char* name, Additions& additions) {
    return extend_dataset(*base, home.path() / name, additions,
                          {.name = name, .label_source = "verdicts", .origin = "feedback"}, *quiet, {});
  }
  Dataset open(const char* name) { return *Dataset::open(home.path() / name); }
  std::unique_ptr<ProgressSink> quiet = make_null_progress();
  TempDir home = *TempDir::create("aceso-extend");
  std::unique_ptr<Dataset> base;
};

const Sample* find_sample(const Dataset& dataset, std::string_view id) {
  const auto& samples = dataset.manifest().samples;
  const auto found = std::ranges::find(samples, id, &Sample::id);
  return found == samples.end() ? nullptr : &*found;
}

TEST_F(Extend, additions_stand_behind_what_was_there_in_their_splits) {
  Additions more;
  more.add("a", 1, Split::train, noise_picture(12, 12, 1, 1001));
  more.add("b", 0, Split::test, noise_picture(12, 12, 1, 1002));
  const auto counts = extend("base@2", more);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->added, 2U);
  EXPECT_EQ(counts->twins, 0U);
  const Dataset longer = open("base@2");
  EXPECT_TRUE(longer.verify());
  ASSERT_EQ(longer.manifest().samples.size(), 42U);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(longer.manifest().samples[i].sha256, base->manifest().samples[i].sha256);
    EXPECT_TRUE(std::ranges::equal(longer.raw(i), base->raw(i)));
  }
  EXPECT_EQ(find_sample(longer, "feedback/a")->split, Split::train);
  EXPECT_EQ(find_sample(longer, "feedback/a")->label, 1);
  EXPECT_EQ(find_sample(longer, "feedback/b")->split, Split::test);
  EXPECT_TRUE(std::ranges::equal(longer.raw(40), more.arrays[0].data));
  EXPECT_EQ(longer.manifest().parent_name, "base");
  EXPECT_EQ(longer.manifest().parent_sha256, base->manifest().sha256);
  EXPECT_EQ(longer.manifest().label_source, "radiologists; additions: verdicts");
  EXPECT_NE(longer.manifest().history.back().find("2 cases added"), std::string::npos);
}

TEST_F(Extend, pictures_are_fitted_to_the_size_and_channels_of_the_dataset) {
  Additions more;
  Array colour = Array::zeros(DType::u8, {24, 24, 3});
  for (std::size_t i = 0; i < 24 * 24; ++i) {  // columns of 2 pixels: what halving makes of them is told by hand
    const bool left = i % 24 < 12;
    colour.data[i * 3] = std::byte{static_cast<std::uint8_t>(left ? 255 : 0)};
    colour.data[i * 3 + 2] = std::byte{static_cast<std::uint8_t>(left ? 0 : 255)};
  }
  more.add("c", 1, Split::train, std::move(colour));
  more.add("flat", 1, Split::train, Array::zeros(DType::u8, {12, 12}));
  more.add("deep", 1, Split::train, Array::zeros(DType::u16, {12, 12}));
  const auto counts = extend("base@2", more);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->added, 1U);
  ASSERT_EQ(counts->unusable.size(), 2U);
  EXPECT_EQ(counts->unusable[0].reason, "constant image");
  EXPECT_EQ(counts->unusable[1].reason, "not 8-bit");
  const Dataset longer = open("base@2");
  const Sample& made = longer.manifest().samples.back();
  EXPECT_EQ(made.shape, (Shape{12, 12, 1}));
  EXPECT_EQ(std::to_integer<int>(longer.raw(40)[0]), 76) << "0.299 * 255";
  EXPECT_EQ(std::to_integer<int>(longer.raw(40)[11]), 29) << "0.114 * 255";
  EXPECT_EQ(longer.manifest().set_aside.size(), 2U);
}

TEST_F(Extend, what_is_there_already_is_counted_and_its_label_stays) {
  Additions more;
  more.add("same", 0, Split::train, noise_picture(12, 12, 1, 0));           // train sample 0 has the label 0
  more.add("contradiction", 1, Split::train, noise_picture(12, 12, 1, 2));  // sample 2 has the label 0
  const auto counts = extend("base@2", more);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->added, 0U);
  EXPECT_EQ(counts->known, 1U);
  EXPECT_EQ(counts->contradict, 1U);
  EXPECT_FALSE(std::filesystem::exists(home.path() / "base@2")) << "nothing new makes no version";
}

TEST_F(Extend, a_second_round_keeps_splits_and_takes_new_labels) {
  Additions first;
  first.add("a", 1, Split::test, noise_picture(12, 12, 1, 1001));
  ASSERT_TRUE(extend("base@2", first));
  base = std::make_unique<Dataset>(open("base@2"));
  Additions second;
  second.add("a", 0, Split::train,
             noise_picture(12, 12, 1, 1001));  // another reader, another answer; the split was drawn
  second.add("b", 1, Split::train, noise_picture(12, 12, 1, 1002));
  const auto counts = extend("base@3", second);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->added, 1U);
  EXPECT_EQ(counts->relabelled, 1U);
  const Dataset longer = open("base@3");
  EXPECT_EQ(longer.manifest().samples.size(), 42U);
  EXPECT_EQ(find_sample(longer, "feedback/a")->label, 0);
  EXPECT_EQ(find_sample(longer, "feedback/a")->split, Split::test);
  EXPECT_EQ(longer.manifest().label_source, "radiologists; additions: verdicts") << "said once";
  Additions again;
  again.add("a", 0, Split::train, noise_picture(12, 12, 1, 1001));
  base = std::make_unique<Dataset>(open("base@3"));
  const auto nothing = extend("base@4", again);
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->there, 1U);
  EXPECT_EQ(nothing->added + nothing->relabelled, 0U);
}

TEST_F(Extend, twins_of_what_is_held_out_are_in_no_split) {
  const auto nearly = [](std::uint64_t seed) {  // one grey level brighter: a twin, not a copy
    Array a = noise_picture(12, 12, 1, seed);
    for (std::byte& b : a.data) b = static_cast<std::byte>(std::min(255, std::to_integer<int>(b) + 1));
    return a;
  };
  Additions more;
  more.add("of_test", 1, Split::train, nearly(200));  // twin of a test sample
  more.add("of_train", 0, Split::test, nearly(0));    // held out, but seen in training
  more.add("of_own", 0, Split::train, nearly(1001));  // twin of the next
  more.add("own", 0, Split::test, noise_picture(12, 12, 1, 1001));
  more.add("free", 1, Split::train, nearly(4));  // twin on the same side
  const auto counts = extend("base@2", more);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->twins, 3U);
  const Dataset longer = open("base@2");
  EXPECT_EQ(find_sample(longer, "feedback/of_test")->split, Split::unassigned);
  EXPECT_EQ(find_sample(longer, "feedback/of_train")->split, Split::unassigned);
  EXPECT_EQ(find_sample(longer, "feedback/of_own")->split, Split::unassigned);
  EXPECT_EQ(find_sample(longer, "feedback/own")->split, Split::test);
  EXPECT_EQ(find_sample(longer, "feedback/free")->split, Split::train);
  const auto twins = find_twins(longer, *quiet, {});
  ASSERT_TRUE(twins);
  EXPECT_EQ(find_leakage(longer.manifest(), twins->pairs).affected, 0U);
}

TEST_F(Extend, a_new_twin_of_a_case_of_an_earlier_version_gives_way) {
  const auto nearly = [](std::uint64_t seed) {
    Array a = noise_picture(12, 12, 1, seed);
    for (std::byte& b : a.data) b = static_cast<std::byte>(std::min(255, std::to_integer<int>(b) + 1));
    return a;
  };
  Additions first;
  first.add("trained", 1, Split::train, noise_picture(12, 12, 1, 1001));
  ASSERT_TRUE(extend("base@2", first));
  base = std::make_unique<Dataset>(open("base@2"));
  Additions second;
  second.add("trained", 1, Split::train, noise_picture(12, 12, 1, 1001));
  second.add("copy", 1, Split::test, nearly(1001));
  const auto counts = extend("base@3", second);
  ASSERT_TRUE(counts) << counts.error().message();
  const Dataset longer = open("base@3");
  EXPECT_EQ(find_sample(longer, "feedback/trained")->split, Split::train);
  EXPECT_EQ(find_sample(longer, "feedback/copy")->split, Split::unassigned) << "the live version has seen its twin";
}

TEST_F(Extend, what_is_not_known_any_more_is_in_no_split_until_it_is_again) {
  Additions first;
  first.add("a", 1, Split::train, noise_picture(12, 12, 1, 1001));
  first.add("b", 0, Split::test, noise_picture(12, 12, 1, 1002));
  ASSERT_TRUE(extend("base@2", first));
  base = std::make_unique<Dataset>(open("base@2"));
  Additions second;
  second.add("b", 0, Split::test, noise_picture(12, 12, 1, 1002));
  second.add("c", 1, Split::train, noise_picture(12, 12, 1, 1003));
  const auto counts = extend("base@3", second);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->withdrawn, 1U);
  EXPECT_EQ(find_sample(open("base@3"), "feedback/a")->split, Split::unassigned);
  base = std::make_unique<Dataset>(open("base@3"));
  Additions third;
  third.add("a", 0, Split::train, noise_picture(12, 12, 1, 1001));
  third.add("b", 0, Split::test, noise_picture(12, 12, 1, 1002));
  third.add("c", 1, Split::train, noise_picture(12, 12, 1, 1003));
  ASSERT_TRUE(extend("base@4", third));
  EXPECT_EQ(find_sample(open("base@4"), "feedback/a")->split, Split::train);
  EXPECT_EQ(find_sample(open("base@4"), "feedback/a")->label, 0);
}

TEST_F(Extend, fewer_than_asked_for_write_nothing) {
  Additions few;
  few.add("a", 1, Split::train, noise_picture(12, 12, 1, 1001));
  const auto counts =
      extend_dataset(*base, home.path() / "base@2", few,
                     {.name = "base@2", .label_source = {}, .origin = "feedback", .least = 2}, *quiet, {});
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->added, 1U);
  EXPECT_FALSE(std::filesystem::exists(home.path() / "base@2"));
}

TEST_F(Extend, a_part_of_a_dataset_is_a_version_that_shares_its_pack) {
  const auto part = select_samples(*base, home.path() / "base", home.path() / "part", "part", {3, 30}, "two of them");
  ASSERT_TRUE(part) << part.error().message();
  ASSERT_EQ(part->manifest().samples.size(), 2U);
  EXPECT_TRUE(part->verify());
  EXPECT_EQ(part->manifest().samples[1].sha256, base->manifest().samples[30].sha256);
  EXPECT_TRUE(std::ranges::equal(part->raw(1), base->raw(30)));
  EXPECT_EQ(part->manifest().parent_name, "base");
  EXPECT_FALSE(select_samples(*base, home.path() / "base", home.path() / "p2", "p2", {40}, ""));
  EXPECT_FALSE(std::filesystem::exists(home.path() / "p2"));
}

TEST_F(Extend, labels_of_no_class_and_a_stop_leave_nothing_behind) {
  Additions wrong;
  wrong.add("a", 2, Split::train, noise_picture(12, 12, 1, 1));
  EXPECT_EQ(extend("base@2", wrong).error().code(), Code::invalid);
  Additions more;
  more.add("a", 1, Split::train, noise_picture(12, 12, 1, 1001));
  std::stop_source stop;
  stop.request_stop();
  const auto cancelled =
      extend_dataset(*base, home.path() / "base@2", more, {.name = "base@2", .label_source = {}, .origin = "feedback"},
                     *quiet, stop.get_token());
  EXPECT_EQ(cancelled.error().code(), Code::cancelled);
  std::size_t folders = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{home.path()}) ++folders;
  EXPECT_EQ(folders, 1U);
}

}  // namespace
}  // namespace aceso::learn
