// aceso archive worklist, steps: what is scheduled for modalities, and what they reported to have done.
#include <array>
#include <memory>

#include "archive_commands.hpp"

namespace aceso::app {
namespace {

constexpr const char* kPath = "/api/v1/archive/modality-worklist";

struct NamedField {
  const char* option;
  const char* field;
  const char* help;
};
constexpr std::array<NamedField, 18> kFields{{
    {"--patient-id", "patient_id", "Patient ID"},
    {"--name", "patient_name", "Patient's name, as Doe^Jane"},
    {"--modality", "modality", "CT, MR, ..."},
    {"--date", "date", "When it begins, YYYYMMDD"},
    {"--issuer", "issuer", "Who gave the patient ID"},
    {"--birth-date", "birth_date", "YYYYMMDD"},
    {"--sex", "sex", "M, F or O"},
    {"--accession", "accession", "Accession number"},
    {"--referring", "referring_physician", "Referring physician"},
    {"--study", "study_uid", "Study Instance UID (default: a new one)"},
    {"--procedure-id", "procedure_id", "Requested procedure ID"},
    {"--procedure", "procedure", "Requested procedure"},
    {"--station", "station_ae", "AE title of the modality"},
    {"--time", "time", "HHMM"},
    {"--physician", "physician", "Performing physician"},
    {"--description", "description", "Description of the step"},
    {"--step-id", "step_id", "Scheduled procedure step ID (default: a new one)"},
    {"--location", "location", "Room"},
}};
constexpr std::size_t kRequired = 4;  // the first ones

using Values = std::array<std::string, kFields.size()>;

Status add_step(Context& context, const Values& values) {
  Json step = Json::object();
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (!values.at(i).empty()) step[kFields.at(i).field] = values.at(i);
  }
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json made, api->call(net::Method::post, kPath, step));
  if (context.json) {
    context.print_json(made);
  } else {
    context.print("scheduled as " + made.at("id").get<std::string>() + ", study " +
                  made.at("study_uid").get<std::string>() + ", step " + made.at("step_id").get<std::string>());
  }
  return {};
}

struct ListedArguments {
  std::string date, modality, station, state;
};

// The rest of a query.
std::string narrowed(const ListedArguments& a) {
  std::string out;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) out.append("&").append(key).append("=").append(url_encode(value));
  };
  add("date", a.date);
  add("modality", a.modality);
  add("station_ae", a.station);
  add("state", a.state);
  return out;
}

Status list_steps(Context& context, const ListedArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json found, api->get(std::string{kPath} + "?limit=1000" + narrowed(a)));
  if (context.json) {
    context.print_json(found);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& step : found.at("items")) {
    auto& row = rows.emplace_back();
    for (const char* field : {"date", "time", "state", "modality", "station_ae", "patient_name", "patient_id",
                              "accession", "description", "id"})
      row.push_back(step.value(field, ""));
  }
  if (rows.empty()) {
    context.print("nothing is scheduled");
    return {};
  }
  context.print(format_table(
      {"DATE", "TIME", "STATE", "MODALITY", "STATION", "NAME", "PATIENT ID", "ACCESSION", "DESCRIPTION", "ID"}, rows));
  return {};
}

Status change_step(Context& context, const std::string& id, const Values& values) {
  Json changes = Json::object();
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (!values.at(i).empty()) changes[kFields.at(i).field] = values.at(i);
  }
  if (changes.empty()) return Error{Code::invalid, "say what changes, such as --date 20260203 --time 0800"};
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json step, api->call(net::Method::patch, std::string{kPath} + "/" + url_encode(id), changes));
  if (context.json) {
    context.print_json(step);
  } else {
    context.print("changed");
  }
  return {};
}

Status delete_step(Context& context, const std::string& id) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->call(net::Method::del, std::string{kPath} + "/" + url_encode(id), Json(nullptr)));
  (void)answer;
  if (context.json) {
    context.print_json(Json{{"deleted", true}});
  } else {
    context.print("deleted");
  }
  return {};
}

Status list_performed(Context& context, const ListedArguments& a, std::size_t limit) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json found, api->get("/api/v1/archive/performed-steps?limit=" + std::to_string(limit) + narrowed(a)));
  if (context.json) {
    context.print_json(found);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& step : found.at("items")) {
    std::size_t instances = 0;
    std::size_t here = 0;
    for (const auto& series : step.at("series")) {
      instances += series.at("instances").get<std::size_t>();
      here += series.at("here").get<std::size_t>();
    }
    rows.push_back({step.value("start_date", ""), step.value("start_time", ""), step.value("state", ""),
                    step.value("modality", ""), step.value("reporter", ""), step.value("patient_name", ""),
                    step.value("patient_id", ""), std::to_string(step.at("series").size()), std::to_string(instances),
                    std::to_string(here),
                    step.at("studies").empty() ? "" : step.at("studies").front().get<std::string>()});
  }
  if (rows.empty()) {
    context.print("no modality has reported a step");
    return {};
  }
  context.print(format_table(
      {"DATE", "TIME", "STATE", "MODALITY", "AE TITLE", "NAME", "PATIENT ID", "SERIES", "OBJECTS", "HERE", "STUDY UID"},
      rows));
  return {};
}

}  // namespace

void add_archive_worklist(CLI::App& group, Context& context) {
  auto* worklist = group.add_subcommand("worklist", "Procedure steps that are scheduled for modalities");
  worklist->require_subcommand(1);
  worklist->footer(
      "Modalities read the worklist by DICOM (C-FIND) from the node's listener.\n\nExamples:\n  aceso archive worklist "
      "add --patient-id P1 --name Doe^Jane --modality CT --date 20260131 --station CT1\n  aceso archive worklist list "
      "--date 20260131");

  auto* added = worklist->add_subcommand("add", "Schedule a procedure step");
  auto values = std::make_shared<Values>();
  for (std::size_t i = 0; i < kFields.size(); ++i)
    added->add_option(kFields.at(i).option, values->at(i), kFields.at(i).help)->required(i < kRequired);
  on_run(added, context, [&context, values] { return add_step(context, *values); });

  auto* listed = worklist->add_subcommand("list", "List scheduled steps by date and time");
  auto a = std::make_shared<ListedArguments>();
  listed->add_option("--date", a->date, "YYYYMMDD");
  listed->add_option("--modality", a->modality, "CT, MR, ...");
  listed->add_option("--station", a->station, "AE title of the modality");
  listed->add_option("--state", a->state, "scheduled, started, completed or discontinued")
      ->check(CLI::IsMember({"scheduled", "started", "completed", "discontinued"}));
  on_run(listed, context, [&context, a] { return list_steps(context, *a); });

  auto* changed = worklist->add_subcommand("change", "Change a scheduled step: another date, a corrected name");
  auto which = std::make_shared<std::string>();
  changed->add_option("ID", *which, "As the list shows it")->required();
  auto changes = std::make_shared<Values>();
  for (std::size_t i = 0; i < kFields.size(); ++i)
    changed->add_option(kFields.at(i).option, changes->at(i), kFields.at(i).help);
  changed->footer("Example:\n  aceso archive worklist change 0193... --date 20260203 --time 0800");
  on_run(changed, context, [&context, which, changes] { return change_step(context, *which, *changes); });

  auto* deleted = worklist->add_subcommand("delete", "Take a step off the worklist");
  auto id = std::make_shared<std::string>();
  deleted->add_option("ID", *id, "As the list shows it")->required();
  on_run(deleted, context, [&context, id] { return delete_step(context, *id); });

  auto* performed = group.add_subcommand("steps", "Show what modalities reported to have done (MPPS)");
  auto limit = std::make_shared<std::size_t>(50);
  auto of = std::make_shared<ListedArguments>();
  performed->add_option("--date", of->date, "YYYYMMDD, when it began");
  performed->add_option("--modality", of->modality, "CT, MR, ...");
  performed->add_option("--station", of->station, "AE title of the modality");
  performed->add_option("--state", of->state, "in_progress, completed or discontinued")
      ->check(CLI::IsMember({"in_progress", "completed", "discontinued"}));
  performed->add_option("--limit", *limit, "Steps at most")->check(CLI::Range(1, 200))->capture_default_str();
  on_run(performed, context, [&context, of, limit] { return list_performed(context, *of, *limit); });
}

}  // namespace aceso::app
