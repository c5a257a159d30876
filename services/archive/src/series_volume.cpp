#include "series_volume.hpp"

#include <algorithm>
#include <utility>

#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "analysis_input.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

constexpr std::uint64_t kMaxSlice = std::uint64_t{256} << 20;

Error no_volume(std::string why) {
  return {Code::unsupported, "the series is no volume: " + std::move(why)};
}

// Where voxel (slice, row, column) lies in the turned volume.
struct Turn {
  std::array<std::size_t, 3> from, step{};
  std::array<bool, 3> backwards{};
  learn::Shape shape;

  Turn(const dicom::Stack& stack, const std::array<std::size_t, 3>& size) : from{size} {
    std::array<std::size_t, 3> sizes{};
    for (std::size_t a = 0; a < 3; ++a) sizes[a] = from[stack.axis[a]];
    const std::array<std::size_t, 3> strides{sizes[1] * sizes[2], sizes[2], 1};
    for (std::size_t a = 0; a < 3; ++a) {
      step[stack.axis[a]] = strides[a];
      backwards[stack.axis[a]] = stack.flipped[a];
      shape.push_back(static_cast<std::int64_t>(sizes[a]));
    }
  }
  std::size_t place(std::size_t axis, std::size_t i) const {
    return (backwards[axis] ? from[axis] - 1 - i : i) * step[axis];
  }
};

Status check_slice(const dicom::Object& object, const dicom::PixelFormat& format, const SeriesVolume& volume) {
  if (format.frames > 1) return no_volume("it holds objects of several frames");
  if (format.samples != 1 ||
      (format.photometric != dicom::Photometric::monochrome1 && format.photometric != dicom::Photometric::monochrome2))
    return no_volume("it holds images in colour");
  if (!dicom::can_decode(*object.syntax)) return no_volume("there is no decoder for a slice's transfer syntax");
  if (volume.size[1] != 0 && (format.rows != volume.size[1] || format.columns != volume.size[2]))
    return no_volume("its slices differ in size");
  return {};
}

// Heads and planes of all images, then the images in the order of their places.
Status arrange(const ObjectStore& store, const std::vector<InstancePtr>& images, SeriesVolume& volume) {
  std::vector<dicom::Object> heads;
  std::vector<dicom::Plane> planes;
  for (const auto& image : images) {
    ACESO_TRY(auto head, read_head(store, *image));
    auto format = dicom::pixel_format(head.dataset);
    if (!format) return no_volume("an object holds no image");
    ACESO_TRY_OK(check_slice(head, *format, volume));
    volume.size = {images.size(), format->rows, format->columns};
    const auto plane = dicom::frame_plane(head.dataset);
    if (!plane) return no_volume("a slice does not say where it lies");
    planes.push_back(*plane);
    heads.push_back(std::move(head));
  }
  const auto stack = dicom::stack_planes(planes);
  if (!stack) return no_volume(stack.error().message());
  if (stack->gaps > 0) return no_volume("about " + std::to_string(stack->missing) + " slices are missing");
  if (!stack->even()) return no_volume("its slices lie unevenly");
  volume.stack = *stack;
  for (const std::size_t at : stack->order) {
    volume.heads.push_back(std::move(heads[at]));
    volume.slices.push_back(images[at]);
  }
  return {};
}

}  // namespace

Result<SeriesVolume> read_series_volume(const ObjectStore& store, const std::vector<InstancePtr>& images,
                                        const std::stop_token& stop) {
  SeriesVolume volume;
  if (images.size() < 2) return no_volume("it has one image");
  ACESO_TRY_OK(arrange(store, images, volume));
  const auto voxels = static_cast<std::uint64_t>(volume.size[0]) * volume.size[1] * volume.size[2];
  if (voxels > kMaxVoxels) return Error{Code::too_large, "the series has more than 200 million voxels"};
  const Turn turn{volume.stack, volume.size};
  std::vector<float> values(static_cast<std::size_t>(voxels));
  std::string hashes;
  for (std::size_t s = 0; s < volume.slices.size(); ++s) {
    if (stop.stop_requested()) return Error{Code::cancelled, "stopped"};
    ACESO_TRY(const auto bytes, store.read_all(*volume.slices[s], kMaxSlice));
    ACESO_TRY(const auto object, dicom::parse(bytes));
    ACESO_TRY(const auto frame, dicom::decode_frame(object, bytes, 0));
    if (frame.rows != volume.size[1] || frame.columns != volume.size[2])
      return Error{Code::invalid, "a slice's pixels have another size than its attributes say"};
    ACESO_TRY(const auto slice, dicom::modality_values(object.dataset, frame));
    for (std::size_t r = 0; r < volume.size[1]; ++r) {
      const std::size_t base = turn.place(0, s) + turn.place(1, r);
      for (std::size_t c = 0; c < volume.size[2]; ++c) values[base + turn.place(2, c)] = slice[r * volume.size[2] + c];
    }
    hashes += data_set_sha256(object, bytes) + "\n";
  }
  volume.sha256 = crypto::to_hex(crypto::sha256(hashes));
  volume.input.values = learn::Array::from(turn.shape, std::move(values));
  const auto& first = volume.heads.front().dataset;
  if (const auto spacing = dicom::pixel_spacing_mm(first)) {
    const std::array<double, 3> all{volume.stack.spacing_mm, (*spacing)[0], (*spacing)[1]};
    for (const std::size_t axis : volume.stack.axis) volume.input.spacing_mm.push_back(all[axis]);
  }
  volume.facts = input_facts(first);
  return volume;
}

std::vector<std::uint8_t> mask_of_slice(const SeriesVolume& volume, const learn::Array& mask, std::size_t slice,
                                        std::uint8_t value) {
  const Turn turn{volume.stack, volume.size};
  const auto values = mask.as<std::uint8_t>();
  std::vector<std::uint8_t> out(volume.size[1] * volume.size[2]);
  for (std::size_t r = 0; r < volume.size[1]; ++r) {
    const std::size_t base = turn.place(0, slice) + turn.place(1, r);
    for (std::size_t c = 0; c < volume.size[2]; ++c)
      out[r * volume.size[2] + c] = values[base + turn.place(2, c)] == value ? 1 : 0;
  }
  return out;
}

}  // namespace aceso::archive
