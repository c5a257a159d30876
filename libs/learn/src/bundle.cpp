#include "aceso/learn/bundle.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kFormat = "aceso-model-bundle";
constexpr std::uint64_t kMaxModelJson = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxFile = std::uint64_t{16} << 30;
constexpr std::string_view kWeights = "model.safetensors";
constexpr std::string_view kOnnx = "model.onnx";
constexpr std::string_view kReportHtml = "evidence/report.html";
constexpr std::string_view kReportJson = "evidence/report.json";
constexpr std::string_view kApplicability = "evidence/applicability.json";
constexpr std::string_view kModelJson = "model.json";
constexpr std::string_view kSignature = "signature.ed25519";

Json card_json(const ModelCard& card) {
  Json json{{"name", card.name},       {"intended_use", card.intended_use}, {"limitations", card.limitations},
            {"data", card.data},       {"classes", card.classes},           {"threshold", card.threshold},
            {"created", card.created}, {"created_by", card.created_by}};
  if (!card.thresholds.empty()) json["thresholds"] = card.thresholds;
  return json;
}

Result<ModelCard> parse_card(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "card"));
  ModelCard card;
  card.name = reader.text("name");
  card.intended_use = reader.text("intended_use");
  card.limitations = reader.text("limitations");
  card.data = reader.text("data");
  card.classes = reader.texts("classes");
  card.threshold = reader.number("threshold");
  card.thresholds = reader.numbers("thresholds", JsonReader::optional);
  card.created = reader.text("created");
  card.created_by = reader.text("created_by");
  ACESO_TRY_OK(reader.finish());
  return card;
}

std::string digest(std::span<const std::byte> bytes) {
  return crypto::to_hex(crypto::sha256(bytes));
}
std::string dump(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

Error altered(std::string_view file) {
  return {Code::data_loss, "model bundle: " + std::string{file} + " is missing or is not what its hash says"};
}

class PendingFolder {
 public:
  explicit PendingFolder(fs::path path) : path_{std::move(path)} {}
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;
  ~PendingFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  fs::path path_;
};

Status write_parts(const fs::path& folder, const Bundle& bundle, std::string_view report_html,
                   const crypto::SigningKey& key) {
  const bool foreign = !bundle.onnx.empty();
  const std::string_view weights_name = foreign ? kOnnx : kWeights;
  const std::vector<std::byte> weights =
      foreign ? bundle.onnx
              : to_safetensors(bundle.weights, {{"format", "pt"}, {"architecture", bundle.network.architecture}});
  const std::string report = dump(bundle.evaluation);
  const std::string applicability = bundle.applicability.is_null() ? std::string{} : dump(bundle.applicability);
  std::error_code failure;
  fs::create_directory(folder / "evidence", failure);
  if (failure) return Error{Code::internal, "the model bundle cannot be written: " + failure.message()};
  Json model{{"format", kFormat},
             {"version", 1},
             {"card", card_json(bundle.card)},
             {"signature", to_json(bundle.signature)},
             {"network", foreign ? Json(nullptr) : to_json(bundle.network)},
             {"training", bundle.training},
             {"files",
              {{weights_name, digest(weights)},
               {kReportHtml, digest(crypto::as_bytes(report_html))},
               {kReportJson, digest(crypto::as_bytes(report))}}},
             {"public_key", crypto::to_hex(key.public_key())}};
  if (!applicability.empty()) model["files"][kApplicability] = digest(crypto::as_bytes(applicability));
  const std::string text = dump(model);
  const crypto::Signature signature = key.sign(crypto::as_bytes(text));
  ACESO_TRY_OK(write_file_atomic(folder / weights_name, weights));
  ACESO_TRY_OK(write_file_atomic(folder / kReportHtml, report_html));
  ACESO_TRY_OK(write_file_atomic(folder / kReportJson, report));
  if (!applicability.empty()) ACESO_TRY_OK(write_file_atomic(folder / kApplicability, applicability));
  ACESO_TRY_OK(write_file_atomic(folder / kModelJson, text));
  ACESO_TRY_OK(write_file_atomic(folder / kSignature, signature));
  return sync_directory(folder);
}

Result<std::vector<std::byte>> read_checked(const fs::path& folder, std::string_view name,
                                            const std::string& expected) {
  auto bytes = read_file(folder / name, kMaxFile);
  if (!bytes || digest(*bytes) != expected) return altered(name);
  return bytes;
}

Status check_signature(const fs::path& folder, const std::string& text, const std::string& named_key,
                       const crypto::PublicKey* trusted) {
  auto signature = read_file(folder / kSignature, sizeof(crypto::Signature));
  if (!signature)
    return trusted == nullptr ? Error{Code::data_loss, "model bundle: it has no signature"}
                              : Error{Code::denied, "model bundle: it is not signed"};
  const auto bytes = crypto::from_hex(named_key);
  crypto::PublicKey key{};
  if (!bytes || bytes->size() != key.size())
    return Error{Code::data_loss, "model bundle: model.json names no public key"};
  std::copy(bytes->begin(), bytes->end(), key.begin());
  if (trusted != nullptr && key != *trusted)
    return Error{Code::denied, "model bundle: it is signed by a key that is not trusted here"};
  if (!crypto::verify(key, crypto::as_bytes(text), *signature))
    return Error{Code::data_loss, "model bundle: model.json does not match its signature"};
  return {};
}

Status check_weights(const Bundle& bundle) {
  std::map<std::string, Shape> inputs;
  for (const Port& port : bundle.signature.inputs) {
    Shape shape{-1};
    shape.insert(shape.end(), port.shape.begin(), port.shape.end());
    inputs.emplace(port.name, std::move(shape));
  }
  ACESO_TRY(const Shapes shapes, infer_shapes(bundle.network, inputs));
  for (const auto& [name, shape] : shapes.parameters) {
    const auto found = bundle.weights.find(name);
    if (found == bundle.weights.end() || found->second.shape != shape || found->second.dtype != DType::f32)
      return Error{Code::data_loss, "model bundle: weight \"" + name + "\" is missing or of another shape"};
  }
  return {};
}

}  // namespace

Status write_bundle(const fs::path& folder, const Bundle& bundle, std::string_view report_html,
                    const crypto::SigningKey& key) {
  std::error_code failure;
  if (fs::exists(folder, failure))
    return Error{Code::exists, "model bundle \"" + folder.filename().string() + "\" is there already"};
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failure);
  std::string name = (folder.parent_path() / ("." + folder.filename().string() + ".XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr)
    return Error{errno == ENOSPC ? Code::exhausted : Code::internal, "the model bundle's folder cannot be made"};
  PendingFolder pending{name};
  ACESO_TRY_OK(write_parts(pending.path(), bundle, report_html, key));
  fs::permissions(pending.path(), fs::perms{0755}, failure);
  if (renameat2(AT_FDCWD, pending.path().c_str(), AT_FDCWD, folder.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST || errno == ENOTEMPTY)
      return Error{Code::exists, "model bundle \"" + folder.filename().string() + "\" is there already"};
    return Error{Code::internal, "the model bundle cannot be moved into place"};
  }
  pending.keep();
  return sync_directory(folder.has_parent_path() ? folder.parent_path() : fs::path{"."});
}

Result<Bundle> read_bundle(const fs::path& folder, const crypto::PublicKey* trusted) {
  auto text = read_text_file(folder / kModelJson, kMaxModelJson);
  if (!text)
    return Error{text.error().code() == Code::not_found ? Code::not_found : Code::data_loss,
                 "model bundle: model.json cannot be read"};
  auto json = parse_json(*text, {.bytes = static_cast<std::size_t>(kMaxModelJson), .depth = 64});
  if (!json) return Error{Code::data_loss, "model bundle: model.json: " + json.error().message()};
  ACESO_TRY(JsonReader reader, JsonReader::object(*json, "model.json"));
  const std::string format = reader.text("format");
  const std::int64_t version = reader.integer("version");
  const Json& card = reader.any("card");
  const Json& signature = reader.any("signature");
  const Json& network = reader.any("network");
  const Json& training = reader.any("training");
  const Json& files = reader.any("files");
  const std::string key = reader.text("public_key");
  ACESO_TRY_OK(reader.finish());
  if (format != kFormat || version != 1)
    return Error{Code::unsupported, "model bundle: model.json is of another format or version"};
  ACESO_TRY_OK(check_signature(folder, *text, key, trusted));  // before anything in it is believed
  ACESO_TRY(JsonReader hashes, JsonReader::object(files, "model.json.files"));
  const bool foreign = files.is_object() && files.contains(kOnnx);
  const std::string_view weights_name = foreign ? kOnnx : kWeights;
  const std::string weights_hash = hashes.text(weights_name);
  const std::string html_hash = hashes.text(kReportHtml);
  const std::string report_hash = hashes.text(kReportJson);
  const std::string applicability_hash = hashes.text(kApplicability, JsonReader::optional);
  ACESO_TRY_OK(hashes.finish());
  Bundle bundle;
  bundle.id = digest(crypto::as_bytes(*text));
  ACESO_TRY(bundle.card, parse_card(card));
  ACESO_TRY(bundle.signature, parse_signature(signature));
  if (!foreign) {
    ACESO_TRY(bundle.network, parse_network(network));
  }
  bundle.training = training;
  ACESO_TRY(auto weights, read_checked(folder, weights_name, weights_hash));
  ACESO_TRY(const auto report, read_checked(folder, kReportJson, report_hash));
  ACESO_TRY_OK([&]() -> Status {
    ACESO_TRY([[maybe_unused]] const auto html, read_checked(folder, kReportHtml, html_hash));
    return {};
  }());
  if (foreign) {
    bundle.onnx = std::move(weights);
  } else {
    ACESO_TRY(bundle.weights, parse_safetensors(weights));
  }
  ACESO_TRY(bundle.evaluation, parse_json({reinterpret_cast<const char*>(report.data()), report.size()},
                                          {.bytes = static_cast<std::size_t>(kMaxModelJson), .depth = 64}));
  if (!applicability_hash.empty()) {
    ACESO_TRY(const auto bytes, read_checked(folder, kApplicability, applicability_hash));
    ACESO_TRY(bundle.applicability, parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                               {.bytes = static_cast<std::size_t>(kMaxModelJson), .depth = 64}));
  }
  if (!foreign) ACESO_TRY_OK(check_weights(bundle));
  return bundle;
}

}  // namespace aceso::learn
