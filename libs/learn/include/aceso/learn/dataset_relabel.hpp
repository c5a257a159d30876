// New labels for the samples of a dataset, as a new version of it: the old version stays as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

struct NewLabel {
  std::size_t index = 0;           // of the sample in the source
  int label = -1;                  // index into Relabelling::classes; -1: it has none from now on
  std::optional<Array> mask = {};  // uint8, the sample's spatial shape
  std::vector<Box> boxes = {};
};

struct Relabelling {
  std::string name;                  // of the new version
  std::vector<std::string> classes;  // two or more, of the new version
  std::vector<NewLabel> labels;      // each sample at most once
  // Samples that get no new label: kept with the label they have, which is only possible when the classes are the same;
  // else they are left out of the new version.
  bool keep_others = false;
  std::string label_source;  // for the manifest
  std::string history;       // what was done
  // Shares of what had no split and has a label now; the rest of it is for training. Samples of one group, and equal
  // samples, stay on one side; a group that has a split already keeps it.
  double validation = 0.15, test = 0.15;
  std::uint64_t seed = 1;
};

// A dataset of classes, kind image or volume. What has no label is in no split. The pack is shared with the source
// where no mask is new. Errors: invalid (a label, mask or index that does not fit, of labels alone fewer than two
// classes in use),
// exists, exhausted, cancelled.
Result<Dataset> relabel_dataset(const Dataset& source, const std::filesystem::path& source_folder,
                                const std::filesystem::path& target, const Relabelling& how, ProgressSink& progress,
                                const std::stop_token& stop);

}  // namespace aceso::learn
