#include "aceso/learn/dataset_extend.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "aceso/base/text.hpp"
#include "aceso/learn/dataset_check.hpp"
#include "dataset_writer.hpp"
#include "manifest_json.hpp"
#include "progress_update.hpp"
#include "resize.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

// One channel of a picture whose channels are interleaved.
std::vector<float> channel_of(std::span<const std::byte> pixels, std::size_t channel, std::size_t channels) {
  std::vector<float> out(pixels.size() / channels);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::to_integer<std::uint8_t>(pixels[i * channels + channel]);
  return out;
}

class Extender {
 public:
  Extender(const Dataset& source, SampleSource& additions, const Extension& how)
      : source_{source}, additions_{additions}, how_{how}, manifest_{source.manifest()} {}

  Result<Extended> run(const fs::path& folder, ProgressSink& progress, const std::stop_token& stop) {
    ACESO_TRY_OK(check());
    ACESO_TRY(auto pack, PackWriter::create(folder / "pack.bin"));
    ACESO_TRY_OK(copy(*pack, progress, stop));
    ACESO_TRY_OK(add(*pack, progress, stop));
    ACESO_TRY_OK(pack->finish());
    if (count_.added + count_.relabelled < how_.least) return count_;  // the caller keeps what there is
    describe();
    ACESO_TRY_OK(write_manifest(folder, manifest_));
    ACESO_TRY_OK(part_twins(folder, progress, stop));
    return count_;
  }

 private:
  Status check() {
    if (manifest_.task != Task::classes || manifest_.kind != "image" || manifest_.dtype != DType::u8)
      return Error{Code::unsupported, "only datasets of 8-bit images in classes grow by further cases"};
    if (manifest_.samples.empty()) return Error{Code::invalid, "the dataset is empty"};
    if (how_.origin.empty()) return Error{Code::invalid, "origin: is missing"};
    const Shape& first = manifest_.samples.front().shape;
    size_ = first;
    for (const Sample& sample : manifest_.samples) {
      if (sample.shape.back() != first.back())
        return Error{Code::unsupported, "a dataset of grey and colour images does not grow by further cases"};
      if (sample.shape != first) size_ = {0, 0, first.back()};
      if (!sample.boxes.empty() || sample.mask)
        return Error{Code::unsupported, "a dataset with outlines or boxes does not grow by cases that have none"};
    }
    return {};
  }

  Status copy(PackWriter& pack, ProgressSink& progress, const std::stop_token& stop) {
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
      if (i % 256 == 0) progress.update(progress_update("copy", i, manifest_.samples.size()));
      Sample& sample = manifest_.samples[i];
      sample.offset = pack.size();
      ACESO_TRY_OK(pack.append(source_.raw(i)));
      by_id_.emplace(sample.id, i);
      by_hash_.emplace(sample.sha256, i);
    }
    return {};
  }

  // As the source's samples are.
  Result<Array> fitted(Array array) const {
    if (array.dtype != DType::u8) return Error{Code::unsupported, "not 8-bit"};
    if (array.shape.size() == 2) array.shape.push_back(1);
    if (array.shape.size() != 3 || array.data.empty()) return Error{Code::unsupported, "not an image"};
    auto channels = static_cast<std::size_t>(array.shape[2]);
    const auto wanted = static_cast<std::size_t>(size_[2]);
    if (channels != 1 && channels != 3 && channels != wanted)
      return Error{Code::unsupported, "an image of " + std::to_string(channels) + " channels"};
    std::vector<std::vector<float>> planes;
    planes.reserve(channels);
    for (std::size_t c = 0; c < channels; ++c) planes.push_back(channel_of(array.data, c, channels));
    if (channels == 3 && wanted == 1) {  // ITU-R BT.601, 2.5.1
      for (std::size_t i = 0; i < planes[0].size(); ++i)
        planes[0][i] = 0.299F * planes[0][i] + 0.587F * planes[1][i] + 0.114F * planes[2][i];
      planes.resize(1);
    } else if (channels == 1 && wanted > 1) {
      planes.resize(wanted, planes.front());
    }
    channels = planes.size();
    if (channels != wanted) return Error{Code::unsupported, "other channels than the dataset's"};
    const std::int64_t height = size_[0] > 0 ? size_[0] : array.shape[0];
    const std::int64_t width = size_[1] > 0 ? size_[1] : array.shape[1];
    for (auto& plane : planes) {
      if (height != array.shape[0] || width != array.shape[1])
        plane = resize_bilinear(plane, array.shape[0], array.shape[1], height, width);
    }
    Array out{DType::u8, {height, width, static_cast<std::int64_t>(channels)}, {}};
    out.data.resize(static_cast<std::size_t>(height * width) * channels);
    for (std::size_t i = 0; i < out.data.size(); ++i) {
      const float value = std::clamp(std::round(planes[i % channels][i / channels]), 0.0F, 255.0F);
      out.data[i] = std::byte{static_cast<std::uint8_t>(value)};
    }
    if (std::all_of(out.data.begin(), out.data.end(), [&](std::byte b) { return b == out.data.front(); }))
      return Error{Code::invalid, "constant image"};
    return out;
  }

  Status add(PackWriter& pack, ProgressSink& progress, const std::stop_token& stop) {
    std::unordered_set<std::string> named;
    for (std::size_t n = 0; n < additions_.items.size(); ++n) {
      if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
      if (n % 16 == 0) progress.update(progress_update("add", n, additions_.items.size()));
      const SourceItem& item = additions_.items[n];
      if (item.label < 0 || item.label >= static_cast<int>(manifest_.classes.size()))
        return Error{Code::invalid, "an addition has a label of no class"};
      const std::string id = how_.origin + "/" + item.id;
      if (const auto found = by_id_.find(id); found != by_id_.end()) {
        again(found->second, item);
        named.insert(id);
        continue;
      }
      Result<SourceSample> loaded = additions_.load(n);
      Result<Array> array = loaded ? fitted(std::move(loaded->array)) : Result<Array>{loaded.error()};
      if (!array) {
        count_.unusable.push_back({id, escape_controls(array.error().message(), 300)});
        continue;
      }
      ACESO_TRY_OK(append(pack, id, item, *array));
      named.insert(id);
    }
    withdraw(named);
    return {};
  }

  // What was known once and is not any more, or is contested now, is neither learnt from nor judged by.
  void withdraw(const std::unordered_set<std::string>& named) {
    for (std::size_t i = 0; i < source_.manifest().samples.size(); ++i) {
      Sample& sample = manifest_.samples[i];
      if (!is_addition(i) || sample.split == Split::unassigned || named.contains(sample.id)) continue;
      sample.split = Split::unassigned;
      sample.fold = -1;
      ++count_.withdrawn;
    }
  }

  void again(std::size_t index, const SourceItem& item) {
    Sample& sample = manifest_.samples[index];
    if (sample.split == Split::unassigned) {  // known again, or its twin may be gone
      sample.split = item.split;
      fresh_.insert(index);
    }
    if (sample.label == item.label) {
      ++count_.there;
    } else {
      sample.label = item.label;
      ++count_.relabelled;
    }
  }

  Status append(PackWriter& pack, const std::string& id, const SourceItem& item, const Array& array) {
    Sample sample;
    sample.id = id;
    sample.sha256 = sample_hash(array.dtype, array.shape, array.data);
    if (const auto equal = by_hash_.find(sample.sha256); equal != by_hash_.end()) {
      ++(manifest_.samples[equal->second].label == item.label ? count_.known : count_.contradict);
      return {};
    }
    if (manifest_.samples.size() >= kMaxSamples) return Error{Code::exhausted, "too many samples"};
    sample.split = item.split;
    sample.label = item.label;
    sample.group = item.group;
    sample.offset = pack.size();
    sample.shape = array.shape;
    ACESO_TRY_OK(pack.append(array.data));
    by_id_.emplace(id, manifest_.samples.size());
    by_hash_.emplace(sample.sha256, manifest_.samples.size());
    manifest_.samples.push_back(std::move(sample));
    ++count_.added;
    return {};
  }

  bool is_addition(std::size_t index) const { return manifest_.samples[index].id.starts_with(how_.origin + "/"); }

  bool is_new(std::size_t index) const { return index >= source_.manifest().samples.size() || fresh_.contains(index); }

  // Twins are told by pictures, so the new pack is looked at; the manifest is then written once more.
  Status part_twins(const fs::path& folder, ProgressSink& progress, const std::stop_token& stop) {
    TwinSearch twins;
    {
      ACESO_TRY(const Dataset whole, Dataset::open(folder));
      ACESO_TRY(twins, find_twins(whole, progress, stop));
    }
    for (const Twins& pair : twins.pairs) {
      const Split a = manifest_.samples[pair.a].split;
      const Split b = manifest_.samples[pair.b].split;
      if (a == b || a == Split::unassigned || b == Split::unassigned) continue;
      const bool first = is_addition(pair.a);
      const bool second = is_addition(pair.b);
      if (!first && !second) continue;  // the source's own affair
      const bool new_first = first && is_new(pair.a);
      const bool new_second = second && is_new(pair.b);
      if (!new_first && !new_second) continue;  // settled when they came
      const std::size_t goes = new_first && new_second ? (a < b ? pair.a : pair.b) : new_first ? pair.a : pair.b;
      manifest_.samples[goes].split = Split::unassigned;
      manifest_.samples[goes].fold = -1;
      ++count_.twins;
    }
    if (count_.twins == 0) return {};
    manifest_.warnings.push_back(std::to_string(count_.twins) +
                                 " additions are in no split: samples of another split "
                                 "are their twins");
    return write_manifest(folder, manifest_);
  }

  void describe() {
    std::string text = std::to_string(count_.added) + " cases added from " + how_.origin;
    if (count_.relabelled > 0) text += ", " + std::to_string(count_.relabelled) + " earlier ones under another label";
    if (count_.withdrawn > 0)
      text += ", " + std::to_string(count_.withdrawn) + " earlier ones left out that are not known any more";
    if (count_.known + count_.contradict > 0) {
      text += ", " + std::to_string(count_.known + count_.contradict) + " left out that were there already (" +
              std::to_string(count_.contradict) + " of them under another label, which stays)";
    }
    manifest_.history.push_back(std::move(text));
    if (manifest_.label_source.find(how_.label_source) == std::string::npos)
      manifest_.label_source += (manifest_.label_source.empty() ? "" : "; additions: ") + how_.label_source;
    for (const SetAside& one : count_.unusable) manifest_.set_aside.push_back(one);
    manifest_.parent_name = manifest_.name;
    manifest_.parent_sha256 = manifest_.sha256;
    manifest_.name = how_.name;
  }

  const Dataset& source_;
  SampleSource& additions_;
  const Extension& how_;
  Manifest manifest_;
  Shape size_;  // of every sample; height and width 0: they differ
  std::unordered_map<std::string, std::size_t> by_id_, by_hash_;
  std::unordered_set<std::size_t> fresh_;  // additions of an earlier version that come into a split again
  Extended count_;
};

}  // namespace

Result<Extended> extend_dataset(const Dataset& source, const fs::path& target, SampleSource& additions,
                                const Extension& how, ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY(auto folder, PendingFolder::create(target));
  ACESO_TRY(Extended count, Extender(source, additions, how).run(folder->path(), progress, stop));
  if (count.added + count.relabelled >= how.least) ACESO_TRY_OK(folder->commit());
  return count;
}

Result<Dataset> select_samples(const Dataset& source, const fs::path& source_folder, const fs::path& target,
                               std::string_view name, const std::vector<std::size_t>& indices,
                               std::string_view history) {
  Manifest manifest = source.manifest();
  std::vector<Sample> chosen;
  chosen.reserve(indices.size());
  for (const std::size_t i : indices) {
    if (i >= manifest.samples.size()) return Error{Code::invalid, "a sample that is not there"};
    chosen.push_back(manifest.samples[i]);
  }
  manifest.samples = std::move(chosen);
  manifest.set_aside.clear();
  manifest.warnings.clear();
  manifest.history.emplace_back(history);
  manifest.parent_name = manifest.name;
  manifest.parent_sha256 = manifest.sha256;
  manifest.name = name;
  ACESO_TRY(auto folder, PendingFolder::create(target));
  ACESO_TRY_OK(share_pack(source_folder, folder->path()));
  ACESO_TRY_OK(write_manifest(folder->path(), manifest));
  ACESO_TRY_OK(folder->commit());
  return Dataset::open(target);
}

}  // namespace aceso::learn
