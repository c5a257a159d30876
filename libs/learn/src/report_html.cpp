// One page without scripts or outside resources; what a figure is and where its interval comes from stands beside it.
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate.hpp"
#include "report_svg.hpp"

namespace aceso::learn {
namespace {

constexpr std::string_view kStyle = R"css(
:root{--ink:#17202a;--soft:#5b6773;--rule:#d8dee4;--one:#0b6e8f;--two:#b4541a;--good:11,110,143;--bad:180,84,26}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif;color:var(--ink);background:#fff;margin:0 auto;padding:2rem 1.5rem 4rem;max-width:62rem}
h1{font-size:1.9rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--rule)}p{max-width:46rem}
.use{background:#fff4e5;border-left:4px solid var(--two);padding:.7rem 1rem;margin:1rem 0}.use strong{display:block}
.soft,figcaption,small{color:var(--soft)}small{display:block;font-size:.8rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.8rem}.tile{border:1px solid var(--rule);border-radius:8px;padding:.7rem .9rem}.tile b{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}
.row{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0;flex:1 1 20rem;max-width:26rem}svg{width:100%;height:auto;font-size:11px}svg text{fill:var(--soft)}
.grid{stroke:var(--rule)}path{fill:none;stroke-width:2}.main{stroke:var(--one)}.second{stroke:var(--two)}.chance{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 4}.whisker{stroke:var(--one);stroke-width:1}.dot{fill:var(--one)}.k1{color:var(--one);font-weight:600}.k2{color:var(--two);font-weight:600}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid var(--rule);vertical-align:top}th{font-weight:600}
.confusion{width:auto}.confusion td{text-align:center;min-width:6rem}.right{background:rgba(var(--good),calc(var(--share)*.35))}.wrong{background:rgba(var(--bad),calc(var(--share)*.6))}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
@media print{body{padding:0;max-width:none;font-size:11pt}h2{break-after:avoid}figure,table,.tile,.use{break-inside:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)css";

const Json& get(const Json& object, std::string_view key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(std::string{key});
  return found == object.end() ? kNull : *found;
}

std::string text(const Json& value) {
  return value.is_string() ? escape_html(value.get<std::string>())
         : value.is_null() ? std::string{}
                           : escape_html(value.dump());
}

std::string interval(const Json& figure) {
  if (!get(figure, "low").is_number()) return {};
  return format_number(get(figure, "low"), 3) + " to " + format_number(get(figure, "high"), 3);
}

std::string tile(const char* name, const Json& figure) {
  std::string out = std::string{"<div class=\"tile\">"} + name + "<b>" +
                    (figure.is_object() ? format_number(get(figure, "value"), 3) : format_number(figure, 3)) + "</b>";
  if (const std::string range = interval(figure); !range.empty()) out += "<small>95 %: " + range + "</small>";
  return out + "</div>";
}

std::string figure_row(const char* name, const char* meaning, const Json& figure) {
  if (figure.is_null())
    return std::string{"<tr><th>"} + name + "<small>" + meaning + "</small></th><td>n/a</td><td></td><td></td></tr>";
  const Json& value = figure.is_object() ? get(figure, "value") : figure;
  std::string counts = get(figure, "trials").is_number() ? format_number(get(figure, "successes"), 0) + " of " +
                                                               format_number(get(figure, "trials"), 0)
                                                         : "";
  return std::string{"<tr><th>"} + name + "<small>" + meaning + "</small></th><td>" + format_number(value, 3) +
         "</td><td>" + interval(figure) + "<small>" + text(get(figure, "method")) + "</small></td><td>" + counts +
         "</td></tr>";
}

std::string pair_row(const char* name, const std::string& value) {
  return value.empty() ? std::string{} : std::string{"<tr><th>"} + name + "</th><td>" + value + "</td></tr>";
}

std::string head(const Json& card) {
  const std::string name = get(card, "name").is_string() ? text(get(card, "name")) : "Model";
  std::string out =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      name + " - evaluation report</title><style>";
  out += kStyle;
  out += "</style></head><body><h1>" + name + "</h1><p class=\"soft\">Evaluation report";
  if (get(card, "created").is_string()) out += ", model made " + text(get(card, "created"));
  out +=
      "</p><div class=\"use\"><strong>Research use only. Not for diagnosis, treatment or any other clinical "
      "decision.</strong>" +
      text(get(card, "intended_use")) + "</div>";
  return out;
}

std::string binary_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  std::string out = "<h2>Key figures</h2><div class=\"tiles\">" + tile("AUROC", get(m, "auroc")) +
                    tile("Sensitivity", get(m, "sensitivity")) + tile("Specificity", get(m, "specificity")) +
                    tile("Accuracy", get(m, "accuracy")) + "</div>";
  out += "<p>" + format_number(get(evaluation, "samples"), 0) +
         " test samples that took no part in training. A sample counts as positive from a probability of " +
         format_number(get(evaluation, "threshold"), 4) +
         " on; this threshold was chosen on validation data only, before the test data were looked at. Ranges are 95 % "
         "confidence intervals.</p>";
  out += "<div class=\"row\"><figure>" + roc_svg(get(evaluation, "roc")) +
         "<figcaption>ROC curve on test data</figcaption></figure><figure>" +
         reliability_svg(get(evaluation, "reliability")) +
         "<figcaption>Does a predicted 0.8 mean 80 of 100? Bins of equal numbers, Wilson "
         "intervals</figcaption></figure></div>";
  out += "<h2>Confusion matrix</h2>" + confusion_table(get(evaluation, "confusion"), get(evaluation, "classes"));
  out += "<h2>All figures</h2><table><tr><th>Figure</th><th>Value</th><th>95 % interval</th><th>Counts</th></tr>";
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
                    tile("Accuracy", get(m, "accuracy")) + "</div><p>" + format_number(get(evaluation, "samples"), 0) +
                    " test samples that took no part in training; the class with the largest probability is the "
                    "decision. Ranges are 95 % confidence intervals.</p>";
  out += "<h2>Confusion matrix</h2>" + confusion_table(get(evaluation, "confusion"), get(evaluation, "classes")) +
         "<h2>Each class against the rest</h2>";
  for (const Json& c : get(evaluation, "per_class")) {
    out += "<h3>" + text(get(c, "class")) + "</h3><div class=\"row\"><figure>" + roc_svg(get(c, "roc")) +
           "</figure><figure>" + reliability_svg(get(c, "reliability")) + "</figure></div><table>";
    out += figure_row("AUROC", "", get(c, "auroc")) + figure_row("Sensitivity", "", get(c, "sensitivity")) +
           figure_row("Specificity", "", get(c, "specificity")) + figure_row("PPV", "", get(c, "ppv")) +
           figure_row("F1", "", get(c, "f1"));
    out += "</table>";
  }
  return out;
}

std::string training_part(const Json& training) {
  if (!training.is_object()) return {};
  std::string out = "<h2>Training</h2><div class=\"row\">" + curves_svg(get(training, "history")) + "</div><table>";
  out += pair_row("Engine", text(get(training, "engine")));
  if (get(training, "best_epoch").is_number())
    out += pair_row("Weights kept",
                    "epoch " + format_number(get(training, "best_epoch"), 0) + ", the best on validation data");
  if (get(training, "seconds").is_number()) out += pair_row("Time", format_number(get(training, "seconds"), 1) + " s");
  if (get(training, "peak_rss_bytes").is_number())
    out += pair_row("Peak memory",
                    format_number(Json(get(training, "peak_rss_bytes").get<double>() / 1048576.0), 0) + " MiB");
  const Json& config = get(training, "config");
  if (config.is_object()) {
    std::string settings;
    for (const auto& item : config.items())
      settings += (settings.empty() ? "" : ", ") + escape_html(item.key()) + " " + text(item.value());
    out += pair_row("Settings", settings);
  }
  return out + "</table>";
}

std::string data_part(const Json& dataset, const Json& card) {
  std::string out = "<h2>Data</h2><table>" + pair_row("Dataset", text(get(card, "data")));
  out += pair_row("SHA-256",
                  get(dataset, "sha256").is_string() ? "<code>" + text(get(dataset, "sha256")) + "</code>" : "");
  out += pair_row("Licence", text(get(dataset, "licence"))) +
         pair_row("Source of the labels", text(get(dataset, "label_source")));
  if (get(dataset, "set_aside").is_array())
    out += pair_row("Set aside", std::to_string(get(dataset, "set_aside").size()) + " samples that could not be used");
  out += "</table>";
  const Json& counts = get(dataset, "counts");
  if (counts.is_object() && !counts.empty()) {
    const Json& classes = get(dataset, "classes");
    out += "<table><tr><th>Split</th>";
    for (const Json& name : classes) out += "<th>" + text(name) + "</th>";
    out += "</tr>";
    for (const auto& split : counts.items()) {
      out += "<tr><th>" + escape_html(split.key()) + "</th>";
      for (const Json& name : classes)
        out += "<td>" +
               (name.is_string() ? format_number(get(split.value(), name.get<std::string>()), 0) : std::string{}) +
               "</td>";
      out += "</tr>";
    }
    out += "</table>";
  }
  const Json& warnings = get(dataset, "warnings");
  if (warnings.is_array() && !warnings.empty()) {
    out += "<p>Said at import:</p><ul>";
    for (const Json& warning : warnings) out += "<li>" + text(warning) + "</li>";
    out += "</ul>";
  }
  return out;
}

std::string card_part(const Json& card, const Json& context) {
  std::string classes;
  for (const Json& name : get(card, "classes")) classes += (classes.empty() ? "" : ", ") + text(name);
  std::string out = "<h2>Model card</h2><table>" + pair_row("Intended use", text(get(card, "intended_use"))) +
                    pair_row("Limits", text(get(card, "limitations"))) + pair_row("Classes", classes);
  out += pair_row("Threshold", format_number(get(card, "threshold"), 4) + ", chosen on validation data only") +
         pair_row("Made by", text(get(card, "created_by")));
  if (get(context, "model_sha256").is_string())
    out += pair_row("Model SHA-256", "<code>" + text(get(context, "model_sha256")) + "</code>");
  return out + "</table>";
}

}  // namespace

std::string render_report_html(const Json& evaluation, const Json& context) {
  const Json& card = get(context, "card");
  std::string out = head(card);
  if (!evaluation.is_object()) {
    out += "<h2>Key figures</h2><p>This model was not evaluated: its dataset has no test split.</p>";
  } else if (get(evaluation, "kind") == "multiclass") {
    out += multiclass_part(evaluation);
  } else {
    out += binary_part(evaluation);
  }
  out += training_part(get(context, "training")) + data_part(get(context, "dataset"), card) + card_part(card, context);
  return out + "</body></html>\n";
}

}  // namespace aceso::learn
