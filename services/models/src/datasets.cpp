#include "datasets.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "contact_sheet.hpp"
#include "dicom_source.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kOpenDatasets = 8;
constexpr std::string_view kTrash = ".trash-";

Json row_json(const store::Row& row, std::size_t first) {
  Result<Json> summary = parse_own(row.text(first));
  Json out = summary && summary->is_object() ? *std::move(summary) : Json::object();
  out["created"] = time_text(row.integer(first + 1));
  out["created_by"] = row.text(first + 2);
  return out;
}

Result<learn::Shape> shape_of(const Json* json) {
  learn::Shape shape;
  if (json == nullptr || json->is_null()) return shape;
  const Error wrong{Code::invalid, "import: only_shape: at most 4 whole numbers are expected"};
  if (!json->is_array() || json->size() > 4) return wrong;
  for (const Json& side : *json) {
    if (!side.is_number_integer()) return wrong;
    shape.push_back(side.get<std::int64_t>());
  }
  return shape;
}

Error not_here(std::string_view name) {
  return Error{Code::not_found, "there is no dataset " + std::string{name}};
}

}  // namespace

Json to_json(const learn::ImportOptions& o) {
  return Json{{"name", o.name},
              {"task", o.task ? Json(learn::to_string(*o.task)) : Json("")},
              {"unit", o.unit},
              {"classes", o.classes},
              {"licence", o.licence},
              {"label_source", o.label_source},
              {"labels_csv", o.labels_csv},
              {"validation_fraction", o.validation_fraction},
              {"test_fraction", o.test_fraction},
              {"kind", o.kind},
              {"conflicts", to_string(o.conflicts)},
              {"conflict_reason", o.conflict_reason},
              {"only_shape", o.only_shape},
              {"block", o.block},
              {"seed", o.seed},
              {"max_bytes", o.max_bytes}};
}

Result<learn::ImportOptions> parse_import_options(const Json& json) {
  learn::ImportOptions o;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "import"));
  ACESO_TRY(o.name, reader.text("name", 64));
  ACESO_TRY(o.classes, reader.texts_or("classes", 1000, 200));
  ACESO_TRY(const std::string task, reader.text_or("task", 16, {}));
  if (!task.empty()) {
    ACESO_TRY(o.task, learn::parse_dataset_task(task));
  }
  ACESO_TRY(o.unit, reader.text_or("unit", 40, {}));
  ACESO_TRY(o.licence, reader.text_or("licence", 500, {}));
  ACESO_TRY(o.label_source, reader.text_or("label_source", 500, {}));
  ACESO_TRY(o.labels_csv, reader.text_or("labels_csv", 4096, {}));
  ACESO_TRY(o.validation_fraction, reader.number_or("validation_fraction", o.validation_fraction, 0, 0.9));
  ACESO_TRY(o.test_fraction, reader.number_or("test_fraction", o.test_fraction, 0, 0.9));
  ACESO_TRY(o.kind, reader.text_or("kind", 16, {}));
  ACESO_TRY(const std::string conflicts, reader.text_or("conflicts", 16, "refuse"));
  ACESO_TRY(o.conflicts, learn::parse_conflicts(conflicts));
  ACESO_TRY(o.conflict_reason, reader.text_or("conflict_reason", 500, {}));
  ACESO_TRY(o.only_shape, shape_of(reader.child("only_shape")));
  ACESO_TRY(o.block, reader.integer_or("block", 0, 0, 1'000'000));
  ACESO_TRY(const std::int64_t seed,
            reader.integer_or("seed", static_cast<std::int64_t>(o.seed), 0, std::int64_t{1} << 53));
  o.seed = static_cast<std::uint64_t>(seed);
  ACESO_TRY(const std::int64_t bytes,
            reader.integer_or("max_bytes", static_cast<std::int64_t>(o.max_bytes), 1, std::int64_t{1} << 50));
  o.max_bytes = static_cast<std::uint64_t>(bytes);
  ACESO_TRY_OK(reader.done());
  ACESO_TRY_OK(check_import_options(o));
  return o;
}

Status check_import_options(const learn::ImportOptions& o) {
  ACESO_TRY_OK(check_name("dataset name", o.name));
  if (!(o.validation_fraction >= 0) || !(o.test_fraction >= 0) || !(o.validation_fraction + o.test_fraction < 1))
    return Error{Code::invalid, "validation and test fractions: each at least 0, together less than 1"};
  for (const std::string& c : o.classes) {
    if (c.empty() || c.size() > 200) return Error{Code::invalid, "classes: names of 1 to 200 bytes are expected"};
  }
  return {};
}

fs::path DatasetStore::folder(std::string_view name) const {
  return context_.folder / "datasets" / name;
}

Status DatasetStore::reconcile(const std::set<std::string>& importing) {
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT name FROM dataset"));
  std::set<std::string> known;
  std::error_code ec;
  for (const store::Row& row : rows) {
    const std::string name = row.text(0);
    if (fs::is_directory(folder(name), ec)) {
      known.insert(name);
      continue;
    }
    context_.log.warn("dataset.folder_missing", {{"dataset", name}});
    ACESO_TRY_OK(context_.catalogue->execute("DELETE FROM dataset WHERE name = ?1", {name}));
  }
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator{context_.folder / "datasets", ec}) folders.push_back(entry.path());
  if (ec) return Error{Code::internal, "cannot list the datasets folder: " + ec.message()};
  for (const fs::path& path : folders) {
    const std::string name = path.filename().string();
    if (known.contains(name)) continue;
    if (importing.contains(name)) continue;  // its job runs again and replaces the folder
    Result<learn::Dataset> dataset = Error{Code::not_found, ""};
    if (check_dataset_name(name)) dataset = learn::Dataset::open(path);
    if (!dataset) {
      context_.log.warn("dataset.leftover_removed", {{"folder", name}});
      fs::remove_all(path, ec);
      continue;
    }
    context_.log.warn("dataset.adopted", {{"dataset", name}});
    ACESO_TRY_OK(insert(Actor{.id = "system", .name = "system"}, *dataset, name, ""));
  }
  return {};
}

bool DatasetStore::taken(std::string_view name, std::string_view job_id) const {
  const auto rows = context_.catalogue->query("SELECT job_id FROM dataset WHERE name = ?1", {std::string{name}});
  return !rows || (!rows->empty() && (job_id.empty() || rows->front().text(0) != job_id));
}

Status DatasetStore::make_way(std::string_view name, std::string_view job_id) {
  if (taken(name, job_id)) return Error{Code::exists, "there is a dataset " + std::string{name} + " already"};
  std::error_code ec;
  fs::remove_all(folder(name), ec);  // of an attempt that did not get as far as its row
  return ec ? Status{Error{Code::internal, "cannot remove a half-finished import: " + ec.message()}} : Status{};
}

Result<Json> DatasetStore::import(const Actor& actor, const fs::path& source, const learn::ImportOptions& options,
                                  const DicomOptions& dicom, std::string_view job_id, ProgressSink& progress,
                                  std::stop_token stop, const DrawnSamples* drawn) {
  ACESO_TRY(const auto done,
            context_.catalogue->query("SELECT 1 FROM dataset WHERE name = ?1 AND job_id = ?2 AND job_id <> ''",
                                      {options.name, std::string{job_id}}));
  if (!done.empty()) return show(options.name);  // the row was written before a crash, the job's end was not
  ACESO_TRY_OK(make_way(options.name, job_id));
  std::error_code ec;
  bool of_dicom = false;
  if (fs::is_directory(source, ec)) {
    ACESO_TRY(of_dicom, is_dicom_folder(source));
  }
  ACESO_TRY(const learn::Dataset dataset,
            of_dicom ? import_dicom(source, options, dicom, progress, std::move(stop), drawn)
                     : learn::Dataset::import(source, folder(options.name), options, progress, std::move(stop)));
  return finish(actor, dataset, options.name, job_id);
}

Result<learn::Dataset> DatasetStore::import_dicom(const fs::path& source, const learn::ImportOptions& options,
                                                  const DicomOptions& dicom, ProgressSink& progress,
                                                  std::stop_token stop, const DrawnSamples* drawn) {
  if (options.task.value_or(learn::Task::classes) != learn::Task::classes)
    return Error{Code::unsupported, "of DICOM files only classes are read, neither several labels nor numbers"};
  if (!context_.pseudonyms)
    return Error{Code::precondition, "DICOM files are not imported without a key for pseudonyms"};
  ACESO_TRY(auto opened, DicomSource::open(source, options, dicom, *context_.pseudonyms, progress, stop));
  opened->use_drawn(drawn);
  // The folder's name is not kept: it may be a patient's.
  auto dataset =
      learn::Dataset::import_source(*opened, "DICOM files", folder(options.name), options, progress, std::move(stop));
  if (!dataset || dicom.key_table.empty()) return dataset;
  const Status written = write_file_atomic(dicom.key_table, opened->key_table(), {.mode = 0600});
  if (written) return dataset;
  std::error_code ec;
  fs::remove_all(folder(options.name), ec);
  return Error{written.error().code(), "the key table cannot be written: " + written.error().message()};
}

Result<Json> DatasetStore::import_arrays(const Actor& actor, const learn::NamedArrays& arrays,
                                         std::string_view source_name, const learn::ImportOptions& options,
                                         std::string_view job_id, ProgressSink& progress, std::stop_token stop) {
  ACESO_TRY(const auto done,
            context_.catalogue->query("SELECT 1 FROM dataset WHERE name = ?1 AND job_id = ?2 AND job_id <> ''",
                                      {options.name, std::string{job_id}}));
  if (!done.empty()) return show(options.name);
  ACESO_TRY_OK(make_way(options.name, job_id));
  ACESO_TRY(const learn::Dataset dataset, learn::Dataset::import_arrays(arrays, source_name, folder(options.name),
                                                                        options, progress, std::move(stop)));
  return finish(actor, dataset, options.name, job_id);
}

Result<Json> DatasetStore::finish(const Actor& actor, const learn::Dataset& dataset, std::string_view name,
                                  std::string_view job_id) {
  ACESO_TRY_OK(insert(actor, dataset, name, job_id));
  return show(name);
}

Status DatasetStore::insert(const Actor& actor, const learn::Dataset& dataset, std::string_view name,
                            std::string_view job_id) {
  const learn::Manifest& m = dataset.manifest();
  const std::string summary = dump(learn::summary_json(dataset));
  return context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO dataset (name, sha256, summary, classes, created, created_by, created_by_name, "
                         "job_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                         {std::string{name}, m.sha256, summary, dump(Json(m.classes)), context_.now_us(), actor.id,
                          actor.name, std::string{job_id}}));
    return context_.record(actor, "C", "dataset.create", "dataset", name,
                           dump(Json{{"sha256", m.sha256}, {"samples", m.samples.size()}}));
  });
}

Result<Json> DatasetStore::list() const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT summary, created, created_by_name FROM dataset ORDER BY name"));
  Json items = Json::array();
  for (const store::Row& row : rows) items.push_back(row_json(row, 0));
  return Json{{"items", std::move(items)}};
}

Result<Json> DatasetStore::show(std::string_view name) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT summary, created, created_by_name FROM dataset WHERE name = ?1",
                                      {std::string{name}}));
  if (rows.empty()) return not_here(name.substr(0, 64));
  return row_json(rows.front(), 0);
}

Result<std::string> DatasetStore::sha256(std::string_view name) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT sha256 FROM dataset WHERE name = ?1", {std::string{name}}));
  if (rows.empty()) return not_here(name.substr(0, 64));
  return rows.front().text(0);
}

Result<std::shared_ptr<const learn::Dataset>> DatasetStore::open(std::string_view name) const {
  ACESO_TRY(const std::string hash, sha256(name));  // only names in the catalogue reach the file system
  const std::scoped_lock lock{mutex_};
  const auto it = std::find_if(open_.begin(), open_.end(), [&](const auto& e) { return e.first == name; });
  if (it != open_.end()) {
    open_.splice(open_.begin(), open_, it);
    return open_.front().second;
  }
  ACESO_TRY(learn::Dataset dataset, learn::Dataset::open(folder(name)));
  if (dataset.manifest().sha256 != hash)
    return Error{Code::data_loss, "dataset " + std::string{name} + " is not the one that was imported"};
  open_.emplace_front(std::string{name}, std::make_shared<const learn::Dataset>(std::move(dataset)));
  if (open_.size() > kOpenDatasets) open_.pop_back();
  return open_.front().second;
}

void DatasetStore::forget(std::string_view name) const {
  const std::scoped_lock lock{mutex_};
  open_.remove_if([&](const auto& e) { return e.first == name; });
}

Result<Json> DatasetStore::samples(std::string_view name, const SampleQuery& query) const {
  if (query.limit < 1 || query.limit > 500) return Error{Code::invalid, "limit: 1 to 500"};
  ACESO_TRY(const auto dataset, open(name));
  const learn::Manifest& m = dataset->manifest();
  Json items = Json::array();
  Json next = nullptr;
  for (std::size_t i = query.cursor; i < m.samples.size(); ++i) {
    const learn::Sample& s = m.samples[i];
    if ((query.split && s.split != *query.split) || (query.label && s.label != *query.label)) continue;
    if (items.size() == query.limit) {
      next = std::to_string(i);
      break;
    }
    items.push_back(Json{{"index", i},
                         {"id", s.id},
                         {"split", to_string(s.split)},
                         {"label", s.label},
                         {"class", learn::target_text(m, s)}});
  }
  return Json{{"items", std::move(items)}, {"next", std::move(next)}};
}

Result<std::vector<std::byte>> DatasetStore::sample_png(std::string_view name, std::size_t index) const {
  ACESO_TRY(const auto dataset, open(name));
  if (index >= dataset->manifest().samples.size())
    return Error{Code::not_found, "the dataset has no sample of that index"};
  return sample_to_png(dataset->array(index), dataset->manifest().kind);
}

Result<Json> DatasetStore::verify(const Actor& actor, std::string_view name) {
  ACESO_TRY(const auto dataset, open(name));
  const Status status = dataset->verify();
  ACESO_TRY_OK(
      context_.record(actor, "E", "dataset.verify", "dataset", name, status ? R"({"ok":true})" : R"({"ok":false})"));
  ACESO_TRY_OK(status);
  return Json{{"ok", true},
              {"name", name},
              {"sha256", dataset->manifest().sha256},
              {"samples", dataset->manifest().samples.size()}};
}

Status DatasetStore::remove(const Actor& actor, std::string_view name) {
  ACESO_TRY([[maybe_unused]] const std::string hash, sha256(name));
  forget(name);
  const fs::path trash = context_.folder / "datasets" / (std::string{kTrash} + context_.new_id());
  std::error_code ec;
  fs::rename(folder(name), trash, ec);  // a crash from here on leaves a row without a folder, which reconcile() drops
  if (ec) return Error{Code::internal, "cannot move the dataset's folder away: " + ec.message()};
  const Status removed = context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto n, tx.execute("DELETE FROM dataset WHERE name = ?1", {std::string{name}}));
    return context_.record(actor, "D", "dataset.delete", "dataset", name);
  });
  if (!removed) {
    fs::rename(trash, folder(name), ec);
    return removed;
  }
  fs::remove_all(trash, ec);
  return {};
}

}  // namespace aceso::models
