// Loss, accuracy and AUROC of probabilities: one column (of the positive class) or one a class.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

using Rows = std::vector<std::vector<double>>;

// Adds the rows of a float [N, K] or [N] array. internal when it has another number of rows or no float type.
Status append_rows(const Array& output, std::size_t count, Rows& rows);
// Mean negative logarithm of the true class's probability, probabilities held 1e-7 away from 0 and 1 as Keras does. Not
// finite when one is not.
double log_loss(const Rows& probabilities, const std::vector<int>& labels);
int decide(const std::vector<double>& row,
           double threshold = 0.5);  // binary: probability >= threshold; else the largest
double accuracy(const Rows& probabilities, const std::vector<int>& labels);
std::vector<double> column(const Rows& probabilities, std::size_t c);
// Of several labels, NaN where a label is not known: the means over all that are known of the negative logarithm of
// what is true and of right decisions at 0.5, and the mean over labels of their AUROC (labels of one kind only are left
// out).
struct LabelScores {
  double loss = 0, accuracy = 0;
  std::optional<double> auroc;
};
LabelScores label_scores(const Rows& probabilities, const Rows& targets);
// Mean over labels of AUROC or, with `precision`, of average precision, among the samples with these indices.
std::optional<double> mean_over_labels(const Rows& probabilities, const Rows& targets,
                                       std::span<const std::size_t> indices, bool precision);

// Mean over the classes of one against the rest, classes without samples left out; nullopt when none can be computed.
std::optional<double> macro_auroc(const Rows& probabilities, const std::vector<int>& labels);

}  // namespace aceso::learn
