#include "aceso/dimse/server.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <thread>

#include "aceso/base/id.hpp"
#include "door.hpp"
#include "reporter.hpp"
#include "session.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

// Threads that only tell peers that there are too many associations.
constexpr std::size_t kRefusers = 4;
constexpr std::chrono::seconds kGoodbye{2};

Status check(const ServerOptions& options) {
  if (options.listeners.empty()) return Error{Code::invalid, "a DICOM server needs a listener"};
  if (!options.admit) return Error{Code::invalid, "a DICOM server needs a rule about who may call"};
  if (options.max_pdu < kMinPdu || options.max_pdu > kMaxPdu) {
    return Error{Code::invalid, "the longest PDU must have 4096 to 131072 bytes"};
  }
  if (options.associations == 0 || options.waiting == 0) return Error{Code::invalid, "no association would fit"};
  for (const auto& title : options.ae_titles) {
    if (!is_valid_ae_title(title)) return Error{Code::invalid, "an AE title has 1 to 16 characters: " + title};
  }
  return {};
}

}  // namespace

struct Server::Impl {
  struct Worker {
    std::thread thread;
    std::shared_ptr<Transport> transport;  // shared with the association; under `mutex`
    std::shared_ptr<Transport> called;     // of an association that the session asks for; likewise
    std::atomic<bool> busy = true;
    std::atomic<bool> done = false;
    bool refuses = false;
  };

  Impl(ServerOptions given, Services offered, RandomSource& source, const Logger& log)
      : options{std::move(given)}, services{offered}, random{source}, logger{log} {}

  bool enter(int descriptor, const Listener& listener, Transport::Clock::time_point deadline);
  void work(Worker& worker, int descriptor, const Listener& listener, Transport::Clock::time_point deadline);
  Status talk(Worker& worker, std::unique_ptr<Link> link);
  std::optional<Rejection> judge(const AssociationRequest& request, Link& link, contracts::ObjectPeer& peer) const;
  void reap();
  void interrupt(bool idle_only);

  ServerOptions options;
  Services services;
  RandomSource& random;
  Logger logger;
  ServerContext context{options, services, logger, random, {}};
  std::unique_ptr<Reporter> reporter;
  std::unique_ptr<Door> door;
  std::thread door_thread;
  std::mutex mutex;  // of `workers`' transports and of `workers` itself
  std::list<Worker> workers;
  std::atomic<std::uint64_t> opened = 0, rejected = 0;
  std::atomic<std::size_t> open = 0;
  std::atomic<std::uint64_t> next_request = 0;
  bool stopped = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Server::~Server() {
  stop(std::chrono::milliseconds{0});
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Services services, RandomSource& random,
                                              const Logger& logger) {
  ACESO_TRY_OK(check(options));
  auto impl = std::make_unique<Impl>(std::move(options), services, random, logger);
  ACESO_TRY(impl->context.upper, load_upper_layer(impl->options.modules));
  ACESO_TRY(impl->door,
            Door::open(impl->options.listeners, {.waiting = impl->options.waiting, .artim = impl->options.artim}));
  impl->reporter = std::make_unique<Reporter>(
      impl->context.upper,
      Reporter::Options{.tls = impl->options.client_tls, .patience = {impl->options.message, impl->options.message}},
      impl->logger);
  impl->context.reporter = impl->reporter.get();
  impl->door_thread = std::thread{[i = impl.get()] {
    i->door->run([i](int descriptor, const Listener& listener, Transport::Clock::time_point deadline) {
      return i->enter(descriptor, listener, deadline);
    });
  }};
  return std::unique_ptr<Server>{new Server{std::move(impl)}};  // NOLINT(modernize-make-unique): private constructor
}

const std::vector<Listener>& Server::listeners() const noexcept {
  return impl_->door->listeners();
}

ServerStats Server::stats() const {
  return {.associations = impl_->opened,
          .open_associations = impl_->open,
          .rejected = impl_->rejected,
          .dropped = impl_->door->dropped(),
          .stored = impl_->context.stored,
          .store_failures = impl_->context.store_failures};
}

void Server::stop(std::chrono::milliseconds grace) {
  if (impl_->stopped) return;
  impl_->stopped = true;
  impl_->context.draining = true;
  impl_->door->close();
  impl_->door_thread.join();
  impl_->interrupt(true);
  const auto until = Transport::Clock::now() + grace;
  const auto all_done = [this] {
    return std::ranges::all_of(impl_->workers, [](const Impl::Worker& w) { return w.done.load(); });
  };
  while (!all_done() && Transport::Clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    impl_->interrupt(true);
  }
  impl_->interrupt(false);
  for (auto& worker : impl_->workers) worker.thread.join();
  impl_->workers.clear();
  impl_->reporter->stop();
}

void Server::Impl::interrupt(bool idle_only) {
  const std::lock_guard lock{mutex};
  for (auto& worker : workers) {
    if (idle_only && worker.busy) continue;
    if (worker.transport) worker.transport->interrupt();
    if (worker.called) worker.called->interrupt();
  }
}

void Server::Impl::reap() {
  const std::lock_guard lock{mutex};
  std::erase_if(workers, [](Worker& worker) {
    if (!worker.done) return false;
    worker.thread.join();
    return true;
  });
}

bool Server::Impl::enter(int descriptor, const Listener& listener, Transport::Clock::time_point deadline) {
  reap();
  const std::lock_guard lock{mutex};
  const auto refusing = static_cast<std::size_t>(std::ranges::count_if(workers, &Worker::refuses));
  const bool full = workers.size() - refusing >= options.associations;
  if (full && refusing >= kRefusers) return false;
  Worker& worker = workers.emplace_back();
  worker.refuses = full;
  worker.thread = std::thread{[this, &worker, descriptor, &listener, deadline] {
    work(worker, descriptor, listener, deadline);
    worker.done = true;
    door->wake();
  }};
  return true;
}

void Server::Impl::work(Worker& worker, int descriptor, const Listener& listener,
                        Transport::Clock::time_point deadline) {
  const TransportMaker maker = [&](int socket) {
    auto transport = make_transport(socket, listener.tls, TlsSide::server, {});
    transport->set_deadline(deadline);
    const std::lock_guard lock{mutex};
    worker.transport = transport;
    return transport;
  };
  auto link = context.upper->receive(descriptor, maker, options.max_pdu);
  if (!link) {
    logger.debug("dimse.association.failed", {{"reason", link.error().message()}});
  } else if (worker.refuses) {
    ++rejected;
    logger.warn("dimse.association.rejected", {{"reason", "too many associations"}});
    (void)(*link)->reject(kLocalLimitExceeded);
    (*link)->transport().readable(kGoodbye);
  } else {
    ++open;
    (void)talk(worker, *std::move(link));
    --open;
  }
  const std::lock_guard lock{mutex};
  worker.transport.reset();
}

std::optional<Rejection> Server::Impl::judge(const AssociationRequest& request, Link& link,
                                             contracts::ObjectPeer& peer) const {
  if (request.application_context != sop::kApplicationContext) return kApplicationContextNotSupported;
  const auto& titles = options.ae_titles;
  if (!titles.empty() && std::ranges::find(titles, request.called_ae) == titles.end()) return kCalledAeNotRecognised;
  Transport& transport = link.transport();
  auto principal = options.admit({.calling_ae = request.calling_ae,
                                  .called_ae = request.called_ae,
                                  .address = transport.peer_address(),
                                  .tls = transport.secure(),
                                  .certificate_sha256 = transport.peer_certificate_sha256()});
  if (!principal) return kCallingAeNotRecognised;
  peer = {.principal = *std::move(principal),
          .calling_ae = request.calling_ae,
          .called_ae = request.called_ae,
          .source_address = transport.peer_address(),
          .request_id = {}};
  return std::nullopt;
}

Status Server::Impl::talk(Worker& worker, std::unique_ptr<Link> link) {
  const AssociationRequest request = link->request();
  contracts::ObjectPeer peer;
  const std::string address = link->transport().peer_address();
  if (const auto why = judge(request, *link, peer)) {
    ++rejected;
    logger.warn("dimse.association.rejected", {{"calling_ae", request.calling_ae},
                                               {"called_ae", request.called_ae},
                                               {"address", address},
                                               {"reason", static_cast<int>(why->reason)}});
    ACESO_TRY_OK(link->reject(*why));
    link->transport().readable(kGoodbye);
    return {};
  }
  peer.request_id = Uuid::v7(SystemClock{}, random).to_string();
  auto agreed = negotiate(request, options, services);
  link->transport().set_deadline(Transport::Clock::now() + options.message);
  ACESO_TRY_OK(link->accept(agreed));
  ++opened;
  Link& wire = *link;
  Association association{std::move(link), std::move(agreed), {options.idle, options.message}};
  Session session{context, association, std::move(peer), [&](const std::shared_ptr<Transport>& called) {
                    const std::lock_guard lock{mutex};
                    worker.called = called;
                  }};
  const auto began = Transport::Clock::now();
  const Status ended = serve(session, worker.busy);
  worker.busy = true;
  if (ended) {
    wire.transport().set_deadline(Transport::Clock::now() + options.artim);
    (void)wire.confirm_release();
    wire.transport().readable(kGoodbye);  // the peer closes first
  } else if (ended.error().code() == Code::timeout || context.draining) {
    wire.abort();
  }
  const auto seconds = std::chrono::duration<double>(Transport::Clock::now() - began).count();
  logger.info("dimse.association", {{"calling_ae", request.calling_ae},
                                    {"address", address},
                                    {"request", session.peer.request_id},
                                    {"seconds", seconds},
                                    {"end", ended ? "release" : to_string(ended.error().code())}});
  return {};
}

}  // namespace aceso::dimse
