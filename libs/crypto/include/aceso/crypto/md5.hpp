// MD5 (RFC 1321), only to compare with checksums that a publisher gives: it does not resist an attacker.
#pragma once

#include <array>

#include "aceso/crypto/hash.hpp"

namespace aceso::crypto {

std::array<std::byte, 16> md5(ByteView data);

}  // namespace aceso::crypto
