// What a person says of a model's answer, for services that show answers: it becomes a label to learn from.
#pragma once

#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"

namespace aceso::contracts {

struct VerdictWords {
  bool agrees = true;
  // The right class when they do not agree, one of the model's; may be empty where there is only one other.
  std::string label = {};
  std::string comment = {};  //
};

// Thread-safe.
class VerdictSink {
 public:
  virtual ~VerdictSink() = default;
  // A new revision of this reader's verdict on the prediction's finding; the same again changes nothing. The class that
  // the reader means; "" when it cannot be told. Audited as the reader's own. Errors: not_found, invalid (a class that
  // the model does not have), precondition (the model gave no answer, a blinded reading is open), unavailable.
  virtual Result<std::string> put_verdict(const Principal& reader, std::string_view source_address,
                                          std::string_view prediction_id, std::string_view finding,
                                          const VerdictWords& words) = 0;
};

}  // namespace aceso::contracts
