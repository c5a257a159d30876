// A dataset that has grown by cases whose truth became known, as a new version of it; and a part of one as a version.
#pragma once

#include <cstddef>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/sample_source.hpp"

namespace aceso::learn {

struct Extension {
  std::string name;          // of the new version
  std::string label_source;  // of the additions; stands behind the source's own
  std::string origin;        // where they come from: their ids begin with it and a slash
  std::size_t least = 1;     // additions and changed labels that there must be: with fewer nothing is written
};

struct Extended {
  std::size_t added = 0;
  std::size_t relabelled = 0;  // additions of an earlier version whose label is another one now
  std::size_t there = 0;       // additions of an earlier version, unchanged
  std::size_t withdrawn = 0;   // additions of an earlier version that are not among the additions any more: in no split
  std::size_t known = 0;       // equal to a sample that is no addition, of the same label: left out
  std::size_t contradict = 0;  // the same, of another label: left out, the source's label stays
  std::size_t twins = 0;       // nearly equal to a sample of another split: in no split
  std::vector<SetAside> unusable;
};

// `source` with the items of `additions` behind it, each in the split and under the label that its item has. They are
// fitted to the source: channels (grey is repeated, colour becomes luminance by ITU-R BT.601), number type, and, where
// all samples of the source have one size, that size. An addition that is a twin (find_twins) of a sample of another
// split goes into no split, so that nothing held out was seen in training; of two new additions the one that is not
// held out gives way, of a new one and one of an earlier version, which may have been trained on, the new one. Datasets
// of classes made of images only. Errors: unsupported, invalid, exists, exhausted, cancelled.
Result<Extended> extend_dataset(const Dataset& source, const std::filesystem::path& target, SampleSource& additions,
                                const Extension& how, ProgressSink& progress, const std::stop_token& stop);

// Of `source` the samples at `indices`, as a version `name`; the pack is shared. Errors: invalid (an index that is not
// there), exists, exhausted.
Result<Dataset> select_samples(const Dataset& source, const std::filesystem::path& source_folder,
                               const std::filesystem::path& target, std::string_view name,
                               const std::vector<std::size_t>& indices, std::string_view history);

}  // namespace aceso::learn
