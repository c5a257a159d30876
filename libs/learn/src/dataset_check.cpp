#include "aceso/learn/dataset_check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "label_doubts.hpp"
#include "progress_update.hpp"
#include "targets.hpp"
#include "union_find.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr double kTolerated = 0.05;  // of the samples held out
constexpr double kFarMads = 8;       // median absolute deviations from the median

// Leaks between the parts that `part_of` puts samples into: 0 comes first, -1 is no part. Samples of parts from
// `first_held_out` on are held out.
template <class PartOf>
Leakage leakage_between(const Manifest& manifest, const std::vector<Twins>& twins, int first_held_out,
                        const PartOf& part_of) {
  Leakage out;
  std::set<std::size_t> affected;
  for (const Twins& pair : twins) {
    const int a = part_of(manifest.samples[pair.a]);
    const int b = part_of(manifest.samples[pair.b]);
    if (a < 0 || b < 0 || a == b) continue;
    ++out.pairs;
    affected.insert(a > b ? pair.a : pair.b);
    if (first_held_out == 0) affected.insert(a > b ? pair.b : pair.a);
    if (!out.example) out.example = pair;
  }
  std::map<std::string_view, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
    const Sample& sample = manifest.samples[i];
    const int part = part_of(sample);
    if (part < 0) continue;
    if (part >= first_held_out) ++out.held_out;
    if (!sample.group.empty()) groups[sample.group].push_back(i);
  }
  for (const auto& [name, members] : groups) {
    int lowest = part_of(manifest.samples[members.front()]);
    int highest = lowest;
    for (const std::size_t i : members) {
      lowest = std::min(lowest, part_of(manifest.samples[i]));
      highest = std::max(highest, part_of(manifest.samples[i]));
    }
    if (lowest == highest) continue;
    ++out.groups;
    for (const std::size_t i : members) {
      if (part_of(manifest.samples[i]) == lowest && first_held_out > 0) continue;
      ++out.group_samples;
      affected.insert(i);
    }
  }
  out.affected = affected.size();
  if (out.groups > 0 || static_cast<double>(out.affected) > kTolerated * static_cast<double>(out.held_out)) {
    out.verdict = LeakVerdict::leak;
  } else if (out.affected > 0) {
    out.verdict = LeakVerdict::some;
  }
  return out;
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

class Checker {
 public:
  Checker(const Dataset& dataset, const CheckOptions& options) : dataset_{dataset}, options_{options} {}

  Result<CheckReport> run(ProgressSink& progress, const std::stop_token& stop) {
    ACESO_TRY(report_.twins, find_twins(dataset_, progress, stop));
    duplicates();
    report_.leakage = find_leakage(manifest_, report_.twins.pairs);
    report_.fold_leakage = find_fold_leakage(manifest_, report_.twins.pairs);
    labels();
    sizes();
    ACESO_TRY_OK(intensities(progress, stop));
    if (options_.label_errors && manifest_.task != Task::classes)
      return Error{Code::unsupported, "labels in doubt are looked for in data sets of classes only"};
    if (options_.label_errors) {
      ACESO_TRY(auto doubts, find_label_doubts(dataset_, report_.twins.pairs, options_.seed, progress, stop));
      report_.label_doubts = std::move(doubts.doubts);
      report_.label_auc = doubts.auc;
    }
    judge();
    return std::move(report_);
  }

 private:
  void duplicates() {
    UnionFind clusters{manifest_.samples.size()};
    for (std::size_t i = 0; i < report_.twins.pairs.size(); ++i) {
      const Twins& pair = report_.twins.pairs[i];
      if (pair.exact) ++report_.exact;
      clusters.join(pair.a, pair.b);
      const Sample& a = manifest_.samples[pair.a];
      const Sample& b = manifest_.samples[pair.b];
      // Nearly equal samples may well have somewhat different numbers.
      const bool judged = manifest_.task != Task::regression || pair.exact;
      if (judged && labelled(manifest_.task, a) && labelled(manifest_.task, b) && !same_target(a, b))
        report_.conflicts.push_back(i);
    }
    std::map<std::size_t, std::size_t> sizes;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) ++sizes[clusters.find(i)];
    for (const auto& [root, size] : sizes) {
      report_.clusters += size > 1 ? 1U : 0U;
      report_.largest_cluster = std::max(report_.largest_cluster, size);
    }
  }

  void labels() {
    report_.samples = manifest_.samples.size();
    std::vector<std::size_t> counts(manifest_.classes.size(), 0);
    for (const Sample& sample : manifest_.samples) {
      const bool known = labelled(manifest_.task, sample);
      report_.unlabelled += known ? 0U : 1U;
      report_.unassigned += known && sample.split == Split::unassigned ? 1U : 0U;
      if (sample.label >= 0) ++counts[static_cast<std::size_t>(sample.label)];
    }
    if (manifest_.task == Task::multi_label) several_labels();
    if (counts.empty() || manifest_.task != Task::classes) return;
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    report_.imbalance = static_cast<double>(*most) / static_cast<double>(std::max<std::size_t>(*least, 1));
  }

  void several_labels() {
    std::vector<std::size_t> all(manifest_.samples.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto counts = count_labels(manifest_.samples, all, manifest_.classes.size());
    for (std::size_t k = 0; k < counts.size(); ++k) {
      const std::size_t known = counts[k].positive + counts[k].negative;
      report_.notes.push_back("label \"" + manifest_.classes[k] + "\" holds in " + std::to_string(counts[k].positive) +
                              " of " + std::to_string(known) + " samples" +
                              (counts[k].missing > 0 ? ", not known of " + std::to_string(counts[k].missing) : ""));
    }
  }

  // A size is odd when nearly all samples have another.
  void sizes() {
    std::map<Shape, std::size_t> counts;
    for (const Sample& sample : manifest_.samples) ++counts[sample.shape];
    const auto usual = std::max_element(counts.begin(), counts.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
    if (static_cast<double>(usual->second) < 0.9 * static_cast<double>(manifest_.samples.size())) {
      report_.notes.push_back("the samples have " + std::to_string(counts.size()) + " different sizes");
      return;
    }
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      const Shape& shape = manifest_.samples[i].shape;
      if (shape != usual->first)
        report_.odd_sizes.push_back({i, "shape " + to_string(shape) + ", the others " + to_string(usual->first)});
    }
  }

  Status intensities(ProgressSink& progress, const std::stop_token& stop) {
    if (manifest_.kind == "table") return {};
    std::vector<double> means, deviations;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      if (stop.stop_requested()) return Error{Code::cancelled, "check cancelled"};
      if (i % 64 == 0) progress.update(progress_update("intensities", i, manifest_.samples.size()));
      double n = 0, sum = 0, squares = 0;
      for_each_value(manifest_.dtype, dataset_.raw(i), [&](double value) {
        n += 1;
        sum += value;
        squares += value * value;
      });
      means.push_back(sum / n);
      deviations.push_back(std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))));
    }
    far_from_the_rest(means, "mean");
    far_from_the_rest(deviations, "spread of");
    return {};
  }

  void far_from_the_rest(const std::vector<double>& values, const std::string& what) {
    const double centre = median_of(values);
    std::vector<double> distance;
    for (const double value : values) distance.push_back(std::abs(value - centre));
    const double mad = median_of(distance);
    if (!(mad > 0)) return;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::abs(values[i] - centre) > kFarMads * mad)
        report_.odd_intensities.push_back(
            {i, what + " intensity " + short_number(values[i]) + ", the median is " + short_number(centre)});
    }
  }

  void judge() {
    const auto leak = [&](const Leakage& found, const std::string& between) {
      if (found.verdict == LeakVerdict::none) return;
      std::string text = std::to_string(found.affected) + " of " + std::to_string(found.held_out) +
                         " samples held out have a twin or a patient on another side of the " + between;
      if (found.groups > 0) text += "; " + std::to_string(found.groups) + " patients or blocks stand on both sides";
      (found.verdict == LeakVerdict::leak ? report_.problems : report_.notes).push_back(std::move(text));
    };
    leak(report_.leakage, "splits");
    leak(report_.fold_leakage, "folds");
    std::size_t equal = 0;
    for (const std::size_t i : report_.conflicts) equal += report_.twins.pairs[i].exact ? 1U : 0U;
    if (equal > 0) report_.problems.push_back(std::to_string(equal) + " pairs of equal samples stand under two labels");
    if (report_.conflicts.size() > equal)
      report_.notes.push_back(std::to_string(report_.conflicts.size() - equal) +
                              " pairs of nearly equal samples stand under two labels");
    if (report_.unlabelled > 0) report_.notes.push_back(std::to_string(report_.unlabelled) + " samples have no label");
    if (report_.unassigned > 0)
      report_.notes.push_back(std::to_string(report_.unassigned) + " labelled samples are in no split");
    if (report_.imbalance > 10)
      report_.notes.push_back("the largest class is " + short_number(report_.imbalance) + " times the smallest");
    if (report_.twins.truncated)
      report_.notes.push_back("more than " + std::to_string(kMaxTwins) + " pairs of twins: the rest was left out");
    if (!manifest_.set_aside.empty())
      report_.notes.push_back(std::to_string(manifest_.set_aside.size()) + " samples of the source were set aside");
  }

  const Dataset& dataset_;
  const CheckOptions& options_;
  const Manifest& manifest_ = dataset_.manifest();
  CheckReport report_;
};

Json sample_json(const Manifest& manifest, std::size_t index) {
  const Sample& sample = manifest.samples[index];
  return Json{{"index", index},
              {"id", sample.id},
              {"split", to_string(sample.split)},
              {"label", sample.label},
              {"class", target_text(manifest, sample)}};
}

Json twins_json(const Manifest& manifest, const Twins& pair) {
  return Json{{"a", sample_json(manifest, pair.a)},
              {"b", sample_json(manifest, pair.b)},
              {"similarity", pair.similarity},
              {"exact", pair.exact}};
}

Json leakage_json(const Manifest& manifest, const Leakage& leakage) {
  return Json{{"verdict", to_string(leakage.verdict)},
              {"held_out", leakage.held_out},
              {"affected", leakage.affected},
              {"twin_pairs", leakage.pairs},
              {"groups_on_both_sides", leakage.groups},
              {"example", leakage.example ? twins_json(manifest, *leakage.example) : Json(nullptr)}};
}

Json odd_json(const Manifest& manifest, const std::vector<OddSample>& odd, std::size_t limit) {
  Json items = Json::array();
  for (std::size_t i = 0; i < std::min(odd.size(), limit); ++i) {
    Json item = sample_json(manifest, odd[i].index);
    item["reason"] = odd[i].reason;
    items.push_back(std::move(item));
  }
  return Json{{"total", odd.size()}, {"items", std::move(items)}};
}

}  // namespace

std::string_view to_string(LeakVerdict verdict) noexcept {
  constexpr std::array<std::string_view, 3> kNames{"none", "some", "leak"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Leakage find_leakage(const Manifest& manifest, const std::vector<Twins>& twins) {
  return leakage_between(manifest, twins, 1, [](const Sample& sample) {
    return sample.split == Split::unassigned ? -1 : static_cast<int>(sample.split);
  });
}

Leakage find_fold_leakage(const Manifest& manifest, const std::vector<Twins>& twins) {
  return leakage_between(manifest, twins, 0, [](const Sample& sample) { return sample.fold; });
}

Result<CheckReport> check_dataset(const Dataset& dataset, const CheckOptions& options, ProgressSink& progress,
                                  const std::stop_token& stop) {
  return Checker{dataset, options}.run(progress, stop);
}

Json to_json(const CheckReport& report, const Manifest& manifest, std::size_t limit) {
  Json pairs = Json::array();
  for (std::size_t i = 0; i < std::min(report.twins.pairs.size(), limit); ++i)
    pairs.push_back(twins_json(manifest, report.twins.pairs[i]));
  Json conflicts = Json::array();
  for (std::size_t i = 0; i < std::min(report.conflicts.size(), limit); ++i)
    conflicts.push_back(twins_json(manifest, report.twins.pairs[report.conflicts[i]]));
  Json doubts = Json::array();
  for (std::size_t i = 0; i < std::min(report.label_doubts.size(), limit); ++i) {
    const LabelDoubt& doubt = report.label_doubts[i];
    Json item = sample_json(manifest, doubt.index);
    item["own_probability"] = doubt.own;
    item["suggested"] = manifest.classes[static_cast<std::size_t>(doubt.suggested)];
    item["suggested_probability"] = doubt.probability;
    doubts.push_back(std::move(item));
  }
  Json out{{"name", manifest.name},
           {"sha256", manifest.sha256},
           {"ok", report.problems.empty()},
           {"problems", report.problems},
           {"notes", report.notes},
           {"samples", report.samples},
           {"unlabelled", report.unlabelled},
           {"unassigned", report.unassigned},
           {"imbalance", report.imbalance},
           {"leakage", leakage_json(manifest, report.leakage)},
           {"fold_leakage", leakage_json(manifest, report.fold_leakage)},
           {"twins",
            {{"total", report.twins.pairs.size()},
             {"exact", report.exact},
             {"clusters", report.clusters},
             {"largest_cluster", report.clusters == 0 ? 0 : report.largest_cluster},
             {"truncated", report.twins.truncated},
             {"items", std::move(pairs)}}},
           {"conflicts", {{"total", report.conflicts.size()}, {"items", std::move(conflicts)}}},
           {"odd_sizes", odd_json(manifest, report.odd_sizes, limit)},
           {"odd_intensities", odd_json(manifest, report.odd_intensities, limit)},
           {"label_doubts", nullptr}};
  if (report.label_auc > 0)
    out["label_doubts"] = Json{
        {"total", report.label_doubts.size()}, {"auroc_out_of_fold", report.label_auc}, {"items", std::move(doubts)}};
  return out;
}

}  // namespace aceso::learn
