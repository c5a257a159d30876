#include "request.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace aceso::portal {
namespace {

constexpr std::size_t kMostItems = 64;
constexpr std::size_t kLongestItem = 64;

Error bad_field(std::string_view key, std::string_view what) {
  return Error{Code::invalid, std::string{key} + ": " + std::string{what}};
}

}  // namespace

const contracts::Principal* principal_of(const net::Request& request) noexcept {
  return std::any_cast<contracts::Principal>(&request.principal);
}

contracts::AuditEvent event_for(const net::Request& request, std::string_view action, std::string_view event) {
  contracts::AuditEvent e;
  e.action = action;
  e.event = event;
  e.source_address = request.remote_address;
  e.request_id = request.request_id;
  if (const auto* p = principal_of(request)) {
    e.agent_id = p->id;
    e.agent_name = p->name;
  }
  return e;
}

net::Response problem(int status, Code code, std::string_view detail, const net::Request& request) {
  const auto code_text = to_string(code);
  auto response = net::Response::json(Json{{"type", "about:blank"},
                                           {"title", code_text},
                                           {"status", status},
                                           {"detail", detail},
                                           {"code", code_text},
                                           {"request_id", request.request_id}},
                                      status);
  response.headers.set("Content-Type", "application/problem+json");
  return response;
}

Result<Json> read_object(net::Request& request, std::initializer_list<std::string_view> keys) {
  ACESO_TRY(auto json, request.json(std::size_t{64} << 10));
  if (!json.is_object()) return Error{Code::invalid, "the body is not a JSON object"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(keys, key) == keys.end())
      return Error{Code::invalid, "the body has a key that is not known here"};
  }
  return json;
}

Result<std::optional<std::string>> optional_text_of(const Json& object, std::string_view key, std::size_t most) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::optional<std::string>{};
  if (!found->is_string()) return bad_field(key, "is not a string");
  auto text = found->get<std::string>();
  if (text.size() > most) return bad_field(key, "is too long");
  return std::optional{std::move(text)};
}

Result<std::string> text_of(const Json& object, std::string_view key, std::size_t most) {
  ACESO_TRY(auto text, optional_text_of(object, key, most));
  if (!text) return bad_field(key, "is missing");
  return *std::move(text);
}

Result<std::optional<bool>> optional_bool_of(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::optional<bool>{};
  if (!found->is_boolean()) return bad_field(key, "is not true or false");
  return std::optional{found->get<bool>()};
}

Result<std::optional<std::vector<std::string>>> optional_list_of(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::optional<std::vector<std::string>>{};
  if (!found->is_array() || found->size() > kMostItems) return bad_field(key, "is not a list, or a long one");
  std::vector<std::string> out;
  for (const auto& item : *found) {
    if (!item.is_string()) return bad_field(key, "holds something other than strings");
    out.push_back(item.get<std::string>());
    if (out.back().size() > kLongestItem) return bad_field(key, "holds a long string");
  }
  return std::optional{std::move(out)};
}

}  // namespace aceso::portal
