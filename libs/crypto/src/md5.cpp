#include "aceso/crypto/md5.hpp"

#include "openssl_util.hpp"

namespace aceso::crypto {

std::array<std::byte, 16> md5(ByteView data) {
  std::array<std::byte, 16> out;
  must(EVP_Q_digest(nullptr, "MD5", nullptr, data.data(), data.size(), uchars_out(out), nullptr) == 1, "MD5");
  return out;
}

}  // namespace aceso::crypto
