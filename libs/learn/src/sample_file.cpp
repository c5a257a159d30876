#include "sample_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "aceso/base/file.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/imaging/nifti.hpp"
#include "lower.hpp"
#include "npy_header.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxFile = std::uint64_t{2} << 30;
constexpr std::array<std::string_view, 9> kEndings{".nii.gz", ".nii", ".npy",  ".png", ".jpg",
                                                   ".jpeg",   ".tif", ".tiff", ".bmp"};

std::string_view ending_of(const fs::path& path) {
  const std::string name = lower(path.filename().string());
  for (const std::string_view ending : kEndings) {
    if (name.size() > ending.size() && name.ends_with(ending)) return ending;
  }
  return {};
}

bool is_nifti_name(const fs::path& path) {
  return ending_of(path).starts_with(".nii");
}
bool is_npy_name(const fs::path& path) {
  return ending_of(path) == ".npy";
}

DType dtype_of(const imaging::NiftiImage& image) {
  if (image.slope != 1 || image.intercept != 0) return DType::f32;
  switch (image.type) {
    case imaging::VoxelType::u8:
    case imaging::VoxelType::rgb:
      return DType::u8;
    case imaging::VoxelType::i8:
      return DType::i8;
    case imaging::VoxelType::u16:
      return DType::u16;
    case imaging::VoxelType::i16:
      return DType::i16;
    case imaging::VoxelType::i32:
      return DType::i32;
    case imaging::VoxelType::u32:
    case imaging::VoxelType::i64:
      return DType::i64;
    case imaging::VoxelType::f32:
      return DType::f32;
    case imaging::VoxelType::f64:
      break;
  }
  return DType::f64;
}

template <class To>
void put(double value, std::byte* to) {
  const auto converted = static_cast<To>(value);
  std::memcpy(to, &converted, sizeof converted);
}

void put_as(DType dtype, double value, std::byte* to) {
  switch (dtype) {
    case DType::u8:
    case DType::boolean:
      return put<std::uint8_t>(value, to);
    case DType::i8:
      return put<std::int8_t>(value, to);
    case DType::u16:
      return put<std::uint16_t>(value, to);
    case DType::i16:
      return put<std::int16_t>(value, to);
    case DType::i32:
      return put<std::int32_t>(value, to);
    case DType::i64:
      return put<std::int64_t>(value, to);
    case DType::f32:
      return put<float>(value, to);
    case DType::f64:
      return put<double>(value, to);
  }
}

// To a type that common_dtype chose, so that every value fits.
Array converted(Array array, DType dtype, double factor = 1) {
  if (array.dtype == dtype) return array;
  Array out;
  out.dtype = dtype;
  out.shape = array.shape;
  out.data.resize(array.data.size() / size_of(array.dtype) * size_of(dtype));
  std::byte* to = out.data.data();
  for_each_value(array.dtype, array.data, [&](double value) {
    put_as(dtype, value * factor, to);
    to += size_of(dtype);
  });
  return out;
}

Array without_opacity(imaging::Image image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t keep = image.channels >= 3 ? 3 : 1;  // opacity is no measurement
  Array array;
  array.dtype = image.bits == 16 ? DType::u16 : DType::u8;
  array.shape = {image.height, image.width, static_cast<std::int64_t>(keep)};
  if (keep == channels) {
    array.data = std::move(image.pixels);
    return array;
  }
  const std::size_t width = size_of(array.dtype);
  const std::size_t pixels = image.pixels.size() / (channels * width);
  array.data.resize(pixels * keep * width);
  for (std::size_t i = 0; i < pixels; ++i)
    std::memcpy(&array.data[i * keep * width], &image.pixels[i * channels * width], keep * width);
  return array;
}

Array scaled(const imaging::NiftiImage& image, Shape shape) {
  Array array;
  array.shape = std::move(shape);
  array.dtype = dtype_of(image);
  const auto widen = [&](auto zero, double slope, double intercept) {
    using T = decltype(zero);
    const std::size_t n = image.data.size() / sizeof(T);
    array.data.resize(n * size_of(array.dtype));
    for (std::size_t i = 0; i < n; ++i) {
      T value;
      std::memcpy(&value, image.data.data() + i * sizeof(T), sizeof(T));
      put_as(array.dtype, slope * static_cast<double>(value) + intercept, &array.data[i * size_of(array.dtype)]);
    }
  };
  switch (image.type) {
    case imaging::VoxelType::rgb:
    case imaging::VoxelType::u8:
      widen(std::uint8_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::i8:
      widen(std::int8_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::u16:
      widen(std::uint16_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::i16:
      widen(std::int16_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::u32:
      widen(std::uint32_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::i32:
      widen(std::int32_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::i64:
      widen(std::int64_t{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::f32:
      widen(float{}, image.slope, image.intercept);
      break;
    case imaging::VoxelType::f64:
      widen(double{}, image.slope, image.intercept);
      break;
  }
  return array;
}

Result<SourceSample> from_nifti(std::span<const std::byte> bytes, bool volume) {
  ACESO_TRY(imaging::NiftiImage image, imaging::decode_nifti(bytes));
  if (image.volumes != 1)
    return Error{Code::unsupported, "NIfTI: a series of " + std::to_string(image.volumes) + " volumes"};
  Shape shape{image.size[2], image.size[1], image.size[0], image.type == imaging::VoxelType::rgb ? 3 : 1};
  SourceSample sample;
  sample.spacing_mm = {image.spacing_mm[2], image.spacing_mm[1], image.spacing_mm[0]};
  if (!volume) {
    if (shape[0] != 1) return Error{Code::invalid, "a volume among images"};
    shape.erase(shape.begin());
    sample.spacing_mm.erase(sample.spacing_mm.begin());
  }
  if (std::any_of(sample.spacing_mm.begin(), sample.spacing_mm.end(), [](double mm) { return !(mm > 0); }))
    sample.spacing_mm.clear();
  const bool as_is = image.slope == 1 && image.intercept == 0 && image.type != imaging::VoxelType::u32;
  if (as_is) {
    sample.array.dtype = dtype_of(image);
    sample.array.shape = std::move(shape);
    sample.array.data = std::move(image.data);
  } else {
    sample.array = scaled(image, std::move(shape));
  }
  return sample;
}

bool is_volume_shape(const Shape& shape) {
  return shape.size() == 4 || (shape.size() == 3 && shape[2] > 4);
}

Result<SourceSample> from_npy(std::span<const std::byte> bytes, bool volume) {
  SourceSample sample;
  ACESO_TRY(sample.array, parse_npy(bytes, kMaxFile));
  Shape& shape = sample.array.shape;
  if (shape.size() < 2 || shape.size() > 4)
    return Error{Code::unsupported, "an array of shape " + to_string(shape) + " is neither image nor volume"};
  if (is_volume_shape(shape) != volume)
    return Error{Code::invalid, volume ? "an image among volumes" : "a volume among images"};
  if (shape.size() == (volume ? 3U : 2U)) shape.push_back(1);
  return sample;
}

Result<MappedFile> open_file(const fs::path& path) {
  auto map = MappedFile::open(path);
  if (!map) return Error{map.error().code(), "file cannot be read"};
  if (map->bytes().empty()) return Error{Code::invalid, "empty file"};
  if (map->bytes().size() > kMaxFile) return Error{Code::too_large, "file larger than 2 GiB"};
  return map;
}

}  // namespace

bool is_sample_name(const fs::path& path) {
  return !ending_of(path).empty();
}

std::string sample_stem(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.size() - ending_of(path).size());
}

DType common_dtype(DType a, DType b, bool pictures) noexcept {
  if (a == b) return a;
  if (pictures) return DType::u16;
  const auto rank = [](DType type) {
    switch (type) {
      case DType::u8:
      case DType::i8:
      case DType::boolean:
        return 1;
      case DType::u16:
      case DType::i16:
        return 2;
      case DType::i32:
        return 4;
      case DType::f32:
        return 3;
      default:
        return 8;
    }
  };
  const auto is_float = [](DType type) { return type == DType::f32 || type == DType::f64; };
  const int most = std::max(rank(a), rank(b));
  if (is_float(a) || is_float(b)) return most <= 3 ? DType::f32 : DType::f64;
  if (most == 8) return DType::i64;
  const bool wide = a == DType::u16 || b == DType::u16 || most == 4;
  return wide ? DType::i32 : DType::i16;
}

Result<SampleHead> read_sample_head(const fs::path& path) {
  ACESO_TRY(const MappedFile map, open_file(path));
  if (is_nifti_name(path)) {
    ACESO_TRY(const auto image, imaging::read_nifti_header(map.bytes()));
    return SampleHead{dtype_of(image), image.size[2] > 1, false, true};
  }
  if (is_npy_name(path)) {
    ACESO_TRY(const NpyHeader header,
              parse_npy_header(map.bytes().first(std::min(map.bytes().size(), kNpyMaxHeader + kNpyPrefix))));
    return SampleHead{header.dtype, is_volume_shape(header.shape), false, false};
  }
  ACESO_TRY(const int bits, imaging::image_bits(map.bytes()));
  return SampleHead{bits == 16 ? DType::u16 : DType::u8, false, true, false};
}

Result<SourceSample> read_sample_file(const fs::path& path, bool volume, DType dtype) {
  ACESO_TRY(const MappedFile map, open_file(path));
  if (is_nifti_name(path) || is_npy_name(path)) {
    ACESO_TRY(SourceSample sample, is_npy_name(path) ? from_npy(map.bytes(), volume) : from_nifti(map.bytes(), volume));
    sample.array = converted(std::move(sample.array), dtype);
    return sample;
  }
  if (volume) return Error{Code::invalid, "an image among volumes"};
  auto image = imaging::decode_image(map.bytes());
  if (!image) return Error{image.error().code(), "undecodable " + image.error().message()};
  SourceSample sample;
  sample.array = without_opacity(*std::move(image));
  const bool deepened = sample.array.dtype == DType::u8 && dtype == DType::u16;
  sample.array = converted(std::move(sample.array), dtype, deepened ? 257 : 1);
  return sample;
}

Result<SourceSample> read_sample(const fs::path& path) {
  if (!is_sample_name(path)) return Error{Code::unsupported, "neither a picture, NIfTI nor .npy by its name"};
  ACESO_TRY(const SampleHead head, read_sample_head(path));
  return read_sample_file(path, head.volume, head.dtype);
}

Result<Array> read_mask_file(const fs::path& path, bool volume) {
  ACESO_TRY(const SampleHead head, read_sample_head(path));
  if (head.volume != volume) return Error{Code::invalid, "the mask has another number of dimensions"};
  ACESO_TRY(SourceSample sample, read_sample_file(path, volume, head.dtype));
  const auto channels = static_cast<std::size_t>(sample.array.shape.back());
  Array mask;
  mask.dtype = DType::u8;
  mask.shape.assign(sample.array.shape.begin(), sample.array.shape.end() - 1);
  bool fits = true;
  bool only_255 = true;
  std::size_t at = 0;
  double highest = 0;
  for_each_value(sample.array.dtype, sample.array.data, [&](double value) {
    highest = std::max(highest, value);
    if (++at % channels != 0) return;
    fits = fits && highest >= 0 && highest <= 255 && highest == std::floor(highest);
    only_255 = only_255 && (highest == 0 || highest == 255);
    mask.data.push_back(static_cast<std::byte>(fits ? highest : 0));
    highest = 0;
  });
  if (!fits) return Error{Code::invalid, "the mask holds other values than 0 to 255"};
  if (only_255) {
    for (std::byte& value : mask.data) value = value != std::byte{0} ? std::byte{1} : std::byte{0};
  }
  return mask;
}

}  // namespace aceso::learn
