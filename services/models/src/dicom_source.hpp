// A folder of DICOM files as a source of samples: single images and frames, or volumes, a series each (PS3.3 C.7.6).
// libs/learn sees arrays, labels and keyed hashes; no attribute that identifies anybody reaches the manifest.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/progress.hpp"
#include "aceso/learn/label_table.hpp"
#include "aceso/learn/sample_source.hpp"
#include "aceso/models/models.hpp"
#include "archive_marks.hpp"
#include "dicom_image.hpp"
#include "pseudonyms.hpp"

namespace aceso::models {

// Whether the folder holds DICOM files: names ending in .dcm, .dicom or .ima, or the mark "DICM" in files of other
// names. invalid: pictures of other formats beside them.
Result<bool> is_dicom_folder(const std::filesystem::path& folder);

Status check_dicom_options(const DicomOptions& options);
Json to_json(const DicomOptions& options);
Result<DicomOptions> parse_dicom_options(const Json& json);

// One frame of one file, by its place in the list of files.
struct FramePlace {
  std::size_t file = 0;
  std::uint32_t frame = 0;
};

class DicomSource final : public learn::SampleSource {
 public:
  // Reads the head of every file. Labels come from class folders or from a table with the column path (of a file or a
  // folder), sop_instance_uid or series_instance_uid. Volumes when options.kind says so or labels are given by series.
  // Errors: invalid, not_found, too_large, cancelled; what concerns one file or series sets it aside.
  static Result<std::unique_ptr<DicomSource>> open(const std::filesystem::path& folder,
                                                   const learn::ImportOptions& options, const DicomOptions& how,
                                                   const Pseudonyms& pseudonyms, ProgressSink& progress,
                                                   const std::stop_token& stop);

  // Masks and boxes of images, by the path of their file; null: none. They outlive the source.
  void use_drawn(const DrawnSamples* drawn) noexcept { drawn_ = drawn; }
  Result<learn::SourceSample> load(std::size_t index) override;

  // CSV: id,path, a line for each file of each sample and of what was set aside. It says who is who on this node.
  std::string key_table() const;

 private:
  struct File {
    std::filesystem::path path;  // below the folder
    std::string id;              // when it is set aside: of its instance UID, else of its path
    DicomImage image;
    const learn::LabelRow* row = nullptr;
    std::string label;
    learn::Split split = learn::Split::unassigned;
    std::string group;
  };
  struct Volume {
    std::vector<FramePlace> frames;
    dicom::Stack stack;
    std::array<double, 2> spacing_mm{};
  };

  DicomSource(std::filesystem::path root, DicomOptions how, const Pseudonyms& pseudonyms)
      : root_{std::move(root)}, how_{std::move(how)}, pseudonyms_{pseudonyms}, reader_{root_} {}

  Status read_table(const learn::ImportOptions& options);
  Status read_heads(ProgressSink& progress, const std::stop_token& stop);
  void label_by_folder(File& file) const;
  void label_by_table(File& file);
  Status choose(const learn::ImportOptions& options);
  void choose_values();
  void add_images();
  void add_volumes();
  Result<Volume> make_volume(const std::vector<std::size_t>& files) const;
  Result<int> label_of(const std::string& label) const;
  void add(learn::SourceItem item, const std::string& label, Volume volume);
  void aside(std::string id, std::string reason, const std::vector<std::size_t>& files);
  void note();

  Result<learn::Array> load_frame(FramePlace place, const std::optional<dicom::Window>& window);
  Result<learn::Array> load_volume(const Volume& volume);

  Status add_drawn(const std::filesystem::path& path, learn::SourceSample& sample) const;

  const DrawnSamples* drawn_ = nullptr;
  std::filesystem::path root_;
  DicomOptions how_;
  const Pseudonyms& pseudonyms_;
  DicomFrames reader_;
  std::optional<learn::LabelTable> table_;
  std::map<std::string, const learn::LabelRow*, std::less<>> rows_;  // by path, or by hash of a UID
  std::set<const learn::LabelRow*> used_;
  std::vector<File> files_;
  std::vector<Volume> samples_;
  std::vector<std::pair<std::string, std::filesystem::path>> key_;
  std::size_t unlisted_ = 0, without_patient_ = 0, monochrome1_ = 0;
};

}  // namespace aceso::models
