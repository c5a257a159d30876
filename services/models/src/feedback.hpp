// The job that turns verdicts into a dataset.
#pragma once

#include "aceso/store/blobs.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "registry.hpp"

namespace aceso::models {

class Feedback {
 public:
  Feedback(const Context& context, DatasetStore& datasets, Registry& registry, store::BlobStore& blobs)
      : context_{context}, datasets_{datasets}, registry_{registry}, blobs_{blobs} {}
  // {model, name, licence?}
  Result<Json> prepare(const Json& request) const;
  // Inputs whose readers agree on a label, each input once, as dataset `name`; what cannot be used is counted by
  // reason.
  Result<Json> run(store::JobContext& job);

 private:
  struct Labelled {
    std::string input, type, label, source;
  };
  struct Collected {
    std::vector<Labelled> samples;
    std::vector<std::string> classes;
    std::size_t disagreed = 0, unlabelled = 0;
  };
  Result<Collected> collect(const std::string& model) const;
  Result<std::size_t> write_folder(const Collected& collected, const std::filesystem::path& folder,
                                   std::size_t& not_pictures) const;

  const Context& context_;
  DatasetStore& datasets_;
  Registry& registry_;
  store::BlobStore& blobs_;
};

}  // namespace aceso::models
