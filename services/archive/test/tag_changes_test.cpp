// Attributes changed on the way to another archive: what stays, what is listed, which UIDs are new.
#include "tag_changes.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/dicom/parse.hpp"
#include "fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

class MemoryObject final : public contracts::ObjectBytes {
 public:
  explicit MemoryObject(Bytes bytes) : bytes_{std::move(bytes)} {
    const auto parsed = dicom::parse(bytes_);
    object_ = {.study_uid = parsed->dataset.text_or(tags::kStudyInstanceUID),
               .series_uid = parsed->dataset.text_or(tags::kSeriesInstanceUID),
               .sop_instance_uid = parsed->sop_instance(),
               .sop_class_uid = parsed->sop_class(),
               .transfer_syntax_uid = parsed->syntax_uid,
               .bytes = bytes_.size()};
    offset_ = parsed->dataset_offset;
  }
  const contracts::StoredObject& object() const override { return object_; }
  std::uint64_t data_set_offset() const override { return offset_; }
  Status read(std::uint64_t from, std::span<std::byte> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), out.size(), out.begin());
    return {};
  }

 private:
  Bytes bytes_;
  contracts::StoredObject object_;
  std::uint64_t offset_ = 0;
};

class TagChangesTest : public ::testing::Test {
 protected:
  // The changed file.
  Bytes change(const std::string& rule, const Bytes& file, const std::string& destination = "PACS") {
    const auto changes = parse_tag_changes(*parse_json(rule));
    EXPECT_OK(changes);
    const UidRenamer uids{key_, destination, changes->uids};
    auto object = std::make_unique<MemoryObject>(file);
    const auto name = changed_name(object->object(), uids);
    auto changed = change_object(std::move(object), *changes, uids, 1'700'000'000'000'000);
    EXPECT_OK(changed);
    if (!changed) return {};
    EXPECT_EQ((*changed)->object().sop_instance_uid, name.sop_instance_uid);
    EXPECT_EQ((*changed)->object().transfer_syntax_uid, name.transfer_syntax_uid);
    Bytes out((*changed)->object().bytes);
    for (std::size_t at = 0; at < out.size(); at += 111)  // across the seam
      EXPECT_OK((*changed)->read(at, std::span{out}.subspan(at, std::min<std::size_t>(111, out.size() - at))));
    const auto parsed = dicom::parse(out);
    EXPECT_OK(parsed);
    EXPECT_EQ(parsed->dataset_offset, (*changed)->data_set_offset());
    EXPECT_EQ(parsed->sop_instance(), name.sop_instance_uid);
    EXPECT_FALSE(parsed->odd.trailing);
    return out;
  }
  static std::string refused(const std::string& rule) {
    const auto changes = parse_tag_changes(*parse_json(rule));
    EXPECT_CODE(changes, Code::invalid) << rule;
    return changes ? std::string{} : changes.error().message();
  }

  SeededRandom random_{3};
  crypto::SecretKey key_ = crypto::SecretKey::generate(random_);
};

TEST_F(TagChangesTest, coerced_attributes_are_listed_and_the_pixels_stay) {
  const auto file = make_file({.rows = 64, .columns = 64});
  const auto out =
      change(R"({"set": {"PatientID": "X1", "IssuerOfPatientID": "HOSP2"}, "replace": {"StudyDescription": "",
                             "PatientComments": "none"}, "remove": ["AccessionNumber"]})",
             file);
  const auto before = dicom::parse(file);
  const auto after = dicom::parse(out);
  ASSERT_OK(after);
  const auto& d = after->dataset;
  EXPECT_EQ(d.text_or(tags::kPatientID), "X1");
  EXPECT_EQ(d.text_or(tags::kIssuerOfPatientID), "HOSP2");
  EXPECT_TRUE(d.contains(tags::kStudyDescription));
  EXPECT_EQ(d.text_or(tags::kStudyDescription), "");
  EXPECT_FALSE(d.contains(tags::kPatientComments)) << "replace touches only what is there";
  EXPECT_FALSE(d.contains(tags::kAccessionNumber));
  EXPECT_EQ(d.text_or(tags::kSOPInstanceUID), "1.2.3.1.1.1");
  const auto same_pixels =
      std::ranges::equal(d.find(tags::kPixelData)->bytes(), before->dataset.find(tags::kPixelData)->bytes());
  EXPECT_TRUE(same_pixels);
  // PS3.3 C.12.1.1.9
  const auto originals = d.items({0x0400, 0x0561});
  ASSERT_EQ(originals.size(), 1U);
  EXPECT_EQ(originals[0].text_or({0x0400, 0x0565}), "COERCE");
  EXPECT_EQ(originals[0].text_or({0x0400, 0x0562}), "20231114221320.000000+0000");
  const auto said = originals[0].items({0x0400, 0x0550});
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].text_or(tags::kPatientID), "P1");
  EXPECT_EQ(said[0].text_or(tags::kAccessionNumber), "A1");
  EXPECT_TRUE(said[0].contains(tags::kIssuerOfPatientID));
  EXPECT_EQ(change(R"({"set": {"PatientID": "X1"}})", file), change(R"({"set": {"PatientID": "X1"}})", file));
  EXPECT_EQ(change(R"({"remove": ["PatientComments"]})", file), file) << "nothing to change";
}

TEST_F(TagChangesTest, other_changes_make_another_instance_and_references_follow) {
  auto data = make_data_set({});
  dicom::Dataset reference;
  reference.set_text(tags::kReferencedSOPClassUID, "1.2.840.10008.5.1.4.1.1.2");
  reference.set_text(tags::kReferencedSOPInstanceUID, "1.2.3.1.1.1");
  data.set_items(tags::kSourceImageSequence, {reference});
  data.set_text(tags::kFrameOfReferenceUID, "1.2.3.9");
  const auto file = *dicom::write_part10(data, dicom::kImplicitLittle);
  const auto some_bytes = change(R"({"set": {"SeriesDescription": "x"}})", file);  // what is parsed views its bytes
  const auto some = dicom::parse(some_bytes);
  ASSERT_OK(some);
  EXPECT_EQ(some->syntax_uid, dicom::kImplicitLittle);
  EXPECT_NE(some->sop_instance(), "1.2.3.1.1.1");
  EXPECT_EQ(some->meta.text_or({0x0002, 0x0003}), some->sop_instance());
  EXPECT_NE(some->dataset.text_or(tags::kSeriesInstanceUID), "1.2.3.1.1");
  EXPECT_EQ(some->dataset.text_or(tags::kStudyInstanceUID), "1.2.3.1");
  EXPECT_EQ(some->dataset.text_or(tags::kFrameOfReferenceUID), "1.2.3.9");
  const auto pointed = some->dataset.items(tags::kSourceImageSequence);
  ASSERT_EQ(pointed.size(), 1U);
  EXPECT_EQ(pointed[0].text_or(tags::kReferencedSOPInstanceUID), some->sop_instance());
  EXPECT_EQ(pointed[0].text_or(tags::kReferencedSOPClassUID), "1.2.840.10008.5.1.4.1.1.2");
  EXPECT_FALSE(some->dataset.contains({0x0400, 0x0561}));
  const auto all_bytes = change(R"({"uids": "all"})", file);
  const auto all = dicom::parse(all_bytes);
  ASSERT_OK(all);
  EXPECT_NE(all->dataset.text_or(tags::kStudyInstanceUID), "1.2.3.1");
  EXPECT_NE(all->dataset.text_or(tags::kFrameOfReferenceUID), "1.2.3.9");
  EXPECT_EQ(all->sop_class(), "1.2.840.10008.5.1.4.1.1.2");
  EXPECT_TRUE(dicom::is_valid_uid(all->dataset.text_or(tags::kStudyInstanceUID)));
  const auto elsewhere_bytes = change(R"({"uids": "all"})", file, "OTHER");
  const auto elsewhere = dicom::parse(elsewhere_bytes);
  EXPECT_NE(elsewhere->sop_instance(), all->sop_instance()) << "two destinations cannot compare notes";
}

TEST_F(TagChangesTest, private_and_nested_attributes_go_too) {
  auto data = make_data_set({});
  dicom::Dataset item;
  item.set_text(tags::kPatientName, "Doe^Jane").set_text(tags::kRequestedProcedureID, "RP1");
  data.set_items(tags::kRequestAttributesSequence, {item});
  data.set_text(dicom::Tag{0x0009, 0x0010}, dicom::Vr::lo, "ACME")
      .set_text(dicom::Tag{0x0009, 0x1001}, dicom::Vr::lo, "v");
  const auto out_bytes = change(R"({"remove": ["PatientName", "private"], "uids": "all"})",
                                *dicom::write_part10(data, dicom::kExplicitLittle));
  const auto out = dicom::parse(out_bytes);
  ASSERT_OK(out);
  EXPECT_FALSE(out->dataset.contains(tags::kPatientName));
  EXPECT_FALSE(out->dataset.items(tags::kRequestAttributesSequence)[0].contains(tags::kPatientName));
  EXPECT_EQ(out->dataset.items(tags::kRequestAttributesSequence)[0].text_or(tags::kRequestedProcedureID), "RP1");
  EXPECT_FALSE(out->dataset.contains({0x0009, 0x1001}));
  EXPECT_FALSE(out->dataset.contains({0x0009, 0x0010}));
}

TEST_F(TagChangesTest, what_the_character_set_cannot_express_is_no_question_mark) {
  auto data = make_data_set({});
  data.set_charset(*dicom::CharacterSet::parse("ISO_IR 100"));
  const auto file = *dicom::write_part10(data, dicom::kExplicitLittle);
  const auto latin_bytes = change(R"({"set": {"PatientName": "Müller^Änne"}})", file);
  const auto latin = dicom::parse(latin_bytes);
  EXPECT_EQ(latin->dataset.text_or(tags::kPatientName), "Müller^Änne");
  const auto changes = *parse_tag_changes(*parse_json(R"({"set": {"PatientName": "王^小东"}})"));
  const UidRenamer uids{key_, "PACS", changes.uids};
  EXPECT_CODE(change_object(std::make_unique<MemoryObject>(file), changes, uids, 0), Code::unsupported);
}

TEST_F(TagChangesTest, rules_that_would_break_objects_are_refused) {
  EXPECT_NE(refused(R"({"set": {"PatientNam": "x"}})").find("PatientNam"), std::string::npos);
  EXPECT_NE(refused(R"({"set": {"SOPInstanceUID": "1.2"}})").find("holds the object together"), std::string::npos);
  refused(R"({"remove": ["Rows"]})");
  refused(R"({"remove": ["7FE00010"]})");
  refused(R"({"set": {"StudyDate": "yesterday"}})");
  refused(R"({"set": {"PatientSex": "f"}})");
  refused(R"({"set": {"RequestAttributesSequence": "x"}})");
  refused(R"({"set": {"SeriesDescription": "x"}, "uids": "keep"})");
  refused(R"({"uids": "some"})");
  refused(R"({"sett": {}})");
  refused(R"(["PatientName"])");
  EXPECT_OK(parse_tag_changes(*parse_json(R"({"set": {"SeriesDescription": "x"}, "uids": "all"})")));
}

}  // namespace
}  // namespace aceso::archive
