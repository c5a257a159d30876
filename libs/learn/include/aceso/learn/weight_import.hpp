// Weights of another network as the starting weights of this one: names matched, shapes adapted, and a report of what
// fitted and what did not.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/network.hpp"

namespace aceso::learn {

// A .safetensors, .pt or .pth file, told by its first bytes. Errors: those of parse_safetensors and parse_torch_file,
// with the file's name; not_found.
Result<Weights> read_weights(const std::filesystem::path& file);

struct WeightReport {
  struct Misshapen {
    std::string name;
    Shape wanted, found;
  };
  std::vector<std::string> taken;       // as they are
  std::vector<std::string> adapted;     // "conv1.weight: 3 input channels summed into 1"
  std::vector<std::string> head;        // of the last layer, for other classes: they start anew
  std::vector<std::string> missing;     // not in the file: they start anew
  std::vector<std::string> unexpected;  // in the file, not in the network
  std::vector<Misshapen> misshapen;     // of another shape: they start anew
  std::string stripped;                 // prefix of the file's names that was left out: "module."
};
Json to_json(const WeightReport& report);
std::string to_text(const WeightReport& report);  // lines for a person, at most 20 names a list

struct ImportedWeights {
  Weights weights;  // whole: what did not fit is from `start`
  WeightReport report;
};

// Names are matched after one common prefix (module., model., ...) and known spellings (MONAI's DenseNet, torchvision's
// before 0.3) are set aside; num_batches_tracked is ignored. Adapted are: float64 to float32; the first convolution
// from 3 channels to 1 (summed, so that a grey picture gives what it gave as colour) and from 1 to 3 (divided among
// them); 2-D convolutions to 3-D (Carreira & Zisserman, CVPR 2017: repeated along the depth and divided by it).
// `inputs` as for infer_shapes; `start` holds all the network's weights. Errors: invalid when nothing fits, or a value
// is not finite.
Result<ImportedWeights> import_weights(const Network& network, const std::map<std::string, Shape>& inputs,
                                       Weights start, const Weights& foreign);

// Whether `name` matches a pattern of letters, * (any run of characters) and ? (any one).
bool matches_glob(std::string_view pattern, std::string_view name) noexcept;

// Learning-rate factors by parameter: 0 for what `freeze` matches, else the factor of the last of `groups` that
// matches, else absent. Errors: invalid, naming a pattern that matches no parameter; all trained parameters frozen.
struct RateGroup {
  std::string match;
  double factor = 1;
};
Result<std::map<std::string, double>> rate_factors(const Shapes& shapes, const std::vector<std::string>& freeze,
                                                   const std::vector<RateGroup>& groups);

}  // namespace aceso::learn
