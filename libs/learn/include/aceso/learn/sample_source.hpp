// Where an import takes its samples from. Arrays and folders of pictures are built in (Dataset::import); whatever knows
// another format implements SampleSource and calls Dataset::import_source.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

struct SourceItem {
  std::string id;  // unique; stands in the manifest
  int label = -1;  // index into classes, -1: none is known
  std::string group;
  Split split = Split::unassigned;
  std::vector<double> targets = {};  // as Sample has them
};

struct SourceSample {
  Array array;                     // of the source's number type; [height, width, channels], or depth before them
  std::optional<Array> mask = {};  // uint8, the spatial shape of `array`
  std::vector<double> spacing_mm = {};
  std::vector<Box> boxes = {};
};

// One thread. The fields are filled before the import reads them; load() is called once for each item, in order.
class SampleSource {
 public:
  SampleSource() = default;
  SampleSource(const SampleSource&) = delete;
  SampleSource& operator=(const SampleSource&) = delete;
  virtual ~SampleSource() = default;
  // An error means that this sample is set aside, its message says why.
  virtual Result<SourceSample> load(std::size_t index) = 0;
  // After the last load(): an error means that nothing of the source can be trusted, and the import fails.
  virtual Status finish() { return {}; }

  std::vector<SourceItem> items;
  std::vector<std::string> classes;
  Task task = Task::classes;
  std::string unit;
  std::string kind = "image";  // image, volume, signal, table
  DType dtype = DType::u8;
  std::vector<SetAside> set_aside;                   // known before anything is read
  std::vector<std::string> preprocessing, warnings;  // for the manifest
};

// One file as an import would read it: PNG, JPEG, TIFF, BMP, NIfTI or .npy. Errors: not_found, invalid, too_large,
// unsupported.
Result<SourceSample> read_sample(const std::filesystem::path& path);

}  // namespace aceso::learn
