// High-throughput JPEG 2000 (T.814) by OpenJPH.
#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_message.h>
#include <openjph/ojph_params.h>

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "htj2k_messages.hpp"
#include "jpeg_2000_parts.hpp"

namespace aceso::dicom {
namespace {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // the library's base classes; nothing is deleted through them
struct QuietWarning final : ojph::message_warning {
  void operator()(int, const char*, int, const char*, ...) override {}
};
struct QuietInfo final : ojph::message_info {
  void operator()(int, const char*, int, const char*, ...) override {}
};
struct ThrowingError final : ojph::message_error {
  void operator()(int, const char*, int, const char*, ...) override { throw std::runtime_error{"openjph"}; }
};
#pragma GCC diagnostic pop

template <class T>
void store_line(const ojph::line_buf& line, std::size_t columns, std::size_t step, bool is_signed, unsigned precision,
                T* out) {
  const std::int32_t low = is_signed ? -(std::int32_t{1} << (precision - 1)) : 0;
  const std::int32_t high = (std::int32_t{1} << (is_signed ? precision - 1 : precision)) - 1;
  for (std::size_t x = 0; x < columns; ++x) out[x * step] = static_cast<T>(std::clamp(line.i32[x], low, high));
}

bool run(const PixelFormat& format, const Jpeg2000Header& header, Samples& out) {
  ojph::mem_infile file;
  file.open(reinterpret_cast<const ojph::ui8*>(header.stream.data()), header.stream.size());
  ojph::codestream codestream;
  codestream.read_headers(&file);
  codestream.set_planar(false);
  const ojph::param_siz siz = codestream.access_siz();
  if (siz.get_num_components() != format.samples) return false;
  for (ojph::ui32 c = 0; c < format.samples; ++c) {
    if (siz.get_recon_width(c) != format.columns || siz.get_recon_height(c) != format.rows) return false;
  }
  codestream.create();
  const std::size_t stride = std::size_t{format.columns} * format.samples;
  for (std::size_t y = 0; y < format.rows; ++y) {
    for (std::size_t i = 0; i < format.samples; ++i) {
      ojph::ui32 c = 0;
      const ojph::line_buf* line = codestream.pull(c);
      if (line == nullptr || c >= format.samples || line->size < format.columns) return false;
      const std::size_t at = y * stride + c;
      const auto store = [&](auto* to) {
        store_line(*line, format.columns, format.samples, header.is_signed, header.precision, to + at);
      };
      if (out.width == 1) store(reinterpret_cast<std::uint8_t*>(out.data.data()));
      if (out.width == 2) store(reinterpret_cast<std::uint16_t*>(out.data.data()));
      if (out.width == 4) store(reinterpret_cast<std::uint32_t*>(out.data.data()));
    }
  }
  codestream.close();
  return true;
}

}  // namespace

void quiet_openjph() {
  static QuietWarning warning;
  static QuietInfo info;
  static ThrowingError error;
  static const bool done = [] {
    ojph::configure_warning(&warning);
    ojph::configure_info(&info);
    ojph::configure_error(&error);
    return true;
  }();
  static_cast<void>(done);
}

Result<Samples> by_openjph(const PixelFormat& format, const Jpeg2000Header& header, Samples out) {
  quiet_openjph();
  try {
    if (run(format, header, out)) return out;
  } catch (const std::exception&) {  // said below
  }
  return Error{Code::invalid, "HTJ2K: the frame is damaged"};
}

}  // namespace aceso::dicom
