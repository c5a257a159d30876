#include "aceso/models/volume_input.hpp"

#include <algorithm>

#include "aceso/base/random.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/learn/sample_source.hpp"
#include "dicom_source.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;

contracts::VolumeInput input_of(learn::SourceSample sample) {
  contracts::VolumeInput out{.values = std::move(sample.array), .spacing_mm = std::move(sample.spacing_mm)};
  learn::Shape& shape = out.values.shape;
  if (shape.size() > 2 && shape.back() == 1) shape.pop_back();
  return out;
}

Result<contracts::VolumeInput> read_series(const fs::path& folder) {
  ACESO_TRY(const bool dicom, is_dicom_folder(folder));
  if (!dicom) return Error{Code::invalid, "the folder holds no DICOM files"};
  learn::ImportOptions options;
  options.kind = "volume";
  crypto::SystemRandom random;
  const Pseudonyms pseudonyms{crypto::SecretKey::generate(random)};  // nothing of it is kept
  const auto progress = make_null_progress();
  DicomOptions how;
  how.values = "modality";
  how.unlabelled = true;
  ACESO_TRY(const auto source, DicomSource::open(folder, options, how, pseudonyms, *progress, {}));
  if (source->items.size() != 1) {
    const std::string why = source->set_aside.empty() ? std::string{} : "; " + source->set_aside.front().reason;
    return Error{Code::invalid, "the folder must hold one series, it has " + std::to_string(source->items.size()) +
                                    " that can be used" + why};
  }
  ACESO_TRY(learn::SourceSample sample, source->load(0));
  return input_of(std::move(sample));
}

}  // namespace

bool is_volume_path(const fs::path& path) {
  std::error_code ec;
  const std::string name = path.filename().string();
  return fs::is_directory(path, ec) || name.ends_with(".nii") || name.ends_with(".nii.gz");
}

Result<contracts::VolumeInput> read_volume(const fs::path& path) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) return read_series(path);
  ACESO_TRY(learn::SourceSample sample, learn::read_sample(path));
  return input_of(std::move(sample));
}

}  // namespace aceso::models
