#include "predictions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/base/id.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/learn/boxes.hpp"
#include "aceso/learn/ensemble.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/trainer.hpp"
#include "box_answer.hpp"
#include "outline_answer.hpp"
#include "prediction_rows.hpp"
#include "recalls.hpp"
#include "uncertainty.hpp"

namespace aceso::models {
namespace {

constexpr std::string_view kNotice =
    "Research use only. Not a medical device; not for diagnosis or treatment decisions.";
constexpr std::string_view kUnusual = "The input is unusual for this model: see familiarity.";
constexpr std::size_t kMaxPending = 1000;
constexpr std::uint64_t kMaxOutlines = std::uint64_t{4} << 30;

Error awaits_verdict() {
  return Error{Code::precondition, "a blinded read of this input waits for your verdict: give it first"};
}

std::string shown_type(InputType type) {
  return std::string{media_type_of(type)};
}

Json model_json(const StoredPrediction& p, const std::vector<std::string>& classes) {
  return Json{{"name", p.model.name},   {"version", p.model.version},     {"hash", p.model.bundle},
              {"stage", p.model.stage}, {"intended_use", p.intended_use}, {"engine", p.engine},
              {"classes", classes}};
}

}  // namespace

std::string hash_array(const learn::Array& array) {
  crypto::Sha256 hash;
  hash.update(crypto::as_bytes(std::string{learn::to_string(array.dtype)} + learn::to_string(array.shape)));
  hash.update(array.data);
  return crypto::to_hex(hash.finish());
}

std::string hash_arrays(const learn::NamedArrays& arrays) {
  crypto::Sha256 hash;
  for (const auto& [name, array] : arrays) hash.update(crypto::as_bytes(name + "\n" + hash_array(array)));
  return crypto::to_hex(hash.finish());
}

Result<ModelVersion> PredictionService::usable(const contracts::ModelRef& ref) const {
  ACESO_TRY(ModelVersion version, registry_.find(ref.name, ref.version));
  if (version.stage == "recalled") {
    ACESO_TRY(const auto why, Recalls(context_, registry_).words(version.name, version.version));
    return Error{Code::precondition, why.value_or("the version was recalled")};
  }
  if (version.stage == "retired") {
    return Error{Code::precondition,
                 "version " + std::to_string(version.version) + " of model " + version.name + " is retired"};
  }
  return version;
}

namespace {

std::string unknown_spacing(const learn::Preprocessing& how) {
  std::string out = "The spacing of the voxels is not known: they were taken to lie ";
  for (std::size_t d = 0; d < how.spacing_mm.size(); ++d) {
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), "%s%.3g", d == 0 ? "" : " x ", how.spacing_mm[d]);
    out += text.data();
  }
  return out + " mm apart, as the model works.";
}

// In the model's spacing, as the network takes it.
Result<learn::Array> as_tensor(const learn::Preprocessing& how, const learn::Array& sample,
                               const std::vector<double>& spacing_mm) {
  ACESO_TRY(const learn::Array brought, learn::to_spacing(how, sample, spacing_mm));
  return learn::preprocess(how, {&brought, 1});
}

StoredPrediction begin(const Context& context, const Actor& actor, const ModelVersion& version,
                       const ServedModel& served) {
  StoredPrediction p;
  p.id = context.new_id();
  p.created = context.now_us();
  p.model = version;
  p.intended_use = served.info().card.intended_use;
  p.engine = served.engine();
  p.agent = actor.id;
  p.agent_name = actor.name;
  if (version.stage != "live") p.warnings.push_back("This version is not live: its stage is " + version.stage + ".");
  return p;
}

// Row `sample` of what an answer has beside its output; empty when it has none.
std::span<const float> row_of(const learn::Array& embedding, std::int64_t sample) {
  if (embedding.shape.size() != 2) return {};
  const auto width = static_cast<std::size_t>(embedding.shape[1]);
  return embedding.f32().subspan(static_cast<std::size_t>(sample) * width, width);
}

learn::Familiarity look(const ServedModel& served, const std::vector<float>& appearance, const learn::Array& embedding,
                        std::int64_t sample) {
  return learn::familiarity(served.applicability(), appearance, row_of(embedding, sample));
}

// What is noted of an answer for the watch, in the order in which it becomes known: the input, the embedding, scores.
std::vector<double> measure(const ServedModel& served, const learn::Array& inputs, std::size_t sample) {
  return learn::watch_values(served.info().signature, served.applicability(), inputs, sample, {}, {}, 0);
}

void add_embedding(const ServedModel& served, std::span<const float> embedding, std::vector<double>& measured) {
  const std::vector<double> later =
      learn::watch_values(served.info().signature, served.applicability(), {}, 0, embedding, {}, 0);
  for (std::size_t i = 0; i < measured.size() && i < later.size(); ++i) {
    if (std::isnan(measured[i])) measured[i] = later[i];
  }
}

void add_scores(const ServedModel& served, StoredPrediction& p, std::vector<double> measured) {
  std::vector<double> scores;
  scores.reserve(p.outputs.size());
  for (const auto& [label, score] : p.outputs) scores.push_back(score);
  const std::vector<double> all = learn::watch_values(served.info().signature, served.applicability(), {}, 0, {},
                                                      scores, watched_scores(served.info()).size());
  measured.insert(measured.end(), all.begin() + static_cast<std::ptrdiff_t>(measured.size()), all.end());
  p.observed.measured = std::move(measured);
}

}  // namespace

StoredPrediction PredictionService::refuse(const Actor& actor, const ModelVersion& version, const ServedModel& served,
                                           std::vector<std::string> reasons,
                                           const learn::Familiarity* familiarity) const {
  StoredPrediction p = begin(context_, actor, version, served);
  p.finding = "not applicable";
  p.uncertainty = not_applicable(std::move(reasons), familiarity);
  return p;
}

StoredPrediction PredictionService::describe(const Actor& actor, const ModelVersion& version, const ServedModel& served,
                                             std::span<const float> outputs, const learn::Familiarity& familiarity,
                                             std::span<const float> beside) const {
  const std::size_t count = learn::ensemble_size(served.info().network);
  const std::span<const float> members = count > 0 ? beside : std::span<const float>{};
  const learn::ModelCard& card = served.info().card;
  StoredPrediction p = begin(context_, actor, version, served);
  const learn::Task task = learn::task_of(served.info().signature);
  if (task == learn::Task::multi_label || task == learn::Task::regression) {
    if (task == learn::Task::multi_label) {
      describe_labels(served, outputs, members, p);
    } else {
      describe_number(served, static_cast<double>(outputs[0]), members, p);
    }
    add_applicability(served.applicability(), familiarity, {}, {}, p.uncertainty);
    if (familiarity.state == learn::Familiarity::State::unusual) p.warnings.emplace_back(kUnusual);
    return p;
  }
  const auto name_of = [&](std::size_t i) { return i < card.classes.size() ? card.classes[i] : std::to_string(i); };
  if (outputs.size() == 1) {
    p.probability = static_cast<double>(outputs[0]);
    p.threshold = card.threshold;
    p.outputs.emplace_back(name_of(1), p.probability);
    p.finding = name_of(p.probability >= p.threshold ? 1 : 0);
  } else {
    for (std::size_t i = 0; i < outputs.size(); ++i)
      p.outputs.emplace_back(name_of(i), static_cast<double>(outputs[i]));
    const auto top = std::max_element(outputs.begin(), outputs.end());
    p.probability = static_cast<double>(*top);
    p.finding = name_of(static_cast<std::size_t>(top - outputs.begin()));
  }
  const Json& evaluation = served.info().evaluation;
  const Json table = evaluation.is_object() && evaluation.contains("validation_calibration")
                         ? evaluation["validation_calibration"]
                         : Json(nullptr);
  p.uncertainty = uncertainty(table, p.probability, outputs.size() == 1 ? name_of(1) : p.finding);
  const std::size_t decided =
      outputs.size() == 1
          ? 0
          : static_cast<std::size_t>(std::max_element(outputs.begin(), outputs.end()) - outputs.begin());
  if (Json spread = members_spread(members, count, decided, {}); spread.is_object())
    p.uncertainty["members"] = std::move(spread);
  add_applicability(served.applicability(), familiarity, outputs, card.classes, p.uncertainty);
  if (familiarity.state == learn::Familiarity::State::unusual) p.warnings.emplace_back(kUnusual);
  return p;
}

// Each label on its own: its threshold, and what validation cases with a like score turned out to be.
void PredictionService::describe_labels(const ServedModel& served, std::span<const float> outputs,
                                        std::span<const float> members, StoredPrediction& p) {
  const std::size_t count = learn::ensemble_size(served.info().network);
  const learn::ModelCard& card = served.info().card;
  const Json& evaluation = served.info().evaluation;
  const Json tables = evaluation.is_object() ? evaluation.value("validation_calibration", Json()) : Json();
  Json labels = Json::array();
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const std::string label = k < card.classes.size() ? card.classes[k] : std::to_string(k);
    const auto probability = static_cast<double>(outputs[k]);
    const double threshold = k < card.thresholds.size() ? card.thresholds[k] : 0.5;
    const bool positive = probability >= threshold;
    const Json table =
        tables.is_array() && k < tables.size() && tables[k].is_object() ? tables[k].value("table", Json()) : Json();
    labels.push_back(Json{{"label", label},
                          {"probability", probability},
                          {"threshold", threshold},
                          {"positive", positive},
                          {"uncertainty", uncertainty(table, probability, label)}});
    if (Json spread = members_spread(members, count, k, {}); spread.is_object())
      labels.back()["uncertainty"]["members"] = std::move(spread);
    p.outputs.emplace_back(label, probability);
    p.probability = std::max(p.probability, probability);
    if (positive) p.finding += (p.finding.empty() ? "" : ", ") + label;
  }
  if (p.finding.empty()) p.finding = "none";
  p.details = Json{{"kind", "labels"}, {"labels", std::move(labels)}};
  p.uncertainty = Json{{"kind", "by-label"}, {"text", "How far each label can be trusted stands beside it."}};
}

void PredictionService::describe_number(const ServedModel& served, double value, std::span<const float> members,
                                        StoredPrediction& p) {
  const learn::Port& port = served.info().signature.outputs.front();
  const std::string name = served.info().card.classes.empty() ? "value" : served.info().card.classes.front();
  const Json& evaluation = served.info().evaluation;
  p.outputs.emplace_back(name, value);
  p.probability = value;
  p.finding = name;
  p.details = Json{{"kind", "number"}, {"name", name}, {"value", value}, {"unit", port.unit}};
  p.uncertainty = number_uncertainty(evaluation.is_object() ? evaluation.value("validation_interval", Json()) : Json(),
                                     value, port.unit);
  if (Json spread = members_spread(members, learn::ensemble_size(served.info().network), 0, port.unit);
      spread.is_object())
    p.uncertainty["members"] = std::move(spread);
}

Result<Json> PredictionService::predict_bytes(const Actor& actor, const contracts::ModelRef& ref,
                                              std::span<const std::byte> bytes, std::string_view content_type,
                                              bool blinded, const learn::InputFacts& stated,
                                              std::vector<double> voxel_spacing_mm, const Urgency& urgency) {
  ACESO_TRY(const StoredPrediction p,
            predict_one(actor, ref, bytes, content_type, blinded, stated, "api", std::move(voxel_spacing_mm), urgency));
  return view(actor, p, p.blinded);
}

Result<StoredPrediction> PredictionService::predict_one(const Actor& actor, const contracts::ModelRef& ref,
                                                        std::span<const std::byte> bytes, std::string_view content_type,
                                                        bool blinded, const learn::InputFacts& stated,
                                                        std::string_view source, std::vector<double> voxel_spacing_mm,
                                                        const Urgency& urgency) {
  ACESO_TRY(const Chosen chosen, choose(ref, crypto::to_hex(crypto::sha256(bytes))));
  ACESO_TRY(const InputType type, detect_input(bytes, content_type));
  Given given{
      .bytes = bytes, .type = type, .sample = {}, .spacing_mm = std::move(voxel_spacing_mm), .urgency = urgency};
  ACESO_TRY(given.sample, decode_input(bytes, type, input_limits(type)));
  if (given.spacing_mm.empty() && stated.spacing_mm) given.spacing_mm = {*stated.spacing_mm, *stated.spacing_mm};
  return answer_given(actor, chosen, std::move(given), blinded, stated, source);
}

InputLimits PredictionService::input_limits(InputType type) const {
  const Options& o = context_.options;
  return {.bytes = type == InputType::npy ? std::max(o.max_image_bytes, o.max_volume_bytes) : o.max_image_bytes,
          .pixels = o.max_image_pixels};
}

Result<StoredPrediction> PredictionService::predict_array(const Actor& actor, const contracts::ModelRef& ref,
                                                          const contracts::VolumeInput& input,
                                                          const learn::InputFacts& stated, const Urgency& urgency) {
  const std::vector<std::byte> npy = learn::to_npy(input.values);
  ACESO_TRY(const Chosen chosen, choose(ref, crypto::to_hex(crypto::sha256(npy))));
  return answer_given(actor, chosen,
                      {.bytes = npy,
                       .type = InputType::npy,
                       .sample = input.values,
                       .spacing_mm = input.spacing_mm,
                       .urgency = urgency},
                      false, stated, "internal");
}

Result<StoredPrediction> PredictionService::predict_given(const Actor& actor, const ModelVersion& version, Given given,
                                                          bool blinded, const learn::InputFacts& stated,
                                                          std::string_view source) {
  learn::Array& sample = given.sample;
  const std::span<const std::byte> bytes = given.bytes;
  const InputType type = given.type;
  ACESO_TRY(const auto served, serving_.model(version));
  const learn::ModelSignature& signature = served->info().signature;
  if (signature.inputs.size() != 1)
    return Error{Code::unsupported, "this model takes several inputs: use the batch interface"};
  if (const learn::Task task = learn::task_of(signature);
      blinded && (task == learn::Task::multi_label || task == learn::Task::regression)) {
    return Error{Code::unsupported,
                 "blinded readings are of models that answer with one class, with an outline or with boxes"};
  }
  learn::InputFacts facts = stated;
  if (signature.preprocessing.kind == learn::PortKind::image && sample.shape.size() >= 2) {
    facts.height = sample.shape[0];
    facts.width = sample.shape[1];
  }
  learn::LimitsVerdict limits = learn::check_limits(served->applicability().limits, facts);
  std::vector<std::string> warnings;
  ACESO_TRY_OK(check_contract(signature, sample, type, warnings));
  if (!signature.preprocessing.spacing_mm.empty() &&
      given.spacing_mm.size() != signature.preprocessing.spacing_mm.size()) {
    warnings.push_back(unknown_spacing(signature.preprocessing));
  }
  ACESO_TRY(learn::Array tensor, as_tensor(signature.preprocessing, sample, given.spacing_mm));
  learn::NamedArrays batch;
  const std::string tensor_hash = hash_array(tensor);
  const std::vector<float> appearance = learn::appearance_row(tensor, 0);
  std::vector<double> measured = measure(*served, tensor, 0);
  batch.emplace(signature.inputs.front().name, std::move(tensor));
  if (signature.preprocessing.window.empty()) ACESO_TRY_OK(learn::check_inputs(signature, batch));
  const std::string input_hash = crypto::to_hex(crypto::sha256(bytes));
  ACESO_TRY(const Pending pending, pending_of(actor.id));
  if (source != kShadowSource && pending.holds(input_hash, tensor_hash)) return awaits_verdict();
  if (blinded && pending.inputs.size() >= kMaxPending)
    return Error{Code::exhausted, "too many blinded reads wait for your verdict"};

  std::vector<StoredPrediction> made;
  bool kept = false;
  if (limits.outside.empty() && (learn::draws_outlines(signature) || learn::finds_boxes(signature))) {
    const learn::Familiarity familiarity = look(*served, appearance, {}, 0);
    if (familiarity.state == learn::Familiarity::State::outside) {
      made.push_back(refuse(actor, version, *served, {std::string{kUnlikeTraining}}, &familiarity));
    } else {
      ACESO_TRY(StoredPrediction drawn, learn::finds_boxes(signature)
                                            ? find_boxes(actor, version, *served, given, familiarity)
                                            : draw(actor, version, *served, given, familiarity));
      made.push_back(std::move(drawn));
    }
  } else if (limits.outside.empty()) {
    ACESO_TRY(BatchQueue::Ticket ticket, served->queue().submit(batch, given.urgency));
    ACESO_TRY([[maybe_unused]] const auto early, blobs_.put(bytes));  // reaches the disk while the model computes
    kept = true;
    ACESO_TRY(const Answers answers, ticket.wait());
    const std::span<const float> values = answers.output.f32();
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
      return Error{Code::internal, "the model answered with a number that is not finite"};
    const learn::Familiarity familiarity = look(*served, appearance, answers.embedding, 0);
    add_embedding(*served, row_of(answers.embedding, 0), measured);
    made.push_back(familiarity.state == learn::Familiarity::State::outside
                       ? refuse(actor, version, *served, {std::string{kUnlikeTraining}}, &familiarity)
                       : describe(actor, version, *served, values, familiarity, row_of(answers.embedding, 0)));
  } else {
    made.push_back(refuse(actor, version, *served, std::move(limits.outside), nullptr));
  }
  if (!kept) {
    ACESO_TRY([[maybe_unused]] const auto blob, blobs_.put(bytes));
  }
  StoredPrediction& p = made.front();
  blinded = blinded && is_applicable(p.uncertainty);
  for (const std::string& unchecked : limits.unchecked) warnings.push_back("Not checked: " + unchecked + ".");
  p.input_sha256 = input_hash;
  p.tensor_sha256 = tensor_hash;
  p.input_type = shown_type(type);
  p.warnings.insert(p.warnings.end(), warnings.begin(), warnings.end());
  p.blinded = blinded;
  p.source = source;
  add_scores(*served, p, std::move(measured));
  ACESO_TRY_OK(store(actor, made));
  return std::move(p);
}

Result<StoredPrediction> PredictionService::draw(const Actor& actor, const ModelVersion& version, ServedModel& served,
                                                 const Given& given, const learn::Familiarity& familiarity) {
  const learn::ModelSignature& signature = served.info().signature;
  const double threshold = served.info().card.threshold;
  const learn::Forward forward = [&](const learn::Array& inputs) -> Result<learn::Array> {
    ACESO_TRY(Answers answers, Serving::run(served, {{signature.inputs.front().name, inputs}}, given.urgency));
    return std::move(answers.output);
  };
  ACESO_TRY(std::vector<learn::Array> answers,
            learn::outline_probabilities(forward, signature, {&given.sample, 1}, {&given.spacing_mm, 1}, {}));
  const double sure = learn::sureness(answers.front(), learn::draw_mask(answers.front(), threshold));
  StoredPrediction p = begin(context_, actor, version, served);
  p.outlines = make_outlines(signature, std::move(answers.front()), threshold, given.spacing_mm);
  ACESO_TRY(p.details, store_outlines(blobs_, *p.outlines));
  p.threshold = p.outlines->labels.size() == 1 ? threshold : 0.5;
  for (const Json& region : p.details["regions"]) {
    const std::string label = region.value("label", std::string{});
    p.outputs.emplace_back(label, region.value("largest", 0.0));
    p.probability = std::max(p.probability, p.outputs.back().second);
    if (region.value("points", std::uint64_t{0}) > 0) p.finding += (p.finding.empty() ? "" : ", ") + label;
  }
  if (p.finding.empty()) p.finding = "none";
  const Json& evaluation = served.info().evaluation;
  p.uncertainty =
      outline_uncertainty(evaluation.is_object() ? evaluation.value("validation_outlines", Json()) : Json(), sure);
  add_applicability(served.applicability(), familiarity, {}, {}, p.uncertainty);
  if (familiarity.state == learn::Familiarity::State::unusual) p.warnings.emplace_back(kUnusual);
  return p;
}

Result<StoredPrediction> PredictionService::find_boxes(const Actor& actor, const ModelVersion& version,
                                                       ServedModel& served, const Given& given,
                                                       const learn::Familiarity& familiarity) {
  const learn::ModelSignature& signature = served.info().signature;
  const double threshold = served.info().card.threshold;
  const learn::Forward forward = [&](const learn::Array& inputs) -> Result<learn::Array> {
    ACESO_TRY(Answers answers, Serving::run(served, {{signature.inputs.front().name, inputs}}, given.urgency));
    return std::move(answers.output);
  };
  ACESO_TRY(const auto found, learn::find_boxes(forward, signature, {&given.sample, 1}));
  const std::size_t axes = signature.preprocessing.kind == learn::PortKind::volume ? 3 : 2;
  const learn::Shape shape{given.sample.shape.begin(), given.sample.shape.begin() + static_cast<std::ptrdiff_t>(axes)};
  const Json& evaluation = served.info().evaluation;
  const Json table = evaluation.is_object() ? evaluation.value("validation_boxes", Json()) : Json();
  StoredPrediction p = begin(context_, actor, version, served);
  p.threshold = threshold;
  p.details = describe_boxes(learn::box_labels(signature), found.front(), threshold, shape, given.spacing_mm, table);
  for (const Json& one : p.details["largest"]) {
    const std::string label = one.value("label", std::string{});
    p.outputs.emplace_back(label, one.value("score", 0.0));
    p.probability = std::max(p.probability, p.outputs.back().second);
    if (p.outputs.back().second >= threshold) p.finding += (p.finding.empty() ? "" : ", ") + label;
  }
  if (p.finding.empty()) p.finding = "none";
  p.uncertainty = boxes_uncertainty(table, !p.details["boxes"].empty());
  add_applicability(served.applicability(), familiarity, {}, {}, p.uncertainty);
  if (familiarity.state == learn::Familiarity::State::unusual) p.warnings.emplace_back(kUnusual);
  return p;
}

contracts::PictureAnswer picture_answer(StoredPrediction p) {
  const bool binary = p.outputs.size() == 1;
  contracts::PictureAnswer out{.prediction_id = std::move(p.id),
                               .model_name = std::move(p.model.name),
                               .model_version = p.model.version,
                               .model_hash = std::move(p.model.bundle),
                               .stage = std::move(p.model.stage),
                               .intended_use = std::move(p.intended_use),
                               .engine = std::move(p.engine),
                               .finding = p.finding,
                               .class_name = binary ? p.outputs.front().first : p.finding,
                               .probability = p.probability};
  if (binary) out.threshold = p.threshold;
  out.outlines = std::move(p.outlines);
  out.outputs = std::move(p.outputs);
  out.warnings = std::move(p.warnings);
  out.uncertainty.text = p.uncertainty.value("text", std::string{});
  if (!is_applicable(p.uncertainty)) {
    out.not_applicable = p.uncertainty.value("reasons", std::vector<std::string>{});
    if (out.not_applicable.empty()) out.not_applicable.emplace_back("the model is not made for this image");
  }
  if (p.uncertainty.value("kind", std::string{}) == "validation-calibration") {
    out.uncertainty.interval = {.observed = p.uncertainty.value("observed", 0.0),
                                .low = p.uncertainty.value("low", 0.0),
                                .high = p.uncertainty.value("high", 0.0),
                                .level = p.uncertainty.value("level", 0.95)};
  }
  return out;
}

Result<PredictionService::BatchAnswer> PredictionService::predict_batch(const Actor& actor, const ModelVersion& version,
                                                                        const learn::NamedArrays& batch,
                                                                        std::string_view source,
                                                                        const Urgency& urgency) {
  ACESO_TRY(const auto served, serving_.model(version));
  const learn::ModelSignature& signature = served->info().signature;
  ACESO_TRY_OK(learn::check_inputs(signature, batch));
  const std::int64_t samples = batch.begin()->second.shape.at(0);
  if (samples < 1 || samples > static_cast<std::int64_t>(context_.options.max_batch)) {
    return Error{Code::too_large,
                 "1 to " + std::to_string(context_.options.max_batch) + " samples are answered at once"};
  }
  ACESO_TRY(const Pending pending, pending_of(actor.id));
  std::vector<std::string> tensor_hashes, input_hashes;
  std::vector<std::vector<std::byte>> inputs;
  for (std::int64_t i = 0; i < samples; ++i) {
    learn::NamedArrays one;
    for (const auto& [name, array] : batch) one.emplace(name, slice_rows(array, i, 1));
    if (one.size() == 1) {
      inputs.push_back(learn::to_npy(one.begin()->second));
    } else {
      ACESO_TRY(std::vector<std::byte> npz, learn::to_npz(one));
      inputs.push_back(std::move(npz));
    }
    input_hashes.push_back(crypto::to_hex(crypto::sha256(inputs.back())));
    tensor_hashes.push_back(one.size() == 1 ? hash_array(one.begin()->second) : input_hashes.back());
    if (source != kShadowSource && pending.holds(input_hashes.back(), tensor_hashes.back())) return awaits_verdict();
  }
  if (learn::draws_outlines(signature))
    return Error{Code::unsupported, "this model draws outlines: ask it about one image at a time, with /predictions"};
  if (learn::finds_boxes(signature))
    return Error{Code::unsupported, "this model finds boxes: ask it about one image at a time, with /predictions"};
  ACESO_TRY(BatchQueue::Ticket ticket, served->queue().submit(batch, urgency));
  for (const std::vector<std::byte>& input : inputs) {  // reach the disk while the model computes
    ACESO_TRY([[maybe_unused]] const auto blob, blobs_.put(input));
  }
  ACESO_TRY(Answers answers, ticket.wait());
  learn::Array& output = answers.output;
  const std::span<const float> values = output.f32();
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    return Error{Code::internal, "the model answered with a number that is not finite"};
  const std::size_t width = values.size() / static_cast<std::size_t>(samples);
  std::vector<StoredPrediction> made;
  BatchAnswer answer{.model = version, .served = served, .output = {}, .ids = {}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const learn::Familiarity familiarity =
        look(*served, learn::appearance_row(batch.begin()->second, i), answers.embedding, static_cast<std::int64_t>(i));
    if (familiarity.state == learn::Familiarity::State::outside) {
      return Error{Code::precondition,
                   "not applicable: sample " + std::to_string(i) + ": " + std::string{kUnlikeTraining}};
    }
    StoredPrediction p = describe(actor, version, *served, values.subspan(i * width, width), familiarity,
                                  row_of(answers.embedding, static_cast<std::int64_t>(i)));
    p.input_sha256 = input_hashes[i];
    p.tensor_sha256 = tensor_hashes[i];
    p.input_type = batch.size() == 1 ? "application/x-npy" : "application/x-npz";
    p.source = source;
    std::vector<double> measured = measure(*served, batch.begin()->second, i);
    add_embedding(*served, row_of(answers.embedding, static_cast<std::int64_t>(i)), measured);
    add_scores(*served, p, std::move(measured));
    answer.ids.push_back(p.id);
    answer.about.push_back(Json{{"uncertainty", p.uncertainty}, {"warnings", p.warnings}});
    made.push_back(std::move(p));
  }
  ACESO_TRY_OK(store(actor, made));
  answer.output = std::move(output);
  return answer;
}

Status PredictionService::store(const Actor& actor, std::vector<StoredPrediction>& predictions) {
  const Status written = context_.catalogue->write([&](store::Transaction& tx) -> Status {
    for (const StoredPrediction& p : predictions) {
      ACESO_TRY_OK(insert_prediction(tx, p));
      ACESO_TRY_OK(insert_observation(tx, p));
      if (!p.blinded && p.source != kShadowSource) ACESO_TRY_OK(insert_view(tx, p.id, actor.id, p.created));
    }
    return {};
  });
  ACESO_TRY_OK(written);
  for (const StoredPrediction& p : predictions) {
    ACESO_TRY_OK(context_.record(actor, "E", "prediction.create", "prediction", p.id,
                                 dump(Json{{"model", p.model.name},
                                           {"version", p.model.version},
                                           {"bundle", p.model.bundle},
                                           {"input_sha256", p.input_sha256},
                                           {"blinded", p.blinded},
                                           {"source", p.source}})));
    watch_.noticed(p.model.name, p.model.version);
  }
  return {};
}

Result<PredictionService::Pending> PredictionService::pending_of(std::string_view reader) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT p.input_sha256, p.tensor_sha256 FROM prediction p WHERE p.agent = ?1 AND "
                                      "p.blinded = 1 AND NOT EXISTS "
                                      "(SELECT 1 FROM verdict v WHERE v.prediction = p.id AND v.reader = p.agent)",
                                      {std::string{reader}}));
  Pending pending;
  for (const store::Row& row : rows) {
    pending.inputs.insert(row.text(0));
    pending.tensors.insert(row.text(1));
  }
  return pending;
}

Result<bool> PredictionService::hidden(const StoredPrediction& p, const Pending& pending) const {
  if (pending.holds(p.input_sha256, p.tensor_sha256)) return true;
  if (!p.blinded) return false;
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT 1 FROM verdict WHERE prediction = ?1 AND reader = ?2 LIMIT 1",
                                      {p.id, p.agent}));
  return rows.empty();
}

Result<bool> PredictionService::waits_blinded(std::string_view reader_id,
                                              std::span<const std::string> prediction_ids) const {
  ACESO_TRY(const Pending pending, pending_of(reader_id));
  if (pending.inputs.empty()) return false;
  for (const std::string& id : prediction_ids) {
    const auto found = find(id);
    if (!found && found.error().code() == Code::not_found) continue;
    if (!found) return found.error();
    if (pending.holds(found->input_sha256, found->tensor_sha256)) return true;
  }
  return false;
}

Status PredictionService::mark_seen(std::string_view reader, const std::vector<std::string>& ids) {
  std::vector<std::string> unseen;
  for (const std::string& id : ids) {
    ACESO_TRY(const auto rows,
              context_.catalogue->query("SELECT 1 FROM prediction_view WHERE prediction = ?1 AND reader = ?2",
                                        {id, std::string{reader}}));
    if (rows.empty()) unseen.push_back(id);
  }
  if (unseen.empty()) return {};
  const std::int64_t now = context_.now_us();
  return context_.catalogue->write([&](store::Transaction& tx) -> Status {
    for (const std::string& id : unseen) ACESO_TRY_OK(insert_view(tx, id, reader, now));
    return {};
  });
}

Result<StoredPrediction> PredictionService::find(std::string_view id) const {
  if (!Uuid::parse(id)) return Error{Code::not_found, "there is no such prediction"};
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kPredictionColumns} + "WHERE id = ?1 AND source <> 'shadow'",
                                      {std::string{id}}));
  if (rows.empty()) return Error{Code::not_found, "there is no such prediction"};
  return prediction_from_row(rows.front());
}

Result<Json> PredictionService::view(const Actor& reader, const StoredPrediction& p, bool hide) const {
  std::vector<std::string> classes;
  if (const auto info = registry_.info(p.model.bundle)) {
    classes = (*info)->card.classes;
    if (learn::finds_boxes((*info)->signature)) classes.insert(classes.begin(), kNoBox);
  }
  Json out{{"id", p.id},
           {"created", time_text(p.created)},
           {"model", model_json(p, classes)},
           {"input_sha256", p.input_sha256},
           {"input_type", p.input_type},
           {"blinded", p.blinded},
           {"hidden", hide},
           {"created_by", p.agent_name},
           {"source", p.source},
           {"notice", kNotice},
           {"warnings", p.warnings}};
  out["applicable"] = is_applicable(p.uncertainty);
  if (!is_applicable(p.uncertainty)) {
    out["reasons"] = p.uncertainty.value("reasons", Json::array());
    out["finding"] = nullptr;
    out["uncertainty"] = p.uncertainty;
  } else if (const std::string kind = p.details.is_object() ? p.details.value("kind", std::string{}) : std::string{};
             !hide && kind == "number") {
    out["task"] = "regression";
    out["number"] = p.details;
    out["finding"] = p.finding;
    out["uncertainty"] = p.uncertainty;
  } else if (!hide) {
    Json outputs = Json::array();
    for (const auto& [label, probability] : p.outputs)
      outputs.push_back(Json{{"label", label}, {"probability", probability}});
    out["outputs"] = std::move(outputs);
    out["probability"] = p.probability;
    const bool binary = p.outputs.size() == 1 && kind != "labels" && kind != "boxes";
    out["threshold"] = binary ? Json(p.threshold) : Json(nullptr);
    out["finding"] = p.finding;
    if (binary) out["positive"] = p.probability >= p.threshold;
    out["uncertainty"] = p.uncertainty;
    if (kind == "labels") {
      out["task"] = "multi_label";
      out["labels"] = p.details["labels"];
    } else if (kind == "boxes") {
      out["task"] = "boxes";
      out["threshold"] = p.threshold;
      out["boxes"] = p.details;
    } else if (p.details.is_object()) {
      out["outlines"] = p.details;
    }
  }
  out["recalled"] = nullptr;
  ACESO_TRY(const auto recalls, Recalls(context_, registry_).all());
  for (const contracts::Recall& r : recalls) {
    if (r.model == p.model.name && r.version == p.model.version)
      out["recalled"] = Json{{"reason", r.reason}, {"time", time_text(r.at_us)}};
  }
  ACESO_TRY(out["verdict"], last_verdict(p.id, reader.id));
  return out;
}

Result<Json> PredictionService::show(const Actor& reader, std::string_view id) {
  ACESO_TRY(const StoredPrediction p, find(id));
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  ACESO_TRY(const bool hide, hidden(p, pending));
  if (!hide) ACESO_TRY_OK(mark_seen(reader.id, {p.id}));
  return view(reader, p, hide);
}

Result<Json> PredictionService::list(const Actor& reader, std::string_view model, std::string_view cursor,
                                     std::size_t limit) {
  if (limit < 1 || limit > 200) return Error{Code::invalid, "limit: 1 to 200"};
  if (!model.empty()) ACESO_TRY_OK(check_name("model", model));
  if (!cursor.empty() && !Uuid::parse(cursor)) return Error{Code::invalid, "cursor: not one of ours"};
  const std::string from = cursor.empty() ? "~" : std::string{cursor};  // '~' sorts behind every id
  const std::string where =
      std::string{"WHERE source <> 'shadow' AND "} + (model.empty() ? "id < ?1 " : "model = ?3 AND id < ?1 ");
  store::SqlArgs args{from, static_cast<std::int64_t>(limit + 1)};
  if (!model.empty()) args.emplace_back(std::string{model});
  ACESO_TRY(auto rows,
            context_.catalogue->query(std::string{kPredictionColumns} + where + "ORDER BY id DESC LIMIT ?2", args));
  Json next = nullptr;
  const bool more = rows.size() > limit;
  if (more) rows.pop_back();
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  Json items = Json::array();
  std::vector<std::string> shown;
  for (const store::Row& row : rows) {
    ACESO_TRY(const StoredPrediction p, prediction_from_row(row));
    ACESO_TRY(const bool hide, hidden(p, pending));
    if (!hide) shown.push_back(p.id);
    ACESO_TRY(Json item, view(reader, p, hide));
    items.push_back(std::move(item));
    if (more) next = p.id;
  }
  ACESO_TRY_OK(mark_seen(reader.id, shown));
  return Json{{"items", std::move(items)}, {"next", std::move(next)}};
}

Result<PredictionService::Input> PredictionService::input_of(const Actor& reader, std::string_view id) const {
  Input input;
  ACESO_TRY(input.prediction, find(id));
  const StoredPrediction& p = input.prediction;
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  ACESO_TRY(const bool hide, hidden(p, pending));
  if (hide) return awaits_verdict();
  if (!is_applicable(p.uncertainty))
    return Error{Code::precondition, "the model gave no answer on this input: there is nothing to explain"};
  ACESO_TRY(const auto info, registry_.info(p.model.bundle));
  const learn::ModelSignature& signature = info->signature;
  if (p.source != "api" || signature.preprocessing.kind != learn::PortKind::image || learn::draws_outlines(signature))
    return Error{Code::unsupported, "only answers on pictures can be explained"};
  if (learn::ensemble_size(info->network) > 0)
    return Error{Code::unsupported, "answers of an ensemble cannot be explained; one of its runs alone can"};
  if (learn::task_of(signature) != learn::Task::classes)
    return Error{Code::unsupported, "only answers with a class can be explained, neither several labels nor numbers"};
  ACESO_TRY(const std::vector<std::byte> bytes, blobs_.read(p.input_sha256, context_.options.max_image_bytes));
  ACESO_TRY(const InputType type, detect_input(bytes, ""));
  ACESO_TRY(input.sample, decode_input(bytes, type, input_limits(type)));
  std::vector<std::string> warnings;
  ACESO_TRY_OK(check_contract(signature, input.sample, type, warnings));
  ACESO_TRY(input.tensor, learn::preprocess(signature.preprocessing, {&input.sample, 1}));
  return input;
}

Result<StoredPrediction> PredictionService::open_to(const Actor& reader, std::string_view id) const {
  ACESO_TRY(StoredPrediction p, find(id));
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  ACESO_TRY(const bool hide, hidden(p, pending));
  if (hide) return awaits_verdict();
  return p;
}

Result<Json> PredictionService::outlines_of(const Actor& reader, std::string_view id) const {
  ACESO_TRY(const StoredPrediction p, find(id));
  ACESO_TRY(const Pending pending, pending_of(reader.id));
  ACESO_TRY(const bool hide, hidden(p, pending));
  if (hide) return awaits_verdict();
  if (!p.details.is_object() || !p.details.contains("mask_sha256"))
    return Error{Code::not_found, "this prediction has no outlines"};
  return p.details;
}

Result<std::vector<std::byte>> PredictionService::outline_npy(const Actor& reader, std::string_view id,
                                                              bool probabilities) const {
  ACESO_TRY(const Json details, outlines_of(reader, id));
  return blobs_.read(details.value(probabilities ? "probabilities_sha256" : "mask_sha256", std::string{}),
                     kMaxOutlines);
}

Result<std::vector<std::byte>> PredictionService::outline_png(const Actor& reader, std::string_view id,
                                                              std::int64_t slice) const {
  ACESO_TRY(const Json details, outlines_of(reader, id));
  ACESO_TRY(const std::vector<std::byte> npy, blobs_.read(details.value("mask_sha256", std::string{}), kMaxOutlines));
  ACESO_TRY(const learn::Array mask, learn::parse_npy(npy, kMaxOutlines));
  return mask_png(mask, details["regions"].size(), slice);
}

Result<std::vector<std::byte>> PredictionService::png(std::string_view id, std::optional<std::int64_t> slice) const {
  ACESO_TRY(const StoredPrediction p, find(id));
  ACESO_TRY(const std::vector<std::byte> bytes,
            blobs_.read(p.input_sha256, input_limits(InputType::npy).bytes + (std::uint64_t{1} << 16)));
  if (p.input_type == media_type_of(InputType::png)) return bytes;
  ACESO_TRY(const InputType type, detect_input(bytes, ""));
  ACESO_TRY(learn::Array sample, decode_input(bytes, type, input_limits(type)));
  if (const auto info = registry_.info(p.model.bundle);
      info && (*info)->signature.preprocessing.kind == learn::PortKind::volume && sample.shape.size() >= 3) {
    const std::int64_t slices = sample.shape[0];
    const std::int64_t z = slice.value_or(p.details.is_object() && p.details["slice"].is_number_integer()
                                              ? p.details["slice"].get<std::int64_t>()
                                              : slices / 2);
    if (z < 0 || z >= slices) return Error{Code::invalid, "slice: 0 to " + std::to_string(slices - 1)};
    sample = slice_rows(sample, z, 1);
    sample.shape.erase(sample.shape.begin());
    return array_to_png(sample);
  }
  if (p.source != "api" && sample.shape.size() == 4) {
    ACESO_TRY(sample, channels_last(sample));
  }
  return array_to_png(sample);
}

}  // namespace aceso::models
