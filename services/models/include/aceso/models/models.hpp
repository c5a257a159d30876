// Datasets, training jobs, model registry, predictions and verdicts: the service, its HTTP routes, and the same
// functions as calls for the command line. All JSON that the calls return is what the HTTP routes answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/config.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/contracts/accounts.hpp"
#include "aceso/contracts/marks.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/contracts/recalls.hpp"
#include "aceso/contracts/runs.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/learn/applicability.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/models/worker.hpp"
#include "aceso/net/http.hpp"

namespace aceso::models {

// Who does it, for jobs, predictions and the audit trail.
struct Actor {
  std::string id;  // of the principal
  std::string name;
  std::string source_address = "local";
  std::string request_id = {};
};

// Which requests go first where several wait for a model: a person in front of a screen before a program.
enum class Lane : std::uint8_t { interactive, bulk };
struct Urgency {
  Lane lane = Lane::interactive;
  std::int64_t timeout_us = 0;  // longest wait for the run; 0, or longer than the node's own: the node's
};

// The engines that serve. Thread-safe.
class EngineProvider {
 public:
  EngineProvider() = default;
  EngineProvider(const EngineProvider&) = delete;
  EngineProvider& operator=(const EngineProvider&) = delete;
  virtual ~EngineProvider() = default;
  virtual Result<learn::Engine*>
  serving() = 0;  // for any model; loaded on the first call; lives as long as the provider
  // For this one; `embedding`: the layer whose value is wanted too, "": none.
  virtual Result<learn::Engine*> serving_for(const learn::Bundle& bundle, const std::string& embedding) = 0;
  virtual std::string name_for(const learn::Bundle& bundle, const std::string& embedding) const = 0;  // "openvino"
  virtual std::string loaded() const = 0;  // "loops 1, openvino 2026.4.0", "" before the first call
};
// Plain networks run in our own loops (libs/learn_loops), everything else in the module, loaded when it is needed.
std::unique_ptr<EngineProvider> make_module_engines(std::string name, std::filesystem::path folder);

struct Options {
  std::uint64_t max_upload_bytes = std::uint64_t{2} << 30;  // a dataset archive
  std::uint64_t max_image_bytes = std::uint64_t{32} << 20;  // an image to predict on
  std::uint64_t max_image_pixels = std::uint64_t{64} << 20;
  std::uint64_t max_volume_bytes = std::uint64_t{512} << 20;  // an array to predict on
  std::size_t session_cache = 4;                              // models kept loaded
  std::size_t max_running = 2;                                // inferences at once
  std::size_t max_waiting = 64;                               // requests that wait for one; beyond it: exhausted
  std::size_t max_queue = 48;                                 // of them for one model
  std::int64_t queue_timeout_us = 30'000'000;                 // longest wait; then: timeout
  std::uint64_t model_memory_bytes = std::uint64_t{4} << 30;  // that loaded models may take, estimated
  int inference_threads = 0;                                  // 0: the engine's choice
  std::size_t max_batch = 16;                                 // samples of one KServe request, and of one run
  std::int64_t batch_window_us = 0;  // how long an idle model waits for more requests; 0: it starts at once
  std::size_t job_workers = 1;
  std::size_t max_queued_jobs = 100;
  std::int64_t worker_grace_ms = 5'000;          // between SIGTERM and SIGKILL
  std::int64_t worker_silence_ms = 30 * 60'000;  // a worker without output for so long is ended; 0: never
  bool live_needs_acceptance = true;             // by a clinician, of an evaluation on cases of this hospital
  std::filesystem::path engine_folder = {};      // where the worker finds libaceso_learn_torch.so
  std::string training_engine = "torch";
  int training_threads = 0;
  std::vector<crypto::PublicKey> trusted_keys = {};  // besides the node's own, for bundles from elsewhere
};
// How DICOM files become samples of a dataset.
struct DicomOptions {
  // modality: rescaled values as measured (CT numbers), of grey images; display: 8 bits as they are looked at, grey or
  // RGB. "": modality when all are grey CT, MR, PT or NM and no window is given, else display.
  std::string values = {};
  double window_center = 0, window_width = 0;  // of display; width 0: each image's own
  bool unlabelled = false;                     // images may have no label (-1): they are predicted on, not learnt from
  bool keep_gaps = false;                      // volumes with missing or uneven slices are kept, not set aside
  // Written when the import succeeds, readable by its owner only: which file is which sample. It identifies patients
  // where names of files and folders do. "": none.
  std::filesystem::path key_table = {};
};

void declare_config(ConfigSchema& schema);  // models.max_upload, models.session_cache...
Options options_from(const Config& config);

// One sample set's page, as GET /api/v1/datasets/{name}/samples.
struct SampleQuery {
  std::optional<learn::Split> split = {};
  std::optional<int> label = {};
  std::size_t cursor = 0;
  std::size_t limit = 100;  // 1..500
};

// Thread safety: all members from any thread. Errors: not_found, exists, invalid, conflict, precondition, exhausted...;
// messages hold no patient data.
class Models final : public contracts::Predictor, public contracts::RecallSource {
 public:
  struct Deps {
    const Clock& clock;
    RandomSource& random;
    Logger logger;
    contracts::AuditSink& audit;
    crypto::SigningKey signing_key;  // signs bundles; its public key is trusted
    EngineProvider& engines;
    WorkerLauncher& workers;
    std::optional<crypto::SecretKey> blob_key = {};  // inputs of predictions are encrypted at rest with it
    // Patients of DICOM files become groups by a hash with it; without it DICOM files are not imported.
    std::optional<crypto::SecretKey> pseudonym_key = {};
    WorkerLauncher* explainers = nullptr;           // starts `aceso worker explain`; null: no explanations
    contracts::RunSink* runs = nullptr;             // where trainings are kept as runs; null: nowhere
    const contracts::Accounts* accounts = nullptr;  // who can be named a reader; null: no labelling projects are made
  };
  // Opens or creates `folder` (catalogue, datasets, bundles, jobs, blobs, spool). Only one process may have it open:
  // the caller holds the lock.
  static Result<std::unique_ptr<Models>> create(const std::filesystem::path& folder, Deps deps, Options options);
  ~Models() override;  // stop()

  void register_routes(net::Router& router);
  Status start();        // reconciles folders with the catalogue, then runs jobs
  void stop();           // running jobs go back into the queue; event streams are closed
  Status ready() const;  // for /readyz
  // Text of /metrics: queue time, compute time, batch sizes and outcomes of each model.
  void write_metrics(std::string& out) const;

  // Datasets. import: a job; `source` is a .npz file, a folder of images or a folder of DICOM files.
  Result<Json> import_dataset(const Actor& actor, const std::filesystem::path& source,
                              const learn::ImportOptions& options, const DicomOptions& dicom = {});
  // A job that copies images of the node's archive and imports them. `query`: archive_images.hpp; `labels`: a CSV file
  // of this machine by accession number, study, series or instance UID, copied at once; "": images without labels.
  // `who` reads the archive (archive:read; audited there). unsupported without an archive.
  Result<Json> import_from_archive(const Actor& actor, const contracts::Principal& who, const Json& query,
                                   const std::filesystem::path& labels, const learn::ImportOptions& options,
                                   const DicomOptions& dicom = {});
  // Both outlive the service; before start(). Without marks none become labels.
  void use_archive(const contracts::ObjectSource& archive, const contracts::MarkSource* marks = nullptr);
  // Whether a blinded read of this reader waits for a verdict on the input of one of these predictions.
  Result<bool> waits_blinded(std::string_view reader_id, std::span<const std::string> prediction_ids) const;
  Result<Json> datasets() const;
  Result<Json> dataset(std::string_view name) const;
  Result<Json> samples(std::string_view name, const SampleQuery& query) const;
  Result<std::vector<std::byte>> sample_png(std::string_view name, std::size_t index) const;
  Result<Json> verify_dataset(const Actor& actor, std::string_view name);
  // A job that ends with {ok, problems}; the whole report is dataset_check()'s. Request: {label_errors?, seed?}.
  Result<Json> check_dataset(const Actor& actor, std::string_view name, const Json& request);
  Result<Json> dataset_check(std::string_view name) const;  // not_found before the first check
  // A job that makes a new version, NAME@2 or `as`, and ends with its summary; NAME stays as it is. Request: {by?:
  // patient, block or stratified, block?, validation?, test?, folds?, seed?, twins?: together, leave-out or ignore,
  // as?}.
  Result<Json> split_dataset(const Actor& actor, std::string_view name, const Json& request);
  // A job that makes a dataset of phantoms: {name, task?: shape or presence, volume?, train?, validation?, test?,
  // size?, diameter_mm?, contrast_hu?, noise_hu?, label_noise?, seed?} (learn::SynthesiseOptions); it ends with its
  // summary.
  Result<Json> synthesise_dataset(const Actor& actor, const Json& request);
  // A job that writes it to `target` on this machine; format: npz or folder (learn::export_dataset).
  Result<Json> export_dataset(const Actor& actor, std::string_view name, const std::filesystem::path& target,
                              std::string_view format);
  // PNG of up to 256 samples, chosen as samples() does.
  Result<std::vector<std::byte>> contact_sheet(std::string_view name, const SampleQuery& query) const;
  Status delete_dataset(const Actor& actor, std::string_view name);  // conflict while a job uses it

  // Jobs.
  Result<Json> jobs(std::optional<std::string> state, std::size_t limit) const;
  Result<Json> job(std::string_view id) const;
  Result<Json> cancel_job(const Actor& actor, std::string_view id);
  // Until the job has ended; progress and epochs go to `progress` and `on_event`. An unsuccessful end is an Error with
  // the job's message.
  Result<Json> wait_job(std::string_view id, ProgressSink& progress, const std::function<void(const Json&)>& on_event,
                        const std::stop_token& stop) const;

  // Training: {name, dataset, config?, intended_use?, limitations?, accept_leakage?}; the job ends with {model,
  // version, id}. A dataset whose splits leak is refused without a reason in accept_leakage, which the report then
  // shows.
  Result<Json> train(const Actor& actor, const Json& request);
  Json architectures() const;
  // Evaluation of a registered version on a dataset's split: {model, version, dataset, split}; a job that ends with
  // {evaluation}.
  Result<Json> evaluate(const Actor& actor, const Json& request);
  // Two versions on the same samples: {a: {model, version?}, b, dataset?, split?}; a job that ends with {comparison}.
  Result<Json> compare(const Actor& actor, const Json& request);
  Result<std::string> evaluation_html(std::string_view job) const;  // the page of a finished evaluation or comparison

  // Registry.
  Result<Json> models() const;
  Result<Json> model(std::string_view name, int version) const;  // version 0: the live one
  Result<std::string> report_html(std::string_view name, int version) const;
  Result<Json> register_bundle(const Actor& actor, const std::filesystem::path& folder,
                               std::string_view name);  // name "": the card's
  // To live: precondition, naming what is missing, where its name's gate is not reached, where no clinician has
  // accepted an evaluation of it on this hospital's own cases, or where it was recalled.
  Result<Json> promote(const Actor& actor, std::string_view name, int version, std::string_view stage);
  // The version that was live before `from` goes live again; from 0: none is live. conflict when another version is
  // live by now; precondition without one that may.
  Result<Json> roll_back(const Actor& actor, std::string_view name, int from);
  // What a version of this name must reach: {figures: [{figure, at_least or at_most, bound?}], min_cases?, reason}.
  Result<Json> gate(std::string_view name) const;
  Result<Json> set_gate(const Actor& actor, std::string_view name, const Json& request);
  // {ready, missing, gate, needs_acceptance, acceptance, acceptances} of a version; version 0: the live one.
  Result<Json> approval(std::string_view name, int version) const;
  // {evaluation: job, own_cases: true, statement, unseen?}: the actor is a clinician who has signed in, which the
  // caller checks.
  Result<Json> accept(const Actor& actor, std::string_view name, int version, const Json& request);
  // {reason}: the version answers nobody any more; what it said is shown as recalled. recalls.hpp.
  Result<Json> recall(const Actor& actor, std::string_view name, int version, const Json& request);
  Result<Json> lift_recall(const Actor& actor, std::string_view name, int version, const Json& request);
  Result<Json> recall_of(std::string_view name, int version) const;
  Result<Json> affected(const Actor& actor, std::string_view name, int version, std::string_view cursor,
                        std::size_t limit) const;
  Result<std::vector<contracts::Recall>> recalls() const override;
  void on_recall(std::function<void()> listener);  // after each change; must not block. Before start().
  // A share of the requests that name no version, chosen by a hash of the input, for a version beside the live one of
  // its name. mode: canary (it answers), shadow (it is asked behind the answer, and nobody is shown what it says), none
  // (ends it). One version a name. percent: more than 0, at most 100. precondition: no live version, a canary that may
  // not go live, or this one is
  // live, retired or, as a canary, without an evaluation. Audited.
  Result<Json> set_share(const Actor& actor, std::string_view name, int version, std::string_view mode, double percent);
  Status export_bundle(const Actor& actor, std::string_view name, int version,
                       const std::filesystem::path& target) const;

  // Networks from elsewhere and for elsewhere. `specification`: the YAML of docs/formats/foreign-model.md, named in
  // errors; the model becomes a candidate. `target` must not be there yet.
  Result<Json> import_onnx(const Actor& actor, const std::filesystem::path& file, std::string_view specification,
                           std::string_view specification_name);
  Status export_onnx(const Actor& actor, std::string_view name, int version, const std::filesystem::path& target) const;

  // Predictions and verdicts.
  Result<Json> predict_bytes(const Actor& actor, const contracts::ModelRef& model, std::span<const std::byte> bytes,
                             std::string_view content_type, bool blinded, const learn::InputFacts& facts = {},
                             std::vector<double> voxel_spacing_mm = {},  // of each axis of an array; empty: not known
                             const Urgency& urgency = {});
  Result<Json> predictions(const Actor& reader, std::string_view model, std::string_view cursor, std::size_t limit);
  Result<Json> prediction(const Actor& reader, std::string_view id);
  Result<std::vector<std::byte>> prediction_png(const Actor& reader, std::string_view id,
                                                std::optional<std::int64_t> slice = {});
  // Of an answer that is an outline (outline_answer.hpp): the mask of one slice as a picture, and mask or probabilities
  // as NPY.
  Result<std::vector<std::byte>> outline_png(const Actor& reader, std::string_view id, std::int64_t slice) const;
  Result<std::vector<std::byte>> outline_npy(const Actor& reader, std::string_view id, bool probabilities) const;
  // {method?, box?}: a job that ends with the checks of a map, and its overlay when all passed (explanation.hpp).
  Result<Json> explain(const Actor& reader, std::string_view prediction, const Json& request);
  Result<Json> explanation(std::string_view job) const;  // that job, for whoever may read predictions
  Result<std::vector<std::byte>> explanation_png(const Actor& reader, std::string_view job);
  Result<Json> put_verdict(const Actor& reader, std::string_view prediction, std::string_view finding,
                           const Json& verdict);
  Result<Json> verdicts(const Actor& reader, std::string_view prediction) const;
  Result<Json> export_feedback(const Actor& actor, const Json& request);  // {model, name}: a job

  // The feedback loop (ADR 0160). Answers that wait for a verdict, the least certain first: {items: [{prediction,
  // version, created, ambiguity, why}], waiting, considered}; readers: how many each input wants, 1 to 5.
  Result<Json> review_queue(const Actor& reader, std::string_view model, std::size_t readers, std::size_t limit) const;
  // What there is to learn from, and the jobs that did so: {model, live, dataset, labels, ready, missing, jobs}.
  Result<Json> improvement(std::string_view model, const Json& truth, std::size_t min_labels) const;
  // {truth?, start?, hold_out?, margin?, min_labels?, config?, promote?}: a job that ends with {version, dataset,
  // own_dataset, checks, passed, stage, waits_for, evaluation_job}. conflict while another one runs for this model.
  Result<Json> improve(const Actor& actor, std::string_view model, const Json& request);

  // The watch (ADR 0137): drift, expected performance and alarms by day, judged without labels. {reference, days,
  // alarms}, the newest first; version 0: the live one; days: 1 to 90.
  Result<Json> watch(std::string_view model, int version, int days);
  Result<Json> watch_alarms() const;                                                             // {items}: not over
  Result<Json> acknowledge_alarm(const Actor& actor, std::string_view id, const Json& request);  // {comment}
  // {days, reason} or {bundle: true, reason}: what answers are compared with from now on.
  Result<Json> set_watch_reference(const Actor& actor, std::string_view model, int version, const Json& request);
  // {model, version?, dataset?, split?, brightness?, contrast?, noise?, days?, per_day?, seed?}: a job that ends with
  // whether changed samples would have been noticed, and unchanged ones not.
  Result<Json> drill(const Actor& actor, const Json& request);

  // contracts::Predictor. Stored and audited as the node's own.
  Result<learn::ModelSignature> signature(const contracts::ModelRef& model) const override;
  Result<contracts::Prediction> predict(const contracts::ModelRef& model, const learn::NamedArrays& batch) override;
  Result<contracts::PictureAnswer> predict_picture(const contracts::ModelRef& model, const imaging::Image& picture,
                                                   const learn::InputFacts& facts) override;
  Result<contracts::PictureAnswer> predict_volume(const contracts::ModelRef& model, const contracts::VolumeInput& input,
                                                  const learn::InputFacts& facts) override;

  struct Impl;  // the service's own parts

 private:
  explicit Models(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::models
