// aceso model review, improve: what became known of a model's answers, and the next version made of it.
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

std::string improve_text(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json.at(key).is_string() ? json.at(key).get<std::string>()
                                                                            : std::string{};
}

struct ReviewArguments {
  std::string name;
  int limit = 20, readers = 1;
};

Status show_review(Context& context, const ReviewArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get("/api/v1/models/" + url_encode(a.name) + "/review?limit=" +
                                        std::to_string(a.limit) + "&readers=" + std::to_string(a.readers)));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& item : answer.value("items", Json::array())) {
    char ambiguity[16];
    std::snprintf(ambiguity, sizeof ambiguity, "%.2f", item.value("ambiguity", 0.0));
    rows.push_back({improve_text(item, "prediction"), improve_text(item, "created").substr(0, 16), ambiguity,
                    improve_text(item, "why")});
  }
  context.print(rows.empty() ? "no answer of " + a.name + " waits for a verdict"
                             : format_table({"PREDICTION", "GIVEN", "UNCERTAINTY", "WHY"}, rows));
  if (!rows.empty()) {
    context.print(std::to_string(rows.size()) + " of " + answer.value("waiting", Json(0)).dump() +
                  " answers that wait for a verdict; give verdicts on the model's page, tab Improve");
  }
  return {};
}

struct ImproveArguments {
  std::string name, start = "weights", promote = "none", accept_leakage;
  std::vector<std::string> truth;
  double hold_out = 0.3, margin = 0.05;
  int min_labels = 20, epochs = 0;
  bool dry_run = false;
};

std::string describe_state(const Json& state) {
  const Json labels = state.value("labels", Json::object());
  std::string out = improve_text(state, "model") + ": version " + state.value("live", Json(0)).dump() +
                    " is live, trained on " + improve_text(state, "dataset") + "\n" +
                    labels.value("new", Json(0)).dump() + " new labels (" + labels.value("known", Json(0)).dump() +
                    " known";
  const Json by_class = labels.value("by_class", Json::object());
  for (const auto& [name, count] : by_class.items()) out += ", " + name + " " + count.dump();
  out += ")";
  if (const Json changed = labels.value("changed", Json(0)); changed != 0) out += ", " + changed.dump() + " changed";
  if (const Json disagreed = labels.value("disagreed", Json(0)); disagreed != 0)
    out += ", " + disagreed.dump() + " on which readers disagree";
  for (const Json& why : state.value("missing", Json::array())) out += "\n  - " + why.get<std::string>();
  if (state.value("ready", false)) out += "\nready: aceso model improve " + improve_text(state, "model");
  return out;
}

std::string describe_outcome(const Json& done) {
  const std::string model = improve_text(done, "model");
  const std::string version = done.value("version", Json(0)).dump();
  const Json data = done.value("data", Json::object());
  std::string out = model + " version " + version + ", trained on " + improve_text(done, "dataset") + " (" +
                    data.value("added", Json(0)).dump() + " cases more, " + data.value("own", Json(0)).dump() +
                    " own cases held out)";
  for (const Json& check : done.value("checks", Json::array())) {
    out += std::string{"\n  "} + (check.value("passed", false) ? "passed      " : "NOT PASSED  ") +
           improve_text(check, "on");
    if (check.contains("samples")) out += " (" + check.at("samples").dump() + ")";
    out += ": " + improve_text(check, "text");
  }
  const std::string waits = improve_text(done, "waits_for");
  const std::string stage = improve_text(done, "stage");
  if (!waits.empty()) {
    out += "\nnot promoted yet: " + waits + "\n  the evaluation to sign: " + improve_text(done, "evaluation_job");
  } else if (stage != "candidate") {
    out += "\nit is " + stage + " now; back again: aceso model rollback " + model;
  } else if (done.value("passed", false)) {
    out += "\nserve it:   aceso model promote " + model + " " + version + " live";
  } else {
    out += "\nit stays a candidate: version " + done.value("live", Json(0)).dump() + " answers as before";
  }
  return out;
}

Status improve(Context& context, const ImproveArguments& a) {
  ACESO_TRY(Api * api, context.api());
  const std::string path = "/api/v1/models/" + url_encode(a.name) + "/improvement";
  if (a.dry_run) {
    std::string truth;
    for (const auto& one : a.truth) truth += (truth.empty() ? "&truth=" : ",") + url_encode(one);
    ACESO_TRY(const Json state, api->get(path + "?min_labels=" + std::to_string(a.min_labels) + truth));
    if (context.json) {
      context.print_json(state);
    } else {
      context.print(describe_state(state));
    }
    return {};
  }
  Json request{{"start", a.start},
               {"hold_out", a.hold_out},
               {"margin", a.margin},
               {"min_labels", a.min_labels},
               {"promote", a.promote}};
  if (!a.truth.empty()) request["truth"] = a.truth;
  if (!a.accept_leakage.empty()) request["accept_leakage"] = a.accept_leakage;
  if (a.epochs > 0) request["config"] = Json{{"epochs", a.epochs}};
  ACESO_TRY(const Json accepted, api->call(net::Method::post, path, request));
  ACESO_TRY(const Json done, context.follow(accepted));
  if (context.json) {
    context.print_json(done);
  } else {
    context.print(describe_outcome(done));
  }
  // For scripts: a version that did not pass is no success; one that waits for a signature is.
  if (a.promote != "none" && !done.value("passed", false)) context.exit_status = kFailed;
  return {};
}

}  // namespace

void add_model_improve(CLI::App& group, Context& context) {
  const auto r = std::make_shared<ReviewArguments>();
  auto* review = group.add_subcommand("review", "List answers that wait for a verdict, the least certain first");
  review->add_option("NAME", r->name, "Model")->required();
  review->add_option("--limit", r->limit, "Answers to list")->check(CLI::Range(1, 500))->capture_default_str();
  review->add_option("--readers", r->readers, "Verdicts that each case wants, by different readers")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  review->footer(
      "What the model found is not listed: a reader who knows it before looking agrees too easily. Every fifth answer "
      "is "
      "drawn by chance.\n\nExamples:\n  aceso model review chest\n  aceso model review chest --readers 2 --limit 100 "
      "--json");
  on_run(review, context, [&context, r] { return show_review(context, *r); });

  const auto a = std::make_shared<ImproveArguments>();
  auto* command = group.add_subcommand("improve", "Train the next version on what became known of a model's answers");
  command->add_option("NAME", a->name, "Model; its live version is where it starts and what it is measured against")
      ->required();
  command->add_flag("--dry-run", a->dry_run, "Say what there is to learn from, and do nothing");
  command
      ->add_option("--truth", a->truth,
                   "Where labels come from, the preferred source first: verdict, pathology, follow_up, consensus, "
                   "discharge (default: verdict)")
      ->delimiter(',');
  command->add_option("--start", a->start, "weights: go on from the live version; scratch: from nothing")
      ->check(CLI::IsMember({"weights", "scratch"}))
      ->capture_default_str();
  command->add_option("--hold-out", a->hold_out, "Share of the new cases that no version is ever trained on")
      ->check(CLI::Range(0.05, 0.9))
      ->capture_default_str();
  command
      ->add_option("--margin", a->margin,
                   "By how much AUROC may be worse at the lower end of its 95 % interval and pass")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  command->add_option("--min-labels", a->min_labels, "New labels that there must be")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--epochs", a->epochs, "Epochs (default: those of the live version's training)")
      ->check(CLI::Range(1, 100'000));
  command->add_option("--promote", a->promote, "What becomes of a version that passes: none, shadow or live")
      ->check(CLI::IsMember({"none", "shadow", "live"}))
      ->capture_default_str();
  command->add_option("--accept-leakage", a->accept_leakage, "Train although the splits leak, for this reason");
  command->footer(
      "The dataset of the live version grows by the labelled cases; a fixed share of them is held out for good. The "
      "new "
      "version and the live one answer all cases held out, and the own ones alone; the new one passes where it is no "
      "worse than by the margin, and reaches the model's gate. Where the node asks for a clinician's acceptance, it "
      "is to be promoted after the signature.\n\nExamples:\n  aceso model improve chest --dry-run\n  aceso model "
      "improve "
      "chest "
      "--promote live\n  aceso model improve chest --truth pathology,verdict --start scratch");
  on_run(command, context, [&context, a] { return improve(context, *a); });
}

}  // namespace aceso::app
