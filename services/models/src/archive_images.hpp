// Images of the node's own archive on their way into a dataset: series that a query finds are copied into a folder that
// the importer of DICOM files reads, with the table of labels turned into one of that folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/contracts/marks.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/models/models.hpp"
#include "archive_marks.hpp"

namespace aceso::models {

// Which series: everything that is given must match. Wildcards * and ? in texts.
struct ArchiveQuery {
  std::string modality;            // CT
  std::string date_from, date_to;  // of the study, YYYYMMDD; "": open
  std::string study_description, series_description, body_part;
  std::string patient_id, accession;  // identify patients: never in a message
  std::size_t max_objects = 100'000;
  MarkChoice marks;  // only images that somebody has marked
};
// {modality?, from?, to? (YYYY-MM-DD), study_description?, series_description?, body_part?, patient_id?, accession?,
// marks?: "labels", "boxes" or "outlines", marked_by?, before_ai?, max_objects?}; at least one of them but max_objects.
// Errors: invalid, naming the field.
Result<ArchiveQuery> parse_archive_query(const Json& json);

struct CopiedImages {
  std::size_t studies = 0, series = 0, objects = 0;
  std::size_t results = 0;     // series that this node's models wrote: never samples
  std::size_t unlabelled = 0;  // series found that the table does not name, or that nobody marked
};

// `labels`: CSV with the column accession_number, study_instance_uid, series_instance_uid or sop_instance_uid and the
// columns of other tables (label, patient, split); empty: none. Only what it names is copied then. `folder` is new and
// gets a folder a study, a folder a series in it, and labels.csv with the column path. Errors: not_found (nothing
// matches), too_large (more than max_objects), invalid (the table), exhausted, cancelled, denied.
// `marks`, with query.marks: only images that have marks that count are copied, and their marks are handed over; the
// table is empty then, and labels.csv is the caller's to write.
struct MarksToTake {
  const contracts::MarkSource& source;
  ArchiveMarks& marks;
};
Result<CopiedImages> copy_images(const contracts::ObjectSource& archive, const contracts::ObjectPeer& peer,
                                 const ArchiveQuery& query, const std::filesystem::path& labels,
                                 const std::filesystem::path& folder, ProgressSink& progress,
                                 const std::stop_token& stop, const MarksToTake* marks = nullptr);

}  // namespace aceso::models
