#include "aceso/stats/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "aceso/base/random.hpp"
#include "aceso/stats/descriptive.hpp"

namespace aceso::stats {
namespace {

using Group = std::vector<std::size_t>;

template <class Key>
std::vector<Group> grouped(std::span<const Key> keys) {
  std::map<Key, Group> groups;
  for (std::size_t i = 0; i < keys.size(); ++i) groups[keys[i]].push_back(i);
  std::vector<Group> result;
  for (auto& [key, members] : groups) result.push_back(std::move(members));
  return result;
}

// Draws of one replicate, in the order of its counter.
class Draws {
 public:
  Draws(const Philox& philox, std::uint64_t stream) : philox_{philox}, stream_{stream} {}
  // u < 1 and below < 2^53, so the product stays below `below`; it is uniform to within below / 2^53.
  std::size_t below(std::size_t below) {
    const double u = philox_.uniform01(stream_, counter_++);
    return std::min(below - 1, static_cast<std::size_t>(u * static_cast<double>(below)));
  }

 private:
  const Philox& philox_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
};

void draw_within(const std::vector<Group>& strata, Draws& draws, std::vector<std::size_t>& indices) {
  for (const Group& stratum : strata) {
    for (std::size_t i = 0; i < stratum.size(); ++i) indices.push_back(stratum[draws.below(stratum.size())]);
  }
}

void draw_whole(const std::vector<Group>& clusters, Draws& draws, std::vector<std::size_t>& indices) {
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    const Group& cluster = clusters[draws.below(clusters.size())];
    indices.insert(indices.end(), cluster.begin(), cluster.end());
  }
}

Status check(std::size_t samples, const BootstrapOptions& options) {
  if (samples == 0) return Error{Code::invalid, "there are no samples"};
  if (options.replicates < 100 || options.replicates > 1'000'000) {
    return Error{Code::invalid, "there are 100 to 1,000,000 replicates"};
  }
  if (!(options.confidence > 0 && options.confidence < 1)) return Error{Code::invalid, "the confidence lies in (0, 1)"};
  const bool strata_fit = options.strata.empty() || options.strata.size() == samples;
  const bool clusters_fit = options.clusters.empty() || options.clusters.size() == samples;
  if (!strata_fit || !clusters_fit) return Error{Code::invalid, "strata or clusters differ from the samples in number"};
  if (!options.strata.empty() && !options.clusters.empty()) {
    return Error{Code::invalid, "strata and clusters do not go together"};
  }
  return {};
}

}  // namespace

Result<BootstrapEstimate> bootstrap(std::size_t samples, const Statistic& statistic, const BootstrapOptions& options) {
  ACESO_TRY_OK(check(samples, options));
  std::vector<std::size_t> indices(samples);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  const auto value = statistic(indices);
  if (!value) return Error{Code::invalid, "the statistic does not exist on these samples"};
  const auto clusters = grouped(options.clusters);
  const auto strata = options.strata.empty() ? std::vector<Group>{indices} : grouped(options.strata);
  const Philox philox{options.seed};
  std::vector<double> values;
  RunningMoments moments;
  for (int replicate = 0; replicate < options.replicates; ++replicate) {
    Draws draws{philox, static_cast<std::uint64_t>(replicate)};
    indices.clear();
    clusters.empty() ? draw_within(strata, draws, indices) : draw_whole(clusters, draws, indices);
    if (const auto drawn = statistic(indices); drawn && !std::isnan(*drawn)) {
      values.push_back(*drawn);
      moments.add(*drawn);
    }
  }
  const int undefined = options.replicates - static_cast<int>(values.size());
  if (undefined > options.replicates / 10) {
    return Error{Code::invalid, "too few samples: the statistic does not exist in more than a tenth of the replicates"};
  }
  const double tail = (1 - options.confidence) / 2;
  ACESO_TRY(const double low, quantile(values, tail));
  ACESO_TRY(const double high, quantile(values, 1 - tail));
  return BootstrapEstimate{*value, {low, high}, moments.sd(), undefined};
}

}  // namespace aceso::stats
