// A dataset is a folder: manifest.json (hash, origin, split of each sample, licence, label source) and pack.bin, the
// samples in their own number type, page-aligned and memory-mapped, shared by processes. docs/formats/dataset.md
// specifies it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"
#include "aceso/learn/network.hpp"

namespace aceso::learn {

enum class Split : std::uint8_t { train, validation, test, unassigned };
std::string_view to_string(Split split) noexcept;

// Axis-aligned, in the order of the sample's spatial axes (rows first), in samples: [low, high).
struct Box {
  int label = -1;  // index into classes, -1: none
  std::vector<double> low, high;
};

// Outlines: a second array of a sample, uint8, the sample's spatial shape; 0 is background.
struct Mask {
  std::uint64_t offset = 0;  // in pack.bin
  Shape shape;
  std::string sha256;
};

struct Sample {
  std::string id;      // "train/000017" or a path relative to the source
  std::string sha256;  // of its raw bytes with dtype and shape
  Split split = Split::unassigned;
  int label = -1;                       // index into classes, -1: none; of several labels and numbers always -1
  std::string group;                    // patient or block, "" when unknown
  std::uint64_t offset = 0;             // in pack.bin
  Shape shape;                          // height, width, channels for images; depth comes first for volumes
  int fold = -1;                        // 0.. of a k-fold assignment, -1: in none
  std::vector<double> spacing_mm = {};  // of each spatial axis, in the shape's order; empty: unknown
  std::optional<Mask> mask = {};
  std::vector<Box> boxes = {};
  std::vector<double> targets = {};  // of several labels one a label: 1, 0, or NaN where it is not known; of numbers
                                     // the number; empty: nothing is known, or the dataset is one of classes
};

struct SetAside {
  std::string id;
  std::string reason;  // "constant image", "undecodable PNG: ..."
};

struct Manifest {
  std::string name;
  std::string sha256;                // of the manifest's samples: the dataset's identity
  std::string kind = "image";        // image, volume, signal, table
  Task task = Task::classes;         // what samples are labelled with: classes, multi_label or regression
  std::vector<std::string> classes;  // of several labels their names, of numbers the one name of the quantity
  std::string unit;                  // of numbers: "mm", "" when there is none
  DType dtype = DType::u8;
  std::string source;  // file or folder name only, never a full path
  std::string licence;
  std::string label_source;
  std::vector<Sample> samples;
  std::vector<SetAside> set_aside;
  std::vector<std::string> warnings;       // "no validation split: 20 % of train taken, stratified, seed 1"
  int version = 2;                         // of the format; 3 with several labels or numbers
  std::vector<std::string> preprocessing;  // what the import did to the source's values
  std::vector<std::string> history;        // how this version came from its parent: "split by patient, seed 1"
  std::string parent_name, parent_sha256;  // the version it was made of, "" for an import
};

// What to do with one image under two labels: refuse the import, set all its copies aside, or keep them with a reason.
enum class Conflicts : std::uint8_t { refuse, set_aside, keep };
Result<Conflicts> parse_conflicts(std::string_view name);  // "refuse", "set-aside", "keep"
std::string_view to_string(Conflicts conflicts) noexcept;

struct ImportOptions {
  std::string name;
  std::optional<Task> task =
      {};                 // classes, multi_label or regression; none: multi_label for labels [N, L], else classes
  std::string unit = {};  // of numbers
  std::vector<std::string> classes;  // names for label values in order; empty: "0", "1", ... or the folder's names
  std::string licence, label_source;
  std::string labels_csv;  // for folders: path,label[,patient][,split]; of several labels one column each, of numbers
                           // the column that `classes` names, or "value"
  double validation_fraction = 0.2, test_fraction = 0.0;  // when the source has no such split
  Conflicts conflicts = Conflicts::refuse;
  std::string conflict_reason;  // required with keep; stands in the warnings
  Shape only_shape;             // samples of another shape are set aside; empty: any
  std::string kind;             // image, volume, signal, table; empty: told from keys and shapes
  std::int64_t block = 0;       // > 0: so many neighbours of one class form a group, for slices without a patient
  std::uint64_t seed = 1;
  std::uint64_t max_bytes = std::uint64_t{8} << 30;
};

class SampleSource;

class Dataset {
 public:
  // Source: .npz (X,y or MedMNIST's train_images...), or a folder of images with class sub-folders or a CSV. Written to
  // a temporary folder and renamed: never half there. Errors name file, key or sample: invalid (NaN, one class only,
  // mismatched lengths, no labels), too_large, exists, exhausted (disk full), cancelled. Arrays: keys X,y or
  // images,labels (optional group), or MedMNIST's {train,val,test}_{images,labels}; images [N,H,W] or [N,H,W,C],
  // signals [N,C,T], tables [N,F]; labels [N] or [N,1], whole numbers; of several labels [N,L] of 1, 0 and, where
  // it is not known, -1 or NaN; of regression any numbers [N] or [N,1], NaN where it is not known. Of images and
  // volumes also masks, spacing [N,axes] in mm, boxes [N,2*axes] or [N,M,2*axes] (low corner, high corner, in pixels,
  // rows first; equal corners: none) and box_labels [N] or [N,M], by itself the sample's label.
  static Result<Dataset> import(const std::filesystem::path& source, const std::filesystem::path& target,
                                const ImportOptions& options, ProgressSink& progress, std::stop_token stop);
  static Result<Dataset> import_arrays(const NamedArrays& arrays, std::string_view source_name,
                                       const std::filesystem::path& target, const ImportOptions& options,
                                       ProgressSink& progress, std::stop_token stop);
  // From any source of samples (sample_source.hpp), with the same checks, hashes and splits. `source_name` stands in
  // the manifest. Errors as import().
  static Result<Dataset> import_source(SampleSource& source, std::string_view source_name,
                                       const std::filesystem::path& target, const ImportOptions& options,
                                       ProgressSink& progress, std::stop_token stop);
  static Result<Dataset> open(const std::filesystem::path& folder);

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  const Manifest& manifest() const noexcept;
  std::span<const std::byte> raw(std::size_t index) const;  // a view into the map, valid while the Dataset lives
  Array array(std::size_t index) const;
  std::optional<Array> mask(std::size_t index) const;
  std::vector<std::size_t> indices(Split split) const;
  Status verify() const;  // hashes of all samples; data_loss names the first that differs

 private:
  struct Impl;
  explicit Dataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Counts by split and class, shapes, intensity statistics, set-aside, warnings. Of several labels the counts are of
// those that hold, and `missing` has how many are not known; of numbers `numbers` has min, max, mean and sd by split.
Json summary_json(const Dataset& dataset);
// A class's name, "nodule, effusion", "none", "12.5 mm"; "" where nothing is known.
std::string target_text(const Manifest& manifest, const Sample& sample);
// Of a split, the samples of which something is known.
std::size_t labelled_samples(const Dataset& dataset, Split split);
// Names of the tasks that data sets have: classes, multi_label, regression.
Result<Task> parse_dataset_task(std::string_view name);

// Parametric chest-CT phantoms: lungs, vessels, smooth (label 0) or spiculated (label 1) nodules, noise. Deterministic
// in the seed. uint8 [n, size, size], keys as MedMNIST's.
struct PhantomOptions {
  std::size_t train = 600, validation = 100, test = 200;
  std::int64_t size = 64;
  double nodule_diameter_mm = 12, noise_hu = 25, label_noise = 0;
  std::uint64_t seed = 7;
};
NamedArrays make_phantom_ct(const PhantomOptions& options);

}  // namespace aceso::learn
