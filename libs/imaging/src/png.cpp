// libpng reports errors by longjmp. Each function that calls setjmp holds only plain values, so that no destructor is
// jumped over; the buffers live in its caller.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>

#include "bounds.hpp"

namespace aceso::imaging {
namespace {

constexpr png_uint_32 kMaxChunkBytes = 8U << 20;  // of one ancillary chunk, decompressed

struct Problem {
  char text[160] = {};
};

void on_error(png_structp png, png_const_charp message) {
  auto* problem = static_cast<Problem*>(png_get_error_ptr(png));
  std::strncpy(problem->text, message, sizeof problem->text - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

struct Input {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

void on_read(png_structp png, png_bytep to, std::size_t size) {
  auto* input = static_cast<Input*>(png_get_io_ptr(png));
  if (size > input->bytes.size() - input->at) png_error(png, "the file ends too early");
  std::memcpy(to, input->bytes.data() + input->at, size);
  input->at += size;
}

void on_write(png_structp png, png_bytep from, std::size_t size) {
  auto* out = static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
  const auto* bytes = reinterpret_cast<const std::byte*>(from);
  bool full = false;
  try {
    out->insert(out->end(), bytes, bytes + size);
  } catch (...) {
    full = true;
  }
  if (full) png_error(png, "no memory for the file");
}
void on_flush(png_structp) {}

struct Head {
  png_uint_32 width = 0, height = 0;
  int bits = 8, channels = 1;
  std::size_t row_bytes = 0;
};

// Reads up to the pixels and asks for 8- or 16-bit grey, RGB or either with opacity.
bool read_head(png_structp png, png_infop info, Head* head) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_info(png, info);
  head->width = png_get_image_width(png, info);
  head->height = png_get_image_height(png, info);
  png_set_expand(png);                                        // palette to RGB, small grey to 8 bits, tRNS to opacity
  if (png_get_bit_depth(png, info) == 16) png_set_swap(png);  // PNG is big-endian
  static_cast<void>(png_set_interlace_handling(png));
  png_read_update_info(png, info);
  head->bits = png_get_bit_depth(png, info);
  head->channels = png_get_channels(png, info);
  head->row_bytes = png_get_rowbytes(png, info);
  return true;
}

bool read_rows(png_structp png, png_infop info, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_image(png, rows);
  png_read_end(png, info);
  return true;
}

bool write_all(png_structp png, png_infop info, const Image* image, int colour, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_IHDR(png, info, static_cast<png_uint_32>(image->width), static_cast<png_uint_32>(image->height), image->bits,
               colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (image->bits == 16) png_set_swap(png);
  png_write_image(png, rows);
  png_write_end(png, info);
  return true;
}

// Owns libpng's reader or writer.
class Handle {
 public:
  explicit Handle(bool reader) : reader_{reader} {
    png_ = reader ? png_create_read_struct(PNG_LIBPNG_VER_STRING, &problem_, on_error, on_warning)
                  : png_create_write_struct(PNG_LIBPNG_VER_STRING, &problem_, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (reader_) {
      png_destroy_read_struct(&png_, &info_, nullptr);
    } else {
      png_destroy_write_struct(&png_, &info_);
    }
  }
  bool ok() const { return png_ != nullptr && info_ != nullptr; }
  png_structp png() const { return png_; }
  png_infop info() const { return info_; }
  Error error() const { return {Code::invalid, std::string{"PNG: "} + problem_.text}; }

 private:
  bool reader_;
  Problem problem_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

std::vector<png_bytep> row_pointers(std::byte* pixels, std::size_t rows, std::size_t row_bytes) {
  std::vector<png_bytep> pointers(rows);
  for (std::size_t y = 0; y < rows; ++y) pointers[y] = reinterpret_cast<png_bytep>(pixels + y * row_bytes);
  return pointers;
}

}  // namespace

Result<Image> decode_png(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (detect_format(bytes) != ImageFormat::png) return Error{Code::invalid, "PNG: not a PNG image"};
  Handle handle{true};
  if (!handle.ok()) return Error{Code::exhausted, "PNG: no memory"};
  Input input{bytes};
  png_set_read_fn(handle.png(), &input, on_read);
  const auto side = static_cast<png_uint_32>(std::clamp<std::int64_t>(limits.side, 1, PNG_UINT_31_MAX));
  png_set_user_limits(handle.png(), PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_bounds says it better
  png_set_chunk_malloc_max(handle.png(), kMaxChunkBytes);
  png_set_chunk_cache_max(handle.png(), 128);
  png_set_crc_action(handle.png(), PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
  // The header is the first chunk: its sizes are judged before libpng sees it and allocates rows.
  if (bytes.size() < 24) return Error{Code::invalid, "PNG: the file ends too early"};
  const auto big_endian = [&](std::size_t at) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::int64_t>(bytes[at + i]);
    return value;
  };
  if (big_endian(16) > side || big_endian(20) > side)
    ACESO_TRY_OK(check_bounds("PNG", big_endian(16), big_endian(20), 1, 8, limits));
  Head head;
  if (!read_head(handle.png(), handle.info(), &head)) return handle.error();
  ACESO_TRY_OK(check_bounds("PNG", head.width, head.height, head.channels, head.bits, limits));
  Image image{head.width, head.height, head.channels, head.bits, {}};
  if ((head.bits != 8 && head.bits != 16) ||
      head.row_bytes != head.width * static_cast<std::size_t>(head.channels) * static_cast<std::size_t>(head.bits / 8))
    return Error{Code::internal, "PNG: unexpected row size"};
  image.pixels.resize(head.row_bytes * head.height);
  auto rows = row_pointers(image.pixels.data(), head.height, head.row_bytes);
  if (!read_rows(handle.png(), handle.info(), rows.data())) return handle.error();
  return image;
}

Result<std::vector<std::byte>> encode_png(const Image& image) {
  constexpr std::int64_t kMaxSide = 1 << 20;
  const bool sane = image.width > 0 && image.height > 0 && image.width <= kMaxSide && image.height <= kMaxSide &&
                    image.channels >= 1 && image.channels <= 4 && (image.bits == 8 || image.bits == 16);
  const std::size_t row_bytes =
      sane ? static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels * image.bits / 8) : 0;
  if (!sane || image.pixels.size() != row_bytes * static_cast<std::size_t>(image.height))
    return Error{Code::invalid, "PNG: the image's size and its pixels contradict each other"};
  constexpr int kColours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  Handle handle{false};
  if (!handle.ok()) return Error{Code::exhausted, "PNG: no memory"};
  std::vector<std::byte> out;
  png_set_write_fn(handle.png(), &out, on_write, on_flush);
  std::vector<std::byte> pixels = image.pixels;  // libpng takes rows it may write to
  auto rows = row_pointers(pixels.data(), static_cast<std::size_t>(image.height), row_bytes);
  if (!write_all(handle.png(), handle.info(), &image, kColours[image.channels - 1], rows.data())) return handle.error();
  return out;
}

}  // namespace aceso::imaging
