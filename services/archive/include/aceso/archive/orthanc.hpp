// The part of Orthanc's REST interface that scripts use, at /orthanc: a script changes its base address and shows a
// token. Written from its documentation (https://orthanc.uclouvain.be/book/users/rest.html) and compared with Debian's
// Orthanc 1.10.1 by tests/interop/orthanc_rest.py.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/log.hpp"

namespace aceso::archive {

struct OrthancOptions {
  bool enabled = true;
  std::chrono::milliseconds stable{60'000};  // a study is stable when nothing came for so long
  std::string ae_title = "ACESO";            // what /system says
  std::int64_t dicom_port = 0;               //
  std::int64_t http_port = 0;                //
};
void declare_orthanc_config(ConfigSchema& schema);  // orthanc.
OrthancOptions orthanc_options_from(const Config& config);

struct OrthancDeps {
  const Clock& clock;  // all outlive the interface
  Logger logger;
  Archive& archive;
};

// Thread-safe. Scopes: archive:read, archive:write, archive:delete. Differences to Orthanc: docs/adr/0130.
class OrthancInterface {
 public:
  // Opens or creates `folder` and brings the list of changes up to date. Errors: data_loss, internal.
  static Result<std::unique_ptr<OrthancInterface>> create(const std::filesystem::path& folder, OrthancDeps deps,
                                                          const OrthancOptions& options);
  ~OrthancInterface();  // stop()
  OrthancInterface(const OrthancInterface&) = delete;
  OrthancInterface& operator=(const OrthancInterface&) = delete;

  Status start();  // changes are written without being asked for
  void stop();
  void register_routes(net::Router& router);  // none when it is not enabled

  struct Impl;  // in src/

 private:
  explicit OrthancInterface(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
