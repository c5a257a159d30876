// Other archives that take objects by STOW-RS (PS3.18 10.5): destinations of forwarding rules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/archive/forwards.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/tls.hpp"

namespace aceso::archive {

struct DicomWebTarget {
  std::string name = {};  // as rules name it
  std::string host = {};
  std::uint16_t port = 443;
  std::string path = {};                         // of the service, without a slash at the end: "/dicom-web"
  std::string authorization = {};                // the whole header; a secret
  std::shared_ptr<crypto::TlsContext> tls = {};  // shared with connections; null: plain
};

// `json` is forward.dicomweb: [{"name", "url", "token_file" | "user" and "password_file", "ca_file"}]. Plain http://
// only to this machine. Errors: invalid ("target 2: ..."), what reading the files gives.
Result<std::vector<DicomWebTarget>> parse_dicomweb_targets(std::string_view json);

// Sends one object a request, streamed. Thread-safe.
std::unique_ptr<ObjectSender> make_stow_sender(std::vector<DicomWebTarget> targets);

}  // namespace aceso::archive
