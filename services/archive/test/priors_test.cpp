// Earlier studies fetched before an appointment: when, which, whose, and what becomes of them. Time stands until the
// test moves it.
#include "aceso/archive/priors.hpp"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
using contracts::ObjectQuery;

// An object of another archive: its data set, and what the archive's index says of its patient.
struct RemoteObject {
  ObjectSpec spec = {};
  std::string issuer = {}, birth_date = {}, body_part = {};
  std::string told_name = {};  // by the index, "": as the object says

  dicom::Dataset data_set() const {
    auto out = make_data_set(spec);
    if (!issuer.empty()) out.set_text(dicom::tags::kIssuerOfPatientID, issuer);
    if (!birth_date.empty()) out.set_text(dicom::tags::kPatientBirthDate, birth_date);
    return out;
  }
  Bytes bytes() const { return *dicom::write_dataset(data_set(), dicom::kExplicitLittle); }
};

class RemoteArchive final : public PriorSource {
 public:
  Status check(std::string_view source, bool) const override {
    if (source == "PACS" || source == "OLD") return {};
    return Error{Code::invalid, "there is no such source"};
  }
  Status find(std::string_view source, const ObjectQuery& query,
              const std::function<bool(const contracts::ObjectRow&)>& match, const std::stop_token&) override {
    std::map<std::string, contracts::ObjectRow> rows;
    {
      const std::lock_guard lock{mutex_};
      ++queries_;
      if (away_) return Error{Code::unavailable, "nothing answers"};
      for (const auto& one : kept_[std::string{source}]) {
        if (!matches(query, one)) continue;
        const auto& spec = one.spec;
        const std::string uid = query.level == contracts::QueryLevel::study    ? spec.study
                                : query.level == contracts::QueryLevel::series ? spec.series
                                                                               : spec.instance;
        contracts::ObjectRow row;
        const auto add = [&](std::uint32_t tag, const std::string& value) {
          row.push_back({tag, Phi<std::string>{value}});
        };
        add(0x00080016, spec.sop_class);
        add(0x00080018, spec.instance);
        add(0x00080020, spec.study_date);
        add(0x00080061, spec.modality);
        add(0x00081030, spec.description);
        add(0x00100010, one.told_name.empty() ? spec.patient_name : one.told_name);
        add(0x00100020, spec.patient_id);
        add(0x00100021, one.issuer);
        add(0x00100030, one.birth_date);
        add(0x00180015, one.body_part);
        add(0x0020000D, spec.study);
        add(0x0020000E, spec.series);
        rows.emplace(uid, std::move(row));
      }
    }
    for (const auto& [uid, row] : rows) {
      if (!match(row)) break;
    }
    return {};
  }
  Status get(std::string_view source, const ObjectQuery& keys, std::span<const std::string> sop_classes,
             contracts::ObjectSink& sink, const contracts::ObjectPeer& as, const std::stop_token&) override {
    EXPECT_FALSE(sop_classes.empty());
    EXPECT_EQ(as.calling_ae, source);
    for (const auto& one : named(source, keys)) {
      ACESO_TRY_OK(may_give(one));
      auto writer = sink.begin_data_set(as, {.sop_class_uid = one.spec.sop_class,
                                             .sop_instance_uid = one.spec.instance,
                                             .transfer_syntax_uid = "1.2.840.10008.1.2.1"});
      if (!writer) continue;  // the peer counts it as failed
      const auto bytes = one.bytes();
      if (!(*writer)->write(bytes).ok()) continue;
      (void)(*writer)->commit();
    }
    return {};
  }
  Status move(std::string_view source, const ObjectQuery& keys, const std::stop_token&) override {
    for (const auto& one : named(source, keys)) {
      ACESO_TRY_OK(may_give(one));
      if (here_ == nullptr) continue;
      EXPECT_OK(put(*here_, *dicom::write_part10(one.data_set(), dicom::kExplicitLittle)));
    }
    return {};
  }

  void keep(RemoteObject object, const std::string& source = "PACS") {
    const std::lock_guard lock{mutex_};
    kept_[source].push_back(std::move(object));
  }
  void away(bool away) {
    const std::lock_guard lock{mutex_};
    away_ = away;
  }
  void break_after(int objects) {
    const std::lock_guard lock{mutex_};
    left_ = objects;
  }
  void send_to(Archive* archive) { here_ = archive; }
  std::vector<std::string> given() {
    const std::lock_guard lock{mutex_};
    return given_;
  }
  int queries() {
    const std::lock_guard lock{mutex_};
    return queries_;
  }

 private:
  static bool matches(const ObjectQuery& query, const RemoteObject& one) {
    return std::ranges::all_of(query.keys, [&](const contracts::QueryKey& key) {
      const auto& value = key.value.reveal(Reveal::to_test);
      if (value.empty()) return true;
      if (key.tag == 0x00100020) return value == one.spec.patient_id;
      if (key.tag == 0x0020000D) return value == one.spec.study;
      if (key.tag == 0x0020000E) return value == one.spec.series;
      return key.tag != 0x00080018 || ("\\" + value + "\\").find("\\" + one.spec.instance + "\\") != std::string::npos;
    });
  }
  std::vector<RemoteObject> named(std::string_view source, const ObjectQuery& keys) {
    const std::lock_guard lock{mutex_};
    std::vector<RemoteObject> out;
    std::ranges::copy_if(kept_[std::string{source}], std::back_inserter(out),
                         [&](const auto& one) { return matches(keys, one); });
    return out;
  }
  Status may_give(const RemoteObject& one) {
    const std::lock_guard lock{mutex_};
    if (left_ == 0) return Error{Code::unavailable, "the connection broke"};
    if (left_ > 0) --left_;
    given_.push_back(one.spec.instance);
    return {};
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<RemoteObject>> kept_;
  std::vector<std::string> given_;
  bool away_ = false;
  int left_ = -1;
  int queries_ = 0;
  Archive* here_ = nullptr;
};

class LinesSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock{mutex};
    text += line;
  }
  std::mutex mutex;
  std::string text;
};

// The clock on the wall says 2023-11-14 22:13:20 at the beginning; the appointment is at 9 on the 16th.
class PriorsTest : public ::testing::Test {
 protected:
  PriorsTest() { options_.rules = R"([{"from": "PACS"}])"; }
  ~PriorsTest() override { close(); }
  void open() {
    auto archive = Archive::create(folder_.path() / "archive",
                                   {.clock = clock_, .logger = logger_, .audit = audit_, .audit_key = key_}, {});
    ASSERT_OK(archive);
    archive_ = *std::move(archive);
    remote_.send_to(archive_.get());
    auto worklist =
        Worklist::open(folder_.path() / "worklist",
                       {.clock = clock_, .random = random_, .logger = logger_, .archive = *archive_, .key = key_});
    ASSERT_OK(worklist);
    worklist_ = *std::move(worklist);
    auto priors = Priors::create(folder_.path() / "priors",
                                 {.clock = clock_,
                                  .random = random_,
                                  .logger = logger_,
                                  .archive = *archive_,
                                  .worklist = *worklist_,
                                  .source = remote_,
                                  .key = key_},
                                 options_);
    ASSERT_OK(priors);
    priors_ = *std::move(priors);
    ASSERT_OK(priors_->start());
  }
  void close() {
    priors_.reset();
    worklist_.reset();
    archive_.reset();
  }
  static Json appointment() {
    return {{"patient_name", "Müller^Änne"},
            {"patient_id", "P7"},
            {"birth_date", "19620304"},
            {"modality", "CT"},
            {"date", "20231116"},
            {"time", "0900"},
            {"procedure", "CT Thorax"},
            {"study_uid", "1.2.99.1"}};
  }
  std::string schedule(const Json& step = appointment()) {
    const auto made = worklist_->schedule(caller(), step);
    EXPECT_OK(made);
    return made ? made->at("id").get<std::string>() : std::string{};
  }
  // Object `number` of study 1.2.50.<study> of the patient of the appointment.
  static RemoteObject prior(int study, int number, const std::string& date = "20230101") {
    RemoteObject out;
    out.spec.study = "1.2.50." + std::to_string(study);
    out.spec.series = out.spec.study + ".1";
    out.spec.instance = out.spec.series + "." + std::to_string(number);
    out.spec.patient_id = "P7";
    out.spec.patient_name = "MUELLER^AENNE";
    out.spec.study_date = date;
    out.spec.number = number;
    out.birth_date = "19620304";
    return out;
  }
  // How it stands, once it is in that state.
  Json settled(const std::string& step, const std::string& state) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    Json now;
    while (std::chrono::steady_clock::now() < end) {
      const auto found = priors_->show(caller(), step);
      if (!found) break;
      now = *found;
      if (now.at("state") == state) return now;
      std::this_thread::yield();
    }
    ADD_FAILURE() << "not " << state << ": " << now.dump(1);
    return now;
  }
  void wait_for_reason(const std::string& step) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    while (std::chrono::steady_clock::now() < end && priors_->show(caller(), step)->at("reason") == "")
      std::this_thread::yield();
  }
  bool is_here(const std::string& instance) { return get(*archive_, instance).ok(); }

  TempDir folder_ = *TempDir::create("aceso-priors");
  ManualClock clock_;
  LinesSink lines_;
  Logger logger_{clock_, lines_};
  SeededRandom random_{7};
  contracts::testing::MemoryAuditSink audit_;
  crypto::SecretKey key_ = crypto::SecretKey::generate(random_);
  RemoteArchive remote_;
  PriorsOptions options_;
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Worklist> worklist_;
  std::unique_ptr<Priors> priors_;
};

TEST_F(PriorsTest, come_a_day_before_the_appointment_byte_for_byte) {
  for (int i = 1; i <= 3; ++i) remote_.keep(prior(1, i));
  open();
  const auto step = schedule();
  const Json before = settled(step, "waiting");
  EXPECT_EQ(before.at("due"), "2023-11-15T09:00");
  clock_.advance(std::chrono::hours{10});
  EXPECT_EQ(remote_.queries(), 0) << "46 minutes before it is due";
  clock_.advance(std::chrono::minutes{47});
  const Json after = settled(step, "fetched");
  EXPECT_EQ(after.at("known"), 1);
  EXPECT_EQ(after.at("here"), 1);
  EXPECT_EQ(after.at("studies").at(0).at("objects"), 3);
  EXPECT_EQ(after.at("studies").at(0).at("here"), 3);
  const auto file = get(*archive_, "1.2.50.1.1.2");
  ASSERT_OK(file);
  const auto sent = prior(1, 2).bytes();
  ASSERT_GT(file->size(), sent.size());
  EXPECT_TRUE(std::equal(sent.begin(), sent.end(), file->end() - static_cast<std::ptrdiff_t>(sent.size())));
  const auto listed = worklist_->list(caller(), {});
  ASSERT_OK(listed);
  EXPECT_EQ(listed->at("items").at(0).at("priors").at("state"), "fetched") << "in the list of steps too";
}

TEST_F(PriorsTest, of_another_person_with_the_same_id_are_not_fetched) {
  remote_.keep(prior(1, 1));
  auto name = prior(2, 1);
  name.spec.patient_name = "Meier^Otto";
  auto birth = prior(3, 1);
  birth.birth_date = "19700101";
  auto bare = prior(4, 1);
  bare.spec.patient_name = "";
  bare.birth_date = "";
  auto number = prior(5, 1);
  number.spec.patient_id = "P71";
  for (const auto& one : {name, birth, bare, number}) remote_.keep(one);
  Json step = appointment();
  step["issuer"] = "HOSP-A";
  auto issuer = prior(6, 1);
  issuer.issuer = "HOSP-B";
  remote_.keep(issuer);
  open();
  const auto id = schedule(step);
  clock_.advance(std::chrono::hours{12});
  const Json found = settled(id, "fetched");
  EXPECT_EQ(found.at("known"), 1);
  EXPECT_EQ(found.at("not_theirs"), 4);
  EXPECT_EQ(remote_.given(), std::vector<std::string>{"1.2.50.1.1.1"}) << "nothing else left the source";
  std::map<std::string, Json> why;
  for (const auto& study : found.at("studies")) why[study.at("study")] = study;
  EXPECT_EQ(why.at("1.2.50.2").at("disagreeing"), Json({"name"}));
  EXPECT_EQ(why.at("1.2.50.3").at("disagreeing"), Json({"birth_date"}));
  EXPECT_EQ(why.at("1.2.50.4").at("unconfirmed"), true);
  EXPECT_EQ(why.at("1.2.50.6").at("disagreeing"), Json({"issuer"}));
  EXPECT_FALSE(why.contains("1.2.50.5")) << "another ID is not looked at";
}

TEST_F(PriorsTest, objects_that_name_somebody_else_than_the_sources_index_are_not_kept) {
  for (int i = 1; i <= 3; ++i) {
    auto wrong = prior(2, i);
    wrong.spec.patient_name = "Meier^Otto";
    wrong.told_name = "MUELLER^AENNE";
    remote_.keep(wrong);
  }
  remote_.keep(prior(1, 1));
  open();
  const auto id = schedule();
  clock_.advance(std::chrono::hours{12});
  const Json found = settled(id, "fetched");
  EXPECT_EQ(found.at("known"), 1);
  EXPECT_EQ(found.at("here"), 1);
  EXPECT_EQ(found.at("not_theirs"), 1);
  EXPECT_TRUE(is_here("1.2.50.1.1.1"));
  for (int i = 1; i <= 3; ++i) EXPECT_FALSE(is_here("1.2.50.2.1." + std::to_string(i)));
}

TEST_F(PriorsTest, that_are_moved_here_are_looked_at_after_the_first_object) {
  options_.rules = R"([{"from": "PACS", "by": "move"}])";
  for (int i = 1; i <= 3; ++i) {
    auto wrong = prior(2, i);
    wrong.spec.patient_name = "Meier^Otto";
    wrong.told_name = "MUELLER^AENNE";
    remote_.keep(wrong);
    remote_.keep(prior(1, i));
  }
  open();
  const auto id = schedule();
  clock_.advance(std::chrono::hours{12});
  const Json found = settled(id, "fetched");
  EXPECT_EQ(found.at("not_theirs"), 1);
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(is_here("1.2.50.1.1." + std::to_string(i)));
  EXPECT_EQ(std::ranges::count_if(remote_.given(), [](const auto& uid) { return uid.starts_with("1.2.50.2."); }), 1);
}

TEST_F(PriorsTest, are_the_newest_that_are_relevant_and_not_too_old) {
  options_.rules =
      R"([{"match": {"modality": "MR"}, "from": "OLD"},
          {"match": {"description": "*thorax*"}, "from": ["PACS", "OLD"], "hours_before": 48,
           "fetch": {"modality": ["CT", "CR"], "description": "!*topogram*", "body_part": "CHEST", "max_studies": 3,
                     "max_years": 5}}])";
  auto of = [&](int study, const std::string& date, const std::string& modality = "CT", const std::string& part = "",
                const std::string& description = "Chest", const std::string& source = "PACS") {
    auto one = prior(study, 1, date);
    one.spec.modality = modality;
    one.spec.description = description;
    one.body_part = part;
    remote_.keep(one, source);
  };
  of(1, "20231001");                 // does not say a body part
  of(2, "20230901", "CT", "CHEST");  //
  of(3, "20230801", "CT", "HEAD");   // another part
  of(4, "20230701", "MR", "CHEST");  // another modality
  of(5, "20230601", "CT", "CHEST", "Topogram only");
  of(6, "20230501", "CR", "CHEST", "Chest", "OLD");
  of(6, "20230501", "CR", "CHEST");  // in both archives: once
  of(7, "20230401", "CT", "CHEST");  // one too many
  of(8, "20181115", "CT", "CHEST");  // a day too old
  of(9, "20240101", "CT", "CHEST");  // after the appointment
  open();
  const auto id = schedule();
  clock_.advance(std::chrono::minutes{1});
  const Json found = settled(id, "fetched");  // due 48 hours before: at once
  std::vector<std::string> studies;
  for (const auto& one : found.at("studies")) studies.push_back(one.at("study"));
  EXPECT_EQ(studies, (std::vector<std::string>{"1.2.50.1", "1.2.50.2", "1.2.50.6"}));
  EXPECT_EQ(remote_.given().size(), 3U);
  Json ultrasound = appointment();
  ultrasound["modality"] = "US";
  ultrasound["procedure"] = "Abdomen";
  ultrasound["accession"] = "2";
  const auto other = schedule(ultrasound);
  EXPECT_EQ(priors_->show(caller(), other)->at("state"), "no_rule");
  EXPECT_EQ(priors_->fetch(caller(), other).error().code(), Code::precondition);
}

TEST_F(PriorsTest, that_are_here_are_not_fetched_again) {
  for (int i = 1; i <= 4; ++i) remote_.keep(prior(1, i));
  open();
  for (int i = 1; i <= 2; ++i) {
    const auto file = *dicom::write_part10(prior(1, i).data_set(), dicom::kExplicitLittle);
    ASSERT_OK(put(*archive_, file));
  }
  const auto id = schedule();
  clock_.advance(std::chrono::hours{12});
  settled(id, "fetched");
  EXPECT_EQ(remote_.given(), (std::vector<std::string>{"1.2.50.1.1.3", "1.2.50.1.1.4"}));
  const auto asked = remote_.queries();
  ASSERT_OK(priors_->fetch(caller(), id));
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (remote_.queries() == asked && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  settled(id, "fetched");
  EXPECT_EQ(remote_.given().size(), 2U) << "asked for by hand, nothing is fetched twice";
}

TEST_F(PriorsTest, go_on_where_the_connection_broke_also_after_a_restart) {
  for (int i = 1; i <= 5; ++i) remote_.keep(prior(1, i));
  remote_.break_after(2);
  open();
  const auto id = schedule();
  clock_.advance(std::chrono::hours{12});
  wait_for_reason(id);
  const Json broken = *priors_->show(caller(), id);
  EXPECT_NE(broken.at("reason").get<std::string>().find("the connection broke"), std::string::npos) << broken.dump(1);
  EXPECT_EQ(broken.at("studies").at(0).at("here"), 2);
  EXPECT_EQ(broken.at("studies").at(0).at("objects"), 5);
  close();
  remote_.break_after(-1);
  open();
  clock_.advance(std::chrono::minutes{10});
  const Json whole = settled(id, "fetched");
  EXPECT_EQ(whole.at("studies").at(0).at("here"), 5);
  EXPECT_EQ(whole.at("reason"), "");
  EXPECT_EQ(remote_.given().size(), 5U) << "each object left the source once";
}

TEST_F(PriorsTest, of_a_source_that_stays_away_are_tried_until_the_appointment) {
  options_.attempts = 2;
  remote_.keep(prior(1, 1));
  remote_.away(true);
  open();
  const auto id = schedule();
  clock_.advance(std::chrono::hours{12});
  wait_for_reason(id);
  const auto again = [&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{500};
    while (std::chrono::steady_clock::now() < end) {
      const auto reason = priors_->show(caller(), id)->at("reason").get<std::string>();
      if (reason.find("later") != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  };
  for (int i = 0; i < 120 && !again(); ++i) clock_.advance(std::chrono::seconds{5});  // over the back-off of one retry
  EXPECT_EQ(priors_->show(caller(), id)->at("state"), "waiting") << "22 hours are left";
  remote_.away(false);
  clock_.advance(std::chrono::minutes{61});
  settled(id, "fetched");
  EXPECT_TRUE(is_here("1.2.50.1.1.1"));
}

TEST_F(PriorsTest, follow_an_appointment_that_is_moved_corrected_or_taken_off) {
  remote_.keep(prior(1, 1));
  open();
  const auto id = schedule();
  EXPECT_EQ(settled(id, "waiting").at("due"), "2023-11-15T09:00");
  ASSERT_OK(worklist_->change(caller(), id, Json{{"date", "20231120"}, {"time", "1315"}}));
  const auto until = [&](const std::string& due) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    while (std::chrono::steady_clock::now() < end && priors_->show(caller(), id)->at("due") != due)
      std::this_thread::yield();
    EXPECT_EQ(priors_->show(caller(), id)->at("due"), due);
  };
  until("2023-11-19T13:15");
  clock_.advance(std::chrono::hours{24});
  EXPECT_EQ(remote_.queries(), 0) << "no longer due on the 15th";
  ASSERT_OK(worklist_->change(caller(), id, Json{{"patient_name", "Meier^Otto"}, {"birth_date", ""}}));
  clock_.advance(std::chrono::hours{24 * 4});
  const Json corrected = settled(id, "none");
  EXPECT_EQ(corrected.at("not_theirs"), 1);
  ASSERT_OK(worklist_->change(caller(), id, Json{{"patient_name", "Müller^Änne"}}));
  settled(id, "fetched");
  const auto second = [&] {
    Json step = appointment();
    step["accession"] = "2";
    step["date"] = "20231121";
    step["time"] = "2200";
    return schedule(step);
  }();
  settled(second, "waiting");
  ASSERT_OK(worklist_->remove(caller(), second));
  EXPECT_EQ(priors_->show(caller(), second).error().code(), Code::not_found);
  const auto asked = remote_.queries();
  clock_.advance(std::chrono::hours{24});
  EXPECT_EQ(remote_.queries(), asked) << "nothing is fetched for it";
  EXPECT_EQ(worklist_->change(caller(), second, Json{{"time", "0900"}}).error().code(), Code::not_found);
  EXPECT_EQ(worklist_->change(caller(), id, Json{{"time", "99"}}).error().code(), Code::invalid);
  EXPECT_EQ(worklist_->change(caller(), id, Json{{"patient_id", ""}}).error().code(), Code::invalid);
}

TEST_F(PriorsTest, of_a_patient_nobody_knows_and_of_an_id_that_is_a_pattern) {
  open();
  const auto id = schedule();
  Json step = appointment();
  step["patient_id"] = "P*";
  const auto pattern = schedule(step);
  clock_.advance(std::chrono::hours{12});
  EXPECT_EQ(settled(id, "none").at("known"), 0);
  const auto asked = remote_.queries();
  EXPECT_NE(settled(pattern, "failed").at("reason").get<std::string>().find("wildcard"), std::string::npos);
  EXPECT_EQ(remote_.queries(), asked);
}

TEST_F(PriorsTest, of_an_appointment_that_is_over_are_left) {
  remote_.keep(prior(1, 1));
  open();
  Json step = appointment();
  step["date"] = "20231112";
  const auto id = schedule(step);
  EXPECT_EQ(settled(id, "past").at("known"), 0);
  EXPECT_EQ(priors_->fetch(caller(), id).error().code(), Code::precondition);
  EXPECT_EQ(remote_.queries(), 0);
}

TEST_F(PriorsTest, rights_count_and_trail_and_log_name_no_patient) {
  remote_.keep(prior(1, 1));
  open();
  const auto id = schedule();
  const auto reader = caller({"archive:read"}), writer = caller({"archive:write"});
  EXPECT_EQ(priors_->show(writer, id).error().code(), Code::denied);
  EXPECT_EQ(priors_->fetch(reader, id).error().code(), Code::denied);
  EXPECT_EQ(priors_->show(caller({}), "nothing").error().code(), Code::denied) << "nothing is told of what exists";
  EXPECT_EQ(priors_->show(reader, "nothing").error().code(), Code::not_found);
  ASSERT_OK(priors_->fetch(caller(), id));
  settled(id, "fetched");
  std::set<std::string> events;
  const auto names_nobody = [](const std::string& text) {
    for (const char* word : {"ller", "UELLER", "P7", "1.2.50", "1.2.99"}) EXPECT_EQ(text.find(word), std::string::npos);
  };
  for (const auto& event : audit_.events()) {
    events.insert(event.event);
    names_nobody(event.detail + event.entity_id);
  }
  for (const char* wanted : {"archive.priors_asked", "archive.priors", "archive.priors_ended", "archive.store"})
    EXPECT_TRUE(events.contains(wanted)) << wanted;
  const std::lock_guard lock{lines_.mutex};
  names_nobody(lines_.text);
}

TEST_F(PriorsTest, rules_that_name_nobody_do_not_start_a_node) {
  options_.rules = R"([{"name": "old", "from": "NOWHERE"}])";
  auto archive = Archive::create(folder_.path() / "archive",
                                 {.clock = clock_, .logger = logger_, .audit = audit_, .audit_key = key_}, {});
  ASSERT_OK(archive);
  auto worklist =
      Worklist::open(folder_.path() / "worklist",
                     {.clock = clock_, .random = random_, .logger = logger_, .archive = **archive, .key = key_});
  ASSERT_OK(worklist);
  const auto made = Priors::create(folder_.path() / "priors",
                                   {.clock = clock_,
                                    .random = random_,
                                    .logger = logger_,
                                    .archive = **archive,
                                    .worklist = **worklist,
                                    .source = remote_,
                                    .key = key_},
                                   options_);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message().find("old"), std::string::npos);
}

}  // namespace
}  // namespace aceso::archive
