// What commands share: figures and predictions in words.
#pragma once

#include <string>

#include "aceso/base/json.hpp"

namespace aceso::app {

std::string describe_figure(const Json& figure);          // "0.954 (0.938-0.968)"
std::string describe_evaluation(const Json& evaluation);  // one line: AUROC, accuracy, sensitivity, specificity, F1
std::string describe_prediction(
    const Json& prediction);  // probability, threshold, uncertainty, model, version, intended use

}  // namespace aceso::app
