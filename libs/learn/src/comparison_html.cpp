// Two models side by side, one page.
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate.hpp"
#include "report_page.hpp"

namespace aceso::learn {

using namespace page;  // NOLINT(google-build-using-namespace): the helpers of these pages

namespace {

std::string compared_part(const Json& comparison, const Json& context) {
  const Json& a = get(context, "a");
  const Json& b = get(context, "b");
  std::string out = "<h2>What was compared</h2><table>" +
                    pair_row("Dataset", text(get(context, "dataset")) + ", split " + text(get(context, "split"))) +
                    pair_row("Dataset SHA-256", "<code>" + text(get(context, "dataset_sha256")) + "</code>") +
                    pair_row("Model A", "<code>" + text(get(a, "id")) + "</code>") +
                    pair_row("Model B", "<code>" + text(get(b, "id")) + "</code>");
  if (get(comparison, "groups").is_number())
    out +=
        pair_row("Intervals", "by whole groups (patients or blocks): " + format_number(get(comparison, "groups"), 0));
  return out + "</table></body></html>\n";
}

std::string name_of(const Json& model) {
  return text(get(model, "name")) + " version " + format_number(get(model, "version"), 0);
}

std::string row(const char* name, const Json& a, const Json& b, const std::string& difference) {
  return std::string{"<tr><th>"} + name + "</th><td>" + value_with_interval(a) + "</td><td>" + value_with_interval(b) +
         "</td><td>" + difference + "</td></tr>";
}

std::string difference_of(const Json& test) {
  if (!test.is_object()) return "n/a";
  return value_with_interval(get(test, "difference")) + " " + p_value(get(test, "p_value")) + "<small>" +
         text(get(get(test, "difference"), "method")) + "</small>";
}

std::string plain(const Json& figure) {
  if (!figure.is_object()) return "n/a";
  return value_with_interval(figure) + "<small>" + text(get(figure, "method")) + "</small>";
}

std::string labels_of(const Json& comparison, const std::string& a, const std::string& b) {
  std::string out = "<h2>Each label</h2><table><thead><tr><th>AUROC of</th><th>A: " + a + "</th><th>B: " + b +
                    "</th><th>A - B</th></tr></thead>";
  for (const Json& label : get(comparison, "per_label"))
    out += row(text(get(label, "label")).c_str(), get(label, "a"), get(label, "b"), difference_of(get(label, "auroc")));
  return out + "</table><p class=\"soft\">One test a label, not corrected for their number.</p>";
}

std::string metric_rows(const Json& comparison, std::initializer_list<std::pair<const char*, const char*>> figures) {
  std::string out;
  const Json& of_a = get(get(comparison, "a"), "metrics");
  const Json& of_b = get(get(comparison, "b"), "metrics");
  for (const auto& [key, name] : figures) {
    const Json& difference = get(comparison, key);
    out += row(name, get(of_a, key), get(of_b, key),
               !difference.is_object()             ? ""
               : difference.contains("difference") ? difference_of(difference)
                                                   : plain(difference));
  }
  return out;
}

// Figures of several labels or of numbers; "" for classes.
std::string target_figures(const Json& comparison, const std::string& a, const std::string& b) {
  const std::string top =
      "<table><thead><tr><th>Figure</th><th>A: " + a + "</th><th>B: " + b + "</th><th>A - B</th></tr></thead>";
  if (get(comparison, "kind") == "multi_label")
    return top +
           metric_rows(comparison, {{"auroc", "AUROC, mean over labels"},
                                    {"auprc", "AUPRC, mean over labels"},
                                    {"accuracy", "Accuracy"},
                                    {"sensitivity", "Sensitivity, mean"},
                                    {"specificity", "Specificity, mean"},
                                    {"f1", "F1, mean"},
                                    {"exact", "All labels right"}}) +
           "</table>" + labels_of(comparison, a, b);
  if (get(comparison, "kind") != "regression") return {};
  const std::string unit = text(get(comparison, "unit"));
  return top +
         metric_rows(comparison, {{"mae", "Mean absolute error"},
                                  {"rmse", "RMSE"},
                                  {"bias", "Bias"},
                                  {"r2", "R²"},
                                  {"pearson", "Pearson r"}}) +
         "</table>" + (unit.empty() ? "" : "<p class=\"soft\">Errors in " + unit + ".</p>");
}

}  // namespace

std::string render_comparison_html(const Json& comparison, const Json& context) {
  const Json& a = get(context, "a");
  const Json& b = get(context, "b");
  const Json& fa = get(comparison, "a");
  const Json& fb = get(comparison, "b");
  std::string out = head(name_of(a) + " against " + name_of(b), "Comparison on the same samples", get(a, "card"));
  const std::string verdict = text(get(comparison, "verdict"));
  out += "<div class=\"verdict" + std::string{verdict == "no difference shown" ? " bad" : ""} + "\"><strong>" +
         (verdict == "a is better"   ? name_of(a) + " is better"
          : verdict == "b is better" ? name_of(b) + " is better"
                                     : std::string{"No difference was shown"}) +
         "</strong> (by " +
         (get(comparison, "kind") == "regression"
              ? "mean absolute error, 95 % interval of the difference " + value_with_interval(get(comparison, "mae"))
              : "AUROC, 95 % interval of the difference " +
                    value_with_interval(get(get(comparison, "auroc"), "difference"))) +
         ").</div>";
  const std::string figures = target_figures(comparison, name_of(a), name_of(b));
  if (!figures.empty()) return out + figures + compared_part(comparison, context);
  out += "<table><thead><tr><th>Figure</th><th>A: " + name_of(a) + "</th><th>B: " + name_of(b) +
         "</th><th>A - B</th></tr></thead>";
  const auto metric = [](const Json& side, const char* key) -> const Json& { return get(get(side, "metrics"), key); };
  out += row("AUROC", metric(fa, "auroc"), metric(fb, "auroc"), difference_of(get(comparison, "auroc")));
  out += row("Accuracy", metric(fa, "accuracy"), metric(fb, "accuracy"), difference_of(get(comparison, "decisions")));
  out += row("Sensitivity", metric(fa, "sensitivity"), metric(fb, "sensitivity"), "");
  out += row("Specificity", metric(fa, "specificity"), metric(fb, "specificity"), "");
  out += row("F1", metric(fa, "f1"), metric(fb, "f1"), "");
  out += row("Brier score", get(fa, "brier"), get(fb, "brier"), plain(get(comparison, "brier")));
  out += row("Calibration error", get(fa, "ece"), get(fb, "ece"), "");
  out += std::string{"<tr><th>Log loss</th><td></td><td></td><td>"} + plain(get(comparison, "log_loss")) +
         "</td></tr></table>";
  const Json& d = get(comparison, "decisions");
  out += "<p>Decisions: A alone right in " + format_number(get(d, "only_a"), 0) + " samples, B alone in " +
         format_number(get(d, "only_b"), 0) + " of " + format_number(get(comparison, "samples"), 0) + " (McNemar, " +
         p_value(get(d, "p_value")) + "). Each model decides by its own threshold, chosen on validation data.</p>";
  if (get(comparison, "kind") == "binary") {
    out += "<div class=\"row\"><figure>" + roc_svg(get(fa, "roc")) + "<figcaption>A: " + name_of(a) +
           "</figcaption></figure><figure>" + roc_svg(get(fb, "roc")) + "<figcaption>B: " + name_of(b) +
           "</figcaption></figure></div>";
  }
  out += "<div class=\"row\"><div><h3>A</h3>" + confusion_table(get(fa, "confusion"), get(comparison, "classes")) +
         "</div><div><h3>B</h3>" + confusion_table(get(fb, "confusion"), get(comparison, "classes")) + "</div></div>";
  return out + compared_part(comparison, context);
}

}  // namespace aceso::learn
