// The DICOM application entity that others call (SCP): verification, storage, query and retrieve, modality worklist,
// performed procedure step, storage commitment (PS3.4 Annexes A, B, C, F, J, K).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/worklist.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/dimse/access.hpp"

namespace aceso::dimse {

struct Listener {
  std::string address = "127.0.0.1";             // IPv4 or IPv6, numeric
  std::uint16_t port = 11112;                    // 0: the kernel chooses
  std::shared_ptr<crypto::TlsContext> tls = {};  // shared with every connection made with it; null: plain
};

// What the server offers; null: not offered. All must outlive it.
struct Services {
  contracts::ObjectSink* sink = nullptr;      // C-STORE
  contracts::ObjectSource* source = nullptr;  // C-FIND, C-MOVE, C-GET, storage commitment
  const contracts::WorklistSource* worklist = nullptr;
  contracts::ProcedureStepSink* steps = nullptr;  // MPPS
};

struct ServerOptions {
  std::vector<Listener> listeners = {};
  std::vector<std::string> ae_titles = {"ACESO"};  // ours, the first is used when we call; empty: called by any title
  Admit admit = {};                                // required
  std::vector<Node> nodes = {};                    // where C-MOVE may send and storage commitment reports go
  std::shared_ptr<crypto::TlsContext> client_tls = {};  // for nodes that are called by TLS; shared with connections
  std::size_t associations = 32;                        // at once; one more is rejected, "local limit exceeded"
  std::size_t waiting = 256;  // connections that have not said who they are; the oldest is dropped
  std::chrono::milliseconds artim = std::chrono::seconds{30};    // until the A-ASSOCIATE-RQ is complete (PS3.8 9.1.5)
  std::chrono::milliseconds idle = std::chrono::minutes{10};     // between messages
  std::chrono::milliseconds message = std::chrono::seconds{60};  // within a message, between two PDUs
  std::size_t max_pdu = 131072;                                  // bytes we take in one PDU; 4096 to 131072
  bool unknown_sop_classes = true;                               // stores private and future storage classes too
  std::filesystem::path modules = {};                            // the folder of libaceso_dimse_dcmtk.so
};

struct ServerStats {
  std::uint64_t associations = 0, open_associations = 0, rejected = 0, dropped = 0, stored = 0, store_failures = 0;
};

class Server {
 public:
  // Opens the ports and begins. Errors: invalid (options), exists (a port is taken), not_found or unavailable (the
  // module), denied.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Services services, RandomSource& random,
                                               const Logger& logger);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // stop(0)

  const std::vector<Listener>& listeners() const noexcept;  // with their real ports
  // No new associations; what is being done may end within `grace`, then it is aborted. Joins every thread. Idempotent.
  void stop(std::chrono::milliseconds grace);
  ServerStats stats() const;  // thread-safe

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::dimse
