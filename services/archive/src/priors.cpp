#include "aceso/archive/priors.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "analyses_impl.hpp"
#include "priors_impl.hpp"
#include "submit_waiting.hpp"

namespace aceso::archive {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kHour = 3600LL * 1'000'000;
constexpr std::int64_t kPastAfter = 24 * kHour;  // of its time: then nobody waits for priors any more
constexpr std::chrono::minutes kLookAgain{10};   // at the clock on the wall, which may have been set
constexpr std::size_t kPriorPage = 200;

bool is_tried_again(Code code) {  // as store::JobHandler
  return code == Code::unavailable || code == Code::timeout || code == Code::exhausted;
}

bool is_complete(const PriorStudy& study) {
  return study.objects > 0 && study.here == study.objects;
}

// "2026-01-30T09:30"
std::string minute_of(std::int64_t us) {
  const auto seconds = std::chrono::sys_seconds{std::chrono::seconds{us / 1'000'000}};
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{seconds - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()));
  return text.data();
}

bool is_over(const ScheduledStep& step, std::int64_t now) {
  return step.has_ended() || start_of(step) + kPastAfter < now;
}

int two_digits(std::string_view text, std::size_t at) {
  return at + 2 <= text.size() ? (text[at] - '0') * 10 + (text[at + 1] - '0') : 0;
}

}  // namespace

std::int64_t start_of(const ScheduledStep& step) {
  const auto date = step.field("date");  // eight digits, as parse_scheduled_step() lets pass
  const auto time = step.field("time");
  if (date.size() < 8) return 0;
  const std::chrono::sys_days day{std::chrono::year{two_digits(date, 0) * 100 + two_digits(date, 2)} /
                                  std::chrono::month{static_cast<unsigned>(two_digits(date, 4))} /
                                  std::chrono::day{static_cast<unsigned>(two_digits(date, 6))}};
  const auto since = day.time_since_epoch() + std::chrono::hours{two_digits(time, 0)} +
                     std::chrono::minutes{two_digits(time, 2)} + std::chrono::seconds{two_digits(time, 4)};
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

Priors::Priors(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Priors::~Priors() {
  stop();
  if (impl_) impl_->worklist.set_priors(nullptr);
}

Result<std::unique_ptr<Priors>> Priors::create(const fs::path& folder, PriorsDeps deps, const PriorsOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(deps), options);
  auto rules = parse_prior_rules(options.rules);
  if (!rules) return Error{std::move(rules).error().add_context("priors.rules")};
  for (const auto& rule : *rules) {
    for (const auto& source : rule.sources) {
      if (auto good = impl->deps.source.check(source, rule.move); !good)
        return Error{std::move(good).error().add_context("priors.rules: " + rule.name)};
    }
  }
  impl->rules = *std::move(rules);
  ACESO_TRY_OK(impl->open(folder));
  if (!impl->rules.empty())
    impl->worklist.set_priors([i = impl.get()](const ScheduledStep& step) { return i->describe(step, false); });
  return std::unique_ptr<Priors>{new Priors{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Priors::Impl::open(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of priors: " + ec.message()};
  fs::permissions(folder, fs::perms::owner_all, ec);
  auto migrations = PriorTable::migrations(1);
  for (const auto& one : store::JobQueue::migrations(2)) migrations.push_back(one);
  ACESO_TRY(catalogue, store::open_sqlite(folder / "priors.sqlite", migrations, deps.logger));
  table = std::make_unique<PriorTable>(*catalogue, deps.random, deps.key);
  ACESO_TRY(auto kept, table->all());
  for (auto& one : kept) fetches.emplace(one.id, std::move(one));
  ACESO_TRY(jobs, store::JobQueue::create(*catalogue, deps.clock, deps.random, deps.logger,
                                          {.workers = 2, .max_queued = 1000}));
  jobs->handle("priors", [this](store::JobContext& context) { return run(context); });
  jobs->on_change([this](const store::Job& job) { job_changed(job); });
  return {};
}

Status Priors::start() {
  if (std::exchange(impl_->started, true)) return {};
  Impl& impl = *impl_;
  ACESO_TRY_OK(impl.reconcile());
  ACESO_TRY_OK(impl.jobs->start());
  impl.deps.worklist.on_changed([i = &impl] { i->nap.wake(); });
  impl.thread = std::jthread{[i = &impl](const std::stop_token& stop) { i->follow(stop); }};
  return {};
}

void Priors::stop() {
  if (!impl_ || !std::exchange(impl_->started, false)) return;
  impl_->deps.worklist.on_changed(nullptr);
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->jobs->stop();
}

// What the last process left: jobs go on, those that are no more are made again.
Status Priors::Impl::reconcile() {
  for (auto& [id, fetch] : fetches) {
    if (fetch.state != PriorState::waiting || fetch.job.empty()) continue;
    const auto job = jobs->get(fetch.job);
    if (!job && job.error().code() != Code::not_found) return job.error();
    if (job && (job->state == store::JobState::queued || job->state == store::JobState::running)) continue;
    if (job && job->state == store::JobState::failed) {
      fetch.state = PriorState::failed;
      fetch.reason = job->error;
    } else {
      fetch.job.clear();
    }
    ACESO_TRY_OK(table->apply({fetch}, {}));
  }
  return {};
}

std::int64_t Priors::Impl::local_us() const {
  const auto now = deps.clock.utc_now();
  const auto offset = deps.utc_offset ? deps.utc_offset(now) : std::chrono::minutes{0};
  return now.time_since_epoch().count() + std::chrono::duration_cast<std::chrono::microseconds>(offset).count();
}

void Priors::Impl::follow(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    nap.prepare();
    const auto next = tick();
    nap.sleep_until(deps.clock, next, stop);
  }
}

// When to look again.
SteadyTime Priors::Impl::tick() {
  const std::lock_guard once{tick_mutex};
  if (auto done = settle(worklist.all()); !done.ok())
    deps.logger.warn("priors.not_settled", {{"code", to_string(done.error().code())}});
  dispatch();
  const std::int64_t now = local_us();
  std::int64_t wait = std::chrono::duration_cast<std::chrono::microseconds>(kLookAgain).count();
  const std::shared_lock lock{mutex};
  for (const auto& [id, fetch] : fetches) {
    if (fetch.state == PriorState::waiting && fetch.job.empty() && fetch.due_us > now)
      wait = std::min(wait, fetch.due_us - now);
  }
  return deps.clock.steady_now() + std::chrono::microseconds{wait};
}

PriorFetch Priors::Impl::fresh(const ScheduledStep& step, const PriorRule& rule, std::int64_t due_us) const {
  std::string said = rule.text;
  for (const auto& [name, value] : step.fields) said.append("\n").append(name).append("=").append(value);
  return {
      .id = step.id, .subject = table->subject_of(said), .rule = rule.name, .due_us = due_us, .updated_us = now_us()};
}

// How an entry of the worklist stands from now on; none: as before.
std::optional<PriorFetch> Priors::Impl::settle_one(const ScheduledStep& step, std::int64_t now) const {
  const PriorRule* rule = prior_rule_of(rules, step);
  const auto kept = fetches.find(step.id);
  const bool known = kept != fetches.end();
  const bool over = is_over(step, now);
  if (rule == nullptr || over) {
    if (!known || kept->second.state != PriorState::waiting) return std::nullopt;
    PriorFetch ended = kept->second;
    ended.state = PriorState::failed;
    ended.reason = rule == nullptr ? "no rule matches any more" : "the step was over before its priors were here";
    ended.job.clear();
    ended.updated_us = now_us();
    return ended;
  }
  auto made = fresh(step, *rule, start_of(step) - rule->hours_before * kHour);
  if (known && made.subject == kept->second.subject) return std::nullopt;
  return made;
}

Status Priors::Impl::settle(const std::vector<ScheduledStep>& steps) {
  std::vector<std::string> stale;  // jobs that no longer count
  {
    const std::unique_lock lock{mutex};
    const std::int64_t now = local_us();
    std::set<std::string_view> present;
    std::vector<PriorFetch> changed;
    std::vector<std::string> gone;
    for (const auto& step : steps) {
      present.insert(step.id);
      if (auto next = settle_one(step, now)) changed.push_back(*std::move(next));
    }
    for (const auto& [id, fetch] : fetches) {
      if (!present.contains(id)) gone.push_back(id);
    }
    ACESO_TRY_OK(table->apply(changed, gone));
    const auto drop_job = [&](const std::string& id) {
      const auto found = fetches.find(id);
      if (found == fetches.end() || found->second.job.empty()) return;
      dropped.insert(found->second.job);
      stale.push_back(found->second.job);
    };
    for (const auto& id : gone) {
      drop_job(id);
      fetches.erase(id);
    }
    for (auto& one : changed) {
      drop_job(one.id);
      fetches.insert_or_assign(one.id, std::move(one));
    }
  }
  for (const auto& job : stale) drop(job);
  return {};
}

// One that has ended stays as it is.
void Priors::Impl::drop(const std::string& job) {
  if (jobs->cancel(job).ok()) return;
  const std::unique_lock lock{mutex};
  dropped.erase(job);
}

// What waits and is due gets a job, as much as the queue takes; the rest waits for the next time.
void Priors::Impl::dispatch() {
  submit_waiting(
      *jobs, deps.logger,
      {.kind = "priors", .subject = "prior", .warning = "priors.not_dispatched", .attempts = options.attempts},
      kPriorPage,
      [&]() -> Result<std::vector<PriorFetch>> {
        const std::int64_t now = local_us();
        std::vector<PriorFetch> out;
        const std::shared_lock lock{mutex};
        for (const auto& [id, fetch] : fetches) {
          if (out.size() == kPriorPage) break;
          if (fetch.state == PriorState::waiting && fetch.job.empty() && fetch.due_us <= now) out.push_back(fetch);
        }
        return out;
      },
      [&](const std::string& id, const std::string& job) -> Status {
        const std::unique_lock lock{mutex};
        const auto found = fetches.find(id);
        if (found == fetches.end() || found->second.state != PriorState::waiting || !found->second.job.empty())
          return {};
        found->second.job = job;
        return table->apply({found->second}, {});
      });
}

// The entry, when it is this job's to do.
std::optional<PriorFetch> Priors::Impl::take(const store::JobContext& context, const ScheduledStep& step) {
  const std::unique_lock lock{mutex};
  const auto found = fetches.find(step.id);
  if (found == fetches.end() || dropped.contains(context.job().id)) return std::nullopt;
  PriorFetch& fetch = found->second;
  if (fetch.state != PriorState::waiting || fetch.due_us > local_us()) return std::nullopt;
  if (fetch.job.empty()) fetch.job = context.job().id;
  if (fetch.job != context.job().id) return std::nullopt;
  running.insert(step.id);
  return fetch;
}

Result<bool> Priors::Impl::keep(PriorFetch fetch, bool ended) {
  const std::unique_lock lock{mutex};
  if (ended) running.erase(fetch.id);
  const auto found = fetches.find(fetch.id);
  if (found == fetches.end() || found->second.subject != fetch.subject || found->second.state != PriorState::waiting)
    return false;
  fetch.updated_us = now_us();
  ACESO_TRY_OK(table->apply({fetch}, {}));
  found->second = std::move(fetch);
  return true;
}

Result<Json> Priors::Impl::run(store::JobContext& context) {
  ACESO_TRY(const Json input, parse_json(context.job().input_json));
  const auto step = worklist.find(input.value("prior", std::string{}));
  if (!step) return Json::object();
  const PriorRule* rule = prior_rule_of(rules, *step);
  auto fetch = take(context, *step);
  if (rule == nullptr || !fetch) return Json::object();
  const std::string patient_id{step->field("patient_id")};
  PriorsFound found;
  if (patient_id.find_first_of("*?\\") != std::string::npos) {
    found.trouble =
        Error{Code::precondition, "the patient ID holds a wildcard, and a query would match other patients"};
  } else {
    Json sources = rule->sources;
    const auto recorded = archive.access.record(node_peer(), {.action = "E",
                                                              .event = "archive.priors",
                                                              .entity_type = "study",
                                                              .entity = step->field("study_uid"),
                                                              .detail = Json{{"sources", std::move(sources)}}.dump(),
                                                              .once_a_window = false});
    if (recorded.ok()) {
      PriorFetcher fetcher{
          archive,
          deps.source,
          *rule,
          {.patient = {patient_id, std::string{step->field("issuer")}, std::string{step->field("patient_name")},
                       std::string{step->field("birth_date")}},
           .study_uid = std::string{step->field("study_uid")},
           .date = std::string{step->field("date")}},
          context.stop()};
      found = fetcher.run([&](const PriorsFound& so_far) {
        fetch->studies = so_far.studies;
        fetch->not_theirs = so_far.not_theirs;
        (void)keep(*fetch, false);  // the last word is kept by conclude()
      });
    } else {
      found.trouble = recorded.error();
    }
  }
  return conclude(*std::move(fetch), std::move(found), context, start_of(*step));
}

Result<Json> Priors::Impl::conclude(PriorFetch fetch, PriorsFound found, const store::JobContext& context,
                                    std::int64_t start_us) {
  fetch.studies = std::move(found.studies);
  fetch.not_theirs = found.not_theirs;
  const auto complete = std::ranges::count_if(fetch.studies, is_complete);
  const bool any = std::ranges::any_of(fetch.studies, &PriorStudy::is_prior);
  const store::Job& job = context.job();
  const auto& trouble = found.trouble;
  bool again = false;
  fetch.reason.clear();
  if (!trouble) {
    fetch.state = any ? PriorState::fetched : PriorState::none;
  } else if (context.stop().stop_requested()) {
    again = true;  // the job goes on when the node does
  } else if (is_tried_again(trouble->code()) && job.attempt < job.max_attempts) {
    fetch.reason = "attempt " + std::to_string(job.attempt) + " of " + std::to_string(job.max_attempts) +
                   " failed and is repeated: " + trouble->message();
    again = true;
  } else if (is_tried_again(trouble->code()) && local_us() + kHour < start_us) {
    fetch.reason = "failed and is tried again later: " + trouble->message();
    fetch.due_us = local_us() + kHour;
    fetch.job.clear();
  } else {
    fetch.state = PriorState::failed;
    fetch.reason = trouble->message();
  }
  const Json detail{{"state", to_string(fetch.state)}, {"complete", complete}, {"not_theirs", fetch.not_theirs}};
  if (!again) {
    if (const auto step = worklist.find(fetch.id)) {
      ACESO_TRY_OK(archive.access.record(node_peer(), {.action = "C",
                                                       .event = "archive.priors_ended",
                                                       .entity_type = "study",
                                                       .entity = step->field("study_uid"),
                                                       .detail = detail.dump(),
                                                       .once_a_window = false}));
    }
  }
  ACESO_TRY(const bool kept, keep(std::move(fetch), true));
  nap.wake();  // it may be due again
  if (trouble && kept) return *trouble;
  return detail;
}

// A job that ended without its handler saying so: cancelled by an operator, or the process died with it too often.
void Priors::Impl::job_changed(const store::Job& job) {
  const bool succeeded = job.state == store::JobState::succeeded;
  if (!succeeded && job.state != store::JobState::failed && job.state != store::JobState::cancelled) return;
  const std::unique_lock lock{mutex};
  if (dropped.erase(job.id) > 0 || succeeded) return;
  const auto found = std::ranges::find_if(fetches, [&](const auto& one) { return one.second.job == job.id; });
  if (found == fetches.end() || found->second.state != PriorState::waiting) return;
  found->second.state = PriorState::failed;
  found->second.reason = job.error.empty() ? "the job was cancelled" : job.error;
  if (auto noted = table->apply({found->second}, {}); !noted)
    deps.logger.warn("priors.not_noted", {{"code", to_string(noted.error().code())}});
}

Json Priors::Impl::describe(const ScheduledStep& step, bool with_studies) const {
  const PriorRule* rule = prior_rule_of(rules, step);
  const std::shared_lock lock{mutex};
  const auto found = fetches.find(step.id);
  if (found == fetches.end()) {
    std::string_view state = "waiting";  // between an entry and the look at it lies a moment
    if (rule == nullptr) {
      state = "no_rule";
    } else if (is_over(step, local_us())) {
      state = "past";
    }
    Json out{{"state", state},
             {"reason", ""},
             {"rule", rule == nullptr ? "" : rule->name},
             {"due", rule == nullptr ? Json(nullptr) : Json(minute_of(start_of(step) - rule->hours_before * kHour))},
             {"known", 0},
             {"here", 0},
             {"not_theirs", 0},
             {"updated_us", nullptr}};
    if (with_studies) out["studies"] = Json::array();
    return out;
  }
  const PriorFetch& fetch = found->second;
  const bool is_running = fetch.state == PriorState::waiting && running.contains(step.id);
  Json out{{"state", is_running ? "fetching" : to_string(fetch.state)},
           {"reason", fetch.reason},
           {"rule", fetch.rule},
           {"due", minute_of(fetch.due_us)},
           {"known", std::ranges::count_if(fetch.studies, &PriorStudy::is_prior)},
           {"here", std::ranges::count_if(fetch.studies, is_complete)},
           {"not_theirs", fetch.not_theirs},
           {"updated_us", fetch.updated_us}};
  if (with_studies) {
    Json studies = Json::array();
    for (const auto& one : fetch.studies) studies.push_back(to_json(one));
    out["studies"] = std::move(studies);
  }
  return out;
}

Result<Json> Priors::show(const contracts::ObjectPeer& peer, std::string_view step) const {
  ACESO_TRY_OK(require(peer, kRead));
  const auto found = impl_->worklist.find(step);
  if (!found) return Error{Code::not_found, "there is no such step"};
  ACESO_TRY_OK(impl_->archive.access.record(
      peer,
      {.action = "R", .event = "archive.priors_read", .entity_type = "study", .entity = found->field("study_uid")}));
  return impl_->describe(*found, true);
}

Result<Json> Priors::fetch(const contracts::ObjectPeer& peer, std::string_view step) {
  ACESO_TRY_OK(require(peer, kWrite));
  ACESO_TRY_OK(require(peer, kRead));
  Impl& impl = *impl_;
  const auto found = impl.worklist.find(step);
  if (!found) return Error{Code::not_found, "there is no such step"};
  if (is_over(*found, impl.local_us())) return Error{Code::precondition, "the step is over"};
  const PriorRule* rule = prior_rule_of(impl.rules, *found);
  if (rule == nullptr) return Error{Code::precondition, "no rule of priors.rules matches this step"};
  ACESO_TRY_OK(impl.archive.access.record(peer, {.action = "E",
                                                 .event = "archive.priors_asked",
                                                 .entity_type = "study",
                                                 .entity = found->field("study_uid"),
                                                 .once_a_window = false}));
  const std::lock_guard once{impl.tick_mutex};
  std::string stale;
  {
    const std::unique_lock lock{impl.mutex};
    if (!impl.running.contains(found->id)) {
      auto made = impl.fresh(*found, *rule, impl.local_us());
      ACESO_TRY_OK(impl.table->apply({made}, {}));
      PriorFetch& fetch = impl.fetches[found->id];
      stale = fetch.job;
      if (!stale.empty()) impl.dropped.insert(stale);
      fetch = std::move(made);
    }
  }
  if (!stale.empty()) impl.drop(stale);
  impl.dispatch();
  return impl.describe(*found, true);
}

void declare_priors_config(ConfigSchema& schema) {
  schema
      .add({.name = "priors.rules",
            .type = ConfigType::document,
            .default_value = "[]",
            .help =
                "Which priors are fetched before which appointments of the modality worklist: {name, match: {modality, "
                "description, station_ae}, from: AE titles of dimse.peers, by: get or move, hours_before (24), fetch: "
                "{modality, description, body_part, max_studies (3), max_years (10)}}; the first rule that matches "
                "counts."})
      .add({.name = "priors.attempts",
            .type = ConfigType::integer,
            .default_value = "20",
            .help =
                "How often an appointment's priors are tried in a row while a source does not answer; then again each "
                "hour until it begins.",
            .min = 1,
            .max = 1000});
}

PriorsOptions priors_options_from(const Config& config) {
  return {.rules = config.document("priors.rules"), .attempts = static_cast<int>(config.integer("priors.attempts"))};
}

}  // namespace aceso::archive
