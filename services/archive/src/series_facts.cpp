#include "series_facts.hpp"

#include <mutex>
#include <shared_mutex>

#include "aceso/dicom/tags.hpp"

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

}  // namespace aceso::archive
