// Deliveries of webhooks, in a catalogue; what they say is sealed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/store/catalogue.hpp"
#include "sealer.hpp"

namespace aceso::archive {

enum class DeliveryState : std::uint8_t { waiting, delivered, failed };
std::string_view to_string(DeliveryState state) noexcept;

struct Delivery {
  std::string id = {};  // UUIDv7: the webhook-id
  std::string target = {};
  std::string event = {};  // "study.stored"
  DeliveryState state = DeliveryState::waiting;
  std::string job = {};  // "": none yet
  std::int64_t updated_us = 0;
  std::string body = {};    // JSON, as it is sent
  std::string reason = {};  // of a failure
};

// Thread-safe. Errors of all: those of the catalogue; data_loss.
class WebhookTable {
 public:
  static std::vector<store::Migration> migrations(int first_number);
  // catalogue and random outlive it.
  WebhookTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key);

  // Nothing when this target was told `what` before ("series", its UID and how it stands).
  Status add(const Delivery& delivery, std::string_view what);
  Status update(const Delivery& delivery);  // state, job, reason
  Status set_job(std::string_view id, std::string_view job);
  Result<std::optional<Delivery>> find(std::string_view id) const;
  Result<std::vector<Delivery>> list(std::string_view before, std::size_t limit) const;  // newest first
  Result<std::vector<Delivery>> waiting(bool with_job, std::size_t limit) const;
  Status forget_before(std::int64_t us);  // that ended

  Result<std::optional<std::int64_t>> time(std::string_view name) const;
  Status set_time(std::string_view name, std::int64_t us);

 private:
  Result<std::vector<Delivery>> select(const std::string& rest, const store::SqlArgs& args) const;
  store::Catalogue& catalogue_;
  Sealer sealer_;
};

}  // namespace aceso::archive
