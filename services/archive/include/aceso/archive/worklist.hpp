// The modality worklist and what modalities report to have done (PS3.4 Annexes K and F): scheduled procedure steps come
// in by HTTP and are answered to C-FIND; performed steps (MPPS) come in by association, are kept, and end the scheduled
// steps that they name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/worklist.hpp"

namespace aceso::archive {

struct WorklistDeps {
  const Clock& clock;  // all outlive the worklist
  RandomSource& random;
  Logger logger;
  Archive& archive;       // whose rights and audit trail count
  crypto::SecretKey key;  // seals what is kept
};

// Thread-safe. Scopes: archive:read to look, archive:write to schedule, delete and report.
class Worklist final : public contracts::WorklistSource, public contracts::ProcedureStepSink {
 public:
  // Opens or creates `folder`. Errors: data_loss (another key), those of the catalogue.
  static Result<std::unique_ptr<Worklist>> open(const std::filesystem::path& folder, WorklistDeps deps);
  ~Worklist() override;

  // One scheduled step, by the names of fields as /api/v1/openapi.json lists them. The whole step with its id, and a
  // study UID and a step id where none were given. Errors: invalid (a field, by name), exists (the accession number has
  // a step of this id already), exhausted (20,000 steps that have not ended).
  Result<Json> schedule(const contracts::ObjectPeer& peer, const Json& step);
  // Another date, another room, a corrected name: the fields of `changes` replace those of the step, an empty text
  // takes one away. The whole step. Errors: not_found, precondition (it has ended), and those of schedule().
  Result<Json> change(const contracts::ObjectPeer& peer, std::string_view id, const Json& changes);
  Status remove(const contracts::ObjectPeer& peer, std::string_view id);  // not_found
  struct Filter {
    std::string date = {};  // YYYYMMDD, "": any
    std::string modality = {};
    std::string station_ae = {};
    std::string state = {};  // scheduled, started, completed, discontinued; of performed() see there
    std::size_t limit = 200;
  };
  // By date and time; "stored" says whether the archive has something of its study. invalid: a filter.
  Result<Json> list(const contracts::ObjectPeer& peer, const Filter& filter) const;
  // What modalities reported, the newest first; ids below `before` ("": from the newest). Each says of each series how
  // many objects the modality named and how many of them are here. filter.date is the day it began, filter.state
  // in_progress, completed or discontinued; filter.limit steps at most, of at most 5,000 looked at, so that a page may
  // have fewer, or none, and a cursor to go on. invalid: a filter.
  Result<Json> performed(const contracts::ObjectPeer& peer, std::string_view before, const Filter& filter) const;

  // Steps that have not ended, by date and time.
  Result<std::vector<contracts::WorklistItem>> scheduled(const contracts::ObjectPeer& peer,
                                                         const contracts::WorklistQuery& query) const override;
  Status create(const contracts::ObjectPeer& peer, const contracts::PerformedStep& step) override;
  Status update(const contracts::ObjectPeer& peer, const contracts::PerformedStep& step) override;

  // Told once of each performed step that was completed or discontinued, with everything it ever named (studies,
  // series, instances), after that lasts and before the modality hears of it, on the thread that serves it. Must not
  // block. Null takes the listener away and waits for calls that are under way.
  using Ended = std::function<void(const contracts::PerformedStep& step)>;
  void on_ended(Ended listener);
  // Told after scheduled steps were added, changed or taken off. Must not block. Null as above.
  void on_changed(std::function<void()> listener);

  void register_routes(net::Router& router);

  struct Impl;  // in src/
  Impl& impl() noexcept { return *impl_; }

 private:
  explicit Worklist(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
