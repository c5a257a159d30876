// New labels as a new version, and sets that are imported to be labelled.
#include "aceso/learn/dataset_relabel.hpp"

#include <algorithm>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

class RelabelTest : public ::testing::Test {
 protected:
  void write_pictures(int count) {
    for (int i = 0; i < count; ++i) {
      imaging::Image image{6, 5, 1, 8, std::vector<std::byte>(30)};
      for (std::size_t k = 0; k < 30; ++k)
        image.pixels[k] = static_cast<std::byte>((i * 37 + static_cast<int>(k) * (i + 3)) % 251);
      fs::create_directories(dir_.path() / "source");
      ASSERT_OK(write_file_atomic(dir_.path() / "source" / (std::to_string(100 + i) + ".png"),
                                  *imaging::encode_png(image), {.durable = false}));
    }
  }
  Result<Dataset> import_unlabelled() {
    ImportOptions how;
    how.name = "set";
    how.classes = {"normal", "nodule"};
    return Dataset::import(dir_.path() / "source", dir_.path() / "set", how, *progress_, {});
  }
  Result<Dataset> relabel(const Dataset& source, const Relabelling& how) {
    return relabel_dataset(source, dir_.path() / "set", dir_.path() / how.name, how, *progress_, {});
  }
  static Relabelling alternating(std::size_t count) {
    Relabelling how;
    how.name = "set@2";
    how.classes = {"normal", "nodule"};
    how.label_source = "two readers";
    how.history = "labelled";
    for (std::size_t i = 0; i < count; ++i) how.labels.push_back({.index = i, .label = static_cast<int>(i % 2)});
    return how;
  }

  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

TEST_F(RelabelTest, a_flat_folder_is_imported_to_be_labelled_when_the_classes_are_named) {
  write_pictures(6);
  const auto set = import_unlabelled();
  ASSERT_OK(set);
  EXPECT_EQ(set->manifest().samples.size(), 6U);
  EXPECT_EQ(set->manifest().classes, (std::vector<std::string>{"normal", "nodule"}));
  for (const Sample& s : set->manifest().samples) {
    EXPECT_EQ(s.label, -1);
    EXPECT_EQ(s.split, Split::unassigned);
  }
  ImportOptions nameless;
  nameless.name = "other";
  EXPECT_FALSE(Dataset::import(dir_.path() / "source", dir_.path() / "other", nameless, *progress_, {}));
}

TEST_F(RelabelTest, labels_become_a_version_with_splits_and_the_parent_stays) {
  write_pictures(40);
  auto set = import_unlabelled();
  ASSERT_OK(set);
  const std::string before = set->manifest().sha256;
  Relabelling how = alternating(40);
  how.labels[39].label = -1;
  const auto made = relabel(*set, how);
  ASSERT_OK(made);
  const Manifest& m = made->manifest();
  EXPECT_EQ(m.name, "set@2");
  EXPECT_EQ(m.parent_name, "set");
  EXPECT_EQ(m.parent_sha256, before);
  EXPECT_EQ(m.label_source, "two readers");
  EXPECT_EQ(m.samples[5].label, 1);
  EXPECT_EQ(m.samples[39].label, -1);
  EXPECT_EQ(m.samples[39].split, Split::unassigned);
  EXPECT_EQ(made->indices(Split::test).size(), 6U);
  EXPECT_EQ(made->indices(Split::validation).size(), 6U);
  EXPECT_EQ(made->indices(Split::train).size(), 27U);
  EXPECT_OK(made->verify());
  ASSERT_OK(Dataset::open(dir_.path() / "set"));
  EXPECT_EQ(Dataset::open(dir_.path() / "set")->manifest().sha256, before);
  EXPECT_EQ(std::count_if(m.warnings.begin(), m.warnings.end(),
                          [](const std::string& w) { return w.find("no label") != std::string::npos; }),
            1);
  EXPECT_EQ(std::count_if(m.warnings.begin(), m.warnings.end(),
                          [](const std::string& w) { return w.find("no validation split") != std::string::npos; }),
            0);
}

TEST_F(RelabelTest, masks_are_written_beside_the_samples) {
  write_pictures(8);
  auto set = import_unlabelled();
  ASSERT_OK(set);
  Relabelling how = alternating(8);
  Array mask = Array::zeros(DType::u8, {5, 6});
  mask.data[7] = std::byte{1};
  how.labels[3].mask = mask;
  how.labels[4].boxes.push_back({.label = 1, .low = {0, 1}, .high = {3, 4}});
  const auto made = relabel(*set, how);
  ASSERT_OK(made);
  EXPECT_OK(made->verify());
  EXPECT_EQ(made->mask(3)->data, mask.data);
  EXPECT_FALSE(made->mask(4));
  ASSERT_EQ(made->manifest().samples[4].boxes.size(), 1U);
  EXPECT_EQ(made->array(6).data, set->array(6).data);
}

TEST_F(RelabelTest, what_does_not_fit_is_refused_and_leaves_nothing) {
  write_pictures(6);
  auto set = import_unlabelled();
  ASSERT_OK(set);
  Relabelling twice = alternating(6);
  twice.labels[1].index = 0;
  EXPECT_EQ(relabel(*set, twice).error().code(), Code::invalid);
  Relabelling beyond = alternating(6);
  beyond.labels[0].label = 2;
  EXPECT_EQ(relabel(*set, beyond).error().code(), Code::invalid);
  Relabelling box = alternating(6);
  box.labels[0].boxes.push_back({.label = 0, .low = {0, 0}, .high = {6, 3}});  // the image is 5 high
  EXPECT_EQ(relabel(*set, box).error().code(), Code::invalid);
  Relabelling mask = alternating(6);
  mask.labels[0].mask = Array::zeros(DType::u8, {6, 5});
  EXPECT_EQ(relabel(*set, mask).error().code(), Code::invalid);
  Relabelling one = alternating(6);
  for (NewLabel& label : one.labels) label.label = 0;
  EXPECT_EQ(relabel(*set, one).error().code(), Code::invalid);
  Relabelling others = alternating(6);
  others.keep_others = true;
  others.classes = {"a", "b"};
  EXPECT_EQ(relabel(*set, others).error().code(), Code::invalid);
  EXPECT_FALSE(fs::exists(dir_.path() / "set@2"));
}

TEST_F(RelabelTest, other_samples_keep_their_labels_or_stay_out) {
  write_pictures(20);
  auto set = import_unlabelled();
  ASSERT_OK(set);
  auto first = relabel(*set, alternating(20));
  ASSERT_OK(first);
  Relabelling some;
  some.name = "set@3";
  some.classes = {"normal", "nodule"};
  some.labels = {{.index = 0, .label = 1}};
  some.keep_others = true;
  const auto kept = relabel_dataset(*first, dir_.path() / "set@2", dir_.path() / "set@3", some, *progress_, {});
  ASSERT_OK(kept);
  ASSERT_EQ(kept->manifest().samples.size(), 20U);
  EXPECT_EQ(kept->manifest().samples[0].label, 1);
  EXPECT_EQ(kept->manifest().samples[0].split, first->manifest().samples[0].split);
  EXPECT_EQ(kept->manifest().samples[2].label, 0);
  some.name = "set@4";
  some.keep_others = false;
  some.labels = {{.index = 0, .label = 1}, {.index = 5, .label = 0}};
  const auto alone = relabel_dataset(*first, dir_.path() / "set@2", dir_.path() / "set@4", some, *progress_, {});
  ASSERT_OK(alone);
  EXPECT_EQ(alone->manifest().samples.size(), 2U);
}

}  // namespace
}  // namespace aceso::learn
