// /v2: KServe v2 REST. Errors are {"error": "..."}.
#include <nlohmann/json.hpp>
#include <optional>

#include "aceso/learn/trainer.hpp"
#include "images.hpp"
#include "kserve.hpp"
#include "object_reader.hpp"
#include "routes.hpp"

namespace aceso::models {
namespace {

net::Response failure(const Error& error) {
  net::Response response = net::Response::json(Json{{"error", error.message()}}, net::http_status(error.code()));
  if (error.code() == Code::exhausted) response.headers.set("Retry-After", "1");
  return response;
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
  if (given.shape.size() != 3 && given.shape.size() != 4) {
    return Error{Code::invalid,
                 "input: pictures of UINT8 need shape [samples, height, width] or [samples, height, width, channels]"};
  }
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

// What the numbers of an answer mean.
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
  if (task == learn::Task::classes && !bundle.card.classes.empty()) {
    about["classes"] = bundle.card.classes;  // one output: the probability of the second of them
    if (bundle.card.classes.size() <= 2) about["threshold"] = bundle.card.threshold;
  }
  return about;
}

net::Response answer_response(const PredictionService::BatchAnswer& answer, const KServeRequest& asked) {
  Json head{{"model_name", answer.model.name}, {"model_version", std::to_string(answer.model.version)}};
  if (!asked.id.empty()) head["id"] = asked.id;
  head["parameters"] = Json{{"stage", answer.model.stage},
                            {"model_hash", answer.model.bundle},
                            {"intended_use", answer.served->info().card.intended_use},
                            {"prediction_ids", answer.ids},
                            {"samples", answer.about},
                            {"notice", "Research use only."}};
  KServeAnswer made = kserve_answer(std::move(head), answer.output, output_parameters(answer.served->info()),
                                    asked.wants_binary("output"));
  net::Response response =
      net::Response::text(std::move(made.body), made.header_length ? "application/octet-stream" : "application/json");
  if (made.header_length) response.headers.set("Inference-Header-Content-Length", std::to_string(*made.header_length));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

// What a shadow is asked: the same, prepared in its own way. Nothing without a shadow, or where it does not take it.
std::optional<learn::NamedArrays> shadow_inputs(const Models::Impl& impl, const PredictionService::Chosen& chosen,
                                                const learn::NamedArrays& inputs) {
  if (!chosen.shadow) return std::nullopt;
  const auto info = impl.registry.info(chosen.shadow->bundle);
  if (!info) return std::nullopt;
  std::optional<learn::NamedArrays> out{inputs};
  if (!prepare_pictures((*info)->signature, *out)) return std::nullopt;
  return out;
}

Result<net::Response> infer(Models::Impl& impl, net::Request& request, const Actor& actor) {
  ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
  if (request.headers.has("Content-Encoding") && request.headers.get("Content-Encoding") != "identity")
    return Error{Code::unsupported, "Content-Encoding: send the request as it is, not compressed"};
  ACESO_TRY(const std::string body, request.body->read_all(kMaxKServeBody));
  ACESO_TRY(KServeRequest asked, parse_kserve_request(body, request.headers.get("Inference-Header-Content-Length")));
  for (const KServeOutput& output : asked.outputs) {
    if (output.name != "output") return Error{Code::invalid, "outputs: the model's only output is \"output\""};
  }
  ACESO_TRY(const PredictionService::Chosen chosen, impl.predictions->choose(ref, hash_arrays(asked.inputs)));
  ACESO_TRY(const auto info, impl.registry.info(chosen.version.bundle));
  const std::int64_t samples = asked.inputs.begin()->second.shape.front();
  if (samples > static_cast<std::int64_t>(impl.context.options.max_batch)) {
    return Error{Code::too_large,
                 "at most " + std::to_string(impl.context.options.max_batch) + " samples are answered at once"};
  }
  std::optional<learn::NamedArrays> behind = shadow_inputs(impl, chosen, asked.inputs);
  ACESO_TRY_OK(prepare_pictures(info->signature, asked.inputs));
  const Urgency urgency{.lane = asked.priority == 1 ? Lane::interactive : Lane::bulk, .timeout_us = asked.timeout_us};
  ACESO_TRY(const auto answer, impl.predictions->predict_batch(actor, chosen.version, asked.inputs, "kserve", urgency));
  if (behind) impl.predictions->shadow_batch(*chosen.shadow, *std::move(behind));
  return answer_response(answer, asked);
}

std::vector<int> versions_of(const Registry& registry, const std::string& name) {
  std::vector<int> out;
  const Result<Json> list = registry.list();
  if (!list) return out;
  for (const Json& model : (*list)["items"]) {
    if (model["name"] != name) continue;
    for (const Json& v : model["versions"]) {
      if (!out_of_use(v["stage"].get<std::string>())) out.push_back(v["version"].get<int>());
    }
  }
  return out;
}

// Where the network runs: the engine's name, as Triton's "platform".
Result<std::string> platform_of(const Models::Impl& impl, const learn::Bundle& bundle) {
  ACESO_TRY(const learn::Applicability applicability, learn::parse_applicability(bundle.applicability));
  return impl.engines.name_for(bundle, wanted_embedding(bundle, applicability));
}

Result<net::Response> metadata(Models::Impl& impl, const net::Request& request) {
  ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
  ACESO_TRY(const ModelVersion version, impl.predictions->usable(ref));
  ACESO_TRY(const auto info, impl.registry.info(version.bundle));
  ACESO_TRY(const std::string platform, platform_of(impl, *info));
  return net::Response::json(kserve_metadata(version.name, versions_of(impl.registry, version.name), platform,
                                             info->signature,
                                             kserve_output_shape(info->signature, info->card.classes.size())));
}

Result<net::Response> configuration(Models::Impl& impl, const net::Request& request) {
  ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
  ACESO_TRY(const ModelVersion version, impl.predictions->usable(ref));
  ACESO_TRY(const auto info, impl.registry.info(version.bundle));
  ACESO_TRY(const std::string platform, platform_of(impl, *info));
  return net::Response::json(kserve_config(version.name, platform, info->signature,
                                           kserve_output_shape(info->signature, info->card.classes.size()),
                                           impl.context.options.max_batch, impl.context.options.batch_window_us));
}

// Of one version, of a name's live one, or of every version that is not retired.
Result<net::Response> statistics(Models::Impl& impl, const net::Request& request) {
  Json out = Json::array();
  const auto add = [&](const std::string& name, int version) {
    out.push_back(statistics_json(name, version, impl.serving.metrics().find(name, version).get()));
  };
  if (request.param("name").empty()) {
    ACESO_TRY(const Json list, impl.registry.list());
    for (const Json& model : list["items"]) {
      for (const Json& version : model["versions"]) {
        if (!out_of_use(version["stage"].get<std::string>())) add(model["name"], version["version"]);
      }
    }
  } else {
    ACESO_TRY(const contracts::ModelRef ref, model_ref(request));
    ACESO_TRY(const ModelVersion version, impl.predictions->usable(ref));
    add(version.name, version.version);
  }
  return net::Response::json(Json{{"model_stats", std::move(out)}});
}

// Every version with whether it answers; {"ready": true} leaves out those that do not.
Result<net::Response> repository_index(Models::Impl& impl, net::Request& request) {
  ACESO_TRY(const std::string body, request.body->read_all(std::size_t{64} << 10));
  bool only_ready = false;
  if (!body.empty()) {
    ACESO_TRY(const Json asked, parse_json(body, {.bytes = std::size_t{64} << 10, .depth = 8}));
    ACESO_TRY(ObjectReader reader, ObjectReader::of(asked, "request"));
    ACESO_TRY(only_ready, reader.boolean_or("ready", false));
    reader.child("repository_name");
    ACESO_TRY_OK(reader.done());
  }
  ACESO_TRY(const Json list, impl.registry.list());
  Json out = Json::array();
  for (const Json& model : list["items"]) {
    for (const Json& version : model["versions"]) {
      const std::string stage = version["stage"];
      const bool gone = out_of_use(stage);
      if (gone && only_ready) continue;
      out.push_back(Json{{"name", model["name"]},
                         {"version", std::to_string(version["version"].get<int>())},
                         {"state", gone ? "UNAVAILABLE" : "READY"},
                         {"reason", gone ? stage : ""}});
    }
  }
  return net::Response::json(out);
}

Result<net::Response> not_here(const net::Request& request) {
  if (request.path.starts_with("/v2/repository/models/")) {
    return Error{
        Code::unsupported,
        "models are loaded when they are asked, and go live by promotion (aceso model promote), not from here"};
  }
  return Error{Code::not_found, "this part of the protocol is not spoken here"};
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
    return net::Response::json(Json{{"name", "aceso"},
                                    {"version", "2"},
                                    {"extensions",
                                     {"binary_tensor_data", "model_configuration", "model_repository", "parameters",
                                      "schedule_policy", "statistics"}}});
  });
  add_v2(Method::get, "/v2/health/live", info("Alive", ""), [](net::Request&, const Actor&) -> Result<net::Response> {
    return net::Response::json(Json{{"live", true}});
  });
  add_v2(Method::get, "/v2/health/ready", info("Ready for inference", ""),
         [service = &models](net::Request&, const Actor&) -> Result<net::Response> {
           ACESO_TRY_OK(service->ready());
           return net::Response::json(Json{{"ready", true}});
         });
  for (const std::string_view base : {"/v2/models/{name}", "/v2/models/{name}/versions/{version:int}"}) {
    add_v2(Method::get, base, info("Model metadata", "models:read"),
           [i = &impl](net::Request& request, const Actor&) { return metadata(*i, request); });
    add_v2(Method::get, std::string{base} + "/ready", info("Model is loaded", "models:read"),
           [i = &impl](net::Request& request, const Actor&) { return model_ready(*i, request); });
    add_v2(Method::get, std::string{base} + "/config", info("Model configuration, as Triton's", "models:read"),
           [i = &impl](net::Request& request, const Actor&) { return configuration(*i, request); });
    add_v2(Method::get, std::string{base} + "/stats", info("Counts and times of its runs", "models:read"),
           [i = &impl](net::Request& request, const Actor&) { return statistics(*i, request); });
    net::RouteInfo route = info("Inference on tensors", "predictions:create");
    route.request_type = "application/json";
    route.max_body = kMaxKServeBody;
    add_v2(Method::post, std::string{base} + "/infer", std::move(route),
           [i = &impl](net::Request& request, const Actor& actor) { return infer(*i, request, actor); });
  }
  add_v2(Method::get, "/v2/models/stats", info("Counts and times of all models' runs", "models:read"),
         [i = &impl](net::Request& request, const Actor&) { return statistics(*i, request); });
  add_v2(Method::post, "/v2/repository/index", info("Models and versions", "models:read"),
         [i = &impl](net::Request& request, const Actor&) { return repository_index(*i, request); });
  for (const Method method : {Method::get, Method::post}) {
    add_v2(method, "/v2/{path...}", info("What of the protocol is not spoken", "models:read"),
           [](const net::Request& request, const Actor&) { return not_here(request); });
  }
}

}  // namespace aceso::models
