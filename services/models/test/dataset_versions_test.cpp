// Checks and splits of datasets through the service, and what training does with a leak.
#include <nlohmann/json.hpp>

#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class DatasetVersions : public Service {
 protected:
  // Random pictures; with `copies`, each test picture is one of training.
  void import_pictures(const std::string& name, bool copies) {
    const Philox noise{3};
    learn::NamedArrays arrays;
    std::uint64_t n = 0;
    for (const auto& [split, count] : {std::pair{"train", 40}, std::pair{"val", 20}, std::pair{"test", 20}}) {
      learn::Array x = learn::Array::zeros(learn::DType::u8, {count, 16, 16});
      learn::Array y = learn::Array::zeros(learn::DType::u8, {count, 1});
      const std::uint64_t first = copies && std::string_view{split} == "test" ? 0 : n;
      for (std::size_t i = 0; i < x.data.size(); ++i)
        x.data[i] = static_cast<std::byte>(noise.block(1, first * 256 + i)[0] & 0xFFU);
      for (std::size_t i = 0; i < y.data.size(); ++i) y.data[i] = static_cast<std::byte>(i % 2);
      n += static_cast<std::uint64_t>(count);
      arrays[std::string{split} + "_images"] = std::move(x);
      arrays[std::string{split} + "_labels"] = std::move(y);
    }
    const std::filesystem::path file = home.path() / (name + ".npz");
    ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(arrays)));
    learn::ImportOptions how;
    how.name = name;
    how.classes = {"normal", "pneumonia"};
    const auto job = models->import_dataset(actor("scientist"), file, how);
    ASSERT_TRUE(job) << job.error().message();
    ASSERT_TRUE(wait(*job));
  }
};

TEST_F(DatasetVersions, a_check_is_kept_and_names_the_leak) {
  open();
  import_pictures("set", true);
  EXPECT_EQ(models->dataset_check("set").error().code(), Code::not_found);
  EXPECT_EQ(models->check_dataset(actor("scientist"), "none", Json::object()).error().code(), Code::not_found);
  const auto job = models->check_dataset(actor("scientist"), "set", Json::object());
  ASSERT_TRUE(job) << job.error().message();
  const auto end = wait(*job);
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ((*end)["output"]["ok"], false);
  const auto report = models->dataset_check("set");
  ASSERT_TRUE(report);
  EXPECT_EQ((*report)["leakage"]["verdict"], "leak");
  EXPECT_EQ((*report)["leakage"]["affected"], 20);
  EXPECT_EQ((*report)["twins"]["exact"], 20);
}

TEST_F(DatasetVersions, a_split_is_a_new_version_and_deleting_it_undoes_it) {
  open();
  import_pictures("set", true);
  const auto before = models->dataset("set");
  Json request{{"by", "stratified"}, {"folds", 3}, {"seed", 5}};
  auto job = models->split_dataset(actor("scientist"), "set", request);
  ASSERT_TRUE(job) << job.error().message();
  auto end = wait(*job);
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ((*end)["output"]["parent"], "set");
  EXPECT_EQ((*end)["output"]["folds"], 3);
  EXPECT_EQ(models->dataset("set")->at("sha256"), before->at("sha256"));
  ASSERT_TRUE(wait(*models->split_dataset(actor("scientist"), "set@2", Json{{"by", "block"}, {"block", 4}})));
  ASSERT_TRUE(models->dataset("set@3"));
  ASSERT_TRUE(models->verify_dataset(actor("scientist"), "set@3"));

  request["twins"] = "ignore";
  job = models->split_dataset(actor("scientist"), "set", request);
  end = wait(*job);
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().message().find("leaks"), std::string::npos);
  EXPECT_EQ(models->split_dataset(actor("scientist"), "set", Json{{"by", "colour"}}).error().code(), Code::invalid);
  EXPECT_EQ(models->split_dataset(actor("scientist"), "set", Json{{"as", "../x"}}).error().code(), Code::invalid);

  reopen("train");  // versions survive the reconciliation of folders with the catalogue
  ASSERT_TRUE(models->dataset("set@2"));
  ASSERT_TRUE(models->delete_dataset(actor("scientist"), "set@2"));
  EXPECT_EQ(models->dataset("set@2").error().code(), Code::not_found);
  EXPECT_TRUE(models->verify_dataset(actor("scientist"), "set"));
  EXPECT_TRUE(models->verify_dataset(actor("scientist"), "set@3"));
}

TEST_F(DatasetVersions, training_on_a_leaking_dataset_needs_a_reason) {
  open();
  import_pictures("leaky", true);
  Json request{{"name", "net"}, {"dataset", "leaky"}};
  auto end = wait(*models->train(actor("scientist"), request));
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().message().find("the dataset leaks: 20 of 40 samples held out"), std::string::npos)
      << end.error().message();
  request["accept_leakage"] = "to show what a leak does";
  end = wait(*models->train(actor("scientist"), request));
  ASSERT_TRUE(end) << end.error().message();
  const auto model = models->model("net", 1);
  ASSERT_TRUE(model);
  EXPECT_NE(model->dump().find("to show what a leak does"), std::string::npos);

  import_pictures("clean", false);
  EXPECT_TRUE(wait(*models->train(actor("scientist"), Json{{"name", "net"}, {"dataset", "clean"}})));
}

TEST_F(DatasetVersions, phantoms_are_made_looked_at_and_exported) {
  open();
  const Json request{{"name", "cubes"}, {"volume", true}, {"size", 16},      {"train", 12},
                     {"test", 4},       {"seed", 3},      {"validation", 4}, {"diameter_mm", 30}};
  const auto made = wait(*models->synthesise_dataset(actor("scientist"), request));
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ((*made)["output"]["kind"], "volume");
  EXPECT_EQ((*made)["output"]["masks"], 20);
  EXPECT_EQ(models->synthesise_dataset(actor("scientist"), request).error().code(), Code::exists);
  EXPECT_EQ(models->synthesise_dataset(actor("scientist"), Json{{"name", "x"}, {"noise_hu", -1}}).error().code(),
            Code::invalid);

  SampleQuery query;
  query.split = learn::Split::train;
  const auto sheet = models->contact_sheet("cubes", query);
  ASSERT_TRUE(sheet) << sheet.error().message();
  const auto picture = imaging::decode_png(*sheet);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->width, 12 * 64);
  EXPECT_EQ(picture->height, 64);
  EXPECT_TRUE(models->sample_png("cubes", 0));  // the middle slice

  const auto target = home.path() / "out";
  ASSERT_TRUE(wait(*models->export_dataset(actor("scientist"), "cubes", target, "folder")));
  EXPECT_TRUE(std::filesystem::exists(target / "labels.csv"));
  EXPECT_EQ(models->export_dataset(actor("scientist"), "cubes", target, "folder").error().code(), Code::exists);
  EXPECT_EQ(models->export_dataset(actor("scientist"), "cubes", home.path() / "x", "zip").error().code(),
            Code::invalid);
}

}  // namespace
}  // namespace aceso::models::test
