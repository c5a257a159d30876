// Model versions that were recalled: nothing they said is to be relied on any more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::contracts {

struct Recall {
  std::string model;
  int version = 0;
  std::string bundle;  // the bundle's id, as Prediction::model_hash
  std::string reason;
  std::string by;          // name of the account
  std::int64_t at_us = 0;  // since 1970 UTC
};

// Thread-safe.
class RecallSource {
 public:
  virtual ~RecallSource() = default;
  virtual Result<std::vector<Recall>> recalls() const = 0;  // those in force, oldest first
};

}  // namespace aceso::contracts
