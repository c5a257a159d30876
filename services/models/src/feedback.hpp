// The job that turns verdicts and later truths into a dataset.
#pragma once

#include "aceso/store/blobs.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "registry.hpp"
#include "truths.hpp"

namespace aceso::models {

class Feedback {
 public:
  Feedback(const Context& context, DatasetStore& datasets, Registry& registry, store::BlobStore& blobs,
           const Truths& truths)
      : context_{context}, datasets_{datasets}, registry_{registry}, blobs_{blobs}, truths_{truths} {}
  // {model, name, licence?, truth?: sources of labels, the preferred one first (parse_label_sources)}
  Result<Json> prepare(const Json& request) const;
  // Each input once, with the label of its first source that has one, as dataset `name`. Inputs whose first source
  // contradicts itself (two readers, two reports) are left out; what cannot be used is counted by reason.
  Result<Json> run(store::JobContext& job);

  struct Labelled {
    std::string input, type, label, source;  // input: SHA-256 of its bytes; type: media type
  };
  struct Collected {
    std::vector<Labelled> samples;
    std::vector<std::string> classes;
    std::size_t disagreed = 0, unlabelled = 0;
    std::map<std::string, std::size_t> by_source;
    // Of the inputs with a label by this kind and by readers who agree: how many have the same, and how many there are.
    std::map<std::string, std::pair<std::size_t, std::size_t>> readers_same;
  };
  // Each input of `model` of which something is known, by its first source that has a label.
  Result<Collected> collect(const std::string& model, const std::vector<std::string>& sources) const;
  // What was asked about, as a picture. unsupported for ready-made tensors and for anything but 8 bits.
  Result<learn::Array> picture_of(const Labelled& one) const;

 private:
  Result<std::size_t> write_folder(const Collected& collected, const std::filesystem::path& folder,
                                   std::size_t& not_pictures) const;

  const Context& context_;
  DatasetStore& datasets_;
  Registry& registry_;
  store::BlobStore& blobs_;
  const Truths& truths_;
};

}  // namespace aceso::models
