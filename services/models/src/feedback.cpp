#include "feedback.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/learn/boxes.hpp"
#include "aceso/learn/outlines.hpp"

#include "aceso/base/file.hpp"
#include "csv_cell.hpp"
#include "images.hpp"
#include "object_reader.hpp"
#include "training.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
// A picture file for an image folder: as it came, or PNG of an array. Tensors that a model was given ready-made are no
// raw input.
Result<std::pair<std::string, std::vector<std::byte>>> picture(const std::string& type, const std::string& source,
                                                               std::vector<std::byte> bytes, std::uint64_t limit) {
  if (type == media_type_of(InputType::png)) return std::pair{std::string{".png"}, std::move(bytes)};
  if (type == media_type_of(InputType::jpeg)) return std::pair{std::string{".jpg"}, std::move(bytes)};
  if (source != "api") return Error{Code::unsupported, "a ready-made tensor"};
  ACESO_TRY(const learn::Array array, learn::parse_npy(bytes, limit));
  if (array.dtype != learn::DType::u8) return Error{Code::unsupported, "not 8-bit"};
  ACESO_TRY(auto png, array_to_png(array));
  return std::pair{std::string{".png"}, std::move(png)};
}

}  // namespace

Result<Json> Feedback::prepare(const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "feedback"));
  ACESO_TRY(const std::string model, reader.text("model", 64));
  ACESO_TRY(const std::string name, reader.text("name", 64));
  ACESO_TRY(const std::string licence, reader.text_or("licence", 500, {}));
  ACESO_TRY(const auto sources, parse_label_sources(reader.child("truth")));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY_OK(check_name("model", model));
  ACESO_TRY_OK(check_name("dataset name", name));
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT 1 FROM model_version WHERE name = ?1 LIMIT 1", {model}));
  if (rows.empty()) return Error{Code::not_found, "there is no model " + model};
  if (datasets_.taken(name, "")) return Error{Code::exists, "there is a dataset " + name + " already"};
  return Json{{"model", model}, {"name", name}, {"licence", licence}, {"truth", sources}};
}

Result<Feedback::Collected> Feedback::collect(const std::string& model, const std::vector<std::string>& sources) const {
  Collected out;
  ACESO_TRY(const auto versions,
            context_.catalogue->query("SELECT bundle FROM model_version WHERE name = ?1 ORDER BY version DESC LIMIT 1",
                                      {model}));
  if (versions.empty()) return Error{Code::not_found, "there is no model " + model};
  ACESO_TRY(const auto info, registry_.info(versions.front().text(0)));
  if (learn::finds_boxes(info->signature)) {
    return Error{Code::unsupported, "the verdicts on a model that finds boxes are no labels: they cannot be exported"};
  }
  if (learn::draws_outlines(info->signature)) {
    return Error{Code::unsupported,
                 "the verdicts on a model that draws outlines are no labels: they cannot be exported"};
  }
  if (learn::task_of(info->signature) != learn::Task::classes) {
    return Error{Code::unsupported,
                 "the verdicts on a model of several labels or of numbers are no labels: they cannot be exported"};
  }
  out.classes = info->card.classes;
  ACESO_TRY(KnownInputs known, truths_.known(model));
  out.unlabelled = known.unlabelled;
  for (auto& one : known.inputs) {
    const auto verdict = one.labels.find(kVerdictSource);
    for (const auto& [kind, label] : one.labels) {
      if (kind == kVerdictSource || !label || verdict == one.labels.end() || !verdict->second) continue;
      auto& [same, all] = out.readers_same[kind];
      ++all;
      if (*label == *verdict->second) ++same;
    }
    const auto first = std::ranges::find_if(sources, [&](const auto& source) { return one.labels.contains(source); });
    if (first == sources.end()) continue;  // known by sources that were not asked for
    const auto& label = one.labels.at(*first);
    if (!label) {
      ++out.disagreed;
      continue;
    }
    if (std::find(out.classes.begin(), out.classes.end(), *label) == out.classes.end()) {
      ++out.unlabelled;
      continue;
    }
    ++out.by_source[*first];
    out.samples.push_back({std::move(one.input_sha256), std::move(one.type), *label, std::move(one.source)});
  }
  return out;
}

Result<learn::Array> Feedback::picture_of(const Labelled& one) const {
  ACESO_TRY(const std::vector<std::byte> bytes, blobs_.read(one.input, context_.options.max_image_bytes));
  const InputLimits limits{.bytes = context_.options.max_image_bytes, .pixels = context_.options.max_image_pixels};
  ACESO_TRY(const InputType type, detect_input(bytes, one.type));
  if (type == InputType::npy && one.source != "api") return Error{Code::unsupported, "a ready-made tensor"};
  ACESO_TRY(learn::Array array, decode_input(bytes, type, limits));
  if (type != InputType::npy) ACESO_TRY_OK(without_opacity(array));
  return array;
}

Result<std::size_t> Feedback::write_folder(const Collected& collected, const fs::path& folder,
                                           std::size_t& not_pictures) const {
  std::error_code ec;
  fs::remove_all(folder, ec);
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot make the export's folder: " + ec.message()};
  std::string csv = "path,label\n";
  std::size_t written = 0;
  for (const Labelled& sample : collected.samples) {
    ACESO_TRY(std::vector<std::byte> bytes, blobs_.read(sample.input, context_.options.max_image_bytes));
    auto file = picture(sample.type, sample.source, std::move(bytes), context_.options.max_image_bytes);
    if (!file) {
      ++not_pictures;
      continue;
    }
    const std::string name = sample.input + file->first;
    ACESO_TRY_OK(
        write_file_atomic(folder / name, std::span<const std::byte>{file->second}, {.mode = 0600, .durable = false}));
    csv += name + "," + csv_cell(sample.label) + "\n";
    ++written;
  }
  ACESO_TRY_OK(write_file_atomic(folder / "labels.csv", std::string_view{csv}, {.mode = 0600, .durable = false}));
  return written;
}

Result<Json> Feedback::run(store::JobContext& job) {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  const std::string model = input.value("model", std::string{});
  const Json asked = input.value("truth", Json(nullptr));
  ACESO_TRY(const auto sources, parse_label_sources(&asked));
  ACESO_TRY(const Collected collected, collect(model, sources));
  const fs::path folder = context_.folder / "jobs" / job.job().id;
  const struct Cleanup {
    const fs::path& folder;
    ~Cleanup() {
      std::error_code ec;
      fs::remove_all(folder, ec);
    }
  } cleanup{folder};
  std::size_t not_pictures = 0;
  ACESO_TRY(const std::size_t written, write_folder(collected, folder, not_pictures));
  if (written == 0) {
    return Error{Code::precondition,
                 "no agreed label on an image from " + label_sources_text(sources) + ": there is nothing to export"};
  }
  learn::ImportOptions options;
  options.name = input.value("name", std::string{});
  options.licence = input.value("licence", std::string{});
  options.label_source = label_sources_text(sources) + " on predictions of " + model;
  if (sources.size() > 1) {
    std::string counts;
    for (const auto& source : sources) {
      const auto found = collected.by_source.find(source);
      counts += (counts.empty() ? "" : ", ") + label_sources_text({source}) + " " +
                std::to_string(found == collected.by_source.end() ? 0 : found->second);
    }
    options.label_source += " (labels by source: " + counts + ")";
  }
  for (const auto& [kind, counted] : collected.readers_same) {
    options.label_source += "; readers say the same as " + label_sources_text({kind}) + " on " +
                            std::to_string(counted.first) + " of " + std::to_string(counted.second);
  }
  options.labels_csv = (folder / "labels.csv").string();
  options.classes = collected.classes;
  JobProgress progress{job, context_.clock};
  ACESO_TRY(const Json dataset,
            datasets_.import(actor_of(input, job.job()), folder, options, {}, job.job().id, progress, job.stop()));
  return Json{{"dataset", options.name},          {"samples", written},
              {"disagreed", collected.disagreed}, {"unlabelled", collected.unlabelled},
              {"not_pictures", not_pictures},     {"sha256", dataset.value("sha256", std::string{})},
              {"by_source", collected.by_source}, {"label_source", options.label_source}};
}

}  // namespace aceso::models
