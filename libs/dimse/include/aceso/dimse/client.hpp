// The DICOM application entity that calls others (SCU): echo, store, find, move, get (PS3.4 Annexes A, B, C).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/worklist.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/dimse/access.hpp"
#include "aceso/dimse/status.hpp"

namespace aceso::dimse {

struct ClientOptions {
  std::string calling_ae = "ACESO";
  Node node = {};                                // whom to call: ae, host (IPv4), port, tls
  std::shared_ptr<crypto::TlsContext> tls = {};  // needed when node.tls; shared with the connection
  std::chrono::milliseconds connect = std::chrono::seconds{10};
  std::chrono::milliseconds answer = std::chrono::minutes{10};   // how long an answer may take
  std::chrono::milliseconds message = std::chrono::seconds{60};  // within a message, between two PDUs
  std::size_t max_pdu = 131072;
  std::filesystem::path modules = {};  // the folder of libaceso_dimse_dcmtk.so
  std::stop_token stop = {};           // ends whatever waits; the association is aborted
};

enum class InformationModel : std::uint8_t { patient_root, study_root };

// Counts of a C-MOVE or C-GET; `remaining` is unknown in final answers.
struct Progress {
  std::optional<std::uint32_t> remaining = {};
  std::uint32_t completed = 0, failed = 0, warning = 0;
};

// A part 10 file on disk as an object. Errors: not_found, invalid (no part 10 file, or one without SOP class, SOP
// instance or transfer syntax UID).
Result<std::unique_ptr<contracts::ObjectBytes>> open_file(const std::filesystem::path& file);

// One association a call. Errors of all: not_found (host), unavailable (nobody answers, or the connection broke),
// denied (rejected, or not authorised), unauthenticated (TLS), timeout, cancelled (stopped, or aborted by the peer),
// unsupported (the peer does not offer the service), invalid (the peer broke the protocol), and the module's. Not
// thread-safe; clients are independent of each other.
class Client {
 public:
  static Result<std::unique_ptr<Client>> create(ClientOptions options);
  ~Client();

  Result<std::chrono::microseconds> echo();  // how long the answer took

  // What became of one object. `status` is the peer's.
  struct Stored {
    std::size_t index = 0;
    StatusCode status = kSuccess;
  };
  // In order, as many associations as their contexts need. `next` opens object i when it is sent; one it cannot open
  // counts as kProcessingFailure. `done` is told of each.
  Status store(std::span<const contracts::StoredObject> objects,
               const std::function<Result<std::unique_ptr<contracts::ObjectBytes>>(std::size_t index)>& next,
               const std::function<void(const Stored&)>& done);

  // Each match goes to `match`; its false cancels the query. Answers hold the keys asked for, in UTF-8. Offset and
  // limit of the query are not used. Errors also: those of the peer's status.
  Status find(InformationModel model, const contracts::ObjectQuery& query,
              const std::function<bool(const contracts::ObjectRow&)>& match);

  // The modality worklist (PS3.4 Annex K): `keys` of the top level, `step_keys` of the item of (0040,0100). As find().
  Status worklist(const std::vector<contracts::QueryKey>& keys, const std::vector<contracts::QueryKey>& step_keys,
                  const std::function<bool(const contracts::WorklistItem&)>& match);

  // `keys` name the unique key of the level, and those above it that the peer wants. `progress` is told of each
  // pending answer; its false cancels. The last Progress is returned even when objects failed.
  Result<Progress> move(InformationModel model, const contracts::ObjectQuery& keys, const std::string& destination_ae,
                        const std::function<bool(const Progress&)>& progress);
  // Objects go to `sink` in the transfer syntax the peer has them in; `sop_classes` (empty: the standard's that fit,
  // most usual first) says which are taken, 128 at most.
  Result<Progress> get(InformationModel model, const contracts::ObjectQuery& keys,
                       std::span<const std::string> sop_classes, contracts::ObjectSink& sink,
                       const contracts::ObjectPeer& as, const std::function<bool(const Progress&)>& progress);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::dimse
