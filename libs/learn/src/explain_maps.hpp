// The three maps, without their checks.
#pragma once

#include "aceso/learn/explain.hpp"

namespace aceso::learn {

struct RawMap {
  Array map;
  double logit = 0;
  double completeness_error = 0;  // integrated gradients: relative
};
// `input_name`: the network's only input.
Result<RawMap> compute_map(Engine& engine, const Network& network, const Weights& weights,
                           const std::string& input_name, const Array& input, ExplainMethod method, std::int64_t output,
                           const std::stop_token& stop);

// What the map is of: [spatial...] of [1, C, spatial...].
Shape places_of(const Array& input);

// Multilinear resampling of a map to other sizes, pixel centres aligned.
Array resample(const Array& map, const Shape& to);

std::vector<double> magnitudes(const Array& map);

}  // namespace aceso::learn
