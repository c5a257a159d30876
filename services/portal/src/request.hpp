// What portal's handlers need of a request: who asks, fields of a JSON body, an audit event about it, problems with a
// chosen status.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/net/http.hpp"

namespace aceso::portal {

// Null when nobody is signed in. Valid as long as the request.
const contracts::Principal* principal_of(const net::Request& request) noexcept;

// An event by the request's principal from its address.
contracts::AuditEvent event_for(const net::Request& request, std::string_view action, std::string_view event);

// Like Response::problem, with a status of our own choice.
net::Response problem(int status, Code code, std::string_view detail, const net::Request& request);

// A JSON object with no other keys than these; invalid otherwise.
Result<Json> read_object(net::Request& request, std::initializer_list<std::string_view> keys);
// invalid when absent, not a string or longer than `most` bytes.
Result<std::string> text_of(const Json& object, std::string_view key, std::size_t most);
Result<std::optional<std::string>> optional_text_of(const Json& object, std::string_view key, std::size_t most);
Result<std::optional<bool>> optional_bool_of(const Json& object, std::string_view key);
Result<std::optional<std::vector<std::string>>> optional_list_of(const Json& object, std::string_view key);

}  // namespace aceso::portal
