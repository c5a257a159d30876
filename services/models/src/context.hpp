// What every part of the service shares: injected dependencies, options, catalogue, and the way to the audit trail.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/models/models.hpp"
#include "aceso/store/catalogue.hpp"
#include "pseudonyms.hpp"

namespace aceso::models {

struct Context {
  const Clock& clock;
  RandomSource& random;
  Logger log;
  contracts::AuditSink& audit;
  Options options;
  std::filesystem::path folder;
  store::Catalogue* catalogue = nullptr;
  std::optional<Pseudonyms> pseudonyms = {};
  contracts::RunSink* runs = nullptr;  // where trainings are kept as runs

  std::string new_id() const;
  std::int64_t now_us() const;
  // One audit record. `detail` is short JSON made by us, never content of a request. The action fails when this fails.
  Status record(const Actor& actor, std::string_view action, std::string_view event, std::string_view entity_type,
                std::string_view entity_id, std::string_view detail = {}) const;
};

std::string time_text(std::int64_t us);         // RFC 3339
std::string dump(const Json& value);            // one line; bytes that are not UTF-8 are replaced
Result<Json> parse_own(std::string_view text);  // JSON that we stored: data_loss when it does not parse

// Names of datasets and models are folder names and parts of URLs: 1 to 64 of a-z A-Z 0-9 . _ -, the first a letter or
// digit. invalid says which name (`what`), not its text.
Status check_name(std::string_view what, std::string_view name);

}  // namespace aceso::models
