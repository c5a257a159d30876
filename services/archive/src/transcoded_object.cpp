#include "transcoded_object.hpp"

#include <algorithm>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::uint64_t kMaxWithoutPixels = std::uint64_t{256} << 20;

std::string_view name_of(dicom::Photometric photometric) noexcept {
  switch (photometric) {
    case dicom::Photometric::rgb:
      return "RGB";
    case dicom::Photometric::ybr_full:
      return "YBR_FULL";
    default:
      return {};
  }
}

class TranscodedObject final : public net::BodySource {
 public:
  TranscodedObject(FrameSource& frames, InstancePtr instance, ImageInfoPtr image, Bytes front)
      : frames_{frames}, instance_{std::move(instance)}, image_{std::move(image)}, piece_{std::move(front)} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    while (at_ == piece_.size()) {
      if (!image_ || frame_ == image_->table.count()) {
        if (!pad_) return std::size_t{0};
        pad_ = false;
        piece_.assign(1, std::byte{0});
      } else {
        ACESO_TRY(piece_, next_frame());
        if (piece_.size() % 2 != 0) pad_ = !pad_;
      }
      at_ = 0;
    }
    const std::size_t n = std::min(out.size(), piece_.size() - at_);
    std::copy_n(piece_.begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
  }

 private:
  Result<Bytes> next_frame() {
    const std::uint32_t frame = frame_++;
    if (!image_->table.encapsulated()) return frames_.stored(*instance_, *image_, frame);
    ACESO_TRY(const auto pixels, frames_.decoded(*instance_, *image_, frame));
    return pixels.data;
  }

  FrameSource& frames_;
  InstancePtr instance_;
  ImageInfoPtr image_;
  Bytes piece_;
  std::size_t at_ = 0;
  std::uint32_t frame_ = 0;
  bool pad_ = false;  // an odd number of bytes so far
};

// Objects without pixels, and single bits whose frames do not start on a byte: parsed and written whole.
Result<Bytes> rewritten(const ObjectStore& store, const Instance& instance) {
  ACESO_TRY(const Bytes whole, store.read_all(instance, kMaxWithoutPixels));
  ACESO_TRY(const dicom::Object object, dicom::parse(whole));
  return dicom::write_part10(object.dataset, dicom::kExplicitLittle);
}

void put_le(Bytes& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> 8U * i));
}

// Preamble, meta information and everything before the pixels, then the head of the pixel data element.
Result<Bytes> front_of(const ObjectStore& store, FrameSource& frames, const Instance& instance,
                       const ImageInfo& image) {
  ACESO_TRY(const auto head, read_head(store, instance, kMaxWithoutPixels));
  dicom::Dataset header = head.dataset;
  std::uint64_t length = 0;
  std::uint16_t bits = image.format.bits_allocated;
  if (image.table.encapsulated()) {
    ACESO_TRY(const auto first, frames.decoded(instance, image, 0));
    length = std::uint64_t{first.data.size()} * image.table.count();
    bits = first.bits;
    header.set_integer(tags::kBitsAllocated, first.bits);
    if (first.samples > 1) header.set_integer(tags::kPlanarConfiguration, 0);
    if (const auto name = name_of(first.photometric); !name.empty())
      header.set_text(tags::kPhotometricInterpretation, name);
  } else {
    for (std::uint32_t i = 0; i < image.table.count(); ++i) length += image.table.length(i);
  }
  length += length % 2;
  if (length >= dicom::kUndefinedLength) return Error{Code::unsupported, "more pixels than an element can hold"};
  ACESO_TRY(Bytes out, dicom::write_part10(header, dicom::kExplicitLittle));
  put_le(out, 0x7FE0, 2);
  put_le(out, 0x0010, 2);
  const bool words = bits > 8;
  out.push_back(std::byte{'O'});
  out.push_back(words ? std::byte{'W'} : std::byte{'B'});
  put_le(out, 0, 2);
  put_le(out, length, 4);
  return out;
}

}  // namespace

Result<std::shared_ptr<net::BodySource>> transcode_object(const ObjectStore& store, FrameSource& frames,
                                                          const InstancePtr& instance) {
  auto image = frames.image(instance);
  const bool streamed = image.ok() && (*image)->format.bits_allocated > 1 && (*image)->head.stopped;
  if (!streamed) {
    if (!image && image.error().code() != Code::not_found) {
      const auto* syntax = dicom::find_transfer_syntax(instance->transfer_syntax_uid);
      if (syntax == nullptr || syntax->encapsulated) return std::move(image).error();
    }
    ACESO_TRY(Bytes whole, rewritten(store, *instance));
    return bytes_source(std::make_shared<const Bytes>(std::move(whole)));
  }
  ACESO_TRY(Bytes front, front_of(store, frames, *instance, **image));
  return std::static_pointer_cast<net::BodySource>(
      std::make_shared<TranscodedObject>(frames, instance, *image, std::move(front)));
}

}  // namespace aceso::archive
