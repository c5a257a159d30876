#include "watch_drill.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "aceso/base/random.hpp"
#include "aceso/learn/boxes.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/trainer.hpp"
#include "aceso/learn/watch.hpp"
#include "evaluation_jobs.hpp"
#include "object_reader.hpp"
#include "serving.hpp"
#include "training.hpp"
#include "watch_fitting.hpp"

namespace aceso::models {
namespace {

constexpr std::int64_t kMostSamples = 5000;  // of the split, evenly picked: each is answered twice

struct Change {
  double brightness = 0, contrast = 1, noise = 0;
};

template <class T>
void alter(std::span<T> values, const Change& how, double low, double high, const Philox& random, std::size_t sample) {
  if (values.empty()) return;
  double sum = 0;
  for (const T v : values) sum += static_cast<double>(v);
  const double mean = sum / static_cast<double>(values.size()), range = high - low;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double v = mean + (static_cast<double>(values[i]) - mean) * how.contrast + how.brightness * range;
    if (how.noise > 0) v += how.noise * range * random.normal(sample, i);
    if constexpr (std::is_integral_v<T>) {
      v = std::clamp(std::nearbyint(v), static_cast<double>(std::numeric_limits<T>::min()),
                     static_cast<double>(std::numeric_limits<T>::max()));
      if (std::is_same_v<T, std::uint8_t>) v = std::clamp(v, low, high);
    }
    values[i] = static_cast<T>(v);
  }
}

template <class T>
std::span<T> values_of(learn::Array& array) {
  return {reinterpret_cast<T*>(array.data.data()), array.data.size() / sizeof(T)};
}

// Runs f(span) on the samples' own number type; false for one that no sensor gives.
template <class F>
bool with_values(learn::Array& array, const F& f) {
  switch (array.dtype) {
    case learn::DType::u8:
      f(values_of<std::uint8_t>(array));
      return true;
    case learn::DType::u16:
      f(values_of<std::uint16_t>(array));
      return true;
    case learn::DType::i16:
      f(values_of<std::int16_t>(array));
      return true;
    case learn::DType::i32:
      f(values_of<std::int32_t>(array));
      return true;
    case learn::DType::f32:
      f(values_of<float>(array));
      return true;
    default:
      return false;
  }
}

// What the samples' intensities range over: all of 8 bits, else what the first hundred of them have.
Result<std::pair<double, double>> range_of(const learn::Dataset& dataset, const std::vector<std::size_t>& indices) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t i = 0; i < std::min<std::size_t>(indices.size(), 100); ++i) {
    learn::Array sample = dataset.array(indices[i]);
    if (sample.dtype == learn::DType::u8) return std::pair{0.0, 255.0};
    const bool known = with_values(sample, [&](auto values) {
      for (const auto v : values) {
        low = std::min(low, static_cast<double>(v));
        high = std::max(high, static_cast<double>(v));
      }
    });
    if (!known) return Error{Code::unsupported, "samples of this number type cannot be brightened"};
  }
  if (!(high > low)) return Error{Code::invalid, "the samples are all of one intensity"};
  return std::pair{low, high};
}

Result<learn::WatchCase> answer_of(ServedModel& served, const learn::Array& sample) {
  const learn::ModelSignature& signature = served.info().signature;
  ACESO_TRY(learn::Array inputs, learn::preprocess(signature.preprocessing, {&sample, 1}));
  const learn::Array shown = inputs;
  ACESO_TRY(const Answers answers,
            Serving::run(served, {{signature.inputs.front().name, std::move(inputs)}}, {.lane = Lane::bulk}));
  const std::span<const float> embedding =
      answers.embedding.shape.empty() ? std::span<const float>{} : answers.embedding.f32();
  const auto values = answers.output.f32();
  const std::vector<double> numbers(values.begin(), values.end());
  return watch_case(served.info(), served.applicability(), shown, embedding, numbers);
}

// `count` different ones of `all` cases, which ones (day, seed) decides.
std::vector<learn::WatchCase> some_of(const std::vector<learn::WatchCase>& all, std::size_t count, const Philox& random,
                                      std::size_t day) {
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<learn::WatchCase> out;
  out.reserve(std::min(count, all.size()));
  for (std::size_t i = 0; i < count && i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    std::swap(order[i], order[i + static_cast<std::size_t>(random.uniform01(day, i) * left)]);
    out.push_back(all[order[i]]);
  }
  return out;
}

Json week(const learn::WatchReference& reference, const std::vector<learn::WatchCase>& cases, std::int64_t days,
          std::int64_t per_day, const Philox& random) {
  Json out = Json::array();
  for (std::int64_t day = 0; day < days; ++day) {
    out.push_back(learn::to_json(learn::judge_window(
        reference, some_of(cases, static_cast<std::size_t>(per_day), random, static_cast<std::size_t>(day)))));
  }
  return out;
}

}  // namespace

Result<Json> WatchDrill::prepare(const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "drill"));
  ACESO_TRY(const std::string model, reader.text("model", 64));
  ACESO_TRY(const std::int64_t version, reader.integer_or("version", 0, 0, 1'000'000'000));
  ACESO_TRY(std::string dataset, reader.text_or("dataset", 64, {}));
  ACESO_TRY(const std::string split, reader.text_or("split", 16, "test"));
  ACESO_TRY(double brightness, reader.number_or("brightness", 0, -1, 1));
  ACESO_TRY(const double contrast, reader.number_or("contrast", 1, 0, 10));
  ACESO_TRY(const double noise, reader.number_or("noise", 0, 0, 1));
  ACESO_TRY(const std::int64_t days, reader.integer_or("days", 7, 1, 30));
  ACESO_TRY(const std::int64_t per_day, reader.integer_or("per_day", 100, learn::kWatchMinimum, 1000));
  ACESO_TRY(const std::int64_t seed, reader.integer_or("seed", 1, 0, std::numeric_limits<std::int32_t>::max()));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY([[maybe_unused]] const learn::Split parsed, parse_split(split));
  if (brightness == 0 && contrast == 1 && noise == 0) brightness = 0.1;
  ACESO_TRY(const ModelVersion v, registry_.find(model, static_cast<int>(version)));
  ACESO_TRY(const auto bundle, registry_.info(v.bundle));
  if (learn::draws_outlines(bundle->signature))
    return Error{Code::unsupported, "drills are not for models that draw outlines"};
  if (learn::finds_boxes(bundle->signature))
    return Error{Code::unsupported, "drills are not for models that find boxes"};
  if (!bundle->applicability.is_object() || !bundle->applicability.contains("watch"))
    return Error{Code::precondition, "the bundle of this version carries no reference for the watch: train it anew"};
  if (dataset.empty() && bundle->training.is_object()) dataset = bundle->training.value("dataset", std::string{});
  if (dataset.empty()) return Error{Code::invalid, "dataset: name one; that of this version is not known"};
  ACESO_TRY([[maybe_unused]] const std::string hash, datasets_.sha256(dataset));
  return Json{{"model", model},           {"version", v.version}, {"dataset", dataset}, {"split", split},
              {"brightness", brightness}, {"contrast", contrast}, {"noise", noise},     {"days", days},
              {"per_day", per_day},       {"seed", seed}};
}

Result<Json> WatchDrill::run(store::JobContext& job) const {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  ACESO_TRY(const ModelVersion v, registry_.find(input.value("model", std::string{}), input.value("version", 0)));
  ACESO_TRY(const auto dataset, datasets_.open(input.value("dataset", std::string{})));
  ACESO_TRY(const learn::Split split, parse_split(input.value("split", std::string{"test"})));
  ACESO_TRY(const auto served, serving_.model(v));
  ACESO_TRY(const learn::WatchReference reference,
            learn::parse_watch_reference(served->info().applicability.value("watch", Json())));
  std::vector<std::size_t> indices = dataset->indices(split);
  if (const auto all = static_cast<std::int64_t>(indices.size()); all > kMostSamples) {
    for (std::int64_t i = 0; i < kMostSamples; ++i)
      indices[static_cast<std::size_t>(i)] = indices[static_cast<std::size_t>(i * all / kMostSamples)];
    indices.resize(static_cast<std::size_t>(kMostSamples));
  }
  if (indices.size() < learn::kWatchMinimum)
    return Error{Code::precondition, "the split has fewer than " + std::to_string(learn::kWatchMinimum) + " samples"};
  ACESO_TRY(const auto range, range_of(*dataset, indices));
  const Change change{input.value("brightness", 0.0), input.value("contrast", 1.0), input.value("noise", 0.0)};
  const Philox random{input.value("seed", std::uint64_t{1})};
  JobProgress progress{job, context_.clock};
  std::vector<learn::WatchCase> as_they_are, changed;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (job.stop().stop_requested()) return Error{Code::cancelled, "cancelled"};
    learn::Array sample = dataset->array(indices[i]);
    ACESO_TRY(learn::WatchCase before, answer_of(*served, sample));
    with_values(sample, [&](auto values) { alter(values, change, range.first, range.second, random, i); });
    ACESO_TRY(learn::WatchCase after, answer_of(*served, sample));
    as_they_are.push_back(std::move(before));
    changed.push_back(std::move(after));
    progress.update({.phase = "drill", .done = i + 1, .total = indices.size(), .values = {}});
  }
  // At most half of the samples a day, so that no two days are the same one.
  const std::int64_t days = input.value("days", std::int64_t{7});
  const std::int64_t per_day =
      std::max(static_cast<std::int64_t>(learn::kWatchMinimum),
               std::min(input.value("per_day", std::int64_t{100}), static_cast<std::int64_t>(indices.size()) / 2));
  const Json usual = week(reference, as_they_are, days, per_day, random);
  const Json after = week(reference, changed, days, per_day, random);
  Json noticed = nullptr;
  std::int64_t false_alarms = 0;
  for (std::size_t d = 0; d < after.size(); ++d) {
    if (noticed.is_null() && after[d]["state"] == "alarm") noticed = d + 1;
    false_alarms += usual[d]["state"] == "alarm" ? 1 : 0;
  }
  ACESO_TRY_OK(context_.record(actor_of(input, job.job()), "E", "model.watch.drill", "model",
                               v.name + "/" + std::to_string(v.version),
                               dump(Json{{"dataset", input.value("dataset", std::string{})}})));
  return Json{{"model", v.name},
              {"version", v.version},
              {"dataset", input.value("dataset", std::string{})},
              {"split", learn::to_string(split)},
              {"samples", indices.size()},
              {"reference", {{"source", reference.source}, {"cases", reference.cases}}},
              {"change", {{"brightness", change.brightness}, {"contrast", change.contrast}, {"noise", change.noise}}},
              {"days", days},
              {"per_day", per_day},
              {"unchanged", usual},
              {"changed", after},
              {"noticed_on", std::move(noticed)},
              {"false_alarms", false_alarms}};
}

}  // namespace aceso::models
