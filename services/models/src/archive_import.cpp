// Datasets of the node's own archive: the job that copies what a query finds and imports it.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "aceso/base/file.hpp"
#include "archive_images.hpp"
#include "archive_marks.hpp"
#include "csv_cell.hpp"
#include "dicom_source.hpp"
#include "impl.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxTable = std::uint64_t{64} << 20;

Status check_marks(const ArchiveQuery& query, const contracts::MarkSource* marks, const fs::path& labels,
                   const learn::ImportOptions& options) {
  if (query.marks.use == MarkUse::none) return {};
  if (marks == nullptr) return Error{Code::unsupported, "this node keeps no marks"};
  if (!labels.empty()) return Error{Code::invalid, "marks are the labels: leave the table out"};
  if (options.kind == "volume") return Error{Code::invalid, "marks make datasets of images, not of volumes"};
  return {};
}

Status write_labels(const ArchiveMarks::Labelled& labelled, const fs::path& file) {
  std::string table = "path,label\n";
  for (const auto& [path, label] : labelled.labels)
    table.append(csv_cell(path)).append(",").append(csv_cell(label)).append("\n");
  return write_file_atomic(file, std::string_view{table}, {.mode = 0600, .durable = false});
}

Json to_json(const ArchiveMarks::Counts& counts) {
  return {{"images", counts.images},
          {"marks", counts.marks},
          {"objects_without_marks", counts.unmarked},
          {"marked_by_several_left_out", counts.several_readers},
          {"several_frames_left_out", counts.several_frames},
          {"marked_after_ai", counts.after_ai},
          {"marked_after_ai_left_out", counts.after_ai_out},
          {"not_drawn_left_out", counts.undrawn}};
}

struct Cleanup {
  fs::path path;
  ~Cleanup() {
    std::error_code ec;
    fs::remove_all(path, ec);
  }
};

}  // namespace

void Models::use_archive(const contracts::ObjectSource& archive, const contracts::MarkSource* marks) {
  impl_->archive = &archive;
  impl_->marks = marks;
}

Result<Json> Models::import_from_archive(const Actor& actor, const contracts::Principal& who, const Json& query,
                                         const fs::path& labels, const learn::ImportOptions& options,
                                         const DicomOptions& dicom) {
  if (impl_->archive == nullptr) return Error{Code::unsupported, "this node has no archive"};
  if (!who.has("archive:read")) return Error{Code::denied, "the scope archive:read is needed"};
  ACESO_TRY_OK(check_import_options(options));
  ACESO_TRY_OK(check_dicom_options(dicom));
  if (!dicom.key_table.empty()) return Error{Code::invalid, "key_table: images of the archive are known by their UIDs"};
  ACESO_TRY(const ArchiveQuery parsed, parse_archive_query(query));
  ACESO_TRY_OK(check_marks(parsed, impl_->marks, labels, options));
  if (impl_->datasets.taken(options.name, ""))
    return Error{Code::exists, "there is a dataset " + options.name + " already"};
  fs::path kept;  // the table and the query name patients: they lie in a file of the service, not in the list of jobs
  const fs::path spool = impl_->context.folder / "spool" / impl_->context.new_id();
  if (!labels.empty()) {
    ACESO_TRY(const std::string table, read_text_file(labels, kMaxTable));
    kept = spool.string() + ".csv";
    ACESO_TRY_OK(write_file_atomic(kept, std::string_view{table}, {.mode = 0600}));
  }
  const fs::path asked = spool.string() + ".json";
  ACESO_TRY_OK(write_file_atomic(asked, dump(query), {.mode = 0600}));
  auto answer = impl_->submit(actor, "dataset-from-archive",
                              Json{{"name", options.name},
                                   {"query", asked.string()},
                                   {"labels", kept.string()},
                                   {"options", to_json(options)},
                                   {"dicom", to_json(dicom)}});
  if (!answer) {
    std::error_code ec;
    fs::remove(asked, ec);
    if (!kept.empty()) fs::remove(kept, ec);
  }
  return answer;
}

Result<Json> Models::Impl::run_archive_import(store::JobContext& job) {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  ACESO_TRY(learn::ImportOptions options, parse_import_options(input.value("options", Json::object())));
  ACESO_TRY(DicomOptions dicom, parse_dicom_options(input.value("dicom", Json::object())));
  const fs::path asked = input.value("query", std::string{}), labels = input.value("labels", std::string{});
  const Actor actor = actor_of(input, job.job());
  const Cleanup images{context.folder / "jobs" / job.job().id};
  std::error_code ec;
  fs::remove_all(images.path, ec);  // of an attempt that was cut off
  const auto import = [&]() -> Result<Json> {
    if (archive == nullptr) return Error{Code::unsupported, "this node has no archive"};
    ACESO_TRY(const std::string text, read_text_file(asked, kMaxTable));
    ACESO_TRY(const Json json, parse_own(text));
    ACESO_TRY(const ArchiveQuery query, parse_archive_query(json));
    contracts::ObjectPeer peer;
    peer.principal = {.id = actor.id, .name = actor.name, .scopes = {"archive:read"}};
    peer.source_address = actor.source_address;
    peer.request_id = job.job().id;
    JobProgress progress{job, context.clock};
    const bool drawn = query.marks.use != MarkUse::none;
    if (drawn && marks == nullptr) return Error{Code::unsupported, "this node keeps no marks"};
    ArchiveMarks chosen{query.marks};
    std::optional<MarksToTake> take;
    if (drawn) take.emplace(MarksToTake{*marks, chosen});
    ACESO_TRY(const CopiedImages copied,
              copy_images(*archive, peer, query, labels, images.path, progress, job.stop(), take ? &*take : nullptr));
    ArchiveMarks::Labelled labelled;
    if (drawn) {
      ACESO_TRY(labelled, chosen.finish(options.classes));
      ACESO_TRY_OK(write_labels(labelled, images.path / "labels.csv"));
      options.classes = labelled.classes;
      options.labels_csv = (images.path / "labels.csv").string();
      if (options.label_source.empty()) options.label_source = chosen.label_source();
    } else if (labels.empty()) {
      dicom.unlabelled = true;
    } else {
      options.labels_csv = (images.path / "labels.csv").string();
    }
    if (options.label_source.empty()) {
      options.label_source =
          labels.empty() ? "none: images of the node's archive" : "a table, for images of the node's archive";
    }
    ACESO_TRY(Json summary, datasets.import(actor, images.path, options, dicom, job.job().id, progress, job.stop(),
                                            labelled.drawn.empty() ? nullptr : &labelled.drawn));
    summary["archive"] = Json{{"studies", copied.studies},
                              {"series", copied.series},
                              {"objects", copied.objects},
                              {"own_results_left_out", copied.results},
                              {"series_not_in_the_table", copied.unlabelled}};
    if (drawn) summary["marks"] = to_json(chosen.counts());
    return summary;
  };
  Result<Json> done = import();
  const bool again = !done && done.error().code() == Code::cancelled && !job.cancelled();  // the node stops
  if (!again) {
    fs::remove(asked, ec);
    if (!labels.empty()) fs::remove(labels, ec);
  }
  return done;
}

}  // namespace aceso::models
