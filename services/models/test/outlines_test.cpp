// Models that draw, served: what is stored and shown of an outline, by whom, and what other services get.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/testing.hpp"
#include "aceso/models/volume_input.hpp"
#include "outline_answer.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class OutlineService : public Service {
 protected:
  void add(const std::string& name, bool volume, std::int64_t side = 0) {
    const std::filesystem::path folder = home.path() / (name + "-bundle");
    ASSERT_TRUE(learn::write_bundle(folder,
                                    make_outline_bundle(name,
                                                        side > 0 ? side
                                                        : volume ? 16
                                                                 : 32,
                                                        volume),
                                    "<!doctype html><html><body>report</body></html>", signing_key()));
    ASSERT_OK(models->register_bundle(actor("scientist"), folder, ""));
  }
  // 32 x 32, dark, with a bright rectangle of 6 columns and 4 rows from (10, 8).
  static imaging::Image picture(bool with = true) {
    imaging::Image image{.width = 32, .height = 32, .channels = 1, .bits = 8, .pixels = {}};
    for (std::int64_t y = 0; y < 32; ++y) {
      for (std::int64_t x = 0; x < 32; ++x) {
        const bool inside = with && x >= 10 && x < 16 && y >= 8 && y < 12;
        image.pixels.push_back(static_cast<std::byte>(inside ? 220 : 20 + (x + y) % 5));
      }
    }
    return image;
  }
  static std::vector<std::byte> png(bool with = true) { return *imaging::encode_png(picture(with)); }
};

TEST_F(OutlineService, an_outline_is_stored_with_its_size_its_lines_and_how_good_such_ones_were) {
  open();
  add("draw", false);
  const auto answer = models->predict_bytes(actor("dr"), {.name = "draw", .version = 1}, png(), "image/png", false,
                                            {.spacing_mm = 0.5});
  ASSERT_OK(answer);
  const Json shown = *models->prediction(actor("other"), (*answer)["id"].get<std::string>());
  EXPECT_EQ(shown["finding"], "nodule");
  EXPECT_EQ(shown["outlines"], (*answer)["outlines"]);
  const Json& outlines = shown["outlines"];
  EXPECT_EQ(outlines["shape"], (Json{32, 32}));
  const Json& region = outlines["regions"][0];
  EXPECT_EQ(region["points"], 24);
  EXPECT_DOUBLE_EQ(region["size"].get<double>(), 6);  // 24 pixels of 0.5 mm x 0.5 mm
  EXPECT_EQ(region["unit"], "mm2");
  EXPECT_EQ(region["parts"], 1);
  EXPECT_NEAR(region["mean_probability"].get<double>(), 220.0 / 255, 1e-3);
  EXPECT_EQ(outlines["contours"][0]["lines"].size(), 1U);
  EXPECT_EQ(shown["uncertainty"]["kind"], "validation-dice");
  EXPECT_DOUBLE_EQ(shown["uncertainty"]["median"].get<double>(), 0.91);
  EXPECT_NE(shown["uncertainty"]["text"].get<std::string>().find("20 validation cases"), std::string::npos);
  const std::string id = shown["id"];
  const auto mask = imaging::decode_png(*models->outline_png(actor("dr"), id, 0));
  ASSERT_OK(mask);
  EXPECT_EQ(mask->width, 32);
  EXPECT_EQ(std::count(mask->pixels.begin(), mask->pixels.end(), std::byte{255}), 24);
  const auto array = learn::parse_npy(*models->outline_npy(actor("dr"), id, false), 1 << 20);
  EXPECT_EQ(array->shape, (learn::Shape{32, 32}));
  EXPECT_EQ(learn::parse_npy(*models->outline_npy(actor("dr"), id, true), 1 << 20)->shape, (learn::Shape{1, 32, 32}));
  EXPECT_CODE(models->outline_png(actor("dr"), id, 1), Code::invalid);
  // Without a spacing there is no area; with nothing bright there is no finding.
  const Json plain = *models->predict_bytes(actor("dr"), {.name = "draw", .version = 1}, png(), "image/png", false);
  EXPECT_TRUE(plain["outlines"]["regions"][0]["size"].is_null());
  const Json empty =
      *models->predict_bytes(actor("dr"), {.name = "draw", .version = 1}, png(false), "image/png", false);
  EXPECT_EQ(empty["finding"], "none");
  EXPECT_EQ(empty["outlines"]["regions"][0]["points"], 0);
}

TEST_F(OutlineService, a_blinded_outline_is_shown_to_nobody_before_the_verdict) {
  open();
  add("draw", false);
  const Json covered = *models->predict_bytes(actor("dr"), {.name = "draw", .version = 1}, png(), "image/png", true);
  EXPECT_FALSE(covered.contains("outlines"));
  const std::string id = covered["id"];
  EXPECT_CODE(models->outline_png(actor("dr"), id, 0), Code::precondition);
  EXPECT_CODE(models->outline_npy(actor("dr"), id, true), Code::precondition);
  ASSERT_OK(models->put_verdict(actor("dr"), id, "nodule", Json{{"label", "nodule"}}));
  EXPECT_OK(models->outline_png(actor("dr"), id, 0));
  EXPECT_TRUE(models->prediction(actor("dr"), id)->contains("outlines"));
}

TEST_F(OutlineService, disagreeing_with_an_outline_names_no_other_label) {
  open();
  add("draw", false);
  const Json made = *models->predict_bytes(actor("dr"), {.name = "draw", .version = 1}, png(), "image/png", false);
  const auto verdict =
      models->put_verdict(actor("dr"), made["id"].get<std::string>(), "nodule", Json{{"agree", false}});
  ASSERT_OK(verdict);
  EXPECT_TRUE((*verdict)["label"].is_null());
  const auto exported =
      models->export_feedback(actor("dr"), Json{{"model", "draw"}, {"name", "new"}, {"licence", "none"}});
  EXPECT_TRUE(!exported || !wait(*exported));
}

TEST_F(OutlineService, other_services_get_the_mask_in_the_grid_they_gave) {
  open();
  add("draw", false);
  add("cubes", true);
  const auto flat = models->predict_picture({.name = "draw", .version = 1}, picture(), {.spacing_mm = 0.5});
  ASSERT_OK(flat);
  ASSERT_TRUE(flat->outlines);
  EXPECT_EQ(flat->outlines->mask.shape, (learn::Shape{32, 32}));
  EXPECT_DOUBLE_EQ(*flat->outlines->regions[0].size, 6);
  // A volume of another size than the window, with a bright box of 3 x 5 x 4.
  contracts::VolumeInput input{.values = learn::Array::zeros(learn::DType::u8, {10, 24, 20}),
                               .spacing_mm = {2, 0.5, 0.5}};
  for (std::size_t z = 4; z < 7; ++z)
    for (std::size_t y = 10; y < 15; ++y)
      for (std::size_t x = 6; x < 10; ++x) input.values.data[(z * 24 + y) * 20 + x] = std::byte{230};
  const auto answer = models->predict_volume({.name = "cubes", .version = 1}, input, {});
  ASSERT_OK(answer);
  ASSERT_TRUE(answer->outlines);
  EXPECT_EQ(answer->finding, "nodule");
  EXPECT_EQ(answer->outlines->mask.shape, (learn::Shape{10, 24, 20}));
  EXPECT_EQ(answer->outlines->probabilities.shape, (learn::Shape{1, 10, 24, 20}));
  EXPECT_EQ(answer->outlines->regions[0].points, 60U);
  EXPECT_DOUBLE_EQ(*answer->outlines->regions[0].size, 30);
  EXPECT_EQ(std::to_integer<int>(answer->outlines->mask.data[(5 * 24 + 12) * 20 + 7]), 1);
  const Json shown = *models->prediction(actor("dr"), answer->prediction_id);
  EXPECT_EQ(shown["outlines"]["slice"], 4);
  EXPECT_TRUE(shown["outlines"]["contours"].is_null());
  const auto slice = imaging::decode_png(*models->prediction_png(actor("dr"), answer->prediction_id));
  ASSERT_OK(slice);
  EXPECT_EQ(slice->width, 20);
  EXPECT_CODE(models->prediction_png(actor("dr"), answer->prediction_id, 10), Code::invalid);
  EXPECT_CODE(models->predict_picture({.name = "cubes", .version = 1}, picture(), {}), Code::unsupported);
  EXPECT_CODE(models->predict({.name = "draw", .version = 1},
                              {{"image", learn::Array::zeros(learn::DType::f32, {1, 1, 32, 32})}}),
              Code::unsupported);
}

TEST_F(OutlineService, an_evaluation_judges_against_a_data_sets_masks) {
  open();
  add("draw", false, 16);
  learn::NamedArrays arrays = medmnist();
  for (const std::string split : {"train", "val", "test"}) {
    learn::Array masks = arrays.at(split + "_images");
    for (std::byte& value : masks.data) value = std::to_integer<int>(value) > 128 ? std::byte{1} : std::byte{0};
    arrays.emplace(split + "_masks", std::move(masks));
  }
  const std::filesystem::path file = home.path() / "outlined.npz";
  ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(arrays)));
  learn::ImportOptions import_options;
  import_options.name = "outlined";
  ASSERT_OK(wait(*models->import_dataset(actor("scientist"), file, import_options)));
  const auto job =
      models->evaluate(actor("scientist"), Json{{"model", "draw"}, {"version", 1}, {"dataset", "outlined"}});
  ASSERT_OK(job);
  const auto output = wait(*job);
  ASSERT_OK(output);
  EXPECT_EQ((*output)["output"]["evaluation"]["kind"], "outlines");
  EXPECT_GT((*output)["output"]["evaluation"]["metrics"]["dice"]["value"].get<double>(), 0.99);
  EXPECT_NE(models->evaluation_html(id_of(*job))->find("HD95"), std::string::npos);
  import("plain");
  const auto without =
      models->evaluate(actor("scientist"), Json{{"model", "draw"}, {"version", 1}, {"dataset", "plain"}});
  ASSERT_OK(without);
  const auto refused = wait(*without);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("has outlines"), std::string::npos);
}

TEST(OutlineUncertainty, takes_the_nearest_group_and_says_when_it_is_outside) {
  const Json table = Json::parse(
      R"({"bins":[{"low":0.5,"high":0.7,"cases":20,"median":0.6,"p10":0.3,"p90":0.8},{"low":0.8,"high":0.9,"cases":20,"median":0.91,"p10":0.82,"p90":0.95}]})");
  EXPECT_DOUBLE_EQ(outline_uncertainty(table, 0.74)["median"].get<double>(), 0.6);
  EXPECT_DOUBLE_EQ(outline_uncertainty(table, 0.76)["median"].get<double>(), 0.91);
  EXPECT_TRUE(outline_uncertainty(table, 0.95)["outside"].get<bool>());
  EXPECT_EQ(outline_uncertainty(nullptr, 0.5)["kind"], "none");
  EXPECT_EQ(outline_uncertainty(Json{{"bins", Json::array({Json{{"low", "x"}}})}}, 0.5)["kind"], "none");
}

}  // namespace
}  // namespace aceso::models::test
