#include "checkpoint.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 30;
constexpr std::int64_t kFormat = 1;

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double number_or_nan(JsonReader& reader, std::string_view key) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const Json& value = reader.any(key);
  return value.is_number() ? value.get<double>() : kNone;
}

}  // namespace

Json record_json(const EpochRecord& e) {
  return Json{{"epoch", e.epoch},
              {"train_loss", e.train_loss},
              {"validation_loss", number_or_null(e.validation_loss)},
              {"validation_auc", number_or_null(e.validation_auc)},
              {"validation_accuracy", number_or_null(e.validation_accuracy)},
              {"validation_dice", number_or_null(e.validation_dice)},
              {"validation_rmse", number_or_null(e.validation_rmse)},
              {"validation_mae", number_or_null(e.validation_mae)},
              {"validation_ap", number_or_null(e.validation_ap)},
              {"images_per_second", e.images_per_second},
              {"seconds", e.seconds},
              {"learning_rate", e.learning_rate},
              {"waiting", e.waiting},
              {"faults_per_step", e.faults_per_step}};
}

Result<EpochRecord> parse_record(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "checkpoint.history"));
  EpochRecord e;
  e.epoch = static_cast<int>(reader.integer("epoch"));
  e.train_loss = reader.number("train_loss");
  e.validation_loss = number_or_nan(reader, "validation_loss");
  e.validation_auc = number_or_nan(reader, "validation_auc");
  e.validation_accuracy = number_or_nan(reader, "validation_accuracy");
  e.validation_dice = number_or_nan(reader, "validation_dice");
  e.validation_rmse = number_or_nan(reader, "validation_rmse");
  e.validation_mae = number_or_nan(reader, "validation_mae");
  e.validation_ap = number_or_nan(reader, "validation_ap");
  e.images_per_second = reader.number("images_per_second");
  e.seconds = reader.number("seconds");
  e.learning_rate = reader.number("learning_rate");
  e.waiting = reader.number("waiting");
  e.faults_per_step = reader.number("faults_per_step");
  ACESO_TRY_OK(reader.finish());
  return e;
}

namespace {

Result<Checkpoint> parse_state(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "checkpoint"));
  Checkpoint c;
  const std::int64_t format = reader.integer("format");
  c.epoch = static_cast<int>(reader.integer("epoch"));
  c.step = reader.integer("step");
  c.loss_sum = reader.number("loss_sum");
  c.best_epoch = static_cast<int>(reader.integer("best_epoch"));
  c.best_merit = reader.number("best_merit");
  c.engine = reader.text("engine");
  c.usage.seconds = reader.number("seconds");
  c.usage.cpu_seconds = reader.number("cpu_seconds");
  c.usage.energy_joules = reader.number("energy_joules");
  c.usage.peak_rss_bytes = reader.unsigned_integer("peak_rss_bytes", 0);
  c.usage.peak_device_bytes = reader.unsigned_integer("peak_device_bytes", 0);
  const Json& history = reader.array("history");
  ACESO_TRY_OK(reader.finish());
  if (format != kFormat) return Error{Code::unsupported, "a checkpoint of another version of Aceso"};
  for (const Json& item : history) {
    ACESO_TRY(EpochRecord record, parse_record(item));
    c.history.push_back(record);
  }
  if (c.epoch < 1 || c.step < 0 || c.best_epoch < 0 || static_cast<std::size_t>(c.epoch) != c.history.size() + 1)
    return Error{Code::data_loss, "its counts do not agree"};
  return c;
}

void add(Weights& all, const std::string& prefix, const Weights& some) {
  for (const auto& [name, array] : some) all.emplace(prefix + name, array);
}

Result<Checkpoint> parse(std::span<const std::byte> bytes, const std::string& identity) {
  std::map<std::string, std::string> metadata;
  ACESO_TRY(Weights tensors, parse_safetensors(bytes, &metadata));
  if (metadata["identity"] != identity)
    return Error{Code::conflict, "the checkpoint belongs to a run with another configuration or data set"};
  ACESO_TRY(const Json json, parse_json(metadata["trainer"]));
  ACESO_TRY(Checkpoint checkpoint, parse_state(json));
  for (auto& [name, array] : tensors) {
    for (const auto& [prefix, to] : {std::pair{std::string_view{"weights."}, &checkpoint.weights},
                                     std::pair{std::string_view{"best."}, &checkpoint.best},
                                     std::pair{std::string_view{"state."}, &checkpoint.state}}) {
      if (name.starts_with(prefix)) to->emplace(name.substr(prefix.size()), std::move(array));
    }
  }
  return checkpoint;
}

}  // namespace

std::string checkpoint_identity(const TrainConfig& config, const std::string& dataset_sha256) {
  TrainConfig what = config;
  what.loaders = 1;
  what.options.threads = 0;
  return dump_json(Json{{"config", to_json(what)}, {"dataset", dataset_sha256}});
}

Status write_checkpoint(const std::filesystem::path& file, const Checkpoint& c, const std::string& identity) {
  Json history = Json::array();
  for (const EpochRecord& record : c.history) history.push_back(record_json(record));
  const Json trainer{{"format", kFormat},
                     {"epoch", c.epoch},
                     {"step", c.step},
                     {"loss_sum", c.loss_sum},
                     {"best_epoch", c.best_epoch},
                     {"best_merit", c.best_merit},
                     {"engine", c.engine},
                     {"seconds", c.usage.seconds},
                     {"cpu_seconds", c.usage.cpu_seconds},
                     {"energy_joules", c.usage.energy_joules},
                     {"peak_rss_bytes", c.usage.peak_rss_bytes},
                     {"peak_device_bytes", c.usage.peak_device_bytes},
                     {"history", std::move(history)}};
  Weights all;
  add(all, "weights.", c.weights);
  add(all, "best.", c.best);
  add(all, "state.", c.state);
  return write_file_atomic(file, to_safetensors(all, {{"identity", identity}, {"trainer", dump_json(trainer)}}),
                           {.mode = 0600, .durable = true});
}

Result<std::optional<Checkpoint>> read_checkpoint(const std::filesystem::path& file, const std::string& identity) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec)) return std::optional<Checkpoint>{};
  ACESO_TRY(const std::vector<std::byte> bytes, read_file(file, kMaxBytes));
  Result<Checkpoint> read = parse(bytes, identity);
  if (read) return std::optional{std::move(*read)};
  const Code code = read.error().code();
  if (code == Code::conflict || code == Code::exhausted || code == Code::unsupported) return std::move(read).error();
  return Error{Code::data_loss, "the checkpoint is damaged: " + read.error().message()};
}

}  // namespace aceso::learn
