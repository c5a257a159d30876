// Sections of the evaluation report.
#include <nlohmann/json.hpp>

#include "report_page.hpp"

namespace aceso::learn::page {

std::string calibration_part(const Json& evaluation) {
  const Json& c = get(evaluation, "calibration");
  if (!c.is_object()) return {};
  std::string out = "<h2>Calibration: does a predicted 0.8 mean 80 of 100?</h2><div class=\"row\"><figure>" +
                    reliability_svg(get(c, "reliability")) + "<figcaption>As the model answers; " + text(get(c, "of")) +
                    ", bins of equal numbers, Wilson intervals</figcaption></figure>";
  for (const Json& after : get(c, "recalibrated"))
    out += "<figure>" + reliability_svg(get(after, "reliability")) + "<figcaption>After " + text(get(after, "method")) +
           " scaling, fitted on validation</figcaption></figure>";
  out +=
      "</div><table><thead><tr><th>Probabilities</th><th>Brier score</th><th>Calibration error (ECE)</th></tr></thead>";
  out += "<tr><th>as the model answers</th><td>" + value_with_interval(get(c, "brier")) + "</td><td>" +
         format_number(get(c, "ece"), 3) + "</td></tr>";
  for (const Json& after : get(c, "recalibrated")) {
    out += "<tr><th>after " + text(get(after, "method")) + " scaling";
    if (get(after, "temperature").is_number())
      out += "<small>temperature " + format_number(get(after, "temperature"), 2) + "</small>";
    out += "</th><td>" + format_number(get(after, "brier"), 3) + "</td><td>" + format_number(get(after, "ece"), 3) +
           "</td></tr>";
  }
  out += "</table>";
  const Json& line = get(c, "line");
  if (line.is_object()) {
    out += "<table>" +
           figure_row("Slope", "1 is perfect; below 1 the probabilities are too extreme", get(line, "slope")) +
           figure_row("Intercept", "of the line with that slope; 0 is perfect", get(line, "intercept")) +
           figure_row("Calibration in the large", "above 0: probabilities are too low on the whole",
                      get(line, "in_the_large")) +
           "</table>";
  }
  if (!get(c, "fitted_on").is_number())
    return out + "<p class=\"missing\">No validation samples were at hand: recalibration was not tried.</p>";
  return out +
         "<p class=\"soft\">The model serves its own probabilities; the scalings show what recalibration would bring. "
         "They were fitted on " +
         format_number(get(c, "fitted_on"), 0) + " validation samples, never on the samples judged here.</p>";
}

std::string decision_curve_part(const Json& evaluation) {
  const Json& curve = get(evaluation, "decision_curve");
  if (!curve.is_array() || curve.empty()) return {};
  return "<h2>Decision curve: is acting on the model worth it?</h2><div class=\"row\"><figure class=\"wide\">" +
         decision_curve_svg(curve) +
         "<figcaption><span class=\"k1\">the model</span> with its 95 % interval, <span class=\"k2\">acting on "
         "everyone</span>, <span class=\"k4\">acting on no one</span></figcaption></figure></div><p "
         "class=\"soft\">Net benefit is the share of true positives minus the share of false positives weighed by the "
         "odds of the threshold. The model helps where its line lies above both others; the threshold is the "
         "probability "
         "at which one would just act.</p>";
}

std::string baseline_part(const Json& evaluation) {
  const Json& b = get(evaluation, "baseline");
  if (!b.is_object()) return "<h2>Against a trivial model</h2><p class=\"missing\">No baseline was computed.</p>";
  const bool nothing = get(b, "adds_nothing") != false;
  const Json& gain = get(b, "gain_auroc");
  const Json& decisions = get(b, "gain_decisions");
  std::string out = "<h2>Against a trivial model</h2><div class=\"verdict" + std::string{nothing ? " bad" : ""} +
                    "\"><strong>" +
                    (nothing ? "This model adds nothing: it was not shown to beat a trivial model."
                             : "This model beats the trivial model.") +
                    "</strong> AUROC gained: " + value_with_interval(get(gain, "difference")) + " " +
                    p_value(get(gain, "p_value")) + "</div><table>";
  out += figure_row("AUROC of the trivial model", "", get(b, "auroc")) +
         figure_row("Accuracy of the trivial model", "", get(b, "accuracy"));
  out += pair_row("Gain in right decisions",
                  value_with_interval(get(decisions, "difference")) + " " + p_value(get(decisions, "p_value")) +
                      "<small>McNemar: this model alone right in " + format_number(get(decisions, "only_a"), 0) +
                      ", the trivial one alone in " + format_number(get(decisions, "only_b"), 0) + "</small>");
  return out + "</table><p class=\"soft\">The trivial model is a " + text(get(b, "kind")) + " on " +
         format_number(get(b, "features"), 0) + " numbers a sample, fitted on " +
         format_number(get(b, "training_samples"), 0) +
         " training samples; its penalty and threshold were chosen on validation data. AUROCs are compared on the same "
         "samples (" +
         text(get(get(gain, "difference"), "method")) + ").</p>";
}

std::string subgroups_part(const Json& evaluation) {
  const Json& rows = get(evaluation, "subgroups");
  std::string out = "<h2>Subgroups</h2>";
  if (!rows.is_array() || rows.empty()) {
    return out +
           "<p class=\"missing\">The dataset has no columns (sex, age, site, scanner) to look at: whether the model "
           "treats people alike is unknown.</p>";
  }
  out +=
      "<table><thead><tr><th>Group</th><th>n</th><th>AUROC</th><th>Sensitivity</th><th>Specificity</th><th>Accuracy</"
      "th><th>Against the rest</th></tr></thead>";
  for (const Json& row : rows) {
    out += "<tr><th>" + text(get(row, "column")) + ": " + text(get(row, "value")) + "</th><td>" +
           format_number(get(row, "samples"), 0) + "</td>";
    if (get(row, "too_few") == true) {
      out += "<td colspan=\"5\" class=\"soft\">too few samples to say anything</td></tr>";
      continue;
    }
    for (const char* key : {"auroc", "sensitivity", "specificity", "accuracy"})
      out += "<td>" + value_with_interval(get(row, key), 2) + "</td>";
    out += "<td>" + p_value(get(row, "p_corrected")) + "</td></tr>";
  }
  return out +
         "</table><p class=\"soft\">p: AUROC of the group against that of all others, corrected for the number of "
         "groups (Holm). Groups of fewer than 20 samples show no figures.</p>";
}

std::string gallery_part(const Json& gallery) {
  if (!gallery.is_array() || gallery.empty()) return {};
  std::string out = "<h2>Where it failed</h2>";
  for (const auto& [kind, title] : {std::pair{"wrong", "Wrong decisions, the surest first"},
                                    std::pair{"unsure", "Right, but nearest to the threshold"},
                                    std::pair{"worst", "The furthest from the truth first"}}) {
    std::string pictures;
    for (const Json& item : gallery) {
      if (get(item, "kind") != kind || !get(item, "png").is_string()) continue;
      pictures += "<figure><img alt=\"\" src=\"data:image/png;base64," + text(get(item, "png")) + "\"><figcaption>is " +
                  text(get(item, "truth")) + ", called " + text(get(item, "decided"));
      if (get(item, "probability").is_number())
        pictures += "<small>probability " + format_number(get(item, "probability"), 3) + "</small>";
      pictures += "</figcaption></figure>";
    }
    if (!pictures.empty()) out += std::string{"<h3>"} + title + "</h3><div class=\"pictures\">" + pictures + "</div>";
  }
  return out +
         "<p class=\"soft\">Test images, shrunk and stretched to their own range. They carry no names or numbers; "
         "text burned into an image stays visible.</p>";
}

std::string checklist_part(const Json& checklist) {
  if (!checklist.is_array() || checklist.empty()) return {};
  std::string out =
      "<h2>Reporting checklists</h2><p class=\"soft\">What TRIPOD+AI (2024) and CLAIM (2024 update) ask for. Items "
      "that no "
      "program can know are for the authors of a study.</p>";
  for (const char* list : {"TRIPOD+AI", "CLAIM"}) {
    std::size_t here = 0, all = 0;
    std::string rows;
    for (const Json& item : checklist) {
      if (get(item, "list") != list) continue;
      ++all;
      const std::string state = text(get(item, "state"));
      here += state == "here" ? 1U : 0U;
      rows += "<tr><td>" + text(get(item, "item")) + "</td><td>" + text(get(item, "topic")) + "</td><td" +
              (state == "missing" ? " class=\"missing\"" : "") + ">" +
              (state == "here"      ? "\xE2\x9C\x93 " + text(get(item, "where"))
               : state == "missing" ? std::string{"missing"}
                                    : std::string{"to be told by the authors"}) +
              "</td></tr>";
    }
    out += std::string{"<h3>"} + list + ": " + std::to_string(here) + " of " + std::to_string(all) +
           " here</h3><table class=\"list\"><thead><tr><th>Item</th><th>What</th><th>State</th></tr></thead>" + rows +
           "</table>";
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
  if (get(training, "peak_device_bytes").is_number() && get(training, "peak_device_bytes").get<double>() > 0)
    out += pair_row("Peak GPU memory",
                    format_number(Json(get(training, "peak_device_bytes").get<double>() / 1048576.0), 0) + " MiB");
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
      for (const Json& name : classes) {
        out += "<td>" +
               (name.is_string() ? format_number(get(split.value(), name.get<std::string>()), 0) : std::string{}) +
               "</td>";
      }
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
  std::string thresholds;
  for (const Json& each : get(card, "thresholds"))
    thresholds += (thresholds.empty() ? "" : ", ") + format_number(each, 4);
  if (thresholds.empty() && get(card, "threshold").is_number()) thresholds = format_number(get(card, "threshold"), 4);
  if (!thresholds.empty()) out += pair_row("Threshold", thresholds + ", chosen on validation data only");
  out += pair_row("Made by", text(get(card, "created_by")));
  if (get(context, "model_sha256").is_string())
    out += pair_row("Model SHA-256", "<code>" + text(get(context, "model_sha256")) + "</code>");
  return out + "</table>";
}

}  // namespace aceso::learn::page
