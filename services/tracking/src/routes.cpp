// /api/2.0/mlflow and /api/2.0/mlflow-artifacts.
#include <algorithm>
#include <any>
#include <nlohmann/json.hpp>
#include <string>

#include "aceso/base/id.hpp"
#include "artifacts.hpp"
#include "fields.hpp"
#include "migrations.hpp"
#include "mlflow.hpp"

namespace aceso::tracking {
namespace {

constexpr std::string_view kBase = "/api/2.0/mlflow/";
constexpr const char* kRead = "jobs:read";
constexpr const char* kWrite = "jobs:write";

// https://mlflow.org/docs/latest/rest-api.html names the codes. Clients try 429, 500, 502, 503 and 504 again.
std::pair<std::string_view, int> mlflow_code(Code code) {
  switch (code) {
    case Code::not_found:
      return {"RESOURCE_DOES_NOT_EXIST", 404};
    case Code::exists:
      return {"RESOURCE_ALREADY_EXISTS", 400};
    case Code::denied:
      return {"PERMISSION_DENIED", 403};
    case Code::unauthenticated:
      return {"UNAUTHENTICATED", 401};
    case Code::too_large:
      return {"INVALID_PARAMETER_VALUE", 413};
    case Code::exhausted:
      return {"RESOURCE_LIMIT_EXCEEDED", 507};
    case Code::unavailable:
      return {"TEMPORARILY_UNAVAILABLE", 503};
    case Code::internal:
    case Code::data_loss:
      return {"INTERNAL_ERROR", 500};
    default:
      return {"INVALID_PARAMETER_VALUE", 400};
  }
}

net::Response failure(const Error& error) {
  const auto [name, status] = mlflow_code(error.code());
  return net::Response::json(Json{{"error_code", name}, {"message", error.message()}}, status);
}

Result<Caller> caller_of(const net::Request& request, std::string_view scope) {
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  if (principal == nullptr) return Error{Code::unauthenticated, "sign in first"};
  if (!principal->has(scope)) return Error{Code::denied, "the scope " + std::string{scope} + " is needed"};
  return Caller{.id = principal->id,
                .name = principal->name,
                .source_address = request.remote_address,
                .request_id = request.request_id};
}

// A query as an object; a name that comes several times becomes a list.
Json query_json(const net::Request& request) {
  Json json = Json::object();
  for (const auto& [name, value] : request.query) {
    if (!json.contains(name)) {
      json[name] = value;
    } else {
      if (!json[name].is_array()) json[name] = Json::array({json[name]});
      json[name].push_back(value);
    }
  }
  return json;
}

using Work = std::function<Result<net::Response>(net::Request&, const Caller&)>;

net::Handler guarded(std::string scope, Logger log, Work work) {
  return [scope = std::move(scope), log = std::move(log),
          work = std::move(work)](net::Request& request) -> Result<net::Response> {
    const Result<Caller> who = caller_of(request, scope);
    if (!who) return failure(who.error());
    Result<net::Response> answer = work(request, *who);
    if (answer) return answer;
    const Code code = answer.error().code();
    if (code == Code::internal || code == Code::data_loss)
      log.error("request.failed", answer.error(), {{"request_id", request.request_id}});
    return failure(answer.error());
  };
}

}  // namespace

struct Tracking::Impl {
  Impl(const std::filesystem::path& folder, Deps given, Options how)
      : deps{std::move(given)}, options{how}, artifacts{folder / "artifacts", options} {}

  Deps deps;
  Options options;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<Mlflow> mlflow;
  Artifacts artifacts;

  // The run that a path names must be there, and in that experiment.
  Result<RunInfo> run_of_path(const ArtifactPath& path) const {
    ACESO_TRY(RunInfo run, mlflow->run_info(path.run));
    if (std::to_string(run.experiment) != path.experiment) return Error{Code::not_found, "there is no such run"};
    return run;
  }
  void add_calls(net::Router& router);
  void add_artifacts(net::Router& router);
  Result<net::Response> list(const net::Request& request, bool by_run) const;
};

Tracking::Tracking(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Tracking::~Tracking() = default;

Result<std::unique_ptr<Tracking>> Tracking::create(const std::filesystem::path& folder, Deps deps, Options options) {
  std::error_code ec;
  std::filesystem::create_directories(folder / "artifacts", ec);
  if (ec) return Error{Code::internal, "cannot create the folder of runs: " + ec.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  auto impl = std::make_unique<Impl>(folder, std::move(deps), options);
  ACESO_TRY(impl->catalogue, store::open_sqlite(folder / "runs.sqlite", {{1, migration_0001()}}, impl->deps.logger));
  impl->mlflow = std::make_unique<Mlflow>(impl->deps, impl->options, *impl->catalogue);
  impl->artifacts.forget_spool();
  return std::unique_ptr<Tracking>{new Tracking{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

void Tracking::Impl::add_calls(net::Router& router) {
  using net::Method;
  const auto add = [&](Method method, const std::string& endpoint, const std::string& summary) {
    const char* scope = Mlflow::changes(endpoint) ? kWrite : kRead;
    net::RouteInfo info{.summary = summary, .tag = "mlflow", .scope = scope};
    if (method != Method::get) {
      info.request_type = "application/json";
      info.max_body = std::size_t{2} << 20;
    }
    router.add(method, std::string{kBase} + endpoint, std::move(info),
               guarded(scope, deps.logger,
                       [this, endpoint, method](net::Request& request, const Caller& who) -> Result<net::Response> {
                         Json body = query_json(request);
                         if (method != Method::get) {
                           ACESO_TRY(body, request.json(std::size_t{2} << 20));
                         }
                         ACESO_TRY(const Json answer, mlflow->call(endpoint, body, who));
                         return net::Response::json(answer);
                       }));
  };
  for (const auto& [endpoint, summary] : {std::pair{"experiments/create", "Make an experiment"},
                                          {"experiments/search", "Search experiments"},
                                          {"experiments/delete", "Delete an experiment"},
                                          {"experiments/restore", "Restore an experiment"},
                                          {"experiments/update", "Rename an experiment"},
                                          {"experiments/set-experiment-tag", "Tag an experiment"},
                                          {"runs/create", "Begin a run"},
                                          {"runs/update", "End or rename a run"},
                                          {"runs/search", "Search runs by metrics, parameters, tags and attributes"},
                                          {"runs/delete", "Delete a run"},
                                          {"runs/restore", "Restore a run"},
                                          {"runs/log-metric", "Log a metric"},
                                          {"runs/log-parameter", "Log a parameter"},
                                          {"runs/log-batch", "Log metrics, parameters and tags"},
                                          {"runs/log-inputs", "Log the data sets of a run"},
                                          {"runs/set-tag", "Tag a run"},
                                          {"runs/delete-tag", "Remove a tag of a run"},
                                          {"logged-models/search", "Models as MLflow 3 logs them: none"}})
    add(Method::post, endpoint, summary);
  for (const auto& [endpoint, summary] :
       {std::pair{"experiments/get", "An experiment"},
        {"experiments/get-by-name", "An experiment by its name"},
        {"experiments/search", "Search experiments"},
        {"runs/get", "A run"},
        {"metrics/get-history", "All values of a metric"},
        {"metrics/get-history-bulk-interval", "Values of a metric of several runs, thinned"}})
    add(Method::get, endpoint, summary);
}

// {files}, and root_uri for a run.
Result<net::Response> Tracking::Impl::list(const net::Request& request, bool by_run) const {
  std::string path = request.query_value("path").value_or("");
  std::string root;
  if (by_run) {
    ACESO_TRY(const RunInfo run, mlflow->run_info(request.query_value("run_id").value_or("")));
    root = std::to_string(run.experiment) + "/" + run.id + "/artifacts";
    path = path.empty() ? root : root + "/" + path;
  }
  ACESO_TRY(const ArtifactPath where, parse_artifact_path(path));
  ACESO_TRY([[maybe_unused]] const RunInfo run, run_of_path(where));
  ACESO_TRY(Json answer, artifacts.list(where));
  if (by_run) {
    answer["root_uri"] = "mlflow-artifacts:/" + root;
    const std::string below = where.below.string();  // of a run paths are named from its artifacts on
    for (Json& file : answer["files"]) {
      if (!below.empty()) file["path"] = below + "/" + file["path"].get<std::string>();
    }
  }
  return net::Response::json(answer);
}

void Tracking::Impl::add_artifacts(net::Router& router) {
  using net::Method;
  const std::string base = "/api/2.0/mlflow-artifacts/artifacts";
  const auto info = [](const char* summary, const char* scope) {
    return net::RouteInfo{.summary = summary, .tag = "mlflow", .scope = scope};
  };
  router.add(Method::get, "/api/2.0/mlflow/artifacts/list", info("Artifacts of a run", kRead),
             guarded(kRead, deps.logger, [this](net::Request& request, const Caller&) { return list(request, true); }));
  router.add(
      Method::get, base, info("Artifacts in a folder of a run", kRead),
      guarded(kRead, deps.logger, [this](net::Request& request, const Caller&) { return list(request, false); }));
  net::RouteInfo upload = info("Keep an artifact of a run", kWrite);
  upload.request_type = "application/octet-stream";
  upload.max_body = options.max_artifact_bytes;
  router.add(Method::put, base + "/{path...}", std::move(upload),
             guarded(kWrite, deps.logger, [this](net::Request& request, const Caller& who) -> Result<net::Response> {
               ACESO_TRY(const ArtifactPath path, parse_artifact_path(request.param("path")));
               ACESO_TRY([[maybe_unused]] const RunInfo here, run_of_path(path));
               ACESO_TRY(const RunInfo run, mlflow->writable(path.run));
               ACESO_TRY_OK(artifacts.put(path, Uuid::v7(deps.clock, deps.random).to_string(), *request.body));
               ACESO_TRY_OK(mlflow->record(who, "C", "run.artifact.put", "run", run.id));
               return net::Response::json(Json::object());
             }));
  net::RouteInfo download = info("An artifact of a run", kRead);
  download.response_type = "application/octet-stream";
  router.add(Method::get, base + "/{path...}", std::move(download),
             guarded(kRead, deps.logger, [this](net::Request& request, const Caller& who) -> Result<net::Response> {
               ACESO_TRY(const ArtifactPath path, parse_artifact_path(request.param("path")));
               ACESO_TRY(const RunInfo run, run_of_path(path));
               ACESO_TRY(std::filesystem::path file, artifacts.find(path));
               ACESO_TRY_OK(mlflow->record(who, "R", "run.artifact.get", "run", run.id));
               // Whatever it is, a browser keeps it and runs nothing of it.
               net::Response response = net::Response::file(std::move(file), "application/octet-stream");
               response.headers.set("Content-Disposition", "attachment");
               response.headers.set("X-Content-Type-Options", "nosniff");
               response.headers.set("Cache-Control", "private, no-store");
               return response;
             }));
  router.add(Method::del, base + "/{path...}", info("Remove artifacts of a run", kWrite),
             guarded(kWrite, deps.logger, [this](net::Request& request, const Caller& who) -> Result<net::Response> {
               ACESO_TRY(const ArtifactPath path, parse_artifact_path(request.param("path")));
               ACESO_TRY([[maybe_unused]] const RunInfo here, run_of_path(path));
               ACESO_TRY(const RunInfo run, mlflow->writable(path.run));
               ACESO_TRY_OK(artifacts.remove(path));
               ACESO_TRY_OK(mlflow->record(who, "D", "run.artifact.delete", "run", run.id));
               return net::Response::json(Json::object());
             }));
}

void Tracking::register_routes(net::Router& router) {
  impl_->add_calls(router);
  impl_->add_artifacts(router);
}

Status Tracking::begin(const contracts::TrackedRun& run) {
  return impl_->mlflow->begin(run);
}
Status Tracking::metrics(std::string_view run, std::span<const contracts::TrackedMetric> metrics) {
  return impl_->mlflow->own_metrics(run, metrics);
}
Status Tracking::end(std::string_view run, contracts::TrackedEnd how, std::int64_t time_ms,
                     const std::vector<std::pair<std::string, std::string>>& tags) {
  return impl_->mlflow->end(run, how, time_ms, tags);
}

}  // namespace aceso::tracking
