#include "aceso/archive/analyses.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "aceso/base/id.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/tags.hpp"
#include "analyses_impl.hpp"
#include "analysis_input.hpp"
#include "analysis_result.hpp"
#include "series_facts.hpp"
#include "submit_waiting.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
namespace fs = std::filesystem;

constexpr std::int64_t kMargin = 3600LL * 1'000'000;  // of the watermark: clocks are set, and syncs take their time
constexpr std::int64_t kSaveEvery = 60LL * 1'000'000;
constexpr std::size_t kPage = 200;

std::string model_text(const contracts::ModelRef& model) {
  return model.name + (model.version > 0 ? "@" + std::to_string(model.version) : std::string{});
}

}  // namespace

bool has_pixels(const Instance& instance) {
  return instance.image.find(tags::kRows).has_value() && is_acquired_image(instance.sop_class_uid);
}

contracts::ObjectPeer node_peer() {
  contracts::ObjectPeer peer;
  peer.principal = {.id = "system", .name = "system", .scopes = {std::string{kRead}, std::string{kWrite}}};
  peer.source_address = "local";
  return peer;
}

Analyses::Analyses(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Analyses::~Analyses() {
  stop();
}

Result<std::unique_ptr<Analyses>> Analyses::create(const fs::path& folder, AnalysesDeps deps,
                                                   const RoutingOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(deps), options);
  auto rules = parse_routing_rules(options.rules);
  if (!rules) return Error{std::move(rules).error().add_context("routing.rules")};
  impl->rules = *std::move(rules);
  ACESO_TRY_OK(impl->open(folder));
  return std::unique_ptr<Analyses>{new Analyses{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Analyses::Impl::open(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of analyses: " + ec.message()};
  fs::permissions(folder, fs::perms::owner_all, ec);
  auto migrations = AnalysisTable::migrations(1);
  for (const auto& one : store::JobQueue::migrations(2)) migrations.push_back(one);
  migrations.push_back(AnalysisTable::order_migration(static_cast<int>(migrations.size()) + 1));
  migrations.push_back(AnalysisTable::recall_migration(static_cast<int>(migrations.size()) + 1));
  ACESO_TRY(catalogue, store::open_sqlite(folder / "analyses.sqlite", migrations, deps.logger));
  table = std::make_unique<AnalysisTable>(*catalogue, deps.random, deps.key);
  ACESO_TRY(jobs, store::JobQueue::create(*catalogue, deps.clock, deps.random, deps.logger,
                                          {.workers = 1, .max_queued = 1000}));
  const auto name = crypto::hmac_sha256(deps.key.bytes(), crypto::as_bytes("node"));
  node = crypto::to_hex(crypto::ByteView{name}.first(8));
  ACESO_TRY(const auto since, table->time("since"));
  since_us = since.value_or(now_us());
  if (!since && !rules.empty()) ACESO_TRY_OK(table->set_time("since", since_us));
  jobs->handle("analyse", [this](store::JobContext& context) { return run(context); });
  jobs->on_change([this](const store::Job& job) { job_changed(job); });
  return {};
}

void Analyses::on_change(std::function<void(std::string_view)> listener) {
  impl_->changed = std::move(listener);
}

void Analyses::observe(Observer observer) {
  impl_->observer = std::move(observer);
}

Status Analyses::start() {
  if (std::exchange(impl_->started, true)) return {};
  impl_->deps.archive.listen(
      {.stored =
           [i = impl_.get()](const contracts::StoredObject& object) {
             const bool fresh =
                 i->watch.seen(object.study_uid, object.series_uid, i->now_us(), i->deps.clock.steady_now());
             const bool last = i->watch.arrived(object.series_uid, object.sop_instance_uid) ||
                               (i->watch.is_counted(object.series_uid) &&
                                i->watch.reached(object.series_uid, objects_in(i->archive.store->index(),
                                                                               object.study_uid, object.series_uid)));
             if (fresh || last) i->nap.wake();
           },
       .removed =
           [i = impl_.get()](std::string_view study_uid) {
             if (i->archive.store->index().study(study_uid)) return;
             if (auto gone = i->table->forget_study(study_uid); !gone)
               i->deps.logger.warn("analyses.not_forgotten", {{"code", to_string(gone.error().code())}});
           }});
  ACESO_TRY_OK(impl_->reconcile());
  impl_->scan();
  impl_->events.start();
  ACESO_TRY_OK(impl_->jobs->start());
  impl_->thread = std::jthread{[i = impl_.get()](const std::stop_token& stop) { i->keep_watch(stop); }};
  return {};
}

void Analyses::stop() {
  if (!impl_ || !std::exchange(impl_->started, false)) return;
  impl_->deps.archive.listen({});
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->jobs->stop();
  impl_->events.stop();
}

// What the last process left: jobs go on, those that are no more are made again or have failed.
Status Analyses::Impl::reconcile() {
  ACESO_TRY(auto open_ones, table->unfinished(100'000));
  for (Analysis& one : open_ones) {
    const auto job = jobs->get(one.job);
    if (!job && job.error().code() != Code::not_found) return job.error();
    if (!job || job->state == store::JobState::succeeded) {
      ACESO_TRY_OK(table->set_job(one.id, ""));
    } else if (job->state == store::JobState::failed || job->state == store::JobState::cancelled) {
      one.state = AnalysisState::failed;
      one.reason = job->error.empty() ? "the job was cancelled" : job->error;
      ACESO_TRY_OK(save(one));
      continue;
    }
    if (one.state == AnalysisState::waiting) continue;
    one.state = AnalysisState::waiting;
    ACESO_TRY_OK(save(one));
  }
  return {};
}

// Series with objects that came after the last watermark are watched as if they had just come.
void Analyses::Impl::scan() {
  const auto settled = table->time("settled");
  const std::int64_t from = std::max(since_us, settled && *settled ? **settled - kMargin : 0);
  const auto now = deps.clock.steady_now();
  archive.store->index().each_study([&](const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    if (study->last_received_us < from) return true;
    for (const auto& [uid, series] : study->series) {
      std::int64_t first = 0;
      for (const auto& instance : series.instances) {
        if (instance->received_us >= from)
          first = first == 0 ? instance->received_us : std::min(first, instance->received_us);
      }
      if (first != 0) watch.seen(study->uid, uid, first, now);
    }
    return true;
  });
}

void Analyses::Impl::keep_watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    nap.prepare();
    tick();
    const auto latest = deps.clock.steady_now() + options.quiet;
    nap.sleep_until(deps.clock, std::min(watch.next().value_or(latest), latest), stop);
  }
}

void Analyses::step_ended(const contracts::PerformedStep& step) {
  auto& i = *impl_;
  if (end_series(i.watch, i.archive.store->index(), step, i.now_us(), i.deps.clock.steady_now())) i.nap.wake();
}

void Analyses::Impl::tick() {
  const std::lock_guard lock{tick_mutex};
  if (watch.take_overflow()) scan();
  std::vector<const RoutingRule*> all;
  all.reserve(rules.size());
  for (const auto& rule : rules) all.push_back(&rule);
  (void)count_series(watch, *archive.store, all);
  for (const auto& one : watch.take_quiet(deps.clock.steady_now())) {
    if (auto done = settle(one.study_uid, one.series_uid, false); !done) {
      deps.logger.warn("analyses.not_settled", {{"code", to_string(done.error().code())}});
      watch.seen(one.study_uid, one.series_uid, one.since_us, deps.clock.steady_now());
    }
  }
  if (auto done = settle_recalls(); !done)
    deps.logger.warn("analyses.recall_not_settled", {{"code", to_string(done.error().code())}});
  dispatch();
  const auto settled = watch.oldest_us(now_us());
  if (settled - saved_us < kSaveEvery) return;
  if (table->set_time("settled", settled)) saved_us = settled;
}

bool Analyses::Impl::is_own(const Instance& instance) const {
  const auto study = archive.store->index().study(instance.key->study_uid);
  if (study) {
    const std::shared_lock lock{study->mutex};
    const auto series = study->series.find(instance.key->series_uid);
    if (series != study->series.end() && series->second.attributes.value(tags::kManufacturer) == kResultManufacturer)
      return true;
  }
  const auto known = table->is_result(instance.sop_instance_uid);
  return known && *known;
}

std::vector<Analysis> Analyses::Impl::analyses_for(const std::vector<InstancePtr>& instances, bool by_hand) const {
  std::vector<Analysis> out;
  const auto add = [&](const std::string& rule, const std::string& model, const std::string& instance,
                       AnalysisState state, std::string reason) {
    out.push_back({.id = Uuid::v7(deps.clock, deps.random).to_string(),
                   .study_uid = instances.front()->key->study_uid,
                   .series_uid = instances.front()->key->series_uid,
                   .instance_uid = instance,
                   .rule = rule,
                   .state = state,
                   .reason = std::move(reason),
                   .model = model,
                   .updated_us = now_us()});
  };
  std::vector<InstancePtr> images;
  std::ranges::copy_if(instances, std::back_inserter(images), [](const auto& one) { return has_pixels(*one); });
  if (images.empty()) {
    add("", "", "", AnalysisState::not_applicable, "the series holds no image that a model reads");
    return out;
  }
  const auto facts = series_facts(*archive.store, *images.front());
  for (const RoutingRule& rule : rules) {
    if (!matches(rule, facts)) continue;
    if (reads_volumes(rule)) {
      const bool one = images.size() < 2;
      add(rule.name, model_text(rule.model), "", one ? AnalysisState::not_applicable : AnalysisState::waiting,
          one ? "the model reads volumes and the series has one image" : "");
      out.back().images = images.size();
      continue;
    }
    if (images.size() > options.max_images) {
      add(rule.name, model_text(rule.model), "", AnalysisState::not_applicable,
          "the series has " + std::to_string(images.size()) + " images; models of single images get at most " +
              std::to_string(options.max_images) + " of a series (routing.max_images)");
      continue;
    }
    for (const auto& image : images) {
      if (by_hand || image->received_us >= since_us)
        add(rule.name, model_text(rule.model), image->sop_instance_uid, AnalysisState::waiting, "");
    }
  }
  if (out.empty()) {
    add("", "", "", AnalysisState::not_applicable,
        rules.empty() ? "no routing rules are set up (routing.rules)" : "no routing rule matches this series");
  }
  return out;
}

Status Analyses::Impl::settle(const std::string& study_uid, const std::string& series_uid, bool by_hand) {
  const auto instances = archive.store->index().instances_of(study_uid, series_uid);
  if (instances.empty() || is_own(*instances.front())) return {};
  if (observer.complete && !by_hand) ACESO_TRY_OK(observer.complete(study_uid, series_uid));
  if (rules.empty() && !by_hand) return {};  // nothing to remember: said when it is asked for
  auto wanted = analyses_for(instances, by_hand);
  // A volume that has grown is another one.
  ACESO_TRY(const auto known, table->of_study(study_uid));
  const auto grown = std::ranges::stable_partition(wanted, [&](const Analysis& one) {
    return one.images == 0 || std::ranges::none_of(known, [&](const Analysis& before) {
             return before.series_uid == one.series_uid && before.rule == one.rule && before.instance_uid.empty() &&
                    before.images != one.images;
           });
  });
  ACESO_TRY_OK(table->add({grown.begin(), grown.end()}, true));
  wanted.erase(grown.begin(), grown.end());
  ACESO_TRY_OK(table->add(wanted, by_hand));
  tell(study_uid);
  return {};
}

void Analyses::Impl::tell(const std::string& study_uid) {
  events.changed(study_uid);
  if (changed) changed(study_uid);
}

bool Analyses::Impl::reads_volumes(const RoutingRule& rule) const {
  constexpr std::size_t kChannelsAndThreeAxes = 4;
  const auto signature = deps.predictor.signature(rule.model);
  return signature && signature->inputs.size() == 1 &&
         (signature->preprocessing.kind == learn::PortKind::volume ||
          signature->inputs.front().shape.size() == kChannelsAndThreeAxes);
}

// Analyses that wait get a job each, as many as the queue takes; the rest waits for the next time.
void Analyses::Impl::dispatch() {
  submit_waiting(
      *jobs, deps.logger,
      {.kind = "analyse", .subject = "analysis", .warning = "analyses.not_dispatched", .attempts = options.attempts},
      kPage, [&] { return table->without_job(kPage); },
      [&](const auto& id, const auto& job) { return table->set_job(id, job); });
}

// Before the end is kept: a crash in between tells it again, and who is told knows it by its id.
void Analyses::Impl::tell_ended(const Analysis& analysis) {
  if (!observer.ended || analysis.state == AnalysisState::waiting || analysis.state == AnalysisState::running) return;
  const auto told =
      observer.ended(analysis.study_uid, analysis.series_uid, analysis.id, to_string(analysis.state), analysis.results);
  if (!told) deps.logger.warn("analyses.not_told", {{"code", to_string(told.error().code())}});
}

Status Analyses::Impl::save(Analysis& analysis) {
  analysis.updated_us = now_us();
  ACESO_TRY_OK(table->update(analysis));
  tell(analysis.study_uid);
  return {};
}

}  // namespace aceso::archive
