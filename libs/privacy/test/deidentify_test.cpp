#include "aceso/privacy/deidentify.hpp"

#include <algorithm>
#include <iostream>
#include <set>
#include <sstream>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "conformance.hpp"
#include "profile.hpp"
#include "text.hpp"
#include "validators.hpp"

namespace aceso::privacy {
namespace {

using namespace dicom;

constexpr ProfileRow kRows[] = {
#include "profile.inc"
};

crypto::SecretKey key(int seed = 7) {
  return *crypto::SecretKey::from_bytes(std::vector<std::byte>(32, static_cast<std::byte>(seed)));
}

constexpr std::string_view kMarker = "ZQXJ";
constexpr std::string_view kRoot = "1.2.3.4.777.";
constexpr std::string_view kDate = "19770304";

// An identity in an attribute of any representation; false where it cannot hold one.
bool inject(Dataset& to, Tag tag, int& injected) {
  const Vr vr = implicit_vr(tag, false);
  const std::string mark = std::string{kMarker} + to_hex(tag).substr(0, 8);
  if (vr == Vr::sq) {
    Dataset item;
    item.set_text(tags::kPersonName, "Quagmirez^" + mark).set_text(tags::kCodeMeaning, "x");
    item.set_text(tags::kReferencedSOPInstanceUID, std::string{kRoot} + "9");
    item.set_text(tags::kInstitutionName, mark);
    to.set_items(tag, {item});
    injected += 3;
    return true;
  }
  if (vr == Vr::ui) {
    to.set_text(tag, vr, std::string{kRoot} + std::to_string(tag.value()));
  } else if (vr == Vr::da) {
    to.set_text(tag, vr, kDate);
  } else if (vr == Vr::dt) {
    to.set_text(tag, vr, std::string{kDate} + "1122");
  } else if (vr == Vr::pn) {
    to.set_text(tag, vr, "Quagmirez^" + mark);
  } else if (is_text(vr) && vr != Vr::tm && vr != Vr::as && vr != Vr::is && vr != Vr::ds) {
    to.set_text(tag, vr, mark);
  } else if (is_bulk(vr)) {
    std::vector<std::byte> bytes(16);
    for (std::size_t i = 0; i < mark.size(); ++i) bytes[i] = static_cast<std::byte>(mark[i]);
    to.set_bytes(tag, vr, bytes);
  } else {
    return false;
  }
  ++injected;
  return true;
}

bool may_inject(Tag tag) {
  return tag.group > 0x0002 && tag != tags::kEncapsulatedDocument && find_attribute(tag) != nullptr;
}

void inject_all(Dataset& to, int& injected) {
  for (const ProfileRow& row : kRows) {
    const Tag tag{static_cast<std::uint16_t>(row.tag >> 16), static_cast<std::uint16_t>(row.tag & 0xFFFF)};
    if (may_inject(tag)) inject(to, tag, injected);
  }
}

Dataset base_object(std::string_view charset = "ISO_IR 192") {
  Dataset data;
  data.set_charset(*CharacterSet::parse(charset));
  data.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.2")
      .set_text(tags::kSOPInstanceUID, std::string{kRoot} + "1");
  data.set_text(tags::kModality, "CT");
  return data;
}

std::vector<std::byte> written(const Dataset& data) {
  return *write_part10(data, kExplicitLittle, "ZQXJAE");
}

std::size_t count(std::span<const std::byte> bytes, std::string_view what) {
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

std::size_t leaks(std::span<const std::byte> bytes) {
  return count(bytes, kMarker) + count(bytes, "Quagmirez") + count(bytes, kRoot) + count(bytes, kDate);
}

void leaking(const Dataset& data, const std::string& path, std::string& out) {
  for (const Element& element : data.elements()) {
    const std::string here = path + "/" + to_hex(element.tag());
    for (const Dataset& item : element.items()) leaking(item, here, out);
    if (leaks(element.bytes()) > 0) out += here + " ";
  }
}

TEST(Deidentify, no_identity_injected_anywhere_is_left_in_the_bytes) {
  int injected = 0;
  Dataset item;
  inject_all(item, injected);
  Dataset middle;
  middle.set_items(tags::kReferencedSeriesSequence, {item});
  Dataset data = base_object();
  inject_all(data, injected);
  data.set_items(tags::kSharedFunctionalGroupsSequence, {middle});
  data.set_text(Tag{0x0029, 0x0010}, Vr::lo, "ZQXJ CREATOR");
  data.set_bytes(Tag{0x0029, 0x1001}, Vr::un, std::vector<std::byte>(8, std::byte{'Z'}));
  data.set_text(Tag{0x0029, 0x1002}, Vr::lo, "ZQXJprivate");
  // Free text the table does not name, with the patient's name in it.
  data.set_text(tags::kPatientName, "Quagmirez^Zebulon").set_text(tags::kPatientID, "ZQXJ-0042");
  for (const Tag tag : {tags::kContrastBolusAgent, tags::kFilterType, tags::kKVP, tags::kPatientPosition})
    if (uses_charset(implicit_vr(tag, false))) data.set_text(tag, "seen by dr QUAGMIREZ, ZQXJ-0042");
  injected += 5;
  ASSERT_GT(injected, 900);
  const auto before = written(data);
  ASSERT_GT(leaks(before), 900U);
  for (const bool all : {false, true}) {
    DeidOptions options;
    if (all) {
      options.clean_descriptors = options.clean_structured_content = options.clean_graphics = true;
      options.retain_modified_dates = true;
    }
    const auto out = Deidentifier{options, key()}.run(before);
    ASSERT_OK(out);
    std::string where;
    leaking(parse(out->bytes)->dataset, "", where);
    EXPECT_EQ(leaks(out->bytes), 0U) << "of " << injected << ": " << where;
    EXPECT_EQ(count(out->bytes, "Zebulon"), 0U);
    for (const auto& entry : out->manifest) EXPECT_EQ(entry.path.find(kMarker), std::string::npos);
    const auto again = parse(out->bytes);
    ASSERT_OK(again);
    EXPECT_EQ(again->dataset.text_or(tags::kPatientIdentityRemoved), "YES");
    EXPECT_EQ(again->dataset.items(tags::kDeidentificationMethodCodeSequence).size(), all ? 5U : 1U);
  }
}

TEST(Deidentify, names_are_found_in_every_character_set) {
  const std::pair<const char*, const char*> cases[] = {{"ISO_IR 100", "Müllerström^Jörg"},
                                                       {"GB18030", "Wang^XiaoDong=王^小东山"},
                                                       {"\\ISO 2022 IR 87", "Yamadaz^Tarou=山田^太郎"},
                                                       {"\\ISO 2022 IR 149", "Honggil^Gildong=洪^吉洞"},
                                                       {"ISO_IR 192", "Надеждин^Пётр"}};
  for (const auto& [charset, name] : cases) {
    SCOPED_TRACE(charset);
    Dataset data = base_object(charset);
    data.set_text(tags::kPatientName, name);
    const std::string family = parse_person_name(name).alphabetic;
    data.set_text(tags::kContrastBolusAgent, "for " + family.substr(0, family.find('^')));
    const auto ideographic = parse_person_name(name).ideographic;
    if (!ideographic.empty())
      data.set_text(tags::kFilterType, Vr::lo, "of " + ideographic.substr(0, ideographic.find('^')) + " x");
    const auto out = Deidentifier{{}, key()}.run(written(data));
    ASSERT_OK(out);
    const auto again = parse(out->bytes);
    ASSERT_OK(again);
    EXPECT_EQ(again->dataset.text_or(tags::kContrastBolusAgent), "REMOVED");
    EXPECT_TRUE(again->dataset.text_or(tags::kPatientName).starts_with("P"));
  }
}

TEST(Deidentify, uids_pseudonyms_and_dates_are_consistent_and_need_the_key) {
  const auto object = [](std::string_view instance, std::string_view date) {
    Dataset data = base_object();
    data.set_text(tags::kSOPInstanceUID, instance).set_text(tags::kStudyInstanceUID, "1.2.3.4.5");
    data.set_text(tags::kPatientID, "42").set_text(tags::kStudyDate, date);
    return written(data);
  };
  DeidOptions options;
  options.retain_modified_dates = true;
  const Deidentifier deid{options, key()};
  const auto a = deid.run(object("1.2.3.4.6", "20200110"));
  const auto b = deid.run(object("1.2.3.4.7", "20200131"));
  const auto other = Deidentifier{options, key(8)}.run(object("1.2.3.4.6", "20200110"));
  ASSERT_OK(a);
  ASSERT_OK(b);
  ASSERT_OK(other);
  EXPECT_EQ(a->study, b->study);
  EXPECT_NE(a->sop_instance, b->sop_instance);
  EXPECT_NE(a->study, other->study);
  const auto first = parse(a->bytes);
  const auto second = parse(b->bytes);
  EXPECT_EQ(first->dataset.text_or(tags::kPatientID), second->dataset.text_or(tags::kPatientID));
  const auto days = [](const Object& o) {
    return std::chrono::sys_days{*parse_date(o.dataset.text_or(tags::kStudyDate))};
  };
  EXPECT_EQ((days(*second) - days(*first)).count(), 21);
  EXPECT_LT(days(*first), std::chrono::sys_days{*parse_date("20200110")});
}

TEST(Deidentify, structured_reports_keep_codes_and_lose_people) {
  Dataset name;
  name.set_text(tags::kValueType, "PNAME").set_text(tags::kPersonName, "Quagmirez^Doctor");
  Dataset text;
  text.set_text(tags::kValueType, "TEXT")
      .set_text(tags::kTextValue, "Mass in left lung of Quagmirez, 12 mm, call 555-0199");
  Dataset code;
  code.set_text(tags::kCodeValue, "39607008")
      .set_text(tags::kCodingSchemeDesignator, "SCT")
      .set_text(tags::kCodeMeaning, "Lung");
  Dataset coded;
  coded.set_text(tags::kValueType, "CODE").set_items(tags::kConceptCodeSequence, {code});
  Dataset data = base_object();
  data.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.88.33")
      .set_items(tags::kContentSequence, {name, text, coded});
  DeidOptions options;
  options.clean_structured_content = true;
  const auto out = Deidentifier{options, key()}.run(written(data));
  ASSERT_OK(out);
  EXPECT_EQ(leaks(out->bytes), 0U);
  EXPECT_EQ(count(out->bytes, "0199"), 0U);
  EXPECT_EQ(count(out->bytes, "39607008"), 1U);
  const auto basic = Deidentifier{{}, key()}.run(written(data));
  ASSERT_OK(basic);
  EXPECT_EQ(count(basic->bytes, "39607008"), 0U);
}

TEST(Deidentify, dummies_keep_the_multiplicity_and_no_sequence_is_empty_that_may_not_be) {
  Dataset circle;
  const double points[] = {10, 20, 30, 40};
  circle.set_text(tags::kValueType, "SCOORD").set_text(tags::kGraphicType, "CIRCLE");
  circle.set_numbers(tags::kGraphicData, Vr::fl, points);
  Dataset study;
  study.set_text(tags::kReferencedSOPInstanceUID, "1.2.3.4.777.5");
  Dataset data = base_object();
  data.set_items(tags::kContentSequence, {circle}).set_items(tags::kReferencedStudySequence, {study});
  const auto out = Deidentifier{{}, key()}.run(written(data));
  ASSERT_OK(out);
  const auto object = parse(out->bytes);
  ASSERT_OK(object);
  const auto content = object->dataset.items(tags::kContentSequence);
  ASSERT_EQ(content.size(), 1U);
  EXPECT_EQ(content[0].numbers(tags::kGraphicData), (std::vector<double>{0, 0, 0, 0}));
  EXPECT_FALSE(object->dataset.contains(tags::kReferencedStudySequence));
}

// Errors that dciodvfy finds, without the values it quotes.
std::set<std::string> errors_of(std::span<const std::byte> file) {
  std::set<std::string> out;
  std::istringstream lines{dicom::testing::said_by("dciodvfy", file)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Error")) continue;
    const auto uid = line.find_first_of("0123456789", line.find(" <"));
    out.insert(line.substr(
        0, std::min(line.find(" Value="), line.find("UID <") == std::string::npos ? std::string::npos : uid)));
  }
  return out;
}

// Every fourth conformance file that dciodvfy knows the IOD of.
TEST(Deidentify, results_have_no_errors_by_dciodvfy_that_their_sources_had_not) {
  const auto& files = dicom::testing::conformance().files;
  if (files.empty()) GTEST_SKIP() << "skipped: no real data";
  if (!dicom::testing::has_validator("dciodvfy")) GTEST_SKIP() << "skipped: package dicom3tools is not installed";
  DeidOptions options;
  options.accept_pixels = true;
  const Deidentifier deid{options, key()};
  std::size_t number = 0, compared = 0, worse = 0;
  for (const auto& [name, bytes] : files) {
    if (++number % 4 != 0) continue;
    const auto source = parse(bytes);
    // A source without its SOP class is checked by no IOD, and the result by its own.
    if (!source || !source->dataset.contains(tags::kSOPClassUID) || bytes.size() > (std::size_t{4} << 20)) continue;
    const auto out = deid.run(bytes);
    if (!out) continue;
    const auto before = errors_of(bytes);
    ++compared;
    bool is_worse = false;
    for (const std::string& error : errors_of(out->bytes)) {
      if (before.contains(error)) continue;
      is_worse = true;
      std::cout << name << ": " << error << "\n";
    }
    worse += is_worse ? 1U : 0U;
  }
  EXPECT_GT(compared, 40U);
  std::cout << worse << " of " << compared << " results have errors that their sources had not\n";
  EXPECT_LE(worse, 5U);
}

Dataset picture(std::string_view sop_class) {
  Dataset data = base_object();
  data.set_text(tags::kSOPClassUID, sop_class).set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
  data.set_integer(tags::kRows, 4).set_integer(tags::kColumns, 4).set_integer(tags::kSamplesPerPixel, 1);
  data.set_integer(tags::kBitsAllocated, 8).set_integer(tags::kBitsStored, 8).set_integer(tags::kHighBit, 7);
  data.set_integer(tags::kPixelRepresentation, 0);
  data.set_bytes(tags::kPixelData, Vr::ob, std::vector<std::byte>(16, std::byte{200}));
  return data;
}

TEST(Deidentify, pictures_that_may_hold_text_are_refused_cleaned_or_passed_on_request) {
  const auto bytes = written(picture("1.2.840.10008.5.1.4.1.1.7"));
  EXPECT_CODE(Deidentifier({}, key()).run(bytes), Code::precondition);
  DeidOptions options;
  options.accept_pixels = true;
  const auto passed = Deidentifier{options, key()}.run(bytes);
  ASSERT_OK(passed);
  EXPECT_EQ(passed->warnings.size(), 1U);
  options = {};
  options.clean_pixel_data = true;
  options.pixel_rules =
      *parse_pixel_rules(R"({"rules":[{"name":"top","match":{"Modality":"CT"},"blank":[[0,0,4,2]]}]})");
  const auto cleaned = Deidentifier{options, key()}.run(bytes);
  ASSERT_OK(cleaned);
  const auto object = parse(cleaned->bytes);
  const auto frame = decode_frame(*object, cleaned->bytes, 0);
  ASSERT_OK(frame);
  EXPECT_EQ(std::ranges::count(frame->data, std::byte{0}), 8);
  EXPECT_EQ(object->dataset.text_or(tags::kBurnedInAnnotation), "NO");
}

TEST(Deidentify, ultrasound_keeps_only_its_declared_regions) {
  Dataset region;
  region.set_integer(tags::kRegionLocationMinX0, 1).set_integer(tags::kRegionLocationMinY0, 1);
  region.set_integer(tags::kRegionLocationMaxX1, 2).set_integer(tags::kRegionLocationMaxY1, 2);
  Dataset data = picture("1.2.840.10008.5.1.4.1.1.6.1");
  data.set_items(tags::kSequenceOfUltrasoundRegions, {region});
  DeidOptions options;
  options.clean_pixel_data = true;
  const auto out = Deidentifier{options, key()}.run(written(data));
  ASSERT_OK(out);
  const auto object = parse(out->bytes);
  const auto frame = decode_frame(*object, out->bytes, 0);
  ASSERT_OK(frame);
  EXPECT_EQ(std::ranges::count(frame->data, std::byte{200}), 4);
}

TEST(Deidentify, documents_directories_and_rubbish_are_refused) {
  Dataset document = base_object();
  document.set_bytes(tags::kEncapsulatedDocument, Vr::ob, std::vector<std::byte>(4));
  EXPECT_CODE(Deidentifier({}, key()).run(written(document)), Code::precondition);
  EXPECT_CODE(Deidentifier({}, key()).run(std::vector<std::byte>(300, std::byte{1})), Code::invalid);
  EXPECT_CODE(parse_pixel_rules("[]"), Code::invalid);
  DeidOptions options;
  EXPECT_CODE(set_option(options, "retain-everything"), Code::invalid);
}

TEST(Deidentify, safe_private_attributes_stay_by_creator) {
  Dataset data = base_object();
  data.set_text(Tag{0x0029, 0x0010}, Vr::lo, "MAKER")
      .set_text(Tag{0x0029, 0x1001}, Vr::lo, "kept")
      .set_text(Tag{0x0029, 0x1002}, Vr::lo, "gone");
  DeidOptions options;
  options.retain_safe_private = true;
  options.safe_private = {{0x0029, "MAKER", 0x01}};
  const auto out = Deidentifier{options, key()}.run(written(data));
  ASSERT_OK(out);
  EXPECT_EQ(count(out->bytes, "kept"), 1U);
  EXPECT_EQ(count(out->bytes, "gone"), 0U);
}

TEST(CleanText, keeps_the_words_of_the_standard_only) {
  EXPECT_EQ(clean_text("CT Chest w/ contrast, J. Quagmirez 2020-01-02"), "CT Chest w contrast");
  EXPECT_EQ(clean_text("5.0 mm axial"), "5 0 mm axial");
}

}  // namespace
}  // namespace aceso::privacy
