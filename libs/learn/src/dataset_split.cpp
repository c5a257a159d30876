#include "aceso/learn/dataset_split.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <unordered_set>

#include "dataset_writer.hpp"
#include "folds.hpp"
#include "manifest_json.hpp"
#include "sources.hpp"
#include "targets.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::array<std::string_view, 3> kBy{"patient", "block", "stratified"};
constexpr std::array<std::string_view, 3> kPolicies{"together", "leave-out", "ignore"};

Status check_options(const SplitOptions& options) {
  if (!(options.validation >= 0 && options.test >= 0 && options.validation + options.test < 1))
    return Error{Code::invalid, "the shares of validation and test must be 0 or more and below 1 together"};
  if (options.folds != 0 && (options.folds < 2 || options.folds > kMaxFolds))
    return Error{Code::invalid, "folds: 2 to 100, or 0 for none"};
  if (options.by == SplitBy::block && options.block < 1)
    return Error{Code::invalid, "the block size must be 1 or more"};
  return {};
}

class Splitter {
 public:
  Splitter(const Dataset& source, const SplitOptions& options, std::vector<Twins> twins)
      : options_{options},
        twins_{std::move(twins)},
        manifest_{source.manifest()},
        together_{manifest_.samples.size()} {}

  Result<Manifest> run() {
    ACESO_TRY_OK(find_groups());
    if (options_.twins == TwinPolicy::together) join_twins();
    assign();
    if (options_.twins == TwinPolicy::leave_out) leave_out();
    if (options_.folds > 0) assign_to_folds();
    ACESO_TRY_OK(check());
    describe();
    return std::move(manifest_);
  }

 private:
  bool labelled(std::size_t i) const { return learn::labelled(manifest_.task, manifest_.samples[i]); }

  Status find_groups() {
    if (options_.by == SplitBy::patient) {
      const bool any = std::any_of(manifest_.samples.begin(), manifest_.samples.end(),
                                   [](const Sample& sample) { return !sample.group.empty(); });
      if (!any)
        return Error{Code::invalid,
                     "no sample has a patient: import with a table of labels that has the column patient, or split by "
                     "block"};
      together_ = groups_of(manifest_);
    }
    if (options_.by == SplitBy::block) make_blocks();
    return {};
  }

  void make_blocks() {
    std::unordered_set<std::uint64_t> near;
    for (const Twins& pair : twins_) near.insert(static_cast<std::uint64_t>(pair.a) << 32 | pair.b);
    // Neighbours of one class; of several labels and numbers, neighbours.
    const std::size_t kinds = manifest_.task == Task::classes ? manifest_.classes.size() : 1;
    for (std::size_t c = 0; c < kinds; ++c) {
      std::size_t previous = 0;
      std::size_t first = 0;
      std::int64_t length = 0;
      for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
        if (manifest_.task == Task::classes ? manifest_.samples[i].label != static_cast<int>(c) : !labelled(i))
          continue;
        const bool goes_on =
            length > 0 && (length < options_.block || near.contains(static_cast<std::uint64_t>(previous) << 32 | i));
        if (goes_on) {
          together_.join(first, i);
          ++length;
        } else {
          first = i;
          length = 1;
        }
        previous = i;
      }
    }
  }

  void join_twins() {
    for (const Twins& pair : twins_) {
      if (labelled(pair.a) && labelled(pair.b)) together_.join(pair.a, pair.b);
    }
  }

  void assign() {
    std::vector<Sample> pool;
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      manifest_.samples[i].split = Split::unassigned;
      manifest_.samples[i].fold = -1;
      if (!labelled(i)) continue;
      Sample member;
      member.label = strata_[i];
      member.group = member.sha256 = std::to_string(together_.find(i));
      member.split = Split::train;
      pool.push_back(std::move(member));
      index.push_back(i);
    }
    assign_split(pool, Split::train, Split::test, options_.test, options_.seed ^ 0x54455354ULL);
    const double rest = 1 - options_.test;
    assign_split(pool, Split::train, Split::validation, options_.validation / rest, options_.seed);
    for (std::size_t i = 0; i < pool.size(); ++i) manifest_.samples[index[i]].split = pool[i].split;
  }

  void leave_out() {
    for (const Twins& pair : twins_) {
      Sample& a = manifest_.samples[pair.a];
      Sample& b = manifest_.samples[pair.b];
      if (a.split == Split::unassigned || b.split == Split::unassigned || a.split == b.split) continue;
      (a.split < b.split ? a : b).split = Split::unassigned;
      ++left_out_;
    }
  }

  // Folds have no side that could be left out: twins stay together whatever the policy for the splits is.
  void assign_to_folds() {
    UnionFind groups = together_;
    if (options_.twins != TwinPolicy::ignore) {
      for (const Twins& pair : twins_) groups.join(pair.a, pair.b);
    }
    std::vector<Member> members;
    for (std::size_t i = 0; i < manifest_.samples.size(); ++i) {
      const Sample& sample = manifest_.samples[i];
      if (sample.split == Split::train || sample.split == Split::validation)
        members.push_back({i, groups.find(i), strata_[i]});
    }
    const auto folds = assign_folds(members, manifest_.samples.size(), options_.folds, options_.seed);
    for (std::size_t i = 0; i < folds.size(); ++i) manifest_.samples[i].fold = folds[i];
  }

  Status check() const {
    const auto found = find_leakage(manifest_, twins_);
    ACESO_TRY_OK(refuse(found, "split"));
    ACESO_TRY_OK(refuse(find_fold_leakage(manifest_, twins_), "assignment to folds"));
    for (const auto& [split, share] : {std::pair{Split::train, 1.0}, std::pair{Split::validation, options_.validation},
                                       std::pair{Split::test, options_.test}}) {
      std::set<int> labels;
      for (const Sample& sample : manifest_.samples) {
        if (sample.split == split)
          labels.insert(manifest_.task == Task::classes ? sample.label : static_cast<int>(labels.size()));
      }
      if (share > 0 && labels.size() < 2)
        return Error{Code::invalid, "the " + std::string{to_string(split)} + " split would have fewer than two " +
                                        (manifest_.task == Task::classes ? "classes" : "samples") +
                                        ": too few groups for these shares "
                                        "(smaller blocks, or twins left out instead of kept together)"};
    }
    return {};
  }

  Status refuse(const Leakage& found, const std::string& what) const {
    if (found.affected == 0) return {};
    std::string text = "the " + what + " leaks: " + std::to_string(found.affected) + " of " +
                       std::to_string(found.held_out) + " samples held out have a twin or a patient on another side";
    if (found.example)
      text += " (first: \"" + manifest_.samples[found.example->a].id + "\" and \"" +
              manifest_.samples[found.example->b].id + "\")";
    return Error{Code::precondition, text + ": split by patient or block, or let twins stay together"};
  }

  std::size_t count(Split split) const {
    return static_cast<std::size_t>(std::count_if(manifest_.samples.begin(), manifest_.samples.end(),
                                                  [&](const Sample& sample) { return sample.split == split; }));
  }

  void describe() {
    const auto percent = [](double share) { return std::to_string(std::lround(share * 100)) + " %"; };
    std::erase_if(manifest_.warnings, [](const std::string& text) { return text.find("split") != std::string::npos; });
    std::string how = "split by " + std::string{to_string(options_.by)};
    if (options_.by == SplitBy::block) how += " of " + std::to_string(options_.block) + " or more";
    how += ", seed " + std::to_string(options_.seed) + ", " + percent(options_.validation) + " for validation and " +
           percent(options_.test) + " for testing asked, twins: " + std::string{to_string(options_.twins)} + "; " +
           std::to_string(count(Split::train)) + " train, " + std::to_string(count(Split::validation)) +
           " validation, " + std::to_string(count(Split::test)) + " test";
    if (options_.folds > 0) how += ", " + std::to_string(options_.folds) + " folds";
    manifest_.history.push_back(std::move(how));
    if (left_out_ > 0)
      manifest_.warnings.push_back(std::to_string(left_out_) +
                                   " samples are in no split: a sample held out is their twin");
    manifest_.parent_name = manifest_.name;
    manifest_.parent_sha256 = manifest_.sha256;
    manifest_.name = options_.name;
    manifest_.version = manifest_.task == Task::classes ? 2 : 3;
  }

  const SplitOptions& options_;
  const std::vector<Twins> twins_;
  Manifest manifest_;
  const std::vector<int> strata_ = strata_of(manifest_.task, manifest_.samples);
  UnionFind together_;
  std::size_t left_out_ = 0;
};

}  // namespace

std::string_view to_string(SplitBy by) noexcept {
  return kBy[static_cast<std::size_t>(by)];
}
std::string_view to_string(TwinPolicy policy) noexcept {
  return kPolicies[static_cast<std::size_t>(policy)];
}
Result<SplitBy> parse_split_by(std::string_view name) {
  const auto found = std::find(kBy.begin(), kBy.end(), name);
  if (found == kBy.end()) return Error{Code::invalid, "by: patient, block or stratified"};
  return static_cast<SplitBy>(found - kBy.begin());
}
Result<TwinPolicy> parse_twin_policy(std::string_view name) {
  const auto found = std::find(kPolicies.begin(), kPolicies.end(), name);
  if (found == kPolicies.end()) return Error{Code::invalid, "twins: together, leave-out or ignore"};
  return static_cast<TwinPolicy>(found - kPolicies.begin());
}

Result<Dataset> split_dataset(const Dataset& source, const fs::path& source_folder, const fs::path& target,
                              const SplitOptions& options, ProgressSink& progress, const std::stop_token& stop) {
  ACESO_TRY_OK(check_options(options));
  ACESO_TRY(auto twins, find_twins(source, progress, stop));
  ACESO_TRY(Manifest manifest, Splitter(source, options, std::move(twins.pairs)).run());
  ACESO_TRY(auto folder, PendingFolder::create(target));
  ACESO_TRY_OK(share_pack(source_folder, folder->path()));
  ACESO_TRY_OK(write_manifest(folder->path(), manifest));
  if (stop.stop_requested()) return Error{Code::cancelled, "split cancelled"};
  ACESO_TRY_OK(folder->commit());
  return Dataset::open(target);
}

}  // namespace aceso::learn
