#include "aceso/learn/baseline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/learn/trainer.hpp"
#include "aceso/stats/logistic.hpp"
#include "aceso/stats/regression.hpp"
#include "scores.hpp"
#include "targets.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMaxSide = 28;
constexpr std::size_t kMaxFeatures = 4096;
constexpr std::size_t kMaxSamples = 5000;
constexpr std::size_t kMaxRidgeSamples = 2000;
constexpr std::array<double, 4> kPenalties{0.001, 0.01, 0.1, 1.0};
constexpr std::array<double, 7> kRidgePenalties{1, 10, 100, 1000, 1e4, 1e5, 1e6};

struct Table {
  std::vector<float> x;
  std::vector<int> labels;
  std::vector<std::vector<double>> targets;  // of several labels or of numbers
};

Preprocessing few_pixels(Preprocessing how) {
  if (how.kind != PortKind::image) return how;
  if (how.height > 0) {
    how.height = std::min(how.height, kMaxSide);
    how.width = std::min(how.width, kMaxSide);
  }
  how.channels = 1;
  if (how.mean.size() > 1) how.mean.clear();
  if (how.std.size() > 1) how.std.clear();
  return how;
}

Result<Table> table_of(const Dataset& dataset, const Preprocessing& how, const std::vector<std::size_t>& indices) {
  Table table;
  for (const std::size_t i : indices) {
    ACESO_TRY(const Array row, preprocess(how, std::vector{dataset.array(i)}));
    const auto values = row.f32();
    if (values.size() > kMaxFeatures)
      return Error{Code::unsupported, "the samples are too large for a trivial baseline"};
    if (!table.labels.empty() && table.x.size() / table.labels.size() != values.size())
      return Error{Code::unsupported, "the samples differ in size: no baseline"};
    table.x.insert(table.x.end(), values.begin(), values.end());
    table.labels.push_back(std::max(0, dataset.manifest().samples[i].label));
    if (dataset.manifest().task != Task::classes) table.targets.push_back(dataset.manifest().samples[i].targets);
  }
  return table;
}

std::vector<std::size_t> evenly(const std::vector<std::size_t>& indices, std::size_t most) {
  if (indices.size() <= most) return indices;
  std::vector<std::size_t> picked;
  picked.reserve(most);
  for (std::size_t i = 0; i < most; ++i) picked.push_back(indices[i * indices.size() / most]);
  return picked;
}

// Mean 0 and deviation 1 a column, as the penalty wants it; columns that do not vary become 0.
struct Scaling {
  std::vector<double> mean, inverse_sd;
  void fit(const Table& table, std::size_t width) {
    const std::size_t n = table.labels.size();
    mean.assign(width, 0);
    std::vector<double> squares(width, 0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t f = 0; f < width; ++f) mean[f] += static_cast<double>(table.x[i * width + f]);
    }
    for (double& m : mean) m /= static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t f = 0; f < width; ++f) {
        const double d = static_cast<double>(table.x[i * width + f]) - mean[f];
        squares[f] += d * d;
      }
    }
    for (const double s : squares) {
      const double sd = std::sqrt(s / static_cast<double>(n));
      inverse_sd.push_back(sd > 1e-9 ? 1 / sd : 0);
    }
  }
  void apply(Table& table) const {
    for (std::size_t i = 0; i < table.x.size(); ++i) {
      const std::size_t f = i % mean.size();
      table.x[i] = static_cast<float>((static_cast<double>(table.x[i]) - mean[f]) * inverse_sd[f]);
    }
  }
};

}  // namespace

namespace {

// A model on rows of few numbers, of whichever task.
struct Head {
  stats::LogisticModel model;                  // of classes
  std::vector<stats::LogisticModel> by_label;  // of several labels
  stats::RidgeModel ridge;                     // of numbers
  double penalty = 1, threshold = 0.5;
  std::vector<double> thresholds;
};

Predictions predict_table(const Head& head, Task task, const Table& table, std::size_t width) {
  Predictions out;
  out.labels = table.labels;
  out.targets = table.targets;
  for (std::size_t i = 0; i < table.labels.size(); ++i) {
    const auto row = std::span{table.x}.subspan(i * width, width);
    std::vector<double> answer;
    if (task == Task::regression) {
      answer.push_back(head.ridge.predict(row));
    } else if (task == Task::multi_label) {
      for (const stats::LogisticModel& model : head.by_label) answer.push_back(model.predict(row).front());
    } else {
      answer = head.model.predict(row);
    }
    out.probabilities.push_back(std::move(answer));
  }
  return out;
}

// The rows of which a label is known, and whether it holds.
Table rows_of_label(const Table& table, std::size_t label, std::size_t width) {
  Table out;
  for (std::size_t i = 0; i < table.labels.size(); ++i) {
    const double value = table.targets[i][label];
    if (std::isnan(value)) continue;
    const auto row = std::span{table.x}.subspan(i * width, width);
    out.x.insert(out.x.end(), row.begin(), row.end());
    out.labels.push_back(value > 0.5 ? 1 : 0);
  }
  return out;
}

Result<Head> fit_labels(const Table& train, double c, std::size_t width, std::size_t labels) {
  Head head;
  for (std::size_t k = 0; k < labels; ++k) {
    const Table rows = rows_of_label(train, k, width);
    ACESO_TRY(stats::LogisticModel model,
              stats::fit_logistic(rows.x, rows.labels, 2, {.c = c, .max_iterations = 100, .tolerance = 1e-3}));
    head.by_label.push_back(std::move(model));
  }
  head.penalty = c;
  return head;
}

// What to choose a penalty by, larger is better.
double merit_of(Task task, const Predictions& seen) {
  if (seen.labels.empty()) return 0;
  if (task == Task::classes) return macro_auroc(seen.probabilities, seen.labels).value_or(0);
  if (task == Task::multi_label) return label_scores(seen.probabilities, seen.targets).auroc.value_or(0);
  std::vector<double> measured;
  for (const auto& row : seen.targets) measured.push_back(row.front());
  const auto errors = stats::regression_errors(column(seen.probabilities, 0), measured);
  return errors ? -errors->rmse : -std::numeric_limits<double>::infinity();
}

}  // namespace

struct Baseline::Impl {
  Preprocessing how;
  Scaling scaling;
  Task task = Task::classes;
  Head head;
  std::size_t trained_on = 0;

  Result<Table> scaled(const Dataset& dataset, Split split) const {
    ACESO_TRY(Table table, table_of(dataset, how, labelled_indices(dataset, split)));
    if (!table.labels.empty() && table.x.size() != table.labels.size() * scaling.mean.size())
      return Error{Code::unsupported, "the samples have another size than those of the baseline"};
    scaling.apply(table);
    return table;
  }

  // One head a penalty; the best on validation data is kept, the last one without such data.
  Status choose(std::vector<Head> heads, const Table& validation) {
    double best = -std::numeric_limits<double>::infinity();
    for (Head& candidate : heads) {
      const Predictions seen = predict_table(candidate, task, validation, scaling.mean.size());
      const double merit = merit_of(task, seen);
      if (!(merit > best) && !validation.labels.empty()) continue;
      best = merit;
      head = std::move(candidate);
      if (validation.labels.empty()) continue;
      if (task == Task::multi_label) head.thresholds = choose_thresholds(seen);
      if (task == Task::classes && seen.probabilities.front().size() == 1) head.threshold = choose_threshold(seen);
    }
    return {};
  }

  Result<std::vector<Head>> fit_heads(const Table& train, const Table& validation, std::size_t classes,
                                      const std::stop_token& stop) const {
    std::vector<Head> heads;
    const std::size_t width = scaling.mean.size();
    if (task == Task::regression) {
      std::vector<double> y;
      for (const auto& row : train.targets) y.push_back(row.front());
      ACESO_TRY(auto models, stats::fit_ridge(train.x, y, kRidgePenalties));
      for (std::size_t p = 0; p < models.size(); ++p) {
        if (validation.labels.empty() && p != kRidgePenalties.size() / 2) continue;
        Head one;
        one.ridge = std::move(models[p]);
        one.penalty = kRidgePenalties[p];
        heads.push_back(std::move(one));
      }
      return heads;
    }
    for (const double c : kPenalties) {
      if (validation.labels.empty() && c != kPenalties.back()) continue;
      if (stop.stop_requested()) return Error{Code::cancelled, "cancelled while fitting the baseline"};
      Head one;
      if (task == Task::multi_label) {
        ACESO_TRY(one, fit_labels(train, c, width, classes));
      } else {
        // The gradient is measured against c, so one tolerance serves all penalties.
        ACESO_TRY(one.model, stats::fit_logistic(train.x, train.labels, classes,
                                                 {.c = c, .max_iterations = 100, .tolerance = 1e-3}));
      }
      one.penalty = c;
      heads.push_back(std::move(one));
    }
    return heads;
  }
};

Baseline::Baseline(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Baseline::~Baseline() = default;
Baseline::Baseline(Baseline&&) noexcept = default;
Baseline& Baseline::operator=(Baseline&&) noexcept = default;

Result<Baseline> Baseline::fit(const Dataset& dataset, const ModelSignature& signature, const std::stop_token& stop) {
  auto impl = std::make_unique<Impl>();
  impl->how = few_pixels(signature.preprocessing);
  impl->task = dataset.manifest().task;
  const std::size_t names = dataset.manifest().classes.size();
  const std::size_t classes = impl->task == Task::classes ? std::max<std::size_t>(names, 2) : names;
  ACESO_TRY(Table train, table_of(dataset, impl->how,
                                  evenly(labelled_indices(dataset, Split::train),
                                         impl->task == Task::regression ? kMaxRidgeSamples : kMaxSamples)));
  if (train.labels.empty()) return Error{Code::unsupported, "the dataset has no train split"};
  impl->trained_on = train.labels.size();
  impl->scaling.fit(train, train.x.size() / train.labels.size());
  impl->scaling.apply(train);
  Table validation;
  if (!labelled_indices(dataset, Split::validation).empty()) {
    ACESO_TRY(validation, impl->scaled(dataset, Split::validation));
  }
  ACESO_TRY(auto heads, impl->fit_heads(train, validation, classes, stop));
  ACESO_TRY_OK(impl->choose(std::move(heads), validation));
  return Baseline{std::move(impl)};
}

Result<BaselineAnswer> Baseline::answer(const Dataset& dataset, Split split) const {
  ACESO_TRY(const Table table, impl_->scaled(dataset, split));
  const bool numbers = impl_->task == Task::regression;
  BaselineAnswer out;
  out.predictions = predict_table(impl_->head, impl_->task, table, impl_->scaling.mean.size());
  for (const std::size_t i : labelled_indices(dataset, split)) {
    out.predictions.ids.push_back(dataset.manifest().samples[i].id);
    out.predictions.groups.push_back(dataset.manifest().samples[i].group);
  }
  out.threshold = impl_->head.threshold;
  out.thresholds = impl_->head.thresholds;
  out.about = Json{{"kind", numbers ? "ridge regression" : "logistic regression"},
                   {"features", impl_->scaling.mean.size()},
                   {numbers ? "penalty" : "inverse_penalty", impl_->head.penalty},
                   {"training_samples", impl_->trained_on}};
  return out;
}

}  // namespace aceso::learn
