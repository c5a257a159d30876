// What the parts of the Orthanc interface share.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "aceso/archive/orthanc.hpp"
#include "aceso/base/json.hpp"
#include "orthanc_changes.hpp"
#include "orthanc_ids.hpp"
#include "orthanc_tags.hpp"
#include "web.hpp"

namespace aceso::archive {

// "Patient", "patients" and so on.
std::string_view orthanc_type(QueryLevel level) noexcept;
std::string_view orthanc_folder(QueryLevel level) noexcept;
std::string orthanc_time(std::int64_t us);                        // "20240131T101500", UTC
std::string orthanc_path(QueryLevel level, const OrthancId& id);  // "/studies/..."

struct OrthancInterface::Impl {
  Impl(OrthancDeps given, OrthancOptions how)
      : deps{std::move(given)}, options{std::move(how)}, archive{deps.archive.impl()}, ids{archive.store->index()} {}

  OrthancDeps deps;
  OrthancOptions options;
  Archive::Impl& archive;
  OrthancIds ids;
  std::unique_ptr<OrthancChanges> changes;
  std::jthread thread;
  bool started = false;

  const Index& index() const { return archive.store->index(); }

  // A resource as its address shows it. Errors: not_found, data_loss.
  Result<Json> resource(QueryLevel level, const OrthancId& id);
  // Those of a level that belong to a resource, above or below it; one above. Errors: not_found.
  Result<std::vector<OrthancId>> related(QueryLevel level, const OrthancId& id, QueryLevel wanted);
  // In order of series and number. Errors: not_found.
  Result<std::vector<InstancePtr>> instances(QueryLevel level, const OrthancId& id);
  std::vector<StudyPtr> studies_of(const std::string& patient_id) const;
  std::string patient_of(std::string_view study_uid) const;
  // May this caller read these, and is it on record?
  Status read_allowed(const contracts::ObjectPeer& peer, const std::vector<InstancePtr>& objects) const;

  // POST /tools/find and /tools/lookup. Errors: invalid.
  struct Found {
    QueryLevel level = QueryLevel::study;
    bool expand = false;
    std::vector<OrthancId> ids;
  };
  Result<Found> find(const contracts::ObjectPeer& peer, const Json& query);
  Result<Json> lookup(const contracts::ObjectPeer& peer, std::string_view value);

 private:
  Result<Json> patient_json(const OrthancId& id);
  Result<Json> study_json(const OrthancId& id);
  Result<Json> series_json(const OrthancId& id);
  Result<Json> instance_json(const OrthancId& id);
  void put_stable(Json& out, std::int64_t last_us) const;
};

// Of the objects the one that came first: what Orthanc shows of the levels above it is what this one says.
const InstancePtr& first_received(const std::vector<InstancePtr>& objects);

void register_orthanc_resources(net::Router& router, OrthancInterface::Impl& impl);
void register_orthanc_tools(net::Router& router, OrthancInterface::Impl& impl);

// A JSON array whose items are made while it is sent; what was deleted meanwhile is left out.
net::Response orthanc_array(std::vector<OrthancId> ids, std::function<Result<Json>(const OrthancId&)> make);
net::Response orthanc_id_list(const std::vector<OrthancId>& ids);

}  // namespace aceso::archive
