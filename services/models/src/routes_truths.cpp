// Later truth of predictions, and which class of a model a code stands for.
#include <nlohmann/json.hpp>

#include "routes.hpp"

namespace aceso::models {

void Routes::truths() {
  using net::Method;
  const auto private_json = [](const Json& json) {
    net::Response response = net::Response::json(json);
    response.headers.set("Cache-Control", "private, no-store");
    return response;
  };
  add(Method::put, "/api/v1/predictions/{id:uuid}/truths/{kind}",
      {.summary = "What became known later (pathology, follow_up, consensus, discharge): a new revision",
       .tag = "predictions",
       .scope = "feedback:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","properties":{"label":{"type":["string","null"]},"scheme":{"type":["string","null"]},"code":{"type":["string","null"]},"meaning":{"type":["string","null"]},"date":{"type":"string"},"origin":{"type":"string"},"comment":{"type":["string","null"]},"withdraw":{"type":"boolean"}},"additionalProperties":false})"},
      [i = &impl, private_json](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, i->truths->put(actor, request.param("id"), request.param("kind"), body));
        return private_json(json);
      });
  add(Method::get, "/api/v1/predictions/{id:uuid}/truths",
      {.summary = "All revisions of what became known later, and who said the same before",
       .tag = "predictions",
       .scope = "predictions:read",
       .audit_read = true},
      [i = &impl, private_json](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, i->truths->of_prediction(actor, request.param("id")));
        return private_json(json);
      });
  add(Method::get, "/api/v1/models/{name}/truths",
      {.summary = "How often readers and the model said what became known later",
       .tag = "models",
       .scope = "predictions:read"},
      [i = &impl](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, i->truths->agreement(request.param("name")));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/truth-codes",
      {.summary = "Which class a code stands for", .tag = "models", .scope = "models:read"},
      [i = &impl](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, i->truths->codes(request.param("name")));
        return net::Response::json(json);
      });
  add(Method::put, "/api/v1/models/{name}/truth-codes",
      {.summary = "Which class a code stands for; takes the place of all there were",
       .tag = "models",
       .scope = "models:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["codes"],"properties":{"codes":{"type":"array","items":{"type":"object","required":["scheme","code","label"]}}},"additionalProperties":false})",
       .max_body = std::size_t{8} << 20},
      [i = &impl](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, i->truths->set_codes(actor, request.param("name"), body));
        return net::Response::json(json);
      });
}

}  // namespace aceso::models
