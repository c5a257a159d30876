#include "aceso/archive/webhooks.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "aceso/base/id.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/net/client.hpp"
#include "aceso/store/jobs.hpp"
#include "analyses_impl.hpp"
#include "submit_waiting.hpp"
#include "web.hpp"
#include "webhook_table.hpp"
#include "webhook_target.hpp"

namespace aceso::archive {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kHookPage = 200;
constexpr std::int64_t kHookMargin = 3600LL * 1'000'000;      // of the watermark
constexpr std::int64_t kHookNoteEvery = 60LL * 1'000'000;     //
constexpr std::int64_t kKept = 30LL * 24 * 3600 * 1'000'000;  // ended deliveries
constexpr std::size_t kMaxGrowing = 100'000;

}  // namespace

std::string webhook_signature(std::span<const std::byte> secret, std::string_view id, std::string_view timestamp,
                              std::string_view body) {
  std::string signed_text{id};
  ((signed_text += '.') += timestamp) += '.';
  signed_text += body;
  return "v1," + crypto::to_base64(crypto::hmac_sha256(secret, crypto::as_bytes(signed_text)));
}

struct Webhooks::Impl {
  Impl(WebhookDeps given, WebhookOptions how)
      : deps{std::move(given)}, options{std::move(how)}, archive{deps.archive.impl()} {}

  WebhookDeps deps;
  WebhookOptions options;
  Archive::Impl& archive;
  std::vector<Hook> hooks;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<WebhookTable> table;
  std::int64_t since_us = 0;  // what was stored before the first target is not told
  std::int64_t noted_us = 0;
  struct Growing {
    SteadyTime first{};
    std::int64_t from_us = 0;
  };
  std::mutex growing_mutex;
  std::map<std::string, Growing, std::less<>> growing;  // studies that objects came for
  bool overflow = false;
  std::mutex tick_mutex;
  std::unique_ptr<store::JobQueue> jobs;
  std::jthread thread;
  bool started = false;

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  bool wanted(std::string_view event) const {
    return std::ranges::any_of(hooks, [&](const Hook& hook) { return hook.events.contains(event); });
  }
  Status open(const fs::path& folder);
  Status reconcile();
  void stored(std::string_view study_uid, std::int64_t from_us);
  void scan();
  void tick();
  SteadyTime next_due();
  Status tell_stored(const std::string& study_uid, std::int64_t from_us);
  // Of an event one delivery to each target that asked for it.
  Status tell(std::string_view event, std::string_view what, const Json& data);
  void dispatch();
  Result<Json> run(store::JobContext& context);
  Status deliver(const Hook& hook, const Delivery& delivery) const;
  void job_changed(const store::Job& job);
};

Webhooks::Webhooks(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Webhooks::~Webhooks() {
  stop();
}

Result<std::unique_ptr<Webhooks>> Webhooks::create(const fs::path& folder, WebhookDeps deps,
                                                   const WebhookOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(deps), options);
  auto hooks = parse_hooks(options.targets);
  if (!hooks) return Error{std::move(hooks).error().add_context("webhooks.targets")};
  impl->hooks = *std::move(hooks);
  ACESO_TRY_OK(impl->open(folder));
  return std::unique_ptr<Webhooks>{new Webhooks{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Webhooks::Impl::open(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of webhooks: " + ec.message()};
  fs::permissions(folder, fs::perms::owner_all, ec);
  auto migrations = WebhookTable::migrations(1);
  for (const auto& one : store::JobQueue::migrations(2)) migrations.push_back(one);
  ACESO_TRY(catalogue, store::open_sqlite(folder / "webhooks.sqlite", migrations, deps.logger));
  table = std::make_unique<WebhookTable>(*catalogue, deps.random, deps.key);
  ACESO_TRY(jobs, store::JobQueue::create(*catalogue, deps.clock, deps.random, deps.logger,
                                          {.workers = 2, .max_queued = 1000}));
  ACESO_TRY(const auto since, table->time("since"));
  since_us = since.value_or(now_us());
  if (!since && !hooks.empty()) ACESO_TRY_OK(table->set_time("since", since_us));
  jobs->handle("deliver", [this](store::JobContext& context) { return run(context); });
  jobs->on_change([this](const store::Job& job) { job_changed(job); });
  return {};
}

Status Webhooks::start() {
  if (std::exchange(impl_->started, true)) return {};
  ACESO_TRY_OK(impl_->reconcile());
  if (impl_->wanted(kStudyStored)) {
    impl_->deps.archive.listen(
        {.stored =
             [i = impl_.get()](const contracts::StoredObject& object) { i->stored(object.study_uid, i->now_us() - 1); },
         .removed = {}},
        "webhooks");
    impl_->scan();
  }
  ACESO_TRY_OK(impl_->jobs->start());
  impl_->thread = std::jthread{[i = impl_.get()](const std::stop_token& stop) {
    do {
      i->tick();
    } while (i->deps.clock.sleep_until(i->next_due(), stop));
  }};
  return {};
}

void Webhooks::stop() {
  if (!impl_ || !std::exchange(impl_->started, false)) return;
  impl_->deps.archive.listen({}, "webhooks");
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->jobs->stop();
}

// What the last process left: jobs go on, those that are no more are made again or have failed.
Status Webhooks::Impl::reconcile() {
  ACESO_TRY(auto open_ones, table->waiting(true, 100'000));
  for (Delivery& one : open_ones) {
    const auto job = jobs->get(one.job);
    if (!job && job.error().code() != Code::not_found) return job.error();
    if (job && (job->state == store::JobState::queued || job->state == store::JobState::running)) continue;
    if (job && (job->state == store::JobState::failed || job->state == store::JobState::cancelled)) {
      one.state = DeliveryState::failed;
      one.reason = job->error.empty() ? "the job was cancelled" : job->error;
    } else {
      one.job.clear();
    }
    ACESO_TRY_OK(table->update(one));
  }
  return {};
}

void Webhooks::Impl::stored(std::string_view study_uid, std::int64_t from_us) {
  const std::lock_guard lock{growing_mutex};
  if (growing.contains(study_uid)) return;
  if (growing.size() >= kMaxGrowing) {
    overflow = true;
    return;
  }
  growing.emplace(std::string{study_uid}, Growing{deps.clock.steady_now(), from_us});
}

// Studies that objects came for after the watermark, as if they had just come; what was told already is not told twice.
void Webhooks::Impl::scan() {
  const auto told = table->time("told");
  const std::int64_t from = std::max(since_us, told && *told ? **told - kHookMargin : 0);
  archive.store->index().each_study([&](const StudyPtr& study) {
    std::int64_t last = 0;
    {
      const std::shared_lock lock{study->mutex};
      last = study->last_received_us;
    }
    if (last >= from) stored(study->uid, from);
    return true;
  });
}

SteadyTime Webhooks::Impl::next_due() {
  auto next = deps.clock.steady_now() + options.batch;
  const std::lock_guard lock{growing_mutex};
  for (const auto& [study, one] : growing) next = std::min(next, one.first + options.batch);
  return next;
}

void Webhooks::Impl::tick() {
  const std::lock_guard lock{tick_mutex};
  std::vector<std::pair<std::string, std::int64_t>> due;
  bool look_again = false;
  std::int64_t oldest = now_us();
  {
    const std::lock_guard inner{growing_mutex};
    look_again = std::exchange(overflow, false);
    for (auto at = growing.begin(); at != growing.end();) {
      if (deps.clock.steady_now() - at->second.first >= options.batch) {
        due.emplace_back(at->first, at->second.from_us);
        at = growing.erase(at);
      } else {
        oldest = std::min(oldest, at->second.from_us);
        ++at;
      }
    }
  }
  for (const auto& [study, from] : due) {
    if (const auto done = tell_stored(study, from); !done) {
      deps.logger.warn("webhooks.not_noted", {{"code", to_string(done.error().code())}});
      stored(study, from);
      oldest = std::min(oldest, from);
    }
  }
  if (look_again) scan();
  dispatch();
  if (hooks.empty() || oldest - noted_us < kHookNoteEvery) return;
  if (table->set_time("told", oldest) && table->forget_before(now_us() - kKept)) noted_us = oldest;
}

Status Webhooks::Impl::tell_stored(const std::string& study_uid, std::int64_t from_us) {
  std::int64_t until = 0;
  std::size_t objects = 0;
  for (const auto& one : archive.store->index().instances_of(study_uid)) {
    until = std::max(until, one->received_us);
    objects += one->received_us >= from_us ? 1U : 0U;
  }
  if (objects == 0) return {};  // deleted meanwhile
  return tell(kStudyStored, study_uid + "\n" + std::to_string(until), {{"study", study_uid}, {"objects", objects}});
}

Status Webhooks::Impl::tell(std::string_view event, std::string_view what, const Json& data) {
  for (const Hook& hook : hooks) {
    if (!hook.events.contains(event)) continue;
    const Json body{{"type", event}, {"timestamp", format_utc(deps.clock.utc_now())}, {"data", data}};
    ACESO_TRY_OK(table->add({.id = Uuid::v7(deps.clock, deps.random).to_string(),
                             .target = hook.name,
                             .event = std::string{event},
                             .updated_us = now_us(),
                             .body = dump_json(body)},
                            what));
  }
  return {};
}

void Webhooks::Impl::dispatch() {
  submit_waiting(
      *jobs, deps.logger,
      {.kind = "deliver", .subject = "delivery", .warning = "webhooks.not_dispatched", .attempts = options.attempts},
      kHookPage, [&] { return table->waiting(false, kHookPage); },
      [&](const auto& id, const auto& job) { return table->set_job(id, job); });
}

Result<Json> Webhooks::Impl::run(store::JobContext& context) {
  ACESO_TRY(const Json input, parse_json(context.job().input_json));
  ACESO_TRY(auto found, table->find(input.value("delivery", std::string{})));
  if (!found || found->state != DeliveryState::waiting) return Json::object();
  Delivery& one = *found;
  one.job = context.job().id;
  const auto hook = std::ranges::find(hooks, one.target, &Hook::name);
  const Status done =
      hook == hooks.end() ? Status{Error{Code::invalid, "this target is no longer set up"}} : deliver(*hook, one);
  one.updated_us = now_us();
  const bool again =
      !done.ok() && done.error().code() == Code::unavailable && context.job().attempt < context.job().max_attempts;
  if (done.ok()) {
    one.state = DeliveryState::delivered;
    one.reason.clear();
  } else if (again) {
    one.reason = "attempt " + std::to_string(context.job().attempt) + " of " +
                 std::to_string(context.job().max_attempts) + " failed and is repeated: " + done.error().message();
  } else {
    one.state = DeliveryState::failed;
    one.reason = done.error().message();
  }
  ACESO_TRY_OK(table->update(one));
  if (!done) return done.error();
  return Json{{"state", to_string(one.state)}};
}

// Anything but 2xx is tried again; 410 says that nobody wants it (Standard Webhooks, "Deliverability and reliability").
Status Webhooks::Impl::deliver(const Hook& hook, const Delivery& delivery) const {
  auto client = net::Client::connect_tcp(hook.address.host, hook.address.port, hook.tls);
  if (!client) return Error{Code::unavailable, "the target does not answer"};
  const auto now = std::chrono::floor<std::chrono::seconds>(deps.clock.utc_now()).time_since_epoch().count();
  const std::string timestamp = std::to_string(now);
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = hook.address.path.empty() ? "/" : hook.address.path;
  request.headers.set("Content-Type", "application/json");
  request.headers.set("User-Agent", "aceso");
  request.headers.set("webhook-id", delivery.id);
  request.headers.set("webhook-timestamp", timestamp);
  request.headers.set("webhook-signature", webhook_signature(hook.secret, delivery.id, timestamp, delivery.body));
  request.body = delivery.body;
  request.max_response = std::size_t{64} << 10;
  request.timeout_ms = 20'000;
  const auto answer = (*client)->send(request);
  if (!answer && answer.error().code() != Code::too_large)
    return Error{Code::unavailable, "the target does not answer: " + answer.error().message()};
  if (!answer || (answer->status >= 200 && answer->status < 300)) return {};
  const std::string said = "the target answered " + std::to_string(answer->status);
  if (answer->status == 410) return Error{Code::invalid, said};
  return Error{Code::unavailable, said};
}

void Webhooks::Impl::job_changed(const store::Job& job) {
  if (job.state != store::JobState::failed && job.state != store::JobState::cancelled) return;
  const auto input = parse_json(job.input_json);
  if (!input) return;
  auto found = table->find(input->value("delivery", std::string{}));
  if (!found || !*found || (*found)->state != DeliveryState::waiting) return;
  (*found)->state = DeliveryState::failed;
  (*found)->reason = job.error.empty() ? "the job was cancelled" : job.error;
  if (auto noted = table->update(**found); !noted)
    deps.logger.warn("webhooks.not_noted", {{"code", to_string(noted.error().code())}});
}

Status Webhooks::series_complete(std::string_view study_uid, std::string_view series_uid) {
  Impl& impl = *impl_;
  if (!impl.wanted(kSeriesComplete)) return {};
  const auto all = impl.archive.store->index().instances_of(study_uid, series_uid);
  if (all.empty()) return {};
  std::int64_t last = 0;
  for (const auto& one : all) last = std::max(last, one->received_us);
  if (last < impl.since_us) return {};
  const std::string what = std::string{series_uid} + "\n" + std::to_string(all.size()) + "\n" + std::to_string(last);
  ACESO_TRY_OK(
      impl.tell(kSeriesComplete, what, {{"study", study_uid}, {"series", series_uid}, {"objects", all.size()}}));
  const std::lock_guard lock{impl.tick_mutex};
  impl.dispatch();
  return {};
}

Status Webhooks::analysis_ended(std::string_view study_uid, std::string_view series_uid, std::string_view analysis_id,
                                std::string_view state, const std::vector<std::string>& result_uids) {
  Impl& impl = *impl_;
  if (!impl.wanted(kAnalysisEnded)) return {};
  std::string what = std::string{analysis_id} + "\n" + std::string{state};
  for (const auto& uid : result_uids) what += "\n" + uid;
  ACESO_TRY_OK(impl.tell(kAnalysisEnded, what,
                         {{"study", study_uid},
                          {"series", series_uid},
                          {"analysis", analysis_id},
                          {"state", state},
                          {"results", result_uids}}));
  const std::lock_guard lock{impl.tick_mutex};
  impl.dispatch();
  return {};
}

Result<Json> Webhooks::list(const contracts::ObjectPeer& peer, std::string_view before, std::size_t limit) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(auto found, impl_->table->list(before, limit + 1));
  const bool more = found.size() > limit;
  if (more) found.pop_back();
  Json items = Json::array();
  for (const auto& one : found) {
    const auto body = parse_json(one.body);
    const std::string study = body && body->contains("data") ? body->at("data").value("study", std::string{}) : "";
    ACESO_TRY_OK(impl_->archive.record_read(peer, study));
    items.push_back({{"id", one.id},
                     {"event", one.event},
                     {"target", one.target},
                     {"state", to_string(one.state)},
                     {"reason", one.reason},
                     {"study", study},
                     {"updated_us", one.updated_us}});
  }
  return Json{{"items", std::move(items)}, {"next", more ? Json(found.back().id) : Json(nullptr)}};
}

void Webhooks::register_routes(net::Router& router) {
  router.add(net::Method::get, "/api/v1/archive/webhooks",
             {.summary = "What other systems were told, the newest first",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"cursor", "of the page before"}, {"limit", "1 to 200"}}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const auto limit, request.query_integer("limit", 50, 1, 200));
               ACESO_TRY(const Json found, list(peer_of(request), request.query_value("cursor").value_or(""),
                                                static_cast<std::size_t>(limit)));
               auto response = net::Response::json(found);
               response.headers.set("Cache-Control", "private, no-store");
               return response;
             });
}

void declare_webhook_config(ConfigSchema& schema) {
  schema
      .add({.name = "webhooks.targets",
            .type = ConfigType::document,
            .default_value = "[]",
            .help = "Who is told what happens: {url: https://HOST[:PORT]/PATH, secret_file, name, events: "
                    "[study.stored, series.complete, analysis.ended], ca_file}; signed as Standard Webhooks has it."})
      .add({.name = "webhooks.batch",
            .type = ConfigType::duration,
            .default_value = "5s",
            .help = "Objects of a study that come within this time are one study.stored.",
            .min = 100,
            .max = 3'600'000})
      .add({.name = "webhooks.attempts",
            .type = ConfigType::integer,
            .default_value = "20",
            .help = "How often a delivery is tried while its target does not take it.",
            .min = 1,
            .max = 1000});
}

WebhookOptions webhook_options_from(const Config& config) {
  return {.targets = config.document("webhooks.targets"),
          .batch = std::chrono::milliseconds{config.duration_ms("webhooks.batch")},
          .attempts = static_cast<int>(config.integer("webhooks.attempts"))};
}

}  // namespace aceso::archive
