// TLS contexts. libs/net and libs/dimse turn the native handle into connections.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::crypto {

class TlsContext {
 public:
  struct Server {
    std::filesystem::path certificate_chain;  // PEM, leaf first
    std::filesystem::path private_key;        // PEM
    std::filesystem::path client_ca;          // PEM; not empty: clients must show a certificate it signed
    bool allow_tls12 = false;                 // for DIMSE, MLLP, MQTT (BCP 195); the web is TLS 1.3 only
  };
  struct Client {
    std::filesystem::path ca;                 // PEM; empty: the system's store
    std::filesystem::path certificate_chain;  // for mutual TLS
    std::filesystem::path private_key;
    bool allow_tls12 = false;
  };
  static Result<std::shared_ptr<TlsContext>> server(
      const Server& options);  // shared: every open connection keeps its context alive across a reload
  static Result<std::shared_ptr<TlsContext>> client(const Client& options);
  ~TlsContext();
  void* native() const noexcept { return native_; }  // SSL_CTX*

 private:
  explicit TlsContext(void* native) : native_{native} {}
  void* native_;
};

struct SelfSigned {
  std::string certificate_pem;
  std::string private_key_pem;
};
// An Ed25519-free, browser-compatible P-256 certificate for these DNS names and IP addresses.
Result<SelfSigned> make_self_signed(const std::vector<std::string>& names, int days);

}  // namespace aceso::crypto
