#include "aceso/learn/dataset.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/assert.hpp"
#include "aceso/base/file.hpp"
#include "aceso/stats/descriptive.hpp"
#include "intensity.hpp"
#include "manifest_json.hpp"

namespace aceso::learn {

std::string_view to_string(Split split) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"train", "validation", "test", "unassigned"};
  return kNames[static_cast<std::size_t>(split)];
}

struct Dataset::Impl {
  Manifest manifest;
  MappedFile pack;
};

Dataset::Dataset(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Result<Dataset> Dataset::open(const std::filesystem::path& folder) {
  auto text = read_text_file(folder / "manifest.json", kMaxManifestBytes);
  if (!text)
    return Error{text.error().code(), "dataset \"" + folder.filename().string() + "\": manifest.json cannot be read"};
  auto pack = MappedFile::open(folder / "pack.bin");
  if (!pack) return Error{Code::data_loss, "dataset \"" + folder.filename().string() + "\": pack.bin cannot be read"};
  const auto bytes = pack->bytes();
  if (bytes.size() < kPackHeader || std::memcmp(bytes.data(), kPackMagic.data(), kPackMagic.size()) != 0) {
    return Error{Code::data_loss,
                 "dataset \"" + folder.filename().string() + "\": pack.bin is no pack of samples, or is truncated"};
  }
  auto manifest = parse_manifest(*text, bytes.size());
  if (!manifest)
    return std::move(std::move(manifest).error().add_context("dataset \"" + folder.filename().string() + "\""));
  return Dataset{std::make_unique<Impl>(Impl{*std::move(manifest), *std::move(pack)})};
}

const Manifest& Dataset::manifest() const noexcept {
  return impl_->manifest;
}

std::span<const std::byte> Dataset::raw(std::size_t index) const {
  ACESO_ASSERT(index < impl_->manifest.samples.size(), "sample index out of range");
  const Sample& sample = impl_->manifest.samples[index];
  std::uint64_t bytes = size_of(impl_->manifest.dtype);
  for (const std::int64_t size : sample.shape) bytes *= static_cast<std::uint64_t>(size);
  return impl_->pack.bytes().subspan(static_cast<std::size_t>(sample.offset), static_cast<std::size_t>(bytes));
}

Array Dataset::array(std::size_t index) const {
  const auto bytes = raw(index);
  return {impl_->manifest.dtype, impl_->manifest.samples[index].shape, {bytes.begin(), bytes.end()}};
}

std::optional<Array> Dataset::mask(std::size_t index) const {
  ACESO_ASSERT(index < impl_->manifest.samples.size(), "sample index out of range");
  const auto& mask = impl_->manifest.samples[index].mask;
  if (!mask) return std::nullopt;
  std::size_t size = 1;
  for (const std::int64_t side : mask->shape) size *= static_cast<std::size_t>(side);
  const auto bytes = impl_->pack.bytes().subspan(static_cast<std::size_t>(mask->offset), size);
  return Array{DType::u8, mask->shape, {bytes.begin(), bytes.end()}};
}

std::vector<std::size_t> Dataset::indices(Split split) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < impl_->manifest.samples.size(); ++i) {
    if (impl_->manifest.samples[i].split == split) found.push_back(i);
  }
  return found;
}

Status Dataset::verify() const {
  for (std::size_t i = 0; i < impl_->manifest.samples.size(); ++i) {
    const Sample& sample = impl_->manifest.samples[i];
    if (sample_hash(impl_->manifest.dtype, sample.shape, raw(i)) != sample.sha256) {
      return Error{Code::data_loss, "sample " + std::to_string(i) + " (\"" + sample.id +
                                        "\") is not what its hash says: pack.bin was altered"};
    }
    if (const auto outlines = mask(i);
        outlines && sample_hash(DType::u8, outlines->shape, outlines->data) != sample.mask->sha256) {
      return Error{Code::data_loss,
                   "the mask of sample " + std::to_string(i) + " is not what its hash says: pack.bin was altered"};
    }
  }
  return {};
}

namespace {

// What is known of several labels or of numbers, by split.
struct TargetCounts {
  Json counts = Json::object(), missing = Json::object(), numbers = Json::object();
  std::map<std::string, stats::RunningMoments> moments;

  void add(const Manifest& manifest, const Sample& sample) {
    const std::string split{to_string(sample.split)};
    for (std::size_t k = 0; k < manifest.classes.size(); ++k) {
      const std::string& name = manifest.classes[k];
      const double value = k < sample.targets.size() ? sample.targets[k] : std::nan("");
      if (!counts.contains(split)) counts[split] = Json::object();
      if (!counts[split].contains(name)) counts[split][name] = 0;
      if (std::isnan(value)) {
        missing[name] = missing.value(name, 0) + 1;
      } else if (manifest.task == Task::regression || value > 0.5) {
        counts[split][name] = counts[split][name].get<int>() + 1;
      }
      if (manifest.task == Task::regression && !std::isnan(value)) add_number(split, value);
    }
  }

 private:
  void add_number(const std::string& split, double value) {
    stats::RunningMoments& all = moments[split];
    all.add(value);
    const Json before = numbers.value(split, Json::object());
    numbers[split] = Json{{"min", std::min(before.value("min", value), value)},
                          {"max", std::max(before.value("max", value), value)},
                          {"mean", all.mean()},
                          {"sd", all.sd()}};
  }
};

}  // namespace

Json summary_json(const Dataset& dataset) {
  const Manifest& manifest = dataset.manifest();
  Json counts = Json::object();
  Json shapes = Json::object();
  Json splits = Json::object();  // samples
  Intensity values;
  std::size_t masks = 0;
  std::size_t boxes = 0;
  int folds = 0;
  std::set<std::string_view> groups;
  TargetCounts targets;
  for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
    const Sample& sample = manifest.samples[i];
    if (sample.mask) ++masks;
    boxes += sample.boxes.size();
    folds = std::max(folds, sample.fold + 1);
    if (!sample.group.empty()) groups.insert(sample.group);
    const std::string split{to_string(sample.split)};
    splits[split] = splits.value(split, 0) + 1;
    if (manifest.task != Task::classes) targets.add(manifest, sample);
    if (!counts.contains(split)) {
      counts[split] = Json::object();
      for (const auto& name : manifest.classes) counts[split][name] = 0;
    }
    if (sample.label >= 0)
      counts[split][manifest.classes[static_cast<std::size_t>(sample.label)]] =
          counts[split][manifest.classes[static_cast<std::size_t>(sample.label)]].get<int>() + 1;
    const std::string shape = to_string(sample.shape);
    shapes[shape] = shapes.value(shape, 0) + 1;
    values.add(manifest.dtype, dataset.raw(i));
  }
  Json aside = Json::array();
  for (const SetAside& item : manifest.set_aside) aside.push_back(Json{{"id", item.id}, {"reason", item.reason}});
  Json intensity = nullptr;
  if (values.count > 0) {
    const double mean = values.sum / values.count;
    intensity = Json{{"min", values.low},
                     {"max", values.high},
                     {"mean", mean},
                     {"sd", std::sqrt(std::max(0.0, values.squares / values.count - mean * mean))}};
  }
  const bool classes = manifest.task == Task::classes;
  return Json{{"name", manifest.name},
              {"sha256", manifest.sha256},
              {"task", to_string(manifest.task)},
              {"unit", manifest.unit},
              {"missing", classes ? Json(Json::object()) : std::move(targets.missing)},
              {"numbers", classes ? Json(Json::object()) : std::move(targets.numbers)},
              {"kind", manifest.kind},
              {"classes", manifest.classes},
              {"samples", manifest.samples.size()},
              {"splits", std::move(splits)},
              {"counts", classes ? std::move(counts) : std::move(targets.counts)},
              {"shape", shapes.size() == 1 ? Json(manifest.samples.front().shape) : Json(nullptr)},
              {"shapes", std::move(shapes)},
              {"dtype", to_string(manifest.dtype)},
              {"source", manifest.source},
              {"licence", manifest.licence},
              {"label_source", manifest.label_source},
              {"warnings", manifest.warnings},
              {"preprocessing", manifest.preprocessing},
              {"history", manifest.history},
              {"parent", manifest.parent_name},
              {"masks", masks},
              {"boxes", boxes},
              {"folds", folds},
              {"groups", groups.size()},
              {"set_aside", std::move(aside)},
              {"intensity", std::move(intensity)}};
}

}  // namespace aceso::learn
