// Labelling projects: people read the samples of a dataset, blinded and each in an order of their own; how far they
// agree; an adjudicator decides where they do not; and what came of it becomes a new version of the dataset (ADR 0155).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/contracts/accounts.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "datasets.hpp"

namespace aceso::models {

// What somebody said of one case: a class, or why none can be told.
struct LabelAnswer {
  std::string label;   // "": cannot tell
  std::string reason;  // of cannot tell: quality, not_shown or other
  std::string comment;
  std::string shapes;  // of boxes and outlines what was drawn, as JSON (labelling_shapes.hpp); "": nothing can be told
  std::int64_t revision = 0, duration_ms = 0, time = 0;
};

// reading: the readers work, nothing of their answers is shown to anybody else. adjudication: all have handed in, or
// reading was ended; their answers are fixed. finishing: the job that makes the dataset is waiting or running.
enum class LabellingState : std::uint8_t { reading, adjudication, finishing, finished };

struct LabellingMember {
  std::int64_t position = 0;  // 0: the adjudicator; readers from 1 on
  std::string account, name;
  std::int64_t submitted = 0;  // when; 0: not yet
};

struct LabellingProject {
  std::string id, name, dataset, dataset_sha256, task, instructions, result, ended_why, created_by, created_by_name;
  std::vector<std::string> classes;
  bool ordered = false;
  std::uint64_t seed = 1;
  std::int64_t created = 0;
  LabellingState state = LabellingState::reading;
  Json selection;
  std::vector<LabellingMember> members;  // by position
  std::vector<std::size_t> samples;      // of the dataset, by number of the case

  bool drawn() const noexcept { return task != "classes"; }
  bool outlines() const noexcept { return task == "outlines"; }
  const LabellingMember* member(std::string_view account) const noexcept;
  std::size_t readers() const noexcept { return members.size() - 1; }
  // Number of the case that a member sees in place `position` of 0..cases-1.
  std::vector<std::size_t> order(std::int64_t member) const;
};

// Latest answer of each member to each case: answers[number][position].
using LabellingAnswers = std::vector<std::map<std::int64_t, LabelAnswer>>;

// What is settled of a case once reading is over.
enum class Outcome : std::uint8_t { agreed, adjudicated, undecided, unread };
struct SettledCase {
  Outcome outcome = Outcome::unread;
  std::string label;   // "": none
  std::string shapes;  // of boxes and outlines; "": nothing can be told
};

// Thread-safe. Errors: not_found also for a project that the asker has no part in.
class Labelling {
 public:
  Labelling(const Context& context, DatasetStore& datasets, const contracts::Accounts* accounts)
      : context_{context}, datasets_{datasets}, accounts_{accounts} {}

  // {name, dataset, task?: classes, boxes or outlines, classes?, ordered?, instructions?, readers: [names],
  // adjudicator, select?: {by: all, unlabelled or random, count?}, seed?: drawn where none is given}
  Result<Json> create(const Actor& actor, const Json& request);
  // `all`: the asker may see every project, else those with a part in them.
  Result<Json> list(const Actor& actor, bool all) const;
  Result<Json> show(const Actor& actor, bool all, std::string_view id) const;
  Status remove(const Actor& actor, std::string_view id);
  Result<Json> end_reading(const Actor& actor, std::string_view id, const Json& request);  // {reason}

  // A reader's own work. Places are those of the reader's own order.
  Result<Json> reading(const Actor& actor, std::string_view id) const;
  Result<Json> reading_case(const Actor& actor, std::string_view id, std::size_t place) const;
  Result<Json> answer(const Actor& actor, std::string_view id, std::size_t place, const Json& request);
  Result<Json> submit(const Actor& actor, std::string_view id);

  // The adjudicator's: places are those of the queue of disagreements.
  Result<Json> adjudication(const Actor& actor, std::string_view id) const;
  Result<Json> adjudication_case(const Actor& actor, std::string_view id, std::size_t place) const;
  Result<Json> adjudicate(const Actor& actor, std::string_view id, std::size_t place, const Json& request);

  // The values of one slice as NPY [height, width] or [height, width, channels], for a member only.
  Result<std::vector<std::byte>> pixels(const Actor& actor, std::string_view id, bool adjudicating, std::size_t place,
                                        std::int64_t slice) const;

  // precondition while reading goes on, and for the adjudicator until the project is finished: who said what is not
  // known to who decides.
  Result<Json> agreement(const Actor& actor, bool all, std::string_view id) const;
  Result<Json> labels(const Actor& actor, std::string_view id) const;
  Result<std::string> labels_csv(const Actor& actor, std::string_view id) const;

  // {as?, leave_undecided?, keep_others?, validation?, test?}: the input of a job "labelling-finish".
  Result<Json> prepare_finish(const Actor& actor, std::string_view id, const Json& request);
  Result<Json> run_finish(store::JobContext& job);
  Status unfinish(std::string_view id);  // no job makes its dataset: finishing becomes adjudication
  Result<std::vector<std::string>> finishing() const;

  // Whether the labels of this dataset, of another version of it or of a copy under another name are hidden from who
  // reads or adjudicates a project on it, and from their tokens: precondition, with the project's name. `except`: a
  // project that does not count.
  Status check_not_blinded(const Actor& actor, std::string_view dataset, std::string_view except = {}) const;
  Status in_use(std::string_view dataset) const;  // conflict: a project on it is not finished

 private:
  Result<LabellingProject> load(std::string_view id) const;
  Result<LabellingProject> load_visible(const Actor& actor, bool all, std::string_view id) const;
  Result<LabellingAnswers> answers(const LabellingProject& project, std::optional<std::int64_t> member) const;
  Result<std::map<std::int64_t, LabelAnswer>> answers_to(const LabellingProject& project, std::size_t number) const;
  // Numbers of the cases that readers differ on, once reading is over; kept, since answers are fixed from then on.
  Result<std::vector<std::size_t>> queue(const LabellingProject& project) const;
  bool same_samples(std::string_view a, std::string_view b) const;
  Result<std::vector<std::size_t>> choose(const learn::Dataset& dataset, const Json* select, std::uint64_t seed,
                                          Json& kept) const;
  Result<std::vector<LabellingMember>> find_members(const std::vector<std::string>& readers,
                                                    const std::string& adjudicator) const;
  Result<Json> project_json(const Actor& actor, bool all, const LabellingProject& project) const;
  Result<LabellingProject> load_for_reader(const Actor& actor, std::string_view id) const;
  Result<LabellingProject> load_for_adjudicator(const Actor& actor, std::string_view id) const;
  Result<Json> case_json(const LabellingProject& project, std::size_t number) const;
  Result<Json> store_answer(const Actor& actor, const LabellingProject& project, std::int64_t member,
                            std::size_t number, LabellingState during, const Json& request);
  Status check_told(const Actor& actor, const LabellingProject& project) const;

  const Context& context_;
  DatasetStore& datasets_;
  const contracts::Accounts* accounts_;
  mutable std::mutex queues_mutex_;
  mutable std::map<std::string, std::vector<std::size_t>, std::less<>> queues_;
};

// Whether the actor is this account, or a token of it: a token is another principal, named after its owner.
bool is_person(const Actor& actor, std::string_view account, std::string_view name);

std::string_view to_string(LabellingState state) noexcept;
std::string_view to_string(Outcome outcome) noexcept;
// Readers agree on boxes when each has its partner, on outlines when each class overlaps well enough; the drawing of
// one of them, drawn by the seed, then stands for all.
SettledCase settle(const LabellingProject& project, std::size_t number,
                   const std::map<std::int64_t, LabelAnswer>& answers);
// The cases that the adjudicator is asked about, in the adjudicator's order.
std::vector<std::size_t> disagreements(const LabellingProject& project, const LabellingAnswers& answers);
Json to_json(const LabelAnswer& answer);
// {cases, read_by_all, agreed, disagreed, adjudicated, undecided, cannot_tell, pairs, mean_kappa, readers}
Json agreement_json(const LabellingProject& project, const LabellingAnswers& answers);

}  // namespace aceso::models
