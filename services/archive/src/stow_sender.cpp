// STOW-RS as a client (PS3.18 10.5): one object a request, multipart/related, streamed from the archive.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/archive/dicomweb_target.hpp"
#include "aceso/base/text.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/net/client.hpp"
#include "web_address.hpp"

namespace aceso::archive {
namespace {

constexpr std::string_view kPartBoundary = "aceso-5b0f6a1d9c3e47f2";
constexpr std::size_t kMaxTargets = 50;
constexpr std::size_t kMaxName = 64;

// Head of the one part, the object, the end.
class PartSource final : public net::BodySource {
 public:
  PartSource(const contracts::ObjectBytes& object, const std::stop_token& stop)
      : object_{object},
        stop_{stop},
        head_{"--" + std::string{kPartBoundary} + "\r\nContent-Type: application/dicom\r\n\r\n"},
        tail_{"\r\n--" + std::string{kPartBoundary} + "--\r\n"} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    if (stop_.stop_requested()) return Error{Code::cancelled, "stopped while an object was sent"};
    const std::uint64_t bytes = object_.object().bytes;
    if (at_ < head_.size()) return take(head_, at_, out);
    const std::uint64_t in_object = at_ - head_.size();
    if (in_object >= bytes) return take(tail_, in_object - bytes, out);
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), bytes - in_object));
    ACESO_TRY_OK(object_.read(in_object, out.first(n)));
    at_ += n;
    return n;
  }
  std::optional<std::uint64_t> length() const override { return head_.size() + object_.object().bytes + tail_.size(); }

 private:
  std::size_t take(const std::string& text, std::uint64_t from, std::span<std::byte> out) {
    const auto start = static_cast<std::size_t>(std::min<std::uint64_t>(from, text.size()));
    const std::size_t n = std::min(out.size(), text.size() - start);
    std::copy_n(std::as_bytes(std::span{text}).begin() + static_cast<std::ptrdiff_t>(start), n, out.begin());
    at_ += n;
    return n;
  }
  const contracts::ObjectBytes& object_;
  std::stop_token stop_;
  std::string head_, tail_;
  std::uint64_t at_ = 0;
};

// 200: stored. 202 and 409 say which were not (FailedSOPSequence): here there is one.
Result<bool> was_taken(const net::ClientResponse& answer) {
  switch (answer.status) {
    case 200:
    case 201:
    case 204:
      return true;
    case 202: {  // with warnings, or refused
      const auto json = parse_json(answer.body);
      return json && json->is_object() && !json->contains("00081198");
    }
    case 401:
    case 403:
      return Error{Code::denied, "the destination does not let this node store"};
    case 404:
      return Error{Code::invalid, "the destination has no STOW-RS service at its address"};
    case 408:
    case 429:
      return Error{Code::unavailable, "the destination is busy"};
    default:
      if (answer.status >= 500) return Error{Code::unavailable, "the destination failed"};
      return false;
  }
}

class StowSender final : public ObjectSender {
 public:
  explicit StowSender(std::vector<DicomWebTarget> targets) : targets_{std::move(targets)} {}

  Status check(std::string_view destination) const override {
    if (find(destination) != nullptr) return {};
    return Error{Code::invalid, "a destination is a name of forward.dicomweb"};
  }

  Status send(std::string_view destination, std::span<const contracts::StoredObject> objects, const Open& open,
              const std::function<void(std::size_t, bool)>& done, const std::stop_token& stop) override {
    const auto* target = find(destination);
    if (target == nullptr) return check(destination);
    ACESO_TRY(const auto client, net::Client::connect_tcp(target->host, target->port, target->tls));
    for (std::size_t i = 0; i < objects.size(); ++i) {
      if (stop.stop_requested()) return Error{Code::cancelled, "stopped before everything was sent"};
      const auto object = open(i);
      if (!object) {
        if (object.error().code() == Code::unavailable || object.error().code() == Code::data_loss)
          return object.error();
        done(i, false);  // deleted meanwhile, or it cannot be changed as the rule says
        continue;
      }
      ACESO_TRY(const auto answer, client->send(request_for(*target, **object, stop)));
      ACESO_TRY(const bool taken, was_taken(answer));
      done(i, taken);
    }
    return {};
  }

 private:
  const DicomWebTarget* find(std::string_view name) const {
    const auto found = std::ranges::find(targets_, name, &DicomWebTarget::name);
    return found == targets_.end() ? nullptr : &*found;
  }
  static net::ClientRequest request_for(const DicomWebTarget& target, const contracts::ObjectBytes& object,
                                        const std::stop_token& stop) {
    net::ClientRequest request;
    request.method = net::Method::post;
    request.target = target.path + "/studies";
    request.headers.set("Content-Type",
                        "multipart/related; type=\"application/dicom\"; boundary=" + std::string{kPartBoundary});
    request.headers.set("Accept", "application/dicom+json");
    if (!target.authorization.empty()) request.headers.set("Authorization", target.authorization);
    request.body_source = std::make_shared<PartSource>(object, stop);
    request.max_response = std::size_t{1} << 20;
    request.timeout_ms = 120'000;
    return request;
  }
  const std::vector<DicomWebTarget> targets_;
};

Result<DicomWebTarget> parse_target(const Json& json) {
  static const std::array<std::string, 6> kKeys{"name", "url", "token_file", "user", "password_file", "ca_file"};
  if (!json.is_object()) return Error{Code::invalid, "is not a map"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end())
      return Error{Code::invalid, "unknown key " + escape_controls(key, kMaxName)};
  }
  DicomWebTarget out;
  ACESO_TRY(out.name, setting_of(json, "name"));
  if (out.name.empty() || out.name.size() > kMaxName) return Error{Code::invalid, "name is a text of 1 to 64 bytes"};
  ACESO_TRY(const auto url, setting_of(json, "url"));
  ACESO_TRY(const auto address, parse_web_address(url));
  out.host = address.host;
  out.port = address.port;
  out.path = address.path;
  if (out.path.find('?') != std::string::npos) return Error{Code::invalid, "url holds no query"};
  while (out.path.ends_with('/')) out.path.pop_back();
  ACESO_TRY(const auto ca, setting_of(json, "ca_file"));
  ACESO_TRY(out.tls, client_tls_for(address, ca));
  ACESO_TRY(const auto token, setting_of(json, "token_file"));
  ACESO_TRY(const auto user, setting_of(json, "user"));
  ACESO_TRY(const auto password, setting_of(json, "password_file"));
  if (user.empty() != password.empty() || (!user.empty() && !token.empty()))
    return Error{Code::invalid, "give token_file, or user and password_file, or none"};
  if (!token.empty()) {
    ACESO_TRY(const auto secret, read_secret_file(token));
    out.authorization = "Bearer " + secret;
  } else if (!user.empty()) {
    if (user.find(':') != std::string::npos) return Error{Code::invalid, "user holds no colon"};
    ACESO_TRY(const auto secret, read_secret_file(password));
    out.authorization = "Basic " + crypto::to_base64(crypto::as_bytes(user + ":" + secret));
  }
  return out;
}

}  // namespace

Result<std::vector<DicomWebTarget>> parse_dicomweb_targets(std::string_view json) {
  ACESO_TRY(const Json list, parse_json(json));
  if (!list.is_array() || list.size() > kMaxTargets) return Error{Code::invalid, "is a list of at most 50 targets"};
  std::vector<DicomWebTarget> out;
  std::set<std::string> names;
  for (const auto& one : list) {
    auto target = parse_target(one);
    const std::string where = "target " + std::to_string(out.size() + 1) + ": ";
    if (!target) return Error{target.error().code(), where + target.error().message()};
    if (!names.insert(target->name).second) return Error{Code::invalid, where + "another target has this name"};
    out.push_back(*std::move(target));
  }
  return out;
}

std::unique_ptr<ObjectSender> make_stow_sender(std::vector<DicomWebTarget> targets) {
  return std::make_unique<StowSender>(std::move(targets));
}

}  // namespace aceso::archive
