// A model is recalled: what it wrote into studies does not stand any more, and the list says whom it concerned.
#include <gtest/gtest.h>

#include <algorithm>

#include "aceso/archive/analyses.hpp"
#include "aceso/dicom/key_objects.hpp"
#include "analyses_fixture.hpp"
#include "validators.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

class MadeUpRecalls final : public contracts::RecallSource {
 public:
  Result<std::vector<contracts::Recall>> recalls() const override {
    const std::lock_guard lock{mutex_};
    return all_;
  }
  void add(std::string model, int version) {
    const std::lock_guard lock{mutex_};
    all_.push_back({.model = std::move(model),
                    .version = version,
                    .bundle = std::string(64, 'a'),
                    .reason = "misses effusions",
                    .by = "dr.lang",
                    .at_us = 1'770'000'000'000'000});
  }

 private:
  mutable std::mutex mutex_;
  std::vector<contracts::Recall> all_;
};

class RecalledNode : public AnalysisNode {
 public:
  RecalledNode() { recalls = &source; }
  ~RecalledNode() { close(); }
  MadeUpRecalls source;
  Status analysed_one() {
    ACESO_TRY_OK(open());
    ACESO_TRY([[maybe_unused]] const auto stored, put(*archive, make_file(chest())));
    quiet();
    if (!becomes("analysed")) return Error{Code::internal, "not analysed"};
    return {};
  }
  Json only() { return routed(view()).at(0); }
  Json list(int version = 3) { return *analyses->recalled(caller({"archive:read"}), "pneumonia", version, "", 10); }
  // Until the archive has dealt with the recall: one analysis is listed, with so many results, the note among them.
  bool dealt_with(std::size_t results) {
    return becomes([&](const Json&) {
      const Json concerned = list();
      return concerned.at("items").size() == 1 &&
             concerned.at("items").at(0).at("analysis").at("results").size() == results;
    });
  }
  std::vector<Bytes> notes() {
    std::vector<Bytes> out;
    const Json concerned = list();
    for (const auto& item : concerned.at("items")) {
      for (const auto& uid : item.at("analysis").at("results")) {
        auto file = get(*archive, uid.get<std::string>());
        if (file && dicom::parse(*file)->sop_class() == dicom::kKeyObjectSelection) out.push_back(*std::move(file));
      }
    }
    return out;
  }
};

std::vector<std::string> named_by(const Bytes& note) {
  std::vector<std::string> out;
  const auto parsed = *dicom::parse(note);
  for (const auto& item : parsed.dataset.items(tags::kContentSequence)) {
    for (const auto& one : item.items(tags::kReferencedSOPSequence))
      out.push_back(one.text_or(tags::kReferencedSOPInstanceUID));
  }
  return out;
}

TEST(AnalysesRecall, results_are_rejected_by_a_note_and_the_study_says_so) {
  RecalledNode node;
  ASSERT_OK(node.analysed_one());
  const auto results = node.only().at("result_instances");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(node.list().at("items").empty());
  node.source.add("pneumonia", 2);  // another version of the name
  node.analyses->recalls_changed();
  node.source.add("pneumonia", 3);
  node.analyses->recalls_changed();
  ASSERT_TRUE(node.dealt_with(3));
  const Json now = node.view();
  EXPECT_NE(now.at("reason").get<std::string>().find("misses effusions"), std::string::npos) << now.at("reason");
  EXPECT_EQ(node.only().at("recalled"), true);
  EXPECT_FALSE(node.only().contains("finding")) << "nothing is drawn or listed of it";
  const Json list = node.list();
  ASSERT_EQ(list.at("items").size(), 1U);
  EXPECT_EQ(list.at("items")[0].at("patient").at("id"), "P1");
  EXPECT_EQ(list.at("items")[0].at("analysis").at("finding"), "pneumonia");
  EXPECT_TRUE(node.list(2).at("items").empty());
  const auto notes = node.notes();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(named_by(notes[0]), results.get<std::vector<std::string>>());
  const auto note = *dicom::parse(notes[0]);
  const auto title = note.dataset.items(tags::kConceptNameCodeSequence)[0];
  EXPECT_EQ(title.text(tags::kCodeValue), "113037");
  EXPECT_EQ(title.text(tags::kCodingSchemeDesignator), "DCM");
  if (!dicom::testing::has_validator("dciodvfy")) GTEST_SKIP() << "skipped: package dicom3tools is not installed";
  const auto said = dicom::testing::said_by("dciodvfy", notes[0]);
  EXPECT_EQ(dicom::testing::error_lines(said), "") << said;
}

TEST(AnalysesRecall, what_people_signed_is_not_rejected_and_who_judged_is_listed) {
  RecalledNode node;
  ASSERT_OK(node.analysed_one());
  auto reader = caller({"archive:read", "feedback:write"});
  reader.principal.name = "dr.lang";
  const auto judged = node.analyses->judge(reader, node.only().at("id").get<std::string>(), {.agrees = true});
  ASSERT_OK(judged);
  const auto report = judged->at("judgement").at("report").get<std::string>();
  node.source.add("pneumonia", 3);
  node.analyses->recalls_changed();
  ASSERT_TRUE(node.dealt_with(4));
  const auto notes = node.notes();
  ASSERT_EQ(notes.size(), 1U);
  const auto named = named_by(notes[0]);
  EXPECT_EQ(named.size(), 2U);
  EXPECT_EQ(std::ranges::count(named, report), 0);
  EXPECT_EQ(node.list().at("items")[0].at("analysis").at("judged_by"), "dr.lang");
}

TEST(AnalysesRecall, a_recall_that_is_cut_off_goes_on_and_is_done_once) {
  RecalledNode node;
  ASSERT_OK(node.analysed_one());
  node.sink->left = 0;  // the note cannot be stored
  node.source.add("pneumonia", 3);
  EXPECT_EQ(node.list().at("pending"), true);
  node.analyses->recalls_changed();
  node.close();
  ASSERT_OK(node.open());  // as after a crash
  ASSERT_TRUE(node.dealt_with(3));
  EXPECT_EQ(node.notes().size(), 1U);
  const auto instances = node.archive->totals().instances;
  node.close();
  ASSERT_OK(node.open());
  node.analyses->recalls_changed();
  node.quiet();
  EXPECT_EQ(node.list().at("items").size(), 1U);
  EXPECT_EQ(node.list().at("pending"), false);
  EXPECT_EQ(node.archive->totals().instances, instances);
}

TEST(AnalysesRecall, analysed_again_by_another_version_the_list_stays) {
  RecalledNode node;
  ASSERT_OK(node.analysed_one());
  node.source.add("pneumonia", 3);
  node.analyses->recalls_changed();
  ASSERT_TRUE(node.dealt_with(3));
  node.predictor.answer = [] {
    auto answer = made_up_answer(0.1);
    answer.model_version = 4;
    answer.model_hash = std::string(64, 'b');
    return answer;
  };
  ASSERT_OK(node.analyses->analyse(caller({"archive:read", "archive:write"}), "1.2.3.1"));
  ASSERT_TRUE(node.becomes("analysed"));
  EXPECT_EQ(node.only().at("recalled"), false);
  EXPECT_EQ(node.only().at("model").at("version"), 4);
  EXPECT_EQ(node.list().at("items").size(), 1U);
}

TEST(AnalysesRecall, what_was_analysed_again_before_the_recall_is_found_too) {
  RecalledNode node;
  ASSERT_OK(node.analysed_one());
  const auto first = node.only().at("result_instances").get<std::vector<std::string>>();
  node.predictor.answer = [] {
    auto answer = made_up_answer(0.1);
    answer.model_version = 4;
    answer.model_hash = std::string(64, 'b');
    return answer;
  };
  ASSERT_OK(node.analyses->analyse(caller({"archive:read", "archive:write"}), "1.2.3.1"));
  ASSERT_TRUE(node.becomes([](const Json& now) {
    const Json all = routed(now);
    return all.size() == 1 && all.at(0).at("state") == "analysed" && all.at(0).at("model").at("version") == 4;
  }));
  node.source.add("pneumonia", 3);
  node.close();
  ASSERT_OK(node.open());
  ASSERT_TRUE(node.dealt_with(3));
  const auto notes = node.notes();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(named_by(notes[0]), first);
  EXPECT_EQ(node.view().at("state"), "analysed") << "what the other version said stands";
}

TEST(AnalysesRecall, nothing_of_it_is_shown_or_judged_even_before_it_is_dealt_with) {
  RecalledNode node;
  ASSERT_OK(node.analysed_one());
  const auto id = node.only().at("id").get<std::string>();
  node.sink->left = 0;
  node.source.add("pneumonia", 3);  // and nobody is told
  EXPECT_EQ(node.view().at("state"), "failed");
  EXPECT_FALSE(node.only().contains("finding"));
  auto reader = caller({"archive:read", "feedback:write"});
  EXPECT_CODE(node.analyses->judge(reader, id, {.agrees = true}), Code::precondition);
}

TEST(AnalysesRecall, an_answer_that_comes_after_the_recall_does_not_stand) {
  RecalledNode node;
  node.source.add("pneumonia", 3);  // the model was asked a moment before
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.dealt_with(3));
  EXPECT_EQ(node.only().at("recalled"), true);
}

TEST(AnalysesRecall, the_list_is_for_those_who_read_studies) {
  RecalledNode node;
  ASSERT_OK(node.open());
  EXPECT_CODE(node.analyses->recalled(caller({"archive:write"}), "pneumonia", 3, "", 10), Code::denied);
  EXPECT_CODE(node.analyses->recalled(caller({"archive:read"}), "pneumonia", 0, "", 10), Code::invalid);
}

}  // namespace
}  // namespace aceso::archive
