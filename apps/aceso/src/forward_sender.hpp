// Objects of the archive to other DICOM nodes and DICOMweb services, for forwarding rules.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aceso/archive/forwards.hpp"
#include "aceso/base/config.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/dimse/access.hpp"

namespace aceso::app {

// A destination is a name of forward.dicomweb, or the title of a node of dimse.peers that has a port.
class ForwardSender final : public archive::ObjectSender {
 public:
  // Errors: invalid (dimse.peers, forward.dicomweb, a file of theirs, a name that stands in both).
  static Result<std::unique_ptr<ForwardSender>> create(const Config& config, const std::filesystem::path& program);
  Status check(std::string_view destination) const override;
  Status send(std::string_view destination, std::span<const contracts::StoredObject> objects, const Open& open,
              const std::function<void(std::size_t index, bool taken)>& done, const std::stop_token& stop) override;

 private:
  ForwardSender() = default;
  std::string ae_title_;
  std::filesystem::path modules_;
  std::vector<dimse::Node> nodes_;
  std::unique_ptr<archive::ObjectSender> web_;
  std::shared_ptr<crypto::TlsContext> tls_;  // shared with connections; null: no node is called by TLS
};

}  // namespace aceso::app
