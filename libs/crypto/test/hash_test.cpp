#include "aceso/crypto/hash.hpp"
#include "aceso/crypto/md5.hpp"
#include "aceso/crypto/sha1.hpp"

#include <gtest/gtest.h>

namespace aceso::crypto {
namespace {

Bytes from_digits(std::string_view text) {
  return *from_hex(text);
}
std::string repeat(char c, std::size_t n) {
  return std::string(n, c);
}

TEST(Md5, matches_rfc_1321_examples) {
  EXPECT_EQ(to_hex(md5(as_bytes(""))), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(to_hex(md5(as_bytes("message digest"))), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Sha1, matches_fips_180_examples) {
  EXPECT_EQ(to_hex(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha1(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

TEST(Sha256, matches_fips_180_4_examples) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, of_a_million_letters_in_pieces_is_that_of_fips_180_4_and_the_object_is_new_afterwards) {
  Sha256 hash;
  for (int i = 0; i < 1000; ++i) hash.update(as_bytes(repeat('a', 1000)));
  EXPECT_EQ(to_hex(hash.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  hash.update(as_bytes("abc"));
  Sha256 moved = std::move(hash);
  EXPECT_EQ(moved.finish(), sha256("abc"));
}

TEST(Hmac, matches_rfc_4231) {
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(repeat('\x0b', 20)), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(repeat('\xaa', 20)), as_bytes(repeat('\xdd', 50)))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(repeat('\xaa', 131)),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, accepts_an_empty_key) {  // RFC 2104 pads it with zeros
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hkdf, matches_rfc_5869_appendix_a) {
  EXPECT_EQ(
      to_hex(hkdf_sha256(from_digits("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                         from_digits("000102030405060708090a0b0c"), "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", 42)),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(to_hex(hkdf_sha256(from_digits("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), {}, "", 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hkdf, gives_up_to_255_blocks) {
  EXPECT_EQ(hkdf_sha256(as_bytes("k"), {}, "", 8160).size(), 8160U);
}

TEST(ConstantTime, compares_length_and_content) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("ab")));
}

struct Vector {
  const char* plain;
  const char* base64;
  const char* base32;
};
// RFC 4648 section 10; base32 without its padding.
constexpr Vector kRfc4648[] = {{"", "", ""},
                               {"f", "Zg==", "MY"},
                               {"fo", "Zm8=", "MZXQ"},
                               {"foo", "Zm9v", "MZXW6"},
                               {"foob", "Zm9vYg==", "MZXW6YQ"},
                               {"fooba", "Zm9vYmE=", "MZXW6YTB"},
                               {"foobar", "Zm9vYmFy", "MZXW6YTBOI"}};

TEST(Encoding, matches_rfc_4648_both_ways) {
  for (const Vector& v : kRfc4648) {
    const ByteView plain = as_bytes(v.plain);
    EXPECT_EQ(to_base64(plain), v.base64);
    EXPECT_EQ(to_base32(plain), v.base32);
    EXPECT_EQ(*from_base64(v.base64), Bytes(plain.begin(), plain.end()));
    EXPECT_EQ(*from_base32(v.base32), Bytes(plain.begin(), plain.end()));
    EXPECT_EQ(*from_base64url(to_base64url(plain)), Bytes(plain.begin(), plain.end()));
  }
  EXPECT_EQ(to_base64(from_digits("fbff")), "+/8=");
  EXPECT_EQ(to_base64url(from_digits("fbff")), "-_8");
  EXPECT_EQ(to_hex(from_digits("00FFa5")), "00ffa5");
  EXPECT_EQ(*from_base32("mzxw6"), *from_base32("MZXW6"));
}

TEST(Encoding, refuses_what_is_not_canonical) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "=Zg=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "-_8=", "====", "A==="}) {
    EXPECT_FALSE(from_base64(bad).ok()) << bad;
  }
  for (const char* bad : {"Zg==", "Zh", "Z", "+/8", "Zm9vA"}) EXPECT_FALSE(from_base64url(bad).ok()) << bad;
  for (const char* bad : {"MZ1", "M", "MZX", "MZXW6Y", "MZ======", "MY "}) EXPECT_FALSE(from_base32(bad).ok()) << bad;
  for (const char* bad : {"0", "0g", "0x", " 00"}) EXPECT_FALSE(from_hex(bad).ok()) << bad;
  EXPECT_EQ(from_hex("0").error().code(), Code::invalid);
}

}  // namespace
}  // namespace aceso::crypto
