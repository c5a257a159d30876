// Charts of the report as inline SVG. All values come from JSON that may lack any of them.
#pragma once

#include <string>

#include "aceso/base/json.hpp"

namespace aceso::learn {

std::string escape_html(std::string_view text);
std::string format_number(const Json& value, int digits);        // "n/a" for anything but a number
std::string roc_svg(const Json& points);                         // [{fpr, tpr}]
std::string pr_svg(const Json& points, const Json& prevalence);  // [{recall, precision}]
std::string decision_curve_svg(const Json& points);              // [{threshold, model, low, high, treat_all}]
std::string reliability_svg(const Json& bins);                   // [{predicted, observed, low, high, count}]
std::string curves_svg(const Json& history);  // [{epoch, train_loss, validation_loss, validation_auc}]
std::string scatter_svg(const Json& points, const std::string& unit);  // [[measured, predicted]], with the diagonal
// The same points as differences over means, with the lines of `agreement` {bias, low, high, each with its interval}.
std::string bland_altman_svg(const Json& points, const Json& agreement, const std::string& unit);
std::string confusion_table(const Json& rows, const Json& classes);  // an HTML table, shaded by the row's share

}  // namespace aceso::learn
