// Near duplicates: thumbnails, what all have in common taken away, random-rotation hashing for candidates, cosine for
// the verdict.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "aceso/base/random.hpp"
#include "aceso/learn/dataset_check.hpp"
#include "progress_update.hpp"
#include "thumbnail.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kSeed = 0x5457494E53;  // "TWINS"
constexpr std::size_t kBands = 32;
constexpr std::size_t kCrowd = 256;  // a bucket with more samples: each is compared with so many that follow it
constexpr double kDetail = 0.5;
constexpr float kFlat = 1e-6F;

// Takes the mean away and brings the length to 1; all zero when there is nothing left.
void normalise(std::span<float> values, bool centre) {
  const float mean =
      centre ? std::accumulate(values.begin(), values.end(), 0.0F) / static_cast<float>(values.size()) : 0;
  float squares = 0;
  for (float& value : values) {
    value -= mean;
    squares += value * value;
  }
  const float length = std::sqrt(squares);
  for (float& value : values) value = length > kFlat ? value / length : 0;
}

float dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Rows of `width` numbers with their mean row taken away, each of length 1.
struct Rows {
  std::size_t width = 0;
  std::vector<float> values;
  std::span<float> row(std::size_t i) { return std::span{values}.subspan(i * width, width); }
  std::span<const float> row(std::size_t i) const { return std::span{values}.subspan(i * width, width); }
  void centre() {
    const std::size_t n = values.size() / width;
    std::vector<double> mean(width, 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) mean[i % width] += static_cast<double>(values[i]);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < width; ++k) row(i)[k] -= static_cast<float>(mean[k] / static_cast<double>(n));
      normalise(row(i), false);
    }
  }
};

void hadamard(std::span<float> x) {
  for (std::size_t half = 1; half < x.size(); half *= 2) {
    for (std::size_t i = 0; i < x.size(); i += 2 * half) {
      for (std::size_t j = i; j < i + half; ++j) {
        const float a = x[j];
        const float b = x[j + half];
        x[j] = a + b;
        x[j + half] = a - b;
      }
    }
  }
}

// Pseudo-random rotations: three rounds of random signs and a Walsh-Hadamard transform. The signs of the coordinates
// are the hash's bits.
class Rotations {
 public:
  Rotations(std::size_t width, std::size_t count) : width_{width}, signs_(count * 3 * width) {
    const Philox philox{kSeed};
    for (std::size_t i = 0; i < signs_.size(); ++i) signs_[i] = (philox.block(1, i)[0] & 1U) != 0 ? 1.0F : -1.0F;
  }
  std::vector<float> apply(std::span<const float> row) const {
    std::vector<float> out;
    for (std::size_t at = 0; at < signs_.size(); at += 3 * width_) {
      std::vector<float> x{row.begin(), row.end()};
      for (std::size_t round = 0; round < 3; ++round) {
        for (std::size_t k = 0; k < width_; ++k) x[k] *= signs_[at + round * width_ + k];
        hadamard(x);
      }
      out.insert(out.end(), x.begin(), x.end());
    }
    return out;
  }

 private:
  std::size_t width_;
  std::vector<float> signs_;
};

class Search {
 public:
  Search(const Dataset& dataset, ProgressSink& progress, const std::stop_token& stop)
      : dataset_{dataset}, progress_{progress}, stop_{stop} {}

  Result<TwinSearch> run() {
    const Manifest& manifest = dataset_.manifest();
    std::unordered_map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
      const auto [at, added] = first.try_emplace(manifest.samples[i].sha256, i);
      if (added) {
        unique_.push_back(i);
      } else {
        add({at->second, i, 1.0, true});
      }
    }
    if (manifest.kind == "image" || manifest.kind == "volume") {
      ACESO_TRY_OK(describe());
      ACESO_TRY_OK(compare());
    }
    std::sort(found_.pairs.begin(), found_.pairs.end(), [](const Twins& a, const Twins& b) {
      if (a.similarity != b.similarity) return a.similarity > b.similarity;
      return a.a != b.a ? a.a < b.a : a.b < b.b;
    });
    return std::move(found_);
  }

 private:
  void add(const Twins& twins) {
    if (found_.pairs.size() < kMaxTwins) {
      found_.pairs.push_back(twins);
    } else {
      found_.truncated = true;
    }
  }

  Status describe() {
    const Manifest& manifest = dataset_.manifest();
    const Grid fine = manifest.kind == "volume" ? Grid{16, 16, 16} : Grid{1, 32, 32};
    const Grid coarse = coarser(fine, 2);
    coarse_.width = coarse.size();
    detail_.width = fine.size();
    coarse_.values.reserve(unique_.size() * coarse_.width);
    detail_.values.reserve(unique_.size() * detail_.width);
    for (std::size_t n = 0; n < unique_.size(); ++n) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "check cancelled"};
      if (n % 64 == 0) progress_.update(progress_update("thumbnails", n, unique_.size()));
      const std::size_t i = unique_[n];
      auto thumbnail = area_average(manifest.dtype, manifest.samples[i].shape, dataset_.raw(i), fine);
      normalise(thumbnail, true);
      auto small = block_means(thumbnail, fine, 2);
      normalise(small, true);
      coarse_.values.insert(coarse_.values.end(), small.begin(), small.end());
      const auto blocks = block_means(thumbnail, fine, 4);
      for (std::size_t k = 0; k < thumbnail.size(); ++k) {
        const std::size_t x = k % fine.width / 4;
        const std::size_t y = k / fine.width % fine.height / 4;
        const std::size_t z = k / (fine.width * fine.height) / 4;
        thumbnail[k] -= blocks[(z * (fine.height / 4) + y) * (fine.width / 4) + x];
      }
      detail_.values.insert(detail_.values.end(), thumbnail.begin(), thumbnail.end());
    }
    coarse_.centre();
    detail_.centre();
    return {};
  }

  Status compare() {
    const auto bits =
        static_cast<std::size_t>(std::clamp(std::lround(std::log2(static_cast<double>(unique_.size() + 1))), 6L, 16L));
    const std::size_t rotations = (kBands * bits + coarse_.width - 1) / coarse_.width;
    const Rotations rotate{coarse_.width, rotations};
    std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>> bands(kBands);
    for (std::size_t n = 0; n < unique_.size(); ++n) {
      if (n % 1024 == 0 && stop_.stop_requested()) return Error{Code::cancelled, "check cancelled"};
      const auto turned = rotate.apply(coarse_.row(n));
      for (std::size_t band = 0; band < kBands; ++band) {
        std::uint32_t key = 0;
        for (std::size_t b = 0; b < bits; ++b) key = key << 1 | (turned[band * bits + b] > 0 ? 1U : 0U);
        bands[band].emplace_back(key, static_cast<std::uint32_t>(n));
      }
    }
    for (std::size_t band = 0; band < kBands; ++band) {
      if (stop_.stop_requested()) return Error{Code::cancelled, "check cancelled"};
      progress_.update(progress_update("compare", band, kBands));
      auto& entries = bands[band];
      std::sort(entries.begin(), entries.end());
      for (std::size_t i = 0; i < entries.size(); ++i) {
        const std::size_t end = std::min(entries.size(), i + 1 + kCrowd);
        for (std::size_t j = i + 1; j < end && entries[j].first == entries[i].first; ++j)
          judge(entries[i].second, entries[j].second);
      }
      entries.clear();
      entries.shrink_to_fit();
    }
    return {};
  }

  void judge(std::size_t m, std::size_t n) {
    const float similarity = dot(coarse_.row(m), coarse_.row(n));
    if (similarity < static_cast<float>(kTwinSimilarity) || found_.truncated) return;
    if (static_cast<double>(dot(detail_.row(m), detail_.row(n))) < kDetail) return;
    const auto [low, high] = std::minmax(unique_[m], unique_[n]);
    if (!seen_.insert(static_cast<std::uint64_t>(low) << 32 | high).second) return;
    add({low, high, std::min(1.0, static_cast<double>(similarity)), false});
  }

  const Dataset& dataset_;
  ProgressSink& progress_;
  const std::stop_token& stop_;
  TwinSearch found_;
  std::vector<std::size_t> unique_;  // one sample of each hash
  Rows coarse_, detail_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

Result<TwinSearch> find_twins(const Dataset& dataset, ProgressSink& progress, const std::stop_token& stop) {
  return Search{dataset, progress, stop}.run();
}

}  // namespace aceso::learn
