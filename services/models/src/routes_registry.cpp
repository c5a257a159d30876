// /api/v1/models: the registry
#include <nlohmann/json.hpp>

#include "object_reader.hpp"
#include "routes.hpp"
#include "tar.hpp"

namespace aceso::models {
namespace {

Result<net::Response> report(Models& models, Models::Impl& impl, const net::Request& request, const Actor& actor) {
  ACESO_TRY(const int version, version_param(request));
  // Its gallery shows pictures with their true class.
  ACESO_TRY(const ModelVersion v, impl.registry.find(request.param("name"), version));
  ACESO_TRY_OK(impl.labelling->check_not_blinded(actor, v.dataset));
  ACESO_TRY(std::string html, models.report_html(request.param("name"), version));
  return page_response(std::move(html));
}

Result<net::Response> bundle_tar(Models::Impl& impl, const net::Request& request, const Actor& actor) {
  ACESO_TRY(const int version, version_param(request));
  ACESO_TRY(const ModelVersion v, impl.registry.find(request.param("name"), version));
  ACESO_TRY_OK(impl.labelling->check_not_blinded(actor, v.dataset));  // the report is in it
  ACESO_TRY([[maybe_unused]] const learn::Bundle verified, impl.registry.read(v.bundle));
  ACESO_TRY_OK(impl.context.record(actor, "R", "model.export", "model", v.name + "/" + std::to_string(v.version),
                                   dump(Json{{"bundle", v.bundle}})));
  const std::string folder = v.name.substr(0, 40) + "-" + std::to_string(v.version);
  net::Response response;
  response.headers.set("Content-Type", "application/x-tar");
  response.headers.set("Content-Disposition", "attachment; filename=\"" + folder + ".tar\"");
  response.body = std::shared_ptr<net::BodySource>{
      std::make_shared<TarSource>(impl.registry.folder(v.bundle), folder, impl.registry.files(v))};
  return response;
}

Result<net::Response> promote(Models& models, net::Request& request, const Actor& actor) {
  ACESO_TRY(const int version, version_param(request));
  ACESO_TRY(const Json body, request.json());
  ACESO_TRY(ObjectReader reader, ObjectReader::of(body, "promote"));
  ACESO_TRY(const std::string stage, reader.text("stage", 16));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY(const Json json, models.promote(actor, request.param("name"), version, stage));
  return net::Response::json(json);
}

Result<net::Response> share(Models& models, net::Request& request, const Actor& actor) {
  ACESO_TRY(const int version, version_param(request));
  ACESO_TRY(const Json body, request.json());
  ACESO_TRY(ObjectReader reader, ObjectReader::of(body, "share"));
  ACESO_TRY(const std::string mode, reader.text("mode", 16));
  ACESO_TRY(const double percent, reader.number_or("percent", 0, 0, 100));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY(const Json json, models.set_share(actor, request.param("name"), version, mode, percent));
  return net::Response::json(json);
}

}  // namespace

void Routes::registry() {
  using net::Method;
  add(Method::get, "/api/v1/models",
      {.summary = "All models with their versions", .tag = "models", .scope = "models:read"},
      [service = &models](net::Request&, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->models());
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}",
      {.summary = "A version: card, signature, evaluation, training", .tag = "models", .scope = "models:read"},
      [service = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const int version, version_param(request));
        ACESO_TRY(const Json json, service->model(request.param("name"), version));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}/report.html",
      {.summary = "The evaluation report", .tag = "models", .scope = "models:read", .response_type = "text/html"},
      [service = &models, i = &impl](net::Request& request, const Actor& actor) {
        return report(*service, *i, request, actor);
      });
  add(Method::get, "/api/v1/models/{name}/{version:int}/bundle.tar",
      {.summary = "The signed bundle", .tag = "models", .scope = "models:write", .response_type = "application/x-tar"},
      [i = &impl](net::Request& request, const Actor& actor) { return bundle_tar(*i, request, actor); });
  add(Method::post, "/api/v1/models/{name}/{version:int}/promote",
      {.summary = "Change a version's stage",
       .tag = "models",
       .scope = "models:promote",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["stage"],"properties":{"stage":{"enum":["candidate","shadow","live","retired"]}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) { return promote(*service, request, actor); });
  add(Method::post, "/api/v1/models/{name}/{version:int}/share",
      {.summary = "A share of the requests for a version beside the live one: canary, shadow or none",
       .tag = "models",
       .scope = "models:promote",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["mode"],"properties":{"mode":{"enum":["canary","shadow","none"]},"percent":{"type":"number","exclusiveMinimum":0,"maximum":100}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) { return share(*service, request, actor); });
}

}  // namespace aceso::models
