#include "labelling_shapes.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

namespace aceso::models {
namespace {

constexpr std::size_t kMaxObjects = 200;
constexpr std::size_t kMaxRuns = 400'000;

Error wrong(std::size_t number, std::string_view what) {
  return Error{Code::invalid, "answer: objects[" + std::to_string(number) + "]: " + std::string{what}};
}

Status parse_box(const Json& json, const DrawnLimits& limits, std::size_t number, DrawnObject& object) {
  if (!json.is_array() || json.size() != 4) return wrong(number, "box: left, top, right, bottom are expected");
  for (std::size_t i = 0; i < 4; ++i) {
    if (!json[i].is_number()) return wrong(number, "box: numbers are expected");
    object.box[i] = json[i].get<double>();
  }
  const auto& [left, top, right, bottom] = object.box;
  const bool good = left >= 0 && top >= 0 && right - left >= 1 && bottom - top >= 1 &&
                    right <= static_cast<double>(limits.width) && bottom <= static_cast<double>(limits.height);
  if (!good) return wrong(number, "box: does not lie in the image, or is smaller than a pixel");
  return {};
}

Status parse_runs(const Json& json, const DrawnLimits& limits, std::size_t number, std::size_t& total,
                  DrawnObject& object) {
  if (!json.is_array() || json.empty() || json.size() % 2 != 0)
    return wrong(number, "runs: pairs of start and length are expected");
  total += json.size() / 2;
  if (total > kMaxRuns) return wrong(number, "runs: more than 400000 in one answer");
  const std::int64_t end_of_image = limits.width * limits.height;
  std::int64_t last = -1;  // the pixel behind the run before
  object.runs.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); i += 2) {
    if (!json[i].is_number_integer() || !json[i + 1].is_number_integer())
      return wrong(number, "runs: whole numbers are expected");
    if (json[i].is_number_unsigned() && json[i].get<std::uint64_t>() > std::uint64_t{1} << 40)
      return wrong(number, "runs: lie outside the image");
    if (json[i + 1].is_number_unsigned() && json[i + 1].get<std::uint64_t>() > std::uint64_t{1} << 40)
      return wrong(number, "runs: lie outside the image");
    const auto start = json[i].get<std::int64_t>(), length = json[i + 1].get<std::int64_t>();
    if (start < 0 || length < 1 || start >= end_of_image || length > end_of_image - start)
      return wrong(number, "runs: lie outside the image");
    if (start <= last) return wrong(number, "runs: must ascend and not touch each other");
    last = start + length;
    object.runs.push_back(start);
    object.runs.push_back(length);
  }
  return {};
}

}  // namespace

Result<std::vector<DrawnObject>> parse_objects(const Json& json, const DrawnLimits& limits) {
  if (!json.is_array() || json.size() > kMaxObjects)
    return Error{Code::invalid, "answer: objects: a list of at most 200 is expected"};
  std::vector<DrawnObject> out;
  out.reserve(json.size());
  std::size_t runs = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const Json& item = json[i];
    if (!item.is_object()) return wrong(i, "an object is expected");
    const char* shape = limits.outlines ? "runs" : "box";
    for (const auto& [key, value] : item.items()) {
      if (key != "class" && key != shape) return wrong(i, "unknown field " + key.substr(0, 64));
    }
    if (!item.contains("class") || !item["class"].is_string()) return wrong(i, "class: is missing");
    if (!item.contains(shape)) return wrong(i, std::string{shape} + ": is missing");
    const auto found =
        std::find(limits.classes.begin(), limits.classes.end(), item["class"].get_ref<const std::string&>());
    if (found == limits.classes.end()) return wrong(i, "class: is none of this project's");
    DrawnObject object;
    object.label = static_cast<std::size_t>(found - limits.classes.begin());
    if (limits.outlines) {
      ACESO_TRY_OK(parse_runs(item["runs"], limits, i, runs, object));
    } else {
      ACESO_TRY_OK(parse_box(item["box"], limits, i, object));
    }
    out.push_back(std::move(object));
  }
  return out;
}

Json objects_json(const std::vector<DrawnObject>& objects, const std::vector<std::string>& classes) {
  Json out = Json::array();
  for (const DrawnObject& object : objects) {
    Json item{{"class", object.label < classes.size() ? classes[object.label] : std::string{}}};
    if (object.runs.empty()) {
      item["box"] = object.box;
    } else {
      item["runs"] = object.runs;
    }
    out.push_back(std::move(item));
  }
  return out;
}

learn::Array mask_of(const std::vector<DrawnObject>& objects, std::int64_t width, std::int64_t height) {
  learn::Array mask = learn::Array::zeros(learn::DType::u8, {height, width});
  for (const DrawnObject& object : objects) {
    const auto value = static_cast<std::byte>(object.label + 1);
    for (std::size_t i = 0; i + 1 < object.runs.size(); i += 2)
      std::fill_n(mask.data.begin() + object.runs[i], object.runs[i + 1], value);
  }
  return mask;
}

learn::Box box_of(const DrawnObject& object) {
  return {.label = static_cast<int>(object.label) + 1,
          .low = {object.box[1], object.box[0]},
          .high = {object.box[3], object.box[2]}};
}

double area_of(const DrawnObject& object) {
  if (object.runs.empty()) return (object.box[2] - object.box[0]) * (object.box[3] - object.box[1]);
  double sum = 0;
  for (std::size_t i = 1; i < object.runs.size(); i += 2) sum += static_cast<double>(object.runs[i]);
  return sum;
}

double box_iou(const std::array<double, 4>& a, const std::array<double, 4>& b) noexcept {
  const double width = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const double height = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  if (!(width > 0) || !(height > 0)) return 0;
  const double both = width * height;
  return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

BoxMatch match_boxes(const std::vector<DrawnObject>& a, const std::vector<DrawnObject>& b) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      const double iou = a[i].label == b[j].label ? box_iou(a[i].box, b[j].box) : 0;
      if (iou >= kBoxMatch) pairs.emplace_back(-iou, i, j);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::vector<bool> used_a(a.size()), used_b(b.size());
  BoxMatch match;
  for (const auto& [iou, i, j] : pairs) {
    if (used_a[i] || used_b[j]) continue;
    used_a[i] = used_b[j] = true;
    match.ious.push_back(-iou);
  }
  match.only_a = a.size() - match.ious.size();
  match.only_b = b.size() - match.ious.size();
  return match;
}

namespace {

// Pixels of one class, each once, as sorted runs [start, end).
std::vector<std::pair<std::int64_t, std::int64_t>> pixels_of(const std::vector<DrawnObject>& objects,
                                                             std::size_t label) {
  std::vector<std::pair<std::int64_t, std::int64_t>> runs, merged;
  for (const DrawnObject& object : objects) {
    if (object.label != label) continue;
    for (std::size_t i = 0; i + 1 < object.runs.size(); i += 2)
      runs.emplace_back(object.runs[i], object.runs[i] + object.runs[i + 1]);
  }
  std::sort(runs.begin(), runs.end());
  for (const auto& run : runs) {
    if (!merged.empty() && run.first <= merged.back().second) {
      merged.back().second = std::max(merged.back().second, run.second);
    } else {
      merged.push_back(run);
    }
  }
  return merged;
}

double length_of(const std::vector<std::pair<std::int64_t, std::int64_t>>& runs) {
  double sum = 0;
  for (const auto& [start, end] : runs) sum += static_cast<double>(end - start);
  return sum;
}

}  // namespace

std::vector<std::optional<double>> dice_by_class(const std::vector<DrawnObject>& a, const std::vector<DrawnObject>& b,
                                                 std::size_t classes) {
  std::vector<std::optional<double>> out(classes);
  for (std::size_t label = 0; label < classes; ++label) {
    const auto first = pixels_of(a, label), second = pixels_of(b, label);
    const double total = length_of(first) + length_of(second);
    if (!(total > 0)) continue;
    double both = 0;
    for (std::size_t i = 0, j = 0; i < first.size() && j < second.size();) {
      const std::int64_t low = std::max(first[i].first, second[j].first);
      const std::int64_t high = std::min(first[i].second, second[j].second);
      if (high > low) both += static_cast<double>(high - low);
      if (first[i].second < second[j].second) {
        ++i;
      } else {
        ++j;
      }
    }
    out[label] = 2 * both / total;
  }
  return out;
}

bool agree_on(const std::vector<DrawnObject>& a, const std::vector<DrawnObject>& b, bool outlines,
              std::size_t classes) {
  if (!outlines) {
    const BoxMatch match = match_boxes(a, b);
    return match.only_a == 0 && match.only_b == 0;
  }
  const auto dice = dice_by_class(a, b, classes);
  return std::all_of(dice.begin(), dice.end(), [](const auto& d) { return !d || *d >= kDiceAgree; });
}

}  // namespace aceso::models
