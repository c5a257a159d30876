// Gates, acceptances, recalls and going back: the calls of the service that say which version may answer whom.
#include <nlohmann/json.hpp>

#include "impl.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kLookedAt = 1000;  // jobs, the newest first
constexpr std::size_t kEvaluations = 20;

// Finished evaluations of a version, newest first, with what a signer looks at.
Result<Json> evaluations_of(const store::JobQueue& jobs, const ModelVersion& v) {
  ACESO_TRY(const auto done, jobs.list(store::JobState::succeeded, kLookedAt));
  Json items = Json::array();
  for (const store::Job& job : done) {
    if (job.kind != "evaluate" || items.size() == kEvaluations) continue;
    const auto out = parse_own(job.output_json);
    if (!out || !out->is_object() || out->value("model", std::string{}) != v.name ||
        out->value("version", 0) != v.version)
      continue;
    const Json evaluation = out->value("evaluation", Json::object());
    items.push_back(Json{{"id", job.id},
                         {"dataset", out->value("dataset", std::string{})},
                         {"split", out->value("split", std::string{})},
                         {"time", format_utc(job.updated)},
                         {"samples", evaluation.value("samples", Json())},
                         {"seen_in_training", evaluation.value("seen_in_training", Json())},
                         {"metrics", evaluation.value("metrics", Json())}});
  }
  return items;
}

}  // namespace

Result<Json> Models::Impl::promote(const Actor& actor, std::string_view name, int version, std::string_view stage) {
  if (stage == "live" && version > 0) {
    ACESO_TRY(const ModelVersion next, registry.find(name, version));
    ACESO_TRY_OK(approvals.may_go_live(next));
    if (next.evaluated && !engines.loaded().empty()) {
      const auto loaded = serving.model(next);
      if (!loaded && loaded.error().code() != Code::data_loss)
        return Error{Code::precondition, "the version cannot be loaded: " + loaded.error().message()};
    }
  }
  return registry.promote(actor, name, version, stage);
}

Result<Json> Models::promote(const Actor& actor, std::string_view name, int version, std::string_view stage) {
  return impl_->promote(actor, name, version, stage);
}

Result<Json> Models::set_share(const Actor& actor, std::string_view name, int version, std::string_view mode,
                               double percent) {
  if (mode == "canary" && version > 0) {  // it answers for patients as a live version does
    ACESO_TRY(const ModelVersion v, impl_->registry.find(name, version));
    ACESO_TRY_OK(impl_->approvals.may_go_live(v));
  }
  return impl_->registry.set_share(actor, name, version, mode, percent);
}

Result<Json> Models::roll_back(const Actor& actor, std::string_view name, int from) {
  const auto live = impl_->registry.find(name, 0);
  if (!live && live.error().code() != Code::precondition) return live.error();
  if ((live ? live->version : 0) != from) {
    return Error{Code::conflict, live ? "version " + std::to_string(live->version) +
                                            " is live now: it was changed meanwhile, look again"
                                      : "no version is live now: say from 0"};
  }
  ACESO_TRY(const int former, impl_->registry.former_live(name));
  return promote(actor, name, former, "live");
}

Result<Json> Models::gate(std::string_view name) const {
  return impl_->approvals.gate(name);
}
Result<Json> Models::set_gate(const Actor& actor, std::string_view name, const Json& request) {
  return impl_->approvals.set_gate(actor, name, request);
}

Result<Json> Models::approval(std::string_view name, int version) const {
  ACESO_TRY(const ModelVersion v, impl_->registry.find(name, version));
  ACESO_TRY(Json out, impl_->approvals.readiness(v));
  ACESO_TRY(const Json all, impl_->approvals.acceptances(v));
  out["acceptances"] = all["items"];
  ACESO_TRY(out["evaluations"], evaluations_of(*impl_->jobs, v));
  return out;
}

Result<Json> Models::accept(const Actor& actor, std::string_view name, int version, const Json& request) {
  ACESO_TRY(const ModelVersion v, impl_->registry.find(name, version));
  const std::string id = request.is_object() && request.contains("evaluation") && request["evaluation"].is_string()
                             ? request["evaluation"].get<std::string>()
                             : std::string{};
  const auto job = impl_->jobs->get(id);
  if (!job) return Error{Code::not_found, "evaluation: there is no finished evaluation with this id"};
  return impl_->approvals.accept(actor, v, *job, request);
}

Result<Json> Models::recall(const Actor& actor, std::string_view name, int version, const Json& request) {
  ACESO_TRY(Json out, impl_->recalls.recall(actor, name, version, request));
  if (impl_->recalled) impl_->recalled();
  return out;
}
Result<Json> Models::lift_recall(const Actor& actor, std::string_view name, int version, const Json& request) {
  ACESO_TRY(Json out, impl_->recalls.lift(actor, name, version, request));
  if (impl_->recalled) impl_->recalled();
  return out;
}
Result<Json> Models::recall_of(std::string_view name, int version) const {
  return impl_->recalls.show(name, version);
}
Result<Json> Models::affected(const Actor& actor, std::string_view name, int version, std::string_view cursor,
                              std::size_t limit) const {
  ACESO_TRY(Json out, impl_->recalls.affected(name, version, cursor, limit));
  ACESO_TRY_OK(
      impl_->context.record(actor, "R", "model.affected", "model", std::string{name} + "/" + std::to_string(version)));
  return out;
}
Result<std::vector<contracts::Recall>> Models::recalls() const {
  return impl_->recalls.all();
}
void Models::on_recall(std::function<void()> listener) {
  impl_->recalled = std::move(listener);
}

Result<Json> Models::review_queue(const Actor& reader, std::string_view model, std::size_t readers,
                                  std::size_t limit) const {
  return ReviewQueue{impl_->context, impl_->registry}.list(reader, model, readers, limit);
}

Result<Json> Models::improvement(std::string_view model, const Json& truth, std::size_t min_labels) const {
  ACESO_TRY(const auto sources, parse_label_sources(&truth));
  ACESO_TRY(Json out, impl_->improvement->state(model, sources, min_labels));
  ACESO_TRY(const auto all, impl_->jobs->list(std::nullopt, kLookedAt));
  Json jobs = Json::array();
  for (const store::Job& job : all) {
    if (job.kind != "improve" || jobs.size() == kEvaluations) continue;
    const auto input = parse_own(job.input_json);
    if (input && input->value("model", std::string{}) == model) jobs.push_back(job_json(job));
  }
  out["jobs"] = std::move(jobs);
  return out;
}

Result<Json> Models::improve(const Actor& actor, std::string_view model, const Json& request) {
  ACESO_TRY(const auto busy, impl_->unfinished());
  for (const store::Job& job : busy) {
    const auto other = parse_own(job.input_json);
    if (job.kind == "improve" && other && other->value("model", std::string{}) == model)
      return Error{Code::conflict, "a job improves this model already: wait for its end or cancel it"};
  }
  ACESO_TRY(Json input, impl_->improvement->prepare(model, request));
  return impl_->submit(actor, "improve", std::move(input));
}

}  // namespace aceso::models
