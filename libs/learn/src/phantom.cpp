// Chest-CT phantoms: an elliptic body, two lungs, branching vessels, one nodule; Hounsfield units after Kalender,
// Computed Tomography (air -1000, lung -850, soft tissue 40), a lung window of -600 +- 750 HU as bytes. A spiculated
// border stands for malignancy (Gurney, Radiology 186:405, 1993).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "aceso/base/assert.hpp"
#include "aceso/base/random.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::learn {
namespace {

constexpr double kFieldMm = 100;  // side of the square that is shown: one lung and its surroundings
constexpr double kLung = -850;
constexpr double kTissue = 40;
constexpr double kWindowLow = -1350;
constexpr double kWindowHigh = 150;

class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t sample) : philox_{seed}, stream_{sample} {}
  double between(double low, double high) { return low + (high - low) * philox_.uniform01(stream_, next_++); }
  double normal(std::uint64_t pixel) const { return philox_.normal(stream_, kNoise + pixel); }

 private:
  static constexpr std::uint64_t kNoise = std::uint64_t{1} << 32;
  Philox philox_;
  std::uint64_t stream_;
  std::uint64_t next_ = 0;
};

struct Vessel {
  double x, y, angle, length, radius;
};

class Phantom {
 public:
  Phantom(Draw& draw, double diameter_mm, bool spiculated)
      : spiculated_{spiculated}, radius_{diameter_mm / 2 * draw.between(0.75, 1.25)} {
    lung_x_ = draw.between(45, 55);
    lung_y_ = draw.between(45, 55);
    lung_a_ = draw.between(36, 44);
    lung_b_ = draw.between(40, 48);
    const double angle = draw.between(0, 2 * std::numbers::pi);
    const double reach = draw.between(0.1, 0.6);
    nodule_x_ = lung_x_ + reach * lung_a_ * std::cos(angle);
    nodule_y_ = lung_y_ + reach * lung_b_ * std::sin(angle);
    nodule_hu_ = draw.between(-60, 60);
    const int vessels = static_cast<int>(draw.between(6, 14));
    for (int i = 0; i < vessels; ++i) {
      vessels_.push_back({draw.between(15, 85), draw.between(15, 85), draw.between(0, std::numbers::pi),
                          draw.between(8, 30), draw.between(0.6, 2.0)});
    }
    spikes_ = static_cast<int>(draw.between(7, 13));
    phase_ = draw.between(0, 2 * std::numbers::pi);
    depth_ = spiculated ? draw.between(0.45, 0.8) : draw.between(0.0, 0.06);
  }

  double hounsfield(double x, double y) const {
    const double dx = (x - lung_x_) / lung_a_;
    const double dy = (y - lung_y_) / lung_b_;
    double value = blend(kLung, kTissue, (std::hypot(dx, dy) - 1) * lung_a_);
    for (const Vessel& vessel : vessels_)
      value = std::max(value, blend(kTissue, kLung, distance(vessel, x, y) - vessel.radius));
    return std::max(value, blend(nodule_hu_, kLung, std::hypot(x - nodule_x_, y - nodule_y_) - border(x, y)));
  }

 private:
  // From `inside` to `outside` over about a millimetre, as a scanner's point spread does.
  static double blend(double inside, double outside, double beyond_mm) {
    return inside + (outside - inside) / (1 + std::exp(-beyond_mm / 0.5));
  }
  static double distance(const Vessel& v, double x, double y) {
    const double along = std::clamp((x - v.x) * std::cos(v.angle) + (y - v.y) * std::sin(v.angle), 0.0, v.length);
    return std::hypot(x - v.x - along * std::cos(v.angle), y - v.y - along * std::sin(v.angle));
  }
  double border(double x, double y) const {
    const double angle = std::atan2(y - nodule_y_, x - nodule_x_);
    const double wave = std::cos(spikes_ * angle + phase_);
    return radius_ * (spiculated_ ? 0.8 + depth_ * std::max(0.0, wave) * wave * wave : 1.0 + depth_ * wave);
  }

  bool spiculated_;
  double radius_;
  double lung_x_ = 0, lung_y_ = 0, lung_a_ = 0, lung_b_ = 0, nodule_x_ = 0, nodule_y_ = 0, nodule_hu_ = 0, phase_ = 0,
         depth_ = 0;
  int spikes_ = 0;
  std::vector<Vessel> vessels_;
};

void make_split(const PhantomOptions& options, const std::string& name, std::size_t count, std::uint64_t first,
                NamedArrays& out) {
  Array images = Array::zeros(DType::u8, {static_cast<std::int64_t>(count), options.size, options.size});
  Array labels = Array::zeros(DType::u8, {static_cast<std::int64_t>(count), 1});
  const auto side = static_cast<std::size_t>(options.size);
  const double mm = kFieldMm / static_cast<double>(options.size);
  for (std::size_t n = 0; n < count; ++n) {
    Draw draw{options.seed, first + n};
    const bool spiculated = draw.between(0, 1) < 0.5;
    const bool lie = draw.between(0, 1) < options.label_noise;
    labels.data[n] = spiculated != lie ? std::byte{1} : std::byte{0};
    const Phantom phantom{draw, options.nodule_diameter_mm, spiculated};
    for (std::size_t y = 0; y < side; ++y) {
      for (std::size_t x = 0; x < side; ++x) {
        const double hu = phantom.hounsfield((static_cast<double>(x) + 0.5) * mm, (static_cast<double>(y) + 0.5) * mm) +
                          options.noise_hu * draw.normal(y * side + x);
        const double byte = std::clamp((hu - kWindowLow) / (kWindowHigh - kWindowLow) * 255, 0.0, 255.0);
        images.data[(n * side + y) * side + x] = static_cast<std::byte>(std::lround(byte));
      }
    }
  }
  out[name + "_images"] = std::move(images);
  out[name + "_labels"] = std::move(labels);
}

}  // namespace

NamedArrays make_phantom_ct(const PhantomOptions& options) {
  ACESO_ASSERT(options.size >= 16 && options.size <= 1024, "phantom size out of range");
  NamedArrays arrays;
  make_split(options, "train", options.train, 0, arrays);
  make_split(options, "val", options.validation, std::uint64_t{1} << 40, arrays);
  make_split(options, "test", options.test, std::uint64_t{1} << 41, arrays);
  return arrays;
}

}  // namespace aceso::learn
