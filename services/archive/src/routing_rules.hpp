// Which series go to which model: the rules of aceso.yaml (routing.rules), read and matched.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/dicom/pixel.hpp"
#include "analysis_table.hpp"

namespace aceso::archive {

struct RoutingRule {
  std::string name;  // unique
  // Patterns with * and ?, without case; one of each list must match, an empty list matches all; those that begin with
  // ! exclude.
  std::vector<std::string> modalities, body_parts, descriptions, calling_aes;
  contracts::ModelRef model;
  bool report = true;                        // SR
  bool picture = true;                       // secondary capture
  bool map = true;                           // of a positive finding: where the model looked, when that can be shown
  bool segmentation = true;                  // of what a model draws
  bool key = true;                           // of a positive finding: key object note
  std::vector<std::string> positive = {};    // classes, in lower case; empty: the one a threshold decides for
  Urgency urgency = Urgency::medium;         // of a positive finding
  std::optional<dicom::Window> window = {};  // else the image's own
  // How many objects a series of these will have: a number, or an attribute of its objects that says so.
  std::size_t expected = 0;     // 0: not said
  dicom::Tag expected_in = {};  // (0000,0000): none
};

struct SeriesFacts {
  std::string modality, body_part, series_description, study_description, calling_ae;
};

// `json`: [{"name", "match": {"modality", "body_part", "description", "calling_ae"}, "model": "name@version", "output":
// ["sr", "sc", "map", "key"], "window": [center, width], "positive": [classes], "urgency": "high", "expect": 64 |
// "ImagesInAcquisition"}], every match a text or a list of texts. A rule without a name is called after its model and
// what it matches. Errors: invalid, "rule 2: ...".
Result<std::vector<RoutingRule>> parse_routing_rules(std::string_view json);

// The answer is one that somebody should look at first.
bool is_positive(const RoutingRule& rule, const contracts::PictureAnswer& answer);

// A description matches when the series' or the study's does.
bool matches(const RoutingRule& rule, const SeriesFacts& facts);

}  // namespace aceso::archive
