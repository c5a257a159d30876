#include "report_svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace aceso::learn {
namespace {

constexpr double kLeft = 46;
constexpr double kTop = 12;

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);  // NOLINT(cert-err33-c): cut at worst
  return text;
}

double number(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number()) return std::nan("");
  return object[key].get<double>();
}

struct Range {
  double low = 0, high = 1;
};

// A square or wide plot with axes, ticks and labels; x and y map values to pixels.
class Plot {
 public:
  Plot(double width, double height, Range x, Range y, const std::string& title)
      : width_{width}, height_{height}, x_{x}, y_{y} {
    out_ = "<svg viewBox=\"0 0 " + fixed(width + 66, 0) + " " + fixed(height + 56, 0) +
           "\" role=\"img\" aria-label=\"" + escape_html(title) + "\">";
  }
  double x(double value) const { return kLeft + (value - x_.low) / (x_.high - x_.low) * width_; }
  double y(double value) const { return kTop + (y_.high - value) / (y_.high - y_.low) * height_; }

  void axes(const std::string& x_label, const std::string& y_label, int x_digits, int y_digits, int x_ticks = 5) {
    for (int i = 0; i <= 5; ++i) {
      const double value = y_.low + (y_.high - y_.low) * i / 5;
      out_ += "<line class=\"grid\" x1=\"" + fixed(kLeft, 1) + "\" x2=\"" + fixed(kLeft + width_, 1) + "\" y1=\"" +
              fixed(y(value), 1) + "\" y2=\"" + fixed(y(value), 1) + "\"/>";
      out_ += text(kLeft - 6, y(value) + 4, "end", fixed(value, y_digits));
    }
    for (int i = 0; i <= x_ticks; ++i) {
      const double value = x_.low + (x_.high - x_.low) * i / x_ticks;
      out_ += text(x(value), kTop + height_ + 16, "middle", fixed(value, x_digits));
    }
    out_ += text(kLeft + width_ / 2, kTop + height_ + 36, "middle", x_label);
    out_ += "<text transform=\"translate(12 " + fixed(kTop + height_ / 2, 1) +
            ") rotate(-90)\" text-anchor=\"middle\">" + escape_html(y_label) + "</text>";
  }
  void line(const std::vector<std::pair<double, double>>& points, const char* style) {
    std::string path;
    for (const auto& [px, py] : points) {
      if (std::isfinite(px) && std::isfinite(py))
        path += (path.empty() ? "M" : "L") + fixed(x(px), 1) + " " + fixed(y(py), 1);
    }
    if (!path.empty()) out_ += std::string{"<path class=\""} + style + "\" d=\"" + path + "\"/>";
  }
  void dot(double px, double py, const char* style) {
    out_ += std::string{"<circle class=\""} + style + "\" cx=\"" + fixed(x(px), 1) + "\" cy=\"" + fixed(y(py), 1) +
            "\" r=\"3.5\"/>";
  }
  std::string finish() { return out_ + "</svg>"; }

 private:
  static std::string text(double px, double py, const char* anchor, const std::string& value) {
    return "<text x=\"" + fixed(px, 1) + "\" y=\"" + fixed(py, 1) + "\" text-anchor=\"" + anchor + "\">" +
           escape_html(value) + "</text>";
  }
  double width_, height_;
  Range x_, y_;
  std::string out_;
};

Range range_of(const Json& history, std::initializer_list<const char*> keys) {
  Range range{INFINITY, -INFINITY};
  for (const Json& item : history) {
    for (const char* key : keys) {
      const double value = number(item, key);
      if (!std::isfinite(value)) continue;
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  if (!(range.low <= range.high)) return {0, 1};
  if (range.low == range.high) range.high = range.low + 1;
  return range;
}

std::vector<std::pair<double, double>> series(const Json& history, const char* key) {
  std::vector<std::pair<double, double>> points;
  for (const Json& item : history) points.emplace_back(number(item, "epoch"), number(item, key));
  return points;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string format_number(const Json& value, int digits) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) return "n/a";
  return value.is_number_integer() && digits == 0 ? value.dump() : fixed(value.get<double>(), digits);
}

std::string roc_svg(const Json& points) {
  Plot plot{280, 280, {}, {}, "ROC curve"};
  plot.axes("1 - specificity", "sensitivity", 1, 1);
  plot.line({{0, 0}, {1, 1}}, "chance");
  std::vector<std::pair<double, double>> curve;
  for (const Json& point : points) curve.emplace_back(number(point, "fpr"), number(point, "tpr"));
  plot.line(curve, "main");
  return plot.finish();
}

std::string pr_svg(const Json& points, const Json& prevalence) {
  Plot plot{280, 280, {}, {}, "Precision against recall"};
  plot.axes("recall (sensitivity)", "precision (PPV)", 1, 1);
  if (prevalence.is_number()) plot.line({{0, prevalence.get<double>()}, {1, prevalence.get<double>()}}, "chance");
  std::vector<std::pair<double, double>> curve;
  for (const Json& point : points) curve.emplace_back(number(point, "recall"), number(point, "precision"));
  plot.line(curve, "main");
  return plot.finish();
}

std::string decision_curve_svg(const Json& points) {
  double top = 0.05;
  for (const Json& point : points)
    top = std::max({top, number(point, "model"), number(point, "treat_all"), number(point, "high")});
  const double floor = -top / 4;
  Plot plot{520, 260, {}, {floor, top * 1.05}, "Decision curve"};
  plot.axes("threshold probability", "net benefit", 1, 2);
  const auto cut = [floor](double value) { return std::max(value, floor); };
  std::vector<std::pair<double, double>> model, all, band, back;
  for (const Json& point : points) {
    const double t = number(point, "threshold");
    model.emplace_back(t, cut(number(point, "model")));
    if (number(point, "treat_all") >= floor) all.emplace_back(t, number(point, "treat_all"));
    band.emplace_back(t, cut(number(point, "high")));
    back.emplace_back(t, cut(number(point, "low")));
  }
  band.insert(band.end(), back.rbegin(), back.rend());
  plot.line(band, "area");
  plot.line({{0, 0}, {1, 0}}, "chance");
  plot.line(all, "second");
  plot.line(model, "main");
  return plot.finish();
}

std::string reliability_svg(const Json& bins) {
  Plot plot{280, 280, {}, {}, "Reliability diagram"};
  plot.axes("predicted probability", "observed share", 1, 1);
  plot.line({{0, 0}, {1, 1}}, "chance");
  std::vector<std::pair<double, double>> curve;
  for (const Json& bin : bins) {
    const double predicted = number(bin, "predicted");
    const double observed = number(bin, "observed");
    if (!std::isfinite(predicted) || !std::isfinite(observed)) continue;
    plot.line({{predicted, number(bin, "low")}, {predicted, number(bin, "high")}}, "whisker");
    plot.dot(predicted, observed, "dot");
    curve.emplace_back(predicted, observed);
  }
  plot.line(curve, "main");
  return plot.finish();
}

std::string curves_svg(const Json& history) {
  if (!history.is_array() || history.empty()) return {};
  const double last = std::max(2.0, static_cast<double>(history.size()));
  const int ticks = static_cast<int>(std::min(last - 1, 6.0));
  Plot loss{280, 200, {1, last}, range_of(history, {"train_loss", "validation_loss"}), "Loss by epoch"};
  loss.axes("epoch", "loss", 0, 3, ticks);
  loss.line(series(history, "train_loss"), "main");
  loss.line(series(history, "validation_loss"), "second");
  const auto has = [&](const char* figure) {
    const Json& last_one = history.back();
    return last_one.is_object() && last_one.contains(figure) && last_one[figure].is_number();
  };
  const bool dice = has("validation_dice"), rmse = has("validation_rmse"), boxes = has("validation_ap");
  const std::string name = dice    ? "mean Dice"
                           : boxes ? "average precision"
                           : rmse  ? "RMSE"
                                   : "AUROC",
                    key = dice    ? "validation_dice"
                          : boxes ? "validation_ap"
                          : rmse  ? "validation_rmse"
                                  : "validation_auc";
  Plot area{280, 200, {1, last}, range_of(history, {key.c_str()}), "Validation " + name + " by epoch"};
  area.axes("epoch", "validation " + name, 0, 3, ticks);
  area.line(series(history, key.c_str()), "second");
  return "<figure>" + loss.finish() +
         "<figcaption>Loss: <span class=\"k1\">training</span>, <span "
         "class=\"k2\">validation</span></figcaption></figure><figure>" +
         area.finish() + "<figcaption>" + name + " on validation data</figcaption></figure>";
}

namespace {

struct Pairs {
  std::vector<std::pair<double, double>> values;
  Range x{INFINITY, -INFINITY}, y{INFINITY, -INFINITY};
  void add(double a, double b) {
    values.emplace_back(a, b);
    x = {std::min(x.low, a), std::max(x.high, a)};
    y = {std::min(y.low, b), std::max(y.high, b)};
  }
};

// Room around the points; never without width.
Range widened(Range range) {
  const double room = range.high > range.low ? 0.05 * (range.high - range.low) : 1;
  return {range.low - room, range.high + room};
}

int digits_for(Range range) {
  const double step = (range.high - range.low) / 5;
  return step >= 5 ? 0 : step >= 0.5 ? 1 : step >= 0.05 ? 2 : 3;
}

std::optional<std::pair<double, double>> pair_at(const Json& point) {
  if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_number()) return std::nullopt;
  return std::pair{point[0].get<double>(), point[1].get<double>()};
}

std::string with_unit(const std::string& what, const std::string& unit) {
  return unit.empty() ? what : what + ", " + unit;
}

}  // namespace

std::string scatter_svg(const Json& points, const std::string& unit) {
  Pairs pairs;
  for (const Json& point : points) {
    if (const auto p = pair_at(point)) pairs.add(p->first, p->second);
  }
  if (pairs.values.empty()) return {};
  const Range both = widened({std::min(pairs.x.low, pairs.y.low), std::max(pairs.x.high, pairs.y.high)});
  Plot plot{280, 280, both, both, "Predicted against measured"};
  plot.axes(with_unit("measured", unit), with_unit("predicted", unit), digits_for(both), digits_for(both));
  plot.line({{both.low, both.low}, {both.high, both.high}}, "chance");
  for (const auto& [x, y] : pairs.values) plot.dot(x, y, "dot");
  return plot.finish();
}

std::string bland_altman_svg(const Json& points, const Json& agreement, const std::string& unit) {
  Pairs pairs;
  for (const Json& point : points) {
    if (const auto p = pair_at(point)) pairs.add((p->first + p->second) / 2, p->second - p->first);
  }
  if (pairs.values.empty() || !agreement.is_object()) return {};
  for (const char* line : {"low", "high"}) {
    const double at = number(agreement.value(line, Json::object()), "value");
    if (std::isfinite(at)) pairs.y = {std::min(pairs.y.low, at), std::max(pairs.y.high, at)};
  }
  const Range x = widened(pairs.x), y = widened(pairs.y);
  Plot plot{340, 240, x, y, "Differences over means"};
  plot.axes(with_unit("mean of predicted and measured", unit), with_unit("predicted - measured", unit), digits_for(x),
            digits_for(y));
  for (const auto& [line, style] :
       {std::pair{"bias", "main"}, std::pair{"low", "second"}, std::pair{"high", "second"}}) {
    const double at = number(agreement.value(line, Json::object()), "value");
    plot.line({{x.low, at}, {x.high, at}}, style);
  }
  for (const auto& [px, py] : pairs.values) plot.dot(px, py, "dot");
  return plot.finish();
}

std::string confusion_table(const Json& rows, const Json& classes) {
  const auto name = [&](std::size_t i) {
    return classes.is_array() && i < classes.size() && classes[i].is_string() ? classes[i].get<std::string>()
                                                                              : std::to_string(i);
  };
  std::string out = "<table class=\"confusion\"><tr><th>truth \\ decision</th>";
  for (std::size_t d = 0; d < rows.size(); ++d) out += "<th>" + escape_html(name(d)) + "</th>";
  out += "</tr>";
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (!rows[t].is_array()) continue;
    double total = 0;
    for (const Json& cell : rows[t]) total += cell.is_number() ? cell.get<double>() : 0;
    out += "<tr><th>" + escape_html(name(t)) + "</th>";
    for (std::size_t d = 0; d < rows[t].size(); ++d) {
      const double share = total > 0 && rows[t][d].is_number() ? rows[t][d].get<double>() / total : 0;
      out += std::string{"<td class=\""} + (t == d ? "right" : "wrong") + "\" style=\"--share:" + fixed(share, 3) +
             "\">" + format_number(rows[t][d], 0) + "<small>" + fixed(share * 100, 1) + " %</small></td>";
    }
    out += "</tr>";
  }
  return out + "</table>";
}

}  // namespace aceso::learn
