#include "explanation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/explain.hpp"
#include "influence_region.hpp"
#include "object_reader.hpp"
#include "training.hpp"
#include "uncertainty.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr int kPollMs = 200;
constexpr std::uint64_t kMaxResult = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxMap = std::uint64_t{256} << 20;
constexpr std::string_view kWarning =
    "A map of influence, not of disease: it shows what moved this model's answer, not where a finding is.";

// The box of the image in the coordinates of the model's input.
Result<Json> scaled_box(const Json& box, std::int64_t height, std::int64_t width, const learn::Shape& input) {
  if (box.is_null()) return Json(nullptr);
  const bool four = box.is_array() && box.size() == 4 &&
                    std::all_of(box.begin(), box.end(), [](const Json& v) { return v.is_number(); });
  if (!four) return Error{Code::invalid, "box: four numbers [x0, y0, x1, y1] are expected"};
  const std::array<double, 4> b{box[0].get<double>(), box[1].get<double>(), box[2].get<double>(), box[3].get<double>()};
  if (!(b[0] >= 0 && b[0] < b[2] && b[2] <= static_cast<double>(width) && b[1] >= 0 && b[1] < b[3] &&
        b[3] <= static_cast<double>(height)))
    return Error{Code::invalid, "box: it does not lie within the image"};
  const double sy = static_cast<double>(input[2]) / static_cast<double>(height);
  const double sx = static_cast<double>(input[3]) / static_cast<double>(width);
  const auto low = [](double v) { return static_cast<std::int64_t>(std::floor(v)); };
  const auto high = [](double v) { return static_cast<std::int64_t>(std::ceil(v)); };
  return Json{{"from", {low(b[1] * sy), low(b[0] * sx)}}, {"to", {high(b[3] * sy), high(b[2] * sx)}}};
}

}  // namespace

Result<Json> ExplanationJobs::prepare(const Actor& actor, std::string_view prediction, const Json& request) const {
  if (workers_ == nullptr) return Error{Code::unsupported, "this node has no worker for explanations"};
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "explanation"));
  ACESO_TRY(const std::string method, reader.text_or("method", 32, "gradcam"));
  const Json* box = reader.child("box");
  ACESO_TRY_OK(reader.done());
  ACESO_TRY([[maybe_unused]] const learn::ExplainMethod known, learn::parse_explain_method(method));
  ACESO_TRY(const PredictionService::Input input, predictions_.input_of(actor, prediction));
  ACESO_TRY(Json scaled, scaled_box(box != nullptr ? *box : Json(nullptr), input.sample.shape[0], input.sample.shape[1],
                                    input.tensor.shape));
  return Json{{"prediction", input.prediction.id}, {"method", method}, {"box", std::move(scaled)}};
}

Result<Json> ExplanationJobs::ask_worker(store::JobContext& job, const fs::path& folder) const {
  ACESO_TRY(const auto worker, workers_->launch(folder));
  LineSplitter lines;
  std::optional<Error> error;
  bool result = false;
  Status told;
  std::array<std::byte, 16384> buffer;
  while (!worker->closed() && !job.stop().stop_requested()) {
    ACESO_TRY(const std::size_t n, worker->read(buffer, kPollMs));
    ACESO_TRY_OK(lines.feed(std::span{buffer}.first(n), [&](std::string_view line) {
      const Result<WorkerMessage> message = parse_worker_line(line);
      if (!message) return;  // a library's chatter
      if (message->type == WorkerMessage::Type::progress) told = job.progress(message->progress);
      if (message->type == WorkerMessage::Type::result) result = true;
      if (message->type == WorkerMessage::Type::error && !error) error.emplace(message->code, message->text);
    }));
    ACESO_TRY_OK(told);
  }
  if (job.stop().stop_requested()) {
    worker->kill();
    return Error{Code::cancelled, "cancelled"};
  }
  const auto exit = worker->wait(static_cast<int>(context_.options.worker_grace_ms));
  if (error) return *error;
  if (!exit || exit->signal != 0 || exit->code != 0 || !result) {
    if (exit && !exit->stderr_tail.empty())
      context_.log.warn("worker.stderr", {{"job", job.job().id}, {"tail", exit->stderr_tail}});
    return Error{Code::internal, "the worker for explanations died"};
  }
  ACESO_TRY(const std::string text, read_text_file(folder / "result.json", kMaxResult));
  return parse_json(text);
}

Result<Json> ExplanationJobs::run(store::JobContext& job) {
  ACESO_TRY(const Json wanted, parse_own(job.job().input_json));
  const Actor actor = actor_of(wanted, job.job());
  ACESO_TRY(const PredictionService::Input input,
            predictions_.input_of(actor, wanted.value("prediction", std::string{})));
  const fs::path folder = context_.folder / "jobs" / job.job().id;
  struct Cleanup {
    const fs::path& folder;
    ~Cleanup() {
      std::error_code ec;
      fs::remove_all(folder, ec);
    }
  } cleanup{folder};
  std::error_code ec;
  fs::remove_all(folder, ec);
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot make the job's folder: " + ec.message()};
  const StoredPrediction& p = input.prediction;
  std::int64_t output = 0;
  for (std::size_t i = 0; p.outputs.size() > 1 && i < p.outputs.size(); ++i) {
    if (p.outputs[i].first == p.finding) output = static_cast<std::int64_t>(i);
  }
  ACESO_TRY_OK(write_file_atomic(folder / "input.npy", learn::to_npy(input.tensor), {.mode = 0600, .durable = false}));
  ACESO_TRY_OK(write_file_atomic(folder / "job.json",
                                 dump(Json{{"format", 1},
                                           {"kind", "explain"},
                                           {"bundle_folder", fs::absolute(registry_.folder(p.model.bundle)).string()},
                                           {"engine", context_.options.training_engine},
                                           {"engine_folder", context_.options.engine_folder.string()},
                                           {"method", wanted.value("method", std::string{})},
                                           {"output", output},
                                           {"box", wanted.value("box", Json())}}),
                                 {.mode = 0600, .durable = false}));
  ACESO_TRY(Json answer, ask_worker(job, folder));
  answer["prediction"] = p.id;
  answer["label"] = p.outputs.size() == 1 ? p.outputs.front().first : p.finding;
  answer["warning"] = kWarning;
  if (answer.value("passed", false)) {
    ACESO_TRY(const std::vector<std::byte> bytes, read_file(folder / "map.npy", kMaxMap));
    ACESO_TRY(const learn::Array map, learn::parse_npy(bytes, kMaxMap));
    ACESO_TRY(const std::vector<std::byte> picture, array_to_png(input.sample));
    ACESO_TRY(const imaging::Image image, imaging::decode_png(picture));
    ACESO_TRY(const imaging::Image over, learn::overlay(image, map));
    ACESO_TRY(const std::vector<std::byte> png, imaging::encode_png(over));
    ACESO_TRY(const store::BlobInfo blob, blobs_.put(png));
    answer["overlay_sha256"] = blob.sha256;
    if (const auto region = influence_region(map, image.width, image.height)) answer["region"] = *region;
  }
  ACESO_TRY_OK(context_.record(
      actor, "E", "prediction.explain", "prediction", p.id,
      dump(Json{{"method", wanted.value("method", std::string{})}, {"passed", answer.value("passed", false)}})));
  return answer;
}

Result<std::vector<std::byte>> ExplanationJobs::overlay_png(const Actor& reader, const store::Job& job) const {
  if (job.kind != "explain" || job.output_json.empty()) return Error{Code::not_found, "this job has no explanation"};
  ACESO_TRY(const Json output, parse_own(job.output_json));
  ACESO_TRY([[maybe_unused]] const auto visible,
            predictions_.input_of(reader, output.value("prediction", std::string{})));
  const std::string hash = output.value("overlay_sha256", std::string{});
  if (!hash.empty()) return blobs_.read(hash, context_.options.max_image_bytes * 4);
  std::string failed;
  for (const Json& check : output.value("checks", Json::array())) {
    if (!check.value("passed", false)) failed += (failed.empty() ? "" : ", ") + check.value("name", std::string{});
  }
  return Error{Code::precondition, "the map failed a check and is no explanation: " + failed};
}

}  // namespace aceso::models
