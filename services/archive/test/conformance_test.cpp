// Real files: stored, listed and fetched back byte for byte, or refused with the right code.
#include "conformance.hpp"

#include <gtest/gtest.h>

#include <set>

#include "aceso/dicom/parse.hpp"
#include "fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

bool may_be_kept(const dicom::Object& object) {
  for (const auto tag :
       {tags::kSOPClassUID, tags::kSOPInstanceUID, tags::kStudyInstanceUID, tags::kSeriesInstanceUID}) {
    if (!dicom::is_tolerable_uid(object.dataset.text_or(tag))) return false;
  }
  return true;
}

TEST(ArchiveConformance, every_file_is_kept_byte_for_byte_or_refused) {
  const auto& data = dicom::testing::conformance();
  if (data.files.empty()) GTEST_SKIP() << "skipped: no real data";
  Surroundings around;
  auto archive = around.open({.each = false});
  ASSERT_OK(archive);
  std::map<std::string, const Bytes*> kept;
  std::size_t refused = 0;
  std::size_t taken = 0;
  for (const auto& [name, bytes] : data.files) {
    SCOPED_TRACE(name);
    const auto stored = put(**archive, bytes, caller(), 40'000);
    const auto object = dicom::parse(bytes);
    if (!object.ok() || !may_be_kept(*object)) {
      ASSERT_FALSE(stored.ok());
      const Code code = stored.error().code();
      // A damaged copy of something kept differs from it before its damage is reached.
      EXPECT_TRUE(code == Code::invalid || code == Code::unsupported || code == Code::exists);
      ++refused;
      continue;
    }
    const auto uid = object->dataset.text_or(tags::kSOPInstanceUID);
    if (const auto before = kept.find(uid); before != kept.end()) {
      ++taken;
      if (*before->second == bytes) {
        ASSERT_OK(stored);
        EXPECT_TRUE(stored->duplicate);
      } else if (!stored.ok()) {
        EXPECT_EQ(stored.error().code(), Code::exists);
      }
      continue;
    }
    ASSERT_OK(stored);
    kept[uid] = &bytes;
  }
  std::printf("%zu files: %zu kept, %zu under a taken UID, %zu refused\n", data.files.size(), kept.size(), taken,
              refused);
  EXPECT_GT(kept.size(), 200U);
  archive->reset();
  archive = around.open({.each = false});
  ASSERT_OK(archive);
  EXPECT_EQ((*archive)->totals().instances, kept.size());
  for (const auto& [uid, bytes] : kept) {
    const auto back = get(**archive, uid);
    ASSERT_OK(back);
    EXPECT_TRUE(*back == *bytes);
    contracts::ObjectQuery query;
    query.level = contracts::QueryLevel::image;
    query.keys.push_back({tags::kSOPInstanceUID.value(), Phi<std::string>{uid}});
    const auto found = (*archive)->find(caller(), query);
    ASSERT_OK(found);
    EXPECT_EQ(found->rows.size(), 1U);
  }
}

}  // namespace
}  // namespace aceso::archive
