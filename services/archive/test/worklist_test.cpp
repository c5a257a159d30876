// The worklist and performed procedure steps: what is scheduled, who may see it, and how modalities end it.
#include "aceso/archive/worklist.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
using contracts::PerformedStep;
using contracts::StepState;

class WorklistTest : public ::testing::Test {
 protected:
  WorklistTest() { open(); }
  void open() {
    worklist_.reset();
    archive_.reset();
    auto archive = around_.open();
    EXPECT_OK(archive);
    archive_ = *std::move(archive);
    auto worklist = Worklist::open(around_.folder.path() / "worklist", {.clock = around_.clock,
                                                                        .random = around_.random,
                                                                        .logger = around_.logger,
                                                                        .archive = *archive_,
                                                                        .key = key_});
    ASSERT_OK(worklist);
    worklist_ = *std::move(worklist);
  }
  static Json order(const std::string& patient, const std::string& date, const std::string& modality = "CT") {
    return {{"patient_name", "Müller^Änne"},
            {"patient_id", patient},
            {"accession", "A-" + patient},
            {"modality", modality},
            {"date", date},
            {"time", "0930"},
            {"station_ae", modality + "1"},
            {"step_id", "S1"},
            {"study_uid", "1.2.77." + patient},
            {"procedure", "Thorax mit Kontrast"}};
  }
  static std::string text_in(const contracts::ObjectRow& row, std::uint32_t tag) {
    for (const auto& one : row) {
      if (one.tag == tag) return one.value.reveal(Reveal::to_test);
    }
    return "(absent)";
  }
  static PerformedStep begun(const std::string& uid, const std::string& study) {
    return {.sop_instance_uid = uid,
            .has_state = true,
            .study_uids = {study},
            .step_ids = {"S1"},
            .attributes = {{0x00100010, Phi<std::string>{"Müller^Änne"}}, {0x00080060, Phi<std::string>{"CT"}}}};
  }
  std::size_t offered(const contracts::WorklistQuery& query = {}) {
    const auto found = worklist_->scheduled(caller(), query);
    EXPECT_OK(found);
    return found ? found->size() : 0;
  }

  Surroundings around_;
  crypto::SecretKey key_ = crypto::SecretKey::generate(around_.random);
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Worklist> worklist_;
};

TEST_F(WorklistTest, what_is_scheduled_is_offered_to_its_station_and_survives_a_restart) {
  ASSERT_OK(worklist_->schedule(caller(), order("1", "20260131")));
  ASSERT_OK(worklist_->schedule(caller(), order("2", "20260115", "MR")));
  open();
  const auto all = worklist_->scheduled(caller(), {});
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(text_in(all->front().step, 0x00400002), "20260115") << "by date";
  EXPECT_EQ(text_in(all->back().attributes, 0x00100010), "Müller^Änne");
  EXPECT_EQ(text_in(all->back().attributes, 0x0020000D), "1.2.77.1");
  EXPECT_EQ(text_in(all->back().step, 0x00400009), "S1");
  EXPECT_EQ(offered({.station_ae = "MR1"}), 1U);
  EXPECT_EQ(offered({.modality = "CT"}), 1U);
  EXPECT_EQ(offered({.from_date = "20260116", .to_date = "20260131"}), 1U);
  EXPECT_EQ(offered({.from_date = "20260201"}), 0U);
}

TEST_F(WorklistTest, a_step_without_study_and_step_id_gets_them) {
  Json step = order("1", "20260131");
  step.erase("study_uid");
  step.erase("step_id");
  const auto made = worklist_->schedule(caller(), step);
  ASSERT_OK(made);
  EXPECT_TRUE(dicom::is_valid_uid(made->at("study_uid").get<std::string>()));
  EXPECT_EQ(made->at("step_id").get<std::string>().size(), 16U);
}

TEST_F(WorklistTest, wrong_fields_are_refused_by_name) {
  const auto why = [&](const char* field, const Json& value) {
    Json step = order("1", "20260131");
    step[field] = value;
    const auto made = worklist_->schedule(caller(), step);
    EXPECT_FALSE(made.ok()) << field;
    return made ? std::string{} : made.error().message();
  };
  EXPECT_NE(why("date", "2026-01-31").find("date:"), std::string::npos);
  EXPECT_NE(why("date", "20261331").find("date:"), std::string::npos);
  EXPECT_NE(why("time", "2500").find("time:"), std::string::npos);
  EXPECT_NE(why("sex", "female").find("sex:"), std::string::npos);
  EXPECT_NE(why("study_uid", "1..2").find("study_uid:"), std::string::npos);
  EXPECT_NE(why("station_ae", "a title of far too many letters").find("station_ae:"), std::string::npos);
  EXPECT_NE(why("patient_id", "a\\b").find("patient_id:"), std::string::npos);
  EXPECT_NE(why("patient_id", 7).find("patient_id:"), std::string::npos);
  EXPECT_NE(why("patient_id", "").find("patient_id is missing"), std::string::npos);
  EXPECT_NE(why("colour", "red").find("unknown field"), std::string::npos);
  EXPECT_EQ(offered(), 0U);
  EXPECT_EQ(worklist_->list(caller(), {.date = "2026"}).error().code(), Code::invalid);
  EXPECT_EQ(worklist_->list(caller(), {.state = "lost"}).error().code(), Code::invalid);
  ASSERT_OK(worklist_->schedule(caller(), order("1", "20260131")));
  EXPECT_EQ(worklist_->schedule(caller(), order("1", "20260131")).error().code(), Code::exists);
}

TEST_F(WorklistTest, a_modality_begins_and_completes_a_step) {
  ASSERT_OK(worklist_->schedule(caller(), order("1", "20260131")));
  ASSERT_OK(worklist_->schedule(caller(), order("2", "20260131")));
  std::vector<PerformedStep> ended;
  worklist_->on_ended([&](const PerformedStep& step) { ended.push_back(step); });
  ASSERT_OK(worklist_->create(caller(), begun("1.2.9.1", "1.2.77.1")));
  EXPECT_EQ(worklist_->create(caller(), begun("1.2.9.1", "1.2.77.1")).error().code(), Code::exists);
  EXPECT_EQ(worklist_->list(caller(), {.state = "started"})->at("total"), 1);
  EXPECT_EQ(offered(), 2U) << "a step that has begun is still offered";

  PerformedStep half{.sop_instance_uid = "1.2.9.1", .has_series = true, .series = {{"1.2.77.1.1", {"1.2.77.1.1.1"}}}};
  ASSERT_OK(worklist_->update(caller(), half));
  EXPECT_TRUE(ended.empty());
  PerformedStep whole{.sop_instance_uid = "1.2.9.1",
                      .state = StepState::completed,
                      .has_state = true,
                      .has_series = true,
                      .series = {{"1.2.77.1.1", {"1.2.77.1.1.1", "1.2.77.1.1.2"}}},
                      .attributes = {{0x00400250, Phi<std::string>{"20260131"}}}};
  ASSERT_OK(worklist_->update(caller(), whole));
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].study_uids, std::vector<std::string>{"1.2.77.1"});
  ASSERT_EQ(ended[0].series.size(), 1U);
  EXPECT_EQ(ended[0].series[0].sop_instance_uids.size(), 2U);
  EXPECT_EQ(worklist_->update(caller(), whole).error().code(), Code::precondition) << "it has ended";
  EXPECT_EQ(worklist_->update(caller(), begun("1.2.9.7", "1")).error().code(), Code::not_found);
  EXPECT_EQ(ended.size(), 1U);
  open();
  EXPECT_EQ(offered(), 1U) << "what was done is offered no more";
  EXPECT_EQ(worklist_->list(caller(), {.state = "completed"})->at("total"), 1);
  const auto performed = worklist_->performed(caller(), "", {});
  ASSERT_OK(performed);
  const Json& step = performed->at("items").at(0);
  EXPECT_EQ(step.at("state"), "completed");
  EXPECT_EQ(step.at("reporter"), "MODALITY");
  EXPECT_EQ(step.at("series").at(0).at("instances"), 2);
  EXPECT_EQ(step.at("patient_name"), "Müller^Änne") << "what the beginning said stays";
  EXPECT_EQ(step.at("end_date"), "20260131");
  EXPECT_EQ(step.at("series").at(0).at("here"), 0);
  EXPECT_EQ(step.at("study"), nullptr) << "nothing of it has come";
}

TEST_F(WorklistTest, a_performed_step_says_how_much_of_it_is_here_and_in_which_study) {
  ASSERT_OK(worklist_->schedule(caller(), order("1", "20260131")));
  ASSERT_OK(worklist_->create(caller(), begun("1.2.9.1", "1.2.77.1")));
  ASSERT_OK(worklist_->update(caller(), {.sop_instance_uid = "1.2.9.1",
                                         .state = StepState::completed,
                                         .has_state = true,
                                         .has_series = true,
                                         .series = {{"1.2.77.1.1", {"1.2.77.1.1.1", "1.2.77.1.1.2"}}}}));
  EXPECT_EQ(worklist_->list(caller(), {})->at("items").at(0).at("stored"), false);
  ObjectSpec spec;
  spec.study = "1.2.77.1";
  spec.series = "1.2.77.1.1";
  spec.instance = "1.2.77.1.1.2";
  ASSERT_OK(put(*archive_, make_file(spec)));
  const auto performed = worklist_->performed(caller(), "", {});
  ASSERT_OK(performed);
  const Json& step = performed->at("items").at(0);
  EXPECT_EQ(step.at("series").at(0).at("here"), 1);
  EXPECT_EQ(step.at("series").at(0).at("instances"), 2);
  EXPECT_EQ(step.at("study"), "1.2.77.1");
  EXPECT_EQ(worklist_->list(caller(), {})->at("items").at(0).at("stored"), true);
}

TEST_F(WorklistTest, performed_steps_are_filtered_and_paged_without_a_gap) {
  ManualClock clock;
  auto worklist = Worklist::open(
      around_.folder.path() / "timed",
      {.clock = clock, .random = around_.random, .logger = around_.logger, .archive = *archive_, .key = key_});
  ASSERT_OK(worklist);
  for (int i = 0; i < 7; ++i) {
    PerformedStep step = begun("1.2.9." + std::to_string(i), "1.2.77." + std::to_string(i));
    step.attributes = {{0x00080060, Phi<std::string>{i % 2 == 0 ? "CT" : "MR"}},
                       {0x00400241, Phi<std::string>{i < 3 ? "CT1" : "CT2"}},
                       {0x00400244, Phi<std::string>{"2026013" + std::to_string(i % 2)}}};
    ASSERT_OK((*worklist)->create(caller(), step));
    clock.advance(std::chrono::milliseconds{5});
  }
  ASSERT_OK(
      (*worklist)->update(caller(), {.sop_instance_uid = "1.2.9.6", .state = StepState::completed, .has_state = true}));
  // By UID, over pages of two.
  const auto all = [&](Worklist::Filter filter) {
    filter.limit = 2;
    std::string uids;
    std::string cursor;
    for (int page = 0; page < 10; ++page) {
      const auto found = (*worklist)->performed(caller(), cursor, filter);
      EXPECT_TRUE(found.ok());
      if (!found) break;
      EXPECT_LE(found->at("items").size(), 2U);
      for (const auto& one : found->at("items")) uids += one.at("uid").get<std::string>().substr(6);
      if (found->at("next").is_null()) return uids;
      cursor = found->at("next");
    }
    return uids + "without end";
  };
  EXPECT_EQ(all({}), "6543210") << "the newest first";
  EXPECT_EQ(all({.modality = "CT"}), "6420");
  EXPECT_EQ(all({.station_ae = "CT1"}), "210");
  EXPECT_EQ(all({.date = "20260131"}), "531");
  EXPECT_EQ(all({.state = "completed"}), "6");
  EXPECT_EQ(all({.modality = "CT", .state = "in_progress"}), "420");
  EXPECT_EQ(all({.modality = "XA"}), "");
  EXPECT_EQ((*worklist)->performed(caller(), "", {.date = "today"}).error().code(), Code::invalid);
  EXPECT_EQ((*worklist)->performed(caller(), "", {.state = "started"}).error().code(), Code::invalid);
}

TEST_F(WorklistTest, only_the_named_step_of_a_study_ends) {
  Json second = order("1", "20260131");
  second["step_id"] = "S2";
  ASSERT_OK(worklist_->schedule(caller(), order("1", "20260131")));
  ASSERT_OK(worklist_->schedule(caller(), second));
  ASSERT_OK(worklist_->create(caller(), begun("1.2.9.1", "1.2.77.1")));
  ASSERT_OK(worklist_->update(caller(),
                              {.sop_instance_uid = "1.2.9.1", .state = StepState::discontinued, .has_state = true}));
  EXPECT_EQ(offered(), 1U);
  EXPECT_EQ(worklist_->list(caller(), {.state = "discontinued"})->at("total"), 1);
}

TEST_F(WorklistTest, rights_count_and_every_access_is_on_the_trail_without_patients) {
  const auto reader = caller({"archive:read"}), writer = caller({"archive:write"});
  EXPECT_EQ(worklist_->schedule(reader, order("1", "20260131")).error().code(), Code::denied);
  EXPECT_EQ(worklist_->scheduled(writer, {}).error().code(), Code::denied);
  EXPECT_EQ(worklist_->list(writer, {}).error().code(), Code::denied);
  EXPECT_EQ(worklist_->create(reader, begun("1.2.9.1", "1")).error().code(), Code::denied);
  const auto made = worklist_->schedule(writer, order("1", "20260131"));
  ASSERT_OK(made);
  EXPECT_EQ(worklist_->remove(reader, made->at("id").get<std::string>()).error().code(), Code::denied);
  ASSERT_OK(worklist_->remove(writer, made->at("id").get<std::string>()));
  EXPECT_EQ(worklist_->remove(writer, made->at("id").get<std::string>()).error().code(), Code::not_found);
  ASSERT_OK(worklist_->scheduled(reader, {}));
  std::vector<std::string> events;
  for (const auto& event : around_.audit.events()) {
    events.push_back(event.event);
    EXPECT_EQ(event.detail.find("ller"), std::string::npos);
    EXPECT_NE(event.entity_id, "1.2.77.1");
  }
  EXPECT_EQ(events, (std::vector<std::string>{"archive.worklist_schedule", "archive.worklist_delete",
                                              "archive.worklist_query"}));
}

TEST_F(WorklistTest, another_key_opens_nothing) {
  ASSERT_OK(worklist_->schedule(caller(), order("1", "20260131")));
  worklist_.reset();
  const auto other =
      Worklist::open(around_.folder.path() / "worklist", {.clock = around_.clock,
                                                          .random = around_.random,
                                                          .logger = around_.logger,
                                                          .archive = *archive_,
                                                          .key = crypto::SecretKey::generate(around_.random)});
  EXPECT_FALSE(other.ok());
}

}  // namespace
}  // namespace aceso::archive
