// Other systems told of what happens here: signed HTTP requests, kept until they are taken. Signatures are those of
// Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA-256 over "id.timestamp.body".
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
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

namespace aceso::archive {

struct WebhookOptions {
  std::string targets = "[]";              // webhooks.targets as JSON
  std::chrono::milliseconds batch{5'000};  // objects of a study that come within are one event
  int attempts = 20;                       // of one delivery, about an hour
};
void declare_webhook_config(ConfigSchema& schema);  // webhooks.
WebhookOptions webhook_options_from(const Config& config);

struct WebhookDeps {
  const Clock& clock;  // all outlive the webhooks
  RandomSource& random;
  Logger logger;
  Archive& archive;
  crypto::SecretKey key;  // seals what is kept
};

// Thread-safe. Each event reaches each target that asked for it at least once, in no certain order; the same event has
// the same webhook-id. Scope of the list: archive:read.
class Webhooks {
 public:
  // Opens or creates `folder`. Errors: invalid (a target, "webhooks.targets: target 2: ..."), data_loss.
  static Result<std::unique_ptr<Webhooks>> create(const std::filesystem::path& folder, WebhookDeps deps,
                                                  const WebhookOptions& options);
  ~Webhooks();  // stop()
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  Status start();  // what was not delivered before the process died is delivered; study.stored from here on
  void stop();
  void register_routes(net::Router& router);  // /api/v1/archive/webhooks

  // On disk when they return. Said again of the same state of a series or an analysis, they do nothing.
  Status series_complete(std::string_view study_uid, std::string_view series_uid);
  // `state`: analysed, failed or not_applicable. The words of a model are not told: who may, asks for them.
  Status analysis_ended(std::string_view study_uid, std::string_view series_uid, std::string_view analysis_id,
                        std::string_view state, const std::vector<std::string>& result_uids);

  // The newest first. {"items": [{"id", "event", "target", "state", "reason", "study", "updated_us"}], "next"}
  Result<Json> list(const contracts::ObjectPeer& peer, std::string_view before, std::size_t limit) const;

  struct Impl;  // in src/

 private:
  explicit Webhooks(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The header webhook-signature: "v1," and base64.
std::string webhook_signature(std::span<const std::byte> secret, std::string_view id, std::string_view timestamp,
                              std::string_view body);

}  // namespace aceso::archive
