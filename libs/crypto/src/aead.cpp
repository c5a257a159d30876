// AES-256-GCM (NIST SP 800-38D) and AES key wrap (RFC 3394) over OpenSSL.
#include <algorithm>
#include <limits>

#include "aceso/crypto/crypto.hpp"
#include "openssl_util.hpp"

namespace aceso::crypto {
namespace {

constexpr std::size_t kWrappedSize = SecretKey::kSize + 8;

const EVP_CIPHER* fetch(const char* name) noexcept {
  const EVP_CIPHER* found = EVP_CIPHER_fetch(nullptr, name, nullptr);
  must(found != nullptr, name);
  return found;
}
const EVP_CIPHER* gcm() noexcept {
  static const EVP_CIPHER* const cipher = fetch("AES-256-GCM");
  return cipher;
}
const EVP_CIPHER* wrap() noexcept {
  static const EVP_CIPHER* const cipher = fetch("AES-256-WRAP");
  return cipher;
}

CipherCtx start(const SecretKey& key, const Nonce& nonce, bool encrypt) {
  CipherCtx ctx{EVP_CIPHER_CTX_new()};
  must(ctx && EVP_CipherInit_ex2(ctx.get(), gcm(), uchars(key.bytes()), uchars(nonce), encrypt ? 1 : 0, nullptr) == 1,
       "AES-256-GCM init");
  return ctx;
}

// OpenSSL counts in int: larger inputs go in pieces. `out` null: associated data.
void feed(EVP_CIPHER_CTX* ctx, std::byte* out, ByteView in) {
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  while (!in.empty()) {
    const std::size_t n = std::min(kPiece, in.size());
    int done = 0;
    must(EVP_CipherUpdate(ctx, reinterpret_cast<unsigned char*>(out), &done, uchars(in), static_cast<int>(n)) == 1,
         "AES-256-GCM");
    if (out != nullptr) out += done;
    in = in.subspan(n);
  }
}

}  // namespace

void aead_seal_to(const SecretKey& key, const Nonce& nonce, ByteView plain, ByteView associated,
                  std::span<std::byte> out) {
  must(out.size() == plain.size() + kTagSize, "room for the sealed bytes");
  const CipherCtx ctx = start(key, nonce, true);
  feed(ctx.get(), nullptr, associated);
  feed(ctx.get(), out.data(), plain);
  int done = 0;
  unsigned char none[16];
  must(EVP_EncryptFinal_ex(ctx.get(), none, &done) == 1, "AES-256-GCM final");
  must(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out.data() + plain.size()) == 1,
       "AES-256-GCM tag");
}

Status aead_open_to(const SecretKey& key, const Nonce& nonce, ByteView sealed, ByteView associated,
                    std::span<std::byte> out) {
  if (sealed.size() < kTagSize) return Error{Code::data_loss, "sealed bytes are shorter than their tag"};
  const ByteView text = sealed.first(sealed.size() - kTagSize);
  must(out.size() == text.size(), "room for the opened bytes");
  std::array<std::byte, kTagSize> tag;
  std::copy(sealed.end() - kTagSize, sealed.end(), tag.begin());
  const CipherCtx ctx = start(key, nonce, false);
  feed(ctx.get(), nullptr, associated);
  feed(ctx.get(), out.data(), text);
  must(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1, "AES-256-GCM tag");
  int done = 0;
  unsigned char none[16];
  if (EVP_DecryptFinal_ex(ctx.get(), none, &done) != 1) {
    ERR_clear_error();
    OPENSSL_cleanse(out.data(), out.size());  // unauthenticated plain text must not get out
    return Error{Code::data_loss, "sealed bytes were altered or belong to another key"};
  }
  return {};
}

Bytes aead_seal(const SecretKey& key, const Nonce& nonce, ByteView plain, ByteView associated) {
  Bytes out(plain.size() + kTagSize);
  aead_seal_to(key, nonce, plain, associated, out);
  return out;
}

Result<Bytes> aead_open(const SecretKey& key, const Nonce& nonce, ByteView sealed, ByteView associated) {
  Bytes out(sealed.size() - std::min(sealed.size(), kTagSize));
  ACESO_TRY_OK(aead_open_to(key, nonce, sealed, associated, out));
  return out;
}

Bytes wrap_key(const SecretKey& kek, const SecretKey& key) {
  const CipherCtx ctx{EVP_CIPHER_CTX_new()};
  must(ctx != nullptr, "AES key wrap");
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  must(EVP_EncryptInit_ex2(ctx.get(), wrap(), uchars(kek.bytes()), nullptr, nullptr) == 1, "AES key wrap init");
  Bytes out(kWrappedSize + 16);
  int done = 0;
  must(EVP_EncryptUpdate(ctx.get(), uchars_out(out), &done, uchars(key.bytes()), SecretKey::kSize) == 1 &&
           done == static_cast<int>(kWrappedSize),
       "AES key wrap");
  out.resize(kWrappedSize);
  return out;
}

Result<SecretKey> unwrap_key(const SecretKey& kek, ByteView wrapped) {
  if (wrapped.size() != kWrappedSize) return Error{Code::invalid, "a wrapped key has 40 bytes"};
  const CipherCtx ctx{EVP_CIPHER_CTX_new()};
  must(ctx != nullptr, "AES key unwrap");
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  must(EVP_DecryptInit_ex2(ctx.get(), wrap(), uchars(kek.bytes()), nullptr, nullptr) == 1, "AES key unwrap init");
  std::array<std::byte, kWrappedSize + 16> out;
  int done = 0;
  const bool ok =
      EVP_DecryptUpdate(ctx.get(), uchars_out(out), &done, uchars(wrapped), static_cast<int>(wrapped.size())) == 1 &&
      done == static_cast<int>(SecretKey::kSize);
  Result<SecretKey> key = ok ? SecretKey::from_bytes(ByteView{out}.first(SecretKey::kSize))
                             : Error{Code::denied, "the key was wrapped by another key encryption key, or altered"};
  OPENSSL_cleanse(out.data(), out.size());
  if (!ok) ERR_clear_error();
  return key;
}

}  // namespace aceso::crypto
