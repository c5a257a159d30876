// Where a model looked, and whether such a map may be believed. Maps of one sample of a network's only input
// [1, C, spatial...], 2-D or 3-D; a map that fails a check is no explanation.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/engine.hpp"

namespace aceso::learn {

enum class ExplainMethod : std::uint8_t {
  gradcam,               // Selvaraju et al., ICCV 2017, on the last layer that still has a place
  integrated_gradients,  // Sundararajan, Taly and Yan, ICML 2017; 64 midpoints from the input's darkest value
  occlusion,             // Zeiler and Fergus, ECCV 2014: drop of the logit under a patch of the input's mean
};
std::string_view to_string(ExplainMethod method) noexcept;
Result<ExplainMethod> parse_explain_method(std::string_view name);

// A box of the map's own coordinates, ends exclusive: [from, to) along each spatial dimension.
struct MapBox {
  std::vector<std::int64_t> from, to;
};

struct Check {
  std::string name;  // "weight randomisation"
  bool passed = false;
  double value = 0, limit = 0;
  std::string text;
};

struct Explanation {
  ExplainMethod method = ExplainMethod::gradcam;
  std::int64_t output = 0;  // the logit that was explained
  double logit = 0;
  Array map;  // float, the input's spatial shape; higher: spoke more for the output
  std::vector<Check> checks;
  bool passed = false;  // all of them
};
Json to_json(const Explanation& explanation);  // without the map

struct ExplainOptions {
  ExplainMethod method = ExplainMethod::gradcam;
  std::int64_t output = 0;
  std::optional<MapBox> finding =
      {};  // where it is known to be, for the pointing game (Zhang et al., IJCV 126:1084, 2018)
  std::uint64_t seed = 1;
};

// Computes the map and its checks:
//  - "not flat": the map varies.
//  - "weight randomisation" (Adebayo et al., NeurIPS 2018): with weights drawn anew from the last layers down to the
//    first, the map must become another: |Spearman| with all weights random, mean of three draws, below 0.5. The
//    cascade's steps and their structural similarity (Wang et al., IEEE TIP 13:600, 2004) are reported.
//  - "repeatability": again, and with noise of 1 % of the input's range: Spearman at least 0.999 and 0.5.
//  - "completeness" (integrated gradients): the map's sum is the logit's difference to within 5 %.
//  - "pointing game": the map's largest value lies in the box.
// `weights` holds the network's parameters. Errors: unsupported (several inputs, tables and signals, no place left in
// any layer, an engine without gradients), invalid, cancelled.
Result<Explanation> explain(Engine& engine, const Network& network, const Weights& weights, const NamedArrays& sample,
                            const ExplainOptions& options, ProgressSink& progress, std::stop_token stop);

// Occlusion of a model that can only be asked: logit of one output for a batch [N, C, spatial...].
using Scorer = std::function<Result<std::vector<double>>(const Array& batch)>;
Result<Array> occlusion_map(const Array& input, const Scorer& score, std::stop_token stop);

// The network cut at its last layer with places (spatial size above 1): head ends there, tail starts there.
struct CutNetwork {
  Network head, tail;
  std::string layer;
  Shape shape;  // of that layer, batch dimension first
};
Result<CutNetwork> cut_at_last_map(const Network& network, const std::map<std::string, Shape>& inputs);

// Structural similarity of two maps scaled to [0, 1], mean over windows of 8 a side (2-D; of volumes, of their slices).
double structural_similarity(const Array& a, const Array& b);

// The map over a grey or RGB picture of any size, in the colours of "inferno" where it is high; of a volume the slice
// through its largest value. invalid when sizes do not fit.
Result<imaging::Image> overlay(const imaging::Image& picture, const Array& map);

}  // namespace aceso::learn
