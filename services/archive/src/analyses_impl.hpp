// What the parts of the analyses share.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "aceso/archive/analyses.hpp"
#include "aceso/store/jobs.hpp"
#include "analysis_input.hpp"
#include "analysis_outlines.hpp"
#include "analysis_result.hpp"
#include "analysis_table.hpp"
#include "impl.hpp"
#include "nap.hpp"
#include "routing_rules.hpp"
#include "series_watch.hpp"
#include "study_events.hpp"

namespace aceso::archive {

struct Analyses::Impl {
  Impl(AnalysesDeps given, RoutingOptions how)
      : deps{std::move(given)}, options{std::move(how)}, watch{options.quiet}, archive{deps.archive.impl()} {}

  AnalysesDeps deps;
  RoutingOptions options;
  std::vector<RoutingRule> rules;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<AnalysisTable> table;
  SeriesWatch watch;
  Archive::Impl& archive;
  std::string node;           // 16 hexadecimal digits that name this node in results
  std::int64_t since_us = 0;  // what was stored before is not routed by itself
  std::int64_t saved_us = 0;  // the last watermark written
  std::function<void(std::string_view)> changed;
  Observer observer;
  std::atomic<std::uint64_t> analysed{0}, failed{0}, not_applicable{0};
  std::mutex tick_mutex;
  Nap nap;                       // of the thread that keeps watch
  std::mutex judge_mutex;        // of one judgement at a time: each report names the one before; and of withdrawals
  bool recalls_settled = false;  // once since the start, all of them
  StudyEvents events;
  std::unique_ptr<store::JobQueue> jobs;
  std::jthread thread;
  bool started = false;

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }

  // analyses.cpp: from objects to analyses that wait.
  Status open(const std::filesystem::path& folder);
  Status reconcile();
  void scan();
  void keep_watch(const std::stop_token& stop);
  void tick();
  Status settle(const std::string& study_uid, const std::string& series_uid, bool by_hand);
  std::vector<Analysis> analyses_for(const std::vector<InstancePtr>& instances, bool by_hand) const;
  bool is_own(const Instance& instance) const;  // a result of this node, or of another one like it
  bool reads_volumes(const RoutingRule& rule) const;
  void dispatch();
  void tell(const std::string& study_uid);
  Status save(Analysis& analysis);
  void tell_ended(const Analysis& analysis);  // does nothing while it has not

  // analysis_job.cpp: from an analysis that waits to results.
  Result<Json> run(store::JobContext& context);
  Status analyse(Analysis& analysis, const std::stop_token& stop);
  Status predict(Analysis& analysis, const RoutingRule& rule, const InstancePtr& instance, const std::stop_token& stop);
  ResultPlan plan_for(const Analysis& analysis, const RoutingRule& rule) const;
  Status predict_series(Analysis& analysis, const RoutingRule& rule, const std::stop_token& stop);
  bool must_ask(const Analysis& analysis, const std::string& sha256) const;
  Result<bool> accept(Analysis& analysis, Result<contracts::PictureAnswer> answer, const std::string& sha256,
                      const dicom::Dataset& source);
  // The images an answer speaks of, in ascending position.
  struct Shown {
    std::span<const dicom::Dataset* const> sources;
    MaskOf mask_of;                                              // asked only when the answer has outlines
    std::function<Result<imaging::Image>(std::size_t)> picture;  // of a source, as the rule's window shows it
    bool volume = false;
  };
  Status write_results(Analysis& analysis, const RoutingRule& rule, const Shown& shown, const std::stop_token& stop);
  Result<std::optional<ResultMap>> mapped(Analysis& analysis, const dicom::Dataset& source, const ResultPlan& plan,
                                          const std::stop_token& stop);
  Status write_back(std::span<const std::byte> file);
  Status store_result(std::span<const std::byte> file);  // exists: other bytes under this UID
  void job_changed(const store::Job& job);

  // analysis_judgement.cpp
  Result<Json> judge(const contracts::ObjectPeer& peer, std::string_view analysis_id,
                     const contracts::VerdictWords& words);

  // analysis_recall.cpp: models whose answers do not stand any more.
  Result<std::vector<contracts::Recall>> recalls() const;  // in force
  Result<std::optional<contracts::Recall>> recall_of(const Analysis& analysis) const;
  // As it is to be shown and judged: an answer of a recalled model does not stand, dealt with or not.
  Status as_it_stands(Analysis& analysis) const;
  // Every analysis of the recalls that were not dealt with yet, at the first call of all.
  Status settle_recalls();
  Status settle_recall(const contracts::Recall& recall);
  Status withdraw(Analysis& analysis, const contracts::Recall& recall, bool stands = true);
  Result<std::optional<std::string>> write_rejection(const Analysis& analysis, const contracts::Recall& recall);
  Result<Json> recalled_list(const contracts::ObjectPeer& peer, std::string_view model, int version,
                             std::string_view before, std::size_t limit) const;

  // analysis_worklist.cpp
  Result<Json> worklist(const contracts::ObjectPeer& peer, std::string_view cursor, std::size_t limit) const;
  // One record for all studies of an answer.
  Status record_studies(const contracts::ObjectPeer& peer, std::string_view event,
                        const std::vector<std::string>& study_uids) const;

  // analysis_view.cpp
  Result<Json> study_view(std::string_view study_uid) const;
  Json series_without(const Series& series) const;
};

// An image that a model may read, as far as the index knows.
bool has_pixels(const Instance& instance);

// The node itself, as callers of the archive see it.
contracts::ObjectPeer node_peer();
Json to_json(const Analysis& analysis);

}  // namespace aceso::archive
