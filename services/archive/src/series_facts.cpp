#include "series_facts.hpp"

#include <mutex>
#include <shared_mutex>
#include <string>

#include "aceso/dicom/tags.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace tags = dicom::tags;

SeriesFacts series_facts(const ObjectStore& store, const Instance& first) {
  SeriesFacts facts;
  if (const auto study = store.index().study(first.key->study_uid)) {
    const std::shared_lock lock{study->mutex};
    facts.study_description = study->attributes.value(tags::kStudyDescription);
    if (const auto series = study->series.find(first.key->series_uid); series != study->series.end()) {
      facts.modality = series->second.attributes.value(tags::kModality);
      facts.body_part = series->second.attributes.value(tags::kBodyPartExamined);
      facts.series_description = series->second.attributes.value(tags::kSeriesDescription);
    }
  }
  if (const auto entry = store.log().entry(first.record)) facts.calling_ae = entry->calling_ae;
  return facts;
}

std::size_t expected_objects(const ObjectStore& store, const Instance& first,
                             std::span<const RoutingRule* const> rules) {
  constexpr std::int64_t kMost = 1'000'000;
  const auto head = read_head(store, first);
  const auto said_in = [&](dicom::Tag tag) -> std::size_t {
    const auto value = head ? head->dataset.integer(tag) : std::nullopt;
    return value && *value > 0 && *value <= kMost ? static_cast<std::size_t>(*value) : 0;
  };
  const auto facts = series_facts(store, first);
  for (const RoutingRule* rule : rules) {
    if ((rule->expected == 0 && rule->expected_in == dicom::Tag{}) || !matches(*rule, facts)) continue;
    return rule->expected > 0 ? rule->expected : said_in(rule->expected_in);
  }
  return said_in(tags::kNumberOfSeriesRelatedInstances);
}

std::size_t objects_in(const Index& index, std::string_view study_uid, std::string_view series_uid) {
  const auto study = index.study(study_uid);
  if (!study) return 0;
  const std::shared_lock lock{study->mutex};
  const auto series = study->series.find(series_uid);
  return series == study->series.end() ? 0 : series->second.instances.size();
}

bool count_series(SeriesWatch& watch, const ObjectStore& store, std::span<const RoutingRule* const> rules) {
  bool complete = false;
  for (const auto& one : watch.take_uncounted()) {
    const auto instances = store.index().instances_of(one.study_uid, one.series_uid);
    if (instances.empty()) continue;
    const auto count = expected_objects(store, *instances.front(), rules);
    // More than announced: the announcement is not of this series, and quiet decides.
    if (count == 0 || instances.size() > count) continue;
    complete = watch.expect(one.series_uid, count, instances.size()) || complete;
    // Those that came while it was asked for.
    complete = watch.reached(one.series_uid, objects_in(store.index(), one.study_uid, one.series_uid)) || complete;
  }
  return complete;
}

bool end_series(SeriesWatch& watch, const Index& index, const contracts::PerformedStep& step, std::int64_t now_us,
                SteadyTime now) {
  bool complete = false;
  for (const auto& series : step.series) {
    // The study under which the objects are kept counts; the modality's word stands in until one is here.
    std::string study_uid = step.study_uids.empty() ? std::string{} : step.study_uids.front();
    for (const auto& uid : series.sop_instance_uids) {
      if (const auto kept = index.find(uid)) {
        study_uid = kept->key->study_uid;
        break;
      }
    }
    if (study_uid.empty() || series.sop_instance_uids.empty()) continue;
    watch.ends_with(study_uid, series.series_uid, series.sop_instance_uids, now_us, now);
    for (const auto& uid : series.sop_instance_uids) {
      if (index.find(uid)) complete = watch.arrived(series.series_uid, uid) || complete;
    }
  }
  return complete;
}

}  // namespace aceso::archive
