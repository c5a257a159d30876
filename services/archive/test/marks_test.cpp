// What clinicians draw on stored images: kept, revised, withdrawn, shown to whom, and told to others as labels.
#include "aceso/archive/marks.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "analyses_fixture.hpp"
#include "mark_words.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

// Readers of whom a blinded read waits.
class WaitingReads final : public contracts::BlindedReads {
 public:
  std::set<std::string> readers;
  Result<bool> waits(const contracts::Principal& reader, std::span<const std::string> ids) const override {
    EXPECT_EQ(std::vector<std::string>(ids.begin(), ids.end()), std::vector<std::string>{"0190-prediction"});
    return readers.contains(reader.id);
  }
};

contracts::ObjectPeer clinician(const std::string& id) {
  auto peer = caller({"archive:read", "feedback:write"});
  peer.principal.id = id;
  peer.principal.name = id;
  return peer;
}

class MarksTest : public ::testing::Test {
 protected:
  MarksTest() { open(); }
  ~MarksTest() override { marks_.reset(); }
  void open() {
    marks_.reset();
    node_.close();
    ASSERT_OK(node_.open());
    auto marks = Marks::open(node_.folder.path() / "marks", {.clock = node_.clock,
                                                             .random = node_.random,
                                                             .logger = node_.logger,
                                                             .archive = *node_.archive,
                                                             .analyses = node_.analyses.get(),
                                                             .blinded = &blinded_,
                                                             .key = node_.key});
    ASSERT_OK(marks);
    marks_ = *std::move(marks);
  }
  // 64 columns, 48 rows.
  void store_image() {
    ObjectSpec spec = chest();
    spec.rows = 48;
    ASSERT_OK(put(*node_.archive, make_file(spec)));
  }
  static Json box(const std::string& finding, const Json& corners = Json::array({4, 5.5, 20, 30})) {
    return {{"instance", "1.2.3.1.1.1"}, {"finding", finding}, {"box", corners}};
  }
  Json added(const contracts::ObjectPeer& who, const Json& body) {
    node_.clock.advance(std::chrono::milliseconds{5});
    const auto made = marks_->add(who, "1.2.3.1", body);
    EXPECT_OK(made);
    return made ? *made : Json::object();
  }
  Json items(const contracts::ObjectPeer& who = caller({"archive:read"})) {
    const auto found = marks_->list(who, "1.2.3.1");
    EXPECT_OK(found);
    return found ? found->at("items") : Json::array();
  }

  AnalysisNode node_;
  WaitingReads blinded_;
  std::unique_ptr<Marks> marks_;
};

TEST_F(MarksTest, are_kept_as_they_were_drawn_and_told_as_labels) {
  store_image();
  const auto eva = clinician("eva");
  added(eva, box("nodule"));
  added(eva,
        {{"instance", "1.2.3.1.1.1"}, {"finding", " mass "}, {"comment", "upper lobe"}, {"runs", {65, 3, 129, 4}}});
  added(clinician("max"), {{"instance", "1.2.3.1.1.1"}, {"finding", "normal"}});
  open();  // after a restart
  const Json found = items();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found.at(0).at("box"), Json({4.0, 5.5, 20.0, 30.0}));
  EXPECT_EQ(found.at(0).at("runs"), nullptr);
  EXPECT_EQ(found.at(0).at("by"), "eva");
  EXPECT_EQ(found.at(0).at("series"), "1.2.3.1.1");
  EXPECT_EQ(found.at(0).at("after_ai"), false);
  EXPECT_EQ(found.at(0).at("after_others"), false);
  EXPECT_EQ(found.at(1).at("finding"), "mass");
  EXPECT_EQ(found.at(1).at("runs"), Json({65, 3, 129, 4}));
  EXPECT_EQ(found.at(1).at("rows"), 48);
  EXPECT_EQ(found.at(1).at("columns"), 64);
  EXPECT_EQ(found.at(2).at("box"), nullptr);
  EXPECT_EQ(found.at(2).at("after_others"), true);
  EXPECT_EQ(*marks_->findings(eva), (Json{{"findings", {"mass", "nodule", "normal"}}}));
  const auto labels = marks_->marks_of(caller({"archive:read"}), "1.2.3.1.1.1");
  ASSERT_OK(labels);
  ASSERT_EQ(labels->size(), 3U);
  EXPECT_EQ(labels->at(0).box, (std::array<double, 4>{4, 5.5, 20, 30}));
  EXPECT_EQ(labels->at(1).runs, (std::vector<std::int64_t>{65, 3, 129, 4}));
  EXPECT_EQ(labels->at(1).columns, 64);
  EXPECT_TRUE(marks_->marks_of(caller({"archive:read"}), "9.9")->empty());
}

TEST_F(MarksTest, are_revised_and_withdrawn_by_who_drew_them_and_keep_their_history) {
  store_image();
  const auto eva = clinician("eva"), max = clinician("max");
  const std::string id = added(eva, box("nodule")).at("id");
  node_.clock.advance(std::chrono::seconds{5});
  const auto revised = marks_->revise(eva, "1.2.3.1", id, Json{{"finding", "mass"}, {"box", {4, 5, 21, 30}}});
  ASSERT_OK(revised);
  EXPECT_EQ(revised->at("revision"), 2);
  EXPECT_EQ(marks_->revise(eva, "1.2.3.1", id, Json{{"finding", "mass"}})->at("revision"), 2) << "nothing is new";
  EXPECT_EQ(marks_->revise(max, "1.2.3.1", id, Json{{"finding", "normal"}}).error().code(), Code::denied);
  EXPECT_EQ(marks_->withdraw(max, "1.2.3.1", id, "").error().code(), Code::denied);
  EXPECT_EQ(marks_->revise(eva, "1.2.3.9", id, Json{{"finding", "x"}}).error().code(), Code::not_found);
  ASSERT_OK(marks_->withdraw(eva, "1.2.3.1", id, "the wrong image"));
  EXPECT_TRUE(items().empty());
  EXPECT_TRUE(marks_->marks_of(eva, "1.2.3.1.1.1")->empty());
  EXPECT_EQ(marks_->revise(eva, "1.2.3.1", id, Json{{"finding", "x"}}).error().code(), Code::precondition);
  open();
  const auto history = marks_->history(max, "1.2.3.1", id);
  ASSERT_OK(history);
  const Json& all = history->at("items");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.at(0).at("withdrawn"), true);
  EXPECT_EQ(all.at(0).at("reason"), "the wrong image");
  EXPECT_EQ(all.at(1).at("finding"), "mass");
  EXPECT_EQ(all.at(2).at("finding"), "nodule");
  EXPECT_EQ(all.at(2).at("box"), Json({4.0, 5.5, 20.0, 30.0}));
  EXPECT_EQ(marks_->history(max, "1.2.3.9", id).error().code(), Code::not_found);
}

TEST_F(MarksTest, say_whether_a_models_answer_stood_there_and_hide_from_who_reads_blinded) {
  store_image();
  const auto eva = clinician("eva"), max = clinician("max");
  const std::string early = added(eva, box("nodule")).at("id");
  node_.quiet();
  ASSERT_TRUE(node_.becomes("analysed"));
  EXPECT_EQ(items().at(0).at("after_ai"), false) << "it was drawn before";
  EXPECT_EQ(added(max, box("mass")).at("after_ai"), true);
  EXPECT_EQ(marks_->revise(eva, "1.2.3.1", early, Json{{"comment", "sure"}})->at("after_ai"), true)
      << "revised, it may have been seen";
  blinded_.readers = {"max"};
  const auto told = marks_->list(max, "1.2.3.1");
  ASSERT_OK(told);
  ASSERT_EQ(told->at("items").size(), 1U);
  EXPECT_EQ(told->at("items").at(0).at("by"), "max") << "one's own stays";
  EXPECT_EQ(told->at("withheld"), 1);
  EXPECT_EQ(marks_->history(max, "1.2.3.1", early).error().code(), Code::not_found);
  EXPECT_EQ(marks_->revise(max, "1.2.3.1", early, Json{{"finding", "x"}}).error().code(), Code::not_found);
  EXPECT_EQ(marks_->marks_of(max, "1.2.3.1.1.1")->size(), 1U) << "nor by way of a dataset";
  EXPECT_EQ(marks_->list(eva, "1.2.3.1")->at("items").size(), 2U);
}

TEST_F(MarksTest, that_do_not_lie_in_an_image_are_refused_by_field) {
  store_image();
  const auto eva = clinician("eva");
  const auto why = [&](const Json& changes) {
    Json body = box("nodule");
    body.update(changes);
    const auto made = marks_->add(eva, "1.2.3.1", body);
    EXPECT_FALSE(made.ok()) << changes.dump();
    return made ? std::string{} : made.error().message();
  };
  EXPECT_EQ(why({{"box", {0, 0, 65, 10}}}).rfind("box:", 0), 0U) << "64 columns";
  EXPECT_EQ(why({{"box", {0, 0, 10, 49}}}).rfind("box:", 0), 0U) << "48 rows";
  EXPECT_EQ(why({{"box", {-1, 0, 10, 10}}}).rfind("box:", 0), 0U);
  EXPECT_EQ(why({{"box", {1, 1, 1.5, 9}}}).rfind("box:", 0), 0U);
  EXPECT_EQ(why({{"box", {1, 1, "a", 9}}}).rfind("box:", 0), 0U);
  EXPECT_EQ(why({{"runs", {1, 2}}}), "box and runs exclude each other");
  EXPECT_EQ(why({{"box", nullptr}, {"runs", {3071, 2}}}).rfind("runs:", 0), 0U) << "one pixel behind the last";
  EXPECT_EQ(why({{"box", nullptr}, {"runs", {5, 2, 7, 1}}}).rfind("runs:", 0), 0U) << "they touch";
  EXPECT_EQ(why({{"box", nullptr}, {"runs", {5, 0}}}).rfind("runs:", 0), 0U);
  EXPECT_EQ(why({{"box", nullptr}, {"runs", Json::array()}}).rfind("runs:", 0), 0U);
  EXPECT_EQ(why({{"finding", " "}}).rfind("finding:", 0), 0U);
  EXPECT_EQ(why({{"finding", std::string(65, 'x')}}).rfind("finding:", 0), 0U);
  EXPECT_EQ(why({{"frame", 2}}), "frame: from 1 to 1");
  EXPECT_EQ(why({{"instance", "9.9"}}), "there is no such image in this study");
  EXPECT_EQ(why({{"colour", "red"}}), "there is an unknown field in the body");
  EXPECT_EQ(marks_->add(eva, "1.2.3.9", box("x")).error().code(), Code::not_found);
  EXPECT_TRUE(items().empty());
}

TEST_F(MarksTest, are_drawn_by_clinicians_alone_and_the_trail_names_no_finding) {
  store_image();
  EXPECT_EQ(marks_->add(caller(), "1.2.3.1", box("nodule")).error().code(), Code::denied)
      << "who stores and deletes is no reader";
  EXPECT_EQ(marks_->add(caller({"feedback:write"}), "1.2.3.1", box("nodule")).error().code(), Code::denied);
  EXPECT_EQ(marks_->list(caller({"archive:write"}), "1.2.3.1").error().code(), Code::denied);
  EXPECT_EQ(marks_->list(caller({}), "9.9").error().code(), Code::denied);
  EXPECT_EQ(marks_->findings(caller({})).error().code(), Code::denied);
  EXPECT_EQ(marks_->marks_of(caller({}), "1.2.3.1.1.1").error().code(), Code::denied);
  const std::string id = added(clinician("eva"), box("nodule")).at("id");
  ASSERT_OK(marks_->withdraw(clinician("eva"), "1.2.3.1", id, "a slip"));
  std::vector<std::string> actions;
  for (const auto& event : node_.audit.events()) {
    if (event.event != "archive.mark") continue;
    actions.push_back(event.action);
    EXPECT_EQ(event.detail.find("nodule"), std::string::npos);
    EXPECT_NE(event.detail.find(id), std::string::npos);
    EXPECT_NE(event.entity_id, "1.2.3.1");
  }
  EXPECT_EQ(actions, (std::vector<std::string>{"C", "D"}));
}

}  // namespace
}  // namespace aceso::archive
