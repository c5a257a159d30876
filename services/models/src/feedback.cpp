#include "feedback.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/learn/outlines.hpp"

#include "aceso/base/file.hpp"
#include "images.hpp"
#include "object_reader.hpp"
#include "training.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxVerdicts = 1'000'000;

// The latest revision of each reader on each finding.
constexpr std::string_view kLatest =
    "SELECT p.input_sha256, p.input_type, p.source, v.label FROM verdict v JOIN prediction p ON p.id = v.prediction "
    "WHERE p.model = ?1 AND v.revision = "
    "(SELECT MAX(w.revision) FROM verdict w WHERE w.prediction = v.prediction AND w.finding = v.finding AND w.reader = "
    "v.reader) ORDER BY p.id, v.reader";

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

// RFC 4180: quoted when it holds a separator.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  return out + "\"";
}

}  // namespace

Result<Json> Feedback::prepare(const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "feedback"));
  ACESO_TRY(const std::string model, reader.text("model", 64));
  ACESO_TRY(const std::string name, reader.text("name", 64));
  ACESO_TRY(const std::string licence, reader.text_or("licence", 500, {}));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY_OK(check_name("model", model));
  ACESO_TRY_OK(check_name("dataset name", name));
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT 1 FROM model_version WHERE name = ?1 LIMIT 1", {model}));
  if (rows.empty()) return Error{Code::not_found, "there is no model " + model};
  if (datasets_.taken(name, "")) return Error{Code::exists, "there is a dataset " + name + " already"};
  return Json{{"model", model}, {"name", name}, {"licence", licence}};
}

Result<Feedback::Collected> Feedback::collect(const std::string& model) const {
  Collected out;
  ACESO_TRY(const auto versions,
            context_.catalogue->query("SELECT bundle FROM model_version WHERE name = ?1 ORDER BY version DESC LIMIT 1",
                                      {model}));
  if (versions.empty()) return Error{Code::not_found, "there is no model " + model};
  ACESO_TRY(const auto info, registry_.info(versions.front().text(0)));
  if (learn::draws_outlines(info->signature))
    return Error{Code::unsupported,
                 "the verdicts on a model that draws outlines are no labels: they cannot be exported"};
  if (learn::task_of(info->signature) != learn::Task::classes)
    return Error{Code::unsupported,
                 "the verdicts on a model of several labels or of numbers are no labels: they cannot be exported"};
  out.classes = info->card.classes;
  ACESO_TRY(const auto rows, context_.catalogue->query(kLatest, {model}, kMaxVerdicts));
  std::map<std::string, Labelled> by_input;  // equal inputs are one sample, whoever read them how often
  std::map<std::string, bool> agreed;
  for (const store::Row& row : rows) {
    const std::string label = row.text(3);
    if (label.empty()) {
      ++out.unlabelled;
      continue;
    }
    const auto [it, fresh] = by_input.try_emplace(row.text(0), Labelled{row.text(0), row.text(1), label, row.text(2)});
    const auto [same, first] = agreed.try_emplace(row.text(0), true);
    if (!fresh && it->second.label != label) same->second = false;
  }
  for (auto& [input, sample] : by_input) {
    if (!agreed[input]) {
      ++out.disagreed;
      continue;
    }
    if (std::find(out.classes.begin(), out.classes.end(), sample.label) == out.classes.end()) {
      ++out.unlabelled;
      continue;
    }
    out.samples.push_back(std::move(sample));
  }
  return out;
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
    csv += name + "," + csv_field(sample.label) + "\n";
    ++written;
  }
  ACESO_TRY_OK(write_file_atomic(folder / "labels.csv", std::string_view{csv}, {.mode = 0600, .durable = false}));
  return written;
}

Result<Json> Feedback::run(store::JobContext& job) {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  const std::string model = input.value("model", std::string{});
  ACESO_TRY(const Collected collected, collect(model));
  const fs::path folder = context_.folder / "jobs" / job.job().id;
  struct Cleanup {
    const fs::path& folder;
    ~Cleanup() {
      std::error_code ec;
      fs::remove_all(folder, ec);
    }
  } cleanup{folder};
  std::size_t not_pictures = 0;
  ACESO_TRY(const std::size_t written, write_folder(collected, folder, not_pictures));
  if (written == 0)
    return Error{Code::precondition, "no verdict with an agreed label on an image: there is nothing to export"};
  learn::ImportOptions options;
  options.name = input.value("name", std::string{});
  options.licence = input.value("licence", std::string{});
  options.label_source = "verdicts of readers on predictions of " + model;
  options.labels_csv = (folder / "labels.csv").string();
  options.classes = collected.classes;
  JobProgress progress{job, context_.clock};
  ACESO_TRY(const Json dataset,
            datasets_.import(actor_of(input, job.job()), folder, options, {}, job.job().id, progress, job.stop()));
  return Json{{"dataset", options.name},          {"samples", written},
              {"disagreed", collected.disagreed}, {"unlabelled", collected.unlabelled},
              {"not_pictures", not_pictures},     {"sha256", dataset.value("sha256", std::string{})}};
}

}  // namespace aceso::models
