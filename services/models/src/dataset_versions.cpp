// Checks of datasets and the versions that are made of them.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/synthesise.hpp"
#include "contact_sheet.hpp"
#include "datasets.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxReport = std::size_t{64} << 20;
constexpr int kMaxVersion = 9999;

// The number behind "@", 1 without one, 0 when it is no number.
int version_of(std::string_view name) {
  const auto at = name.find('@');
  if (at == std::string_view::npos) return 1;
  const std::string_view digits = name.substr(at + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool good = error == std::errc{} && end == digits.data() + digits.size() && digits.front() != '0';
  return good && number >= 2 && number <= kMaxVersion ? number : 0;
}

}  // namespace

Status check_dataset_name(std::string_view name) {
  ACESO_TRY_OK(check_name("dataset name", name.substr(0, name.find('@'))));
  if (version_of(name) == 0) return Error{Code::invalid, "dataset name: a whole number is expected behind @"};
  return {};
}

Json to_json(const learn::SplitOptions& o) {
  return Json{{"as", o.name},
              {"by", to_string(o.by)},
              {"twins", to_string(o.twins)},
              {"block", o.block},
              {"validation", o.validation},
              {"test", o.test},
              {"folds", o.folds},
              {"seed", o.seed}};
}

Result<learn::SplitOptions> parse_split_options(const Json& json) {
  learn::SplitOptions o;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "split"));
  ACESO_TRY(o.name, reader.text_or("as", 64, {}));
  if (!o.name.empty()) ACESO_TRY_OK(check_dataset_name(o.name));
  ACESO_TRY(const std::string by, reader.text_or("by", 16, "patient"));
  ACESO_TRY(o.by, learn::parse_split_by(by));
  // Blocks and patients are whole by nature: what crosses them goes; single samples can as well stay together.
  ACESO_TRY(const std::string twins,
            reader.text_or("twins", 16, o.by == learn::SplitBy::stratified ? "together" : "leave-out"));
  ACESO_TRY(o.twins, learn::parse_twin_policy(twins));
  ACESO_TRY(o.block, reader.integer_or("block", o.block, 1, 1'000'000));
  ACESO_TRY(o.validation, reader.number_or("validation", o.validation, 0, 0.9));
  ACESO_TRY(o.test, reader.number_or("test", o.test, 0, 0.9));
  ACESO_TRY(const std::int64_t folds, reader.integer_or("folds", 0, 0, 100));
  o.folds = static_cast<int>(folds);
  ACESO_TRY(const std::int64_t seed, reader.integer_or("seed", 1, 0, std::int64_t{1} << 53));
  o.seed = static_cast<std::uint64_t>(seed);
  ACESO_TRY_OK(reader.done());
  if (!(o.validation + o.test < 1))
    return Error{Code::invalid, "split: the shares of validation and test must be below 1 together"};
  return o;
}

Result<learn::CheckOptions> parse_check_options(const Json& json) {
  learn::CheckOptions o;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "check"));
  ACESO_TRY(o.label_errors, reader.boolean_or("label_errors", false));
  ACESO_TRY(const std::int64_t seed, reader.integer_or("seed", 1, 0, std::int64_t{1} << 53));
  o.seed = static_cast<std::uint64_t>(seed);
  ACESO_TRY_OK(reader.done());
  return o;
}

namespace {

struct Synthesis {
  std::string name;
  learn::SynthesiseOptions options;
};

Result<Synthesis> parse_synthesis(const Json& json) {
  Synthesis s;
  learn::SynthesiseOptions& o = s.options;
  constexpr std::int64_t kMost = 10'000'000;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "synthesis"));
  ACESO_TRY(s.name, reader.text("name", 64));
  ACESO_TRY_OK(check_name("dataset name", s.name));
  ACESO_TRY(const std::string task, reader.text_or("task", 16, "shape"));
  if (Result<learn::PhantomTask> known = learn::parse_phantom_task(task); known) {
    o.task = *known;
  } else {
    return Error{Code::invalid, "synthesis: " + known.error().message()};
  }
  ACESO_TRY(o.volume, reader.boolean_or("volume", false));
  ACESO_TRY(o.hounsfield, reader.boolean_or("hounsfield", false));
  for (const auto& [key, value] :
       {std::pair{"train", &o.train}, std::pair{"validation", &o.validation}, std::pair{"test", &o.test}}) {
    ACESO_TRY(const std::int64_t n, reader.integer_or(key, static_cast<std::int64_t>(*value), 0, kMost));
    *value = static_cast<std::size_t>(n);
  }
  ACESO_TRY(o.size, reader.integer_or("size", o.size, 16, 1024));
  ACESO_TRY(o.diameter_mm, reader.number_or("diameter_mm", o.diameter_mm, 2, 40));
  ACESO_TRY(o.contrast_hu, reader.number_or("contrast_hu", o.contrast_hu, 0, 2000));
  ACESO_TRY(o.noise_hu, reader.number_or("noise_hu", o.noise_hu, 0, 500));
  ACESO_TRY(o.label_noise, reader.number_or("label_noise", o.label_noise, 0, 0.5));
  ACESO_TRY(o.nodules, reader.integer_or("nodules", o.nodules, 1, 8));
  ACESO_TRY(const std::int64_t seed,
            reader.integer_or("seed", static_cast<std::int64_t>(o.seed), 0, std::int64_t{1} << 53));
  o.seed = static_cast<std::uint64_t>(seed);
  ACESO_TRY_OK(reader.done());
  return s;
}

}  // namespace

Result<std::string> check_synthesis(const Json& request) {
  ACESO_TRY(Synthesis s, parse_synthesis(request));
  return std::move(s.name);
}

Result<Json> DatasetStore::synthesise(const Actor& actor, const Json& request, std::string_view job_id,
                                      ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY(const Synthesis s, parse_synthesis(request));
  ACESO_TRY(const learn::NamedArrays arrays, learn::synthesise(s.options));
  learn::ImportOptions how;
  how.name = s.name;
  how.classes = learn::class_names(s.options.task);
  if (s.options.task == learn::PhantomTask::findings) how.task = learn::Task::multi_label;
  if (s.options.task == learn::PhantomTask::size) {
    how.task = learn::Task::regression;
    how.unit = "mm";
  }
  how.licence = "made up, no patients";
  how.label_source = "known by construction";
  return import_arrays(actor, arrays, "chest-ct-phantoms", how, job_id, progress, stop);
}

Status DatasetStore::export_to(const Actor& actor, std::string_view name, const fs::path& target,
                               std::string_view format, ProgressSink& progress, const std::stop_token& stop) const {
  ACESO_TRY(const learn::ExportFormat parsed, learn::parse_export_format(format));
  ACESO_TRY(const auto dataset, open(name));
  ACESO_TRY_OK(context_.record(actor, "R", "dataset.export", "dataset", name,
                               dump(Json{{"sha256", dataset->manifest().sha256}, {"format", format}})));
  return learn::export_dataset(*dataset, target, parsed, progress, stop);
}

Result<std::vector<std::byte>> DatasetStore::sheet(std::string_view name, const SampleQuery& query) const {
  ACESO_TRY(const auto dataset, open(name));
  std::vector<std::size_t> chosen;
  const auto& samples_of = dataset->manifest().samples;
  for (std::size_t i = query.cursor; i < samples_of.size() && chosen.size() < query.limit; ++i) {
    if ((query.split && samples_of[i].split != *query.split) || (query.label && samples_of[i].label != *query.label))
      continue;
    chosen.push_back(i);
  }
  return contact_sheet(*dataset, chosen);
}

fs::path DatasetStore::check_file(std::string_view sha256) const {
  return context_.folder / "checks" / (std::string{sha256} + ".json");
}

Result<Json> DatasetStore::check(const Actor& actor, std::string_view name, const learn::CheckOptions& options,
                                 ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY(const auto dataset, open(name));
  ACESO_TRY(const learn::CheckReport report, learn::check_dataset(*dataset, options, progress, stop));
  Json json = learn::to_json(report, dataset->manifest());
  json["name"] = name;
  json["checked"] = time_text(context_.now_us());
  ACESO_TRY_OK(write_file_atomic(check_file(dataset->manifest().sha256), dump(json), {.mode = 0600}));
  ACESO_TRY_OK(context_.record(actor, "E", "dataset.check", "dataset", name,
                               dump(Json{{"sha256", dataset->manifest().sha256},
                                         {"leakage", to_string(report.leakage.verdict)},
                                         {"problems", report.problems.size()}})));
  return json;
}

Result<Json> DatasetStore::last_check(std::string_view name) const {
  ACESO_TRY(const std::string hash, sha256(name));
  const auto text = read_text_file(check_file(hash), kMaxReport);
  if (!text) return Error{Code::not_found, "the dataset was not checked yet"};
  ACESO_TRY(Json json, parse_own(*text));
  json["name"] = name;
  return json;
}

Result<Json> DatasetStore::leakage(std::string_view name, ProgressSink& progress, const std::stop_token& stop) const {
  if (auto kept = last_check(name)) return kept;
  ACESO_TRY(const auto dataset, open(name));
  ACESO_TRY(const learn::CheckReport report, learn::check_dataset(*dataset, {}, progress, stop));
  Json json = learn::to_json(report, dataset->manifest());
  json["checked"] = time_text(context_.now_us());
  ACESO_TRY_OK(write_file_atomic(check_file(dataset->manifest().sha256), dump(json), {.mode = 0600}));
  return json;
}

Result<std::string> DatasetStore::next_version(std::string_view name) const {
  ACESO_TRY([[maybe_unused]] const std::string known, sha256(name));
  const std::string base{name.substr(0, name.find('@'))};
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT name FROM dataset"));
  int last = 1;
  for (const store::Row& row : rows) {
    const std::string other = row.text(0);
    if (other.starts_with(base + "@")) last = std::max(last, version_of(other));
  }
  if (last >= kMaxVersion) return Error{Code::exhausted, "the dataset has too many versions"};
  return base + "@" + std::to_string(last + 1);
}

Result<Json> DatasetStore::split(const Actor& actor, std::string_view name, const learn::SplitOptions& options,
                                 std::string_view job_id, ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY(const auto done,
            context_.catalogue->query("SELECT 1 FROM dataset WHERE name = ?1 AND job_id = ?2 AND job_id <> ''",
                                      {options.name, std::string{job_id}}));
  if (!done.empty()) return show(options.name);
  ACESO_TRY(const auto source, open(name));
  ACESO_TRY_OK(make_way(options.name, job_id));
  ACESO_TRY(const learn::Dataset made,
            learn::split_dataset(*source, folder(name), folder(options.name), options, progress, stop));
  return finish(actor, made, options.name, job_id);
}

Result<Json> DatasetStore::relabel(const Actor& actor, std::string_view name, const learn::Relabelling& how,
                                   std::string_view job_id, ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY(const auto done,
            context_.catalogue->query("SELECT 1 FROM dataset WHERE name = ?1 AND job_id = ?2 AND job_id <> ''",
                                      {how.name, std::string{job_id}}));
  if (!done.empty()) return show(how.name);
  ACESO_TRY(const auto source, open(name));
  ACESO_TRY_OK(make_way(how.name, job_id));
  ACESO_TRY(const learn::Dataset made,
            learn::relabel_dataset(*source, folder(name), folder(how.name), how, progress, stop));
  return finish(actor, made, how.name, job_id);
}

Result<bool> DatasetStore::made_by(std::string_view name, std::string_view job_id) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT 1 FROM dataset WHERE name = ?1 AND job_id = ?2 AND job_id <> ''",
                                      {std::string{name}, std::string{job_id}}));
  return !rows.empty();
}

Result<std::optional<learn::Extended>> DatasetStore::extend(const Actor& actor, std::string_view name,
                                                            learn::SampleSource& additions, const learn::Extension& how,
                                                            std::string_view job_id, ProgressSink& progress,
                                                            const std::stop_token& stop) {
  ACESO_TRY(const auto source, open(name));
  ACESO_TRY(const bool done, made_by(how.name, job_id));
  if (done) {
    ACESO_TRY(const auto made, open(how.name));
    return std::optional{
        learn::Extended{.added = made->manifest().samples.size() - source->manifest().samples.size(), .unusable = {}}};
  }
  ACESO_TRY_OK(make_way(how.name, job_id));
  ACESO_TRY(learn::Extended counts, learn::extend_dataset(*source, folder(how.name), additions, how, progress, stop));
  if (counts.added + counts.relabelled < how.least) return std::optional<learn::Extended>{};
  ACESO_TRY(const learn::Dataset made, learn::Dataset::open(folder(how.name)));
  ACESO_TRY([[maybe_unused]] const Json shown, finish(actor, made, how.name, job_id));
  return std::optional{std::move(counts)};
}

Status DatasetStore::select(const Actor& actor, std::string_view name, const std::vector<std::size_t>& indices,
                            std::string_view as, std::string_view history, std::string_view job_id) {
  ACESO_TRY(const bool done, made_by(as, job_id));
  if (done) return {};
  ACESO_TRY(const auto source, open(name));
  ACESO_TRY_OK(make_way(as, job_id));
  ACESO_TRY(const learn::Dataset made, learn::select_samples(*source, folder(name), folder(as), as, indices, history));
  ACESO_TRY([[maybe_unused]] const Json shown, finish(actor, made, as, job_id));
  return {};
}

}  // namespace aceso::models
