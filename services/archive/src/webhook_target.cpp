#include "webhook_target.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "aceso/base/text.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxHooks = 20;
constexpr std::size_t kMaxHookName = 64;
constexpr std::size_t kLeastSecret = 16;

// "whsec_" and base64, or any text.
Result<crypto::Bytes> secret_bytes(const std::string& text) {
  constexpr std::string_view kPrefix = "whsec_";
  crypto::Bytes out;
  if (text.starts_with(kPrefix)) {
    ACESO_TRY(out, crypto::from_base64(std::string_view{text}.substr(kPrefix.size())));
  } else {
    const auto bytes = crypto::as_bytes(text);
    out.assign(bytes.begin(), bytes.end());
  }
  if (out.size() < kLeastSecret) return Error{Code::invalid, "the secret has less than 16 bytes"};
  return out;
}

Result<Hook> parse_hook(const Json& json) {
  static const std::array<std::string, 5> kKeys{"name", "url", "secret_file", "events", "ca_file"};
  if (!json.is_object()) return Error{Code::invalid, "is not a map"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end())
      return Error{Code::invalid, "unknown key " + escape_controls(key, kMaxHookName)};
  }
  Hook out;
  ACESO_TRY(const auto url, setting_of(json, "url"));
  ACESO_TRY(out.address, parse_web_address(url));
  ACESO_TRY(out.name, setting_of(json, "name"));
  if (out.name.empty()) out.name = out.address.host;
  if (out.name.size() > kMaxHookName) return Error{Code::invalid, "name has more than 64 bytes"};
  ACESO_TRY(const auto file, setting_of(json, "secret_file"));
  if (file.empty()) return Error{Code::invalid, "secret_file names the file with the secret that signs"};
  ACESO_TRY(const auto text, read_secret_file(file));
  ACESO_TRY(out.secret, secret_bytes(text));
  ACESO_TRY(const auto ca, setting_of(json, "ca_file"));
  ACESO_TRY(out.tls, client_tls_for(out.address, ca));
  const Error wrong{Code::invalid, "events is a list of study.stored, series.complete and analysis.ended"};
  const auto events = json.find("events");
  if (events == json.end()) {
    out.events = {std::string{kStudyStored}, std::string{kSeriesComplete}, std::string{kAnalysisEnded}};
    return out;
  }
  if (!events->is_array() || events->empty()) return wrong;
  for (const auto& one : *events) {
    if (one != kStudyStored && one != kSeriesComplete && one != kAnalysisEnded) return wrong;
    out.events.insert(one.get<std::string>());
  }
  return out;
}

}  // namespace

Result<std::vector<Hook>> parse_hooks(std::string_view json) {
  ACESO_TRY(const Json list, parse_json(json));
  if (!list.is_array() || list.size() > kMaxHooks) return Error{Code::invalid, "is a list of at most 20 targets"};
  std::vector<Hook> out;
  for (const auto& one : list) {
    const std::string where = "target " + std::to_string(out.size() + 1) + ": ";
    auto hook = parse_hook(one);
    if (!hook) return Error{hook.error().code(), where + hook.error().message()};
    if (std::ranges::find(out, hook->name, &Hook::name) != out.end())
      return Error{Code::invalid, where + "another target has this name"};
    out.push_back(*std::move(hook));
  }
  return out;
}

}  // namespace aceso::archive
