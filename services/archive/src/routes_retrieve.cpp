// Objects as they are kept, or in explicit little endian (PS3.18 10.4.1.1.1).
#include "representation.hpp"
#include "transcoded_object.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

const dicom::TransferSyntax& syntax_of(const Instance& instance) {
  const auto* known = dicom::find_transfer_syntax(instance.transfer_syntax_uid);
  return known != nullptr ? *known : dicom::unknown_syntax();
}

Result<std::shared_ptr<net::BodySource>> body_of(Archive::Impl& impl, const InstancePtr& instance, bool as_stored) {
  if (!as_stored) return transcode_object(*impl.store, *impl.frames, instance);
  impl.metrics.bytes_sent += instance->file_bytes;
  return stored_source(*impl.store, instance, 0, instance->file_bytes);
}

Result<net::Response> retrieve(Archive::Impl& impl, const net::Request& request) {
  ACESO_TRY(const auto objects, objects_of(impl, request));
  const auto ranges = accepted(request);
  std::vector<BodyPart> parts;
  std::string form;
  const std::string root = root_url(request);
  for (const auto& instance : objects) {
    const auto how = choose_object(ranges, syntax_of(*instance), instance->transfer_syntax_uid, objects.size());
    if (!how) return not_acceptable(request);
    const std::string type = how->type + "; transfer-syntax=" + how->syntax_uid;
    if (form.empty()) form.assign(1, how->multipart ? 'm' : 's');
    form += how->as_stored ? '=' : 'x';
    if (!how->multipart) {
      const std::string etag = etag_of(objects, form);
      if (is_current(request, etag)) return not_modified(etag);
      net::Response response;
      ACESO_TRY(response.body, body_of(impl, instance, how->as_stored));
      response.headers.set("Content-Type", type);
      response.headers.set("ETag", etag);
      response.headers.set("Vary", "Accept");
      return response;
    }
    parts.push_back({type, instance_path(root, *instance),
                     [&impl, instance, stored = how->as_stored] { return body_of(impl, instance, stored); }});
  }
  const std::string etag = etag_of(objects, form);
  if (is_current(request, etag)) return not_modified(etag);
  auto response = multipart_response(kDicom, std::move(parts));
  response.headers.set("ETag", etag);
  response.headers.set("Vary", "Accept");
  return response;
}

}  // namespace

void register_retrieve_routes(net::Router& router, Archive::Impl& impl) {
  for (const char* pattern : {"/dicom-web/studies/{study}", "/dicom-web/studies/{study}/series/{series}",
                              "/dicom-web/studies/{study}/series/{series}/instances/{instance}"}) {
    router.add(net::Method::get, pattern,
               {.summary = "Objects as part 10 files (WADO-RS)",
                .tag = "dicomweb",
                .scope = std::string{kRead},
                .response_type = "multipart/related"},
               [&impl](net::Request& request) { return retrieve(impl, request); });
  }
}

}  // namespace aceso::archive
