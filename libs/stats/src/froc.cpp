#include "aceso/stats/froc.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aceso::stats {

Result<MarkedImages> MarkedImages::create(std::vector<Mark> marks, std::vector<std::uint32_t> findings) {
  if (findings.empty()) return Error{Code::invalid, "no images"};
  std::vector<std::uint32_t> hits(findings.size(), 0);
  for (const Mark& mark : marks) {
    if (!std::isfinite(mark.score)) return Error{Code::invalid, "a score is not finite"};
    if (mark.image >= findings.size()) return Error{Code::invalid, "a mark on an image that there is not"};
    if (mark.hit && ++hits[mark.image] > findings[mark.image])
      return Error{Code::invalid, "an image has more hits than findings"};
  }
  std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.score > b.score; });
  return MarkedImages{std::move(marks), std::move(findings)};
}

std::uint64_t MarkedImages::findings() const noexcept {
  return std::accumulate(findings_.begin(), findings_.end(), std::uint64_t{0});
}

std::vector<std::size_t> MarkedImages::all() const {
  std::vector<std::size_t> indices(findings_.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

MarkedImages::Walk MarkedImages::walk(std::span<const std::size_t> indices) const {
  Walk out;
  std::vector<double> times(findings_.size(), 0);  // how often each image was drawn
  for (const std::size_t i : indices) {
    times[i] += 1;
    out.images += 1;
    out.findings += findings_[i];
  }
  Step now;
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    const Mark& mark = marks_[i];
    now.score = mark.score;
    (mark.hit ? now.hits : now.false_positives) += times[mark.image];
    const bool last = i + 1 == marks_.size() || marks_[i + 1].score < mark.score;
    const Step before = out.steps.empty() ? Step{} : out.steps.back();
    if (last && now.hits + now.false_positives > before.hits + before.false_positives) out.steps.push_back(now);
  }
  return out;
}

std::optional<std::vector<FrocPoint>> MarkedImages::froc() const {
  const Walk w = walk(all());
  if (w.findings == 0) return std::nullopt;
  std::vector<FrocPoint> points;
  points.reserve(w.steps.size());
  for (const Step& s : w.steps) points.push_back({s.score, s.false_positives / w.images, s.hits / w.findings});
  return points;
}

double MarkedImages::sensitivity_of(const Walk& walk, double false_positives) {
  const double allowed = false_positives * walk.images;
  const auto behind = std::upper_bound(walk.steps.begin(), walk.steps.end(), allowed,
                                       [](double limit, const Step& s) { return limit < s.false_positives; });
  const Step before = behind == walk.steps.begin() ? Step{} : *(behind - 1);
  if (behind == walk.steps.end()) return before.hits / walk.findings;
  const double share = (allowed - before.false_positives) / (behind->false_positives - before.false_positives);
  return (before.hits + share * (behind->hits - before.hits)) / walk.findings;
}

std::optional<double> MarkedImages::sensitivity_at(double false_positives, std::span<const std::size_t> indices) const {
  const Walk w = walk(indices);
  if (w.findings == 0) return std::nullopt;
  return sensitivity_of(w, false_positives);
}

std::optional<double> MarkedImages::froc_score(std::span<const std::size_t> indices) const {
  const Walk w = walk(indices);
  if (w.findings == 0) return std::nullopt;
  double sum = 0;
  for (const double rate : kFrocRates) sum += sensitivity_of(w, rate);
  return sum / static_cast<double>(kFrocRates.size());
}

std::optional<double> MarkedImages::average_precision(std::span<const std::size_t> indices) const {
  constexpr int kRecalls = 100;
  const Walk w = walk(indices);
  if (w.findings == 0) return std::nullopt;
  std::vector<double> envelope(w.steps.size());  // the best precision at this recall or a larger one
  double best = 0;
  for (std::size_t i = w.steps.size(); i-- > 0;) {
    best = std::max(best, w.steps[i].hits / (w.steps[i].hits + w.steps[i].false_positives));
    envelope[i] = best;
  }
  double sum = 0;
  std::size_t at = 0;
  for (int r = 0; r <= kRecalls; ++r) {
    const double recall = r == kRecalls ? 1.0 : r * 0.01;
    while (at < w.steps.size() && w.steps[at].hits / w.findings < recall) ++at;
    if (at == w.steps.size()) break;
    sum += envelope[at];
  }
  return sum / (kRecalls + 1);
}

}  // namespace aceso::stats
