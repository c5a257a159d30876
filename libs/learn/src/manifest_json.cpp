#include "manifest_json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "aceso/crypto/hash.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::string_view kFormat = "aceso-dataset";

// Each text is preceded by its length, so that no two lists of texts hash alike.
void feed(crypto::Sha256& hash, std::string_view text) {
  hash.update(crypto::as_bytes(std::to_string(text.size()) + ":"));
  hash.update(crypto::as_bytes(text));
}

Result<Split> parse_split(const std::string& name, const std::string& where) {
  for (const Split split : {Split::train, Split::validation, Split::test, Split::unassigned}) {
    if (to_string(split) == name) return split;
  }
  return Error{Code::data_loss, where + ".split: unknown"};
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string numbers_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += number_text(value) + ",";
  return text;
}

// What format version 2 added.
void feed_additions(crypto::Sha256& hash, const Sample& sample) {
  feed(hash, std::to_string(sample.fold));
  feed(hash, numbers_text(sample.spacing_mm));
  feed(hash, sample.mask ? sample.mask->sha256 : "");
  std::string boxes;
  for (const Box& box : sample.boxes)
    boxes += std::to_string(box.label) + ":" + numbers_text(box.low) + ":" + numbers_text(box.high) + ";";
  feed(hash, boxes);
}

// What format version 3 added.
void feed_targets(crypto::Sha256& hash, const Sample& sample) {
  std::string text;
  for (const double value : sample.targets) text += (std::isnan(value) ? "?" : number_text(value)) + ",";
  feed(hash, text);
}

Error damaged(const std::string& what) {
  return {Code::data_loss, "manifest.json: " + what};
}

std::size_t spatial_axes(const Manifest& manifest, const Shape& shape) {
  return manifest.kind == "image" || manifest.kind == "volume" ? shape.size() - 1 : shape.size();
}

Status check_place(std::uint64_t offset, const Shape& shape, DType dtype, std::uint64_t pack_bytes,
                   const std::string& where) {
  const auto count = element_count(shape);
  if (!count || *count == 0 || shape.size() > 4) return damaged(where + ".shape: bad");
  const std::uint64_t bytes = static_cast<std::uint64_t>(*count) * size_of(dtype);
  if (offset % kPackAlignment != 0 || offset < kPackHeader || offset > pack_bytes || bytes > pack_bytes - offset)
    return damaged(where + ".offset: the sample lies outside pack.bin");
  return {};
}

Status parse_mask(const Json& json, const std::string& where, const Manifest& manifest, Sample& sample,
                  std::uint64_t pack_bytes) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Mask mask;
  mask.offset = reader.unsigned_integer("offset", 0);
  mask.shape = reader.integers("shape");
  mask.sha256 = reader.text("sha256");
  ACESO_TRY_OK(reader.finish());
  ACESO_TRY_OK(check_place(mask.offset, mask.shape, DType::u8, pack_bytes, where));
  const Shape spatial{sample.shape.begin(),
                      sample.shape.begin() + static_cast<std::ptrdiff_t>(spatial_axes(manifest, sample.shape))};
  if (mask.shape != spatial) return damaged(where + ".shape: not that of the sample");
  sample.mask = std::move(mask);
  return {};
}

Status parse_boxes(const Json& json, const std::string& where, const Manifest& manifest, Sample& sample) {
  if (json.size() > kMaxBoxes) return damaged(where + ": too many");
  for (std::size_t i = 0; i < json.size(); ++i) {
    ACESO_TRY(JsonReader reader, JsonReader::object(json[i], where + "[" + std::to_string(i) + "]"));
    Box box;
    const std::int64_t label = reader.integer("label", -1);
    box.low = reader.numbers("low");
    box.high = reader.numbers("high");
    ACESO_TRY_OK(reader.finish());
    if (label < -1 || label >= static_cast<std::int64_t>(manifest.classes.size()) ||
        box.low.size() != spatial_axes(manifest, sample.shape) || box.high.size() != box.low.size())
      return damaged(where + ": a box of another class or number of axes");
    box.label = static_cast<int>(label);
    sample.boxes.push_back(std::move(box));
  }
  return {};
}

// One a label, 0, 1 or null; or one number.
Status parse_targets(const Json& json, const std::string& where, const Manifest& manifest, Sample& sample) {
  const bool several = manifest.task == Task::multi_label;
  if (manifest.task != Task::multi_label && manifest.task != Task::regression)
    return json.empty() ? Status{} : Status{damaged(where + ": goes with several labels and numbers only")};
  if (!json.empty() && json.size() != (several ? manifest.classes.size() : 1))
    return damaged(where + ": one a label, or one number");
  for (const Json& value : json) {
    const double number = value.is_number() ? value.get<double>() : std::nan("");
    const bool fits = value.is_number() ? !several || number == 0 || number == 1 : value.is_null() && several;
    if (!fits || std::isinf(number)) return damaged(where + ": 0, 1 or null for a label, or one finite number");
    sample.targets.push_back(number);
  }
  return {};
}

Result<Sample> parse_sample(const Json& json, const std::string& where, const Manifest& manifest,
                            std::uint64_t pack_bytes) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Sample sample;
  sample.id = reader.text("id");
  sample.sha256 = reader.text("sha256");
  const std::string split = reader.text("split");
  const std::int64_t label = reader.integer("label");
  sample.group = reader.text("group", JsonReader::optional);
  sample.offset = reader.unsigned_integer("offset", 0);
  sample.shape = reader.integers("shape");
  std::int64_t fold = -1;
  const Json* mask = nullptr;
  const Json* boxes = nullptr;
  const Json* targets = manifest.version >= 3 ? &reader.array("targets", JsonReader::optional) : nullptr;
  if (manifest.version >= 2) {
    fold = reader.integer("fold", -1);
    sample.spacing_mm = reader.numbers("spacing_mm", JsonReader::optional);
    mask = &reader.any("mask");
    boxes = &reader.array("boxes", JsonReader::optional);
  }
  ACESO_TRY_OK(reader.finish());
  ACESO_TRY(sample.split, parse_split(split, where));
  if (label < -1 || label >= static_cast<std::int64_t>(manifest.classes.size()))
    return damaged(where + ".label: no such class");
  sample.label = static_cast<int>(label);
  if (fold < -1 || fold >= kMaxFolds) return damaged(where + ".fold: out of range");
  sample.fold = static_cast<int>(fold);
  ACESO_TRY_OK(check_place(sample.offset, sample.shape, manifest.dtype, pack_bytes, where));
  const std::size_t axes = spatial_axes(manifest, sample.shape);
  if (!sample.spacing_mm.empty() && sample.spacing_mm.size() != axes)
    return damaged(where + ".spacing_mm: one for each spatial axis");
  if (mask != nullptr && !mask->is_null())
    ACESO_TRY_OK(parse_mask(*mask, where + ".mask", manifest, sample, pack_bytes));
  if (boxes != nullptr) ACESO_TRY_OK(parse_boxes(*boxes, where + ".boxes", manifest, sample));
  if (targets != nullptr) ACESO_TRY_OK(parse_targets(*targets, where + ".targets", manifest, sample));
  return sample;
}

}  // namespace

bool is_kind(std::string_view kind) noexcept {
  return kind == "image" || kind == "volume" || kind == "signal" || kind == "table";
}

std::string sample_hash(DType dtype, const Shape& shape, std::span<const std::byte> bytes) {
  crypto::Sha256 hash;
  feed(hash, to_string(dtype));
  feed(hash, to_string(shape));
  hash.update(bytes);
  return crypto::to_hex(hash.finish());
}

std::string dataset_hash(const Manifest& manifest) {
  crypto::Sha256 hash;
  if (manifest.version >= 2) feed(hash, "aceso-dataset " + std::to_string(manifest.version));
  if (manifest.version >= 3) {
    feed(hash, to_string(manifest.task));
    feed(hash, manifest.unit);
  }
  feed(hash, manifest.kind);
  feed(hash, to_string(manifest.dtype));
  if (manifest.version >= 2) feed(hash, std::to_string(manifest.classes.size()));
  for (const auto& name : manifest.classes) feed(hash, name);
  for (const Sample& sample : manifest.samples) {
    feed(hash, sample.id);
    feed(hash, sample.sha256);
    feed(hash, to_string(sample.split));
    feed(hash, std::to_string(sample.label));
    feed(hash, sample.group);
    if (manifest.version >= 2) feed_additions(hash, sample);
    if (manifest.version >= 3) feed_targets(hash, sample);
  }
  return crypto::to_hex(hash.finish());
}

namespace {

Json to_json(const Sample& sample) {
  Json json{{"id", sample.id},       {"sha256", sample.sha256}, {"split", to_string(sample.split)},
            {"label", sample.label}, {"group", sample.group},   {"offset", sample.offset},
            {"shape", sample.shape}};
  if (sample.fold >= 0) json["fold"] = sample.fold;
  if (!sample.spacing_mm.empty()) json["spacing_mm"] = sample.spacing_mm;
  if (sample.mask)
    json["mask"] =
        Json{{"offset", sample.mask->offset}, {"shape", sample.mask->shape}, {"sha256", sample.mask->sha256}};
  if (!sample.boxes.empty()) {
    json["boxes"] = Json::array();
    for (const Box& box : sample.boxes)
      json["boxes"].push_back(Json{{"label", box.label}, {"low", box.low}, {"high", box.high}});
  }
  if (!sample.targets.empty()) {
    json["targets"] = Json::array();
    for (const double value : sample.targets)
      json["targets"].push_back(std::isnan(value) ? Json(nullptr) : Json(value));
  }
  return json;
}

}  // namespace

Json to_json(const Manifest& manifest) {
  Json samples = Json::array();
  for (const Sample& sample : manifest.samples) samples.push_back(to_json(sample));
  Json aside = Json::array();
  for (const SetAside& item : manifest.set_aside) aside.push_back(Json{{"id", item.id}, {"reason", item.reason}});
  Json json{{"format", kFormat},
            {"version", manifest.version},
            {"name", manifest.name},
            {"sha256", manifest.sha256},
            {"kind", manifest.kind},
            {"classes", manifest.classes},
            {"dtype", to_string(manifest.dtype)},
            {"source", manifest.source},
            {"licence", manifest.licence},
            {"label_source", manifest.label_source},
            {"warnings", manifest.warnings},
            {"set_aside", std::move(aside)},
            {"samples", std::move(samples)}};
  if (manifest.version >= 2) {
    json["preprocessing"] = manifest.preprocessing;
    json["history"] = manifest.history;
    json["parent"] = manifest.parent_sha256.empty()
                         ? Json(nullptr)
                         : Json{{"name", manifest.parent_name}, {"sha256", manifest.parent_sha256}};
  }
  if (manifest.version >= 3) {
    json["task"] = to_string(manifest.task);
    json["unit"] = manifest.unit;
  }
  return json;
}

Result<Manifest> parse_manifest(std::string_view text, std::uint64_t pack_bytes) {
  auto json = parse_json(text, {.bytes = kMaxManifestBytes, .depth = 8});
  if (!json) return Error{Code::data_loss, "manifest.json: " + json.error().message()};
  ACESO_TRY(JsonReader reader, JsonReader::object(*json, "manifest.json"));
  Manifest manifest;
  const std::string format = reader.text("format");
  const std::int64_t version = reader.integer("version");
  manifest.name = reader.text("name");
  manifest.sha256 = reader.text("sha256");
  manifest.kind = reader.text("kind");
  manifest.classes = reader.texts("classes");
  const std::string dtype = reader.text("dtype");
  manifest.source = reader.text("source", JsonReader::optional);
  manifest.licence = reader.text("licence", JsonReader::optional);
  manifest.label_source = reader.text("label_source", JsonReader::optional);
  manifest.warnings = reader.texts("warnings", JsonReader::optional);
  if (version >= 2) {
    manifest.preprocessing = reader.texts("preprocessing", JsonReader::optional);
    manifest.history = reader.texts("history", JsonReader::optional);
  }
  const Json* parent = version >= 2 ? &reader.any("parent") : nullptr;
  std::string task{to_string(Task::classes)};
  if (version >= 3) {
    task = reader.text("task");
    manifest.unit = reader.text("unit", JsonReader::optional);
  }
  const Json& aside = reader.array("set_aside", JsonReader::optional);
  const Json& samples = reader.array("samples");
  ACESO_TRY_OK(reader.finish());
  if (format != kFormat) return damaged("is not a dataset's manifest");
  if (version < 1 || version > 3)
    return Error{Code::unsupported, "manifest.json: format version " + std::to_string(version)};
  manifest.version = static_cast<int>(version);
  if (!is_kind(manifest.kind)) return damaged("kind: must be image, volume, signal or table");
  if (parent != nullptr && !parent->is_null()) {
    ACESO_TRY(JsonReader of, JsonReader::object(*parent, "manifest.json: parent"));
    manifest.parent_name = of.text("name");
    manifest.parent_sha256 = of.text("sha256");
    ACESO_TRY_OK(of.finish());
  }
  const auto known = parse_dataset_task(task);
  if (!known) return damaged(known.error().message());
  manifest.task = *known;
  if (manifest.task == Task::regression && manifest.classes.size() != 1)
    return damaged("classes: numbers have one name");
  auto type = parse_dtype(dtype);
  if (!type) return damaged("dtype: " + type.error().message());
  manifest.dtype = *type;
  if (samples.size() > kMaxSamples) return Error{Code::too_large, "manifest.json: more than 5000000 samples"};
  for (std::size_t i = 0; i < aside.size(); ++i) {
    ACESO_TRY(JsonReader item, JsonReader::object(aside[i], "manifest.json: set_aside[" + std::to_string(i) + "]"));
    SetAside entry{item.text("id"), item.text("reason")};
    ACESO_TRY_OK(item.finish());
    manifest.set_aside.push_back(std::move(entry));
  }
  std::unordered_set<std::string> ids;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::string where = "samples[" + std::to_string(i) + "]";
    ACESO_TRY(Sample sample, parse_sample(samples[i], where, manifest, pack_bytes));
    if (!ids.insert(sample.id).second) return damaged(where + ".id: there twice");
    manifest.samples.push_back(std::move(sample));
  }
  if (dataset_hash(manifest) != manifest.sha256)
    return damaged("its hash is not that of its samples: the file was altered");
  return manifest;
}

}  // namespace aceso::learn
