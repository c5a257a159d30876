// Models at work on what is stored: complete series are analysed once, results stand in the study, and whatever is not
// analysed says why.
#include "aceso/archive/analyses.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "aceso/base/json.hpp"
#include "aceso/dicom/pixel.hpp"
#include "analyses_fixture.hpp"
#include "validators.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

constexpr const char* kReport = "1.2.840.10008.5.1.4.1.1.88.34";
constexpr const char* kPicture = "1.2.840.10008.5.1.4.1.1.7";

struct KeptResult {
  std::string sop_class;
  Bytes file;
};
std::vector<KeptResult> results_of(AnalysisNode& node) {
  std::vector<KeptResult> out;
  const Json view = node.view();
  for (const auto& analysis : view.at("analyses")) {
    for (const auto& uid : analysis.at("result_instances")) {
      auto file = get(*node.archive, uid.get<std::string>());
      EXPECT_OK(file);
      if (!file) continue;
      const auto object = dicom::parse(*file);
      EXPECT_OK(object);
      out.push_back({object->sop_class(), *file});
    }
  }
  return out;
}

std::string text_of(const dicom::Dataset& dataset) {  // of a report: every text in it
  std::string out;
  for (const auto& item : dataset.items(tags::kContentSequence)) {
    out += item.text_or(tags::kTextValue) + "\n" + text_of(item);
    for (const auto& value : item.items(tags::kMeasuredValueSequence)) out += value.text_or(tags::kNumericValue) + "\n";
    for (const auto& code : item.items(tags::kConceptCodeSequence)) out += code.text_or(tags::kCodeMeaning) + "\n";
  }
  return out;
}

TEST(Analyses, a_complete_series_is_analysed_and_its_results_stand_in_the_study) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  Json view = node.view();
  EXPECT_EQ(view.at("state"), "waiting");
  EXPECT_NE(view.at("reason").get<std::string>().find("still be arriving"), std::string::npos) << view;
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  view = node.view();
  ASSERT_EQ(routed(view).size(), 1U) << view.dump(1);
  ASSERT_EQ(view.at("analyses").size(), 3U) << "its own results are listed as such";
  EXPECT_EQ(view.at("analyses").at(2).at("reason"), "a result of this node");
  const Json& one = view.at("analyses").at(0);
  EXPECT_EQ(one.at("series"), "1.2.3.1.1");
  EXPECT_EQ(one.at("rule"), "chest");
  EXPECT_EQ(one.at("model").at("name"), "pneumonia");
  EXPECT_EQ(one.at("model").at("version"), 3);
  EXPECT_EQ(one.at("model").at("hash"), std::string(64, 'a'));
  EXPECT_EQ(one.at("model").at("intended_use"), "Research use only: chest images of adults.");
  EXPECT_EQ(one.at("probability"), 0.875);
  EXPECT_EQ(one.at("interval"), (Json{0.76, 0.99}));
  EXPECT_EQ(one.at("threshold"), 0.5);
  EXPECT_FALSE(one.at("uncertainty").get<std::string>().empty());
  const auto kept = results_of(node);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].sop_class, kReport);
  EXPECT_EQ(kept[1].sop_class, kPicture);
  for (const auto& result : kept) {
    const auto object = *dicom::parse(result.file);
    EXPECT_EQ(object.dataset.text(tags::kStudyInstanceUID), "1.2.3.1");
    EXPECT_EQ(object.dataset.text(tags::kPatientName), "Doe^Jane");
    EXPECT_EQ(object.dataset.text(tags::kManufacturer), "Aceso");
    EXPECT_NE(object.dataset.text_or(tags::kSeriesDescription).find("not for primary diagnosis"), std::string::npos);
  }
  ASSERT_EQ(node.predictor.pictures().size(), 1U);
  EXPECT_EQ(node.predictor.pictures()[0].width, 64);
}

contracts::PerformedStep ended_step(std::vector<std::string> sops) {
  contracts::PerformedStep step;
  step.sop_instance_uid = "1.2.3.8";
  step.state = contracts::StepState::completed;
  step.study_uids = {"1.2.3.1"};
  step.series.push_back({"1.2.3.1.1", std::move(sops)});
  return step;
}

TEST(Analyses, a_series_that_the_modality_ended_is_complete_at_once) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  EXPECT_EQ(node.view().at("state"), "waiting");
  node.analyses->step_ended(ended_step({"1.2.3.1.1.1"}));
  EXPECT_TRUE(node.becomes("analysed")) << "time stands still: nothing was quiet";
}

TEST(Analyses, a_series_that_the_modality_ended_waits_for_all_objects_it_named) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.analyses->step_ended(ended_step({"1.2.3.1.1.1", "1.2.3.1.1.2"}));
  EXPECT_EQ(node.view().at("state"), "waiting");
  EXPECT_EQ(routed(node.view()).size(), 0U);
  ASSERT_OK(put(*node.archive, make_file(chest("1.2.3.1.1", "1.2.3.1.1.2"))));
  EXPECT_TRUE(node.becomes([](const Json& now) { return now.at("state") == "analysed" && routed(now).size() == 2; }));
}

TEST(Analyses, a_series_with_as_many_objects_as_its_rule_expects_is_complete_at_once) {
  AnalysisNode node{
      R"([{"name": "chest", "match": {"modality": "DX"}, "model": "pneumonia", "output": ["sr", "sc"], "expect": 2}])"};
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  EXPECT_EQ(node.view().at("state"), "waiting");
  EXPECT_EQ(routed(node.view()).size(), 0U);
  ASSERT_OK(put(*node.archive, make_file(chest("1.2.3.1.1", "1.2.3.1.1.2"))));
  EXPECT_TRUE(node.becomes([](const Json& now) { return now.at("state") == "analysed" && routed(now).size() == 2; }))
      << "time stands still: nothing was quiet";
}

TEST(Analyses, who_observes_hears_of_complete_series_and_ended_analyses_with_their_results) {
  AnalysisNode node;
  std::mutex mutex;
  std::vector<std::string> heard;
  bool failing = true;
  node.observer = {.complete = [&](std::string_view study, std::string_view series) -> Status {
                     const std::lock_guard lock{mutex};
                     if (std::exchange(failing, false)) return Error{Code::unavailable, "no room"};
                     heard.push_back("complete " + std::string{study} + " " + std::string{series});
                     return {};
                   },
                   .ended = [&](std::string_view study, std::string_view series, std::string_view id,
                                std::string_view state, const std::vector<std::string>& results) -> Status {
                     const std::lock_guard lock{mutex};
                     EXPECT_FALSE(id.empty());
                     heard.push_back(std::string{state} + " " + std::string{study} + " " + std::string{series} + " " +
                                     std::to_string(results.size()));
                     return {};
                   }};
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  // The one who observes fails at first: it is not done, and told again when it has been quiet once more.
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (node.view().at("state") != "analysed" && std::chrono::steady_clock::now() < end) {
    node.quiet();
    std::this_thread::yield();
  }
  const std::lock_guard lock{mutex};
  ASSERT_GE(heard.size(), 2U);
  EXPECT_EQ(heard[0], "complete 1.2.3.1 1.2.3.1.1");
  EXPECT_EQ(heard[1], "analysed 1.2.3.1 1.2.3.1.1 2");
}

TEST(Analyses, every_result_says_model_intended_use_uncertainty_and_that_it_is_no_diagnosis) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  const auto kept = results_of(node);
  ASSERT_EQ(kept.size(), 2U);
  const std::string report = text_of(dicom::parse(kept[0].file)->dataset);
  const std::string comment = dicom::parse(kept[1].file)->dataset.text_or(tags::kImageComments);
  for (const char* said :
       {"not for primary diagnosis", "pneumonia", "Research use only", "19 were pneumonia", "0.875"}) {
    EXPECT_NE(report.find(said), std::string::npos) << said << " in\n" << report;
    EXPECT_NE(comment.find(said), std::string::npos) << said << " in\n" << comment;
  }
  EXPECT_NE(report.find("decision threshold = 0.500"), std::string::npos);
  EXPECT_NE(report.find(std::string(64, 'a')), std::string::npos);
}

TEST(Analyses, other_hands_find_no_error_in_results) {
  if (!dicom::testing::has_validator("dciodvfy")) GTEST_SKIP() << "skipped: package dicom3tools is not installed";
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  for (const auto& result : results_of(node)) {
    const auto said = dicom::testing::said_by("dciodvfy", result.file);
    EXPECT_EQ(said.find("Error -"), std::string::npos) << said;
  }
}

TEST(Analyses, the_picture_stands_below_the_words_and_is_not_covered) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  const auto kept = results_of(node);
  ASSERT_EQ(kept.size(), 2U);
  const auto object = *dicom::parse(kept[1].file);
  const auto frame = dicom::decode_frame(object, kept[1].file, 0);
  ASSERT_OK(frame);
  const auto picture = node.predictor.pictures().at(0);
  ASSERT_EQ(frame->columns, 640U);
  const std::size_t banner = frame->rows - 640;  // 64 rows, ten times
  EXPECT_GT(banner, 60U);
  for (std::size_t y = 0; y < 64; ++y) {
    for (std::size_t x = 0; x < 64; ++x)
      ASSERT_EQ(frame->data[(banner + 10 * y + 5) * 640 + 10 * x + 5], picture.pixels[y * 64 + x]) << x << " " << y;
  }
  EXPECT_GT(
      std::count(frame->data.begin(), frame->data.begin() + static_cast<std::ptrdiff_t>(banner * 640), std::byte{255}),
      2000);
}

TEST(Analyses, what_the_node_writes_is_never_routed_again) {
  AnalysisNode node{R"([{"name": "all", "model": "pneumonia"}])"};
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  const auto after = node.archive->totals().instances;
  EXPECT_EQ(after, 4U) << "image, report, picture, key note";
  for (int i = 0; i < 3; ++i) node.quiet();
  // Another series behind it shows that the watch went round.
  ASSERT_OK(put(*node.archive, make_file(chest("1.2.3.1.2", "1.2.3.1.2.1"))));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return routed(now).size() == 2 && now.at("state") == "analysed" &&
           now.at("analyses").at(1).at("state") == "analysed";
  }));
  EXPECT_EQ(node.archive->totals().instances, 8U);
  EXPECT_EQ(node.predictor.pictures().size(), 2U);
  EXPECT_EQ(routed(*node.analyses->analyse(caller(), "1.2.3.1")).size(), 2U) << "by hand neither";
}

TEST(Analyses, a_result_that_came_back_from_elsewhere_is_not_routed) {
  AnalysisNode node{R"([{"name": "all", "model": "pneumonia"}])"};
  ASSERT_OK(node.open());
  auto echo = make_data_set(chest());
  echo.set_text(tags::kManufacturer, "Aceso");
  ASSERT_OK(put(*node.archive, *dicom::write_part10(echo, dicom::kExplicitLittle)));
  ASSERT_OK(put(*node.archive, make_file(chest("1.2.3.1.2", "1.2.3.1.2.1"))));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  EXPECT_EQ(routed(node.view()).size(), 1U);
}

TEST(Analyses, series_that_no_model_reads_say_why) {
  AnalysisNode node{R"([{"name": "all", "model": "pneumonia", "match": {"modality": ["DX", "US", "SR"]}}])"};
  ASSERT_OK(node.open());
  const auto add = [&](int number, const std::function<void(dicom::Dataset&)>& change) {
    const std::string series = "1.2.3.1." + std::to_string(number);
    auto d = make_data_set(chest(series, series + ".1"));
    change(d);
    ASSERT_OK(put(*node.archive, *dicom::write_part10(d, dicom::kExplicitLittle)));
  };
  add(1, [](auto& d) {
    d.set_integer(tags::kSamplesPerPixel, 3).set_text(tags::kPhotometricInterpretation, "RGB");
    d.set_integer(tags::kPlanarConfiguration, 0).set_text(tags::kModality, "US");
    d.set_integer(tags::kBitsAllocated, 8).set_integer(tags::kBitsStored, 8).set_integer(tags::kHighBit, 7);
    d.set_bytes(tags::kPixelData, dicom::Vr::ob, Bytes(64 * 64 * 3));
  });
  add(2, [](auto& d) {
    d.set_text(tags::kNumberOfFrames, "2").set_bytes(tags::kPixelData, dicom::Vr::ow, Bytes(64 * 64 * 4));
  });
  add(3, [](auto& d) {
    d.set_text(tags::kSOPClassUID, kReport).set_text(tags::kModality, "SR");
    for (const auto tag : {tags::kRows, tags::kColumns, tags::kPixelData}) d.erase(tag);
  });
  add(4, [](auto& d) { d.set_text(tags::kModality, "MR"); });
  add(5, [](auto& d) { d.set_text(tags::kPresentationIntentType, "FOR PROCESSING"); });
  for (int i = 1; i <= 5; ++i)
    ASSERT_OK(put(*node.archive, make_file(chest("1.2.3.1.6", "1.2.3.1.6." + std::to_string(i)))));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return now.at("analyses").size() == 6 &&
           std::ranges::all_of(now.at("analyses"), [](const Json& a) { return a.at("state") == "not_applicable"; });
  }));
  std::map<std::string, std::string> reasons;
  const Json view = node.view();
  for (const auto& one : view.at("analyses")) {
    reasons[one.at("series").get<std::string>()] = one.at("reason").get<std::string>();
    EXPECT_FALSE(one.contains("probability"));
  }
  EXPECT_EQ(reasons["1.2.3.1.1"], "colour images are not analysed");
  EXPECT_EQ(reasons["1.2.3.1.2"], "objects of several frames are not analysed");
  EXPECT_EQ(reasons["1.2.3.1.3"], "the series holds no image that a model reads");
  EXPECT_EQ(reasons["1.2.3.1.4"], "no routing rule matches this series");
  EXPECT_EQ(reasons["1.2.3.1.5"], "raw image for processing; the image for presentation is analysed");
  EXPECT_NE(reasons["1.2.3.1.6"].find("5 images"), std::string::npos) << reasons["1.2.3.1.6"];
  EXPECT_TRUE(node.predictor.pictures().empty());
  EXPECT_EQ(node.archive->totals().instances, 10U);
}

TEST(Analyses, an_image_outside_of_the_models_contract_is_not_applicable_and_a_fault_is_a_failure) {
  AnalysisNode node;
  node.predictor.answer = []() -> Result<contracts::PictureAnswer> { return Error{Code::invalid, "too small"}; };
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return now.at("reason") == "the model does not take this image: too small" && now.at("state") == "not_applicable";
  }));
  node.predictor.answer = []() -> Result<contracts::PictureAnswer> { return Error{Code::internal, "engine"}; };
  ASSERT_OK(node.analyses->analyse(caller(), "1.2.3.1"));
  ASSERT_TRUE(node.becomes("failed"));
  EXPECT_EQ(node.view().at("reason"), "engine");
  EXPECT_EQ(node.archive->totals().instances, 1U);
}

TEST(Analyses, a_model_is_told_what_the_object_says_of_itself_and_may_decline) {
  AnalysisNode node;
  node.predictor.answer = []() -> Result<contracts::PictureAnswer> {
    auto answer = made_up_answer(0);
    answer.not_applicable = {"age 4 is below 18", "view LL"};
    return answer;
  };
  ASSERT_OK(node.open());
  auto image = make_data_set(chest());
  image.set_text(tags::kPatientBirthDate, "20190201").set_text(tags::kViewPosition, "LL");
  image.set_text(tags::kBodyPartExamined, "CHEST").set_text(tags::kImagerPixelSpacing, "0.14\\0.15");
  ASSERT_OK(put(*node.archive, *dicom::write_part10(image, dicom::kExplicitLittle)));
  node.quiet();
  ASSERT_TRUE(node.becomes("not_applicable"));
  EXPECT_EQ(node.view().at("reason"), "pneumonia version 3 may not be asked: age 4 is below 18; view LL");
  EXPECT_FALSE(node.view().at("analyses").at(0).contains("probability"));
  EXPECT_EQ(node.archive->totals().instances, 1U);
  const auto facts = node.predictor.facts();
  EXPECT_EQ(facts.modality, "DX");
  EXPECT_EQ(facts.view, "LL");
  EXPECT_EQ(facts.body_part, "CHEST");
  EXPECT_NEAR(facts.age_years.value_or(0), 5.0, 0.01);  // 2019-02-01 to 2024-01-31
  EXPECT_EQ(facts.spacing_mm, 0.14);
}

TEST(Analyses, a_model_that_is_not_there_or_reads_no_images_is_a_failure) {
  AnalysisNode node{R"([{"name": "a", "model": "other"}, {"name": "b", "model": "pneumonia"}])"};
  node.predictor.kind = learn::PortKind::table;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return routed(now).size() == 2 &&
           std::ranges::all_of(now.at("analyses"), [](const Json& a) { return a.at("state") == "failed"; });
  }));
  EXPECT_EQ(node.view().at("analyses").at(0).at("reason"), "there is no model other");
  EXPECT_EQ(node.view().at("analyses").at(1).at("reason"), "model pneumonia does not read images");
}

TEST(Analyses, an_answer_without_uncertainty_or_intended_use_reaches_nobody) {
  for (const bool uncertainty : {true, false}) {
    AnalysisNode node;
    node.predictor.answer = [uncertainty]() -> Result<contracts::PictureAnswer> {
      auto answer = made_up_answer();
      (uncertainty ? answer.uncertainty.text : answer.intended_use).clear();
      return answer;
    };
    ASSERT_OK(node.open());
    ASSERT_OK(put(*node.archive, make_file(chest())));
    node.quiet();
    ASSERT_TRUE(node.becomes("failed"));
    EXPECT_EQ(node.archive->totals().instances, 1U);
    EXPECT_EQ(node.view().dump().find("0.875"), std::string::npos);
  }
}

TEST(Analyses, a_model_that_is_not_available_is_asked_again_and_given_up_in_the_end) {
  AnalysisNode node;
  node.options.attempts = 2;
  node.predictor.answer = []() -> Result<contracts::PictureAnswer> { return Error{Code::exhausted, "busy"}; };
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return now.at("state") == "waiting" && now.at("reason") == "attempt 1 of 2 failed and is repeated: busy";
  }));
  // The queue begins its back-off some time after the word is out: time goes on until it is over.
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (node.view().at("state") != "failed" && std::chrono::steady_clock::now() < end)
    node.clock.advance(std::chrono::seconds{1});
  EXPECT_EQ(node.view().at("reason"), "busy");
  EXPECT_EQ(node.predictor.pictures().size(), 2U);
}

TEST(Analyses, what_was_cut_off_between_two_results_is_written_exactly_once) {
  AnalysisNode node;
  node.passing = 1;  // the report passes, the picture does not
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return now.at("reason").get<std::string>().find("a result cannot be stored") != std::string::npos;
  }));
  EXPECT_EQ(node.archive->totals().instances, 2U);
  node.close();
  node.passing = -1;
  node.predictor.answer = [] { return made_up_answer(0.125); };  // were it asked again, it would say something else
  node.clock.advance(std::chrono::hours{5});
  ASSERT_OK(node.open());
  ASSERT_TRUE(node.becomes("analysed"));
  EXPECT_EQ(node.archive->totals().instances, 3U);
  EXPECT_EQ(node.predictor.pictures().size(), 1U);
  EXPECT_EQ(node.view().at("analyses").at(0).at("probability"), 0.875);
  EXPECT_NE(text_of(dicom::parse(results_of(node)[0].file)->dataset).find("0.875"), std::string::npos);
}

TEST(Analyses, what_was_stored_before_the_process_died_is_found_again) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.close();
  node.clock.advance(std::chrono::hours{30});
  ASSERT_OK(node.open());
  EXPECT_EQ(node.view().at("state"), "waiting");
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  node.close();
  ASSERT_OK(node.open());  // and again: nothing more
  node.quiet();
  ASSERT_OK(put(*node.archive, make_file(chest("1.2.3.1.2", "1.2.3.1.2.1"))));
  node.quiet();
  ASSERT_TRUE(node.becomes(
      [](const Json& now) { return routed(now).size() == 2 && now.at("analyses").at(1).at("state") == "analysed"; }));
  EXPECT_EQ(node.predictor.pictures().size(), 2U);
}

TEST(Analyses, what_was_there_before_the_rules_is_sent_by_hand_only) {
  AnalysisNode node{"[]"};
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  EXPECT_EQ(node.view().at("state"), "not_applicable");
  EXPECT_EQ(node.view().at("reason"), "no routing rules are set up (routing.rules)");
  node.close();
  node.clock.advance(std::chrono::hours{1});
  node.options.rules = kChestRule;
  ASSERT_OK(node.open());
  EXPECT_EQ(node.view().at("state"), "not_applicable");
  EXPECT_NE(node.view().at("reason").get<std::string>().find("before routing was set up"), std::string::npos);
  const auto sent = node.analyses->analyse(caller(), "1.2.3.1");
  ASSERT_OK(sent);
  ASSERT_TRUE(node.becomes("analysed"));
  ASSERT_OK(node.analyses->analyse(caller(), "1.2.3.1"));
  ASSERT_TRUE(node.becomes(
      [&](const Json& now) { return now.at("state") == "analysed" && node.predictor.pictures().size() == 2; }));
  EXPECT_EQ(node.archive->totals().instances, 3U) << "the same image and model give the same objects";
  node.predictor.answer = []() -> Result<contracts::PictureAnswer> {
    auto answer = made_up_answer(0.25);
    answer.model_hash = std::string(64, 'b');
    return answer;
  };
  ASSERT_OK(node.analyses->analyse(caller(), "1.2.3.1"));
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return now.at("state") == "analysed" && now.at("analyses").at(0).at("probability") == 0.25;
  }));
  EXPECT_EQ(node.archive->totals().instances, 5U) << "another model's results stand beside";
}

TEST(Analyses, only_those_who_may_read_the_archive_see_them) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  EXPECT_CODE(node.analyses->of_study(caller({}), "1.2.3.1"), Code::denied);
  EXPECT_CODE(node.analyses->of_study(caller({}), "9.9"), Code::denied) << "and nothing of what exists";
  EXPECT_CODE(node.analyses->analyse(caller({"archive:read"}), "1.2.3.1"), Code::denied);
  EXPECT_CODE(node.analyses->of_study(caller(), "9.9"), Code::not_found);
  EXPECT_CODE(node.analyses->analyse(caller(), "9.9"), Code::not_found);
}

TEST(Analyses, a_deleted_study_leaves_nothing_and_identities_are_not_legible_on_disk) {
  AnalysisNode node;
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  std::string disk;
  for (const auto& entry : std::filesystem::directory_iterator{node.folder.path() / "analyses"}) {
    const auto bytes = read_file(entry.path(), 64 << 20);
    ASSERT_OK(bytes);
    disk.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  ASSERT_NE(disk.find("analysed"), std::string::npos);
  for (const char* secret : {"1.2.3.1", "Doe", "0.875", "19 were pneumonia"})
    EXPECT_EQ(disk.find(secret), std::string::npos) << secret;
  ASSERT_OK(node.archive->remove(caller(), "1.2.3.1", "", ""));
  ASSERT_OK(put(*node.archive, make_file(chest())));
  EXPECT_EQ(node.view().at("state"), "waiting");
  EXPECT_EQ(node.view().at("analyses").size(), 1U);
}

TEST(Analyses, wrong_rules_are_refused_with_their_place) {
  AnalysisNode node{R"([{"model": "a"}, {"modle": "b"}])"};
  const auto opened = node.open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::invalid);
  EXPECT_EQ(opened.error().message(), "routing.rules: rule 2: unknown key modle, did you mean model?");
}

}  // namespace
}  // namespace aceso::archive
