// /api/v1/watch and /api/v1/models/{name}/{version}/watch: models watched without labels
#include <nlohmann/json.hpp>

#include "routes.hpp"

namespace aceso::models {

void Routes::watch() {
  using net::Method;
  add(Method::get, "/api/v1/watch/alarms",
      {.summary = "Alarms of all models that are not over", .tag = "watch", .scope = "models:read"},
      [service = &models](net::Request&, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->watch_alarms());
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/watch/alarms/{id}/acknowledge",
      {.summary = "Acknowledge an alarm, with a comment",
       .tag = "watch",
       .scope = "models:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["comment"],"properties":{"comment":{"type":"string","maxLength":2000}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->acknowledge_alarm(actor, request.param("id"), body));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}/watch",
      {.summary = "Drift, expected performance and alarms of a version by day; ?days=1..90",
       .tag = "watch",
       .scope = "models:read"},
      [service = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const std::int64_t days, request.query_integer("days", 30, 1, 90));
        ACESO_TRY(const Json json, service->watch(request.param("name"), version, static_cast<int>(days)));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/models/{name}/{version:int}/watch/reference",
      {.summary = "What is usual from now on: the last days, or the bundle's validation data again",
       .tag = "watch",
       .scope = "models:promote",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["reason"],"properties":{"days":{"type":"integer","minimum":1,"maximum":90},"bundle":{"type":"boolean"},"reason":{"type":"string","maxLength":2000}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->set_watch_reference(actor, request.param("name"), version, body));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/watch/drills",
      {.summary = "Would the watch notice? A job",
       .tag = "watch",
       .scope = "models:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["model"],"properties":{"model":{"type":"string"},"version":{"type":"integer"},"dataset":{"type":"string"},"split":{"type":"string"},"brightness":{"type":"number"},"contrast":{"type":"number"},"noise":{"type":"number"},"days":{"type":"integer"},"per_day":{"type":"integer"},"seed":{"type":"integer"}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->drill(actor, body));
        return accepted(json);
      });
}

}  // namespace aceso::models
