// What waits in a table gets a job each, as many as the queue takes; the rest waits for the next time. Analyses,
// forwards and webhooks stand on it.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/store/jobs.hpp"

namespace aceso::archive {

struct WaitingJobs {
  std::string_view kind;     // of the job: "forward"
  std::string_view subject;  // the key of its input that names the row: "forward"
  std::string_view warning;  // what the log says when a row gets none: "forwards.not_dispatched"
  int attempts = 0;
};

// next(): Result of a page of rows with an id that have no job yet, at most `page`. noted(id, job): Status, after which
// the row has one. A full queue ends it silently, any other failure with a warning.
template <class Next, class Noted>
void submit_waiting(store::JobQueue& jobs, const Logger& logger, const WaitingJobs& what, std::size_t page, Next&& next,
                    Noted&& noted) {
  const auto warn = [&](const Error& error) { logger.warn(what.warning, {{"code", to_string(error.code())}}); };
  for (;;) {
    const auto waiting = next();
    if (!waiting) return warn(waiting.error());
    for (const auto& one : *waiting) {
      const auto job =
          jobs.submit(std::string{what.kind}, Json{{std::string{what.subject}, one.id}}, "system", what.attempts);
      if (!job) {
        if (job.error().code() != Code::exhausted) warn(job.error());
        return;
      }
      if (const auto kept = noted(one.id, *job); !kept) return warn(kept.error());
    }
    if (waiting->size() < page) return;
  }
}

}  // namespace aceso::archive
