#include "local_routes.hpp"

#include <any>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

#include "aceso/contracts/access.hpp"
#include "text_of.hpp"

namespace aceso::app {
namespace {

Result<models::Actor> operator_of(const net::Request& request) {
  if (!request.local_socket) return Error{Code::denied, "only the operator at this machine may name local files"};
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  if (principal == nullptr) return Error{Code::unauthenticated, "not signed in"};
  return models::Actor{principal->id, principal->name, "local", request.request_id};
}

Result<double> share_of(const Json& body, const char* key, double fallback) {
  const auto it = body.find(key);
  if (it == body.end()) return fallback;
  if (!it->is_number() || it->get<double>() < 0 || it->get<double>() > 0.9)
    return Error{Code::invalid, std::string{key} + " must be a number from 0 to 0.9"};
  return it->get<double>();
}

Result<double> number_of(const Json& body, const char* key) {
  const auto it = body.find(key);
  if (it == body.end()) return 0.0;
  if (!it->is_number()) return Error{Code::invalid, std::string{key} + " must be a number"};
  return it->get<double>();
}

Result<models::DicomOptions> dicom_options_of(const Json& body) {
  models::DicomOptions dicom;
  dicom.values = text_of(body, "values");
  ACESO_TRY(dicom.window_center, number_of(body, "window_center"));
  ACESO_TRY(dicom.window_width, number_of(body, "window_width"));
  const auto gaps = body.find("keep_gaps");
  dicom.keep_gaps = gaps != body.end() && gaps->is_boolean() && gaps->get<bool>();
  dicom.key_table = text_of(body, "key_table");
  return dicom;
}

Result<net::Response> import_dataset(models::Models& models, net::Request& request) {
  ACESO_TRY(const auto actor, operator_of(request));
  ACESO_TRY(const Json body, request.json());
  if (!body.is_object()) return Error{Code::invalid, "the body must be an object"};
  learn::ImportOptions options;
  options.name = text_of(body, "name");
  options.labels_csv = text_of(body, "labels_csv");
  options.licence = text_of(body, "licence");
  options.label_source = text_of(body, "label_source");
  if (const std::string conflicts = text_of(body, "conflicts"); !conflicts.empty()) {
    ACESO_TRY(options.conflicts, learn::parse_conflicts(conflicts));
  }
  if (const std::string task = text_of(body, "task"); !task.empty()) {
    ACESO_TRY(options.task, learn::parse_dataset_task(task));
  }
  options.unit = text_of(body, "unit");
  options.kind = text_of(body, "kind");
  options.conflict_reason = text_of(body, "conflict_reason");
  ACESO_TRY(options.validation_fraction, share_of(body, "validation_fraction", options.validation_fraction));
  ACESO_TRY(options.test_fraction, share_of(body, "test_fraction", options.test_fraction));
  if (const auto it = body.find("seed"); it != body.end() && it->is_number_unsigned())
    options.seed = it->get<std::uint64_t>();
  if (const auto it = body.find("classes"); it != body.end() && it->is_array()) {  // names with commas in them
    for (const Json& name : *it) options.classes.push_back(name.is_string() ? name.get<std::string>() : std::string{});
  }
  std::string classes = text_of(body, "classes");
  while (!classes.empty()) {
    const auto comma = std::min(classes.find(','), classes.size());
    options.classes.push_back(classes.substr(0, comma));
    classes.erase(0, comma + 1);
  }
  ACESO_TRY(const models::DicomOptions dicom, dicom_options_of(body));
  if (const auto archive = body.find("archive"); archive != body.end()) {
    const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
    const std::string labels = std::move(options.labels_csv);
    options.labels_csv.clear();
    ACESO_TRY(const Json job, models.import_from_archive(actor, *principal, *archive, labels, options, dicom));
    return net::Response::json(job, 202);
  }
  const std::string path = text_of(body, "path");
  if (path.empty()) return Error{Code::invalid, "path is missing"};
  ACESO_TRY(const Json job, models.import_dataset(actor, path, options, dicom));
  return net::Response::json(job, 202);
}

Result<net::Response> export_dataset(models::Models& models, net::Request& request) {
  ACESO_TRY(const auto actor, operator_of(request));
  ACESO_TRY(const Json body, request.json());
  if (!body.is_object() || text_of(body, "path").empty()) return Error{Code::invalid, "path is missing"};
  ACESO_TRY(const Json job,
            models.export_dataset(actor, request.param("name"), text_of(body, "path"), text_of(body, "format")));
  return net::Response::json(job, 202);
}

Result<net::Response> register_model(models::Models& models, net::Request& request) {
  ACESO_TRY(const auto actor, operator_of(request));
  ACESO_TRY(const Json body, request.json());
  if (!body.is_object() || text_of(body, "path").empty()) return Error{Code::invalid, "path is missing"};
  ACESO_TRY(const Json model, models.register_bundle(actor, text_of(body, "path"), text_of(body, "name")));
  return net::Response::json(model, 201);
}

Result<net::Response> import_onnx(models::Models& models, net::Request& request) {
  ACESO_TRY(const auto actor, operator_of(request));
  ACESO_TRY(const Json body, request.json());
  if (!body.is_object() || text_of(body, "path").empty()) return Error{Code::invalid, "path is missing"};
  ACESO_TRY(const Json model, models.import_onnx(actor, text_of(body, "path"), text_of(body, "specification"),
                                                 text_of(body, "specification_name")));
  return net::Response::json(model, 201);
}

Result<net::Response> export_model(models::Models& models, net::Request& request) {
  ACESO_TRY(const auto actor, operator_of(request));
  ACESO_TRY(const Json body, request.json());
  if (!body.is_object() || text_of(body, "path").empty()) return Error{Code::invalid, "path is missing"};
  const auto number = request.param("version");
  int version = 0;
  std::from_chars(number.data(), number.data() + number.size(), version);
  const std::string format = text_of(body, "format");
  if (format == "onnx") {
    ACESO_TRY_OK(models.export_onnx(actor, request.param("name"), version, text_of(body, "path")));
  } else if (format.empty() || format == "bundle") {
    ACESO_TRY_OK(models.export_bundle(actor, request.param("name"), version, text_of(body, "path")));
  } else {
    return Error{Code::invalid, "format must be bundle or onnx"};
  }
  return net::Response::json(Json{{"path", text_of(body, "path")}});
}

}  // namespace

void register_local_routes(net::Router& router, models::Models& models) {
  const std::string json = "application/json";
  const auto path_schema = [](const char* more) {
    return std::string{
               R"({"type":"object","required":["path"],"properties":{"path":{"type":"string"},"name":{"type":"string"})"} +
           more + "}}";
  };
  router.add(
      net::Method::post, "/api/v1/local/datasets",
      {.summary = "Import a data set from a file or folder of this machine",
       .tag = "local",
       .scope = "datasets:write",
       .request_type = json,
       .request_schema = path_schema(
           R"(,"classes":{"type":"string"},"labels_csv":{"type":"string"},"licence":{"type":"string"},"label_source":{"type":"string"},"validation_fraction":{"type":"number"},"test_fraction":{"type":"number"},"seed":{"type":"integer"},"conflicts":{"enum":["refuse","set-aside","keep"]},"conflict_reason":{"type":"string"},"kind":{"enum":["image","volume","signal","table"]},"values":{"enum":["modality","display"]},"window_center":{"type":"number"},"window_width":{"type":"number"},"keep_gaps":{"type":"boolean"},"key_table":{"type":"string"})")},
      [&models](net::Request& request) { return import_dataset(models, request); });
  router.add(net::Method::post, "/api/v1/local/datasets/{name}/export",
             {.summary = "Write a data set to a file or folder of this machine",
              .tag = "local",
              .scope = "datasets:read",
              .request_type = json,
              .request_schema = path_schema(R"(,"format":{"enum":["npz","folder"]})")},
             [&models](net::Request& request) { return export_dataset(models, request); });
  router.add(net::Method::post, "/api/v1/local/models",
             {.summary = "Register a model bundle from a folder of this machine",
              .tag = "local",
              .scope = "models:write",
              .request_type = json,
              .request_schema = path_schema("")},
             [&models](net::Request& request) { return register_model(models, request); });
  router.add(
      net::Method::post, "/api/v1/local/models/onnx",
      {.summary = "Register an ONNX file of this machine with a description of its input and output",
       .tag = "local",
       .scope = "models:write",
       .request_type = json,
       .request_schema = path_schema(R"(,"specification":{"type":"string"},"specification_name":{"type":"string"})")},
      [&models](net::Request& request) { return import_onnx(models, request); });
  router.add(net::Method::post, "/api/v1/local/models/{name}/{version:int}/export",
             {.summary = "Write a model to this machine, as a bundle folder or an ONNX file",
              .tag = "local",
              .scope = "models:read",
              .request_type = json,
              .request_schema = path_schema(R"(,"format":{"enum":["bundle","onnx"]})")},
             [&models](net::Request& request) { return export_model(models, request); });
}

}  // namespace aceso::app
