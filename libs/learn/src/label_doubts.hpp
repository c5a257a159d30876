// Labels that look wrong: out-of-fold probabilities of a softmax regression on thumbnails.
#pragma once

#include "aceso/learn/dataset_check.hpp"

namespace aceso::learn {

struct LabelDoubts {
  std::vector<LabelDoubt> doubts;  // least likely first
  double auc = 0;
};

// Confident learning (Northcutt, Jiang, Chuang, JAIR 70, 2021): a label is doubted when another class is more probable
// than that class is, on average, for its own samples. Five folds; twins and groups stay in one. Errors: invalid (a
// class with fewer than 20 samples; a table or signal of more than 4096 values), cancelled.
Result<LabelDoubts> find_label_doubts(const Dataset& dataset, const std::vector<Twins>& twins, std::uint64_t seed,
                                      ProgressSink& progress, const std::stop_token& stop);

}  // namespace aceso::learn
