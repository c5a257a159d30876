// The list behind the Studies page: what people type finds what they mean, sorted and counted.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/net/http.hpp"
#include "fixture.hpp"
#include "study_list.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

class StudyList : public ::testing::Test {
 protected:
  StudyList() {
    auto opened = around_.open();
    EXPECT_OK(opened);
    archive_ = *std::move(opened);
    archive_->register_routes(router_);
    add("1.1", "P1", "Doe^Jane", "20240131", "A1", "CT", "Chest low dose");
    add("1.2", "P1", "Doe^Jane", "20250301", "A2", "MR", "Brain");
    add("1.3", "Q77", "Wang^XiaoDong=王^小东", "20230615", "B9", "CT", "Abdomen");
    add("1.4", "", "", "", "", "CR", "");
  }

  void add(const std::string& study, const std::string& id, const std::string& name, const std::string& date,
           const std::string& accession, const std::string& modality, const std::string& description) {
    const ObjectSpec spec{.study = study,
                          .series = study + ".1",
                          .instance = study + ".1.1",
                          .patient_id = id,
                          .patient_name = name,
                          .study_date = date,
                          .accession = accession,
                          .modality = modality,
                          .description = description};
    EXPECT_OK(put(*archive_, make_file(spec)));
  }

  net::Response post(const std::string& body, std::vector<std::string> scopes = {"archive:read"},
                     const std::string& path = "/api/v1/archive/studies/search") {
    net::Request request;
    request.method = net::Method::post;
    request.path = path;
    request.headers.set("Content-Type", "application/json");
    request.body = std::make_shared<TextBody>(body);
    request.request_id = "r1";
    request.remote_address = "192.0.2.9";
    request.principal = caller(std::move(scopes)).principal;
    auto response = net::route_request(router_, request);
    return response ? *std::move(response) : net::Response::problem(response.error(), "r1");
  }
  Json ask(const std::string& body) {
    const auto response = post(body);
    EXPECT_EQ(response.status, 200);
    const auto parsed = parse_json(std::get<std::string>(response.body));
    EXPECT_OK(parsed);
    return parsed ? *parsed : Json();
  }
  std::vector<std::string> found(const std::string& body) {
    std::vector<std::string> out;
    const Json answer = ask(body);
    for (const auto& row : answer.at("studies")) out.push_back(row.at("study_uid"));
    return out;
  }

  Surroundings around_;
  net::Router router_;
  std::unique_ptr<Archive> archive_;
};
using Uids = std::vector<std::string>;

TEST_F(StudyList, newest_comes_first_and_the_undated_last) {
  EXPECT_EQ(found("{}"), (Uids{"1.2", "1.1", "1.3", "1.4"}));
  EXPECT_EQ(found(R"({"ascending":true})"), (Uids{"1.3", "1.1", "1.2", "1.4"}));
}

TEST_F(StudyList, one_box_takes_names_in_any_order_and_the_beginning_of_an_id) {
  EXPECT_EQ(found(R"({"patient":"jane doe"})"), (Uids{"1.2", "1.1"}));
  EXPECT_EQ(found(R"({"patient":"DO"})"), (Uids{"1.2", "1.1"}));
  EXPECT_EQ(found(R"({"patient":"q7"})"), (Uids{"1.3"}));
  EXPECT_EQ(found(R"({"patient":"?77"})"), (Uids{"1.3"}));
  EXPECT_EQ(found(R"({"patient":"王小东"})"), (Uids{"1.3"}));
  EXPECT_EQ(found(R"({"patient":"wangxiao"})"), (Uids{"1.3"}));
  EXPECT_EQ(found(R"({"patient":"ane"})"), Uids{});  // the middle of a word is nobody's name
}

TEST_F(StudyList, restricts_by_number_date_modality_and_description) {
  EXPECT_EQ(found(R"({"accession":"A1"})"), (Uids{"1.1"}));
  EXPECT_EQ(found(R"({"accession":"A*"})"), (Uids{"1.2", "1.1"}));
  EXPECT_EQ(found(R"({"from":"20240101","to":"20241231"})"), (Uids{"1.1"}));
  EXPECT_EQ(found(R"({"from":"20240131","to":"20240131"})"), (Uids{"1.1"}));
  EXPECT_EQ(found(R"({"from":"20240201"})"), (Uids{"1.2"}));
  EXPECT_EQ(found(R"({"modalities":["CT","CR"]})"), (Uids{"1.1", "1.3", "1.4"}));
  EXPECT_EQ(found(R"({"description":"LOW"})"), (Uids{"1.1"}));
  EXPECT_EQ(found(R"({"study_uid":"1.3"})"), (Uids{"1.3"}));
  EXPECT_EQ(found(R"({"patient":"doe","modalities":["MR"]})"), (Uids{"1.2"}));
}

TEST_F(StudyList, sorts_by_every_column_and_counts_what_it_does_not_show) {
  EXPECT_EQ(found(R"({"order":"patient","ascending":true})"), (Uids{"1.2", "1.1", "1.3", "1.4"}));
  EXPECT_EQ(found(R"({"order":"patient_id"})"), (Uids{"1.3", "1.2", "1.1", "1.4"}));
  EXPECT_EQ(found(R"({"order":"accession","ascending":true})"), (Uids{"1.1", "1.2", "1.3", "1.4"}));
  EXPECT_EQ(found(R"({"order":"description","ascending":true})"), (Uids{"1.3", "1.2", "1.1", "1.4"}));
  EXPECT_EQ(found(R"({"order":"received","ascending":true})"), (Uids{"1.1", "1.2", "1.3", "1.4"}));
  EXPECT_OK(put(*archive_, make_file({.study = "1.3", .series = "1.3.1", .instance = "1.3.1.2", .patient_id = "Q77"})));
  EXPECT_EQ(found(R"({"order":"instances"})").front(), "1.3");
  const auto page = ask(R"({"limit":2,"offset":1})");
  EXPECT_EQ(page.at("total"), 4);
  EXPECT_EQ(page.at("studies").size(), 2U);
  EXPECT_EQ(page.at("studies")[0].at("study_uid"), "1.1");
  EXPECT_EQ(ask(R"({"offset":9})").at("studies").size(), 0U);
}

TEST_F(StudyList, a_row_says_who_what_and_how_much) {
  const auto row = ask(R"({"study_uid":"1.3"})").at("studies")[0];
  EXPECT_EQ(row.at("patient").at("name"), "Wang^XiaoDong=王^小东");
  EXPECT_EQ(row.at("patient").at("id"), "Q77");
  EXPECT_EQ(row.at("date"), "20230615");
  EXPECT_EQ(row.at("accession"), "B9");
  EXPECT_EQ(row.at("modalities"), Json::array({"CT"}));
  EXPECT_EQ(row.at("series"), 1);
  EXPECT_EQ(row.at("instances"), 1);
  EXPECT_TRUE(parse_utc(row.at("received").get<std::string>()).ok());
}

TEST_F(StudyList, studies_of_the_same_patient_need_an_id) {
  EXPECT_EQ(found(R"({"same_patient_as":"1.1"})"), (Uids{"1.2", "1.1"}));
  add("1.5", "", "", "", "", "CR", "");
  EXPECT_EQ(found(R"({"same_patient_as":"1.4"})"), (Uids{"1.4"}));
  EXPECT_EQ(post(R"({"same_patient_as":"9.9"})").status, 404);
}

TEST_F(StudyList, refuses_what_it_does_not_know_without_repeating_it) {
  for (const char* body : {R"([])", R"({"name":"Doe"})", R"({"patient":5})", R"({"limit":0})", R"({"limit":201})",
                           R"({"limit":-1})", R"({"offset":1.5})", R"({"order":"size"})", R"({"ascending":1})",
                           R"({"from":"lastweek"})", R"({"study_uid":"Doe"})", R"({"modalities":"CT"})", "{"}) {
    const auto response = post(body);
    EXPECT_EQ(response.status, 400) << body;
    const auto text = std::get<std::string>(response.body);
    EXPECT_EQ(text.find("Doe"), std::string::npos) << text;
    EXPECT_EQ(text.find("lastweek"), std::string::npos) << text;
  }
  EXPECT_EQ(post("{}", {"archive:write"}).status, 403);
}

TEST_F(StudyList, the_trail_names_the_fields_and_never_their_values) {
  const auto before = around_.audit.events().size();
  ask(R"({"patient":"jane doe","from":"20240101"})");
  ask(R"({"patient":"jane doe","from":"20240101"})");  // the same again within the window
  const auto events = around_.audit.events();
  ASSERT_EQ(events.size(), before + 1);
  EXPECT_EQ(events.back().event, "archive.query");
  EXPECT_EQ(events.back().detail, R"({"level":"STUDY","keys":["patient","date"]})");
  EXPECT_EQ(events.back().entity_id.find("jane"), std::string::npos);
}

class StudyListByPatient : public StudyList {
 protected:
  Json patients(const std::string& body) {
    const auto response = post(body, {"archive:read"}, "/api/v1/archive/patients/search");
    EXPECT_EQ(response.status, 200);
    const auto parsed = parse_json(std::get<std::string>(response.body));
    EXPECT_OK(parsed);
    return parsed ? *parsed : Json();
  }
  std::vector<std::string> newest(const std::string& body) {
    std::vector<std::string> out;
    const Json answer = patients(body);
    for (const auto& row : answer.at("patients")) out.push_back(row.at("newest_study_uid"));
    return out;
  }
};

TEST_F(StudyListByPatient, gathers_studies_by_id_and_issuer_and_leaves_those_without_an_id_alone) {
  add("1.5", "", "", "", "", "CR", "");
  const auto all = patients("{}");
  EXPECT_EQ(all.at("total"), 4);
  EXPECT_EQ(newest("{}"), (Uids{"1.2", "1.3", "1.4", "1.5"}));
  const auto& jane = all.at("patients")[0];
  EXPECT_EQ(jane.at("patient").at("name"), "Doe^Jane");
  EXPECT_EQ(jane.at("studies"), 2);
  EXPECT_EQ(jane.at("modalities"), (Json::array({"CT", "MR"})));
  EXPECT_EQ(jane.at("newest_date"), "20250301");
}

TEST_F(StudyListByPatient, is_searched_sorted_and_paged) {
  EXPECT_EQ(newest(R"({"patient":"王小"})"), (Uids{"1.3"}));
  EXPECT_EQ(newest(R"({"order":"patient","ascending":true})"), (Uids{"1.2", "1.3", "1.4"}));
  EXPECT_EQ(newest(R"({"order":"patient_id"})"), (Uids{"1.3", "1.2", "1.4"}));
  EXPECT_EQ(newest(R"({"order":"studies"})").front(), "1.2");
  EXPECT_EQ(newest(R"({"limit":1,"offset":1})"), (Uids{"1.3"}));
}

TEST_F(StudyListByPatient, refuses_what_it_does_not_know_and_who_may_not) {
  const std::string path = "/api/v1/archive/patients/search";
  for (const char* body : {"[]", R"({"name":"Doe"})", R"({"order":"date "})", R"({"limit":0})", R"({"ascending":"y"})"})
    EXPECT_EQ(post(body, {"archive:read"}, path).status, 400) << body;
  EXPECT_EQ(post("{}", {"archive:write"}, path).status, 403);
}

}  // namespace
}  // namespace aceso::archive
