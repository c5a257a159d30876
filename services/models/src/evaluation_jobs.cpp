#include "evaluation_jobs.hpp"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "aceso/crypto/hash.hpp"
#include "aceso/learn/boxes.hpp"
#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/learn/flip_average.hpp"
#include "aceso/learn/foreign_model.hpp"
#include "aceso/learn/outlines.hpp"
#include "object_reader.hpp"
#include "serving.hpp"
#include "training.hpp"
#include "uncertainty.hpp"

namespace aceso::models {
namespace {

constexpr std::uint64_t kMaxReport = std::uint64_t{32} << 20;
constexpr int kBatch = 32;

Json seen_json(const std::optional<std::size_t>& seen) {
  return seen ? Json(*seen) : Json(nullptr);
}

std::string text_at(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string{};
}

Json card_json(const learn::ModelCard& c) {
  Json json{{"name", c.name},       {"intended_use", c.intended_use}, {"limitations", c.limitations},
            {"data", c.data},       {"classes", c.classes},           {"threshold", c.threshold},
            {"created", c.created}, {"created_by", c.created_by}};
  if (!c.thresholds.empty()) json["thresholds"] = c.thresholds;
  return json;
}

Result<Json> version_of(ObjectReader& reader, const char* side, const Registry& registry) {
  const Json* json = reader.child(side);
  if (json == nullptr) return Error{Code::invalid, std::string{side} + ": is missing"};
  ACESO_TRY(ObjectReader inner, ObjectReader::of(*json, side));
  ACESO_TRY(const std::string model, inner.text("model", 64));
  ACESO_TRY(const std::int64_t version, inner.integer_or("version", 0, 0, 1'000'000'000));
  ACESO_TRY_OK(inner.done());
  ACESO_TRY(const ModelVersion v, registry.find(model, static_cast<int>(version)));
  return Json{{"model", model}, {"version", v.version}, {"bundle", v.bundle}};
}

}  // namespace

Result<learn::Split> parse_split(std::string_view name) {
  for (const learn::Split split :
       {learn::Split::train, learn::Split::validation, learn::Split::test, learn::Split::unassigned}) {
    if (learn::to_string(split) == name) return split;
  }
  return Error{Code::invalid, "split: train, validation, test or unassigned"};
}

Result<Json> EvaluationJobs::prepare(const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "evaluation"));
  ACESO_TRY(const std::string model, reader.text("model", 64));
  ACESO_TRY(const std::int64_t version, reader.integer_or("version", 0, 0, 1'000'000'000));
  ACESO_TRY(const std::string dataset, reader.text("dataset", 64));
  ACESO_TRY(const std::string split, reader.text_or("split", 16, "test"));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY([[maybe_unused]] const learn::Split parsed, parse_split(split));
  ACESO_TRY(const ModelVersion v, registry_.find(model, static_cast<int>(version)));
  ACESO_TRY([[maybe_unused]] const std::string hash, datasets_.sha256(dataset));
  return Json{{"model", model}, {"version", v.version}, {"dataset", dataset}, {"split", split}};
}

Result<Json> EvaluationJobs::prepare_comparison(const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "comparison"));
  ACESO_TRY(Json a, version_of(reader, "a", registry_));
  ACESO_TRY(Json b, version_of(reader, "b", registry_));
  ACESO_TRY(std::string dataset, reader.text_or("dataset", 64, {}));
  ACESO_TRY(const std::string split, reader.text_or("split", 16, "test"));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY([[maybe_unused]] const learn::Split parsed, parse_split(split));
  if (a == b) return Error{Code::invalid, "a and b are the same version"};
  if (dataset.empty()) {
    ACESO_TRY(const auto info, registry_.info(text_at(a, "bundle")));
    dataset = text_at(info->training, "dataset");
    if (dataset.empty()) return Error{Code::invalid, "dataset: name one; that of version a is not known"};
  }
  ACESO_TRY([[maybe_unused]] const std::string hash, datasets_.sha256(dataset));
  return Json{{"a", std::move(a)}, {"b", std::move(b)}, {"dataset", dataset}, {"split", split}};
}

std::shared_ptr<const learn::Dataset> EvaluationJobs::trained_on(const learn::Bundle& bundle) const {
  auto dataset = datasets_.open(text_at(bundle.training, "dataset"));
  if (!dataset || (*dataset)->manifest().sha256 != text_at(bundle.training, "dataset_sha256")) return nullptr;
  return *std::move(dataset);
}

Result<EvaluationJobs::Judged> EvaluationJobs::judge(const std::string& model, int version,
                                                     const learn::Dataset& dataset, learn::Split split,
                                                     store::JobContext& job) const {
  ACESO_TRY(ModelVersion v, registry_.find(model, version));
  ACESO_TRY(learn::Bundle bundle, registry_.read(v.bundle));
  if (learn::draws_outlines(bundle.signature))
    return Error{Code::unsupported, "model " + model + " draws outlines: it can be evaluated, not compared"};
  if (learn::finds_boxes(bundle.signature))
    return Error{Code::unsupported, "model " + model + " finds boxes: it can be evaluated, not compared"};
  const learn::Task task = learn::task_of(bundle.signature);
  if (task != dataset.manifest().task) {
    return Error{Code::invalid, "the dataset is labelled for " +
                                    std::string{learn::to_string(dataset.manifest().task)} + ", model " + model +
                                    " is one of " + std::string{learn::to_string(task)}};
  }
  if (const std::string& unit = dataset.manifest().unit;
      task == learn::Task::regression && unit != bundle.signature.outputs.front().unit)
    return Error{Code::invalid, "the dataset's numbers are in another unit than those of model " + model};
  if (task != learn::Task::regression && bundle.card.classes != dataset.manifest().classes)
    return Error{Code::invalid, "the dataset's classes are not those of model " + model};
  ACESO_TRY(learn::Engine * engine, engines_.serving_for(bundle, ""));
  ACESO_TRY(auto loaded,
            learn::load_bundle(*engine, bundle, {.threads = context_.options.inference_threads, .allow_bf16 = false}));
  const auto session = learn::with_flip_average(std::move(loaded), bundle.signature);
  JobProgress progress{job, context_.clock};
  ACESO_TRY(learn::Predictions predictions,
            learn::predict_split(*session, bundle.signature, dataset, split, kBatch, progress, job.stop()));
  const std::optional<std::size_t> seen = seen_in_training(bundle, dataset, split);
  return Judged{std::move(v), std::move(bundle), std::move(predictions), seen};
}

std::optional<std::size_t> EvaluationJobs::seen_in_training(const learn::Bundle& bundle, const learn::Dataset& dataset,
                                                            learn::Split split) const {
  const auto origin = trained_on(bundle);
  if (!origin) return std::nullopt;
  std::size_t count = 0;
  std::unordered_set<std::string> seen;
  for (const learn::Split used : {learn::Split::train, learn::Split::validation}) {
    for (const std::size_t i : origin->indices(used)) seen.insert(origin->manifest().samples[i].sha256);
  }
  for (const std::size_t i : dataset.indices(split))
    count += seen.contains(dataset.manifest().samples[i].sha256) ? 1U : 0U;
  return count;
}

// What the model draws on the split against the dataset's masks.
Result<EvaluationJobs::Evaluated> EvaluationJobs::evaluate_outlines(const learn::Bundle& bundle,
                                                                    const learn::Dataset& dataset, learn::Split split,
                                                                    store::JobContext& job) const {
  ACESO_TRY(learn::Engine * engine, engines_.serving_for(bundle, ""));
  ACESO_TRY(auto loaded,
            learn::load_bundle(*engine, bundle, {.threads = context_.options.inference_threads, .allow_bf16 = false}));
  const auto session = learn::with_flip_average(std::move(loaded), bundle.signature);
  const learn::Forward forward = learn::forward_of(*session, bundle.signature);
  const double threshold = bundle.card.threshold;
  JobProgress progress{job, context_.clock};
  ACESO_TRY(const learn::OutlineCases cases,
            learn::judge_outlines(forward, bundle.signature, dataset, split, threshold, progress, job.stop()));
  std::optional<learn::OutlineCases> validation;
  std::optional<learn::OutlineBaseline> baseline;
  if (const auto origin = trained_on(bundle)) {
    if (split != learn::Split::validation || origin->manifest().sha256 != dataset.manifest().sha256) {
      if (auto judged = learn::judge_outlines(forward, bundle.signature, *origin, learn::Split::validation, threshold,
                                              progress, job.stop()))
        validation = *std::move(judged);
    }
    if (auto trivial = learn::outline_baseline(bundle.signature, *origin, dataset, cases, job.stop()))
      baseline = *std::move(trivial);
  }
  return Evaluated{learn::evaluate_outlines(cases, threshold, 1, baseline ? &*baseline : nullptr,
                                            validation ? &*validation : nullptr),
                   learn::outline_gallery(forward, bundle.signature, cases, threshold, dataset, job.stop()),
                   seen_in_training(bundle, dataset, split)};
}

// What the model finds on the split against the dataset's boxes.
Result<EvaluationJobs::Evaluated> EvaluationJobs::evaluate_boxes(const learn::Bundle& bundle,
                                                                 const learn::Dataset& dataset, learn::Split split,
                                                                 store::JobContext& job) const {
  ACESO_TRY(learn::Engine * engine, engines_.serving_for(bundle, ""));
  ACESO_TRY(const auto session,
            learn::load_bundle(*engine, bundle, {.threads = context_.options.inference_threads, .allow_bf16 = false}));
  const learn::Forward forward = learn::forward_of(*session, bundle.signature);
  const double threshold = bundle.card.threshold;
  JobProgress progress{job, context_.clock};
  ACESO_TRY(const learn::BoxCases cases,
            learn::judge_boxes(forward, bundle.signature, dataset, split, progress, job.stop()));
  std::optional<learn::BoxCases> validation;
  std::optional<learn::BoxBaseline> baseline;
  if (const auto origin = trained_on(bundle)) {
    if (split != learn::Split::validation || origin->manifest().sha256 != dataset.manifest().sha256) {
      if (auto judged =
              learn::judge_boxes(forward, bundle.signature, *origin, learn::Split::validation, progress, job.stop()))
        validation = *std::move(judged);
    }
    if (auto trivial = learn::box_baseline(bundle.signature, *origin, dataset, cases)) baseline = *std::move(trivial);
  }
  return Evaluated{
      learn::evaluate_boxes(cases, threshold, 1, baseline ? &*baseline : nullptr, validation ? &*validation : nullptr),
      learn::box_gallery(cases, threshold, dataset), seen_in_training(bundle, dataset, split)};
}

std::optional<learn::Predictions> EvaluationJobs::validation_of(const Judged& judged, const learn::Dataset& origin,
                                                                store::JobContext& job) const {
  auto again = judge(judged.version.name, judged.version.version, origin, learn::Split::validation, job);
  if (!again) return std::nullopt;
  return std::move(again->predictions);
}

EvaluationJobs::Origin EvaluationJobs::origin_of(const Judged& judged, const learn::Dataset& dataset,
                                                 learn::Split split, store::JobContext& job) const {
  Origin out;
  const auto origin = trained_on(judged.bundle);
  if (!origin) return out;
  if (split != learn::Split::validation || origin->manifest().sha256 != dataset.manifest().sha256)
    out.validation = validation_of(judged, *origin, job);
  if (const auto fitted = learn::Baseline::fit(*origin, judged.bundle.signature, job.stop())) {
    if (auto answer = fitted->answer(dataset, split)) out.baseline = *std::move(answer);
  }
  return out;
}

Result<EvaluationJobs::Evaluated> EvaluationJobs::evaluate_targets(const std::string& model, int version,
                                                                   const learn::Dataset& dataset, learn::Split split,
                                                                   store::JobContext& job) const {
  ACESO_TRY(const Judged judged, judge(model, version, dataset, split, job));
  const learn::ModelCard& card = judged.bundle.card;
  const Origin origin = origin_of(judged, dataset, split, job);
  const learn::EvaluationParts parts{.validation = origin.validation ? &*origin.validation : nullptr,
                                     .baseline = origin.baseline ? &*origin.baseline : nullptr};
  Json evaluation =
      dataset.manifest().task == learn::Task::regression
          ? learn::evaluate_numbers(judged.predictions, card.classes.front(), dataset.manifest().unit, 1, parts)
          : learn::evaluate_labels(judged.predictions, card.thresholds, card.classes, 1, parts);
  return Evaluated{std::move(evaluation), learn::target_gallery(judged.predictions, card.thresholds, dataset, split),
                   judged.seen_in_training};
}

Result<EvaluationJobs::Evaluated> EvaluationJobs::evaluate_classes(const std::string& model, int version,
                                                                   const learn::Dataset& dataset, learn::Split split,
                                                                   store::JobContext& job) const {
  ACESO_TRY(const Judged judged, judge(model, version, dataset, split, job));
  const learn::Bundle& bundle = judged.bundle;
  const auto [validation, baseline] = origin_of(judged, dataset, split, job);
  return Evaluated{
      learn::evaluate(judged.predictions, bundle.card.threshold, bundle.card.classes, 1,
                      {.validation = validation ? &*validation : nullptr, .baseline = baseline ? &*baseline : nullptr}),
      learn::gallery(judged.predictions, bundle.card.threshold, bundle.card.classes, dataset, split),
      judged.seen_in_training};
}

Result<Json> EvaluationJobs::run(store::JobContext& job) const {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  return evaluate_within(job, input);
}

Result<Json> EvaluationJobs::evaluate_within(store::JobContext& job, const Json& input) const {
  const std::string name = input.value("dataset", std::string{});
  ACESO_TRY(const auto dataset, datasets_.open(name));
  ACESO_TRY(const learn::Split split, parse_split(input.value("split", std::string{"test"})));
  const std::string model = input.value("model", std::string{});
  ACESO_TRY(const ModelVersion v, registry_.find(model, input.value("version", 0)));
  ACESO_TRY(const learn::Bundle bundle, registry_.read(v.bundle));
  ACESO_TRY(Evaluated done, learn::draws_outlines(bundle.signature) ? evaluate_outlines(bundle, *dataset, split, job)
                            : learn::finds_boxes(bundle.signature)  ? evaluate_boxes(bundle, *dataset, split, job)
                            : learn::task_of(bundle.signature) != learn::Task::classes
                                ? evaluate_targets(model, v.version, *dataset, split, job)
                                : evaluate_classes(model, v.version, *dataset, split, job));
  Json& evaluation = done.evaluation;
  evaluation["seen_in_training"] = seen_json(done.seen_in_training);
  const Json context{{"card", card_json(bundle.card)},
                     {"training", bundle.training},
                     {"signature", learn::to_json(bundle.signature)},
                     {"model_sha256", v.bundle},
                     {"dataset", learn::summary_json(*dataset)},
                     {"gallery", std::move(done.gallery)}};
  ACESO_TRY(const store::BlobInfo page, blobs_.put(crypto::as_bytes(learn::render_report_html(evaluation, context))));
  ACESO_TRY_OK(context_.record(actor_of(input, job.job()), "E", "model.evaluate", "model",
                               v.name + "/" + std::to_string(v.version), dump(Json{{"dataset", name}})));
  return Json{{"model", v.name},
              {"version", v.version},
              {"dataset", name},
              {"dataset_sha256", dataset->manifest().sha256},
              {"split", learn::to_string(split)},
              {"evaluation", std::move(evaluation)},
              {"report_sha256", page.sha256}};
}

Result<Json> EvaluationJobs::compared(const Judged& a, const Judged& b, const learn::Manifest& manifest) {
  const learn::ModelCard &card_a = a.bundle.card, &card_b = b.bundle.card;
  if (manifest.task == learn::Task::multi_label)
    return learn::compare_labels(a.predictions, card_a.thresholds, b.predictions, card_b.thresholds, card_a.classes, 1);
  if (manifest.task == learn::Task::regression)
    return learn::compare_numbers(a.predictions, b.predictions, card_a.classes.front(), manifest.unit, 1);
  return learn::compare(a.predictions, card_a.threshold, b.predictions, card_b.threshold, card_a.classes, 1);
}

Result<Json> EvaluationJobs::run_comparison(store::JobContext& job) const {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  return compare_within(job, input);
}

Result<Json> EvaluationJobs::compare_within(store::JobContext& job, const Json& input) const {
  const std::string name = input.value("dataset", std::string{});
  ACESO_TRY(const auto dataset, datasets_.open(name));
  ACESO_TRY(const learn::Split split, parse_split(input.value("split", std::string{"test"})));
  const auto side = [&](const char* key) {
    const Json which = input.value(key, Json::object());
    return judge(which.value("model", std::string{}), which.value("version", 0), *dataset, split, job);
  };
  ACESO_TRY(const Judged a, side("a"));
  ACESO_TRY(const Judged b, side("b"));
  ACESO_TRY(Json comparison, compared(a, b, dataset->manifest()));
  const auto about = [](const Judged& j) {
    return Json{{"name", j.version.name},
                {"version", j.version.version},
                {"id", j.version.bundle},
                {"card", card_json(j.bundle.card)},
                {"seen_in_training", seen_json(j.seen_in_training)}};
  };
  Json context{{"a", about(a)},
               {"b", about(b)},
               {"dataset", name},
               {"dataset_sha256", dataset->manifest().sha256},
               {"split", learn::to_string(split)}};
  ACESO_TRY(const store::BlobInfo page,
            blobs_.put(crypto::as_bytes(learn::render_comparison_html(comparison, context))));
  ACESO_TRY_OK(context_.record(
      actor_of(input, job.job()), "E", "model.compare", "model",
      a.version.name + "/" + std::to_string(a.version.version),
      dump(Json{{"dataset", name}, {"with", b.version.name + "/" + std::to_string(b.version.version)}})));
  for (const char* key : {"a", "b"}) context[key].erase("card");
  context["comparison"] = std::move(comparison);
  context["report_sha256"] = page.sha256;
  return context;
}

Result<std::string> EvaluationJobs::report_html(const store::Job& job) const {
  const Result<Json> output = job.output_json.empty() ? Result<Json>{Json()} : parse_own(job.output_json);
  const std::string hash = output ? text_at(*output, "report_sha256") : std::string{};
  if ((job.kind != "evaluate" && job.kind != "compare" && job.kind != "improve") || hash.empty())
    return Error{Code::not_found, "this job has no report"};
  ACESO_TRY(const std::vector<std::byte> bytes, blobs_.read(hash, kMaxReport));
  return std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace aceso::models
