#include "aceso/archive/forwards.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "aceso/base/file.hpp"
#include "aceso/base/id.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/store/jobs.hpp"
#include "analyses_impl.hpp"
#include "deidentified_series.hpp"
#include "forward_rules.hpp"
#include "forward_table.hpp"
#include "ingest.hpp"
#include "series_facts.hpp"
#include "submit_waiting.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
namespace fs = std::filesystem;

constexpr std::int64_t kScanMargin = 3600LL * 1'000'000;
constexpr std::int64_t kNoteEvery = 60LL * 1'000'000;
constexpr std::size_t kForwardPage = 200;
constexpr std::string_view kByHand = "";
constexpr std::uint64_t kMaxManifest = std::uint64_t{256} << 20;

bool is_retried(Code code) {  // as store::JobHandler
  return code == Code::unavailable || code == Code::timeout || code == Code::exhausted;
}

}  // namespace

struct Forwards::Impl {
  Impl(ForwardingDeps given, ForwardingOptions how)
      : deps{std::move(given)}, options{std::move(how)}, archive{deps.archive.impl()}, watch{options.quiet} {}

  ForwardingDeps deps;
  ForwardingOptions options;
  fs::path manifests;
  Archive::Impl& archive;
  std::vector<ForwardRule> rules;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<ForwardTable> table;
  SeriesWatch watch;
  std::int64_t since_us = 0;  // what was stored before the first rule is not sent by itself
  std::int64_t noted_us = 0;
  std::mutex tick_mutex;
  Nap nap;  // of the thread that keeps watch
  std::unique_ptr<store::JobQueue> jobs;
  std::jthread thread;
  bool started = false;

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  Status open(const fs::path& folder);
  Status reconcile();
  void scan();
  void seen(const contracts::StoredObject& object);
  void keep_watch(const std::stop_token& stop);
  void tick();
  Status settle(const std::string& study_uid, const std::string& series_uid);
  Forward forward_of(const std::vector<InstancePtr>& instances, std::int64_t from_us, std::string_view rule,
                     std::string_view destination) const;
  void dispatch();
  Result<Json> run(store::JobContext& context);
  const ForwardRule* rule_of(const Forward& forward) const;
  Status send_objects(Forward& forward, const std::stop_token& stop);
  Status send_deidentified(Forward& forward, const ForwardRule& rule,
                           const std::vector<contracts::StoredObject>& objects, const std::stop_token& stop);
  void job_changed(const store::Job& job);
};

Forwards::Forwards(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Forwards::~Forwards() {
  stop();
}

Result<std::unique_ptr<Forwards>> Forwards::create(const fs::path& folder, ForwardingDeps deps,
                                                   const ForwardingOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(deps), options);
  auto rules = parse_forward_rules(options.rules);
  if (!rules) return Error{std::move(rules).error().add_context("forward.rules")};
  for (const auto& rule : *rules) {
    if (auto good = impl->deps.sender.check(rule.destination); !good)
      return Error{std::move(good).error().add_context("forward.rules: rule " + rule.match.name)};
    if (rule.deidentify && !impl->deps.deidentify_key)
      return Error{Code::invalid, "forward.rules: rule " + rule.match.name + ": there is no key for deidentify"};
  }
  impl->rules = *std::move(rules);
  ACESO_TRY_OK(impl->open(folder));
  return std::unique_ptr<Forwards>{new Forwards{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Forwards::Impl::open(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of forwards: " + ec.message()};
  fs::permissions(folder, fs::perms::owner_all, ec);
  manifests = folder / "manifests";
  fs::create_directories(manifests, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of manifests: " + ec.message()};
  auto migrations = ForwardTable::migrations(1);
  for (const auto& one : store::JobQueue::migrations(2)) migrations.push_back(one);
  ACESO_TRY(catalogue, store::open_sqlite(folder / "forwards.sqlite", migrations, deps.logger));
  table = std::make_unique<ForwardTable>(*catalogue, deps.random, deps.key);
  ACESO_TRY(jobs, store::JobQueue::create(*catalogue, deps.clock, deps.random, deps.logger,
                                          {.workers = 2, .max_queued = 1000}));
  ACESO_TRY(const auto since, table->time("since"));
  since_us = since.value_or(now_us());
  if (!since && !rules.empty()) ACESO_TRY_OK(table->set_time("since", since_us));
  jobs->handle("forward", [this](store::JobContext& context) { return run(context); });
  jobs->on_change([this](const store::Job& job) { job_changed(job); });
  return {};
}

Status Forwards::start() {
  if (std::exchange(impl_->started, true)) return {};
  impl_->deps.archive.listen({.stored =
                                  [i = impl_.get()](const contracts::StoredObject& object) {
                                    if (!i->rules.empty()) {
                                      i->seen(object);
                                    }
                                  },
                              .removed = {}},
                             "forwards");
  ACESO_TRY_OK(impl_->reconcile());
  if (!impl_->rules.empty()) impl_->scan();
  ACESO_TRY_OK(impl_->jobs->start());
  impl_->thread = std::jthread{[i = impl_.get()](const std::stop_token& stop) { i->keep_watch(stop); }};
  return {};
}

void Forwards::Impl::seen(const contracts::StoredObject& object) {
  const bool fresh = watch.seen(object.study_uid, object.series_uid, now_us(), deps.clock.steady_now());
  const bool last =
      watch.arrived(object.series_uid, object.sop_instance_uid) ||
      (watch.is_counted(object.series_uid) &&
       watch.reached(object.series_uid, objects_in(archive.store->index(), object.study_uid, object.series_uid)));
  if (fresh || last) nap.wake();
}

void Forwards::stop() {
  if (!impl_ || !std::exchange(impl_->started, false)) return;
  impl_->deps.archive.listen({}, "forwards");
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->jobs->stop();
}

// What the last process left: jobs go on, those that are no more are made again or have failed.
Status Forwards::Impl::reconcile() {
  ACESO_TRY(auto open_ones, table->waiting(true, 100'000));
  for (Forward& one : open_ones) {
    const auto job = jobs->get(one.job);
    if (!job && job.error().code() != Code::not_found) return job.error();
    if (job && (job->state == store::JobState::queued || job->state == store::JobState::running)) continue;
    if (job && (job->state == store::JobState::failed || job->state == store::JobState::cancelled)) {
      one.state = ForwardState::failed;
      one.reason = job->error.empty() ? "the job was cancelled" : job->error;
    } else {
      one.job.clear();
    }
    ACESO_TRY_OK(table->update(one));
  }
  return {};
}

// Series with objects that came after the last watermark are watched as if they had just come.
void Forwards::Impl::scan() {
  const auto settled = table->time("settled");
  const std::int64_t from = std::max(since_us, settled && *settled ? **settled - kScanMargin : 0);
  const auto now = deps.clock.steady_now();
  archive.store->index().each_study([&](const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    if (study->last_received_us < from) return true;
    for (const auto& [uid, series] : study->series) {
      const bool fresh =
          std::ranges::any_of(series.instances, [&](const auto& one) { return one->received_us >= from; });
      if (fresh) watch.seen(study->uid, uid, from, now);
    }
    return true;
  });
}

void Forwards::step_ended(const contracts::PerformedStep& step) {
  auto& i = *impl_;
  if (i.rules.empty()) return;
  if (end_series(i.watch, i.archive.store->index(), step, i.now_us(), i.deps.clock.steady_now())) i.nap.wake();
}

void Forwards::Impl::keep_watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    nap.prepare();
    tick();
    const auto latest = deps.clock.steady_now() + options.quiet;
    nap.sleep_until(deps.clock, std::min(watch.next().value_or(latest), latest), stop);
  }
}

void Forwards::Impl::tick() {
  const std::lock_guard lock{tick_mutex};
  if (watch.take_overflow()) scan();
  std::vector<const RoutingRule*> all;
  all.reserve(rules.size());
  for (const auto& rule : rules) all.push_back(&rule.match);
  (void)count_series(watch, *archive.store, all);
  for (const auto& one : watch.take_quiet(deps.clock.steady_now())) {
    if (auto done = settle(one.study_uid, one.series_uid); !done) {
      deps.logger.warn("forwards.not_settled", {{"code", to_string(done.error().code())}});
      watch.seen(one.study_uid, one.series_uid, one.since_us, deps.clock.steady_now());
    }
  }
  dispatch();
  const auto settled = watch.oldest_us(now_us());
  if (rules.empty() || settled - noted_us < kNoteEvery) return;
  if (table->set_time("settled", settled)) noted_us = settled;
}

Forward Forwards::Impl::forward_of(const std::vector<InstancePtr>& instances, std::int64_t from_us,
                                   std::string_view rule, std::string_view destination) const {
  Forward out{.id = Uuid::v7(deps.clock, deps.random).to_string(),
              .study_uid = instances.front()->key->study_uid,
              .series_uid = instances.front()->key->series_uid,
              .rule = std::string{rule},
              .destination = std::string{destination},
              .from_us = from_us,
              .updated_us = now_us()};
  for (const auto& one : instances) {
    out.until_us = std::max(out.until_us, one->received_us);
    out.objects += one->received_us > from_us ? 1U : 0U;
  }
  return out;
}

// What a rule has not been given yet of a series. What came from the destination does not go back to it.
Status Forwards::Impl::settle(const std::string& study_uid, const std::string& series_uid) {
  const auto instances = archive.store->index().instances_of(study_uid, series_uid);
  if (instances.empty()) return {};
  const auto facts = series_facts(*archive.store, *instances.front());
  for (const ForwardRule& rule : rules) {
    if (!matches(rule.match, facts) || facts.calling_ae == rule.destination) continue;
    ACESO_TRY(const auto covered, table->covered_us(series_uid, rule.match.name));
    auto forward = forward_of(instances, std::max(covered, since_us - 1), rule.match.name, rule.destination);
    forward.deidentified = rule.deidentify.has_value();
    if (forward.objects > 0) ACESO_TRY_OK(table->add(forward));
  }
  return {};
}

// What waits gets a job, as much as the queue takes; the rest waits for the next time.
void Forwards::Impl::dispatch() {
  submit_waiting(
      *jobs, deps.logger,
      {.kind = "forward", .subject = "forward", .warning = "forwards.not_dispatched", .attempts = options.attempts},
      kForwardPage, [&] { return table->waiting(false, kForwardPage); },
      [&](const auto& id, const auto& job) { return table->set_job(id, job); });
}

Result<Json> Forwards::Impl::run(store::JobContext& context) {
  ACESO_TRY(const Json input, parse_json(context.job().input_json));
  ACESO_TRY(auto found, table->find(input.value("forward", std::string{})));
  if (!found || found->state != ForwardState::waiting) return Json::object();
  Forward& forward = *found;
  forward.job = context.job().id;
  const Status done = send_objects(forward, context.stop());
  forward.updated_us = now_us();
  if (done.ok()) {
    forward.state = forward.sent == forward.objects ? ForwardState::sent : ForwardState::failed;
    forward.reason = forward.refusals;
    if (forward.sent + forward.refused < forward.objects)
      forward.reason += std::string{forward.refused > 0 ? "; " : ""} + "the destination did not take every object";
  } else if (context.stop().stop_requested()) {
    forward.reason.clear();
  } else if (is_retried(done.error().code()) && context.job().attempt < context.job().max_attempts) {
    forward.reason = "attempt " + std::to_string(context.job().attempt) + " of " +
                     std::to_string(context.job().max_attempts) + " failed and is repeated: " + done.error().message();
  } else {
    forward.state = ForwardState::failed;
    forward.reason = done.error().message();
  }
  ACESO_TRY_OK(table->update(forward));
  if (!done) return done.error();
  return Json{{"state", to_string(forward.state)}};
}

// What is sent by hand to a destination that gets no identities goes by the first rule that says so.
const ForwardRule* Forwards::Impl::rule_of(const Forward& forward) const {
  const auto found = std::ranges::find_if(rules, [&](const ForwardRule& one) {
    if (forward.rule != kByHand) return one.match.name == forward.rule;
    return one.destination == forward.destination && one.deidentify.has_value();
  });
  return found == rules.end() ? nullptr : &*found;
}

Status Forwards::Impl::send_deidentified(Forward& forward, const ForwardRule& rule,
                                         const std::vector<contracts::StoredObject>& objects,
                                         const std::stop_token& stop) {
  const privacy::Deidentifier deidentifier{*rule.deidentify, *deps.deidentify_key};
  DeidReport report;
  const auto open_kept = [&](std::size_t i) { return deps.archive.open(node_peer(), objects[i].sop_instance_uid); };
  const auto count = [&](std::size_t, bool taken) { forward.sent += taken ? 1U : 0U; };
  const auto flush = [&](ObjectList& clean) -> Status {
    std::vector<contracts::StoredObject> names;
    names.reserve(clean.size());
    for (const auto& one : clean) names.push_back(one->object());
    return deps.sender.send(
        forward.destination, names,
        [&](std::size_t i) -> Result<std::unique_ptr<contracts::ObjectBytes>> { return std::move(clean[i]); }, count,
        stop);
  };
  Status done = deidentify_series(deidentifier, objects.size(), open_kept, flush, stop, report);
  forward.refused = report.refused();
  forward.refusals = report.refusals();
  ACESO_TRY_OK(write_file_atomic(manifests / (forward.id + ".jsonl"), report.manifest(), {0600, true}));
  return done;
}

Status Forwards::Impl::send_objects(Forward& forward, const std::stop_token& stop) {
  std::vector<InstancePtr> instances = archive.store->index().instances_of(forward.study_uid, forward.series_uid);
  std::erase_if(instances, [&](const InstancePtr& one) {
    return one->received_us <= forward.from_us || one->received_us > forward.until_us;
  });
  forward.objects = instances.size();  // without what was deleted meanwhile
  forward.sent = 0;
  if (instances.empty()) return {};
  ACESO_TRY_OK(archive.access.record(
      node_peer(), {.action = "R",
                    .event = "archive.forward",
                    .entity_type = "study",
                    .entity = forward.study_uid,
                    .detail = Json{{"destination", forward.destination}, {"objects", forward.objects}}.dump(),
                    .once_a_window = false}));
  std::vector<contracts::StoredObject> objects;
  objects.reserve(instances.size());
  for (const auto& one : instances) objects.push_back(describe(*one));
  const auto count = [&](std::size_t, bool taken) { forward.sent += taken ? 1U : 0U; };
  const ForwardRule* rule = rule_of(forward);
  if (rule != nullptr && rule->deidentify) return send_deidentified(forward, *rule, objects, stop);
  if (rule == nullptr && forward.deidentified)
    return Error{Code::precondition, "the rule that removes identities is gone: nothing was sent"};
  if (rule == nullptr || rule->changes.empty()) {
    return deps.sender.send(
        forward.destination, objects,
        [&](std::size_t i) { return deps.archive.open(node_peer(), objects[i].sop_instance_uid); }, count, stop);
  }
  const UidRenamer uids{deps.key, forward.destination, rule->changes.uids};
  std::vector<contracts::StoredObject> renamed;
  renamed.reserve(objects.size());
  for (const auto& one : objects) renamed.push_back(changed_name(one, uids));
  const auto open_changed = [&](std::size_t i) -> Result<std::unique_ptr<contracts::ObjectBytes>> {
    ACESO_TRY(auto kept, deps.archive.open(node_peer(), objects[i].sop_instance_uid));
    return change_object(std::move(kept), rule->changes, uids, instances[i]->received_us);
  };
  return deps.sender.send(forward.destination, renamed, open_changed, count, stop);
}

// A job that ended without its handler saying so: cancelled, or the process died with it too often.
void Forwards::Impl::job_changed(const store::Job& job) {
  if (job.state != store::JobState::failed && job.state != store::JobState::cancelled) return;
  const auto input = parse_json(job.input_json);
  if (!input) return;
  auto found = table->find(input->value("forward", std::string{}));
  if (!found || !*found || (*found)->state != ForwardState::waiting) return;
  (*found)->state = ForwardState::failed;
  (*found)->reason = job.error.empty() ? "the job was cancelled" : job.error;
  if (auto noted = table->update(**found); !noted)
    deps.logger.warn("forwards.not_noted", {{"code", to_string(noted.error().code())}});
}

Result<Json> Forwards::send(const contracts::ObjectPeer& peer, std::string_view study_uid,
                            std::string_view destination) {
  ACESO_TRY_OK(require(peer, kWrite));
  ACESO_TRY_OK(require(peer, kRead));
  Impl& impl = *impl_;
  ACESO_TRY_OK(impl.deps.sender.check(destination));
  const auto study = impl.archive.store->index().study(study_uid);
  if (!study) return Error{Code::not_found, "there is no such study"};
  ACESO_TRY_OK(impl.archive.access.record(peer, {.action = "E",
                                                 .event = "archive.forward_asked",
                                                 .entity_type = "study",
                                                 .entity = study_uid,
                                                 .detail = Json{{"destination", destination}}.dump(),
                                                 .once_a_window = false}));
  std::vector<std::string> series;
  {
    const std::shared_lock lock{study->mutex};
    for (const auto& [uid, one] : study->series) series.push_back(uid);
  }
  Json items = Json::array();
  for (const auto& uid : series) {
    const auto instances = impl.archive.store->index().instances_of(study_uid, uid);
    if (instances.empty()) continue;
    auto forward = impl.forward_of(instances, 0, kByHand, destination);
    forward.deidentified = impl.rule_of(forward) != nullptr;
    ACESO_TRY_OK(impl.table->add(forward));
    items.push_back(to_json(forward));
  }
  const std::lock_guard lock{impl.tick_mutex};
  impl.dispatch();
  return Json{{"items", std::move(items)}};
}

Result<Json> Forwards::list(const contracts::ObjectPeer& peer, std::string_view before, std::size_t limit) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(auto found, impl_->table->list(before, limit + 1));
  const bool more = found.size() > limit;
  if (more) found.pop_back();
  Json items = Json::array();
  for (const auto& one : found) {
    ACESO_TRY_OK(impl_->archive.record_read(peer, one.study_uid));
    items.push_back(to_json(one));
  }
  return Json{{"items", std::move(items)}, {"next", more ? Json(found.back().id) : Json(nullptr)}};
}

Result<std::string> Forwards::manifest(const contracts::ObjectPeer& peer, std::string_view id) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const auto found, impl_->table->find(id));
  std::error_code ec;
  const Error missing{Code::not_found, "there is no such manifest"};
  if (!found || !Uuid::parse(id)) return missing;
  const fs::path file = impl_->manifests / (found->id + ".jsonl");
  if (!fs::exists(file, ec)) return missing;
  ACESO_TRY_OK(impl_->archive.record_read(peer, found->study_uid));
  return read_text_file(file, kMaxManifest);
}

void Forwards::register_routes(net::Router& router) {
  using net::Method;
  const auto unstored = [](const Json& json, int status) {
    auto response = net::Response::json(json, status);
    response.headers.set("Cache-Control", "private, no-store");
    return response;
  };
  router.add(Method::get, "/api/v1/archive/forwards",
             {.summary = "What was sent on to other archives, the newest first",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"cursor", "of the page before"}, {"limit", "1 to 200"}}},
             [this, unstored](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const auto limit, request.query_integer("limit", 50, 1, 200));
               ACESO_TRY(const Json found, list(peer_of(request), request.query_value("cursor").value_or(""),
                                                static_cast<std::size_t>(limit)));
               return unstored(found, 200);
             });
  router.add(Method::get, "/api/v1/archive/forwards/{forward}/manifest",
             {.summary = "What was done to the objects that were sent on without identities, lines of JSON",
              .tag = "archive",
              .scope = std::string{kRead}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(std::string lines, manifest(peer_of(request), request.param("forward")));
               auto response = net::Response::text(std::move(lines));
               response.headers.set("Content-Type", "application/x-ndjson");
               response.headers.set("Cache-Control", "private, no-store");
               return response;
             });
  router.add(Method::post, "/api/v1/archive/studies/{study}/forwards",
             {.summary = "Send a study to another archive",
              .tag = "archive",
              .scope = std::string{kWrite},
              .request_type = "application/json",
              .request_schema =
                  R"({"type":"object","required":["to"],"additionalProperties":false,"properties":{)"
                  R"("to":{"type":"string","description":"AE title of dimse.peers, or a name of forward.dicomweb"}}})"},
             [this, unstored](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json body, request.json(std::size_t{4} << 10));
               if (!body.is_object() || !body.contains("to") || !body.at("to").is_string())
                 return Error{Code::invalid, "to: an AE title of dimse.peers, or a name of forward.dicomweb"};
               ACESO_TRY(const Json made,
                         send(peer_of(request), request.param("study"), body.at("to").get<std::string>()));
               return unstored(made, 202);
             });
}

void declare_forwarding_config(ConfigSchema& schema) {
  schema
      .add({.name = "forward.rules",
            .type = ConfigType::document,
            .default_value = "[]",
            .help =
                "Which series go to which archive: {match: {modality, body_part, description, calling_ae}, to: "
                "AE title of dimse.peers or name of forward.dicomweb, name, change: {set, replace, remove, uids}, or "
                "deidentify: {options, pixel_rules, detect_text}}; a match is a text with * and ?, or a list of "
                "them."})
      .add({.name = "forward.dicomweb",
            .type = ConfigType::document,
            .default_value = "[]",
            .help =
                "Destinations that take objects by STOW-RS: {name, url: https://HOST[:PORT]/PATH, token_file or user "
                "and password_file, ca_file}."})
      .add({.name = "forward.quiet",
            .type = ConfigType::duration,
            .default_value = "60s",
            .help = "A series is sent on when nothing came for so long.",
            .min = 100,
            .max = 86'400'000})
      .add({.name = "forward.attempts",
            .type = ConfigType::integer,
            .default_value = "20",
            .help = "How often a series is tried while its destination does not answer.",
            .min = 1,
            .max = 1000});
}

ForwardingOptions forwarding_options_from(const Config& config) {
  return {.rules = config.document("forward.rules"),
          .quiet = std::chrono::milliseconds{config.duration_ms("forward.quiet")},
          .attempts = static_cast<int>(config.integer("forward.attempts"))};
}

}  // namespace aceso::archive
