// The part of the report that is for outlines.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "report_page.hpp"

namespace aceso::learn::page {
namespace {

std::string rows_of(const Json& m, const std::string& unit) {
  std::string out = figure_row("Dice", "twice the common area, shared by both areas; 1 is perfect", get(m, "dice"));
  out += figure_row("IoU", "common area, as a share of the area of either", get(m, "iou"));
  out +=
      figure_row(("HD95, " + unit).c_str(),
                 "95 of 100 points of either border are this near to the other (the larger of both directions); only "
                 "where both drew something",
                 get(m, "hd95"));
  out += figure_row("Parts found", "connected parts of the truth that the drawing touches", get(m, "part_sensitivity"));
  out += figure_row("False parts", "connected parts drawn a sample that touch nothing of the truth",
                    get(m, "false_parts"));
  if (get(m, "left_empty").is_object())
    out += figure_row("Left empty", "samples without the label in which nothing was drawn", get(m, "left_empty"));
  return out;
}

std::string baseline_of(const Json& evaluation) {
  const Json& b = get(evaluation, "baseline");
  if (!b.is_object())
    return "<p class=\"soft\">No trivial model could be computed: several labels, colour, or the training data set is "
           "not here.</p>";
  const bool nothing = get(b, "adds_nothing") == true;
  return std::string{"<div class=\"verdict"} + (nothing ? " bad\"><strong>Adds nothing.</strong> " : "\">") +
         "The trivial model, " + text(get(b, "kind")) + " (everything " + text(get(b, "side")) + " " +
         format_number(get(b, "threshold"), 3) + ", chosen on the training split), reaches a mean Dice of " +
         value_with_interval(get(b, "dice")) + "; this model gains " + value_with_interval(get(b, "gain")) +
         " on the same samples.</div>";
}

// Every sample's Dice, the worst on the left.
std::string spread(const Json& cases) {
  if (!cases.is_array() || cases.size() < 2) return {};
  std::string dots;
  const auto n = static_cast<double>(cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json& dice = get(cases[i], "dice");
    if (!dice.is_number()) continue;
    dots += "<circle class=\"dot\" r=\"2\" cx=\"" +
            format_number(Json(34 + 476 * (static_cast<double>(i) + 0.5) / n), 1) + "\" cy=\"" +
            format_number(Json(10 + 150 * (1 - dice.get<double>())), 1) + "\"/>";
  }
  std::string grid;
  for (const double at : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    const std::string y = format_number(Json(10 + 150 * (1 - at)), 1);
    grid += "<line class=\"grid\" x1=\"34\" x2=\"510\" y1=\"" + y + "\" y2=\"" + y + "\"/><text x=\"28\" y=\"" + y +
            "\" text-anchor=\"end\" dominant-baseline=\"middle\">" + format_number(Json(at), 2) + "</text>";
  }
  return "<figure class=\"wide\"><svg viewBox=\"0 0 520 185\" role=\"img\" aria-label=\"Dice of each sample\">" + grid +
         dots +
         "<text x=\"272\" y=\"180\" text-anchor=\"middle\">samples, the worst first</text></svg><figcaption>Dice of "
         "each "
         "test sample (mean over its labels; 1 where neither has an outline)</figcaption></figure>";
}

}  // namespace

std::string outlines_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  const std::string unit = text(get(evaluation, "unit"));
  std::string out = "<h2>Key figures</h2><div class=\"tiles\">" + tile("Dice, mean", get(m, "dice")) +
                    tile("IoU, mean", get(m, "iou")) + tile(("HD95, " + unit).c_str(), get(m, "hd95")) +
                    tile("Parts found", get(m, "part_sensitivity")) + "</div>" + baseline_of(evaluation) + "<p>" +
                    format_number(get(evaluation, "samples"), 0) + " test samples that took no part in training. ";
  if (get(evaluation, "threshold").is_number())
    out += "A point counts as inside from a probability of " + format_number(get(evaluation, "threshold"), 2) +
           " on, chosen on validation data only. ";
  out += "Ranges are 95 % confidence intervals by bootstrap";
  if (get(evaluation, "groups").is_number())
    out += ", drawn by whole groups (patients or blocks; " + format_number(get(evaluation, "groups"), 0) + " of them)";
  out += ". Dice and IoU are means over the samples that have the label.";
  if (const Json& without = get(evaluation, "without_outline"); without.is_number() && without.get<double>() > 0)
    out += " Nobody outlined " + format_number(without, 0) + " more samples of the split: they are not judged.";
  out += "</p><div class=\"row\">" + spread(get(evaluation, "cases")) + "</div>";
  const Json& labels = get(evaluation, "per_label");
  for (const Json& label : labels) {
    out += "<h3>" + text(get(label, "label")) +
           "</h3><table><thead><tr><th>Figure</th><th>Value</th><th>95 % interval</th><th>Counts</th></tr></thead>" +
           rows_of(label, unit) + "</table>";
  }
  return out;
}

std::string outline_gallery_part(const Json& gallery) {
  if (!gallery.is_array() || gallery.empty()) return {};
  std::string out = "<h2>What it draws</h2>";
  for (const auto& [kind, title] :
       {std::pair{"worst", "The worst"}, std::pair{"middle", "From the middle"}, std::pair{"best", "The best"}}) {
    std::string pictures;
    for (const Json& item : gallery) {
      if (get(item, "kind") != kind || !get(item, "png").is_string()) continue;
      pictures += "<figure><img alt=\"\" src=\"data:image/png;base64," + text(get(item, "png")) +
                  "\"><figcaption>Dice " + format_number(get(item, "dice"), 3);
      if (get(item, "hd95").is_number()) pictures += "<small>HD95 " + format_number(get(item, "hd95"), 1) + "</small>";
      pictures += "</figcaption></figure>";
    }
    if (!pictures.empty())
      out += std::string{"<h3>"} + title + "</h3><div class=\"pictures large\">" + pictures + "</div>";
  }
  return out +
         "<p class=\"soft\">Blue: the truth. Orange: the model. Green: both on one line. Of volumes, the slice in "
         "which "
         "the truth is largest. Stretched to each sample's own range; text burned into an image stays visible.</p>";
}

}  // namespace aceso::learn::page
