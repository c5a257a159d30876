#include "deid_key.hpp"

#include "aceso/base/file.hpp"

namespace aceso::app {

Result<crypto::SecretKey> read_deid_key(const std::filesystem::path& file) {
  ACESO_TRY(const auto bytes, read_file(file, 4096));
  auto key = crypto::SecretKey::from_bytes(bytes);
  if (!key) return Error{Code::invalid, file.string() + " is no key: it must hold exactly 32 bytes"};
  return key;
}

Result<crypto::SecretKey> load_deid_key(const Home& home) {
  const std::filesystem::path file = home.keys() / "deid.key";
  std::error_code ec;
  std::filesystem::create_directories(home.keys(), ec);
  if (!std::filesystem::exists(file, ec)) {
    crypto::SystemRandom random;
    const crypto::SecretKey fresh = crypto::SecretKey::generate(random);
    ACESO_TRY_OK(write_file_atomic(file, fresh.bytes(), {0600, true}));
  }
  return read_deid_key(file);
}

}  // namespace aceso::app
