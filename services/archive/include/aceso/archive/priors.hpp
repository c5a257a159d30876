// Priors fetched before an appointment: for each entry of the modality worklist that a rule matches, the patient's
// earlier studies are looked for at other archives (C-FIND) and brought here (C-GET or C-MOVE), once, in good time.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "aceso/archive/archive.hpp"
#include "aceso/archive/worklist.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/objects.hpp"

namespace aceso::archive {

struct PriorsOptions {
  std::string rules = "[]";  // priors.rules as JSON
  int attempts = 20;         // of one entry, while a source does not answer: about an hour; then again each hour
};
void declare_priors_config(ConfigSchema& schema);  // priors.
PriorsOptions priors_options_from(const Config& config);

// Other archives, asked and fetched from. Thread-safe. Errors of all: unavailable, timeout (tried again later), denied,
// unsupported, cancelled.
class PriorSource {
 public:
  PriorSource() = default;
  PriorSource(const PriorSource&) = delete;
  PriorSource& operator=(const PriorSource&) = delete;
  virtual ~PriorSource() = default;
  // invalid: no archive is called like this, or it cannot send here (`move`).
  virtual Status check(std::string_view source, bool move) const = 0;
  // C-FIND; each match, until it returns false.
  virtual Status find(std::string_view source, const contracts::ObjectQuery& query,
                      const std::function<bool(const contracts::ObjectRow&)>& match, const std::stop_token& stop) = 0;
  // C-GET: what the keys name comes into `sink`. Ok also when the source could not give every object.
  virtual Status get(std::string_view source, const contracts::ObjectQuery& keys,
                     std::span<const std::string> sop_classes, contracts::ObjectSink& sink,
                     const contracts::ObjectPeer& as, const std::stop_token& stop) = 0;
  // C-MOVE to this node: what the keys name is in the archive on return, as far as the source could send it.
  virtual Status move(std::string_view source, const contracts::ObjectQuery& keys, const std::stop_token& stop) = 0;
};

struct PriorsDeps {
  const Clock& clock;  // all outlive the priors
  RandomSource& random;
  Logger logger;
  Archive& archive;
  Worklist& worklist;
  PriorSource& source;
  crypto::SecretKey key;                                              // seals what is kept
  std::function<std::chrono::minutes(UtcTime)> utc_offset = nullptr;  // of the appointments' times; null: UTC
};

// Thread-safe. Scopes: archive:read to look, archive:write to fetch.
class Priors {
 public:
  // Opens or creates `folder`. Errors: invalid (a rule, "priors.rules: rule 2: ..."), data_loss.
  static Result<std::unique_ptr<Priors>> create(const std::filesystem::path& folder, PriorsDeps deps,
                                                const PriorsOptions& options);
  ~Priors();  // stop()
  Priors(const Priors&) = delete;
  Priors& operator=(const Priors&) = delete;

  Status start();  // follows the worklist; what was not fetched before the process died goes on
  void stop();
  void register_routes(net::Router& router);  // /api/v1/archive/modality-worklist/{id}/priors

  // How it stands with the priors of an entry: {"state": waiting | fetching | fetched | none | failed | past | no_rule,
  // "reason", "rule", "due" (local), "known", "here", "not_theirs", "updated_us", "studies"}. Errors: denied,
  // not_found.
  Result<Json> show(const contracts::ObjectPeer& peer, std::string_view step) const;
  // Begins now, whatever its state; as show(). Errors: denied, not_found, precondition (no rule, or the step has
  // ended).
  Result<Json> fetch(const contracts::ObjectPeer& peer, std::string_view step);

  struct Impl;  // in src/

 private:
  explicit Priors(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
