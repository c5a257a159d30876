// The checkpoint file of the audit trail.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aceso/portal/audit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso;
  static SeededRandom random{1};
  static const auto key = crypto::SigningKey::generate(random);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (portal::read_checkpoint(text, key.public_key())) std::abort();  // nobody else has the key
  return 0;
}
