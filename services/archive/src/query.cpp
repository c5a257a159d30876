#include "query.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "matcher.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;

// The keys, sorted by the level at which they can be decided.
struct Plan {
  std::vector<Matcher> patient, study, series, image;
  std::optional<Matcher> modalities, sop_classes;
  std::vector<std::vector<Tag>> unmatched;
};

int depth_of(QueryLevel level) noexcept {
  return static_cast<int>(level);
}

void place(Plan& plan, Matcher matcher, QueryLevel wanted) {
  const Tag tag = matcher.path().front();
  if (matcher.universal()) return;
  if (tag == tags::kModalitiesInStudy && wanted != QueryLevel::patient) {
    plan.modalities = std::move(matcher);
    return;
  }
  if (tag == tags::kSOPClassesInStudy && wanted != QueryLevel::patient) {
    plan.sop_classes = std::move(matcher);
    return;
  }
  const auto level = level_of(tag);
  if (!level || depth_of(*level) > depth_of(wanted)) {
    plan.unmatched.push_back(matcher.path());
    return;
  }
  switch (*level) {
    case QueryLevel::patient:
      plan.patient.push_back(std::move(matcher));
      break;
    case QueryLevel::study:
      plan.study.push_back(std::move(matcher));
      break;
    case QueryLevel::series:
      plan.series.push_back(std::move(matcher));
      break;
    case QueryLevel::image:
      plan.image.push_back(std::move(matcher));
      break;
  }
}

bool all_match(const std::vector<Matcher>& matchers, const Attributes& attributes) {
  return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(attributes); });
}

const Matcher* key_of(const std::vector<Matcher>& matchers, Tag tag) {
  const auto at =
      std::ranges::find_if(matchers, [&](const Matcher& m) { return m.path().size() == 1 && m.path().front() == tag; });
  return at == matchers.end() ? nullptr : &*at;
}

// Walks what may match and keeps the page that was asked for.
class Searcher {
 public:
  Searcher(const Index& index, const Search& wanted, Plan plan)
      : index_{index}, wanted_{wanted}, plan_{std::move(plan)} {}

  SearchResult run() {
    if (const auto chosen = candidates()) {
      for (const auto& study : *chosen) {
        if (!visit(study)) break;
      }
    } else {
      index_.each_study([&](const StudyPtr& study) { return visit(study); });
    }
    result_.unmatched = std::move(plan_.unmatched);
    return std::move(result_);
  }

 private:
  // By UID or by a value the index is sorted by; nullopt: all.
  std::optional<std::vector<StudyPtr>> candidates() const {
    std::vector<StudyPtr> out;
    const auto add = [&](std::string_view uid) {
      if (auto study = index_.study(uid); study && std::ranges::find(out, study) == out.end())
        out.push_back(std::move(study));
    };
    if (const auto* uids = key_of(plan_.study, tags::kStudyInstanceUID)) {
      for (const auto& uid : uids->list()) add(uid);
    } else if (const auto* sops = key_of(plan_.image, tags::kSOPInstanceUID)) {
      for (const auto& uid : sops->list()) {
        if (const auto instance = index_.find(uid)) add(instance->key->study_uid);
      }
    } else if (const auto* id = key_of(plan_.patient, tags::kPatientID); id != nullptr && id->exact()) {
      return index_.of_patient(*id->exact());
    } else if (const auto* number = key_of(plan_.study, tags::kAccessionNumber); number != nullptr && number->exact()) {
      return index_.of_accession(*number->exact());
    } else {
      return std::nullopt;
    }
    std::ranges::sort(out, {}, [](const StudyPtr& study) -> const std::string& { return study->order; });
    return out;
  }

  bool visit(const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    if (study->gone || study->series.empty()) return true;
    if (!all_match(plan_.patient, study->patient) || !all_match(plan_.study, study->attributes)) return true;
    if (!holds_modality(*study) || !holds_class(*study)) return true;
    if (wanted_.level == QueryLevel::patient) {
      auto id = std::pair{std::string{study->patient.value(tags::kPatientID)},
                          std::string{study->patient.value(tags::kIssuerOfPatientID)}};
      if (!patients_.insert(std::move(id)).second) return true;
      return take(*study, nullptr, nullptr);
    }
    if (wanted_.level == QueryLevel::study) return take(*study, nullptr, nullptr);
    for (const auto& [uid, series] : study->series) {
      if (!all_match(plan_.series, series.attributes)) continue;
      if (wanted_.level == QueryLevel::series) {
        if (!take(*study, &series, nullptr)) return false;
        continue;
      }
      for (const auto& instance : series.instances) {
        if (all_match(plan_.image, instance->image) && !take(*study, &series, &instance)) return false;
      }
    }
    return true;
  }

  bool holds_modality(const Study& study) const {
    if (!plan_.modalities) return true;
    return std::ranges::any_of(study.series, [&](const auto& one) {
      return plan_.modalities->matches_value(one.second.attributes.value(tags::kModality));
    });
  }
  bool holds_class(const Study& study) const {
    if (!plan_.sop_classes) return true;
    return std::ranges::any_of(study.series, [&](const auto& one) {
      return std::ranges::any_of(one.second.instances, [&](const InstancePtr& instance) {
        return plan_.sop_classes->matches_value(instance->sop_class_uid);
      });
    });
  }

  // False: the page is full.
  bool take(const Study& study, const Series* series, const InstancePtr* instance) {
    if (seen_++ < wanted_.offset) return true;
    if (result_.matches.size() >= wanted_.limit) {
      result_.more = true;
      return false;
    }
    Match match;
    match.level = wanted_.level;
    match.patient = study.patient;
    match.study_uid = study.uid;
    match.study = study.attributes;
    match.study_series = study.series.size();
    match.study_instances = study.instances;
    for (const auto& [uid, one] : study.series) {
      match.modalities.emplace(one.attributes.value(tags::kModality));
      if (!match.image && !one.instances.empty()) match.image = one.instances.front();
      if (wanted_.level != QueryLevel::study) continue;
      for (const auto& each : one.instances) {
        if (match.sop_classes.empty() || *match.sop_classes.rbegin() != each->sop_class_uid)
          match.sop_classes.emplace(each->sop_class_uid);
      }
    }
    if (series != nullptr) {
      match.series_uid = series->key->series_uid;
      match.series = series->attributes;
      match.series_instances = series->instances.size();
      if (!series->instances.empty()) match.image = series->instances.front();
    }
    if (instance != nullptr) match.image = *instance;
    result_.matches.push_back(std::move(match));
    return true;
  }

  const Index& index_;
  const Search& wanted_;
  Plan plan_;
  SearchResult result_;
  std::size_t seen_ = 0;
  std::set<std::pair<std::string, std::string>> patients_;
};

std::string join(const std::set<std::string>& values) {
  std::string out;
  for (const auto& value : values) {
    if (!value.empty()) out += (out.empty() ? "" : "\\") + value;
  }
  return out;
}

std::string of_patient(const Index& index, const Match& match, Tag tag) {
  std::size_t studies = 0;
  std::size_t series = 0;
  std::size_t instances = 0;
  const auto id = match.patient.value(tags::kPatientID);
  for (const auto& study : index.of_patient(id)) {
    const std::shared_lock lock{study->mutex};
    if (study->gone || study->patient.value(tags::kPatientID) != id) continue;
    ++studies;
    series += study->series.size();
    instances += study->instances;
  }
  if (tag == tags::kNumberOfPatientRelatedStudies) return std::to_string(studies);
  return std::to_string(tag == tags::kNumberOfPatientRelatedSeries ? series : instances);
}

std::optional<std::string> computed(const Index& index, const Match& match, Tag tag) {
  if (tag == tags::kNumberOfPatientRelatedStudies || tag == tags::kNumberOfPatientRelatedSeries ||
      tag == tags::kNumberOfPatientRelatedInstances)
    return of_patient(index, match, tag);
  if (match.level == QueryLevel::patient) return std::nullopt;
  if (tag == tags::kModalitiesInStudy) return join(match.modalities);
  if (tag == tags::kSOPClassesInStudy) return join(match.sop_classes);
  if (tag == tags::kNumberOfStudyRelatedSeries) return std::to_string(match.study_series);
  if (tag == tags::kNumberOfStudyRelatedInstances) return std::to_string(match.study_instances);
  if (tag == tags::kInstanceAvailability) return "ONLINE";
  if (match.level == QueryLevel::study) return std::nullopt;
  if (tag == tags::kNumberOfSeriesRelatedInstances) return std::to_string(match.series_instances);
  if (tag == tags::kAvailableTransferSyntaxUID && match.level == QueryLevel::image)
    return std::string{match.image->transfer_syntax_uid};
  return std::nullopt;
}

}  // namespace

Result<SearchResult> search(const Index& index, const Search& wanted) {
  Plan plan;
  for (const auto& key : wanted.keys) {
    if (key.path.empty()) continue;
    ACESO_TRY(auto matcher, Matcher::create(key.path, key.value, wanted.fuzzy_names));
    place(plan, std::move(matcher), wanted.level);
  }
  return Searcher{index, wanted, std::move(plan)}.run();
}

std::optional<std::string> value_of(const Index& index, const Match& match, Tag tag) {
  if (is_computed(tag)) return computed(index, match, tag);
  const auto level = level_of(tag);
  if (!level || depth_of(*level) > depth_of(match.level)) return std::nullopt;
  const Attributes* from = &match.patient;
  if (*level == QueryLevel::study) from = &match.study;
  if (*level == QueryLevel::series) from = &match.series;
  if (*level == QueryLevel::image) from = &match.image->image;
  const auto value = from->find(tag);
  return value ? std::optional<std::string>{*value} : std::nullopt;
}

}  // namespace aceso::archive
