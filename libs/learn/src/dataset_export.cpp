#include "aceso/learn/dataset_export.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/imaging/nifti.hpp"
#include "progress_update.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxArchive = std::uint64_t{2} << 30;

std::string medmnist_name(Split split) {
  return split == Split::validation ? "val" : std::string{to_string(split)};
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  return out + "\"";
}

template <class T>
void append(Array& array, T value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  array.data.insert(array.data.end(), bytes, bytes + sizeof value);
}

// The corners of a sample's boxes and their classes, filled up with zeros to `most`.
void append_boxes(const Sample& sample, std::size_t most, std::size_t axes, Array& corners, Array& labels) {
  for (std::size_t m = 0; m < most; ++m) {
    const bool there = m < sample.boxes.size();
    for (std::size_t d = 0; d < axes; ++d) append(corners, there ? sample.boxes[m].low[d] : 0.0);
    for (std::size_t d = 0; d < axes; ++d) append(corners, there ? sample.boxes[m].high[d] : 0.0);
    append(labels, std::int32_t{there ? sample.boxes[m].label : 0});
  }
}

Result<std::vector<std::byte>> archive_of(const Dataset& dataset, ProgressSink& progress, const std::stop_token& stop) {
  const Manifest& manifest = dataset.manifest();
  NamedArrays arrays;
  std::map<std::string, std::int32_t> groups;
  std::uint64_t total = 0;
  for (const Sample& sample : manifest.samples) {
    if (!sample.group.empty()) groups.try_emplace(sample.group, static_cast<std::int32_t>(groups.size()));
    if (sample.shape != manifest.samples.front().shape)
      return Error{Code::invalid, "the samples differ in size: export to a folder"};
  }
  const bool grouped = std::all_of(manifest.samples.begin(), manifest.samples.end(),
                                   [](const Sample& sample) { return !sample.group.empty(); });
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const auto indices = dataset.indices(split);
    if (indices.empty()) continue;
    Array images, labels, group, masks;
    const auto n = static_cast<std::int64_t>(indices.size());
    images.dtype = manifest.dtype;
    images.shape = {n};
    const Shape& shape = manifest.samples.front().shape;
    const bool grey = (manifest.kind == "image" || manifest.kind == "volume") && shape.back() == 1;
    images.shape.insert(images.shape.end(), shape.begin(), shape.end() - (grey ? 1 : 0));
    labels.dtype = group.dtype = DType::i32;
    labels.shape = group.shape = {n};
    if (manifest.task != Task::classes) {
      labels.dtype = DType::f64;
      if (manifest.task == Task::multi_label)
        labels.shape.push_back(static_cast<std::int64_t>(manifest.classes.size()));
    }
    masks.dtype = DType::u8;
    std::size_t most_boxes = 0;
    bool named_boxes = true;
    for (const std::size_t i : indices) {
      most_boxes = std::max(most_boxes, manifest.samples[i].boxes.size());
      for (const Box& box : manifest.samples[i].boxes) named_boxes = named_boxes && box.label >= 0;
    }
    Array boxes, box_labels;
    const bool outlined = std::all_of(indices.begin(), indices.end(),
                                      [&](std::size_t i) { return manifest.samples[i].mask.has_value(); });
    for (const std::size_t i : indices) {
      if (stop.stop_requested()) return Error{Code::cancelled, "export cancelled"};
      if (i % 64 == 0) progress.update(progress_update("export", i, manifest.samples.size()));
      const Sample& sample = manifest.samples[i];
      const auto bytes = dataset.raw(i);
      total += bytes.size() * (outlined ? 2 : 1);
      if (total > kMaxArchive) return Error{Code::invalid, "more than 2 GiB: export to a folder"};
      images.data.insert(images.data.end(), bytes.begin(), bytes.end());
      if (manifest.task == Task::classes) {
        append(labels, std::int32_t{sample.label});
      } else {
        const std::size_t width = manifest.classes.size();
        for (std::size_t k = 0; k < width; ++k)
          append(labels, k < sample.targets.size() ? sample.targets[k] : std::nan(""));
      }
      if (grouped) append(group, groups[sample.group]);
      if (most_boxes > 0) {
        total += most_boxes * 2 * sizeof(double) * (shape.size() - 1);
        append_boxes(sample, most_boxes, shape.size() - 1, boxes, box_labels);
      }
      if (!outlined) continue;
      const Array mask = *dataset.mask(i);
      masks.shape = {n};
      masks.shape.insert(masks.shape.end(), mask.shape.begin(), mask.shape.end());
      masks.data.insert(masks.data.end(), mask.data.begin(), mask.data.end());
    }
    const std::string prefix = medmnist_name(split);
    arrays[prefix + "_images"] = std::move(images);
    arrays[prefix + "_labels"] = std::move(labels);
    if (grouped) arrays[prefix + "_group"] = std::move(group);
    if (outlined) arrays[prefix + "_masks"] = std::move(masks);
    if (most_boxes > 0) {
      boxes.dtype = DType::f64;
      box_labels.dtype = DType::i32;
      box_labels.shape = {n, static_cast<std::int64_t>(most_boxes)};
      boxes.shape = {n, static_cast<std::int64_t>(most_boxes), static_cast<std::int64_t>(2 * (shape.size() - 1))};
      arrays[prefix + "_boxes"] = std::move(boxes);
      if (named_boxes) arrays[prefix + "_box_labels"] = std::move(box_labels);
    }
  }
  if (arrays.empty()) return Error{Code::invalid, "no sample is in a split: there is nothing to export"};
  return to_npz(arrays);
}

// The shortest text that reads back; "" where it is not known.
std::string number_cell_of(const Sample& sample, std::size_t k) {
  if (k >= sample.targets.size() || std::isnan(sample.targets[k])) return {};
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), sample.targets[k]).ptr};
}

struct NamedBytes {
  std::string ending;
  std::vector<std::byte> bytes;
};

std::optional<imaging::VoxelType> voxel_type(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return imaging::VoxelType::u8;
    case DType::i8:
      return imaging::VoxelType::i8;
    case DType::u16:
      return imaging::VoxelType::u16;
    case DType::i16:
      return imaging::VoxelType::i16;
    case DType::i32:
      return imaging::VoxelType::i32;
    case DType::f32:
      return imaging::VoxelType::f32;
    case DType::f64:
      return imaging::VoxelType::f64;
    default:
      return std::nullopt;
  }
}

Result<NamedBytes> file_of(const std::string& kind, const Array& array, const std::vector<double>& spacing_mm) {
  const std::int64_t channels = array.shape.back();
  if (kind == "image" && (channels == 1 || channels == 3) && (array.dtype == DType::u8 || array.dtype == DType::u16)) {
    const imaging::Image image{array.shape[1], array.shape[0], static_cast<int>(channels),
                               array.dtype == DType::u16 ? 16 : 8, array.data};
    ACESO_TRY(auto bytes, imaging::encode_png(image));
    return NamedBytes{".png", std::move(bytes)};
  }
  const auto type = voxel_type(array.dtype);
  if (kind == "volume" && channels == 1 && type) {
    imaging::NiftiImage image;
    image.type = *type;
    for (std::size_t d = 0; d < 3; ++d) {
      image.size[d] = array.shape[2 - d];
      image.spacing_mm[d] = spacing_mm.empty() ? 1 : spacing_mm[2 - d];
    }
    image.data = array.data;
    ACESO_TRY(auto bytes, imaging::encode_nifti(image));
    return NamedBytes{".nii", std::move(bytes)};
  }
  return NamedBytes{".npy", to_npy(array)};
}

Status write_folder(const Dataset& dataset, const fs::path& folder, ProgressSink& progress,
                    const std::stop_token& stop) {
  const Manifest& manifest = dataset.manifest();
  const bool classes = manifest.task == Task::classes;
  std::string csv = "path";
  for (const std::string& name : classes ? std::vector<std::string>{"label"} : manifest.classes)
    csv += "," + csv_field(name);
  csv += ",patient,split\n";
  for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
    if (stop.stop_requested()) return Error{Code::cancelled, "export cancelled"};
    if (i % 64 == 0) progress.update(progress_update("export", i, manifest.samples.size()));
    const Sample& sample = manifest.samples[i];
    std::string number = std::to_string(i);
    number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
    ACESO_TRY(const NamedBytes file, file_of(manifest.kind, dataset.array(i), sample.spacing_mm));
    ACESO_TRY_OK(write_file_atomic(folder / (number + file.ending), file.bytes, {.durable = false}));
    if (auto mask = dataset.mask(i)) {
      mask->shape.push_back(1);
      ACESO_TRY(const NamedBytes outline, file_of(manifest.kind, *mask, sample.spacing_mm));
      ACESO_TRY_OK(write_file_atomic(folder / (number + "_mask" + outline.ending), outline.bytes, {.durable = false}));
    }
    std::string label = classes ? csv_field(target_text(manifest, sample)) : std::string{};
    for (std::size_t k = 0; !classes && k < manifest.classes.size(); ++k)
      label += (k > 0 ? "," : "") + number_cell_of(sample, k);
    const std::string split = sample.split == Split::unassigned ? "" : medmnist_name(sample.split);
    csv.append(number).append(file.ending).append(",").append(label).append(",");
    csv.append(csv_field(sample.group)).append(",").append(split).append("\n");
  }
  ACESO_TRY_OK(write_file_atomic(folder / "labels.csv", csv));
  const Json about{{"name", manifest.name},       {"sha256", manifest.sha256},
                   {"classes", manifest.classes}, {"task", to_string(manifest.task)},
                   {"unit", manifest.unit},       {"licence", manifest.licence},
                   {"source", manifest.source},   {"label_source", manifest.label_source}};
  return write_file_atomic(folder / "dataset.json", about.dump(1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Result<ExportFormat> parse_export_format(std::string_view name) {
  if (name == "npz") return ExportFormat::npz;
  if (name == "folder") return ExportFormat::folder;
  return Error{Code::invalid, "format: npz or folder"};
}

Status export_dataset(const Dataset& dataset, const fs::path& target, ExportFormat format, ProgressSink& progress,
                      const std::stop_token& stop) {
  std::error_code failure;
  if (fs::exists(target, failure)) return Error{Code::exists, "there is a file or folder of that name already"};
  if (format == ExportFormat::npz) {
    ACESO_TRY(const auto bytes, archive_of(dataset, progress, stop));
    return write_file_atomic(target, bytes);
  }
  if (!fs::create_directories(target, failure)) return Error{Code::denied, "the folder cannot be made"};
  const Status written = write_folder(dataset, target, progress, stop);
  if (!written) fs::remove_all(target, failure);
  return written;
}

}  // namespace aceso::learn
