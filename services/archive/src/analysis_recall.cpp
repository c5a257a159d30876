// Models that were recalled: their results are withdrawn. Every analysis that one of them answered becomes a failed one
// with the reason, a note in the study rejects its results, and the list of whom it concerned is kept (ADR 0148).
//
// The note is a Key Object Selection titled "Rejected for Patient Safety Reasons", as IHE RAD TF-3 4.66.4.1.3 (Imaging
// Object Change Management) has it: archives and viewers that know the profile hide what it names, others show the
// note.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "aceso/dicom/derived.hpp"
#include "aceso/dicom/key_objects.hpp"
#include "aceso/dicom/write.hpp"
#include "analyses_impl.hpp"
#include "result_parts.hpp"
#include "study_list.hpp"

namespace aceso::archive {
namespace {

constexpr std::int64_t kRecallSeries = 9008;
constexpr std::uint64_t kMaxResult = std::uint64_t{256} << 20;
constexpr std::size_t kPage = 200;

std::string mark_of(const contracts::Recall& recall) {
  return "recall " + recall.model + "@" + std::to_string(recall.version) + " " + recall.bundle + " " +
         std::to_string(recall.at_us);
}

bool is_of(const Analysis& analysis, const contracts::Recall& recall) {
  return analysis.answer && analysis.answer->model_hash == recall.bundle &&
         analysis.answer->model_name == recall.model && analysis.answer->model_version == recall.version;
}

std::string words_of(const contracts::Recall& recall) {
  return "the model was recalled: " + recall.model + " version " + std::to_string(recall.version) + ", on " +
         format_utc(UtcTime{std::chrono::microseconds{recall.at_us}}).substr(0, 10) + ": " + recall.reason +
         ". Its result is not to be relied on";
}

Json withdrawn_json(const Analysis& a) {
  const auto& answer = *a.answer;
  Json out{{"id", a.id},
           {"study", a.study_uid},
           {"series", a.series_uid},
           {"finding", answer.finding},
           {"probability", answer.probability},
           {"positive", a.positive},
           {"answered", format_utc(UtcTime{std::chrono::seconds{a.answered_s}})},
           {"prediction", answer.prediction_id},
           {"results", a.results}};
  out["judged_by"] = a.judgement ? Json(a.judgement->person) : Json(nullptr);
  out["agreed"] = a.judgement ? Json(a.judgement->agrees) : Json(nullptr);
  return out;
}

}  // namespace

Result<std::vector<contracts::Recall>> Analyses::Impl::recalls() const {
  if (deps.recalls == nullptr) return std::vector<contracts::Recall>{};
  return deps.recalls->recalls();
}

Result<std::optional<contracts::Recall>> Analyses::Impl::recall_of(const Analysis& analysis) const {
  if (!analysis.answer) return std::optional<contracts::Recall>{};
  ACESO_TRY(const auto all, recalls());
  const auto found = std::ranges::find_if(all, [&](const auto& recall) { return is_of(analysis, recall); });
  return found == all.end() ? std::optional<contracts::Recall>{} : std::optional{*found};
}

Status Analyses::Impl::as_it_stands(Analysis& analysis) const {
  if (analysis.state != AnalysisState::analysed) return {};
  ACESO_TRY(const auto recall, recall_of(analysis));
  if (!recall) return {};
  analysis.state = AnalysisState::failed;
  analysis.reason = words_of(*recall);
  analysis.recalled = true;
  return {};
}

// The note names what the model wrote, not the reports that people signed.
Result<std::optional<std::string>> Analyses::Impl::write_rejection(const Analysis& analysis,
                                                                   const contracts::Recall& recall) {
  dicom::KeyObjects keys{.title = {"113037", "DCM", "Rejected for Patient Safety Reasons"},
                         .description = "Do not rely on these results: " + words_of(recall) + ".",
                         .device_uid = fixed_uid("node " + node),
                         .device_name = "Aceso " + node};
  InstancePtr first;
  for (const std::string& uid : analysis.results) {
    const auto instance = archive.store->index().find(uid);
    if (!instance || (analysis.judgement && instance->key->series_uid == analysis.judgement->report_series)) continue;
    if (!first) first = instance;
    keys.images.push_back({.image = {std::string{instance->sop_class_uid}, uid, instance->key->series_uid}});
  }
  if (!first) return std::optional<std::string>{};
  ACESO_TRY(const auto bytes, archive.store->read_all(*first, kMaxResult));
  ACESO_TRY(const auto source, dicom::parse(bytes));
  ResultPlan plan = plan_for(analysis, RoutingRule{});
  plan.created = std::chrono::floor<std::chrono::seconds>(
      std::chrono::sys_time<std::chrono::microseconds>{std::chrono::microseconds{recall.at_us}});
  dicom::DerivedObject object = object_for("recall", kRecallSeries, source.dataset, *analysis.answer, plan);
  object.series_description = "Results of a recalled model";
  ACESO_TRY(const auto made, dicom::make_key_objects(source.dataset, object, keys));
  ACESO_TRY(const auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  ACESO_TRY_OK(write_back(file));
  return std::optional{object.sop_instance_uid};
}

// The analysis first, so that its answer stands no longer, then the note; whatever is cut off is done again. An error:
// the note could not be written and is tried again; what it should name cannot be read: there is none.
Status Analyses::Impl::withdraw(Analysis& analysis, const contracts::Recall& recall, bool stands) {
  if (!analysis.recalled) {
    analysis.state = AnalysisState::failed;
    analysis.reason = words_of(recall);
    analysis.recalled = true;
    ACESO_TRY_OK(table->keep_past(analysis));
    if (stands) {
      tell_ended(analysis);
      ACESO_TRY_OK(save(analysis));
    }
  }
  if (!analysis.recall_note.empty()) return {};
  const auto note = write_rejection(analysis, recall);
  if (!note && (note.error().code() == Code::unavailable || note.error().code() == Code::exhausted ||
                note.error().code() == Code::timeout || note.error().code() == Code::internal)) {
    ACESO_TRY_OK(table->set_time(mark_of(recall), 0));
    return note.error();
  }
  if (!note) deps.logger.warn("analyses.no_rejection", {{"code", to_string(note.error().code())}});
  analysis.recall_note = note && *note ? **note : "-";
  if (note && *note) analysis.results.push_back(**note);
  ACESO_TRY_OK(table->keep_past(analysis));
  if (stands) return save(analysis);
  tell(analysis.study_uid);
  return {};
}

Status Analyses::Impl::settle_recall(const contracts::Recall& recall) {
  std::size_t count = 0;
  Status worst;
  std::string before;
  for (;;) {  // what stands
    ACESO_TRY(const auto page, table->list(std::nullopt, before, kPage));
    if (page.empty()) break;
    before = page.back().id;
    for (const Analysis& seen : page) {
      if (!is_of(seen, recall)) continue;
      const std::lock_guard lock{judge_mutex};
      ACESO_TRY(auto now, table->find(seen.id));  // judged, or analysed again, meanwhile
      if (!now || !is_of(*now, recall) || now->state == AnalysisState::waiting || now->state == AnalysisState::running)
        continue;
      if (now->state != AnalysisState::analysed && now->results.empty()) continue;
      if (Status done = withdraw(*now, recall); !done) worst = std::move(done);
      ++count;
    }
  }
  for (const bool recalled : {false, true}) {  // what was analysed again since; what has no note yet
    before.clear();
    for (;;) {
      ACESO_TRY(auto page, table->past(recall.model, recall.version, recalled, before, kPage));
      if (page.empty()) break;
      before = page.back().id;
      for (Analysis& one : page) {
        if (!is_of(one, recall) || (recalled && !one.recall_note.empty())) continue;
        ACESO_TRY(const auto standing, table->find(one.id));
        if (standing) continue;
        if (Status done = withdraw(one, recall, false); !done) worst = std::move(done);
        ++count;
      }
    }
  }
  ACESO_TRY_OK(worst);
  ACESO_TRY_OK(table->set_time(mark_of(recall), now_us()));
  if (count > 0) {
    deps.logger.info("analyses.recalled",
                     {{"model", recall.model}, {"version", std::to_string(recall.version)}, {"count", count}});
  }
  return {};
}

Status Analyses::Impl::settle_recalls() {
  ACESO_TRY(const auto all, recalls());
  Status worst;
  for (const auto& recall : all) {
    ACESO_TRY(const auto done, table->time(mark_of(recall)));
    if (recalls_settled && done && *done != 0) continue;
    if (Status settled = settle_recall(recall); !settled) worst = std::move(settled);
  }
  if (worst) recalls_settled = true;
  return worst;
}

Result<Json> Analyses::Impl::recalled_list(const contracts::ObjectPeer& peer, std::string_view model, int version,
                                           std::string_view before, std::size_t limit) const {
  ACESO_TRY(auto rows, table->past(model, version, true, before, limit + 1));
  const bool more = rows.size() > limit;
  if (more) rows.pop_back();
  Json items = Json::array();
  std::vector<std::string> studies;
  for (const Analysis& row : rows) {
    if (!row.answer) continue;
    StudyQuery exactly;
    exactly.study_uid = row.study_uid;
    ACESO_TRY(const StudyPage page, list_studies(archive.store->index(), exactly));
    Json item = page.rows.empty() ? Json{{"study_uid", row.study_uid}}
                                  : archive::to_json(page.rows.front(), page.received_us.front());
    item["analysis"] = withdrawn_json(row);
    items.push_back(std::move(item));
    studies.push_back(row.study_uid);
  }
  ACESO_TRY_OK(record_studies(peer, "archive.recalled", studies));
  ACESO_TRY(const auto all, recalls());
  const bool pending = std::ranges::any_of(all, [&](const contracts::Recall& r) {
    if (r.model != model || r.version != version) return false;
    const auto done = table->time(mark_of(r));
    return !done || !*done || **done == 0;
  });
  return Json{{"items", std::move(items)}, {"next", more ? Json(rows.back().id) : Json(nullptr)}, {"pending", pending}};
}

Result<Json> Analyses::recalled(const contracts::ObjectPeer& peer, std::string_view model, int version,
                                std::string_view before, std::size_t limit) const {
  ACESO_TRY_OK(require(peer, kRead));
  if (version < 1) return Error{Code::invalid, "version: a number from 1 on"};
  return impl_->recalled_list(peer, model, version, before, limit);
}

void Analyses::recalls_changed() {
  impl_->nap.wake();
}

}  // namespace aceso::archive
