// Self-signed X.509 version 3 certificates (RFC 5280) with a P-256 key.
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>

#include "aceso/crypto/crypto.hpp"
#include "aceso/crypto/tls.hpp"
#include "openssl_util.hpp"

namespace aceso::crypto {
namespace {

constexpr int kMaxDays = 3650;
constexpr std::size_t kMaxNames = 100;

using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

bool is_dns_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '*';
  };
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), allowed);
}

Status add_name(GENERAL_NAMES* list, const std::string& name) {
  ASN1_STRING* address = a2i_IPADDRESS(name.c_str());
  if (address == nullptr) {
    ERR_clear_error();
    if (!is_dns_name(name)) return Error{Code::invalid, "not a DNS name or IP address: " + name};
    address = ASN1_IA5STRING_new();
    must(address != nullptr && ASN1_STRING_set(address, name.data(), static_cast<int>(name.size())) == 1, "name");
  }
  const int type = ASN1_STRING_type(address) == V_ASN1_OCTET_STRING ? GEN_IPADD : GEN_DNS;
  GENERAL_NAME* entry = GENERAL_NAME_new();
  must(entry != nullptr, "name");
  GENERAL_NAME_set0_value(entry, type, address);
  must(sk_GENERAL_NAME_push(list, entry) > 0, "name");
  return {};
}

bool add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension{
      X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

void set_serial(X509* certificate) {
  std::array<std::byte, 16> serial;
  SystemRandom{}.fill(serial);
  serial[0] = (serial[0] & std::byte{0x7f}) | std::byte{0x40};  // positive and never short (RFC 5280 4.1.2.2)
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number{
      BN_bin2bn(uchars(serial), static_cast<int>(serial.size()), nullptr)};
  must(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr, "serial number");
}

template <class Write>
std::string to_pem(Write write) {
  const Bio bio{BIO_new(BIO_s_mem())};
  must(bio && write(bio.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<SelfSigned> make_self_signed(const std::vector<std::string>& names, int days) {
  if (names.empty() || names.size() > kMaxNames) return Error{Code::invalid, "a certificate takes 1 to 100 names"};
  if (days < 1 || days > kMaxDays) return Error{Code::invalid, "a certificate lasts 1 to 3650 days"};
  ERR_clear_error();
  const Names list{GENERAL_NAMES_new()};
  must(list != nullptr, "names");
  for (const std::string& name : names) ACESO_TRY_OK(add_name(list.get(), name));

  const Pkey key{EVP_EC_gen("P-256")};
  const Certificate certificate{X509_new()};
  must(key && certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "certificate");
  set_serial(certificate.get());
  constexpr long kHour = 3600;
  must(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kHour) != nullptr &&  // clocks differ
           X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 24 * kHour * days) != nullptr,
       "validity");
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("Aceso node"), -1,
                                  -1, 0) == 1 &&
           X509_set_issuer_name(certificate.get(), subject) == 1 && X509_set_pubkey(certificate.get(), key.get()) == 1,
       "subject");
  const bool extended =
      add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature") &&
      add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
      add_extension(certificate.get(), NID_subject_key_identifier, "hash") &&
      X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1;
  must(extended && X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "certificate signature");
  return SelfSigned{.certificate_pem = to_pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); }),
                    .private_key_pem = to_pem([&](BIO* out) {
                      return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
                    })};
}

}  // namespace aceso::crypto
