// Which items of the reporting guidelines the report answers, found by looking whether the facts are there. Topics are
// worded here; the guidelines themselves are cited in evaluate.hpp.
#include <array>
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate.hpp"
#include "report_page.hpp"

namespace aceso::learn {
namespace {

using page::get;

// What has to be there for an item: a dotted path; "evaluation..." looks into the evaluation, anything else into the
// context. "" and absent values do not count. "-": for the authors.
struct Item {
  const char* list;
  const char* number;
  const char* topic;
  const char* path;
  const char* where;
};

constexpr std::array kItems{
    Item{"TRIPOD+AI", "1", "Title names the model and its target", "card.name", "title"},
    Item{"TRIPOD+AI", "2", "Structured abstract", "-", ""},
    Item{"TRIPOD+AI", "3a", "Clinical background and setting", "-", ""},
    Item{"TRIPOD+AI", "3b", "Intended use and users", "card.intended_use", "model card"},
    Item{"TRIPOD+AI", "3c", "Known inequalities between groups of people", "-", ""},
    Item{"TRIPOD+AI", "4", "Objectives: development, evaluation or both", "-", ""},
    Item{"TRIPOD+AI", "5a", "Sources of the data", "dataset.source", "data"},
    Item{"TRIPOD+AI", "5b", "Dates of collection", "dataset.dates", "data"},
    Item{"TRIPOD+AI", "6a", "Setting and centres", "dataset.centres", "data"},
    Item{"TRIPOD+AI", "6b", "Who was included and who was not", "dataset.eligibility", "data"},
    Item{"TRIPOD+AI", "7", "Preparation of the data, the same in all groups", "signature.preprocessing", "data"},
    Item{"TRIPOD+AI", "8a", "Outcome and how it was determined", "dataset.label_source", "data"},
    Item{"TRIPOD+AI", "9", "Predictors: what the model sees", "signature.inputs", "data"},
    Item{"TRIPOD+AI", "10", "How the number of samples was arrived at", "-", ""},
    Item{"TRIPOD+AI", "11", "Missing and unusable data", "dataset.set_aside", "data"},
    Item{"TRIPOD+AI", "12a", "How data were split for training and evaluation", "dataset.counts", "data"},
    Item{"TRIPOD+AI", "12c", "Type of model, settings and selection", "training.config", "training"},
    Item{"TRIPOD+AI", "12e", "Measures of performance and of clinical utility", "evaluation.decision_curve", "figures"},
    Item{"TRIPOD+AI", "12f", "Recalibration", "evaluation.calibration.fitted_on", "calibration"},
    Item{"TRIPOD+AI", "14", "Fairness: approach and groups looked at", "evaluation.subgroups", "subgroups"},
    Item{"TRIPOD+AI", "15", "What the model answers, and its threshold", "card.threshold", "model card"},
    Item{"TRIPOD+AI", "16", "Differences between training and evaluation data", "-", ""},
    Item{"TRIPOD+AI", "17", "Ethical approval", "-", ""},
    Item{"TRIPOD+AI", "18", "Funding, interests, protocol, availability of data and code", "-", ""},
    Item{"TRIPOD+AI", "20a", "Flow of participants", "dataset.counts", "data"},
    Item{"TRIPOD+AI", "20b", "Characteristics of the participants", "dataset.demographics", "data"},
    Item{"TRIPOD+AI", "22", "The full model, to be used by others", "model_sha256", "bundle"},
    Item{"TRIPOD+AI", "23a", "Performance with confidence intervals", "evaluation.metrics", "figures"},
    Item{"TRIPOD+AI", "23b", "Heterogeneity between groups and sites", "evaluation.subgroups", "subgroups"},
    Item{"TRIPOD+AI", "25", "Limitations", "card.limitations", "model card"},
    Item{"TRIPOD+AI", "26", "How poor or missing input is to be handled", "limits", "model card"},
    Item{"CLAIM", "5", "Prospective or retrospective study", "-", ""},
    Item{"CLAIM", "7", "Sources of the data", "dataset.source", "data"},
    Item{"CLAIM", "8", "Inclusion and exclusion", "dataset.eligibility", "data"},
    Item{"CLAIM", "9", "Preprocessing", "signature.preprocessing", "data"},
    Item{"CLAIM", "11", "De-identification", "dataset.deidentification", "data"},
    Item{"CLAIM", "12", "Missing data", "dataset.set_aside", "data"},
    Item{"CLAIM", "13", "Acquisition of the images", "dataset.acquisition", "data"},
    Item{"CLAIM", "14", "Reference standard", "dataset.label_source", "data"},
    Item{"CLAIM", "16", "Annotators and their agreement", "dataset.annotators", "data"},
    Item{"CLAIM", "20", "Assignment to splits, and that they share no patient", "dataset.counts", "data"},
    Item{"CLAIM", "22", "Architecture, inputs and outputs", "signature.inputs", "data"},
    Item{"CLAIM", "23", "Software and versions", "training.engine", "training"},
    Item{"CLAIM", "24", "Starting weights", "training.config", "training"},
    Item{"CLAIM", "25", "Training: augmentation, settings, stopping", "training.history", "training"},
    Item{"CLAIM", "26", "How the final model was selected", "training.best_epoch", "training"},
    Item{"CLAIM", "28", "Metrics with intervals", "evaluation.metrics", "figures"},
    Item{"CLAIM", "30", "Robustness and sensitivity analysis", "evaluation.robustness", "figures"},
    Item{"CLAIM", "31", "Explanation methods, checked", "evaluation.explanation", "figures"},
    Item{"CLAIM", "33", "Testing on data from elsewhere", "evaluation.external", "figures"},
    Item{"CLAIM", "36", "Demographics of each split", "dataset.demographics", "data"},
    Item{"CLAIM", "37", "Performance on test data against a benchmark", "evaluation.baseline", "baseline"},
    Item{"CLAIM", "38", "Uncertainty of the figures", "evaluation.metrics", "figures"},
    Item{"CLAIM", "39", "Analysis of failures", "gallery", "gallery"},
    Item{"CLAIM", "40", "Limitations", "card.limitations", "model card"},
};

bool present(const Json& evaluation, const Json& context, std::string_view path) {
  const Json* at = &context;
  constexpr std::string_view kEvaluation = "evaluation.";
  if (path.starts_with(kEvaluation)) {
    at = &evaluation;
    path.remove_prefix(kEvaluation.size());
  }
  for (;;) {
    const std::size_t dot = path.find('.');
    at = &get(*at, path.substr(0, dot));
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  if (at->is_null()) return false;
  if (at->is_string()) return !at->get<std::string>().empty();
  // An empty list of unusable samples is an answer; an empty list of subgroups is none.
  return !at->is_array() || !at->empty() || path == "set_aside";
}

}  // namespace

Json reporting_checklist(const Json& evaluation, const Json& context) {
  Json out = Json::array();
  for (const Item& item : kItems) {
    const std::string_view path = item.path;
    const bool authors = path == "-";
    const bool here = !authors && present(evaluation, context, path);
    out.push_back(Json{{"list", item.list},
                       {"item", item.number},
                       {"topic", item.topic},
                       {"state", authors ? "elsewhere"
                                 : here  ? "here"
                                         : "missing"},
                       {"where", here ? item.where : ""}});
  }
  return out;
}

}  // namespace aceso::learn
