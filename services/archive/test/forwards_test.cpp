// Complete series on their way to other archives: rules, retries, restarts, loops. Time stands until the test moves it.
#include "aceso/archive/forwards.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/tags.hpp"
#include "fixture.hpp"
#include "forward_rules.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

// Another archive, which may be away or choosy.
class OtherArchive final : public ObjectSender {
 public:
  Status check(std::string_view destination) const override {
    if (destination == "PACS" || destination == "BACKUP") return {};
    return Error{Code::invalid, "there is no such destination"};
  }
  Status send(std::string_view destination, std::span<const contracts::StoredObject> objects, const Open& open,
              const std::function<void(std::size_t, bool)>& done, const std::stop_token&) override {
    const std::lock_guard lock{mutex_};
    ++calls_;
    changed_.notify_all();
    if (away_) return Error{Code::unavailable, "nothing answers"};
    for (std::size_t i = 0; i < objects.size(); ++i) {
      const auto bytes = open(i);
      if (!bytes) return bytes.error();
      Bytes whole((*bytes)->object().bytes);
      ACESO_TRY_OK((*bytes)->read(0, whole));
      const bool taken = objects[i].sop_instance_uid != refused_;
      if (taken) kept_[std::string{destination}][objects[i].sop_instance_uid] = std::move(whole);
      done(i, taken);
    }
    return {};
  }
  void away(bool away) {
    const std::lock_guard lock{mutex_};
    away_ = away;
  }
  void refuse(std::string uid) {
    const std::lock_guard lock{mutex_};
    refused_ = std::move(uid);
  }
  std::map<std::string, Bytes> kept(const std::string& destination) {
    const std::lock_guard lock{mutex_};
    return kept_[destination];
  }
  bool called(int times) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::minutes{1}, [&] { return calls_ >= times; });
  }
  int calls() {
    const std::lock_guard lock{mutex_};
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool away_ = false;
  std::string refused_;
  int calls_ = 0;
  std::map<std::string, std::map<std::string, Bytes>> kept_;
};

class ForwardsTest : public ::testing::Test {
 protected:
  ForwardsTest() { options_.rules = R"([{"match": {"modality": "CT"}, "to": "PACS"}])"; }
  ~ForwardsTest() override { close(); }
  void open() {
    auto archive = Archive::create(folder_.path() / "archive",
                                   {.clock = clock_, .logger = logger_, .audit = audit_, .audit_key = key_}, {});
    ASSERT_OK(archive);
    archive_ = *std::move(archive);
    auto forwards = Forwards::create(folder_.path() / "forwards",
                                     {.clock = clock_,
                                      .random = random_,
                                      .logger = logger_,
                                      .archive = *archive_,
                                      .sender = other_,
                                      .key = key_,
                                      .deidentify_key = key_},
                                     options_);
    ASSERT_OK(forwards);
    forwards_ = *std::move(forwards);
    ASSERT_OK(forwards_->start());
  }
  void close() {
    forwards_.reset();
    archive_.reset();
  }
  void store(const ObjectSpec& spec, const std::string& from = "MODALITY") {
    clock_.advance(std::chrono::milliseconds{1});
    auto peer = caller();
    peer.calling_ae = from;
    ASSERT_OK(put(*archive_, make_file(spec), peer));
  }
  static ObjectSpec image(int number, const std::string& modality = "CT") {
    ObjectSpec spec;
    spec.modality = modality;
    spec.number = number;
    spec.series = "1.2.3.1." + std::string{modality == "CT" ? "1" : "2"};
    spec.instance = spec.series + "." + std::to_string(number);
    return spec;
  }
  // The list, once every entry of it is in a state.
  Json settled(const std::string& state, std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    Json items;
    while (std::chrono::steady_clock::now() < end) {
      items = forwards_->list(caller(), "", 100)->at("items");
      if (items.size() == count &&
          std::ranges::all_of(items, [&](const Json& one) { return one.at("state") == state; }))
        return items;
      std::this_thread::yield();
    }
    ADD_FAILURE() << items.dump(1);
    return items;
  }

  TempDir folder_ = *TempDir::create("aceso-forwards");
  ManualClock clock_;
  SilentSink silent_;
  Logger logger_{clock_, silent_};
  SeededRandom random_{7};
  contracts::testing::MemoryAuditSink audit_;
  crypto::SecretKey key_ = crypto::SecretKey::generate(random_);
  OtherArchive other_;
  ForwardingOptions options_;
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Forwards> forwards_;
};

TEST_F(ForwardsTest, a_complete_series_that_a_rule_matches_is_sent_byte_for_byte) {
  open();
  for (int i = 1; i <= 3; ++i) store(image(i));
  store(image(1, "MR"));
  EXPECT_EQ(other_.calls(), 0) << "not before it is quiet";
  clock_.advance(options_.quiet);
  const auto items = settled("sent", 1);
  EXPECT_EQ(items.at(0).at("objects"), 3);
  EXPECT_EQ(items.at(0).at("sent"), 3);
  const auto kept = other_.kept("PACS");
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept.at("1.2.3.1.1.2"), make_file(image(2)));
}

TEST_F(ForwardsTest, what_comes_later_is_sent_alone) {
  open();
  store(image(1));
  clock_.advance(options_.quiet);
  settled("sent", 1);
  store(image(2));
  clock_.advance(options_.quiet);
  const auto items = settled("sent", 2);
  EXPECT_EQ(items.at(0).at("objects"), 1);
  EXPECT_EQ(other_.kept("PACS").size(), 2U);
}

TEST_F(ForwardsTest, a_destination_that_is_away_gets_it_when_it_is_back_also_after_a_restart) {
  open();
  other_.away(true);
  store(image(1));
  clock_.advance(options_.quiet);
  ASSERT_TRUE(other_.called(1));
  close();
  other_.away(false);
  open();
  clock_.advance(std::chrono::minutes{10});
  settled("sent", 1);
  EXPECT_EQ(other_.kept("PACS").size(), 1U);
}

TEST_F(ForwardsTest, what_was_stored_before_a_crash_and_not_settled_is_found) {
  open();
  store(image(1));
  close();  // before the series was quiet
  open();
  clock_.advance(options_.quiet);
  settled("sent", 1);
}

TEST_F(ForwardsTest, what_a_destination_refuses_is_counted) {
  open();
  other_.refuse("1.2.3.1.1.2");
  for (int i = 1; i <= 3; ++i) store(image(i));
  clock_.advance(options_.quiet);
  const auto items = settled("failed", 1);
  EXPECT_EQ(items.at(0).at("sent"), 2);
  EXPECT_NE(items.at(0).at("reason"), "");
}

TEST_F(ForwardsTest, what_came_from_the_destination_does_not_go_back) {
  open();
  store(image(1), "PACS");
  store(image(1, "MR"));
  clock_.advance(options_.quiet);
  store(image(2, "CT"));  // another series' turn shows that the first one was looked at
  clock_.advance(options_.quiet);
  EXPECT_EQ(forwards_->list(caller(), "", 10)->at("items").size(), 0U);
  EXPECT_EQ(other_.calls(), 0);
}

TEST_F(ForwardsTest, a_study_is_sent_by_hand_to_a_known_destination_by_whom_may) {
  options_.rules = "[]";
  open();
  store(image(1));
  store(image(1, "MR"));
  EXPECT_EQ(forwards_->send(caller({"archive:read"}), "1.2.3.1", "BACKUP").error().code(), Code::denied);
  EXPECT_EQ(forwards_->send(caller(), "1.2.3.1", "ELSEWHERE").error().code(), Code::invalid);
  EXPECT_EQ(forwards_->send(caller(), "1.2.3.9", "BACKUP").error().code(), Code::not_found);
  ASSERT_OK(forwards_->send(caller(), "1.2.3.1", "BACKUP"));
  settled("sent", 2);
  EXPECT_EQ(other_.kept("BACKUP").size(), 2U);
  EXPECT_EQ(forwards_->list(caller({}), "", 10).error().code(), Code::denied);
}

TEST_F(ForwardsTest, a_rule_changes_what_goes_out_and_nothing_of_what_is_kept) {
  options_.rules = R"([{"match": {"modality": "CT"}, "to": "PACS",
                        "change": {"set": {"PatientID": "HOSP2-77"}, "remove": ["AccessionNumber"]}}])";
  open();
  store(image(1));
  clock_.advance(options_.quiet);
  settled("sent", 1);
  const auto kept = other_.kept("PACS");
  ASSERT_TRUE(kept.contains("1.2.3.1.1.1")) << "coerced attributes make no other instance";
  const auto sent = dicom::parse(kept.at("1.2.3.1.1.1"));
  ASSERT_OK(sent);
  EXPECT_EQ(sent->dataset.text_or(dicom::tags::kPatientID), "HOSP2-77");
  EXPECT_FALSE(sent->dataset.contains(dicom::tags::kAccessionNumber));
  EXPECT_EQ(*get(*archive_, "1.2.3.1.1.1"), make_file(image(1)));
}

TEST_F(ForwardsTest, a_change_that_makes_another_instance_gives_it_other_uids_each_time_the_same) {
  options_.rules =
      R"([{"match": {"modality": "CT"}, "to": "PACS", "change": {"set": {"SeriesDescription": "for HOSP2"}}}])";
  open();
  store(image(1));
  clock_.advance(options_.quiet);
  settled("sent", 1);
  const auto first = other_.kept("PACS");
  ASSERT_EQ(first.size(), 1U);
  EXPECT_NE(first.begin()->first, "1.2.3.1.1.1");
  const auto sent = dicom::parse(first.begin()->second);
  ASSERT_OK(sent);
  EXPECT_EQ(sent->sop_instance(), first.begin()->first);
  EXPECT_EQ(sent->dataset.text_or(dicom::tags::kStudyInstanceUID), "1.2.3.1") << "it stays in its study";
  store(image(2));
  other_.away(true);
  clock_.advance(options_.quiet);
  ASSERT_TRUE(other_.called(2));
  close();
  other_.away(false);
  open();
  clock_.advance(std::chrono::minutes{10});
  settled("sent", 2);
  const auto all = other_.kept("PACS");
  EXPECT_EQ(all.size(), 2U);
  EXPECT_EQ(all.at(first.begin()->first), first.begin()->second);
}

TEST_F(ForwardsTest, a_series_with_as_many_objects_as_announced_is_not_waited_for) {
  options_.rules = R"([{"match": {"modality": "CT"}, "to": "PACS", "expect": 3}])";
  open();
  for (int i = 1; i <= 3; ++i) store(image(i));  // the clock moves three milliseconds
  EXPECT_EQ(settled("sent", 1).at(0).at("objects"), 3);
}

contracts::PerformedStep step_of_series(std::vector<std::string> instances) {
  contracts::PerformedStep step;
  step.sop_instance_uid = "1.2.3.8";
  step.state = contracts::StepState::completed;
  step.study_uids = {"1.2.3.1"};
  step.series.push_back({"1.2.3.1.1", std::move(instances)});
  return step;
}

TEST_F(ForwardsTest, a_series_that_the_modality_ended_is_sent_when_all_it_named_are_here) {
  open();
  store(image(1));
  store(image(2));
  forwards_->step_ended(step_of_series({"1.2.3.1.1.1", "1.2.3.1.1.2", "1.2.3.1.1.3"}));
  EXPECT_EQ(other_.calls(), 0) << "one is missing, and nothing was quiet";
  store(image(3));
  const auto items = settled("sent", 1);  // time stands still
  EXPECT_EQ(items.at(0).at("objects"), 3);
  EXPECT_EQ(other_.kept("PACS").size(), 3U);
}

TEST_F(ForwardsTest, a_step_that_ends_after_its_objects_came_sends_them_at_once_and_only_once) {
  open();
  store(image(1));
  forwards_->step_ended(step_of_series({"1.2.3.1.1.1"}));
  settled("sent", 1);
  forwards_->step_ended(step_of_series({"1.2.3.1.1.1"}));
  store(image(1, "MR"));
  clock_.advance(options_.quiet);
  settled("sent", 1);
  EXPECT_EQ(other_.calls(), 1);
}

TEST_F(ForwardsTest, an_attribute_of_the_objects_may_announce_how_many_there_are) {
  open();
  for (int i = 1; i <= 2; ++i) {
    clock_.advance(std::chrono::milliseconds{1});
    auto data = make_data_set(image(i));
    data.set_text(dicom::tags::kNumberOfSeriesRelatedInstances, dicom::Vr::is, "2");
    ASSERT_OK(put(*archive_, *dicom::write_part10(data, dicom::kExplicitLittle)));
  }
  EXPECT_EQ(settled("sent", 1).at(0).at("objects"), 2);
  store(image(3));  // more than announced: quiet decides again
  clock_.advance(options_.quiet);
  settled("sent", 2);
}

std::size_t times_in(const Bytes& bytes, std::string_view what) {
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST_F(ForwardsTest, a_destination_that_gets_no_identities_gets_none_and_one_patient_stays_one) {
  options_.rules = R"([{"match": {"modality": ["CT", "MR"]}, "to": "PACS", "name": "research",
                        "deidentify": {"options": ["retain-modified-dates", "clean-descriptors"]}}])";
  open();
  for (int i = 1; i <= 2; ++i) {
    ObjectSpec spec = image(i);
    spec.patient_id = "MRN-4711";
    spec.patient_name = "Quagmirez^Zebulon";
    spec.accession = "ACC-0815";
    spec.description = "Chest of Quagmirez";
    store(spec);
  }
  ObjectSpec other = image(1, "MR");
  other.patient_id = "MRN-4711";
  other.patient_name = "Quagmirez^Zebulon";
  store(other);
  clock_.advance(options_.quiet);
  const auto items = settled("sent", 2);
  for (const auto& item : items) {
    EXPECT_EQ(item.at("deidentified"), true);
    EXPECT_EQ(item.at("refused"), 0);
  }
  const auto kept = other_.kept("PACS");
  ASSERT_EQ(kept.size(), 3U);
  std::set<std::string> patients, studies, dates;
  for (const auto& [uid, bytes] : kept) {
    for (const char* identity : {"MRN-4711", "Quagmirez", "Zebulon", "ACC-0815", "1.2.3.1", "20240131"})
      EXPECT_EQ(times_in(bytes, identity), 0U) << identity;
    const auto object = dicom::parse(bytes);
    ASSERT_OK(object);
    EXPECT_EQ(object->sop_instance(), uid);
    EXPECT_EQ(object->dataset.text_or(dicom::tags::kPatientIdentityRemoved), "YES");
    patients.insert(object->dataset.text_or(dicom::tags::kPatientID));
    studies.insert(object->dataset.text_or(dicom::tags::kStudyInstanceUID));
    dates.insert(object->dataset.text_or(dicom::tags::kStudyDate));
  }
  EXPECT_EQ(patients.size(), 1U);
  EXPECT_EQ(studies.size(), 1U);
  EXPECT_EQ(dates.size(), 1U);
  EXPECT_EQ(*get(*archive_, "1.2.3.1.2.1"), make_file(other)) << "what is kept stays as it came";
  const auto manifest = forwards_->manifest(caller(), items.at(0).at("id").get<std::string>());
  ASSERT_OK(manifest);
  EXPECT_NE(manifest->find(kept.begin()->first.substr(0, 5)), std::string::npos);
  EXPECT_EQ(manifest->find("Quagmirez"), std::string::npos);
  EXPECT_CODE(forwards_->manifest(caller({}), items.at(0).at("id").get<std::string>()), Code::denied);
  EXPECT_CODE(forwards_->manifest(caller(), "../forwards"), Code::not_found);
  // By hand the same way goes nothing else.
  ASSERT_OK(forwards_->send(caller(), "1.2.3.1", "PACS"));
  settled("sent", 4);
  EXPECT_EQ(other_.kept("PACS").size(), 3U);
}

TEST_F(ForwardsTest, what_cannot_be_made_free_of_identities_is_never_sent_and_the_list_says_why) {
  options_.rules = R"([{"match": {"modality": "CT"}, "to": "PACS", "deidentify": {}}])";
  open();
  store(image(1));
  ObjectSpec capture = image(2);
  capture.sop_class = "1.2.840.10008.5.1.4.1.1.7";
  store(capture);
  clock_.advance(options_.quiet);
  const auto items = settled("failed", 1);
  EXPECT_EQ(items.at(0).at("sent"), 1);
  EXPECT_EQ(items.at(0).at("refused"), 1);
  EXPECT_NE(items.at(0).at("reason").get<std::string>().find("burned-in text"), std::string::npos) << items.dump();
  EXPECT_EQ(other_.kept("PACS").size(), 1U);
}

TEST_F(ForwardsTest, a_rule_with_the_text_detector_sends_captures_without_their_text) {
  options_.rules = R"([{"match": {"modality": "CT"}, "to": "PACS", "deidentify": {"detect_text": "suspicious"}}])";
  open();
  ObjectSpec capture = image(1);
  capture.sop_class = "1.2.840.10008.5.1.4.1.1.7";
  store(capture);
  clock_.advance(options_.quiet);
  settled("sent", 1);
  const auto kept = other_.kept("PACS");
  ASSERT_EQ(kept.size(), 1U);
  const auto sent = dicom::parse(kept.begin()->second);
  ASSERT_OK(sent);
  EXPECT_FALSE(sent->dataset.contains(dicom::tags::kBurnedInAnnotation)) << "nothing was found, nothing is promised";
}

TEST(ForwardRules, one_destination_does_not_get_identities_by_one_rule_and_none_by_another) {
  const auto bad = [](const char* rules) { return parse_forward_rules(rules); };
  EXPECT_CODE(bad(R"([{"to": "PACS", "deidentify": {}}, {"to": "PACS", "match": {"modality": "CT"}}])"), Code::invalid);
  EXPECT_CODE(bad(R"([{"to": "PACS", "deidentify": {}, "change": {"remove": ["private"]}}])"), Code::invalid);
  EXPECT_CODE(bad(R"([{"to": "PACS", "deidentify": {"options": ["retain-everything"]}}])"), Code::invalid);
  EXPECT_CODE(bad(R"([{"to": "PACS", "deidentify": {"detect_text": true}}])"), Code::invalid);
  EXPECT_CODE(bad(R"([{"to": "PACS", "deidentify": {"key": "x"}}])"), Code::invalid);
  const auto good = bad(R"([{"to": "PACS", "deidentify": {"options": ["clean-descriptors"], "pixel_rules":
      [{"match": {"Modality": "US"}, "blank": [[0, 0, 9, 9]]}]}}])");
  ASSERT_OK(good);
  EXPECT_TRUE(good->front().deidentify->clean_pixel_data);
  EXPECT_EQ(good->front().deidentify->pixel_rules.size(), 1U);
}

TEST(ForwardRules, wrong_rules_are_refused_by_their_number) {
  const auto why = [](std::string_view json) {
    const auto rules = parse_forward_rules(json);
    EXPECT_FALSE(rules.ok()) << json;
    return rules ? std::string{} : rules.error().message();
  };
  EXPECT_NE(why(R"({"to": "PACS"})").find("list"), std::string::npos);
  EXPECT_NE(why(R"([{"to": "PACS"}, {"match": {"modality": "CT"}}])").find("rule 2: to"), std::string::npos);
  EXPECT_NE(why(R"([{"to": "PACS", "match": {"modalty": "CT"}}])").find("rule 1: "), std::string::npos);
  EXPECT_NE(why(R"([{"to": "PACS", "model": "x"}])").find("model"), std::string::npos);
  EXPECT_NE(why(R"([{"to": "PACS", "change": {"set": {"NoSuch": "1"}}}])").find("rule 1: there is no"),
            std::string::npos);
  EXPECT_NE(why(R"([{"to": "PACS", "expect": 0}])").find("expect"), std::string::npos);
  EXPECT_NE(why(R"([{"to": "PACS", "expect": "NoSuch"}])").find("expect"), std::string::npos);
  const auto good = parse_forward_rules(R"([{"to": "PACS"}, {"to": "PACS", "match": {"modality": ["CT", "MR"]}}])");
  ASSERT_OK(good);
  EXPECT_EQ(good->at(1).match.modalities.size(), 2U);
  EXPECT_NE(good->at(0).match.name, good->at(1).match.name);
}

}  // namespace
}  // namespace aceso::archive
