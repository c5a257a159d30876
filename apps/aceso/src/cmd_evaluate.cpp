// aceso evaluate, aceso compare: figures of versions on a data set's split, as JSON and as a page.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

// NAME or NAME@VERSION.
Result<Json> parse_version_name(Api& api, const std::string& text) {
  const std::size_t at = text.find('@');
  int version = 0;
  if (at != std::string::npos) {
    const std::string number = text.substr(at + 1);
    if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos)
      return Error{Code::invalid, text + ": a version is a whole number, as in chest@2"};
    version = std::stoi(number);
  }
  const std::string name = text.substr(0, at);
  ACESO_TRY(version, choose_version(api, name, version));
  return Json{{"model", name}, {"version", version}};
}

Status save_page(Api& api, const Json& accepted, const std::filesystem::path& file) {
  if (file.empty()) return {};
  ACESO_TRY(const std::string html,
            api.text("/api/v1/evaluations/" + accepted.at("job").value("id", "") + "/report.html"));
  return write_file_atomic(file, html);
}

Json at(const Json& json, const char* key) {
  return json.is_object() ? json.value(key, Json()) : Json();
}

std::string p_text(const Json& p) {
  if (!p.is_number()) return {};
  char text[32];
  std::snprintf(text, sizeof text, p.get<double>() < 0.001 ? ", p < 0.001" : ", p = %.3f", p.get<double>());
  return text;
}

std::string describe_baseline(const Json& evaluation) {
  const Json b = at(evaluation, "baseline");
  if (b.is_object() && at(evaluation, "kind") == "outlines")
    return std::string{at(b, "adds_nothing") == Json(false) ? "beats " : "ADDS NOTHING over "} + b.value("kind", "") +
           " (mean Dice " + describe_figure(at(b, "dice")) + "): Dice gained " + describe_figure(at(b, "gain"));
  if (b.is_object() && at(evaluation, "kind") == "boxes")
    return std::string{at(b, "adds_nothing") == Json(false) ? "beats " : "ADDS NOTHING over "} + b.value("kind", "") +
           " (FROC score " + describe_figure(at(b, "froc")) + "): FROC score gained " + describe_figure(at(b, "gain"));
  if (!b.is_object())
    return "no trivial baseline could be computed: the training data set is not here or has another form";
  const std::string than = std::string{at(b, "adds_nothing") == Json(false) ? "beats" : "ADDS NOTHING over"} + " a " +
                           b.value("kind", "") + " on " + at(b, "features").dump() + " values: ";
  if (at(evaluation, "kind") == "regression")
    return than + "mean absolute error less by " + describe_figure(at(b, "gain"));
  const Json gain = at(b, "gain_auroc");
  return than + (at(evaluation, "kind") == "multi_label" ? "mean AUROC gained " : "AUROC gained ") +
         describe_figure(at(gain, "difference")) + p_text(at(gain, "p_value"));
}

struct EvaluateArguments {
  std::string model, dataset, split = "test";
  int version = 0;
  std::filesystem::path output;
};

Status evaluate(Context& context, const EvaluateArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const int version, choose_version(*api, a.model, a.version));
  ACESO_TRY(const Json accepted,
            api->call(net::Method::post, "/api/v1/evaluations",
                      Json{{"model", a.model}, {"version", version}, {"dataset", a.dataset}, {"split", a.split}}));
  ACESO_TRY(const Json output, context.follow(accepted));
  ACESO_TRY_OK(save_page(*api, accepted, a.output));
  if (context.json) {
    context.print_json(output);
    return {};
  }
  const Json evaluation = output.value("evaluation", Json::object());
  std::string text = a.model + " version " + std::to_string(version) + " on " + a.dataset + "/" + a.split + "\n" +
                     describe_evaluation(evaluation) + "\n" + describe_baseline(evaluation);
  if (const Json seen = at(evaluation, "seen_in_training"); seen.is_number() && seen.get<std::int64_t>() > 0)
    text += "\nwarning: " + seen.dump() + " of these samples were trained on: the figures are too good";
  if (!a.output.empty()) text += "\nwrote " + a.output.string();
  context.print(text);
  return {};
}

struct CompareArguments {
  std::string a, b, dataset, split = "test";
  std::filesystem::path output;
};

Status compare(Context& context, const CompareArguments& arguments) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(Json a, parse_version_name(*api, arguments.a));
  ACESO_TRY(Json b, parse_version_name(*api, arguments.b));
  Json request{{"a", a}, {"b", b}, {"split", arguments.split}};
  if (!arguments.dataset.empty()) request["dataset"] = arguments.dataset;
  ACESO_TRY(const Json accepted, api->call(net::Method::post, "/api/v1/comparisons", request));
  ACESO_TRY(const Json output, context.follow(accepted));
  ACESO_TRY_OK(save_page(*api, accepted, arguments.output));
  if (context.json) {
    context.print_json(output);
    return {};
  }
  const Json c = at(output, "comparison");
  const auto side = [&](const char* key) {
    return at(output, key).value("name", "") + " version " + at(at(output, key), "version").dump() + ": " +
           describe_evaluation(at(c, key));
  };
  const std::string kind = c.value("kind", "");
  const Json auroc = at(c, "auroc"), decisions = at(c, "decisions");
  std::string difference = "AUROC " + describe_figure(at(auroc, "difference")) + p_text(at(auroc, "p_value"));
  if (kind == "regression")
    difference = "MAE " + describe_figure(at(c, "mae")) + "; RMSE " + describe_figure(at(c, "rmse"));
  else if (kind != "multi_label")
    difference += "; right decisions " + describe_figure(at(decisions, "difference")) +
                  p_text(at(decisions, "p_value")) + "; Brier " + describe_figure(at(c, "brier"));
  std::string text = "A " + side("a") + "\nB " + side("b") + "\nA - B  " + difference + "\n" + c.value("verdict", "") +
                     ", on " + output.value("dataset", "") + "/" + output.value("split", "") + " (" +
                     at(c, "samples").dump() + " samples)";
  for (const char* key : {"a", "b"}) {
    const Json seen = at(at(output, key), "seen_in_training");
    if (seen.is_number() && seen.get<std::int64_t>() > 0)
      text +=
          "\nwarning: " + at(output, key).value("name", "") + " was trained on " + seen.dump() + " of these samples";
  }
  if (!arguments.output.empty()) text += "\nwrote " + arguments.output.string();
  context.print(text);
  return {};
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("evaluate", "Figures of a model on a split, with 95 % intervals");
  const auto a = std::make_shared<EvaluateArguments>();
  command->add_option("MODEL", a->model, "Model")->required();
  command->add_option("--dataset", a->dataset, "Data set")->required();
  command->add_option("--version", a->version, "Version (default: the live one, else the newest)");
  command->add_option("--split", a->split, "train, validation or test")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  command->add_option("-o,--output", a->output, "Write the report, one HTML page");
  command->footer(
      "Intervals are by Wilson, DeLong and bootstrap, or by whole patients where the data set knows them. The "
      "threshold is "
      "the model's own, chosen on validation data.\n\nExamples:\n  aceso evaluate chest --dataset other-hospital\n  "
      "aceso "
      "evaluate chest --dataset other-hospital --output report.html --json");
  on_run(command, context, [&context, a] { return evaluate(context, *a); });
}

void add_compare(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("compare", "Two models on the same samples, with paired tests");
  const auto a = std::make_shared<CompareArguments>();
  command->add_option("A", a->a, "NAME or NAME@VERSION")->required();
  command->add_option("B", a->b, "NAME or NAME@VERSION")->required();
  command->add_option("--dataset", a->dataset, "Data set (default: the one that A was trained on)");
  command->add_option("--split", a->split, "train, validation or test")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  command->add_option("-o,--output", a->output, "Write the comparison, one HTML page");
  command->footer(
      "AUROC by DeLong's paired test, decisions by McNemar's, Brier score and log loss by paired "
      "bootstrap.\n\nExamples:\n "
      " aceso compare chest@1 chest@2\n  aceso compare chest other --dataset xray --output compare.html");
  on_run(command, context, [&context, a] { return compare(context, *a); });
}

}  // namespace aceso::app
