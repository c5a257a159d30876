#include "aceso/archive/shares.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "aceso/base/id.hpp"
#include "aceso/base/text.hpp"
#include "aceso/crypto/hash.hpp"
#include "sealer.hpp"
#include "study_list.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

using contracts::ObjectPeer;

constexpr std::string_view kShareTables = R"(
CREATE TABLE share (id TEXT PRIMARY KEY, expires BIGINT NOT NULL, sealed BLOB NOT NULL);
)";
constexpr std::int64_t kHour = 3600LL * 1'000'000;
constexpr std::int64_t kMostHours = 720;
constexpr std::int64_t kKeptAfter = 90LL * 24 * kHour;  // what ended is listed so long
constexpr std::size_t kMaxShares = 10'000;
constexpr std::size_t kMaxNote = 200;
constexpr std::string_view kCookie = "aceso_share";

struct Share {
  std::string id = {};  // UUIDv7
  std::string study_uid = {};
  std::string secret = {};  // SHA-256 of the token, hexadecimal
  std::string by_id = {}, by_name = {};
  std::string note = {};
  std::int64_t created_us = 0, expires_us = 0;
  std::int64_t revoked_us = 0;  // 0: not
  std::int64_t opened = 0, opened_us = 0;

  std::string_view state(std::int64_t now_us) const noexcept {
    if (revoked_us > 0) return "revoked";
    return now_us >= expires_us ? "expired" : "open";
  }
};

std::string secret_of(std::string_view token) {
  return crypto::to_hex(crypto::sha256(token));
}

// A token of an API is nobody who may show a patient's images to others.
Status require_person(const ObjectPeer& peer) {
  ACESO_TRY_OK(require(peer, kWrite));
  ACESO_TRY_OK(require(peer, kRead));
  if (!peer.principal.session_id.empty()) return {};
  return Error{Code::denied, "studies are shared by people who are signed in"};
}

}  // namespace

struct Shares::Impl {
  explicit Impl(ShareDeps given)
      : deps{std::move(given)}, archive{deps.archive.impl()}, sealer{deps.random, deps.key} {}

  ShareDeps deps;
  Archive::Impl& archive;
  Sealer sealer;
  std::unique_ptr<store::Catalogue> catalogue;
  net::Router inside;  // what a link leads to
  mutable std::mutex mutex;
  std::map<std::string, Share, std::less<>> shares;  // by id

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  Status load();
  Status save(const Share& share);
  Status forget_old();
  Status record(const ObjectPeer& peer, std::string_view action, std::string_view event, const Share& share) const;
  Result<Share> valid(std::string_view token) const;  // not_found: none, expired or revoked
  Result<net::Response> open_link(net::Request& request);
  Result<net::Response> serve(net::Request& request);
};

Shares::Shares(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Shares::~Shares() = default;

Result<std::unique_ptr<Shares>> Shares::open(const std::filesystem::path& folder, ShareDeps deps) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of shares: " + ec.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  auto impl = std::make_unique<Impl>(std::move(deps));
  ACESO_TRY(impl->catalogue, store::open_sqlite(folder / "shares.sqlite", {{1, kShareTables}}, impl->deps.logger));
  ACESO_TRY_OK(impl->load());
  impl->deps.archive.register_routes(impl->inside);
  return std::unique_ptr<Shares>{new Shares{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Shares::Impl::load() {
  ACESO_TRY(const auto rows, catalogue->query("SELECT id, sealed FROM share"));
  for (const auto& row : rows) {
    ACESO_TRY(const Json json, sealer.open(row.text(0), row.blob(1)));
    try {
      Share one{.id = row.text(0),
                .study_uid = json.at("study"),
                .secret = json.at("secret"),
                .by_id = json.at("by_id"),
                .by_name = json.at("by_name"),
                .note = json.at("note"),
                .created_us = json.at("created"),
                .expires_us = json.at("expires"),
                .revoked_us = json.at("revoked"),
                .opened = json.at("opened"),
                .opened_us = json.at("opened_at")};
      shares.emplace(one.id, std::move(one));
    } catch (const nlohmann::json::exception&) {
      return Error{Code::data_loss, "a kept share cannot be read"};
    }
  }
  return {};
}

Status Shares::Impl::save(const Share& one) {
  const Json json{{"study", one.study_uid},    {"secret", one.secret},      {"by_id", one.by_id},
                  {"by_name", one.by_name},    {"note", one.note},          {"created", one.created_us},
                  {"expires", one.expires_us}, {"revoked", one.revoked_us}, {"opened", one.opened},
                  {"opened_at", one.opened_us}};
  return catalogue->execute(
      "INSERT INTO share (id, expires, sealed) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET sealed = ?3",
      {one.id, one.expires_us, sealer.seal(one.id, json)});
}

Status Shares::Impl::forget_old() {
  const auto before = now_us() - kKeptAfter;
  ACESO_TRY_OK(catalogue->execute("DELETE FROM share WHERE expires < ?1", {before}));
  std::erase_if(shares, [&](const auto& one) { return one.second.expires_us < before; });
  if (shares.size() >= kMaxShares) return Error{Code::exhausted, "there are too many links"};
  return {};
}

Status Shares::Impl::record(const ObjectPeer& peer, std::string_view action, std::string_view event,
                            const Share& share) const {
  return archive.access.record(peer, {.action = action,
                                      .event = event,
                                      .entity_type = "study",
                                      .entity = share.study_uid,
                                      .detail = Json{{"share", share.id}, {"expires_us", share.expires_us}}.dump(),
                                      .once_a_window = false});
}

Result<Json> Shares::share(const ObjectPeer& peer, std::string_view study_uid, std::int64_t hours,
                           std::string_view note) {
  ACESO_TRY_OK(require_person(peer));
  if (hours < 1 || hours > kMostHours) return Error{Code::invalid, "hours: 1 to 720"};
  if (note.size() > kMaxNote || !is_valid_utf8(note)) return Error{Code::invalid, "note: at most 200 bytes of text"};
  Impl& impl = *impl_;
  if (!impl.archive.store->index().study(study_uid)) return Error{Code::not_found, "there is no such study"};
  const std::string token = crypto::random_token(impl.deps.random);
  const auto now = impl.now_us();
  Share one{.id = Uuid::v7(impl.deps.clock, impl.deps.random).to_string(),
            .study_uid = std::string{study_uid},
            .secret = secret_of(token),
            .by_id = peer.principal.id,
            .by_name = peer.principal.name,
            .note = std::string{note},
            .created_us = now,
            .expires_us = now + hours * kHour};
  const std::lock_guard lock{impl.mutex};
  ACESO_TRY_OK(impl.forget_old());
  ACESO_TRY_OK(impl.record(peer, "C", "archive.share", one));
  ACESO_TRY_OK(impl.save(one));
  Json out{{"id", one.id}, {"token", token}, {"expires_us", one.expires_us}};
  impl.shares.emplace(one.id, std::move(one));
  return out;
}

Result<Json> Shares::list(const ObjectPeer& peer, std::string_view study_uid) const {
  ACESO_TRY_OK(require_person(peer));
  ACESO_TRY_OK(impl_->archive.record_read(peer, study_uid));
  Json items = Json::array();
  const auto now = impl_->now_us();
  const std::lock_guard lock{impl_->mutex};
  for (auto at = impl_->shares.rbegin(); at != impl_->shares.rend(); ++at) {
    const Share& one = at->second;
    if (one.study_uid != study_uid) continue;
    items.push_back({{"id", one.id},
                     {"by", one.by_name},
                     {"note", one.note},
                     {"state", one.state(now)},
                     {"created_us", one.created_us},
                     {"expires_us", one.expires_us},
                     {"opened", one.opened},
                     {"opened_us", one.opened > 0 ? Json(one.opened_us) : Json(nullptr)}});
  }
  return Json{{"items", std::move(items)}};
}

Status Shares::revoke(const ObjectPeer& peer, std::string_view study_uid, std::string_view id) {
  ACESO_TRY_OK(require_person(peer));
  Impl& impl = *impl_;
  const std::lock_guard lock{impl.mutex};
  const auto found = impl.shares.find(id);
  if (found == impl.shares.end() || found->second.study_uid != study_uid)
    return Error{Code::not_found, "there is no such link"};
  if (found->second.revoked_us > 0) return {};
  Share changed = found->second;
  changed.revoked_us = impl.now_us();
  ACESO_TRY_OK(impl.record(peer, "D", "archive.share_revoked", changed));
  ACESO_TRY_OK(impl.save(changed));
  found->second = std::move(changed);
  return {};
}

Result<Share> Shares::Impl::valid(std::string_view token) const {
  const Error none{Code::not_found, "this link does not exist, has ended or was taken back"};
  if (token.empty() || token.size() > 100) return none;
  const auto secret = secret_of(token);
  const auto now = now_us();
  const std::lock_guard lock{mutex};
  for (const auto& [id, one] : shares) {
    if (one.secret == secret) return one.state(now) == "open" ? Result<Share>{one} : none;
  }
  return none;
}

// The token comes in the body (the link holds it behind '#', which no server and no log sees) and goes back as a cookie
// that scripts cannot read.
Result<net::Response> Shares::Impl::open_link(net::Request& request) {
  ACESO_TRY(const Json body, request.json(std::size_t{4} << 10));
  if (!body.is_object() || (body.contains("token") && !body.at("token").is_string()))
    return Error{Code::invalid, "token: what stands behind # in the link, or nothing when it was opened before"};
  const std::string token =
      body.contains("token") ? body.at("token").get<std::string>() : std::string{request.cookie(kCookie)};
  ACESO_TRY(const Share one, valid(token));
  StudyQuery query;
  query.study_uid = one.study_uid;
  ACESO_TRY(const auto page, list_studies(archive.store->index(), query));
  if (page.rows.empty()) return Error{Code::not_found, "the study was deleted"};
  ObjectPeer peer = peer_of(request);
  peer.principal = {.id = "share:" + one.id, .name = "share by " + one.by_name};
  ACESO_TRY_OK(record(peer, "R", "archive.share_opened", one));
  {
    const std::lock_guard lock{mutex};
    const auto found = shares.find(one.id);
    if (found == shares.end()) return Error{Code::not_found, "this link does not exist"};
    ++found->second.opened;
    found->second.opened_us = now_us();
    ACESO_TRY_OK(save(found->second));
  }
  auto response = net::Response::json({{"study", to_json(page.rows.front(), page.received_us.front())},
                                       {"expires_us", one.expires_us},
                                       {"by", one.by_name}});
  response.headers.set("Cache-Control", "no-store");
  std::string cookie = std::string{kCookie} + "=" + token + "; Path=/shared; HttpOnly; SameSite=Strict; Max-Age=" +
                       std::to_string((one.expires_us - now_us()) / 1'000'000);
  if (request.secure) cookie += "; Secure";
  response.headers.add("Set-Cookie", cookie);
  return response;
}

// As DICOMweb answers, for this study and by GET alone.
Result<net::Response> Shares::Impl::serve(net::Request& request) {
  ACESO_TRY(const Share one, valid(request.cookie(kCookie)));
  if (request.param("study") != one.study_uid) return Error{Code::not_found, "there is nothing here"};
  std::string path = "/dicom-web/studies/" + one.study_uid;
  if (const auto rest = request.param("rest"); !rest.empty()) path += "/" + std::string{rest};
  request.path = std::move(path);
  request.path_params.clear();
  contracts::Principal guest{.id = "share:" + one.id, .name = "share by " + one.by_name};
  guest.scopes = {std::string{kRead}};
  request.principal = std::move(guest);
  ACESO_TRY(auto response, net::route_request(inside, request));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

void Shares::register_routes(net::Router& router) {
  using net::Method;
  auto* impl = impl_.get();
  const std::string shares = "/api/v1/archive/studies/{study}/shares";
  router.add(Method::post, shares,
             {.summary = "Share a study by a link that ends",
              .tag = "archive",
              .scope = std::string{kWrite},
              .request_type = "application/json",
              .request_schema = R"({"type":"object","required":["hours"],"additionalProperties":false,"properties":{)"
                                R"("hours":{"type":"integer","minimum":1,"maximum":720},)"
                                R"("note":{"type":"string","maxLength":200}}})"},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json body, request.json(std::size_t{4} << 10));
               if (!body.is_object() || !body.contains("hours") || !body.at("hours").is_number_integer() ||
                   (body.contains("note") && !body.at("note").is_string()))
                 return Error{Code::invalid, "hours: 1 to 720; note: a text"};
               ACESO_TRY(const Json made, share(peer_of(request), request.param("study"),
                                                body.at("hours").get<std::int64_t>(), body.value("note", "")));
               auto response = net::Response::json(made, 201);
               response.headers.set("Cache-Control", "no-store");
               return response;
             });
  router.add(Method::get, shares, {.summary = "Links to a study", .tag = "archive", .scope = std::string{kWrite}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json found, list(peer_of(request), request.param("study")));
               auto response = net::Response::json(found);
               response.headers.set("Cache-Control", "no-store");
               return response;
             });
  router.add(Method::del, shares + "/{id}",
             {.summary = "Take a link back", .tag = "archive", .scope = std::string{kWrite}, .response_type = ""},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY_OK(revoke(peer_of(request), request.param("study"), request.param("id")));
               return net::Response::no_content();
             });
  router.add(Method::post, "/shared/open",
             {.summary = "Open a shared study", .tag = "archive", .scope = "", .request_type = "application/json"},
             [impl](net::Request& request) { return impl->open_link(request); });
  for (const char* pattern : {"/shared/dicom-web/studies/{study}", "/shared/dicom-web/studies/{study}/{rest...}"}) {
    router.add(Method::get, pattern,
               {.summary = "A shared study, as DICOMweb",
                .tag = "archive",
                .scope = "",
                .response_type = std::string{kDicomJson}},
               [impl](net::Request& request) { return impl->serve(request); });
  }
}

}  // namespace aceso::archive
