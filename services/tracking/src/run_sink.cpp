// The node's own trainings as runs.
#include <algorithm>
#include <array>
#include <cmath>

#include "fields.hpp"
#include "mlflow.hpp"

namespace aceso::tracking {
namespace {

Status check_run(std::string_view id) {
  const bool good = id.size() == 32 && std::all_of(id.begin(), id.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  return good ? Status{} : Status{Error{Code::invalid, "run: 32 hexadecimal digits are expected"}};
}

std::string_view status_of(contracts::TrackedEnd how) {
  switch (how) {
    case contracts::TrackedEnd::finished:
      return "FINISHED";
    case contracts::TrackedEnd::failed:
      return "FAILED";
    case contracts::TrackedEnd::cancelled:
      return "KILLED";
  }
  return "FAILED";
}

}  // namespace

Status Mlflow::begin(const contracts::TrackedRun& run) {
  ACESO_TRY_OK(check_run(run.id));
  const std::int64_t now = now_ms();
  return catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY(const auto there, t.query("SELECT own FROM runs WHERE id = ?1", {run.id}));
    if (!there.empty()) {
      if (there.front().integer(0) == 0) return Error{Code::exists, "there is a run with this id already"};
      ACESO_TRY([[maybe_unused]] const auto n,
                t.execute("UPDATE runs SET status = 'RUNNING', end_ms = NULL WHERE id = ?1", {run.id}));
      return {};
    }
    ACESO_TRY(auto found, t.query("SELECT id FROM experiments WHERE name = ?1", {run.experiment}));
    std::int64_t experiment = found.empty() ? 0 : found.front().integer(0);
    if (found.empty()) {
      ACESO_TRY(const auto rows, t.query("SELECT MAX(id) FROM experiments"));
      experiment = rows.front().integer(0) + 1;
      ACESO_TRY(
          [[maybe_unused]] const auto n,
          t.execute(
              "INSERT INTO experiments (id, name, stage, created_ms, updated_ms) VALUES (?1, ?2, 'active', ?3, ?3)",
              {experiment, run.experiment, now}));
    }
    ACESO_TRY(
        [[maybe_unused]] const auto n,
        t.execute(
            "INSERT INTO runs (id, experiment, name, user_name, status, stage, start_ms, end_ms, own, points) VALUES "
            "(?1, ?2, ?3, ?4, 'RUNNING', 'active', ?5, NULL, 1, 0)",
            {run.id, experiment, run.name, run.user, run.start_ms}));
    for (const auto& [key, value] : run.params) {
      ACESO_TRY_OK(put_param(t, run.id, {key.substr(0, kMaxKey), value.substr(0, kMaxParam)}));
    }
    for (const auto& [key, value] : run.tags) {
      ACESO_TRY_OK(put_tag(t, run.id, {key.substr(0, kMaxKey), value.substr(0, kMaxTag)}));
    }
    return run.parent.empty() ? Status{} : put_tag(t, run.id, {"mlflow.parentRunId", run.parent});
  });
}

Status Mlflow::own_metrics(std::string_view run, std::span<const contracts::TrackedMetric> metrics) {
  const std::string id{run};
  std::vector<Point> points;
  points.reserve(metrics.size());
  for (const contracts::TrackedMetric& m : metrics) {
    if (!std::isnan(m.value)) points.push_back({m.key, m.value, m.step, m.time_ms});
  }
  return catalogue_.write([&](store::Transaction& t) -> Status {
    for (const Point& p : points) {  // an epoch that is trained again after a crash
      ACESO_TRY(const std::int64_t gone,
                t.execute("DELETE FROM metrics WHERE run = ?1 AND key = ?2 AND step = ?3", {id, p.key, p.step}));
      ACESO_TRY([[maybe_unused]] const auto n,
                t.execute("UPDATE runs SET points = points - ?2 WHERE id = ?1", {id, gone}));
    }
    return put_metrics(t, id, points);
  });
}

Status Mlflow::end(std::string_view run, contracts::TrackedEnd how, std::int64_t time_ms,
                   const std::vector<std::pair<std::string, std::string>>& tags) {
  const std::string id{run};
  return catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY(const std::int64_t n, t.execute("UPDATE runs SET status = ?2, end_ms = ?3 WHERE id = ?1 AND own = 1",
                                              {id, std::string{status_of(how)}, time_ms}));
    if (n == 0) return Error{Code::not_found, "there is no such run"};
    for (const auto& [key, value] : tags) {
      ACESO_TRY_OK(put_tag(t, id, {key.substr(0, kMaxKey), value.substr(0, kMaxTag)}));
    }
    return {};
  });
}

}  // namespace aceso::tracking
