#include "manifest_json.hpp"

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

Error damaged(const std::string& what) {
  return {Code::data_loss, "manifest.json: " + what};
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
  ACESO_TRY_OK(reader.finish());
  ACESO_TRY(sample.split, parse_split(split, where));
  if (label < -1 || label >= static_cast<std::int64_t>(manifest.classes.size()))
    return damaged(where + ".label: no such class");
  sample.label = static_cast<int>(label);
  const auto count = element_count(sample.shape);
  if (!count || *count == 0 || sample.shape.size() > 4) return damaged(where + ".shape: bad");
  const std::uint64_t bytes = static_cast<std::uint64_t>(*count) * size_of(manifest.dtype);
  if (sample.offset % kPackAlignment != 0 || sample.offset < kPackHeader || sample.offset > pack_bytes ||
      bytes > pack_bytes - sample.offset) {
    return damaged(where + ".offset: the sample lies outside pack.bin");
  }
  return sample;
}

}  // namespace

std::string sample_hash(DType dtype, const Shape& shape, std::span<const std::byte> bytes) {
  crypto::Sha256 hash;
  feed(hash, to_string(dtype));
  feed(hash, to_string(shape));
  hash.update(bytes);
  return crypto::to_hex(hash.finish());
}

std::string dataset_hash(const Manifest& manifest) {
  crypto::Sha256 hash;
  feed(hash, manifest.kind);
  feed(hash, to_string(manifest.dtype));
  for (const auto& name : manifest.classes) feed(hash, name);
  for (const Sample& sample : manifest.samples) {
    feed(hash, sample.id);
    feed(hash, sample.sha256);
    feed(hash, to_string(sample.split));
    feed(hash, std::to_string(sample.label));
    feed(hash, sample.group);
  }
  return crypto::to_hex(hash.finish());
}

Json to_json(const Manifest& manifest) {
  Json samples = Json::array();
  for (const Sample& sample : manifest.samples) {
    samples.push_back(Json{{"id", sample.id},
                           {"sha256", sample.sha256},
                           {"split", to_string(sample.split)},
                           {"label", sample.label},
                           {"group", sample.group},
                           {"offset", sample.offset},
                           {"shape", sample.shape}});
  }
  Json aside = Json::array();
  for (const SetAside& item : manifest.set_aside) aside.push_back(Json{{"id", item.id}, {"reason", item.reason}});
  return Json{{"format", kFormat},
              {"version", 1},
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
  const Json& aside = reader.array("set_aside", JsonReader::optional);
  const Json& samples = reader.array("samples");
  ACESO_TRY_OK(reader.finish());
  if (format != kFormat) return damaged("is not a dataset's manifest");
  if (version != 1) return Error{Code::unsupported, "manifest.json: format version " + std::to_string(version)};
  if (manifest.kind != "image" && manifest.kind != "signal" && manifest.kind != "table")
    return damaged("kind: must be image, signal or table");
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
