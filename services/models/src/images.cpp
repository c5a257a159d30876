#include "images.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "aceso/imaging/image.hpp"
#include "multipart.hpp"

namespace aceso::models {
namespace {

constexpr std::int64_t kMinSide = 16;    // fewer pixels hold no chest
constexpr double kMaxEnlargement = 2.0;  // beyond it the model would see interpolation, not anatomy
constexpr double kMaxAspect = 3.0;       // beyond it: a warning
constexpr double kColourSpread =
    8.0 /
    255.0;  // mean difference between channels below which an RGB picture counts as grey (JPEG noise stays below 3)

template <class F>
decltype(auto) with_type(learn::DType type, F&& f) {
  switch (type) {
    case learn::DType::u8:
    case learn::DType::boolean:
      return f(std::uint8_t{});
    case learn::DType::i8:
      return f(std::int8_t{});
    case learn::DType::u16:
      return f(std::uint16_t{});
    case learn::DType::i16:
      return f(std::int16_t{});
    case learn::DType::i32:
      return f(std::int32_t{});
    case learn::DType::i64:
      return f(std::int64_t{});
    case learn::DType::f32:
      return f(float{});
    case learn::DType::f64:
      break;
  }
  return f(double{});
}

std::vector<double> values_of(const learn::Array& array) {
  return with_type(array.dtype, [&](auto zero) {
    const auto values = array.as<decltype(zero)>();
    std::vector<double> out(values.size());
    std::transform(values.begin(), values.end(), out.begin(), [](auto v) { return static_cast<double>(v); });
    return out;
  });
}

learn::Array from_image(const imaging::Image& image) {
  learn::Array out;
  out.dtype = image.bits == 16 ? learn::DType::u16 : learn::DType::u8;
  out.shape = {image.height, image.width};
  if (image.channels > 1) out.shape.push_back(image.channels);
  out.data = image.pixels;
  return out;
}

// Opacity: dropped when the picture is opaque everywhere, else the picture is not what was photographed.
Status drop_opacity(learn::Array& sample) {
  const std::int64_t channels = sample.shape.size() == 3 ? sample.shape[2] : 1;
  if (channels != 2 && channels != 4) return {};
  const std::size_t size = learn::size_of(sample.dtype), pixel = static_cast<std::size_t>(channels) * size;
  std::vector<std::byte> kept;
  kept.reserve(sample.data.size());
  for (std::size_t at = 0; at + pixel <= sample.data.size(); at += pixel) {
    for (std::size_t b = pixel - size; b < pixel; ++b) {
      if (sample.data[at + b] != std::byte{0xFF}) return Error{Code::invalid, "the image is partly transparent"};
    }
    kept.insert(kept.end(), sample.data.begin() + static_cast<std::ptrdiff_t>(at),
                sample.data.begin() + static_cast<std::ptrdiff_t>(at + pixel - size));
  }
  sample.data = std::move(kept);
  sample.shape[2] = channels - 1;
  if (channels == 2) sample.shape.pop_back();
  return {};
}

Status check_size(const learn::Preprocessing& how, std::int64_t height, std::int64_t width,
                  std::vector<std::string>& warnings) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  const bool enlarged =
      how.height > 0 && (static_cast<double>(height) * kMaxEnlargement < static_cast<double>(how.height) ||
                         static_cast<double>(width) * kMaxEnlargement < static_cast<double>(how.width));
  if (std::min(height, width) < kMinSide || enlarged) {
    return Error{Code::invalid, "the image is too small: " + size +
                                    (how.height > 0 ? ", the model reads " + std::to_string(how.width) + " x " +
                                                          std::to_string(how.height)
                                                    : std::string{})};
  }
  const double aspect = static_cast<double>(std::max(height, width)) / static_cast<double>(std::min(height, width));
  if (how.height > 0 && aspect > kMaxAspect * static_cast<double>(std::max(how.height, how.width)) /
                                     static_cast<double>(std::min(how.height, how.width)))
    warnings.push_back("The image is unusually long (" + size + ") and is squeezed to the model's size.");
  return {};
}

Status check_colour(const learn::Preprocessing& how, const learn::Array& sample, const std::vector<double>& values) {
  if (how.channels != 1 || sample.shape.size() != 3 || sample.shape[2] != 3 || how.scale <= 0) return {};
  double spread = 0;
  for (std::size_t i = 0; i + 2 < values.size(); i += 3) {
    const auto [low, high] = std::minmax({values[i], values[i + 1], values[i + 2]});
    spread += high - low;
  }
  spread = spread / (static_cast<double>(values.size()) / 3) * how.scale;
  if (spread > kColourSpread) return Error{Code::invalid, "the image is in colour, the model was made for grey images"};
  return {};
}

Status check_values(const learn::Preprocessing& how, const std::vector<double>& values) {
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    return Error{Code::invalid, "the input holds values that are not finite"};
  if (how.kind != learn::PortKind::image) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low == *high) return Error{Code::invalid, "the image is constant: every pixel has one value"};
  if (*low * how.scale < -0.001 || *high * how.scale > 1.001) {
    return Error{Code::invalid, "the image's values lie outside of the range that the model was trained on (0 to " +
                                    std::to_string(static_cast<std::int64_t>(std::llround(1 / how.scale))) + ")"};
  }
  return {};
}

Status check_volume(const learn::Preprocessing& how, const learn::Array& sample) {
  const std::size_t dimensions = sample.shape.size();
  if ((dimensions != 3 && dimensions != 4) || (dimensions == 4 && sample.shape[3] != 1 && sample.shape[3] != 3))
    return Error{Code::invalid, "a volume needs shape [depth, height, width] or [depth, height, width, 1 or 3], has " +
                                    learn::to_string(sample.shape)};
  bool finite = true;
  double low = INFINITY, high = -INFINITY;
  with_type(sample.dtype, [&](auto zero) {
    for (const auto v : sample.as<decltype(zero)>()) {
      const auto value = static_cast<double>(v);
      finite = finite && std::isfinite(value);
      low = std::min(low, value);
      high = std::max(high, value);
    }
  });
  if (!finite) return Error{Code::invalid, "the input holds values that are not finite"};
  if (!(low < high)) return Error{Code::invalid, "the volume is constant: every voxel has one value"};
  if (how.mean.empty() && (low * how.scale < -0.001 || high * how.scale > 1.001))
    return Error{Code::invalid, "the volume's values lie outside of the range that the model was trained on (0 to " +
                                    std::to_string(static_cast<std::int64_t>(std::llround(1 / how.scale))) + ")"};
  return {};
}

}  // namespace

std::string_view media_type_of(InputType type) noexcept {
  switch (type) {
    case InputType::png:
      return "image/png";
    case InputType::jpeg:
      return "image/jpeg";
    case InputType::npy:
      break;
  }
  return "application/x-npy";
}

Result<InputType> detect_input(std::span<const std::byte> bytes, std::string_view content_type) {
  constexpr std::string_view kNpy{"\x93NUMPY", 6};
  std::optional<InputType> type;
  const imaging::ImageFormat format = imaging::detect_format(bytes);
  if (format == imaging::ImageFormat::png) type = InputType::png;
  if (format == imaging::ImageFormat::jpeg) type = InputType::jpeg;
  if (bytes.size() >= kNpy.size() && std::memcmp(bytes.data(), kNpy.data(), kNpy.size()) == 0) type = InputType::npy;
  if (bytes.empty()) return Error{Code::invalid, "the input is empty"};
  if (!type) return Error{Code::unsupported, "the input is neither PNG, JPEG nor NPY"};
  const std::string promised = media_type(content_type);
  const bool open = promised.empty() || promised == "application/octet-stream";
  if (!open && promised != media_type_of(*type) && !(promised == "image/jpg" && *type == InputType::jpeg)) {
    return Error{Code::unsupported,
                 "the content type does not fit the content, which is " + std::string{media_type_of(*type)}};
  }
  return *type;
}

Result<learn::Array> decode_input(std::span<const std::byte> bytes, InputType type, const InputLimits& limits) {
  if (bytes.size() > limits.bytes)
    return Error{Code::too_large, "the input is larger than " + std::to_string(limits.bytes) + " bytes"};
  if (type == InputType::npy) return learn::parse_npy(bytes, limits.bytes);
  imaging::ImageLimits image_limits;
  image_limits.pixels = limits.pixels;
  image_limits.bytes = limits.pixels * 8;  // at most four channels of 16 bits
  ACESO_TRY(const imaging::Image image, imaging::decode_image(bytes, image_limits));
  return from_image(image);
}

Status check_contract(const learn::ModelSignature& signature, learn::Array& sample, InputType type,
                      std::vector<std::string>& warnings) {
  const learn::Preprocessing& how = signature.preprocessing;
  if (how.kind != learn::PortKind::image) {
    if (type != InputType::npy) return Error{Code::unsupported, "this model does not read images: send an NPY array"};
    if (how.kind == learn::PortKind::volume) return check_volume(how, sample);
    return check_values(how, values_of(sample));
  }
  const std::size_t dimensions = sample.shape.size();
  if (dimensions != 2 && dimensions != 3) {
    return Error{Code::invalid, "an image needs shape [height, width] or [height, width, channels], has " +
                                    learn::to_string(sample.shape)};
  }
  if (type == InputType::npy && sample.dtype != learn::DType::u8 && sample.dtype != learn::DType::f32) {
    return Error{Code::invalid,
                 "the array holds " + std::string{learn::to_string(sample.dtype)} + ": uint8 or float32 is expected"};
  }
  if (type != InputType::npy) ACESO_TRY_OK(drop_opacity(sample));
  const std::int64_t channels = sample.shape.size() == 3 ? sample.shape[2] : 1;
  if (channels != 1 && channels != 3)
    return Error{Code::invalid, "the image has " + std::to_string(channels) + " channels: 1 or 3 are expected"};
  ACESO_TRY_OK(check_size(how, sample.shape[0], sample.shape[1], warnings));
  if (sample.dtype == learn::DType::u16) {  // 0..65535 as 0..255, the range of the training pictures
    const auto deep = sample.as<std::uint16_t>();
    std::vector<float> values(deep.size());
    std::transform(deep.begin(), deep.end(), values.begin(),
                   [](std::uint16_t v) { return static_cast<float>(v) / 257.0F; });
    sample = learn::Array::from(sample.shape, std::move(values));
    warnings.emplace_back("A picture with 16 bits a value was brought to the range of 8 bits.");
  }
  const std::vector<double> values = values_of(sample);
  ACESO_TRY_OK(check_values(how, values));
  return check_colour(how, sample, values);
}

Result<learn::Array> channels_last(const learn::Array& tensor) {
  if (tensor.shape.size() != 4 || tensor.shape[0] != 1) return Error{Code::unsupported, "this input is no picture"};
  const auto channels = static_cast<std::size_t>(tensor.shape[1]),
             area = static_cast<std::size_t>(tensor.shape[2] * tensor.shape[3]);
  const std::size_t size = learn::size_of(tensor.dtype);
  learn::Array out;
  out.dtype = tensor.dtype;
  out.shape = {tensor.shape[2], tensor.shape[3], tensor.shape[1]};
  out.data.resize(tensor.data.size());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < area; ++i)
      std::memcpy(&out.data[(i * channels + c) * size], &tensor.data[(c * area + i) * size], size);
  }
  return out;
}

Result<std::vector<std::byte>> array_to_png(const learn::Array& sample) {
  const std::size_t dimensions = sample.shape.size();
  const std::int64_t channels = dimensions == 3 ? sample.shape[2] : 1;
  if ((dimensions != 2 && dimensions != 3) || (channels != 1 && channels != 3))
    return Error{Code::unsupported, "a sample of shape " + learn::to_string(sample.shape) + " has no picture"};
  imaging::Image image;
  image.height = sample.shape[0];
  image.width = sample.shape[1];
  image.channels = static_cast<int>(channels);
  if (sample.dtype == learn::DType::u8) {
    image.pixels = sample.data;
    return imaging::encode_png(image);
  }
  const std::vector<double> values = values_of(sample);
  double low = 0, high = 0;
  bool any = false;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    low = any ? std::min(low, v) : v;
    high = any ? std::max(high, v) : v;
    any = true;
  }
  const double range = high > low ? high - low : 1;
  image.pixels.resize(values.size());
  std::transform(values.begin(), values.end(), image.pixels.begin(), [&](double v) {
    return static_cast<std::byte>(std::isfinite(v) ? std::lround((v - low) / range * 255) : 0);
  });
  return imaging::encode_png(image);
}

Status without_opacity(learn::Array& sample) {
  return drop_opacity(sample);
}

}  // namespace aceso::models
