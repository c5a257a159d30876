#include "label_doubts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "aceso/stats/roc.hpp"
#include "folds.hpp"
#include "progress_update.hpp"
#include "shuffle.hpp"
#include "thumbnail.hpp"
#include "union_find.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr int kFolds = 5;
constexpr std::size_t kLeast = 20;
constexpr std::size_t kMaxFeatures = 4096;
constexpr int kEpochs = 40;
constexpr std::size_t kBatch = 64;
constexpr double kRate = 0.02;
constexpr double kDecay = 1e-3;

struct Table {
  std::size_t columns = 0;
  std::vector<float> values;  // standardised, a column of ones last
  std::vector<std::size_t> samples;
  std::vector<int> labels, folds;
  const float* row(std::size_t i) const { return values.data() + i * columns; }
};

// Softmax regression by Adam (Kingma and Ba, ICLR 2015) on batches in an order fixed by the seed.
class Softmax {
 public:
  Softmax(std::size_t columns, std::size_t classes)
      : columns_{columns}, classes_{classes}, w_(columns * classes), m_(w_.size()), v_(w_.size()), g_(w_.size()) {}

  void fit(const Table& table, const std::vector<std::size_t>& rows, std::uint64_t seed) {
    int step = 0;
    for (int epoch = 0; epoch < kEpochs; ++epoch) {
      const double rate = kRate * (1 - static_cast<double>(epoch) / kEpochs);
      const auto order = shuffled(rows.size(), seed, epoch);
      for (std::size_t at = 0; at < order.size(); at += kBatch) {
        const std::size_t end = std::min(order.size(), at + kBatch);
        std::fill(g_.begin(), g_.end(), 0.0F);
        for (std::size_t i = at; i < end; ++i) gradient(table, rows[order[i]], static_cast<float>(end - at));
        update(rate, ++step);
      }
    }
  }

  std::vector<double> predict(const float* row) const {
    std::vector<double> p(classes_);
    double highest = -std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < classes_; ++k) {
      float sum = 0;
      for (std::size_t c = 0; c < columns_; ++c) sum += w_[k * columns_ + c] * row[c];
      p[k] = static_cast<double>(sum);
      highest = std::max(highest, p[k]);
    }
    double total = 0;
    for (double& x : p) total += x = std::exp(x - highest);
    for (double& x : p) x /= total;
    return p;
  }

 private:
  void gradient(const Table& table, std::size_t row, float batch) {
    const float* x = table.row(row);
    const auto p = predict(x);
    for (std::size_t k = 0; k < classes_; ++k) {
      const auto error = (static_cast<float>(p[k]) - (static_cast<int>(k) == table.labels[row] ? 1.0F : 0.0F)) / batch;
      for (std::size_t c = 0; c < columns_; ++c) g_[k * columns_ + c] += error * x[c];
    }
  }
  void update(double rate, int step) {
    const auto correct1 = static_cast<float>(1 / (1 - std::pow(0.9, step)));
    const auto correct2 = static_cast<float>(1 / (1 - std::pow(0.999, step)));
    const auto speed = static_cast<float>(rate);
    for (std::size_t i = 0; i < w_.size(); ++i) {
      m_[i] = 0.9F * m_[i] + 0.1F * g_[i];
      v_[i] = 0.999F * v_[i] + 0.001F * g_[i] * g_[i];
      w_[i] -= speed * (m_[i] * correct1 / (std::sqrt(v_[i] * correct2) + 1e-8F) + static_cast<float>(kDecay) * w_[i]);
    }
  }

  std::size_t columns_, classes_;
  std::vector<float> w_, m_, v_, g_;
};

Result<Table> make_table(const Dataset& dataset, const std::stop_token& stop) {
  const Manifest& manifest = dataset.manifest();
  const bool picture = manifest.kind == "image" || manifest.kind == "volume";
  Table table;
  for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
    if (stop.stop_requested()) return Error{Code::cancelled, "check cancelled"};
    const Sample& sample = manifest.samples[i];
    if (sample.label < 0) continue;
    std::vector<float> features;
    if (picture) {
      features = area_average(manifest.dtype, sample.shape, dataset.raw(i),
                              manifest.kind == "volume" ? Grid{8, 8, 8} : Grid{1, 16, 16});
    } else {
      for_each_value(manifest.dtype, dataset.raw(i),
                     [&](double value) { features.push_back(static_cast<float>(value)); });
    }
    features.push_back(1);
    if (features.size() > kMaxFeatures || (table.columns != 0 && features.size() != table.columns))
      return Error{Code::invalid, "label errors: the samples are too long, or differ in size"};
    table.columns = features.size();
    table.values.insert(table.values.end(), features.begin(), features.end());
    table.samples.push_back(i);
    table.labels.push_back(sample.label);
  }
  return table;
}

void standardise(Table& table) {
  const std::size_t n = table.samples.size();
  for (std::size_t c = 0; c + 1 < table.columns; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(table.row(i)[c]);
    const double mean = sum / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) squares += std::pow(static_cast<double>(table.row(i)[c]) - mean, 2);
    const double sd = std::sqrt(squares / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      float& value = table.values[i * table.columns + c];
      value = sd > 0 ? static_cast<float>((static_cast<double>(value) - mean) / sd) : 0;
    }
  }
}

double mean_auc(const Table& table, const std::vector<std::vector<double>>& p, std::size_t classes) {
  double sum = 0;
  for (std::size_t k = 0; k < classes; ++k) {
    std::vector<double> scores;
    std::vector<int> is;
    for (std::size_t i = 0; i < p.size(); ++i) {
      scores.push_back(p[i][k]);
      is.push_back(table.labels[i] == static_cast<int>(k) ? 1 : 0);
    }
    const auto auc = stats::auroc(scores, is);
    sum += auc ? *auc : 0.5;
  }
  return sum / static_cast<double>(classes);
}

}  // namespace

Result<LabelDoubts> find_label_doubts(const Dataset& dataset, const std::vector<Twins>& twins, std::uint64_t seed,
                                      ProgressSink& progress, const std::stop_token& stop) {
  const Manifest& manifest = dataset.manifest();
  const std::size_t classes = manifest.classes.size();
  ACESO_TRY(Table table, make_table(dataset, stop));
  std::vector<std::size_t> counts(classes, 0);
  for (const int label : table.labels) ++counts[static_cast<std::size_t>(label)];
  if (classes < 2 || std::any_of(counts.begin(), counts.end(), [](std::size_t count) { return count < kLeast; }))
    return Error{Code::invalid,
                 "label errors: each class needs at least " + std::to_string(kLeast) + " samples with a label"};
  standardise(table);
  UnionFind together = groups_of(manifest);
  for (const Twins& pair : twins) together.join(pair.a, pair.b);
  std::vector<Member> members;
  for (std::size_t i = 0; i < table.samples.size(); ++i)
    members.push_back({i, together.find(table.samples[i]), table.labels[i]});
  table.folds = assign_folds(members, table.samples.size(), kFolds, seed);
  std::vector<std::vector<double>> p(table.samples.size());
  for (int fold = 0; fold < kFolds; ++fold) {
    if (stop.stop_requested()) return Error{Code::cancelled, "check cancelled"};
    progress.update(progress_update("labels", static_cast<std::uint64_t>(fold), kFolds));
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < table.samples.size(); ++i) {
      if (table.folds[i] != fold) rows.push_back(i);
    }
    Softmax model{table.columns, classes};
    model.fit(table, rows, seed + static_cast<std::uint64_t>(fold));
    for (std::size_t i = 0; i < table.samples.size(); ++i) {
      if (table.folds[i] == fold) p[i] = model.predict(table.row(i));
    }
  }
  std::vector<double> threshold(classes, 0.0);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto k = static_cast<std::size_t>(table.labels[i]);
    threshold[k] += p[i][k] / static_cast<double>(counts[k]);
  }
  LabelDoubts out;
  out.auc = mean_auc(table, p, classes);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto own = static_cast<std::size_t>(table.labels[i]);
    const auto best = static_cast<std::size_t>(std::max_element(p[i].begin(), p[i].end()) - p[i].begin());
    if (best != own && p[i][best] >= threshold[best])
      out.doubts.push_back({table.samples[i], p[i][own], static_cast<int>(best), p[i][best]});
  }
  std::sort(out.doubts.begin(), out.doubts.end(), [](const LabelDoubt& a, const LabelDoubt& b) {
    return a.own != b.own ? a.own < b.own : a.index < b.index;
  });
  return out;
}

}  // namespace aceso::learn
