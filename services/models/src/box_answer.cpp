#include "box_answer.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/stats/interval.hpp"

namespace aceso::models {
namespace {

constexpr double kIntervalLevel = 0.95;

std::string percent_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);  // NOLINT(cert-err33-c): it fits
  return text;
}

std::string two_decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);  // NOLINT(cert-err33-c): it fits
  return text;
}

Json too_few() {
  return Json{{"kind", "none"},
              {"text", "The model's bundle holds too few validation marks to say how often such a box is right."}};
}

Json marks_like(const Json& table, double score) {
  const Json& bins = table.at("bins");
  if (bins.empty()) return too_few();
  std::size_t chosen = bins.size() - 1;
  for (std::size_t i = 0; i + 1 < bins.size(); ++i) {  // between two groups: the nearer one
    if (score <= (bins[i].at("high").get<double>() + bins[i + 1].at("low").get<double>()) / 2) {
      chosen = i;
      break;
    }
  }
  const Json& bin = bins[chosen];
  const double from = bin.at("low").get<double>(), to = bin.at("high").get<double>();
  const auto marks = bin.at("marks").get<std::uint64_t>(), hits = bin.at("hits").get<std::uint64_t>();
  const auto interval = stats::wilson_interval(hits, marks);
  if (!interval) return too_few();
  const bool outside = score < bins.front().at("low").get<double>() || score > bins.back().at("high").get<double>();
  std::string text = "Of " + std::to_string(marks) + " validation marks with a score of " + two_decimals(from) +
                     " to " + two_decimals(to) + ", " + std::to_string(hits) +
                     " lay on a finding (95 %: " + percent_text(interval->low) + " to " + percent_text(interval->high) +
                     ").";
  if (outside) text += " This score is outside of those of all validation marks.";
  return Json{{"kind", "validation-marks"},
              {"marks", marks},
              {"hits", hits},
              {"observed", static_cast<double>(hits) / static_cast<double>(marks)},
              {"low", interval->low},
              {"high", interval->high},
              {"level", kIntervalLevel},
              {"score_low", from},
              {"score_high", to},
              {"outside", outside},
              {"text", std::move(text)}};
}

Json whole_answer(const Json& table, bool marked) {
  const auto images = table.at("images").get<std::uint64_t>(), findings = table.at("findings").get<std::uint64_t>(),
             found = table.at("found").get<std::uint64_t>(), wrong = table.at("false_marks").get<std::uint64_t>(),
             unmarked = table.at("unmarked").get<std::uint64_t>(),
             missed = table.at("unmarked_with_finding").get<std::uint64_t>();
  if (images == 0) return too_few();
  std::string text = "On " + std::to_string(images) + " validation images the model found " + std::to_string(found) +
                     " of " + std::to_string(findings) + " findings, with " +
                     two_decimals(static_cast<double>(wrong) / static_cast<double>(images)) + " false boxes an image.";
  if (!marked) {
    text += " Of the " + std::to_string(unmarked) + " on which it marked nothing, " + std::to_string(missed) +
            " held a finding all the same.";
  }
  return Json{{"kind", "by-box"}, {"images", images},     {"findings", findings},
              {"found", found},   {"false_marks", wrong}, {"text", std::move(text)}};
}

}  // namespace

Json box_uncertainty(const Json& table, double score) {
  if (!table.is_object()) return too_few();
  try {
    return marks_like(table, score);
  } catch (const nlohmann::json::exception&) {  // a bundle from elsewhere whose table has another shape
    return too_few();
  }
}

Json boxes_uncertainty(const Json& table, bool marked) {
  if (!table.is_object()) return too_few();
  try {
    return whole_answer(table, marked);
  } catch (const nlohmann::json::exception&) {
    return too_few();
  }
}

Json describe_boxes(const std::vector<std::string>& labels, const std::vector<learn::FoundBox>& found, double threshold,
                    const learn::Shape& shape, const std::vector<double>& spacing_mm, const Json& table) {
  std::vector<double> largest(labels.size(), 0);
  Json boxes = Json::array();
  const bool spaced = spacing_mm.size() == shape.size();
  for (const learn::FoundBox& box : found) {
    const auto label = static_cast<std::size_t>(box.label);
    largest[label] = std::max(largest[label], box.score);
    if (box.score < threshold) continue;
    Json size = nullptr;
    if (spaced) {
      size = Json::array();
      for (std::size_t d = 0; d < shape.size(); ++d) size.push_back((box.high[d] - box.low[d]) * spacing_mm[d]);
    }
    boxes.push_back(Json{{"label", labels[label]},
                         {"score", box.score},
                         {"low", box.low},
                         {"high", box.high},
                         {"size_mm", std::move(size)},
                         {"uncertainty", box_uncertainty(table, box.score)}});
  }
  Json slice = nullptr;
  if (shape.size() == 3) {
    const double middle = boxes.empty() ? static_cast<double>(shape[0]) / 2
                                        : (boxes[0]["low"][0].get<double>() + boxes[0]["high"][0].get<double>()) / 2;
    slice = std::clamp<std::int64_t>(static_cast<std::int64_t>(middle), 0, shape[0] - 1);
  }
  Json scores = Json::array();
  for (std::size_t k = 0; k < labels.size(); ++k) scores.push_back(Json{{"label", labels[k]}, {"score", largest[k]}});
  return Json{{"kind", "boxes"},
              {"shape", shape},
              {"spacing_mm", spaced ? Json(spacing_mm) : Json(nullptr)},
              {"threshold", threshold},
              {"boxes", std::move(boxes)},
              {"largest", std::move(scores)},
              {"slice", std::move(slice)}};
}

}  // namespace aceso::models
