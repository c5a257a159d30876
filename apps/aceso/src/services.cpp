#include "services.hpp"

#include <array>
#include <chrono>
#include <ctime>
#include <utility>

#include "aceso/archive/analyses.hpp"
#include "aceso/archive/archive.hpp"
#include "aceso/archive/forwards.hpp"
#include "aceso/archive/marks.hpp"
#include "aceso/archive/orthanc.hpp"
#include "aceso/archive/priors.hpp"
#include "aceso/archive/shares.hpp"
#include "aceso/archive/webhooks.hpp"
#include "aceso/archive/workitems.hpp"
#include "aceso/archive/worklist.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/models/explainer.hpp"
#include "aceso/models/models.hpp"
#include "aceso/models/worker.hpp"
#include "aceso/patients/patient_store.hpp"
#include "aceso/portal/portal.hpp"
#include "aceso/tracking/tracking.hpp"
#include "deid_key.hpp"
#include "forward_sender.hpp"
#include "local_archive_routes.hpp"
#include "local_routes.hpp"
#include "prior_source.hpp"
#include "settings.hpp"
#include "version.hpp"

namespace aceso::app {
namespace {

// For a map of influence beside the results in a study; who needs one later can ask for it by hand.
constexpr std::chrono::minutes kExplainWait{2};

// Lies beside the program after a build and after installation: <prefix>/bin/aceso, <prefix>/lib/aceso,
// <prefix>/share/aceso/web.
std::filesystem::path find_beside(const std::filesystem::path& program, const std::vector<std::string>& candidates) {
  std::error_code ec;
  for (const auto& candidate : candidates) {
    auto path = program.parent_path() / candidate;
    if (std::filesystem::exists(path, ec)) return std::filesystem::weakly_canonical(path, ec);
  }
  return program.parent_path();
}

std::filesystem::path web_folder(const Config& config, const std::filesystem::path& program) {
  if (!config.text("web.root").empty()) return config.text("web.root");
  return find_beside(program, {"../share/aceso/web/index.html", "../../../../web/dist/index.html"}).parent_path();
}

// Beside the web application's folder: web/ohif in the source tree, share/aceso/ohif once installed.
std::filesystem::path viewer_folder(const Config& config, const std::filesystem::path& program) {
  if (!config.text("web.ohif").empty()) return config.text("web.ohif");
  return web_folder(config, program).parent_path() / "ohif";
}

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

// Of this machine's time zone at an instant.
std::chrono::minutes local_offset(UtcTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  const auto instant = static_cast<std::time_t>(seconds);
  std::tm local{};
  if (::localtime_r(&instant, &local) == nullptr) return {};
  return std::chrono::duration_cast<std::chrono::minutes>(std::chrono::seconds{local.tm_gmtoff});
}

}  // namespace

std::filesystem::path engine_folder(const std::filesystem::path& program) {
  return find_beside(program, {"../lib/aceso/libaceso_learn_openvino.so", "libaceso_learn_openvino.so",
                               "../../engines/libaceso_learn_openvino.so"})
      .parent_path();
}

struct Services::Impl {
  Impl(HomeLock held, Config settings, const ServicesOptions& options, const Clock& clock)
      : lock{std::move(held)},
        config{std::move(settings)},
        sink{make_stderr_sink()},
        logger{clock, *sink, options.log_to_stderr ? level_of(config.text("log.level")) : LogLevel::error,
               config.text("log.format") == "json" ? LogFormat::json : LogFormat::text} {}

  HomeLock lock;
  Config config;
  std::unique_ptr<LogSink> sink;
  Logger logger;
  crypto::SystemRandom random;
  std::unique_ptr<portal::Portal> portal;
  std::unique_ptr<patients::PatientStore> patients;
  std::unique_ptr<tracking::Tracking> tracking;
  std::unique_ptr<models::EngineProvider> engines;
  std::unique_ptr<models::WorkerLauncher> workers, explainers;
  std::unique_ptr<models::Models> models;
  std::unique_ptr<archive::Archive> archive;
  std::unique_ptr<contracts::Explainer> explainer;
  std::unique_ptr<contracts::VerdictSink> verdicts;
  std::unique_ptr<archive::Worklist> worklist;
  std::unique_ptr<archive::ObjectSender> sender;
  std::unique_ptr<archive::Forwards> forwards;
  std::unique_ptr<archive::Webhooks> webhooks;
  std::unique_ptr<archive::Analyses> analyses;
  std::unique_ptr<archive::OrthancInterface> orthanc;
  std::unique_ptr<archive::Workitems> workitems;
  std::unique_ptr<archive::Shares> shares;
  std::unique_ptr<contracts::BlindedReads> blinded;
  std::unique_ptr<archive::Marks> marks;
  std::unique_ptr<archive::PriorSource> prior_source;
  std::unique_ptr<archive::Priors> priors;
  net::Router router;
  net::Handler handler;
  std::function<std::size_t(const net::Request&)> max_body;
};

Services::Services(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Services::~Services() {
  stop();
}

Result<std::unique_ptr<Services>> Services::open(const Home& home, const ServicesOptions& options, const Clock& clock) {
  ACESO_TRY(auto lock, HomeLock::acquire(home.root));
  ACESO_TRY(auto config, load_settings(home.root, options.config_file));
  auto impl = std::make_unique<Impl>(std::move(lock), std::move(config), options, clock);
  const Config& settings = impl->config;

  ACESO_TRY(auto keys, portal::NodeKeys::load_or_create(home.keys(), impl->random));
  const auto blob_key = keys.derive("models.blobs");
  const auto object_key = keys.derive("archive.objects");
  const auto pseudonym_key = keys.derive("models.pseudonyms");
  const auto study_names_key = keys.derive("archive.audit");
  const auto analyses_key = keys.derive("archive.analyses");
  const auto worklist_key = keys.derive("archive.worklist");
  const auto forwards_key = keys.derive("archive.forwards");
  const auto shares_key = keys.derive("archive.shares");
  const auto workitems_key = keys.derive("archive.workitems");
  const auto marks_key = keys.derive("archive.marks");
  const auto priors_key = keys.derive("archive.priors");
  const auto webhooks_key = keys.derive("archive.webhooks");
  const auto signing = keys.signing;
  ACESO_TRY(impl->portal, portal::Portal::create(home.root, std::move(keys), {clock, impl->random, impl->logger},
                                                 {.web_root = web_folder(settings, options.program),
                                                  .viewer_root = viewer_folder(settings, options.program),
                                                  .session_idle_ms = settings.duration_ms("portal.session_idle"),
                                                  .session_absolute_ms = settings.duration_ms("portal.session_max"),
                                                  .version = kVersion,
                                                  .build = kCommit}));
  ACESO_TRY(impl->patients, patients::PatientStore::create(home.root, clock, impl->random, impl->logger));

  ACESO_TRY(impl->tracking,
            tracking::Tracking::create(
                home.root / "tracking",
                {.clock = clock, .random = impl->random, .logger = impl->logger, .audit = impl->portal->audit()},
                {.max_artifact_bytes = settings.size_bytes("tracking.max_artifact")}));

  const auto engines = engine_folder(options.program);
  impl->engines = models::make_module_engines("openvino", engines);
  impl->workers = models::make_process_launcher({.command = {options.program.string(), "worker", "train"},
                                                 .address_space_bytes = settings.size_bytes("models.worker_memory")});
  impl->explainers =
      models::make_process_launcher({.command = {options.program.string(), "worker", "explain"},
                                     .address_space_bytes = settings.size_bytes("models.worker_memory")});
  models::Options how = models::options_from(settings);
  how.engine_folder = engines;
  models::Models::Deps deps{.clock = clock,
                            .random = impl->random,
                            .logger = impl->logger,
                            .audit = impl->portal->audit(),
                            .signing_key = signing,
                            .engines = *impl->engines,
                            .workers = *impl->workers,
                            .pseudonym_key = pseudonym_key,
                            .explainers = impl->explainers.get(),
                            .runs = impl->tracking.get(),
                            .accounts = impl->portal.get()};
  if (settings.boolean("models.encrypt_inputs")) deps.blob_key = blob_key;
  ACESO_TRY(impl->models, models::Models::create(home.root / "models", std::move(deps), how));

  archive::Deps archive_deps{.clock = clock,
                             .logger = impl->logger,
                             .audit = impl->portal->audit(),
                             .patients = impl->patients.get(),
                             .audit_key = study_names_key};
  if (settings.boolean("archive.encrypt")) archive_deps.object_key = object_key;
  ACESO_TRY(impl->archive,
            archive::Archive::create(home.root / "archive", std::move(archive_deps), archive::options_from(settings)));

  impl->explainer = models::make_explainer(*impl->models, clock, kExplainWait);
  impl->verdicts = models::make_verdict_sink(*impl->models);
  ACESO_TRY(impl->worklist, archive::Worklist::open(home.root / "archive" / "worklist", {.clock = clock,
                                                                                         .random = impl->random,
                                                                                         .logger = impl->logger,
                                                                                         .archive = *impl->archive,
                                                                                         .key = worklist_key}));

  ACESO_TRY(impl->sender, ForwardSender::create(settings, options.program));
  ACESO_TRY(const crypto::SecretKey deid_key, load_deid_key(home));
  ACESO_TRY(impl->forwards, archive::Forwards::create(home.root / "archive" / "forwards",
                                                      {.clock = clock,
                                                       .random = impl->random,
                                                       .logger = impl->logger,
                                                       .archive = *impl->archive,
                                                       .sender = *impl->sender,
                                                       .key = forwards_key,
                                                       .deidentify_key = deid_key},
                                                      archive::forwarding_options_from(settings)));

  ACESO_TRY(impl->analyses, archive::Analyses::create(home.root / "archive" / "analyses",
                                                      {.clock = clock,
                                                       .random = impl->random,
                                                       .logger = impl->logger,
                                                       .archive = *impl->archive,
                                                       .results = *impl->archive,
                                                       .predictor = *impl->models,
                                                       .explainer = impl->explainer.get(),
                                                       .recalls = impl->models.get(),
                                                       .verdicts = impl->verdicts.get(),
                                                       .key = analyses_key,
                                                       .software = kVersion,
                                                       .utc_offset = local_offset},
                                                      archive::routing_options_from(settings)));

  ACESO_TRY(impl->webhooks, archive::Webhooks::create(home.root / "archive" / "webhooks",
                                                      {.clock = clock,
                                                       .random = impl->random,
                                                       .logger = impl->logger,
                                                       .archive = *impl->archive,
                                                       .key = webhooks_key},
                                                      archive::webhook_options_from(settings)));
  impl->analyses->observe(
      {.complete = [w = impl->webhooks.get()](std::string_view study,
                                              std::string_view series) { return w->series_complete(study, series); },
       .ended =
           [w = impl->webhooks.get()](std::string_view study, std::string_view series, std::string_view analysis,
                                      std::string_view state, const std::vector<std::string>& results) {
             return w->analysis_ended(study, series, analysis, state, results);
           }});

  ACESO_TRY(impl->workitems, archive::Workitems::open(home.root / "archive" / "workitems", {.clock = clock,
                                                                                            .random = impl->random,
                                                                                            .logger = impl->logger,
                                                                                            .archive = *impl->archive,
                                                                                            .analyses = *impl->analyses,
                                                                                            .key = workitems_key}));

  ACESO_TRY(impl->shares, archive::Shares::open(home.root / "archive" / "shares", {.clock = clock,
                                                                                   .random = impl->random,
                                                                                   .logger = impl->logger,
                                                                                   .archive = *impl->archive,
                                                                                   .key = shares_key}));

  impl->blinded = models::make_blinded_reads(*impl->models);
  ACESO_TRY(impl->marks, archive::Marks::open(home.root / "archive" / "marks", {.clock = clock,
                                                                                .random = impl->random,
                                                                                .logger = impl->logger,
                                                                                .archive = *impl->archive,
                                                                                .analyses = impl->analyses.get(),
                                                                                .blinded = impl->blinded.get(),
                                                                                .key = marks_key}));
  impl->models->use_archive(*impl->archive, impl->marks.get());

  ACESO_TRY(impl->prior_source, DimsePriorSource::create(settings, options.program));
  ACESO_TRY(impl->priors, archive::Priors::create(home.root / "archive" / "priors",
                                                  {.clock = clock,
                                                   .random = impl->random,
                                                   .logger = impl->logger,
                                                   .archive = *impl->archive,
                                                   .worklist = *impl->worklist,
                                                   .source = *impl->prior_source,
                                                   .key = priors_key,
                                                   .utc_offset = local_offset},
                                                  archive::priors_options_from(settings)));

  archive::OrthancOptions orthanc = archive::orthanc_options_from(settings);
  orthanc.ae_title = settings.text("dimse.ae_title");
  orthanc.dicom_port = settings.integer("dimse.port");
  orthanc.http_port = settings.integer("net.port");
  ACESO_TRY(impl->orthanc, archive::OrthancInterface::create(
                               home.root / "archive" / "orthanc",
                               {.clock = clock, .logger = impl->logger, .archive = *impl->archive}, orthanc));

  impl->portal->register_routes(impl->router);
  impl->models->register_routes(impl->router);
  impl->tracking->register_routes(impl->router);
  impl->archive->register_routes(impl->router);
  impl->worklist->register_routes(impl->router);
  impl->worklist->on_ended([a = impl->analyses.get(), f = impl->forwards.get()](const contracts::PerformedStep& step) {
    a->step_ended(step);
    f->step_ended(step);
  });
  impl->forwards->register_routes(impl->router);
  impl->analyses->register_routes(impl->router);
  impl->orthanc->register_routes(impl->router);
  impl->models->on_recall([a = impl->analyses.get()] { a->recalls_changed(); });
  impl->webhooks->register_routes(impl->router);
  impl->workitems->register_routes(impl->router);
  impl->shares->register_routes(impl->router);
  impl->priors->register_routes(impl->router);
  impl->marks->register_routes(impl->router);
  register_local_routes(impl->router, *impl->models);
  register_local_archive_routes(impl->router, *impl->archive);
  impl->portal->add_readiness("models", [m = impl->models.get()] { return m->ready(); });
  impl->portal->add_metrics([a = impl->archive.get()](std::string& out) { a->write_metrics(out); });
  impl->portal->add_metrics([a = impl->analyses.get()](std::string& out) { a->write_metrics(out); });
  impl->portal->add_metrics([m = impl->models.get()](std::string& out) { m->write_metrics(out); });
  impl->portal->set_engines({"loops", "openvino", "torch"});
  impl->handler = impl->portal->wrap(impl->router);
  impl->max_body = portal::Portal::body_limit(impl->router);
  return std::unique_ptr<Services>{
      new Services{std::move(impl)}};  // NOLINT(modernize-make-unique): private constructor
}

Status Services::start() {
  ACESO_TRY_OK(impl_->models->start());
  ACESO_TRY_OK(impl_->forwards->start());
  ACESO_TRY_OK(impl_->orthanc->start());
  ACESO_TRY_OK(impl_->webhooks->start());
  ACESO_TRY_OK(impl_->priors->start());
  return impl_->analyses->start();
}
void Services::stop() {
  if (impl_->priors) impl_->priors->stop();
  if (impl_->orthanc) impl_->orthanc->stop();
  if (impl_->forwards) impl_->forwards->stop();
  if (impl_->worklist) impl_->worklist->on_ended(nullptr);
  if (impl_->models) impl_->models->on_recall(nullptr);
  if (impl_->analyses) impl_->analyses->stop();
  if (impl_->webhooks) impl_->webhooks->stop();
  if (impl_->models) impl_->models->stop();
}
net::Handler Services::handler() {
  return impl_->handler;
}
std::size_t Services::max_body(const net::Request& request) const {
  return impl_->max_body(request);
}
contracts::ObjectSink& Services::object_sink() {
  return *impl_->archive;
}
contracts::ObjectSource& Services::object_source() {
  return *impl_->archive;
}
contracts::WorklistSource& Services::worklist() {
  return *impl_->worklist;
}
contracts::ProcedureStepSink& Services::procedure_steps() {
  return *impl_->worklist;
}
const Config& Services::config() const {
  return impl_->config;
}
const Logger& Services::logger() const {
  return impl_->logger;
}
std::string Services::setup_token() const {
  return impl_->portal->setup_token().value_or("");
}

}  // namespace aceso::app
