#include "aceso/crypto/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace aceso::crypto {
namespace {

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "aceso-tls-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const char* name : {"server", "client", "stranger"}) {
      const auto made = make_self_signed({"localhost", "127.0.0.1", "::1"}, 30);
      ASSERT_TRUE(made.ok());
      std::ofstream{folder_ / (std::string{name} + ".pem")} << made->certificate_pem;
      std::ofstream{folder_ / (std::string{name} + ".key")} << made->private_key_pem;
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const char* name) const { return folder_ / name; }
  TlsContext::Server server() const {
    return {.certificate_chain = file("server.pem"), .private_key = file("server.key"), .client_ca = {}};
  }
  TlsContext::Client client() const { return {.ca = file("server.pem"), .certificate_chain = {}, .private_key = {}}; }

  struct Outcome {
    bool ok = false;
    std::string version;
  };
  // A whole handshake and one byte each way, over memory. The byte matters: in TLS 1.3 the client is done before the
  // server has judged its certificate.
  static Outcome handshake(TlsContext& server, TlsContext& client, int client_max = 0, const char* host = "localhost") {
    SSL* s = SSL_new(static_cast<SSL_CTX*>(server.native()));
    SSL* c = SSL_new(static_cast<SSL_CTX*>(client.native()));
    BIO* a = nullptr;
    BIO* b = nullptr;
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(s, a, a);
    SSL_set_bio(c, b, b);
    SSL_set_accept_state(s);
    SSL_set_connect_state(c);
    SSL_set1_host(c, host);
    if (client_max != 0) SSL_set_max_proto_version(c, client_max);
    bool wrote = false;
    bool echoed = false;
    bool read = false;
    char byte = 'x';
    for (int i = 0; i < 20; ++i) {
      wrote = wrote || SSL_write(c, &byte, 1) == 1;
      echoed = echoed || (SSL_read(s, &byte, 1) == 1 && SSL_write(s, &byte, 1) == 1);
      read = read || (wrote && SSL_read(c, &byte, 1) == 1);
    }
    const Outcome out{read, SSL_get_version(c)};
    SSL_free(s);
    SSL_free(c);
    return out;
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Tls, is_version_1_3_and_no_less_by_default) {
  auto s = TlsContext::server(server());
  auto old = client();
  old.allow_tls12 = true;
  auto c = TlsContext::client(old);
  ASSERT_TRUE(s.ok() && c.ok());
  const Outcome out = handshake(**s, **c);
  EXPECT_TRUE(out.ok);
  EXPECT_EQ(out.version, "TLSv1.3");
  EXPECT_FALSE(handshake(**s, **c, TLS1_2_VERSION).ok);
}

TEST_F(Tls, speaks_1_2_but_not_1_1_where_allowed) {
  auto options = server();
  options.allow_tls12 = true;
  auto peer = client();
  peer.allow_tls12 = true;
  auto s = TlsContext::server(options);
  auto c = TlsContext::client(peer);
  ASSERT_TRUE(s.ok() && c.ok());
  const Outcome out = handshake(**s, **c, TLS1_2_VERSION);
  EXPECT_TRUE(out.ok);
  EXPECT_EQ(out.version, "TLSv1.2");
  SSL_CTX_set_min_proto_version(static_cast<SSL_CTX*>((*c)->native()), TLS1_VERSION);
  EXPECT_FALSE(handshake(**s, **c, TLS1_1_VERSION).ok);
}

TEST_F(Tls, the_client_refuses_a_certificate_it_has_no_reason_to_trust) {
  auto s = TlsContext::server(server());
  auto options = client();
  options.ca = file("stranger.pem");
  auto c = TlsContext::client(options);
  ASSERT_TRUE(s.ok() && c.ok());
  EXPECT_FALSE(handshake(**s, **c).ok);
}

TEST_F(Tls, the_certificate_is_good_for_its_names_only) {
  auto s = TlsContext::server(server());
  auto c = TlsContext::client(client());
  ASSERT_TRUE(s.ok() && c.ok());
  EXPECT_TRUE(handshake(**s, **c, 0, "127.0.0.1").ok);
  EXPECT_TRUE(handshake(**s, **c, 0, "::1").ok);
  EXPECT_FALSE(handshake(**s, **c, 0, "example.org").ok);
}

TEST_F(Tls, mutual_lets_in_the_known_client_only) {
  auto options = server();
  options.client_ca = file("client.pem");
  auto s = TlsContext::server(options);
  ASSERT_TRUE(s.ok());
  auto known = client();
  known.certificate_chain = file("client.pem");
  known.private_key = file("client.key");
  EXPECT_TRUE(handshake(**s, **TlsContext::client(known)).ok);
  EXPECT_FALSE(handshake(**s, **TlsContext::client(client())).ok) << "no certificate at all";
  auto stranger = client();
  stranger.certificate_chain = file("stranger.pem");
  stranger.private_key = file("stranger.key");
  EXPECT_FALSE(handshake(**s, **TlsContext::client(stranger)).ok);
}

TEST_F(Tls, errors_name_the_file) {
  auto options = server();
  options.private_key = file("client.key");  // not the certificate's
  const auto mismatch = TlsContext::server(options);
  ASSERT_FALSE(mismatch.ok());
  EXPECT_EQ(mismatch.error().code(), Code::invalid);
  EXPECT_NE(mismatch.error().message().find("client.key"), std::string::npos) << mismatch.error().message();
  options.certificate_chain = file("absent.pem");
  const auto absent = TlsContext::server(options);
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(absent.error().message().find("absent.pem"), std::string::npos);
  auto half = client();
  half.certificate_chain = file("client.pem");
  EXPECT_FALSE(TlsContext::client(half).ok());
}

TEST_F(Tls, works_with_the_systems_authorities) {
  EXPECT_TRUE(TlsContext::client({.ca = {}, .certificate_chain = {}, .private_key = {}}).ok());
}

TEST(SelfSigned, is_what_browsers_take) {
  const auto made = make_self_signed({"ward-7.hospital.example", "10.0.0.7"}, 90);
  ASSERT_TRUE(made.ok());
  BIO* bio = BIO_new_mem_buf(made->certificate_pem.data(), static_cast<int>(made->certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_host(certificate, "ward-7.hospital.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate, "ward-8.hospital.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate, "10.0.0.7", 0), 1);
  EXPECT_EQ(X509_get_version(certificate), X509_VERSION_3);
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(certificate)), 256);
  EXPECT_EQ(X509_check_ca(certificate), 0);
  X509_free(certificate);
  BIO_free(bio);
}

TEST(SelfSigned, refuses_bad_names_and_days) {
  EXPECT_FALSE(make_self_signed({}, 30).ok());
  EXPECT_FALSE(make_self_signed({"a b"}, 30).ok());
  EXPECT_FALSE(make_self_signed({std::string{"a\0b", 3}}, 30).ok());
  EXPECT_FALSE(make_self_signed({"localhost"}, 0).ok());
  EXPECT_FALSE(make_self_signed({"localhost"}, 4000).ok());
}

}  // namespace
}  // namespace aceso::crypto
