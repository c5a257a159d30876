#include "dicom_source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "object_reader.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxFiles = 2'000'000;
constexpr std::uint64_t kMaxVolume = std::uint64_t{2} << 30;
constexpr std::array<std::string_view, 3> kDicomEndings{".dcm", ".dicom", ".ima"};
constexpr std::array<std::string_view, 9> kOtherEndings{".nii.gz", ".nii", ".npy",  ".png", ".jpg",
                                                        ".jpeg",   ".tif", ".tiff", ".bmp"};
constexpr std::array<std::string_view, 3> kKeyColumns{"path", "sop_instance_uid", "series_instance_uid"};

bool ends_with_one_of(const fs::path& path, std::span<const std::string_view> endings) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

bool has_mark(const fs::path& file) {
  std::array<char, 132> head{};
  std::ifstream in{file, std::ios::binary};
  return in.read(head.data(), head.size()) && dicom::has_part10_magic(std::as_bytes(std::span{head}));
}

struct Listing {
  std::vector<fs::path> dicom, links;  // below the folder, sorted
  std::size_t others = 0;              // pictures of other formats
};

Result<Listing> list(const fs::path& root) {
  Listing found;
  std::error_code failure, ignored;
  for (fs::recursive_directory_iterator it{root, failure}, end; !failure && it != end; it.increment(failure)) {
    const fs::path relative = it->path().lexically_relative(root);
    const bool named = ends_with_one_of(relative, kDicomEndings);
    if (it->is_symlink(ignored)) {
      if (named) found.links.push_back(relative);
    } else if (!it->is_regular_file(ignored) || relative.filename() == "DICOMDIR") {
      continue;
    } else if (ends_with_one_of(relative, kOtherEndings)) {
      ++found.others;
    } else if (named || has_mark(it->path())) {
      found.dicom.push_back(relative);
      if (found.dicom.size() > kMaxFiles) return Error{Code::too_large, "more than 2000000 DICOM files"};
    }
  }
  if (failure) return Error{Code::invalid, "the folder cannot be read: " + failure.message()};
  std::sort(found.dicom.begin(), found.dicom.end());
  std::sort(found.links.begin(), found.links.end());
  return found;
}

ProgressUpdate headers_update(std::uint64_t done, std::uint64_t total) {
  ProgressUpdate update;
  update.phase = "headers";
  update.done = done;
  update.total = total;
  return update;
}

std::string csv_field(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string{"\"\""} : std::string{c};
  return out + "\"";
}

template <class To>
std::vector<std::byte> as(std::span<const float> values) {
  std::vector<std::byte> out(values.size() * sizeof(To));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const To value = static_cast<To>(values[i]);
    std::memcpy(out.data() + i * sizeof(To), &value, sizeof value);
  }
  return out;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string uneven(const dicom::Stack& stack) {
  if (stack.gaps > 0)
    return std::to_string(stack.gaps) + (stack.gaps == 1 ? " gap" : " gaps") + " between its slices, where about " +
           std::to_string(stack.missing) + " are missing (slices lie " + number(stack.spacing_mm) + " mm apart, once " +
           number(stack.most_mm) + " mm)";
  return "its slices lie from " + number(stack.least_mm) + " to " + number(stack.most_mm) + " mm apart";
}

}  // namespace

Result<bool> is_dicom_folder(const fs::path& folder) {
  ACESO_TRY(const Listing found, list(folder));
  if (found.dicom.empty()) return false;
  if (found.others > 0)
    return Error{Code::invalid, "the folder holds " + std::to_string(found.dicom.size()) + " DICOM files and " +
                                    std::to_string(found.others) +
                                    " pictures of other formats: import each from a folder of its own"};
  return true;
}

Status check_dicom_options(const DicomOptions& options) {
  if (!options.values.empty() && options.values != "modality" && options.values != "display")
    return Error{Code::invalid, "values: modality or display"};
  const bool window = options.window_width != 0;
  if (!std::isfinite(options.window_center) || !std::isfinite(options.window_width) ||
      (window && options.window_width < 1))
    return Error{Code::invalid, "window: a centre and a width of at least 1 are expected"};
  if (window && options.values == "modality")
    return Error{Code::invalid, "window: modality values are not windowed; leave values out or choose display"};
  return {};
}

Json to_json(const DicomOptions& o) {
  return Json{{"values", o.values},
              {"window_center", o.window_center},
              {"window_width", o.window_width},
              {"keep_gaps", o.keep_gaps},
              {"key_table", o.key_table.string()}};
}

Result<DicomOptions> parse_dicom_options(const Json& json) {
  DicomOptions o;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "dicom"));
  ACESO_TRY(o.values, reader.text_or("values", 16, {}));
  ACESO_TRY(o.window_center, reader.number_or("window_center", 0, -1e6, 1e6));
  ACESO_TRY(o.window_width, reader.number_or("window_width", 0, 0, 1e6));
  ACESO_TRY(o.keep_gaps, reader.boolean_or("keep_gaps", false));
  ACESO_TRY(o.key_table, reader.text_or("key_table", 4096, {}));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY_OK(check_dicom_options(o));
  return o;
}

Result<std::unique_ptr<DicomSource>> DicomSource::open(const fs::path& folder, const learn::ImportOptions& options,
                                                       const DicomOptions& how, const Pseudonyms& pseudonyms,
                                                       ProgressSink& progress, const std::stop_token& stop) {
  if (!options.kind.empty() && options.kind != "image" && options.kind != "volume")
    return Error{Code::invalid, "kind: DICOM files give images or volumes"};
  std::unique_ptr<DicomSource> source{new DicomSource{folder, how, pseudonyms}};
  ACESO_TRY_OK(source->read_table(options));
  const bool by_series = source->table_ && source->table_->key_column == "series_instance_uid";
  source->kind = !options.kind.empty() ? options.kind : by_series ? "volume" : "image";
  ACESO_TRY_OK(source->read_heads(progress, stop));
  ACESO_TRY_OK(source->choose(options));
  source->note();
  return source;
}

Status DicomSource::read_table(const learn::ImportOptions& options) {
  if (options.labels_csv.empty()) return {};
  std::error_code ignored;
  const fs::path inside = root_ / options.labels_csv;
  ACESO_TRY(table_,
            learn::read_label_table(fs::exists(inside, ignored) ? inside : fs::path{options.labels_csv}, kKeyColumns));
  const std::string purpose = table_->key_column == "sop_instance_uid" ? "instance" : "series";
  for (const learn::LabelRow& row : table_->rows) {
    std::string key = table_->key_column == "path" ? fs::path{row.key}.lexically_normal().generic_string()
                                                   : pseudonyms_.of(purpose, row.key);
    while (key.ends_with('/')) key.pop_back();
    if (key.empty())
      return Error{Code::invalid,
                   "table of labels, line " + std::to_string(row.line) + ": the " + table_->key_column + " is empty"};
    const auto [first, added] = rows_.try_emplace(std::move(key), &row);
    if (!added)
      return Error{Code::invalid, "table of labels, line " + std::to_string(row.line) + ": the same " +
                                      table_->key_column + " as in line " + std::to_string(first->second->line)};
  }
  return {};
}

Status DicomSource::read_heads(ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY(Listing found, list(root_));
  for (const fs::path& link : found.links) {
    set_aside.push_back({"file-" + pseudonyms_.of("path", link.generic_string()), "symbolic link"});
    key_.emplace_back(set_aside.back().id, link);
  }
  std::set<std::string> instances;
  for (std::size_t i = 0; i < found.dicom.size(); ++i) {
    if (stop.stop_requested()) return Error{Code::cancelled, "import cancelled"};
    if (i % 64 == 0) progress.update(headers_update(i, found.dicom.size()));
    File file;
    file.path = found.dicom[i];
    file.id = "file-" + pseudonyms_.of("path", file.path.generic_string());
    const auto map = MappedFile::open(root_ / file.path);
    Result<DicomImage> image = Error{Code::invalid, "the file cannot be read"};
    if (map) image = read_dicom_image(map->bytes(), pseudonyms_, kind == "volume");
    files_.push_back(std::move(file));
    File& kept = files_.back();
    Status good = image ? Status{} : Status{std::move(image).error()};
    if (image) {
      kept.image = *std::move(image);
      if (!kept.image.instance.empty() && !instances.insert(kept.image.instance).second)
        good = Error{Code::invalid, "another file holds the same SOP instance"};
    }
    if (!good) {
      aside(kept.id, good.error().message(), {files_.size() - 1});
      files_.pop_back();
      continue;
    }
    if (!kept.image.instance.empty()) kept.id = "image-" + kept.image.instance;
    kept.group = kept.image.patient;
    if (kept.group.empty()) {
      ++without_patient_;
      if (!kept.image.study.empty()) kept.group = "study-" + kept.image.study;
    }
    table_ ? label_by_table(kept) : label_by_folder(kept);
  }
  return {};
}

// CLASS/..., or train/CLASS/... as in folders of pictures.
void DicomSource::label_by_folder(File& file) const {
  std::vector<std::string> parts;
  for (const auto& part : file.path) parts.push_back(part.string());
  const auto split = parts.size() > 2 ? learn::split_named(parts[0]) : std::nullopt;
  if (split) file.split = *split;
  const std::size_t at = split ? 1 : 0;
  if (parts.size() > at + 1) file.label = parts[at];
}

void DicomSource::label_by_table(File& file) {
  const auto find = [&](const std::string& key) {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : found->second;
  };
  if (table_->key_column == "path") {
    for (fs::path path = file.path; !path.empty() && file.row == nullptr; path = path.parent_path())
      file.row = find(path.generic_string());
    if (file.row == nullptr) file.row = find(".");
  } else {
    file.row = find(table_->key_column == "sop_instance_uid" ? file.image.instance : file.image.series);
  }
  if (file.row == nullptr) return;
  used_.insert(file.row);
  file.label = file.row->label;
  file.split = file.row->split;
  if (!file.row->patient.empty()) file.group = pseudonyms_.of("patient", file.row->patient);
}

Status DicomSource::choose(const learn::ImportOptions& options) {
  std::vector<std::string> names;
  if (table_) {
    for (const learn::LabelRow& row : table_->rows) {
      if (!row.label.empty()) names.push_back(row.label);
    }
  } else {
    for (const File& file : files_) {
      if (!file.label.empty()) names.push_back(file.label);
    }
  }
  ACESO_TRY(classes, learn::class_names(options.classes, names));
  for (const std::string& name : names) {
    if (std::find(classes.begin(), classes.end(), name) == classes.end())
      return Error{Code::invalid, table_ ? "table of labels: a label is none of the classes named"
                                         : "a class folder is none of the classes named"};
  }
  choose_values();
  kind == "volume" ? add_volumes() : add_images();
  if (!table_) return {};
  for (const learn::LabelRow& row : table_->rows) {
    if (!used_.contains(&row))
      set_aside.push_back({"line-" + std::to_string(row.line),
                           "no readable image of the folder has the " + table_->key_column + " of this line"});
  }
  return {};
}

// One number type for all: modality values where they are measurements, else pictures as they are looked at.
void DicomSource::choose_values() {
  const auto measured = [](const File& file) {
    const std::string& m = file.image.modality;
    return file.image.grey() && (m == "CT" || m == "MR" || m == "PT" || m == "NM");
  };
  if (how_.values.empty()) {
    const bool all = std::all_of(files_.begin(), files_.end(), measured);
    how_.values = all && how_.window_width == 0 ? "modality" : "display";
  }
  if (how_.values == "display") {
    dtype = learn::DType::u8;
    return;
  }
  const bool whole = std::all_of(files_.begin(), files_.end(),
                                 [](const File& file) { return !file.image.grey() || file.image.fits_int16; });
  dtype = whole ? learn::DType::i16 : learn::DType::f32;
}

Result<int> DicomSource::label_of(const std::string& label) const {
  if (label.empty() && !table_ && !how_.unlabelled) return Error{Code::invalid, "lies in no class folder"};
  const auto found = std::find(classes.begin(), classes.end(), label);
  return found == classes.end() ? -1 : static_cast<int>(found - classes.begin());
}

void DicomSource::add(learn::SourceItem item, const std::string& label, Volume volume) {
  std::vector<std::size_t> of;
  for (const FramePlace& place : volume.frames) {
    if (of.empty() || of.back() != place.file) of.push_back(place.file);
  }
  const Result<int> known = label_of(label);
  if (!known) return aside(item.id, known.error().message(), of);
  item.label = *known;
  for (const std::size_t file : of) key_.emplace_back(item.id, files_[file].path);
  items.push_back(std::move(item));
  samples_.push_back(std::move(volume));
}

void DicomSource::add_images() {
  for (std::size_t f = 0; f < files_.size(); ++f) {
    const File& file = files_[f];
    if (table_ && file.row == nullptr) {
      ++unlisted_;
      continue;
    }
    if (how_.values == "modality" && !file.image.grey()) {
      aside(file.id, "colour or inverted (MONOCHROME1): modality values cannot be compared; import as display", {f});
      continue;
    }
    if (file.image.format.photometric == dicom::Photometric::monochrome1) ++monochrome1_;
    for (std::uint32_t frame = 0; frame < file.image.format.frames; ++frame) {
      const std::string suffix = file.image.format.frames > 1 ? "-frame-" + std::to_string(frame + 1) : "";
      add({file.id + suffix, -1, file.group, file.split}, file.label,
          {{{f, frame}}, {}, file.image.spacing_mm.value_or(std::array<double, 2>{})});
    }
  }
}

void DicomSource::add_volumes() {
  std::map<std::string, std::vector<std::size_t>> series;
  for (std::size_t f = 0; f < files_.size(); ++f) {
    const std::string& id = files_[f].image.series;
    series[id.empty() ? files_[f].id : "series-" + id].push_back(f);
  }
  for (const auto& [id, of] : series) {
    if (table_ && std::all_of(of.begin(), of.end(), [&](std::size_t f) { return files_[f].row == nullptr; })) {
      unlisted_ += of.size();
      continue;
    }
    const File* told = nullptr;
    for (const std::size_t f : of) {
      if (told == nullptr && (!table_ || files_[f].row != nullptr)) told = &files_[f];
    }
    const bool one_label = std::all_of(of.begin(), of.end(), [&](std::size_t f) {
      return (table_ && files_[f].row == nullptr) || (files_[f].label == told->label && files_[f].split == told->split);
    });
    const bool one_patient = std::all_of(of.begin(), of.end(), [&](std::size_t f) {
      return (table_ && files_[f].row == nullptr) || files_[f].group == told->group;
    });
    Result<Volume> volume = make_volume(of);
    if (!one_label) volume = Error{Code::invalid, "its slices have several labels or splits"};
    if (!one_patient) volume = Error{Code::invalid, "its slices are of several patients"};
    if (!volume) {
      aside(id, volume.error().message(), of);
      continue;
    }
    if (!volume->stack.even()) warnings.push_back(id + " was kept although " + uneven(volume->stack));
    add({id, -1, told->group, told->split}, told->label, *std::move(volume));
  }
}

Result<DicomSource::Volume> DicomSource::make_volume(const std::vector<std::size_t>& of) const {
  Volume volume;
  std::vector<dicom::Plane> planes;
  const DicomImage& first = files_[of.front()].image;
  if (!first.spacing_mm) return Error{Code::invalid, "its slices have no pixel spacing (0028,0030)"};
  volume.spacing_mm = *first.spacing_mm;
  for (const std::size_t f : of) {
    const DicomImage& image = files_[f].image;
    if (image.format.rows != first.format.rows || image.format.columns != first.format.columns)
      return Error{Code::invalid, "its slices differ in size"};
    const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-3 * b; };
    if (!image.spacing_mm || !close((*image.spacing_mm)[0], volume.spacing_mm[0]) ||
        !close((*image.spacing_mm)[1], volume.spacing_mm[1]))
      return Error{Code::invalid, "its slices differ in pixel spacing"};
    if (!image.grey()) return Error{Code::unsupported, "its slices are no grey MONOCHROME2 images"};
    for (std::uint32_t frame = 0; frame < image.format.frames; ++frame) {
      if (!image.planes[frame])
        return Error{Code::invalid, "a slice has no position (0020,0032) or orientation (0020,0037) in the patient"};
      planes.push_back(*image.planes[frame]);
      volume.frames.push_back({f, frame});
    }
  }
  const std::uint64_t bytes = std::uint64_t{first.format.rows} * first.format.columns * planes.size() * size_of(dtype);
  if (bytes > kMaxVolume) return Error{Code::too_large, "a volume of more than 2 GiB"};
  ACESO_TRY(volume.stack, dicom::stack_planes(planes));
  if (!volume.stack.even() && !how_.keep_gaps) return Error{Code::invalid, uneven(volume.stack)};
  return volume;
}

void DicomSource::aside(std::string id, std::string reason, const std::vector<std::size_t>& of) {
  for (const std::size_t file : of) key_.emplace_back(id, files_[file].path);
  set_aside.push_back({std::move(id), std::move(reason)});
}

void DicomSource::note() {
  if (how_.values == "modality") {
    preprocessing.push_back("DICOM: modality values (rescale slope and intercept, or modality LUT) as " +
                            std::string{to_string(dtype)});
  } else {
    preprocessing.push_back(
        "DICOM: 8 bits as looked at, " +
        (how_.window_width > 0 ? "window centre " + number(how_.window_center) + ", width " + number(how_.window_width)
                               : std::string{"each image by its first window, its VOI LUT or its own range"}) +
        "; MONOCHROME1 inverted, palettes and colour models turned to RGB");
  }
  if (kind == "volume")
    preprocessing.emplace_back(
        "DICOM: the slices of a series ordered by position; axes turned to x left, y back, z head");
  preprocessing.emplace_back("ids and groups: keyed hashes of DICOM identifiers, made on the node that imported");
  if (monochrome1_ > 0) warnings.push_back(std::to_string(monochrome1_) + " images are MONOCHROME1 and were inverted");
  if (without_patient_ > 0)
    warnings.push_back(std::to_string(without_patient_) +
                       " files have no patient id (0010,0020): each study counts as a patient");
  if (unlisted_ > 0)
    warnings.push_back(std::to_string(unlisted_) + " DICOM files are not in the table of labels and were left out");
  std::set<std::string> groups;
  for (const auto& item : items) groups.insert(item.group);
  if (groups.size() == 1 && items.size() > 1)
    warnings.emplace_back("all samples are of one patient: no split by patient is possible");
}

std::string DicomSource::key_table() const {
  std::string out = "id,path\n";
  for (const auto& [id, path] : key_) out += csv_field(id) + "," + csv_field(path.generic_string()) + "\n";
  return out;
}

Result<learn::Array> DicomSource::load_frame(FramePlace place, const std::optional<dicom::Window>& window) {
  const File& file = files_[place.file];
  ACESO_TRY(const DicomFrames::Opened* opened, reader_.open(file.path));
  const dicom::Dataset& d = opened->object.dataset;
  ACESO_TRY(const dicom::Frame frame, dicom::decode_frame(opened->object, opened->file.bytes(), place.frame));
  if (frame.rows != file.image.format.rows || frame.columns != file.image.format.columns)
    return Error{Code::invalid, "the pixels have another size than the attributes say"};
  learn::Array array;
  array.dtype = dtype;
  array.shape = {frame.rows, frame.columns, 1};
  if (how_.values == "display") {
    ACESO_TRY(imaging::Image image, dicom::render_frame(d, frame, place.frame, {.window = window}));
    array.shape.back() = image.channels;
    array.data = std::move(image.pixels);
    return array;
  }
  ACESO_TRY(const std::vector<float> values, dicom::modality_values(d, frame, place.frame));
  if (dtype == learn::DType::i16) {
    const bool fits = std::all_of(values.begin(), values.end(),
                                  [](float v) { return v >= -32768.0F && v <= 32767.0F && v == std::floor(v); });
    if (!fits) return Error{Code::invalid, "a frame's modality values are no whole numbers of 16 bits"};
    array.data = as<std::int16_t>(values);
  } else {
    array.data = as<float>(values);
  }
  return array;
}

Result<learn::Array> DicomSource::load_volume(const Volume& volume) {
  std::optional<dicom::Window> window;
  if (how_.window_width > 0) window = dicom::Window{how_.window_center, how_.window_width, dicom::VoiFunction::linear};
  if (how_.values == "display" && !window) {  // one window for all slices: that of the lowest
    const FramePlace lowest = volume.frames[volume.stack.order.front()];
    ACESO_TRY(const DicomFrames::Opened* opened, reader_.open(files_[lowest.file].path));
    const auto own = dicom::windows(opened->object.dataset, lowest.frame);
    if (own.empty()) return Error{Code::invalid, "has no window of its own: give one, or choose modality values"};
    window = own.front();
  }
  const dicom::PixelFormat& format = files_[volume.frames.front().file].image.format;
  const std::array<std::size_t, 3> from{volume.frames.size(), format.rows, format.columns};
  const std::size_t width = size_of(dtype);
  const auto& [axis, flipped] = std::tie(volume.stack.axis, volume.stack.flipped);
  std::array<std::size_t, 3> sizes{}, strides{}, step{};  // of the turned volume; step: by axis of the slices
  for (std::size_t a = 0; a < 3; ++a) sizes[a] = from[axis[a]];
  strides = {sizes[1] * sizes[2], sizes[2], 1};
  for (std::size_t a = 0; a < 3; ++a) step[axis[a]] = strides[a];
  learn::Array array;
  array.dtype = dtype;
  for (const std::size_t size : sizes) array.shape.push_back(static_cast<std::int64_t>(size));
  array.shape.push_back(1);
  array.data.resize(from[0] * from[1] * from[2] * width);
  std::array<bool, 3> backwards{};
  for (std::size_t a = 0; a < 3; ++a) backwards[axis[a]] = flipped[a];
  const auto place = [&](std::size_t source_axis, std::size_t i) {
    return (backwards[source_axis] ? from[source_axis] - 1 - i : i) * step[source_axis];
  };
  for (std::size_t s = 0; s < from[0]; ++s) {
    ACESO_TRY(const learn::Array slice, load_frame(volume.frames[volume.stack.order[s]], window));
    if (slice.data.size() != from[1] * from[2] * width) return Error{Code::invalid, "a slice has another size"};
    for (std::size_t r = 0; r < from[1]; ++r) {
      const std::size_t base = place(0, s) + place(1, r);
      const std::byte* row = slice.data.data() + r * from[2] * width;
      for (std::size_t c = 0; c < from[2]; ++c)
        std::memcpy(array.data.data() + (base + place(2, c)) * width, row + c * width, width);
    }
  }
  return array;
}

Result<learn::SourceSample> DicomSource::load(std::size_t index) {
  const Volume& volume = samples_[index];
  learn::SourceSample sample;
  if (kind == "volume") {
    ACESO_TRY(sample.array, load_volume(volume));
    const std::array<double, 3> spacing{volume.stack.spacing_mm, volume.spacing_mm[0], volume.spacing_mm[1]};
    for (std::size_t a = 0; a < 3; ++a) sample.spacing_mm.push_back(spacing[volume.stack.axis[a]]);
    return sample;
  }
  std::optional<dicom::Window> window;
  if (how_.window_width > 0) window = dicom::Window{how_.window_center, how_.window_width, dicom::VoiFunction::linear};
  ACESO_TRY(sample.array, load_frame(volume.frames.front(), window));
  if (volume.spacing_mm[0] > 0) sample.spacing_mm.assign(volume.spacing_mm.begin(), volume.spacing_mm.end());
  ACESO_TRY_OK(add_drawn(files_[volume.frames.front().file].path, sample));
  return sample;
}

Status DicomSource::add_drawn(const fs::path& path, learn::SourceSample& sample) const {
  if (drawn_ == nullptr) return {};
  const auto found = drawn_->find(path.generic_string());
  if (found == drawn_->end()) return {};
  const DrawnSample& drawn = found->second;
  if (sample.array.shape[0] != drawn.rows || sample.array.shape[1] != drawn.columns)
    return Error{Code::invalid, "what was drawn is of an image of another size"};
  sample.boxes = drawn.boxes;
  if (drawn.has_mask) sample.mask = mask_of(drawn);
  return {};
}

}  // namespace aceso::models
