// aceso truth: what became known of cases later, beside the verdicts of readers.
#include <cstdio>
#include <memory>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"
#include "truth_commands.hpp"

namespace aceso::app {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{64} << 20;

struct TruthArguments {
  std::string prediction, kind, label, scheme, code, meaning, date, origin, comment, model, dataset, licence, sources;
  std::filesystem::path file;
};

std::string truths_of(const std::string& prediction) {
  return "/api/v1/predictions/" + url_encode(prediction) + "/truths";
}

std::string describe_truth(const Json& truth) {
  std::string out = truth.value("kind", "") + ", revision " + truth.value("revision", Json(0)).dump() + ": ";
  if (truth.value("withdrawn", false)) return out + "withdrawn (" + truth.value("comment", "") + ")";
  out += truth.at("label").is_string() ? truth.at("label").get<std::string>() : "-";
  if (const Json& code = truth.at("code"); code.is_object())
    out += " (" + code.value("scheme", "") + " " + code.value("value", "") + ")";
  if (truth.at("date").is_string()) out += ", " + truth.at("date").get<std::string>();
  return out + ", " + truth.value("origin", "") + "; by " + truth.value("author_name", "");
}

// "10 of 12 (0.55-0.95)".
std::string describe_share(const Json& share) {
  std::string out = share.value("same", Json(0)).dump() + " of " + share.value("of", Json(0)).dump();
  if (const Json& interval = share.at("interval"); interval.is_array()) {
    char text[48];
    (void)std::snprintf(text, sizeof text, " (%.2f-%.2f)", interval[0].get<double>(), interval[1].get<double>());
    out += text;
  }
  return out;
}

Json body_of(const TruthArguments& a) {
  Json body = Json::object();
  for (const auto& [key, value] :
       {std::pair{"label", &a.label}, std::pair{"scheme", &a.scheme}, std::pair{"code", &a.code},
        std::pair{"meaning", &a.meaning}, std::pair{"date", &a.date}, std::pair{"origin", &a.origin},
        std::pair{"comment", &a.comment}}) {
    if (!value->empty()) body[key] = *value;
  }
  return body;
}

Status give(Context& context, const TruthArguments& a, const Json& body) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json truth, api->call(net::Method::put, truths_of(a.prediction) + "/" + url_encode(a.kind), body));
  if (context.json) {
    context.print_json(truth);
  } else {
    context.print(describe_truth(truth));
  }
  return {};
}

Status show_truths(Context& context, const TruthArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get(truths_of(a.prediction)));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  if (answer.at("items").empty()) context.print("nothing became known later of this prediction");
  for (const Json& truth : answer.at("items")) context.print(describe_truth(truth));
  for (const Json& one : answer.at("agreement")) {
    std::string text = one.value("kind", "") + ": the model said " +
                       (one.at("model_same").is_null()     ? "nothing"
                        : one.at("model_same").get<bool>() ? "the same"
                                                           : "something else");
    for (const Json& reader : one.at("readers")) {
      text.append(", ")
          .append(reader.value("reader_name", ""))
          .append(reader.value("same", false) ? " the same" : " something else");
    }
    context.print(text);
  }
  return {};
}

// A JSON object a line: {prediction, kind, label...}. All lines are tried; those that are refused are named.
Status import_truths(Context& context, const TruthArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const std::vector<std::byte> bytes, read_file(a.file, kMaxFile));
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  std::size_t number = 0, stored = 0, refused = 0;
  std::optional<Error> first;
  Json problems = Json::array();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto put = [&]() -> Status {
      ACESO_TRY(Json body, parse_json(line));
      if (!body.is_object() || !body.contains("prediction") || !body["prediction"].is_string() ||
          !body.contains("kind") || !body["kind"].is_string()) {
        return Error{Code::invalid, "an object with prediction and kind is expected"};
      }
      const std::string target =
          truths_of(body["prediction"].get<std::string>()) + "/" + url_encode(body["kind"].get<std::string>());
      body.erase("prediction");
      body.erase("kind");
      ACESO_TRY([[maybe_unused]] const Json done, api->call(net::Method::put, target, body));
      return {};
    };
    const Status done = put();
    if (done) {
      ++stored;
      continue;
    }
    ++refused;
    if (!first) first = done.error();
    problems.push_back(Json{{"line", number}, {"why", done.error().message()}});
  }
  if (context.json) {
    context.print_json(Json{{"stored", stored}, {"refused", refused}, {"problems", problems}});
  } else {
    for (const Json& one : problems) context.print("line " + one.at("line").dump() + ": " + one.value("why", ""));
    context.print(std::to_string(stored) + " stored, " + std::to_string(refused) + " refused");
  }
  if (first) {
    return Error{first->code(),
                 std::to_string(refused) + " lines were refused, the first because: " + first->message()};
  }
  return {};
}

Status truth_codes(Context& context, const TruthArguments& a) {
  ACESO_TRY(Api * api, context.api());
  const std::string target = "/api/v1/models/" + url_encode(a.model) + "/truth-codes";
  Json answer;
  if (a.file.empty()) {
    ACESO_TRY(answer, api->get(target));
  } else {
    ACESO_TRY(const std::vector<std::byte> bytes, read_file(a.file, kMaxFile));
    ACESO_TRY(Json codes, parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    ACESO_TRY(answer, api->call(net::Method::put, target, Json{{"codes", std::move(codes)}}));
  }
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(answer.at("codes").size());
  for (const Json& one : answer.at("codes")) {
    rows.push_back(
        {one.value("scheme", ""), one.value("code", ""), one.value("label", ""), one.value("set_by_name", "")});
  }
  context.print(rows.empty() ? "no codes: aceso truth codes " + a.model + " FILE.json"
                             : format_table({"SCHEME", "CODE", "CLASS", "SET BY"}, rows));
  return {};
}

Status show_agreement(Context& context, const TruthArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get("/api/v1/models/" + url_encode(a.model) + "/truths"));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(answer.at("kinds").size());
  for (const Json& one : answer.at("kinds")) {
    rows.push_back({one.value("kind", ""), one.value("inputs", Json(0)).dump(),
                    one.value("contradictory", Json(0)).dump(), describe_share(one.at("readers")),
                    describe_share(one.at("model"))});
  }
  context.print(rows.empty()
                    ? "nothing became known later of predictions of " + a.model
                    : format_table({"TRUTH", "INPUTS", "CONTRADICTORY", "READERS THE SAME", "MODEL THE SAME"}, rows) +
                          "\nOnly cases whose truth became known are counted; they are rarely like the others.");
  return {};
}

Status export_labels(Context& context, const TruthArguments& a) {
  ACESO_TRY(Api * api, context.api());
  Json request{{"model", a.model}, {"name", a.dataset}};
  if (!a.licence.empty()) request["licence"] = a.licence;
  if (!a.sources.empty()) {
    Json sources = Json::array();
    for (std::size_t at = 0; at <= a.sources.size();) {
      const std::size_t end = std::min(a.sources.find(',', at), a.sources.size());
      sources.push_back(a.sources.substr(at, end - at));
      at = end + 1;
    }
    request["truth"] = std::move(sources);
  }
  ACESO_TRY(const Json accepted, api->call(net::Method::post, "/api/v1/feedback/export", request));
  ACESO_TRY(const Json output, context.follow(accepted));
  if (context.json) {
    context.print_json(output);
    return {};
  }
  context.print(output.value("dataset", "") + ": " + output.value("samples", Json(0)).dump() +
                " samples; left out: " + output.value("disagreed", Json(0)).dump() + " contradictory, " +
                output.value("unlabelled", Json(0)).dump() + " without a class, " +
                output.value("not_pictures", Json(0)).dump() +
                " that are no pictures\nlabels: " + output.value("label_source", ""));
  return {};
}

}  // namespace

void add_truth(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("truth", "What became known of cases later: pathology, discharge codes, follow-up");
  group->require_subcommand(1);
  group->footer(
      "Kinds: pathology, follow_up, consensus, discharge. A truth stands beside the verdicts of readers, with all its "
      "revisions; what a training learns from is chosen when verdicts are exported.\n\nExamples:\n  aceso truth give "
      "PREDICTION --kind pathology --label malignant --date 2026-03-02 --origin \"pathology department\"\n  aceso "
      "truth "
      "import discharge.jsonl\n  aceso truth codes chest codes.json\n  aceso truth agreement chest\n  aceso truth "
      "export "
      "chest chest-2 --from pathology,discharge,verdict");
  const auto a = std::make_shared<TruthArguments>();

  auto* give_one = group->add_subcommand("give", "A new revision of one kind of truth");
  give_one->add_option("PREDICTION", a->prediction, "Prediction")->required();
  give_one->add_option("--kind", a->kind, "pathology, follow_up, consensus or discharge")->required();
  give_one->add_option("--label", a->label, "One of the model's classes (default: what the model's codes say)");
  give_one->add_option("--scheme", a->scheme, "Coding scheme, as ICD-10 or SCT");
  give_one->add_option("--code", a->code, "Code");
  give_one->add_option("--meaning", a->meaning, "What the code means");
  give_one->add_option("--date", a->date, "Day of the report, 2026-01-31")->required();
  give_one->add_option("--origin", a->origin, "Where it comes from: a department, a system")->required();
  give_one->add_option("--comment", a->comment, "Comment");
  on_run(give_one, context, [&context, a] { return give(context, *a, body_of(*a)); });

  auto* withdraw = group->add_subcommand("withdraw", "Say that a truth does not stand; it stays in the history");
  withdraw->add_option("PREDICTION", a->prediction, "Prediction")->required();
  withdraw->add_option("--kind", a->kind, "pathology, follow_up, consensus or discharge")->required();
  withdraw->add_option("--comment", a->comment, "Why")->required();
  on_run(withdraw, context,
         [&context, a] { return give(context, *a, Json{{"withdraw", true}, {"comment", a->comment}}); });

  auto* show = group->add_subcommand("show", "All revisions of a prediction's truths, and who said the same before");
  show->add_option("PREDICTION", a->prediction, "Prediction")->required();
  on_run(show, context, [&context, a] { return show_truths(context, *a); });

  auto* import = group->add_subcommand("import", "Many at once: a JSON object a line");
  import->add_option("FILE", a->file, "Lines of {prediction, kind, label or scheme and code, date, origin}")
      ->required()
      ->check(CLI::ExistingFile);
  on_run(import, context, [&context, a] { return import_truths(context, *a); });

  auto* codes = group->add_subcommand("codes", "Which class of a model a code stands for");
  codes->add_option("MODEL", a->model, "Model")->required();
  codes
      ->add_option("FILE", a->file,
                   "JSON list of {scheme, code, label}, which takes the place of all there were; a "
                   "code may end with *")
      ->check(CLI::ExistingFile);
  on_run(codes, context, [&context, a] { return truth_codes(context, *a); });

  auto* agreement = group->add_subcommand("agreement", "How often readers and a model said what became known later");
  agreement->add_option("MODEL", a->model, "Model")->required();
  on_run(agreement, context, [&context, a] { return show_agreement(context, *a); });

  auto* exported = group->add_subcommand("export", "Labels of a model's predictions as a data set to train on");
  exported->add_option("MODEL", a->model, "Model")->required();
  exported->add_option("DATASET", a->dataset, "Name of the new data set")->required();
  exported->add_option(
      "--from", a->sources,
      "Sources of labels, the preferred one first: pathology, follow_up, consensus, discharge, verdict "
      "(default: verdict)");
  exported->add_option("--licence", a->licence, "Licence");
  on_run(exported, context, [&context, a] { return export_labels(context, *a); });
}

}  // namespace aceso::app
