// Jobs that judge registered versions: one on a dataset's split, or two against each other.
#pragma once

#include <optional>

#include "aceso/learn/baseline.hpp"
#include "aceso/store/blobs.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "registry.hpp"

namespace aceso::models {

class EvaluationJobs {
 public:
  EvaluationJobs(const Context& context, DatasetStore& datasets, Registry& registry, EngineProvider& engines,
                 store::BlobStore& blobs)
      : context_{context}, datasets_{datasets}, registry_{registry}, engines_{engines}, blobs_{blobs} {}

  Result<Json> prepare(const Json& request) const;  // {model, version?, dataset, split?}
  // {model, version, dataset, dataset_sha256, split, evaluation, report_sha256}. "seen_in_training" counts samples that
  // the version was trained on. The report is a page among the blobs.
  Result<Json> run(store::JobContext& job) const;

  // {a: {model, version?}, b: {model, version?}, dataset?, split?}; without a dataset that of version a.
  Result<Json> prepare_comparison(const Json& request) const;
  Result<Json> run_comparison(store::JobContext& job) const;  // {a, b, dataset, dataset_sha256, split, comparison, ...}

  // The same two within a job of another kind, from what the prepare functions make.
  Result<Json> evaluate_within(store::JobContext& job, const Json& input) const;
  Result<Json> compare_within(store::JobContext& job, const Json& input) const;

  // The page of a finished job; not_found when it is no evaluation or has not ended well.
  Result<std::string> report_html(const store::Job& job) const;

 private:
  struct Judged {
    ModelVersion version;
    learn::Bundle bundle;
    learn::Predictions predictions;
    std::optional<std::size_t> seen_in_training = {};
  };
  Result<Judged> judge(const std::string& model, int version, const learn::Dataset& dataset, learn::Split split,
                       store::JobContext& job) const;
  static Result<Json> compared(const Judged& a, const Judged& b, const learn::Manifest& manifest);
  // Samples of the split that the version was trained, stopped or thresholded on; none: its data set is not here.
  std::optional<std::size_t> seen_in_training(const learn::Bundle& bundle, const learn::Dataset& dataset,
                                              learn::Split split) const;
  struct Evaluated {
    Json evaluation, gallery;
    std::optional<std::size_t> seen_in_training = {};
  };
  Result<Evaluated> evaluate_classes(const std::string& model, int version, const learn::Dataset& dataset,
                                     learn::Split split, store::JobContext& job) const;
  Result<Evaluated> evaluate_outlines(const learn::Bundle& bundle, const learn::Dataset& dataset, learn::Split split,
                                      store::JobContext& job) const;
  Result<Evaluated> evaluate_boxes(const learn::Bundle& bundle, const learn::Dataset& dataset, learn::Split split,
                                   store::JobContext& job) const;
  Result<Evaluated> evaluate_targets(const std::string& model, int version, const learn::Dataset& dataset,
                                     learn::Split split, store::JobContext& job) const;
  struct Origin {  // of the dataset that a version was trained on, where it is still here
    std::optional<learn::Predictions> validation;
    std::optional<learn::BaselineAnswer> baseline;
  };
  Origin origin_of(const Judged& judged, const learn::Dataset& dataset, learn::Split split,
                   store::JobContext& job) const;
  // The dataset that a version was trained on, when it is still here and unchanged.
  std::shared_ptr<const learn::Dataset> trained_on(const learn::Bundle& bundle) const;  // shared with the dataset cache
  std::optional<learn::Predictions> validation_of(const Judged& judged, const learn::Dataset& origin,
                                                  store::JobContext& job) const;

  const Context& context_;
  DatasetStore& datasets_;
  Registry& registry_;
  EngineProvider& engines_;
  store::BlobStore& blobs_;
};

Result<learn::Split> parse_split(std::string_view name);

}  // namespace aceso::models
