// Boxes read from maps, moved along with their images, matched, judged, and their figures.
#include "aceso/learn/boxes.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/dataset_export.hpp"
#include "aceso/learn/ensemble.hpp"
#include "aceso/learn/evaluate.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "batches.hpp"
#include "box_targets.hpp"
#include "train_task.hpp"

namespace aceso::learn {
namespace {

FoundBox mark(double score, std::vector<double> low, std::vector<double> high, int label = 0) {
  return {.label = label, .score = score, .low = std::move(low), .high = std::move(high)};
}
Box true_box(std::vector<double> low, std::vector<double> high, int label = 0) {
  return {.label = label, .low = std::move(low), .high = std::move(high)};
}

TEST(BoxFigures, equal_pycocotools_and_luna16s) {
  std::ifstream file{std::string{ACESO_LEARN_GOLDEN} + "/boxes.json"};
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["cases"].size(), 2U);
  for (const auto& entry : golden["cases"]) {
    BoxCases cases;
    const auto labels = entry["labels"].get<std::size_t>();
    for (std::size_t k = 0; k < labels; ++k) cases.labels.push_back("label " + std::to_string(k));
    for (const auto& image : entry["images"]) {
      BoxCase one;
      for (const auto& box : image["truth"]) one.truth.push_back(true_box(box["low"], box["high"], box["label"]));
      for (const auto& box : image["found"])
        one.found.push_back(mark(box["score"], box["low"], box["high"], box["label"]));
      cases.cases.push_back(std::move(one));
    }
    const auto precision = box_average_precision(cases);
    ASSERT_TRUE(precision.has_value());
    EXPECT_NEAR(*precision, entry["coco"]["ap50"].get<double>(), 1e-9);
    for (std::size_t k = 0; k < labels; ++k) {
      for (std::size_t i = 0; i < 10; ++i) {
        const auto marks = box_marks(cases, BoxRule::overlap, 0.5 + 0.05 * static_cast<double>(i), k);
        ASSERT_OK(marks);
        EXPECT_NEAR(*marks->average_precision(marks->all()), entry["coco"]["per_label"][k][i].get<double>(), 1e-9);
      }
    }
    const auto marks = box_marks(cases, BoxRule::centre, 0);
    ASSERT_OK(marks);
    EXPECT_NEAR(*marks->froc_score(marks->all()), entry["froc"]["score"].get<double>(), 1e-9);
    for (std::size_t r = 0; r < stats::kFrocRates.size(); ++r) {
      EXPECT_NEAR(*marks->sensitivity_at(stats::kFrocRates[r], marks->all()),
                  entry["froc"]["sensitivities"][r].get<double>(), 1e-9);
    }
    const Json json = evaluate_boxes(cases, 0.5, 1, nullptr, nullptr);
    EXPECT_NEAR(json["metrics"]["ap"]["value"].get<double>(), entry["coco"]["ap"].get<double>(), 1e-9);
    EXPECT_NEAR(json["metrics"]["froc"]["value"].get<double>(), entry["froc"]["score"].get<double>(), 1e-9);
  }
}

TEST(MatchBoxes, the_best_score_chooses_first_and_each_finding_is_found_once) {
  using State = BoxMatch::State;
  BoxCase one;
  one.truth = {true_box({0, 0}, {10, 10}), true_box({20, 20}, {30, 30})};
  one.found = {mark(0.5, {1, 1}, {10, 10}), mark(0.9, {0, 0}, {9, 9}), mark(0.4, {40, 40}, {50, 50}),
               mark(0.3, {22, 22}, {24, 24}), mark(0.2, {20, 20}, {30, 30}, 1)};
  const BoxMatch centre = match_boxes(one, BoxRule::centre);
  EXPECT_EQ(centre.found, (std::vector{State::again, State::hit, State::wrong, State::hit, State::wrong}));
  EXPECT_EQ(centre.missed, (std::vector{false, false}));
  const BoxMatch overlap = match_boxes(one, BoxRule::overlap, 0.5);
  EXPECT_EQ(overlap.found, (std::vector{State::wrong, State::hit, State::wrong, State::wrong, State::wrong}));
  EXPECT_EQ(overlap.missed, (std::vector{false, true}));
  EXPECT_DOUBLE_EQ(box_overlap(one.truth[0].low, one.truth[0].high, one.found[0].low, one.found[0].high), 0.81);
  EXPECT_DOUBLE_EQ(box_overlap(one.truth[0].low, one.truth[0].high, one.truth[1].low, one.truth[1].high), 0);
}

// What a network that has learnt the targets would answer.
std::vector<float> targets_of(const std::vector<Box>& boxes, std::size_t labels, const Shape& grid,
                              const Shape& cells) {
  std::size_t area = 1;
  for (const std::int64_t side : cells) area *= static_cast<std::size_t>(side);
  std::vector<float> out((labels + 2 * cells.size()) * area, 0);
  draw_box_targets(boxes, labels, grid, cells, out);
  return out;
}

TEST(BoxTargets, are_a_peak_with_size_and_place_and_fall_off_around) {
  const auto t = targets_of({true_box({6, 4}, {18, 16}, 1)}, 2, {32, 32}, {8, 8});
  const auto at = [&](std::size_t output, std::size_t y, std::size_t x) { return t[output * 64 + y * 8 + x]; };
  // Cells of 4 pixels: the centre (12, 10) lies in cell (3, 2), at its upper edge and in its middle.
  EXPECT_FLOAT_EQ(at(1, 3, 2), 1);
  EXPECT_FLOAT_EQ(at(0, 3, 2), 0);
  EXPECT_FLOAT_EQ(at(1, 3, 3), std::exp(-2.0F));  // 3 cells wide: standard deviation of half a cell
  EXPECT_FLOAT_EQ(at(1, 4, 3), std::exp(-4.0F));
  EXPECT_FLOAT_EQ(at(1, 3, 4), 0);
  EXPECT_FLOAT_EQ(at(2, 3, 2), 3);
  EXPECT_FLOAT_EQ(at(3, 3, 2), 3);
  EXPECT_FLOAT_EQ(at(4, 3, 2), 0);
  EXPECT_FLOAT_EQ(at(5, 3, 2), 0.5);
  EXPECT_FLOAT_EQ(at(2, 3, 3), 0);
  // In one cell the smaller box is learnt.
  const auto two = targets_of({true_box({11, 11}, {13, 13}), true_box({4, 4}, {20, 20})}, 1, {32, 32}, {8, 8});
  EXPECT_FLOAT_EQ(two[64 + 3 * 8 + 3], 0.5);
}

TEST(BoxTargets, what_is_drawn_is_read_back_in_two_and_three_dimensions) {
  const Philox random{5};
  for (const std::size_t axes : {2U, 3U}) {
    for (std::uint64_t round = 0; round < 20; ++round) {
      std::uint64_t next = 0;
      const auto draw = [&](double low, double high) { return low + (high - low) * random.uniform01(round, next++); };
      const Shape grid(axes, 64), cells(axes, 16), own(axes, 96);
      std::vector<Box> boxes;
      for (int i = 0; i < 12; ++i) {
        Box box{.label = i % 3, .low = {}, .high = {}};
        for (std::size_t d = 0; d < axes; ++d) {
          const double size = draw(5, 20), low = draw(0, 64 - size);
          box.low.push_back(low);
          box.high.push_back(low + size);
        }
        const auto close = [&](const Box& other) {
          double far = 0;
          for (std::size_t d = 0; d < axes; ++d)
            far = std::max(far, std::abs(box.low[d] + box.high[d] - other.low[d] - other.high[d]) / 2);
          return far < 13;  // three cells
        };
        if (std::none_of(boxes.begin(), boxes.end(), close)) boxes.push_back(std::move(box));
      }
      const auto found = decode_boxes(targets_of(boxes, 3, grid, cells), 3, cells, own);
      std::size_t centres = 0;
      for (const FoundBox& f : found) {
        if (f.score < 1) continue;
        ++centres;
        EXPECT_TRUE(std::any_of(boxes.begin(), boxes.end(), [&](const Box& box) {
          bool same = box.label == f.label;
          for (std::size_t d = 0; d < axes; ++d) {
            same =
                same && std::abs(box.low[d] * 1.5 - f.low[d]) < 1e-3 && std::abs(box.high[d] * 1.5 - f.high[d]) < 1e-3;
          }
          return same;
        }));
      }
      EXPECT_EQ(centres, boxes.size());
    }
  }
}

TEST(DecodeBoxes, one_peak_of_a_plateau_no_box_outside_and_no_more_than_the_limit) {
  const Shape cells{4, 4}, image{40, 40};
  std::vector<float> answer(5 * 16, 0);
  for (const std::size_t i : {5U, 6U, 9U}) answer[i] = 0.8F;  // equal neighbours
  for (std::size_t i = 16; i < 48; ++i) answer[i] = 6;        // sizes of 60 pixels
  for (std::size_t i = 48; i < 80; ++i) answer[i] = 0.5F;
  auto found = decode_boxes(answer, 1, cells, image);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].low, (std::vector<double>{0, 0}));
  EXPECT_EQ(found[0].high, (std::vector<double>{35, 35}));  // a box is at most as large as the image
  // Boxes of one label that share most of their area: the better one stays, another label's too.
  std::vector<float> two(6 * 16, 0);
  two[5] = 0.6F;
  two[7] = 0.9F;
  two[16 + 5] = 0.5F;
  two[80 + 5] = 1;  // the right edge of its cell
  for (std::size_t i = 32; i < 64; ++i) two[i] = 10;
  found = decode_boxes(two, 2, cells, image);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_FLOAT_EQ(static_cast<float>(found[0].score), 0.9F);
  EXPECT_EQ(found[1].label, 1);
  // A map full of peaks.
  const Shape many{64, 64}, large{256, 256};
  std::vector<float> peaks(5 * 64 * 64, 0);
  for (std::size_t y = 0; y < 64; y += 2)
    for (std::size_t x = 0; x < 64; x += 2) peaks[y * 64 + x] = 0.5F + static_cast<float>(x) / 1000;
  for (std::size_t i = std::size_t{64} * 64; i < std::size_t{3} * 64 * 64; ++i) peaks[i] = 1;
  found = decode_boxes(peaks, 1, many, large);
  EXPECT_EQ(found.size(), kMaxFound);
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                             [](const FoundBox& a, const FoundBox& b) { return a.score > b.score; }));
  EXPECT_FLOAT_EQ(static_cast<float>(found[0].score), 0.562F);
  // Numbers that are none, and scores too low to tell.
  peaks.assign(peaks.size(), std::nanf(""));
  EXPECT_TRUE(decode_boxes(peaks, 1, many, large).empty());
  peaks.assign(peaks.size(), 0.001F);
  EXPECT_TRUE(decode_boxes(peaks, 1, many, large).empty());
}

// Images with up to two bright rectangles, of which every fourth has none.
NamedArrays bright_boxes(std::int64_t n, std::int64_t height, std::int64_t width) {
  NamedArrays out{{"images", Array::zeros(DType::u8, {n, height, width})},
                  {"labels", Array::zeros(DType::u8, {n})},
                  {"boxes", Array::zeros(DType::i32, {n, 2, 4})}};
  auto* corners = reinterpret_cast<std::int32_t*>(out.at("boxes").data.data());
  for (std::int64_t i = 0; i < n; ++i) {
    const auto area = static_cast<std::size_t>(height * width);
    for (std::size_t p = 0; p < area; ++p)
      out.at("images").data[static_cast<std::size_t>(i) * area + p] =
          static_cast<std::byte>(10 + (p + static_cast<std::size_t>(i)) % 5);
    out.at("labels").data[static_cast<std::size_t>(i)] = std::byte{i % 4 == 0 ? std::uint8_t{0} : std::uint8_t{1}};
    for (std::int64_t m = 0; m < i % 4 && m < 2; ++m) {
      const std::int64_t top = 3 + (i * 5) % (height / 2 - 8), left = (m == 0 ? 2 : width / 2 + 2) + i % 3,
                         bottom = top + 6, right = left + 8;
      const std::array<std::int64_t, 4> box{top, left, bottom, right};
      std::copy(box.begin(), box.end(), corners + (i * 2 + m) * 4);
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x)
          out.at("images").data[static_cast<std::size_t>((i * height + y) * width + x)] = std::byte{220};
      }
    }
  }
  return out;
}

class BoxTest : public ::testing::Test {
 protected:
  Result<Dataset> try_import(const NamedArrays& arrays, const std::vector<std::string>& classes = {"clear", "blob"}) {
    ImportOptions options;
    options.name = "blobs";
    options.classes = classes;
    options.validation_fraction = 0.25;
    options.test_fraction = 0.25;
    options.kind = "image";
    return Dataset::import_arrays(arrays, "blobs", dir_.path() / std::to_string(made_++), options, *progress_, {});
  }
  static TrainConfig config() {
    TrainConfig config;
    config.architecture = "centernet";
    config.task = TrainTask::boxes;
    return config;
  }
  TempDir dir_ = *TempDir::create();
  int made_ = 0;
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

Preprocessing image_input(std::int64_t height, std::int64_t width) {
  Preprocessing how;
  how.height = height;
  how.width = width;
  how.channels = 1;
  return how;
}

// Each centre of the targets lies on bright pixels, and all bright pixels but `tolerance` of them in a box.
void expect_boxes_around_what_is_bright(const Batch& batch, const Shape& cells, double tolerance) {
  const std::size_t each = batch.inputs.f32().size() / batch.samples,
                    targets = batch.targets.f32().size() / batch.samples;
  const Shape grid{batch.inputs.shape[2], batch.inputs.shape[3]};
  const auto width = static_cast<std::size_t>(grid[1]);
  std::size_t boxes = 0, bright = 0, outside = 0;
  double filled = 0;
  for (std::size_t n = 0; n < batch.samples; ++n) {
    const auto image = batch.inputs.f32().subspan(n * each, each);
    auto found = decode_boxes(batch.targets.f32().subspan(n * targets, targets), 1, cells, grid);
    std::erase_if(found, [](const FoundBox& box) { return box.score < 1; });
    boxes += found.size();
    for (std::size_t i = 0; i < each; ++i) {
      if (image[i] < 0.45F) continue;
      ++bright;
      const double y = static_cast<double>(i / width) + 0.5, x = static_cast<double>(i % width) + 0.5;
      outside += std::none_of(found.begin(), found.end(), [&](const FoundBox& box) {
        return y > box.low[0] - 0.6 && y < box.high[0] + 0.6 && x > box.low[1] - 0.6 && x < box.high[1] + 0.6;
      });
    }
    for (const FoundBox& box : found) {
      const auto y = static_cast<std::size_t>((box.low[0] + box.high[0]) / 2),
                 x = static_cast<std::size_t>((box.low[1] + box.high[1]) / 2);
      EXPECT_GT(image[y * width + x], 0.45F);
      filled += (box.high[0] - box.low[0]) * (box.high[1] - box.low[1]);
    }
  }
  EXPECT_GT(boxes, batch.samples / 2);
  EXPECT_LE(static_cast<double>(outside), tolerance * static_cast<double>(bright));
  EXPECT_LE(filled, 2.2 * static_cast<double>(bright));
}

TEST_F(BoxTest, boxes_move_with_their_images) {
  const auto data = try_import(bright_boxes(48, 40, 56));
  ASSERT_OK(data);
  const auto plan = plan_training(*data, config());
  ASSERT_OK(plan);
  EXPECT_EQ(plan->classes, std::vector<std::string>{"blob"});
  EXPECT_EQ(plan->train.size(), data->indices(Split::train).size());
  TrainConfig how = config();
  how.flip = false;
  for (const Shape& grid : {Shape{40, 56}, Shape{64, 64}}) {  // as it is, and resized by another factor a side
    const Preprocessing input = image_input(grid[0], grid[1]);
    const Shape cells{grid[0] / 2, grid[1] / 2};
    const BatchTargets about{.task = Task::boxes, .labels = {"blob"}, .cells = cells};
    const auto plain = BatchMaker(*data, how, input, false, 0, about).plain(plan->train);
    ASSERT_OK(plain);
    EXPECT_EQ(plain->targets.shape, (Shape{static_cast<std::int64_t>(plan->train.size()), 5, cells[0], cells[1]}));
    expect_boxes_around_what_is_bright(*plain, cells, 0);
    TrainConfig changed = how;
    changed.flip = true;
    const auto flipped = BatchMaker(*data, changed, input, false, 0, about).changed(plan->train, 1);
    ASSERT_OK(flipped);
    EXPECT_NE(flipped->inputs.data, plain->inputs.data);
    expect_boxes_around_what_is_bright(*flipped, cells, 0);
    changed.augment.rotate = 15;
    changed.augment.shift = 0.1;
    changed.augment.scale = 0.2;
    const BatchMaker maker(*data, changed, input, false, 0, about);
    const auto warped = maker.changed(plan->train, 1);
    ASSERT_OK(warped);
    expect_boxes_around_what_is_bright(*warped, cells, 0.03);
    EXPECT_EQ(maker.changed(plan->train, 1)->targets.data, warped->targets.data);
    EXPECT_NE(maker.changed(plan->train, 2)->targets.data, warped->targets.data);
  }
}

TEST_F(BoxTest, what_leaves_the_image_is_dropped_and_what_is_cut_ends_at_its_border) {
  Warp warp;
  warp.size = {20, 30};
  warp.offset = {0, 0, 10};  // everything moves ten pixels to the left
  std::vector<Box> boxes{true_box({2, 2}, {6, 8}), true_box({2, 5}, {6, 14}), true_box({2, 9.5}, {6, 10.5}),
                         true_box({0, 20}, {20, 30})};
  move_boxes(boxes, warp);
  ASSERT_EQ(boxes.size(), 2U);
  EXPECT_EQ(boxes[0].low, (std::vector<double>{2, 0}));
  EXPECT_EQ(boxes[0].high, (std::vector<double>{6, 4}));
  EXPECT_EQ(boxes[1].low, (std::vector<double>{0, 10}));
  EXPECT_EQ(boxes[1].high, (std::vector<double>{20, 20}));
}

TEST_F(BoxTest, plans_name_what_does_not_go_with_boxes) {
  const auto data = try_import(bright_boxes(24, 40, 56));
  ASSERT_OK(data);
  const auto why = [&](const TrainConfig& c) {
    const auto plan = plan_training(*data, c);
    if (!plan) return plan.error().message();
    const auto options = training_options(*plan, *data, c);
    return options ? std::string{} : options.error().message();
  };
  EXPECT_EQ(why(config()), "");
  TrainConfig c = config();
  c.task = TrainTask::automatic;
  EXPECT_EQ(why(c), "");
  const auto refused = [&](const char* key, const auto& change) {
    TrainConfig changed = config();
    change(changed);
    EXPECT_NE(why(changed).find(key), std::string::npos) << why(changed);
  };
  refused("patch:", [](TrainConfig& t) { t.patch = 16; });
  refused("outline_labels:", [](TrainConfig& t) { t.outline_labels = {"a"}; });
  refused("flip_average:", [](TrainConfig& t) { t.flip_average = true; });
  refused("augment.mixup:", [](TrainConfig& t) { t.augment.mixup = 0.2; });
  refused("loss:", [](TrainConfig& t) {
    t.options.loss = Loss::dice;
    t.automatic_loss = false;
  });
  refused("class_weights:", [](TrainConfig& t) { t.balance_classes = true; });
  refused("label_smoothing:", [](TrainConfig& t) { t.options.label_smoothing = 0.1; });
  TrainConfig classes;
  classes.options.loss = Loss::centernet;
  classes.automatic_loss = false;
  EXPECT_NE(why(classes).find("loss: centernet needs boxes"), std::string::npos) << why(classes);
  TrainConfig ensemble = config();
  ensemble.seeds = 2;
  ensemble.ensemble = true;
  EXPECT_FALSE(plan_runs(*data, ensemble).ok());
  NamedArrays without = bright_boxes(24, 40, 56);
  without.erase("boxes");
  const auto bare = try_import(without);
  ASSERT_OK(bare);
  const auto plan = plan_training(*bare, config());
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message().find("no boxes"), std::string::npos);
}

TEST_F(BoxTest, samples_that_nobody_boxed_take_no_part) {
  NamedArrays arrays = bright_boxes(24, 40, 56);
  // Of sample 1, which holds a blob, the box is taken away.
  std::fill_n(arrays.at("boxes").data.begin() + 1 * 2 * 4 * 4, 2 * 4 * 4, std::byte{0});
  const auto data = try_import(arrays);
  ASSERT_OK(data);
  std::vector<std::size_t> all(data->manifest().samples.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const BoxSamples part = box_samples(*data, all, {"blob"});
  EXPECT_EQ(part.without, 1U);
  EXPECT_EQ(part.indices.size(), all.size() - 1);  // clear ones take part
}

TEST_F(BoxTest, several_boxes_with_classes_of_their_own_are_imported_and_exported) {
  NamedArrays arrays = bright_boxes(24, 40, 56);
  Array labels = Array::zeros(DType::i32, {24, 2});
  auto* values = reinterpret_cast<std::int32_t*>(labels.data.data());
  for (int i = 0; i < 48; ++i) values[i] = 1 + i % 2;
  arrays.emplace("box_labels", labels);
  const auto data = try_import(arrays, {"clear", "left", "right"});
  ASSERT_OK(data);
  const auto& samples = data->manifest().samples;
  EXPECT_EQ(samples[0].boxes.size(), 0U);
  ASSERT_EQ(samples[2].boxes.size(), 2U);
  EXPECT_EQ(samples[2].boxes[0].label, 1);
  EXPECT_EQ(samples[2].boxes[1].label, 2);
  const auto plan = plan_training(*data, config());
  ASSERT_OK(plan);
  EXPECT_EQ(plan->classes, (std::vector<std::string>{"left", "right"}));
  const auto file = dir_.path() / "out.npz";
  ASSERT_OK(export_dataset(*data, file, ExportFormat::npz, *progress_, {}));
  ImportOptions options;
  options.name = "blobs";
  options.classes = {"clear", "left", "right"};
  const auto again = Dataset::import(file, dir_.path() / "again", options, *progress_, {});
  ASSERT_OK(again);
  std::size_t boxes = 0;
  for (const Sample& sample : again->manifest().samples) {
    const auto same =
        std::find_if(samples.begin(), samples.end(), [&](const Sample& s) { return s.sha256 == sample.sha256; });
    ASSERT_NE(same, samples.end());
    ASSERT_EQ(sample.boxes.size(), same->boxes.size());
    for (std::size_t k = 0; k < sample.boxes.size(); ++k, ++boxes) {
      EXPECT_EQ(sample.boxes[k].label, same->boxes[k].label);
      EXPECT_EQ(sample.boxes[k].low, same->boxes[k].low);
      EXPECT_EQ(sample.boxes[k].high, same->boxes[k].high);
    }
  }
  EXPECT_GT(boxes, 20U);
}

TEST_F(BoxTest, boxes_that_do_not_lie_in_their_image_are_refused_by_row) {
  const auto why = [&](std::vector<std::int32_t> corners) {
    NamedArrays arrays = bright_boxes(8, 40, 56);
    std::memcpy(arrays.at("boxes").data.data() + 3 * 2 * 4 * 4, corners.data(), 16);
    const auto data = try_import(arrays);
    return data ? std::string{} : data.error().message();
  };
  EXPECT_EQ(why({0, 0, 0, 0}), "");
  EXPECT_EQ(why({0, 0, 40, 56}), "");
  for (const auto& corners : {std::vector{0, 0, 41, 10}, {-1, 0, 5, 5}, {5, 5, 5, 9}, {9, 9, 5, 5}})
    EXPECT_NE(why(corners).find("row 3 has a box that does not lie"), std::string::npos) << why(corners);
  NamedArrays nan = bright_boxes(8, 40, 56);
  nan.at("boxes") = Array::zeros(DType::f32, {8, 4});
  nan.at("boxes").f32()[5] = std::nanf("");
  EXPECT_FALSE(try_import(nan).ok());
  NamedArrays shape = bright_boxes(8, 40, 56);
  shape.at("boxes") = Array::zeros(DType::i32, {8, 6});
  EXPECT_FALSE(try_import(shape).ok());
  NamedArrays labels = bright_boxes(8, 40, 56);
  labels.emplace("box_labels", Array::zeros(DType::i32, {8}));
  EXPECT_FALSE(try_import(labels).ok());
}

// Fifteen patients with two images each: of ten a finding on each, all but one found, of five nothing.
BoxCases judged_cases() {
  BoxCases cases;
  cases.labels = {"nodule"};
  for (std::size_t i = 0; i < 30; ++i) {
    BoxCase one;
    one.group = "patient " + std::to_string(i / 2);
    one.index = i;
    const auto at = static_cast<double>(i);
    if (i < 20) {
      one.truth = {true_box({at, at}, {at + 8, at + 8})};
      if (i != 7) one.found = {mark(0.9 - 0.01 * at, {at, at}, {at + 8, at + 8})};
    }
    if (i % 8 == 0) one.found.push_back(mark(0.3, {40, 0}, {48, 8}));
    cases.cases.push_back(std::move(one));
  }
  return cases;
}

TEST(EvaluateBoxes, figures_by_hand_with_intervals_by_patient) {
  const BoxCases cases = judged_cases();
  const Json json = evaluate_boxes(cases, 0.5, 3, nullptr, &cases);
  EXPECT_EQ(json["kind"], "boxes");
  EXPECT_EQ(json["findings"], 20);
  EXPECT_EQ(json["clear"], 10);
  EXPECT_EQ(json["groups"], 15);
  const Json& m = json["metrics"];
  EXPECT_EQ(m["sensitivity"]["successes"], 19);
  EXPECT_EQ(m["sensitivity"]["trials"], 20);
  EXPECT_DOUBLE_EQ(m["ppv"]["value"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(m["left_clear"]["value"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(m["froc"]["value"].get<double>(), 0.95);
  EXPECT_NEAR(m["ap50"]["value"].get<double>(), 95.0 / 101, 1e-12);  // 95 * 0.01 lies above 19 / 20, as in NumPy
  EXPECT_LT(m["froc"]["low"].get<double>(), 0.95);
  EXPECT_EQ(m["froc"]["method"], "bootstrap by group");
  EXPECT_EQ(json["sensitivities"].size(), 7U);
  // All marks are right: the interval is Wilson's of 19 of 19 (low 1 / (1 + 1.96^2 / 19)).
  EXPECT_NEAR(m["ppv"]["low"].get<double>(), 0.8318, 1e-3);
  EXPECT_DOUBLE_EQ(m["ppv"]["high"].get<double>(), 1);
  const Json low = evaluate_boxes(cases, 0.2, 3, nullptr, nullptr)["metrics"];
  EXPECT_DOUBLE_EQ(low["false_marks"]["value"].get<double>(), 4.0 / 30);
  EXPECT_NEAR(low["ppv"]["value"].get<double>(), 19.0 / 23, 1e-12);
  EXPECT_NEAR(low["f1"]["value"].get<double>(), 38.0 / 43, 1e-12);
  EXPECT_EQ(json.dump(), evaluate_boxes(cases, 0.5, 3, nullptr, &cases).dump());
  // The threshold of the best F1 leaves the wrong marks out and every right one in.
  const double threshold = choose_box_threshold(cases);
  EXPECT_GT(threshold, 0.3);
  EXPECT_LT(threshold, 0.9 - 0.01 * 19);
  const Json& table = json["validation_boxes"];
  EXPECT_EQ(table["images"], 30);
  EXPECT_EQ(table["found"], 19);
  EXPECT_EQ(table["unmarked"], 11);
  EXPECT_EQ(table["unmarked_with_finding"], 1);
  EXPECT_EQ(table["bins"].size(), 1U);
  EXPECT_EQ(table["bins"][0]["marks"], 23);
  EXPECT_EQ(table["bins"][0]["hits"], 19);
}

TEST(EvaluateBoxes, the_report_shows_them_and_escapes_names) {
  BoxCases cases = judged_cases();
  cases.labels = {"<nodule>"};
  BoxBaseline baseline{.cases = cases, .about = Json{{"kind", "the same place everywhere"}, {"places", 1}}};
  for (BoxCase& one : baseline.cases.cases) one.found = {mark(0.5, {0, 0}, {8, 8})};
  const Json json = evaluate_boxes(cases, 0.5, 3, &baseline, &cases);
  EXPECT_FALSE(json["adds_nothing"].get<bool>());
  const std::string page = render_report_html(json, Json{{"card", {{"name", "m"}}}});
  for (const char* word : {"FROC score", "AP, IoU 0.5", "1/8", "&lt;nodule&gt;", "the same place everywhere"})
    EXPECT_NE(page.find(word), std::string::npos) << word;
  EXPECT_EQ(page.find("<nodule>"), std::string::npos);
  // A model that finds what the trivial one finds adds nothing.
  BoxCases trivial = cases;
  for (std::size_t i = 0; i < trivial.cases.size(); ++i) trivial.cases[i].found = baseline.cases.cases[i].found;
  EXPECT_TRUE(evaluate_boxes(trivial, 0.5, 3, &baseline, nullptr)["adds_nothing"].get<bool>());
  EXPECT_FALSE(render_report_html(Json{{"kind", "boxes"}}, Json::object()).empty());
}

TEST_F(BoxTest, phantoms_with_several_nodules_have_a_box_for_each) {
  SynthesiseOptions options;
  options.task = PhantomTask::presence;
  options.nodules = 4;
  options.train = 40;
  options.validation = options.test = 4;
  const auto arrays = synthesise(options);
  ASSERT_OK(arrays);
  EXPECT_EQ(arrays->at("train_boxes").shape, (Shape{40, 4, 4}));
  const auto corners = arrays->at("train_boxes").as<std::int32_t>();
  const auto masks = arrays->at("train_masks").as<std::uint8_t>();
  std::size_t most = 0;
  for (std::size_t n = 0; n < 40; ++n) {
    std::size_t boxes = 0, covered = 0, inside = 0;
    std::vector<bool> in_box(64 * 64, false);
    for (std::size_t m = 0; m < 4; ++m) {
      const auto c = corners.subspan((n * 4 + m) * 4, 4);
      if (c[2] == 0) continue;
      ++boxes;
      for (std::int32_t y = c[0]; y < c[2]; ++y)
        for (std::int32_t x = c[1]; x < c[3]; ++x) in_box[static_cast<std::size_t>(y * 64 + x)] = true;
    }
    for (std::size_t i = 0; i < in_box.size(); ++i) {
      const bool drawn = masks[n * 64 * 64 + i] != 0;
      inside += drawn ? 1U : 0U;
      covered += drawn && in_box[i] ? 1U : 0U;
    }
    EXPECT_EQ(covered, inside);
    EXPECT_EQ(boxes > 0, arrays->at("train_labels").data[n] == std::byte{1});
    most = std::max(most, boxes);
  }
  EXPECT_GE(most, 3U);
  options.task = PhantomTask::shape;
  EXPECT_FALSE(synthesise(options).ok());
}

}  // namespace
}  // namespace aceso::learn
