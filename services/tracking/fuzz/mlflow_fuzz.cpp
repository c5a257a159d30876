// Bodies of MLflow's calls against a fresh catalogue: the first byte chooses the call; and search expressions and
// paths.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "artifacts.hpp"
#include "migrations.hpp"
#include "mlflow.hpp"
#include "run_filter.hpp"

namespace {

using namespace aceso;

class NoAudit final : public contracts::AuditSink {
 public:
  Status record(const contracts::AuditEvent&) override { return {}; }
};

class QuietSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

constexpr const char* kCalls[] = {"experiments/create", "experiments/search",  "experiments/update",
                                  "runs/create",        "runs/search",         "runs/log-batch",
                                  "runs/log-metric",    "runs/log-inputs",     "runs/set-tag",
                                  "runs/update",        "metrics/get-history", "runs/log-parameter"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  (void)tracking::run_order_sql({std::string{text}}, 1);
  if (const auto path = tracking::parse_artifact_path(text); path.ok()) {
    if (path->below.is_absolute() || path->below.string().find("..") == 0) __builtin_trap();
  }
  static SystemClock clock;
  static SeededRandom random{1};
  static NoAudit audit;
  static QuietSink sink;
  static tracking::Tracking::Deps deps{clock, random, Logger{clock, sink}, audit};
  static const tracking::Options options{.max_points = 100, .max_keys = 10};
  static const auto catalogue = *store::open_memory_catalogue({{1, tracking::migration_0001()}}, deps.logger);
  static tracking::Mlflow mlflow{deps, options, *catalogue};
  // A filter that is taken must be one that the database takes.
  if (const auto where = tracking::run_filter_sql(text, 1); where.ok()) {
    const auto rows = catalogue->query("SELECT r.id FROM runs r WHERE " + where->sql, where->args);
    if (!rows.ok()) __builtin_trap();
  }
  const auto json = parse_json(text);
  if (!json.ok()) return 0;
  const auto answer = mlflow.call(kCalls[data[0] % std::size(kCalls)], *json, {.id = "u", .name = "fuzz"});
  if (!answer.ok() && answer.error().code() == Code::internal) __builtin_trap();
  return 0;
}
