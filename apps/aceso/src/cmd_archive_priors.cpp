// aceso archive priors: how it stands with earlier studies that are fetched before an appointment.
#include <memory>

#include "archive_commands.hpp"

namespace aceso::app {
namespace {

constexpr const char* kWorklistPath = "/api/v1/archive/modality-worklist";

struct PriorsArguments {
  std::string date, state, step;
};

std::string path_of(const std::string& step) {
  return std::string{kWorklistPath} + "/" + url_encode(step) + "/priors";
}

std::string count_of(const Json& priors) {
  return priors.at("here").dump() + " of " + priors.at("known").dump();
}

std::string words_of(const std::string& state) {
  return state == "no_rule" ? "no rule" : state;
}

Status list_priors(Context& context, const PriorsArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json found, api->get(std::string{kWorklistPath} + "?limit=1000" +
                                       (a.date.empty() ? "" : "&date=" + url_encode(a.date))));
  Json items = Json::array();
  std::vector<std::vector<std::string>> rows;
  bool configured = false;
  for (const auto& step : found.at("items")) {
    const Json& priors = step.at("priors");
    if (priors.is_null()) continue;
    configured = true;
    const std::string state = priors.at("state");
    if (!a.state.empty() && a.state != state) continue;
    items.push_back(step);
    rows.push_back({step.value("date", ""), step.value("time", ""), step.value("modality", ""),
                    step.value("patient_name", ""), step.value("patient_id", ""), words_of(state), count_of(priors),
                    priors.at("not_theirs").dump(), priors.value("reason", ""), step.value("id", "")});
  }
  if (context.json) {
    context.print_json(Json{{"items", std::move(items)}});
    return {};
  }
  if (rows.empty()) {
    context.print(!configured && !found.at("items").empty()
                      ? "no priors are fetched: aceso.yaml has no priors.rules (aceso config reference)"
                      : "nothing is scheduled");
    return {};
  }
  context.print(format_table(
      {"DATE", "TIME", "MODALITY", "NAME", "PATIENT ID", "PRIORS", "HERE", "NOT THEIRS", "REASON", "ID"}, rows));
  return {};
}

std::string why_not(const Json& study) {
  if (study.at("unconfirmed").get<bool>()) return "not fetched: nothing but the ID says whose it is";
  std::string out;
  for (const auto& field : study.at("disagreeing")) {
    out += out.empty() ? "not fetched: another " : ", ";
    out += field == "birth_date" ? "birth date" : field == "patient_id" ? "patient ID" : field.get<std::string>();
  }
  return out.empty() ? study.value("reason", "") : out;
}

void print_priors(const Context& context, const Json& priors) {
  std::string head = words_of(priors.at("state")) + ": " + count_of(priors) + " priors are here";
  if (priors.at("not_theirs") != 0)
    head += ", " + priors.at("not_theirs").dump() + " under this ID are not, or not surely, the patient's";
  context.print(head);
  if (const auto reason = priors.value("reason", ""); !reason.empty()) context.print(reason);
  if (priors.at("state") == "waiting" && priors.at("due").is_string())
    context.print("begins at " + priors.at("due").get<std::string>());
  std::vector<std::vector<std::string>> rows;
  for (const auto& study : priors.at("studies")) {
    rows.push_back({study.value("date", ""), study.value("modalities", ""), study.value("description", ""),
                    study.value("source", ""), study.at("here").dump() + " of " + study.at("objects").dump(),
                    why_not(study), study.value("study", "")});
  }
  if (rows.empty()) return;
  context.print(format_table({"DATE", "MODALITIES", "DESCRIPTION", "FROM", "OBJECTS", "WHY", "STUDY UID"}, rows));
}

Status show_priors(Context& context, const std::string& step, net::Method method) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json priors,
            api->call(method, path_of(step), method == net::Method::get ? Json(nullptr) : Json::object()));
  if (context.json) {
    context.print_json(priors);
  } else {
    print_priors(context, priors);
  }
  return {};
}

}  // namespace

void add_archive_priors(CLI::App& group, Context& context) {
  auto* priors = group.add_subcommand("priors", "Earlier studies that are fetched before an appointment");
  priors->require_subcommand(1);
  priors->footer(
      "Rules are set up in aceso.yaml (priors.rules; aceso config reference). Only studies of the same patient are "
      "fetched: the ID must be equal, issuer, name and birth date must not differ where both sides tell, and one of "
      "them "
      "must agree.\n\nExamples:\n  aceso archive priors list --date 20260131\n  aceso archive priors list --state "
      "failed\n  aceso archive priors fetch 01936b1c-0000-7000-8000-000000000000");

  auto a = std::make_shared<PriorsArguments>();
  auto* listed = priors->add_subcommand("list", "How it stands with each scheduled step");
  listed->add_option("--date", a->date, "YYYYMMDD of the appointment");
  listed->add_option("--state", a->state, "waiting, fetching, fetched, none, failed, past or no_rule")
      ->check(CLI::IsMember({"waiting", "fetching", "fetched", "none", "failed", "past", "no_rule"}));
  listed->footer("Example:\n  aceso archive priors list --date 20260131 --state failed");
  on_run(listed, context, [&context, a] { return list_priors(context, *a); });

  auto* shown = priors->add_subcommand("show", "The priors of one step, study by study");
  shown->add_option("ID", a->step, "Of the step, as the list shows it")->required();
  shown->footer("Example:\n  aceso archive priors show 01936b1c-0000-7000-8000-000000000000");
  on_run(shown, context, [&context, a] { return show_priors(context, a->step, net::Method::get); });

  auto* fetched = priors->add_subcommand("fetch", "Fetch the priors of a step now");
  fetched->add_option("ID", a->step, "Of the step, as the list shows it")->required();
  fetched->footer(
      "They are fetched while the node runs; what is here already is not fetched again.\n\nExample:\n  aceso archive "
      "priors fetch 01936b1c-0000-7000-8000-000000000000");
  on_run(fetched, context, [&context, a] { return show_priors(context, a->step, net::Method::post); });
}

}  // namespace aceso::app
