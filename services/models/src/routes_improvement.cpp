// The feedback loop, below /api/v1/models/{name}
#include <any>
#include <nlohmann/json.hpp>

#include "object_reader.hpp"
#include "routes.hpp"

namespace aceso::models {
namespace {

// "truth=pathology&truth=verdict" as the JSON of a request has it; null without any.
Json truth_of(const net::Request& request) {
  Json list = Json::array();
  const std::string text = request.query_value("truth").value_or("");
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const auto comma = std::min(text.find(',', at), text.size());
    list.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return list.empty() ? Json(nullptr) : list;
}

Result<std::size_t> count_param(const net::Request& request, const char* name, std::size_t fallback, std::size_t most) {
  const auto text = request.query_value(name);
  if (!text) return fallback;
  if (text->empty() || text->size() > 7 || text->find_first_not_of("0123456789") != std::string::npos)
    return Error{Code::invalid, std::string{name} + ": a whole number is expected"};
  const std::size_t value = std::stoul(*text);
  if (value < 1 || value > most) return Error{Code::invalid, std::string{name} + ": 1 to " + std::to_string(most)};
  return value;
}

}  // namespace

void Routes::improvement() {
  using net::Method;
  auto* service = &models;
  add(Method::get, "/api/v1/models/{name}/review",
      {.summary = "Answers that wait for a verdict, the least certain first",
       .tag = "models",
       .scope = "feedback:write"},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const std::size_t limit, limit_param(request, 50, 500));
        ACESO_TRY(const std::size_t readers, count_param(request, "readers", 1, 5));
        ACESO_TRY(const Json json, service->review_queue(actor, request.param("name"), readers, limit));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/models/{name}/improvement",
      {.summary = "What there is to improve a model from, and what came of it before",
       .tag = "models",
       .scope = "models:read"},
      [service](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const std::size_t min_labels, count_param(request, "min_labels", 20, 1'000'000));
        ACESO_TRY(const Json json, service->improvement(request.param("name"), truth_of(request), min_labels));
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/models/{name}/improvement",
      {.summary = "Train the next version of a model on what became known of its answers",
       .tag = "models",
       .scope = "models:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","properties":{"truth":{"type":"array","items":{"type":"string"}},"start":{"enum":["weights","scratch"]},"hold_out":{"type":"number","minimum":0.05,"maximum":0.9},"margin":{"type":"number","minimum":0,"maximum":0.5},"min_labels":{"type":"integer","minimum":1},"config":{"type":"object"},"promote":{"enum":["none","shadow","live"]},"accept_leakage":{"type":"string","maxLength":500}},"additionalProperties":false})"},
      [service](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
        const bool promotes = body.is_object() && body.contains("promote") && body["promote"] != "none";
        if (promotes && (principal == nullptr || !principal->has("models:promote")))
          return Error{Code::denied, "promote: the scope models:promote is needed"};
        ACESO_TRY(const Json json, service->improve(actor, request.param("name"), body));
        return accepted(json);
      });
}

}  // namespace aceso::models
