// The parts of the report that are for several labels and for numbers.
#include <nlohmann/json.hpp>

#include "report_page.hpp"

namespace aceso::learn::page {
namespace {

std::string drawn_by_groups(const Json& evaluation) {
  if (!get(evaluation, "groups").is_number()) return {};
  return ", drawn by whole groups (patients or blocks; " + format_number(get(evaluation, "groups"), 0) + " of them)";
}

std::string gained(const Json& evaluation, const std::string& what, const Json& own, const Json& gain) {
  const Json& b = get(evaluation, "baseline");
  if (!b.is_object()) return "<p class=\"missing\">No trivial model was computed.</p>";
  const bool nothing = get(b, "adds_nothing") != false;
  return std::string{"<div class=\"verdict"} +
         (nothing ? " bad\"><strong>Adds nothing.</strong> It was not shown to beat a trivial model. "
                  : "\"><strong>This model beats the trivial model.</strong> ") +
         "A " + text(get(b, "kind")) + " on " + format_number(get(b, "features"), 0) + " numbers a sample, fitted on " +
         format_number(get(b, "training_samples"), 0) + " training samples, reaches " + what + " " +
         value_with_interval(own) + "; this model gains " + value_with_interval(gain) + " on the same samples (" +
         text(get(gain, "method")) + ").</div>";
}

std::string label_row(const Json& label, const Json& threshold) {
  const Json& m = get(label, "metrics");
  return "<tr><th>" + text(get(label, "label")) + "<small>" + format_number(get(label, "positive"), 0) + " of " +
         format_number(get(label, "known"), 0) + " samples</small></th><td>" + value_with_interval(get(m, "auroc")) +
         "</td><td>" + value_with_interval(get(m, "auprc")) + "</td><td>" + format_number(threshold, 3) + "</td><td>" +
         value_with_interval(get(m, "sensitivity")) + "</td><td>" + value_with_interval(get(m, "specificity")) +
         "</td><td>" + (get(label, "adds_nothing") == true ? "<span class=\"missing\">adds nothing</span>" : "") +
         "</td></tr>";
}

}  // namespace

std::string runs_part(const Json& evaluation) {
  const Json& runs = get(evaluation, "runs");
  if (!runs.is_object()) return {};
  const bool ensemble = get(runs, "ensemble") == true;
  const std::string figure = text(get(runs, "figure"));
  const auto spread = [](const Json& of) {
    if (!of.is_object()) return std::string{"n/a"};
    return format_number(get(of, "mean"), 3) +
           (get(of, "sd").is_number() ? " &plusmn; " + format_number(get(of, "sd"), 3) : "");
  };
  std::string out = "<h2>Runs</h2><p>" + std::to_string(get(runs, "runs").size()) + " runs were trained";
  if (get(runs, "folds").is_number() && get(runs, "folds") != 0)
    out += ", each fold of " + format_number(get(runs, "folds"), 0) + " held out in turn";
  out += ensemble ? "; the model is the mean of their answers, and how far they differ is said with each answer."
                  : "; the model is one of them.";
  out += " Mean and standard deviation over the runs:</p><table>" +
         pair_row(("Validation " + figure).c_str(), spread(get(runs, "validation"))) +
         (get(runs, "test").is_object() ? pair_row(("Test " + figure).c_str(), spread(get(runs, "test"))) : "");
  const Json& pooled = get(runs, "out_of_fold");
  for (const auto& [key, name] : {std::pair{"auroc", "AUROC"}, std::pair{"auprc", "AUPRC"}, std::pair{"mae", "MAE"},
                                  std::pair{"rmse", "RMSE"}, std::pair{"r2", "R²"}}) {
    if (const Json& value = get(get(pooled, "metrics"), key); value.is_object())
      out += pair_row((std::string{"Out of fold, "} + name).c_str(),
                      value_with_interval(value) + "<small>" + format_number(get(pooled, "samples"), 0) +
                          " samples, each answered by runs that did not learn from it</small>");
  }
  out += "</table><table><thead><tr><th>Fold</th><th>Seed</th><th>Best epoch</th><th>Validation " + figure +
         "</th><th>Test " + figure + "</th></tr></thead>";
  for (const Json& run : get(runs, "runs"))
    out += "<tr><th>" +
           (get(run, "fold").is_number() ? format_number(Json(get(run, "fold").get<double>() + 1), 0)
                                         : std::string{"own splits"}) +
           "</th><td>" + format_number(get(run, "seed"), 0) + "</td><td>" + format_number(get(run, "best_epoch"), 0) +
           "</td><td>" + format_number(get(run, "validation"), 3) + "</td><td>" + format_number(get(run, "test"), 3) +
           "</td></tr>";
  return out + "</table>";
}

std::string labels_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  const Json& b = get(evaluation, "baseline");
  std::string out = "<h2>Key figures</h2><div class=\"tiles\">" + tile("AUROC, mean over labels", get(m, "auroc")) +
                    tile("AUPRC, mean over labels", get(m, "auprc")) +
                    tile("Sensitivity, mean", get(m, "sensitivity")) +
                    tile("Specificity, mean", get(m, "specificity")) + "</div>" +
                    gained(evaluation, "a mean AUROC of", get(b, "auroc"), get(get(b, "gain_auroc"), "difference"));
  out += "<p>" + format_number(get(evaluation, "samples"), 0) +
         " test samples that took no part in training. Each label is decided on its own, from its own threshold on, "
         "chosen "
         "on validation data only; where a label is not known of a sample, it is not judged there. Ranges are 95 % "
         "confidence intervals" +
         drawn_by_groups(evaluation) + ".</p>";
  out +=
      "<h2>Each label</h2><table><thead><tr><th>Label</th><th>AUROC</th><th>AUPRC</th><th>Threshold</th>"
      "<th>Sensitivity</th><th>Specificity</th><th></th></tr></thead>";
  const Json& thresholds = get(evaluation, "thresholds");
  const Json& labels = get(evaluation, "per_label");
  for (std::size_t k = 0; labels.is_array() && k < labels.size(); ++k)
    out += label_row(labels[k], thresholds.is_array() && k < thresholds.size() ? thresholds[k] : Json(nullptr));
  out += "</table><table>";
  out += figure_row("Accuracy", "right decisions, over all labels", get(m, "accuracy"));
  out += figure_row("F1, mean", "harmonic mean of sensitivity and PPV", get(m, "f1"));
  out += figure_row("All right", "samples all of whose labels are right", get(m, "exact"));
  out += "</table>";
  for (const Json& label : labels) {
    out += "<h3>" + text(get(label, "label")) + "</h3><div class=\"row\"><figure>" + roc_svg(get(label, "roc")) +
           "<figcaption>ROC curve</figcaption></figure><figure>" +
           pr_svg(get(label, "pr"), get(get(label, "metrics"), "prevalence")) +
           "<figcaption>Precision against recall</figcaption></figure><figure>" +
           reliability_svg(get(label, "reliability")) +
           "<figcaption>Observed share against probability</figcaption></figure></div>";
  }
  return out;
}

std::string numbers_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  const Json& b = get(evaluation, "baseline");
  const Json& agreement = get(evaluation, "agreement");
  const std::string unit = get(evaluation, "unit").is_string() ? get(evaluation, "unit").get<std::string>() : "";
  const std::string of_unit = unit.empty() ? "" : ", " + escape_html(unit);
  std::string out = "<h2>Key figures: " + text(get(evaluation, "name")) + "</h2><div class=\"tiles\">" +
                    tile(("Mean absolute error" + of_unit).c_str(), get(m, "mae")) +
                    tile(("RMSE" + of_unit).c_str(), get(m, "rmse")) + tile("R²", get(m, "r2")) +
                    tile("Pearson r", get(m, "pearson")) + "</div>" +
                    gained(evaluation, "a mean absolute error of", get(b, "mae"), get(b, "gain"));
  out += "<p>" + format_number(get(evaluation, "samples"), 0) +
         " test samples that took no part in training. Ranges are 95 % confidence intervals by bootstrap" +
         drawn_by_groups(evaluation) + ".</p>";
  out +=
      "<div class=\"row\"><figure>" + scatter_svg(get(evaluation, "points"), unit) +
      "<figcaption>Predicted against measured; dashed: equal</figcaption></figure><figure>" +
      bland_altman_svg(get(evaluation, "points"), agreement, unit) +
      "<figcaption>Bland-Altman plot: differences over means, with their mean (<span class=\"k1\">bias</span>) and the "
      "<span class=\"k2\">limits of agreement</span> (mean -+ 1.96 sd)</figcaption></figure></div>";
  out +=
      "<h2>All figures</h2><table><thead><tr><th>Figure</th><th>Value</th><th>95 % "
      "interval</th><th>Counts</th></tr></thead>";
  out +=
      figure_row(("Mean absolute error" + of_unit).c_str(), "mean distance of predicted and measured", get(m, "mae"));
  out += figure_row(("RMSE" + of_unit).c_str(), "root of the mean squared distance; large errors weigh more",
                    get(m, "rmse"));
  out += figure_row(("Bias" + of_unit).c_str(), "mean of predicted - measured", get(agreement, "bias"));
  out += figure_row(("Lower limit of agreement" + of_unit).c_str(),
                    "95 of 100 differences lie above it and below the upper", get(agreement, "low"));
  out += figure_row(("Upper limit of agreement" + of_unit).c_str(), "", get(agreement, "high"));
  out += figure_row("R²", "share of the variance explained; below 0: worse than the mean", get(m, "r2"));
  out += figure_row("Pearson r", "linear correlation; blind to bias", get(m, "pearson"));
  out += "</table>";
  const Json& interval = get(evaluation, "validation_interval");
  if (interval.is_object()) {
    const double share = get(interval, "coverage").is_number() ? 100 * get(interval, "coverage").get<double>() : 0;
    out += "<p>An answer is given with an interval of -+ " + format_number(get(interval, "half_width"), 3) +
           (unit.empty() ? "" : " " + escape_html(unit)) + ", which is to hold the truth in " +
           format_number(Json(share), 0) + " of 100 cases (split conformal, from " +
           format_number(get(interval, "cases"), 0) + " validation cases); of the test samples it held " +
           value_with_interval(get(get(evaluation, "coverage"), "observed")) + ".</p>";
  }
  return out;
}

}  // namespace aceso::learn::page
