#include "service_token.hpp"

#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "aceso/crypto/hash.hpp"
#include "time_micros.hpp"

namespace aceso::portal {
namespace {

constexpr std::size_t kLongestToken = 4096;
constexpr std::string_view kHeaderJson = R"({"alg":"EdDSA","typ":"aceso-service"})";

// Compared as text and never parsed: there is no algorithm to be talked into.
const std::string& header() {
  static const std::string text = crypto::to_base64url(crypto::as_bytes(kHeaderJson));
  return text;
}

bool strings_of(const Json& json, std::string_view key, std::vector<std::string>& out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return false;
  for (const auto& item : *found) {
    if (!item.is_string()) return false;
    out.push_back(item.get<std::string>());
  }
  return true;
}

bool string_of(const Json& json, std::string_view key, std::string& out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

bool seconds_of(const Json& json, std::string_view key, std::int64_t& out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return false;
  out = found->get<std::int64_t>();
  return true;
}

}  // namespace

std::string sign_service_token(const contracts::Principal& p, UtcTime issued, UtcTime expires,
                               const crypto::SigningKey& key) {
  const Json claims{{"iss", "aceso"},
                    {"sub", p.id},
                    {"name", p.name},
                    {"roles", p.roles},
                    {"scopes", p.scopes},
                    {"sid", p.session_id},
                    {"iat", to_micros(issued) / 1'000'000},
                    {"exp", to_micros(expires) / 1'000'000}};
  const auto signed_part = header() + "." + crypto::to_base64url(crypto::as_bytes(claims.dump()));
  return signed_part + "." + crypto::to_base64url(key.sign(crypto::as_bytes(signed_part)));
}

Result<contracts::Principal> verify_service_token(std::string_view token, UtcTime now, const crypto::PublicKey& key) {
  const Error refused{Code::unauthenticated, "this token is not valid"};
  if (token.size() > kLongestToken) return refused;
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return refused;
  if (token.substr(0, first) != header()) return refused;
  const auto signature = crypto::from_base64url(token.substr(last + 1));
  if (!signature || !crypto::verify(key, crypto::as_bytes(token.substr(0, last)), *signature)) return refused;
  const auto payload = crypto::from_base64url(token.substr(first + 1, last - first - 1));
  if (!payload) return refused;
  const std::string text(reinterpret_cast<const char*>(payload->data()), payload->size());
  const auto claims = parse_json(text, {.bytes = kLongestToken, .depth = 4});
  if (!claims || !claims->is_object()) return refused;
  contracts::Principal p;
  std::string issuer;
  std::int64_t issued = 0;
  std::int64_t expires = 0;
  const bool complete = string_of(*claims, "iss", issuer) && issuer == "aceso" && string_of(*claims, "sub", p.id) &&
                        string_of(*claims, "name", p.name) && string_of(*claims, "sid", p.session_id) &&
                        strings_of(*claims, "roles", p.roles) && strings_of(*claims, "scopes", p.scopes) &&
                        seconds_of(*claims, "iat", issued) && seconds_of(*claims, "exp", expires);
  if (!complete) return refused;
  const auto now_s = to_micros(now) / 1'000'000;
  if (now_s >= expires || issued > now_s + 60) return refused;
  return p;
}

}  // namespace aceso::portal
