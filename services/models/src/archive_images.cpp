#include "archive_images.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "aceso/base/file.hpp"
#include "aceso/base/phi.hpp"
#include "aceso/learn/label_table.hpp"
#include "csv_cell.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
using contracts::ObjectSource;
using contracts::QueryLevel;

constexpr std::uint32_t kStudyDate = 0x00080020, kAccession = 0x00080050, kModality = 0x00080060,
                        kManufacturer = 0x00080070, kStudyDescription = 0x00081030, kSeriesDescription = 0x0008103E,
                        kPatientId = 0x00100020, kBodyPart = 0x00180015, kStudyUid = 0x0020000D,
                        kSeriesUid = 0x0020000E;
constexpr std::string_view kOwn = "Aceso";  // Manufacturer of what models of a node wrote
constexpr std::size_t kPage = 1000;
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxObject = std::uint64_t{4} << 30;
constexpr std::array<std::string_view, 4> kKeyColumns{"accession_number", "study_instance_uid", "series_instance_uid",
                                                      "sop_instance_uid"};

// "2026-03-31" as PS3.5 DA.
Result<std::string> date_of(const std::string& text, const char* field) {
  if (text.empty()) return std::string{};
  std::string out;
  for (const char c : text) {
    if (c >= '0' && c <= '9') out += c;
  }
  if (text.size() != 10 || out.size() != 8 || text[4] != '-' || text[7] != '-')
    return Error{Code::invalid, std::string{field} + ": a day as YYYY-MM-DD"};
  return out;
}

struct Series {
  std::string study, series, accession;
};

std::string value_of(const contracts::ObjectRow& row, std::uint32_t tag) {
  for (const auto& attribute : row) {
    if (attribute.tag == tag) return attribute.value.reveal(Reveal::to_algorithm);
  }
  return {};
}

contracts::ObjectQuery query_of(const ArchiveQuery& q) {
  contracts::ObjectQuery out{.level = QueryLevel::series};
  const auto key = [&](std::uint32_t tag, const std::string& value) {
    out.keys.push_back({.tag = tag, .value = Phi<std::string>{value}});
  };
  key(kStudyDate, q.date_from.empty() && q.date_to.empty() ? std::string{} : q.date_from + "-" + q.date_to);
  key(kAccession, q.accession);
  key(kModality, q.modality);
  key(kManufacturer, {});
  if (!q.study_description.empty()) key(kStudyDescription, q.study_description);
  if (!q.series_description.empty()) key(kSeriesDescription, q.series_description);
  if (!q.body_part.empty()) key(kBodyPart, q.body_part);
  if (!q.patient_id.empty()) key(kPatientId, q.patient_id);
  key(kStudyUid, {});
  key(kSeriesUid, {});
  out.limit = kPage;
  return out;
}

Result<std::vector<Series>> find_series(const ObjectSource& archive, const contracts::ObjectPeer& peer,
                                        const ArchiveQuery& query, CopiedImages& count, const std::stop_token& stop) {
  contracts::ObjectQuery asked = query_of(query);
  std::vector<Series> out;
  for (;;) {
    if (stop.stop_requested()) return Error{Code::cancelled, "import cancelled"};
    ACESO_TRY(const contracts::ObjectRows page, archive.find(peer, asked));
    if (!page.unmatched.empty()) return Error{Code::invalid, "the archive cannot search by one of these attributes"};
    for (const auto& row : page.rows) {
      if (value_of(row, kManufacturer) == kOwn) {
        ++count.results;
        continue;
      }
      out.push_back({value_of(row, kStudyUid), value_of(row, kSeriesUid), value_of(row, kAccession)});
    }
    if (!page.more) return out;
    asked.offset += page.rows.size();
  }
}

ProgressUpdate copying(std::size_t done, std::size_t total) {
  ProgressUpdate update;
  update.phase = "copying from the archive";
  update.done = done;
  update.total = total;
  return update;
}

std::string numbered(char letter, std::size_t n) {
  std::array<char, 24> text{};
  (void)std::snprintf(text.data(), text.size(), "%c%06zu", letter, n);
  return text.data();
}

Status copy_object(const ObjectSource& archive, const contracts::ObjectPeer& peer,
                   const contracts::StoredObject& object, const fs::path& file) {
  ACESO_TRY(const auto bytes, archive.open(peer, object.sop_instance_uid));
  const std::uint64_t size = bytes->object().bytes;
  if (size > kMaxObject) return Error{Code::too_large, "an object of the archive is larger than 4 GiB"};
  std::vector<std::byte> whole(static_cast<std::size_t>(size));
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    const auto n = static_cast<std::size_t>(std::min(kPiece, size - at));
    ACESO_TRY_OK(bytes->read(at, std::span{whole}.subspan(static_cast<std::size_t>(at), n)));
  }
  return write_file_atomic(file, std::span<const std::byte>{whole}, {.mode = 0600, .durable = false});
}

// Rows of the user's table that name what is copied, by the column that it has.
class Labels {
 public:
  static Result<Labels> read(const fs::path& file) {
    Labels out;
    if (file.empty()) return out;
    ACESO_TRY(out.table_, learn::read_label_table(file, kKeyColumns));
    for (const learn::LabelRow& row : out.table_->rows) {
      if (!out.rows_.try_emplace(row.key, &row).second) {
        return Error{Code::invalid, "table of labels, line " + std::to_string(row.line) + ": the same " +
                                        out.table_->key_column + " as in an earlier line"};
      }
    }
    return out;
  }
  bool given() const { return table_.has_value(); }
  bool by_object() const { return given() && table_->key_column == "sop_instance_uid"; }
  const learn::LabelRow* of(const Series& s) const {
    return find(table_->key_column == "accession_number"     ? s.accession
                : table_->key_column == "study_instance_uid" ? s.study
                                                             : s.series);
  }
  const learn::LabelRow* find(const std::string& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : found->second;
  }
  void add(const std::string& path, const learn::LabelRow& row) {
    text_ += csv_cell(path) + "," + csv_cell(row.label) + "," + csv_cell(row.patient) + "," +
             (row.split == learn::Split::train        ? "train"
              : row.split == learn::Split::validation ? "val"
              : row.split == learn::Split::test       ? "test"
                                                      : "") +
             "\n";
  }
  Status write(const fs::path& file) const {
    return write_file_atomic(file, std::string_view{text_}, {.mode = 0600, .durable = false});
  }

 private:
  std::optional<learn::LabelTable> table_;
  std::map<std::string, const learn::LabelRow*, std::less<>> rows_;
  std::string text_ = "path,label,patient,split\n";
};

}  // namespace

Result<ArchiveQuery> parse_archive_query(const Json& json) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "archive"));
  ArchiveQuery q;
  ACESO_TRY(q.modality, reader.text_or("modality", 16, {}));
  ACESO_TRY(const std::string from, reader.text_or("from", 10, {}));
  ACESO_TRY(q.date_from, date_of(from, "from"));
  ACESO_TRY(const std::string to, reader.text_or("to", 10, {}));
  ACESO_TRY(q.date_to, date_of(to, "to"));
  ACESO_TRY(q.study_description, reader.text_or("study_description", 64, {}));
  ACESO_TRY(q.series_description, reader.text_or("series_description", 64, {}));
  ACESO_TRY(q.body_part, reader.text_or("body_part", 16, {}));
  ACESO_TRY(q.patient_id, reader.text_or("patient_id", 64, {}));
  ACESO_TRY(q.accession, reader.text_or("accession", 16, {}));
  ACESO_TRY(const std::string marks, reader.text_or("marks", 16, {}));
  ACESO_TRY(q.marks.use, parse_mark_use(marks));
  ACESO_TRY(q.marks.reader, reader.text_or("marked_by", 64, {}));
  ACESO_TRY(q.marks.before_ai, reader.boolean_or("before_ai", false));
  if (q.marks.use == MarkUse::none && (!q.marks.reader.empty() || q.marks.before_ai))
    return Error{Code::invalid, "marked_by and before_ai belong to marks: say labels, boxes or outlines"};
  ACESO_TRY(const std::int64_t most,
            reader.integer_or("max_objects", static_cast<std::int64_t>(q.max_objects), 1, 10'000'000));
  q.max_objects = static_cast<std::size_t>(most);
  ACESO_TRY_OK(reader.done());
  const std::array given{&q.modality,           &q.date_from, &q.date_to,    &q.study_description,
                         &q.series_description, &q.body_part, &q.patient_id, &q.accession};
  if (q.marks.use == MarkUse::none && std::ranges::all_of(given, [](const std::string* text) { return text->empty(); }))
    return Error{Code::invalid, "archive: say which images: a modality, days, a description..."};
  return q;
}

Result<CopiedImages> copy_images(const ObjectSource& archive, const contracts::ObjectPeer& peer,
                                 const ArchiveQuery& query, const fs::path& labels_file, const fs::path& folder,
                                 ProgressSink& progress, const std::stop_token& stop, const MarksToTake* marks) {
  CopiedImages count;
  ACESO_TRY(Labels labels, Labels::read(labels_file));
  ACESO_TRY(const std::vector<Series> found, find_series(archive, peer, query, count, stop));
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot make a folder for the images: " + ec.message()};
  fs::permissions(folder, fs::perms::owner_all, ec);
  std::map<std::string, std::size_t> studies;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (stop.stop_requested()) return Error{Code::cancelled, "import cancelled"};
    progress.update(copying(i, found.size()));
    const Series& s = found[i];
    const learn::LabelRow* row = labels.given() && !labels.by_object() ? labels.of(s) : nullptr;
    if (labels.given() && !labels.by_object() && row == nullptr) {
      ++count.unlabelled;
      continue;
    }
    ACESO_TRY(const auto objects, archive.expand(peer, QueryLevel::series, Phi<std::string>{s.series}));
    const std::size_t study = studies.try_emplace(s.study, studies.size() + 1).first->second;
    const fs::path place = fs::path{numbered('s', study)} / numbered('r', i + 1);
    bool used = false;
    for (std::size_t k = 0; k < objects.size(); ++k) {
      if (objects[k].study_uid != s.study) continue;
      const learn::LabelRow* of_object = labels.by_object() ? labels.find(objects[k].sop_instance_uid) : nullptr;
      if (labels.by_object() && of_object == nullptr) continue;
      std::vector<contracts::ImageMark> drawn;
      if (marks != nullptr) {
        ACESO_TRY(auto standing, marks->source.marks_of(peer, objects[k].sop_instance_uid));
        drawn = marks->marks.choose(std::move(standing));
        if (drawn.empty()) continue;
      }
      if (count.objects >= query.max_objects) {
        return Error{Code::too_large, "more than " + std::to_string(query.max_objects) +
                                          " objects match: ask for fewer, or raise max_objects"};
      }
      if (stop.stop_requested()) return Error{Code::cancelled, "import cancelled"};
      if (!used) {
        fs::create_directories(folder / place, ec);
        if (ec) return Error{Code::internal, "cannot make a folder for the images: " + ec.message()};
        used = true;
      }
      const fs::path file = place / (numbered('i', k + 1) + ".dcm");
      const Status copied = copy_object(archive, peer, objects[k], folder / file);
      if (!copied && copied.error().code() == Code::not_found) continue;  // deleted meanwhile
      ACESO_TRY_OK(copied);
      ++count.objects;
      if (of_object != nullptr) labels.add(file.generic_string(), *of_object);
      if (marks != nullptr) marks->marks.add(file.generic_string(), std::move(drawn));
    }
    if (!used) {
      ++count.unlabelled;
      continue;
    }
    if (row != nullptr) labels.add(place.generic_string(), *row);
    ++count.series;
  }
  count.studies = studies.size();
  if (count.objects == 0) {
    if (marks != nullptr) return Error{Code::not_found, "no image that matches has marks that count"};
    return Error{Code::not_found, count.unlabelled > 0 ? "no image that matches is in the table of labels"
                                                       : "no image of the archive matches"};
  }
  if (labels.given()) ACESO_TRY_OK(labels.write(folder / "labels.csv"));
  return count;
}

}  // namespace aceso::models
