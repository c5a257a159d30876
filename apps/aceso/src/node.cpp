#include "node.hpp"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <filesystem>
#include <utility>

#include "aceso/crypto/crypto.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/net/server.hpp"
#include "dicom_listener.hpp"

namespace aceso::app {
namespace {

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "localhost" || address.starts_with("127.");
}

// The web listener of aceso.yaml. TLS 1.3 when a certificate is given; without one only loopback is allowed.
Result<net::Endpoint> web_endpoint(const Config& config) {
  net::Endpoint endpoint{.address = config.text("net.address"),
                         .port = static_cast<std::uint16_t>(config.integer("net.port"))};
  if (endpoint.address == "localhost") endpoint.address = "127.0.0.1";
  const auto& certificate = config.text("net.tls_certificate");
  const auto& key = config.text("net.tls_key");
  if (certificate.empty() != key.empty())
    return Error{Code::invalid, "net.tls_certificate and net.tls_key belong together: set both or neither"};
  if (!certificate.empty()) {
    ACESO_TRY(endpoint.tls,
              crypto::TlsContext::server({.certificate_chain = certificate, .private_key = key, .client_ca = {}}));
  } else if (!is_loopback(endpoint.address)) {
    return Error{
        Code::invalid,
        "net.address " + endpoint.address + " (" + config.origin("net.address") +
            ") is not loopback: set net.tls_certificate and net.tls_key, or put a TLS proxy in front of 127.0.0.1"};
  }
  return endpoint;
}

// Each connection is a descriptor: raise the soft limit as far as the system lets us.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Node::Impl {
  std::unique_ptr<Services> services;
  crypto::SystemRandom random;
  std::unique_ptr<net::Server> server;
  std::unique_ptr<dimse::Server> dicom;  // null: not configured
  std::filesystem::path program;
  std::filesystem::path socket;
  std::string address;
  bool running = false;
};

Node::Node(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Node::~Node() {
  stop();
}

Result<std::unique_ptr<Node>> Node::open(const Home& home, const ServicesOptions& options, const Clock& clock) {
  raise_descriptor_limit();
  auto impl = std::make_unique<Impl>();
  ACESO_TRY(impl->services, Services::open(home, options, clock));
  Services& services = *impl->services;
  impl->program = options.program;
  ACESO_TRY(auto endpoint, web_endpoint(services.config()));
  net::ServerLimits limits;
  limits.max_connections = static_cast<std::size_t>(services.config().integer("net.max_connections"));
  // Requests that wait for a model hold a thread; as many as before stay for everything else.
  limits.handler_threads += static_cast<std::size_t>(services.config().integer("models.max_waiting"));
  ACESO_TRY(impl->server,
            net::Server::create({.handler = services.handler(),
                                 .max_body = [&services](const net::Request& r) { return services.max_body(r); }},
                                limits, clock, impl->random, services.logger()));
  auto listening = impl->server->listen(endpoint);
  if (!listening && options.any_port) {
    endpoint.port = 0;
    listening = impl->server->listen(endpoint);
  }
  if (!listening) {
    return Error{std::move(listening).error().add_context("net.port " + std::to_string(endpoint.port) +
                                                          " (choose another with ACESO_NET_PORT or in aceso.yaml)")};
  }
  std::error_code ec;
  impl->socket = home.socket();
  std::filesystem::remove(impl->socket, ec);  // left over from a node that was killed: the lock proves that none runs
  ACESO_TRY(const auto local, impl->server->listen({.unix_socket = impl->socket}));
  (void)local;
  const bool v6 = listening->address.find(':') != std::string::npos;
  impl->address = std::string{endpoint.tls ? "https://" : "http://"} +
                  (v6 ? "[" + listening->address + "]" : listening->address) + ":" + std::to_string(listening->port);
  return std::unique_ptr<Node>{new Node{std::move(impl)}};  // NOLINT(modernize-make-unique): private constructor
}

Status Node::start() {
  ACESO_TRY_OK(impl_->services->start());
  ACESO_TRY(impl_->dicom, start_dicom(impl_->services->config(),
                                      {.sink = &impl_->services->object_sink(),
                                       .source = &impl_->services->object_source(),
                                       .worklist = &impl_->services->worklist(),
                                       .steps = &impl_->services->procedure_steps()},
                                      impl_->program, impl_->random, impl_->services->logger()));
  impl_->server->start();
  impl_->running = true;
  return {};
}

void Node::stop() {
  if (!impl_ || !impl_->running) return;
  impl_->running = false;
  if (impl_->dicom) impl_->dicom->stop(std::chrono::milliseconds{impl_->services->config().duration_ms("dimse.drain")});
  impl_->server->drain(impl_->services->config().duration_ms("net.drain"));
  impl_->server->stop();
  impl_->services->stop();
  std::error_code ec;
  std::filesystem::remove(impl_->socket, ec);
}

const std::string& Node::address() const {
  return impl_->address;
}
std::string Node::dicom_address() const {
  if (!impl_->dicom) return {};
  const auto& listener = impl_->dicom->listeners().front();
  const bool v6 = listener.address.find(':') != std::string::npos;
  return (v6 ? "[" + listener.address + "]" : listener.address) + ":" + std::to_string(listener.port);
}
Services& Node::services() {
  return *impl_->services;
}

}  // namespace aceso::app
