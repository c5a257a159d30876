// What OpenJPEG's handles need, to read and to write. Included by sources that include openjpeg.h.
#pragma once

#include <openjpeg.h>

namespace aceso::dicom {

inline void openjpeg_quiet(const char*, void*) {}

// Codec and stream are the same type to the compiler.
struct CloseCodec {
  void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct CloseStream {
  void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
struct CloseImage {
  void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};

}  // namespace aceso::dicom
