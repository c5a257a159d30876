// aceso model gate, approval, accept, rollback, recall, affected: what a version needs to go live, and how one is
// stopped.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

std::string model_path(const std::string& name) {
  return "/api/v1/models/" + url_encode(name);
}
std::string version_path(const std::string& name, int version) {
  return model_path(name) + "/" + std::to_string(version);
}

std::string text_at(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json.at(key).is_string() ? json.at(key).get<std::string>()
                                                                            : std::string{};
}

std::string number_text(const Json& json) {
  if (!json.is_number()) return "-";
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", json.get<double>());
  return text;
}

// ---- gate

struct GateArguments {
  std::string name, reason;
  std::vector<std::string> at_least, at_most;  // FIGURE=NUMBER
  bool bound = false;
  int min_cases = -1;
};

Result<Json> gate_figure(const std::string& text, const char* direction, bool bound) {
  const auto equals = text.find('=');
  char* end = nullptr;
  const double value = equals == std::string::npos ? 0 : std::strtod(text.c_str() + equals + 1, &end);
  if (equals == std::string::npos || equals == 0 || end == text.c_str() + equals + 1 || *end != '\0')
    return Error{Code::invalid, "give FIGURE=NUMBER, for example auroc=0.9"};
  return Json{{"figure", text.substr(0, equals)}, {direction, value}, {"bound", bound}};
}

std::string describe_gate(const Json& gate) {
  if (!gate.is_object()) return "no gate is set";
  std::string out;
  for (const Json& one : gate.value("figures", Json::array())) {
    out += (out.empty() ? "" : ", ") + text_at(one, "figure") +
           (one.contains("at_least") ? " at least " : " at most ") +
           number_text(one.contains("at_least") ? one.at("at_least") : one.value("at_most", Json()));
    if (one.value("bound", false)) out += " with its 95 % interval";
  }
  if (const int cases = gate.value("min_cases", 0); cases > 0)
    out += (out.empty() ? "" : ", ") + std::string{"on at least "} + std::to_string(cases) + " cases";
  return (out.empty() ? "nothing is asked" : out) + " (" + text_at(gate, "by") + ": " + text_at(gate, "reason") + ")";
}

Status show_or_set_gate(Context& context, const GateArguments& a) {
  ACESO_TRY(Api * api, context.api());
  const bool change = !a.at_least.empty() || !a.at_most.empty() || a.min_cases >= 0;
  Json answer;
  if (change) {
    if (a.reason.empty()) return Error{Code::invalid, "--reason: say why; it stands on the audit trail"};
    Json figures = Json::array();
    for (const auto& text : a.at_least) {
      ACESO_TRY(Json one, gate_figure(text, "at_least", a.bound));
      figures.push_back(std::move(one));
    }
    for (const auto& text : a.at_most) {
      ACESO_TRY(Json one, gate_figure(text, "at_most", a.bound));
      figures.push_back(std::move(one));
    }
    ACESO_TRY(answer, api->call(net::Method::put, model_path(a.name) + "/gate",
                                Json{{"figures", std::move(figures)},
                                     {"min_cases", std::max(a.min_cases, 0)},
                                     {"reason", a.reason}}));
  } else {
    ACESO_TRY(answer, api->get(model_path(a.name) + "/gate"));
  }
  if (context.json) {
    context.print_json(answer);
  } else {
    context.print(a.name + ": " + describe_gate(answer.value("gate", Json())));
  }
  return {};
}

// ---- approval and acceptance

Status show_approval(Context& context, const std::string& name, int version) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get(version_path(name, version) + "/approval"));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::string out = name + " version " + std::to_string(version) +
                    (answer.value("ready", false) ? " may go live" : " may not go live yet");
  for (const Json& why : answer.value("missing", Json::array())) out += "\n  - " + why.get<std::string>();
  out += "\ngate          " + describe_gate(answer.value("gate", Json()));
  for (const Json& one : answer.value("acceptances", Json::array())) {
    out += "\naccepted      " + text_at(one, "time").substr(0, 16) + " by " +
           text_at(one.value("signer", Json()), "name") + " on " + one.value("samples", Json()).dump() + " cases of " +
           text_at(one, "dataset") + (one.value("valid", false) ? "" : "  SIGNATURE DOES NOT HOLD") +
           "\n              \"" + text_at(one, "statement") + "\"";
  }
  for (const Json& one : answer.value("evaluations", Json::array())) {
    const Json metrics = one.value("metrics", Json::object());
    out += "\nevaluation    " + text_at(one, "id") + "  " + text_at(one, "time").substr(0, 16) + "  " +
           text_at(one, "dataset") + " " + text_at(one, "split") + ", " + one.value("samples", Json()).dump() +
           " cases";
    if (metrics.is_object() && metrics.contains("auroc")) out += ", AUROC " + describe_figure(metrics.at("auroc"));
  }
  context.print(out);
  return {};
}

struct AcceptArguments {
  std::string name, evaluation, statement, user, totp;
  int version = 0;
  bool own_cases = false, unseen = false;
};

// A session of a clinician's own for this one signature; it ends with it.
class SignedIn {
 public:
  static Result<SignedIn> open(Api& api, const std::string& user, const std::string& password,
                               const std::string& totp) {
    Json body{{"name", user}, {"password", password}};
    if (!totp.empty()) body["totp"] = totp;
    net::ClientRequest request{.method = net::Method::post, .target = "/api/v1/session", .body = body.dump()};
    request.headers.set("Content-Type", "application/json");
    ACESO_TRY(const net::ClientResponse response, api.send(request));
    ACESO_TRY(const Json session, response.json());
    const std::string cookie{response.headers.get("Set-Cookie")};
    const auto end = std::min(cookie.find(';'), cookie.size());
    if (end == 0) return Error{Code::internal, "the node opened no session"};
    return SignedIn{api, cookie.substr(0, end), text_at(session, "csrf_token")};
  }
  Result<Json> post(const std::string& target, const Json& body) {
    return send(net::Method::post, target, body.dump());
  }
  void close() { (void)send(net::Method::del, "/api/v1/session", {}); }  // it would end by itself, later

 private:
  SignedIn(Api& api, std::string cookie, std::string csrf)
      : api_{&api}, cookie_{std::move(cookie)}, csrf_{std::move(csrf)} {}
  Result<Json> send(net::Method method, const std::string& target, std::string body) {
    net::ClientRequest request{.method = method, .target = target, .body = std::move(body)};
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Cookie", cookie_);
    request.headers.set("X-CSRF-Token", csrf_);
    ACESO_TRY(const net::ClientResponse response, api_->send(request));
    return response.json();
  }
  Api* api_;
  std::string cookie_, csrf_;
};

Status accept(Context& context, const AcceptArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const std::string password, read_password(("Password of " + a.user + ": ").c_str()));
  ACESO_TRY(SignedIn session, SignedIn::open(*api, a.user, password, a.totp));
  const auto answer = session.post(
      version_path(a.name, a.version) + "/acceptances",
      Json{{"evaluation", a.evaluation}, {"own_cases", a.own_cases}, {"unseen", a.unseen}, {"statement", a.statement}});
  session.close();
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    context.print(a.name + " version " + std::to_string(a.version) + " is accepted by " + a.user +
                  "\nserve it:   aceso model promote " + a.name + " " + std::to_string(a.version) + " live");
  }
  return {};
}

// ---- recall

std::string csv_cell(std::string text) {
  // A cell that a spreadsheet would take for a formula is marked as text.
  if (!text.empty() && std::string_view{"=+-@\t\r"}.find(text.front()) != std::string_view::npos)
    text.insert(0, 1, '\'');
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// Every page of a list.
Result<Json> whole_list(Api& api, const std::string& target) {
  Json all = Json::array();
  std::string cursor;
  bool pending = false;
  do {
    ACESO_TRY(const Json page, api.get(target + (cursor.empty() ? "" : "&cursor=" + url_encode(cursor))));
    for (const Json& item : page.at("items")) all.push_back(item);
    pending = page.value("pending", false);
    cursor = text_at(page, "next");
  } while (!cursor.empty());
  return Json{{"items", std::move(all)}, {"pending", pending}};
}

struct RecallArguments {
  std::string name, reason;
  int version = 0;
  std::filesystem::path csv;
};

std::string person_text(std::string name) {
  std::replace(name.begin(), name.end(), '^', ' ');
  return name;
}

Status list_affected(Context& context, const RecallArguments& a) {
  ACESO_TRY(Api * api, context.api());
  const std::string which = "?model=" + url_encode(a.name) + "&version=" + std::to_string(a.version) + "&limit=500";
  ACESO_TRY(const Json studies, whole_list(*api, "/api/v1/archive/recalled" + which));
  ACESO_TRY(const Json answers, whole_list(*api, version_path(a.name, a.version) + "/affected?limit=1000"));
  if (!a.csv.empty()) {
    std::string csv =
        "patient_id,patient_name,study_date,accession_number,study_uid,answered,finding,positive,judged_by,results\n";
    for (const Json& s : studies.at("items")) {
      const Json one = s.value("analysis", Json::object());
      std::string results;
      for (const Json& uid : one.value("results", Json::array()))
        results += (results.empty() ? "" : " ") + uid.get<std::string>();
      const Json patient = s.value("patient", Json::object());
      for (const std::string& cell :
           {text_at(patient, "id"), text_at(patient, "name"), text_at(s, "date"), text_at(s, "accession"),
            text_at(one, "study"), text_at(one, "answered"), text_at(one, "finding"),
            std::string{one.value("positive", false) ? "yes" : "no"}, text_at(one, "judged_by")})
        csv += csv_cell(cell) + ",";
      csv += csv_cell(results) + "\n";
    }
    ACESO_TRY_OK(write_file_atomic(a.csv, csv, {.mode = 0600}));
  }
  if (context.json) {
    context.print_json(Json{
        {"studies", studies.at("items")}, {"predictions", answers.at("items")}, {"pending", studies.at("pending")}});
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& s : studies.at("items")) {
    const Json one = s.value("analysis", Json::object());
    const Json patient = s.value("patient", Json::object());
    rows.push_back({text_at(patient, "id"), person_text(text_at(patient, "name")), text_at(s, "date"),
                    text_at(s, "accession"), text_at(one, "finding"), text_at(one, "judged_by")});
  }
  context.print(rows.empty() ? "no study of the archive was answered by it"
                             : format_table({"PATIENT", "NAME", "STUDY", "ACCESSION", "IT SAID", "JUDGED BY"}, rows));
  context.print(std::to_string(answers.at("items").size()) + " answers in all, " + std::to_string(rows.size()) +
                " of them written into studies");
  if (studies.value("pending", false)) context.print("the archive is still withdrawing results: ask again in a moment");
  if (!a.csv.empty()) context.print("wrote " + a.csv.string() + ": it names patients");
  return {};
}

Status recall(Context& context, const RecallArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer,
            api->call(net::Method::post, version_path(a.name, a.version) + "/recall", Json{{"reason", a.reason}}));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  const Json affected = answer.value("affected", Json::object());
  context.print(
      a.name + " version " + std::to_string(a.version) + " is recalled: it answers nobody any more.\nIt gave " +
      affected.value("predictions", Json(0)).dump() + " answers to " + affected.value("asked_by", Json(0)).dump() +
      " readers and programs; its results in studies are being withdrawn.\nwhom it concerns:   aceso model affected " +
      a.name + " " + std::to_string(a.version) + "\nthe one before it:  aceso model rollback " + a.name);
  return {};
}

}  // namespace

void add_model_oversight(CLI::App& group, Context& context) {
  const auto g = std::make_shared<GateArguments>();
  auto* gate = group.add_subcommand("gate", "Show or set what a version of a model must reach to go live");
  gate->add_option("NAME", g->name, "Model")->required();
  gate->add_option("--at-least", g->at_least, "FIGURE=NUMBER, for example auroc=0.9; may be repeated");
  gate->add_option("--at-most", g->at_most, "FIGURE=NUMBER, for errors: mae=2.5; may be repeated");
  gate->add_flag("--bound", g->bound, "Compare the worse end of the 95 % interval, not the value");
  gate->add_option("--min-cases", g->min_cases, "Cases of the evaluation, at least")
      ->check(CLI::Range(0, 1'000'000'000));
  gate->add_option("--reason", g->reason, "Why; for the audit trail");
  gate->footer(
      "Examples:\n  aceso model gate chest\n  aceso model gate chest --at-least auroc=0.9 --at-least sensitivity=0.85 "
      "--min-cases 200 --reason \"agreed on 3 March\"");
  on_run(gate, context, [&context, g] { return show_or_set_gate(context, *g); });

  const auto a = std::make_shared<AcceptArguments>();
  auto* approval = group.add_subcommand("approval", "Show what stands between a version and going live");
  approval->add_option("NAME", a->name, "Model")->required();
  approval->add_option("VERSION", a->version, "Version")->required();
  on_run(approval, context, [&context, a] { return show_approval(context, a->name, a->version); });

  auto* accepting = group.add_subcommand("accept", "Accept a version for use here, as a clinician");
  accepting->add_option("NAME", a->name, "Model")->required();
  accepting->add_option("VERSION", a->version, "Version")->required();
  accepting->add_option("--evaluation", a->evaluation, "Job of an evaluation on this hospital's own cases")->required();
  accepting->add_flag("--own-cases", a->own_cases, "The evaluation is on this hospital's own cases")->required();
  accepting->add_flag("--unseen", a->unseen,
                      "None of its cases was used to make the version; asked for where its training data are not here");
  accepting->add_option("--statement", a->statement, "What is accepted, in the signer's words")->required();
  accepting->add_option("--user", a->user, "Account of the clinician; the password is asked for")->required();
  accepting->add_option("--totp", a->totp, "One-time code, where the account has one");
  accepting->footer(
      "The acceptance is signed with the node's key and names model, version, bundle, evaluation, figures and "
      "signer.\n\nExamples:\n  aceso evaluate chest --dataset ours-2026 --version 2\n  aceso model approval chest 2\n  "
      "aceso model accept chest 2 --evaluation 0194... --own-cases --user dr.lang --statement \"Good enough as a "
      "second "
      "reader\"");
  on_run(accepting, context, [&context, a] { return accept(context, *a); });

  const auto r = std::make_shared<RecallArguments>();
  auto* rollback = group.add_subcommand("rollback", "Make the version live that was live before");
  rollback->add_option("NAME", r->name, "Model")->required();
  on_run(rollback, context, [&context, r]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json all, api->get("/api/v1/models"));
    int live = 0;
    for (const Json& model : all.at("items")) {
      if (text_at(model, "name") != r->name) continue;
      for (const Json& v : model.at("versions")) {
        if (text_at(v, "stage") == "live") live = v.value("version", 0);
      }
    }
    ACESO_TRY(const Json answer, api->call(net::Method::post, model_path(r->name) + "/rollback", Json{{"from", live}}));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print(r->name + " version " + answer.value("version", Json(0)).dump() + " is live again");
    }
    return {};
  });

  auto* recalling = group.add_subcommand("recall", "Stop a version whose answers cannot be relied on");
  recalling->add_option("NAME", r->name, "Model")->required();
  recalling->add_option("VERSION", r->version, "Version")->required()->check(CLI::Range(1, 1'000'000'000));
  recalling->add_option("--reason", r->reason, "Why; it stands beside every answer that the version gave")->required();
  recalling->footer(
      "It answers nobody from then on; what it said is shown as recalled, its results in studies are rejected by a "
      "note, "
      "and studies say so in the lists.\n\nExamples:\n  aceso model recall chest 2 --reason \"misses effusions on "
      "portable images\"\n  aceso model affected chest 2 --csv affected.csv");
  on_run(recalling, context, [&context, r] { return recall(context, *r); });

  auto* lifting = group.add_subcommand("lift-recall", "End a recall that was a mistake; the version is then retired");
  lifting->add_option("NAME", r->name, "Model")->required();
  lifting->add_option("VERSION", r->version, "Version")->required()->check(CLI::Range(1, 1'000'000'000));
  lifting->add_option("--reason", r->reason, "Why; for the audit trail")->required();
  lifting->footer("Results that were withdrawn stay so: analyse the studies again once a version is live.");
  on_run(lifting, context, [&context, r]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json answer, api->call(net::Method::post, version_path(r->name, r->version) + "/recall/lift",
                                           Json{{"reason", r->reason}}));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print(r->name + " version " + std::to_string(r->version) + " is " + text_at(answer, "stage"));
    }
    return {};
  });

  auto* affected =
      group.add_subcommand("affected", "List the patients, studies and answers of a version that was recalled");
  affected->add_option("NAME", r->name, "Model")->required();
  affected->add_option("VERSION", r->version, "Version")->required()->check(CLI::Range(1, 1'000'000'000));
  affected->add_option("--csv", r->csv, "File to write the studies to, readable by its owner only; it names patients");
  on_run(affected, context, [&context, r] { return list_affected(context, *r); });
}

}  // namespace aceso::app
