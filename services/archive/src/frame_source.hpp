// Frames of kept objects, one at a time: as they are stored, or in another transfer syntax.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "flight_cache.hpp"
#include "object_store.hpp"

namespace aceso::archive {

using Bytes = std::vector<std::byte>;

// What must be known of an object to read a frame. Immutable.
struct ImageInfo {
  dicom::Object head;  // everything before the pixels
  dicom::PixelFormat format;
  dicom::FrameTable table;
  const dicom::TransferSyntax* syntax = nullptr;
  Bytes inflated;  // of a deflated object: where its frames lie
};
using ImageInfoPtr = std::shared_ptr<const ImageInfo>;  // shared by the cache and whoever reads frames

// Thread-safe.
class FrameSource {
 public:
  // store outlives it. `cache_bytes` for decoded frames and pictures; a quarter of it for what is known of objects.
  FrameSource(const ObjectStore& store, std::uint64_t cache_bytes)
      : store_{store}, frames_{cache_bytes}, images_{cache_bytes / 4} {}

  // Errors: not_found (no pixels), invalid, unsupported (frames cannot be told apart), too_large.
  Result<ImageInfoPtr> image(const InstancePtr& instance);
  // Frame from 0. As stored; single bits packed from the frame's first byte on, words in little endian.
  Result<Bytes> stored(const Instance& instance, const ImageInfo& image, std::uint32_t frame) const;
  Result<dicom::Frame> decoded(const Instance& instance, const ImageInfo& image, std::uint32_t frame) const;
  // In `syntax_uid`, made once. Errors: unsupported (no decoder or encoder), invalid, too_large.
  using Value = FlightCache<Bytes>::Value;
  Result<Value> transcoded(const InstancePtr& instance, const ImageInfo& image, std::uint32_t frame,
                           const std::string& syntax_uid);
  // A picture kept beside the frames, under the caller's key.
  Result<Value> picture(const std::string& key, const std::function<Result<Bytes>()>& make) {
    return frames_.get(key, make, [](const Bytes& bytes) { return bytes.size(); });
  }
  static std::string key_of(const Instance& instance, std::uint32_t frame, std::string_view form);

 private:
  Result<Bytes> encoded(const Instance& instance, const ImageInfo& image, std::uint32_t frame) const;
  Result<ImageInfo> load(const Instance& instance) const;

  const ObjectStore& store_;
  FlightCache<Bytes> frames_;
  FlightCache<ImageInfo> images_;
};

// Native samples as an object in explicit little endian holds them: by planes where the header says so.
Bytes native_bytes(const dicom::PixelFormat& format, const dicom::Frame& frame);
bool frames_are_native(const dicom::TransferSyntax& syntax) noexcept;

}  // namespace aceso::archive
