#include <turbojpeg.h>

#include <memory>
#include <string>

#include "bounds.hpp"

namespace aceso::imaging {
namespace {

struct Destroy {
  void operator()(void* handle) const { tjDestroy(handle); }
};

Error failure(tjhandle handle) {
  return {Code::invalid, std::string{"JPEG: "} + tjGetErrorStr2(handle)};
}

}  // namespace

Result<Image> decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (detect_format(bytes) != ImageFormat::jpeg) return Error{Code::invalid, "JPEG: not a JPEG image"};
  const std::unique_ptr<void, Destroy> handle{tjInitDecompress()};
  if (!handle) return Error{Code::exhausted, "JPEG: no memory"};
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int sampling = 0;
  int colour = 0;
  if (tjDecompressHeader3(handle.get(), data, bytes.size(), &width, &height, &sampling, &colour) != 0)
    return failure(handle.get());
  if (colour == TJCS_CMYK || colour == TJCS_YCCK) return Error{Code::unsupported, "JPEG: four-colour (CMYK) image"};
  const int channels = colour == TJCS_GRAY ? 1 : 3;
  ACESO_TRY_OK(check_bounds("JPEG", width, height, channels, 8, limits));
  Image image{width, height, channels, 8, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                      static_cast<std::size_t>(channels));
  // Warnings stand for damage (a truncated file decodes to grey below the cut): a diagnosis must not rest on that.
  // TJFLAG_LIMITSCANS stops progressive files of thousands of scans.
  const int flags = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT;
  if (tjDecompress2(handle.get(), data, bytes.size(), reinterpret_cast<unsigned char*>(image.pixels.data()), width, 0,
                    height, channels == 1 ? TJPF_GRAY : TJPF_RGB, flags) != 0)
    return failure(handle.get());
  return image;
}

}  // namespace aceso::imaging
