#include "aceso/portal/keys.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::portal {
namespace {

Result<crypto::SecretKey> read_key(const std::filesystem::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return Error{Code::not_found, file.string() + " is not there"};
  if ((info.st_mode & 077U) != 0) {
    return Error{Code::precondition, file.string() + " can be read by others than its owner: chmod 600 it"};
  }
  ACESO_TRY(std::string text, read_text_file(file, 256));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const auto bytes = crypto::from_hex(text);
  if (!bytes || bytes->size() != crypto::SecretKey::kSize) {
    return Error{Code::data_loss, file.string() + " does not hold 64 hexadecimal digits"};
  }
  return crypto::SecretKey::from_bytes(*bytes);
}

Status write_key(const std::filesystem::path& file, const crypto::SecretKey& key) {
  return write_file_atomic(file, crypto::to_hex(key.bytes()) + "\n", {.mode = 0600, .durable = true});
}

}  // namespace

Result<NodeKeys> NodeKeys::load_or_create(const std::filesystem::path& folder, RandomSource& random) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{Code::denied, folder.string() + " cannot be made"};
  if (::chmod(folder.c_str(), 0700) != 0) return Error{Code::denied, folder.string() + " is not ours"};
  const auto signing_file = folder / "node.key";
  const auto master_file = folder / "master.key";
  const bool has_signing = std::filesystem::exists(signing_file, failed);
  const bool has_master = std::filesystem::exists(master_file, failed);
  if (has_signing != has_master) {
    return Error{Code::data_loss, (has_signing ? master_file : signing_file).string() +
                                      " is missing while its companion is there: restore it from a backup"};
  }
  if (!has_signing) {
    // node.key last: a crash between the two leaves a state that the next start names instead of half-using.
    const auto master = crypto::SecretKey::generate(random);
    const auto seed = crypto::SecretKey::generate(random);
    const auto signing = crypto::SigningKey::from_seed(seed);
    ACESO_TRY_OK(write_file_atomic(folder / "node.pub", crypto::to_hex(signing.public_key()) + "\n", {.mode = 0644}));
    ACESO_TRY_OK(write_key(master_file, master));
    ACESO_TRY_OK(write_key(signing_file, seed));
  }
  ACESO_TRY(auto master, read_key(master_file));
  ACESO_TRY(auto seed, read_key(signing_file));
  return NodeKeys{crypto::SigningKey::from_seed(seed), std::move(master)};
}

crypto::SecretKey NodeKeys::derive(std::string_view purpose) const {
  const auto bytes = crypto::hkdf_sha256(master.bytes(), {}, purpose, crypto::SecretKey::kSize);
  return *crypto::SecretKey::from_bytes(bytes);
}

}  // namespace aceso::portal
