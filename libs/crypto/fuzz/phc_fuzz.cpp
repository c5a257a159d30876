// PHC strings of any content: parsed within bounds; verified when they ask for little work.
#include <cstdint>
#include <string>

#include "aceso/crypto/crypto.hpp"

using namespace aceso::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  const bool foreign = needs_rehash(text, {.memory_kib = 8, .iterations = 1});
  if (!foreign) (void)verify_password("password", text);
  return 0;
}
