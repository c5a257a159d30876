#include "targets.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace aceso::learn {

bool labelled(Task task, const Sample& sample) noexcept {
  if (task == Task::multi_label || task == Task::regression)
    return std::any_of(sample.targets.begin(), sample.targets.end(), [](double t) { return !std::isnan(t); });
  return sample.label >= 0;
}

bool same_target(const Sample& a, const Sample& b) noexcept {
  return a.label == b.label &&
         std::equal(a.targets.begin(), a.targets.end(), b.targets.begin(), b.targets.end(),
                    [](double x, double y) { return !(x < y || y < x); });  // NaN, not known, contradicts nothing
}

std::vector<std::size_t> labelled_indices(const Dataset& dataset, Split split) {
  std::vector<std::size_t> indices = dataset.indices(split);
  const Task task = dataset.manifest().task;
  if (task != Task::classes)
    std::erase_if(indices, [&](std::size_t i) { return !labelled(task, dataset.manifest().samples[i]); });
  return indices;
}

std::vector<LabelCounts> count_labels(const std::vector<Sample>& samples, const std::vector<std::size_t>& indices,
                                      std::size_t labels) {
  std::vector<LabelCounts> counts(labels);
  for (const std::size_t i : indices) {
    for (std::size_t k = 0; k < labels; ++k) {
      const double value = k < samples[i].targets.size() ? samples[i].targets[k] : std::nan("");
      ++(std::isnan(value) ? counts[k].missing : value > 0.5 ? counts[k].positive : counts[k].negative);
    }
  }
  return counts;
}

std::vector<int> strata_of(Task task, const std::vector<Sample>& samples) {
  std::vector<int> strata(samples.size(), -1);
  if (task == Task::multi_label) {
    std::size_t labels = 0;
    for (const Sample& sample : samples) labels = std::max(labels, sample.targets.size());
    std::vector<std::size_t> all(samples.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const std::vector<LabelCounts> counts = count_labels(samples, all, labels);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!labelled(task, samples[i])) continue;
      strata[i] = static_cast<int>(labels);
      for (std::size_t k = 0; k < samples[i].targets.size(); ++k) {
        if (!(samples[i].targets[k] > 0.5)) continue;
        const auto chosen = static_cast<std::size_t>(strata[i]);
        if (chosen == labels || counts[k].positive < counts[chosen].positive) strata[i] = static_cast<int>(k);
      }
    }
  } else if (task == Task::regression) {
    constexpr std::size_t kFifths = 5;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (labelled(task, samples[i])) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return samples[a].targets.front() < samples[b].targets.front();
    });
    for (std::size_t r = 0; r < order.size(); ++r) strata[order[r]] = static_cast<int>(kFifths * r / order.size());
  } else {
    for (std::size_t i = 0; i < samples.size(); ++i) strata[i] = samples[i].label;
  }
  return strata;
}

std::string target_text(const Manifest& manifest, const Sample& sample) {
  if (!labelled(manifest.task, sample)) return {};
  if (manifest.task == Task::regression) {
    char text[40];
    std::snprintf(text, sizeof text, "%.4g", sample.targets.front());
    return manifest.unit.empty() ? std::string{text} : std::string{text} + " " + manifest.unit;
  }
  if (manifest.task != Task::multi_label) return manifest.classes[static_cast<std::size_t>(sample.label)];
  std::string text;
  for (std::size_t k = 0; k < sample.targets.size(); ++k) {
    if (sample.targets[k] > 0.5) text += (text.empty() ? "" : ", ") + manifest.classes[k];
  }
  return text.empty() ? std::string{"none"} : text;
}

std::size_t labelled_samples(const Dataset& dataset, Split split) {
  const auto indices = dataset.indices(split);
  return static_cast<std::size_t>(std::count_if(indices.begin(), indices.end(), [&](std::size_t i) {
    return labelled(dataset.manifest().task, dataset.manifest().samples[i]);
  }));
}

Result<Task> parse_dataset_task(std::string_view name) {
  for (const Task task : {Task::classes, Task::multi_label, Task::regression}) {
    if (to_string(task) == name) return task;
  }
  return Error{Code::invalid, "task: classes, multi_label or regression"};
}

}  // namespace aceso::learn
