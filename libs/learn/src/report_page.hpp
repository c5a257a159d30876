// What the pages of evaluation and comparison share: style, and figures in words.
#pragma once

#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "report_svg.hpp"

namespace aceso::learn::page {

const Json& get(const Json& object, std::string_view key);  // null when there is no such field
std::string text(const Json& value);                        // escaped
std::string interval(const Json& figure);                   // "0.91 to 0.95", "" without one
std::string tile(const char* name, const Json& figure);
std::string figure_row(const char* name, const char* meaning, const Json& figure);
std::string pair_row(const char* name, const std::string& value);  // nothing for an empty value
std::string value_with_interval(const Json& figure, int digits = 3);
std::string p_value(const Json& p);  // "p = 0.012", "p < 0.001", "" for null
// Everything up to the notice of research use.
std::string head(const std::string& title, const std::string& kind, const Json& card);

// Sections of the evaluation report, "" where there is nothing to show.
std::string calibration_part(const Json& evaluation);
std::string decision_curve_part(const Json& evaluation);
std::string baseline_part(const Json& evaluation);
std::string subgroups_part(const Json& evaluation);
std::string gallery_part(const Json& gallery);
std::string runs_part(const Json& evaluation);     // folds, seeds, members
std::string labels_part(const Json& evaluation);   // several labels
std::string numbers_part(const Json& evaluation);  // numbers
std::string outlines_part(const Json& evaluation);
std::string outline_gallery_part(const Json& gallery);
std::string boxes_part(const Json& evaluation);
std::string box_gallery_part(const Json& gallery);
std::string training_part(const Json& training);
std::string data_part(const Json& dataset, const Json& card);
std::string card_part(const Json& card, const Json& context);
std::string checklist_part(const Json& checklist);

}  // namespace aceso::learn::page
