// One page without scripts or outside resources; what a figure is and where its interval comes from stands beside it.
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate.hpp"
#include "report_page.hpp"

namespace aceso::learn {

using namespace page;  // NOLINT(google-build-using-namespace): the helpers of these pages

namespace {

std::string adds_nothing_note(const Json& evaluation) {
  if (get(evaluation, "adds_nothing") != true) return {};
  return "<div class=\"verdict bad\"><strong>Adds nothing.</strong> It was not shown to be better than a logistic "
         "regression on a few pixels; see below.</div>";
}

std::string group_note(const Json& evaluation) {
  if (!get(evaluation, "groups").is_number()) return {};
  return ", drawn by whole groups (patients or blocks; " + format_number(get(evaluation, "groups"), 0) +
         " of them) since samples of one group resemble each other";
}

std::string binary_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  std::string out = "<h2>Key figures</h2><div class=\"tiles\">" + tile("AUROC", get(m, "auroc")) +
                    tile("Sensitivity", get(m, "sensitivity")) + tile("Specificity", get(m, "specificity")) +
                    tile("Accuracy", get(m, "accuracy")) + "</div>" + adds_nothing_note(evaluation);
  out += "<p>" + format_number(get(evaluation, "samples"), 0) +
         " test samples that took no part in training. A sample counts as positive from a probability of " +
         format_number(get(evaluation, "threshold"), 4) +
         " on; this threshold was chosen on validation data only, before the test data were looked at. Ranges are 95 % "
         "confidence intervals" +
         group_note(evaluation) + ".</p>";
  out += "<div class=\"row\"><figure>" + roc_svg(get(evaluation, "roc")) +
         "<figcaption>ROC curve on test data</figcaption></figure><figure>" +
         pr_svg(get(evaluation, "pr"), get(m, "prevalence")) +
         "<figcaption>Precision against recall; dashed: the share of positives, which guessing "
         "reaches</figcaption></figure></div>";
  out += "<h2>Confusion matrix</h2>" + confusion_table(get(evaluation, "confusion"), get(evaluation, "classes"));
  out +=
      "<h2>All figures</h2><table><thead><tr><th>Figure</th><th>Value</th><th>95 % "
      "interval</th><th>Counts</th></tr></thead>";
  out += figure_row("AUROC", "chance that a positive scores above a negative", get(m, "auroc"));
  out += figure_row("AUPRC", "average precision; guessing reaches the share of positives", get(m, "auprc"));
  out += figure_row("Accuracy", "right decisions", get(m, "accuracy"));
  out += figure_row("Sensitivity", "positives that were found", get(m, "sensitivity"));
  out += figure_row("Specificity", "negatives that were left alone", get(m, "specificity"));
  out += figure_row("PPV", "right among those called positive; depends on the prevalence", get(m, "ppv"));
  out += figure_row("NPV", "right among those called negative; depends on the prevalence", get(m, "npv"));
  out += figure_row("F1", "harmonic mean of sensitivity and PPV", get(m, "f1"));
  out += figure_row("Brier score", "mean squared distance of probability and truth; 0 is perfect", get(m, "brier"));
  out += figure_row("Calibration error", "expected distance of probability and observed share", get(m, "ece"));
  return out + "</table>";
}

std::string multiclass_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  std::string out = "<h2>Key figures</h2><div class=\"tiles\">" + tile("AUROC, mean over classes", get(m, "auroc")) +
                    tile("Accuracy", get(m, "accuracy")) + tile("Sensitivity, mean", get(m, "sensitivity")) +
                    tile("F1, mean", get(m, "f1")) + "</div>" + adds_nothing_note(evaluation) + "<p>" +
                    format_number(get(evaluation, "samples"), 0) +
                    " test samples that took no part in training; the class with the largest probability is the "
                    "decision. Ranges are 95 % confidence intervals" +
                    group_note(evaluation) + ".</p>";
  out += "<h2>Confusion matrix</h2>" + confusion_table(get(evaluation, "confusion"), get(evaluation, "classes")) +
         "<h2>Each class against the rest</h2>";
  for (const Json& c : get(evaluation, "per_class")) {
    out += "<h3>" + text(get(c, "class")) + "</h3><div class=\"row\"><figure>" + roc_svg(get(c, "roc")) +
           "</figure><figure>" + pr_svg(get(c, "pr"), get(c, "prevalence")) + "</figure></div><table>";
    out += figure_row("AUROC", "", get(c, "auroc")) + figure_row("Sensitivity", "", get(c, "sensitivity")) +
           figure_row("Specificity", "", get(c, "specificity")) + figure_row("PPV", "", get(c, "ppv")) +
           figure_row("NPV", "", get(c, "npv")) + figure_row("AUPRC", "", get(c, "auprc")) +
           figure_row("F1", "", get(c, "f1"));
    out += "</table>";
  }
  return out;
}

}  // namespace

std::string render_report_html(const Json& evaluation, const Json& context) {
  const Json& card = get(context, "card");
  const bool outlines = get(evaluation, "kind") == "outlines", boxes = get(evaluation, "kind") == "boxes";
  std::string out = head(get(card, "name").is_string() ? text(get(card, "name")) : "Model", "Evaluation report", card);
  if (!evaluation.is_object()) {
    out += "<h2>Key figures</h2><p>This model was not evaluated: its dataset has no test split.</p>";
  } else {
    if (outlines) {
      out += outlines_part(evaluation);
    } else if (boxes) {
      out += boxes_part(evaluation);
    } else if (get(evaluation, "kind") == "multi_label") {
      out += labels_part(evaluation);
    } else if (get(evaluation, "kind") == "regression") {
      out += numbers_part(evaluation);
    } else {
      out += get(evaluation, "kind") == "multiclass" ? multiclass_part(evaluation) : binary_part(evaluation);
      out += baseline_part(evaluation) + calibration_part(evaluation) + decision_curve_part(evaluation) +
             subgroups_part(evaluation);
    }
    out += runs_part(evaluation);
  }
  const Json& pictures = get(context, "gallery");
  out += (outlines ? outline_gallery_part(pictures)
          : boxes  ? box_gallery_part(pictures)
                   : gallery_part(pictures)) +
         training_part(get(context, "training")) + data_part(get(context, "dataset"), card) + card_part(card, context) +
         checklist_part(reporting_checklist(evaluation, context));
  return out + "</body></html>\n";
}

}  // namespace aceso::learn
