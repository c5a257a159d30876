// Later truth: given, changed and withdrawn with history, beside verdicts, and chosen by whoever exports labels.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/net/http.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class TruthBody final : public net::BodyReader {
 public:
  explicit TruthBody(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), text_.size() - at_);
    std::copy_n(std::as_bytes(std::span{text_}).begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class TruthService : public Service {
 protected:
  void serve() {
    open();
    models->register_routes(router);
    add_model("m", true, 1);
    ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  }
  struct Answer {
    int status = 0;
    Json body;
  };
  Answer ask(net::Method method, const std::string& path, const Json& body = nullptr, const std::string& user = "dr",
             const std::string& scope = "") {
    net::Request request;
    request.method = method;
    request.path = path;
    request.request_id = "r1";
    if (!body.is_null()) request.headers.set("Content-Type", "application/json");
    request.body = std::make_shared<TruthBody>(body.is_null() ? "" : body.dump());
    contracts::Principal principal;
    principal.id = actor(user).id;
    principal.name = actor(user).name;
    principal.scopes = {"predictions:read", "feedback:write", "models:read", "models:write"};
    if (!scope.empty()) principal.scopes = {scope};
    request.principal = principal;
    auto response = net::route_request(router, request);
    if (!response) response = net::Response::problem(response.error(), "r1");
    const auto* text = std::get_if<std::string>(&response->body);
    const auto json = parse_json(text == nullptr ? "" : *text);
    return {response->status, json ? *json : Json(nullptr)};
  }
  Answer give(const std::string& id, const std::string& kind, Json body, const std::string& user = "dr") {
    return ask(net::Method::put, "/api/v1/predictions/" + id + "/truths/" + kind, body, user);
  }
  Json truth(const std::string& label) {
    return Json{{"label", label}, {"date", "2026-01-31"}, {"origin", "pathology department"}};
  }
  std::string predict(int level, int seed, const char* reader = "dr") {
    const auto p = models->predict_bytes(actor(reader), {.name = "m", .version = 1}, grey_png(32, level, seed),
                                         "image/png", false);
    EXPECT_TRUE(p) << p.error().message();
    return p ? (*p)["id"].get<std::string>() : std::string{};
  }
  void agree(const std::string& id, const char* reader, const char* label) {
    EXPECT_TRUE(models->put_verdict(actor(reader), id, "pneumonia", Json{{"label", label}}));
  }
  net::Router router;
};

TEST_F(TruthService, stands_beside_the_verdict_with_all_its_revisions) {
  serve();
  const auto id = predict(220, 1);
  agree(id, "dr", "pneumonia");
  const auto first = give(id, "pathology", truth("normal"));
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.body["revision"], 1);
  EXPECT_EQ(first.body["label"], "normal");
  EXPECT_EQ(first.body["date"], "2026-01-31");
  EXPECT_EQ(first.body["author_name"], actor("dr").name);
  EXPECT_EQ(give(id, "pathology", truth("normal")).body["revision"], 1) << "said twice is one revision";
  auto changed = truth("pneumonia");
  changed["comment"] = "resection";
  EXPECT_EQ(give(id, "pathology", changed, "second").body["revision"], 2);
  EXPECT_EQ(give(id, "discharge", truth("normal")).body["revision"], 1) << "kinds have revisions of their own";
  EXPECT_EQ((*models->verdicts(actor("dr"), id))["items"].size(), 1U) << "the verdict stays what it was";

  const auto shown = ask(net::Method::get, "/api/v1/predictions/" + id + "/truths");
  ASSERT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body["items"].size(), 3U);
  EXPECT_EQ(shown.body["classes"], (Json{"normal", "pneumonia"}));
  ASSERT_EQ(shown.body["agreement"].size(), 2U);
  EXPECT_EQ(shown.body["agreement"][0]["kind"], "discharge");
  EXPECT_EQ(shown.body["agreement"][0]["readers"][0]["same"], false);
  EXPECT_EQ(shown.body["agreement"][1]["model_same"], true);
  EXPECT_EQ(shown.body["agreement"][1]["readers"][0]["same"], true);

  EXPECT_EQ(give(id, "pathology", Json{{"withdraw", true}}).status, 400) << "says why";
  const auto gone = give(id, "pathology", Json{{"withdraw", true}, {"comment", "another patient's report"}});
  EXPECT_EQ(gone.body["revision"], 3);
  EXPECT_EQ(gone.body["withdrawn"], true);
  EXPECT_NE(give(id, "pathology", Json{{"withdraw", true}, {"comment", "again"}}).status, 200);
  const auto after = ask(net::Method::get, "/api/v1/predictions/" + id + "/truths");
  EXPECT_EQ(after.body["items"].size(), 4U) << "what was withdrawn stays in the history";
  EXPECT_EQ(after.body["agreement"].size(), 1U);
  EXPECT_EQ(audit.of("truth.give").size(), 3U);
  EXPECT_EQ(audit.of("truth.withdraw").size(), 1U);
  EXPECT_EQ(audit.of("truth.give").front().detail.find("normal"), std::string::npos) << "no content on the trail";
}

TEST_F(TruthService, what_is_wrong_is_refused_by_name) {
  serve();
  const auto id = predict(220, 1);
  const auto refused = [&](const char* key, const Json& value) {
    auto body = truth("normal");
    body[key] = value;
    return give(id, "pathology", body).status;
  };
  EXPECT_EQ(refused("label", "fracture"), 400);
  for (const char* date :
       {"2026-13-01", "2026-02-30", "26-01-01", "2026/01/01", "9999-01-01", "2026-01-0x", "----------"})
    EXPECT_EQ(refused("date", date), 400) << date;
  EXPECT_EQ(refused("origin", ""), 400);
  EXPECT_EQ(refused("code", "J18"), 400) << "a code without a scheme";
  EXPECT_EQ(refused("meaning", "x"), 400) << "of no code";
  EXPECT_EQ(refused("colour", "red"), 400);
  EXPECT_EQ(give(id, "verdict", truth("normal")).status, 404);
  EXPECT_EQ(give("018f0000-0000-7000-8000-000000000000", "pathology", truth("normal")).status, 404);
  EXPECT_EQ(ask(net::Method::put, "/api/v1/predictions/" + id + "/truths/pathology", truth("normal"), "dr",
                "predictions:read")
                .status,
            403);
  EXPECT_EQ(ask(net::Method::get, "/api/v1/predictions/" + id + "/truths", nullptr, "dr", "models:read").status, 403);
  audit.fail = true;
  EXPECT_NE(give(id, "pathology", truth("normal")).status, 200) << "not without the audit trail";
  audit.fail = false;
  EXPECT_EQ(ask(net::Method::get, "/api/v1/predictions/" + id + "/truths").body["items"].size(), 0U);
}

TEST_F(TruthService, says_nothing_before_the_verdict_of_a_blinded_read) {
  serve();
  const auto blinded =
      *models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, grey_png(32, 220, 4), "image/png", true);
  const auto id = blinded["id"].get<std::string>();
  EXPECT_EQ(ask(net::Method::get, "/api/v1/predictions/" + id + "/truths").status, 412);
  EXPECT_EQ(give(id, "pathology", truth("normal")).status, 412);
  agree(id, "dr", "pneumonia");
  EXPECT_EQ(give(id, "pathology", truth("normal")).status, 200);
}

TEST_F(TruthService, a_code_becomes_a_class_by_the_models_table) {
  serve();
  const auto id = predict(220, 1);
  const Json by_code{{"scheme", "ICD-10"}, {"code", "j18.9"}, {"date", "2026-01-31"}, {"origin", "discharge"}};
  EXPECT_EQ(give(id, "discharge", by_code).status, 400) << "no table yet";
  const std::string table = "/api/v1/models/m/truth-codes";
  const Json codes{{{"scheme", "ICD-10"}, {"code", "J*"}, {"label", "normal"}},
                   {{"scheme", "ICD-10"}, {"code", "J18*"}, {"label", "pneumonia"}},
                   {{"scheme", "ICD-10"}, {"code", "J18.0"}, {"label", "normal"}}};
  ASSERT_EQ(ask(net::Method::put, table, Json{{"codes", codes}}).body["codes"].size(), 3U);
  EXPECT_EQ(give(id, "discharge", by_code).body["label"], "pneumonia") << "the longest beginning, without case";
  auto exact = by_code;
  exact["code"] = "J18.0";
  EXPECT_EQ(give(id, "discharge", exact).body["label"], "normal") << "an exact code before every beginning";
  exact["label"] = "pneumonia";
  EXPECT_EQ(give(id, "discharge", exact).status, 400) << "the table says otherwise";
  auto other = by_code;
  other["scheme"] = "SCT";
  EXPECT_EQ(give(id, "discharge", other).status, 400);
  const auto wrong = [&](const Json& list) { return ask(net::Method::put, table, Json{{"codes", list}}).status; };
  EXPECT_EQ(wrong({{{"scheme", "ICD-10"}, {"code", "J*8"}, {"label", "normal"}}}), 400);
  EXPECT_EQ(wrong({{{"scheme", "ICD-10"}, {"code", "*"}, {"label", "normal"}}}), 400);
  EXPECT_EQ(wrong({{{"scheme", "ICD-10"}, {"code", "J18"}, {"label", "fracture"}}}), 400);
  EXPECT_EQ(wrong({{{"scheme", "ICD-10"}, {"code", "J18"}, {"label", "normal"}},
                   {{"scheme", "icd-10"}, {"code", "j18"}, {"label", "pneumonia"}}}),
            400);
  EXPECT_EQ(ask(net::Method::put, "/api/v1/models/none/truth-codes", Json{{"codes", codes}}).status, 404);
  EXPECT_EQ(ask(net::Method::get, table).body["codes"].size(), 3U) << "a refused table changes nothing";
  EXPECT_EQ(audit.of("truth.codes").size(), 1U);
}

// Twenty inputs: readers call all bright ones pneumonia; of three of them pathology says normal, of one both.
TEST_F(TruthService, an_export_takes_the_label_of_the_first_source_that_has_one) {
  serve();
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(predict(i < 10 ? 220 : 30, i));
    if (i != 19) agree(ids.back(), "dr", i < 10 ? "pneumonia" : "normal");
  }
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(give(ids[i], "pathology", truth("normal")).status, 200);
  EXPECT_EQ(give(ids[3], "pathology", truth("pneumonia")).status, 200);
  EXPECT_EQ(give(ids[0], "discharge", truth("pneumonia")).status, 200) << "comes after pathology";
  EXPECT_EQ(give(ids[19], "discharge", truth("normal")).status, 200) << "no verdict, but a truth";
  const auto twice = predict(220, 4, "second");  // the input of ids[4] again
  EXPECT_EQ(give(ids[4], "pathology", truth("normal")).status, 200);
  EXPECT_EQ(give(twice, "pathology", truth("pneumonia")).status, 200) << "two reports contradict each other";
  EXPECT_EQ(give(ids[5], "pathology", truth("normal")).status, 200);
  EXPECT_EQ(give(ids[5], "pathology", Json{{"withdraw", true}, {"comment", "wrong patient"}}).status, 200);

  const auto exported = [&](const char* name, const Json& sources) {
    Json request{{"model", "m"}, {"name", name}};
    if (!sources.is_null()) request["truth"] = sources;
    const auto end = wait(*models->export_feedback(actor("a"), request));
    EXPECT_TRUE(end) << end.error().message();
    return end ? (*end)["output"] : Json();
  };
  const Json usual = exported("usual", nullptr);
  EXPECT_EQ(usual["samples"], 19) << "verdicts alone, as ever";
  EXPECT_EQ((*models->dataset("usual"))["label_source"], usual["label_source"]);
  EXPECT_NE(usual["label_source"].get<std::string>().find("verdicts of readers on predictions of m"),
            std::string::npos);

  const Json best = exported("best", {"pathology", "discharge", "verdict"});
  EXPECT_EQ(best["samples"], 19) << "20 inputs, one contradictory";
  EXPECT_EQ(best["disagreed"], 1);
  EXPECT_EQ(best["by_source"], (Json{{"discharge", 1}, {"pathology", 4}, {"verdict", 14}}));
  SampleQuery bright;
  bright.label = 1;
  EXPECT_EQ((*models->samples("best", bright))["items"].size(), 6U) << "ten, less three and the contradictory one";
  const auto said = (*models->dataset("best"))["label_source"].get<std::string>();
  EXPECT_NE(said.find("pathology, else discharge codes, else verdicts of readers on predictions of m"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("readers say the same as pathology on 1 of 4"), std::string::npos) << said;
  EXPECT_EQ(exported("only", {"pathology", "discharge"})["samples"], 5) << "what has no such truth is left out";

  for (const Json& wrong : {Json::array(), Json{"biopsy"}, Json{"verdict", "verdict"}, Json("verdict"), Json{1}}) {
    const auto job = models->export_feedback(actor("a"), Json{{"model", "m"}, {"name", "never"}, {"truth", wrong}});
    ASSERT_FALSE(job) << wrong;
    EXPECT_EQ(job.error().code(), Code::invalid);
  }

  const auto agreement = ask(net::Method::get, "/api/v1/models/m/truths").body["kinds"];
  ASSERT_EQ(agreement.size(), 2U) << agreement;
  EXPECT_EQ(agreement[0]["kind"], "pathology");
  EXPECT_EQ(agreement[0]["inputs"], 5);
  EXPECT_EQ(agreement[0]["contradictory"], 1);
  EXPECT_EQ(agreement[0]["readers"]["same"], 1);
  EXPECT_EQ(agreement[0]["readers"]["of"], 4);
  EXPECT_NEAR(agreement[0]["readers"]["interval"][0].get<double>(), 0.0456, 1e-3);  // Wilson 95 % of 1/4
  EXPECT_EQ(agreement[0]["model"]["of"], 6) << "each prediction";
  EXPECT_EQ(agreement[0]["model"]["same"], 2);
  EXPECT_EQ(agreement[0]["differ"].size(), 4U);
  EXPECT_EQ(agreement[1]["kind"], "discharge");
  EXPECT_EQ(agreement[1]["readers"]["of"], 1);
  EXPECT_EQ(ask(net::Method::get, "/api/v1/models/none/truths").status, 404);
}

}  // namespace
}  // namespace aceso::models::test
