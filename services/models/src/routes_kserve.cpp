// /v2: KServe v2 REST. Errors are {"error": "..."}.
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "images.hpp"
#include "kserve.hpp"
#include "routes.hpp"

namespace aceso::models {
namespace {

net::Response failure(const Error& error) {
  return net::Response::json(Json{{"error", error.message()}}, net::http_status(error.code()));
}

// Turns what a handler answers into KServe's form.
net::Handler kserve_handler(std::string scope, ActorHandler handler) {
  return [scope = std::move(scope), handler = std::move(handler)](net::Request& request) -> Result<net::Response> {
    Actor actor;
    if (!scope.empty()) {
      Result<Actor> who = require(request, scope);
      if (!who) return failure(who.error());
      actor = *std::move(who);
    }
    Result<net::Response> response = handler(request, actor);
    return response ? std::move(response) : Result<net::Response>{failure(response.error())};
  };
}

Result<contracts::ModelRef> model_ref(const net::Request& request) {
  contracts::ModelRef ref{.name = std::string{request.param("name")}, .version = 0};
  if (!request.param("version").empty()) {
    ACESO_TRY(ref.version, version_param(request));
  }
  return ref;
}

// uint8 pictures [samples, height, width] or [samples, height, width, channels] for a model that reads prepared images
// go through the model's own preparation.
Status prepare_pictures(const learn::ModelSignature& signature, learn::NamedArrays& inputs) {
  if (signature.inputs.size() != 1 || inputs.size() != 1) return {};
  const learn::Port& port = signature.inputs.front();
  learn::Array& given = inputs.begin()->second;
  if (inputs.begin()->first != port.name || port.kind != learn::PortKind::image || port.dtype != learn::DType::f32 ||
      given.dtype != learn::DType::u8)
    return {};
  if (given.shape.size() != 3 && given.shape.size() != 4)
    return Error{Code::invalid,
                 "input: pictures of UINT8 need shape [samples, height, width] or [samples, height, width, channels]"};
  std::vector<learn::Array> samples;
  std::vector<std::string> ignored;
  for (std::int64_t i = 0; i < given.shape[0]; ++i) {
    learn::Array sample = slice_rows(given, i, 1);
    sample.shape.erase(sample.shape.begin());
    ACESO_TRY_OK(check_contract(signature, sample, InputType::npy, ignored));
    samples.push_back(std::move(sample));
  }
  ACESO_TRY(given, learn::preprocess(signature.preprocessing, samples));
  return {};
}

// What the numbers of an answer mean, where they are not classes.
Json output_parameters(const learn::Bundle& bundle) {
  const learn::Task task = learn::task_of(bundle.signature);
  Json about = Json::object();
  if (task == learn::Task::multi_label) {
    about["labels"] = bundle.card.classes;
    about["thresholds"] = bundle.card.thresholds;
  } else if (task == learn::Task::regression) {
    about["quantity"] = bundle.card.classes.empty() ? std::string{} : bundle.card.classes.front();
    about["unit"] = bundle.signature.outputs.front().unit;
    const Json interval =
        bundle.evaluation.is_object() ? bundle.evaluation.value("validation_interval", Json()) : Json();
    if (interval.is_object()) {
      about["interval_half_width"] = interval.value("half_width", Json());
      about["interval_coverage"] = interval.value("coverage", Json());
    }
  }
  return about;
}

Json answer_json(const PredictionService::BatchAnswer& answer, const KServeRequest& asked) {
  Json data = Json::array();
  for (const float v : answer.output.f32()) data.push_back(v);
  Json out{{"model_name", answer.model.name}, {"model_version", std::to_string(answer.model.version)}};
  if (!asked.id.empty()) out["id"] = asked.id;
  out["parameters"] = Json{{"stage", answer.model.stage},
                           {"model_hash", answer.model.bundle},
                           {"prediction_ids", answer.ids},
                           {"notice", "Research use only."}};
  Json output{{"name", "output"}, {"datatype", "FP32"}, {"shape", answer.output.shape}, {"data", std::move(data)}};
  if (Json about = output_parameters(answer.served->info()); !about.empty()) output["parameters"] = std::move(about);
  out["outputs"] = Json::array({std::move(output)});
  return out;
}

Result<net::Response> infer(Models::Impl& impl, net::Request& request, const Actor& actor) {
  ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
  ACESO_TRY(const std::string body, request.body->read_all(kMaxKServeBody));
  ACESO_TRY(KServeRequest asked, parse_kserve_request(body));
  for (const std::string& name : asked.outputs) {
    if (name != "output") return Error{Code::invalid, "outputs: the model's only output is \"output\""};
  }
  ACESO_TRY(const ModelVersion version, impl.predictions->usable(ref));
  ACESO_TRY(const auto info, impl.registry.info(version.bundle));
  const std::int64_t samples = asked.inputs.begin()->second.shape.front();
  if (samples > static_cast<std::int64_t>(impl.context.options.max_batch))
    return Error{Code::too_large,
                 "at most " + std::to_string(impl.context.options.max_batch) + " samples are answered at once"};
  ACESO_TRY_OK(prepare_pictures(info->signature, asked.inputs));
  ACESO_TRY(const auto answer, impl.predictions->predict_batch(
                                   actor, {.name = version.name, .version = version.version}, asked.inputs, "kserve"));
  return net::Response::json(answer_json(answer, asked));
}

std::vector<int> versions_of(const Registry& registry, const std::string& name) {
  std::vector<int> out;
  const Result<Json> list = registry.list();
  if (!list) return out;
  for (const Json& model : (*list)["items"]) {
    if (model["name"] != name) continue;
    for (const Json& v : model["versions"]) {
      if (v["stage"] != "retired") out.push_back(v["version"].get<int>());
    }
  }
  return out;
}

Result<net::Response> metadata(Models::Impl& impl, const net::Request& request) {
  ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
  ACESO_TRY(const ModelVersion version, impl.predictions->usable(ref));
  ACESO_TRY(const auto info, impl.registry.info(version.bundle));
  const std::size_t classes = info->card.classes.size();
  return net::Response::json(
      kserve_metadata(version.name, versions_of(impl.registry, version.name), "openvino", info->signature,
                      learn::task_of(info->signature) == learn::Task::multi_label || classes > 2 ? classes : 1));
}

Result<net::Response> model_ready(Models::Impl& impl, const net::Request& request) {
  ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
  ACESO_TRY(const ModelVersion version, impl.predictions->usable(ref));
  ACESO_TRY([[maybe_unused]] const auto served, impl.predictions->served(version));
  return net::Response::json(Json{{"name", version.name}, {"ready", true}});
}

}  // namespace

void Routes::kserve() {
  using net::Method;
  const auto info = [](std::string summary, std::string scope) {
    return net::RouteInfo{.summary = std::move(summary), .tag = "kserve", .scope = std::move(scope)};
  };
  const auto add_v2 = [this](Method method, std::string_view pattern, net::RouteInfo route, ActorHandler handler) {
    std::string scope = route.scope;
    router.add(method, pattern, std::move(route), kserve_handler(std::move(scope), std::move(handler)));
  };
  add_v2(Method::get, "/v2", info("Server metadata", ""), [](net::Request&, const Actor&) -> Result<net::Response> {
    return net::Response::json(Json{{"name", "aceso"}, {"version", "2"}, {"extensions", Json::array()}});
  });
  add_v2(Method::get, "/v2/health/live", info("Alive", ""), [](net::Request&, const Actor&) -> Result<net::Response> {
    return net::Response::json(Json{{"live", true}});
  });
  add_v2(Method::get, "/v2/health/ready", info("Ready for inference", ""),
         [this_ = &models](net::Request&, const Actor&) -> Result<net::Response> {
           ACESO_TRY_OK(this_->ready());
           return net::Response::json(Json{{"ready", true}});
         });
  for (const std::string_view base : {"/v2/models/{name}", "/v2/models/{name}/versions/{version:int}"}) {
    add_v2(Method::get, base, info("Model metadata", "models:read"),
           [i = &impl](net::Request& request, const Actor&) { return metadata(*i, request); });
    add_v2(Method::get, std::string{base} + "/ready", info("Model is loaded", "models:read"),
           [i = &impl](net::Request& request, const Actor&) { return model_ready(*i, request); });
    net::RouteInfo route = info("Inference on tensors", "predictions:create");
    route.request_type = "application/json";
    route.max_body = kMaxKServeBody;
    add_v2(Method::post, std::string{base} + "/infer", std::move(route),
           [i = &impl](net::Request& request, const Actor& actor) { return infer(*i, request, actor); });
  }
}

}  // namespace aceso::models
