// The one way into a dataset: read, check, hash and write each sample, then split, describe, and rename into place.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <unordered_map>

#include "aceso/base/file.hpp"
#include "aceso/base/text.hpp"
#include "dataset_writer.hpp"
#include "manifest_json.hpp"
#include "npz_file.hpp"
#include "progress_update.hpp"
#include "sources.hpp"
#include "targets.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxSetAsideShare = 2;  // more than a half set aside: the source is not what it is taken for

template <class T>
bool all_finite(std::span<const std::byte> bytes) {
  bool finite = true;
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    finite &= std::isfinite(value);
  }
  return finite;
}

// Why a sample cannot be learnt from, "" when it can.
std::string flaw(const Array& sample, const ImportOptions& options, const std::string& kind) {
  if (sample.data.empty()) return "empty " + kind;
  const std::size_t width = size_of(sample.dtype);
  if ((sample.dtype == DType::f32 && !all_finite<float>(sample.data)) ||
      (sample.dtype == DType::f64 && !all_finite<double>(sample.data)))
    return "holds NaN or infinite values";
  if (kind != "table" && std::memcmp(sample.data.data(), sample.data.data() + width, sample.data.size() - width) == 0)
    return "constant " + kind;
  if (!options.only_shape.empty() && sample.shape != options.only_shape)
    return "has shape " + to_string(sample.shape) + ", wanted is " + to_string(options.only_shape);
  return {};
}

class Importer {
 public:
  Importer(SampleSource& source, std::string_view source_name, const ImportOptions& options)
      : source_{source}, options_{options} {
    manifest_.name = options.name;
    manifest_.kind = source.kind;
    manifest_.task = source.task;
    manifest_.unit = source.unit;
    if (source.task != Task::classes) manifest_.version = 3;
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
    settle_conflicts();
    ACESO_TRY_OK(check_labels());
    assign();
    report_duplicates();
    ACESO_TRY_OK(check_train());
    ACESO_TRY_OK(write_manifest(folder->path(), manifest_));
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
      auto sample = source_.load(i);
      const std::string why = sample ? flaw(sample->array, options_, source_.kind) : sample.error().message();
      if (why.empty()) {
        ACESO_TRY_OK(write_sample(*pack, source_.items[i], *std::move(sample)));
      } else {
        manifest_.set_aside.push_back({source_.items[i].id, escape_controls(why, 300)});
      }
    }
    progress.update(progress_update("import", total, total));
    ACESO_TRY_OK(source_.finish());
    manifest_.preprocessing.insert(manifest_.preprocessing.end(), source_.preprocessing.begin(),
                                   source_.preprocessing.end());
    manifest_.warnings.insert(manifest_.warnings.end(), source_.warnings.begin(), source_.warnings.end());
    return pack->finish();
  }

  Status write_sample(PackWriter& pack, const SourceItem& item, SourceSample sample) {
    const std::uint64_t bytes = sample.array.data.size() + (sample.mask ? sample.mask->data.size() : 0);
    if (pack.size() + bytes > options_.max_bytes) {
      return Error{Code::too_large,
                   "the samples take more than the limit of " + std::to_string(options_.max_bytes) + " bytes"};
    }
    Sample entry;
    entry.id = item.id;
    entry.sha256 = sample_hash(source_.dtype, sample.array.shape, sample.array.data);
    entry.split = item.split;
    entry.label = item.label;
    entry.targets = item.targets;
    entry.group = item.group;
    entry.offset = pack.size();
    entry.shape = sample.array.shape;
    entry.spacing_mm = std::move(sample.spacing_mm);
    entry.boxes = std::move(sample.boxes);
    ACESO_TRY_OK(pack.append(sample.array.data));
    if (sample.mask) {
      entry.mask = Mask{pack.size(), sample.mask->shape, sample_hash(DType::u8, sample.mask->shape, sample.mask->data)};
      ACESO_TRY_OK(pack.append(sample.mask->data));
    }
    ACESO_TRY_OK(remember(entry));
    manifest_.samples.push_back(std::move(entry));
    return {};
  }

  // One picture under two labels is a contradiction that no training may paper over.
  Status remember(const Sample& sample) {
    const auto [first, added] = first_of_hash_.try_emplace(sample.sha256, manifest_.samples.size());
    if (added) return {};
    const Sample& other = manifest_.samples[first->second];
    const bool contradicts = !same_target(other, sample);
    if (contradicts && options_.conflicts == Conflicts::refuse) {
      return Error{Code::invalid, "samples \"" + other.id + "\" and \"" + sample.id + "\" are the same " +
                                      source_.kind + " under two labels: correct the labels, or import with " +
                                      "conflicts set-aside or keep"};
    }
    if (contradicts) conflicting_.insert(sample.sha256);
    duplicates_.emplace_back(first->second, manifest_.samples.size());
    return {};
  }

  // All copies of a contradictory image go, or stay with the reason on record.
  void settle_conflicts() {
    if (conflicting_.empty()) return;
    if (options_.conflicts == Conflicts::keep) {
      manifest_.warnings.push_back(
          std::to_string(conflicting_.size()) + " " + source_.kind +
          "s stand under two labels and were kept: " + escape_controls(options_.conflict_reason, 300));
      return;
    }
    std::erase_if(manifest_.samples, [&](const Sample& sample) {
      if (!conflicting_.contains(sample.sha256)) return false;
      manifest_.set_aside.push_back({sample.id, "the same " + source_.kind + " under two labels"});
      return true;
    });
    duplicates_.clear();  // their indices are of before
    std::unordered_map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      const auto [at, added] = first.try_emplace(manifest_.samples[i].sha256, i);
      if (!added) duplicates_.emplace_back(at->second, i);
    }
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
    if (manifest_.task != Task::classes) return check_targets();
    std::set<int> labels;
    for (const Sample& sample : manifest_.samples) labels.insert(sample.label);
    if (labels.erase(-1) > 0 && labels.empty()) {
      return to_be_labelled()
                 ? Status{}
                 : Status{Error{Code::invalid, "no sample has a label: name two or more classes to label them later"}};
    }
    // Where something is drawn on every image, places are learnt and not classes.
    const bool drawn = !manifest_.samples.empty() &&
                       std::all_of(manifest_.samples.begin(), manifest_.samples.end(),
                                   [](const Sample& s) { return s.mask.has_value() || !s.boxes.empty(); });
    if (labels.size() < 2 && !drawn) {
      return Error{Code::invalid, "one class only: all samples have the label \"" +
                                      manifest_.classes[static_cast<std::size_t>(*labels.begin())] + "\""};
    }
    return {};
  }

  // Nothing is known yet, and the classes that people will choose from are named.
  bool to_be_labelled() const {
    return manifest_.task == Task::classes && options_.classes.size() >= 2 &&
           std::all_of(manifest_.samples.begin(), manifest_.samples.end(), [](const Sample& s) { return s.label < 0; });
  }

  // Of several labels one must hold in some samples and not in others; numbers must differ.
  Status check_targets() const {
    std::set<double> numbers;
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      if (!labelled(manifest_.task, manifest_.samples[i])) continue;
      all.push_back(i);
      if (manifest_.task == Task::regression) numbers.insert(manifest_.samples[i].targets.front());
    }
    if (all.empty()) return Error{Code::invalid, "no sample has a label"};
    if (manifest_.task == Task::regression)
      return numbers.size() > 1 ? Status{} : Status{Error{Code::invalid, "all samples have the same number"}};
    const auto counts = count_labels(manifest_.samples, all, manifest_.classes.size());
    const bool any = std::any_of(counts.begin(), counts.end(),
                                 [](const LabelCounts& c) { return c.positive > 0 && c.negative > 0; });
    return any ? Status{}
               : Status{
                     Error{Code::invalid, "no label holds in some samples and not in others: nothing can be learnt"}};
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
    const std::string how = ", stratified by " +
                            std::string{manifest_.task == Task::regression    ? "fifths of the numbers"
                                        : manifest_.task == Task::multi_label ? "the rarest label that holds"
                                                                              : "label"} +
                            ", groups and equal samples kept together, seed " + std::to_string(options_.seed);
    const std::vector<int> strata = strata_of(manifest_.task, manifest_.samples);
    const bool told = count(Split::unassigned) < manifest_.samples.size();
    if (told && count(Split::unassigned) > 0) {
      manifest_.warnings.push_back("samples without a split were put into train: " +
                                   std::to_string(count(Split::unassigned)));
    }
    std::size_t unlabelled = 0;
    for (Sample& sample : manifest_.samples) {
      if (!labelled(manifest_.task, sample)) {
        sample.split = Split::unassigned;
        ++unlabelled;
      } else if (sample.split == Split::unassigned) {
        sample.split = Split::train;
      }
    }
    if (unlabelled > 0)
      manifest_.warnings.push_back(std::to_string(unlabelled) + " samples have no label: they are in no split");
    if (options_.test_fraction > 0 && count(Split::test) == 0) {
      assign_split(manifest_.samples, Split::train, Split::test, options_.test_fraction, options_.seed ^ 0x54455354ULL,
                   strata);
      manifest_.warnings.push_back("no test split: " + percent(options_.test_fraction) + " taken" + how);
    }
    if (options_.validation_fraction > 0 && count(Split::validation) == 0) {
      assign_split(manifest_.samples, Split::train, Split::validation, options_.validation_fraction, options_.seed,
                   strata);
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
    if (across > 0) {
      manifest_.warnings.push_back(std::to_string(across) +
                                   " exact duplicates across splits: figures on validation or test are too good" +
                                   example);
    }
    if (duplicates_.size() > across)
      manifest_.warnings.push_back(std::to_string(duplicates_.size() - across) + " exact duplicates within a split");
  }

  // How much is not known, and what cannot be judged for want of cases.
  void report_labels() {
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      std::vector<std::size_t> indices;
      for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
        if (manifest_.samples[i].split == split) indices.push_back(i);
      }
      if (indices.empty()) continue;
      const auto counts = count_labels(manifest_.samples, indices, manifest_.classes.size());
      const std::string where = " in the " + std::string{to_string(split)} + " split";
      for (std::size_t k = 0; k < counts.size(); ++k) {
        const std::string label = "label \"" + manifest_.classes[k] + "\": ";
        if (counts[k].missing > 0) {
          manifest_.warnings.push_back(label + "not known of " + std::to_string(counts[k].missing) + " of " +
                                       std::to_string(indices.size()) + " samples" + where);
        }
        if (counts[k].positive == 0 || counts[k].negative == 0) {
          manifest_.warnings.push_back(label +
                                       (counts[k].positive == 0 ? "holds in no sample" : "holds in every sample") +
                                       where + ": no AUROC can be computed on it");
        }
      }
    }
  }

  Status check_train() {
    if (manifest_.task != Task::classes) {
      if (manifest_.task == Task::multi_label) report_labels();
      return count(Split::train) > 0 ? Status{} : Status{Error{Code::invalid, "the training split is empty"}};
    }
    if (to_be_labelled()) return {};
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
  std::set<std::string> conflicting_;  // hashes
  std::vector<std::pair<std::size_t, std::size_t>> duplicates_;
};

Status check_options(const ImportOptions& options) {
  const double validation = options.validation_fraction;
  const double test = options.test_fraction;
  if (!(validation >= 0 && validation < 1 && test >= 0 && test < 1 && validation + test < 1))
    return Error{Code::invalid, "the validation and test fractions must be 0 or more and below 1 together"};
  if (!options.kind.empty() && !is_kind(options.kind))
    return Error{Code::invalid, "kind must be image, volume, signal or table"};
  if (!options.unit.empty() && options.task != Task::regression)
    return Error{Code::invalid, "unit: goes with task regression only"};
  if (options.unit.size() > 40) return Error{Code::invalid, "unit: at most 40 bytes"};
  if (options.task == Task::regression && options.classes.size() > 1)
    return Error{Code::invalid, "classes: of numbers one name, that of the quantity"};
  if (options.conflicts == Conflicts::keep && options.conflict_reason.empty())
    return Error{Code::invalid, "keeping one image under two labels needs a reason"};
  const std::set<std::string> names{options.classes.begin(), options.classes.end()};
  if (names.size() != options.classes.size() || names.contains(""))
    return Error{Code::invalid, "class names must differ and not be empty"};
  return {};
}

}  // namespace

std::string_view to_string(Conflicts conflicts) noexcept {
  switch (conflicts) {
    case Conflicts::refuse:
      return "refuse";
    case Conflicts::set_aside:
      return "set-aside";
    case Conflicts::keep:
      break;
  }
  return "keep";
}

Result<Conflicts> parse_conflicts(std::string_view name) {
  for (const Conflicts c : {Conflicts::refuse, Conflicts::set_aside, Conflicts::keep}) {
    if (to_string(c) == name) return c;
  }
  return Error{Code::invalid, "conflicts: refuse, set-aside or keep"};
}

Result<Dataset> Dataset::import_source(SampleSource& source, std::string_view source_name, const fs::path& target,
                                       const ImportOptions& options, ProgressSink& progress, std::stop_token stop) {
  ACESO_TRY_OK(check_options(options));
  ACESO_TRY_OK(Importer(source, source_name, options).run(target, progress, stop));
  return open(target);
}

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
  auto arrays = open_npz(map->bytes(), options.max_bytes, holds_samples);
  if (!arrays) return std::move(std::move(arrays).error().add_context("\"" + name + "\""));
  auto opened = open_array_source(arrays->arrays, options, &arrays->rows);
  auto dataset = opened ? import_source(**opened, name, target, options, progress, stop)
                        : Result<Dataset>{std::move(opened).error()};
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
