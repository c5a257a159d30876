// What the Orthanc interface says of itself, its changes, and its tools.
#include <nlohmann/json.hpp>

#include "list_fields.hpp"
#include "orthanc_impl.hpp"

namespace aceso::archive {
namespace {

using OrthancImpl = OrthancInterface::Impl;
constexpr std::size_t kMaxFind = std::size_t{1} << 20;
constexpr std::size_t kMaxLookup = 1024;
constexpr std::int64_t kPageOfChanges = 100;
constexpr std::int64_t kMaxPage = 100'000;
constexpr std::int64_t kLastSequence = std::int64_t{1} << 53;
constexpr std::string_view kSpeaks = "1.10.1";  // the version whose interface this is

net::Response system_info(const OrthancImpl& impl, const net::Request& request) {
  return net::Response::json({{"ApiVersion", 16},
                              {"CheckRevisions", false},
                              {"DatabaseBackendPlugin", nullptr},
                              {"DatabaseVersion", 6},
                              {"DicomAet", impl.options.ae_title},
                              {"DicomPort", impl.options.dicom_port},
                              {"HttpPort", impl.options.http_port},
                              {"IsHttpServerSecure", request.secure},
                              {"Name", "Aceso"},
                              {"PluginsEnabled", false},
                              {"StorageAreaPlugin", nullptr},
                              {"Version", std::string{kSpeaks}}});
}

net::Response statistics(OrthancImpl& impl) {
  const auto totals = impl.index().totals();
  const auto megabytes = totals.bytes >> 20U;
  return net::Response::json({{"CountInstances", totals.instances},
                              {"CountPatients", impl.ids.patients()},
                              {"CountSeries", totals.series},
                              {"CountStudies", totals.studies},
                              {"TotalDiskSize", std::to_string(totals.bytes)},
                              {"TotalDiskSizeMB", megabytes},
                              {"TotalUncompressedSize", std::to_string(totals.bytes)},
                              {"TotalUncompressedSizeMB", megabytes}});
}

Json to_json(const OrthancChange& change) {
  const std::string type{orthanc_type(change.level)};
  return {{"ChangeType", (change.stable ? "Stable" : "New") + type},
          {"Date", orthanc_time(change.at_us)},
          {"ID", to_string(change.id)},
          {"Path", orthanc_path(change.level, change.id)},
          {"ResourceType", type},
          {"Seq", change.sequence}};
}

Result<net::Response> changes(OrthancImpl& impl, const net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(impl.archive.access.record(
      peer,
      {.action = "E", .event = "archive.query", .entity_type = "query", .entity = "orthanc\nchanges", .detail = {}}));
  Json list = Json::array();
  if (request.query_value("last")) {
    ACESO_TRY(const auto last, impl.changes->last());
    if (last) list.push_back(to_json(*last));
    return net::Response::json(
        {{"Changes", std::move(list)}, {"Done", true}, {"Last", last ? last->sequence : std::int64_t{0}}});
  }
  ACESO_TRY(const auto since, request.query_integer("since", 0, 0, kLastSequence));
  ACESO_TRY(auto limit, request.query_integer("limit", kPageOfChanges, 0, kMaxPage));
  if (limit == 0) limit = kPageOfChanges;
  ACESO_TRY(auto found, impl.changes->after(since, static_cast<std::size_t>(limit) + 1));
  const bool done = std::cmp_less_equal(found.size(), limit);
  if (!done) found.pop_back();
  for (const auto& one : found) list.push_back(to_json(one));
  return net::Response::json(
      {{"Changes", std::move(list)}, {"Done", done}, {"Last", found.empty() ? since : found.back().sequence}});
}

Result<net::Response> tool_find(OrthancImpl& impl, net::Request& request) {
  ACESO_TRY(const std::string body, request.body->read_all(kMaxFind));  // whatever type the script names
  ACESO_TRY(const Json query, parse_json(body));
  ACESO_TRY(auto found, impl.find(peer_of(request), query));
  if (!found.expand) return orthanc_id_list(found.ids);
  return orthanc_array(std::move(found.ids),
                       [&impl, level = found.level](const OrthancId& id) { return impl.resource(level, id); });
}

Result<net::Response> tool_lookup(OrthancImpl& impl, net::Request& request) {
  ACESO_TRY(std::string value, request.body->read_all(kMaxLookup));
  const auto first = value.find_first_not_of(" \t\r\n");
  value =
      first == std::string::npos ? std::string{} : value.substr(first, value.find_last_not_of(" \t\r\n") - first + 1);
  ACESO_TRY(const Json found, impl.lookup(peer_of(request), value));
  return net::Response::json(found);
}

}  // namespace

void register_orthanc_tools(net::Router& router, OrthancInterface::Impl& impl) {
  const auto add = [&](net::Method method, const char* pattern, const char* summary, net::Handler handler,
                       std::size_t max_body = 0, std::vector<std::pair<std::string, std::string>> query = {}) {
    net::RouteInfo info{.summary = summary, .tag = "orthanc", .scope = std::string{kRead}, .query = std::move(query)};
    if (max_body > 0) {
      info.request_type = "application/json";
      info.max_body = max_body;
    }
    router.add(method, pattern, std::move(info), std::move(handler));
  };
  using net::Method;
  add(Method::get, "/orthanc/system", "What this is",
      [&impl](net::Request& request) -> Result<net::Response> { return system_info(impl, request); });
  add(Method::get, "/orthanc/statistics", "Counts",
      [&impl](net::Request&) -> Result<net::Response> { return statistics(impl); });
  add(Method::get, "/orthanc/changes", "What came and what became stable",
      [&impl](net::Request& request) { return changes(impl, request); }, 0,
      {{"since", "The number of the last change that is known"}, {"limit", "At most so many"}, {"last", "The last"}});
  add(
      Method::post, "/orthanc/tools/find", "Resources by attributes",
      [&impl](net::Request& request) { return tool_find(impl, request); }, kMaxFind);
  add(
      Method::post, "/orthanc/tools/lookup", "Resources by Patient ID or UID",
      [&impl](net::Request& request) { return tool_lookup(impl, request); }, kMaxLookup);
}

}  // namespace aceso::archive
