#include "aceso/base/codes.hpp"

#include <array>
#include <set>
#include <string>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

constexpr std::array kAll{Code::invalid,         Code::not_found,   Code::exists,       Code::denied,
                          Code::unauthenticated, Code::conflict,    Code::precondition, Code::exhausted,
                          Code::too_large,       Code::unsupported, Code::cancelled,    Code::timeout,
                          Code::unavailable,     Code::data_loss,   Code::internal};

TEST(Codes, the_table_holds_each_code_at_its_place) {
  static_assert(kAll.size() == kCodeCount);
  std::set<std::string_view> names;
  for (const Code code : kAll) {
    EXPECT_EQ(code_info(code).code, code);
    EXPECT_EQ(to_string(code), code_info(code).name);
    EXPECT_GE(code_info(code).http_status, 400);
    EXPECT_LT(code_info(code).http_status, 600);
    EXPECT_TRUE(code_info(code).meaning.ends_with('.'));
    names.insert(to_string(code));
  }
  EXPECT_EQ(names.size(), kCodeCount);
  EXPECT_EQ(to_string(Code::data_loss), "data_loss");
}

TEST(Codes, the_page_of_the_manual_says_the_same) {
  const auto page = read_text_file(ACESO_ERRORS_PAGE, 1 << 20);
  ASSERT_OK(page);
  std::string table;
  for (const CodeInfo& info : all_codes()) {
    table += "| `" + std::string{info.name} + "` | " + std::to_string(info.http_status) + " | " +
             std::string{info.fhir_issue} + " | " + std::string{info.meaning} + " |\n";
  }
  EXPECT_TRUE(page->ends_with("|---|---|---|---|\n" + table)) << "docs/errors.md should end with:\n" << table;
}

}  // namespace
}  // namespace aceso
