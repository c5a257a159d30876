// A drill: would the watch have noticed? A week of samples as they are and a week of changed ones, judged day by day as
// real answers are; nothing is stored as a prediction.
#pragma once

#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "registry.hpp"
#include "serving.hpp"

namespace aceso::models {

class WatchDrill {
 public:
  WatchDrill(const Context& context, DatasetStore& datasets, Registry& registry, Serving& serving)
      : context_{context}, datasets_{datasets}, registry_{registry}, serving_{serving} {}

  // {model, version?, dataset?, split?, brightness?, contrast?, noise?, days?, per_day?, seed?}: brightness and noise
  // as a share of the range of the samples' intensities (-1 to 1, 0 to 1), contrast a factor (0 to 10); without any of
  // them brightness is 0.1. Without a dataset the one that the version was trained on; split: test.
  Result<Json> prepare(const Json& request) const;
  // {model, version, dataset, split, reference, change, days, per_day, unchanged: [verdict...], changed: [...],
  // noticed_on: first day of `changed` with an alarm, from 1, or null, false_alarms}
  Result<Json> run(store::JobContext& job) const;

 private:
  const Context& context_;
  DatasetStore& datasets_;
  Registry& registry_;
  Serving& serving_;
};

}  // namespace aceso::models
