// What readers draw: boxes, and outlines as runs of pixels. Read from outside, compared between readers, turned into
// what a dataset keeps (ADR 0156).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::models {

struct DrawnObject {
  std::size_t label = 0;             // index of the project's class
  std::array<double, 4> box = {};    // left, top, right, bottom in pixels from the upper left corner; of boxes
  std::vector<std::int64_t> runs{};  // start, length, start, length... over the rows of the image; of outlines
};

struct DrawnLimits {
  std::vector<std::string> classes;
  std::int64_t width = 0, height = 0;
  bool outlines = false;
};

// [{"class": name, "box": [left, top, right, bottom]}] or [{"class": name, "runs": [start, length, ...]}]: at most 200
// objects; boxes of at least one pixel that lie in the image; runs that ascend, do not touch each other and lie in the
// image, at most 400,000 of one answer. Errors: invalid, naming the object by its number.
Result<std::vector<DrawnObject>> parse_objects(const Json& json, const DrawnLimits& limits);
Json objects_json(const std::vector<DrawnObject>& objects, const std::vector<std::string>& classes);

// 0: background, class + 1 elsewhere; where objects overlap the later one stays.
learn::Array mask_of(const std::vector<DrawnObject>& objects, std::int64_t width, std::int64_t height);
learn::Box box_of(const DrawnObject& object);  // rows first; label as in the dataset that is made: class + 1
double area_of(const DrawnObject& object);     // pixels

double box_iou(const std::array<double, 4>& a, const std::array<double, 4>& b) noexcept;
// Boxes of one class in pairs, the best first (greedy, as in the PASCAL VOC protocol), at an IoU of kBoxMatch or more.
constexpr double kBoxMatch = 0.5;
struct BoxMatch {
  std::vector<double> ious;  // of the pairs
  std::size_t only_a = 0, only_b = 0;
};
BoxMatch match_boxes(const std::vector<DrawnObject>& a, const std::vector<DrawnObject>& b);

// Of each class the Dice coefficient of the pixels that the two have drawn; none where neither drew that class.
std::vector<std::optional<double>> dice_by_class(const std::vector<DrawnObject>& a, const std::vector<DrawnObject>& b,
                                                 std::size_t classes);
// Readers agree on outlines when each class that either drew reaches it.
constexpr double kDiceAgree = 0.8;
bool agree_on(const std::vector<DrawnObject>& a, const std::vector<DrawnObject>& b, bool outlines, std::size_t classes);

}  // namespace aceso::models
