// Objects go in whole, stay as they came, and are found again, also after the process died.
#include <gtest/gtest.h>

#include <thread>

#include "fixture.hpp"

namespace aceso::archive {
namespace {

using contracts::QueryLevel;
using namespace testing;
namespace tags = dicom::tags;

contracts::ObjectQuery query(QueryLevel level, std::vector<std::pair<dicom::Tag, std::string>> keys) {
  contracts::ObjectQuery q;
  q.level = level;
  for (auto& [tag, value] : keys) q.keys.push_back({tag.value(), Phi<std::string>{std::move(value)}});
  return q;
}

std::string value(const contracts::ObjectRow& row, dicom::Tag tag) {
  for (const auto& one : row) {
    if (one.tag == tag.value()) return one.value.reveal(Reveal::to_test);
  }
  return "(none)";
}

TEST(Store, a_file_comes_back_byte_for_byte) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  const auto file = make_file({});
  const auto stored = put(**archive, file);
  ASSERT_OK(stored);
  EXPECT_EQ(stored->study_uid, "1.2.3.1");
  EXPECT_EQ(stored->bytes, file.size());
  EXPECT_TRUE(stored->on_disk);
  EXPECT_FALSE(stored->duplicate);
  const auto back = get(**archive, "1.2.3.1.1.1");
  ASSERT_OK(back);
  EXPECT_EQ(*back, file);
}

TEST(Store, a_data_set_gets_a_head_and_keeps_its_bytes) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  const auto bytes = *dicom::write_dataset(make_data_set({}), dicom::kImplicitLittle);
  auto writer = (*archive)->begin_data_set(
      caller(), {"1.2.840.10008.5.1.4.1.1.2", "1.2.3.1.1.1", std::string{dicom::kImplicitLittle}});
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->write(bytes));
  const auto stored = (*writer)->commit();
  ASSERT_OK(stored);
  EXPECT_EQ(stored->transfer_syntax_uid, dicom::kImplicitLittle);
  const auto object = (*archive)->open(caller(), "1.2.3.1.1.1");
  ASSERT_OK(object);
  Bytes data(bytes.size());
  ASSERT_EQ((*object)->data_set_offset() + bytes.size(), stored->bytes);
  ASSERT_OK((*object)->read((*object)->data_set_offset(), data));
  EXPECT_EQ(data, bytes);
}

TEST(Store, a_data_set_that_is_not_the_announced_one_is_a_conflict) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  const auto bytes = *dicom::write_dataset(make_data_set({}), dicom::kExplicitLittle);
  auto writer = (*archive)->begin_data_set(
      caller(), {"1.2.840.10008.5.1.4.1.1.2", "1.2.3.9", std::string{dicom::kExplicitLittle}});
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->write(bytes));
  EXPECT_CODE((*writer)->commit(), Code::conflict);
  EXPECT_EQ((*archive)->totals().instances, 0U);
}

TEST(Store, the_same_bytes_again_are_a_duplicate_and_other_bytes_are_refused) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  ASSERT_OK(put(**archive, make_file({})));
  const auto again = put(**archive, make_file({}));
  ASSERT_OK(again);
  EXPECT_TRUE(again->duplicate);
  ObjectSpec other;
  other.fill = 1;
  EXPECT_CODE(put(**archive, make_file(other)), Code::exists);
  other.fill = 0;
  other.rows = 16;  // longer
  EXPECT_CODE(put(**archive, make_file(other)), Code::exists);
  EXPECT_EQ((*archive)->totals().instances, 1U);
  EXPECT_EQ(*get(**archive, "1.2.3.1.1.1"), make_file({}));
}

TEST(Store, senders_of_the_same_object_at_once_agree) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  const auto file = make_file({});
  std::vector<std::unique_ptr<contracts::ObjectWriter>> writers;
  for (int i = 0; i < 6; ++i) {
    writers.push_back(*(*archive)->begin_file(caller()));
    ASSERT_OK(writers.back()->write(file));  // none is there yet: all write
  }
  ObjectSpec spec;
  spec.fill = 9;
  auto other = (*archive)->begin_file(caller());
  ASSERT_OK((*other)->write(make_file(spec)));
  std::atomic<int> duplicates{0};
  {
    std::vector<std::jthread> threads;
    for (auto& writer : writers) {
      threads.emplace_back([&duplicates, w = writer.get()] {
        const auto done = w->commit();
        if (done.ok() && done->duplicate) ++duplicates;
      });
    }
  }
  EXPECT_EQ(duplicates, 5);
  EXPECT_CODE((*other)->commit(), Code::exists);
  archive->reset();
  archive = around.open();  // what lost the race is not found either
  ASSERT_OK(archive);
  EXPECT_EQ(*get(**archive, "1.2.3.1.1.1"), file);
  EXPECT_EQ((*archive)->totals().instances, 1U);
}

TEST(Store, what_is_no_object_is_refused_with_its_reason) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  EXPECT_CODE(put(**archive, std::as_bytes(std::span{"a letter, not an image"})), Code::invalid);
  auto cut = make_file({});
  cut.resize(cut.size() - 40);
  EXPECT_CODE(put(**archive, cut), Code::invalid);
  auto data = make_data_set({});
  data.erase(tags::kStudyInstanceUID);
  EXPECT_CODE(put(**archive, *dicom::write_part10(data, dicom::kExplicitLittle)), Code::invalid);
  data = make_data_set({});
  data.set_text(tags::kSeriesInstanceUID, "../../etc");
  EXPECT_CODE(put(**archive, *dicom::write_part10(data, dicom::kExplicitLittle)), Code::invalid);
  EXPECT_EQ((*archive)->totals().instances, 0U);
}

TEST(Store, an_object_over_the_limit_is_refused_while_it_comes) {
  Surroundings around;
  auto archive = around.open({.max_object = 1000});
  ASSERT_OK(archive);
  ObjectSpec large;
  large.rows = large.columns = 64;
  EXPECT_CODE(put(**archive, make_file(large)), Code::too_large);
}

TEST(Store, nothing_is_kept_of_an_object_that_was_not_committed) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  {
    auto writer = (*archive)->begin_file(caller());
    ASSERT_OK((*writer)->write(make_file({})));
  }
  EXPECT_EQ((*archive)->totals().instances, 0U);
  EXPECT_CODE(get(**archive, "1.2.3.1.1.1"), Code::not_found);
}

class Reopened : public ::testing::TestWithParam<bool> {};

TEST_P(Reopened, the_index_comes_back_with_and_without_the_list_of_entries) {
  Surroundings around;
  const bool encrypted = GetParam();
  std::vector<Bytes> files;
  for (int i = 0; i < 20; ++i) {
    ObjectSpec spec;
    spec.instance = "1.2.3." + std::to_string(i + 10);
    spec.study = "1.2.4." + std::to_string(i / 10);
    spec.series = spec.study + "." + std::to_string(i / 5);
    spec.number = i;
    files.push_back(make_file(spec));
  }
  {
    auto archive = around.open({}, encrypted);
    ASSERT_OK(archive);
    for (const auto& file : files) ASSERT_OK(put(**archive, file));
    ASSERT_OK((*archive)->remove(caller(), "1.2.4.0", "1.2.4.0.0", "1.2.3.10"));
  }
  const auto check = [&] {
    auto archive = around.open({}, encrypted);
    ASSERT_OK(archive);
    EXPECT_EQ((*archive)->totals().instances, 19U);
    EXPECT_EQ((*archive)->totals().series, 4U);
    EXPECT_EQ((*archive)->totals().studies, 2U);
    EXPECT_CODE(get(**archive, "1.2.3.10"), Code::not_found);
    for (int i = 1; i < 20; ++i)
      EXPECT_EQ(*get(**archive, "1.2.3." + std::to_string(i + 10)), files[static_cast<std::size_t>(i)]);
    EXPECT_OK((*archive)->verify());
  };
  check();
  std::filesystem::remove_all(around.folder.path() / "archive" / "entries");
  check();
  check();
}
INSTANTIATE_TEST_SUITE_P(Store, Reopened, ::testing::Bool());

TEST(Store, what_was_deleted_may_be_stored_again) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  ASSERT_OK(put(**archive, make_file({})));
  const auto reader = (*archive)->open(caller(), "1.2.3.1.1.1");
  ASSERT_OK(reader);
  const auto removed = (*archive)->remove(caller(), "1.2.3.1", "", "");
  ASSERT_OK(removed);
  EXPECT_EQ(*removed, 1U);
  EXPECT_CODE(get(**archive, "1.2.3.1.1.1"), Code::not_found);
  EXPECT_CODE((*archive)->remove(caller(), "1.2.3.1", "", ""), Code::not_found);
  Bytes kept((*reader)->object().bytes);
  EXPECT_OK((*reader)->read(0, kept));  // who has it open may finish
  ObjectSpec other;
  other.fill = 5;
  const auto again = put(**archive, make_file(other));
  ASSERT_OK(again);
  EXPECT_FALSE(again->duplicate);
  archive->reset();
  archive = around.open();
  EXPECT_EQ(*get(**archive, "1.2.3.1.1.1"), make_file(other));
}

TEST(Store, without_the_right_nothing_is_done_and_nothing_is_told) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  ASSERT_OK(put(**archive, make_file({})));
  const auto nobody = caller({});
  EXPECT_CODE((*archive)->begin_file(nobody), Code::denied);
  EXPECT_CODE((*archive)->begin_data_set(nobody, {}), Code::denied);
  EXPECT_CODE((*archive)->find(nobody, {}), Code::denied);
  const auto there = (*archive)->open(nobody, "1.2.3.1.1.1");
  const auto absent = (*archive)->open(nobody, "1.2.3.4");
  ASSERT_FALSE(there.ok() || absent.ok());
  EXPECT_EQ(there.error().message(), absent.error().message());
  EXPECT_CODE((*archive)->expand(nobody, QueryLevel::study, Phi<std::string>{"1.2.3.1"}), Code::denied);
  EXPECT_CODE((*archive)->remove(caller({"archive:read"}), "1.2.3.1", "", ""), Code::denied);
}

TEST(Store, accesses_are_on_record_without_identifiers_and_must_be) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  ASSERT_OK(put(**archive, make_file({})));
  ASSERT_OK(get(**archive, "1.2.3.1.1.1"));
  ASSERT_OK(get(**archive, "1.2.3.1.1.1"));  // within the window: the same access
  ASSERT_OK((*archive)->find(caller(), query(QueryLevel::study, {{tags::kPatientID, "P1"}})));
  const auto events = around.audit.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].event, "archive.store");
  EXPECT_EQ(events[1].event, "archive.read");
  EXPECT_EQ(events[0].entity_id, events[1].entity_id);
  EXPECT_EQ(events[2].event, "archive.query");
  EXPECT_EQ(events[2].detail, R"({"level":"STUDY","keys":["00100020"]})");
  for (const auto& event : events) EXPECT_EQ(event.entity_id.find("1.2.3"), std::string::npos);
  around.audit.fail(true);
  ObjectSpec other;
  other.study = "1.2.9";
  other.instance = "1.2.9.1";
  EXPECT_CODE(put(**archive, make_file(other)), Code::unavailable);
  EXPECT_CODE((*archive)->open(caller(), "1.2.9.1"), Code::not_found);
  EXPECT_CODE((*archive)->remove(caller(), "1.2.3.1", "", ""), Code::unavailable);
}

TEST(Store, patients_of_new_studies_are_introduced) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  ASSERT_OK(put(**archive, make_file({})));
  EXPECT_OK(around.patients.resolve({"", Phi<std::string>{"P1"}}));
}

TEST(Find, rows_hold_what_was_asked_for_and_the_unique_keys) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  for (int i = 0; i < 3; ++i) {
    ObjectSpec spec;
    spec.study = "1.2." + std::to_string(i + 1);
    spec.series = spec.study + ".1";
    spec.instance = spec.series + ".1";
    spec.study_date = "2024010" + std::to_string(i + 1);
    spec.patient_id = i == 2 ? "P2" : "P1";
    spec.modality = i == 0 ? "MR" : "CT";
    ASSERT_OK(put(**archive, make_file(spec)));
  }
  const auto all = (*archive)->find(caller(), query(QueryLevel::study, {{tags::kModalitiesInStudy, ""}}));
  ASSERT_OK(all);
  ASSERT_EQ(all->rows.size(), 3U);
  EXPECT_EQ(value(all->rows[0], tags::kStudyInstanceUID), "1.2.3");  // newest first
  EXPECT_EQ(value(all->rows[2], tags::kModalitiesInStudy), "MR");
  const auto mr = (*archive)->find(caller(), query(QueryLevel::study, {{tags::kModalitiesInStudy, "MR"}}));
  ASSERT_EQ(mr->rows.size(), 1U);
  const auto p1 = (*archive)->find(
      caller(), query(QueryLevel::study, {{tags::kPatientID, "P1"}, {tags::kNumberOfPatientRelatedStudies, ""}}));
  ASSERT_EQ(p1->rows.size(), 2U);
  EXPECT_EQ(value(p1->rows[0], tags::kNumberOfPatientRelatedStudies), "2");
  const auto patients = (*archive)->find(caller(), query(QueryLevel::patient, {{tags::kPatientName, "doe*"}}));
  ASSERT_EQ(patients->rows.size(), 2U);
  const auto image =
      (*archive)->find(caller(), query(QueryLevel::image, {{tags::kSOPInstanceUID, "1.2.2.1.1"}, {tags::kRows, ""}}));
  ASSERT_EQ(image->rows.size(), 1U);
  EXPECT_EQ(value(image->rows[0], tags::kRows), "8");
  EXPECT_EQ(value(image->rows[0], tags::kSeriesInstanceUID), "1.2.2.1");
  auto page = query(QueryLevel::study, {});
  page.limit = 2;
  const auto first = (*archive)->find(caller(), page);
  EXPECT_TRUE(first->more);
  page.offset = 2;
  const auto second = (*archive)->find(caller(), page);
  EXPECT_EQ(second->rows.size(), 1U);
  EXPECT_FALSE(second->more);
  const auto odd = (*archive)->find(caller(), query(QueryLevel::study, {{tags::kKVP, "120"}}));
  EXPECT_EQ(odd->unmatched, std::vector<std::uint32_t>{tags::kKVP.value()});
}

TEST(Expand, lists_the_objects_of_each_level) {
  Surroundings around;
  auto archive = around.open();
  ASSERT_OK(archive);
  for (int i = 0; i < 4; ++i) {
    ObjectSpec spec;
    spec.series = "1.2.3.1." + std::to_string(i / 2);
    spec.instance = "1.2.3." + std::to_string(i + 20);
    spec.number = 4 - i;
    ASSERT_OK(put(**archive, make_file(spec)));
  }
  const auto count = [&](QueryLevel level, const char* uid) {
    return (*archive)->expand(caller(), level, Phi<std::string>{uid})->size();
  };
  EXPECT_EQ(count(QueryLevel::patient, "P1"), 4U);
  EXPECT_EQ(count(QueryLevel::study, "1.2.3.1"), 4U);
  EXPECT_EQ(count(QueryLevel::series, "1.2.3.1.1"), 2U);
  EXPECT_EQ(count(QueryLevel::image, "1.2.3.20"), 1U);
  EXPECT_EQ(count(QueryLevel::image, "1.2.3.99"), 0U);
}

}  // namespace
}  // namespace aceso::archive
