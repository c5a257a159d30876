#include "labelling.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "aceso/base/random.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxCases = 100'000;
constexpr std::size_t kMaxProjects = 10'000;
constexpr std::size_t kMaxReaders = 10;
constexpr std::array<std::string_view, 4> kStates{"reading", "adjudication", "finishing", "finished"};
constexpr std::array<std::string_view, 4> kOutcomes{"agreed", "adjudicated", "undecided", "unread"};
constexpr std::string_view kReads = "feedback:write";  // what a reader's account must be allowed to

Error no_project() {
  return Error{Code::not_found, "there is no such labelling project"};
}

// A draw without replacement, or an order: the first `take` of 0..count-1, shuffled by (seed, stream).
std::vector<std::size_t> shuffle(std::size_t count, std::uint64_t seed, std::uint64_t stream) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Philox philox{seed};
  for (std::size_t i = count; i > 1; --i) {
    const auto j = static_cast<std::size_t>(philox.uniform01(0x4C41424CULL << 32 | stream, i) * static_cast<double>(i));
    std::swap(order[i - 1], order[std::min(j, i - 1)]);
  }
  return order;
}

std::string_view base_of(std::string_view dataset) {
  return dataset.substr(0, dataset.find('@'));
}

Status check_classes(const std::vector<std::string>& classes, bool drawn) {
  if (drawn && (classes.empty() || std::find(classes.begin(), classes.end(), "none") != classes.end()))
    return Error{Code::invalid, "labelling: classes: what is drawn, one or more; \"none\" stands for nothing drawn"};
  if (!drawn && classes.size() < 2) return Error{Code::invalid, "labelling: classes: two or more are expected"};
  std::set<std::string> seen;
  for (const std::string& name : classes) {
    if (name.empty() || !seen.insert(name).second)
      return Error{Code::invalid, "labelling: classes: names that differ and are not empty are expected"};
  }
  return {};
}

}  // namespace

std::string_view to_string(LabellingState state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}
std::string_view to_string(Outcome outcome) noexcept {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}

const LabellingMember* LabellingProject::member(std::string_view account) const noexcept {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.account == account; });
  return found == members.end() ? nullptr : &*found;
}

std::vector<std::size_t> LabellingProject::order(std::int64_t member) const {
  return shuffle(samples.size(), seed, static_cast<std::uint64_t>(member) + 1);
}

Result<std::vector<LabellingMember>> Labelling::find_members(const std::vector<std::string>& readers,
                                                             const std::string& adjudicator) const {
  if (accounts_ == nullptr) return Error{Code::precondition, "labelling: this service knows no accounts"};
  if (readers.size() < 2) return Error{Code::invalid, "labelling: readers: two or more are expected"};
  std::vector<std::string> names{adjudicator};
  names.insert(names.end(), readers.begin(), readers.end());
  std::vector<LabellingMember> members;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    ACESO_TRY(const auto account, accounts_->find_account(name));
    if (!account) return Error{Code::invalid, "labelling: there is no account " + name.substr(0, 64)};
    if (std::find(account->scopes.begin(), account->scopes.end(), kReads) == account->scopes.end())
      return Error{Code::invalid, "labelling: the account " + account->name + " is not a clinician's: it may not read"};
    if (!seen.insert(account->id).second) {
      return Error{Code::invalid,
                   "labelling: " + account->name + " is named twice: readers and adjudicator are different people"};
    }
    members.push_back({static_cast<std::int64_t>(members.size()), account->id, account->name, 0});
  }
  return members;
}

Result<std::vector<std::size_t>> Labelling::choose(const learn::Dataset& dataset, const Json* select,
                                                   std::uint64_t seed, Json& kept) const {
  std::string by = "all";
  std::int64_t count = 0;
  if (select != nullptr) {
    ACESO_TRY(ObjectReader reader, ObjectReader::of(*select, "labelling: select"));
    ACESO_TRY(by, reader.text_or("by", 16, "all"));
    ACESO_TRY(count, reader.integer_or("count", 0, 1, static_cast<std::int64_t>(kMaxCases)));
    ACESO_TRY_OK(reader.done());
  }
  if (by != "all" && by != "unlabelled" && by != "random")
    return Error{Code::invalid, "labelling: select: by: all, unlabelled or random"};
  if ((by == "random") != (count > 0))
    return Error{Code::invalid, "labelling: select: count goes with random, and random with count"};
  const auto& samples = dataset.manifest().samples;
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (by != "unlabelled" || samples[i].label < 0) chosen.push_back(i);
  }
  if (by == "random" && static_cast<std::size_t>(count) < chosen.size()) {
    const std::vector<std::size_t> order = shuffle(chosen.size(), seed, 0);
    chosen.assign(order.begin(), order.begin() + count);
    std::sort(chosen.begin(), chosen.end());
  }
  if (chosen.empty()) return Error{Code::invalid, "labelling: no sample was chosen"};
  if (chosen.size() > kMaxCases)
    return Error{Code::invalid, "labelling: more than 100000 samples: choose some at random"};
  kept = Json{{"by", by}};
  if (by == "random") kept["count"] = count;
  return chosen;
}

Result<Json> Labelling::create(const Actor& actor, const Json& request) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "labelling"));
  LabellingProject p;
  ACESO_TRY(p.name, reader.text("name", 64));
  ACESO_TRY_OK(check_name("labelling: name", p.name));
  ACESO_TRY(p.dataset, reader.text("dataset", 64));
  ACESO_TRY(p.task, reader.text_or("task", 16, "classes"));
  ACESO_TRY(p.classes, reader.texts_or("classes", 50, 200));
  ACESO_TRY(p.ordered, reader.boolean_or("ordered", false));
  ACESO_TRY(p.instructions, reader.text_or("instructions", 4000, {}));
  ACESO_TRY(const std::vector<std::string> readers, reader.texts_or("readers", kMaxReaders, 64));
  ACESO_TRY(const std::string adjudicator, reader.text("adjudicator", 64));
  // The orders follow from the seed: a usual one would tell members more than they may know.
  const auto drawn = static_cast<std::int64_t>(context_.random.uniform(std::uint64_t{1} << 53));
  ACESO_TRY(const std::int64_t seed, reader.integer_or("seed", drawn, 0, std::int64_t{1} << 53));
  p.seed = static_cast<std::uint64_t>(seed);
  const Json* select = reader.child("select");
  ACESO_TRY_OK(reader.done());
  if (p.task != "classes" && p.task != "boxes" && p.task != "outlines")
    return Error{Code::unsupported, "labelling: task: classes, boxes or outlines"};
  if (p.drawn() && p.ordered) return Error{Code::invalid, "labelling: ordered: goes with the task classes"};
  ACESO_TRY(p.members, find_members(readers, adjudicator));
  ACESO_TRY(const auto dataset, datasets_.open(p.dataset));
  const learn::Manifest& m = dataset->manifest();
  if (m.kind != "image" && m.kind != "volume")
    return Error{Code::unsupported, "labelling: only data sets of images and volumes are labelled"};
  if (m.task != learn::Task::classes)
    return Error{Code::unsupported, "labelling: a data set of several labels or of numbers keeps them"};
  if (p.drawn() && m.kind != "image")
    return Error{Code::unsupported, "labelling: boxes and outlines are drawn on images, not in volumes"};
  p.dataset_sha256 = m.sha256;
  if (p.classes.empty() && !p.drawn()) p.classes = m.classes;
  ACESO_TRY_OK(check_classes(p.classes, p.drawn()));
  ACESO_TRY(p.samples, choose(*dataset, select, p.seed, p.selection));
  p.id = context_.new_id();
  p.created = context_.now_us();
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    auto made = tx.execute(
        "INSERT INTO labelling_project (id, name, dataset, dataset_sha256, task, classes, ordered, instructions, "
        "selection, seed, state, result, ended_why, created, created_by, created_by_name) VALUES (?1, ?2, ?3, ?4, ?5, "
        "?6, ?7, "
        "?8, ?9, ?10, 'reading', '', '', ?11, ?12, ?13)",
        {p.id, p.name, p.dataset, p.dataset_sha256, p.task, dump(Json(p.classes)), std::int64_t{p.ordered ? 1 : 0},
         p.instructions, dump(p.selection), seed, p.created, actor.id, actor.name});
    if (!made) {
      return made.error().code() == Code::exists
                 ? Error{Code::exists, "there is a labelling project " + p.name + " already"}
                 : std::move(made).error();
    }
    for (const LabellingMember& member : p.members) {
      ACESO_TRY([[maybe_unused]] const auto n,
                tx.execute("INSERT INTO labelling_member (project, position, account, account_name, submitted) VALUES "
                           "(?1, ?2, ?3, ?4, 0)",
                           {p.id, member.position, member.account, member.name}));
    }
    for (std::size_t i = 0; i < p.samples.size(); ++i) {
      ACESO_TRY([[maybe_unused]] const auto n,
                tx.execute("INSERT INTO labelling_case (project, number, sample) VALUES (?1, ?2, ?3)",
                           {p.id, static_cast<std::int64_t>(i), static_cast<std::int64_t>(p.samples[i])}));
    }
    return context_.record(
        actor, "C", "labelling.create", "labelling", p.id,
        dump(Json{{"dataset", p.dataset}, {"cases", p.samples.size()}, {"readers", readers.size()}}));
  }));
  return project_json(actor, true, p);
}

Result<LabellingProject> Labelling::load(std::string_view id) const {
  const std::string key{id.substr(0, 64)};
  ACESO_TRY(const auto rows, context_.catalogue->query(
                                 "SELECT id, name, dataset, dataset_sha256, task, classes, ordered, instructions, "
                                 "selection, seed, state, result, created, created_by, created_by_name, ended_why FROM "
                                 "labelling_project WHERE id = ?1",
                                 {key}));
  if (rows.empty()) return no_project();
  const store::Row& row = rows.front();
  LabellingProject p;
  p.id = row.text(0);
  p.name = row.text(1);
  p.dataset = row.text(2);
  p.dataset_sha256 = row.text(3);
  p.task = row.text(4);
  ACESO_TRY(const Json classes, parse_own(row.text(5)));
  for (const Json& name : classes) p.classes.push_back(name.get<std::string>());
  p.ordered = row.integer(6) != 0;
  p.instructions = row.text(7);
  ACESO_TRY(p.selection, parse_own(row.text(8)));
  p.seed = static_cast<std::uint64_t>(row.integer(9));
  const auto state = std::find(kStates.begin(), kStates.end(), row.text(10));
  if (state == kStates.end()) return Error{Code::data_loss, "a stored labelling project has an unknown state"};
  p.state = static_cast<LabellingState>(state - kStates.begin());
  p.result = row.text(11);
  p.created = row.integer(12);
  p.created_by = row.text(13);
  p.created_by_name = row.text(14);
  p.ended_why = row.text(15);
  ACESO_TRY(const auto members, context_.catalogue->query("SELECT position, account, account_name, submitted FROM "
                                                          "labelling_member WHERE project = ?1 ORDER BY position",
                                                          {key}));
  for (const store::Row& m : members) p.members.push_back({m.integer(0), m.text(1), m.text(2), m.integer(3)});
  if (p.members.size() < 3) return Error{Code::data_loss, "a stored labelling project has too few members"};
  ACESO_TRY(const auto cases,
            context_.catalogue->query("SELECT sample FROM labelling_case WHERE project = ?1 ORDER BY number", {key},
                                      kMaxCases + 1));
  p.samples.reserve(cases.size());
  for (const store::Row& c : cases) p.samples.push_back(static_cast<std::size_t>(c.integer(0)));
  return p;
}

// Who has no part in a project learns nothing of it.
Result<LabellingProject> Labelling::load_visible(const Actor& actor, bool all, std::string_view id) const {
  ACESO_TRY(LabellingProject p, load(id));
  if (!all && p.member(actor.id) == nullptr) return no_project();
  return p;
}

Result<Json> Labelling::project_json(const Actor& actor, bool all, const LabellingProject& p) const {
  ACESO_TRY(const auto counts,
            context_.catalogue->query("SELECT member, COUNT(DISTINCT number) FROM labelling_answer WHERE project = ?1 "
                                      "GROUP BY member",
                                      {p.id}));
  std::map<std::int64_t, std::int64_t> done;
  for (const store::Row& row : counts) done[row.integer(0)] = row.integer(1);
  Json readers = Json::array();
  for (const LabellingMember& m : p.members) {
    if (m.position > 0)
      readers.push_back(Json{{"name", m.name}, {"done", done[m.position]}, {"submitted", m.submitted > 0}});
  }
  Json differ = nullptr;
  if (p.state != LabellingState::reading) {
    ACESO_TRY(const std::vector<std::size_t> cases, queue(p));
    differ = cases.size();
  }
  const bool part = std::any_of(p.members.begin(), p.members.end(),
                                [&](const LabellingMember& m) { return is_person(actor, m.account, m.name); });
  const LabellingMember* me = p.member(actor.id);
  return Json{
      {"id", p.id},
      {"name", p.name},
      {"dataset", p.dataset},
      {"task", p.task},
      {"classes", p.classes},
      {"ordered", p.ordered},
      {"instructions", p.instructions},
      {"selection", p.selection},
      {"seed", all && !part ? Json(p.seed) : Json(nullptr)},  // tells members who is behind A and B
      {"cases", p.samples.size()},
      {"state", to_string(p.state)},
      {"readers", std::move(readers)},
      {"adjudicator", Json{{"name", p.members.front().name}, {"done", done[0]}, {"disagreements", std::move(differ)}}},
      {"part", me == nullptr ? Json(nullptr) : Json(me->position == 0 ? "adjudicator" : "reader")},
      {"ended_why", p.ended_why.empty() ? Json(nullptr) : Json(p.ended_why)},
      {"result", p.result.empty() ? Json(nullptr) : Json(p.result)},
      {"created", time_text(p.created)},
      {"created_by", p.created_by_name}};
}

Result<Json> Labelling::list(const Actor& actor, bool all) const {
  ACESO_TRY(const auto rows,
            all ? context_.catalogue->query("SELECT id FROM labelling_project ORDER BY created DESC", {}, kMaxProjects)
                : context_.catalogue->query("SELECT p.id FROM labelling_project p JOIN labelling_member m ON "
                                            "m.project = p.id WHERE m.account = ?1 ORDER BY p.created DESC",
                                            {actor.id}, kMaxProjects));
  Json items = Json::array();
  for (const store::Row& row : rows) {
    ACESO_TRY(const LabellingProject p, load(row.text(0)));
    ACESO_TRY(Json item, project_json(actor, all, p));
    items.push_back(std::move(item));
  }
  return Json{{"items", std::move(items)}, {"next", nullptr}};
}

Result<Json> Labelling::show(const Actor& actor, bool all, std::string_view id) const {
  ACESO_TRY(const LabellingProject p, load_visible(actor, all, id));
  return project_json(actor, all, p);
}

Status Labelling::remove(const Actor& actor, std::string_view id) {
  ACESO_TRY(const LabellingProject p, load(id));
  return context_.catalogue->write([&](store::Transaction& tx) -> Status {
    for (const char* table : {"labelling_answer", "labelling_case", "labelling_member"}) {
      ACESO_TRY([[maybe_unused]] const auto n,
                tx.execute("DELETE FROM " + std::string{table} + " WHERE project = ?1", {p.id}));
    }
    ACESO_TRY([[maybe_unused]] const auto n, tx.execute("DELETE FROM labelling_project WHERE id = ?1", {p.id}));
    return context_.record(actor, "D", "labelling.delete", "labelling", p.id, dump(Json{{"dataset", p.dataset}}));
  });
}

Result<Json> Labelling::end_reading(const Actor& actor, std::string_view id, const Json& request) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "labelling"));
  ACESO_TRY(const std::string reason, reader.text("reason", 500));
  ACESO_TRY_OK(reader.done());
  ACESO_TRY(const LabellingProject p, load(id));
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(
        const auto changed,
        tx.execute("UPDATE labelling_project SET state = 'adjudication', ended_why = ?2 WHERE id = ?1 AND state = "
                   "'reading'",
                   {p.id, reason}));
    if (changed == 0) return Error{Code::precondition, "reading is over already"};
    return context_.record(actor, "U", "labelling.end_reading", "labelling", p.id);
  }));
  return show(actor, true, p.id);
}

bool is_person(const Actor& actor, std::string_view account, std::string_view name) {
  if (actor.id == account || actor.name == name) return true;
  return !name.empty() && actor.name.starts_with(name) && actor.name.substr(name.size()).starts_with('/');
}

bool Labelling::same_samples(std::string_view a, std::string_view b) const {
  if (base_of(a) == base_of(b)) return true;
  const auto first = datasets_.open(a), second = datasets_.open(b);
  if (!first || !second) return false;
  std::set<std::string_view> known;
  for (const learn::Sample& sample : (*first)->manifest().samples) known.insert(sample.sha256);
  const auto& others = (*second)->manifest().samples;
  return std::any_of(others.begin(), others.end(), [&](const learn::Sample& s) { return known.contains(s.sha256); });
}

Status Labelling::check_not_blinded(const Actor& actor, std::string_view dataset, std::string_view except) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT p.dataset, p.name, m.account, m.account_name FROM labelling_project p "
                                      "JOIN labelling_member m ON m.project = p.id WHERE p.state <> 'finished' AND "
                                      "p.id <> ?1",
                                      {std::string{except}}, kMaxProjects * kMaxReaders));
  for (const store::Row& row : rows) {
    if (is_person(actor, row.text(2), row.text(3)) && same_samples(row.text(0), dataset)) {
      return Error{Code::precondition, "you read for the labelling project " + row.text(1) +
                                           ": the labels of this data set are hidden from you until it is finished"};
    }
  }
  return {};
}

Status Labelling::in_use(std::string_view dataset) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT name FROM labelling_project WHERE dataset = ?1 AND state <> 'finished'",
                                      {std::string{dataset}}));
  if (rows.empty()) return {};
  return Error{Code::conflict, "the labelling project " + rows.front().text(0) +
                                   " reads this data set: finish or delete the project first"};
}

}  // namespace aceso::models
