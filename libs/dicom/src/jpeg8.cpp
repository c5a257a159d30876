// JPEG processes of 8 bits (T.81 baseline, extended, progressive) by libjpeg-turbo. Its jumps stay inside run(), which
// holds nothing that has a destructor.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it
#include <cstring>

#include <jpeglib.h>

#include "jpeg_parts.hpp"

namespace aceso::dicom {
namespace {

constexpr int kMaxScans = 500;  // a progressive file of thousands of scans would take minutes

struct Failure {
  jpeg_error_mgr manager;  // first: the library hands out a pointer to it
  std::jmp_buf back;
};

[[noreturn]] void fail(j_common_ptr info) {
  std::longjmp(reinterpret_cast<Failure*>(info->err)->back, 1);
}
// Warnings stand for damage: a diagnosis must not rest on what the library invented below the cut.
void warn(j_common_ptr info, int level) {
  if (level < 0) fail(info);
}
void quiet(j_common_ptr) {}
void watch(j_common_ptr info) {
  if (info->is_decompressor != 0 && reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) fail(info);
}

bool run(std::span<const std::byte> encoded, JpegColour colour, std::uint32_t columns, std::uint32_t rows,
         int components, std::byte* out) {
  jpeg_decompress_struct info{};
  Failure failure{};
  jpeg_progress_mgr progress{};
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = fail;
  failure.manager.emit_message = warn;
  failure.manager.output_message = quiet;
  if (setjmp(failure.back) != 0) {  // NOLINT(cert-err52-cpp): the library's only way to report
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  progress.progress_monitor = watch;
  info.progress = &progress;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(encoded.data()),
               static_cast<unsigned long>(encoded.size()));
  jpeg_read_header(&info, TRUE);
  if (info.image_width != columns || info.image_height != rows || info.num_components != components)
    fail(reinterpret_cast<j_common_ptr>(&info));
  if (components == 3) {
    info.jpeg_color_space = colour == JpegColour::ycbcr ? JCS_YCbCr : JCS_RGB;
    info.out_color_space = JCS_RGB;
  } else {
    info.jpeg_color_space = components == 1 ? JCS_GRAYSCALE : JCS_UNKNOWN;
    info.out_color_space = info.jpeg_color_space;
  }
  jpeg_start_decompress(&info);
  const std::size_t stride = std::size_t{columns} * static_cast<std::size_t>(components);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = reinterpret_cast<JSAMPROW>(out + info.output_scanline * stride);
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_destroy_decompress(&info);  // what follows the last line does not matter
  return true;
}

}  // namespace

Result<Samples> decode_jpeg_8(const PixelFormat& format, std::span<const std::byte> encoded, JpegColour colour) {
  Samples out;
  out.data.resize(static_cast<std::size_t>(sample_count(format)));
  if (!run(encoded, colour, format.columns, format.rows, format.samples, out.data.data()))
    return Error{Code::invalid, "JPEG: the frame is damaged"};
  out.photometric = format.samples == 3 ? Photometric::rgb : format.photometric;
  return out;
}

}  // namespace aceso::dicom
