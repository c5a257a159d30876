// The node's HTTP routes as the command line uses them: over the local socket of a running node, or in this process
// when none runs.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/net/client.hpp"
#include "aceso/net/http.hpp"

namespace aceso::app {

class Api {
 public:
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  virtual ~Api() = default;

  // One request, whole answer. An answer of status >= 400 is not an Error here.
  virtual Result<net::ClientResponse> send(const net::ClientRequest& request) = 0;
  virtual bool in_process() const = 0;

  // The same with JSON; an answer of status >= 400 becomes an Error with the code and detail the node gave.
  Result<Json> get(std::string target);
  Result<Json> call(net::Method method, std::string target, const Json& body);
  Result<Json> upload(std::string target, const std::filesystem::path& file, std::string_view content_type,
                      const std::string& input_facts = {});  // sent as the header Aceso-Input-Facts
  Result<std::string> text(std::string target);
};

std::unique_ptr<Api> make_socket_api(std::unique_ptr<net::Client> client);
// `handler` is the portal's gateway; requests arrive as local_socket.
std::unique_ptr<Api> make_in_process_api(net::Handler handler);

std::string url_encode(std::string_view text);  // RFC 3986 unreserved characters stay

}  // namespace aceso::app
