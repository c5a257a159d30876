// Where an import takes its samples from: arrays or a folder of images.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

struct SourceItem {
  std::string id;
  int label = -1;  // -1: none is known
  std::string group;
  Split split = Split::unassigned;
};

struct SourceSample {
  Array array;                // of the source's number type
  std::optional<Array> mask;  // uint8, the spatial shape of `array`
  std::vector<double> spacing_mm;
  std::vector<Box> boxes;
};

class SampleSource {
 public:
  SampleSource() = default;
  SampleSource(const SampleSource&) = delete;
  SampleSource& operator=(const SampleSource&) = delete;
  virtual ~SampleSource() = default;
  // An error means that this sample is set aside, its message says why.
  virtual Result<SourceSample> load(std::size_t index) = 0;

  std::vector<SourceItem> items;
  std::vector<std::string> classes;
  std::string kind = "image";
  DType dtype = DType::u8;
  std::vector<SetAside> set_aside;  // known before anything is read
  std::vector<std::string> preprocessing, warnings;
};

// `arrays` must outlive the source.
Result<std::unique_ptr<SampleSource>> open_array_source(const NamedArrays& arrays, const ImportOptions& options);
Result<std::unique_ptr<SampleSource>> open_folder_source(const std::filesystem::path& folder,
                                                         const ImportOptions& options);

// Stratified by label, groups kept whole: moves about `fraction` of the `from` samples of each label to `to`.
// Deterministic in the seed.
void assign_split(std::vector<Sample>& samples, Split from, Split to, double fraction, std::uint64_t seed);

}  // namespace aceso::learn
