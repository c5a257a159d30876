// The DICOM archive: objects in, kept byte for byte, found and given out. DIMSE (libs/dimse) and other services reach
// it through contracts::ObjectSink and ObjectSource, browsers and programs through DICOMweb (PS3.18).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/patients.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/net/http.hpp"

namespace aceso::archive {

struct Options {
  bool each = true;                                         // acknowledged means on disk; else within window_ms
  std::int64_t window_ms = 20;                              //
  std::uint64_t max_object = std::uint64_t{8} << 30;        // bytes of one object
  std::uint64_t max_upload = std::uint64_t{32} << 30;       // bytes of one STOW-RS request
  std::uint64_t frame_cache = std::uint64_t{128} << 20;     // bytes of transcoded and rendered frames kept in memory
  std::uint64_t metadata_cache = std::uint64_t{128} << 20;  // bytes of compressed metadata of series
  std::int64_t audit_window_ms = 10LL * 60 * 1000;
  std::uint64_t segment_bytes = std::uint64_t{256} << 20;
};
void declare_config(ConfigSchema& schema);  // archive.durability, archive.window...
Options options_from(const Config& config);

struct Deps {
  const Clock& clock;                                // all outlive the archive
  Logger logger;                                     //
  contracts::AuditSink& audit;                       //
  contracts::PatientIndex* patients = nullptr;       // asked for each new study's patient; null: nobody is asked
  std::optional<crypto::SecretKey> object_key = {};  // encrypts what is on disk
  crypto::SecretKey audit_key;                       // names studies in the audit trail
};

struct Totals {
  std::uint64_t studies = 0, series = 0, instances = 0, bytes = 0;
};

// Thread-safe. Scopes: archive:read, archive:write, archive:delete.
class Archive final : public contracts::ObjectSink, public contracts::ObjectSource {
 public:
  // Opens or creates `folder` and rebuilds the index. Errors: data_loss, denied (another key), conflict (in use).
  static Result<std::unique_ptr<Archive>> create(const std::filesystem::path& folder, Deps deps,
                                                 const Options& options);
  ~Archive() override;

  Result<std::unique_ptr<contracts::ObjectWriter>> begin_file(const contracts::ObjectPeer& peer) override;
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_data_set(const contracts::ObjectPeer& peer,
                                                                  const contracts::AnnouncedObject& announced) override;
  Result<contracts::ObjectRows> find(const contracts::ObjectPeer& peer,
                                     const contracts::ObjectQuery& query) const override;
  Result<std::vector<contracts::StoredObject>> expand(const contracts::ObjectPeer& peer, contracts::QueryLevel level,
                                                      const Phi<std::string>& uid) const override;
  Result<std::unique_ptr<contracts::ObjectBytes>> open(const contracts::ObjectPeer& peer,
                                                       std::string_view sop_instance_uid) const override;
  Status sync() override;

  // Of a study, a series or an instance, by the UIDs that are not empty from the left. How many objects went;
  // not_found. Their bytes stay on disk, unreachable, until space is reclaimed.
  Result<std::size_t> remove(const contracts::ObjectPeer& peer, std::string_view study_uid, std::string_view series_uid,
                             std::string_view sop_instance_uid);

  // Told of each new object, after it lasts and before it is acknowledged, on the thread that stored it; of a study
  // whose objects were removed, after they went. Must not block. One of each name: an empty one takes it away, and
  // waits for calls that are under way.
  struct Listener {
    std::function<void(const contracts::StoredObject& object)> stored;
    std::function<void(std::string_view study_uid)> removed;
  };
  void listen(Listener listener, const std::string& name = {});

  void register_routes(net::Router& router);  // DICOMweb at /dicom-web; the router outlives the archive's handlers
  Totals totals() const;
  Status verify() const;                       // reads everything: checksums, order
  void write_metrics(std::string& out) const;  // Prometheus text

  struct Impl;  // in src/
  Impl& impl() noexcept { return *impl_; }

 private:
  explicit Archive(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
