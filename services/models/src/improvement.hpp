// From what became known of a model's answers to its next version, as one job: labels, a longer dataset, training, the
// live version beside it on cases that neither has seen, and where it passes, its next stage (ADR 0160).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/store/jobs.hpp"
#include "approvals.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "evaluation_jobs.hpp"
#include "feedback.hpp"
#include "registry.hpp"
#include "training.hpp"

namespace aceso::models {

// Of a comparison of a new version (a) with the live one (b): {passed, text, difference?}. It passes where the lower
// end of the 95 % interval of the difference in AUROC is not below -margin. Nothing is shown, so it does not pass,
// without an AUROC or with fewer than 10 cases of a class (`fewest`: of the rarest one). Where both rank all cases
// without a fault the interval has no width; then it reaches 3 / fewest to each side (the rule of three, Hanley and
// Lippman-Hand, JAMA 1983).
Json no_worse(const Json& comparison, double margin, std::size_t fewest);

class Improvement {
 public:
  using Promote = std::function<Result<Json>(const Actor&, std::string_view name, int version, std::string_view stage)>;
  struct Parts {
    DatasetStore& datasets;
    Registry& registry;
    Feedback& feedback;
    Training& training;
    EvaluationJobs& evaluation;
    Approvals& approvals;
    Promote promote;
  };
  Improvement(const Context& context, Parts parts) : context_{context}, p_{std::move(parts)} {}

  // What there is to learn from: {model, live, dataset, labels: {known, new, changed, disagreed, unlabelled,
  // by_class, by_source}, ready, missing: [text]}. Errors: not_found, precondition (no live version), unsupported.
  Result<Json> state(std::string_view model, const std::vector<std::string>& sources, std::size_t min_labels) const;

  // The job's input from {truth?, start?: weights or scratch, hold_out?, margin?, min_labels?, config?, promote?: none,
  // shadow or live}. hold_out: the share of the new cases that no version of this name is ever trained on, chosen by a
  // hash of the input, so that it is the same share in every round. margin: by how much AUROC may be worse at the lower
  // end of the 95 % interval of the difference for the version still to pass as no worse.
  Result<Json> prepare(std::string_view model, const Json& request) const;

  // Taken up again after a crash it goes on where it stopped: a dataset or a version that the job has made is not made
  // twice. {model, live, version, dataset, own_dataset, added, checks, passed, stage, waits_for}.
  Result<Json> run(store::JobContext& job);

 private:
  struct Judgement {
    Json checks = Json::array();
    bool passed = true;
    std::string report_sha256;
  };
  Result<std::optional<Json>> extend(store::JobContext& job, const Json& input, const Actor& actor);
  Result<Json> train(store::JobContext& job, const Json& input, const Actor& actor);
  Result<Judgement> judge(store::JobContext& job, const Json& input, int version) const;
  Result<Json> judge_on(store::JobContext& job, const Json& input, int version, const std::string& dataset,
                        const char* what, Judgement& judgement) const;
  Status say(store::JobContext& job, const std::string& text) const;

  const Context& context_;
  Parts p_;
};

}  // namespace aceso::models
