// Complete series sent on to other archives: rules of aceso.yaml, a queue that survives the process, and what became of
// each series.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/worklist.hpp"

namespace aceso::archive {

struct ForwardingOptions {
  std::string rules = "[]";                 // forward.rules as JSON
  std::chrono::milliseconds quiet{60'000};  // a series is complete when nothing came for so long
  int attempts = 20;                        // of one series, while its destination does not answer: about an hour
};
void declare_forwarding_config(ConfigSchema& schema);  // forward.
ForwardingOptions forwarding_options_from(const Config& config);

// How objects reach a destination. Thread-safe.
class ObjectSender {
 public:
  ObjectSender() = default;
  ObjectSender(const ObjectSender&) = delete;
  ObjectSender& operator=(const ObjectSender&) = delete;
  virtual ~ObjectSender() = default;
  virtual Status check(std::string_view destination) const = 0;  // invalid: no destination is written like this
  // One after another; what the destination has already it may take again. `open` gives object i when it is its turn,
  // `done` hears of each whether it was taken. Errors: unavailable, timeout (tried again later), denied, cancelled.
  using Open = std::function<Result<std::unique_ptr<contracts::ObjectBytes>>(std::size_t index)>;
  virtual Status send(std::string_view destination, std::span<const contracts::StoredObject> objects, const Open& open,
                      const std::function<void(std::size_t index, bool taken)>& done, const std::stop_token& stop) = 0;
};

struct ForwardingDeps {
  const Clock& clock;  // all outlive the forwards
  RandomSource& random;
  Logger logger;
  Archive& archive;
  ObjectSender& sender;
  crypto::SecretKey key;                                 // seals what is kept
  std::optional<crypto::SecretKey> deidentify_key = {};  // of new UIDs, pseudonyms and dates; rules may ask for it
};

// Thread-safe. Scopes: archive:read to look, archive:write to send.
class Forwards {
 public:
  // Opens or creates `folder`. Errors: invalid (a rule, "forward.rules: rule 2: ..."), data_loss.
  static Result<std::unique_ptr<Forwards>> create(const std::filesystem::path& folder, ForwardingDeps deps,
                                                  const ForwardingOptions& options);
  ~Forwards();  // stop()
  Forwards(const Forwards&) = delete;
  Forwards& operator=(const Forwards&) = delete;

  Status start();  // what was not sent before the process died is sent
  void stop();
  void register_routes(net::Router& router);  // /api/v1/archive/forwards
  // A modality ended a step (Worklist::on_ended): its series are complete as soon as all objects that it named are
  // here.
  void step_ended(const contracts::PerformedStep& step);

  // Sends a study now, series by series, to any destination; without identities to one that gets none by a rule. The
  // entries it made. Errors: denied, not_found, invalid.
  Result<Json> send(const contracts::ObjectPeer& peer, std::string_view study_uid, std::string_view destination);
  // The newest first. {"items": [{"id", "study", "series", "destination", "rule", "state", "sent", "objects",
  // "refused", "deidentified", "reason"}]}
  Result<Json> list(const contracts::ObjectPeer& peer, std::string_view before, std::size_t limit) const;
  // What was done to the objects that went out without identities, lines of JSON without values of patients. Errors:
  // denied, not_found.
  Result<std::string> manifest(const contracts::ObjectPeer& peer, std::string_view id) const;

  struct Impl;  // in src/

 private:
  explicit Forwards(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
