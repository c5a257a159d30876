#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/learn/label_table.hpp"
#include "manifest_json.hpp"
#include "mask_files.hpp"
#include "sample_file.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
class FolderSource final : public SampleSource {
 public:
  explicit FolderSource(fs::path root) : root_{std::move(root)} {}

  Result<SourceSample> load(std::size_t index) override {
    ACESO_TRY(SourceSample sample, read_sample_file(root_ / files_[index], kind == "volume", dtype));
    const auto outlines = masks_.find(files_[index]);
    if (outlines == masks_.end()) return sample;
    for (const fs::path& file : outlines->second) {
      auto mask = read_mask_file(root_ / file, kind == "volume");
      if (!mask) return Error{mask.error().code(), "its mask: " + mask.error().message()};
      if (!std::equal(mask->shape.begin(), mask->shape.end(), sample.array.shape.begin(), sample.array.shape.end() - 1))
        return Error{Code::invalid, "its mask has another size: " + to_string(mask->shape)};
      if (!sample.mask) {
        sample.mask = *std::move(mask);
      } else {  // several outlines of one image
        for (std::size_t i = 0; i < mask->data.size(); ++i)
          sample.mask->data[i] = std::max(sample.mask->data[i], mask->data[i]);
      }
    }
    return sample;
  }

  Status from_folders(const ImportOptions& options) {
    if (options.task.value_or(Task::classes) != Task::classes)
      return Error{Code::invalid, "several labels or numbers of files need a table of labels (CSV)"};
    ACESO_TRY(auto found, list_files());
    masks_ = std::move(found.masks);
    std::set<std::string> names;
    std::vector<std::pair<fs::path, SourceItem>> pending;
    // Images in no class folder at all, and the classes named: nobody has labelled them yet.
    const bool flat =
        options.classes.size() >= 2 && std::none_of(found.images.begin(), found.images.end(),
                                                    [](const fs::path& file) { return file.has_parent_path(); });
    if (flat) {
      classes = options.classes;
      for (const fs::path& file : found.images) {
        SourceItem item;
        item.id = file.generic_string();
        add(file, std::move(item));
      }
      look_at_heads(options);
      return {};
    }
    for (const fs::path& file : found.images) {
      std::vector<std::string> parts;
      for (const auto& part : file) parts.push_back(part.string());
      SourceItem item;
      item.id = file.generic_string();
      const auto split = parts.size() > 2 ? split_named(parts[0]) : std::nullopt;
      if (split) item.split = *split;
      const std::size_t at = split ? 1 : 0;
      if (parts.size() < at + 2) {
        set_aside.push_back(
            {item.id, "lies in no class folder (without any, name two or more classes to label the images later)"});
        continue;
      }
      item.group = parts[at];  // the class's name, until all are known
      names.insert(parts[at]);
      pending.emplace_back(file, std::move(item));
    }
    ACESO_TRY_OK(name_classes(names, options));
    for (auto& [file, item] : pending) {
      item.label = label_of(item.group);
      if (item.label < 0) return Error{Code::invalid, "folder \"" + item.group + "\" is none of the classes named"};
      item.group.clear();
      add(file, std::move(item));
    }
    look_at_heads(options);
    return {};
  }

  Status from_csv(const ImportOptions& options) {
    ACESO_TRY(auto found, list_files());
    masks_ = std::move(found.masks);
    const fs::path inside = root_ / options.labels_csv;
    constexpr std::array<std::string_view, 1> kKeys{"path"};
    ACESO_TRY(const LabelTable table, read_label_table(fs::exists(inside) ? inside : fs::path{options.labels_csv},
                                                       kKeys, {options.task.value_or(Task::classes), options.classes}));
    task = options.task.value_or(Task::classes);
    unit = options.unit;
    std::set<std::string> names;
    for (const LabelRow& row : table.rows) {
      if (!row.label.empty()) names.insert(row.label);
    }
    if (task == Task::classes) {
      ACESO_TRY_OK(name_classes(names, options));
    } else {
      classes = table.names;
    }
    for (const LabelRow& row : table.rows) {
      const std::string where = "table of labels, line " + std::to_string(row.line) + ": ";
      SourceItem item{row.key, label_of(row.label), row.patient, row.split, row.targets};
      const auto file = safe_join(root_, item.id);
      if (!file) return Error{Code::invalid, where + "the path leads out of the folder or is empty"};
      std::error_code ignored;
      if (!fs::is_regular_file(*file, ignored)) return Error{Code::invalid, where + "no such file"};
      if (item.label < 0 && !row.label.empty())
        return Error{Code::invalid, where + "the label is none of the classes named"};
      add(file->lexically_relative(root_), std::move(item));
    }
    look_at_heads(options);
    return {};
  }

 private:
  Result<MaskFiles> list_files() {
    std::vector<fs::path> found;
    std::error_code failure;
    for (fs::recursive_directory_iterator it{root_, failure}, end; !failure && it != end; it.increment(failure)) {
      const fs::path relative = it->path().lexically_relative(root_);
      if (!is_sample_name(relative)) continue;
      std::error_code ignored;
      if (it->is_symlink(ignored)) {
        set_aside.push_back({relative.generic_string(), "symbolic link"});
      } else if (it->is_regular_file(ignored)) {
        found.push_back(relative);
        if (found.size() > kMaxSamples) return Error{Code::too_large, "more than 5000000 images"};
      }
    }
    if (failure) return Error{Code::invalid, "the folder cannot be read: " + failure.message()};
    if (found.empty())
      return Error{Code::invalid, "no .png, .jpg, .tif, .bmp, .nii, .nii.gz or .npy file in the folder"};
    MaskFiles files = pair_masks(std::move(found));
    for (const fs::path& file : files.orphans)
      set_aside.push_back({file.generic_string(), "named as a mask, and there is no image of that name"});
    return files;
  }

  Status name_classes(const std::set<std::string>& names, const ImportOptions& options) {
    const std::vector<std::string> found{names.begin(), names.end()};
    ACESO_TRY(classes, class_names(options.classes, found));
    return {};
  }
  int label_of(const std::string& name) const {
    const auto found = std::find(classes.begin(), classes.end(), name);
    return found == classes.end() ? -1 : static_cast<int>(found - classes.begin());
  }
  void add(fs::path file, SourceItem item) {
    files_.push_back(std::move(file));
    items.push_back(std::move(item));
  }

  // Images or volumes, and the number type that holds them all. What has no readable head fails when it is loaded.
  void look_at_heads(const ImportOptions& options) {
    std::vector<SampleHead> heads;
    bool nifti = false;
    for (const fs::path& file : files_) {
      const auto head = read_sample_head(root_ / file);
      if (!head) continue;
      heads.push_back(*head);
      nifti = nifti || head->nifti;
    }
    if (heads.empty()) return;
    const auto volumes = std::count_if(heads.begin(), heads.end(), [](const SampleHead& head) { return head.volume; });
    const bool volume =
        options.kind.empty() ? 2 * static_cast<std::size_t>(volumes) > heads.size() : options.kind == "volume";
    kind = volume ? "volume" : "image";
    std::erase_if(heads, [&](const SampleHead& head) { return head.volume != volume; });
    if (heads.empty()) return;
    const bool pictures = std::all_of(heads.begin(), heads.end(), [](const SampleHead& head) { return head.picture; });
    dtype = heads.front().dtype;
    bool mixed = false;
    for (const SampleHead& head : heads) {
      mixed = mixed || head.dtype != dtype;
      dtype = common_dtype(dtype, head.dtype, pictures);
    }
    if (mixed) preprocessing.push_back("the files' number types differ: all became " + std::string{to_string(dtype)});
    if (nifti)
      preprocessing.emplace_back("NIfTI: axes turned to x left, y back, z head; scl_slope and scl_inter applied");
  }

  fs::path root_;
  std::vector<fs::path> files_;  // below root_
  std::map<fs::path, std::vector<fs::path>> masks_;
};

}  // namespace

Result<std::unique_ptr<SampleSource>> open_folder_source(const fs::path& folder, const ImportOptions& options) {
  auto source = std::make_unique<FolderSource>(folder);
  ACESO_TRY_OK(options.labels_csv.empty() ? source->from_folders(options) : source->from_csv(options));
  return std::unique_ptr<SampleSource>{std::move(source)};
}

}  // namespace aceso::learn
