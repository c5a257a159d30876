// aceso dataset check, aceso dataset split.
#include <cstdio>
#include <memory>

#include "context.hpp"
#include "dataset_commands.hpp"

namespace aceso::app {
namespace {

constexpr std::size_t kShown = 10;

std::string sample_text(const Json& sample) {
  const std::string name = sample.value("class", "");
  return sample.value("id", "") + " (" + (name.empty() ? "no label" : name) + ", " + sample.value("split", "") + ")";
}

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

void print_pairs(const Context& context, const char* title, const Json& part) {
  const auto total = part.value("total", std::size_t{0});
  if (total == 0) return;
  context.print("\n" + std::string{title} + ": " + std::to_string(total));
  std::vector<std::vector<std::string>> rows;
  for (const auto& pair : part.at("items")) {
    if (rows.size() == kShown) break;
    rows.push_back({pair.value("exact", false) ? "same" : fixed(pair.value("similarity", 0.0)),
                    sample_text(pair.at("a")), sample_text(pair.at("b"))});
  }
  context.print(format_table({"LIKE", "SAMPLE", "AND"}, rows));
}

void print_odd(const Context& context, const char* title, const Json& part) {
  const auto total = part.value("total", std::size_t{0});
  if (total == 0) return;
  context.print("\n" + std::string{title} + ": " + std::to_string(total));
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : part.at("items")) {
    if (rows.size() == kShown) break;
    rows.push_back({sample_text(item), item.value("reason", "")});
  }
  context.print(format_table({"SAMPLE", "WHY"}, rows));
}

void print_doubts(const Context& context, const Json& doubts) {
  if (!doubts.is_object()) return;
  context.print("\nlabels in doubt: " + std::to_string(doubts.value("total", std::size_t{0})) +
                " (softmax regression on thumbnails, out of fold, AUROC " +
                fixed(doubts.value("auroc_out_of_fold", 0.0)) + ")");
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : doubts.at("items")) {
    if (rows.size() == kShown) break;
    rows.push_back({sample_text(item), fixed(item.value("own_probability", 0.0)), item.value("suggested", ""),
                    fixed(item.value("suggested_probability", 0.0))});
  }
  if (!rows.empty()) context.print(format_table({"SAMPLE", "P(LABEL)", "RATHER", "P"}, rows));
}

void print_report(const Context& context, const Json& report) {
  const Json& leakage = report.at("leakage");
  context.print(report.value("name", "") + ": " + std::to_string(report.value("samples", std::size_t{0})) +
                " samples, leakage between splits: " + leakage.value("verdict", ""));
  for (const auto& text : report.at("problems")) context.print("problem   " + text.get<std::string>());
  for (const auto& text : report.at("notes")) context.print("note      " + text.get<std::string>());
  print_pairs(context, "twins under two labels", report.at("conflicts"));
  print_pairs(context, "twins (equal or nearly equal samples)", report.at("twins"));
  print_odd(context, "odd sizes", report.at("odd_sizes"));
  print_odd(context, "odd intensities", report.at("odd_intensities"));
  print_doubts(context, report.at("label_doubts"));
  if (report.value("ok", false)) {
    context.print("\nnothing stands in the way of training");
  } else {
    context.print("\ntraining on it is refused until this is settled: aceso dataset split " + report.value("name", "") +
                  " --by patient (or block)");
  }
}

struct SplitArguments {
  std::string name, by = "patient", twins, as;
  std::int64_t block = 20, folds = 0;
  std::string fractions;
  double validation = 0.15, test = 0.15;
  std::uint64_t seed = 1;
};

// "0.7,0.15,0.15": train, validation, test.
Status read_fractions(SplitArguments& a) {
  if (a.fractions.empty()) return {};
  double train = 0;
  char rest = 0;
  if (std::sscanf(a.fractions.c_str(), "%lf,%lf,%lf%c", &train, &a.validation, &a.test, &rest) != 3 ||
      train + a.validation + a.test < 0.999 || train + a.validation + a.test > 1.001)
    return Error{Code::invalid, "--fractions: three shares that add up to 1 are expected, such as 0.7,0.15,0.15"};
  return {};
}

}  // namespace

void add_dataset_check(CLI::App& group, Context& context) {
  auto* check = group.add_subcommand("check", "Look for copies, leaks, contradictions and odd samples");
  auto name = std::make_shared<std::string>();
  auto label_errors = std::make_shared<bool>(false);
  check->add_option("NAME", *name, "Data set")->required();
  check->add_flag("--label-errors", *label_errors,
                  "Also list labels that a model which has not seen the sample finds unlikely");
  check->footer(
      "Exit code 1 when something must be settled before training: equal samples under two labels, or copies or "
      "patients on both sides of the splits.\n\nExamples:\n  aceso dataset check xray\n  aceso dataset check xray "
      "--label-errors --json");
  on_run(check, context, [&context, name, label_errors]() -> Status {
    ACESO_TRY(Api * api, context.api());
    const std::string path = "/api/v1/datasets/" + url_encode(*name) + "/check";
    ACESO_TRY(const Json accepted, api->call(net::Method::post, path, Json{{"label_errors", *label_errors}}));
    ACESO_TRY([[maybe_unused]] const Json done, context.follow(accepted));
    ACESO_TRY(const Json report, api->get(path));
    if (context.json)
      context.print_json(report);
    else
      print_report(context, report);
    if (!report.value("ok", false)) context.exit_status = kFailed;
    return {};
  });
}

void add_dataset_split(CLI::App& group, Context& context) {
  auto* split = group.add_subcommand("split", "Make a new version with other splits; the old one stays as it is");
  auto a = std::make_shared<SplitArguments>();
  split->add_option("NAME", a->name, "Data set")->required();
  split
      ->add_option("--by", a->by,
                   "patient: the groups of the import stay whole; block: runs of neighbours of one class; stratified: "
                   "each sample for itself")
      ->check(CLI::IsMember({"patient", "block", "stratified"}))
      ->capture_default_str();
  split->add_option("--block", a->block, "Least length of a block")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  split->add_option("--fractions", a->fractions, "Shares of train, validation and test (default: 0.7,0.15,0.15)");
  split->add_option("--folds", a->folds, "Also assign the samples outside the test split to so many folds")
      ->check(CLI::Range(2, 100));
  split
      ->add_option("--twins", a->twins,
                   "Equal or nearly equal samples: together on one side (default of stratified), leave-out of training "
                   "what is held out elsewhere (default of the others), or ignore, which the check refuses")
      ->check(CLI::IsMember({"together", "leave-out", "ignore"}));
  split->add_option("--seed", a->seed, "Seed of the split")->capture_default_str();
  split->add_option("--as", a->as, "Name of the new version (default: NAME@2, NAME@3...)");
  split->footer(
      "A split with a patient or a copy on two sides is refused. To undo, delete the new version.\n\nExamples:\n  "
      "aceso "
      "dataset split ct --by patient --fractions 0.6,0.2,0.2 --seed 7\n  aceso dataset split slices --by block --block "
      "20 --folds 5\n  aceso dataset delete ct@2");
  on_run(split, context, [&context, a]() -> Status {
    ACESO_TRY_OK(read_fractions(*a));
    ACESO_TRY(Api * api, context.api());
    Json body{{"by", a->by},     {"block", a->block}, {"validation", a->validation},
              {"test", a->test}, {"folds", a->folds}, {"seed", a->seed}};
    if (!a->twins.empty()) body["twins"] = a->twins;
    if (!a->as.empty()) body["as"] = a->as;
    ACESO_TRY(const Json accepted,
              api->call(net::Method::post, "/api/v1/datasets/" + url_encode(a->name) + "/split", body));
    ACESO_TRY(const Json summary, context.follow(accepted));
    if (context.json) {
      context.print_json(summary);
      return {};
    }
    const std::string made = summary.value("name", "");
    context.print("made " + made + " of " + a->name);
    for (const auto& text : summary.value("history", Json::array()))
      context.print("          " + text.get<std::string>());
    for (const auto& text : summary.value("warnings", Json::array()))
      context.print("warning   " + text.get<std::string>());
    context.print("use it:    aceso train --dataset " + made + "\nundo:      aceso dataset delete " + made);
    return {};
  });
}

}  // namespace aceso::app
