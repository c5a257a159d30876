// UPS-RS (PS3.18 11): create, retrieve, update, change of state, request of cancellation, search.
#include "aceso/archive/workitems.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "aceso/base/id.hpp"
#include "aceso/dicom/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "analysis_workitem.hpp"
#include "media_type.hpp"
#include "qido.hpp"
#include "sealer.hpp"
#include "web.hpp"
#include "workitem.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::ObjectPeer;

constexpr std::string_view kWorkitemTables = R"(
CREATE TABLE workitem (id TEXT PRIMARY KEY, state INTEGER NOT NULL, updated BIGINT NOT NULL, sealed BLOB NOT NULL);
)";
constexpr std::size_t kMaxWorkitems = 20'000;
constexpr std::size_t kMaxPayload = std::size_t{4} << 20;
constexpr std::size_t kAnalysisPage = 200;
constexpr std::size_t kMaxAnalyses = 10'000;  // looked at in one search

net::Response answer(const UpsAnswer& how, const net::Request& request) {
  net::Response response;
  if (how.status >= 400) {
    const Code code = how.status == 404 ? Code::not_found : how.status == 409 ? Code::conflict : Code::invalid;
    response = net::Response::problem(Error{code, how.warning}, request.request_id);
  }
  response.status = how.status;
  if (!how.warning.empty()) response.headers.set("Warning", "299 aceso: " + how.warning);
  return response;
}

Result<dicom::Dataset> payload_of(net::Request& request) {
  const auto type = parse_accept(request.headers.get("Content-Type")).front().type;
  if (type != kDicomJson && type != "application/json") return Error{Code::unsupported, "send application/dicom+json"};
  ACESO_TRY(const std::string body, request.body->read_all(kMaxPayload));
  ACESO_TRY(auto all, dicom::from_json_array(body));
  if (all.size() != 1) return Error{Code::invalid, "the payload is one Workitem"};
  return std::move(all.front());
}

// PS3.18 writes the UID of the target as the query itself; clients also name it.
Result<std::string> uid_in_query(const net::Request& request, std::initializer_list<std::string_view> names) {
  std::string uid;
  for (const auto name : names) {
    if (const auto value = request.query_value(name); value && uid.empty()) uid = *value;
  }
  for (const auto& [name, value] : request.query) {
    if (uid.empty() && value.empty() && dicom::is_valid_uid(name)) uid = name;
  }
  if (!uid.empty() && !dicom::is_valid_uid(uid)) return Error{Code::invalid, "a UID in the query is none"};
  return uid;
}

bool takes_json(const net::Request& request) {
  return std::ranges::any_of(accepted(request), [](const MediaRange& range) {
    return fits(range, kDicomJson) || fits(range, "application/json");
  });
}

}  // namespace

struct Workitems::Impl {
  explicit Impl(WorkitemDeps given)
      : deps{std::move(given)},
        archive{deps.archive.impl()},
        analyses{deps.analyses.impl()},
        sealer{deps.random, deps.key} {}

  WorkitemDeps deps;
  Archive::Impl& archive;
  Analyses::Impl& analyses;
  Sealer sealer;
  std::unique_ptr<store::Catalogue> catalogue;
  std::mutex mutex;
  std::map<std::string, Workitem, std::less<>> items;  // by UID

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  Status load();
  Status save(const Workitem& item);
  Status make_room();
  Status record(const ObjectPeer& peer, std::string_view action, std::string_view uid) const;
  Result<std::optional<Analysis>> analysis_of(std::string_view uid) const;
  Status cancel_analysis(Analysis analysis, const std::string& reason);

  Result<net::Response> create(net::Request& request);
  Result<net::Response> retrieve(const net::Request& request);
  Result<net::Response> search_items(const net::Request& request);
  // Runs `change` on a copy, keeps it when it is good.
  Result<net::Response> change(const net::Request& request, const std::function<UpsAnswer(Workitem&)>& change);
  Result<net::Response> update(net::Request& request);
  Result<net::Response> change_state(net::Request& request);
  Result<net::Response> request_cancel(net::Request& request);
};

Workitems::Workitems(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Workitems::~Workitems() = default;

Result<std::unique_ptr<Workitems>> Workitems::open(const std::filesystem::path& folder, WorkitemDeps deps) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of work items: " + ec.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  auto impl = std::make_unique<Impl>(std::move(deps));
  ACESO_TRY(impl->catalogue,
            store::open_sqlite(folder / "workitems.sqlite", {{1, kWorkitemTables}}, impl->deps.logger));
  ACESO_TRY_OK(impl->load());
  return std::unique_ptr<Workitems>{new Workitems{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

Status Workitems::Impl::load() {
  ACESO_TRY(const auto rows, catalogue->query("SELECT id, state, updated, sealed FROM workitem"));
  for (const auto& row : rows) {
    ACESO_TRY(const Json json, sealer.open(row.text(0), row.blob(3)));
    Workitem item{.uid = json.value("uid", std::string{}),
                  .state = static_cast<UpsState>(row.integer(1)),
                  .transaction_uid = json.value("transaction", std::string{}),
                  .updated_us = row.integer(2)};
    ACESO_TRY(item.data, dicom::from_json(json.value("data", std::string{})));
    items.emplace(item.uid, std::move(item));
  }
  return {};
}

Status Workitems::Impl::save(const Workitem& item) {
  const std::string id = sealer.name_of("workitem", item.uid);
  dicom::JsonOptions everything;
  everything.inline_binary = kMaxPayload;
  return catalogue->execute(
      "INSERT INTO workitem (id, state, updated, sealed) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET state "
      "= "
      "?2, updated = ?3, sealed = ?4",
      {id, static_cast<std::int64_t>(item.state), item.updated_us,
       sealer.seal(id, {{"uid", item.uid},
                        {"transaction", item.transaction_uid},
                        {"data", dicom::to_json(item.data, everything)}})});
}

// Those that ended make room, the oldest first.
Status Workitems::Impl::make_room() {
  if (items.size() < kMaxWorkitems) return {};
  auto oldest = items.end();
  for (auto at = items.begin(); at != items.end(); ++at) {
    if (at->second.state < UpsState::completed) continue;
    if (oldest == items.end() || at->second.updated_us < oldest->second.updated_us) oldest = at;
  }
  if (oldest == items.end()) return Error{Code::exhausted, "there are too many open Workitems"};
  ACESO_TRY_OK(catalogue->execute("DELETE FROM workitem WHERE id = ?1", {sealer.name_of("workitem", oldest->first)}));
  items.erase(oldest);
  return {};
}

Status Workitems::Impl::record(const ObjectPeer& peer, std::string_view action, std::string_view uid) const {
  return archive.access.record(peer, {.action = action,
                                      .event = "archive.workitem",
                                      .entity_type = "workitem",
                                      .entity = uid,
                                      .once_a_window = action == "R"});
}

Result<std::optional<Analysis>> Workitems::Impl::analysis_of(std::string_view uid) const {
  const auto id = uuid_of_uid(uid);
  if (!id) return std::optional<Analysis>{};
  return analyses.table->find(*id);
}

Result<net::Response> Workitems::Impl::create(net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kWrite));
  ACESO_TRY(auto data, payload_of(request));
  ACESO_TRY(std::string uid, uid_in_query(request, {"AffectedSOPInstanceUID", "workitem"}));
  if (uid.empty()) uid = data.text_or(tags::kSOPInstanceUID);
  if (uid.empty()) uid = uid_of_uuid(Uuid::v7(deps.clock, deps.random).to_string());
  if (!dicom::is_valid_uid(uid)) return answer({400, "The UID of the Workitem is none."}, request);
  if (const auto checked = check_new_workitem(data); !checked.good()) return answer(checked, request);
  auto item = make_workitem(std::move(data), uid, now_us());
  const std::lock_guard lock{mutex};
  ACESO_TRY(const auto own, analysis_of(uid));
  if (items.contains(uid) || own) return answer({409, "The Workitem exists already."}, request);
  ACESO_TRY_OK(make_room());
  ACESO_TRY_OK(record(peer, "C", uid));
  ACESO_TRY_OK(save(item));
  items.emplace(uid, std::move(item));
  auto response = answer({.status = 201}, request);
  response.headers.set("Location", root_url(request) + "/workitems/" + uid);
  return response;
}

Result<net::Response> Workitems::Impl::retrieve(const net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  if (!takes_json(request)) return not_acceptable(request);
  const auto uid = request.param("workitem");
  std::optional<dicom::Dataset> found;
  {
    const std::lock_guard lock{mutex};
    if (const auto at = items.find(uid); at != items.end()) found = at->second.data;
  }
  if (!found) {
    ACESO_TRY(const auto own, analysis_of(uid));
    if (own) found = workitem_of(analyses, *own, root_url(request)).data;
  }
  if (!found) return answer({404, "There is no such Workitem."}, request);
  ACESO_TRY_OK(record(peer, "R", uid));
  auto response = net::Response::text("[" + dicom::to_json(*found) + "]", kDicomJson);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

Result<net::Response> Workitems::Impl::search_items(const net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  if (!takes_json(request)) return not_acceptable(request);
  ACESO_TRY(const auto wanted, parse_qido(request.query, QueryLevel::image));
  ACESO_TRY(const auto filter, WorkitemFilter::create(wanted.search.keys, wanted.search.fuzzy_names));
  ACESO_TRY_OK(archive.record_query(peer, wanted.search));
  std::vector<std::string> found;
  std::size_t seen = 0;
  bool more = false;
  const auto take = [&](const dicom::Dataset& data) {  // false: the page is full
    if (!filter.matches(data) || seen++ < wanted.search.offset) return true;
    if (found.size() >= wanted.search.limit) {
      more = true;
      return false;
    }
    found.push_back(dicom::to_json(data));
    return true;
  };
  {
    const std::lock_guard lock{mutex};
    for (const auto& [uid, item] : items) {
      if (!take(item.data)) break;
    }
  }
  std::string before;
  for (std::size_t looked = 0; !more && looked < kMaxAnalyses; looked += kAnalysisPage) {
    ACESO_TRY(const auto page, analyses.table->list(std::nullopt, before, kAnalysisPage));
    for (const auto& one : page) {
      if (one.rule.empty()) continue;  // never was a task
      if (!take(workitem_of(analyses, one, root_url(request)).data)) break;
    }
    if (page.size() < kAnalysisPage) break;
    before = page.back().id;
  }
  if (found.empty()) return net::Response::no_content();
  std::string body = "[";
  for (const auto& one : found) body += (body.size() > 1 ? "," : "") + one;
  auto response = net::Response::text(body + "]", kDicomJson, more ? 206 : 200);
  if (more) response.headers.set("Warning", "299 aceso: There are additional results that can be requested.");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

Result<net::Response> Workitems::Impl::change(const net::Request& request,
                                              const std::function<UpsAnswer(Workitem&)>& change_item) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kWrite));
  const std::string uid{request.param("workitem")};
  const std::lock_guard lock{mutex};
  const auto found = items.find(uid);
  if (found == items.end()) {
    ACESO_TRY(const auto own, analysis_of(uid));
    if (!own) return answer({404, "There is no such Workitem."}, request);
    return answer({409, "The Workitem is performed by this node."}, request);
  }
  Workitem changed = found->second;
  const auto how = change_item(changed);
  if (!how.good()) return answer(how, request);
  ACESO_TRY_OK(record(peer, "U", uid));
  ACESO_TRY_OK(save(changed));
  found->second = std::move(changed);
  return answer(how, request);
}

Result<net::Response> Workitems::Impl::update(net::Request& request) {
  ACESO_TRY_OK(require(peer_of(request), kWrite));
  ACESO_TRY(const auto changes, payload_of(request));
  ACESO_TRY(std::string transaction, uid_in_query(request, {"transaction-uid", "transaction"}));
  if (transaction.empty()) transaction = changes.text_or(tags::kTransactionUID);  // where older clients put it
  return change(request, [&](Workitem& item) { return update_workitem(item, changes, transaction, now_us()); });
}

Result<net::Response> Workitems::Impl::change_state(net::Request& request) {
  ACESO_TRY_OK(require(peer_of(request), kWrite));
  ACESO_TRY(const auto payload, payload_of(request));
  const auto wanted = parse_ups_state(payload.text_or(tags::kProcedureStepState));
  if (!wanted) return answer({400, "The Procedure Step State is missing or none."}, request);
  const auto transaction = payload.text_or(tags::kTransactionUID);
  if (!transaction.empty() && !dicom::is_valid_uid(transaction))
    return answer({400, "The Transaction UID is incorrect."}, request);
  return change(request, [&](Workitem& item) { return change_workitem_state(item, *wanted, transaction, now_us()); });
}

// The job is canceled, or what has none yet never gets one.
Status Workitems::Impl::cancel_analysis(Analysis analysis, const std::string& reason) {
  if (!analysis.job.empty()) {
    auto canceled = analyses.jobs->cancel(analysis.job);
    if (canceled || canceled.error().code() != Code::not_found) return canceled;
  }
  analysis.state = AnalysisState::failed;
  analysis.reason = reason;
  return analyses.save(analysis);
}

Result<net::Response> Workitems::Impl::request_cancel(net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kWrite));
  std::string reason;
  if (request.headers.has("Content-Type") && !request.headers.get("Content-Type").empty()) {
    ACESO_TRY(const auto payload, payload_of(request));
    reason = payload.text_or({0x0074, 0x1238});
  }
  const std::string uid{request.param("workitem")};
  ACESO_TRY(const auto own, analysis_of(uid));
  if (!own) return change(request, [&](Workitem& item) { return request_workitem_cancel(item, reason, now_us()); });
  switch (own->state) {
    case AnalysisState::waiting:
    case AnalysisState::running:
      ACESO_TRY_OK(record(peer, "U", uid));
      ACESO_TRY_OK(cancel_analysis(*own, reason.empty() ? "canceled on request" : "canceled on request: " + reason));
      return answer({.status = 202}, request);
    case AnalysisState::analysed:
      return answer({409, "The submitted request is inconsistent with the state of the UPS Instance."}, request);
    case AnalysisState::failed:
    case AnalysisState::not_applicable:
      break;
  }
  return answer({202, "The UPS is already in the requested state of CANCELED."}, request);
}

void Workitems::register_routes(net::Router& router) {
  using net::Method;
  auto* impl = impl_.get();
  const auto add = [&](Method method, const char* pattern, const char* summary, std::string_view scope,
                       net::Handler handler) {
    const bool payload = method == Method::post || method == Method::put;
    router.add(method, pattern,
               {.summary = summary,
                .tag = "dicomweb",
                .scope = std::string{scope},
                .request_type = payload ? std::string{kDicomJson} : "",
                .response_type = payload ? "" : std::string{kDicomJson},
                .max_body = payload ? kMaxPayload : std::size_t{64} << 10},
               std::move(handler));
  };
  add(Method::post, "/dicom-web/workitems", "Create a work item (UPS-RS)", kWrite,
      [impl](net::Request& request) { return impl->create(request); });
  add(Method::get, "/dicom-web/workitems", "Search for work items (UPS-RS)", kRead,
      [impl](net::Request& request) { return impl->search_items(request); });
  add(Method::get, "/dicom-web/workitems/{workitem}", "Retrieve a work item (UPS-RS)", kRead,
      [impl](net::Request& request) { return impl->retrieve(request); });
  add(Method::post, "/dicom-web/workitems/{workitem}", "Update a work item (UPS-RS)", kWrite,
      [impl](net::Request& request) { return impl->update(request); });
  add(Method::put, "/dicom-web/workitems/{workitem}/state", "Claim, complete or cancel a work item (UPS-RS)", kWrite,
      [impl](net::Request& request) { return impl->change_state(request); });
  add(Method::post, "/dicom-web/workitems/{workitem}/cancelrequest", "Ask that a work item is canceled (UPS-RS)",
      kWrite, [impl](net::Request& request) { return impl->request_cancel(request); });
}

}  // namespace aceso::archive
