#include "mask_files.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "lower.hpp"
#include "sample_file.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::array<std::string_view, 3> kSuffixes{"mask", "segmentation", "seg"};

// "a_mask", "a-seg", "a_mask_2": "a".
std::optional<std::string> image_stem(const std::string& stem) {
  const auto digits = stem.find_last_not_of("0123456789");
  if (digits == std::string::npos) return std::nullopt;
  std::string base = stem.substr(0, digits + 1);
  if (base.size() < stem.size() && (base.back() == '_' || base.back() == '-')) base.pop_back();
  for (const std::string_view suffix : kSuffixes) {
    const std::size_t end = base.size() - std::min(base.size(), suffix.size() + 1);
    if (end > 0 && lower(base).ends_with(suffix) && (base[end] == '_' || base[end] == '-')) return base.substr(0, end);
  }
  return std::nullopt;
}

// The folders in which the image of a file in a folder "masks" may lie.
std::vector<fs::path> image_folders(const fs::path& folder) {
  std::vector<fs::path> out;
  std::vector<fs::path> parts{folder.begin(), folder.end()};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (lower(parts[i].string()) != "masks") continue;
    for (const char* instead : {"images", ""}) {
      fs::path other;
      for (std::size_t k = 0; k < parts.size(); ++k) {
        if (k != i) other /= parts[k];
        if (k == i && *instead != '\0') other /= instead;
      }
      out.push_back(other);
    }
  }
  return out;
}

}  // namespace

MaskFiles pair_masks(std::vector<fs::path> files) {
  std::sort(files.begin(), files.end());
  std::map<fs::path, fs::path> by_stem;  // folder / stem to file
  for (const fs::path& file : files) by_stem.emplace(file.parent_path() / sample_stem(file), file);
  MaskFiles out;
  for (const fs::path& file : files) {
    const auto folders = image_folders(file.parent_path());
    const auto stem = image_stem(sample_stem(file));
    const fs::path* image = nullptr;
    const auto look = [&](const fs::path& at) {
      const auto found = by_stem.find(at);
      if (image == nullptr && found != by_stem.end() && found->second != file) image = &found->second;
    };
    if (stem) look(file.parent_path() / *stem);
    for (const fs::path& folder : folders) {
      look(folder / sample_stem(file));
      if (stem) look(folder / *stem);
    }
    if (image != nullptr) {
      out.masks[*image].push_back(file);
    } else if (stem || !folders.empty()) {
      out.orphans.push_back(file);
    } else {
      out.images.push_back(file);
    }
  }
  return out;
}

}  // namespace aceso::learn
