// Gates, acceptances, recalls and going back, below /api/v1/models/{name}
#include <any>
#include <nlohmann/json.hpp>

#include "object_reader.hpp"
#include "routes.hpp"

namespace aceso::models {
namespace {

// Whoever answers for patients or for models may stop one.
Status may_recall(const net::Request& request) {
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  if (principal != nullptr && (principal->has("models:promote") || principal->has("models:accept"))) return {};
  return Error{Code::denied, "the scope models:promote or models:accept is needed"};
}

// A signature is a person's: neither a token's nor the local operator's.
Status signed_in_clinician(const net::Request& request) {
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  if (principal == nullptr || principal->session_id.empty()) {
    return Error{Code::denied,
                 "an acceptance is signed by a clinician who has signed in with their own account, not by a token or "
                 "from the command line without --user"};
  }
  return {};
}

constexpr const char* kReason =
    R"({"type":"object","required":["reason"],"properties":{"reason":{"type":"string","maxLength":2000}},"additionalProperties":false})";

}  // namespace

void Routes::oversight() {
  using net::Method;
  auto* service = &models;
  add(Method::get, "/api/v1/models/{name}/gate",
      {.summary = "What a version of this model must reach to go live", .tag = "models", .scope = "models:read"},
      [service](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->gate(request.param("name")));
        return net::Response::json(json);
      });
  add(Method::put, "/api/v1/models/{name}/gate",
      {.summary = "Set what a version of this model must reach to go live",
       .tag = "models",
       .scope = "models:promote",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["reason"],"properties":{"figures":{"type":"array","maxItems":20,"items":{"type":"object","required":["figure"],"properties":{"figure":{"type":"string"},"at_least":{"type":"number"},"at_most":{"type":"number"},"bound":{"type":"boolean"}},"additionalProperties":false}},"min_cases":{"type":"integer","minimum":0},"reason":{"type":"string","maxLength":2000}},"additionalProperties":false})"},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->set_gate(actor, request.param("name"), body));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/models/{name}/rollback",
      {.summary = "The version that was live before goes live again",
       .tag = "models",
       .scope = "models:promote",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["from"],"properties":{"from":{"type":"integer","minimum":0,"description":"the version that is live now; 0: none"}},"additionalProperties":false})"},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(ObjectReader reader, ObjectReader::of(body, "rollback"));
        ACESO_TRY(const std::int64_t from, reader.integer_or("from", -1, 0, 1'000'000'000));
        ACESO_TRY_OK(reader.done());
        ACESO_TRY(const Json json, service->roll_back(actor, request.param("name"), static_cast<int>(from)));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}/approval",
      {.summary = "What stands between a version and going live, and who accepted it",
       .tag = "models",
       .scope = "models:read"},
      [service](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json json, service->approval(request.param("name"), version));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/models/{name}/{version:int}/acceptances",
      {.summary = "A clinician accepts a version for use here, on the grounds of an evaluation on own cases",
       .tag = "models",
       .scope = "models:accept",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["evaluation","own_cases","statement"],"properties":{"evaluation":{"type":"string"},"own_cases":{"type":"boolean"},"statement":{"type":"string","maxLength":2000},"unseen":{"type":"boolean"}},"additionalProperties":false})"},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY_OK(signed_in_clinician(request));
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->accept(actor, request.param("name"), version, body));
        return net::Response::json(json, 201);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}/recall",
      {.summary = "Why and when a version was recalled, and how many answers it gave",
       .tag = "models",
       .scope = "models:read"},
      [service](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json json, service->recall_of(request.param("name"), version));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/models/{name}/{version:int}/recall",
      {.summary = "Recall a version: it answers nobody any more",
       .tag = "models",
       .scope = "models:read",
       .request_type = "application/json",
       .request_schema = kReason},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY_OK(may_recall(request));
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->recall(actor, request.param("name"), version, body));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/models/{name}/{version:int}/recall/lift",
      {.summary = "A recall that was a mistake ends; the version is retired",
       .tag = "models",
       .scope = "models:promote",
       .request_type = "application/json",
       .request_schema = kReason},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->lift_recall(actor, request.param("name"), version, body));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}/affected",
      {.summary = "What a version answered, newest first, without findings",
       .tag = "models",
       .scope = "predictions:read"},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const std::size_t limit, limit_param(request, 200, 1000));
        ACESO_TRY(const Json json, service->affected(actor, request.param("name"), version,
                                                     request.query_value("cursor").value_or(""), limit));
        return net::Response::json(json);
      });
}

}  // namespace aceso::models
