// Frames (PS3.18 10.4.1.1.6).
#include <algorithm>
#include <charconv>

#include "representation.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxFrames = 10'000;  // of one request

// "1,3,4": numbers from 1.
Result<std::vector<std::uint32_t>> parse_frames(std::string_view list, std::uint32_t count) {
  std::vector<std::uint32_t> out;
  for (std::size_t start = 0; start <= list.size();) {
    const auto end = std::min(list.find(',', start), list.size());
    std::uint32_t number = 0;
    const auto [at, ec] = std::from_chars(list.data() + start, list.data() + end, number);
    if (ec != std::errc{} || at != list.data() + end || number == 0)
      return Error{Code::invalid, "frames are numbers from 1, separated by commas"};
    if (number > count) return Error{Code::not_found, "there is no such frame"};
    if (out.size() >= kMaxFrames) return Error{Code::too_large, "at most 10000 frames a request"};
    out.push_back(number - 1);
    start = end + 1;
  }
  return out;
}

Result<std::shared_ptr<const Bytes>> frame_of(const Archive::Impl& impl, const InstancePtr& instance,
                                              const ImageInfoPtr& image, std::uint32_t frame,
                                              const Representation& how) {
  if (!how.as_stored) return impl.frames->transcoded(instance, *image, frame, how.syntax_uid);
  ACESO_TRY(Bytes bytes, impl.frames->stored(*instance, *image, frame));
  return std::make_shared<const Bytes>(std::move(bytes));
}

Result<net::Response> frames(const Archive::Impl& impl, const net::Request& request) {
  const auto start = impl.deps.clock.steady_now();
  ACESO_TRY(const InstancePtr instance, object_of(impl, request));
  ACESO_TRY(const ImageInfoPtr image, impl.frames->image(instance));
  ACESO_TRY(const auto wanted, parse_frames(request.param("frames"), image->table.count()));
  const auto how = choose_frame(accepted(request), *image->syntax, wanted.size());
  if (!how) return not_acceptable(request);
  const std::string etag = etag_of(
      {instance}, "frames/" + std::string{request.param("frames")} + how->syntax_uid + (how->multipart ? "m" : ""));
  if (is_current(request, etag)) return not_modified(etag);
  const std::string type = how->type + "; transfer-syntax=" + how->syntax_uid;
  // The first one now: what cannot be decoded is told by a status.
  ACESO_TRY(const auto first, frame_of(impl, instance, image, wanted.front(), *how));
  impl.metrics.bytes_sent += first->size();
  net::Response response;
  if (!how->multipart) {
    response.headers.set("Content-Type", type);
    response.body = bytes_source(first);
  } else {
    std::vector<BodyPart> parts;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      parts.push_back({type, instance_path(root_url(request), *instance) + "/frames/" + std::to_string(wanted[i] + 1),
                       [&impl, instance, image, first, i, frame = wanted[i],
                        how = *how]() -> Result<std::shared_ptr<net::BodySource>> {
                         if (i == 0) return bytes_source(first);
                         ACESO_TRY(auto bytes, frame_of(impl, instance, image, frame, how));
                         impl.metrics.bytes_sent += bytes->size();
                         return bytes_source(std::move(bytes));
                       }});
    }
    response = multipart_response(how->type, std::move(parts));
  }
  response.headers.set("ETag", etag);
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Vary", "Accept");
  impl.metrics.frame.observe(std::chrono::duration<double>(impl.deps.clock.steady_now() - start).count());
  return response;
}

}  // namespace

void register_frame_routes(net::Router& router, Archive::Impl& impl) {
  router.add(net::Method::get, "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}",
             {.summary = "Frames, as stored or in another transfer syntax (WADO-RS)",
              .tag = "dicomweb",
              .scope = std::string{kRead},
              .response_type = "multipart/related"},
             [&impl](net::Request& request) { return frames(impl, request); });
}

}  // namespace aceso::archive
