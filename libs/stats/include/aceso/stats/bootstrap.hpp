// Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) of any statistic of
// samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

struct BootstrapOptions {
  std::uint64_t seed = 0;
  int replicates = 2000;             // 100 to 1,000,000
  double confidence = 0.95;          // in (0, 1)
  std::span<const int> strata = {};  // per sample; each replicate keeps the size of each stratum (e.g. the labels)
  std::span<const std::uint32_t> clusters = {};  // per sample; whole clusters are drawn (e.g. all images of a patient)
};

// Of the samples with these indices, repeats allowed; nullopt where it does not exist (e.g. no positive was drawn).
using Statistic = std::function<std::optional<double>(std::span<const std::size_t> indices)>;

struct BootstrapEstimate {
  double value;  // on the samples themselves
  Interval interval;
  double standard_error;
  int undefined;  // replicates without a value; they are left out of interval and standard_error
};

// Replicate r draws from stream r of Philox(seed): the same input gives the same bits on every machine. Errors: invalid
// for no samples, bad options, strata together with clusters, a statistic that is undefined on the samples or in more
// than a tenth of the replicates. Thread-safe when the statistic is.
Result<BootstrapEstimate> bootstrap(std::size_t samples, const Statistic& statistic,
                                    const BootstrapOptions& options = {});

}  // namespace aceso::stats
