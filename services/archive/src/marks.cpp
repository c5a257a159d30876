#include "aceso/archive/marks.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "aceso/base/id.hpp"
#include "aceso/dicom/tags.hpp"
#include "analyses_impl.hpp"
#include "mark_table.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace fs = std::filesystem;
namespace tags = dicom::tags;
using contracts::ObjectPeer;

constexpr std::size_t kMaxMarks = 2000;  // of one study
constexpr std::size_t kMaxReason = 400;
constexpr std::size_t kMaxFindings = 2000;  // that are offered

std::int64_t number_in(const Attributes& attributes, dicom::Tag tag) {
  std::int64_t out = 0;
  const auto text = attributes.value(tag);
  for (const char c : text) {
    if (c < '0' || c > '9' || out > 100'000'000) return 0;
    out = out * 10 + (c - '0');
  }
  return out;
}

Status require_reader(const ObjectPeer& peer) {
  ACESO_TRY_OK(require(peer, kRead));
  return require(peer, kJudge);
}

Json mark_json(const Mark& mark, const ObjectPeer& peer) {
  return {{"id", mark.id},
          {"series", mark.series_uid},
          {"instance", mark.instance_uid},
          {"frame", mark.frame},
          {"finding", mark.words.finding},
          {"comment", mark.words.comment},
          {"box", mark.words.box ? Json(*mark.words.box) : Json(nullptr)},
          {"runs", mark.words.runs.empty() ? Json(nullptr) : Json(mark.words.runs)},
          {"rows", mark.rows},
          {"columns", mark.columns},
          {"by", mark.author},
          {"mine", mark.author_id == peer.principal.id},
          {"created_us", mark.created_us},
          {"updated_us", mark.updated_us},
          {"revision", mark.revision},
          {"after_ai", mark.after_ai},
          {"after_others", mark.after_others},
          {"withdrawn", mark.withdrawn},
          {"reason", mark.reason}};
}

Error no_mark() {
  return {Code::not_found, "there is no such mark"};
}

}  // namespace

struct Marks::Impl {
  explicit Impl(MarksDeps given) : deps{std::move(given)}, archive{deps.archive.impl()} {}

  MarksDeps deps;
  Archive::Impl& archive;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<MarkTable> table;
  std::mutex write_mutex;  // of one change at a time
  mutable std::mutex findings_mutex;
  std::set<std::string> findings;

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  Result<Mark> target(std::string_view study_uid, const Json& body) const;
  Result<bool> has_answer(std::string_view study_uid) const;
  Result<bool> is_blinded(const ObjectPeer& peer, std::string_view study_uid) const;
  Status note_circumstances(Mark& mark) const;
  Result<Mark> own(const ObjectPeer& peer, std::string_view study_uid, std::string_view id) const;
  Status save(const ObjectPeer& peer, std::string_view action, std::string_view event, const Mark& mark);
};

Marks::Marks(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Marks::~Marks() = default;

Result<std::unique_ptr<Marks>> Marks::open(const fs::path& folder, MarksDeps deps) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of marks: " + ec.message()};
  fs::permissions(folder, fs::perms::owner_all, ec);
  auto impl = std::make_unique<Impl>(std::move(deps));
  ACESO_TRY(impl->catalogue, store::open_sqlite(folder / "marks.sqlite", MarkTable::migrations(), impl->deps.logger));
  impl->table = std::make_unique<MarkTable>(*impl->catalogue, impl->deps.random, impl->deps.key);
  ACESO_TRY(impl->findings, impl->table->findings());
  return std::unique_ptr<Marks>{new Marks{std::move(impl)}};  // NOLINT(modernize-make-unique): private
}

// The image that a new mark names, with its size.
Result<Mark> Marks::Impl::target(std::string_view study_uid, const Json& body) const {
  if (!body.is_object()) return Error{Code::invalid, "a mark is an object"};
  for (const auto& [key, value] : body.items()) {
    if (key != "instance" && key != "frame" && key != "finding" && key != "comment" && key != "box" && key != "runs")
      return Error{Code::invalid, "there is an unknown field in the body"};
  }
  const auto uid = body.find("instance");
  if (uid == body.end() || !uid->is_string()) return Error{Code::invalid, "instance: a SOP instance UID"};
  const auto instance = archive.store->index().find(uid->get_ref<const std::string&>());
  if (!instance || instance->key->study_uid != study_uid)
    return Error{Code::not_found, "there is no such image in this study"};
  if (!has_pixels(*instance)) return Error{Code::precondition, "marks are drawn on images that devices made"};
  Mark mark{.study_uid = instance->key->study_uid,
            .series_uid = instance->key->series_uid,
            .instance_uid = instance->sop_instance_uid,
            .rows = number_in(instance->image, tags::kRows),
            .columns = number_in(instance->image, tags::kColumns)};
  const std::int64_t frames = std::max<std::int64_t>(1, number_in(instance->image, tags::kNumberOfFrames));
  if (const auto frame = body.find("frame"); frame != body.end()) {
    if (!frame->is_number_integer() || frame->get<std::int64_t>() < 1 || frame->get<std::int64_t>() > frames)
      return Error{Code::invalid, "frame: from 1 to " + std::to_string(frames)};
    mark.frame = frame->get<std::uint32_t>();
  }
  return mark;
}

Result<bool> Marks::Impl::has_answer(std::string_view study_uid) const {
  if (deps.analyses == nullptr) return false;
  ACESO_TRY(const auto found, deps.analyses->impl().table->of_study(study_uid));
  return std::ranges::any_of(found, [](const Analysis& one) { return one.answer.has_value(); });
}

Result<bool> Marks::Impl::is_blinded(const ObjectPeer& peer, std::string_view study_uid) const {
  if (deps.blinded == nullptr || deps.analyses == nullptr) return false;
  ACESO_TRY(const auto found, deps.analyses->impl().table->of_study(study_uid));
  std::vector<std::string> predictions;
  for (const Analysis& one : found) {
    if (one.answer) predictions.push_back(one.answer->prediction_id);
  }
  if (predictions.empty()) return false;
  return deps.blinded->waits(peer.principal, predictions);
}

// What stood there already when it was drawn; once it did, it has been seen for good.
Status Marks::Impl::note_circumstances(Mark& mark) const {
  ACESO_TRY(const bool answered, has_answer(mark.study_uid));
  ACESO_TRY(const auto others, table->of_instance(mark.instance_uid));
  mark.after_ai = mark.after_ai || answered;
  mark.after_others = mark.after_others ||
                      std::ranges::any_of(others, [&](const Mark& one) { return one.author_id != mark.author_id; });
  return {};
}

Status Marks::Impl::save(const ObjectPeer& peer, std::string_view action, std::string_view event, const Mark& mark) {
  ACESO_TRY_OK(archive.access.record(peer, {.action = action,
                                            .event = event,
                                            .entity_type = "study",
                                            .entity = mark.study_uid,
                                            .detail = Json{{"mark", mark.id}, {"revision", mark.revision}}.dump(),
                                            .once_a_window = false}));
  bool fresh = false;
  {
    const std::lock_guard lock{findings_mutex};
    fresh = !findings.contains(mark.words.finding) && findings.size() < kMaxFindings;
  }
  ACESO_TRY_OK(table->put(mark, fresh));
  if (!fresh) return {};
  const std::lock_guard lock{findings_mutex};
  findings.insert(mark.words.finding);
  return {};
}

Result<Json> Marks::add(const ObjectPeer& peer, std::string_view study_uid, const Json& body) {
  ACESO_TRY_OK(require_reader(peer));
  Impl& impl = *impl_;
  ACESO_TRY(Mark mark, impl.target(study_uid, body));
  ACESO_TRY_OK(read_mark_words(body, mark.rows, mark.columns, mark.words));
  const std::lock_guard lock{impl.write_mutex};
  ACESO_TRY(const auto standing, impl.table->of_study(study_uid));
  if (standing.size() >= kMaxMarks) return Error{Code::exhausted, "the study has 2000 marks already"};
  mark.id = Uuid::v7(impl.deps.clock, impl.deps.random).to_string();
  mark.author_id = peer.principal.id;
  mark.author = peer.principal.name;
  mark.created_us = mark.updated_us = impl.now_us();
  ACESO_TRY_OK(impl.note_circumstances(mark));
  ACESO_TRY_OK(impl.save(peer, "C", "archive.mark", mark));
  return mark_json(mark, peer);
}

// A mark of the caller's own that stands. One of somebody else is theirs to change.
Result<Mark> Marks::Impl::own(const ObjectPeer& peer, std::string_view study_uid, std::string_view id) const {
  ACESO_TRY(auto found, table->find(id));
  if (!found || found->study_uid != study_uid || !archive.store->index().find(found->instance_uid)) return no_mark();
  if (found->author_id != peer.principal.id) {
    ACESO_TRY(const bool blinded, is_blinded(peer, study_uid));
    if (blinded) return no_mark();
    return Error{Code::denied, "only who drew a mark changes it: draw your own"};
  }
  if (found->withdrawn) return Error{Code::precondition, "the mark was withdrawn: draw it again"};
  return *std::move(found);
}

Result<Json> Marks::revise(const ObjectPeer& peer, std::string_view study_uid, std::string_view id,
                           const Json& changes) {
  ACESO_TRY_OK(require_reader(peer));
  Impl& impl = *impl_;
  if (!changes.is_object()) return Error{Code::invalid, "a mark is an object"};
  for (const auto& [key, value] : changes.items()) {
    if (key != "finding" && key != "comment" && key != "box" && key != "runs")
      return Error{Code::invalid, "there is an unknown field in the body"};
  }
  const std::lock_guard lock{impl.write_mutex};
  ACESO_TRY(Mark mark, impl.own(peer, study_uid, id));
  MarkWords words = mark.words;
  ACESO_TRY_OK(read_mark_words(changes, mark.rows, mark.columns, words));
  if (words == mark.words) return mark_json(mark, peer);
  mark.words = std::move(words);
  mark.updated_us = impl.now_us();
  ++mark.revision;
  ACESO_TRY_OK(impl.note_circumstances(mark));
  ACESO_TRY_OK(impl.save(peer, "U", "archive.mark", mark));
  return mark_json(mark, peer);
}

Result<Json> Marks::withdraw(const ObjectPeer& peer, std::string_view study_uid, std::string_view id,
                             std::string_view reason) {
  ACESO_TRY_OK(require_reader(peer));
  if (reason.size() > kMaxReason) return Error{Code::invalid, "reason: at most 400 bytes"};
  Impl& impl = *impl_;
  const std::lock_guard lock{impl.write_mutex};
  ACESO_TRY(Mark mark, impl.own(peer, study_uid, id));
  mark.withdrawn = true;
  mark.reason = reason;
  mark.updated_us = impl.now_us();
  ++mark.revision;
  ACESO_TRY_OK(impl.save(peer, "D", "archive.mark", mark));
  return mark_json(mark, peer);
}

Result<Json> Marks::list(const ObjectPeer& peer, std::string_view study_uid) const {
  ACESO_TRY_OK(require(peer, kRead));
  const Impl& impl = *impl_;
  if (!impl.archive.store->index().study(study_uid)) return Error{Code::not_found, "there is no such study"};
  ACESO_TRY_OK(impl.archive.record_read(peer, study_uid));
  ACESO_TRY(const auto found, impl.table->of_study(study_uid));
  ACESO_TRY(const bool blinded, impl.is_blinded(peer, study_uid));
  Json items = Json::array();
  std::size_t withheld = 0;
  for (const Mark& mark : found) {
    if (!impl.archive.store->index().find(mark.instance_uid)) continue;  // deleted
    if (blinded && mark.author_id != peer.principal.id) {
      ++withheld;
      continue;
    }
    items.push_back(mark_json(mark, peer));
  }
  return Json{{"items", std::move(items)}, {"withheld", withheld}};
}

Result<Json> Marks::history(const ObjectPeer& peer, std::string_view study_uid, std::string_view id) const {
  ACESO_TRY_OK(require(peer, kRead));
  const Impl& impl = *impl_;
  ACESO_TRY(const auto revisions, impl.table->revisions(id));
  if (revisions.empty() || revisions.front().study_uid != study_uid || !impl.archive.store->index().study(study_uid))
    return no_mark();
  if (revisions.front().author_id != peer.principal.id) {
    ACESO_TRY(const bool blinded, impl.is_blinded(peer, study_uid));
    if (blinded) return no_mark();
  }
  ACESO_TRY_OK(impl.archive.record_read(peer, study_uid));
  Json items = Json::array();
  for (const Mark& mark : revisions) items.push_back(mark_json(mark, peer));
  return Json{{"items", std::move(items)}};
}

Result<Json> Marks::findings(const ObjectPeer& peer) const {
  ACESO_TRY_OK(require(peer, kRead));
  const std::lock_guard lock{impl_->findings_mutex};
  return Json{{"findings", impl_->findings}};
}

Result<std::vector<contracts::ImageMark>> Marks::marks_of(const ObjectPeer& peer,
                                                          std::string_view sop_instance_uid) const {
  ACESO_TRY_OK(require(peer, kRead));
  const Impl& impl = *impl_;
  std::vector<contracts::ImageMark> out;
  const auto instance = impl.archive.store->index().find(sop_instance_uid);
  if (!instance) return out;
  ACESO_TRY(auto found, impl.table->of_instance(sop_instance_uid));
  if (found.empty()) return out;
  ACESO_TRY(const bool blinded, impl.is_blinded(peer, instance->key->study_uid));
  out.reserve(found.size());
  for (Mark& mark : found) {
    if (blinded && mark.author_id != peer.principal.id) continue;
    out.push_back({.id = std::move(mark.id),
                   .frame = mark.frame,
                   .finding = std::move(mark.words.finding),
                   .author = std::move(mark.author),
                   .box = mark.words.box,
                   .runs = std::move(mark.words.runs),
                   .rows = mark.rows,
                   .columns = mark.columns,
                   .after_ai = mark.after_ai,
                   .after_others = mark.after_others});
  }
  return out;
}

void Marks::register_routes(net::Router& router) {
  using net::Method;
  constexpr std::size_t kMaxBody = std::size_t{4} << 20;
  const auto answer = [](const Json& json, int status) {
    auto response = net::Response::json(json, status);
    response.headers.set("Cache-Control", "private, no-store");
    return response;
  };
  constexpr const char* kMarkSchema =
      R"({"type":"object","additionalProperties":false,"properties":{"instance":{"type":"string"},"frame":{"type":"integer","minimum":1},)"
      R"("finding":{"type":"string","maxLength":64},"comment":{"type":"string","maxLength":4000},)"
      R"("box":{"type":["array","null"],"items":{"type":"number"},"minItems":4,"maxItems":4,"description":"left, top, right, bottom in pixels"},)"
      R"("runs":{"type":["array","null"],"items":{"type":"integer"},"description":"of an outline: start, length, ... of pixels, row by row"}}})";
  const std::string path = "/api/v1/archive/studies/{study}/marks";
  router.add(Method::get, path,
             {.summary = "What people drew on the images of a study", .tag = "archive", .scope = std::string{kRead}},
             [this, answer](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json found, list(peer_of(request), request.param("study")));
               return answer(found, 200);
             });
  router.add(Method::post, path,
             {.summary = "Draw a box or an outline, or say a finding of a whole image",
              .tag = "archive",
              .scope = std::string{kJudge},
              .request_type = "application/json",
              .request_schema = kMarkSchema,
              .max_body = kMaxBody},
             [this, answer](net::Request& request) -> Result<net::Response> {
               ACESO_TRY_OK(require_reader(peer_of(request)));
               ACESO_TRY(const Json body, request.json(kMaxBody));
               ACESO_TRY(const Json made, add(peer_of(request), request.param("study"), body));
               return answer(made, 201);
             });
  router.add(Method::patch, path + "/{id:uuid}",
             {.summary = "Revise a mark of one's own",
              .tag = "archive",
              .scope = std::string{kJudge},
              .request_type = "application/json",
              .request_schema = kMarkSchema,
              .max_body = kMaxBody},
             [this, answer](net::Request& request) -> Result<net::Response> {
               ACESO_TRY_OK(require_reader(peer_of(request)));
               ACESO_TRY(const Json body, request.json(kMaxBody));
               ACESO_TRY(const Json made, revise(peer_of(request), request.param("study"), request.param("id"), body));
               return answer(made, 200);
             });
  router.add(
      Method::post, path + "/{id:uuid}/withdrawal",
      {.summary = "Withdraw a mark of one's own; its history stays",
       .tag = "archive",
       .scope = std::string{kJudge},
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","additionalProperties":false,"properties":{"reason":{"type":"string","maxLength":400}}})"},
      [this, answer](net::Request& request) -> Result<net::Response> {
        ACESO_TRY_OK(require_reader(peer_of(request)));
        ACESO_TRY(const Json body, request.json(std::size_t{4} << 10));
        const auto reason = body.is_object() ? body.value("reason", Json("")) : Json(nullptr);
        if (!reason.is_string()) return Error{Code::invalid, "reason: a text"};
        ACESO_TRY(const Json made,
                  withdraw(peer_of(request), request.param("study"), request.param("id"), reason.get<std::string>()));
        return answer(made, 200);
      });
  router.add(Method::get, path + "/{id:uuid}/history",
             {.summary = "Every revision of a mark", .tag = "archive", .scope = std::string{kRead}},
             [this, answer](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json found, history(peer_of(request), request.param("study"), request.param("id")));
               return answer(found, 200);
             });
  router.add(Method::get, "/api/v1/archive/findings",
             {.summary = "Findings that marks have named", .tag = "archive", .scope = std::string{kRead}},
             [this, answer](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json found, findings(peer_of(request)));
               return answer(found, 200);
             });
}

}  // namespace aceso::archive
