#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "sources.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMaxChannels = 4;

struct Part {
  std::string name;  // prefix of the ids
  Split split = Split::unassigned;
  const Array* x = nullptr;
  const Array* y = nullptr;
  const Array* group = nullptr;
  const Array* masks = nullptr;       // uint8, the images' shape without channels
  const Array* boxes = nullptr;       // [N, 2 * axes] or [N, M, 2 * axes]: low corner, high corner; high = low: none
  const Array* spacing = nullptr;     // [N, axes]: millimetres from one pixel or voxel to the next
  const Array* box_labels = nullptr;  // [N] or [N, M]: classes of the boxes; absent: the sample's
};

const Array* find(const NamedArrays& arrays, std::string_view key) {
  const auto found = arrays.find(key);
  return found == arrays.end() ? nullptr : &found->second;
}

Result<std::vector<Part>> find_parts(const NamedArrays& arrays) {
  std::vector<Part> parts;
  const std::vector<std::pair<const char*, Split>> splits{
      {"train", Split::train}, {"val", Split::validation}, {"test", Split::test}};
  for (const auto& [prefix, split] : splits) {
    const std::string p = prefix;
    const Part part{p,
                    split,
                    find(arrays, p + "_images"),
                    find(arrays, p + "_labels"),
                    find(arrays, p + "_group"),
                    find(arrays, p + "_masks"),
                    find(arrays, p + "_boxes"),
                    find(arrays, p + "_spacing"),
                    find(arrays, p + "_box_labels")};
    if (part.x == nullptr && part.y == nullptr) continue;
    if (part.x == nullptr || part.y == nullptr) {
      return Error{Code::invalid,
                   std::string{"there is only one of "}.append(p).append("_images and ").append(p).append("_labels")};
    }
    parts.push_back(part);
  }
  if (!parts.empty()) return parts;
  for (const auto& [x, y] : {std::pair{"X", "y"}, std::pair{"images", "labels"}}) {
    const Part part{"",
                    Split::unassigned,
                    find(arrays, x),
                    find(arrays, y),
                    find(arrays, "group"),
                    find(arrays, "masks"),
                    find(arrays, "boxes"),
                    find(arrays, "spacing"),
                    find(arrays, "box_labels")};
    if (part.x != nullptr && part.y != nullptr) return std::vector<Part>{part};
    if (part.x != nullptr)
      return Error{Code::invalid, "key \"" + std::string{x} + "\" is there, its labels \"" + y + "\" are not"};
  }
  std::string keys;
  for (const auto& [key, array] : arrays) keys += (keys.empty() ? "" : ", ") + key;
  return Error{Code::invalid,
               "no arrays X and y, images and labels, or train_images and train_labels; the file has " + keys};
}

Result<std::vector<std::int64_t>> whole_numbers(const Array& array, const std::string& key, std::int64_t count) {
  const bool fits =
      (array.shape.size() == 1 || (array.shape.size() == 2 && array.shape[1] == 1)) && array.shape[0] == count;
  if (!fits) {
    return Error{Code::invalid,
                 key + " must have shape [" + std::to_string(count) + "], has " + to_string(array.shape)};
  }
  std::vector<std::int64_t> values;
  bool whole = true;
  for_each_value(array.dtype, array.data, [&](double value) {
    whole = whole && std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15;
    values.push_back(whole ? static_cast<std::int64_t>(value) : 0);
  });
  if (!whole) {
    return Error{Code::invalid, key + " must hold whole numbers; row " + std::to_string(values.size()) +
                                    " or one before it does not (measured values: task regression)"};
  }
  return values;
}

// Which of the tasks `labels` are for: as asked, else told from their shape.
Result<Task> task_of_labels(const Array& labels, const std::string& key, const ImportOptions& options) {
  if (options.task) return *options.task;
  if (labels.shape.size() != 2 || labels.shape[1] < 2) return Task::classes;
  std::size_t at = 0, exclusive = 0;
  double sum = 0;
  const auto width = static_cast<std::size_t>(labels.shape[1]);
  for_each_value(labels.dtype, labels.data, [&](double value) {
    sum += value;
    if (++at % width != 0) return;
    exclusive += sum == 1 ? 1U : 0U;
    sum = 0;
  });
  if (at > 0 && exclusive == at / width) {
    return Error{Code::invalid,
                 key + " holds exactly one 1 in each row: classes are given as whole numbers [N]; if they are " +
                     "labels of which several can hold, say so with task multi_label"};
  }
  return Task::multi_label;
}

// Rows of several labels (1, 0, -1 or NaN) or of one number, as Sample has them.
Result<std::vector<std::vector<double>>> target_rows(const Array& array, const std::string& key, std::int64_t count,
                                                     Task task) {
  constexpr std::int64_t kMaxLabels = 1000;
  const Shape& shape = array.shape;
  const bool several = task == Task::multi_label;
  const bool fits = !shape.empty() && shape[0] == count &&
                    (several ? shape.size() == 2 && shape[1] >= 2 && shape[1] <= kMaxLabels
                             : shape.size() == 1 || (shape.size() == 2 && shape[1] == 1));
  if (!fits) {
    return Error{Code::invalid, key + " must have shape [" + std::to_string(count) +
                                    (several ? ", labels] with 2 to 1000 labels" : "]") + ", has " + to_string(shape)};
  }
  const auto width = static_cast<std::size_t>(several ? shape[1] : 1);
  std::vector<std::vector<double>> rows;
  std::size_t at = 0, wrong = 0;
  for_each_value(array.dtype, array.data, [&](double value) {
    if (at++ % width == 0) rows.emplace_back();
    const bool missing = std::isnan(value) || (several && value == -1);
    if (wrong == 0 && !missing && (several ? value != 0 && value != 1 : std::isinf(value))) wrong = rows.size();
    rows.back().push_back(missing ? std::nan("") : value);
  });
  if (wrong > 0) {
    return Error{Code::invalid,
                 key + ", row " + std::to_string(wrong) +
                     (several ? ": labels are 1, 0 and, where it is not known, -1 or NaN" : ": not finite")};
  }
  if (!several) {
    for (auto& row : rows) {
      if (std::isnan(row.front())) row.clear();
    }
  }
  return rows;
}

Result<std::string> kind_of(const Part& part, const ImportOptions& options) {
  const Shape& shape = part.x->shape;
  if (shape.size() < 2 || shape.size() > 5)
    return Error{Code::invalid, "samples must have 1 to 4 dimensions, the array is " + to_string(shape)};
  if (!options.kind.empty()) {
    const std::map<std::string, std::pair<std::size_t, std::size_t>, std::less<>> dimensions{
        {"image", {3, 4}}, {"volume", {4, 5}}, {"signal", {2, 3}}, {"table", {2, 2}}};
    const auto [least, most] = dimensions.at(options.kind);
    if (shape.size() < least || shape.size() > most) {
      return Error{Code::invalid,
                   "an array of shape " + to_string(shape) + " holds no samples of kind " + options.kind};
    }
    return options.kind;
  }
  if (shape.size() == 2) return std::string{"table"};
  if (shape.size() == 5 || (shape.size() == 4 && shape[3] > kMaxChannels)) return std::string{"volume"};
  const bool medmnist = !part.name.empty();
  const bool integers = part.x->dtype == DType::u8 || part.x->dtype == DType::u16;
  if (shape.size() == 4 || medmnist || integers) return std::string{"image"};
  return std::string{"signal"};
}

Array empty_row(const Array& array) {
  Array out;
  out.dtype = array.dtype;
  out.shape.assign(array.shape.begin() + 1, array.shape.end());
  return out;
}

Array row_of(const Array& array, std::size_t row) {
  Array out = empty_row(array);
  const std::size_t bytes = array.data.size() / static_cast<std::size_t>(array.shape[0]);
  const auto from = array.data.begin() + static_cast<std::ptrdiff_t>(row * bytes);
  out.data.assign(from, from + static_cast<std::ptrdiff_t>(bytes));
  return out;
}

class ArraySource final : public SampleSource {
 public:
  Result<SourceSample> load(std::size_t index) override {
    const auto& [p, row] = places_[index];
    const Part& part = parts_[p];
    SourceSample sample;
    if (RowReader* const rows = readers_[p]; rows != nullptr) {
      sample.array = empty_row(*part.x);
      ACESO_TRY(const std::int64_t count, element_count(sample.array.shape));
      sample.array.data.resize(static_cast<std::size_t>(count) * size_of(sample.array.dtype));
      ACESO_TRY_OK(rows->next(sample.array.data));
    } else {
      sample.array = row_of(*part.x, row);
    }
    if ((kind == "image" && sample.array.shape.size() == 2) || (kind == "volume" && sample.array.shape.size() == 3))
      sample.array.shape.push_back(1);
    if (part.masks != nullptr) sample.mask = row_of(*part.masks, row);
    if (part.spacing != nullptr) {
      const Array spacing = row_of(*part.spacing, row);
      for_each_value(spacing.dtype, spacing.data, [&](double value) { sample.spacing_mm.push_back(value); });
    }
    if (part.boxes != nullptr) sample.boxes = boxes_of(p, row, items[index].label);
    return sample;
  }

  Status finish() override {
    for (RowReader* const rows : readers_) {
      if (rows != nullptr) ACESO_TRY_OK(rows->finish());
    }
    return {};
  }

  Status fill(std::vector<Part> parts, std::vector<RowReader*> readers, const ImportOptions& options) {
    parts_ = std::move(parts);
    readers_ = std::move(readers);
    dtype = parts_.front().x->dtype;
    ACESO_TRY(kind, kind_of(parts_.front(), options));
    ACESO_TRY(task, task_of_labels(*parts_.front().y,
                                   parts_.front().name.empty() ? "y" : parts_.front().name + "_labels", options));
    std::set<std::int64_t> seen;
    std::vector<std::vector<std::int64_t>> labels;
    std::vector<std::vector<std::vector<double>>> targets(parts_.size());
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const Part& part = parts_[p];
      const std::string prefix = part.name.empty() ? "" : part.name + "_";
      const Shape& shape = part.x->shape;
      if (part.x->dtype != dtype || shape.size() != parts_[0].x->shape.size())
        return Error{Code::invalid, prefix + "images differ in number type or dimensions from the first split"};
      const bool channels_last = (kind == "image" && shape.size() == 4) || (kind == "volume" && shape.size() == 5);
      if (channels_last && shape.back() > kMaxChannels) {
        return Error{Code::unsupported,
                     kind + "s of shape " + to_string(shape) + ": 1 to 4 channels, which come last, are read"};
      }
      const std::int64_t count = shape[0];
      if (const auto total = element_count(shape); !total || (*total == 0 && count != 0))
        return Error{Code::invalid, prefix + "samples of shape " + to_string(shape) + " are empty"};
      ACESO_TRY_OK(check_outlines(part, prefix));
      if (task != Task::classes) {
        ACESO_TRY(targets[p], target_rows(*part.y, prefix + "labels", count, task));
        labels.emplace_back(static_cast<std::size_t>(count), 0);
        continue;
      }
      ACESO_TRY(auto values, whole_numbers(*part.y, prefix + "labels", count));
      seen.insert(values.begin(), values.end());
      labels.push_back(std::move(values));
    }
    ACESO_TRY_OK(read_box_labels(seen));
    if (seen.size() > 10'000) return Error{Code::invalid, "more than 10000 different labels: these are no classes"};
    ACESO_TRY_OK(task == Task::classes ? name_classes(seen, options) : name_targets(options));
    ACESO_TRY_OK(name_box_labels());
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const std::size_t first = items.size();
      ACESO_TRY_OK(add_items(p, labels[p], options));
      for (std::size_t i = first; i < items.size() && task != Task::classes; ++i) {
        items[i].label = -1;
        items[i].targets = std::move(targets[p][i - first]);
      }
    }
    return {};
  }

 private:
  // Of one row the boxes that there are, of `label` where they have none of their own.
  std::vector<Box> boxes_of(std::size_t p, std::size_t row, int label) const {
    const Array corners = row_of(*parts_[p].boxes, row);
    const auto axes = static_cast<std::size_t>(corners.shape.back()) / 2;
    std::vector<double> values;
    for_each_value(corners.dtype, corners.data, [&](double value) { values.push_back(value); });
    const std::size_t most = values.size() / (2 * axes);
    std::vector<Box> boxes;
    for (std::size_t m = 0; m < most; ++m) {
      const auto low = values.begin() + static_cast<std::ptrdiff_t>(2 * axes * m),
                 high = low + static_cast<std::ptrdiff_t>(axes), end = high + static_cast<std::ptrdiff_t>(axes);
      if (std::equal(low, high, high)) continue;
      Box box{label, {low, high}, {high, end}};
      if (!box_labels_[p].empty()) box.label = static_cast<int>(box_labels_[p][row * most + m]);
      boxes.push_back(std::move(box));
    }
    return boxes;
  }

  // Boxes that do not lie in their image, and such as have no inside, are errors of whoever wrote them.
  Status check_boxes(const Part& part, const std::string& prefix, std::size_t axes) const {
    constexpr std::int64_t kMostBoxes = 10'000;  // as a manifest holds
    const Shape& shape = part.boxes->shape;
    const auto width = static_cast<std::int64_t>(2 * axes);
    const bool fits = (shape.size() == 2 || shape.size() == 3) && shape.front() == part.x->shape.front() &&
                      shape.back() == width && (shape.size() == 2 || (shape[1] >= 1 && shape[1] <= kMostBoxes));
    if (!fits) {
      return Error{Code::invalid, prefix + "boxes must have shape [" + std::to_string(part.x->shape.front()) + "," +
                                      std::to_string(width) + "], or with up to 10000 boxes a sample in between"};
    }
    std::vector<double> values;
    for_each_value(part.boxes->dtype, part.boxes->data, [&](double value) { values.push_back(value); });
    const std::size_t per_sample = values.size() / static_cast<std::size_t>(std::max<std::int64_t>(1, shape.front()));
    for (std::size_t at = 0; at < values.size(); at += 2 * axes) {
      bool none = true, inside = true;
      for (std::size_t d = 0; d < axes; ++d) {
        const double low = values[at + d], high = values[at + axes + d];
        none = none && low == high;
        inside = inside && low >= 0 && low < high && high <= static_cast<double>(part.x->shape[d + 1]);
      }
      if (none || inside) continue;
      return Error{Code::invalid, prefix + "boxes: row " + std::to_string(at / per_sample) +
                                      " has a box that does not lie in its image, or has no inside (low corner, high "
                                      "corner, rows first; equal corners: none)"};
    }
    return {};
  }

  Status read_box_labels(std::set<std::int64_t>& seen) {
    for (const Part& part : parts_) {
      box_labels_.emplace_back();
      if (part.box_labels == nullptr) continue;
      const std::string key = (part.name.empty() ? "" : part.name + "_") + std::string{"box_labels"};
      if (part.boxes == nullptr) return Error{Code::invalid, key + ": there are no boxes"};
      if (task == Task::regression) return Error{Code::invalid, key + ": boxes of numbers have no class"};
      Shape shape = part.boxes->shape;
      shape.pop_back();
      if (part.box_labels->shape != shape) return Error{Code::invalid, key + " must have shape " + to_string(shape)};
      Array flat = *part.box_labels;
      ACESO_TRY(const std::int64_t count, element_count(flat.shape));
      flat.shape = {count};
      ACESO_TRY(box_labels_.back(), whole_numbers(flat, key, count));
      if (task == Task::classes) {
        std::size_t at = 0;
        std::vector<double> corners;
        for_each_value(part.boxes->dtype, part.boxes->data, [&](double value) { corners.push_back(value); });
        const auto width = static_cast<std::size_t>(part.boxes->shape.back());
        for (const std::int64_t label : box_labels_.back()) {
          const auto low = corners.begin() + static_cast<std::ptrdiff_t>(width * at++),
                     high = low + static_cast<std::ptrdiff_t>(width / 2);
          if (!std::equal(low, high, high)) seen.insert(label);
        }
      }
    }
    return {};
  }

  // From values to places among the classes.
  Status name_box_labels() {
    for (std::vector<std::int64_t>& labels : box_labels_) {
      for (std::int64_t& label : labels) {
        const auto found = std::lower_bound(values_.begin(), values_.end(), label);
        const bool known = task == Task::classes ? found != values_.end() && *found == label
                                                 : label >= 0 && label < static_cast<std::int64_t>(classes.size());
        if (task == Task::classes) label = known ? found - values_.begin() : 0;  // unknown: of a row without a box
        if (!known && task != Task::classes)
          return Error{Code::invalid, "box_labels: " + std::to_string(label) + " is none of the labels, from 0 on"};
      }
    }
    return {};
  }

  Status check_outlines(const Part& part, const std::string& prefix) const {
    if (part.masks == nullptr && part.boxes == nullptr && part.spacing == nullptr) return {};
    if (kind != "image" && kind != "volume")
      return Error{Code::invalid, prefix + "masks, boxes and spacing belong to images and volumes"};
    const std::size_t axes = kind == "image" ? 2 : 3;
    const Shape& shape = part.x->shape;
    const Shape spatial{shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axes + 1)};
    if (part.masks != nullptr && (part.masks->dtype != DType::u8 || part.masks->shape != spatial))
      return Error{Code::invalid, prefix + "masks must be uint8 of shape " + to_string(spatial)};
    if (part.boxes != nullptr) ACESO_TRY_OK(check_boxes(part, prefix, axes));
    return check_spacing(part, prefix, {shape[0], static_cast<std::int64_t>(axes)});
  }

  static Status check_spacing(const Part& part, const std::string& prefix, const Shape& shape) {
    if (part.spacing == nullptr) return {};
    if (part.spacing->shape != shape)
      return Error{Code::invalid, prefix + "spacing must have shape " + to_string(shape) + ", in mm"};
    bool good = true;
    for_each_value(part.spacing->dtype, part.spacing->data,
                   [&](double mm) { good = good && std::isfinite(mm) && mm > 0 && mm <= 1000; });
    if (!good) return Error{Code::invalid, prefix + "spacing must be positive, at most 1000 mm"};
    return {};
  }

  Status name_classes(const std::set<std::int64_t>& seen, const ImportOptions& options) {
    if (options.classes.empty()) {
      for (const std::int64_t value : seen) {
        values_.push_back(value);
        classes.push_back(std::to_string(value));
      }
      return {};
    }
    classes = options.classes;
    for (std::size_t i = 0; i < classes.size(); ++i) values_.push_back(static_cast<std::int64_t>(i));
    for (const std::int64_t value : seen) {
      if (value < 0 || value >= static_cast<std::int64_t>(classes.size())) {
        return Error{Code::invalid, "label " + std::to_string(value) + " has no name: " +
                                        std::to_string(classes.size()) + " classes are named, from 0 on"};
      }
    }
    return {};
  }

  Status name_targets(const ImportOptions& options) {
    values_ = {0};  // all are of one kind where blocks are counted
    unit = options.unit;
    classes = options.classes;
    if (task == Task::regression) {
      if (classes.empty()) classes.emplace_back("value");
      return {};
    }
    const auto width = static_cast<std::size_t>(parts_.front().y->shape[1]);
    for (const Part& part : parts_) {
      if (part.y->shape[1] != parts_.front().y->shape[1])
        return Error{Code::invalid, part.name + "_labels has another number of labels than the first split"};
    }
    if (classes.empty()) {
      for (std::size_t k = 0; k < width; ++k) classes.push_back(std::to_string(k));
    }
    if (classes.size() != width) {
      return Error{Code::invalid,
                   std::to_string(classes.size()) + " labels are named, and the array has " + std::to_string(width)};
    }
    return {};
  }

  Status add_items(std::size_t p, const std::vector<std::int64_t>& labels, const ImportOptions& options) {
    const Part& part = parts_[p];
    std::optional<std::vector<std::int64_t>> groups;
    if (part.group != nullptr) {
      ACESO_TRY(groups, whole_numbers(*part.group, "group", static_cast<std::int64_t>(labels.size())));
    }
    std::vector<std::int64_t> counted(values_.size(), 0);
    for (std::size_t row = 0; row < labels.size(); ++row) {
      std::string number = std::to_string(row);
      number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
      const auto label =
          static_cast<std::size_t>(std::lower_bound(values_.begin(), values_.end(), labels[row]) - values_.begin());
      SourceItem item{(part.name.empty() ? "" : part.name + "/") + number, static_cast<int>(label), "", part.split};
      if (groups) {
        item.group = std::to_string((*groups)[row]);
      } else if (options.block > 0) {
        item.group =
            part.name + "block-" + std::to_string(label) + "-" + std::to_string(counted[label]++ / options.block);
      }
      items.push_back(std::move(item));
      places_.emplace_back(p, row);
    }
    return {};
  }

  std::vector<Part> parts_;
  std::vector<RowReader*> readers_;  // of each part's samples; null: they are in memory
  std::vector<std::int64_t> values_;
  std::vector<std::vector<std::int64_t>> box_labels_;  // of each part, in the order of its boxes; empty: none given
  std::vector<std::pair<std::size_t, std::size_t>> places_;
};

}  // namespace

bool holds_samples(std::string_view key) {
  return key == "X" || key == "images" || key.ends_with("_images");
}

Result<std::unique_ptr<SampleSource>> open_array_source(
    const NamedArrays& arrays, const ImportOptions& options,
    const std::map<std::string, std::unique_ptr<RowReader>, std::less<>>* rows) {
  ACESO_TRY(auto parts, find_parts(arrays));
  std::vector<RowReader*> readers;
  readers.reserve(parts.size());
  for (const Part& part : parts) {
    RowReader* reader = nullptr;
    for (const auto& [key, array] : arrays) {
      if (&array != part.x || rows == nullptr) continue;
      if (const auto found = rows->find(key); found != rows->end()) reader = found->second.get();
    }
    readers.push_back(reader);
  }
  auto source = std::make_unique<ArraySource>();
  ACESO_TRY_OK(source->fill(std::move(parts), std::move(readers), options));
  return std::unique_ptr<SampleSource>{std::move(source)};
}

}  // namespace aceso::learn
