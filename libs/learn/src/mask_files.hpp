// Which files of a folder are outlines of which others.
#pragma once

#include <filesystem>
#include <map>
#include <vector>

namespace aceso::learn {

struct MaskFiles {
  std::vector<std::filesystem::path> images;                                  // sorted
  std::map<std::filesystem::path, std::vector<std::filesystem::path>> masks;  // by image
  std::vector<std::filesystem::path> orphans;                                 // named as a mask, without an image
};

// `files`: relative paths of images and volumes. A mask is named after its image with _mask, _seg or _segmentation
// (and a number, when there are several) behind the stem, beside it; or as its image, in a folder "masks" beside the
// image's folder "images", or below the image's own folder.
MaskFiles pair_masks(std::vector<std::filesystem::path> files);

}  // namespace aceso::learn
