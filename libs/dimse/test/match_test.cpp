#include "match.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aceso::dimse {
namespace {

using dicom::Vr;

TEST(DimseMatch, matches_as_the_standard_says) {
  EXPECT_TRUE(matches(Vr::lo, "", "anything"));
  EXPECT_TRUE(matches(Vr::pn, "doe^j*", "Doe^John"));
  EXPECT_FALSE(matches(Vr::lo, "doe", "Doe"));
  EXPECT_TRUE(matches(Vr::sh, "A?C", "ABC"));
  EXPECT_FALSE(matches(Vr::sh, "A?C", "AC"));
  EXPECT_TRUE(matches(Vr::da, "20260101-20260131", "20260115"));
  EXPECT_TRUE(matches(Vr::da, "-20260131", "20250101"));
  EXPECT_FALSE(matches(Vr::da, "20260116-", "20260115"));
  EXPECT_TRUE(matches(Vr::tm, "0800-0959", "095959"));
  EXPECT_FALSE(matches(Vr::tm, "0800-0959", "100000"));
  EXPECT_TRUE(matches(Vr::ui, "1.2\\1.3", "1.3"));
  EXPECT_FALSE(matches(Vr::ui, "1.2*", "1.23"));
  EXPECT_TRUE(matches(Vr::cs, "MR", "CT\\MR"));
  EXPECT_FALSE(matches(Vr::da, "20260101-", ""));
}

TEST(DimseMatch, wildcards_do_not_explode) {
  EXPECT_FALSE(matches(Vr::lo, std::string(1000, '*') + "x", std::string(5000, 'a')));
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches(Vr::lo, pattern + "b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace aceso::dimse
