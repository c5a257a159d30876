#include "serving_metrics.hpp"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace aceso::models {
namespace {

constexpr std::size_t kMostModels = 256;

std::string text_of(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

template <std::size_t N>
void histogram(std::string& out, std::string_view name, const std::string& labels, const Histogram<N>& values) {
  const auto counts = values.counts();
  for (std::size_t i = 0; i <= N; ++i) {
    const std::string bound = i < N ? text_of(values.bounds()[i]) : "+Inf";
    out.append(name).append("_bucket{").append(labels).append(",le=\"").append(bound).append("\"} ");
    out.append(std::to_string(counts.below[i])).append("\n");
  }
  out.append(name).append("_sum{").append(labels).append("} ").append(text_of(counts.sum)).append("\n");
  out.append(name).append("_count{").append(labels).append("} ").append(std::to_string(counts.below[N])).append("\n");
}

std::uint64_t nanoseconds(double seconds) {
  return static_cast<std::uint64_t>(std::llround(seconds * 1e9));
}

Json duration(std::uint64_t count, double seconds) {
  return Json{{"count", count}, {"ns", nanoseconds(seconds)}};
}

}  // namespace

std::shared_ptr<ModelMetrics> ServingMetrics::of(std::string_view name, int version) {
  const std::scoped_lock lock{mutex_};
  std::pair<std::string, int> key{name, version};
  if (!models_.contains(key) && models_.size() >= kMostModels) key = {"other", 0};
  auto& entry = models_[std::move(key)];
  if (!entry) entry = std::make_shared<ModelMetrics>();
  return entry;
}

std::shared_ptr<const ModelMetrics> ServingMetrics::find(std::string_view name, int version) const {
  const std::scoped_lock lock{mutex_};
  const auto it = models_.find(std::pair{std::string{name}, version});
  return it == models_.end() ? nullptr : it->second;
}

void ServingMetrics::write(std::string& out) const {
  std::map<std::pair<std::string, int>, std::shared_ptr<ModelMetrics>> models;
  {
    const std::scoped_lock lock{mutex_};
    models = models_;
  }
  const auto labels = [](const auto& key) {
    return "model=\"" + key.first + "\",version=\"" + std::to_string(key.second) + "\"";
  };
  head(out, "aceso_model_queue_seconds", "histogram", "From a request's arrival at its model's queue to its run.");
  for (const auto& [key, m] : models) {
    histogram(out, "aceso_model_queue_seconds", labels(key) + ",lane=\"interactive\"", m->queue_interactive);
    histogram(out, "aceso_model_queue_seconds", labels(key) + ",lane=\"bulk\"", m->queue_bulk);
  }
  head(out, "aceso_model_compute_seconds", "histogram", "Of one run of a model, whatever the samples in it.");
  for (const auto& [key, m] : models) histogram(out, "aceso_model_compute_seconds", labels(key), m->compute);
  head(out, "aceso_model_batch_size", "histogram", "Samples in one run of a model.");
  for (const auto& [key, m] : models) histogram(out, "aceso_model_batch_size", labels(key), m->rows);
  head(out, "aceso_model_requests_total", "counter", "Requests to a model's queue by how they ended.");
  for (const auto& [key, m] : models) {
    for (const auto& [outcome, count] : {std::pair{"answered", m->answered.load()},
                                         {"refused", m->refused.load()},
                                         {"late", m->late.load()},
                                         {"failed", m->failed.load()}}) {
      out.append("aceso_model_requests_total{").append(labels(key)).append(",outcome=\"").append(outcome);
      out.append("\"} ").append(std::to_string(count)).append("\n");
    }
  }
  head(out, "aceso_model_loads_total", "counter", "Models loaded into memory.");
  out.append("aceso_model_loads_total ").append(std::to_string(loads.load())).append("\n");
  head(out, "aceso_model_unloads_total", "counter", "Models unloaded to make room.");
  out.append("aceso_model_unloads_total ").append(std::to_string(unloads.load())).append("\n");
}

Json statistics_json(std::string_view name, int version, const ModelMetrics* metrics) {
  const ModelMetrics none;
  const ModelMetrics& m = metrics == nullptr ? none : *metrics;
  const auto interactive = m.queue_interactive.counts(), bulk = m.queue_bulk.counts(), compute = m.compute.counts();
  const auto rows = m.rows.counts();
  const std::uint64_t answered = m.answered, failed = m.failed + m.late + m.refused;
  const double queue = interactive.sum + bulk.sum;
  return Json{{"name", name},
              {"version", std::to_string(version)},
              {"last_inference", static_cast<std::uint64_t>(m.last_us / 1000)},
              {"inference_count", static_cast<std::uint64_t>(std::llround(rows.sum))},
              {"execution_count", rows.below.back()},
              {"inference_stats",
               {{"success", duration(answered, queue + compute.sum)},
                {"fail", duration(failed, 0)},
                {"queue", duration(interactive.below.back() + bulk.below.back(), queue)},
                {"compute_input", duration(answered, 0)},
                {"compute_infer", duration(compute.below.back(), compute.sum)},
                {"compute_output", duration(answered, 0)}}},
              {"batch_stats", Json::array()}};
}

}  // namespace aceso::models
