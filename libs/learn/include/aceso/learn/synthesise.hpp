// Made-up data whose truth is known: chest-CT phantoms in two and three dimensions, with outlines and boxes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"

namespace aceso::learn {

// shape: a smooth (label 0) or a spiculated (label 1) nodule. presence: none (0) or a nodule of either shape (1).
// findings: several labels, each on its own in two of five samples: a nodule, an effusion (fluid in the back of the
// lung), a bulla (a bubble of air). size: a number, the diameter of a smooth nodule in mm.
enum class PhantomTask : std::uint8_t { shape, presence, findings, size };

struct SynthesiseOptions {
  PhantomTask task = PhantomTask::shape;
  bool volume = false;  // cubes instead of slices
  std::size_t train = 600, validation = 100, test = 200;
  std::int64_t size = 64;    // side in pixels of a field of 100 mm; 16 to 1024, volumes 16 to 256
  double diameter_mm = 12;   // of nodules, varied by a quarter (size: by three quarters); 2 to 40
  double contrast_hu = 890;  // nodule over lung; 890 is soft tissue in air
  double noise_hu = 25;      // standard deviation, 0 to 500
  double label_noise = 0;    // share of labels that say the opposite, 0 to 0.5; outlines stay true. Not of size
  std::int64_t nodules = 1;  // presence: a sample that has one has up to so many, 1 to 8; all but the first are round
  std::uint64_t seed = 7;
  bool hounsfield = false;  // int16 in Hounsfield units with the spacing of the pixels, as a scanner gives them
};

// {train,val,test}_{images,labels,masks,boxes}: uint8 of a lung window (-1350 to 150 HU), [n, size, size] or [n, size,
// size, size]; boxes are [n, 2 * axes], with several nodules [n, nodules, 2 * axes]; with hounsfield int16 in HU, and
// {train,val,test}_spacing [n, axes] in mm; a mask is 1 inside the nodule; labels are [n, 1], of findings [n, 3], of
// size float64. The same for the same options. Errors: invalid (out of the ranges above), too_large (more than 4 GiB).
// Thread-safe.
Result<NamedArrays> synthesise(const SynthesiseOptions& options);
std::vector<std::string> class_names(PhantomTask task);
Result<PhantomTask> parse_phantom_task(std::string_view name);  // "shape", "presence", "findings", "size"

}  // namespace aceso::learn
