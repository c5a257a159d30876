// The datasets of this node: folders under datasets/ and their rows in the catalogue.
#pragma once

#include <cstddef>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/learn/dataset.hpp"
#include "aceso/learn/dataset_check.hpp"
#include "aceso/learn/dataset_export.hpp"
#include "aceso/learn/dataset_extend.hpp"
#include "aceso/learn/dataset_relabel.hpp"
#include "aceso/learn/dataset_split.hpp"
#include "archive_marks.hpp"
#include "context.hpp"

namespace aceso::models {

// Thread-safe. Invariant: a row stands for a complete folder; a folder without a row is adopted or removed by
// reconcile().
class DatasetStore {
 public:
  explicit DatasetStore(const Context& context) : context_{context} {}

  // After a crash: removes what was being deleted or written, adopts complete folders without a row unless their import
  // will run again (`importing`), drops rows without a folder.
  Status reconcile(const std::set<std::string>& importing);

  // Imports into datasets/<name> and answers its summary. A folder left by an attempt of the same job is replaced.
  // exists when the name is taken by another.
  Result<Json> import(const Actor& actor, const std::filesystem::path& source, const learn::ImportOptions& options,
                      const DicomOptions& dicom, std::string_view job_id, ProgressSink& progress, std::stop_token stop,
                      const DrawnSamples* drawn = nullptr);  // masks and boxes of DICOM images
  // The same for arrays in memory (feedback export).
  Result<Json> import_arrays(const Actor& actor, const learn::NamedArrays& arrays, std::string_view source_name,
                             const learn::ImportOptions& options, std::string_view job_id, ProgressSink& progress,
                             std::stop_token stop);
  bool taken(std::string_view name, std::string_view by_other_than_job) const;

  Result<Json> list() const;
  Result<Json> show(std::string_view name) const;
  Result<Json> samples(std::string_view name, const SampleQuery& query) const;
  Result<std::vector<std::byte>> sample_png(std::string_view name, std::size_t index) const;
  Result<Json> verify(const Actor& actor, std::string_view name);
  Status remove(const Actor& actor, std::string_view name);

  // What is wrong with it (learn::check_dataset). The report is kept beside the datasets under the dataset's hash.
  Result<Json> check(const Actor& actor, std::string_view name, const learn::CheckOptions& options,
                     ProgressSink& progress, const std::stop_token& stop);
  Result<Json> last_check(std::string_view name) const;  // not_found before the first
  // The kept report, or a new one: {"leakage": {"verdict": ...}}.
  Result<Json> leakage(std::string_view name, ProgressSink& progress, const std::stop_token& stop) const;

  // A new version of `name` with other splits: options.name, or NAME@2, NAME@3...
  Result<Json> split(const Actor& actor, std::string_view name, const learn::SplitOptions& options,
                     std::string_view job_id, ProgressSink& progress, const std::stop_token& stop);
  // A new version of `name` with labels that people gave: how.name.
  Result<Json> relabel(const Actor& actor, std::string_view name, const learn::Relabelling& how,
                       std::string_view job_id, ProgressSink& progress, const std::stop_token& stop);
  // A new version of `name` with further cases: how.name; nothing when none of them is new. Of a version that this job
  // made before a crash only the number of added samples is told.
  Result<std::optional<learn::Extended>> extend(const Actor& actor, std::string_view name,
                                                learn::SampleSource& additions, const learn::Extension& how,
                                                std::string_view job_id, ProgressSink& progress,
                                                const std::stop_token& stop);
  // Some samples of `name` as dataset `as`.
  Status select(const Actor& actor, std::string_view name, const std::vector<std::size_t>& indices, std::string_view as,
                std::string_view history, std::string_view job_id);
  Result<Json> synthesise(const Actor& actor, const Json& request, std::string_view job_id, ProgressSink& progress,
                          const std::stop_token& stop);
  Status export_to(const Actor& actor, std::string_view name, const std::filesystem::path& target,
                   std::string_view format, ProgressSink& progress, const std::stop_token& stop) const;
  Result<std::vector<std::byte>> sheet(std::string_view name, const SampleQuery& query) const;
  Result<std::string> next_version(std::string_view name) const;

  std::filesystem::path folder(std::string_view name) const;
  Result<std::string> sha256(std::string_view name) const;  // not_found
  Result<std::shared_ptr<const learn::Dataset>> open(
      std::string_view name) const;  // shared by the requests that read it; a few stay open

 private:
  Result<Json> finish(const Actor& actor, const learn::Dataset& dataset, std::string_view name,
                      std::string_view job_id);
  Result<learn::Dataset> import_dicom(const std::filesystem::path& source, const learn::ImportOptions& options,
                                      const DicomOptions& dicom, ProgressSink& progress, std::stop_token stop,
                                      const DrawnSamples* drawn);
  Result<bool> made_by(std::string_view name, std::string_view job_id) const;
  Status make_way(std::string_view name, std::string_view job_id);
  Status insert(const Actor& actor, const learn::Dataset& dataset, std::string_view name, std::string_view job_id);
  void forget(std::string_view name) const;
  std::filesystem::path check_file(std::string_view sha256) const;

  const Context& context_;
  mutable std::mutex mutex_;                                                               // guards open_
  mutable std::list<std::pair<std::string, std::shared_ptr<const learn::Dataset>>> open_;  // most recently used first
};

// NAME or, of a version that was made of another, NAME@N.
Status check_dataset_name(std::string_view name);
Json to_json(const learn::SplitOptions& options);
Result<learn::SplitOptions> parse_split_options(const Json& json);
Result<learn::CheckOptions> parse_check_options(const Json& json);
Result<std::string> check_synthesis(const Json& request);  // the name it asks for
Json to_json(const learn::ImportOptions& options);
Result<learn::ImportOptions> parse_import_options(const Json& json);
// Errors of names, fractions and classes, before a job is made.
Status check_import_options(const learn::ImportOptions& options);

}  // namespace aceso::models
