// Marks that clinicians drew on images of the archive, as labels of a dataset: which of them count, and what they are
// for a sample.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/marks.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::models {

enum class MarkUse : std::uint8_t { none, labels, boxes, outlines };
Result<MarkUse> parse_mark_use(std::string_view name);  // "", "labels", "boxes", "outlines"; invalid

struct MarkChoice {
  MarkUse use = MarkUse::none;
  std::string reader = {};  // whose marks; "": anybody's, of images that one person has marked
  bool before_ai = false;   // none that was drawn when a model's answer stood in the study
};

// What was drawn on one image, by the dataset's classes.
struct DrawnSample {
  std::int64_t rows = 0, columns = 0;
  std::vector<learn::Box> boxes = {};
  struct Outline {
    std::uint8_t value = 0;  // class
    std::vector<std::int64_t> runs = {};
  };
  bool has_mask = false;
  std::vector<Outline> outlines = {};  // in this order, later ones over earlier ones
};
learn::Array mask_of(const DrawnSample& sample);
using DrawnSamples = std::map<std::string, DrawnSample, std::less<>>;  // by path below the folder of images

// One thread.
class ArchiveMarks {
 public:
  explicit ArchiveMarks(MarkChoice choice) : choice_{std::move(choice)} {}

  // The marks of one object that count; none: it is no sample, and why is counted.
  std::vector<contracts::ImageMark> choose(std::vector<contracts::ImageMark> marks);
  void add(const std::string& path, std::vector<contracts::ImageMark> marks);

  struct Labelled {
    std::vector<std::string> classes = {};
    std::map<std::string, std::string, std::less<>> labels = {};  // by path
    DrawnSamples drawn = {};                                      // by path; empty with labels
  };
  // Boxes and outlines: class 0 is "none", then what was drawn, by name, or `wanted` in its order; an image's class is
  // that of its largest object, "none" where its finding is said of the whole image and drawn nowhere. Labels: the
  // findings, by name or as `wanted`. Errors: invalid (a finding that is not wanted, two findings of a whole image,
  // nothing drawn, more than 255 findings).
  Result<Labelled> finish(const std::vector<std::string>& wanted) const;

  struct Counts {
    std::size_t images = 0, marks = 0;
    std::size_t unmarked = 0;         // objects without a mark that counts
    std::size_t several_readers = 0;  // left out: marked by several people
    std::size_t after_ai = 0;         // images used with a mark that was drawn after a model's answer
    std::size_t after_ai_out = 0;     // images left out for it
    std::size_t several_frames = 0;   // left out: objects of several frames
    std::size_t undrawn = 0;          // left out: boxes without outlines, or a drawn finding said of a whole image
  };
  const Counts& counts() const noexcept { return counts_; }
  std::string label_source() const;

 private:
  MarkChoice choice_;
  mutable Counts counts_;
  std::set<std::string> readers_;
  std::map<std::string, std::vector<contracts::ImageMark>, std::less<>> images_;
};

}  // namespace aceso::models
