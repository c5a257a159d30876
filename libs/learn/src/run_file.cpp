#include "run_file.hpp"

#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "checkpoint.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kMaxRunBytes = std::uint64_t{64} << 30;

Json about_run(const TrainResult& r) {
  Json history = Json::array();
  for (const EpochRecord& record : r.history) history.push_back(record_json(record));
  return Json{{"network", to_json(r.network)},
              {"signature", to_json(r.signature)},
              {"classes", r.classes},
              {"history", std::move(history)},
              {"best_epoch", r.best_epoch},
              {"engine", r.engine},
              {"resumed_at", r.resumed_at},
              {"warnings", r.warnings},
              {"seconds", r.usage.seconds},
              {"cpu_seconds", r.usage.cpu_seconds},
              {"energy_joules", r.usage.energy_joules},
              {"peak_rss_bytes", r.usage.peak_rss_bytes}};
}

Result<TrainResult> parse_run(const Json& json, Weights weights) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "run"));
  TrainResult r;
  const Json& network = reader.any("network");
  const Json& signature = reader.any("signature");
  r.classes = reader.texts("classes");
  const Json& history = reader.array("history");
  r.best_epoch = static_cast<int>(reader.integer("best_epoch"));
  r.engine = reader.text("engine");
  r.resumed_at = static_cast<int>(reader.integer("resumed_at"));
  r.warnings = reader.texts("warnings");
  r.usage.seconds = reader.number("seconds");
  r.usage.cpu_seconds = reader.number("cpu_seconds");
  r.usage.energy_joules = reader.number("energy_joules");
  r.usage.peak_rss_bytes = reader.unsigned_integer("peak_rss_bytes", 0);
  ACESO_TRY_OK(reader.finish());
  ACESO_TRY(r.network, parse_network(network));
  ACESO_TRY(r.signature, parse_signature(signature));
  for (const Json& item : history) {
    ACESO_TRY(EpochRecord record, parse_record(item));
    r.history.push_back(record);
  }
  r.weights = std::move(weights);
  return r;
}

}  // namespace

Status write_run(const std::filesystem::path& file, const TrainResult& result, const std::string& identity) {
  const auto bytes = to_safetensors(result.weights, {{"identity", identity}, {"run", dump_json(about_run(result))}});
  if (Status written = write_file_atomic(file, bytes, {.mode = 0600, .durable = true}); !written)
    return Error{std::move(written).error().add_context("keeping an ended run")};
  return {};
}

Result<std::optional<TrainResult>> read_run(const std::filesystem::path& file, const std::string& identity) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec)) return std::optional<TrainResult>{};
  ACESO_TRY(const std::vector<std::byte> bytes, read_file(file, kMaxRunBytes));
  std::map<std::string, std::string> metadata;
  auto weights = parse_safetensors(bytes, &metadata);
  if (!weights) return Error{Code::data_loss, "an ended run is damaged: " + weights.error().message()};
  if (metadata["identity"] != identity)
    return Error{Code::conflict, "an ended run belongs to another configuration or data set"};
  const auto json = parse_json(metadata["run"], {.bytes = std::size_t{256} << 20, .depth = 64});
  Result<TrainResult> run = json ? parse_run(*json, *std::move(weights)) : Result<TrainResult>{json.error()};
  if (!run) return Error{Code::data_loss, "an ended run is damaged: " + run.error().message()};
  return std::optional{*std::move(run)};
}

}  // namespace aceso::learn
