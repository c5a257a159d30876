// aceso watch: models watched without labels.
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

struct WatchArguments {
  std::string model, id, comment, reason;
  int version = 0, days = 14;
};

std::string number_text(const Json& value, int digits = 3) {
  if (!value.is_number()) return "-";
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", digits, value.get<double>());
  return text;
}

std::string share_text(const Json& value) {
  if (!value.is_number()) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * value.get<double>());
  return text;
}

// "intensity: mean 0.51 instead of 0.39 (p 0.0001)".
std::string describe_test(const Json& test) {
  std::string out = test.value("name", "") + " " + number_text(test.value("current", Json())) + " instead of " +
                    number_text(test.value("reference", Json()));
  if (const Json p = test.value("p_adjusted", Json()); p.is_number()) out += " (p " + number_text(p, 2) + ")";
  return out;
}

std::string alarms_of(const Json& verdict) {
  std::string out;
  for (const Json& test : verdict.value("tests", Json::array())) {
    if (test.value("state", "") != "alarm" && test.value("state", "") != "warning") continue;
    if (!out.empty()) out += ", ";
    out += test.value("name", "");
  }
  return out;
}

std::string describe_reference(const Json& reference) {
  if (!reference.is_object())
    return "no reference yet: the bundle carries none, and the first 200 different inputs of whole days are not there";
  std::string out = reference.value("source", "") + ", " + reference.value("cases", Json(0)).dump() + " cases";
  if (const Json accuracy = reference.value("expected_accuracy", Json()); accuracy.is_number())
    out += ", expected accuracy " + share_text(accuracy);
  if (const std::string reason = reference.value("reason", ""); !reason.empty())
    out += "; set by " + reference.value("set_by", "") + ": " + reason;
  return out;
}

Status show_watch(Context& context, const WatchArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const int version, choose_version(*api, a.model, a.version));
  ACESO_TRY(const Json report, api->get("/api/v1/models/" + url_encode(a.model) + "/" + std::to_string(version) +
                                        "/watch?days=" + std::to_string(a.days)));
  if (context.json) {
    context.print_json(report);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& day : report.at("days")) {
    const Json performance = day.value("performance", Json()), readers = day.value("readers", Json());
    rows.push_back({day.value("day", ""), day.value("answers", Json(0)).dump(), day.value("cases", Json(0)).dump(),
                    day.value("state", ""),
                    performance.is_object() ? share_text(performance.value("accuracy", Json())) : "-",
                    readers.is_object()
                        ? readers.value("agreed", Json(0)).dump() + " of " + readers.value("verdicts", Json(0)).dump()
                        : "-",
                    alarms_of(day)});
  }
  const std::string text = a.model + " version " + std::to_string(version) + ", " + report.value("stage", "") +
                           "\ncompared with: " + describe_reference(report.value("reference", Json()));
  context.print(text);
  context.print(rows.empty() ? "no answers yet: aceso predict " + a.model + " FILE"
                             : format_table({"DAY (UTC)", "ANSWERS", "INPUTS", "STATE", "EXPECTED ACCURACY",
                                             "READERS AGREED", "CHANGED"},
                                            rows));
  for (const Json& alarm : report.at("alarms")) {
    if (alarm.value("state", "") == "over") continue;
    context.print("alarm " + alarm.value("id", "") + " since " + alarm.value("first_day", "") + ", " +
                  alarm.value("state", "") + ": " + describe_test(alarm.value("measured", Json::object())));
  }
  return {};
}

Status list_alarms(Context& context) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->get("/api/v1/watch/alarms"));
  if (context.json) {
    context.print_json(answer);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& alarm : answer.at("items")) {
    rows.push_back({alarm.value("id", ""), alarm.value("model", "") + " " + alarm.value("version", Json(0)).dump(),
                    alarm.value("first_day", ""), alarm.value("state", ""),
                    describe_test(alarm.value("measured", Json::object()))});
  }
  context.print(rows.empty() ? "no alarms" : format_table({"ID", "MODEL", "SINCE", "STATE", "WHAT CHANGED"}, rows));
  return {};
}

struct DrillArguments {
  std::string model, dataset, split = "test";
  int version = 0, days = 7, per_day = 100, seed = 1;
  double brightness = 0, contrast = 1, noise = 0;
};

Status drill(Context& context, const DrillArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const int version, choose_version(*api, a.model, a.version));
  Json request{{"model", a.model},       {"version", version},         {"split", a.split},
               {"days", a.days},         {"brightness", a.brightness}, {"noise", a.noise},
               {"contrast", a.contrast}, {"per_day", a.per_day},       {"seed", a.seed}};
  if (!a.dataset.empty()) request["dataset"] = a.dataset;
  ACESO_TRY(const Json accepted, api->call(net::Method::post, "/api/v1/watch/drills", request));
  ACESO_TRY(const Json output, context.follow(accepted));
  if (context.json) {
    context.print_json(output);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  const Json& usual = output.at("unchanged");
  const Json& changed = output.at("changed");
  for (std::size_t day = 0; day < usual.size() && day < changed.size(); ++day) {
    rows.push_back({std::to_string(day + 1), usual[day].value("state", ""), changed[day].value("state", ""),
                    alarms_of(changed[day])});
  }
  context.print(format_table({"DAY", "AS THEY ARE", "CHANGED", "WHAT THE WATCH SAW"}, rows));
  const Json noticed = output.value("noticed_on", Json()), false_alarms = output.value("false_alarms", Json(0));
  context.print((noticed.is_number() ? "The change is noticed on day " + noticed.dump() + "."
                                     : std::string{"The change is NOT noticed."}) +
                " Of " + std::to_string(usual.size()) + " days without a change " + false_alarms.dump() + " alarm.");
  if (false_alarms != 0) {
    context.print("These samples differ from those that the model was validated on (" +
                  output.at("reference").value("cases", Json(0)).dump() + " cases): see which tests with --json.");
  }
  return {};
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("watch", "Drift, expected performance and alarms of models, judged without labels");
  group->require_subcommand(1);
  group->footer(
      "Each answer's input, embedding and score are compared, day by day, with those of validation. An alarm needs a "
      "small probability over all tests of a day (0.001, Holm) and a difference that matters.\n\nExamples:\n  aceso "
      "watch show chest\n  aceso watch alarms\n  aceso watch acknowledge ID --comment \"new detector, checked\"\n  "
      "aceso "
      "watch reference chest --days 14 --reason \"new detector approved\"\n  aceso watch drill chest --brightness 0.1");
  const auto a = std::make_shared<WatchArguments>();

  auto* show = group->add_subcommand("show", "A version by day");
  show->add_option("MODEL", a->model, "Model")->required();
  show->add_option("VERSION", a->version, "Version (default: the live one, else the newest)");
  show->add_option("--days", a->days, "Days back from today")->check(CLI::Range(1, 90))->capture_default_str();
  on_run(show, context, [&context, a] { return show_watch(context, *a); });

  on_run(group->add_subcommand("alarms", "Alarms of all models that are not over"), context,
         [&context] { return list_alarms(context); });

  auto* acknowledge = group->add_subcommand("acknowledge", "Say that an alarm is known, and why");
  acknowledge->add_option("ID", a->id, "Alarm, from aceso watch alarms")->required();
  acknowledge->add_option("--comment", a->comment, "What is known of it")->required();
  on_run(acknowledge, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json alarm,
              api->call(net::Method::post, "/api/v1/watch/alarms/" + url_encode(a->id) + "/acknowledge",
                        Json{{"comment", a->comment}}));
    if (context.json) {
      context.print_json(alarm);
    } else {
      context.print("acknowledged: " + describe_test(alarm.value("measured", Json::object())));
    }
    return {};
  });

  struct ReferenceArguments {
    std::string model, reason;
    int version = 0, days = 0;
    bool bundle = false;
  };
  const auto r = std::make_shared<ReferenceArguments>();
  auto* reference = group->add_subcommand("reference", "What counts as usual from now on; ends the alarms");
  reference->add_option("MODEL", r->model, "Model")->required();
  reference->add_option("VERSION", r->version, "Version (default: the live one, else the newest)");
  auto* days = reference->add_option("--days", r->days, "The answers of the last days")->check(CLI::Range(1, 90));
  reference->add_flag("--bundle", r->bundle, "The bundle's validation data again")->excludes(days);
  reference->add_option("--reason", r->reason, "Why; it stays in the audit trail's record of the reference")
      ->required();
  on_run(reference, context, [&context, r]() -> Status {
    if (!r->bundle && r->days == 0) return Error{Code::invalid, "give --days N or --bundle"};
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const int version, choose_version(*api, r->model, r->version));
    Json request{{"reason", r->reason}};
    if (r->bundle) {
      request["bundle"] = true;
    } else {
      request["days"] = r->days;
    }
    ACESO_TRY(const Json answer,
              api->call(net::Method::post,
                        "/api/v1/models/" + url_encode(r->model) + "/" + std::to_string(version) + "/watch/reference",
                        request));
    if (context.json) {
      context.print_json(answer);
    } else {
      context.print(r->model + " version " + std::to_string(version) + " is compared with " +
                    answer.value("source", ""));
    }
    return {};
  });

  const auto d = std::make_shared<DrillArguments>();
  auto* exercise =
      group->add_subcommand("drill", "Would it be noticed? A week of samples as they are, and one changed");
  exercise->add_option("MODEL", d->model, "Model")->required();
  exercise->add_option("VERSION", d->version, "Version (default: the live one, else the newest)");
  exercise->add_option("--dataset", d->dataset, "Data set (default: the one that the version was trained on)");
  exercise->add_option("--split", d->split, "Split")->capture_default_str();
  exercise
      ->add_option("--brightness", d->brightness,
                   "Added, as a share of the intensities' range; 0.1 when nothing else is given")
      ->check(CLI::Range(-1.0, 1.0));
  exercise->add_option("--contrast", d->contrast, "Factor")->check(CLI::Range(0.0, 10.0))->capture_default_str();
  exercise->add_option("--noise", d->noise, "Standard deviation, as a share of that range")
      ->check(CLI::Range(0.0, 1.0));
  exercise->add_option("--days", d->days, "Days of each week")->check(CLI::Range(1, 30))->capture_default_str();
  exercise->add_option("--per-day", d->per_day, "Samples a day")->check(CLI::Range(50, 1000))->capture_default_str();
  exercise->add_option("--seed", d->seed, "Which samples come on which day")->check(CLI::NonNegativeNumber);
  on_run(exercise, context, [&context, d] { return drill(context, *d); });
}

}  // namespace aceso::app
