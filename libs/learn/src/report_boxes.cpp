// The part of the report that is for boxes.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report_page.hpp"

namespace aceso::learn::page {
namespace {

std::string rows_of_boxes(const Json& m) {
  std::string out =
      figure_row("FROC score", "mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false marks an image", get(m, "froc"));
  out += figure_row("AP, IoU 0.5", "average precision; a box counts where it shares half of both areas' union",
                    get(m, "ap50"));
  out += figure_row("AP, IoU 0.5 to 0.95", "mean over ten degrees of overlap, as COCO has it", get(m, "ap"));
  out += figure_row("Sensitivity", "findings whose true box holds the centre of a mark", get(m, "sensitivity"));
  out += figure_row("PPV", "marks that lie on a finding", get(m, "ppv"));
  out += figure_row("F1", "harmonic mean of sensitivity and PPV", get(m, "f1"));
  out += figure_row("False marks", "an image", get(m, "false_marks"));
  if (get(m, "left_clear").is_object())
    out += figure_row("Left clear", "images without a finding on which nothing was marked", get(m, "left_clear"));
  return out;
}

std::string trivial_boxes(const Json& evaluation) {
  const Json& b = get(evaluation, "baseline");
  if (!b.is_object())
    return "<p class=\"soft\">No trivial model could be computed: the training data set is not here.</p>";
  const bool nothing = get(b, "adds_nothing") == true;
  return std::string{"<div class=\"verdict"} + (nothing ? " bad\"><strong>Adds nothing.</strong> " : "\">") +
         "The trivial model, " + text(get(b, "kind")) + " (" + format_number(get(b, "places"), 0) +
         " marks on every image), reaches a FROC score of " + value_with_interval(get(b, "froc")) +
         "; this model gains " + value_with_interval(get(b, "gain")) + " on the same images.</div>";
}

// Sensitivity over false marks an image from 1/8 to 8, each step twice the one before.
class FrocPlot {
 public:
  static constexpr double kX = 46, kY = 12, kWidth = 420, kHeight = 220;
  static double x(double rate) { return kX + (std::log2(rate) + 3) / 6 * kWidth; }
  static double y(double sensitivity) { return kY + (1 - sensitivity) * kHeight; }

  static std::string axes() {
    std::string out;
    for (int i = 0; i <= 5; ++i) {
      const std::string at = pixel(y(0.2 * i));
      out.append("<line class=\"grid\" x1=\"").append(pixel(kX)).append("\" x2=\"").append(pixel(kX + kWidth));
      out.append("\" y1=\"").append(at).append("\" y2=\"").append(at).append("\"/><text x=\"").append(pixel(kX - 6));
      out.append("\" y=\"").append(pixel(y(0.2 * i) + 4)).append("\" text-anchor=\"end\">");
      out.append(format_number(Json(0.2 * i), 1)).append("</text>");
    }
    for (const auto& [rate, name] :
         {std::pair{0.125, "1/8"}, std::pair{0.25, "1/4"}, std::pair{0.5, "1/2"}, std::pair{1.0, "1"},
          std::pair{2.0, "2"}, std::pair{4.0, "4"}, std::pair{8.0, "8"}}) {
      out += "<text x=\"" + pixel(x(rate)) + "\" y=\"" + pixel(kY + kHeight + 16) + "\" text-anchor=\"middle\">" +
             name + "</text>";
    }
    return out + "<text x=\"" + pixel(kX + kWidth / 2) + "\" y=\"" + pixel(kY + kHeight + 36) +
           "\" text-anchor=\"middle\">false marks an image</text><text transform=\"translate(12 " +
           pixel(kY + kHeight / 2) + ") rotate(-90)\" text-anchor=\"middle\">sensitivity</text>";
  }
  static std::string pixel(double value) { return format_number(Json(value), 1); }
};

double field(const Json& object, const char* key) {
  const Json& value = get(object, key);
  return value.is_number() ? value.get<double>() : std::nan("");
}

// Linear between operating points, and level behind the last.
double sensitivity_on(const Json& curve, double rate) {
  double before_rate = 0, before = 0;
  for (const Json& point : curve) {
    const double at = field(point, "false_positives"), here = field(point, "sensitivity");
    if (!std::isfinite(at) || !std::isfinite(here)) continue;
    if (at > rate) return before + (here - before) * (rate - before_rate) / (at - before_rate);
    before_rate = at;
    before = here;
  }
  return before;
}

std::string froc_svg(const Json& evaluation) {
  const Json& curve = get(evaluation, "froc");
  if (!curve.is_array() || curve.empty()) return {};
  constexpr int kSteps = 120;
  std::string path;
  for (int i = 0; i <= kSteps; ++i) {
    const double rate = std::exp2(-3 + 6.0 * i / kSteps);
    path += (i == 0 ? "M" : "L") + FrocPlot::pixel(FrocPlot::x(rate)) + " " +
            FrocPlot::pixel(FrocPlot::y(sensitivity_on(curve, rate)));
  }
  std::string bars;
  for (const Json& one : get(evaluation, "sensitivities")) {
    const double rate = field(one, "false_positives");
    const Json& s = get(one, "sensitivity");
    const double value = field(s, "value"), low = field(s, "low"), high = field(s, "high");
    if (!(rate > 0) || !std::isfinite(value)) continue;
    const std::string at = FrocPlot::pixel(FrocPlot::x(rate));
    if (std::isfinite(low) && std::isfinite(high)) {
      bars.append("<path class=\"second\" d=\"M").append(at).append(" ").append(FrocPlot::pixel(FrocPlot::y(low)));
      bars.append("L").append(at).append(" ").append(FrocPlot::pixel(FrocPlot::y(high))).append("\"/>");
    }
    bars.append("<circle class=\"dot\" r=\"3.5\" cx=\"").append(at).append("\" cy=\"");
    bars.append(FrocPlot::pixel(FrocPlot::y(value))).append("\"/>");
  }
  return "<figure class=\"wide\"><svg viewBox=\"0 0 490 285\" role=\"img\" aria-label=\"FROC: sensitivity over false "
         "marks an image\">" +
         FrocPlot::axes() + bars + "<path class=\"main\" d=\"" + path +
         "\"/></svg><figcaption>FROC on test images, with the 95 % interval at each rate of the score</figcaption>"
         "</figure>";
}

std::string rates_table(const Json& rates) {
  if (!rates.is_array() || rates.empty()) return {};
  std::string out =
      "<table><thead><tr><th>False marks an image</th><th>Sensitivity</th><th>95 % interval</th></tr></thead>";
  for (const Json& one : rates) {
    const Json& s = get(one, "sensitivity");
    out += "<tr><th>" + format_number(get(one, "false_positives"), 3) + "</th><td>" +
           format_number(get(s, "value"), 3) + "</td><td>" + interval(s) + "</td></tr>";
  }
  return out + "</table>";
}

std::string sizes_part(const Json& sizes) {
  if (!sizes.is_array() || sizes.size() != 2) return {};
  const auto half = [&](const Json& one) {
    return format_number(get(one, "from"), 1) + " to " + format_number(get(one, "to"), 1) +
           " pixels: " + value_with_interval(get(one, "sensitivity"));
  };
  return "<p>Sensitivity by the longest side of the finding: the smaller half, " + half(sizes[0]) +
         "; the larger half, " + half(sizes[1]) + ".</p>";
}

}  // namespace

std::string boxes_part(const Json& evaluation) {
  const Json& m = get(evaluation, "metrics");
  std::string out = "<h2>Key figures</h2><div class=\"tiles\">" + tile("FROC score", get(m, "froc")) +
                    tile("AP, IoU 0.5", get(m, "ap50")) + tile("Sensitivity", get(m, "sensitivity")) +
                    tile("False marks an image", get(m, "false_marks")) + "</div>" + trivial_boxes(evaluation) + "<p>" +
                    format_number(get(evaluation, "samples"), 0) + " test images that took no part in training, " +
                    format_number(get(evaluation, "findings"), 0) + " findings; " +
                    format_number(get(evaluation, "clear"), 0) + " images without one. Boxes count from a score of " +
                    format_number(get(evaluation, "threshold"), 3) +
                    " on, chosen on validation data only. A mark is right when its centre lies in a true box of its "
                    "label that no better mark has found; further marks on it do not count. Average precision goes by "
                    "overlap, and there they are wrong. Ranges are 95 % confidence intervals by bootstrap";
  if (get(evaluation, "groups").is_number())
    out += ", drawn by whole groups (patients or blocks; " + format_number(get(evaluation, "groups"), 0) + " of them)";
  out += ".";
  if (const Json& without = get(evaluation, "without_boxes"); without.is_number() && without.get<double>() > 0) {
    out += " Nobody said where anything lies on " + format_number(without, 0) +
           " more images of the split: they are not judged.";
  }
  out += "</p><div class=\"row\">" + froc_svg(evaluation) + "</div>" + rates_table(get(evaluation, "sensitivities")) +
         sizes_part(get(evaluation, "sizes"));
  for (const Json& label : get(evaluation, "per_label")) {
    out += "<h3>" + text(get(label, "label")) + " (" + format_number(get(label, "findings"), 0) +
           " findings)</h3><table><thead><tr><th>Figure</th><th>Value</th><th>95 % interval</th><th>Counts</th></tr>"
           "</thead>" +
           rows_of_boxes(label) + "</table>";
  }
  return out;
}

std::string box_gallery_part(const Json& gallery) {
  if (!gallery.is_array() || gallery.empty()) return {};
  std::string out = "<h2>What it finds</h2>";
  for (const auto& [kind, title] : {std::pair{"worst", "Most missed or wrong"}, std::pair{"right", "All right"}}) {
    std::string pictures;
    for (const Json& item : gallery) {
      if (get(item, "kind") != kind || !get(item, "png").is_string()) continue;
      pictures += "<figure><img alt=\"\" src=\"data:image/png;base64," + text(get(item, "png")) + "\"><figcaption>" +
                  format_number(get(item, "found"), 0) + " of " + format_number(get(item, "findings"), 0) +
                  " found<small>" + format_number(get(item, "false"), 0) + " false marks</small></figcaption></figure>";
    }
    if (!pictures.empty())
      out += std::string{"<h3>"} + title + "</h3><div class=\"pictures large\">" + pictures + "</div>";
  }
  return out +
         "<p class=\"soft\">Blue: the truth. Orange: the model. Of volumes, the slice through the middle of the first "
         "box. Stretched to each image's own range; text burned into an image stays visible.</p>";
}

}  // namespace aceso::learn::page
