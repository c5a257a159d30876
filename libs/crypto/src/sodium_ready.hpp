// libsodium wants one call before its first use.
#pragma once

#include <sodium.h>

#include "openssl_util.hpp"

namespace aceso::crypto {

inline void sodium_ready() noexcept {
  static const bool ready = sodium_init() >= 0;
  must(ready, "libsodium init");
}

}  // namespace aceso::crypto
