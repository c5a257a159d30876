// Free-response ROC and average precision of detectors: what marks on images are worth whose findings are known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::stats {

struct Mark {
  double score = 0;
  bool hit = false;       // it is the one mark that counts as having found a finding; false: a false positive
  std::size_t image = 0;  // 0..
};

struct FrocPoint {
  double threshold;        // marks with this score or more count
  double false_positives;  // an image
  double sensitivity;      // findings that are found, of all
};

// Bunch et al., SPIE 127:124, 1977. The rates of false positives an image at which LUNA16 averages the sensitivity
// (Setio et al., Medical Image Analysis 42:1, 2017).
inline constexpr std::array<double, 7> kFrocRates{0.125, 0.25, 0.5, 1, 2, 4, 8};

// Marks on a set of images. Which mark is a hit was decided before, with one hit for a finding at most; marks that
// should not count at all are left out. Reading is thread-safe.
class MarkedImages {
 public:
  // `findings`: how many there are on each image. Errors: invalid for no image, a score that is not finite, an image
  // out of range, or more hits on an image than it has findings.
  static Result<MarkedImages> create(std::vector<Mark> marks, std::vector<std::uint32_t> findings);

  std::size_t images() const noexcept { return findings_.size(); }
  std::uint64_t findings() const noexcept;
  const std::vector<Mark>& marks() const noexcept { return marks_; }  // the highest score first

  // One point for each distinct score, the highest first; empty without a mark. nullopt without a finding.
  std::optional<std::vector<FrocPoint>> froc() const;

  // Of the images with these indices, repeats allowed, as a bootstrap draws them; nullopt where they hold no finding.
  // At so many false positives an image: linear between operating points from (0, 0) on, and behind the last point its
  // sensitivity, as LUNA16's evaluation has it.
  std::optional<double> sensitivity_at(double false_positives, std::span<const std::size_t> indices) const;
  // Mean sensitivity at kFrocRates.
  std::optional<double> froc_score(std::span<const std::size_t> indices) const;
  // Area under the envelope of precision over recall at the recalls 0, 0.01 ... 1, as COCO has it (Lin et al., ECCV
  // 2014; pycocotools). Marks with one score count together.
  std::optional<double> average_precision(std::span<const std::size_t> indices) const;

  std::vector<std::size_t> all() const;  // every image once

 private:
  MarkedImages(std::vector<Mark> marks, std::vector<std::uint32_t> findings)
      : marks_{std::move(marks)}, findings_{std::move(findings)} {}
  struct Step {  // all marks down to one score
    double score = 0, hits = 0, false_positives = 0;
  };
  struct Walk {
    std::vector<Step> steps;
    double images = 0, findings = 0;
  };
  Walk walk(std::span<const std::size_t> indices) const;
  static double sensitivity_of(const Walk& walk, double false_positives);

  std::vector<Mark> marks_;
  std::vector<std::uint32_t> findings_;
};

}  // namespace aceso::stats
