#include "aceso/learn/boxes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "aceso/learn/trainer.hpp"
#include "box_targets.hpp"
#include "progress_update.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kAtOnce = 8;         // samples
constexpr std::size_t kCandidates = 1000;  // centres that are looked at, the best first

double side_product(std::span<const double> low, std::span<const double> high) {
  double product = 1;
  for (std::size_t d = 0; d < low.size(); ++d) product *= std::max(0.0, high[d] - low[d]);
  return product;
}

// Reads one label's map.
class Peaks {
 public:
  Peaks(std::span<const float> map, const Shape& cells)
      : map_{map}, sides_(cells.begin(), cells.end()), steps_(cells.size()) {
    std::ptrdiff_t step = 1;
    for (std::size_t d = cells.size(); d-- > 0;) {
      steps_[d] = step;
      step *= static_cast<std::ptrdiff_t>(cells[d]);
    }
  }
  // No neighbour has more; of equal ones the first.
  bool is_peak(std::size_t index) const { return check(index, 0, 0); }

 private:
  bool check(std::size_t index, std::size_t axis, std::ptrdiff_t offset) const {
    if (axis == sides_.size()) {
      if (offset == 0) return true;
      const float own = map_[index],
                  other = map_[static_cast<std::size_t>(static_cast<std::ptrdiff_t>(index) + offset)];
      return offset < 0 ? own > other : own >= other;
    }
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(index) / steps_[axis] % sides_[axis];
    for (const std::ptrdiff_t away : {-1, 0, 1}) {
      if (at + away < 0 || at + away >= sides_[axis]) continue;
      if (!check(index, axis + 1, offset + away * steps_[axis])) return false;
    }
    return true;
  }

  std::span<const float> map_;
  std::vector<std::ptrdiff_t> sides_, steps_;
};

// The box around the centre in cell `index`; none where the answer is no box.
std::optional<FoundBox> box_at(std::span<const float> answer, std::size_t labels, const Shape& cells,
                               const Shape& spatial, std::size_t label, std::size_t index, std::size_t area) {
  constexpr double kLeastSide = 0.5;  // pixels
  const std::size_t axes = cells.size();
  FoundBox box{.label = static_cast<int>(label), .score = static_cast<double>(answer[label * area + index])};
  std::size_t rest = index;
  std::vector<double> place(axes);
  for (std::size_t d = axes; d-- > 0;) {
    place[d] = static_cast<double>(rest % static_cast<std::size_t>(cells[d]));
    rest /= static_cast<std::size_t>(cells[d]);
  }
  for (std::size_t d = 0; d < axes; ++d) {
    const auto side = static_cast<double>(spatial[d]);
    const double cell = side / static_cast<double>(cells[d]);
    const auto size = static_cast<double>(answer[(labels + d) * area + index]) * cell;
    const double centre =
        (place[d] + std::clamp(static_cast<double>(answer[(labels + axes + d) * area + index]), 0.0, 1.0)) * cell;
    if (!std::isfinite(size) || !std::isfinite(centre)) return std::nullopt;
    const double half = std::clamp(size, kLeastSide, side) / 2;
    box.low.push_back(std::max(0.0, centre - half));
    box.high.push_back(std::min(side, centre + half));
  }
  return box;
}

bool centre_lies_in(const FoundBox& found, const Box& truth) {
  for (std::size_t d = 0; d < truth.low.size(); ++d) {
    const double centre = (found.low[d] + found.high[d]) / 2;
    if (!(centre >= truth.low[d] && centre < truth.high[d])) return false;
  }
  return true;
}

}  // namespace

bool finds_boxes(const ModelSignature& signature) noexcept {
  return !signature.outputs.empty() && signature.outputs.front().kind == PortKind::boxes;
}

std::vector<std::string> box_labels(const ModelSignature& signature) {
  return finds_boxes(signature) ? signature.outputs.front().labels : std::vector<std::string>{};
}

double box_overlap(std::span<const double> low_a, std::span<const double> high_a, std::span<const double> low_b,
                   std::span<const double> high_b) noexcept {
  double both = 1;
  for (std::size_t d = 0; d < low_a.size(); ++d)
    both *= std::max(0.0, std::min(high_a[d], high_b[d]) - std::max(low_a[d], low_b[d]));
  const double either = side_product(low_a, high_a) + side_product(low_b, high_b) - both;
  return either > 0 ? both / either : 0;
}

std::vector<FoundBox> decode_boxes(std::span<const float> answer, std::size_t labels, const Shape& cells,
                                   const Shape& spatial) {
  std::size_t area = 1;
  for (const std::int64_t side : cells) area *= static_cast<std::size_t>(side);
  struct Centre {
    float score;
    std::size_t label, index;
  };
  std::vector<Centre> centres;
  for (std::size_t k = 0; k < labels; ++k) {
    const auto map = answer.subspan(k * area, area);
    const Peaks peaks{map, cells};
    for (std::size_t i = 0; i < area; ++i) {
      if (static_cast<double>(map[i]) >= kLeastScore && std::isfinite(map[i]) && peaks.is_peak(i))
        centres.push_back({map[i], k, i});
    }
  }
  std::stable_sort(centres.begin(), centres.end(), [](const Centre& a, const Centre& b) { return a.score > b.score; });
  if (centres.size() > kCandidates) centres.resize(kCandidates);
  std::vector<FoundBox> found;
  for (const Centre& c : centres) {
    if (found.size() == kMaxFound) break;
    auto box = box_at(answer, labels, cells, spatial, c.label, c.index, area);
    if (!box) continue;
    const bool again = std::any_of(found.begin(), found.end(), [&](const FoundBox& better) {
      return better.label == box->label && box_overlap(better.low, better.high, box->low, box->high) > kSuppressOverlap;
    });
    if (!again) found.push_back(*std::move(box));
  }
  return found;
}

Result<std::vector<std::vector<FoundBox>>> find_boxes(const Forward& forward, const ModelSignature& signature,
                                                      std::span<const Array> samples) {
  const Preprocessing& how = signature.preprocessing;
  const std::size_t axes = how.kind == PortKind::volume ? 3 : 2, labels = box_labels(signature).size();
  ACESO_TRY(const Array inputs, preprocess(how, samples));
  ACESO_TRY_OK(check_inputs(signature, {{signature.inputs.front().name, inputs}}));
  ACESO_TRY(const Array output, forward(inputs));
  if (output.dtype != DType::f32 || output.shape.size() != axes + 2 ||
      output.shape[0] != static_cast<std::int64_t>(samples.size()) ||
      output.shape[1] != static_cast<std::int64_t>(labels + 2 * axes))
    return Error{Code::internal, "the engine answered with an array of shape " + to_string(output.shape)};
  const auto values = output.f32();
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    return Error{Code::internal, "the model answered with a number that is not finite"};
  const Shape cells{output.shape.begin() + 2, output.shape.end()};
  const std::size_t each = values.size() / samples.size();
  std::vector<std::vector<FoundBox>> out;
  out.reserve(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Shape spatial{samples[i].shape.begin(), samples[i].shape.begin() + static_cast<std::ptrdiff_t>(axes)};
    out.push_back(decode_boxes(values.subspan(i * each, each), labels, cells, spatial));
  }
  return out;
}

Result<BoxCases> judge_boxes(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                             Split split, ProgressSink& progress, const std::stop_token& stop) {
  const Manifest& manifest = dataset.manifest();
  BoxCases out;
  out.labels = box_labels(signature);
  if (std::all_of(manifest.samples.begin(), manifest.samples.end(), [](const Sample& s) { return s.boxes.empty(); }))
    return Error{Code::invalid, "no sample of the dataset has a box: boxes are judged against them"};
  const BoxSamples part = box_samples(dataset, dataset.indices(split), out.labels);
  out.without = part.without;
  if (part.indices.empty()) {
    return Error{Code::invalid, "of no " + std::string{to_string(split)} +
                                    " sample of the dataset it is known where anything lies: boxes are judged on them"};
  }
  const std::vector<int> label = label_of_classes(manifest, out.labels);
  for (std::size_t at = 0; at < part.indices.size(); at += kAtOnce) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    const auto now = std::span{part.indices}.subspan(at, std::min(kAtOnce, part.indices.size() - at));
    std::vector<Array> samples;
    samples.reserve(now.size());
    for (const std::size_t i : now) samples.push_back(dataset.array(i));
    ACESO_TRY(auto found, find_boxes(forward, signature, samples));
    for (std::size_t k = 0; k < now.size(); ++k) {
      const Sample& sample = manifest.samples[now[k]];
      BoxCase one{.group = sample.group, .index = now[k], .found = std::move(found[k]), .truth = {}};
      ACESO_TRY(one.truth, labelled_boxes(manifest, sample, label));
      out.cases.push_back(std::move(one));
    }
    progress.update(progress_update("evaluate", out.cases.size(), part.indices.size()));
  }
  return out;
}

BoxMatch match_boxes(const BoxCase& one, BoxRule rule, double least_overlap) {
  using State = BoxMatch::State;
  BoxMatch out{std::vector<State>(one.found.size(), State::wrong), std::vector<bool>(one.truth.size(), true)};
  std::vector<std::size_t> order(one.found.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return one.found[a].score > one.found[b].score; });
  for (const std::size_t i : order) {
    const FoundBox& found = one.found[i];
    std::optional<std::size_t> best;
    double most = -1;
    bool again = false;
    for (std::size_t t = 0; t < one.truth.size(); ++t) {
      const Box& truth = one.truth[t];
      if (truth.label != found.label) continue;
      const double overlap = box_overlap(found.low, found.high, truth.low, truth.high);
      if (rule == BoxRule::centre ? !centre_lies_in(found, truth) : overlap < least_overlap) continue;
      if (!out.missed[t]) {
        again = true;
      } else if (overlap > most) {
        most = overlap;
        best = t;
      }
    }
    if (best) {
      out.found[i] = State::hit;
      out.missed[*best] = false;
    } else if (again && rule == BoxRule::centre) {
      out.found[i] = State::again;
    }
  }
  return out;
}

Result<stats::MarkedImages> box_marks(const BoxCases& cases, BoxRule rule, double least_overlap,
                                      std::optional<std::size_t> label) {
  std::vector<stats::Mark> marks;
  std::vector<std::uint32_t> findings;
  findings.reserve(cases.cases.size());
  const auto wanted = [&](int own) { return !label || own == static_cast<int>(*label); };
  for (std::size_t n = 0; n < cases.cases.size(); ++n) {
    const BoxCase& one = cases.cases[n];
    const BoxMatch match = match_boxes(one, rule, least_overlap);
    for (std::size_t i = 0; i < one.found.size(); ++i) {
      if (match.found[i] == BoxMatch::State::again || !wanted(one.found[i].label)) continue;
      marks.push_back({one.found[i].score, match.found[i] == BoxMatch::State::hit, n});
    }
    findings.push_back(static_cast<std::uint32_t>(
        std::count_if(one.truth.begin(), one.truth.end(), [&](const Box& box) { return wanted(box.label); })));
  }
  return stats::MarkedImages::create(std::move(marks), std::move(findings));
}

std::optional<double> box_average_precision(const BoxCases& cases) {
  double sum = 0, count = 0;
  for (std::size_t k = 0; k < cases.labels.size(); ++k) {
    const auto marked = box_marks(cases, BoxRule::overlap, 0.5, k);
    if (!marked) return std::nullopt;
    if (const auto one = marked->average_precision(marked->all())) {
      sum += *one;
      count += 1;
    }
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

double choose_box_threshold(const BoxCases& cases) {
  constexpr double kNone = 0.5;
  const auto marked = box_marks(cases, BoxRule::centre, 0);
  if (!marked) return kNone;
  const auto findings = static_cast<double>(marked->findings());
  const std::vector<stats::Mark>& marks = marked->marks();
  double hits = 0, best = 0, threshold = kNone;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    hits += marks[i].hit ? 1 : 0;
    if (i + 1 < marks.size() && !(marks[i + 1].score < marks[i].score)) continue;
    const double f1 = 2 * hits / (findings + static_cast<double>(i + 1));
    if (f1 > best) {
      best = f1;
      // Half way to the next score: the same boxes are found when scores differ in their last digits.
      threshold = i + 1 < marks.size() ? (marks[i].score + marks[i + 1].score) / 2 : marks[i].score;
    }
  }
  return threshold;
}

}  // namespace aceso::learn
