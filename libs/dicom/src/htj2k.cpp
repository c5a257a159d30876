// High-throughput JPEG 2000 (T.814) by OpenJPH.
#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_message.h>
#include <openjph/ojph_params.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "htj2k_messages.hpp"
#include "jpeg_2000_parts.hpp"

namespace aceso::dicom {
namespace {

// Notices that the decoder wanted more than there is: OpenJPH itself only mentions it and goes on.
class Input final : public ojph::infile_base {
 public:
  explicit Input(std::span<const std::byte> bytes) {
    file_.open(reinterpret_cast<const ojph::ui8*>(bytes.data()), bytes.size());
  }
  std::size_t read(void* to, std::size_t size) override {
    const std::size_t n = file_.read(to, size);
    ended_ = ended_ || n < size;
    return n;
  }
  int seek(ojph::si64 offset, enum ojph::infile_base::seek origin) override { return file_.seek(offset, origin); }
  ojph::si64 tell() override { return file_.tell(); }
  bool eof() override { return file_.eof(); }
  bool ended() const noexcept { return ended_; }

 private:
  ojph::mem_infile file_;
  bool ended_ = false;
};

template <class T>
void store_line(const ojph::line_buf& line, std::size_t columns, std::size_t step, bool is_signed, unsigned precision,
                T* out) {
  const std::int32_t low = is_signed ? -(std::int32_t{1} << (precision - 1)) : 0;
  const std::int32_t high = (std::int32_t{1} << (is_signed ? precision - 1 : precision)) - 1;
  for (std::size_t x = 0; x < columns; ++x) out[x * step] = static_cast<T>(std::clamp(line.i32[x], low, high));
}

bool run(const PixelFormat& format, const Jpeg2000Header& header, Samples& out) {
  Input file{header.stream};
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
  return !file.ended();
}

}  // namespace

void quiet_openjph() {
  static const bool done = [] {
    std::FILE* nowhere =
        std::fopen("/dev/null", "w");  // kept for the life of the process; null streams crash the library
    if (nowhere == nullptr) return false;
    ojph::set_info_stream(nowhere);
    ojph::set_warning_stream(nowhere);
    ojph::set_error_stream(nowhere);
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
