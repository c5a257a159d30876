// The installation's key of de-identification: `aceso deid` and forwarding rules give the same objects the same new
// UIDs, pseudonyms and dates.
#pragma once

#include <filesystem>

#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"
#include "home.hpp"

namespace aceso::app {

// 32 bytes. Errors: invalid (another length), those of read_file.
Result<crypto::SecretKey> read_deid_key(const std::filesystem::path& file);
// keys/deid.key of the home, made on first use and readable by its owner only.
Result<crypto::SecretKey> load_deid_key(const Home& home);

}  // namespace aceso::app
