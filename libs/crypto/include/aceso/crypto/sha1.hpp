// SHA-1 (FIPS 180-4), only for identifiers that other systems make with it: it does not resist an attacker.
#pragma once

#include <array>

#include "aceso/crypto/hash.hpp"

namespace aceso::crypto {

std::array<std::byte, 20> sha1(ByteView data);

}  // namespace aceso::crypto
