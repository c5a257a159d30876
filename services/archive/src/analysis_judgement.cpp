// Agreeing or correcting: the verdict goes to the model's registry to learn from, and into the study as a verified
// report that takes the place of the last one.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "aceso/dicom/derived.hpp"
#include "analyses_impl.hpp"

namespace aceso::archive {
namespace {

constexpr std::uint64_t kMaxSource = std::uint64_t{256} << 20;
constexpr std::size_t kMaxComment = 4000;
constexpr int kMaxRevisions = 1000;

// PN (PS3.5 6.2): the account's name as a family name. What separates components and groups is no part of a name.
std::string person_name(std::string name) {
  std::ranges::replace_if(name, [](char c) { return c == '^' || c == '=' || c == '\\'; }, ' ');
  return name.substr(0, 64);
}

}  // namespace

Result<Json> Analyses::judge(const contracts::ObjectPeer& peer, std::string_view analysis_id,
                             const contracts::VerdictWords& words) {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(require(peer, kJudge));
  return impl_->judge(peer, analysis_id, words);
}

Result<Json> Analyses::Impl::judge(const contracts::ObjectPeer& peer, std::string_view analysis_id,
                                   const contracts::VerdictWords& words) {
  const std::lock_guard lock{judge_mutex};
  ACESO_TRY(auto found, table->find(analysis_id));
  if (!found || !archive.store->index().study(found->study_uid))
    return Error{Code::not_found, "there is no such analysis"};
  Analysis& analysis = *found;
  ACESO_TRY_OK(as_it_stands(analysis));
  if (analysis.state != AnalysisState::analysed || !analysis.answer)
    return Error{Code::precondition, "the model gave no answer here: there is nothing to judge"};
  const auto& answer = *analysis.answer;
  if (words.comment.size() > kMaxComment) return Error{Code::invalid, "comment: at most 4000 bytes"};
  if (!words.agrees && words.label == answer.finding)
    return Error{Code::invalid, "label: it is the model's own, so this is no correction"};
  const auto instance = archive.store->index().find(analysis.instance_uid);
  if (!instance) return Error{Code::precondition, "the image was deleted"};
  ACESO_TRY(const auto bytes, archive.store->read_all(*instance, kMaxSource));
  ACESO_TRY(const auto object, dicom::parse(bytes));

  std::string label = words.label;
  if (deps.verdicts != nullptr) {
    ACESO_TRY(label, deps.verdicts->put_verdict(peer.principal, peer.source_address, answer.prediction_id,
                                                answer.finding, words));
  }
  if (!words.agrees && label.empty()) return Error{Code::invalid, "label: what it is instead"};
  ACESO_TRY_OK(archive.access.record(peer, {.action = "U",
                                            .event = "archive.judge",
                                            .entity_type = "study",
                                            .entity = analysis.study_uid,
                                            .detail = Json{{"analysis", analysis.id}, {"agree", words.agrees}}.dump(),
                                            .once_a_window = false}));
  const auto rule = std::ranges::find(rules, analysis.rule, &RoutingRule::name);
  auto plan = plan_for(analysis, rule == rules.end() ? RoutingRule{} : *rule);
  const auto now = std::chrono::floor<std::chrono::seconds>(deps.clock.utc_now());
  const auto before = analysis.judgement;
  Judgement judgement{.agrees = words.agrees,
                      .finding = words.agrees ? answer.finding : label,
                      .comment = words.comment,
                      .person_name = person_name(peer.principal.name),
                      .report_uid = before ? before->report_uid : analysis.report_uid,
                      .report_series = before ? before->report_series : analysis.report_series,
                      .revision = before ? before->revision + 1 : 1,
                      .time = std::chrono::sys_seconds{now.time_since_epoch()}};
  // A revision that was written and not noted, because the process died in between, stays; the next one follows it.
  for (int tries = 0; tries < kMaxRevisions; ++tries) {
    ACESO_TRY(const auto report, make_verified_report(object.dataset, answer, judgement, plan));
    const Status stored = store_result(report.file);
    if (!stored && stored.error().code() == Code::exists) {
      judgement.report_uid = report.sop_instance_uid;
      judgement.report_series = report.series_uid;
      ++judgement.revision;
      continue;
    }
    ACESO_TRY_OK(stored);
    analysis.results.push_back(report.sop_instance_uid);
    analysis.judgement = AnalysisJudgement{.agrees = judgement.agrees,
                                           .finding = judgement.finding,
                                           .comment = judgement.comment,
                                           .person = peer.principal.name,
                                           .report_uid = report.sop_instance_uid,
                                           .report_series = report.series_uid,
                                           .revision = judgement.revision,
                                           .at_s = now.time_since_epoch().count()};
    ACESO_TRY_OK(save(analysis));
    return to_json(analysis);
  }
  return Error{Code::exhausted, "this result has too many verified reports"};
}

}  // namespace aceso::archive
