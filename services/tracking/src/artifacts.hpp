// Artifacts of runs: files below <folder>/<experiment>/<run>/artifacts, as MLflow's proxied artifact service lays them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/net/http.hpp"
#include "mlflow.hpp"

namespace aceso::tracking {

struct ArtifactPath {
  std::string experiment, run;
  std::filesystem::path below;  // of the run's artifacts; empty: the run's folder
};
// "<experiment>/<run>/artifacts[/path]". invalid: anything that could lead elsewhere (empty parts, "." and "..",
// control characters, backslashes), is deeper than 16 parts or longer than 1024 bytes.
Result<ArtifactPath> parse_artifact_path(std::string_view path);

// Thread-safe.
class Artifacts {
 public:
  Artifacts(std::filesystem::path folder, const Options& options) : folder_{std::move(folder)}, options_{options} {}

  Status put(const ArtifactPath& path, const std::string& spool_name, net::BodyReader& body) const;
  Result<std::filesystem::path> find(const ArtifactPath& path) const;  // of a file. not_found
  Result<Json> list(const ArtifactPath& path) const;                   // {files [{path, is_dir, file_size}]}
  Status remove(const ArtifactPath& path) const;
  void forget_spool() const;  // what a crash left behind

 private:
  std::filesystem::path place(const ArtifactPath& path) const;
  std::filesystem::path folder_;
  const Options& options_;
};

}  // namespace aceso::tracking
