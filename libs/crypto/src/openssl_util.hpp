// Owners for OpenSSL's handles, and what happens when a primitive that cannot fail fails.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "aceso/crypto/hash.hpp"

namespace aceso::crypto {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using CipherCtx = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using DigestCtx = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;

inline const unsigned char* uchars(ByteView b) noexcept {
  return reinterpret_cast<const unsigned char*>(b.data());
}
inline unsigned char* uchars_out(std::span<std::byte> b) noexcept {
  return reinterpret_cast<unsigned char*>(b.data());
}

// For calls that fail only when memory is out or the library is broken: going on would mean unprotected data.
inline void must(bool ok, const char* what) noexcept {
  if (ok) return;
  std::fprintf(stderr, "aceso: cryptographic primitive failed: %s\n", what);
  std::abort();
}

// The reason of OpenSSL's latest error in words; empties its queue.
inline std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
  return text;
}

}  // namespace aceso::crypto
