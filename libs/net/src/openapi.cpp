// OpenAPI 3.1 from the registered routes.
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/net/http.hpp"

namespace aceso::net {
namespace {

struct PathPart {
  std::string path;                                         // "/models/{id}" without types and dots
  std::string id;                                           // "models_id"
  std::vector<std::pair<std::string, std::string>> params;  // name, type
};

PathPart parse_pattern(std::string_view pattern) {
  PathPart out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') {
      out.path += pattern[i];
      out.id += std::isalnum(static_cast<unsigned char>(pattern[i])) != 0 ? pattern[i] : '_';
      continue;
    }
    const std::size_t end = pattern.find('}', i);
    std::string_view inner = pattern.substr(i + 1, end - i - 1);
    std::string type;
    if (const std::size_t colon = inner.find(':'); colon != std::string_view::npos) {
      type = inner.substr(colon + 1);
      inner = inner.substr(0, colon);
    }
    if (inner.size() > 3 && inner.substr(inner.size() - 3) == "...") inner.remove_suffix(3);
    out.path += "{" + std::string{inner} + "}";
    out.id += "by_" + std::string{inner};
    out.params.emplace_back(inner, type);
    i = end;
  }
  while (!out.id.empty() && out.id.front() == '_') out.id.erase(0, 1);
  return out;
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Json schema_of(const std::string& text) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_discarded() ? Json::object() : parsed;
}

Json content(const std::string& type, const std::string& schema) {
  Json media = Json::object();
  if (!schema.empty()) media["schema"] = schema_of(schema);
  Json out = Json::object();
  out[type] = media;
  return out;
}

Json parameters(const PathPart& part, const RouteInfo& info) {
  Json out = Json::array();
  for (const auto& [name, type] : part.params) {
    Json schema = Json::object();
    schema["type"] = type == "int" ? "integer" : "string";
    if (type == "int") schema["minimum"] = 0;
    if (type == "uuid") schema["format"] = "uuid";
    out.push_back(Json{{"name", name}, {"in", "path"}, {"required", true}, {"schema", schema}});
  }
  for (const auto& [name, description] : info.query) {
    out.push_back(Json{{"name", name},
                       {"in", "query"},
                       {"required", false},
                       {"description", description},
                       {"schema", Json{{"type", "string"}}}});
  }
  return out;
}

Json operation(const Router::Route& route, const PathPart& part) {
  const RouteInfo& info = route.info;
  Json out = Json::object();
  out["operationId"] = lower(to_string(route.method)) + "_" + (part.id.empty() ? std::string{"root"} : part.id);
  out["summary"] = info.summary;
  if (!info.tag.empty()) out["tags"] = Json::array({info.tag});
  if (Json list = parameters(part, info); !list.empty()) out["parameters"] = list;
  if (!info.request_type.empty())
    out["requestBody"] = Json{{"required", true}, {"content", content(info.request_type, info.request_schema)}};
  Json responses = Json::object();
  Json success = Json{{"description", "Success"}};
  if (!info.response_type.empty()) success["content"] = content(info.response_type, info.response_schema);
  responses["2XX"] = success;
  responses["default"] = Json{{"$ref", "#/components/responses/Problem"}};
  out["responses"] = responses;
  if (info.scope.empty()) {
    out["security"] = Json::array();
  } else {
    out["security"] =
        Json::array({Json{{"session", Json::array({info.scope})}}, Json{{"token", Json::array({info.scope})}}});
    out["x-scope"] = info.scope;
  }
  return out;
}

Json components() {
  Json problem = Json::object();
  problem["type"] = "object";
  problem["required"] = Json::array({"type", "title", "status", "code", "request_id"});
  Json properties = Json::object();
  for (const char* name : {"type", "title", "detail", "code", "request_id"})
    properties[name] = Json{{"type", "string"}};
  properties["status"] = Json{{"type", "integer"}};
  problem["properties"] = properties;
  Json out = Json::object();
  out["schemas"] = Json{{"Problem", problem}};
  Json media = Json::object();
  media["application/problem+json"] = Json{{"schema", Json{{"$ref", "#/components/schemas/Problem"}}}};
  out["responses"] = Json{{"Problem", Json{{"description", "What went wrong (RFC 9457)"}, {"content", media}}}};
  out["securitySchemes"] = Json{{"session", Json{{"type", "apiKey"}, {"in", "cookie"}, {"name", "aceso_session"}}},
                                {"token", Json{{"type", "http"}, {"scheme", "bearer"}}}};
  return out;
}

}  // namespace

Json make_openapi(const Router& router, std::string_view title, std::string_view version) {
  Json paths = Json::object();
  std::set<std::string> tags;
  for (const Router::Route& route : router.routes()) {
    const PathPart part = parse_pattern(route.pattern);
    if (!paths.contains(part.path)) paths[part.path] = Json::object();
    paths[part.path][lower(to_string(route.method))] = operation(route, part);
    if (!route.info.tag.empty()) tags.insert(route.info.tag);
  }
  Json out = Json::object();
  out["openapi"] = "3.1.0";
  out["jsonSchemaDialect"] = "https://json-schema.org/draft/2020-12/schema";
  out["info"] = Json{{"title", title}, {"version", version}};
  Json list = Json::array();
  for (const std::string& t : tags) list.push_back(Json{{"name", t}});
  out["tags"] = list;
  out["paths"] = paths;
  out["components"] = components();
  return out;
}

}  // namespace aceso::net
