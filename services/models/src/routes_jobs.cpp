// /api/v1/jobs, /api/v1/training, /api/v1/evaluations, /api/v1/architectures
#include <charconv>
#include <nlohmann/json.hpp>

#include "aceso/base/id.hpp"
#include "routes.hpp"

namespace aceso::models {
namespace {

Result<std::int64_t> last_event_id(const net::Request& request) {
  const std::string_view text = request.headers.get("Last-Event-ID");
  if (text.empty()) return std::int64_t{0};
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size() || id < 0)
    return Error{Code::invalid, "Last-Event-ID: not one of ours"};
  return id;
}

using Submit = std::function<Result<Json>(const Actor&, const Json&)>;

// POST of a JSON body that makes a job, with idempotency.
ActorHandler submitting(Models& models, Models::Impl& impl, std::string what, Submit submit) {
  return [m = &models, i = &impl, what = std::move(what), submit = std::move(submit)](
             net::Request& request, const Actor& actor) -> Result<net::Response> {
    ACESO_TRY(const Json body, request.json());
    ACESO_TRY(const Json answer, i->once(
                                     actor, request.headers.get("Idempotency-Key"), what + "\n" + dump(body),
                                     [&]() -> Result<std::pair<Json, std::string>> {
                                       ACESO_TRY(Json made, submit(actor, body));
                                       std::string id = made["job"].value("id", std::string{});
                                       return std::pair{std::move(made), std::move(id)};
                                     },
                                     [&](const std::string& id) -> Result<Json> {
                                       ACESO_TRY(Json job, m->job(id));
                                       return Json{{"job", std::move(job)}};
                                     }));
    return accepted(answer);
  };
}

}  // namespace

void Routes::jobs() {
  using net::Method;
  add(Method::get, "/api/v1/jobs",
      {.summary = "Jobs, newest first",
       .tag = "jobs",
       .scope = "jobs:read",
       .query = {{"state", "queued, running, succeeded, failed or cancelled"}, {"limit", "1 to 500"}}},
      [service = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const std::size_t limit, limit_param(request, 50, 500));
        ACESO_TRY(const Json json, service->jobs(request.query_value("state"), limit));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/jobs/{id:uuid}", {.summary = "A job", .tag = "jobs", .scope = "jobs:read"},
      [service = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->job(request.param("id")));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/jobs/{id:uuid}/cancel", {.summary = "Cancel a job", .tag = "jobs", .scope = "jobs:write"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->cancel_job(actor, request.param("id")));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/jobs/{id:uuid}/events",
      {.summary = "A job's events as they come (state, progress, epoch, log)",
       .tag = "jobs",
       .scope = "jobs:read",
       .response_type = "text/event-stream"},
      [service = &models, i = &impl](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const std::int64_t after, last_event_id(request));
        ACESO_TRY(const Json job, service->job(request.param("id")));
        return i->events->open(job.value("id", std::string{}), after);
      });
  add(Method::get, "/api/v1/architectures",
      {.summary = "Network architectures that can be trained", .tag = "models", .scope = "models:read"},
      [service = &models](net::Request&, const Actor&) -> Result<net::Response> {
        return net::Response::json(service->architectures());
      });
  add(Method::post, "/api/v1/training",
      {.summary = "Train a model: a job",
       .tag = "models",
       .scope = "models:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","properties":{"resume":{"type":"string","format":"uuid"},"name":{"type":"string"},"dataset":{"type":"string"},"config":{"type":"object"},"intended_use":{"type":"string"},"limitations":{"type":"string"},"accept_leakage":{"type":"string"},"limits":{"type":"object"},"script":{"type":"object","required":["file"],"properties":{"file":{"type":"string"},"interpreter":{"type":"string"},"arguments":{"type":"array","items":{"type":"string"}}},"additionalProperties":false}},"additionalProperties":false})"},
      submitting(models, impl, "train",
                 [service = &models](const Actor& actor, const Json& body) { return service->train(actor, body); }));
  add(Method::post, "/api/v1/evaluations",
      {.summary = "Evaluate a model version on a dataset: a job",
       .tag = "models",
       .scope = "models:write",
       .request_type = "application/json"},
      submitting(models, impl, "evaluate",
                 [service = &models](const Actor& actor, const Json& body) { return service->evaluate(actor, body); }));
  add(Method::post, "/api/v1/comparisons",
      {.summary = "Compare two model versions on the same samples: a job",
       .tag = "models",
       .scope = "models:write",
       .request_type = "application/json"},
      submitting(models, impl, "compare",
                 [service = &models](const Actor& actor, const Json& body) { return service->compare(actor, body); }));
  add(Method::get, "/api/v1/evaluations/{id:uuid}/report.html",
      {.summary = "The page of a finished evaluation or comparison",
       .tag = "models",
       .scope = "models:read",
       .response_type = "text/html"},
      [service = &models, i = &impl](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(std::string html, service->evaluation_html(request.param("id")));
        // Its gallery shows pictures with their true class.
        ACESO_TRY(const store::Job job, i->jobs->get(request.param("id")));
        ACESO_TRY(const Json input, parse_own(job.input_json));
        ACESO_TRY_OK(i->labelling->check_not_blinded(actor, input.value("dataset", std::string{})));
        return page_response(std::move(html));
      });
  add(Method::post, "/api/v1/feedback/export",
      {.summary = "Verdicts as a dataset: a job",
       .tag = "predictions",
       .scope = "datasets:write",
       .request_type = "application/json"},
      submitting(models, impl, "feedback", [service = &models](const Actor& actor, const Json& body) {
        return service->export_feedback(actor, body);
      }));
}

}  // namespace aceso::models
