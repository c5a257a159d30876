#include "aceso/archive/worklist.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <shared_mutex>
#include <utility>

#include "aceso/base/id.hpp"
#include "aceso/dicom/uid.hpp"
#include "impl.hpp"
#include "worklist_impl.hpp"

namespace aceso::archive {
namespace {

using contracts::ObjectPeer;
using contracts::PerformedStep;
using contracts::StepState;

constexpr std::size_t kMaxScheduled = 20'000;
constexpr std::size_t kMaxPerformedRead = 5000;
constexpr std::size_t kPerformedPage = 200;
constexpr std::array<std::string_view, 3> kReportedStates{"in_progress", "completed", "discontinued"};

Status check_date(const Worklist::Filter& filter) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (filter.date.empty() || (filter.date.size() == 8 && std::ranges::all_of(filter.date, is_digit))) return {};
  return Error{Code::invalid, "date: eight digits, such as 20260131"};
}
bool is(const std::string& wanted, const Json& row, const char* name) {
  return wanted.empty() || row.at(name).get_ref<const std::string&>() == wanted;
}

std::pair<std::string_view, std::string_view> when(const ScheduledStep& step) {
  return {step.field("date"), step.field("time")};
}

bool performs(const PerformedStep& performed, const ScheduledStep& scheduled) {
  const auto names = [](const std::vector<std::string>& list, std::string_view value) {
    return std::ranges::find(list, value) != list.end();
  };
  return names(performed.study_uids, scheduled.field("study_uid")) &&
         (performed.step_ids.empty() || names(performed.step_ids, scheduled.field("step_id")));
}

StepProgress progress_of(StepState state) {
  switch (state) {
    case StepState::in_progress:
      return StepProgress::started;
    case StepState::completed:
      return StepProgress::completed;
    case StepState::discontinued:
      return StepProgress::discontinued;
  }
  return StepProgress::started;
}

// What a later message says replaces what was said before; what it does not name stays (PS3.4 F.7.2.2).
void merge(PerformedStep& kept, const PerformedStep& update) {
  if (update.has_state) kept.state = update.state;
  if (!update.study_uids.empty()) kept.study_uids = update.study_uids;
  if (!update.step_ids.empty()) kept.step_ids = update.step_ids;
  if (update.has_series) {
    kept.has_series = true;
    kept.series = update.series;
  }
  for (const auto& attribute : update.attributes) {
    const auto same = std::ranges::find(kept.attributes, attribute.tag, &contracts::ObjectAttribute::tag);
    if (same == kept.attributes.end()) {
      kept.attributes.push_back(attribute);
    } else {
      same->value = attribute.value;
    }
  }
  std::ranges::sort(kept.attributes, {}, &contracts::ObjectAttribute::tag);
}

}  // namespace

Worklist::Worklist(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Worklist::~Worklist() = default;

Result<std::unique_ptr<Worklist>> Worklist::open(const std::filesystem::path& folder, WorklistDeps deps) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of the worklist: " + ec.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  auto impl = std::make_unique<Impl>(std::move(deps));
  ACESO_TRY(impl->catalogue,
            store::open_sqlite(folder / "worklist.sqlite", WorklistTable::migrations(), impl->deps.logger));
  impl->table = std::make_unique<WorklistTable>(*impl->catalogue, impl->deps.random, impl->deps.key);
  ACESO_TRY(auto kept, impl->table->scheduled());
  for (auto& step : kept) impl->steps.emplace(step.id, std::move(step));
  return std::unique_ptr<Worklist>{new Worklist{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Worklist::Impl::record(const ObjectPeer& peer, std::string_view action, std::string_view event,
                              std::string_view study_uid) const {
  return archive.access.record(
      peer, {.action = action, .event = event, .entity_type = "study", .entity = study_uid, .once_a_window = false});
}

// Room for one more: steps that have ended make it, the oldest first.
Status Worklist::Impl::make_room() {
  if (steps.size() < kMaxScheduled) return {};
  const auto ended = std::ranges::find_if(steps, [](const auto& one) { return one.second.has_ended(); });
  if (ended == steps.end()) return Error{Code::exhausted, "the worklist is full: delete steps that are past"};
  ACESO_TRY_OK(table->remove(ended->first));
  steps.erase(ended);
  return {};
}

Result<Json> Worklist::schedule(const ObjectPeer& peer, const Json& json) {
  ACESO_TRY_OK(require(peer, kWrite));
  ACESO_TRY(ScheduledStep step, parse_scheduled_step(json));
  Impl& impl = *impl_;
  const Uuid id = Uuid::v7(impl.deps.clock, impl.deps.random);
  step.id = id.to_string();
  if (step.field("study_uid").empty())
    step.fields["study_uid"] = dicom::uid_from_hash(std::as_bytes(std::span{id.bytes()}));
  if (step.field("step_id").empty()) {
    std::string name = step.id;
    std::erase(name, '-');
    step.fields["step_id"] = name.substr(name.size() - 16);
  }
  Json out;
  {
    const std::unique_lock lock{impl.mutex};
    if (impl.is_taken(step)) return Error{Code::exists, "this order has a step of this id already"};
    ACESO_TRY_OK(impl.make_room());
    ACESO_TRY_OK(impl.record(peer, "C", "archive.worklist_schedule", step.field("study_uid")));
    ACESO_TRY_OK(impl.table->put(step));
    out = to_json(step);
    impl.steps.emplace(step.id, std::move(step));
  }
  impl.tell_changed();
  return out;
}

bool Worklist::Impl::is_taken(const ScheduledStep& step) const {
  return std::ranges::any_of(steps, [&](const auto& one) {
    const ScheduledStep& other = one.second;
    return other.id != step.id && other.field("step_id") == step.field("step_id") &&
           other.field("accession") == step.field("accession") && other.field("patient_id") == step.field("patient_id");
  });
}

Result<Json> Worklist::change(const ObjectPeer& peer, std::string_view id, const Json& changes) {
  ACESO_TRY_OK(require(peer, kWrite));
  if (!changes.is_object()) return Error{Code::invalid, "the fields to change are an object"};
  Impl& impl = *impl_;
  Json out;
  {
    const std::unique_lock lock{impl.mutex};
    const auto found = impl.steps.find(id);
    if (found == impl.steps.end()) return Error{Code::not_found, "there is no such step"};
    if (found->second.has_ended()) return Error{Code::precondition, "the step has ended and may no longer be changed"};
    Json whole = found->second.fields;
    whole.update(changes);
    ACESO_TRY(ScheduledStep step, parse_scheduled_step(whole));
    if (step.field("study_uid").empty() || step.field("step_id").empty())
      return Error{Code::invalid, "study_uid and step_id can be changed, not taken away"};
    step.id = found->first;
    step.progress = found->second.progress;
    if (impl.is_taken(step)) return Error{Code::exists, "this order has a step of this id already"};
    ACESO_TRY_OK(impl.record(peer, "U", "archive.worklist_change", step.field("study_uid")));
    ACESO_TRY_OK(impl.table->put(step));
    out = to_json(step);
    found->second = std::move(step);
  }
  impl.tell_changed();
  return out;
}

Status Worklist::remove(const ObjectPeer& peer, std::string_view id) {
  ACESO_TRY_OK(require(peer, kWrite));
  Impl& impl = *impl_;
  {
    const std::unique_lock lock{impl.mutex};
    const auto found = impl.steps.find(id);
    if (found == impl.steps.end()) return Error{Code::not_found, "there is no such step"};
    ACESO_TRY_OK(impl.record(peer, "D", "archive.worklist_delete", found->second.field("study_uid")));
    ACESO_TRY_OK(impl.table->remove(id));
    impl.steps.erase(found);
  }
  impl.tell_changed();
  return {};
}

std::vector<ScheduledStep> Worklist::Impl::all() const {
  const std::shared_lock lock{mutex};
  std::vector<ScheduledStep> out;
  out.reserve(steps.size());
  for (const auto& [id, step] : steps) out.push_back(step);
  return out;
}

std::optional<ScheduledStep> Worklist::Impl::find(std::string_view id) const {
  const std::shared_lock lock{mutex};
  const auto found = steps.find(id);
  return found == steps.end() ? std::nullopt : std::optional{found->second};
}

void Worklist::Impl::tell_changed() const {
  const std::shared_lock lock{listener_mutex};
  if (when_changed) when_changed();
}

void Worklist::Impl::set_priors(std::function<Json(const ScheduledStep&)> describe) {
  const std::unique_lock lock{listener_mutex};
  priors_of = std::move(describe);
}

template <class Wanted>
std::vector<ScheduledStep> Worklist::Impl::by_time(const Wanted& wanted) const {
  std::vector<ScheduledStep> out;
  {
    const std::shared_lock lock{mutex};
    for (const auto& [id, step] : steps) {
      if (wanted(step)) out.push_back(step);
    }
  }
  std::ranges::stable_sort(out, [](const auto& a, const auto& b) { return when(a) < when(b); });
  return out;
}

Result<Json> Worklist::list(const ObjectPeer& peer, const Filter& filter) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(check_date(filter));
  const auto known = {StepProgress::scheduled, StepProgress::started, StepProgress::completed,
                      StepProgress::discontinued};
  if (!filter.state.empty() &&
      std::ranges::none_of(known, [&](StepProgress one) { return to_string(one) == filter.state; }))
    return Error{Code::invalid, "state: scheduled, started, completed or discontinued"};
  ACESO_TRY_OK(impl_->archive.access.record(
      peer, {.action = "E", .event = "archive.worklist_query", .entity_type = "query", .entity = "worklist"}));
  const auto is = [](const std::string& wanted, std::string_view value) { return wanted.empty() || wanted == value; };
  auto found = impl_->by_time([&](const ScheduledStep& step) {
    return is(filter.date, step.field("date")) && is(filter.modality, step.field("modality")) &&
           is(filter.station_ae, step.field("station_ae")) && is(filter.state, to_string(step.progress));
  });
  const std::size_t total = found.size();
  if (found.size() > filter.limit) found.resize(filter.limit);
  Json items = Json::array();
  for (const auto& step : found) {
    items.push_back(to_json(step));
    items.back()["stored"] = impl_->archive.store->index().study(step.field("study_uid")) != nullptr;
    const std::shared_lock lock{impl_->listener_mutex};
    items.back()["priors"] = impl_->priors_of ? impl_->priors_of(step) : Json(nullptr);
  }
  return Json{{"total", total}, {"items", std::move(items)}};
}

Result<Json> Worklist::performed(const ObjectPeer& peer, std::string_view before, const Filter& filter) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(check_date(filter));
  if (!filter.state.empty() && std::ranges::none_of(kReportedStates, [&](auto one) { return one == filter.state; }))
    return Error{Code::invalid, "state: in_progress, completed or discontinued"};
  ACESO_TRY_OK(impl_->archive.access.record(
      peer, {.action = "E", .event = "archive.worklist_query", .entity_type = "query", .entity = "performed"}));
  Json items = Json::array();
  std::string from{before};
  // Sealed rows cannot be searched: they are read a page at a time, and no more of them than this.
  for (std::size_t read = 0; read < kMaxPerformedRead; read += kPerformedPage) {
    ACESO_TRY(const auto found, impl_->table->performed(from, kPerformedPage));
    for (const auto& step : found) {
      Json row = to_json(step, impl_->archive.store->index());
      if (is(filter.date, row, "start_date") && is(filter.modality, row, "modality") &&
          is(filter.station_ae, row, "station_ae") && is(filter.state, row, "state")) {
        // One more than asked for only says that there is more.
        if (items.size() == filter.limit) return Json{{"items", std::move(items)}, {"next", from}};
        items.push_back(std::move(row));
      }
      from = step.id;
    }
    if (found.size() < kPerformedPage) return Json{{"items", std::move(items)}, {"next", nullptr}};
  }
  return Json{{"items", std::move(items)}, {"next", from}};
}

Result<std::vector<contracts::WorklistItem>> Worklist::scheduled(const ObjectPeer& peer,
                                                                 const contracts::WorklistQuery& query) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(impl_->archive.access.record(
      peer, {.action = "E", .event = "archive.worklist_query", .entity_type = "query", .entity = "worklist"}));
  auto found = impl_->by_time([&](const ScheduledStep& step) {
    const auto date = step.field("date");
    return !step.has_ended() && (query.station_ae.empty() || query.station_ae == step.field("station_ae")) &&
           (query.modality.empty() || query.modality == step.field("modality")) &&
           (query.from_date.empty() || date >= query.from_date) && (query.to_date.empty() || date <= query.to_date);
  });
  if (found.size() > query.limit) found.resize(query.limit);
  std::vector<contracts::WorklistItem> out;
  out.reserve(found.size());
  for (const auto& step : found) out.push_back(item_of(step));
  return out;
}

std::vector<ScheduledStep> Worklist::Impl::changed_by(const PerformedStep& performed) const {
  std::vector<ScheduledStep> out;
  for (const auto& [id, step] : steps) {
    if (!performs(performed, step) || step.progress == progress_of(performed.state)) continue;
    out.push_back(step);
    out.back().progress = progress_of(performed.state);
  }
  return out;
}

void Worklist::Impl::take(const std::vector<ScheduledStep>& changed) {
  for (const auto& step : changed) steps.insert_or_assign(step.id, step);
}

Status Worklist::create(const ObjectPeer& peer, const PerformedStep& step) {
  ACESO_TRY_OK(require(peer, kWrite));
  Impl& impl = *impl_;
  const KeptStep kept{.id = Uuid::v7(impl.deps.clock, impl.deps.random).to_string(),
                      .reporter = peer.calling_ae,
                      .updated_us = impl.now_us(),
                      .step = step};
  std::unique_lock lock{impl.mutex};
  ACESO_TRY_OK(impl.record(peer, "C", "archive.step_begun", step.sop_instance_uid));
  const auto changed = impl.changed_by(step);
  if (auto added = impl.table->add(kept, changed); !added) {
    if (added.error().code() == Code::exists) return Error{Code::exists, "this procedure step is known"};
    return added;
  }
  impl.take(changed);
  lock.unlock();
  impl.tell_changed();
  return {};
}

Status Worklist::update(const ObjectPeer& peer, const PerformedStep& step) {
  ACESO_TRY_OK(require(peer, kWrite));
  Impl& impl = *impl_;
  std::optional<KeptStep> kept;
  {
    const std::unique_lock lock{impl.mutex};
    ACESO_TRY(kept, impl.table->find(step.sop_instance_uid));
    if (!kept) return Error{Code::not_found, "there is no such procedure step"};
    if (kept->step.state != StepState::in_progress)
      return Error{Code::precondition, "the procedure step has ended and may no longer be updated"};
    ACESO_TRY_OK(impl.record(peer, "U", "archive.step_updated", step.sop_instance_uid));
    merge(kept->step, step);
    kept->updated_us = impl.now_us();
    const auto changed = impl.changed_by(kept->step);
    ACESO_TRY_OK(impl.table->update(*kept, changed));
    impl.take(changed);
  }
  impl.tell_changed();
  if (kept->step.state == StepState::in_progress) return {};
  const std::shared_lock lock{impl.listener_mutex};
  if (impl.when_ended) impl.when_ended(kept->step);
  return {};
}

void Worklist::on_changed(std::function<void()> listener) {
  const std::unique_lock lock{impl_->listener_mutex};
  impl_->when_changed = std::move(listener);
}

void Worklist::on_ended(Ended listener) {
  const std::unique_lock lock{impl_->listener_mutex};
  impl_->when_ended = std::move(listener);
}

}  // namespace aceso::archive
