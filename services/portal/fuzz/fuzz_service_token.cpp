// Service tokens: as they come, and with claims of any kind under a good signature.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../src/service_token.hpp"
#include "aceso/crypto/hash.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso;
  static SeededRandom random{1};
  static const auto key = crypto::SigningKey::generate(random);
  const UtcTime now{std::chrono::seconds{1'700'000'000}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (portal::verify_service_token(text, now, key.public_key())) std::abort();  // nobody else has the key
  const auto good = portal::sign_service_token({}, now, now + std::chrono::seconds{60}, key);
  const auto head = good.substr(0, good.find('.') + 1) + crypto::to_base64url(crypto::as_bytes(text));
  const auto token = head + "." + crypto::to_base64url(key.sign(crypto::as_bytes(head)));
  const auto claimed = portal::verify_service_token(token, now, key.public_key());
  if (!claimed && claimed.error().code() != Code::unauthenticated) std::abort();
  return 0;
}
