// The node's DICOM listener: what `dimse.` in aceso.yaml says, as a dimse::Server in front of the archive.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "aceso/base/config.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/dimse/server.hpp"

namespace aceso::app {

void declare_dimse_config(ConfigSchema& schema);

// The folder of libaceso_dimse_dcmtk.so.
std::filesystem::path dimse_module_folder(const std::filesystem::path& program);

// "PACS@192.0.2.10:104", "PACS@192.0.2.10" (is never called), "PACS@192.0.2.10:2762/tls",
// each with "/certificate=" and 64 hex digits at the end when it must show that certificate. Errors: invalid.
Result<dimse::Node> parse_node(std::string_view text);

// The nodes of dimse.peers; what is needed to call those that are called by TLS, null when there is none. Errors:
// invalid.
Result<std::vector<dimse::Node>> dimse_nodes(const Config& config);
Result<std::shared_ptr<crypto::TlsContext>> dimse_client_tls(const Config& config,
                                                             const std::vector<dimse::Node>& nodes);

// Null when dimse.enabled is false. Errors: invalid (configuration), exists (the port is taken), those of the module.
Result<std::unique_ptr<dimse::Server>> start_dicom(const Config& config, const dimse::Services& services,
                                                   const std::filesystem::path& program, RandomSource& random,
                                                   const Logger& logger);

}  // namespace aceso::app
