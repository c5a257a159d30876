// Models that find boxes, served: what is stored and shown of them, by whom, and what is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/testing.hpp"
#include "aceso/learn/synthesise.hpp"
#include "box_answer.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class BoxService : public Service {
 protected:
  void add(const std::string& name, bool volume, std::vector<std::string> labels = {"nodule"}, std::int64_t side = 32) {
    const std::filesystem::path folder = home.path() / (name + "-bundle");
    ASSERT_TRUE(learn::write_bundle(folder, make_box_bundle(name, volume ? 16 : side, volume, std::move(labels)),
                                    "<!doctype html><html><body>report</body></html>", signing_key()));
    ASSERT_OK(models->register_bundle(actor("scientist"), folder, ""));
  }
  // 48 x 64, dark, with a bright rectangle of 8 columns and 6 rows from column 20 and row 12: resized by 2/3 and 1/2.
  static imaging::Image bright_picture(int value = 204) {
    imaging::Image image{.width = 64, .height = 48, .channels = 1, .bits = 8, .pixels = {}};
    for (std::int64_t y = 0; y < 48; ++y) {
      for (std::int64_t x = 0; x < 64; ++x) {
        const bool inside = value > 0 && x >= 20 && x < 28 && y >= 12 && y < 18;
        image.pixels.push_back(static_cast<std::byte>(inside ? value : 10 + (x + y) % 5));
      }
    }
    return image;
  }
  static std::vector<std::byte> box_png(int value = 204) { return *imaging::encode_png(bright_picture(value)); }
};

TEST_F(BoxService, a_box_is_stored_in_the_images_own_pixels_with_what_such_scores_were_worth) {
  open();
  add("find", false);
  const auto answer = models->predict_bytes(actor("dr"), {.name = "find", .version = 1}, box_png(), "image/png", false,
                                            {.spacing_mm = 0.5});
  ASSERT_OK(answer);
  const Json shown = *models->prediction(actor("other"), (*answer)["id"].get<std::string>());
  EXPECT_EQ(shown["task"], "boxes");
  EXPECT_EQ(shown["finding"], "nodule");
  EXPECT_EQ(shown["threshold"], 0.6);
  EXPECT_EQ(shown["boxes"], (*answer)["boxes"]);
  EXPECT_EQ(shown["model"]["classes"], (Json{"none", "nodule"}));
  EXPECT_FALSE(shown.contains("outlines"));
  const Json& boxes = shown["boxes"];
  EXPECT_EQ(boxes["shape"], (Json{48, 64}));
  ASSERT_EQ(boxes["boxes"].size(), 1U);
  const Json& box = boxes["boxes"][0];
  EXPECT_EQ(box["label"], "nodule");
  EXPECT_NEAR(box["low"][0].get<double>(), 12, 1);
  EXPECT_NEAR(box["low"][1].get<double>(), 20, 1.01);
  EXPECT_NEAR(box["high"][0].get<double>(), 18, 1);
  EXPECT_NEAR(box["high"][1].get<double>(), 28, 1.01);
  EXPECT_NEAR(box["size_mm"][0].get<double>(), 3, 1);
  EXPECT_EQ(box["uncertainty"]["kind"], "validation-marks");
  EXPECT_EQ(box["uncertainty"]["hits"], 19);
  EXPECT_NE(box["uncertainty"]["text"].get<std::string>().find("20 validation marks"), std::string::npos);
  EXPECT_NE(shown["uncertainty"]["text"].get<std::string>().find("36 of 40 findings"), std::string::npos);
  // Below the threshold nothing is marked, and the answer says how often that was wrong.
  const Json faint =
      *models->predict_bytes(actor("dr"), {.name = "find", .version = 1}, box_png(140), "image/png", false);
  EXPECT_EQ(faint["finding"], "none");
  EXPECT_TRUE(faint["boxes"]["boxes"].empty());
  EXPECT_NEAR(faint["probability"].get<double>(), 140.0 / 255, 0.05);
  EXPECT_NE(faint["uncertainty"]["text"].get<std::string>().find("Of the 20 on which it marked nothing, 2"),
            std::string::npos);
  const Json dark = *models->predict_bytes(actor("dr"), {.name = "find", .version = 1}, box_png(0), "image/png", false);
  EXPECT_EQ(dark["finding"], "none");
  EXPECT_TRUE(dark["boxes"]["boxes"].empty());
}

TEST_F(BoxService, a_blinded_reading_hides_the_boxes_and_takes_none_as_an_answer) {
  open();
  add("find", false);
  const Json covered =
      *models->predict_bytes(actor("dr"), {.name = "find", .version = 1}, box_png(), "image/png", true);
  EXPECT_FALSE(covered.contains("boxes"));
  EXPECT_FALSE(covered.contains("probability"));
  const std::string id = covered["id"];
  EXPECT_CODE(models->put_verdict(actor("dr"), id, "nodule", Json{{"label", "fracture"}}), Code::invalid);
  const auto verdict = models->put_verdict(actor("dr"), id, "nodule", Json{{"label", "none"}});
  ASSERT_OK(verdict);
  EXPECT_EQ((*verdict)["agree"], false);
  EXPECT_TRUE(models->prediction(actor("dr"), id)->contains("boxes"));
  const Json open_read =
      *models->predict_bytes(actor("second"), {.name = "find", .version = 1}, box_png(150), "image/png", false);
  const auto agreed =
      models->put_verdict(actor("second"), open_read["id"].get<std::string>(), "none", Json{{"agree", true}});
  ASSERT_OK(agreed);
  EXPECT_EQ((*agreed)["label"], "none");
  const auto exported =
      models->export_feedback(actor("dr"), Json{{"model", "find"}, {"name", "new"}, {"licence", "none"}});
  EXPECT_TRUE(!exported || !wait(*exported));
}

TEST_F(BoxService, several_labels_and_volumes_work_alike) {
  open();
  add("two", false, {"smooth", "spiculated"});
  const Json bright =
      *models->predict_bytes(actor("dr"), {.name = "two", .version = 1}, box_png(250), "image/png", false);
  EXPECT_EQ(bright["finding"], "spiculated");
  EXPECT_EQ(bright["outputs"].size(), 2U);
  EXPECT_EQ(bright["outputs"][0]["probability"], 0.0);
  add("cubes", true);
  contracts::VolumeInput input{.values = learn::Array::zeros(learn::DType::u8, {16, 16, 16}), .spacing_mm = {2, 1, 1}};
  for (std::size_t z = 4; z < 7; ++z)
    for (std::size_t y = 10; y < 15; ++y)
      for (std::size_t x = 6; x < 10; ++x) input.values.data[(z * 16 + y) * 16 + x] = std::byte{230};
  const std::vector<std::byte> npy = learn::to_npy(input.values);
  const auto answer = models->predict_bytes(actor("dr"), {.name = "cubes", .version = 1}, npy, "application/x-npy",
                                            false, {}, input.spacing_mm);
  ASSERT_OK(answer);
  const Json& box = (*answer)["boxes"]["boxes"][0];
  EXPECT_EQ(box["low"], (Json{4.0, 10.0, 6.0}));
  EXPECT_EQ(box["high"], (Json{7.0, 15.0, 10.0}));
  EXPECT_EQ(box["size_mm"], (Json{6.0, 5.0, 4.0}));
  EXPECT_EQ((*answer)["boxes"]["slice"], 5);
  EXPECT_OK(models->prediction_png(actor("dr"), (*answer)["id"].get<std::string>()));
}

TEST_F(BoxService, what_is_not_made_for_boxes_says_so) {
  open();
  add("find", false);
  EXPECT_CODE(models->predict_picture({.name = "find", .version = 1}, bright_picture(), {}), Code::unsupported);
  EXPECT_CODE(models->predict({.name = "find", .version = 1},
                              {{"image", learn::Array::zeros(learn::DType::f32, {1, 1, 32, 32})}}),
              Code::unsupported);
}

TEST_F(BoxService, an_evaluation_judges_against_a_data_sets_boxes) {
  open();
  add("find", false, {"nodule"}, 32);
  learn::NamedArrays arrays{{"images", learn::Array::zeros(learn::DType::u8, {40, 32, 32})},
                            {"labels", learn::Array::zeros(learn::DType::u8, {40})},
                            {"boxes", learn::Array::zeros(learn::DType::i32, {40, 4})}};
  auto* corners = reinterpret_cast<std::int32_t*>(arrays.at("boxes").data.data());
  for (std::size_t i = 0; i < 40; ++i) {
    for (std::size_t p = 0; p < 1024; ++p)
      arrays.at("images").data[i * 1024 + p] = static_cast<std::byte>((p * (i + 3)) % 41);
    if (i % 2 == 0) continue;
    arrays.at("labels").data[i] = std::byte{1};
    const std::size_t top = 2 + i % 17, left = 3 + i * 5 % 19;
    for (std::size_t y = top; y < top + 6; ++y)
      for (std::size_t x = left; x < left + 8; ++x) arrays.at("images").data[i * 1024 + y * 32 + x] = std::byte{210};
    for (const auto& [k, value] : {std::pair{0, top}, {1, left}, {2, top + 6}, {3, left + 8}})
      corners[i * 4 + static_cast<std::size_t>(k)] = static_cast<std::int32_t>(value);
  }
  const std::filesystem::path file = home.path() / "boxed.npz";
  ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(arrays)));
  learn::ImportOptions import_options;
  import_options.name = "boxed";
  import_options.classes = {"clear", "nodule"};
  import_options.test_fraction = 0.4;
  ASSERT_OK(wait(*models->import_dataset(actor("scientist"), file, import_options)));
  const auto job = models->evaluate(actor("scientist"), Json{{"model", "find"}, {"version", 1}, {"dataset", "boxed"}});
  ASSERT_OK(job);
  const auto output = wait(*job);
  ASSERT_OK(output);
  const Json& evaluation = (*output)["output"]["evaluation"];
  EXPECT_EQ(evaluation["kind"], "boxes");
  EXPECT_DOUBLE_EQ(evaluation["metrics"]["froc"]["value"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(evaluation["metrics"]["left_clear"]["value"].get<double>(), 1);
  EXPECT_NE(models->evaluation_html(id_of(*job))->find("FROC score"), std::string::npos);
  import("plain");
  const auto without =
      models->evaluate(actor("scientist"), Json{{"model", "find"}, {"version", 1}, {"dataset", "plain"}});
  ASSERT_OK(without);
  const auto bare = wait(*without);
  ASSERT_FALSE(bare);
  EXPECT_NE(bare.error().message().find("has a box"), std::string::npos) << bare.error().message();
  add("other", false);
  const auto compared = models->compare(actor("scientist"), Json{{"a", {{"model", "find"}, {"version", 1}}},
                                                                 {"b", {{"model", "other"}, {"version", 1}}},
                                                                 {"dataset", "boxed"}});
  ASSERT_OK(compared);
  const auto refused = wait(*compared);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("finds boxes"), std::string::npos) << refused.error().message();
}

TEST(BoxUncertainty, takes_the_nearest_group_and_refuses_tables_of_another_shape) {
  const Json table = Json::parse(
      R"({"images":50,"findings":40,"found":36,"false_marks":5,"unmarked":20,"unmarked_with_finding":2,"bins":[{"low":0.3,"high":0.6,"marks":20,"hits":8},{"low":0.7,"high":0.95,"marks":20,"hits":19}]})");
  EXPECT_EQ(box_uncertainty(table, 0.64)["hits"], 8);
  EXPECT_FALSE(box_uncertainty(table, 0.64)["outside"].get<bool>());
  EXPECT_TRUE(box_uncertainty(table, 0.97)["outside"].get<bool>());
  EXPECT_TRUE(box_uncertainty(table, 0.2)["outside"].get<bool>());
  EXPECT_EQ(box_uncertainty(table, 0.66)["hits"], 19);
  EXPECT_FALSE(box_uncertainty(table, 0.9)["outside"].get<bool>());
  EXPECT_EQ(box_uncertainty(nullptr, 0.5)["kind"], "none");
  EXPECT_EQ(box_uncertainty(Json{{"bins", Json::array()}}, 0.5)["kind"], "none");
  EXPECT_EQ(box_uncertainty(Json{{"bins", Json::array({Json{{"low", "x"}}})}}, 0.5)["kind"], "none");
  EXPECT_EQ(box_uncertainty(Json{{"bins", Json::array({Json{{"low", 0}, {"high", 1}, {"marks", 0}, {"hits", 0}}})}},
                            0.5)["kind"],
            "none");
  EXPECT_EQ(boxes_uncertainty(Json{{"images", 0}}, true)["kind"], "none");
  EXPECT_EQ(boxes_uncertainty(nullptr, true)["kind"], "none");
}

}  // namespace
}  // namespace aceso::models::test
