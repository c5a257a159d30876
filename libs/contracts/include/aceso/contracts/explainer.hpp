// Where a model looked on a stored prediction, for services that show its answers.
#pragma once

#include <array>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::contracts {

struct InfluenceMap {
  std::string method;   // "gradcam"
  std::string label;    // the class whose score it explains
  std::string warning;  // what it is and what it is not; stands wherever it is shown
  // Names of the checks that the map failed; not empty: there is no picture, and the map is no explanation.
  std::string failed = {};
  std::optional<imaging::Image> overlay = {};  // RGB, of the size of the picture that was asked about
  // Around the place that moved the answer most, in pixels of that picture: x0, y0, x1, y1, ends exclusive.
  std::optional<std::array<double, 4>> region = {};
};

// Thread-safe.
class Explainer {
 public:
  virtual ~Explainer() = default;
  // Blocks until the map is made, at most as long as the explainer waits for others' jobs. Audited as the node's own.
  // Errors: not_found, unsupported (no maps for this model), precondition (hidden from readers, not applicable),
  // timeout (other jobs keep the node busy), cancelled, internal.
  virtual Result<InfluenceMap> explain_prediction(std::string_view prediction_id, std::stop_token stop) = 0;
};

}  // namespace aceso::contracts
