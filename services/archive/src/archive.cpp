#include "aceso/archive/archive.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "impl.hpp"
#include "ingest.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::ObjectPeer;

double seconds_since(SteadyTime start, const Clock& clock) {
  return std::chrono::duration<double>(clock.steady_now() - start).count();
}

class KeptBytes final : public contracts::ObjectBytes {
 public:
  KeptBytes(const ObjectStore& store, InstancePtr instance)
      : store_{store}, instance_{std::move(instance)}, object_{describe(*instance_)} {
    object_.on_disk = store_.syncs_each();
  }
  const contracts::StoredObject& object() const override { return object_; }
  std::uint64_t data_set_offset() const override { return instance_->data_set_offset; }
  Status read(std::uint64_t from, std::span<std::byte> out) const override {
    return store_.read(*instance_, from, out);
  }

 private:
  const ObjectStore& store_;
  InstancePtr instance_;
  contracts::StoredObject object_;
};

// What an answer must hold beside what was asked for (PS3.4 C.4.1.1.3).
std::vector<dicom::Tag> unique_keys(QueryLevel level) {
  switch (level) {
    case QueryLevel::patient:
      return {tags::kPatientID};
    case QueryLevel::study:
      return {tags::kStudyInstanceUID};
    case QueryLevel::series:
      return {tags::kStudyInstanceUID, tags::kSeriesInstanceUID};
    case QueryLevel::image:
      return {tags::kStudyInstanceUID, tags::kSeriesInstanceUID, tags::kSOPInstanceUID};
  }
  return {};
}

dicom::Tag tag_of(std::uint32_t value) {
  return {static_cast<std::uint16_t>(value >> 16U), static_cast<std::uint16_t>(value)};
}

contracts::ObjectRow row_of(const Index& index, const Match& match, const contracts::ObjectQuery& query) {
  std::vector<dicom::Tag> wanted = unique_keys(query.level);
  for (const auto& key : query.keys) wanted.push_back(tag_of(key.tag));
  std::ranges::sort(wanted);
  const auto repeated = std::ranges::unique(wanted);
  wanted.erase(repeated.begin(), repeated.end());
  contracts::ObjectRow row;
  for (const auto tag : wanted) {
    if (auto value = value_of(index, match, tag)) row.push_back({tag.value(), Phi<std::string>{*std::move(value)}});
  }
  return row;
}

std::vector<InstancePtr> of_patient(const Index& index, const std::string& id) {
  std::vector<InstancePtr> out;
  if (id.empty()) return out;
  for (const auto& study : index.of_patient(id)) {
    {
      const std::shared_lock lock{study->mutex};
      if (study->patient.value(tags::kPatientID) != id) continue;
    }
    const auto all = index.instances_of(study->uid);
    out.insert(out.end(), all.begin(), all.end());
  }
  return out;
}

std::vector<InstancePtr> of_series(const Index& index, const std::string& uid) {
  std::vector<InstancePtr> out;
  index.each_study([&](const StudyPtr& study) {
    const auto found = index.instances_of(study->uid, uid);
    out.insert(out.end(), found.begin(), found.end());
    return true;
  });
  return out;
}

}  // namespace

Status require(const ObjectPeer& peer, std::string_view scope) {
  if (peer.principal.has(scope)) return {};
  return Error{Code::denied, "this needs the scope " + std::string{scope}};
}

Archive::Archive(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Archive::~Archive() = default;

Result<std::unique_ptr<Archive>> Archive::create(const std::filesystem::path& folder, Deps deps,
                                                 const Options& options) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the archive's folder: " + ec.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  auto impl = std::make_unique<Impl>(std::move(deps), options);
  ACESO_TRY(impl->store, ObjectStore::open(folder,
                                           {.sync = options.each ? store::SyncMode::each : store::SyncMode::window,
                                            .window_ms = options.window_ms,
                                            .segment_bytes = options.segment_bytes,
                                            .key = impl->deps.object_key},
                                           impl->deps.clock, impl->deps.logger));
  impl->frames = std::make_unique<FrameSource>(*impl->store, options.frame_cache);
  const auto totals = impl->store->index().totals();
  impl->deps.logger.info("archive.opened", {{"instances", totals.instances}, {"studies", totals.studies}});
  return std::unique_ptr<Archive>{new Archive{std::move(impl)}};  // NOLINT(modernize-make-unique): private constructor
}

std::unique_ptr<contracts::ObjectWriter> Archive::Impl::writer(const ObjectPeer& peer, std::string source_ae,
                                                               std::function<Status(const Entry&)> accept) {
  const auto start = deps.clock.steady_now();
  IngestHooks hooks{.before = [this, peer, accept = std::move(accept)](const Entry& entry) -> Status {
                      if (accept) ACESO_TRY_OK(accept(entry));
                      return access.record(
                          peer,
                          {.action = "C", .event = "archive.store", .entity_type = "study", .entity = entry.study_uid});
                    },
                    .after =
                        [this, start](const Stored& stored, const Entry& entry) {
                          metrics.ingest.observe(seconds_since(start, deps.clock));
                          if (stored.duplicate) {
                            ++metrics.duplicates;
                            return;
                          }
                          ++metrics.stored;
                          metrics.bytes_stored += entry.file_bytes;
                          if (stored.new_study) introduce(entry);
                          const std::shared_lock lock{listener_mutex};
                          for (const auto& [name, listener] : listeners) {
                            if (listener.stored) listener.stored(describe(*stored.instance));
                          }
                        },
                    .refused = [this](const Error& why) { metrics.refuse(why.code()); }};
  return std::make_unique<Ingest>(*store, deps.clock, options.max_object, std::move(source_ae), std::move(hooks));
}

void Archive::Impl::introduce(const Entry& entry) {
  if (deps.patients == nullptr) return;
  contracts::PatientId id{.issuer = std::string{entry.patient.value(tags::kIssuerOfPatientID)},
                          .value = Phi<std::string>{std::string{entry.patient.value(tags::kPatientID)}}};
  if (!contracts::check_patient_id(id)) return;  // none was given, or none that can be one
  const auto known = deps.patients->resolve_or_create(id);
  if (!known) deps.logger.warn("archive.patient_not_introduced", {{"code", to_string(known.error().code())}});
}

Status Archive::Impl::record_read(const ObjectPeer& peer, std::string_view study_uid) const {
  return access.record(peer, {.action = "R", .event = "archive.read", .entity_type = "study", .entity = study_uid});
}

Status Archive::Impl::record_query(const ObjectPeer& peer, const Search& wanted) const {
  std::string text{contracts::to_string(wanted.level)};
  Json keys = Json::array();
  for (const auto& key : wanted.keys) {
    std::string path;
    for (const auto tag : key.path) path += (path.empty() ? "" : ".") + dicom::to_hex(tag);
    text += '\n' + path + '=' + key.value;
    if (!key.value.empty()) keys.push_back(path);
  }
  return access.record(peer, {.action = "E",
                              .event = "archive.query",
                              .entity_type = "query",
                              .entity = text,
                              .detail = Json{{"level", contracts::to_string(wanted.level)}, {"keys", keys}}.dump()});
}

Result<std::unique_ptr<contracts::ObjectWriter>> Archive::begin_file(const ObjectPeer& peer) {
  ACESO_TRY_OK(require(peer, kWrite));
  return impl_->writer(peer, peer.calling_ae);
}

Result<std::unique_ptr<contracts::ObjectWriter>> Archive::begin_data_set(const ObjectPeer& peer,
                                                                         const contracts::AnnouncedObject& announced) {
  ACESO_TRY_OK(require(peer, kWrite));
  ACESO_TRY(const auto head, dicom::part10_head({.sop_class = announced.sop_class_uid,
                                                 .sop_instance = announced.sop_instance_uid,
                                                 .transfer_syntax = announced.transfer_syntax_uid,
                                                 .source_ae = peer.calling_ae}));
  auto writer = impl_->writer(peer, peer.calling_ae);
  ACESO_TRY_OK(static_cast<Ingest&>(*writer).announce(announced, head));
  return writer;
}

Result<contracts::ObjectRows> Archive::find(const ObjectPeer& peer, const contracts::ObjectQuery& query) const {
  ACESO_TRY_OK(require(peer, kRead));
  if (query.limit < 1 || query.limit > 100'000) return Error{Code::invalid, "limit must be 1 to 100000"};
  const auto start = impl_->deps.clock.steady_now();
  Search wanted{
      .level = query.level, .keys = {}, .fuzzy_names = query.fuzzy_names, .offset = query.offset, .limit = query.limit};
  for (const auto& key : query.keys) wanted.keys.push_back({{tag_of(key.tag)}, key.value.reveal(Reveal::to_algorithm)});
  ACESO_TRY_OK(impl_->record_query(peer, wanted));
  const auto& index = impl_->store->index();
  ACESO_TRY(const auto found, search(index, wanted));
  contracts::ObjectRows out;
  out.more = found.more;
  for (const auto& path : found.unmatched) out.unmatched.push_back(path.front().value());
  for (const auto& match : found.matches) out.rows.push_back(row_of(index, match, query));
  impl_->metrics.query.observe(seconds_since(start, impl_->deps.clock));
  return out;
}

Result<std::vector<contracts::StoredObject>> Archive::expand(const ObjectPeer& peer, contracts::QueryLevel level,
                                                             const Phi<std::string>& uid) const {
  ACESO_TRY_OK(require(peer, kRead));
  const auto& index = impl_->store->index();
  const auto& value = uid.reveal(Reveal::to_algorithm);
  std::vector<InstancePtr> found;
  switch (level) {
    case QueryLevel::patient:
      found = of_patient(index, value);
      break;
    case QueryLevel::study:
      found = index.instances_of(value);
      break;
    case QueryLevel::series:
      found = of_series(index, value);
      break;
    case QueryLevel::image:
      if (auto one = index.find(value)) found.push_back(std::move(one));
      break;
  }
  std::vector<contracts::StoredObject> out;
  out.reserve(found.size());
  for (const auto& instance : found) {
    out.push_back(describe(*instance));
    out.back().on_disk = impl_->store->syncs_each();
  }
  return out;
}

Result<std::unique_ptr<contracts::ObjectBytes>> Archive::open(const ObjectPeer& peer,
                                                              std::string_view sop_instance_uid) const {
  ACESO_TRY_OK(require(peer, kRead));
  auto instance = impl_->store->index().find(sop_instance_uid);
  if (!instance) return Error{Code::not_found, "there is no such object"};
  ACESO_TRY_OK(impl_->record_read(peer, instance->key->study_uid));
  return std::unique_ptr<contracts::ObjectBytes>{std::make_unique<KeptBytes>(*impl_->store, std::move(instance))};
}

Status Archive::sync() {
  return impl_->store->log().sync();
}

Result<std::size_t> Archive::remove(const ObjectPeer& peer, std::string_view study_uid, std::string_view series_uid,
                                    std::string_view sop_instance_uid) {
  ACESO_TRY_OK(require(peer, kDelete));
  auto chosen = impl_->store->index().instances_of(study_uid, series_uid);
  if (!sop_instance_uid.empty())
    std::erase_if(chosen, [&](const InstancePtr& one) { return one->sop_instance_uid != sop_instance_uid; });
  if (chosen.empty()) return Error{Code::not_found, "there is nothing here"};
  ACESO_TRY_OK(impl_->access.record(peer, {.action = "D",
                                           .event = "archive.delete",
                                           .entity_type = "study",
                                           .entity = study_uid,
                                           .detail = Json{{"objects", chosen.size()}}.dump(),
                                           .once_a_window = false}));
  ACESO_TRY(const std::size_t removed, impl_->store->remove(chosen));
  impl_->metrics.removed += removed;
  const std::shared_lock lock{impl_->listener_mutex};
  for (const auto& [name, listener] : impl_->listeners) {
    if (listener.removed) listener.removed(study_uid);
  }
  return removed;
}

void Archive::listen(Listener listener, const std::string& name) {
  const std::unique_lock lock{impl_->listener_mutex};
  impl_->listeners[name] = std::move(listener);
}

Totals Archive::totals() const {
  const auto t = impl_->store->index().totals();
  return {t.studies, t.series, t.instances, t.bytes};
}
Status Archive::verify() const {
  return impl_->store->log().verify();
}

void Archive::write_metrics(std::string& out) const {
  const auto& m = impl_->metrics;
  m.ingest.write(out, "aceso_archive_ingest_seconds", "From an object's first byte to its acknowledgement.");
  m.query.write(out, "aceso_archive_query_seconds", "Queries of the index.");
  m.metadata.write(out, "aceso_archive_metadata_seconds", "Metadata of a study, series or instance.");
  m.frame.write(out, "aceso_archive_frame_seconds", "Frames, from the request to their bytes.");
  const auto line = [&](std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    const std::string n{name};
    out += "# HELP " + n + " " + std::string{help} + "\n# TYPE " + n + " " + std::string{type} + "\n" + n + " " +
           std::to_string(value) + "\n";
  };
  line("aceso_archive_stored_total", "counter", "Objects stored.", m.stored);
  line("aceso_archive_duplicates_total", "counter", "Objects that were there already.", m.duplicates);
  line("aceso_archive_stored_bytes_total", "counter", "Bytes of stored objects.", m.bytes_stored);
  line("aceso_archive_sent_bytes_total", "counter", "Bytes of objects, frames and pictures given out.", m.bytes_sent);
  line("aceso_archive_removed_total", "counter", "Objects deleted.", m.removed);
  const auto t = totals();
  line("aceso_archive_studies", "gauge", "Studies kept.", t.studies);
  line("aceso_archive_series", "gauge", "Series kept.", t.series);
  line("aceso_archive_instances", "gauge", "Objects kept.", t.instances);
  line("aceso_archive_bytes", "gauge", "Bytes of objects kept.", t.bytes);
  out += "# HELP aceso_archive_refused_total Objects refused.\n# TYPE aceso_archive_refused_total counter\n";
  for (std::size_t i = 0; i < m.refused.size(); ++i) {
    if (const auto n = m.refused.at(i).load(); n > 0)
      out += "aceso_archive_refused_total{code=\"" + std::string{to_string(static_cast<Code>(i))} + "\"} " +
             std::to_string(n) + "\n";
  }
}

}  // namespace aceso::archive
