// The resources of the Orthanc interface: lists, descriptions, upload, files, tags, pictures, ZIP files, deletion.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "aceso/dicom/tags.hpp"
#include "ingest.hpp"
#include "media_type.hpp"
#include "orthanc_impl.hpp"
#include "picture.hpp"
#include "zip_source.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using Interface = OrthancInterface::Impl;
constexpr std::array kLevels{QueryLevel::patient, QueryLevel::study, QueryLevel::series, QueryLevel::image};
constexpr std::int64_t kMaxCount = 1'000'000'000;

Error not_there() {
  return {Code::not_found, "there is no such resource"};
}

Result<OrthancId> id_of(const net::Request& request) {
  const auto id = parse_orthanc_id(request.param("id"));
  if (!id) return not_there();
  return *id;
}

// The objects of what the address names, readable by who asks.
Result<std::vector<InstancePtr>> readable(Interface& impl, const net::Request& request, QueryLevel level) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const auto id, id_of(request));
  ACESO_TRY(auto objects, impl.instances(level, id));
  ACESO_TRY_OK(impl.read_allowed(peer, objects));
  return objects;
}

// "?expand" and "?expand=true".
bool flag(const net::Request& request, std::string_view name) {
  const auto value = request.query_value(name);
  return value && *value != "false" && *value != "0";
}

Result<net::Response> list(Interface& impl, const net::Request& request, QueryLevel level) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const auto since, request.query_integer("since", 0, 0, kMaxCount));
  ACESO_TRY(const auto limit, request.query_integer("limit", 0, 0, kMaxCount));
  const bool expand = flag(request, "expand");
  const std::string what = std::string{orthanc_folder(level)} + (expand ? " expanded" : "");
  ACESO_TRY_OK(impl.archive.access.record(
      peer, {.action = "E",
             .event = "archive.query",
             .entity_type = "query",
             .entity = "orthanc\n" + what + "\n" + std::to_string(since) + "\n" + std::to_string(limit),
             .detail = Json{{"level", contracts::to_string(level)}}.dump()}));
  auto ids =
      impl.ids.list(level, static_cast<std::size_t>(since), static_cast<std::size_t>(limit == 0 ? kMaxCount : limit));
  if (!expand) return orthanc_id_list(ids);
  return orthanc_array(std::move(ids), [&impl, level](const OrthancId& id) { return impl.resource(level, id); });
}

Result<net::Response> describe_resource(Interface& impl, const net::Request& request, QueryLevel level) {
  ACESO_TRY(const auto objects, readable(impl, request, level));
  ACESO_TRY(const auto id, id_of(request));
  ACESO_TRY(const Json json, impl.resource(level, id));
  auto response = net::Response::json(json);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

// What is above is one resource, what is below is a list of them.
Result<net::Response> relatives(Interface& impl, const net::Request& request, QueryLevel level, QueryLevel wanted) {
  ACESO_TRY(const auto objects, readable(impl, request, level));
  ACESO_TRY(const auto id, id_of(request));
  ACESO_TRY(auto ids, impl.related(level, id, wanted));
  if (wanted > level) {
    return orthanc_array(std::move(ids), [&impl, wanted](const OrthancId& one) { return impl.resource(wanted, one); });
  }
  ACESO_TRY(const Json json, impl.resource(wanted, ids.front()));
  return net::Response::json(json);
}

Result<net::Response> file(Interface& impl, const net::Request& request) {
  ACESO_TRY(const auto objects, readable(impl, request, QueryLevel::image));
  const auto& one = objects.front();
  impl.archive.metrics.bytes_sent += one->file_bytes;
  net::Response response;
  response.headers.set("Content-Type", kDicom);
  response.headers.set("Content-Disposition", "attachment; filename=\"" + std::string{request.param("id")} + ".dcm\"");
  response.body = stored_source(*impl.archive.store, one, 0, one->file_bytes);
  return response;
}

Result<net::Response> tags_of(Interface& impl, const net::Request& request, OrthancForm form) {
  ACESO_TRY(const auto objects, readable(impl, request, QueryLevel::image));
  ACESO_TRY(const auto outline, read_outline(*impl.archive.store, *objects.front()));
  if (flag(request, "simplify")) form = OrthancForm::simplified;
  if (flag(request, "short")) form = OrthancForm::brief;
  auto response = net::Response::json(orthanc_tags(outline.dataset, form));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

// PNG unless JPEG is asked for.
bool prefers_jpeg(const net::Request& request) {
  for (const auto& range : accepted(request)) {
    if (fits(range, "image/png")) return false;
    if (fits(range, "image/jpeg")) return true;
  }
  return false;
}

Result<net::Response> preview(Interface& impl, const net::Request& request) {
  ACESO_TRY(const auto objects, readable(impl, request, QueryLevel::image));
  std::uint32_t at = 0;
  if (const auto text = request.param("frame"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), at);
    if (error != std::errc{} || end != text.data() + text.size()) return not_there();
  }
  auto& archive = impl.archive;
  ACESO_TRY(const auto image, archive.frames->image(objects.front()));
  if (at >= image->table.count()) return not_there();
  PictureOptions options;
  options.png = !prefers_jpeg(request);
  ACESO_TRY(const auto bytes, archive.frames->picture(FrameSource::key_of(*objects.front(), at, options.key()), [&] {
    return draw_picture(*objects.front(), *archive.frames, *image, at, options);
  }));
  archive.metrics.bytes_sent += bytes->size();
  net::Response response;
  response.headers.set("Content-Type", options.png ? "image/png" : "image/jpeg");
  response.headers.set("Cache-Control", "no-store");
  response.body = bytes_source(bytes);
  return response;
}

Result<net::Response> frame_list(Interface& impl, const net::Request& request) {
  ACESO_TRY(const auto objects, readable(impl, request, QueryLevel::image));
  const auto image = impl.archive.frames->image(objects.front());
  Json out = Json::array();
  for (std::uint32_t i = 0; image && i < (*image)->table.count(); ++i) out.push_back(std::to_string(i));
  return net::Response::json(out);
}

// Folders and files are named by identifiers: names of patients belong into the objects alone.
Result<net::Response> zip(Interface& impl, const net::Request& request, QueryLevel level) {
  ACESO_TRY(const auto objects, readable(impl, request, level));
  std::vector<ZipEntry> entries;
  const SeriesKey* series = nullptr;
  std::string folder;
  std::size_t number = 0;
  const std::string patient = impl.patient_of(objects.front()->key->study_uid);
  for (const auto& one : objects) {
    if (one->key.get() != series) {
      series = one->key.get();
      folder = to_string(orthanc_id(patient)) + "/" + to_string(orthanc_id(patient, series->study_uid)) + "/" +
               to_string(orthanc_id(patient, series->study_uid, series->series_uid)) + "/";
      number = 0;
    }
    std::string name = std::to_string(number++);
    name.insert(0, name.size() < 6 ? 6 - name.size() : 0, '0');
    entries.push_back({folder + "IM" + name + ".dcm", one});
    impl.archive.metrics.bytes_sent += one->file_bytes;
  }
  net::Response response;
  response.headers.set("Content-Type", "application/zip");
  response.headers.set("Content-Disposition", "attachment; filename=\"" + std::string{request.param("id")} + ".zip\"");
  response.body = zip_source(*impl.archive.store, std::move(entries));
  return response;
}

Result<net::Response> upload(Interface& impl, net::Request& request) {
  ACESO_TRY(auto writer, impl.deps.archive.begin_file(peer_of(request)));
  std::vector<std::byte> piece(std::size_t{64} << 10);
  for (;;) {
    ACESO_TRY(const std::size_t n, request.body->read(piece));
    if (n == 0) break;
    ACESO_TRY_OK(writer->write(std::span{piece}.first(n)));
  }
  ACESO_TRY(const auto stored, writer->commit());
  const auto instance = impl.index().find(stored.sop_instance_uid);
  if (!instance) return Error{Code::conflict, "the object was deleted while it was stored"};
  const std::string patient = impl.patient_of(stored.study_uid);
  const auto id = orthanc_id(patient, *instance);
  return net::Response::json({{"ID", to_string(id)},
                              {"ParentPatient", to_string(orthanc_id(patient))},
                              {"ParentSeries", to_string(orthanc_id(patient, stored.study_uid, stored.series_uid))},
                              {"ParentStudy", to_string(orthanc_id(patient, stored.study_uid))},
                              {"Path", orthanc_path(QueryLevel::image, id)},
                              {"Status", stored.duplicate ? "AlreadyStored" : "Success"}});
}

// {"RemainingAncestor"}: the nearest resource above that is still there.
Result<net::Response> remove_resource(Interface& impl, const net::Request& request, QueryLevel level) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kDelete));
  ACESO_TRY(const auto id, id_of(request));
  ACESO_TRY(const auto objects, impl.instances(level, id));
  const SeriesKey key = *objects.front()->key;
  const std::string patient = impl.patient_of(key.study_uid);
  auto& archive = impl.deps.archive;
  if (level == QueryLevel::patient) {
    for (const auto& study : impl.studies_of(patient)) {
      ACESO_TRY(const auto removed, archive.remove(peer, study->uid, "", ""));
      (void)removed;
    }
  } else {
    ACESO_TRY(const auto removed, archive.remove(peer, key.study_uid, level == QueryLevel::study ? "" : key.series_uid,
                                                 level == QueryLevel::image ? objects.front()->sop_instance_uid : ""));
    (void)removed;
  }
  Json out{{"RemainingAncestor", nullptr}};
  const std::array<OrthancId, 3> above{orthanc_id(patient), orthanc_id(patient, key.study_uid),
                                       orthanc_id(patient, key.study_uid, key.series_uid)};
  for (auto i = static_cast<std::size_t>(level); i-- > 0;) {
    const auto one = kLevels.at(i);
    if (!impl.instances(one, above.at(i)).ok()) continue;
    out["RemainingAncestor"] = {{"ID", to_string(above.at(i))},
                                {"Path", orthanc_path(one, above.at(i))},
                                {"Type", std::string{orthanc_type(one)}}};
    break;
  }
  return net::Response::json(out);
}

}  // namespace

void register_orthanc_resources(net::Router& router, OrthancInterface::Impl& impl) {
  const auto get = [&](const std::string& pattern, const char* summary, net::Handler handler,
                       const char* type = "application/json") {
    router.add(net::Method::get, "/orthanc" + pattern,
               {.summary = summary, .tag = "orthanc", .scope = std::string{kRead}, .response_type = type},
               std::move(handler));
  };
  for (const auto level : kLevels) {
    const std::string folder = "/" + std::string{orthanc_folder(level)};
    const std::string one = folder + "/{id}";
    router.add(net::Method::get, "/orthanc" + folder,
               {.summary = "Identifiers of all, or with expand their descriptions",
                .tag = "orthanc",
                .scope = std::string{kRead},
                .query = {{"since", "How many to skip"}, {"limit", "At most so many; 0: all"}, {"expand", ""}}},
               [&impl, level](net::Request& request) { return list(impl, request, level); });
    get(one, "Description", [&impl, level](net::Request& r) { return describe_resource(impl, r, level); });
    router.add(net::Method::del, "/orthanc" + one,
               {.summary = "Delete", .tag = "orthanc", .scope = std::string{kDelete}},
               [&impl, level](net::Request& request) { return remove_resource(impl, request, level); });
    for (const auto wanted : kLevels) {
      if (wanted == level) continue;
      const std::string name = wanted > level                  ? std::string{orthanc_folder(wanted)}
                               : wanted == QueryLevel::patient ? "patient"
                               : wanted == QueryLevel::study   ? "study"
                                                               : "series";
      get(one + "/" + name, wanted > level ? "Those it holds" : "That which holds it",
          [&impl, level, wanted](net::Request& r) { return relatives(impl, r, level, wanted); });
    }
    if (level != QueryLevel::image)
      get(
          one + "/archive", "All objects as a ZIP file",
          [&impl, level](net::Request& r) { return zip(impl, r, level); }, "application/zip");
  }
  router.add(net::Method::post, "/orthanc/instances",
             {.summary = "Store a part 10 file",
              .tag = "orthanc",
              .scope = std::string{kWrite},
              .request_type = std::string{kDicom},
              .max_body = static_cast<std::size_t>(impl.archive.options.max_object)},
             [&impl](net::Request& request) { return upload(impl, request); });
  const std::string instance = "/instances/{id}";
  get(
      instance + "/file", "The file as it was stored", [&impl](net::Request& r) { return file(impl, r); },
      "application/dicom");
  get(instance + "/tags", "All attributes", [&impl](net::Request& r) { return tags_of(impl, r, OrthancForm::full); });
  get(instance + "/simplified-tags", "All attributes, by keyword",
      [&impl](net::Request& r) { return tags_of(impl, r, OrthancForm::simplified); });
  get(
      instance + "/preview", "A picture of the first frame", [&impl](net::Request& r) { return preview(impl, r); },
      "image/png");
  get(instance + "/frames", "Numbers of the frames", [&impl](net::Request& r) { return frame_list(impl, r); });
  get(
      instance + "/frames/{frame:int}/preview", "A picture of a frame",
      [&impl](net::Request& r) { return preview(impl, r); }, "image/png");
}

}  // namespace aceso::archive
