#include "aceso/learn/baseline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "aceso/stats/logistic.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMaxSide = 28;
constexpr std::size_t kMaxFeatures = 4096;
constexpr std::size_t kMaxSamples = 5000;
constexpr std::array<double, 4> kPenalties{0.001, 0.01, 0.1, 1.0};

struct Table {
  std::vector<float> x;
  std::vector<int> labels;
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
    table.labels.push_back(dataset.manifest().samples[i].label);
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

struct Baseline::Impl {
  Preprocessing how;
  Scaling scaling;
  stats::LogisticModel model;
  double penalty = 1, threshold = 0.5;
  std::size_t trained_on = 0;

  Predictions predict(const Table& table) const {
    Predictions out;
    out.labels = table.labels;
    const std::size_t width = scaling.mean.size();
    for (std::size_t i = 0; i < table.labels.size(); ++i)
      out.probabilities.push_back(model.predict(std::span{table.x}.subspan(i * width, width)));
    return out;
  }
  Result<Table> scaled(const Dataset& dataset, Split split) const {
    ACESO_TRY(Table table, table_of(dataset, how, dataset.indices(split)));
    if (!table.labels.empty() && table.x.size() != table.labels.size() * scaling.mean.size())
      return Error{Code::unsupported, "the samples have another size than those of the baseline"};
    scaling.apply(table);
    return table;
  }
};

Baseline::Baseline(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Baseline::~Baseline() = default;
Baseline::Baseline(Baseline&&) noexcept = default;
Baseline& Baseline::operator=(Baseline&&) noexcept = default;

Result<Baseline> Baseline::fit(const Dataset& dataset, const ModelSignature& signature, const std::stop_token& stop) {
  auto impl = std::make_unique<Impl>();
  impl->how = few_pixels(signature.preprocessing);
  const std::size_t classes = std::max<std::size_t>(dataset.manifest().classes.size(), 2);
  ACESO_TRY(Table train, table_of(dataset, impl->how, evenly(dataset.indices(Split::train), kMaxSamples)));
  if (train.labels.empty()) return Error{Code::unsupported, "the dataset has no train split"};
  impl->trained_on = train.labels.size();
  impl->scaling.fit(train, train.x.size() / train.labels.size());
  impl->scaling.apply(train);
  Table validation;
  if (!dataset.indices(Split::validation).empty()) {
    ACESO_TRY(validation, impl->scaled(dataset, Split::validation));
  }
  double best = -1;
  for (const double c : kPenalties) {
    if (validation.labels.empty() && c != kPenalties.back()) continue;
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled while fitting the baseline"};
    // The gradient is measured against c, so one tolerance serves all penalties.
    ACESO_TRY(stats::LogisticModel model,
              stats::fit_logistic(train.x, train.labels, classes, {.c = c, .max_iterations = 100, .tolerance = 1e-3}));
    std::swap(impl->model, model);
    const Predictions seen = impl->predict(validation);
    const double merit = macro_auroc(seen.probabilities, seen.labels).value_or(0);
    if (merit > best) {
      best = merit;
      impl->penalty = c;
      if (!validation.labels.empty() && classes == 2) impl->threshold = choose_threshold(seen);
    } else {
      std::swap(impl->model, model);
    }
  }
  return Baseline{std::move(impl)};
}

Result<BaselineAnswer> Baseline::answer(const Dataset& dataset, Split split) const {
  ACESO_TRY(const Table table, impl_->scaled(dataset, split));
  BaselineAnswer out;
  out.predictions = impl_->predict(table);
  for (const std::size_t i : dataset.indices(split)) {
    out.predictions.ids.push_back(dataset.manifest().samples[i].id);
    out.predictions.groups.push_back(dataset.manifest().samples[i].group);
  }
  out.threshold = impl_->threshold;
  out.about = Json{{"kind", "logistic regression"},
                   {"features", impl_->scaling.mean.size()},
                   {"inverse_penalty", impl_->penalty},
                   {"training_samples", impl_->trained_on}};
  return out;
}

}  // namespace aceso::learn
