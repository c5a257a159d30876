// What the parts of portal share: tables, time, randomness, keys and the audit trail.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "aceso/base/id.hpp"
#include "aceso/portal/portal.hpp"
#include "time_micros.hpp"

namespace aceso::portal {

struct Core {
  std::filesystem::path home;
  PortalConfig config;
  NodeKeys keys;
  const Clock& clock;
  RandomSource& random;
  Logger logger;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<AuditTrail> audit;  // uses catalogue: destroyed before it

  std::int64_t now_us() const { return to_micros(clock.utc_now()); }
  std::string new_id() const { return Uuid::v7(clock, random).to_string(); }
};

}  // namespace aceso::portal
