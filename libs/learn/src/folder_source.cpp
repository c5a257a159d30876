#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/imaging/image.hpp"
#include "csv.hpp"
#include "manifest_json.hpp"
#include "sample_source.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxImageFile = std::uint64_t{256} << 20;
constexpr std::uint64_t kMaxCsv = std::uint64_t{256} << 20;

bool is_image_name(const fs::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg";
}

std::optional<Split> split_named(std::string_view name) {
  if (name == "train" || name == "training") return Split::train;
  if (name == "val" || name == "valid" || name == "validation") return Split::validation;
  if (name == "test" || name == "testing") return Split::test;
  return std::nullopt;
}

class FolderSource final : public SampleSource {
 public:
  explicit FolderSource(fs::path root) : root_{std::move(root)} {}

  Result<SourceSample> load(std::size_t index) override {
    auto bytes = read_file(files_[index], kMaxImageFile);
    if (!bytes)
      return Error{bytes.error().code(),
                   bytes.error().code() == Code::too_large ? "file larger than 256 MiB" : "file cannot be read"};
    auto image = imaging::decode_image(*bytes);
    if (!image) return Error{image.error().code(), "undecodable " + image.error().message()};
    ACESO_TRY(Array array, to_array(*std::move(image)));
    return SourceSample{std::move(array), std::nullopt, {}, {}};
  }

  Status from_folders(const ImportOptions& options) {
    ACESO_TRY(const auto found, list_images());
    std::set<std::string> names;
    std::vector<std::pair<fs::path, SourceItem>> pending;
    for (const fs::path& file : found) {
      std::vector<std::string> parts;
      for (const auto& part : file) parts.push_back(part.string());
      SourceItem item;
      item.id = file.generic_string();
      const auto split = parts.size() > 2 ? split_named(parts[0]) : std::nullopt;
      if (split) item.split = *split;
      const std::size_t at = split ? 1 : 0;
      if (parts.size() < at + 2) {
        set_aside.push_back({item.id, "lies in no class folder"});
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
      add(root_ / file, std::move(item));
    }
    return look_for_16_bits();
  }

  Status from_csv(const ImportOptions& options) {
    const fs::path inside = root_ / options.labels_csv;
    auto text = read_text_file(fs::exists(inside) ? inside : fs::path{options.labels_csv}, kMaxCsv);
    if (!text) return Error{text.error().code(), "the table of labels cannot be read"};
    ACESO_TRY(const auto rows, parse_csv(*text));
    if (rows.size() < 2) return Error{Code::invalid, "the table of labels has no rows"};
    std::map<std::string, std::size_t> column;
    for (std::size_t i = 0; i < rows[0].size(); ++i) column[rows[0][i]] = i;
    if (!column.contains("path") || !column.contains("label"))
      return Error{Code::invalid, "the table of labels needs the columns path and label in its first line"};
    const auto cell = [&](std::size_t r, const char* name) {
      return column.contains(name) ? rows[r][column[name]] : std::string{};
    };
    std::set<std::string> names;
    for (std::size_t r = 1; r < rows.size(); ++r) {
      if (rows[r].size() != rows[0].size())
        return Error{Code::invalid, "table of labels, line " + std::to_string(r + 1) + ": " +
                                        std::to_string(rows[r].size()) + " fields, the first line has " +
                                        std::to_string(rows[0].size())};
      if (!cell(r, "label").empty()) names.insert(cell(r, "label"));
    }
    ACESO_TRY_OK(name_classes(names, options));
    for (std::size_t r = 1; r < rows.size(); ++r) {
      const std::string where = "table of labels, line " + std::to_string(r + 1) + ": ";
      SourceItem item{cell(r, "path"), label_of(cell(r, "label")), cell(r, "patient"), Split::unassigned};
      auto file = safe_join(root_, item.id);
      if (!file) return Error{Code::invalid, where + "the path leads out of the folder or is empty"};
      std::error_code ignored;
      if (!fs::is_regular_file(*file, ignored)) return Error{Code::invalid, where + "no such file"};
      if (item.label < 0 && !cell(r, "label").empty())
        return Error{Code::invalid, where + "the label is none of the classes named"};
      if (const std::string split = cell(r, "split"); !split.empty()) {
        const auto known = split_named(split);
        if (!known) return Error{Code::invalid, where + "split must be train, val or test"};
        item.split = *known;
      }
      add(*std::move(file), std::move(item));
    }
    return look_for_16_bits();
  }

 private:
  Result<std::vector<fs::path>> list_images() {
    std::vector<fs::path> found;
    std::error_code failure;
    for (fs::recursive_directory_iterator it{root_, failure}, end; !failure && it != end; it.increment(failure)) {
      const fs::path relative = it->path().lexically_relative(root_);
      std::error_code ignored;
      if (it->is_symlink(ignored)) {
        if (is_image_name(relative)) set_aside.push_back({relative.generic_string(), "symbolic link"});
      } else if (it->is_regular_file(ignored) && is_image_name(relative)) {
        found.push_back(relative);
        if (found.size() > kMaxSamples) return Error{Code::too_large, "more than 5000000 images"};
      }
    }
    if (failure) return Error{Code::invalid, "the folder cannot be read: " + failure.message()};
    if (found.empty()) return Error{Code::invalid, "no .png, .jpg or .jpeg file in the folder"};
    std::sort(found.begin(), found.end());
    return found;
  }

  Status name_classes(const std::set<std::string>& names, const ImportOptions& options) {
    classes = options.classes.empty() ? std::vector<std::string>{names.begin(), names.end()} : options.classes;
    if (classes.size() > 10'000) return Error{Code::invalid, "more than 10000 different labels: these are no classes"};
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

  // One 16-bit PNG makes the whole set 16-bit: 8-bit values then count 257-fold, as in PNG's own rule.
  Status look_for_16_bits() {
    constexpr std::size_t kDepthAt = 24;
    for (const fs::path& file : files_) {
      auto map = MappedFile::open(file);
      if (!map || map->bytes().size() <= kDepthAt || imaging::detect_format(map->bytes()) != imaging::ImageFormat::png)
        continue;
      if (map->bytes()[kDepthAt] == std::byte{16}) {
        dtype = DType::u16;
        break;
      }
    }
    return {};
  }

  Result<Array> to_array(imaging::Image image) const {
    const std::size_t keep = image.channels >= 3 ? 3 : 1;  // opacity is no measurement
    const auto channels = static_cast<std::size_t>(image.channels);
    Array array;
    array.dtype = dtype;
    array.shape = {image.height, image.width, static_cast<std::int64_t>(keep)};
    const std::size_t pixels = static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
    if (image.bits == 8 && dtype == DType::u8 && keep == channels) {
      array.data = std::move(image.pixels);
      return array;
    }
    if (image.bits == 16 && dtype == DType::u8) return Error{Code::internal, "16-bit image among 8-bit ones"};
    array.data.resize(pixels * keep * size_of(dtype));
    for (std::size_t i = 0; i < pixels; ++i) {
      for (std::size_t c = 0; c < keep; ++c) {
        const std::size_t from = i * channels + c;
        const std::size_t to = i * keep + c;
        if (dtype == DType::u8) {
          array.data[to] = image.pixels[from];
        } else if (image.bits == 16) {
          std::memcpy(&array.data[to * 2], &image.pixels[from * 2], 2);
        } else {
          array.data[to * 2] = array.data[to * 2 + 1] = image.pixels[from];
        }
      }
    }
    return array;
  }

  fs::path root_;
  std::vector<fs::path> files_;
};

}  // namespace

Result<std::unique_ptr<SampleSource>> open_folder_source(const fs::path& folder, const ImportOptions& options) {
  auto source = std::make_unique<FolderSource>(folder);
  ACESO_TRY_OK(options.labels_csv.empty() ? source->from_folders(options) : source->from_csv(options));
  return std::unique_ptr<SampleSource>{std::move(source)};
}

}  // namespace aceso::learn
