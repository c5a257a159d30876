// Masks moved along with their images, judged, and their figures.
#include "aceso/learn/outlines.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/evaluate.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "batches.hpp"
#include "choose_preprocessing.hpp"
#include "fake_engine.hpp"
#include "resize.hpp"
#include "train_task.hpp"

namespace aceso::learn {
namespace {

std::vector<std::uint8_t> digits(const std::string& text) {
  std::vector<std::uint8_t> out;
  for (const char c : text) out.push_back(static_cast<std::uint8_t>(c - '0'));
  return out;
}

TEST(OverlapGolden, dice_iou_hausdorff_and_parts_equal_scipys) {
  std::ifstream file{std::string{ACESO_LEARN_GOLDEN} + "/overlap.json"};
  const auto golden = nlohmann::json::parse(file);
  for (const auto& entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const auto shape = entry["shape"].get<Shape>();
    const auto truth = digits(entry["truth"]), drawn = digits(entry["drawn"]);
    const auto spacing = entry["spacing"].get<std::vector<double>>();
    const Overlap o = overlap(truth, drawn, 1);
    EXPECT_NEAR(o.dice(), entry["dice"].get<double>(), 1e-12);
    EXPECT_NEAR(o.iou(), entry["iou"].get<double>(), 1e-12);
    const auto hd = hausdorff(shape, truth, drawn, 1, spacing, 95);
    ASSERT_EQ(hd.has_value(), !entry["hd95"].is_null());
    if (hd) {
      EXPECT_NEAR(*hd, entry["hd95"].get<double>(), 1e-9);
    }
    const Detection d = detect(shape, truth, drawn, 1);
    EXPECT_EQ(d.parts, entry["parts"].get<std::size_t>());
    EXPECT_EQ(d.found, entry["found"].get<std::size_t>());
    EXPECT_EQ(d.false_parts, entry["false_parts"].get<std::size_t>());
  }
}

TEST(Contours, follow_the_edges_of_pixels_and_keep_holes_and_corners_apart) {
  const auto square = digits(
      "00000"
      "01110"
      "01010"
      "01110"
      "00001");
  const std::vector<Line> lines = contours({5, 5}, square, 1);
  ASSERT_EQ(lines.size(), 3U);  // outside, hole, and the pixel that touches at a corner
  std::int64_t area = 0;        // by the shoelace formula: clockwise on the screen is positive
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto [ax, ay] = line[i];
      const auto [bx, by] = line[(i + 1) % line.size()];
      EXPECT_TRUE(ax == bx || ay == by);
      area += std::int64_t{ax} * by - std::int64_t{bx} * ay;
    }
    EXPECT_EQ(line.size(), 4U);
  }
  EXPECT_EQ(area / 2, std::count(square.begin(), square.end(), 1));
  EXPECT_TRUE(contours({5, 5}, square, 2).empty());
}

// Images whose outline is what is bright, so that one can be told from the other wherever both go.
NamedArrays bright_blobs(std::int64_t n, const Shape& spatial) {
  Shape shape{n};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  NamedArrays out{{"X", Array::zeros(DType::u8, shape)}, {"masks", Array::zeros(DType::u8, shape)}};
  Array labels = Array::zeros(DType::u8, {n});
  const std::size_t area = out.at("X").data.size() / static_cast<std::size_t>(n);
  const auto width = static_cast<std::size_t>(spatial.back()),
             height = static_cast<std::size_t>(spatial[spatial.size() - 2]);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    labels.data[i] = static_cast<std::byte>(i % 2);
    const std::size_t left = 2 + i % (width / 2), top = 1 + (i * 3) % (height / 2);
    for (std::size_t p = 0; p < area; ++p) {
      const std::size_t x = p % width, y = p / width % height;
      const bool inside = x >= left && x < left + 5 && y >= top && y < top + 4;
      out.at("X").data[i * area + p] = static_cast<std::byte>(inside ? 200 : 20 + (p + i) % 7);
      out.at("masks").data[i * area + p] = static_cast<std::byte>(inside ? 1 : 0);
    }
  }
  out.emplace("y", labels);
  return out;
}

Preprocessing grey_input(PortKind kind, std::int64_t height, std::int64_t width, Shape window = {}) {
  Preprocessing how;
  how.kind = kind;
  how.height = height;
  how.width = width;
  how.channels = 1;
  how.window = std::move(window);
  return how;
}
Preprocessing grey_input(Shape window = {}) {
  return grey_input(PortKind::image, 0, 0, std::move(window));
}

class OutlineTest : public ::testing::Test {
 protected:
  Dataset import(const NamedArrays& arrays, const std::string& kind = "") {
    ImportOptions options;
    options.name = "blobs";
    options.validation_fraction = 0.25;
    options.test_fraction = 0.25;
    options.kind = kind;
    NamedArrays named = arrays;
    if (named.contains("X")) {
      named.emplace("images", named.at("X"));
      named.emplace("labels", named.at("y"));
      named.erase("X");
      named.erase("y");
    }
    return *Dataset::import_arrays(named, "blobs", dir_.path() / std::to_string(made_++), options, *progress_, {});
  }
  TempDir dir_ = *TempDir::create();
  int made_ = 0;
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

// The share of target points that are bright in the input, and of dark points that are no target.
void expect_bright_where_outlined(const Batch& batch, double tolerance) {
  ASSERT_EQ(batch.inputs.shape, batch.targets.shape);
  double wrong = 0, inside = 0;
  for (std::size_t i = 0; i < batch.inputs.f32().size(); ++i) {
    const bool bright = batch.inputs.f32()[i] > 0.45F;
    const bool target = batch.targets.f32()[i] > 0.5F;
    wrong += bright != target ? 1 : 0;
    inside += target ? 1 : 0;
  }
  EXPECT_GT(inside, 0);
  EXPECT_LE(wrong / inside, tolerance);
}

TEST_F(OutlineTest, masks_move_with_their_images) {
  for (const Shape& spatial : {Shape{18, 22}, Shape{6, 18, 22}}) {
    const Dataset data = import(bright_blobs(24, spatial), spatial.size() == 3 ? "volume" : "image");
    TrainConfig config;
    config.architecture = "unet";
    const Preprocessing how = grey_input(spatial.size() == 3 ? PortKind::volume : PortKind::image, 0, 0);
    const auto train = data.indices(Split::train);
    const auto plain = BatchMaker(data, config, how, false, 1).plain(train);
    ASSERT_OK(plain);
    expect_bright_where_outlined(*plain, 0);
    config.flip = true;
    const auto flipped = BatchMaker(data, config, how, false, 1).changed(train, 1);
    ASSERT_OK(flipped);
    EXPECT_NE(flipped->inputs.data, plain->inputs.data);
    expect_bright_where_outlined(*flipped, 0);
    config.augment.rotate = 20;
    config.augment.shift = 0.1;
    config.augment.scale = 0.2;
    const auto warped = BatchMaker(data, config, how, false, 1).changed(train, 1);
    ASSERT_OK(warped);
    expect_bright_where_outlined(*warped, 0.35);  // the image is interpolated, the mask is not
    const auto again = BatchMaker(data, config, how, false, 1).changed(train, 1);
    EXPECT_EQ(again->targets.data, warped->targets.data);
    const auto later = BatchMaker(data, config, how, false, 1).changed(train, 2);
    EXPECT_NE(later->targets.data, warped->targets.data);
  }
}

TEST_F(OutlineTest, windows_hold_what_lies_there_and_half_of_them_an_outline) {
  const Dataset data = import(bright_blobs(40, {40, 60}), "image");
  TrainConfig config;
  config.flip = false;
  const Preprocessing how = grey_input({16, 16});
  const auto train = data.indices(Split::train);
  std::size_t with = 0, all = 0;
  for (int epoch = 1; epoch <= 10; ++epoch) {
    const auto batch = BatchMaker(data, config, how, false, 1).changed(train, epoch);
    ASSERT_OK(batch);
    ASSERT_EQ(batch->inputs.shape, (Shape{static_cast<std::int64_t>(train.size()), 1, 16, 16}));
    for (std::size_t i = 0; i < batch->samples; ++i) {
      bool any = false;
      for (std::size_t p = 0; p < 256; ++p) {
        const bool target = batch->targets.f32()[i * 256 + p] > 0;
        EXPECT_EQ(target, batch->inputs.f32()[i * 256 + p] > 0.45F);
        any = any || target;
      }
      with += any ? 1U : 0U;
      ++all;
    }
  }
  EXPECT_GT(static_cast<double>(with) / static_cast<double>(all), 0.55);  // half on purpose, some by chance
  EXPECT_LT(with, all);
  // Larger than the sample: it lies in the middle, zeros around it.
  const Preprocessing wide = grey_input({48, 64});
  const auto padded = BatchMaker(data, config, wide, false, 1).plain(std::span{train}.first(1));
  ASSERT_OK(padded);
  EXPECT_EQ(padded->inputs.f32()[0], 0.0F);
  EXPECT_NE(padded->inputs.f32()[4 * 64 + 2], 0.0F);
}

ModelSignature signature_of(const Shape& input, const Preprocessing& how, std::vector<std::string> labels) {
  ModelSignature s;
  s.preprocessing = how;
  s.inputs = {{"image", DType::f32, input, how.kind, "", {}, ""}};
  Shape out = input;
  out[0] = labels.size() == 1 ? 1 : static_cast<std::int64_t>(labels.size());
  s.outputs = {{"output", DType::f32, out, PortKind::mask, "", std::move(labels), ""}};
  return s;
}

// The grey value is the probability.
Result<Array> grey(const Array& inputs) {
  return inputs;
}

TEST_F(OutlineTest, answers_come_back_in_the_samples_own_grid) {
  const Dataset data = import(bright_blobs(24, {18, 22}), "image");
  Array large = data.array(0);
  const ModelSignature resized = signature_of({1, 36, 44}, grey_input(PortKind::image, 36, 44), {"blob"});
  const auto answers = outline_probabilities(grey, resized, {&large, 1}, {}, {});
  ASSERT_OK(answers);
  EXPECT_EQ(answers->front().shape, (Shape{1, 18, 22}));
  const ModelSignature slid = signature_of({1, 8, 8}, grey_input({8, 8}), {"blob"});
  const auto windows = outline_probabilities(grey, slid, {&large, 1}, {}, {});
  ASSERT_OK(windows);
  ASSERT_EQ(windows->front().shape, (Shape{1, 18, 22}));
  for (std::size_t i = 0; i < large.data.size(); ++i)
    EXPECT_NEAR(windows->front().f32()[i], static_cast<float>(std::to_integer<int>(large.data[i])) / 255.0F, 1e-5);
}

// A ball of 16 mm across in a box of 36 mm, the same in the patient at any spacing: the share of each voxel that it
// fills.
Array ball_at(const std::array<double, 3>& spacing) {
  Shape shape;
  for (const double mm : spacing) shape.push_back(std::llround(36 / mm));
  std::vector<float> values;
  for (std::int64_t z = 0; z < shape[0]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t x = 0; x < shape[2]; ++x) {
        int inside = 0;
        for (int part = 0; part < 27; ++part) {
          const auto mm = [&](std::int64_t at, int third, double step) {
            return (static_cast<double>(at) + (third + 0.5) / 3) * step;
          };
          const double dz = mm(z, part / 9, spacing[0]) - 15, dy = mm(y, part / 3 % 3, spacing[1]) - 19,
                       dx = mm(x, part % 3, spacing[2]) - 20;
          inside += dz * dz + dy * dy + dx * dx < 8 * 8 ? 1 : 0;
        }
        values.push_back(static_cast<float>(inside) / 27.0F);
      }
    }
  }
  return Array::from(shape, std::move(values));
}

TEST_F(OutlineTest, training_sees_volumes_in_their_common_spacing_with_the_outline_on_the_same_place) {
  // Blobs are boxes of 4 by 5 pixels in every slice: 12 mm of slices, whose thickness differs.
  NamedArrays arrays = bright_blobs(24, {12, 20, 20});
  std::vector<float> spacing;
  for (int i = 0; i < 24; ++i) {
    for (const float mm : {i % 3 == 0 ? 2.0F : 1.0F, 0.5F, 0.5F}) spacing.push_back(mm);
  }
  arrays.emplace("spacing", Array::from({24, 3}, spacing));
  const Dataset data = import(arrays, "volume");
  EXPECT_EQ(data.manifest().samples[3].spacing_mm, (std::vector<double>{2, 0.5, 0.5}));
  TrainConfig config;
  config.architecture = "unet";
  config.patch = 8;
  const auto how = choose_preprocessing(data, config);
  ASSERT_OK(how);
  EXPECT_EQ(how->spacing_mm, (std::vector<double>{1, 0.5, 0.5})) << "the median by axis";
  config.spacing_mm = 0.5;
  const auto fine = choose_preprocessing(data, config);
  ASSERT_OK(fine);
  EXPECT_EQ(fine->spacing_mm, (std::vector<double>(3, 0.5)));
  const auto brought = to_spacing(*how, data.array(3), data.manifest().samples[3].spacing_mm);
  ASSERT_OK(brought);
  EXPECT_EQ(brought->shape, (Shape{24, 20, 20, 1}));
  for (const Preprocessing& one : {*how, *fine}) {
    Preprocessing whole = one;
    whole.window = {96, 48, 48};  // all of each sample, padded to one size
    const auto train = data.indices(Split::train);
    const auto batch = BatchMaker(data, config, whole, false, 1).plain(train);
    ASSERT_OK(batch);
    expect_bright_where_outlined(*batch, 0.02);
    // A blob keeps its size in the patient: 4 by 5 pixels of 0.5 mm, 12 or 24 mm high.
    const std::size_t each = batch->targets.f32().size() / train.size();
    for (std::size_t i = 0; i < train.size(); ++i) {
      double points = 0;
      for (const float value : batch->targets.f32().subspan(i * each, each)) points += static_cast<double>(value);
      const double mm3 = points * one.spacing_mm[0] * one.spacing_mm[1] * one.spacing_mm[2];
      EXPECT_NEAR(mm3, 4 * 0.5 * 5 * 0.5 * (train[i] % 3 == 0 ? 24 : 12), 1e-3);
    }
  }
  config.patch = 0;
  config.spacing_mm = 0;
  EXPECT_TRUE(choose_preprocessing(data, config)->spacing_mm.empty()) << "whole volumes are resized";
  EXPECT_FALSE(parse_train_config_json(Json{{"spacing_mm", 1}}).ok()) << "without patch";
  const Dataset silent = import(bright_blobs(24, {12, 20, 20}), "volume");
  config.patch = 8;
  EXPECT_TRUE(choose_preprocessing(silent, config)->spacing_mm.empty());
  config.spacing_mm = 1;
  EXPECT_NE(choose_preprocessing(silent, config).error().message().find("does not say"), std::string::npos);
}

TEST_F(OutlineTest, a_spacing_of_arrays_and_of_a_signature_is_checked) {
  ImportOptions options;
  options.name = "blobs";
  options.kind = "volume";
  const auto why = [&](Shape shape, float value) {
    NamedArrays arrays = bright_blobs(4, {6, 8, 8});
    std::vector<float> values(static_cast<std::size_t>(*element_count(shape)), value);
    arrays.emplace("spacing", Array::from(std::move(shape), std::move(values)));
    const auto made =
        Dataset::import_arrays(arrays, "blobs", dir_.path() / std::to_string(made_++), options, *progress_, {});
    return made ? std::string{} : made.error().message();
  };
  EXPECT_EQ(why({4, 3}, 1), "");
  EXPECT_NE(why({4, 2}, 1).find("spacing must have shape [4, 3]"), std::string::npos);
  EXPECT_NE(why({4, 3}, 0).find("must be positive"), std::string::npos);
  EXPECT_NE(why({4, 3}, std::nanf("")).find("must be positive"), std::string::npos);
  ModelSignature signature = signature_of({1, 8, 8, 8}, grey_input({8, 8, 8}), {"ball"});
  signature.preprocessing.kind = PortKind::volume;
  signature.preprocessing.spacing_mm = {2, 1, 0.5};
  const auto read = parse_signature(to_json(signature));
  ASSERT_OK(read);
  EXPECT_EQ(read->preprocessing.spacing_mm, signature.preprocessing.spacing_mm);
  for (const std::vector<double>& wrong : {std::vector<double>{1, 1}, {1, 1, 0}, {1, 1, 1e9}}) {
    signature.preprocessing.spacing_mm = wrong;
    EXPECT_EQ(parse_signature(to_json(signature)).error().code(), Code::invalid);
  }
}

struct Found {
  double volume_mm3 = 0;
  std::array<double, 3> middle_mm{};
};
Found measure_ball(const Array& mask, const std::array<double, 3>& spacing) {
  Found found;
  double count = 0;
  for (std::size_t i = 0; i < mask.data.size(); ++i) {
    if (mask.data[i] == std::byte{0}) continue;
    const auto width = static_cast<std::size_t>(mask.shape[2]), height = static_cast<std::size_t>(mask.shape[1]);
    const std::array<std::size_t, 3> at{i / width / height, i / width % height, i % width};
    for (std::size_t d = 0; d < 3; ++d) found.middle_mm[d] += (static_cast<double>(at[d]) + 0.5) * spacing[d];
    count += 1;
  }
  for (double& mm : found.middle_mm) mm /= std::max(count, 1.0);
  found.volume_mm3 = count * spacing[0] * spacing[1] * spacing[2];
  return found;
}

// What a network of 1 mm sees of a volume of any spacing, and where its answer lies in the patient.
TEST_F(OutlineTest, a_model_of_one_spacing_finds_the_same_ball_in_volumes_of_others) {
  ModelSignature signature = signature_of({1, 8, 8, 8}, grey_input({8, 8, 8}), {"ball"});
  signature.preprocessing.kind = PortKind::volume;
  signature.preprocessing.scale = 1;
  signature.preprocessing.spacing_mm = {1, 1, 1};
  // As untrained as it gets: the share of tissue is the probability. What it sees and what comes back are measured.
  const Forward network = [](const Array& windows) -> Result<Array> { return windows; };
  constexpr double kBall = 4.0 / 3 * 3.14159265358979 * 8 * 8 * 8;
  for (const std::array<double, 3>& spacing :
       {std::array<double, 3>{1, 1, 1}, {2, 2, 2}, {0.5, 0.5, 0.5}, {3, 0.75, 0.75}, {1, 2, 0.5}}) {
    SCOPED_TRACE(spacing[0] * 100 + spacing[1] * 10 + spacing[2]);
    const Array volume = ball_at(spacing);
    const std::vector<double> given{spacing.begin(), spacing.end()};
    const auto brought = to_spacing(signature.preprocessing, volume, given);
    ASSERT_OK(brought);
    EXPECT_EQ(brought->shape, (Shape{36, 36, 36})) << "36 mm in voxels of 1 mm";
    const Found inside = measure_ball(
        draw_mask(Array::from({1, 36, 36, 36}, {brought->f32().begin(), brought->f32().end()}), 0.5), {1, 1, 1});
    const auto answer = outline_probabilities(network, signature, {&volume, 1}, {&given, 1}, {});
    ASSERT_OK(answer);
    ASSERT_EQ(answer->front().shape, (Shape{1, volume.shape[0], volume.shape[1], volume.shape[2]}));
    const Found drawn = measure_ball(draw_mask(answer->front(), 0.5), spacing);
    for (const Found& found : {inside, drawn}) {
      EXPECT_NEAR(found.volume_mm3 / kBall, 1, 0.15);
      EXPECT_NEAR(found.middle_mm[0], 15, 0.2);
      EXPECT_NEAR(found.middle_mm[1], 19, 0.2);
      EXPECT_NEAR(found.middle_mm[2], 20, 0.2);
    }
  }
  // Without a spacing it is taken as it is; one that is off by no more than a hundredth is not resampled.
  const Array volume = ball_at({2, 2, 2});
  EXPECT_EQ(outline_probabilities(network, signature, {&volume, 1}, {}, {})->front().shape, (Shape{1, 18, 18, 18}));
  EXPECT_EQ(to_spacing(signature.preprocessing, volume, std::vector<double>{1.005, 0.995, 1})->shape, volume.shape);
  EXPECT_EQ(to_spacing(signature.preprocessing, volume, std::vector<double>{0, 1, 1}).error().code(), Code::invalid);
  EXPECT_EQ(to_spacing(signature.preprocessing, volume, std::vector<double>{100, 100, 100}).error().code(),
            Code::too_large);
}

TEST_F(OutlineTest, a_threshold_and_figures_of_a_model_that_is_right) {
  const Dataset data = import(bright_blobs(80, {18, 22}), "image");
  const ModelSignature s = signature_of({1, 18, 22}, grey_input(PortKind::image, 18, 22), {"blob"});
  const auto threshold = choose_outline_threshold(grey, s, data, Split::validation, {});
  ASSERT_OK(threshold);
  EXPECT_GT(*threshold, 0.1);  // the ground is below 0.11, the outlines are at 0.78
  EXPECT_LT(*threshold, 0.8);
  const auto cases = judge_outlines(grey, s, data, Split::test, *threshold, *progress_, {});
  ASSERT_OK(cases);
  const auto baseline = outline_baseline(s, data, data, *cases, {});
  ASSERT_OK(baseline);
  const Json json = evaluate_outlines(*cases, *threshold, 1, &*baseline, &*cases);
  EXPECT_EQ(json["kind"], "outlines");
  EXPECT_EQ(json["unit"], "pixels");
  EXPECT_DOUBLE_EQ(json["metrics"]["dice"]["value"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(json["metrics"]["hd95"]["value"].get<double>(), 0);
  EXPECT_EQ(json["metrics"]["part_sensitivity"]["trials"], cases->cases.size());
  EXPECT_TRUE(json["adds_nothing"].get<bool>());  // a threshold on the grey value does as well here
  EXPECT_EQ(json["validation_outlines"]["bins"].size(), 1U);
  const Json pictures = outline_gallery(grey, s, *cases, *threshold, data, {});
  EXPECT_EQ(pictures.size(), 12U);
  const std::string page = render_report_html(json, Json{{"gallery", pictures}});
  EXPECT_NE(page.find("HD95, pixels"), std::string::npos);
  EXPECT_NE(page.find("The worst"), std::string::npos);
  EXPECT_EQ(evaluate_outlines(*cases, *threshold, 1, &*baseline, &*cases), json);
}

TEST_F(OutlineTest, counts_what_is_missed_and_what_is_made_up) {
  const Dataset data = import(bright_blobs(40, {18, 22}), "image");
  const ModelSignature s = signature_of({1, 18, 22}, grey_input(PortKind::image, 18, 22), {"blob"});
  const Forward blind =
      [](const Array& in) -> Result<Array> {  // draws one pixel in the lower right corner, nothing else
    Array out = Array::zeros(DType::f32, in.shape);
    const std::size_t area = out.f32().size() / static_cast<std::size_t>(in.shape[0]);
    for (std::size_t i = 0; i < static_cast<std::size_t>(in.shape[0]); ++i) out.f32()[(i + 1) * area - 1] = 0.9F;
    return out;
  };
  const auto cases = judge_outlines(blind, s, data, Split::test, 0.5, *progress_, {});
  ASSERT_OK(cases);
  const Json json = evaluate_outlines(*cases, 0.5, 1, nullptr, nullptr);
  EXPECT_DOUBLE_EQ(json["metrics"]["dice"]["value"].get<double>(), 0);
  EXPECT_EQ(json["metrics"]["part_sensitivity"]["successes"], 0);
  EXPECT_DOUBLE_EQ(json["metrics"]["false_parts"]["value"].get<double>(), 1);
  EXPECT_TRUE(json["validation_outlines"].is_null());
}

TEST_F(OutlineTest, a_plan_names_what_does_not_go) {
  TrainConfig config;
  config.architecture = "unet";
  NamedArrays bare = bright_blobs(24, {18, 22});
  bare.erase("masks");
  EXPECT_NE(plan_training(import(bare, "image"), config).error().message().find("no masks"), std::string::npos);
  const Dataset data = import(bright_blobs(24, {18, 22}), "image");
  const auto plan = plan_training(data, config);
  ASSERT_OK(plan);
  EXPECT_EQ(plan->classes, (std::vector<std::string>{"background", "outline"}));
  EXPECT_EQ(training_options(*plan, data, config)->loss, Loss::dice_cross_entropy);
  config.outline_labels = {"blob"};
  EXPECT_EQ(plan_training(data, config)->classes[1], "blob");
  config.options.loss = Loss::focal;
  EXPECT_NE(training_options(*plan, data, config).error().message().find("loss:"), std::string::npos);
  config.options.loss = Loss::dice;
  config.balance_classes = true;
  EXPECT_NE(training_options(*plan, data, config).error().message().find("class_weights:"), std::string::npos);
  config = {};
  config.patch = 16;
  EXPECT_NE(plan_training(data, config).error().message().find("patch:"), std::string::npos);
}

TEST_F(OutlineTest, several_labels_become_outputs_that_exclude_each_other) {
  NamedArrays arrays = bright_blobs(24, {18, 22});
  for (std::size_t i = 0; i < arrays.at("masks").data.size(); i += 2)
    if (arrays.at("masks").data[i] != std::byte{0}) arrays.at("masks").data[i] = std::byte{2};
  const Dataset data = import(arrays, "image");
  TrainConfig config;
  config.architecture = "unet";
  const auto plan = plan_training(data, config);
  ASSERT_OK(plan);
  EXPECT_EQ(plan->outputs, 3);
  EXPECT_TRUE(training_options(*plan, data, config)->exclusive);
  const auto batch = BatchMaker(data, config, grey_input(), false, 3).plain(plan->train);
  ASSERT_OK(batch);
  const std::size_t area = 18 * 22;
  for (std::size_t i = 0; i < area; ++i)
    EXPECT_EQ(batch->targets.f32()[i] + batch->targets.f32()[area + i] + batch->targets.f32()[2 * area + i], 1);
  EXPECT_NE(BatchMaker(data, config, grey_input(), false, 1).plain(plan->train).error().message().find("mask"),
            std::string::npos);
}

TEST(ResizeVolumes, take_each_axis_by_the_same_rule) {
  const std::vector<float> ramp{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};  // [4, 2, 2], by slice
  const auto half = resize_linear(ramp, {4, 2, 2}, {2, 2, 2});
  ASSERT_EQ(half.size(), 8U);
  const auto flat = resize_bilinear(std::vector<float>{0, 1, 2, 3}, 4, 1, 2, 1);
  EXPECT_FLOAT_EQ(half[0], flat[0]);
  EXPECT_FLOAT_EQ(half[4], flat[1]);
  const std::vector<std::uint8_t> mask{0, 0, 0, 0, 3, 3, 3, 3};
  EXPECT_EQ(resize_nearest(mask, {2, 2, 2}, {4, 1, 1}), (std::vector<float>{0, 0, 3, 3}));
}

}  // namespace
}  // namespace aceso::learn
