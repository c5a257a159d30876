// Metadata of studies, series and instances in the DICOM JSON model (PS3.18 10.4.1.1.2): made once a series, kept
// compressed, sent as kept.
#include <algorithm>

#include "aceso/dicom/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "deflated.hpp"
#include "flight_cache.hpp"
#include "media_type.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::uint64_t kMaxPlain = std::uint64_t{1} << 30;

// Accept-Encoding (RFC 9110 12.5.3), as far as gzip goes.
bool accepts_gzip(const net::Request& request) {
  for (const auto& range : parse_accept(request.headers.get("Accept-Encoding"))) {
    if (range.type == "gzip" || range.type == "x-gzip") return true;
  }
  return false;
}

Result<std::string> instance_json(const ObjectStore& store, const Instance& instance) {
  ACESO_TRY(auto head, read_head(store, instance));
  auto& data = head.dataset;
  const bool pixels = head.stopped || data.contains(tags::kRows);
  if (pixels && !data.contains(tags::kPixelData))
    data.set_bytes(tags::kPixelData, dicom::Vr::ow, std::vector<std::byte>(2));
  data.set_text(tags::kAvailableTransferSyntaxUID, instance.transfer_syntax_uid);
  dicom::JsonOptions options;
  const std::string base = instance_path(kRoot, instance) + "/bulkdata/";
  options.bulk_uri = [&](std::string_view path, const dicom::Element&) -> std::optional<std::string> {
    return base + std::string{path};
  };
  return dicom::to_json(data, options);
}

class MetadataCache {
 public:
  MetadataCache(const ObjectStore& store, std::uint64_t bytes) : store_{store}, cache_{bytes} {}
  using Value = FlightCache<Deflated>::Value;

  // Objects of one series, in order. A damaged object is left out and counted against nobody else.
  Result<Value> series(const std::vector<InstancePtr>& instances) {
    return cache_.get(
        etag_of(instances, "metadata"),
        [&]() -> Result<Deflated> {
          std::string all;
          for (const auto& instance : instances) {
            ACESO_TRY(const std::string one, instance_json(store_, *instance));
            if (!all.empty()) all += ',';
            all += one;
          }
          return deflate_piece(all);
        },
        [](const Deflated& value) { return value.bytes.size(); });
  }

 private:
  const ObjectStore& store_;
  FlightCache<Deflated> cache_;
};

std::vector<std::vector<InstancePtr>> by_series(const std::vector<InstancePtr>& objects) {
  std::vector<std::vector<InstancePtr>> out;
  for (const auto& one : objects) {
    if (out.empty() || out.back().front()->key != one->key) out.emplace_back();
    out.back().push_back(one);
  }
  return out;
}

Result<net::Response> metadata(const Archive::Impl& impl, MetadataCache& cache, const net::Request& request) {
  const auto start = impl.deps.clock.steady_now();
  const auto ranges = accepted(request);
  const bool json = std::ranges::any_of(
      ranges, [](const MediaRange& range) { return fits(range, kDicomJson) || fits(range, "application/json"); });
  if (!json) return not_acceptable(request);
  ACESO_TRY(const auto objects, objects_of(impl, request));
  const std::string etag = etag_of(objects, "metadata");
  if (is_current(request, etag)) return not_modified(etag);
  std::vector<MetadataCache::Value> kept;
  std::vector<const Deflated*> pieces;
  for (const auto& series : by_series(objects)) {
    ACESO_TRY(auto value, cache.series(series));
    pieces.push_back(value.get());
    kept.push_back(std::move(value));
  }
  net::Response response;
  response.headers.set("Content-Type", kDicomJson);
  response.headers.set("ETag", etag);
  response.headers.set("Cache-Control", "private, no-cache");
  response.headers.set("Vary", "Accept-Encoding");
  if (accepts_gzip(request)) {
    response.headers.set("Content-Encoding", "gzip");
    response.body = gzip_array(pieces);
  } else {
    ACESO_TRY(response.body, plain_array(pieces, kMaxPlain));
  }
  impl.metrics.metadata.observe(std::chrono::duration<double>(impl.deps.clock.steady_now() - start).count());
  return response;
}

}  // namespace

void register_metadata_routes(net::Router& router, Archive::Impl& impl) {
  // Shared by the handlers of the three routes.
  const auto cache = std::make_shared<MetadataCache>(*impl.store, impl.options.metadata_cache);
  for (const char* pattern :
       {"/dicom-web/studies/{study}/metadata", "/dicom-web/studies/{study}/series/{series}/metadata",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/metadata"}) {
    router.add(net::Method::get, pattern,
               {.summary = "Metadata in the DICOM JSON model (WADO-RS)",
                .tag = "dicomweb",
                .scope = std::string{kRead},
                .response_type = std::string{kDicomJson}},
               [&impl, cache](net::Request& request) { return metadata(impl, *cache, request); });
  }
}

}  // namespace aceso::archive
