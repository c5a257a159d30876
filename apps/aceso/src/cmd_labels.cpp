// aceso labels: people label the samples of a data set in the browser; here projects are made, followed and finished.
#include <cstdio>
#include <memory>
#include <optional>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

constexpr const char* kBase = "/api/v1/labelling/projects";

std::string two_digits(const Json& value) {
  if (!value.is_number()) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value.get<double>());
  return text;
}

std::string kappa_text(const Json& kappa) {
  if (!kappa.is_object() || !kappa.value("value", Json()).is_number())
    return kappa.is_object() ? kappa.value("why", "-") : "-";
  if (!kappa.value("low", Json()).is_number())
    return two_digits(kappa.at("value")) + " (" + kappa.value("why", "no interval") + ")";
  return two_digits(kappa.at("value")) + " (95 % " + two_digits(kappa.at("low")) + " to " +
         two_digits(kappa.at("high")) + ")";
}

std::string readers_text(const Json& project) {
  std::string out;
  for (const Json& reader : project.at("readers")) {
    if (!out.empty()) out += ", ";
    out += reader.value("name", "") + " " + reader.value("done", Json(0)).dump() + "/" + project.at("cases").dump();
    if (reader.value("submitted", false)) out += " handed in";
  }
  return out;
}

// By name or id: people type names.
Result<Json> find_project(Api& api, const std::string& wanted) {
  ACESO_TRY(const Json list, api.get(kBase));
  for (const Json& project : list.at("items")) {
    if (project.value("name", "") == wanted || project.value("id", "") == wanted) return project;
  }
  return Error{Code::not_found, "there is no labelling project " + wanted + ": aceso labels list"};
}

Status list_projects(Context& context) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get(kBase));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& p : answer.at("items")) {
    const Json& adjudicator = p.at("adjudicator");
    const std::string queue = adjudicator.at("disagreements").is_number()
                                  ? adjudicator.at("done").dump() + "/" + adjudicator.at("disagreements").dump()
                                  : "-";
    rows.push_back({p.value("name", ""), p.value("dataset", ""), p.value("state", ""), readers_text(p),
                    adjudicator.value("name", "") + " " + queue,
                    p.at("result").is_string() ? p.at("result").get<std::string>() : "-"});
  }
  context.print(rows.empty() ? "no labelling projects: aceso labels create --help"
                             : format_table({"NAME", "DATA SET", "STATE", "READERS", "ADJUDICATOR", "RESULT"}, rows));
  return {};
}

struct CreateArguments {
  std::string name, dataset, task = "classes", adjudicator, instructions;
  std::vector<std::string> readers, classes;
  bool ordered = false, unlabelled = false;
  std::int64_t random = 0;
  std::optional<std::int64_t> seed;  // none: the node draws one
};

Status create_project(Context& context, const CreateArguments& a) {
  ACESO_TRY(Api * api, context.api());
  Json request{{"name", a.name}, {"dataset", a.dataset}, {"readers", a.readers}, {"adjudicator", a.adjudicator}};
  if (a.seed) request["seed"] = *a.seed;
  request["task"] = a.task;
  if (!a.classes.empty()) request["classes"] = a.classes;
  if (a.ordered) request["ordered"] = true;
  if (!a.instructions.empty()) request["instructions"] = a.instructions;
  if (a.unlabelled) request["select"] = Json{{"by", "unlabelled"}};
  if (a.random > 0) request["select"] = Json{{"by", "random"}, {"count", a.random}};
  ACESO_TRY(const Json made, api->call(net::Method::post, kBase, request));
  if (context.json) {
    context.print_json(made);
  } else {
    context.print(made.value("name", "") + ": " + made.at("cases").dump() +
                  " cases; the readers find it under Labelling in the browser");
  }
  return {};
}

Status show_project(Context& context, const std::string& name) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(Json project, find_project(*api, name));
  const std::string id = project.value("id", "");
  Json agreement = nullptr;
  if (project.value("state", "") != "reading") {
    ACESO_TRY(agreement, api->get(std::string{kBase} + "/" + url_encode(id) + "/agreement"));
  }
  if (context.json) {
    project["agreement"] = std::move(agreement);
    context.print_json(project);
    return {};
  }
  context.print(project.value("name", "") + ": " + project.value("dataset", "") + ", " + project.at("cases").dump() +
                " cases, " + project.value("state", ""));
  context.print("readers: " + readers_text(project));
  if (agreement.is_null()) {
    context.print("Agreement is shown once all readers have handed in.");
    return {};
  }
  context.print("read by all " + agreement.at("read_by_all").dump() + ", agreed " + agreement.at("agreed").dump() +
                ", adjudicated " + agreement.at("adjudicated").dump() + ", undecided " +
                agreement.at("undecided").dump());
  std::vector<std::vector<std::string>> rows;
  for (const Json& pair : agreement.at("pairs")) {
    rows.push_back({pair.value("a", "") + ", " + pair.value("b", ""), pair.at("cases").dump(),
                    two_digits(pair.at("raw").value("value", Json())), kappa_text(pair.at("kappa")),
                    kappa_text(pair.value("kappa_linear", Json())), kappa_text(pair.value("kappa_quadratic", Json()))});
  }
  context.print(format_table({"READERS", "CASES", "RAW", "KAPPA", "LINEAR WEIGHTS", "QUADRATIC WEIGHTS"}, rows));
  for (const Json& pair : agreement.at("pairs")) {
    const std::string who = pair.value("a", "") + ", " + pair.value("b", "") + ": ";
    if (pair.contains("boxes")) {
      const Json& boxes = pair.at("boxes");
      context.print(who + boxes.at("matched").dump() + " boxes in pairs (IoU of 0.5 or more), " +
                    boxes.at("only_a").dump() + " and " + boxes.at("only_b").dump() + " of one reader alone, F1 " +
                    two_digits(boxes.at("f1")) + ", mean IoU " + two_digits(boxes.at("iou").at("mean")));
    }
    if (pair.contains("dice")) {
      context.print(who + "mean Dice " + two_digits(pair.at("dice").at("mean")) + " over " +
                    pair.at("dice").at("n").dump() + " cases on which either drew");
    }
    std::vector<std::string> head{pair.value("a", "") + " \\ " + pair.value("b", "")};
    std::vector<std::vector<std::string>> table;
    for (const Json& name_of : pair.at("categories")) head.push_back(name_of.get<std::string>());
    for (std::size_t row = 0; row < pair.at("table").size(); ++row) {
      std::vector<std::string> cells{head[row + 1]};
      for (const Json& count : pair.at("table")[row]) cells.push_back(count.dump());
      table.push_back(std::move(cells));
    }
    context.print(format_table(head, table));
  }
  if (project.at("result").is_string()) context.print("data set: " + project.at("result").get<std::string>());
  return {};
}

Status export_labels(Context& context, const std::string& name, const std::filesystem::path& target) {
  const std::string kind = target.extension().string();
  if (kind != ".csv" && kind != ".json")
    return Error{Code::invalid, "--output: a file that ends with .csv or .json is expected"};
  std::error_code ec;
  if (std::filesystem::exists(target, ec)) return Error{Code::exists, "--output: there is a file of that name already"};
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json project, find_project(*api, name));
  ACESO_TRY(const std::string text,
            api->text(std::string{kBase} + "/" + url_encode(project.value("id", "")) + "/labels" + kind));
  ACESO_TRY_OK(write_file_atomic(target, std::string_view{text}, {.mode = 0600}));
  if (context.json) {
    context.print_json(Json{{"file", target.string()}, {"bytes", text.size()}});
  } else {
    context.print(target.string() + ": every case with all answers");
  }
  return {};
}

struct FinishArguments {
  std::string name, as;
  bool leave_undecided = false, only_these = false;
  double validation = 0.15, test = 0.15;
};

Status finish_project(Context& context, const FinishArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json project, find_project(*api, a.name));
  Json request{{"validation", a.validation}, {"test", a.test}};
  if (!a.as.empty()) request["as"] = a.as;
  if (a.leave_undecided) request["leave_undecided"] = true;
  if (a.only_these) request["keep_others"] = false;
  ACESO_TRY(const Json accepted,
            api->call(net::Method::post, std::string{kBase} + "/" + url_encode(project.value("id", "")) + "/finish",
                      request));
  ACESO_TRY(const Json output, context.follow(accepted));
  if (context.json) {
    context.print_json(output);
  } else {
    context.print(output.value("dataset", "") + ": " + output.at("labelled").dump() +
                  " samples labelled by these readers; aceso train --dataset " + output.value("dataset", ""));
  }
  return {};
}

}  // namespace

void add_labels(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("labels", "Labelling by people: projects, agreement of readers, data sets");
  group->require_subcommand(1);
  group->footer(
      "Readers work in the browser, blinded and each in an order of their own. When all have handed in, an adjudicator "
      "decides where they differ, and the labels become a new version of the data set.\n\nExamples:\n  aceso labels "
      "create chest-1 --dataset scans --reader anna --reader ben --adjudicator carl\n  aceso labels create grades "
      "--dataset scans --classes none,mild,severe --ordered --random 200 --reader anna --reader ben --adjudicator "
      "carl\n  aceso labels list\n  aceso labels show chest-1\n  aceso labels export chest-1 --output labels.csv\n  "
      "aceso labels finish chest-1");
  on_run(group->add_subcommand("list", "Projects and how far they are"), context,
         [&context] { return list_projects(context); });

  const auto c = std::make_shared<CreateArguments>();
  auto* create = group->add_subcommand("create", "Make a project over a data set of this node");
  create->add_option("NAME", c->name, "Name")->required();
  create->add_option("--dataset", c->dataset, "Data set of images or volumes")->required();
  create->add_option("--task", c->task, "What the readers give: a class, boxes or outlines")
      ->check(CLI::IsMember({"classes", "boxes", "outlines"}))
      ->capture_default_str();
  create->add_option("--reader", c->readers, "Account of a reader, a clinician's; give two or more")
      ->required()
      ->allow_extra_args(false);
  create->add_option("--adjudicator", c->adjudicator, "Account of who decides where they differ")->required();
  create
      ->add_option(
          "--classes", c->classes,
          "Classes in their order, separated by commas (default: the data set's; of boxes and outlines what is drawn)")
      ->delimiter(',');
  create->add_flag("--ordered", c->ordered, "The classes are grades in this order: weighted kappa is given as well");
  create->add_option("--instructions", c->instructions, "What the readers see above each case");
  auto* unlabelled = create->add_flag("--unlabelled", c->unlabelled, "Only samples that have no label");
  create->add_option("--random", c->random, "So many samples, drawn by the seed")
      ->check(CLI::Range(1, 100'000))
      ->excludes(unlabelled);
  create
      ->add_option("--seed", c->seed,
                   "Of the draw and of the readers' orders; who knows it knows who is who (default: drawn by the node)")
      ->check(CLI::NonNegativeNumber);
  on_run(create, context, [&context, c] { return create_project(context, *c); });

  const auto name = std::make_shared<std::string>();
  auto* show = group->add_subcommand("show", "Progress and, once all have handed in, agreement");
  show->add_option("PROJECT", *name, "Name or id")->required();
  on_run(show, context, [&context, name] { return show_project(context, *name); });

  const auto target = std::make_shared<std::filesystem::path>();
  auto* save = group->add_subcommand("export", "Every case with all answers, as a table");
  save->add_option("PROJECT", *name, "Name or id")->required();
  save->add_option("--output", *target, "New file, .csv or .json")->required();
  on_run(save, context, [&context, name, target] { return export_labels(context, *name, *target); });

  const auto reason = std::make_shared<std::string>();
  auto* end = group->add_subcommand("end-reading", "Go on without the readers who have not handed in");
  end->add_option("PROJECT", *name, "Name or id")->required();
  end->add_option("--reason", *reason, "Why; it stays with the project")->required();
  on_run(end, context, [&context, name, reason]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json project, find_project(*api, *name));
    ACESO_TRY(
        const Json ended,
        api->call(net::Method::post, std::string{kBase} + "/" + url_encode(project.value("id", "")) + "/end-reading",
                  Json{{"reason", *reason}}));
    if (context.json) {
      context.print_json(ended);
    } else {
      context.print("reading is over; disagreements: " + ended.at("adjudicator").at("disagreements").dump());
    }
    return {};
  });

  const auto f = std::make_shared<FinishArguments>();
  auto* finish = group->add_subcommand("finish", "Make a new version of the data set with these labels");
  finish->add_option("PROJECT", f->name, "Name or id")->required();
  finish->add_option("--as", f->as, "Name of the version (default: the next one)");
  finish->add_flag("--leave-undecided", f->leave_undecided, "Disagreements that nobody decided stay without a label");
  finish->add_flag("--only-these", f->only_these, "Leave the samples out that this project did not read");
  finish->add_option("--validation", f->validation, "Share of what had no split")->check(CLI::Range(0.0, 0.9));
  finish->add_option("--test", f->test, "Share of what had no split")->check(CLI::Range(0.0, 0.9));
  on_run(finish, context, [&context, f] { return finish_project(context, *f); });

  auto* remove = group->add_subcommand("delete", "Delete a project with all answers");
  const auto yes = std::make_shared<bool>(false);
  remove->add_option("PROJECT", *name, "Name or id")->required();
  remove->add_flag("--yes", *yes, "Do not ask");
  on_run(remove, context, [&context, name, yes]() -> Status {
    if (!*yes) return Error{Code::invalid, "all answers of the readers would be lost: say --yes"};
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json project, find_project(*api, *name));
    ACESO_TRY_OK(
        api->call(net::Method::del, std::string{kBase} + "/" + url_encode(project.value("id", "")), Json(nullptr)));
    if (context.json) {
      context.print_json(Json{{"deleted", *name}});
    } else {
      context.print("deleted: " + *name);
    }
    return {};
  });
}

}  // namespace aceso::app
