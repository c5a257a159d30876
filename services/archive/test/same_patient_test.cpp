// Who is the same person, and what of two records says otherwise.
#include "same_patient.hpp"

#include <gtest/gtest.h>

#include "patterns.hpp"
#include "prior_rules.hpp"

namespace aceso::archive {
namespace {

TEST(SamePatient, names_agree_however_they_are_written) {
  const auto compared = [](std::string_view a, std::string_view b) { return compare_names(a, b); };
  EXPECT_EQ(compared("Müller^Änne", "MUELLER^AENNE"), Agreement::agree) << "umlauts as two letters";
  EXPECT_EQ(compared("Müller^Änne", "MULLER^ANNE"), Agreement::agree) << "umlauts without their dots";
  EXPECT_EQ(compared("Doe^Jane^^Dr", "doe^jane"), Agreement::agree);
  EXPECT_EQ(compared("Smith-Jones^Mary Ann", "SMITH JONES^MARYANN"), Agreement::agree);
  EXPECT_EQ(compared("Łukasiewicz^Józef", "Lukasiewicz^Jozef"), Agreement::agree);
  EXPECT_EQ(compared("ΠΑΠΠΑΣ^ΑΝΝΑ", "Παππάς^Άννα"), Agreement::agree);
  EXPECT_EQ(compared("ИВАНОВ^ИВАН", "Иванов^Иван"), Agreement::agree);
  EXPECT_EQ(compared("DOE JANE", "Doe^Jane"), Agreement::agree) << "no separator, any order";
  EXPECT_EQ(compared("Jane Doe", "Doe^Jane"), Agreement::agree);
  EXPECT_EQ(compared("Doe^Jane Mary", "Doe^Jane"), Agreement::agree) << "the first given name";
}

TEST(SamePatient, names_that_differ_and_names_that_say_too_little) {
  EXPECT_EQ(compare_names("Doe^Jane", "Doe^John"), Agreement::disagree);
  EXPECT_EQ(compare_names("Doe^Jane", "Roe^Jane"), Agreement::disagree);
  EXPECT_EQ(compare_names("Doe", "Roe"), Agreement::disagree);
  EXPECT_EQ(compare_names("Doe^Jane", "Doe"), Agreement::unknown);
  EXPECT_EQ(compare_names("Doe^J", "Doe^Jane"), Agreement::unknown) << "an initial";
  EXPECT_EQ(compare_names("Doe^J", "Doe^Mary"), Agreement::disagree);
  EXPECT_EQ(compare_names("", "Doe^Jane"), Agreement::unknown);
  EXPECT_EQ(compare_names("^^", "Doe^Jane"), Agreement::unknown);
}

TEST(SamePatient, the_ideographic_name_decides_where_both_have_one) {
  EXPECT_EQ(compare_names("Wang^XiaoDong=王^小东", "Wang^Xiao Dong=王^小东"), Agreement::agree);
  EXPECT_EQ(compare_names("Wang^XiaoDong=王^小东", "Wang^XiaoDong=王^晓东"), Agreement::disagree)
      << "written alike in Latin letters";
  EXPECT_EQ(compare_names("Wang^XiaoDong=王^小东", "Wang^XiaoDong"), Agreement::agree);
}

TEST(SamePatient, an_id_alone_confirms_nothing) {
  const PatientClaim step{"17", "HOSP-A", "Doe^Jane", "19800102"};
  const auto with = [&](const PatientClaim& other) { return compare_patients(step, other); };
  EXPECT_TRUE(with({"17 ", "", "", ""}).same_id);
  EXPECT_FALSE(with({"17 ", "", "", ""}).confirmed);
  EXPECT_FALSE(with({"18", "HOSP-A", "Doe^Jane", "19800102"}).same_id);
  EXPECT_TRUE(with({"17", "HOSP-A", "", ""}).confirmed);
  EXPECT_TRUE(with({"17", "", "", "19800102"}).confirmed);
  EXPECT_TRUE(with({"17", "", "DOE^JANE", ""}).confirmed);
  using Fields = std::vector<std::string_view>;
  EXPECT_EQ(with({"17", "HOSP-B", "Doe^Jane", "19800102"}).disagreeing, Fields{"issuer"});
  EXPECT_EQ(with({"17", "HOSP-A", "Roe^Jane", "19810102"}).disagreeing, (Fields{"name", "birth_date"}));
  EXPECT_FALSE(compare_patients({}, {}).same_id) << "none has no ID";
}

TEST(Patterns, exclude_with_an_exclamation_mark) {
  const std::vector<std::string> only_not{"!pacs", "!old*"};
  EXPECT_TRUE(any_matches(only_not, {"CT1"}));
  EXPECT_FALSE(any_matches(only_not, {"PACS"}));
  EXPECT_FALSE(any_matches(only_not, {"OLD2"}));
  EXPECT_TRUE(any_matches({"ct*", "!ct9"}, {"CT1"}));
  EXPECT_FALSE(any_matches({"ct*", "!ct9"}, {"CT9"}));
  EXPECT_FALSE(any_matches({"ct*", "!ct9"}, {"MR1"}));
  EXPECT_FALSE(any_matches({"!*topogram*"}, {"Chest", "Topogram"})) << "either name excludes";
  EXPECT_TRUE(any_matches({"chest"}, {"Chest", "Topogram"})) << "either name matches";
  EXPECT_TRUE(any_matches({}, {""}));
}

TEST(PriorRules, say_what_is_wrong_with_them) {
  const auto why = [](const char* text) {
    const auto rules = parse_prior_rules(text);
    return rules ? std::string{} : rules.error().message();
  };
  EXPECT_EQ(why(R"([{"from": "PACS"}])"), "");
  EXPECT_EQ(why(R"([{}])"), "rule 1: from is an AE title of dimse.peers, or a list of them");
  EXPECT_EQ(why(R"([{"from": "PACS", "hours": 3}])").rfind("rule 1: unknown key hours", 0), 0U);
  EXPECT_EQ(why(R"([{"from": "PACS", "hours_before": -1}])"), "rule 1: hours_before is a whole number from 0 to 2160");
  EXPECT_EQ(why(R"([{"from": "PACS", "by": "post"}])"), "rule 1: by is get (C-GET) or move (C-MOVE)");
  EXPECT_EQ(why(R"([{"from": "PACS", "fetch": {"max_studies": 0}}])"),
            "rule 1: fetch.max_studies is a whole number from 1 to 100");
  EXPECT_EQ(why(R"([{"from": "PACS", "name": "a"}, {"from": "PACS", "name": "a"}])"),
            "rule 2: another rule has this name");
  EXPECT_EQ(why(R"({"from": "PACS"})"), "is not a list of rules");
}

}  // namespace
}  // namespace aceso::archive
