#include "aceso/crypto/crypto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace aceso::crypto {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}
SecretKey key_of(std::string_view text) {
  return *SecretKey::from_bytes(hex(text));
}
Nonce nonce_of(std::string_view text) {
  Nonce nonce{};
  const Bytes bytes = hex(text);
  std::copy(bytes.begin(), bytes.end(), nonce.begin());
  return nonce;
}

const std::string kZeroKey(64, '0');
constexpr const char* kGcmKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";

// McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test cases 13, 14 and 16.
TEST(Aead, matches_the_gcm_specification) {
  const Nonce zero{};
  EXPECT_EQ(to_hex(aead_seal(key_of(kZeroKey), zero, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(to_hex(aead_seal(key_of(kZeroKey), zero, hex("00000000000000000000000000000000"), {})),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  const Bytes plain =
      hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0d"
          "e657ba637b39");
  const Bytes sealed = aead_seal(key_of(kGcmKey), nonce_of("cafebabefacedbaddecaf888"), plain,
                                 hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
  EXPECT_EQ(to_hex(sealed),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393"
            "ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
}

TEST(Aead, opens_what_it_sealed_and_refuses_every_single_bit_flip) {
  const SecretKey key = key_of(kGcmKey);
  const Nonce nonce = nonce_of("cafebabefacedbaddecaf888");
  Bytes sealed = aead_seal(key, nonce, as_bytes("twelve leads"), as_bytes("chunk 7"));
  const auto opened = aead_open(key, nonce, sealed, as_bytes("chunk 7"));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(equal_constant_time(*opened, as_bytes("twelve leads")));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    sealed[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto bad = aead_open(key, nonce, sealed, as_bytes("chunk 7"));
    ASSERT_FALSE(bad.ok()) << bit;
    EXPECT_EQ(bad.error().code(), Code::data_loss);
    sealed[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_FALSE(aead_open(key, nonce, sealed, as_bytes("chunk 8")).ok());
  EXPECT_FALSE(aead_open(key, nonce, ByteView{sealed}.first(15), as_bytes("chunk 7")).ok());
  EXPECT_FALSE(aead_open(key_of(kZeroKey), nonce, sealed, as_bytes("chunk 7")).ok());
}

TEST(Aead, leaves_no_plain_text_behind_when_it_refuses) {
  const SecretKey key = key_of(kGcmKey);
  Bytes sealed = aead_seal(key, Nonce{}, as_bytes("secret"), {});
  sealed.back() ^= std::byte{1};
  Bytes out(6, std::byte{0x55});
  EXPECT_FALSE(aead_open_to(key, Nonce{}, sealed, {}, out).ok());
  EXPECT_EQ(out, Bytes(6, std::byte{0}));
}

TEST(KeyWrap, matches_rfc_3394_4_6) {
  const SecretKey kek = key_of("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const SecretKey key = key_of("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  const Bytes wrapped = wrap_key(kek, key);
  EXPECT_EQ(to_hex(wrapped), "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  EXPECT_TRUE(equal_constant_time(unwrap_key(kek, wrapped)->bytes(), key.bytes()));
}

TEST(KeyWrap, under_another_key_is_denied) {
  const Bytes wrapped = wrap_key(key_of(kGcmKey), key_of(kZeroKey));
  EXPECT_EQ(unwrap_key(key_of(kZeroKey), wrapped).error().code(), Code::denied);
  EXPECT_EQ(unwrap_key(key_of(kGcmKey), ByteView{wrapped}.first(39)).error().code(), Code::invalid);
}

struct Ed25519Vector {
  const char* seed;
  const char* pub;
  const char* message;
  const char* signature;
};
// RFC 8032 7.1, tests 1 to 3.
constexpr Ed25519Vector kRfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "55141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027beceea1ec40a"}};

TEST(Ed25519, matches_rfc_8032_and_refuses_what_was_altered) {
  for (const Ed25519Vector& v : kRfc8032) {
    const SigningKey key = SigningKey::from_seed(key_of(v.seed));
    EXPECT_EQ(to_hex(key.public_key()), v.pub);
    const Bytes message = hex(v.message);
    Signature signature = key.sign(message);
    EXPECT_EQ(to_hex(signature), v.signature);
    EXPECT_TRUE(verify(key.public_key(), message, signature));
    EXPECT_FALSE(verify(key.public_key(), as_bytes("another"), signature));
    EXPECT_FALSE(verify(key.public_key(), message, ByteView{signature}.first(63)));
    signature[5] ^= std::byte{1};
    EXPECT_FALSE(verify(key.public_key(), message, signature));
  }
}

TEST(Ed25519, verify_refuses_a_public_key_of_small_order) {  // RFC 8032 8.9: such keys verify forged signatures
  EXPECT_FALSE(verify(PublicKey{}, as_bytes("m"), Signature{}));
}

constexpr PasswordCost kCheap{.memory_kib = 64, .iterations = 1};

// From the test suite of the reference implementation (phc-winner-argon2, test.c, version 0x13).
TEST(Password, verifies_a_string_of_the_reference_implementation) {
  constexpr const char* kPhc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  EXPECT_TRUE(verify_password("password", kPhc));
  EXPECT_FALSE(verify_password("Password", kPhc));
}

TEST(Password, hashes_with_a_fresh_salt_and_the_default_cost) {
  const std::string a = *hash_password("correct horse");
  const std::string b = *hash_password("correct horse");
  EXPECT_NE(a, b);
  EXPECT_TRUE(a.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << a;
  EXPECT_TRUE(verify_password("correct horse", a));
  EXPECT_FALSE(verify_password("correct horse ", a));
  EXPECT_FALSE(needs_rehash(a));
  EXPECT_TRUE(needs_rehash(a, kCheap));
}

TEST(Password, strings_that_are_not_ours_or_would_eat_the_machine_verify_as_false) {
  const std::string good = *hash_password("x", kCheap);
  ASSERT_TRUE(verify_password("x", good));
  std::string greedy = good;
  greedy.replace(greedy.find("m=64"), 4, "m=4194304");
  std::string slow = good;
  slow.replace(slow.find("t=1"), 3, "t=4000000");
  for (const std::string& bad : {std::string{}, std::string{"x"}, greedy, slow, good.substr(0, 40), good + "$",
                                 "$argon2i" + good.substr(9), std::string(5000, '$')}) {
    EXPECT_FALSE(verify_password("x", bad)) << bad;
    EXPECT_TRUE(needs_rehash(bad + "!", kCheap)) << bad;
  }
}

TEST(Password, refuses_absurd_lengths_and_costs) {
  EXPECT_EQ(hash_password(std::string(4097, 'a'), kCheap).error().code(), Code::invalid);
  EXPECT_EQ(hash_password("a", {.memory_kib = 1, .iterations = 1}).error().code(), Code::invalid);
  EXPECT_EQ(hash_password("a", {.memory_kib = 64, .iterations = 0}).error().code(), Code::invalid);
}

TEST(SystemRandom, fills_everything_and_never_the_same) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_token(random));
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_EQ(seen.begin()->size(), 43U);
  Bytes big(100'000);
  random.fill(big);
  EXPECT_LT(std::count(big.begin(), big.end(), std::byte{0}), 1000);  // 390 expected
}

TEST(SecretKey, takes_32_bytes_only) {
  EXPECT_TRUE(SecretKey::from_bytes(Bytes(32)).ok());
  EXPECT_EQ(SecretKey::from_bytes(Bytes(31)).error().code(), Code::invalid);
  SystemRandom random;
  EXPECT_FALSE(equal_constant_time(SecretKey::generate(random).bytes(), SecretKey::generate(random).bytes()));
}

TEST(Totp, matches_rfc_6238_appendix_b) {  // its SHA-1 codes have 8 digits: ours are the last 6
  const ByteView secret = as_bytes("12345678901234567890");
  EXPECT_EQ(totp_code(secret, 59), "287082");
  EXPECT_EQ(totp_code(secret, 1111111109), "081804");
  EXPECT_EQ(totp_code(secret, 1111111111), "050471");
  EXPECT_EQ(totp_code(secret, 1234567890), "005924");
  EXPECT_EQ(totp_code(secret, 2000000000), "279037");
  EXPECT_EQ(totp_code(secret, 20000000000), "353130");
}

TEST(Totp, accepts_one_step_either_side_and_names_the_step) {
  const ByteView secret = as_bytes("12345678901234567890");
  const std::string code = totp_code(secret, 600);  // step 20
  EXPECT_EQ(*totp_verify(secret, code, 600), 20);
  EXPECT_EQ(*totp_verify(secret, code, 570), 20);
  EXPECT_EQ(*totp_verify(secret, code, 659), 20);
  EXPECT_EQ(totp_verify(secret, code, 660).error().code(), Code::unauthenticated);
  EXPECT_FALSE(totp_verify(secret, code, 569).ok());
  EXPECT_FALSE(totp_verify(secret, "", 600).ok());
  EXPECT_FALSE(totp_verify(secret, code + "0", 600).ok());
}

}  // namespace
}  // namespace aceso::crypto
