#include "reporter.hpp"

#include <array>

#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "sop.hpp"

namespace aceso::dimse {

Reporter::Reporter(std::shared_ptr<UpperLayer> upper, Options options, Logger logger)
    : upper_{std::move(upper)}, options_{std::move(options)}, logger_{std::move(logger)}, thread_{[this] { run(); }} {}

Reporter::~Reporter() {
  stop();
}

Status Reporter::submit(CommitmentReport report) {
  const std::lock_guard lock{mutex_};
  if (stopping_ || queue_.size() >= options_.queue) return Error{Code::exhausted, "too many reports wait"};
  queue_.push_back(std::move(report));
  changed_.notify_one();
  return {};
}

void Reporter::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    if (current_) current_->interrupt();
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Reporter::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const CommitmentReport report = std::move(queue_.front());
    queue_.pop_front();
    for (int attempt = 1; !stopping_; ++attempt) {
      lock.unlock();
      const Status delivered = deliver(report);
      lock.lock();
      current_.reset();
      if (delivered) break;
      logger_.warn("dimse.commitment.not_delivered",
                   {{"destination", report.node.ae}, {"attempt", attempt}, {"reason", delivered.error().message()}});
      if (attempt >= options_.attempts) break;
      changed_.wait_for(lock, options_.pause, [this] { return stopping_; });
    }
  }
}

Status Reporter::deliver(const CommitmentReport& report) {
  const std::string uid{sop::kStorageCommitment};
  // We keep the role of the SCP although it is we who call (PS3.4 J.3.3.1).
  const Roles scp{.scu = false, .scp = true, .proposed = true};
  const std::array<Proposal, 1> proposals{
      {{uid, {std::string{dicom::kExplicitLittle}, std::string{dicom::kImplicitLittle}}, scp}}};
  ACESO_TRY(const auto association, call(*upper_,
                                         {.calling_ae = report.calling_ae,
                                          .node = report.node,
                                          .tls = options_.tls,
                                          .patience = options_.patience,
                                          .opened =
                                              [this](const std::shared_ptr<Transport>& transport) {
                                                const std::lock_guard lock{mutex_};
                                                current_ = transport;
                                                if (stopping_) transport->interrupt();
                                              }},
                                         proposals));
  const auto contexts = association->contexts();
  if (contexts.empty()) return Error{Code::unsupported, "the node takes no storage commitment results"};
  ACESO_TRY(const auto bytes, dicom::write_dataset(report.result, contexts.front().transfer_syntax));
  Command request = request_of(Verb::n_event_report, association->next_message_id(), uid);
  request.sop_instance = std::string{sop::kStorageCommitmentInstance};
  request.event_or_action = report.failures ? 2 : 1;
  ACESO_TRY_OK(association->send(contexts.front().id, request, bytes));
  ACESO_TRY(const auto answer, association->receive());
  if (!answer) return Error{Code::cancelled, "the node released the association instead of answering"};
  if (association->usable()) (void)association->link().release();
  if (answer->command.status != kSuccess) return Error{code_of(answer->command.status), "the node refused the report"};
  return {};
}

}  // namespace aceso::dimse
