// JPEG baseline by libjpeg-turbo, colour subsampled 4:2:2. Its jumps stay inside run(), which holds nothing that has a
// destructor.
#include <algorithm>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it
#include <cstdlib>

#include <jpeglib.h>

#include "encode_parts.hpp"

namespace aceso::dicom {
namespace {

struct Failure {
  jpeg_error_mgr manager;  // first: the library hands out a pointer to it
  std::jmp_buf back;
};

[[noreturn]] void fail(j_common_ptr info) {
  std::longjmp(reinterpret_cast<Failure*>(info->err)->back, 1);
}

// `buffer` is malloc's and the caller's to free, whatever happens.
bool run(const std::byte* pixels, std::uint32_t columns, std::uint32_t rows, int components, int quality,
         unsigned char** buffer, unsigned long* size) {
  jpeg_compress_struct info{};
  Failure failure{};
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = fail;
  if (setjmp(failure.back) != 0) {  // NOLINT(cert-err52-cpp): the library's only way to report
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, buffer, size);
  info.image_width = columns;
  info.image_height = rows;
  info.input_components = components;
  info.in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, std::clamp(quality, 1, 100), TRUE);
  if (components == 3) info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  const std::size_t stride = std::size_t{columns} * static_cast<std::size_t>(components);
  while (info.next_scanline < info.image_height) {
    // The library does not write through this pointer.
    auto* row = const_cast<JSAMPROW>(reinterpret_cast<const JSAMPLE*>(pixels + info.next_scanline * stride));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

}  // namespace

Result<std::vector<std::byte>> encode_jpeg_8(const std::byte* pixels, std::uint32_t columns, std::uint32_t rows,
                                             int components, int quality) {
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  const bool done = run(pixels, columns, rows, components, quality, &buffer, &size);
  std::vector<std::byte> out;
  if (done) {
    const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
    out.assign(bytes, bytes + size);
  }
  std::free(buffer);  // NOLINT(cppcoreguidelines-no-malloc): the library allocated it
  if (!done) return Error{Code::invalid, "JPEG: the frame cannot be encoded"};
  return out;
}

}  // namespace aceso::dicom
