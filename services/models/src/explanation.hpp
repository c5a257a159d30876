// Jobs that show where a model looked on a stored prediction. Gradients run in a worker process; a map that fails one
// of its checks is kept as numbers and never shown.
#pragma once

#include "aceso/store/blobs.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "predictions.hpp"
#include "registry.hpp"

namespace aceso::models {

class ExplanationJobs {
 public:
  // `workers` may be null: then prepare() says unsupported.
  ExplanationJobs(const Context& context, Registry& registry, PredictionService& predictions, store::BlobStore& blobs,
                  WorkerLauncher* workers)
      : context_{context}, registry_{registry}, predictions_{predictions}, blobs_{blobs}, workers_{workers} {}

  // {method?, box?: [x0, y0, x1, y1] in pixels of the image, where the finding is known to be}. precondition while the
  // prediction is hidden from this reader, or when it is not applicable.
  Result<Json> prepare(const Actor& actor, std::string_view prediction, const Json& request) const;
  // {prediction, method, passed, checks, logit, output, label, overlay_sha256?, warning?}.
  Result<Json> run(store::JobContext& job);
  // precondition: the map failed a check, which the message names.
  Result<std::vector<std::byte>> overlay_png(const Actor& reader, const store::Job& job) const;

 private:
  Result<Json> ask_worker(store::JobContext& job, const std::filesystem::path& folder) const;

  const Context& context_;
  Registry& registry_;
  PredictionService& predictions_;
  store::BlobStore& blobs_;
  WorkerLauncher* workers_;
};

}  // namespace aceso::models
