// Boxes of a data set as a network learns them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "aceso/learn/augment.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

// Which of the split's samples say where something is: they have a box, or it is known that there is nothing to box. A
// sample without a box whose class is one of those that boxes have was not boxed by anybody; one without a label was
// not looked at.
struct BoxSamples {
  std::vector<std::size_t> indices;
  std::size_t without = 0;
};
BoxSamples box_samples(const Dataset& dataset, const std::vector<std::size_t>& split,
                       const std::vector<std::string>& labels);

// The model's label of each class of the data set by name, -1: it has none. Boxes without a class (-1) are of the one
// label "finding".
inline constexpr const char* kFinding = "finding";
std::vector<int> label_of_classes(const Manifest& manifest, const std::vector<std::string>& labels);
// The sample's boxes with the model's labels. invalid names the sample: a box of a class without a label, or one that
// does not lie in its image.
Result<std::vector<Box>> labelled_boxes(const Manifest& manifest, const Sample& sample,
                                        const std::vector<int>& label_of_class);

Shape spatial_of_sample(const Manifest& manifest, const Sample& sample);

// From one grid to another over the same image.
void scale_boxes(std::vector<Box>& boxes, const Shape& from, const Shape& to);
// Left and right exchanged in a grid of this width.
void mirror_boxes(std::vector<Box>& boxes, std::int64_t width);
// As the image moves; what lies outside then, or has less than a pixel left along an axis that was cut, is dropped.
void move_boxes(std::vector<Box>& boxes, const Warp& warp);

// Targets of one sample [labels + 2 * axes, cells...], zeros before: around each centre a Gaussian of a sixth of the
// box's size (at least a third of a cell) on its label's map, 1 in the centre's cell; there also the box's size in
// cells and the centre's place in its cell. Of two centres in one cell the smaller box is learnt.
void draw_box_targets(const std::vector<Box>& boxes, std::size_t labels, const Shape& grid, const Shape& cells,
                      std::span<float> out);

}  // namespace aceso::learn
