// Pictures of instances and frames, thumbnails of anything (PS3.18 10.4.1.1.3 and .4).
#include <algorithm>
#include <charconv>

#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/tags.hpp"
#include "frame_source.hpp"
#include "media_type.hpp"
#include "picture.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr Viewport kThumbnail{.width = 256, .height = 256};
constexpr std::size_t kTried = 8;  // instances that are asked for pixels before a series counts as one without
constexpr std::uint64_t kMaxDocument = std::uint64_t{256} << 20;

// JPEG unless PNG is preferred; nullopt: neither is accepted.
std::optional<bool> wants_png(const net::Request& request) {
  for (const auto& range : accepted(request)) {
    if (fits(range, "image/jpeg")) return false;
    if (fits(range, "image/png")) return true;
  }
  return std::nullopt;
}

Result<net::Response> picture_of(Archive::Impl& impl, const net::Request& request, const InstancePtr& instance,
                                 std::uint32_t frame, bool thumbnail) {
  const auto png = wants_png(request);
  if (!png) return not_acceptable(request);
  ACESO_TRY(PictureOptions options, parse_picture(request.query));
  options.png = *png;
  if (thumbnail && !options.viewport) options.viewport = kThumbnail;
  ACESO_TRY(const auto image, impl.frames->image(instance));
  if (frame >= image->table.count()) return Error{Code::not_found, "there is no such frame"};
  const std::string key = FrameSource::key_of(*instance, frame, options.key());
  const std::string etag = etag_of({instance}, key);
  if (is_current(request, etag)) return not_modified(etag);
  ACESO_TRY(const auto bytes,
            impl.frames->picture(key, [&] { return draw_picture(*instance, *impl.frames, *image, frame, options); }));
  impl.metrics.bytes_sent += bytes->size();
  net::Response response;
  response.headers.set("Content-Type", *png ? "image/png" : "image/jpeg");
  response.headers.set("ETag", etag);
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Vary", "Accept");
  response.body = bytes_source(bytes);
  return response;
}

// A document inside of an object is its own rendering.
Result<net::Response> document_of(const ObjectStore& store, const Instance& instance) {
  ACESO_TRY(const Bytes whole, store.read_all(instance, kMaxDocument));
  ACESO_TRY(const auto object, dicom::parse(whole));
  const auto* document = object.dataset.find(tags::kEncapsulatedDocument);
  if (document == nullptr) return Error{Code::unsupported, "this object holds nothing that can be shown as a picture"};
  const auto type = object.dataset.text_or(tags::kMIMETypeOfEncapsulatedDocument);
  if (type != "application/pdf") return Error{Code::unsupported, "this kind of document cannot be shown"};
  const auto value = document->bytes();
  return net::Response::text(std::string{reinterpret_cast<const char*>(value.data()), value.size()}, type);
}

Result<net::Response> rendered(Archive::Impl& impl, const net::Request& request, bool thumbnail) {
  ACESO_TRY(const InstancePtr instance, object_of(impl, request));
  std::uint32_t frame = 1;
  if (const auto text = request.param("frames"); !text.empty()) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), frame);
    if (ec != std::errc{} || end != text.data() + text.size() || frame == 0)
      return Error{Code::invalid, "one frame's number from 1 is needed"};
  }
  auto picture = picture_of(impl, request, instance, frame - 1, thumbnail);
  if (!picture && picture.error().code() == Code::not_found && frame == 1 && !thumbnail)
    return document_of(*impl.store, *instance);
  return picture;
}

// The middle of the first series with pixels stands for the whole.
Result<net::Response> thumbnail_of_many(Archive::Impl& impl, const net::Request& request) {
  ACESO_TRY(const auto objects, objects_of(impl, request));
  std::size_t tried = 0;
  for (std::size_t start = 0; start < objects.size() && tried < kTried; ++tried) {
    std::size_t end = start;
    while (end < objects.size() && objects[end]->key == objects[start]->key) ++end;
    const auto& middle = objects[start + (end - start) / 2];
    if (impl.frames->image(middle).ok()) return picture_of(impl, request, middle, 0, true);
    start = end;
  }
  return Error{Code::not_found, "there is nothing to show"};
}

}  // namespace

Result<Bytes> draw_picture(const Instance& instance, const FrameSource& frames, const ImageInfo& image,
                           std::uint32_t frame, const PictureOptions& options) {
  ACESO_TRY(const auto pixels, frames.decoded(instance, image, frame));
  ACESO_TRY(imaging::Image picture, dicom::render_frame(image.head.dataset, pixels, frame, {.window = options.window}));
  if (options.viewport) picture = scale_to_fit(picture, *options.viewport);
  return options.png ? imaging::encode_png(picture) : dicom::encode_jpeg(picture, options.quality);
}

void register_rendered_routes(net::Router& router, Archive::Impl& impl) {
  const auto add = [&](const std::string& pattern, const char* summary, net::Handler handler) {
    router.add(net::Method::get, pattern,
               {.summary = summary,
                .tag = "dicomweb",
                .scope = std::string{kRead},
                .response_type = "image/jpeg",
                .query = {{"window", "CENTER,WIDTH,linear|linear-exact|sigmoid"},
                          {"viewport", "WIDTH,HEIGHT[,X,Y,SOURCE_WIDTH,SOURCE_HEIGHT]"},
                          {"quality", "1 to 100, of JPEG"}}},
               std::move(handler));
  };
  const std::string study = "/dicom-web/studies/{study}";
  const std::string series = study + "/series/{series}";
  const std::string instance = series + "/instances/{instance}";
  for (const auto& whole : {study, series}) {
    add(whole + "/thumbnail", "A small picture of a study or series",
        [&impl](net::Request& request) { return thumbnail_of_many(impl, request); });
  }
  for (const auto& one : {instance, instance + "/frames/{frames}"}) {
    add(one + "/rendered", "A picture as it should be seen (WADO-RS)",
        [&impl](net::Request& request) { return rendered(impl, request, false); });
    add(one + "/thumbnail", "A small picture (WADO-RS)",
        [&impl](net::Request& request) { return rendered(impl, request, true); });
  }
}

}  // namespace aceso::archive
