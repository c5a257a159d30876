#include "aceso/crypto/sha1.hpp"

#include "openssl_util.hpp"

namespace aceso::crypto {

std::array<std::byte, 20> sha1(ByteView data) {
  std::array<std::byte, 20> out;
  must(EVP_Q_digest(nullptr, "SHA1", nullptr, data.data(), data.size(), uchars_out(out), nullptr) == 1, "SHA-1");
  return out;
}

}  // namespace aceso::crypto
