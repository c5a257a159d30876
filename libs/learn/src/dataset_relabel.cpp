#include "aceso/learn/dataset_relabel.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "dataset_writer.hpp"
#include "manifest_json.hpp"
#include "progress_update.hpp"
#include "sources.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

Shape spatial_shape(const Sample& sample) {
  return {sample.shape.begin(), sample.shape.end() - 1};
}

class Relabeller {
 public:
  Relabeller(const Dataset& source, const Relabelling& how)
      : source_{source}, how_{how}, manifest_{source.manifest()} {}

  Status prepare() {
    if (manifest_.kind != "image" && manifest_.kind != "volume")
      return Error{Code::unsupported, "only images and volumes are labelled"};
    if (how_.classes.size() < 2) return Error{Code::invalid, "classes: two or more"};
    if (how_.keep_others && how_.classes != manifest_.classes)
      return Error{Code::invalid, "samples cannot keep their labels when the classes are others"};
    for (const NewLabel& label : how_.labels) {
      if (label.index >= manifest_.samples.size() || !by_index_.emplace(label.index, &label).second)
        return Error{Code::invalid, "a label for a sample that is not there, or two for one"};
      ACESO_TRY_OK(check(label, manifest_.samples[label.index]));
    }
    return {};
  }

  Status write(const fs::path& source_folder, const fs::path& folder, ProgressSink& progress,
               const std::stop_token& stop) {
    const bool masks = std::any_of(how_.labels.begin(), how_.labels.end(), [](const NewLabel& l) { return l.mask; });
    std::vector<Sample> old = std::move(manifest_.samples);
    manifest_.samples.clear();
    if (!masks) ACESO_TRY_OK(share_pack(source_folder, folder));
    std::unique_ptr<PackWriter> pack;
    if (masks) {
      ACESO_TRY(pack, PackWriter::create(folder / "pack.bin"));
    }
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (stop.stop_requested()) return Error{Code::cancelled, "labelling cancelled"};
      if (i % 64 == 0) progress.update(progress_update("label", i, old.size()));
      const auto found = by_index_.find(i);
      if (found == by_index_.end() && !how_.keep_others) continue;
      Sample sample = std::move(old[i]);
      std::optional<Array> mask;
      if (found == by_index_.end()) {
        if (masks) mask = source_.mask(i);
      } else {
        relabel(sample, *found->second);
        mask = found->second->mask;
      }
      if (pack) ACESO_TRY_OK(copy(*pack, i, sample, mask));
      manifest_.samples.push_back(std::move(sample));
    }
    if (pack) ACESO_TRY_OK(pack->finish());
    split();
    const bool boxes =
        std::any_of(how_.labels.begin(), how_.labels.end(), [](const NewLabel& l) { return !l.boxes.empty(); });
    if (!masks && !boxes) ACESO_TRY_OK(check_classes());
    describe();
    return write_manifest(folder, manifest_);
  }

 private:
  Status check(const NewLabel& label, const Sample& sample) const {
    if (label.label < -1 || label.label >= static_cast<int>(how_.classes.size()))
      return Error{Code::invalid, "a label of no class"};
    const Shape spatial = spatial_shape(sample);
    if (label.mask && (label.mask->dtype != DType::u8 || label.mask->shape != spatial))
      return Error{Code::invalid, "a mask of another size than its sample"};
    if (label.boxes.size() > kMaxBoxes) return Error{Code::invalid, "too many boxes on one sample"};
    for (const Box& box : label.boxes) {
      if (box.low.size() != spatial.size() || box.high.size() != spatial.size() || box.label < -1 ||
          box.label >= static_cast<int>(how_.classes.size()))
        return Error{Code::invalid, "a box of another class or number of axes"};
      for (std::size_t axis = 0; axis < spatial.size(); ++axis) {
        if (!(box.low[axis] >= 0 && box.low[axis] < box.high[axis] &&
              box.high[axis] <= static_cast<double>(spatial[axis])))
          return Error{Code::invalid, "a box that does not lie in its image"};
      }
    }
    return {};
  }

  static void relabel(Sample& sample, const NewLabel& label) {
    sample.label = label.label;
    sample.targets.clear();
    sample.boxes = label.boxes;
    sample.mask.reset();
    sample.fold = -1;
    if (label.label < 0) sample.split = Split::unassigned;
  }

  Status copy(PackWriter& pack, std::size_t index, Sample& sample, const std::optional<Array>& mask) const {
    sample.offset = pack.size();
    ACESO_TRY_OK(pack.append(source_.raw(index)));
    sample.mask.reset();
    if (!mask) return {};
    sample.mask = Mask{pack.size(), mask->shape, sample_hash(DType::u8, mask->shape, mask->data)};
    return pack.append(mask->data);
  }

  // What has a label and no split goes where its group, or an equal sample, is; the rest is drawn.
  void split() {
    std::map<std::string, Split> known;
    const auto keys = [](const Sample& s) {
      std::vector<std::string> out{"#" + s.sha256};
      if (!s.group.empty()) out.push_back("g" + s.group);
      return out;
    };
    for (const Sample& s : manifest_.samples) {
      if (s.split == Split::unassigned) continue;
      for (const std::string& key : keys(s)) known.emplace(key, s.split);
    }
    std::vector<Sample> drawn;
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      Sample& s = manifest_.samples[i];
      if (s.split != Split::unassigned || s.label < 0) continue;
      for (const std::string& key : keys(s)) {
        if (const auto there = known.find(key); there != known.end()) s.split = there->second;
      }
      if (s.split != Split::unassigned) continue;
      drawn.push_back(s);
      drawn.back().split = Split::train;
      index.push_back(i);
    }
    assign_split(drawn, Split::train, Split::test, how_.test, how_.seed ^ 0x54455354ULL);
    assign_split(drawn, Split::train, Split::validation, how_.validation / (1 - how_.test), how_.seed);
    for (std::size_t i = 0; i < drawn.size(); ++i) manifest_.samples[index[i]].split = drawn[i].split;
    new_splits_ = drawn.size();
    first_splits_ = known.empty();
  }

  Status check_classes() const {
    std::set<int> used;
    for (const Sample& s : manifest_.samples) {
      if (s.label >= 0) used.insert(s.label);
    }
    if (used.size() < 2)
      return Error{Code::invalid, "fewer than two classes are in use: there is nothing to learn from these labels"};
    return {};
  }

  void describe() {
    std::erase_if(manifest_.warnings, [this](const std::string& text) {
      return text.find("no label") != std::string::npos || text.find("no sample has a label") != std::string::npos ||
             (first_splits_ && text.find(" split: ") != std::string::npos);
    });
    const auto without = static_cast<std::size_t>(
        std::count_if(manifest_.samples.begin(), manifest_.samples.end(), [](const Sample& s) { return s.label < 0; }));
    if (without > 0)
      manifest_.warnings.push_back(std::to_string(without) + " samples have no label: they are in no split");
    std::string text = how_.history;
    if (new_splits_ > 0) {
      text += "; " + std::to_string(new_splits_) + " samples without a split were drawn into one, seed " +
              std::to_string(how_.seed);
    }
    manifest_.history.push_back(std::move(text));
    manifest_.label_source = how_.label_source;
    manifest_.classes = how_.classes;
    manifest_.task = Task::classes;
    manifest_.unit.clear();
    manifest_.version = 2;
    manifest_.parent_name = manifest_.name;
    manifest_.parent_sha256 = manifest_.sha256;
    manifest_.name = how_.name;
  }

  const Dataset& source_;
  const Relabelling& how_;
  Manifest manifest_;
  std::map<std::size_t, const NewLabel*> by_index_;
  std::size_t new_splits_ = 0;
  bool first_splits_ = false;  // nothing was in a split before: what the import said of splits is over
};

}  // namespace

Result<Dataset> relabel_dataset(const Dataset& source, const fs::path& source_folder, const fs::path& target,
                                const Relabelling& how, ProgressSink& progress, const std::stop_token& stop) {
  if (!(how.validation >= 0 && how.test >= 0 && how.validation + how.test < 1))
    return Error{Code::invalid, "the shares of validation and test must be 0 or more and below 1 together"};
  Relabeller relabeller{source, how};
  ACESO_TRY_OK(relabeller.prepare());
  ACESO_TRY(auto folder, PendingFolder::create(target));
  ACESO_TRY_OK(relabeller.write(source_folder, folder->path(), progress, stop));
  ACESO_TRY_OK(folder->commit());
  return Dataset::open(target);
}

}  // namespace aceso::learn
