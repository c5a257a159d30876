// TLS contexts over OpenSSL: 1.3, or 1.2 and later with the suites of BCP 195 (RFC 9325 4.2).
#include "aceso/crypto/tls.hpp"

#include "openssl_util.hpp"

namespace aceso::crypto {
namespace {

using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

// A key with a pass phrase is an error, not a question on somebody's terminal.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

Error cannot(std::string_view what, const std::filesystem::path& file) {
  return Error{Code::invalid, std::string{what} + " " + file.string() + ": " + openssl_reason()};
}

Result<Context> make(const SSL_METHOD* method, bool allow_tls12) {
  Context ctx{SSL_CTX_new(method)};
  if (!ctx) return Error{Code::internal, "TLS context: " + openssl_reason()};
  const int lowest = allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  if (SSL_CTX_set_min_proto_version(ctx.get(), lowest) != 1 ||
      SSL_CTX_set_cipher_list(ctx.get(), "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") != 1) {
    return Error{Code::internal, "TLS context: " + openssl_reason()};
  }
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(ctx.get(), no_pass_phrase);
  return ctx;
}

Status load_pair(SSL_CTX* ctx, const std::filesystem::path& chain, const std::filesystem::path& key) {
  if (SSL_CTX_use_certificate_chain_file(ctx, chain.c_str()) != 1) return cannot("cannot use the certificate", chain);
  if (SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return cannot("cannot use the private key", key);
  }
  if (SSL_CTX_check_private_key(ctx) != 1) return cannot("the private key is not the certificate's:", key);
  return {};
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::server(const Server& options) {
  ERR_clear_error();
  ACESO_TRY(Context ctx, make(TLS_server_method(), options.allow_tls12));
  ACESO_TRY_OK(load_pair(ctx.get(), options.certificate_chain, options.private_key));
  static constexpr unsigned char kSessionContext[] = "aceso";
  SSL_CTX_set_session_id_context(ctx.get(), kSessionContext, sizeof kSessionContext - 1);
  if (!options.client_ca.empty()) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_locations(ctx.get(), options.client_ca.c_str(), nullptr) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return cannot("cannot use the client authorities", options.client_ca);
    }
    SSL_CTX_set_client_CA_list(ctx.get(), names);
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return std::shared_ptr<TlsContext>{new TlsContext{ctx.release()}};
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const Client& options) {
  ERR_clear_error();
  ACESO_TRY(Context ctx, make(TLS_client_method(), options.allow_tls12));
  const int trusted = options.ca.empty() ? SSL_CTX_set_default_verify_paths(ctx.get())
                                         : SSL_CTX_load_verify_locations(ctx.get(), options.ca.c_str(), nullptr);
  if (trusted != 1) return cannot("cannot use the authorities", options.ca);
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  if (options.certificate_chain.empty() != options.private_key.empty()) {
    return Error{Code::invalid, "mutual TLS needs both a certificate and its private key"};
  }
  if (!options.certificate_chain.empty()) {
    ACESO_TRY_OK(load_pair(ctx.get(), options.certificate_chain, options.private_key));
  }
  return std::shared_ptr<TlsContext>{new TlsContext{ctx.release()}};
}

TlsContext::~TlsContext() {
  SSL_CTX_free(static_cast<SSL_CTX*>(native_));
}

}  // namespace aceso::crypto
