#include "worker_protocol.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "context.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxText = 500;
constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;

std::string printable(std::string text) {
  if (text.size() > kMaxText) {
    std::size_t end = kMaxText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not inside a character
    text.resize(end);
  }
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Result<double> figure(ObjectReader& reader, const std::string& key) {
  return reader.number_or(key, std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::max(),
                          std::numeric_limits<double>::max());
}

Result<Code> parse_code(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
    if (to_string(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return Error{Code::invalid, "worker line: code: unknown"};
}

Status read_progress(ObjectReader& reader, ProgressUpdate& out) {
  ACESO_TRY(const std::string phase, reader.text_or("phase", 64, "train"));
  out.phase = printable(phase);
  ACESO_TRY(const std::int64_t done, reader.integer_or("done", 0, 0, kMaxCount));
  ACESO_TRY(const std::int64_t total, reader.integer_or("total", 0, 0, kMaxCount));
  out.done = static_cast<std::uint64_t>(done);
  out.total = static_cast<std::uint64_t>(total);
  ACESO_TRY(out.seconds_left, reader.number_or("seconds_left", -1, -1, 1e9));
  const Json* values = reader.child("values");
  if (values == nullptr) return {};
  const Error wrong{Code::invalid, "worker line: values: at most 16 pairs of texts are expected"};
  if (!values->is_structured() || values->size() > 16) return wrong;
  for (const auto& [key, value] : values->items()) {  // {"name": "text"} or [["name", "text"]]
    const bool pair =
        values->is_array() && value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string();
    if (!pair && !(values->is_object() && value.is_string())) return wrong;
    out.values.emplace_back(printable(pair ? value[0].get<std::string>() : key),
                            printable(pair ? value[1].get<std::string>() : value.get<std::string>()));
  }
  return {};
}

Status read_epoch(ObjectReader& reader, WorkerMessage& message) {
  learn::EpochRecord& out = message.epoch;
  ACESO_TRY(const std::int64_t trial, reader.integer_or("trial", 0, 0, learn::kMaxTrials));
  message.trial_number = static_cast<int>(trial);
  ACESO_TRY(const std::int64_t epoch, reader.integer_or("epoch", 0, 0, 1'000'000));
  out.epoch = static_cast<int>(epoch);
  ACESO_TRY(out.train_loss, figure(reader, "train_loss"));
  ACESO_TRY(out.validation_loss, figure(reader, "validation_loss"));
  ACESO_TRY(out.validation_auc, figure(reader, "validation_auc"));
  ACESO_TRY(out.validation_accuracy, figure(reader, "validation_accuracy"));
  ACESO_TRY(out.validation_dice, figure(reader, "validation_dice"));
  ACESO_TRY(out.validation_rmse, figure(reader, "validation_rmse"));
  ACESO_TRY(out.validation_mae, figure(reader, "validation_mae"));
  ACESO_TRY(out.validation_ap, figure(reader, "validation_ap"));
  ACESO_TRY(out.images_per_second, figure(reader, "images_per_second"));
  ACESO_TRY(out.seconds, figure(reader, "seconds"));
  ACESO_TRY(out.learning_rate, figure(reader, "learning_rate"));
  ACESO_TRY(out.waiting, figure(reader, "waiting"));
  ACESO_TRY(out.faults_per_step, figure(reader, "faults_per_step"));
  return {};
}

Status read_trial(ObjectReader& reader, learn::TrialRecord& out) {
  using State = learn::TrialRecord::State;
  ACESO_TRY(const std::string state, reader.text("state", 16));
  bool known = false;
  for (const State s : {State::waiting, State::promoted, State::stopped, State::failed, State::finished}) {
    if (learn::to_string(s) != state) continue;
    out.state = s;
    known = true;
  }
  if (!known) return Error{Code::invalid, "worker line: state: unknown"};
  ACESO_TRY(const std::int64_t number, reader.integer_or("trial", 0, 1, learn::kMaxTrials));
  ACESO_TRY(const std::int64_t rung, reader.integer_or("rung", 0, 0, 1000));
  ACESO_TRY(const std::int64_t epochs, reader.integer_or("epochs", 0, 0, 1'000'000));
  ACESO_TRY(const std::int64_t best, reader.integer_or("best_epoch", 0, 0, 1'000'000));
  ACESO_TRY(std::string metric, reader.text_or("metric", 64, {}));
  out.metric = printable(std::move(metric));
  ACESO_TRY(out.figure, figure(reader, "figure"));
  ACESO_TRY(out.seconds, reader.number_or("seconds", 0, 0, 1e12));
  ACESO_TRY(std::string error, reader.text_or("error", kMaxWorkerLine, {}));
  out.plan.number = static_cast<int>(number);
  out.rung = static_cast<int>(rung);
  out.epochs = static_cast<int>(epochs);
  out.best_epoch = static_cast<int>(best);
  out.error = printable(std::move(error));
  const Json* values = reader.child("values");
  if (values == nullptr || !values->is_object() || values->size() > 32)
    return Error{Code::invalid, "worker line: values: an object of at most 32 is expected"};
  for (const auto& [key, value] : values->items()) {
    std::string text = dump(value);
    if (text.size() > kMaxText) return Error{Code::invalid, "worker line: values: a value is too long"};
    out.plan.values.emplace_back(printable(key), std::move(text));
  }
  return {};
}

Status read_error(ObjectReader& reader, WorkerMessage& out) {
  ACESO_TRY(const std::string code, reader.text("code", 32));
  ACESO_TRY(out.code, parse_code(code));
  ACESO_TRY(std::string text, reader.text("message", kMaxWorkerLine));
  out.text = printable(std::move(text));
  ACESO_TRY(std::string reason, reader.text_or("reason", 32, {}));
  out.reason = printable(std::move(reason));
  return {};
}

}  // namespace

Status LineSplitter::feed(std::span<const std::byte> bytes, const std::function<void(std::string_view line)>& on_line) {
  std::string_view rest{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view piece = rest.substr(0, end);
    if (pending_.size() + piece.size() > kMaxWorkerLine)
      return Error{Code::too_large, "a line of the worker is longer than " + std::to_string(kMaxWorkerLine) + " bytes"};
    pending_.append(piece);
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
    on_line(pending_);
    pending_.clear();
  }
  return {};
}

Result<WorkerMessage> parse_worker_line(std::string_view line) {
  ACESO_TRY(const Json json, parse_json(line, {.bytes = kMaxWorkerLine, .depth = 8}));
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "worker line"));
  ACESO_TRY(const std::string type, reader.text("type", 16));
  WorkerMessage message;
  if (type == "progress") {
    message.type = WorkerMessage::Type::progress;
    ACESO_TRY_OK(read_progress(reader, message.progress));
  } else if (type == "epoch") {
    message.type = WorkerMessage::Type::epoch;
    ACESO_TRY_OK(read_epoch(reader, message));
  } else if (type == "trial") {
    message.type = WorkerMessage::Type::trial;
    ACESO_TRY_OK(read_trial(reader, message.trial));
  } else if (type == "log") {
    message.type = WorkerMessage::Type::log;
    ACESO_TRY(message.level, reader.text_or("level", 8, "info"));
    if (message.level != "debug" && message.level != "info" && message.level != "warn" && message.level != "error")
      return Error{Code::invalid, "worker line: level: unknown"};
    ACESO_TRY(std::string text, reader.text_or("message", kMaxWorkerLine, {}));
    message.text = printable(std::move(text));
  } else if (type == "result") {
    message.type = WorkerMessage::Type::result;
  } else if (type == "error") {
    message.type = WorkerMessage::Type::error;
    ACESO_TRY_OK(read_error(reader, message));
  } else {
    return Error{Code::invalid, "worker line: type: unknown"};
  }
  return message;
}

Json progress_json(const ProgressUpdate& update) {
  Json values = Json::array();
  for (const auto& [key, value] : update.values) values.push_back(Json::array({key, value}));
  return Json{{"type", "progress"},          {"phase", update.phase},
              {"done", update.done},         {"total", update.total},
              {"values", std::move(values)}, {"seconds_left", finite_or_null(update.seconds_left)}};
}

Json epoch_json(const learn::EpochRecord& e, int trial) {
  Json json{{"type", "epoch"},
            {"epoch", e.epoch},
            {"train_loss", finite_or_null(e.train_loss)},
            {"validation_loss", finite_or_null(e.validation_loss)},
            {"validation_auc", finite_or_null(e.validation_auc)},
            {"validation_accuracy", finite_or_null(e.validation_accuracy)},
            {"validation_dice", finite_or_null(e.validation_dice)},
            {"validation_rmse", finite_or_null(e.validation_rmse)},
            {"validation_mae", finite_or_null(e.validation_mae)},
            {"validation_ap", finite_or_null(e.validation_ap)},
            {"images_per_second", finite_or_null(e.images_per_second)},
            {"seconds", finite_or_null(e.seconds)},
            {"learning_rate", finite_or_null(e.learning_rate)},
            {"waiting", finite_or_null(e.waiting)},
            {"faults_per_step", finite_or_null(e.faults_per_step)}};
  if (trial > 0) json["trial"] = trial;
  return json;
}

Json trial_json(const learn::TrialRecord& trial) {
  Json json{{"type", "trial"}};
  json.update(learn::to_json(trial));
  return json;
}

std::string to_line(const ProgressUpdate& update) {
  return dump(progress_json(update)) + "\n";
}

std::string to_line(const learn::EpochRecord& epoch, int trial) {
  return dump(epoch_json(epoch, trial)) + "\n";
}

std::string to_line(const learn::TrialRecord& trial) {
  return dump(trial_json(trial)) + "\n";
}

std::string to_line(const Error& error, std::string_view reason) {
  return dump(Json{{"type", "error"},
                   {"code", to_string(error.code())},
                   {"reason", reason},
                   {"message", printable(error.message())}}) +
         "\n";
}

}  // namespace aceso::models
