// Other archives that priors are fetched from: the nodes of dimse.peers that have a port.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aceso/archive/priors.hpp"
#include "aceso/base/config.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/dimse/client.hpp"

namespace aceso::app {

// A source is the AE title of a node of dimse.peers that has a port. One association a call.
class DimsePriorSource final : public archive::PriorSource {
 public:
  // Errors: invalid (dimse.peers, a file of theirs).
  static Result<std::unique_ptr<DimsePriorSource>> create(const Config& config, const std::filesystem::path& program);
  Status check(std::string_view source, bool move) const override;
  Status find(std::string_view source, const contracts::ObjectQuery& query,
              const std::function<bool(const contracts::ObjectRow&)>& match, const std::stop_token& stop) override;
  Status get(std::string_view source, const contracts::ObjectQuery& keys, std::span<const std::string> sop_classes,
             contracts::ObjectSink& sink, const contracts::ObjectPeer& as, const std::stop_token& stop) override;
  Status move(std::string_view source, const contracts::ObjectQuery& keys, const std::stop_token& stop) override;

 private:
  DimsePriorSource() = default;
  Result<std::unique_ptr<dimse::Client>> call(std::string_view source, const std::stop_token& stop) const;

  std::string ae_title_;
  bool listens_ = false;
  std::filesystem::path modules_;
  std::vector<dimse::Node> nodes_;
  std::shared_ptr<crypto::TlsContext> tls_;  // shared with connections; null: no node is called by TLS
};

}  // namespace aceso::app
