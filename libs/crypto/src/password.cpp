// Argon2id (RFC 9106, libsodium) with PHC strings: $argon2id$v=19$m=19456,t=2,p=1$salt$hash
#include <sodium.h>

#include <charconv>
#include <optional>

#include "aceso/crypto/crypto.hpp"
#include "sodium_ready.hpp"

namespace aceso::crypto {
namespace {

constexpr std::size_t kMaxPassword = 4096;
constexpr std::uint32_t kMaxMemoryKib = 1U << 20U;  // 1 GiB: a stored string must not make us take more
constexpr std::uint32_t kMaxIterations = 64;

bool within_limits(PasswordCost cost) noexcept {
  return cost.memory_kib >= 8 && cost.memory_kib <= kMaxMemoryKib && cost.iterations >= 1 &&
         cost.iterations <= kMaxIterations;
}

// Takes `prefix` and then a decimal number without sign or leading zero off the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  if (text.empty() || text[0] < '1' || text[0] > '9') return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// Unpadded base64 of `least` to 64 bytes.
bool holds(std::string_view text, std::size_t least) {
  std::string padded{text};
  if (padded.ends_with('=')) return false;
  while (padded.size() % 4 != 0) padded.push_back('=');
  const auto bytes = from_base64(padded);
  return bytes.ok() && bytes->size() >= least && bytes->size() <= 64;
}

// The cost written in a PHC string of ours: Argon2id version 19 with one lane, within our limits, salt and hash in
// unpadded base64.
std::optional<PasswordCost> parse_phc(std::string_view phc) {
  if (phc.size() >= crypto_pwhash_STRBYTES || phc.find('\0') != std::string_view::npos) return std::nullopt;
  constexpr std::string_view kHead = "$argon2id$v=19$";
  if (!phc.starts_with(kHead)) return std::nullopt;
  phc.remove_prefix(kHead.size());
  const auto memory = take_number(phc, "m=");
  const auto iterations = take_number(phc, ",t=");
  const auto lanes = take_number(phc, ",p=");
  if (!memory || !iterations || lanes != 1U || !phc.starts_with('$')) return std::nullopt;
  phc.remove_prefix(1);
  const std::size_t between = phc.find('$');
  if (between == std::string_view::npos || !holds(phc.substr(0, between), 8) || !holds(phc.substr(between + 1), 16)) {
    return std::nullopt;
  }
  const PasswordCost cost{.memory_kib = *memory, .iterations = *iterations};
  return within_limits(cost) ? std::optional{cost} : std::nullopt;
}

}  // namespace

Result<std::string> hash_password(std::string_view password, PasswordCost cost) {
  if (password.size() > kMaxPassword) return Error{Code::invalid, "a password may have at most 4096 bytes"};
  if (!within_limits(cost)) return Error{Code::invalid, "password cost is out of range (8 KiB to 1 GiB, 1 to 64)"};
  sodium_ready();
  char out[crypto_pwhash_STRBYTES] = {};
  if (crypto_pwhash_str_alg(out, password.data(), password.size(), cost.iterations, std::size_t{cost.memory_kib} * 1024,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Error{Code::exhausted, "not enough memory to hash a password"};
  }
  return std::string{out};
}

bool verify_password(std::string_view password, std::string_view phc) {
  if (password.size() > kMaxPassword || !parse_phc(phc)) return false;
  sodium_ready();
  const std::string terminated{phc};
  return crypto_pwhash_str_verify(terminated.c_str(), password.data(), password.size()) == 0;
}

bool needs_rehash(std::string_view phc, PasswordCost cost) {
  const auto used = parse_phc(phc);
  return !used || used->memory_kib != cost.memory_kib || used->iterations != cost.iterations;
}

}  // namespace aceso::crypto
