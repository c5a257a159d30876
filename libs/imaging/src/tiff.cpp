// libtiff reads from memory through callbacks that see the bytes only; it may allocate a bounded amount at once, and
// what a page needs is judged before pixels are allocated.
#include "tiff.hpp"

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "bounds.hpp"

namespace aceso::imaging {
namespace {

constexpr tmsize_t kMaxAllocation = tmsize_t{256} << 20;  // libtiff's own, at once

struct Input {
  std::span<const std::byte> bytes;
  std::uint64_t at = 0;
  std::string problem = {};
};

tmsize_t on_read(thandle_t handle, void* to, tmsize_t size) {
  auto& input = *static_cast<Input*>(handle);
  if (size < 0 || input.at >= input.bytes.size()) return 0;
  const auto n = std::min<std::uint64_t>(static_cast<std::uint64_t>(size), input.bytes.size() - input.at);
  std::memcpy(to, input.bytes.data() + input.at, n);
  input.at += n;
  return static_cast<tmsize_t>(n);
}
tmsize_t on_write(thandle_t, void*, tmsize_t) {
  return 0;
}
toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  auto& input = *static_cast<Input*>(handle);
  const std::uint64_t base = whence == SEEK_CUR ? input.at : whence == SEEK_END ? input.bytes.size() : 0;
  input.at = base + offset;
  return input.at;
}
int on_close(thandle_t) {
  return 0;
}
toff_t on_size(thandle_t handle) {
  return static_cast<Input*>(handle)->bytes.size();
}
int on_map(thandle_t handle, void** base, toff_t* size) {
  const auto& input = *static_cast<Input*>(handle);
  *base = const_cast<std::byte*>(input.bytes.data());  // libtiff only reads from maps of files opened "r"
  *size = input.bytes.size();
  return 1;
}
void on_unmap(thandle_t, void*, toff_t) {}

int on_error(TIFF*, void* data, const char*, const char* format, va_list arguments) {
  char text[160];
  std::vsnprintf(text, sizeof text, format, arguments);
  auto& input = *static_cast<Input*>(data);
  if (input.problem.empty()) input.problem = text;
  return 1;
}
int on_warning(TIFF*, void*, const char*, const char*, va_list) {
  return 1;
}

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Handle = std::unique_ptr<TIFF, Close>;

Error failure(const Input& input) {
  return {Code::invalid, "TIFF: " + (input.problem.empty() ? "damaged or truncated" : input.problem)};
}

Result<Handle> open(Input& input) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options{TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree};
  if (!options) return Error{Code::exhausted, "TIFF: no memory"};
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxAllocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &input);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &input);
  Handle tiff{TIFFClientOpenExt("memory", "rM", &input, on_read, on_write, on_seek, on_close, on_size, on_map, on_unmap,
                                options.get())};
  if (!tiff) return failure(input);
  return tiff;
}

struct Page {
  std::uint32_t width = 0, height = 0;
  std::uint16_t samples = 1, bits = 1, photometric = PHOTOMETRIC_MINISBLACK, planar = PLANARCONFIG_CONTIG,
                format = SAMPLEFORMAT_UINT;
};

Result<Page> read_page(TIFF* tiff) {
  Page page;
  if (TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.width) == 0 ||
      TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.height) == 0 ||
      TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page.photometric) == 0)
    return Error{Code::invalid, "TIFF: a page without size or colour space"};
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page.format);
  if (page.format != SAMPLEFORMAT_UINT && page.format != SAMPLEFORMAT_VOID)
    return Error{Code::unsupported, "TIFF: signed or floating-point values"};
  if (page.bits != 1 && page.bits != 2 && page.bits != 4 && page.bits != 8 && page.bits != 16)
    return Error{Code::unsupported, "TIFF: " + std::to_string(page.bits) + " bits a value"};
  if (page.samples < 1 || page.samples > 4)
    return Error{Code::unsupported, "TIFF: " + std::to_string(page.samples) + " values a pixel"};
  return page;
}

bool is_grey(const Page& page) {
  return page.photometric == PHOTOMETRIC_MINISBLACK || page.photometric == PHOTOMETRIC_MINISWHITE;
}

// 16-bit grey and RGB, and 8-bit grey, line by line or tile by tile as they are stored.
class Plain {
 public:
  Plain(TIFF* tiff, const Page& page, const Input& input) : tiff_{tiff}, page_{page}, input_{input} {}

  Status read(Image& image) {
    const std::uint16_t planes = page_.planar == PLANARCONFIG_SEPARATE ? page_.samples : 1;
    for (std::uint16_t plane = 0; plane < planes; ++plane)
      ACESO_TRY_OK(TIFFIsTiled(tiff_) != 0 ? read_tiles(image, plane) : read_lines(image, plane));
    if (page_.photometric == PHOTOMETRIC_MINISWHITE) {
      const std::size_t pixel = static_cast<std::size_t>(page_.samples) * page_.bits / 8;
      for (std::size_t at = 0; at < image.pixels.size(); at += pixel) {
        for (std::size_t b = 0; b < static_cast<std::size_t>(page_.bits / 8); ++b)
          image.pixels[at + b] ^= std::byte{0xFF};
      }
    }
    return {};
  }

 private:
  std::size_t value_bytes() const { return page_.bits / 8; }
  std::size_t chunk_samples() const { return page_.planar == PLANARCONFIG_SEPARATE ? 1 : page_.samples; }

  // `count` pixels of a line of a strip or tile to (x, y).
  void place(Image& image, const std::byte* from, std::uint32_t x, std::uint32_t y, std::uint32_t count,
             std::uint16_t plane) const {
    const std::size_t size = value_bytes();
    const std::size_t pixel = page_.samples * size;
    std::byte* to = image.pixels.data() + (static_cast<std::size_t>(y) * page_.width + x) * pixel + plane * size;
    if (chunk_samples() == page_.samples) {
      std::memcpy(to, from, count * pixel);
      return;
    }
    for (std::uint32_t i = 0; i < count; ++i) std::memcpy(to + i * pixel, from + i * size, size);
  }

  Status read_lines(Image& image, std::uint16_t plane) const {
    const auto need = static_cast<tmsize_t>(page_.width * chunk_samples() * value_bytes());
    if (TIFFScanlineSize(tiff_) != need) return Error{Code::invalid, "TIFF: lines of another length than the page's"};
    std::vector<std::byte> line(static_cast<std::size_t>(need));
    for (std::uint32_t y = 0; y < page_.height; ++y) {
      if (TIFFReadScanline(tiff_, line.data(), y, plane) != 1) return failure(input_);
      place(image, line.data(), 0, y, page_.width, plane);
    }
    return {};
  }

  Status read_tiles(Image& image, std::uint16_t plane) const {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    if (TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &width) == 0 || TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &height) == 0 ||
        width == 0 || height == 0)
      return Error{Code::invalid, "TIFF: tiles without a size"};
    const std::size_t row = static_cast<std::size_t>(width) * chunk_samples() * value_bytes();
    const tmsize_t size = TIFFTileSize(tiff_);
    if (size > kMaxAllocation) return Error{Code::too_large, "TIFF: a tile is larger than the limit"};
    if (size <= 0 || static_cast<std::size_t>(size) < row * height)
      return Error{Code::invalid, "TIFF: tiles of another size than they say"};
    std::vector<std::byte> tile(static_cast<std::size_t>(size));
    for (std::uint32_t y = 0; y < page_.height; y += std::min(height, page_.height - y)) {
      for (std::uint32_t x = 0; x < page_.width; x += std::min(width, page_.width - x)) {
        if (TIFFReadTile(tiff_, tile.data(), x, y, 0, plane) < 0) return failure(input_);
        const std::uint32_t rows = std::min(height, page_.height - y);
        for (std::uint32_t r = 0; r < rows; ++r)
          place(image, tile.data() + r * row, x, y + r, std::min(width, page_.width - x), plane);
      }
    }
    return {};
  }

  TIFF* tiff_;
  const Page& page_;
  const Input& input_;
};

// Palettes, YCbCr, small depths: libtiff's own conversion to 8-bit RGBA.
Status read_converted(TIFF* tiff, const Page& page, const Input& input, Image& image) {
  char why[1024];
  if (TIFFRGBAImageOK(tiff, why) == 0) return Error{Code::unsupported, std::string{"TIFF: "} + why};
  const std::size_t pixels = static_cast<std::size_t>(page.width) * page.height;
  std::vector<std::uint32_t> raster(pixels);
  if (TIFFReadRGBAImageOriented(tiff, page.width, page.height, raster.data(), ORIENTATION_TOPLEFT, 1) == 0)
    return failure(input);
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint32_t rgba = raster[i];
    const std::byte colours[] = {static_cast<std::byte>(TIFFGetR(rgba)), static_cast<std::byte>(TIFFGetG(rgba)),
                                 static_cast<std::byte>(TIFFGetB(rgba))};
    for (std::size_t c = 0; c < static_cast<std::size_t>(image.channels); ++c)
      image.pixels[i * static_cast<std::size_t>(image.channels) + c] = colours[c];
  }
  return {};
}

}  // namespace

Result<int> tiff_bits(std::span<const std::byte> bytes) {
  Input input{.bytes = bytes};
  ACESO_TRY(const Handle tiff, open(input));
  ACESO_TRY(const Page page, read_page(tiff.get()));
  return page.bits == 16 ? 16 : 8;
}

Result<Image> decode_tiff(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (detect_format(bytes) != ImageFormat::tiff) return Error{Code::invalid, "TIFF: not a TIFF image"};
  Input input{.bytes = bytes};
  ACESO_TRY(const Handle tiff, open(input));
  if (TIFFLastDirectory(tiff.get()) == 0)
    return Error{Code::unsupported, "TIFF: more than one page: only single pages are read"};
  ACESO_TRY(const Page page, read_page(tiff.get()));
  const bool grey = is_grey(page);
  const bool plain = (page.bits == 16 && (grey || page.photometric == PHOTOMETRIC_RGB)) || (page.bits == 8 && grey) ||
                     (page.bits == 8 && page.photometric == PHOTOMETRIC_RGB);
  if (page.bits == 16 && !plain) return Error{Code::unsupported, "TIFF: 16 bits in another colour space than RGB"};
  const int channels = plain ? page.samples : grey ? 1 : 3;
  ACESO_TRY_OK(check_bounds("TIFF", page.width, page.height, channels, page.bits == 16 ? 16 : 8, limits));
  // The conversion holds four bytes a pixel besides.
  if (!plain) ACESO_TRY_OK(check_bounds("TIFF", page.width, page.height, 4, 8, limits));
  Image image{page.width, page.height, channels, page.bits == 16 ? 16 : 8, {}};
  image.pixels.resize(static_cast<std::size_t>(page.width) * page.height * static_cast<std::size_t>(channels) *
                      static_cast<std::size_t>(image.bits / 8));
  ACESO_TRY_OK(plain ? Plain(tiff.get(), page, input).read(image) : read_converted(tiff.get(), page, input, image));
  return image;
}

}  // namespace aceso::imaging
