// Storage commitment results on their way to nodes that are called for it (PS3.4 J.3.3): a bounded queue and a thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "aceso/base/log.hpp"
#include "aceso/dicom/dataset.hpp"
#include "call.hpp"

namespace aceso::dimse {

struct CommitmentReport {
  Node node = {};
  std::string calling_ae = {};
  bool failures = false;
  dicom::Dataset result = {};
};

class Reporter {
 public:
  struct Options {
    std::shared_ptr<crypto::TlsContext> tls = {};  // shared with the connections
    Patience patience = {};
    std::size_t queue = 64;
    int attempts = 3;
    std::chrono::milliseconds pause = std::chrono::seconds{10};  // between attempts
  };
  Reporter(std::shared_ptr<UpperLayer> upper, Options options, Logger logger);
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;
  ~Reporter();

  Status submit(CommitmentReport report);  // exhausted: the queue is full. Thread-safe
  void stop();                             // drops what waits, interrupts what is being sent, joins

 private:
  void run();
  Status deliver(const CommitmentReport& report);

  std::shared_ptr<UpperLayer> upper_;  // shared with the server
  Options options_;
  Logger logger_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CommitmentReport> queue_;
  std::shared_ptr<Transport> current_;  // shared with the association
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace aceso::dimse
