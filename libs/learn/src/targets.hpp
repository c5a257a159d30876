// What samples are labelled with, whichever of the tasks a data set is for.
#pragma once

#include <cstddef>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

// Something is known of it: a class, at least one of several labels, a number.
bool labelled(Task task, const Sample& sample) noexcept;
// The same class, the same number, no label that holds in one and not in the other.
bool same_target(const Sample& a, const Sample& b) noexcept;

// Of a split: all samples of a data set of classes, else those of which something is known.
std::vector<std::size_t> labelled_indices(const Dataset& dataset, Split split);

// By what splits are stratified, one a sample, -1 where nothing is known. Classes: the label. Several labels: the
// rarest label that holds, behind the last one where none does (the idea of Sechidis et al., ECML PKDD 2011, without
// its iteration). Numbers: fifths of the data set by rank.
std::vector<int> strata_of(Task task, const std::vector<Sample>& samples);

// How often a label is known to hold, known not to hold, and not known.
struct LabelCounts {
  std::size_t positive = 0, negative = 0, missing = 0;
};
// One a label, over the samples given.
std::vector<LabelCounts> count_labels(const std::vector<Sample>& samples, const std::vector<std::size_t>& indices,
                                      std::size_t labels);

}  // namespace aceso::learn
