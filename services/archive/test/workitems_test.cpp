// UPS-RS as clients use it: the standard's states and status codes (PS3.18 11, PS3.4 CC), and the node's own analyses.
#include "aceso/archive/workitems.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/id.hpp"
#include "analyses_fixture.hpp"
#include "workitem.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

struct UpsReply {
  int status = 0;
  std::string warning, location, body;
  Json json() const { return *parse_json(body); }
};

class WorkitemsTest : public ::testing::Test {
 protected:
  WorkitemsTest() {
    EXPECT_OK(node_.open());
    open();
  }
  void open() {
    workitems_.reset();
    router_ = {};
    auto opened = Workitems::open(node_.folder.path() / "workitems", {.clock = node_.clock,
                                                                      .random = node_.random,
                                                                      .logger = node_.logger,
                                                                      .archive = *node_.archive,
                                                                      .analyses = *node_.analyses,
                                                                      .key = node_.key});
    ASSERT_OK(opened);
    workitems_ = *std::move(opened);
    workitems_->register_routes(router_);
  }
  UpsReply ask(net::Method method, const std::string& target, const Json& body = nullptr,
               const std::vector<std::string>& scopes = {"archive:read", "archive:write"},
               const std::string& type = "application/dicom+json") {
    net::Request request;
    request.method = method;
    const auto mark = std::min(target.find('?'), target.size());
    request.path = "/dicom-web" + target.substr(0, mark);
    for (std::size_t at = mark + 1; at < target.size();) {
      const auto end = std::min(target.find('&', at), target.size());
      const auto pair = target.substr(at, end - at);
      const auto equals = std::min(pair.find('='), pair.size());
      request.query.emplace_back(pair.substr(0, equals), equals < pair.size() ? pair.substr(equals + 1) : "");
      at = end + 1;
    }
    if (!body.is_null()) request.headers.set("Content-Type", type);
    request.headers.set("Host", "node.example");
    request.body = std::make_shared<TextBody>(body.is_null() ? "" : body.dump());
    request.principal = caller(scopes).principal;
    auto response = net::route_request(router_, request);
    if (!response) {
      auto problem = net::Response::problem(response.error(), "r1");
      return {problem.status, "", "", std::get<std::string>(problem.body)};
    }
    return {response->status, std::string{response->headers.get("Warning")},
            std::string{response->headers.get("Location")}, std::get<std::string>(response->body)};
  }
  static Json text(const char* vr, const std::string& value) { return {{"vr", vr}, {"Value", Json::array({value})}}; }
  static Json task(const std::string& label = "Contour the liver") {
    return Json::array({{{"00100010", {{"vr", "PN"}, {"Value", Json::array({{{"Alphabetic", "Doe^Jane"}}})}}},
                         {"00100020", text("LO", "P1")},
                         {"0020000D", text("UI", "1.2.3.1")},
                         {"00404005", text("DT", "20260131101500")},
                         {"00404041", text("CS", "READY")},
                         {"00741000", text("CS", "SCHEDULED")},
                         {"00741200", text("CS", "HIGH")},
                         {"00741202", text("LO", "contours")},
                         {"00741204", text("LO", label)}}});
  }
  static Json state(const std::string& to, const std::string& transaction) {
    Json out{{"00741000", text("CS", to)}};
    if (!transaction.empty()) out["00081195"] = text("UI", transaction);
    return Json::array({out});
  }
  static Json performed() {
    const Json code = {
        {"vr", "SQ"},
        {"Value",
         Json::array(
             {{{"00080100", text("SH", "A")}, {"00080102", text("SH", "99X")}, {"00080104", text("LO", "a")}}})}};
    return Json::array({{{"00741216",
                          {{"vr", "SQ"},
                           {"Value", Json::array({{{"00404028", code},
                                                   {"00404019", code},
                                                   {"00404050", text("DT", "20260131102000")},
                                                   {"00404051", text("DT", "20260131103000")},
                                                   {"00404033", {{"vr", "SQ"}}}}})}}}}});
  }
  int put_state(const std::string& uid, const std::string& to, const std::string& transaction) {
    last_ = ask(net::Method::put, "/workitems/" + uid + "/state", state(to, transaction));
    return last_.status;
  }
  std::string state_of(const std::string& uid) {
    return ask(net::Method::get, "/workitems/" + uid).json()[0].at("00741000").at("Value")[0];
  }

  AnalysisNode node_;
  net::Router router_;
  std::unique_ptr<Workitems> workitems_;
  UpsReply last_;
};

TEST(WorkitemUid, stands_for_a_uuid_both_ways) {
  // PS3.5 B.2's example
  EXPECT_EQ(uid_of_uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), "2.25.329800735698586629295641978511506172918");
  EXPECT_EQ(uuid_of_uid("2.25.329800735698586629295641978511506172918"), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
  EXPECT_EQ(uuid_of_uid("2.25.0"), "00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(uuid_of_uid("1.2.3"), std::nullopt);
  EXPECT_EQ(uuid_of_uid("2.25.1.2"), std::nullopt);
  EXPECT_EQ(uuid_of_uid("2.25." + std::string(40, '9')), std::nullopt);
}

TEST_F(WorkitemsTest, a_task_is_created_claimed_updated_and_completed_by_its_performer) {
  const auto made = ask(net::Method::post, "/workitems?1.2.3.77", task());
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.location, "http://node.example/dicom-web/workitems/1.2.3.77");
  EXPECT_EQ(ask(net::Method::post, "/workitems?AffectedSOPInstanceUID=1.2.3.77", task()).status, 409);
  const auto got = ask(net::Method::get, "/workitems/1.2.3.77").json();
  EXPECT_EQ(got[0].at("00080016").at("Value")[0], "1.2.840.10008.5.1.4.34.6.1");
  EXPECT_EQ(got[0].at("00080018").at("Value")[0], "1.2.3.77");
  EXPECT_EQ(got[0].at("00741204").at("Value")[0], "Contour the liver");
  const Json later = Json::array({{{"00404005", text("DT", "20260201")}}});
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.77", later).status, 200);
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.77?transaction-uid=1.2.9", later).status, 409) << "not claimed";
  EXPECT_EQ(put_state("1.2.3.77", "COMPLETED", "1.2.9"), 409) << "nobody has begun";
  EXPECT_EQ(put_state("1.2.3.77", "IN PROGRESS", ""), 400);
  EXPECT_NE(last_.warning.find("The Transaction UID is missing."), std::string::npos);
  EXPECT_EQ(put_state("1.2.3.77", "IN PROGRESS", "1.2.9"), 200);
  EXPECT_EQ(put_state("1.2.3.77", "IN PROGRESS", "1.2.10"), 409) << "another one was first";
  const auto claimed = ask(net::Method::get, "/workitems/1.2.3.77");
  EXPECT_EQ(claimed.body.find("1.2.9"), std::string::npos) << "the lock is the performer's secret";
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.77", later).status, 400) << "without the lock";
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.77?transaction-uid=1.2.10", later).status, 400);
  EXPECT_EQ(put_state("1.2.3.77", "COMPLETED", "1.2.9"), 409) << "it does not say what was done";
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.77?1.2.9", performed()).status, 200);
  EXPECT_EQ(put_state("1.2.3.77", "COMPLETED", "1.2.10"), 400);
  EXPECT_NE(last_.warning.find("The Transaction UID is incorrect."), std::string::npos);
  open();  // as after a restart
  EXPECT_EQ(put_state("1.2.3.77", "COMPLETED", "1.2.9"), 200);
  EXPECT_EQ(put_state("1.2.3.77", "COMPLETED", "1.2.9"), 200);
  EXPECT_NE(last_.warning.find("already in the requested state of COMPLETED"), std::string::npos);
  EXPECT_EQ(put_state("1.2.3.77", "CANCELED", "1.2.9"), 409);
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.77?1.2.9", later).status, 400);
  EXPECT_EQ(state_of("1.2.3.77"), "COMPLETED");
}

TEST_F(WorkitemsTest, cancelling_is_asked_for_by_others_and_decided_by_the_performer) {
  ask(net::Method::post, "/workitems?1.2.3.1", task());
  const Json why = Json::array({{{"00741238", text("LT", "not needed any more")}}});
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.1/cancelrequest", why).status, 202);
  EXPECT_EQ(state_of("1.2.3.1"), "CANCELED") << "nobody had begun";
  const auto item = ask(net::Method::get, "/workitems/1.2.3.1").json()[0];
  EXPECT_EQ(item.at("00741002").at("Value")[0].at("00741238").at("Value")[0], "not needed any more");
  const auto again = ask(net::Method::post, "/workitems/1.2.3.1/cancelrequest");
  EXPECT_EQ(again.status, 202);
  EXPECT_NE(again.warning.find("already in the requested state of CANCELED"), std::string::npos);
  ask(net::Method::post, "/workitems?1.2.3.2", task());
  put_state("1.2.3.2", "IN PROGRESS", "1.2.9");
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.2/cancelrequest").status, 202);
  EXPECT_EQ(state_of("1.2.3.2"), "IN PROGRESS");
  EXPECT_EQ(put_state("1.2.3.2", "CANCELED", "1.2.9"), 200);
  EXPECT_TRUE(ask(net::Method::get, "/workitems/1.2.3.2").json()[0].at("00741002").at("Value")[0].contains("00404052"));
}

TEST_F(WorkitemsTest, what_is_wrong_is_refused_with_the_standards_codes) {
  auto bad = task();
  bad[0]["00741000"] = text("CS", "IN PROGRESS");
  EXPECT_EQ(ask(net::Method::post, "/workitems?1.2.3.5", bad).status, 400);
  for (const char* required : {"00404005", "00404041", "00741000", "00741200", "00741204"}) {
    bad = task();
    bad[0].erase(required);
    EXPECT_EQ(ask(net::Method::post, "/workitems?1.2.3.5", bad).status, 400) << required;
  }
  bad = task();
  bad[0]["00081195"] = text("UI", "1.2");
  EXPECT_EQ(ask(net::Method::post, "/workitems?1.2.3.5", bad).status, 400);
  EXPECT_EQ(ask(net::Method::post, "/workitems?AffectedSOPInstanceUID=1.02", task()).status, 400);
  EXPECT_EQ(ask(net::Method::post, "/workitems?1.2.3.5", Json{{"a", "b"}}).status, 400);
  EXPECT_EQ(ask(net::Method::post, "/workitems?1.2.3.5", task(), {"archive:write"}, "application/dicom").status, 415);
  EXPECT_EQ(ask(net::Method::post, "/workitems?1.2.3.5", task(), {"archive:read"}).status, 403);
  EXPECT_EQ(ask(net::Method::get, "/workitems/1.2.3.5", nullptr, {}).status, 403);
  EXPECT_EQ(ask(net::Method::get, "/workitems/1.2.3.5").status, 404);
  EXPECT_EQ(put_state("1.2.3.5", "IN PROGRESS", "1.2.9"), 404);
  ask(net::Method::post, "/workitems?1.2.3.5", task());
  EXPECT_EQ(put_state("1.2.3.5", "DONE", "1.2.9"), 400);
  EXPECT_EQ(put_state("1.2.3.5", "SCHEDULED", "1.2.9"), 409);
  const Json patient = Json::array({{{"00100020", text("LO", "P2")}}});
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.5", patient).status, 400);
  const Json jump = Json::array({{{"00741000", text("CS", "COMPLETED")}}});
  EXPECT_EQ(ask(net::Method::post, "/workitems/1.2.3.5", jump).status, 400);
  EXPECT_EQ(state_of("1.2.3.5"), "SCHEDULED");
}

TEST_F(WorkitemsTest, tasks_are_found_by_what_they_say) {
  EXPECT_EQ(ask(net::Method::get, "/workitems").status, 204);
  ask(net::Method::post, "/workitems?1.2.3.1", task());
  ask(net::Method::post, "/workitems?1.2.3.2", task("Count nodules"));
  put_state("1.2.3.2", "IN PROGRESS", "1.2.9");
  const auto count = [&](const std::string& query) {
    const auto found = ask(net::Method::get, "/workitems?" + query);
    return found.status == 204 ? std::size_t{0} : found.json().size();
  };
  EXPECT_EQ(count("ProcedureStepState=SCHEDULED"), 1U);
  EXPECT_EQ(count("00741000=IN PROGRESS"), 1U);
  EXPECT_EQ(count("ProcedureStepLabel=*nodules"), 1U);
  EXPECT_EQ(count("PatientName=doe*&WorklistLabel=contours"), 2U);
  EXPECT_EQ(count("ScheduledProcedureStepStartDateTime=20260131-20260131"), 2U);
  EXPECT_EQ(count("ScheduledProcedureStepStartDateTime=20260201-"), 0U);
  EXPECT_EQ(count("PatientID=P2"), 0U);
  const auto page = ask(net::Method::get, "/workitems?limit=1");
  EXPECT_EQ(page.status, 206);
  EXPECT_EQ(page.json().size(), 1U);
  EXPECT_EQ(count("limit=1&offset=1"), 1U);
  EXPECT_EQ(ask(net::Method::get, "/workitems?ScheduledProcedureStepStartDateTime=today-now").status, 400);
}

TEST_F(WorkitemsTest, the_nodes_analyses_are_work_items_with_their_results) {
  ASSERT_OK(put(*node_.archive, make_file(chest())));
  node_.quiet();
  ASSERT_TRUE(node_.becomes("analysed"));
  const auto all = ask(net::Method::get, "/workitems?ProcedureStepState=COMPLETED").json();
  ASSERT_EQ(all.size(), 1U);
  const std::string uid = all[0].at("00080018").at("Value")[0];
  const auto item = ask(net::Method::get, "/workitems/" + uid).json()[0];
  EXPECT_EQ(item, all[0]);
  EXPECT_EQ(item.at("00100020").at("Value")[0], "P1");
  const auto input = item.at("00404021").at("Value")[0];
  EXPECT_EQ(input.at("0020000D").at("Value")[0], "1.2.3.1");
  EXPECT_EQ(input.at("00081199").at("Value")[0].at("00081155").at("Value")[0], "1.2.3.1.1.1");
  const auto made = item.at("00741216").at("Value")[0].at("00404033").at("Value");
  ASSERT_EQ(made.size(), 2U) << "report and picture";
  for (const auto& one : made) {
    const std::string sop = one.at("00081199").at("Value")[0].at("00081155").at("Value")[0];
    EXPECT_OK(get(*node_.archive, sop));
  }
  EXPECT_EQ(put_state(uid, "CANCELED", "1.2.9"), 409) << "the node performs it";
  EXPECT_EQ(ask(net::Method::post, "/workitems/" + uid + "/cancelrequest").status, 409) << "it is done";
}

TEST_F(WorkitemsTest, an_analysis_that_waits_is_canceled_on_request) {
  // The model is away: the job is repeated, and its time does not come while the clock stands.
  node_.predictor.answer = []() -> Result<contracts::PictureAnswer> { return Error{Code::unavailable, "away"}; };
  ASSERT_OK(put(*node_.archive, make_file(chest())));
  node_.quiet();
  ASSERT_TRUE(node_.becomes([](const Json& now) {
    return now.at("state") == "waiting" && now.at("reason").get<std::string>().find("attempt 1") != std::string::npos;
  }));
  const auto all = ask(net::Method::get, "/workitems?ProcedureStepState=SCHEDULED").json();
  ASSERT_EQ(all.size(), 1U);
  const std::string uid = all[0].at("00080018").at("Value")[0];
  EXPECT_EQ(ask(net::Method::post, "/workitems/" + uid + "/cancelrequest").status, 202);
  ASSERT_TRUE(node_.becomes("failed"));
  EXPECT_EQ(state_of(uid), "CANCELED");
}

}  // namespace
}  // namespace aceso::archive
