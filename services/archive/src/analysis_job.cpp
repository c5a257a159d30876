// One analysis: image, model, answer kept, results into the study. Whatever is cut off is done again with the same
// outcome: the answer is kept before anything is written, and what is written has derived UIDs.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "aceso/dicom/derived.hpp"
#include "aceso/dicom/measurement_report.hpp"
#include "analyses_impl.hpp"
#include "analysis_input.hpp"
#include "analysis_outlines.hpp"
#include "analysis_result.hpp"
#include "series_volume.hpp"

namespace aceso::archive {
namespace {

constexpr std::uint64_t kMaxImage = std::uint64_t{256} << 20;  // bytes of one object that is analysed

bool retryable(Code code) {  // as store::JobHandler
  return code == Code::unavailable || code == Code::timeout || code == Code::exhausted;
}

void conclude(Analysis& analysis, AnalysisState state, std::string reason = {}) {
  analysis.state = state;
  analysis.reason = std::move(reason);
}

}  // namespace

Result<Json> Analyses::Impl::run(store::JobContext& context) {
  const store::Job& job = context.job();
  ACESO_TRY(const Json input, parse_json(job.input_json));
  ACESO_TRY(auto found, table->find(input.value("analysis", std::string{})));
  if (!found || (found->state != AnalysisState::waiting && found->state != AnalysisState::running))
    return Json::object();  // deleted, sent again under another id, or done by a job that a crash made twice
  Analysis& analysis = *found;
  conclude(analysis, AnalysisState::running);
  ACESO_TRY_OK(save(analysis));
  const Status done = analyse(analysis, context.stop());
  if (!done) {
    const Error& why = done.error();
    if (context.stop().stop_requested()) {
      conclude(analysis, AnalysisState::waiting);
    } else if (retryable(why.code()) && job.attempt < job.max_attempts) {
      conclude(analysis, AnalysisState::waiting,
               "attempt " + std::to_string(job.attempt) + " of " + std::to_string(job.max_attempts) +
                   " failed and is repeated: " + why.message());
    } else {
      conclude(analysis, AnalysisState::failed, why.message());
    }
  }
  const auto recall = analysis.state == AnalysisState::analysed
                          ? recall_of(analysis)
                          : Result<std::optional<contracts::Recall>>{std::nullopt};
  if (!recall) return recall.error();
  if (*recall) {  // while it answered
    ACESO_TRY_OK(withdraw(analysis, **recall));
  } else {
    tell_ended(analysis);
    ACESO_TRY_OK(save(analysis));
  }
  if (analysis.state == AnalysisState::analysed) ++analysed;
  if (analysis.state == AnalysisState::failed) ++failed;
  if (analysis.state == AnalysisState::not_applicable) ++not_applicable;
  if (!done) return done.error();
  return Json{{"state", to_string(analysis.state)}};
}

Status Analyses::Impl::analyse(Analysis& analysis, const std::stop_token& stop) {
  const auto rule = std::ranges::find(rules, analysis.rule, &RoutingRule::name);
  if (rule == rules.end()) {
    conclude(analysis, AnalysisState::not_applicable, "the rule is no longer set up");
    return {};
  }
  const bool series = analysis.instance_uid.empty();
  const auto instance = archive.store->index().find(analysis.instance_uid);
  if (!instance && !series) {
    conclude(analysis, AnalysisState::not_applicable, "the image was deleted");
    return {};
  }
  ACESO_TRY_OK(
      archive.access.record(node_peer(), {.action = "E",
                                          .event = "archive.analyse",
                                          .entity_type = "study",
                                          .entity = analysis.study_uid,
                                          .detail = Json{{"analysis", analysis.id}, {"model", analysis.model}}.dump(),
                                          .once_a_window = false}));
  return series ? predict_series(analysis, *rule, stop) : predict(analysis, *rule, instance, stop);
}

Status Analyses::Impl::predict(Analysis& analysis, const RoutingRule& rule, const InstancePtr& instance,
                               const std::stop_token& stop) {
  ACESO_TRY(const auto signature, deps.predictor.signature(rule.model));
  if (signature.preprocessing.kind != learn::PortKind::image)
    return Error{Code::unsupported, "model " + rule.model.name + " does not read images"};
  auto bytes = archive.store->read_all(*instance, kMaxImage);
  if (!bytes && bytes.error().code() == Code::too_large) {
    conclude(analysis, AnalysisState::not_applicable, "the object is larger than 256 MiB");
    return {};
  }
  if (!bytes) return bytes.error();
  const auto input = read_analysis_input(*std::move(bytes), rule.window);
  if (!input && (input.error().code() == Code::unsupported || input.error().code() == Code::too_large)) {
    conclude(analysis, AnalysisState::not_applicable, input.error().message());
    return {};
  }
  if (!input) return Error{input.error().code(), "the image cannot be read: " + input.error().message()};

  if (must_ask(analysis, input->sha256)) {
    ACESO_TRY(const bool answered,
              accept(analysis, deps.predictor.predict_picture(rule.model, input->picture, input->facts), input->sha256,
                     input->object.dataset));
    if (!answered) return {};
  }
  if (stop.stop_requested()) return Error{Code::cancelled, "stopped before the results were written"};
  const dicom::Dataset* const source = &input->object.dataset;
  const auto& outlines = analysis.answer->outlines;
  const learn::Shape shape{input->picture.height, input->picture.width};
  if (outlines && outlines->mask.shape != shape) return Error{Code::internal, "the model's mask has another size"};
  return write_results(analysis, rule,
                       {.sources = {&source, 1},
                        .mask_of =
                            [&](std::size_t label, std::size_t) {
                              std::vector<std::uint8_t> out;
                              for (const auto value : outlines->mask.as<std::uint8_t>())
                                out.push_back(value == label + 1 ? 1 : 0);
                              return out;
                            },
                        .picture = [&](std::size_t) -> Result<imaging::Image> { return input->picture; },
                        .volume = false},
                       stop);
}

Status Analyses::Impl::predict_series(Analysis& analysis, const RoutingRule& rule, const std::stop_token& stop) {
  std::vector<InstancePtr> images;
  std::ranges::copy_if(archive.store->index().instances_of(analysis.study_uid, analysis.series_uid),
                       std::back_inserter(images), [](const auto& one) { return has_pixels(*one); });
  const auto volume = read_series_volume(*archive.store, images, stop);
  if (!volume && (volume.error().code() == Code::unsupported || volume.error().code() == Code::too_large)) {
    conclude(analysis, AnalysisState::not_applicable, volume.error().message());
    return {};
  }
  if (!volume) return Error{volume.error().code(), "the series cannot be read: " + volume.error().message()};
  if (must_ask(analysis, volume->sha256)) {
    ACESO_TRY(const bool answered,
              accept(analysis, deps.predictor.predict_volume(rule.model, volume->input, volume->facts), volume->sha256,
                     volume->heads.front().dataset));
    if (!answered) return {};
  }
  if (stop.stop_requested()) return Error{Code::cancelled, "stopped before the results were written"};
  const auto& outlines = analysis.answer->outlines;
  if (outlines && outlines->mask.shape != volume->input.values.shape)
    return Error{Code::internal, "the model's mask has another size"};
  std::vector<const dicom::Dataset*> sources;
  for (const auto& head : volume->heads) sources.push_back(&head.dataset);
  return write_results(analysis, rule,
                       {.sources = sources,
                        .mask_of =
                            [&](std::size_t label, std::size_t slice) {
                              return mask_of_slice(*volume, outlines->mask, slice,
                                                   static_cast<std::uint8_t>(label + 1));
                            },
                        .picture = [&](std::size_t slice) -> Result<imaging::Image> {
                          ACESO_TRY(auto bytes, archive.store->read_all(*volume->slices[slice], kMaxImage));
                          ACESO_TRY(auto input, read_analysis_input(std::move(bytes), rule.window));
                          return std::move(input.picture);
                        },
                        .volume = true},
                       stop);
}

// No answer yet, or one on other images, or one whose masks went with the process that asked.
bool Analyses::Impl::must_ask(const Analysis& analysis, const std::string& sha256) const {
  return !analysis.answer || analysis.input_sha256 != sha256 ||
         (analysis.answer->outlines && analysis.answer->outlines->mask.data.empty());
}

// True when there is an answer to write results of; it is kept by then.
Result<bool> Analyses::Impl::accept(Analysis& analysis, Result<contracts::PictureAnswer> answer,
                                    const std::string& sha256, const dicom::Dataset& source) {
  if (!answer && answer.error().code() == Code::invalid) {
    conclude(analysis, AnalysisState::not_applicable,
             "the model does not take this image: " + answer.error().message());
    return false;
  }
  if (!answer) return answer.error();
  if (!answer->not_applicable.empty()) {
    std::string why = answer->model_name + " version " + std::to_string(answer->model_version) + " may not be asked: ";
    for (const auto& one : answer->not_applicable) why += (&one == answer->not_applicable.data() ? "" : "; ") + one;
    conclude(analysis, AnalysisState::not_applicable, std::move(why));
    return false;
  }
  if (analysis.answer && analysis.input_sha256 == sha256 && analysis.answer->model_hash == answer->model_hash) {
    analysis.answer->outlines = std::move(answer->outlines);  // asked again for the masks alone
    return true;
  }
  const auto now = deps.clock.utc_now();
  analysis.answer = *std::move(answer);
  analysis.input_sha256 = sha256;
  analysis.answered_s = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto offset = dicom::utc_offset_of(source);
  analysis.utc_offset_min = (offset            ? *offset
                             : deps.utc_offset ? deps.utc_offset(now)
                                               : std::chrono::minutes{0})
                                .count();
  ACESO_TRY_OK(save(analysis));
  return true;
}

ResultPlan Analyses::Impl::plan_for(const Analysis& analysis, const RoutingRule& rule) const {
  return {.report = rule.report,
          .picture = rule.picture,
          .window = rule.window,
          .input_sha256 = analysis.input_sha256,
          .node = node,
          .software = deps.software,
          .created = std::chrono::sys_seconds{std::chrono::seconds{analysis.answered_s}},
          .utc_offset = std::chrono::minutes{analysis.utc_offset_min}};
}

Status Analyses::Impl::write_results(Analysis& analysis, const RoutingRule& rule, const Shown& shown,
                                     const std::stop_token& stop) {
  const auto plan = plan_for(analysis, rule);
  const auto& answer = *analysis.answer;
  std::optional<DrawnResult> drawn;
  if (answer.outlines) {
    ACESO_TRY(drawn, make_drawn(shown.sources, answer, shown.mask_of, plan));
  }
  const std::size_t key = drawn ? drawn->key_source : shown.sources.size() / 2;
  const dicom::Dataset& source = *shown.sources[key];
  analysis.results.clear();
  const auto keep = [&](const ResultObject& result) -> Status {
    ACESO_TRY_OK(write_back(result.file));
    analysis.results.push_back(result.sop_instance_uid);
    return {};
  };
  if (drawn && rule.segmentation) {
    ACESO_TRY_OK(keep(drawn->object));
  } else if (drawn) {
    drawn->object = {};
  }
  ACESO_TRY(auto picture, shown.picture(key));
  if (drawn) picture = with_outlines(picture, answer.outlines->labels.size(), shown.mask_of, key);
  ACESO_TRY(const auto results, drawn ? make_drawn_results(source, picture, answer, *drawn, shown.volume, plan)
                                      : make_results(source, picture, answer, plan));
  for (const auto& result : results) {
    ACESO_TRY_OK(keep(result));
    if (result.sop_class_uid != dicom::kComprehensive3dSr) continue;
    analysis.report_uid = result.sop_instance_uid;
    analysis.report_series = result.series_uid;
  }
  analysis.positive = is_positive(rule, *analysis.answer);
  analysis.urgency = rule.urgency;
  std::optional<ResultMap> map;
  if (analysis.positive && rule.map && !answer.outlines) {
    ACESO_TRY(map, mapped(analysis, source, plan, stop));
  }
  if (map) {
    ACESO_TRY_OK(keep(map->picture));
    if (map->location) {
      ACESO_TRY_OK(keep(*map->location));
    }
  }
  if (analysis.positive && rule.key) {
    ACESO_TRY(const auto note,
              make_key_note(source, *analysis.answer, map && map->location ? &*map->location : nullptr, plan));
    ACESO_TRY_OK(keep(note));
  }
  conclude(analysis, AnalysisState::analysed);
  return {};
}

// Nothing when there is no map that may be shown; the analysis then says why. A map is an extra: that there is none
// fails no analysis.
Result<std::optional<ResultMap>> Analyses::Impl::mapped(Analysis& analysis, const dicom::Dataset& source,
                                                        const ResultPlan& plan, const std::stop_token& stop) {
  const auto without = [&](std::string why) {
    analysis.map.reset();
    analysis.map_note = std::move(why);
    return std::optional<ResultMap>{};
  };
  if (deps.explainer == nullptr) return without("this node makes no maps of influence");
  const auto made = deps.explainer->explain_prediction(analysis.answer->prediction_id, stop);
  if (stop.stop_requested()) return Error{Code::cancelled, "stopped before the map was made"};
  if (!made) return without("no map of influence: " + made.error().message());
  if (!made->failed.empty() || !made->overlay)
    return without("the map of influence failed a check and is no explanation: " + made->failed);
  ACESO_TRY(auto map, make_map(source, *analysis.answer, *made, plan));
  analysis.map_note.clear();
  analysis.map = {.instance_uid = map.picture.sop_instance_uid,
                  .series_uid = map.picture.series_uid,
                  .method = made->method,
                  .label = made->label,
                  .warning = made->warning,
                  .left = map.left,
                  .top = map.top,
                  .width = map.width,
                  .height = map.height};
  return std::optional{std::move(map)};
}

Status Analyses::Impl::store_result(std::span<const std::byte> file) {
  ACESO_TRY(const auto writer, deps.results.begin_file(node_peer()));
  ACESO_TRY_OK(writer->write(file));
  ACESO_TRY([[maybe_unused]] const auto stored, writer->commit());
  return {};
}

Status Analyses::Impl::write_back(std::span<const std::byte> file) {
  const Status written = store_result(file);
  // Under a UID that is derived of image, model and settings stands the result of an earlier release.
  if (written || written.error().code() == Code::exists) return {};
  return Error{written.error().code(), "a result cannot be stored: " + written.error().message()};
}

// A job that the queue gave up without asking: the process died with it again and again.
void Analyses::Impl::job_changed(const store::Job& job) {
  if (job.state != store::JobState::failed && job.state != store::JobState::cancelled) return;
  const auto input = parse_json(job.input_json);
  if (!input) return;
  auto found = table->find(input->value("analysis", std::string{}));
  if (!found || !*found) return;
  Analysis& analysis = **found;
  if (analysis.job != job.id || (analysis.state != AnalysisState::waiting && analysis.state != AnalysisState::running))
    return;
  conclude(analysis, AnalysisState::failed, job.error.empty() ? "the job was cancelled" : job.error);
  tell_ended(analysis);
  if (auto saved = save(analysis); !saved)
    deps.logger.warn("analyses.not_saved", {{"code", to_string(saved.error().code())}});
}

}  // namespace aceso::archive
