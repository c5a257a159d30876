#include "contact_sheet.hpp"

#include <algorithm>

#include "aceso/imaging/image.hpp"
#include "images.hpp"

namespace aceso::models {
namespace {

constexpr std::int64_t kTile = 64;
constexpr std::int64_t kColumns = 16;
constexpr std::size_t kMost = 256;

learn::Array middle_slice(const learn::Array& volume) {
  learn::Array slice;
  slice.dtype = volume.dtype;
  slice.shape.assign(volume.shape.begin() + 1, volume.shape.end());
  const std::size_t bytes = volume.data.size() / static_cast<std::size_t>(volume.shape[0]);
  const auto from =
      volume.data.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(volume.shape[0] / 2) * bytes);
  slice.data.assign(from, from + static_cast<std::ptrdiff_t>(bytes));
  return slice;
}

// The picture's longer side fills the tile; nearest pixels, so that what is seen is what is there.
void place(const imaging::Image& picture, std::size_t tile, imaging::Image& sheet) {
  const std::int64_t longer = std::max(picture.width, picture.height);
  const std::int64_t width = std::max<std::int64_t>(1, picture.width * kTile / longer);
  const std::int64_t height = std::max<std::int64_t>(1, picture.height * kTile / longer);
  const std::int64_t left = static_cast<std::int64_t>(tile) % kColumns * kTile + (kTile - width) / 2;
  const std::int64_t top = static_cast<std::int64_t>(tile) / kColumns * kTile + (kTile - height) / 2;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const std::int64_t from = (y * picture.height / height) * picture.width + x * picture.width / width;
      const std::int64_t to = ((top + y) * sheet.width + left + x) * 3;
      for (std::int64_t c = 0; c < 3; ++c)
        sheet.pixels[static_cast<std::size_t>(to + c)] =
            picture.pixels[static_cast<std::size_t>(from * picture.channels + (picture.channels == 3 ? c : 0))];
    }
  }
}

}  // namespace

Result<std::vector<std::byte>> sample_to_png(const learn::Array& sample, std::string_view kind) {
  if (kind != "image" && kind != "volume") return Error{Code::unsupported, "samples of this kind have no picture"};
  return array_to_png(kind == "volume" ? middle_slice(sample) : sample);
}

Result<std::vector<std::byte>> contact_sheet(const learn::Dataset& dataset, std::span<const std::size_t> indices) {
  indices = indices.first(std::min(indices.size(), kMost));
  if (indices.empty()) return Error{Code::not_found, "no such samples"};
  const auto tiles = static_cast<std::int64_t>(indices.size());
  imaging::Image sheet;
  sheet.width = std::min(tiles, kColumns) * kTile;
  sheet.height = (tiles + kColumns - 1) / kColumns * kTile;
  sheet.channels = 3;
  sheet.pixels.resize(static_cast<std::size_t>(sheet.width * sheet.height * 3));
  for (std::size_t tile = 0; tile < indices.size(); ++tile) {
    ACESO_TRY(const auto png, sample_to_png(dataset.array(indices[tile]), dataset.manifest().kind));
    ACESO_TRY(const imaging::Image picture, imaging::decode_png(png));
    place(picture, tile, sheet);
  }
  return imaging::encode_png(sheet);
}

}  // namespace aceso::models
