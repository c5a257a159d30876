// Labelling projects: who sees what and when, agreement, adjudication, and the dataset that comes of it.
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/net/http.hpp"
#include "aceso/store/catalogue.hpp"
#include "impl.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

class FakeAccounts final : public contracts::Accounts {
 public:
  Result<std::optional<contracts::Account>> find_account(std::string_view name) const override {
    for (const char* known : {"anna", "ben", "carl", "dora"}) {
      if (name == known)
        return std::optional{contracts::Account{"id-" + std::string{name}, std::string{name}, {"feedback:write"}}};
    }
    if (name == "scientist")
      return std::optional{contracts::Account{"id-scientist", "scientist", {"datasets:read", "datasets:write"}}};
    return std::optional<contracts::Account>{};
  }
};

class TextBody final : public net::BodyReader {
 public:
  explicit TextBody(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), text_.size() - at_);
    std::memcpy(out.data(), text_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

// Calls the service's routes as the gateway does, without sockets.
class LabellingProjects : public Service {
 protected:
  void begin(const std::string& worker = "train") {
    launcher = make_process_launcher({.command = {ACESO_MODELS_HELPER, worker}});
    Models::Deps deps{clock,   random,    Logger{clock, sink}, audit,        signing_key(),
                      engines, *launcher, std::nullopt,        pseudonym_key};
    deps.accounts = &accounts;
    auto made = Models::create(home.path(), deps, options);
    ASSERT_TRUE(made) << made.error().message();
    models = *std::move(made);
    ASSERT_TRUE(models->start());
    router = std::make_unique<net::Router>();
    models->register_routes(*router);
  }
  void again() {
    router.reset();
    models.reset();
    begin();
  }
  static std::vector<std::string> scopes(const std::string& user) {
    if (user.ends_with("/token")) return {"datasets:read", "predictions:read", "models:read"};
    if (user == "scientist" || user == "both")
      return {"datasets:read", "datasets:write", "predictions:read", "jobs:read", "models:read"};
    if (user == "anna+scientist") return {"datasets:read", "datasets:write", "predictions:read", "feedback:write"};
    return {"predictions:read", "feedback:write", "models:read"};
  }
  struct Answer {
    Code code = Code::internal;
    bool ok = false;
    Json json;
    std::string text, message;
  };
  Answer call(const std::string& user, net::Method method, const std::string& target, const Json& body = nullptr) {
    net::Request request;
    request.method = method;
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) {
      const auto equals = target.find('=', mark);
      request.query.emplace_back(target.substr(mark + 1, equals - mark - 1), target.substr(equals + 1));
    }
    request.body = std::make_shared<TextBody>(body.is_null() ? std::string{} : body.dump());
    request.headers.set("Content-Type", "application/json");
    contracts::Principal who;
    who.name = user.substr(0, user.find('+'));
    who.id = "id-" + who.name;
    who.scopes = scopes(user);
    request.principal = who;
    std::vector<net::Method> allowed;
    auto route = router->match(request, allowed);
    Answer out;
    if (!route) {
      out.code = route.error().code();
      return out;
    }
    auto response = (*route)->handler(request);
    if (!response) {
      out.code = response.error().code();
      out.message = response.error().message();
      return out;
    }
    out.ok = true;
    if (const auto* text = std::get_if<std::string>(&response->body)) out.text = *text;
    if (auto json = parse_json(out.text)) out.json = *json;
    return out;
  }
  Answer get(const std::string& user, const std::string& target) { return call(user, net::Method::get, target); }

  std::string make(const Json& extra = Json::object()) {
    Json request{
        {"name", "readers"}, {"dataset", "set"}, {"readers", {"anna", "ben"}}, {"adjudicator", "carl"}, {"seed", 1}};
    request.update(extra);
    const Answer made = call("scientist", net::Method::post, "/api/v1/labelling/projects", request);
    EXPECT_TRUE(made.ok) << made.message;
    return made.ok ? made.json["id"].get<std::string>() : std::string{};
  }
  static std::string path(const std::string& id, const std::string& rest = {}) {
    return "/api/v1/labelling/projects/" + id + rest;
  }
  // What a reader can tell from a picture: bright ones are pneumonia.
  bool bright(const std::string& user, const std::string& id, const std::string& part, std::size_t place) {
    const Answer npy = get(user, path(id, "/" + part + "/" + std::to_string(place) + "/pixels.npy"));
    EXPECT_TRUE(npy.ok) << npy.message;
    const auto array = learn::parse_npy(std::as_bytes(std::span{npy.text}), 1 << 20);
    EXPECT_TRUE(array);
    return array && static_cast<int>(array->data[20]) > 120;
  }
  // Reads every case; `wrong` of them, the first in the reader's own order that are bright, otherwise.
  void read_all(const std::string& user, const std::string& id, int wrong, bool hand_in = true) {
    const Answer start = get(user, path(id, "/reading"));
    ASSERT_TRUE(start.ok) << start.message;
    for (std::size_t place = 0; place < start.json["total"].get<std::size_t>(); ++place) {
      bool positive = bright(user, id, "reading", place);
      if (positive && wrong > 0) {
        positive = false;
        --wrong;
      }
      const Answer said = call(user, net::Method::put, path(id, "/reading/" + std::to_string(place)),
                               Json{{"class", positive ? "pneumonia" : "normal"}, {"duration_ms", 1500}});
      ASSERT_TRUE(said.ok) << said.message;
    }
    if (!hand_in) return;
    ASSERT_TRUE(call(user, net::Method::post, path(id, "/submit"), Json::object()).ok);
  }
  Json done(const Answer& accepted) {
    EXPECT_TRUE(accepted.ok) << accepted.message;
    const auto end = wait(accepted.json);
    EXPECT_TRUE(end) << end.error().message();
    return end ? (*end)["output"] : Json();
  }

  FakeAccounts accounts;
  std::unique_ptr<net::Router> router;
  std::vector<std::string> pictures_;
};

TEST_F(LabellingProjects, from_two_readers_to_a_dataset) {
  begin();
  import("set");
  const std::string id = make({{"select", {{"by", "random"}, {"count", 40}}}, {"seed", 7}});
  read_all("anna", id, 0);
  read_all("ben", id, 3);
  const Answer shown = get("scientist", path(id));
  EXPECT_EQ(shown.json["state"], "adjudication");
  EXPECT_EQ(shown.json["adjudicator"]["disagreements"], 3);

  const Answer agreement = get("anna", path(id, "/agreement"));
  ASSERT_TRUE(agreement.ok) << agreement.message;
  const Json& pair = agreement.json["pairs"][0];
  EXPECT_EQ(agreement.json["agreed"], 37);
  EXPECT_EQ(pair["raw"]["agreed"], 37);
  const Json& table = pair["table"];
  EXPECT_EQ(table[0][0].get<int>() + table[1][1].get<int>(), 37);
  EXPECT_EQ(table[1][0], 3);  // anna: pneumonia, ben: normal
  EXPECT_EQ(table[0][1], 0);
  // By hand: kappa of that table.
  const double n = 40, yes_a = table[1][0].get<double>() + table[1][1].get<double>(), yes_b = table[1][1].get<double>();
  const double chance = (yes_a * yes_b + (n - yes_a) * (n - yes_b)) / (n * n);
  EXPECT_NEAR(pair["kappa"]["value"].get<double>(), (37 / n - chance) / (1 - chance), 1e-9);
  EXPECT_LT(pair["kappa"]["low"].get<double>(), pair["kappa"]["value"].get<double>());
  EXPECT_EQ(agreement.json["readers"][0]["median_seconds"], 1.5);

  EXPECT_EQ(call("scientist", net::Method::post, path(id, "/finish"), Json::object()).code, Code::precondition);
  for (int place = 0; place < 3; ++place) {
    const std::string at = "/adjudication/" + std::to_string(place);
    const Answer one = get("carl", path(id, at));
    ASSERT_TRUE(one.ok) << one.message;
    std::set<std::string> letters, classes;
    for (const Json& reading : one.json["readings"]) {
      letters.insert(reading["reader"].get<std::string>());
      classes.insert(reading["class"].get<std::string>());
    }
    EXPECT_EQ(letters, (std::set<std::string>{"A", "B"}));
    EXPECT_EQ(classes, (std::set<std::string>{"normal", "pneumonia"}));
    EXPECT_EQ(one.text.find("anna"), std::string::npos);
    EXPECT_EQ(one.text.find("duration"), std::string::npos);
    EXPECT_TRUE(bright("carl", id, "adjudication", static_cast<std::size_t>(place)));
    ASSERT_TRUE(call("carl", net::Method::put, path(id, at),
                     place < 2 ? Json{{"class", "pneumonia"}} : Json{{"cannot_tell", "quality"}})
                    .ok);
  }
  const Json made = done(call("scientist", net::Method::post, path(id, "/finish"), Json{{"keep_others", false}}));
  EXPECT_EQ(made["dataset"], "set@2");
  EXPECT_EQ(made["labelled"], 39);
  const auto set = models->dataset("set@2");
  ASSERT_TRUE(set);
  const std::string source = (*set)["label_source"].get<std::string>();
  EXPECT_NE(source.find("2 readers (anna, ben), Cohen's kappa 0.8"), std::string::npos) << source;
  EXPECT_NE(source.find("3 adjudicated"), std::string::npos) << source;
  EXPECT_NE(source.find(id), std::string::npos) << source;
  EXPECT_EQ(get("scientist", path(id)).json["result"], "set@2");
  // It is learnt from as any other.
  const auto job = models->train(actor("scientist"), Json{{"name", "m"}, {"dataset", "set@2"}});
  ASSERT_TRUE(job) << job.error().message();
  const auto trained = wait(*job);
  EXPECT_TRUE(trained) << trained.error().message();
  EXPECT_EQ(audit.of("labelling.create").size(), 1U);
  EXPECT_EQ(audit.of("labelling.answer").size(), 83U);
  for (const auto& event : audit.of("labelling.answer"))
    EXPECT_EQ(event.detail.find("pneumonia"), std::string::npos) << event.detail;
}

TEST_F(LabellingProjects, until_all_have_handed_in_nobody_learns_what_a_reader_said) {
  begin();
  import("set");
  const std::string id = make({{"select", {{"by", "random"}, {"count", 10}}}});
  read_all("anna", id, 2, false);
  ASSERT_TRUE(call("ben", net::Method::put, path(id, "/reading/0"), Json{{"class", "normal"}}).ok);
  for (const std::string user : {"anna", "ben", "carl", "scientist", "dora"}) {
    for (const std::string rest : {"/agreement", "/labels.json", "/labels.csv", "/adjudication", "/adjudication/0",
                                   "/adjudication/0/pixels.npy"})
      EXPECT_FALSE(get(user, path(id, rest)).ok) << user << rest;
  }
  EXPECT_FALSE(call("carl", net::Method::put, path(id, "/adjudication/0"), Json{{"class", "normal"}}).ok);
  EXPECT_FALSE(call("scientist", net::Method::post, path(id, "/finish"), Json::object()).ok);
  // Ben sees his own answer alone; neither the sample's name nor its label.
  const Answer overview = get("ben", path(id, "/reading"));
  EXPECT_EQ(overview.json["done"], 1);
  EXPECT_EQ(overview.json["next"], 1);
  EXPECT_EQ(overview.json["answers"][0], "normal");
  for (int place = 1; place < 10; ++place) {
    const Answer one = get("ben", path(id, "/reading/" + std::to_string(place)));
    ASSERT_TRUE(one.ok);
    EXPECT_TRUE(one.json["answer"].is_null());
    EXPECT_EQ(one.text.find("normal"), std::string::npos) << one.text;
    EXPECT_EQ(one.text.find("train/"), std::string::npos) << one.text;
    EXPECT_FALSE(one.json.contains("sample"));
  }
  // What is shown of the project is how many cases each has read.
  const std::string shown = get("ben", path(id)).text;
  EXPECT_EQ(get("ben", path(id)).json["readers"][0]["done"], 10);
  EXPECT_TRUE(get("ben", path(id)).json["adjudicator"]["disagreements"].is_null());
  // Who has no part finds nothing; who adjudicates cannot read, who reads cannot adjudicate.
  EXPECT_EQ(get("dora", path(id)).code, Code::not_found);
  EXPECT_EQ(get("dora", path(id, "/reading")).code, Code::not_found);
  EXPECT_EQ(get("dora", path(id, "/reading/0")).code, Code::not_found);
  EXPECT_EQ(get("dora", path(id, "/reading/0/pixels.npy")).code, Code::not_found);
  EXPECT_TRUE(get("dora", "/api/v1/labelling/projects").json["items"].empty());
  EXPECT_EQ(get("ben", "/api/v1/labelling/projects").json["items"].size(), 1U);
  EXPECT_EQ(get("carl", path(id, "/reading")).code, Code::denied);
  EXPECT_EQ(get("scientist", path(id, "/reading")).code, Code::denied);  // without the scope of a reader
  EXPECT_EQ(get("anna", path(id, "/adjudication")).code, Code::denied);
}

TEST_F(LabellingProjects, a_reader_who_may_read_datasets_does_not_see_the_labels_of_this_one) {
  begin();
  import("set");
  import("copy");
  {
    const std::filesystem::path file = home.path() / "other.npz";
    ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(medmnist(20))));
    learn::ImportOptions how;
    how.name = "other";
    how.classes = {"normal", "pneumonia"};
    ASSERT_TRUE(wait(*models->import_dataset(actor("scientist"), file, how)));
  }
  const std::string id = make({{"select", {{"by", "random"}, {"count", 4}}}});
  const std::string both = "anna+scientist";
  EXPECT_EQ(get(both, "/api/v1/datasets/set/samples").code, Code::precondition);
  EXPECT_EQ(get(both, "/api/v1/datasets/set/check").code, Code::precondition);
  EXPECT_EQ(get(both, "/api/v1/datasets/set/sheet.png?label=1").code, Code::precondition);
  EXPECT_TRUE(get(both, "/api/v1/datasets/other/samples").ok);
  EXPECT_EQ(get(both, "/api/v1/datasets/copy/samples").code, Code::precondition);  // the same pictures
  EXPECT_EQ(get("carl/token", "/api/v1/datasets/set/samples").code, Code::precondition);
  EXPECT_TRUE(get("scientist", "/api/v1/datasets/copy/samples").ok);
  EXPECT_TRUE(get("scientist", "/api/v1/datasets/set/samples").ok);
  EXPECT_EQ(get(both, path(id, "/labels.json")).code, Code::precondition);
  ASSERT_TRUE(call("scientist", net::Method::del, path(id)).ok);
  EXPECT_TRUE(get(both, "/api/v1/datasets/set/samples").ok);
}

TEST_F(LabellingProjects, a_token_of_the_adjudicator_and_a_reader_of_another_project_learn_no_answer) {
  begin();
  import("set");
  const Json four{{"by", "random"}, {"count", 12}};
  const std::string first = make({{"readers", {"ben", "dora"}}, {"select", four}});
  read_all("ben", first, 0);
  read_all("dora", first, 2);
  for (const char* rest : {"/labels.json", "/labels.csv", "/agreement"}) {
    EXPECT_EQ(get("carl/token", path(first, rest)).code, Code::precondition) << rest;
    EXPECT_TRUE(get("scientist", path(first, rest)).ok) << rest;
    EXPECT_TRUE(get("ben/token", path(first, rest)).ok) << rest;  // has handed in
  }
  done(call("scientist", net::Method::post, path(first, "/finish"), Json{{"leave_undecided", true}}));
  const std::string both = "anna+scientist";
  for (const char* rest : {"/labels.json", "/labels.csv", "/agreement"}) {
    EXPECT_TRUE(get("carl/token", path(first, rest)).ok) << rest;
    EXPECT_TRUE(get(both, path(first, rest)).ok) << rest;
  }
  const std::string second = make({{"name", "again"}, {"select", four}});
  for (const char* rest : {"/labels.json", "/labels.csv", "/agreement"}) {
    EXPECT_EQ(get(both, path(first, rest)).code, Code::precondition) << rest;
    EXPECT_EQ(get("carl/token", path(first, rest)).code, Code::precondition) << rest;
    EXPECT_TRUE(get("scientist", path(first, rest)).ok) << rest;
  }
  ASSERT_TRUE(call("scientist", net::Method::del, path(second)).ok);
  EXPECT_TRUE(get(both, path(first, "/labels.json")).ok);
}

TEST_F(LabellingProjects, the_seed_is_told_to_no_member) {
  begin();
  import("set");
  Json request{{"name", "drawn"}, {"dataset", "set"}, {"readers", {"anna", "ben"}}, {"adjudicator", "carl"}};
  const Answer made = call("scientist", net::Method::post, "/api/v1/labelling/projects", request);
  ASSERT_TRUE(made.ok) << made.message;
  const std::string id = made.json["id"];
  EXPECT_EQ(get("scientist", path(id)).json["seed"], made.json["seed"]);
  request["name"] = "drawn-again";
  const Answer other = call("scientist", net::Method::post, "/api/v1/labelling/projects", request);
  EXPECT_NE(other.json["seed"], made.json["seed"]);  // drawn, not a usual one
  for (const std::string user : {"anna", "ben", "carl", "anna+scientist", "carl/token"}) {
    const Answer one = get(user, path(id)), list = get(user, "/api/v1/labelling/projects");
    if (one.ok) {
      EXPECT_TRUE(one.json["seed"].is_null()) << user;
    }
    ASSERT_TRUE(list.ok) << user;
    for (const Json& item : list.json["items"]) EXPECT_TRUE(item["seed"].is_null()) << user;
  }
}

TEST_F(LabellingProjects, reports_with_true_classes_are_hidden_from_members) {
  begin();
  import("set");
  add_model("m", true, 1);
  const auto job = models->evaluate(actor("scientist"), Json{{"model", "m"}, {"version", 1}, {"dataset", "set"}});
  ASSERT_TRUE(job) << job.error().message();
  ASSERT_TRUE(wait(*job));
  const auto trained = models->train(actor("scientist"), Json{{"name", "t"}, {"dataset", "set"}});
  ASSERT_TRUE(trained) << trained.error().message();
  ASSERT_TRUE(wait(*trained));
  for (const std::string& page :
       {"/api/v1/evaluations/" + id_of(*job) + "/report.html", std::string{"/api/v1/models/t/1/report.html"}}) {
    EXPECT_TRUE(get("anna", page).ok) << page;
    const std::string id = make({{"select", {{"by", "random"}, {"count", 4}}}});
    for (const std::string user : {"anna", "ben", "carl", "anna/token"})
      EXPECT_EQ(get(user, page).code, Code::precondition) << user << page;
    EXPECT_TRUE(get("dora", page).ok) << page;
    EXPECT_TRUE(get("scientist", page).ok) << page;
    ASSERT_TRUE(call("scientist", net::Method::del, path(id)).ok);
    EXPECT_TRUE(get("anna", page).ok) << page;
  }
}

TEST_F(LabellingProjects, a_project_does_not_hang_while_it_finishes) {
  options.worker_grace_ms = 300;
  begin("hang");
  import("set");
  const std::string id = make({{"select", {{"by", "random"}, {"count", 12}}}});
  read_all("anna", id, 0);
  read_all("ben", id, 2);
  const auto state = [&] { return get("scientist", path(id)).json["state"].get<std::string>(); };
  const auto finish = [&] {
    return call("scientist", net::Method::post, path(id, "/finish"), Json{{"leave_undecided", true}});
  };
  const auto decide = [&](const char* what) {
    return call("carl", net::Method::put, path(id, "/adjudication/0"), Json{{"class", what}}).ok;
  };
  // Cancelled while it waits behind a training.
  const auto training = models->train(actor("scientist"), Json{{"name", "m"}, {"dataset", "set"}});
  ASSERT_TRUE(training) << training.error().message();
  const Answer waiting = finish();
  ASSERT_TRUE(waiting.ok) << waiting.message;
  EXPECT_EQ(state(), "finishing");
  EXPECT_EQ(finish().code, Code::conflict);
  EXPECT_FALSE(decide("normal"));
  ASSERT_TRUE(models->cancel_job(actor("scientist"), id_of(waiting.json)));
  EXPECT_EQ(state(), "adjudication");
  EXPECT_TRUE(decide("normal"));
  ASSERT_TRUE(models->cancel_job(actor("scientist"), id_of(*training)));
  EXPECT_FALSE(wait(*training));
  // A full queue.
  options.max_queued_jobs = 0;
  again();
  EXPECT_EQ(finish().code, Code::exhausted);
  EXPECT_EQ(state(), "adjudication");
  EXPECT_TRUE(decide("pneumonia"));
  // A crash between the state and the job.
  options.max_queued_jobs = 100;
  const auto crash = [&] {
    auto catalogue = store::open_sqlite(home.path() / "catalogue.sqlite", catalogue_migrations(), Logger{clock, sink});
    ASSERT_TRUE(catalogue) << catalogue.error().message();
    ASSERT_TRUE((*catalogue)->execute("UPDATE labelling_project SET state = 'finishing' WHERE id = ?1", {id}));
  };
  router.reset();
  models.reset();
  crash();
  begin();
  EXPECT_EQ(state(), "adjudication");
  EXPECT_TRUE(decide("normal"));
  const Json made = done(finish());
  EXPECT_EQ(made["dataset"], "set@2");
  EXPECT_EQ(state(), "finished");
}

TEST_F(LabellingProjects, readers_who_agree_in_every_case_get_no_interval) {
  begin();
  import("set");
  const std::string id = make({{"classes", {"-normal", "+pneumonia"}}, {"select", {{"by", "random"}, {"count", 12}}}});
  for (const std::string user : {"anna", "ben"}) {
    for (std::size_t place = 0; place < 12; ++place) {
      const char* said = bright(user, id, "reading", place) ? "+pneumonia" : "-normal";
      ASSERT_TRUE(
          call(user, net::Method::put, path(id, "/reading/" + std::to_string(place)), Json{{"class", said}}).ok);
    }
    ASSERT_TRUE(call(user, net::Method::post, path(id, "/submit"), Json::object()).ok);
  }
  const Json kappa = get("scientist", path(id, "/agreement")).json["pairs"][0]["kappa"];
  EXPECT_EQ(kappa["value"], 1.0);
  EXPECT_TRUE(kappa["low"].is_null());
  EXPECT_TRUE(kappa["high"].is_null());
  EXPECT_EQ(kappa.value("why", ""), "no interval: the readers agree in every case");
  // An import reads path and label back as they are; what people said is safe in a spreadsheet.
  const std::string csv = get("scientist", path(id, "/labels.csv")).text;
  EXPECT_NE(csv.find(",+pneumonia,agreed,"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",'+pneumonia,'+pneumonia,"), std::string::npos) << csv;
  done(call("scientist", net::Method::post, path(id, "/finish"), Json::object()));
  const auto set = models->dataset("set@2");
  ASSERT_TRUE(set) << set.error().message();
  const std::string source = (*set)["label_source"].get<std::string>();
  EXPECT_NE(source.find("Cohen's kappa 1.00 (no interval: the readers agree in every case)"), std::string::npos)
      << source;
}

TEST_F(LabellingProjects, what_is_drawn_on_one_case_has_a_limit) {
  begin();
  const std::filesystem::path file = home.path() / "large.npz";
  ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(medmnist(256))));
  learn::ImportOptions how;
  how.name = "large";
  how.classes = {"normal", "pneumonia"};
  ASSERT_TRUE(wait(*models->import_dataset(actor("scientist"), file, how)));
  const std::string id = make({{"dataset", "large"},
                               {"task", "outlines"},
                               {"classes", {"nodule"}},
                               {"select", {{"by", "random"}, {"count", 1}}}});
  Json runs = Json::array();
  for (int at = 0; at < 256 * 256; at += 2) {  // every second pixel: 230 KiB an object
    runs.push_back(at);
    runs.push_back(1);
  }
  const auto say = [&](int count) {
    Json objects = Json::array();
    for (int i = 0; i < count; ++i) objects.push_back(Json{{"class", "nodule"}, {"runs", runs}});
    return call("anna", net::Method::put, path(id, "/reading/0"), Json{{"objects", objects}});
  };
  EXPECT_EQ(say(5).code, Code::exhausted);
  EXPECT_TRUE(get("anna", path(id, "/reading/0")).json["answer"].is_null());
  EXPECT_TRUE(say(4).ok);
}

TEST_F(LabellingProjects, orders_differ_between_readers_and_are_the_same_after_a_restart) {
  begin();
  import("set");
  const std::string id = make();
  const auto pictures_of = [&](const std::string& user) {
    std::vector<std::string> out;
    for (int place = 0; place < 20; ++place)
      out.push_back(get(user, path(id, "/reading/" + std::to_string(place) + "/pixels.npy")).text);
    return out;
  };
  const auto anna = pictures_of("anna"), ben = pictures_of("ben");
  EXPECT_NE(anna, ben);
  ASSERT_TRUE(call("anna", net::Method::put, path(id, "/reading/5"), Json{{"class", "normal"}}).ok);
  again();
  EXPECT_EQ(pictures_of("anna"), anna);
  EXPECT_EQ(get("anna", path(id, "/reading/5")).json["answer"]["class"], "normal");
  EXPECT_EQ(get("anna", path(id, "/reading")).json["next"], 0);
}

TEST_F(LabellingProjects, an_answer_may_be_changed_until_it_is_handed_in_and_what_was_said_is_kept) {
  begin();
  import("set");
  const std::string id = make({{"select", {{"by", "random"}, {"count", 2}}}});
  const auto say = [&](const Json& answer) { return call("anna", net::Method::put, path(id, "/reading/0"), answer); };
  EXPECT_EQ(say({{"class", "normal"}}).json["revision"], 1);
  EXPECT_EQ(say({{"class", "normal"}}).json["revision"], 1);  // said again: nothing changes
  EXPECT_EQ(say({{"cannot_tell", "quality"}, {"comment", "moved"}}).json["revision"], 2);
  EXPECT_EQ(say({{"class", "pneumonia"}}).json["revision"], 3);
  EXPECT_EQ(call("anna", net::Method::post, path(id, "/submit"), Json::object()).code, Code::precondition);
  ASSERT_TRUE(call("anna", net::Method::put, path(id, "/reading/1"), Json{{"class", "normal"}}).ok);
  ASSERT_TRUE(call("anna", net::Method::post, path(id, "/submit"), Json::object()).ok);
  EXPECT_EQ(say({{"class", "normal"}}).code, Code::precondition);
  EXPECT_EQ(call("anna", net::Method::post, path(id, "/submit"), Json::object()).code, Code::precondition);
  EXPECT_EQ(call("scientist", net::Method::post, path(id, "/end-reading"), Json::object()).code, Code::invalid);
  ASSERT_TRUE(call("scientist", net::Method::post, path(id, "/end-reading"), Json{{"reason", "ben left"}}).ok);
  EXPECT_EQ(get("scientist", path(id)).json["ended_why"], "ben left");
  EXPECT_EQ(call("ben", net::Method::put, path(id, "/reading/0"), Json{{"class", "normal"}}).code, Code::precondition);
  EXPECT_EQ(get("anna", path(id, "/agreement")).json["read_by_all"], 0);
  EXPECT_EQ(call("scientist", net::Method::post, path(id, "/finish"), Json::object()).code, Code::precondition);
}

TEST_F(LabellingProjects, what_is_wrong_is_refused) {
  begin();
  import("set");
  const auto refused = [&](const Json& change) {
    Json request{{"name", "p"}, {"dataset", "set"}, {"readers", {"anna", "ben"}}, {"adjudicator", "carl"}};
    request.update(change);
    return call("scientist", net::Method::post, "/api/v1/labelling/projects", request).code;
  };
  EXPECT_EQ(refused({{"readers", {"anna"}}}), Code::invalid);
  EXPECT_EQ(refused({{"readers", {"anna", "anna"}}}), Code::invalid);
  EXPECT_EQ(refused({{"adjudicator", "ben"}}), Code::invalid);
  EXPECT_EQ(refused({{"readers", {"anna", "nobody"}}}), Code::invalid);
  EXPECT_EQ(refused({{"readers", {"anna", "scientist"}}}), Code::invalid);  // may not read
  EXPECT_EQ(refused({{"dataset", "none"}}), Code::not_found);
  EXPECT_EQ(refused({{"dataset", "../set"}}), Code::not_found);
  EXPECT_EQ(refused({{"name", "a/b"}}), Code::invalid);
  EXPECT_EQ(refused({{"classes", {"one"}}}), Code::invalid);
  EXPECT_EQ(refused({{"classes", {"one", "one"}}}), Code::invalid);
  EXPECT_EQ(refused({{"select", {{"by", "unlabelled"}}}}), Code::invalid);  // all have labels
  EXPECT_EQ(refused({{"select", {{"by", "random"}}}}), Code::invalid);
  EXPECT_EQ(refused({{"select", {{"by", "all"}, {"count", 3}}}}), Code::invalid);
  EXPECT_EQ(refused({{"task", "dreams"}}), Code::unsupported);
  EXPECT_EQ(refused({{"surprise", 1}}), Code::invalid);
  EXPECT_EQ(call("anna", net::Method::post, "/api/v1/labelling/projects", Json::object()).code, Code::denied);
  const std::string id = make();
  EXPECT_EQ(refused({{"name", "readers"}}), Code::exists);
  const auto say = [&](const Json& answer) {
    return call("anna", net::Method::put, path(id, "/reading/0"), answer).code;
  };
  EXPECT_EQ(say({{"class", "cat"}}), Code::invalid);
  EXPECT_EQ(say({{"class", 3}}), Code::invalid);
  EXPECT_EQ(say(Json::object()), Code::invalid);
  EXPECT_EQ(say(Json::array()), Code::invalid);
  EXPECT_EQ(say({{"class", "normal"}, {"cannot_tell", "quality"}}), Code::invalid);
  EXPECT_EQ(say({{"cannot_tell", "bored"}}), Code::invalid);
  EXPECT_EQ(say({{"class", "normal"}, {"duration_ms", -1}}), Code::invalid);
  EXPECT_EQ(say({{"class", "normal"}, {"comment", std::string(501, 'x')}}), Code::invalid);
  EXPECT_EQ(call("anna", net::Method::put, path(id, "/reading/104"), Json{{"class", "normal"}}).code, Code::not_found);
  EXPECT_EQ(get("anna", path(id, "/reading/99999999999999999999")).code, Code::not_found);
  EXPECT_EQ(get("anna", path(id, "/reading/0/pixels.npy?slice=1")).code, Code::not_found);
  EXPECT_EQ(get("anna", path("no-such-project", "/reading")).code, Code::not_found);
  EXPECT_EQ(models->delete_dataset(actor("scientist"), "set").error().code(), Code::conflict);
  audit.fail = true;
  EXPECT_EQ(say({{"class", "normal"}}), Code::unavailable);
  audit.fail = false;
  EXPECT_TRUE(get("anna", path(id, "/reading/0")).json["answer"].is_null());
}

TEST_F(LabellingProjects, the_adjudicator_learns_who_said_what_only_at_the_end) {
  begin();
  import("set");
  const std::string id = make({{"select", {{"by", "random"}, {"count", 12}}}});
  read_all("anna", id, 0);
  read_all("ben", id, 2);
  EXPECT_EQ(get("carl", path(id, "/agreement")).code, Code::precondition);
  const Json made = done(call("scientist", net::Method::post, path(id, "/finish"), Json{{"leave_undecided", true}}));
  EXPECT_EQ(made["labelled"], 10);
  EXPECT_TRUE(get("carl", path(id, "/agreement")).ok);
  EXPECT_EQ(models->dataset("set@2")->at("samples"), models->dataset("set")->at("samples"));  // others kept theirs
  const std::string csv = get("scientist", path(id, "/labels.csv")).text;
  EXPECT_EQ(csv.substr(0, csv.find('\n')), "path,label,outcome,sha256,anna,ben,carl");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 13);
  EXPECT_EQ(call("scientist", net::Method::post, path(id, "/finish"), Json::object()).code, Code::precondition);
}

TEST_F(LabellingProjects, boxes_of_two_readers_become_boxes_of_a_dataset) {
  begin();
  import("set");
  const std::string id =
      make({{"task", "boxes"}, {"classes", {"nodule", "rib"}}, {"select", {{"by", "random"}, {"count", 6}}}});
  const auto say = [&](const std::string& user, std::size_t number, const Json& answer) {
    // The same case lies elsewhere in each reader's order: it is told by its picture.
    for (int place = 0; place < 6; ++place) {
      const std::string at = path(id, "/reading/" + std::to_string(place));
      if (get(user, at + "/pixels.npy").text != pictures_[number]) continue;
      const Answer said = call(user, net::Method::put, at, answer);
      ASSERT_TRUE(said.ok) << said.message;
    }
  };
  for (int place = 0; place < 6; ++place)
    pictures_.push_back(get("anna", path(id, "/reading/" + std::to_string(place) + "/pixels.npy")).text);
  const auto box = [](double x, const char* label = "nodule") {
    return Json{{"objects", Json::array({Json{{"class", label}, {"box", {x, 2, x + 10, 12}}}})}};
  };
  const Json nothing{{"objects", Json::array()}};
  // Alike; nothing twice; one sees a box; another class; one cannot tell; nearly alike.
  const std::vector<Json> anna{box(1), nothing, box(1), box(1), box(1), box(1)};
  const std::vector<Json> ben{box(1), nothing, nothing, box(1, "rib"), Json{{"cannot_tell", "quality"}}, box(3)};
  for (std::size_t i = 0; i < 6; ++i) {
    say("anna", i, anna[i]);
    say("ben", i, ben[i]);
  }
  EXPECT_EQ(get("anna", path(id, "/reading")).json["answers"][0], "drawn");
  EXPECT_FALSE(call("anna", net::Method::put, path(id, "/reading/0"), Json{{"class", "nodule"}}).ok);
  EXPECT_FALSE(call("anna", net::Method::put, path(id, "/reading/0"), box(9)).ok);  // beyond the 16 pixels
  for (const std::string user : {"anna", "ben"})
    ASSERT_TRUE(call(user, net::Method::post, path(id, "/submit"), Json::object()).ok);
  const Answer agreement = get("scientist", path(id, "/agreement"));
  ASSERT_TRUE(agreement.ok) << agreement.message;
  const Json& pair = agreement.json["pairs"][0];
  EXPECT_EQ(pair["cases"], 5);
  EXPECT_EQ(pair["cannot_tell"], 1);
  EXPECT_EQ(pair["boxes"]["matched"], 2);
  EXPECT_EQ(pair["boxes"]["only_a"], 2);
  EXPECT_EQ(pair["boxes"]["only_b"], 1);
  EXPECT_NEAR(pair["boxes"]["f1"].get<double>(), 4.0 / 7, 1e-12);
  EXPECT_NEAR(pair["boxes"]["iou"]["mean"].get<double>(), (1 + 80.0 / 120) / 2, 1e-9);
  EXPECT_EQ(pair["table"], Json::parse("[[3,1],[0,1]]"));  // drawn, nothing
  EXPECT_EQ(agreement.json["agreed"], 3);
  const Answer queue = get("carl", path(id, "/adjudication"));
  ASSERT_EQ(queue.json["total"], 3);
  for (int place = 0; place < 3; ++place) {
    const Answer one = get("carl", path(id, "/adjudication/" + std::to_string(place)));
    ASSERT_EQ(one.json["readings"].size(), 2U);
    ASSERT_TRUE(call("carl", net::Method::put, path(id, "/adjudication/" + std::to_string(place)),
                     place == 0 ? box(1, "rib") : nothing)
                    .ok);
  }
  EXPECT_EQ(get("scientist", path(id, "/labels.csv")).code, Code::unsupported);
  EXPECT_EQ(get("scientist", path(id, "/labels.json")).json["items"].size(), 6U);
  const Json made =
      done(call("scientist", net::Method::post, path(id, "/finish"), Json{{"validation", 0}, {"test", 0}}));
  EXPECT_EQ(made["labelled"], 6);
  const auto set = learn::Dataset::open(home.path() / "datasets" / "set@2");
  ASSERT_TRUE(set) << set.error().message();
  const learn::Manifest& m = set->manifest();
  ASSERT_EQ(m.samples.size(), 6U);  // the others have other classes
  EXPECT_EQ(m.classes, (std::vector<std::string>{"none", "nodule", "rib"}));
  std::size_t with_box = 0, ribs = 0;
  for (const learn::Sample& s : m.samples) {
    with_box += s.boxes.size();
    ribs += s.label == 2 ? 1U : 0U;
    EXPECT_EQ(s.boxes.empty(), s.label == 0);
  }
  EXPECT_EQ(with_box, 3U);
  EXPECT_EQ(ribs, 1U);
  EXPECT_NE(m.label_source.find("F1 of boxes at an IoU of 0.5 0.57"), std::string::npos) << m.label_source;
}

TEST_F(LabellingProjects, outlines_of_two_readers_become_masks_and_dice_is_by_hand) {
  begin();
  import("set");
  const std::string id =
      make({{"task", "outlines"}, {"classes", {"nodule"}}, {"select", {{"by", "random"}, {"count", 2}}}});
  for (const std::string user : {"anna", "ben"}) {
    for (int place = 0; place < 2; ++place) {
      const std::string at = path(id, "/reading/" + std::to_string(place));
      const bool first = get(user, at + "/pixels.npy").text == get("anna", path(id, "/reading/0/pixels.npy")).text;
      // 8 pixels each: of the first case 8 in common, of the second 2.
      const std::int64_t start = first || user == "anna" ? 20 : 26;
      ASSERT_TRUE(call(user, net::Method::put, at,
                       Json{{"objects", Json::array({Json{{"class", "nodule"}, {"runs", {start, 8}}}})}})
                      .ok);
    }
    ASSERT_TRUE(call(user, net::Method::post, path(id, "/submit"), Json::object()).ok);
  }
  const Answer agreement = get("scientist", path(id, "/agreement"));
  ASSERT_TRUE(agreement.ok) << agreement.message;
  EXPECT_NEAR(agreement.json["pairs"][0]["dice"]["mean"].get<double>(), (1 + 2.0 * 2 / 16) / 2, 1e-12);
  EXPECT_TRUE(agreement.json["pairs"][0]["kappa"]["value"].is_null());  // both drew on every case
  EXPECT_EQ(agreement.json["agreed"], 1);
  const Json made = done(call("scientist", net::Method::post, path(id, "/finish"),
                              Json{{"leave_undecided", true}, {"validation", 0}, {"test", 0}}));
  EXPECT_EQ(made["labelled"], 1);
  const auto set = learn::Dataset::open(home.path() / "datasets" / "set@2");
  ASSERT_TRUE(set) << set.error().message();
  ASSERT_TRUE(set->verify());
  ASSERT_EQ(set->manifest().samples.size(), 2U);
  std::size_t masks = 0, points = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto mask = set->mask(i);
    if (!mask) continue;
    ++masks;
    for (const std::uint8_t v : mask->as<std::uint8_t>()) points += v;
  }
  EXPECT_EQ(masks, 1U);
  EXPECT_EQ(points, 8U);
}

TEST_F(LabellingProjects, what_is_drawn_has_classes_of_its_own) {
  begin();
  import("set");
  const auto refused = [&](const Json& change) {
    Json request{{"name", "p"}, {"dataset", "set"}, {"readers", {"anna", "ben"}}, {"adjudicator", "carl"}};
    request.update(change);
    return call("scientist", net::Method::post, "/api/v1/labelling/projects", request).code;
  };
  EXPECT_EQ(refused({{"task", "boxes"}}), Code::invalid);
  EXPECT_EQ(refused({{"task", "boxes"}, {"classes", {"none"}}}), Code::invalid);
  EXPECT_EQ(refused({{"task", "outlines"}, {"classes", {"a"}}, {"ordered", true}}), Code::invalid);
}

}  // namespace
}  // namespace aceso::models::test
