// Models at work on what the archive receives: rules send complete series to registered models, answers go back into
// the study as a measurement report and a picture, and every series says whether it was analysed and, if not, why.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/archive/archive.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/contracts/explainer.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/contracts/recalls.hpp"
#include "aceso/contracts/verdicts.hpp"
#include "aceso/contracts/worklist.hpp"

namespace aceso::archive {

struct RoutingOptions {
  std::string rules = "[]";                 // routing.rules as JSON
  std::chrono::milliseconds quiet{60'000};  // a series is complete when nothing came for so long
  std::size_t max_images = 4;               // of a series that a model of single images reads
  int attempts = 5;                         // when the model or the archive is not available
};
void declare_routing_config(ConfigSchema& schema);  // routing.
// Errors: invalid, "aceso.yaml:12: routing.rules: rule 2: ...".
Status check_routing_config(const Config& config);
RoutingOptions routing_options_from(const Config& config);

struct AnalysesDeps {
  const Clock& clock;  // all outlive the analyses
  RandomSource& random;
  Logger logger;
  Archive& archive;
  contracts::ObjectSink& results;  // where answers are stored: the archive itself, or a stand-in that fails
  contracts::Predictor& predictor;
  contracts::Explainer* explainer = nullptr;                     // null: no maps of influence
  contracts::RecallSource* recalls = nullptr;                    // null: no model is ever recalled
  contracts::VerdictSink* verdicts = nullptr;                    // null: judgements stand in the study alone
  crypto::SecretKey key;                                         // seals what is kept
  std::string software = {};                                     // version of this program, for results
  std::function<std::chrono::minutes(UtcTime)> utc_offset = {};  // local time of an instant; empty: UTC
};

// Thread-safe. Scopes: archive:read to look, archive:write to send a study again.
class Analyses {
 public:
  // Opens or creates `folder`. Errors: invalid (a rule, "routing.rules: rule 2: ..."), data_loss.
  static Result<std::unique_ptr<Analyses>> create(const std::filesystem::path& folder, AnalysesDeps deps,
                                                  const RoutingOptions& options);
  ~Analyses();  // stop()
  Analyses(const Analyses&) = delete;
  Analyses& operator=(const Analyses&) = delete;

  void register_routes(net::Router& router);  // /api/v1/archive/...
  // What was stored and not routed before the process died is found again; jobs run from here on.
  Status start();
  void stop();  // running analyses go back into the queue

  // A modality ended a performed procedure step: the series it names are complete when all their objects are here,
  // however short they have been quiet. Does not block.
  void step_ended(const contracts::PerformedStep& step);

  // {"study", "state", "reason", "analyses": [...]}: the study's state is that of the series that needs attention most.
  // Errors: denied, not_found.
  Result<Json> of_study(const contracts::ObjectPeer& peer, std::string_view study_uid) const;
  // Sends every series of the study through the rules now, what was analysed before again. As of_study().
  Result<Json> analyse(const contracts::ObjectPeer& peer, std::string_view study_uid);

  // A person agrees with an analysis's answer or says what it is instead: a verdict on the prediction, and a verified
  // report in the study. The analysis as of_study() shows it. Errors: denied (archive:read and feedback:write are
  // needed), not_found, invalid, precondition (no answer, the image was deleted, a blinded reading is open).
  Result<Json> judge(const contracts::ObjectPeer& peer, std::string_view analysis_id,
                     const contracts::VerdictWords& words);

  // What analyses a recalled version had answered, with patient and study: {items, next, pending}; pending: the recall
  // is still being dealt with. Newest first, ids below `before`. Audited study by study.
  Result<Json> recalled(const contracts::ObjectPeer& peer, std::string_view model, int version, std::string_view before,
                        std::size_t limit) const;
  void recalls_changed();  // looks at once; does not block

  // Called after each change of an analysis with its study, on the thread that made it; must not block. Before start().
  void on_change(std::function<void(std::string_view study_uid)> listener);
  // Who is told, with what happened on disk before it counts as done here; an error makes it be told again. Of a series
  // that is complete (more than once when it grows); of an analysis that ended. Before start().
  struct Observer {
    std::function<Status(std::string_view study_uid, std::string_view series_uid)> complete;
    std::function<Status(std::string_view study_uid, std::string_view series_uid, std::string_view analysis_id,
                         std::string_view state, const std::vector<std::string>& result_uids)>
        ended;
  };
  void observe(Observer observer);
  void write_metrics(std::string& out) const;  // Prometheus text

  struct Impl;  // in src/
  Impl& impl() noexcept { return *impl_; }

 private:
  explicit Analyses(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::archive
