// What readers and the adjudicator of a labelling project see and say.
#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "labelling.hpp"
#include "labelling_shapes.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxAnswers = 5'000'000;
constexpr std::int64_t kMaxRevisions = 100;               // of one case by one person
constexpr std::size_t kMaxShapes = std::size_t{1} << 20;  // bytes of one answer
constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::array<std::string_view, 3> kReasons{"quality", "not_shown", "other"};
constexpr std::string_view kLatestAnswers =
    "SELECT a.number, a.member, a.class, a.reason, a.comment, a.revision, a.duration_ms, a.time, a.shapes FROM "
    "labelling_answer a WHERE a.project = ?1 AND (?2 < 0 OR a.member = ?2) AND a.revision = (SELECT MAX(b.revision) "
    "FROM labelling_answer "
    "b WHERE b.project = a.project AND b.number = a.number AND b.member = a.member) ORDER BY a.number, a.member";
constexpr std::string_view kAnswersToOne =
    "SELECT number, member, class, reason, comment, revision, duration_ms, time, shapes FROM labelling_answer WHERE "
    "project = ?1 AND number = ?2 ORDER BY member, revision";  // the last of each member counts

LabelAnswer answer_of(const store::Row& row) {
  return {.label = row.text(2),
          .reason = row.text(3),
          .comment = row.text(4),
          .shapes = row.text(8),
          .revision = row.integer(5),
          .duration_ms = row.integer(6),
          .time = row.integer(7)};
}

Error no_place() {
  return Error{Code::not_found, "there is no such case"};
}

// {class}, {objects} or {cannot_tell, comment?}, and duration_ms?.
Result<LabelAnswer> parse_answer(const LabellingProject& project, const Json& picture, const Json& request) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "answer"));
  LabelAnswer a;
  const Json* objects = project.drawn() ? reader.child("objects") : nullptr;
  if (!project.drawn()) {
    ACESO_TRY(a.label, reader.text_or("class", 200, {}));
  }
  ACESO_TRY(a.reason, reader.text_or("cannot_tell", 16, {}));
  ACESO_TRY(a.comment, reader.text_or("comment", 500, {}));
  ACESO_TRY(a.duration_ms, reader.integer_or("duration_ms", 0, 0, kDayMs));
  ACESO_TRY_OK(reader.done());
  if ((a.label.empty() && objects == nullptr) == a.reason.empty()) {
    return Error{Code::invalid,
                 std::string{"answer: either "} + (project.drawn() ? "objects" : "class") + " or cannot_tell"};
  }
  if (objects != nullptr) {
    const DrawnLimits limits{.classes = project.classes,
                             .width = picture["width"].get<std::int64_t>(),
                             .height = picture["height"].get<std::int64_t>(),
                             .outlines = project.outlines()};
    ACESO_TRY(const std::vector<DrawnObject> drawn, parse_objects(*objects, limits));
    a.shapes = dump(objects_json(drawn, project.classes));
    if (a.shapes.size() > kMaxShapes)
      return Error{Code::exhausted, "answer: objects: more than 1 MiB is drawn on this case"};
  }
  if (!a.reason.empty() && std::find(kReasons.begin(), kReasons.end(), a.reason) == kReasons.end())
    return Error{Code::invalid, "answer: cannot_tell: quality, not_shown or other"};
  if (!a.label.empty() && std::find(project.classes.begin(), project.classes.end(), a.label) == project.classes.end())
    return Error{Code::invalid, "answer: class: is none of this project's"};
  return a;
}

Json progress_json(const std::vector<std::size_t>& order, const LabellingAnswers& answers, std::int64_t member) {
  Json given = Json::array();
  Json next = nullptr;
  std::size_t done = 0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const auto found = answers[order[place]].find(member);
    if (found == answers[order[place]].end()) {
      if (next.is_null()) next = place;
      given.push_back(nullptr);
    } else {
      given.push_back(found->second.shapes.empty() ? found->second.label : "drawn");
      ++done;
    }
  }
  return Json{{"total", order.size()}, {"done", done}, {"next", std::move(next)}, {"answers", std::move(given)}};
}

// Letters of the readers on one case, in an order that tells nothing of who is who.
std::vector<std::int64_t> hidden_order(const LabellingProject& project, std::size_t number) {
  std::vector<std::int64_t> readers;
  for (const LabellingMember& m : project.members) {
    if (m.position > 0) readers.push_back(m.position);
  }
  const Philox philox{project.seed};
  for (std::size_t i = readers.size(); i > 1; --i) {
    const auto j = static_cast<std::size_t>(philox.uniform01(0x4F5244ULL << 32 | number, i) * static_cast<double>(i));
    std::swap(readers[i - 1], readers[std::min(j, i - 1)]);
  }
  return readers;
}

}  // namespace

Json to_json(const LabelAnswer& a) {
  Json json{{"class", a.label.empty() ? Json(nullptr) : Json(a.label)},
            {"cannot_tell", a.reason.empty() ? Json(nullptr) : Json(a.reason)},
            {"comment", a.comment}};
  if (!a.shapes.empty()) {
    if (auto objects = parse_own(a.shapes)) json["objects"] = *std::move(objects);
  }
  if (a.revision > 0) {
    json["revision"] = a.revision;
    json["duration_ms"] = a.duration_ms;
    json["time"] = time_text(a.time);
  }
  return json;
}

Result<LabellingAnswers> Labelling::answers(const LabellingProject& p, std::optional<std::int64_t> member) const {
  ACESO_TRY(const auto rows, context_.catalogue->query(kLatestAnswers, {p.id, member.value_or(-1)}, kMaxAnswers));
  LabellingAnswers out(p.samples.size());
  for (const store::Row& row : rows) {
    const auto number = static_cast<std::size_t>(row.integer(0));
    if (number >= out.size()) return Error{Code::data_loss, "a stored answer is of no case"};
    out[number][row.integer(1)] = answer_of(row);
  }
  return out;
}

Result<std::map<std::int64_t, LabelAnswer>> Labelling::answers_to(const LabellingProject& p, std::size_t number) const {
  ACESO_TRY(const auto rows, context_.catalogue->query(kAnswersToOne, {p.id, static_cast<std::int64_t>(number)}));
  std::map<std::int64_t, LabelAnswer> out;
  for (const store::Row& row : rows) out[row.integer(1)] = answer_of(row);
  return out;
}

Result<std::vector<std::size_t>> Labelling::queue(const LabellingProject& p) const {
  constexpr std::size_t kMostKept = 64;
  {
    const std::scoped_lock lock{queues_mutex_};
    if (const auto found = queues_.find(p.id); found != queues_.end()) return found->second;
  }
  ACESO_TRY(const LabellingAnswers all, answers(p, std::nullopt));
  std::vector<std::size_t> cases = disagreements(p, all);
  const std::scoped_lock lock{queues_mutex_};
  if (queues_.size() >= kMostKept) queues_.clear();
  queues_[p.id] = cases;
  return cases;
}

Result<LabellingProject> Labelling::load_for_reader(const Actor& actor, std::string_view id) const {
  ACESO_TRY(LabellingProject p, load_visible(actor, false, id));
  if (p.member(actor.id)->position == 0)
    return Error{Code::denied, "you adjudicate this project: its readers read before you"};
  return p;
}

Result<LabellingProject> Labelling::load_for_adjudicator(const Actor& actor, std::string_view id) const {
  ACESO_TRY(LabellingProject p, load_visible(actor, false, id));
  if (p.member(actor.id)->position != 0) return Error{Code::denied, "you are a reader of this project"};
  if (p.state == LabellingState::reading)
    return Error{Code::precondition, "the readers have not all handed in: their answers are hidden until then"};
  return p;
}

Result<Json> Labelling::case_json(const LabellingProject& p, std::size_t number) const {
  ACESO_TRY(const auto dataset, datasets_.open(p.dataset));
  const learn::Manifest& m = dataset->manifest();
  const std::size_t index = p.samples[number];
  if (m.sha256 != p.dataset_sha256 || index >= m.samples.size())
    return Error{Code::data_loss, "the data set of this project is not the one that it was made of"};
  // Neither the sample's id nor its group: names of files and folders may say the class.
  const learn::Sample& s = m.samples[index];
  const bool volume = m.kind == "volume";
  const std::size_t first = volume ? 1 : 0;
  Json spacing = nullptr;
  if (s.spacing_mm.size() == first + 2) spacing = Json{s.spacing_mm[first], s.spacing_mm[first + 1]};
  return Json{{"kind", m.kind},
              {"slices", volume ? s.shape[0] : 1},
              {"height", s.shape[first]},
              {"width", s.shape[first + 1]},
              {"channels", s.shape[first + 2]},
              {"dtype", learn::to_string(m.dtype)},
              {"spacing_mm", std::move(spacing)}};
}

Result<Json> Labelling::reading(const Actor& actor, std::string_view id) const {
  ACESO_TRY(const LabellingProject p, load_for_reader(actor, id));
  const LabellingMember& me = *p.member(actor.id);
  ACESO_TRY(const LabellingAnswers mine, answers(p, me.position));
  Json json = progress_json(p.order(me.position), mine, me.position);
  json["submitted"] = me.submitted > 0;
  json["open"] = p.state == LabellingState::reading && me.submitted == 0;
  return json;
}

Result<Json> Labelling::reading_case(const Actor& actor, std::string_view id, std::size_t place) const {
  ACESO_TRY(const LabellingProject p, load_for_reader(actor, id));
  if (place >= p.samples.size()) return no_place();
  const LabellingMember& me = *p.member(actor.id);
  const std::size_t number = p.order(me.position)[place];
  ACESO_TRY(Json json, case_json(p, number));
  ACESO_TRY(const auto here, answers_to(p, number));
  const auto found = here.find(me.position);
  json["place"] = place;
  json["answer"] = found == here.end() ? Json(nullptr) : to_json(found->second);
  return json;
}

Result<Json> Labelling::store_answer(const Actor& actor, const LabellingProject& p, std::int64_t member,
                                     std::size_t number, LabellingState during, const Json& request) {
  ACESO_TRY(const Json picture, case_json(p, number));
  ACESO_TRY(LabelAnswer a, parse_answer(p, picture, request));
  a.time = context_.now_us();
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    const store::SqlArgs which{p.id, static_cast<std::int64_t>(number), member};
    ACESO_TRY(const auto open, tx.query("SELECT 1 FROM labelling_project p JOIN labelling_member m ON m.project = p.id "
                                        "WHERE p.id = ?1 AND p.state = ?2 AND m.position = ?3 AND m.submitted = 0",
                                        {p.id, std::string{to_string(during)}, member}));
    if (open.empty()) return Error{Code::precondition, "answers are fixed: they can no longer be changed"};
    ACESO_TRY(const auto last,
              tx.query("SELECT class, reason, comment, revision, duration_ms, shapes FROM labelling_answer "
                       "WHERE project = ?1 AND number = ?2 AND member = ?3 ORDER BY revision DESC "
                       "LIMIT 1",
                       which));
    if (!last.empty()) {
      const store::Row& row = last.front();
      a.revision = row.integer(3);
      if (row.text(0) == a.label && row.text(1) == a.reason && row.text(2) == a.comment && row.text(5) == a.shapes) {
        a.duration_ms = row.integer(4);
        return {};  // said again
      }
      if (a.revision >= kMaxRevisions) return Error{Code::exhausted, "this answer was changed too often"};
    }
    ++a.revision;
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO labelling_answer (project, number, member, revision, class, reason, comment, "
                         "shapes, duration_ms, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                         {p.id, static_cast<std::int64_t>(number), member, a.revision, a.label, a.reason, a.comment,
                          a.shapes, a.duration_ms, a.time}));
    return context_.record(actor, a.revision == 1 ? "C" : "U", "labelling.answer", "labelling", p.id,
                           dump(Json{{"case", number}, {"revision", a.revision}}));
  }));
  return to_json(a);
}

Result<Json> Labelling::answer(const Actor& actor, std::string_view id, std::size_t place, const Json& request) {
  ACESO_TRY(const LabellingProject p, load_for_reader(actor, id));
  if (place >= p.samples.size()) return no_place();
  const std::int64_t me = p.member(actor.id)->position;
  return store_answer(actor, p, me, p.order(me)[place], LabellingState::reading, request);
}

Result<Json> Labelling::submit(const Actor& actor, std::string_view id) {
  ACESO_TRY(const LabellingProject p, load_for_reader(actor, id));
  const std::int64_t me = p.member(actor.id)->position;
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto done, tx.query("SELECT COUNT(DISTINCT number) FROM labelling_answer WHERE project = ?1 AND "
                                        "member = ?2",
                                        {p.id, me}));
    if (static_cast<std::size_t>(done.front().integer(0)) < p.samples.size())
      return Error{Code::precondition, "not every case has an answer yet"};
    ACESO_TRY(const auto handed, tx.execute("UPDATE labelling_member SET submitted = ?3 WHERE project = ?1 AND "
                                            "position = ?2 AND submitted = 0",
                                            {p.id, me, context_.now_us()}));
    if (handed == 0) return Error{Code::precondition, "you have handed in already"};
    ACESO_TRY([[maybe_unused]] const auto over,
              tx.execute("UPDATE labelling_project SET state = 'adjudication' WHERE id = ?1 AND state = 'reading' AND "
                         "NOT EXISTS (SELECT 1 FROM labelling_member WHERE project = ?1 AND position > 0 AND submitted "
                         "= 0)",
                         {p.id}));
    return context_.record(actor, "U", "labelling.submit", "labelling", p.id, dump(Json{{"cases", p.samples.size()}}));
  }));
  return reading(actor, id);
}

Result<Json> Labelling::adjudication(const Actor& actor, std::string_view id) const {
  ACESO_TRY(const LabellingProject p, load_for_adjudicator(actor, id));
  ACESO_TRY(const std::vector<std::size_t> cases, queue(p));
  ACESO_TRY(const LabellingAnswers mine, answers(p, 0));
  Json json = progress_json(cases, mine, 0);
  json["open"] = p.state == LabellingState::adjudication;
  return json;
}

Result<Json> Labelling::adjudication_case(const Actor& actor, std::string_view id, std::size_t place) const {
  ACESO_TRY(const LabellingProject p, load_for_adjudicator(actor, id));
  ACESO_TRY(const std::vector<std::size_t> cases, queue(p));
  if (place >= cases.size()) return no_place();
  ACESO_TRY(const auto here, answers_to(p, cases[place]));
  ACESO_TRY(Json json, case_json(p, cases[place]));
  Json readings = Json::array();
  for (const std::int64_t reader : hidden_order(p, cases[place])) {
    const auto found = here.find(reader);
    if (found == here.end()) continue;
    LabelAnswer shown = found->second;
    shown.revision = 0;  // neither when nor how long: it might tell who
    Json reading = to_json(shown);
    reading["reader"] = std::string(1, static_cast<char>('A' + static_cast<int>(readings.size())));
    readings.push_back(std::move(reading));
  }
  const auto mine = here.find(0);
  json["place"] = place;
  json["readings"] = std::move(readings);
  json["answer"] = mine == here.end() ? Json(nullptr) : to_json(mine->second);
  return json;
}

Result<Json> Labelling::adjudicate(const Actor& actor, std::string_view id, std::size_t place, const Json& request) {
  ACESO_TRY(const LabellingProject p, load_for_adjudicator(actor, id));
  ACESO_TRY(const std::vector<std::size_t> cases, queue(p));
  if (place >= cases.size()) return no_place();
  return store_answer(actor, p, 0, cases[place], LabellingState::adjudication, request);
}

Result<std::vector<std::byte>> Labelling::pixels(const Actor& actor, std::string_view id, bool adjudicating,
                                                 std::size_t place, std::int64_t slice) const {
  std::size_t number = 0;
  LabellingProject p;
  if (adjudicating) {
    ACESO_TRY(p, load_for_adjudicator(actor, id));
    ACESO_TRY(const std::vector<std::size_t> cases, queue(p));
    if (place >= cases.size()) return no_place();
    number = cases[place];
  } else {
    ACESO_TRY(p, load_for_reader(actor, id));
    if (place >= p.samples.size()) return no_place();
    number = p.order(p.member(actor.id)->position)[place];
  }
  ACESO_TRY([[maybe_unused]] const Json known, case_json(p, number));
  ACESO_TRY(const auto dataset, datasets_.open(p.dataset));
  const learn::Manifest& m = dataset->manifest();
  const learn::Sample& s = m.samples[p.samples[number]];
  const std::int64_t slices = m.kind == "volume" ? s.shape[0] : 1;
  if (slice < 0 || slice >= slices) return Error{Code::not_found, "there is no such slice"};
  const std::span<const std::byte> raw = dataset->raw(p.samples[number]);
  const std::size_t size = raw.size() / static_cast<std::size_t>(slices);
  learn::Array out;
  out.dtype = m.dtype;
  out.shape.assign(s.shape.end() - 3, s.shape.end());
  if (out.shape.back() == 1) out.shape.pop_back();
  const auto part = raw.subspan(static_cast<std::size_t>(slice) * size, size);
  out.data.assign(part.begin(), part.end());
  return learn::to_npy(out);
}

}  // namespace aceso::models
