// The one way into a dataset: read, check, hash and write each sample, then split, describe, and rename into place.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "aceso/base/file.hpp"
#include "aceso/base/text.hpp"
#include "manifest_json.hpp"
#include "progress_update.hpp"
#include "sample_source.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxSetAsideShare = 2;  // more than a half set aside: the source is not what it is taken for

Error write_failure(int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    return {Code::exhausted, "the disk is full: the dataset was not written"};
  return {Code::internal, std::string{"the dataset cannot be written: "} + std::generic_category().message(error)};
}

// A folder beside the target that is gone unless it was renamed.
class PendingFolder {
 public:
  static Result<std::unique_ptr<PendingFolder>> create(const fs::path& target) {
    std::error_code failure;
    if (fs::exists(target, failure))
      return Error{Code::exists, "dataset \"" + target.filename().string() + "\" is there already"};
    if (target.has_parent_path()) fs::create_directories(target.parent_path(), failure);
    std::string name = (target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string();
    if (mkdtemp(name.data()) == nullptr) return write_failure(errno);
    return std::unique_ptr<PendingFolder>{new PendingFolder{name, target}};
  }
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;
  ~PendingFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }
  Status commit() {
    ACESO_TRY_OK(sync_directory(path_));
    fs::permissions(path_, fs::perms{0755});
    if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
      if (errno == EEXIST || errno == ENOTEMPTY)
        return Error{Code::exists, "dataset \"" + target_.filename().string() + "\" is there already"};
      return write_failure(errno);
    }
    path_.clear();
    return sync_directory(target_.has_parent_path() ? target_.parent_path() : fs::path{"."});
  }

 private:
  PendingFolder(fs::path path, fs::path target) : path_{std::move(path)}, target_{std::move(target)} {}
  fs::path path_, target_;
};

class PackWriter {
 public:
  static Result<std::unique_ptr<PackWriter>> create(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return write_failure(errno);
    std::unique_ptr<PackWriter> writer{new PackWriter{fd}};
    std::vector<std::byte> head(kPackHeader);
    std::memcpy(head.data(), kPackMagic.data(), kPackMagic.size());
    ACESO_TRY_OK(writer->append(head));
    return writer;
  }
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;
  ~PackWriter() { ::close(fd_); }
  std::uint64_t size() const { return size_; }
  Status append(std::span<const std::byte> bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    size_ += bytes.size();
    const std::uint64_t padding = (kPackAlignment - size_ % kPackAlignment) % kPackAlignment;
    buffer_.resize(buffer_.size() + padding);
    size_ += padding;
    return buffer_.size() < kFlushAt ? Status{} : flush();
  }
  Status finish() {
    ACESO_TRY_OK(flush());
    if (fsync(fd_) != 0) return write_failure(errno);
    return {};
  }

 private:
  static constexpr std::size_t kFlushAt = std::size_t{4} << 20;
  explicit PackWriter(int fd) : fd_{fd} {}
  Status flush() {
    for (std::size_t at = 0; at < buffer_.size();) {
      const ssize_t put = ::write(fd_, buffer_.data() + at, buffer_.size() - at);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return write_failure(errno);
      at += static_cast<std::size_t>(put);
    }
    buffer_.clear();
    return {};
  }
  int fd_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> buffer_;
};

// Why a sample cannot be learnt from, "" when it can.
std::string flaw(const Array& sample, const std::string& kind) {
  double low = INFINITY;
  double high = -INFINITY;
  bool finite = true;
  for_each_value(sample.dtype, sample.data, [&](double value) {
    finite = finite && std::isfinite(value);
    low = std::min(low, value);
    high = std::max(high, value);
  });
  if (!finite) return "holds NaN or infinite values";
  if (low == high && kind != "table") return "constant " + kind;
  return {};
}

class Importer {
 public:
  Importer(SampleSource& source, std::string_view source_name, const ImportOptions& options)
      : source_{source}, options_{options} {
    manifest_.name = options.name;
    manifest_.kind = source.kind;
    manifest_.classes = source.classes;
    manifest_.dtype = source.dtype;
    manifest_.source = escape_controls(fs::path{source_name}.filename().string(), 200);
    manifest_.licence = options.licence;
    manifest_.label_source = options.label_source;
    manifest_.set_aside = source.set_aside;
  }

  Status run(const fs::path& target, ProgressSink& progress, const std::stop_token& stop) {
    ACESO_TRY(auto folder, PendingFolder::create(target));
    ACESO_TRY_OK(write_samples(folder->path() / "pack.bin", progress, stop));
    ACESO_TRY_OK(check_labels());
    assign();
    report_duplicates();
    ACESO_TRY_OK(check_train());
    manifest_.sha256 = dataset_hash(manifest_);
    const std::string text = to_json(manifest_).dump(1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > kMaxManifestBytes) return Error{Code::too_large, "the dataset has too many samples to describe"};
    ACESO_TRY_OK(write_file_atomic(folder->path() / "manifest.json", text));
    if (stop.stop_requested()) return Error{Code::cancelled, "import cancelled"};
    return folder->commit();
  }

 private:
  Status write_samples(const fs::path& file, ProgressSink& progress, const std::stop_token& stop) {
    ACESO_TRY(auto pack, PackWriter::create(file));
    const std::size_t total = source_.items.size();
    for (std::size_t i = 0; i < total; ++i) {
      if (stop.stop_requested()) return Error{Code::cancelled, "import cancelled"};
      if (i % 64 == 0) progress.update(progress_update("import", i, total));
      const SourceItem& item = source_.items[i];
      auto sample = source_.load(i);
      const std::string why = sample ? flaw(*sample, source_.kind) : sample.error().message();
      if (!why.empty()) {
        manifest_.set_aside.push_back({item.id, escape_controls(why, 300)});
        continue;
      }
      if (pack->size() + sample->data.size() > options_.max_bytes)
        return Error{Code::too_large,
                     "the samples take more than the limit of " + std::to_string(options_.max_bytes) + " bytes"};
      const std::uint64_t offset = pack->size();
      ACESO_TRY_OK(pack->append(sample->data));
      Sample entry{item.id,      sample_hash(source_.dtype, sample->shape, sample->data),
                   item.split,   item.label,
                   item.group,   offset,
                   sample->shape};
      ACESO_TRY_OK(remember(entry));
      manifest_.samples.push_back(std::move(entry));
    }
    progress.update(progress_update("import", total, total));
    return pack->finish();
  }

  // One picture under two labels is a contradiction that no training may paper over.
  Status remember(const Sample& sample) {
    const auto [first, added] = first_of_hash_.try_emplace(sample.sha256, manifest_.samples.size());
    if (added) return {};
    const Sample& other = manifest_.samples[first->second];
    if (other.label != sample.label) {
      return Error{Code::invalid, "samples \"" + other.id + "\" and \"" + sample.id + "\" are the same " +
                                      source_.kind + " under two labels"};
    }
    duplicates_.emplace_back(first->second, manifest_.samples.size());
    return {};
  }

  Status check_labels() const {
    if (manifest_.samples.empty()) {
      const std::string first = manifest_.set_aside.empty() ? ""
                                                            : "; the first: " + manifest_.set_aside.front().id + ": " +
                                                                  manifest_.set_aside.front().reason;
      return Error{Code::invalid, "no sample is usable" + first};
    }
    if (manifest_.set_aside.size() > (manifest_.samples.size() + manifest_.set_aside.size()) / kMaxSetAsideShare) {
      return Error{Code::invalid, std::to_string(manifest_.set_aside.size()) + " samples of " +
                                      std::to_string(manifest_.samples.size() + manifest_.set_aside.size()) +
                                      " are unusable; the first: " + manifest_.set_aside.front().id + ": " +
                                      manifest_.set_aside.front().reason};
    }
    std::set<int> labels;
    for (const Sample& sample : manifest_.samples) labels.insert(sample.label);
    if (labels.size() < 2)
      return Error{Code::invalid, "one class only: all samples have the label \"" +
                                      manifest_.classes[static_cast<std::size_t>(*labels.begin())] + "\""};
    return {};
  }

  std::size_t count(Split split) const {
    std::size_t n = 0;
    for (const Sample& sample : manifest_.samples) n += sample.split == split ? 1 : 0;
    return n;
  }

  static std::string percent(double fraction) {
    return std::to_string(static_cast<int>(std::lround(fraction * 100))) + " %";
  }

  void assign() {
    const std::string how =
        ", stratified by label, groups and equal samples kept together, seed " + std::to_string(options_.seed);
    const bool told = count(Split::unassigned) < manifest_.samples.size();
    if (told && count(Split::unassigned) > 0)
      manifest_.warnings.push_back("samples without a split were put into train: " +
                                   std::to_string(count(Split::unassigned)));
    for (Sample& sample : manifest_.samples) {
      if (sample.split == Split::unassigned) sample.split = Split::train;
    }
    if (options_.test_fraction > 0 && count(Split::test) == 0) {
      assign_split(manifest_.samples, Split::train, Split::test, options_.test_fraction, options_.seed ^ 0x54455354ULL);
      manifest_.warnings.push_back("no test split: " + percent(options_.test_fraction) + " taken" + how);
    }
    if (options_.validation_fraction > 0 && count(Split::validation) == 0) {
      assign_split(manifest_.samples, Split::train, Split::validation, options_.validation_fraction, options_.seed);
      manifest_.warnings.push_back("no validation split: " + percent(options_.validation_fraction) + " of train taken" +
                                   how);
    }
  }

  void report_duplicates() {
    std::size_t across = 0;
    std::string example;
    for (const auto& [a, b] : duplicates_) {
      if (manifest_.samples[a].split == manifest_.samples[b].split) continue;
      if (across++ == 0) example = " (first: " + manifest_.samples[a].id + " and " + manifest_.samples[b].id + ")";
    }
    if (across > 0)
      manifest_.warnings.push_back(std::to_string(across) +
                                   " exact duplicates across splits: figures on validation or test are too good" +
                                   example);
    if (duplicates_.size() > across)
      manifest_.warnings.push_back(std::to_string(duplicates_.size() - across) + " exact duplicates within a split");
  }

  Status check_train() {
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      std::set<int> labels;
      for (const Sample& sample : manifest_.samples) {
        if (sample.split == split) labels.insert(sample.label);
      }
      if (labels.size() >= 2 || (labels.empty() && split != Split::train)) continue;
      if (split == Split::train) return Error{Code::invalid, "the training split has fewer than two classes"};
      manifest_.warnings.push_back("the " + std::string{to_string(split)} +
                                   " split has one class only: no AUROC can be computed on it");
    }
    return {};
  }

  SampleSource& source_;
  const ImportOptions& options_;
  Manifest manifest_;
  std::unordered_map<std::string, std::size_t> first_of_hash_;
  std::vector<std::pair<std::size_t, std::size_t>> duplicates_;
};

Status check_options(const ImportOptions& options) {
  const double validation = options.validation_fraction;
  const double test = options.test_fraction;
  if (!(validation >= 0 && validation < 1 && test >= 0 && test < 1 && validation + test < 1))
    return Error{Code::invalid, "the validation and test fractions must be 0 or more and below 1 together"};
  if (!options.kind.empty() && options.kind != "image" && options.kind != "signal" && options.kind != "table")
    return Error{Code::invalid, "kind must be image, signal or table"};
  const std::set<std::string> names{options.classes.begin(), options.classes.end()};
  if (names.size() != options.classes.size() || names.contains(""))
    return Error{Code::invalid, "class names must differ and not be empty"};
  return {};
}

Result<Dataset> import_source(SampleSource& source, std::string_view name, const fs::path& target,
                              const ImportOptions& options, ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY_OK(Importer(source, name, options).run(target, progress, stop));
  return Dataset::open(target);
}

}  // namespace

Result<Dataset> Dataset::import(const fs::path& source, const fs::path& target, const ImportOptions& options,
                                ProgressSink& progress, std::stop_token stop) {
  ACESO_TRY_OK(check_options(options));
  const std::string name = source.filename().string();
  std::error_code ignored;
  if (fs::is_directory(source, ignored)) {
    ACESO_TRY(auto folder, open_folder_source(source, options));
    return import_source(*folder, name, target, options, progress, stop);
  }
  auto map = MappedFile::open(source);
  if (!map) return Error{map.error().code(), "\"" + name + "\": cannot be read"};
  auto arrays = parse_npz(map->bytes(), options.max_bytes);
  if (!arrays) return std::move(std::move(arrays).error().add_context("\"" + name + "\""));
  auto dataset = import_arrays(*arrays, name, target, options, progress, stop);
  if (!dataset && dataset.error().code() == Code::invalid)
    return std::move(std::move(dataset).error().add_context("\"" + name + "\""));
  return dataset;
}

Result<Dataset> Dataset::import_arrays(const NamedArrays& arrays, std::string_view source_name, const fs::path& target,
                                       const ImportOptions& options, ProgressSink& progress, std::stop_token stop) {
  ACESO_TRY_OK(check_options(options));
  ACESO_TRY(auto source, open_array_source(arrays, options));
  return import_source(*source, source_name, target, options, progress, stop);
}

}  // namespace aceso::learn
