#include "aceso/models/models.hpp"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>

#include "aceso/base/id.hpp"
#include "aceso/imaging/image.hpp"
#include "dicom_source.hpp"
#include "impl.hpp"
#include "migrations.hpp"
#include "object_reader.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kKeepKeysUs = 24LL * 3600 * 1'000'000;  // idempotency keys are forgotten after a day

const Actor kNode{.id = "system", .name = "system", .source_address = "local", .request_id = {}};

constexpr Urgency kBackground{.lane = Lane::bulk};  // what rules of the archive ask

Result<store::JobState> parse_state(std::string_view name) {
  for (const auto s : {store::JobState::queued, store::JobState::running, store::JobState::succeeded,
                       store::JobState::failed, store::JobState::cancelled}) {
    if (store::to_string(s) == name) return s;
  }
  return Error{Code::invalid, "state: queued, running, succeeded, failed or cancelled"};
}

bool ended(store::JobState state) {
  return state != store::JobState::queued && state != store::JobState::running;
}

}  // namespace

Models::Impl::Impl(Deps deps, Options options, fs::path folder)
    : key{std::move(deps.signing_key)},
      engines{deps.engines},
      context{deps.clock, deps.random, std::move(deps.logger), deps.audit, std::move(options), std::move(folder),
              nullptr,    std::nullopt},
      blob_key{deps.blob_key},
      datasets{context},
      registry{context, key},
      serving{context, registry, engines},
      training{context, datasets, registry, deps.workers, architectures},
      watch{context, registry},
      approvals{context, registry, key},
      recalls{context, registry} {
  explainers = deps.explainers;
  if (deps.pseudonym_key) context.pseudonyms.emplace(*deps.pseudonym_key);
  context.runs = deps.runs;
  accounts = deps.accounts;
  learn::register_builtin_architectures(architectures);
}

std::vector<store::Migration> catalogue_migrations() {
  const std::vector<std::string_view> own = migrations();
  std::vector<store::Migration> all{{1, own.front()}};
  for (const store::Migration& m : store::JobQueue::migrations(2)) all.push_back(m);
  for (const std::string_view later : std::span{own}.subspan(1)) all.push_back({all.back().number + 1, later});
  return all;
}

Status Models::Impl::open() {
  std::error_code ec;
  for (const char* sub : {"datasets", "bundles", "jobs", "blobs", "spool", "checks"}) {
    fs::create_directories(context.folder / sub, ec);
    if (ec) {
      return Error{Code::denied,
                   "cannot make the folder " + std::string{sub} + " of the models service: " + ec.message()};
    }
    fs::permissions(context.folder / sub, fs::perms::owner_all, ec);
  }
  ACESO_TRY(catalogue, store::open_sqlite(context.folder / "catalogue.sqlite", catalogue_migrations(), context.log));
  context.catalogue = catalogue.get();
  store::SegmentedLog::Options log_options;
  log_options.key = blob_key;
  ACESO_TRY(blobs,
            store::open_segment_blobs(context.folder / "blobs", std::move(log_options), context.clock, context.log));
  ACESO_TRY(jobs, store::JobQueue::create(
                      *catalogue, context.clock, context.random, context.log,
                      {.workers = context.options.job_workers, .max_queued = context.options.max_queued_jobs}));
  predictions = std::make_unique<PredictionService>(context, registry, serving, *blobs, watch);
  drills = std::make_unique<WatchDrill>(context, datasets, registry, serving);
  labelling = std::make_unique<Labelling>(context, datasets, accounts);
  truths = std::make_unique<Truths>(context, registry, *predictions);
  feedback = std::make_unique<Feedback>(context, datasets, registry, *blobs, *truths);
  evaluation = std::make_unique<EvaluationJobs>(context, datasets, registry, engines, *blobs);
  improvement = std::make_unique<Improvement>(
      context, Improvement::Parts{datasets, registry, *feedback, training, *evaluation, approvals,
                                  [this](const Actor& actor, std::string_view name, int version,
                                         std::string_view stage) { return promote(actor, name, version, stage); }});
  explanation = std::make_unique<ExplanationJobs>(context, registry, *predictions, *blobs, explainers);
  events = std::make_unique<JobEvents>(*jobs);
  register_handlers();
  return {};
}

void Models::Impl::register_handlers() {
  jobs->handle("dataset-import", [this](store::JobContext& job) -> Result<Json> {
    ACESO_TRY(const Json input, parse_own(job.job().input_json));
    ACESO_TRY(const learn::ImportOptions options, parse_import_options(input.value("options", Json::object())));
    ACESO_TRY(const DicomOptions dicom, parse_dicom_options(input.value("dicom", Json::object())));
    const fs::path source = input.value("source", std::string{});
    JobProgress progress{job, context.clock};
    Result<Json> summary =
        datasets.import(actor_of(input, job.job()), source, options, dicom, job.job().id, progress, job.stop());
    const bool again = !summary && summary.error().code() == Code::cancelled &&
                       !job.cancelled();  // shutdown: the spooled file is needed once more
    std::error_code ec;
    if (input.value("spooled", false) && !again) fs::remove(source, ec);
    return summary;
  });
  jobs->handle("dataset-from-archive", [this](store::JobContext& job) { return run_archive_import(job); });
  jobs->handle("dataset-check", [this](store::JobContext& job) -> Result<Json> {
    ACESO_TRY(const Json input, parse_own(job.job().input_json));
    ACESO_TRY(const learn::CheckOptions options, parse_check_options(input.value("options", Json::object())));
    JobProgress progress{job, context.clock};
    ACESO_TRY(const Json report, datasets.check(actor_of(input, job.job()), input.value("dataset", std::string{}),
                                                options, progress, job.stop()));
    return Json{{"ok", report["ok"]}, {"problems", report["problems"]}};
  });
  jobs->handle("dataset-split", [this](store::JobContext& job) -> Result<Json> {
    ACESO_TRY(const Json input, parse_own(job.job().input_json));
    ACESO_TRY(const learn::SplitOptions options, parse_split_options(input.value("options", Json::object())));
    JobProgress progress{job, context.clock};
    return datasets.split(actor_of(input, job.job()), input.value("dataset", std::string{}), options, job.job().id,
                          progress, job.stop());
  });
  jobs->handle("dataset-synthesise", [this](store::JobContext& job) -> Result<Json> {
    ACESO_TRY(const Json input, parse_own(job.job().input_json));
    JobProgress progress{job, context.clock};
    return datasets.synthesise(actor_of(input, job.job()), input.value("request", Json::object()), job.job().id,
                               progress, job.stop());
  });
  jobs->handle("dataset-export", [this](store::JobContext& job) -> Result<Json> {
    ACESO_TRY(const Json input, parse_own(job.job().input_json));
    JobProgress progress{job, context.clock};
    ACESO_TRY_OK(datasets.export_to(actor_of(input, job.job()), input.value("dataset", std::string{}),
                                    input.value("target", std::string{}), input.value("format", std::string{}),
                                    progress, job.stop()));
    return Json{{"ok", true}};
  });
  jobs->handle("train", [this](store::JobContext& job) { return training.run(job); });
  jobs->handle("feedback-export", [this](store::JobContext& job) { return feedback->run(job); });
  jobs->handle("labelling-finish", [this](store::JobContext& job) -> Result<Json> {
    Result<Json> made = labelling->run_finish(job);
    const bool again = !made && made.error().code() == Code::cancelled && !job.cancelled();  // shutdown
    const Result<Json> input = parse_own(job.job().input_json);
    if (!made && !again && input) ACESO_TRY_OK(labelling->unfinish(input->value("project", std::string{})));
    return made;
  });
  jobs->handle("evaluate", [this](store::JobContext& job) { return evaluation->run(job); });
  jobs->handle("improve", [this](store::JobContext& job) -> Result<Json> {
    ACESO_TRY(Json done, improvement->run(job));
    // What a clinician signs is an evaluation: one on the own cases follows at once.
    if (!done["own_dataset"].is_null()) {
      ACESO_TRY(const Json input, parse_own(job.job().input_json));
      ACESO_TRY(Json wanted, evaluation->prepare(Json{{"model", done["model"]},
                                                      {"version", done["version"]},
                                                      {"dataset", done["own_dataset"]},
                                                      {"split", "test"}}));
      ACESO_TRY(const Json sent, submit(actor_of(input, job.job()), "evaluate", std::move(wanted)));
      done["evaluation_job"] = sent["job"]["id"];
    }
    return done;
  });
  jobs->handle("compare", [this](store::JobContext& job) { return evaluation->run_comparison(job); });
  jobs->handle("watch-drill", [this](store::JobContext& job) { return drills->run(job); });
  jobs->handle("explain", [this](store::JobContext& job) { return explanation->run(job); });
  jobs->on_change([this](const store::Job& job) { events->changed(job.id); });
}

Result<std::vector<store::Job>> Models::Impl::unfinished() const {
  ACESO_TRY(std::vector<store::Job> all, jobs->list(store::JobState::queued, context.options.max_queued_jobs + 1));
  ACESO_TRY(std::vector<store::Job> running, jobs->list(store::JobState::running, 1000));
  for (store::Job& job : running) all.push_back(std::move(job));
  return all;
}

Status Models::Impl::check_no_labelling_job(std::string_view project) const {
  ACESO_TRY(const auto busy, unfinished());
  for (const store::Job& job : busy) {
    const Result<Json> input = parse_own(job.input_json);
    if (job.kind == "labelling-finish" && input && input->value("project", std::string{}) == project)
      return Error{Code::conflict, "a job makes the data set of this project: wait for its end or cancel it"};
  }
  return {};
}

Result<Json> Models::Impl::finish_labelling(const Actor& actor, std::string_view project, const Json& request) {
  const std::scoped_lock lock{finish_mutex};
  ACESO_TRY_OK(check_no_labelling_job(project));
  ACESO_TRY_OK(labelling->unfinish(project));  // what a crash or a cancelled job left
  ACESO_TRY(Json input, labelling->prepare_finish(actor, project, request));
  Result<Json> job = submit(actor, "labelling-finish", std::move(input));
  if (!job && check_no_labelling_job(project)) ACESO_TRY_OK(labelling->unfinish(project));
  return job;
}

Status Models::Impl::recover_labelling(std::string_view project) {
  const std::scoped_lock lock{finish_mutex};
  const Status free = check_no_labelling_job(project);
  if (!free) return free.error().code() == Code::conflict ? Status{} : free;
  return labelling->unfinish(project);
}

Status Models::Impl::in_use(std::string_view dataset) const {
  ACESO_TRY(const auto busy, unfinished());
  for (const store::Job& job : busy) {
    const Result<Json> input = parse_own(job.input_json);
    if (!input || !input->is_object()) continue;
    for (const char* field : {"dataset", "as", "own_as"}) {
      if (input->contains(field) && (*input)[field] == dataset)
        return Error{Code::conflict, "a job uses this dataset: wait for its end or cancel it"};
    }
  }
  return {};
}

Result<Json> Models::Impl::submit(const Actor& actor, std::string_view kind, Json input) {
  input["requested_by"] = requested_by(actor);
  ACESO_TRY(const std::string id, jobs->submit(kind, input, actor.id));
  ACESO_TRY_OK(context.record(actor, "C", "job.create", "job", id, dump(Json{{"kind", kind}})));
  ACESO_TRY(const store::Job job, jobs->get(id));
  return Json{{"job", job_json(job)}};
}

Result<Json> Models::Impl::once(const Actor& actor, std::string_view key_text, const std::string& request,
                                const std::function<Result<std::pair<Json, std::string>>()>& act,
                                const std::function<Result<Json>(const std::string&)>& recall) {
  if (key_text.empty()) {
    ACESO_TRY(auto done, act());
    return std::move(done.first);
  }
  if (key_text.size() > 128) return Error{Code::invalid, "Idempotency-Key: at most 128 bytes"};
  const std::string k{key_text}, inflight = actor.id + "\n" + k;
  {
    const std::scoped_lock lock{once_mutex};
    if (!running_keys.insert(inflight).second)
      return Error{Code::conflict, "a request with this Idempotency-Key is being answered"};
  }
  struct Release {
    Impl& impl;
    const std::string& key;
    ~Release() {
      const std::scoped_lock lock{impl.once_mutex};
      impl.running_keys.erase(key);
    }
  };
  const Release release{*this, inflight};
  const std::int64_t now = context.now_us();
  ACESO_TRY(const auto rows,
            catalogue->query("SELECT request, result FROM idempotency WHERE agent = ?1 AND key = ?2 AND created > ?3",
                             {actor.id, k, now - kKeepKeysUs}));
  if (!rows.empty()) {
    if (rows.front().text(0) != request)
      return Error{Code::conflict, "this Idempotency-Key was used for another request"};
    return recall(rows.front().text(1));
  }
  ACESO_TRY(auto done, act());
  ACESO_TRY_OK(catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto old,
              tx.execute("DELETE FROM idempotency WHERE created <= ?1 OR (agent = ?2 AND key = ?3)",
                         {now - kKeepKeysUs, actor.id, k}));
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO idempotency (agent, key, request, result, created) VALUES (?1, ?2, ?3, ?4, ?5)",
                         {actor.id, k, request, done.second, now}));
    return {};
  }));
  return std::move(done.first);
}

Models::Models(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Models::~Models() {
  stop();
}

Result<std::unique_ptr<Models>> Models::create(const fs::path& folder, Deps deps, Options options) {
  auto impl = std::make_unique<Impl>(std::move(deps), std::move(options), folder);
  ACESO_TRY_OK(impl->open());
  return std::unique_ptr<Models>{new Models{std::move(impl)}};
}

Status Models::start() {
  Impl& i = *impl_;
  if (i.started.exchange(true)) return {};
  ACESO_TRY(const auto unfinished, i.unfinished());
  std::set<std::string> importing, spooled;
  for (const store::Job& job : unfinished) {
    const Result<Json> input = parse_own(job.input_json);
    if (!input || !input->is_object()) continue;
    if (job.kind == "dataset-import" && input->contains("options"))
      importing.insert((*input)["options"].value("name", std::string{}));
    if (job.kind == "feedback-export" || job.kind == "dataset-split" || job.kind == "dataset-synthesise" ||
        job.kind == "labelling-finish" || job.kind == "dataset-from-archive")
      importing.insert(input->value("name", std::string{}));
    if (job.kind == "improve") {
      for (const char* key : {"as", "own_as"}) importing.insert(input->value(key, std::string{}));
    }
    for (const char* key : {"source", "query", "labels"}) spooled.insert(input->value(key, std::string{}));
  }
  ACESO_TRY_OK(i.datasets.reconcile(importing));
  ACESO_TRY_OK(i.registry.reconcile());
  std::error_code ec;
  for (const char* sub : {"spool", "jobs"}) {  // of requests and attempts that a crash cut off
    std::vector<fs::path> leftovers;
    for (const auto& entry : fs::directory_iterator{i.context.folder / sub, ec}) {
      // A job of several runs may have been cut off between two of them.
      const bool resumable = fs::exists(entry.path() / kCheckpointName, ec) || fs::exists(entry.path() / kRunsName, ec);
      if (!spooled.contains(entry.path().string()) && !resumable) leftovers.push_back(entry.path());
    }
    for (const fs::path& path : leftovers) fs::remove_all(path, ec);
  }
  i.events->start();
  i.watch.start();
  ACESO_TRY_OK(i.jobs->start());
  ACESO_TRY(const std::vector<std::string> finishing, i.labelling->finishing());
  for (const std::string& project : finishing) ACESO_TRY_OK(i.recover_labelling(project));
  return {};
}

void Models::stop() {
  if (!impl_ || !impl_->started.exchange(false)) return;
  impl_->jobs->stop();
  impl_->events->stop();
  impl_->watch.stop();
}

void Models::write_metrics(std::string& out) const {
  impl_->serving.write_metrics(out);
}

Status Models::ready() const {
  if (!impl_->started) return Error{Code::unavailable, "the models service is not started"};
  auto row = impl_->catalogue->query("SELECT 1");
  return row ? Status{} : Status{std::move(row).error()};
}

Result<Json> Models::import_dataset(const Actor& actor, const fs::path& source, const learn::ImportOptions& options,
                                    const DicomOptions& dicom) {
  ACESO_TRY_OK(check_import_options(options));
  ACESO_TRY_OK(check_dicom_options(dicom));
  if (impl_->datasets.taken(options.name, ""))
    return Error{Code::exists, "there is a dataset " + options.name + " already"};
  std::error_code ec;
  if (!fs::exists(source, ec)) return Error{Code::not_found, source.string() + ": no such file or folder"};
  if (!dicom.key_table.empty() && fs::exists(dicom.key_table, ec))
    return Error{Code::exists, "key table: there is a file of that name already"};
  return impl_->submit(actor, "dataset-import",
                       Json{{"name", options.name},
                            {"source", fs::absolute(source).string()},
                            {"spooled", false},
                            {"options", to_json(options)},
                            {"dicom", to_json(dicom)}});
}
Result<Json> Models::datasets() const {
  return impl_->datasets.list();
}
Result<Json> Models::dataset(std::string_view name) const {
  return impl_->datasets.show(name);
}
Result<Json> Models::samples(std::string_view name, const SampleQuery& query) const {
  return impl_->datasets.samples(name, query);
}
Result<std::vector<std::byte>> Models::sample_png(std::string_view name, std::size_t index) const {
  return impl_->datasets.sample_png(name, index);
}
Result<Json> Models::verify_dataset(const Actor& actor, std::string_view name) {
  return impl_->datasets.verify(actor, name);
}
Result<Json> Models::check_dataset(const Actor& actor, std::string_view name, const Json& request) {
  ACESO_TRY([[maybe_unused]] const std::string known, impl_->datasets.sha256(name));
  ACESO_TRY([[maybe_unused]] const learn::CheckOptions options, parse_check_options(request));
  return impl_->submit(actor, "dataset-check", Json{{"dataset", name}, {"options", request}});
}
Result<Json> Models::dataset_check(std::string_view name) const {
  return impl_->datasets.last_check(name);
}
Result<Json> Models::split_dataset(const Actor& actor, std::string_view name, const Json& request) {
  ACESO_TRY([[maybe_unused]] const std::string known, impl_->datasets.sha256(name));
  ACESO_TRY(learn::SplitOptions options, parse_split_options(request));
  if (options.name.empty()) {
    ACESO_TRY(options.name, impl_->datasets.next_version(name));
  }
  if (impl_->datasets.taken(options.name, ""))
    return Error{Code::exists, "there is a dataset " + options.name + " already"};
  return impl_->submit(actor, "dataset-split",
                       Json{{"dataset", name}, {"name", options.name}, {"options", to_json(options)}});
}
Result<Json> Models::synthesise_dataset(const Actor& actor, const Json& request) {
  ACESO_TRY(const std::string name, check_synthesis(request));
  if (impl_->datasets.taken(name, "")) return Error{Code::exists, "there is a dataset " + name + " already"};
  return impl_->submit(actor, "dataset-synthesise", Json{{"name", name}, {"request", request}});
}
Result<Json> Models::export_dataset(const Actor& actor, std::string_view name, const fs::path& target,
                                    std::string_view format) {
  ACESO_TRY([[maybe_unused]] const std::string known, impl_->datasets.sha256(name));
  ACESO_TRY([[maybe_unused]] const learn::ExportFormat parsed, learn::parse_export_format(format));
  std::error_code ec;
  if (fs::exists(target, ec)) return Error{Code::exists, "there is a file or folder of that name already"};
  return impl_->submit(actor, "dataset-export",
                       Json{{"dataset", name}, {"target", fs::absolute(target).string()}, {"format", format}});
}
Result<std::vector<std::byte>> Models::contact_sheet(std::string_view name, const SampleQuery& query) const {
  return impl_->datasets.sheet(name, query);
}
Status Models::delete_dataset(const Actor& actor, std::string_view name) {
  ACESO_TRY_OK(impl_->in_use(name));
  ACESO_TRY_OK(impl_->labelling->in_use(name));
  return impl_->datasets.remove(actor, name);
}

Result<Json> Models::jobs(std::optional<std::string> state, std::size_t limit) const {
  std::optional<store::JobState> wanted;
  if (state && !state->empty()) {
    ACESO_TRY(wanted, parse_state(*state));
  }
  ACESO_TRY(const auto list, impl_->jobs->list(wanted, limit));
  Json items = Json::array();
  for (const store::Job& job : list) items.push_back(job_json(job));
  return Json{{"items", std::move(items)}, {"next", nullptr}};
}
Result<Json> Models::job(std::string_view id) const {
  if (!Uuid::parse(id)) return Error{Code::not_found, "there is no such job"};
  ACESO_TRY(const store::Job job, impl_->jobs->get(id));
  Json json = job_json(job);
  const Json& input = json["input"];
  if (job.kind == "train" && input.is_object() && input.contains("config") && input["config"].contains("search")) {
    ACESO_TRY(json["trials"], trials_so_far(*impl_->jobs, job.id));
  }
  return json;
}
Result<Json> Models::cancel_job(const Actor& actor, std::string_view id) {
  ACESO_TRY([[maybe_unused]] const Json known, job(id));
  ACESO_TRY_OK(impl_->context.record(actor, "U", "job.cancel", "job", id));
  ACESO_TRY_OK(impl_->jobs->cancel(id));
  ACESO_TRY(const store::Job cancelled, impl_->jobs->get(id));
  // One that waited never comes to its handler.
  if (cancelled.kind == "labelling-finish") {
    ACESO_TRY(const Json input, parse_own(cancelled.input_json));
    ACESO_TRY_OK(impl_->recover_labelling(input.value("project", std::string{})));
  }
  return job(id);
}
Result<Json> Models::wait_job(std::string_view id, ProgressSink& progress,
                              const std::function<void(const Json&)>& on_event, const std::stop_token& stop) const {
  std::int64_t after = 0;
  std::string last;
  for (;;) {
    ACESO_TRY(const store::Job job, impl_->jobs->get(id));
    ACESO_TRY(const auto events, impl_->jobs->events(id, after, 1000));
    for (const store::JobEvent& event : events) {
      after = event.sequence;
      const Result<Json> json = parse_own(event.json);
      if (json && on_event) on_event(*json);
    }
    if (job.progress_json != last) {
      last = job.progress_json;
      auto line = parse_own(last);
      if (line && line->is_object()) {
        (*line)["type"] = "progress";
        const auto message = parse_worker_line(dump(*line));
        if (message) progress.update(message->progress);
      }
    }
    if (ended(job.state) && events.empty()) {
      if (job.state == store::JobState::succeeded) return job_json(job);
      return Error{job.state == store::JobState::cancelled ? Code::cancelled : Code::internal,
                   job.error.empty() ? "the job was cancelled" : job.error};
    }
    if (!impl_->context.clock.sleep_until(impl_->context.clock.steady_now() + std::chrono::milliseconds{100}, stop) &&
        stop.stop_requested())
      return Error{Code::cancelled, "interrupted; the job goes on when the node runs"};
  }
}

Result<Json> Models::train(const Actor& actor, const Json& request) {
  if (request.is_object() && request.contains("resume")) {
    ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "training"));
    ACESO_TRY(const std::string id, reader.text("resume", 64));
    ACESO_TRY_OK(reader.done());
    if (!Uuid::parse(id)) return Error{Code::not_found, "resume: there is no such job"};
    ACESO_TRY(const store::Job job, impl_->jobs->get(id));
    ACESO_TRY(Json input, impl_->training.resume(job));
    if (input.contains("script")) ACESO_TRY_OK(check_operator(actor));
    return impl_->submit(actor, "train", std::move(input));
  }
  ACESO_TRY(Json input, impl_->training.prepare(request));
  ACESO_TRY_OK(impl_->training.resolve_start(actor, input));
  ACESO_TRY_OK(impl_->training.resolve_script(actor, input));
  return impl_->submit(actor, "train", std::move(input));
}
Json Models::architectures() const {
  Json items = Json::array();
  for (const auto& [name, summary] : impl_->architectures.list())
    items.push_back(Json{{"name", name}, {"description", summary}});
  return Json{{"items", std::move(items)}, {"next", nullptr}};
}
Result<Json> Models::watch(std::string_view model, int version, int days) {
  return impl_->watch.report(model, version, days);
}
Result<Json> Models::watch_alarms() const {
  return impl_->watch.alarms();
}
Result<Json> Models::acknowledge_alarm(const Actor& actor, std::string_view id, const Json& request) {
  return impl_->watch.acknowledge(actor, id, request);
}
Result<Json> Models::set_watch_reference(const Actor& actor, std::string_view model, int version, const Json& request) {
  return impl_->watch.set_reference(actor, model, version, request);
}
Result<Json> Models::drill(const Actor& actor, const Json& request) {
  ACESO_TRY(Json input, impl_->drills->prepare(request));
  return impl_->submit(actor, "watch-drill", std::move(input));
}
Result<Json> Models::evaluate(const Actor& actor, const Json& request) {
  ACESO_TRY(Json input, impl_->evaluation->prepare(request));
  return impl_->submit(actor, "evaluate", std::move(input));
}
Result<Json> Models::compare(const Actor& actor, const Json& request) {
  ACESO_TRY(Json input, impl_->evaluation->prepare_comparison(request));
  return impl_->submit(actor, "compare", std::move(input));
}
Result<std::string> Models::evaluation_html(std::string_view job) const {
  if (!Uuid::parse(job)) return Error{Code::not_found, "there is no such job"};
  ACESO_TRY(const store::Job found, impl_->jobs->get(job));
  return impl_->evaluation->report_html(found);
}

Result<Json> Models::models() const {
  return impl_->registry.list();
}
Result<Json> Models::model(std::string_view name, int version) const {
  return impl_->registry.show(name, version);
}
Result<std::string> Models::report_html(std::string_view name, int version) const {
  return impl_->registry.report_html(name, version);
}
Result<Json> Models::register_bundle(const Actor& actor, const fs::path& folder, std::string_view name) {
  ACESO_TRY(const ModelVersion v, impl_->registry.import(actor, folder, name));
  return to_json(v);
}
Status Models::export_bundle(const Actor& actor, std::string_view name, int version, const fs::path& target) const {
  return impl_->registry.export_to(actor, name, version, target);
}

Result<Json> Models::predict_bytes(const Actor& actor, const contracts::ModelRef& model,
                                   std::span<const std::byte> bytes, std::string_view content_type, bool blinded,
                                   const learn::InputFacts& facts, std::vector<double> voxel_spacing_mm,
                                   const Urgency& urgency) {
  return impl_->predictions->predict_bytes(actor, model, bytes, content_type, blinded, facts,
                                           std::move(voxel_spacing_mm), urgency);
}
Result<Json> Models::predictions(const Actor& reader, std::string_view model, std::string_view cursor,
                                 std::size_t limit) {
  return impl_->predictions->list(reader, model, cursor, limit);
}
Result<Json> Models::prediction(const Actor& reader, std::string_view id) {
  return impl_->predictions->show(reader, id);
}
Result<std::vector<std::byte>> Models::prediction_png(const Actor&, std::string_view id,
                                                      std::optional<std::int64_t> slice) {
  return impl_->predictions->png(id, slice);
}
Result<std::vector<std::byte>> Models::outline_png(const Actor& reader, std::string_view id, std::int64_t slice) const {
  return impl_->predictions->outline_png(reader, id, slice);
}
Result<std::vector<std::byte>> Models::outline_npy(const Actor& reader, std::string_view id, bool probabilities) const {
  return impl_->predictions->outline_npy(reader, id, probabilities);
}
Result<Json> Models::explain(const Actor& reader, std::string_view prediction, const Json& request) {
  ACESO_TRY(Json input, impl_->explanation->prepare(reader, prediction, request));
  return impl_->submit(reader, "explain", std::move(input));
}
Result<Json> Models::explanation(std::string_view id) const {
  ACESO_TRY(Json found, job(id));
  if (found.value("kind", std::string{}) != "explain") return Error{Code::not_found, "there is no such explanation"};
  return found;
}
Result<std::vector<std::byte>> Models::explanation_png(const Actor& reader, std::string_view job) {
  if (!Uuid::parse(job)) return Error{Code::not_found, "there is no such job"};
  ACESO_TRY(const store::Job found, impl_->jobs->get(job));
  return impl_->explanation->overlay_png(reader, found);
}
Result<Json> Models::put_verdict(const Actor& reader, std::string_view id, std::string_view finding,
                                 const Json& verdict) {
  return impl_->predictions->put_verdict(reader, id, finding, verdict);
}
Result<bool> Models::waits_blinded(std::string_view reader_id, std::span<const std::string> prediction_ids) const {
  return impl_->predictions->waits_blinded(reader_id, prediction_ids);
}
Result<Json> Models::verdicts(const Actor& reader, std::string_view id) const {
  return impl_->predictions->verdicts(reader, id);
}
Result<Json> Models::export_feedback(const Actor& actor, const Json& request) {
  ACESO_TRY(Json input, impl_->feedback->prepare(request));
  return impl_->submit(actor, "feedback-export", std::move(input));
}

Result<learn::ModelSignature> Models::signature(const contracts::ModelRef& model) const {
  ACESO_TRY(const ModelVersion v, impl_->registry.find(model.name, model.version));
  ACESO_TRY(const auto info, impl_->registry.info(v.bundle));
  return info->signature;
}

Result<contracts::Prediction> Models::predict(const contracts::ModelRef& model, const learn::NamedArrays& batch) {
  ACESO_TRY(const PredictionService::Chosen chosen, impl_->predictions->choose(model, hash_arrays(batch)));
  ACESO_TRY(PredictionService::BatchAnswer answer,
            impl_->predictions->predict_batch(kNode, chosen.version, batch, "internal", kBackground));
  if (chosen.shadow) impl_->predictions->shadow_batch(*chosen.shadow, batch);
  contracts::Prediction out;
  const learn::ModelCard& card = answer.served->info().card;
  out.outputs.emplace("output", std::move(answer.output));
  out.model_name = answer.model.name;
  out.model_version = answer.model.version;
  out.model_hash = answer.model.bundle;
  out.stage = answer.model.stage;
  out.intended_use = card.intended_use;
  out.threshold = card.threshold;
  return out;
}

namespace {

// What other services make of an answer (reports, worklists) is for one finding or for outlines.
Status check_one_answer(const learn::ModelSignature& signature, const std::string& name) {
  const learn::Task task = learn::task_of(signature);
  if (task != learn::Task::multi_label && task != learn::Task::regression && task != learn::Task::boxes) return {};
  return Error{Code::unsupported, "model " + name + " answers with " +
                                      (task == learn::Task::regression ? "a number"
                                       : task == learn::Task::boxes    ? "boxes"
                                                                       : "several labels") +
                                      ": it is asked about images one by one, not by rules of the archive"};
}

}  // namespace

Result<contracts::PictureAnswer> Models::predict_picture(const contracts::ModelRef& model,
                                                         const imaging::Image& picture,
                                                         const learn::InputFacts& facts) {
  ACESO_TRY(const auto info, signature(model));
  if (info.preprocessing.kind != learn::PortKind::image || info.inputs.size() != 1)
    return Error{Code::unsupported, "model " + model.name + " does not read pictures"};
  ACESO_TRY_OK(check_one_answer(info, model.name));
  ACESO_TRY(const std::vector<std::byte> png, imaging::encode_png(picture));
  // "api": kept as a picture, so that it can be explained and learnt from as any other.
  ACESO_TRY(StoredPrediction p,
            impl_->predictions->predict_one(kNode, model, png, "image/png", false, facts, "api", {}, kBackground));
  return picture_answer(std::move(p));
}

Result<contracts::PictureAnswer> Models::predict_volume(const contracts::ModelRef& model,
                                                        const contracts::VolumeInput& input,
                                                        const learn::InputFacts& facts) {
  ACESO_TRY(const auto info, signature(model));
  const learn::PortKind kind = info.preprocessing.kind;
  if ((kind != learn::PortKind::image && kind != learn::PortKind::volume) || info.inputs.size() != 1)
    return Error{Code::unsupported, "model " + model.name + " reads neither images nor volumes"};
  ACESO_TRY_OK(check_one_answer(info, model.name));
  ACESO_TRY(StoredPrediction p, impl_->predictions->predict_array(kNode, model, input, facts, kBackground));
  return picture_answer(std::move(p));
}

}  // namespace aceso::models
