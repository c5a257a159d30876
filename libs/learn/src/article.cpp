#include "aceso/learn/article.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "aceso/stats/roc.hpp"
#include "progress_update.hpp"
#include "scores.hpp"
#include "shuffle.hpp"
#include "sources.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

struct Images {
  const Array* x = nullptr;
  std::vector<int> labels;
  std::size_t size() const { return labels.size(); }
  Array sample(std::size_t i) const {
    Array array;
    array.dtype = x->dtype;
    array.shape.assign(x->shape.begin() + 1, x->shape.end());
    const std::size_t bytes = x->data.size() / labels.size();
    const auto from = x->data.begin() + static_cast<std::ptrdiff_t>(i * bytes);
    array.data.assign(from, from + static_cast<std::ptrdiff_t>(bytes));
    return array;
  }
};

// One image of a training or validation set: a row of X, mirrored or not.
struct Use {
  std::size_t row = 0;
  bool mirrored = false;
};

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

Result<Images> images_of(const NamedArrays& arrays, const std::string& which) {
  const auto x = arrays.find("X");
  const auto y = arrays.find("y");
  if (x == arrays.end() || y == arrays.end()) return Error{Code::invalid, which + ": the keys X and y must be there"};
  const Shape& shape = x->second.shape;
  if (shape.size() != 4 || shape[0] < 1 || shape[3] < 1 || shape[3] > 4)
    return Error{Code::invalid, which + ": X must have shape [N, height, width, channels], has " + to_string(shape)};
  const Shape& labels = y->second.shape;
  if ((labels.size() != 1 && !(labels.size() == 2 && labels[1] == 1)) || labels[0] != shape[0]) {
    return Error{Code::invalid,
                 which + ": y must have shape [" + std::to_string(shape[0]) + "], has " + to_string(labels)};
  }
  Images images;
  images.x = &x->second;
  bool good = true;
  for_each_value(y->second.dtype, y->second.data, [&](double value) {
    good = good && (value == 0 || value == 1);
    images.labels.push_back(value == 1 ? 1 : 0);
  });
  if (!good) return Error{Code::invalid, which + ": y must hold 0 and 1 only"};
  return images;
}

class Article {
 public:
  Article(const Images& train, const Images& test, const ArticleOptions& options, const Clock& clock,
          ProgressSink& progress, const std::stop_token& stop)
      : train_{train}, test_{test}, options_{options}, clock_{clock}, progress_{progress}, stop_{stop} {}

  Result<ArticleResult> run(Engine& engine) {
    const SteadyTime begun = clock_.steady_now();
    if (options_.clean_split) {
      split_cleanly();
    } else {
      split_as_published();
    }
    result_.training_images = learnt_.size();
    result_.validation_images = validation_.size();
    result_.test_images = test_.size();
    ACESO_TRY_OK(start(engine));
    for (int epoch = 1; epoch <= options_.epochs; ++epoch) ACESO_TRY_OK(run_epoch(epoch));
    ACESO_TRY_OK(examine());
    ACESO_TRY(result_.weights, session_->weights());
    result_.seconds = seconds_between(begun, clock_.steady_now());
    return std::move(result_);
  }

 private:
  std::size_t validation_count(std::size_t all) const {
    // Keras rounds the learnt part down.
    return all - static_cast<std::size_t>((1 - options_.validation_fraction) * static_cast<double>(all));
  }

  void split_as_published() {
    std::vector<Use> all;
    all.reserve(2 * train_.size());
    for (std::size_t i = 0; i < train_.size(); ++i) all.push_back({i, false});
    for (std::size_t i = 0; i < train_.size(); ++i) all.push_back({i, coin(options_.seed, 0, i)});
    const std::size_t held = validation_count(all.size());
    const auto border = all.end() - static_cast<std::ptrdiff_t>(held);
    learnt_.assign(all.begin(), border);
    validation_.assign(border, all.end());
    result_.validation_leaked = held > 0;
    if (held > 0) {
      result_.warnings.emplace_back(
          "validation is leaked: it holds mirrored copies of images that are learnt, as in the article; --clean-split "
          "avoids it");
    }
    const auto& y = train_.labels;
    if (std::is_sorted(y.begin(), y.end()) || std::is_sorted(y.rbegin(), y.rend())) {
      result_.warnings.emplace_back(
          "the labels are sorted: the last part that is taken as validation holds mostly one class, and the learnt "
          "part less of it; shuffle the file or use --clean-split");
    }
  }

  void split_cleanly() {
    std::vector<Sample> samples(train_.size());
    const std::size_t bytes = train_.x->data.size() / train_.size();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      samples[i].label = train_.labels[i];
      samples[i].split = Split::train;
      const auto* from = reinterpret_cast<const char*>(train_.x->data.data()) + i * bytes;
      samples[i].sha256.assign(from, bytes);  // equal images stay on one side; the bytes themselves serve as their name
    }
    assign_split(samples, Split::train, Split::validation, options_.validation_fraction, options_.seed);
    for (std::size_t i = 0; i < samples.size(); ++i)
      (samples[i].split == Split::train ? learnt_ : validation_).push_back({i, false});
    const std::size_t originals = learnt_.size();
    for (std::size_t i = 0; i < originals; ++i)
      learnt_.push_back({learnt_[i].row, coin(options_.seed, 0, learnt_[i].row)});
    result_.validation_leaked = false;
  }

  Status start(Engine& engine) {
    const auto ones =
        std::count_if(learnt_.begin(), learnt_.end(), [&](const Use& use) { return train_.labels[use.row] == 1; });
    if (ones == 0 || ones == static_cast<std::ptrdiff_t>(learnt_.size()))
      return Error{Code::invalid, "the images that are learnt have one class only"};
    ArchitectureRegistry registry;
    register_builtin_architectures(registry);
    const Shape& shape = train_.x->shape;
    ACESO_TRY(result_.network, registry.make("article_cnn", {{shape[3], shape[1], shape[2]}, 1}));
    const std::map<std::string, Shape> inputs{{"image", {-1, shape[3], shape[1], shape[2]}}};
    ACESO_TRY(const Shapes shapes, infer_shapes(result_.network, inputs));
    TrainingOptions training;
    training.learning_rate = options_.learning_rate;
    training.threads = options_.threads;
    training.seed = options_.seed;
    result_.engine = engine.name() + " " + engine.version() + " (" + engine.device() + ")";
    ACESO_TRY(session_,
              engine.train(result_.network, initial_weights(result_.network, shapes, options_.seed), inputs, training));
    return {};
  }

  Result<Array> batch_of(const Images& images, std::span<const Use> uses) const {
    std::vector<Array> samples;
    samples.reserve(uses.size());
    for (const Use& use : uses) samples.push_back(images.sample(use.row));
    auto batch = preprocess({}, samples);
    if (!batch) {
      return std::move(
          std::move(batch).error().add_context("batch that begins with image " + std::to_string(uses[0].row)));
    }
    const std::size_t each = batch->f32().size() / uses.size();
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if (uses[i].mirrored) flip_rows(batch->f32().subspan(i * each, each), batch->shape.back());
    }
    return batch;
  }

  Status run_epoch(int epoch) {
    const SteadyTime begun = clock_.steady_now();
    const std::vector<std::size_t> order = shuffled(learnt_.size(), options_.seed, epoch);
    const auto size = static_cast<std::size_t>(options_.batch);
    const std::size_t batches = (order.size() + size - 1) / size;
    double sum = 0;
    for (std::size_t b = 0; b < batches; ++b) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "cancelled in epoch " + std::to_string(epoch)};
      std::vector<Use> uses;
      for (std::size_t i = b * size; i < std::min(order.size(), (b + 1) * size); ++i) uses.push_back(learnt_[order[i]]);
      ACESO_TRY(Array inputs, batch_of(train_, uses));
      Array targets = Array::zeros(DType::f32, {static_cast<std::int64_t>(uses.size())});
      for (std::size_t i = 0; i < uses.size(); ++i) targets.f32()[i] = static_cast<float>(train_.labels[uses[i].row]);
      const std::string where = "epoch " + std::to_string(epoch) + ", batch " + std::to_string(b + 1);
      auto loss = session_->step({{"image", std::move(inputs)}}, targets);
      if (!loss) return std::move(std::move(loss).error().add_context(where));
      if (!std::isfinite(*loss)) return Error{Code::invalid, "the loss is not finite in " + where};
      sum += *loss * static_cast<double>(uses.size());
      report(epoch, b + 1, batches, *loss,
             static_cast<double>(b * size + uses.size()) / std::max(1e-9, seconds_between(begun, clock_.steady_now())));
    }
    ArticleEpoch record;
    record.epoch = epoch;
    record.loss = sum / static_cast<double>(order.size());
    record.images_per_second =
        static_cast<double>(order.size()) / std::max(1e-9, seconds_between(begun, clock_.steady_now()));
    record.validation_loss = record.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
    if (!validation_.empty()) {
      ACESO_TRY(const Rows rows, probabilities(train_, validation_));
      std::vector<int> labels;
      labels.reserve(validation_.size());
      for (const Use& use : validation_) labels.push_back(train_.labels[use.row]);
      record.validation_loss = log_loss(rows, labels);
      record.validation_accuracy = accuracy(rows, labels);
    }
    record.seconds = seconds_between(begun, clock_.steady_now());
    spent_ += record.seconds;
    result_.history.push_back(record);
    return {};
  }

  void report(int epoch, std::size_t batch, std::size_t batches, double loss, double speed) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", loss);  // NOLINT(cert-err33-c): a loss fits, or is cut
    const auto total = static_cast<std::uint64_t>(options_.epochs) * batches;
    const std::uint64_t done = static_cast<std::uint64_t>(epoch - 1) * batches + batch;
    ProgressUpdate update = progress_update("train", done, total);
    update.values = {{"epoch", std::to_string(epoch) + "/" + std::to_string(options_.epochs)},
                     {"batch", std::to_string(batch) + "/" + std::to_string(batches)},
                     {"loss", text}};
    update.values.emplace_back("img/s", std::to_string(std::llround(std::min(speed, 1e9))));
    const double each = spent_ > 0 ? spent_ / (static_cast<double>(epoch - 1) * static_cast<double>(batches))
                                   : static_cast<double>(options_.batch) / std::max(1.0, speed);
    update.seconds_left = each * static_cast<double>(total - done);
    progress_.update(update);
  }

  Result<Rows> probabilities(const Images& images, std::span<const Use> uses) {
    Rows rows;
    const auto size = static_cast<std::size_t>(options_.batch);
    for (std::size_t at = 0; at < uses.size(); at += size) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "cancelled"};
      const auto part = uses.subspan(at, std::min(size, uses.size() - at));
      ACESO_TRY(Array inputs, batch_of(images, part));
      ACESO_TRY(const Array output, session_->forward({{"image", std::move(inputs)}}));
      ACESO_TRY_OK(append_rows(output, part.size(), rows));
    }
    return rows;
  }

  // Keras: the probability must be above one half.
  Status examine() {
    std::vector<Use> uses;
    uses.reserve(test_.size());
    for (std::size_t i = 0; i < test_.size(); ++i) uses.push_back({i, false});
    ACESO_TRY(const Rows rows, probabilities(test_, uses));
    result_.test_loss = log_loss(rows, test_.labels);
    if (!std::isfinite(result_.test_loss)) return Error{Code::invalid, "the test loss is not finite"};
    std::uint64_t right = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) right += (rows[i][0] > 0.5 ? 1 : 0) == test_.labels[i] ? 1U : 0U;
    result_.test_accuracy = static_cast<double>(right) / static_cast<double>(rows.size());
    ACESO_TRY(result_.accuracy_interval, stats::wilson_interval(right, rows.size()));
    const std::vector<double> scores = column(rows, 0);
    if (const auto area = stats::auroc(scores, test_.labels); area.ok()) result_.auroc = *area;
    if (const auto estimate = stats::auroc_delong(scores, test_.labels); estimate.ok())
      result_.auroc_interval = estimate->interval;
    if (!result_.auroc) result_.warnings.emplace_back("the test labels are of one class only: there is no AUROC");
    return {};
  }

  const Images& train_;
  const Images& test_;
  const ArticleOptions& options_;
  const Clock& clock_;
  ProgressSink& progress_;
  const std::stop_token& stop_;
  std::vector<Use> learnt_, validation_;
  std::unique_ptr<TrainingSession> session_;
  double spent_ = 0;
  ArticleResult result_;
};

}  // namespace

Result<ArticleResult> run_article(Engine& engine, const NamedArrays& train, const NamedArrays& test,
                                  const ArticleOptions& options, const Clock& clock, ProgressSink& progress,
                                  const std::stop_token& stop) {
  if (options.epochs < 1 || options.batch < 1) return Error{Code::invalid, "epochs and batch must be 1 or more"};
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1))
    return Error{Code::invalid, "the validation fraction must be 0 or more and below 1"};
  ACESO_TRY(const Images learn, images_of(train, "training file"));
  ACESO_TRY(const Images examine, images_of(test, "test file"));
  const Shape& a = learn.x->shape;
  const Shape& b = examine.x->shape;
  if (!std::equal(a.begin() + 1, a.end(), b.begin() + 1))
    return Error{Code::invalid, "training and test images differ: " + to_string(a) + " and " + to_string(b)};
  return Article(learn, examine, options, clock, progress, stop).run(engine);
}

Json to_json(const ArticleResult& result) {
  const auto interval = [](const stats::Interval& i) { return Json{i.low, i.high}; };
  const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); };
  Json history = Json::array();
  for (const ArticleEpoch& e : result.history) {
    history.push_back(Json{{"epoch", e.epoch},
                           {"loss", number(e.loss)},
                           {"validation_loss", number(e.validation_loss)},
                           {"validation_accuracy", number(e.validation_accuracy)},
                           {"seconds", e.seconds},
                           {"images_per_second", number(e.images_per_second)}});
  }
  Json test{{"images", result.test_images},
            {"loss", number(result.test_loss)},
            {"accuracy", result.test_accuracy},
            {"accuracy_interval", interval(result.accuracy_interval)},
            {"auroc", result.auroc ? Json(*result.auroc) : Json(nullptr)},
            {"auroc_interval", result.auroc_interval ? interval(*result.auroc_interval) : Json(nullptr)}};
  const ArticleEpoch last = result.history.empty() ? ArticleEpoch{} : result.history.back();
  return Json{{"test", std::move(test)},
              {"validation",
               {{"images", result.validation_images},
                {"leaked", result.validation_leaked},
                {"loss", number(last.validation_loss)},
                {"accuracy", number(last.validation_accuracy)}}},
              {"training_images", result.training_images},
              {"history", std::move(history)},
              {"warnings", result.warnings},
              {"engine", result.engine},
              {"seconds", result.seconds}};
}

}  // namespace aceso::learn
