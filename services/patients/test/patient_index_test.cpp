// One set of tests for every PatientIndex: the tables on disk, the tables in memory and the twin that other services
// test with.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "aceso/base/file.hpp"
#include "aceso/contracts/testing/memory_patient_index.hpp"
#include "aceso/patients/patient_store.hpp"

namespace aceso::patients {
namespace {

using contracts::InternalPatientId;
using contracts::PatientEvent;
using contracts::PatientId;

class Lines final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock{mutex_};
    text_ += line;
    text_ += '\n';
  }
  std::string text() const {
    const std::lock_guard lock{mutex_};
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

PatientId mrn(std::string value, std::string issuer = "") {
  return {std::move(issuer), Phi<std::string>{std::move(value)}};
}

enum class Kind { sqlite, memory, twin };

class PatientIndexTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { index = open(); }

  std::unique_ptr<contracts::PatientIndex> open() {
    if (GetParam() == Kind::twin) return std::make_unique<contracts::testing::MemoryPatientIndex>(clock, random);
    if (GetParam() == Kind::sqlite) {
      auto made = PatientStore::create(folder->path(), clock, random, logger);
      EXPECT_TRUE(made);
      return *std::move(made);
    }
    auto tables = store::open_memory_catalogue(patients_migrations(), logger);
    EXPECT_TRUE(tables);
    return std::make_unique<PatientStore>(*std::move(tables), clock, random);
  }
  InternalPatientId make(const std::string& value) { return *index->resolve_or_create(mrn(value)); }

  ManualClock clock;
  SeededRandom random{1};
  Lines lines;
  Logger logger{clock, lines, LogLevel::debug};
  Result<TempDir> folder = TempDir::create();
  std::unique_ptr<contracts::PatientIndex> index;
};

TEST_P(PatientIndexTest, one_identifier_names_one_patient) {
  const auto ada = make("100");
  EXPECT_EQ(make("100"), ada);
  EXPECT_EQ(*index->resolve(mrn("100")), ada);
  EXPECT_NE(make("101"), ada);
  EXPECT_TRUE(Uuid::parse(ada.value()));
}

TEST_P(PatientIndexTest, the_same_value_of_another_issuer_is_another_patient) {
  const auto here = *index->resolve_or_create(mrn("100", "st-mary"));
  const auto there = *index->resolve_or_create(mrn("100", "county"));
  EXPECT_NE(here, there);
  EXPECT_EQ(*index->resolve(mrn("100", "county")), there);
}

TEST_P(PatientIndexTest, resolve_makes_nobody) {
  EXPECT_EQ(index->resolve(mrn("100")).error().code(), Code::not_found);
  EXPECT_EQ(index->events_after(0, 10)->size(), 0U);
}

TEST_P(PatientIndexTest, a_linked_identifier_names_the_same_patient) {
  const auto ada = make("100");
  ASSERT_TRUE(index->link(ada, mrn("INS-7", "insurer")));
  EXPECT_EQ(*index->resolve(mrn("INS-7", "insurer")), ada);
  EXPECT_TRUE(index->link(ada, mrn("INS-7", "insurer")));  // again: nothing changes
  EXPECT_EQ(index->events_after(0, 10)->size(), 2U);
}

TEST_P(PatientIndexTest, an_identifier_of_somebody_else_is_not_linked) {
  const auto ada = make("100");
  make("200");
  EXPECT_EQ(index->link(ada, mrn("200")).error().code(), Code::exists);
  EXPECT_EQ(index->link(InternalPatientId{"nobody"}, mrn("300")).error().code(), Code::not_found);
}

TEST_P(PatientIndexTest, merging_answers_the_survivor_and_unmerging_restores) {
  const auto a = make("a");
  const auto b = make("b");
  const auto c = make("c");
  ASSERT_TRUE(index->merge(a, b));
  ASSERT_TRUE(index->merge(b, c));
  EXPECT_EQ(*index->survivor(a), c);
  EXPECT_EQ(*index->resolve(mrn("a")), c);
  EXPECT_EQ(make("b"), c);
  ASSERT_TRUE(index->link(a, mrn("a2")));  // while merged
  ASSERT_TRUE(index->unmerge(b));
  EXPECT_EQ(*index->resolve(mrn("b")), b);
  EXPECT_EQ(*index->resolve(mrn("a")), b);  // a's own merge stands
  ASSERT_TRUE(index->unmerge(a));
  EXPECT_EQ(*index->resolve(mrn("a")), a);
  EXPECT_EQ(*index->resolve(mrn("a2")), a);
  EXPECT_EQ(*index->resolve(mrn("c")), c);
}

TEST_P(PatientIndexTest, refuses_merges_that_go_in_circles_or_nowhere) {
  const auto a = make("a");
  const auto b = make("b");
  const auto c = make("c");
  ASSERT_TRUE(index->merge(a, b));
  ASSERT_TRUE(index->merge(b, c));
  EXPECT_EQ(index->merge(c, a).error().code(), Code::conflict);
  EXPECT_EQ(index->merge(c, b).error().code(), Code::conflict);
  EXPECT_EQ(index->merge(c, c).error().code(), Code::invalid);
  EXPECT_EQ(index->merge(a, c).error().code(), Code::conflict);  // merged already
  EXPECT_EQ(index->merge(c, InternalPatientId{"nobody"}).error().code(), Code::not_found);
  EXPECT_EQ(index->unmerge(c).error().code(), Code::conflict);
  EXPECT_EQ(index->unmerge(InternalPatientId{"nobody"}).error().code(), Code::not_found);
  EXPECT_EQ(*index->survivor(a), c);
}

TEST_P(PatientIndexTest, tells_every_change_once_and_in_order) {
  const auto a = make("a");
  const auto b = make("b");
  ASSERT_TRUE(index->link(a, mrn("a2")));
  ASSERT_TRUE(index->merge(a, b));
  ASSERT_TRUE(index->unmerge(a));
  EXPECT_FALSE(index->unmerge(a));  // tells nothing
  const auto events = *index->events_after(0, 100);
  ASSERT_EQ(events.size(), 5U);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(events[0].kind, PatientEvent::Kind::created);
  EXPECT_EQ(events[2].kind, PatientEvent::Kind::linked);
  EXPECT_EQ(events[3].kind, PatientEvent::Kind::merged);
  EXPECT_EQ(events[3].subject, a);
  EXPECT_EQ(events[3].other, b);
  EXPECT_EQ(events[4].kind, PatientEvent::Kind::unmerged);
  EXPECT_EQ(events[4].other, b);
  const auto page = *index->events_after(3, 1);
  ASSERT_EQ(page.size(), 1U);
  EXPECT_EQ(page[0].sequence, 4);
}

TEST_P(PatientIndexTest, refuses_identifiers_that_are_none_without_repeating_them) {
  for (const auto& value : {std::string{}, std::string(257, 'x'), std::string{"12\n34"}}) {
    const auto made = index->resolve_or_create(mrn(value));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), Code::invalid);
    EXPECT_EQ(made.error().message().find("12"), std::string::npos);
  }
  EXPECT_EQ(index->resolve_or_create(mrn("1", std::string(300, 'i'))).error().code(), Code::invalid);
}

TEST_P(PatientIndexTest, many_at_once_agree_on_one_patient) {
  std::vector<InternalPatientId> seen(8);
  {
    std::vector<std::jthread> threads;
    for (auto& id : seen) threads.emplace_back([&] { id = *index->resolve_or_create(mrn("same")); });
  }
  EXPECT_EQ(std::set<InternalPatientId>(seen.begin(), seen.end()).size(), 1U);
  EXPECT_EQ(index->events_after(0, 100)->size(), 1U);
}

TEST_P(PatientIndexTest, logs_and_errors_hold_no_identifier) {
  const auto a = make("SECRET-MRN-1");
  const auto b = make("SECRET-MRN-2");
  ASSERT_TRUE(index->merge(a, b));
  EXPECT_TRUE(index->link(a, mrn("SECRET-MRN-3")));
  const auto clash = index->link(make("SECRET-MRN-4"), mrn("SECRET-MRN-1"));
  ASSERT_FALSE(clash);
  EXPECT_EQ(clash.error().message().find("SECRET"), std::string::npos);
  EXPECT_EQ(lines.text().find("SECRET"), std::string::npos);
}

class PatientStoreTest : public PatientIndexTest {};

TEST_P(PatientStoreTest, keeps_everything_across_a_restart) {
  const auto a = make("a");
  const auto b = make("b");
  ASSERT_TRUE(index->merge(a, b));
  index.reset();
  index = open();
  EXPECT_EQ(*index->resolve(mrn("a")), b);
  EXPECT_EQ(index->events_after(0, 10)->size(), 3U);
}

INSTANTIATE_TEST_SUITE_P(OnDisk, PatientStoreTest, testing::Values(Kind::sqlite));
INSTANTIATE_TEST_SUITE_P(All, PatientIndexTest, testing::Values(Kind::sqlite, Kind::memory, Kind::twin),
                         [](const auto& p) {
                           return p.param == Kind::sqlite ? "sqlite" : p.param == Kind::memory ? "memory" : "twin";
                         });

}  // namespace
}  // namespace aceso::patients
