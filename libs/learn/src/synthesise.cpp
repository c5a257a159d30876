// One ellipsoid of lung in soft tissue, vessels as capsules, one nodule whose surface may carry spikes; a slice is the
// plane through the nodule. Hounsfield units after Kalender, Computed Tomography (lung -850, soft tissue 40); a
// spiculated border stands for malignancy (Gurney, Radiology 186:405, 1993).
#include "aceso/learn/synthesise.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "aceso/base/random.hpp"

namespace aceso::learn {
namespace {

constexpr double kFieldMm = 100;
constexpr double kLung = -850;
constexpr double kTissue = 40;
constexpr double kWindowLow = -1350;
constexpr double kWindowHigh = 150;
constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;

using Point = std::array<double, 3>;  // x, y, z in mm

double distance(const Point& a, const Point& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t sample) : philox_{seed}, stream_{sample} {}
  double between(double low, double high) { return low + (high - low) * philox_.uniform01(stream_, next_++); }
  Point direction() {
    const double z = between(-1, 1);
    const double angle = between(0, 2 * std::numbers::pi);
    const double r = std::sqrt(1 - z * z);
    return {r * std::cos(angle), r * std::sin(angle), z};
  }
  double normal(std::uint64_t voxel) const { return philox_.normal(stream_, kNoise + voxel); }

 private:
  static constexpr std::uint64_t kNoise = std::uint64_t{1} << 32;
  Philox philox_;
  std::uint64_t stream_;
  std::uint64_t next_ = 0;
};

struct Vessel {
  Point from, to;
  double radius;
};

struct Spike {
  Point direction;
  double height;
};

struct Nodule {
  Point place{};
  double radius = 0, hounsfield = 0;
  std::vector<Spike> spikes;
};

constexpr double kAir = -1000;

class Chest {
 public:
  Chest(Draw& draw, const SynthesiseOptions& options, bool nodule, bool spiculated) : nodule_{nodule} {
    centre_ = {draw.between(45, 55), draw.between(45, 55), draw.between(45, 55)};
    axes_ = {draw.between(36, 44), draw.between(40, 48), draw.between(38, 46)};
    const Point way = draw.direction();
    const double reach = draw.between(0.1, 0.6);
    for (std::size_t d = 0; d < 3; ++d) place_[d] = centre_[d] + reach * axes_[d] * way[d];
    const double varied = options.task == PhantomTask::size ? 0.75 : 0.25;
    radius_ = options.diameter_mm / 2 * draw.between(1 - varied, 1 + varied);
    hounsfield_ = kLung + options.contrast_hu + draw.between(-60, 60);
    const int vessels = static_cast<int>(draw.between(8, 18));
    for (int i = 0; i < vessels; ++i) {
      Vessel vessel{{draw.between(15, 85), draw.between(15, 85), draw.between(15, 85)}, {}, draw.between(0.6, 2.0)};
      // Near the plane that a slice shows, or slices would have none.
      if (!options.volume) vessel.from[2] = place_[2] + draw.between(-4, 4);
      const Point along = draw.direction();
      const double length = draw.between(8, 30);
      for (std::size_t d = 0; d < 3; ++d) vessel.to[d] = vessel.from[d] + length * along[d];
      vessels_.push_back(vessel);
    }
    if (!spiculated) return;
    const int spikes = static_cast<int>(draw.between(9, 16));
    for (int i = 0; i < spikes; ++i) {
      Spike spike{draw.direction(), draw.between(0.5, 0.9)};
      if (!options.volume) {  // in the plane
        const double length = std::hypot(spike.direction[0], spike.direction[1]);
        if (length > 0) spike.direction = {spike.direction[0] / length, spike.direction[1] / length, 0};
      }
      spikes_.push_back(spike);
    }
  }

  void add_effusion(Draw& draw) { fluid_from_ = centre_[1] + axes_[1] * draw.between(0.35, 0.65); }
  void add_bulla(Draw& draw, bool volume) {
    bulla_radius_ = draw.between(6, 10);
    for (std::size_t d = 0; d < 3; ++d) bulla_[d] = centre_[d] + 0.5 * axes_[d] * draw.between(-1, 1);
    if (!volume) bulla_[2] = place_[2];  // in the plane that a slice shows
  }
  // One more, away from those that are there; none where no place is found.
  void add_nodule(Draw& draw, const SynthesiseOptions& options) {
    constexpr int kTries = 20;
    constexpr double kGap = 3;  // mm
    Nodule more{
        .place = {}, .radius = options.diameter_mm / 2 * draw.between(0.75, 1.25), .hounsfield = 0, .spikes = {}};
    more.hounsfield = kLung + options.contrast_hu + draw.between(-60, 60);
    for (int i = 0; i < kTries; ++i) {
      const Point way = draw.direction();
      const double reach = draw.between(0.1, 0.75);
      for (std::size_t d = 0; d < 3; ++d) more.place[d] = centre_[d] + reach * axes_[d] * way[d];
      if (!options.volume) more.place[2] = place_[2];  // in the plane that a slice shows
      const auto close = [&](const Nodule& n) { return distance(n.place, more.place) < n.radius + more.radius + kGap; };
      const bool first_close = distance(place_, more.place) < radius_ + more.radius + kGap;
      if (first_close || std::any_of(others_.begin(), others_.end(), close)) continue;
      others_.push_back(std::move(more));
      return;
    }
  }
  std::size_t nodules() const { return nodule_ ? 1 + others_.size() : 0; }
  bool in_nodule(const Point& p, std::size_t which) const {
    if (which == 0) return in_first(p);
    return distance(p, others_[which - 1].place) < others_[which - 1].radius;
  }
  double diameter_mm() const { return 2 * radius_; }

  double hounsfield(const Point& p) const {
    const double inside =
        std::hypot((p[0] - centre_[0]) / axes_[0], (p[1] - centre_[1]) / axes_[1], (p[2] - centre_[2]) / axes_[2]);
    double value = blend(kLung, kTissue, (inside - 1) * axes_[0]);
    if (bulla_radius_ > 0) value = std::min(value, blend(kAir, value, distance(p, bulla_) - bulla_radius_));
    if (fluid_from_ > 0) value = std::max(value, blend(kTissue, value, fluid_from_ - p[1]));
    for (const Vessel& vessel : vessels_) value = std::max(value, blend(kTissue, kLung, beyond(vessel, p)));
    for (const Nodule& n : others_)
      value = std::max(value, blend(n.hounsfield, kLung, distance(p, n.place) - n.radius));
    return nodule_ ? std::max(value, blend(hounsfield_, kLung, beyond_nodule(p))) : value;
  }
  double plane() const { return place_[2]; }

 private:
  bool in_first(const Point& p) const { return nodule_ && beyond_nodule(p) < 0; }
  // From `inside` to `outside` over about a millimetre, as a scanner's point spread does.
  static double blend(double inside, double outside, double beyond_mm) {
    return inside + (outside - inside) / (1 + std::exp(-beyond_mm / 0.5));
  }
  static double beyond(const Vessel& v, const Point& p) {
    double dot = 0;
    double squares = 0;
    for (std::size_t d = 0; d < 3; ++d) {
      dot += (p[d] - v.from[d]) * (v.to[d] - v.from[d]);
      squares += (v.to[d] - v.from[d]) * (v.to[d] - v.from[d]);
    }
    const double t = std::clamp(dot / squares, 0.0, 1.0);
    Point nearest;
    for (std::size_t d = 0; d < 3; ++d) nearest[d] = v.from[d] + t * (v.to[d] - v.from[d]);
    return distance(p, nearest) - v.radius;
  }
  double beyond_nodule(const Point& p) const {
    const double r = distance(p, place_);
    double border = spikes_.empty() ? 1.0 : 0.8;
    if (r > 0 && r < 2 * radius_) {
      double highest = 0;
      for (const Spike& spike : spikes_) {
        double cosine = 0;
        for (std::size_t d = 0; d < 3; ++d) cosine += (p[d] - place_[d]) / r * spike.direction[d];
        highest = std::max(highest, spike.height * std::pow(std::max(cosine, 0.0), 60));
      }
      border += highest;
    }
    return r - radius_ * border;
  }

  bool nodule_;
  double fluid_from_ = 0, bulla_radius_ = 0;  // 0: none
  Point bulla_{};
  Point centre_{}, axes_{}, place_{};
  double radius_ = 0, hounsfield_ = 0;
  std::vector<Vessel> vessels_;
  std::vector<Spike> spikes_;
  std::vector<Nodule> others_;  // behind the first, all round
};

void make_split(const SynthesiseOptions& options, const std::string& name, std::size_t count, std::uint64_t first,
                NamedArrays& out) {
  const std::size_t axes = options.volume ? 3 : 2;
  Shape shape{static_cast<std::int64_t>(count)};
  shape.insert(shape.end(), axes, options.size);
  Array images = Array::zeros(options.hounsfield ? DType::i16 : DType::u8, shape);
  Array masks = Array::zeros(DType::u8, shape);
  const bool findings = options.task == PhantomTask::findings, sized = options.task == PhantomTask::size;
  const auto width = static_cast<std::int64_t>(findings ? class_names(options.task).size() : 1);
  Array labels = Array::zeros(sized ? DType::f64 : DType::u8, {static_cast<std::int64_t>(count), width});
  const auto most = static_cast<std::size_t>(options.nodules);
  Array boxes = Array::zeros(DType::i32, {static_cast<std::int64_t>(count), static_cast<std::int64_t>(2 * axes)});
  if (most > 1) {
    boxes = Array::zeros(DType::i32,
                         {static_cast<std::int64_t>(count), options.nodules, static_cast<std::int64_t>(2 * axes)});
  }
  const auto side = static_cast<std::size_t>(options.size);
  const std::size_t depth = options.volume ? side : 1;
  const double mm = kFieldMm / static_cast<double>(options.size);
  const auto middle = [&](std::size_t i) { return (static_cast<double>(i) + 0.5) * mm; };
  for (std::size_t n = 0; n < count; ++n) {
    Draw draw{options.seed, first + n};
    const bool positive = draw.between(0, 1) < 0.5;
    const bool lie = draw.between(0, 1) < options.label_noise;
    const bool presence = options.task == PhantomTask::presence;
    const bool spiculated = presence ? draw.between(0, 1) < 0.5 : positive && !findings && !sized;
    if (!findings && !sized) labels.data[n] = positive != lie ? std::byte{1} : std::byte{0};
    std::array<bool, 3> holds{};
    for (std::size_t k = 0; findings && k < holds.size(); ++k) {
      holds[k] = draw.between(0, 1) < 0.4;
      const bool wrong = draw.between(0, 1) < options.label_noise;
      labels.data[n * holds.size() + k] = holds[k] != wrong ? std::byte{1} : std::byte{0};
    }
    Chest chest{draw, options, findings ? holds[0] : !presence || positive, spiculated};
    if (holds[1]) chest.add_effusion(draw);
    if (holds[2]) chest.add_bulla(draw, options.volume);
    if (positive && most > 1) {
      const auto more = static_cast<std::size_t>(draw.between(0, static_cast<double>(most)));
      for (std::size_t k = 0; k < std::min(more, most - 1); ++k) chest.add_nodule(draw, options);
    }
    if (sized) reinterpret_cast<double*>(labels.data.data())[n] = chest.diameter_mm();
    struct Extent {
      std::array<std::int32_t, 3> low, high;
    };
    std::vector<Extent> extents(chest.nodules(),
                                Extent{{options.volume ? 1 << 20 : 0, 1 << 20, 1 << 20}, {}});  // z, y, x
    std::size_t at = n * depth * side * side;
    for (std::size_t z = 0; z < depth; ++z) {
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x, ++at) {
          const Point p{middle(x), middle(y), options.volume ? middle(z) : chest.plane()};
          const double hu = chest.hounsfield(p) + options.noise_hu * draw.normal((z * side + y) * side + x);
          if (options.hounsfield) {
            const auto value = static_cast<std::int16_t>(std::lround(std::clamp(hu, -1024.0, 3071.0)));  // of 12 bits
            std::memcpy(&images.data[at * sizeof value], &value, sizeof value);
          } else {
            const double byte = std::clamp((hu - kWindowLow) / (kWindowHigh - kWindowLow) * 255, 0.0, 255.0);
            images.data[at] = static_cast<std::byte>(std::lround(byte));
          }
          for (std::size_t k = 0; k < extents.size(); ++k) {
            if (!chest.in_nodule(p, k)) continue;
            masks.data[at] = std::byte{1};
            const std::array<std::size_t, 3> index{z, y, x};
            for (std::size_t d = 0; d < 3; ++d) {
              extents[k].low[d] = std::min(extents[k].low[d], static_cast<std::int32_t>(index[d]));
              extents[k].high[d] = std::max(extents[k].high[d], static_cast<std::int32_t>(index[d]) + 1);
            }
          }
        }
      }
    }
    auto* box = reinterpret_cast<std::int32_t*>(boxes.data.data()) + n * most * 2 * axes;
    for (const Extent& e : extents) {
      if (e.high[2] == 0) continue;  // no point of it is seen: low and high stay 0
      for (std::size_t d = 0; d < axes; ++d) {
        box[d] = e.low[d + 3 - axes];
        box[axes + d] = e.high[d + 3 - axes];
      }
      box += 2 * axes;
    }
  }
  if (options.hounsfield) {
    const std::vector<float> spacing(count * axes, static_cast<float>(mm));
    out[name + "_spacing"] = Array::from({static_cast<std::int64_t>(count), static_cast<std::int64_t>(axes)}, spacing);
  }
  out[name + "_images"] = std::move(images);
  out[name + "_labels"] = std::move(labels);
  out[name + "_masks"] = std::move(masks);
  out[name + "_boxes"] = std::move(boxes);
}

Status check(const SynthesiseOptions& o) {
  const std::int64_t most = o.volume ? 256 : 1024;
  if (o.size < 16 || o.size > most)
    return Error{Code::invalid, "the size must be 16 to " + std::to_string(most) + " pixels"};
  if (!(o.diameter_mm >= 2 && o.diameter_mm <= 40)) return Error{Code::invalid, "the diameter must be 2 to 40 mm"};
  if (!(o.contrast_hu >= 0 && o.contrast_hu <= 2000)) return Error{Code::invalid, "the contrast must be 0 to 2000 HU"};
  if (!(o.noise_hu >= 0 && o.noise_hu <= 500)) return Error{Code::invalid, "the noise must be 0 to 500 HU"};
  if (!(o.label_noise >= 0 && o.label_noise <= 0.5)) return Error{Code::invalid, "the label noise must be 0 to 0.5"};
  if (o.nodules < 1 || o.nodules > 8) return Error{Code::invalid, "an image has at most 1 to 8 nodules"};
  if (o.nodules > 1 && o.task != PhantomTask::presence)
    return Error{Code::invalid, "several nodules go with the task presence"};
  if (o.task == PhantomTask::size && o.label_noise > 0)
    return Error{Code::invalid, "the label noise goes with labels, not with sizes"};
  constexpr std::size_t kMost = 10'000'000;
  if (o.train > kMost || o.validation > kMost || o.test > kMost)
    return Error{Code::too_large, "more than 10 million samples"};
  std::uint64_t bytes = (o.train + o.validation + o.test) * (o.hounsfield ? 3 : 2);
  for (int d = 0; d < (o.volume ? 3 : 2); ++d) bytes *= static_cast<std::uint64_t>(o.size);
  if (bytes > kMaxBytes) return Error{Code::too_large, "the phantoms would take more than 4 GiB"};
  return {};
}

}  // namespace

std::vector<std::string> class_names(PhantomTask task) {
  if (task == PhantomTask::presence) return {"clear", "nodule"};
  if (task == PhantomTask::findings) return {"nodule", "effusion", "bulla"};
  if (task == PhantomTask::size) return {"nodule diameter"};
  return {"smooth", "spiculated"};
}

Result<PhantomTask> parse_phantom_task(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames{"shape", "presence", "findings", "size"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return Error{Code::invalid, "task: shape, presence, findings or size"};
  return static_cast<PhantomTask>(found - kNames.begin());
}

Result<NamedArrays> synthesise(const SynthesiseOptions& options) {
  ACESO_TRY_OK(check(options));
  NamedArrays arrays;
  for (const auto& [name, count, first] : {std::tuple{"train", options.train, std::uint64_t{0}},
                                           std::tuple{"val", options.validation, std::uint64_t{1} << 40},
                                           std::tuple{"test", options.test, std::uint64_t{1} << 41}}) {
    if (count > 0) make_split(options, name, count, first, arrays);
  }
  return arrays;
}

}  // namespace aceso::learn
