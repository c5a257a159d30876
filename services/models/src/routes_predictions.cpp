// Predictions, blinded reads, verdicts.
#include <nlohmann/json.hpp>
#include <tuple>

#include "aceso/crypto/hash.hpp"
#include "multipart.hpp"
#include "object_reader.hpp"
#include "routes.hpp"

namespace aceso::models {
namespace {

struct Input {
  std::string bytes, content_type;
  std::string model;
  int version = 0;
  std::string facts = {};  // as JSON, "" when nothing was stated
};

struct Stated {
  learn::InputFacts facts;
  std::vector<double> voxel_spacing_mm;
};

// What is stated about an input: {modality, view, body_part, age_years, spacing_mm, voxel_spacing_mm [depth, height,
// width]}, each of which may be absent. It comes in a header or a form field, never in the address, where logs would
// keep it.
Result<Stated> parse_facts(const std::string& text) {
  Stated stated;
  learn::InputFacts& facts = stated.facts;
  if (text.empty()) return stated;
  if (text.size() > 4096) return Error{Code::too_large, "facts: at most 4096 bytes"};
  ACESO_TRY(const Json json, parse_json(text));
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "facts"));
  ACESO_TRY(facts.modality, reader.text_or("modality", 64, {}));
  ACESO_TRY(facts.view, reader.text_or("view", 64, {}));
  ACESO_TRY(facts.body_part, reader.text_or("body_part", 64, {}));
  ACESO_TRY(const double age, reader.number_or("age_years", -1, 0, 150));
  ACESO_TRY(const double spacing, reader.number_or("spacing_mm", -1, 1e-6, 1000));
  const Json* voxels = reader.child("voxel_spacing_mm");
  ACESO_TRY_OK(reader.done());
  if (age >= 0) facts.age_years = age;
  if (spacing > 0) facts.spacing_mm = spacing;
  if (voxels == nullptr) return stated;
  const Error wrong{Code::invalid, "facts: voxel_spacing_mm: two or three numbers of mm are expected"};
  if (!voxels->is_array() || voxels->size() < 2 || voxels->size() > 3) return wrong;
  for (const Json& mm : *voxels) {
    if (!mm.is_number() || !(mm.get<double>() >= 1e-6 && mm.get<double>() <= 1000)) return wrong;
    stated.voxel_spacing_mm.push_back(mm.get<double>());
  }
  if (!facts.spacing_mm) facts.spacing_mm = stated.voxel_spacing_mm.back();
  return stated;
}

Result<int> parse_version(const std::string& text) {
  if (text.empty() || text == "live") return 0;
  if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
    return Error{Code::invalid, "version: a whole number is expected"};
  return std::stoi(text);
}

Status read_form(net::Request& request, std::size_t limit, Input& input) {
  ACESO_TRY(MultipartReader form, MultipartReader::open(request.headers.get("Content-Type"), *request.body));
  bool got = false;
  for (;;) {
    ACESO_TRY(const auto part, form.next());
    if (!part) break;
    if (part->file || part->name == "image") {
      if (got) return Error{Code::invalid, "multipart: more than one image"};
      ACESO_TRY(input.bytes, form.read_all(limit));
      input.content_type = part->content_type;
      got = true;
      continue;
    }
    ACESO_TRY(const std::string value, form.read_all(4096));
    if (part->name == "model") {
      input.model = value;
    } else if (part->name == "version") {
      ACESO_TRY(input.version, parse_version(value));
    } else if (part->name == "facts") {
      input.facts = value;
    } else {
      return Error{Code::invalid, "multipart: unknown field " + part->name.substr(0, 64)};
    }
  }
  return got ? Status{} : Status{Error{Code::invalid, "multipart: no image"}};
}

// The image and what model it is for: raw body with query parameters, or a form.
Result<Input> read_input(net::Request& request, std::size_t limit, std::size_t array_limit) {
  Input input;
  input.model =
      request.param("name").empty() ? request.query_value("model").value_or("") : std::string{request.param("name")};
  ACESO_TRY(input.version, parse_version(request.query_value("version").value_or("")));
  input.facts = request.headers.get("Aceso-Input-Facts");
  const std::string type = media_type(request.headers.get("Content-Type"));
  if (type == "multipart/form-data") {
    const std::string from_path = input.model;
    ACESO_TRY_OK(read_form(request, array_limit, input));
    if (!from_path.empty()) input.model = from_path;
    return input;
  }
  if (type != "image/png" && type != "image/jpeg" && type != "application/octet-stream" &&
      type != "application/x-npy") {
    return Error{
        Code::unsupported,
        "content type: image/png, image/jpeg, application/octet-stream (NPY) or multipart/form-data is expected"};
  }
  input.content_type = type;
  ACESO_TRY(input.bytes, request.body->read_all(type.starts_with("image/") ? limit : array_limit));
  return input;
}

// RFC 9218: `Priority: u=N`, 0 to 7, 3 when nothing is said; from 4 on the request is bulk work.
Urgency urgency_of(const net::Request& request) {
  const std::string_view priority = request.headers.get("Priority");
  const std::size_t at = priority.find("u=");
  const bool bulk = at != std::string_view::npos && at + 2 < priority.size() && priority[at + 2] >= '4' &&
                    priority[at + 2] <= '7' && (at == 0 || priority[at - 1] == ',' || priority[at - 1] == ' ');
  return {.lane = bulk ? Lane::bulk : Lane::interactive, .timeout_us = 0};
}

Result<net::Response> predict(Models& models, Models::Impl& impl, net::Request& request, const Actor& actor,
                              bool always_blinded) {
  const Options& options = impl.context.options;
  ACESO_TRY(const Input input,
            read_input(request, options.max_image_bytes, std::max(options.max_image_bytes, options.max_volume_bytes)));
  if (input.model.empty()) return Error{Code::invalid, "model: is missing"};
  ACESO_TRY(const std::int64_t asked, request.query_integer("blinded", 0, 0, 1));
  const bool blinded = always_blinded || asked == 1;
  const auto bytes = crypto::as_bytes(input.bytes);
  ACESO_TRY(Stated stated, parse_facts(input.facts));
  const std::string signature = "predict\n" + input.model + "\n" + std::to_string(input.version) + "\n" +
                                (blinded ? "1" : "0") + "\n" + crypto::to_hex(crypto::sha256(bytes)) + "\n" +
                                input.facts;
  Result<Json> json = impl.once(
      actor, request.headers.get("Idempotency-Key"), signature,
      [&]() -> Result<std::pair<Json, std::string>> {
        ACESO_TRY(Json made, models.predict_bytes(actor, {.name = input.model, .version = input.version}, bytes,
                                                  input.content_type, blinded, stated.facts,
                                                  std::move(stated.voxel_spacing_mm), urgency_of(request)));
        std::string id = made.value("id", std::string{});
        return std::pair{std::move(made), std::move(id)};
      },
      [&](const std::string& id) { return models.prediction(actor, id); });
  if (!json && json.error().code() == Code::exhausted) {
    net::Response full = net::Response::problem(json.error(), request.request_id);
    full.headers.set("Retry-After", "1");
    return full;
  }
  if (!json) return std::move(json).error();
  net::Response response = net::Response::json(*json, 201);
  response.headers.set("Location", "/api/v1/predictions/" + json->value("id", std::string{}));
  response.headers.set("Cache-Control", "private, no-store");
  return response;
}

}  // namespace

void Routes::predictions() {
  using net::Method;
  const Options& options = impl.context.options;
  const auto max_body =
      static_cast<std::size_t>(std::max(options.max_image_bytes, options.max_volume_bytes)) + (std::size_t{64} << 10);
  add(Method::post, "/api/v1/models/{name}/predictions",
      {.summary = "Predict on an image (PNG, JPEG) or array (NPY)",
       .tag = "predictions",
       .scope = "predictions:create",
       .request_type = "image/png",
       .query = {{"version", "a number; the live one when absent"}, {"blinded", "1: a blinded read"}},
       .max_body = max_body},
      [service = &models, i = &impl](net::Request& request, const Actor& actor) {
        return predict(*service, *i, request, actor, false);
      });
  add(Method::post, "/api/v1/reads",
      {.summary = "A blinded read: the prediction is shown after the verdict",
       .tag = "predictions",
       .scope = "predictions:create",
       .request_type = "multipart/form-data",
       .query = {{"model", ""}, {"version", ""}},
       .max_body = max_body},
      [service = &models, i = &impl](net::Request& request, const Actor& actor) {
        return predict(*service, *i, request, actor, true);
      });
  add(Method::get, "/api/v1/predictions",
      {.summary = "Predictions, newest first",
       .tag = "predictions",
       .scope = "predictions:read",
       .query = {{"model", ""}, {"cursor", ""}, {"limit", "1 to 200"}},
       .audit_read = true},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const std::size_t limit, limit_param(request, 50, 200));
        ACESO_TRY(const Json json, service->predictions(actor, request.query_value("model").value_or(""),
                                                        request.query_value("cursor").value_or(""), limit));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/predictions/{id:uuid}",
      {.summary = "A prediction", .tag = "predictions", .scope = "predictions:read", .audit_read = true},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->prediction(actor, request.param("id")));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/predictions/{id:uuid}/image.png",
      {.summary = "The image a prediction was made on",
       .tag = "predictions",
       .scope = "predictions:read",
       .response_type = "image/png",
       .query = {{"slice", "of a volume, from 0; the one with the largest outline when absent"}},
       .audit_read = true},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const std::int64_t slice, request.query_integer("slice", -1, -1, 1'000'000));
        ACESO_TRY(std::vector<std::byte> png,
                  service->prediction_png(actor, request.param("id"),
                                          slice < 0 ? std::nullopt : std::optional<std::int64_t>{slice}));
        return png_response(std::move(png));
      });
  add(Method::get, "/api/v1/predictions/{id:uuid}/mask.png",
      {.summary = "The outline of a model that draws, as a picture: label k of n is 255 k / n",
       .tag = "predictions",
       .scope = "predictions:read",
       .response_type = "image/png",
       .query = {{"slice", "of a volume, from 0"}},
       .audit_read = true},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const std::int64_t slice, request.query_integer("slice", 0, 0, 1'000'000));
        ACESO_TRY(std::vector<std::byte> png, service->outline_png(actor, request.param("id"), slice));
        return png_response(std::move(png));
      });
  for (const auto& [path, summary, probabilities] :
       {std::tuple{"/api/v1/predictions/{id:uuid}/mask.npy", "The outline: uint8 [spatial...], 0 is background", false},
        std::tuple{"/api/v1/predictions/{id:uuid}/probabilities.npy",
                   "The probability of each label at each point: uint8 [labels, spatial...] in steps of 1/255",
                   true}}) {
    add(Method::get, path,
        {.summary = summary,
         .tag = "predictions",
         .scope = "predictions:read",
         .response_type = "application/x-npy",
         .audit_read = true},
        [service = &models, probabilities](net::Request& request, const Actor& actor) -> Result<net::Response> {
          ACESO_TRY(const std::vector<std::byte> npy, service->outline_npy(actor, request.param("id"), probabilities));
          return npy_response(npy);
        });
  }
  add(Method::post, "/api/v1/predictions/{id:uuid}/explanations",
      {.summary = "Where the model looked: a job that ends with a map's checks",
       .tag = "predictions",
       .scope = "predictions:create",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","properties":{"method":{"enum":["gradcam","integrated_gradients","occlusion"]},"box":{"type":["array","null"]}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->explain(actor, request.param("id"), body));
        return accepted(json);
      });
  add(Method::get, "/api/v1/explanations/{id:uuid}",
      {.summary = "An explanation: its job's state, and the checks of its map",
       .tag = "predictions",
       .scope = "predictions:read",
       .audit_read = true},
      [service = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->explanation(request.param("id")));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/explanations/{id:uuid}/overlay.png",
      {.summary = "The map over the image, when it passed all checks",
       .tag = "predictions",
       .scope = "predictions:read",
       .response_type = "image/png",
       .audit_read = true},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(std::vector<std::byte> png, service->explanation_png(actor, request.param("id")));
        return png_response(std::move(png));
      });
  add(Method::put, "/api/v1/predictions/{id:uuid}/verdicts/{finding}",
      {.summary = "Say whether a finding is right: a new revision",
       .tag = "predictions",
       .scope = "feedback:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","properties":{"agree":{"type":["boolean","null"]},"label":{"type":["string","null"]},"comment":{"type":["string","null"]}},"additionalProperties":false})"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, service->put_verdict(actor, request.param("id"), request.param("finding"), body));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/predictions/{id:uuid}/verdicts",
      {.summary = "All revisions of the verdicts on a prediction", .tag = "predictions", .scope = "predictions:read"},
      [service = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, service->verdicts(actor, request.param("id")));
        return net::Response::json(json);
      });
}

}  // namespace aceso::models
