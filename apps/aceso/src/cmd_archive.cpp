// aceso archive: DICOM files in and out, studies looked for, shown and deleted.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "aceso/base/file.hpp"
#include "archive_commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kBatch = kImportBatch;
constexpr std::size_t kPage = 500;  // studies of one request
constexpr std::size_t kShownRefusals = 20;

// Regular files, also below folders, in a stable order. Links are not followed.
Result<std::vector<fs::path>> files_of(const std::vector<fs::path>& sources) {
  std::vector<fs::path> out;
  for (const auto& source : sources) {
    std::error_code ec;
    if (fs::is_directory(source, ec)) {
      for (fs::recursive_directory_iterator at{source, fs::directory_options::skip_permission_denied, ec}, end;
           !ec && at != end; at.increment(ec)) {
        if (at->is_regular_file(ec) && !at->is_symlink(ec)) out.push_back(fs::absolute(at->path(), ec));
      }
    } else if (fs::is_regular_file(source, ec)) {
      out.push_back(fs::absolute(source, ec));
    } else {
      return Error{Code::not_found, "no such file or folder: " + source.string()};
    }
  }
  std::ranges::sort(out);
  return out;
}

void print_refusals(const Context& context, const Json& refused) {
  std::map<std::string, std::size_t> reasons;
  for (const auto& one : refused) ++reasons[one.value("code", "") + ": " + one.value("message", "")];
  for (const auto& [reason, count] : reasons) context.print("refused " + std::to_string(count) + ": " + reason);
  for (std::size_t i = 0; i < std::min(kShownRefusals, refused.size()); ++i)
    context.print("  " + refused[i].value("path", ""));
  if (refused.size() > kShownRefusals)
    context.print("  and " + std::to_string(refused.size() - kShownRefusals) + " more: --json lists all");
}

Status import_all(Context& context, const std::vector<fs::path>& sources) {
  ACESO_TRY(const auto files, files_of(sources));
  if (files.empty()) return Error{Code::invalid, "there are no files to import"};
  ACESO_TRY(Api * api, context.api());
  const auto bar = context.progress();
  ImportTotals totals;
  std::size_t done = 0;
  for (; done < files.size() && !context.interrupted().stop_requested(); done = std::min(done + kBatch, files.size())) {
    ACESO_TRY_OK(import_batch(*api, files, done, totals));
    bar->update(
        {.phase = "import",
         .done = std::min(done + kBatch, files.size()),
         .total = files.size(),
         .values = {{"stored", std::to_string(totals.stored)}, {"refused", std::to_string(totals.refused.size())}}});
  }
  bar->finish("");
  if (context.json) {
    context.print_json(Json{{"files", files.size()},
                            {"stored", totals.stored},
                            {"duplicates", totals.duplicates},
                            {"bytes", totals.bytes},
                            {"refused", totals.refused}});
  } else {
    context.print("stored " + std::to_string(totals.stored) + ", already there " + std::to_string(totals.duplicates) +
                  ", refused " + std::to_string(totals.refused.size()));
    print_refusals(context, totals.refused);
  }
  if (done < files.size()) return Error{Code::cancelled, "interrupted; what was stored stays: import again to go on"};
  if (!totals.refused.empty()) context.exit_status = kFailed;
  return {};
}

struct QueryArguments {
  std::string patient_id, name, date, accession, modality, description;
  std::size_t limit = 100, offset = 0;
};

Status query(Context& context, const QueryArguments& a) {
  ACESO_TRY(Api * api, context.api());
  std::string target = "/dicom-web/studies?limit=" + std::to_string(a.limit) + "&offset=" + std::to_string(a.offset);
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) target += std::string{"&"} + key + "=" + url_encode(value);
  };
  add("PatientID", a.patient_id);
  add("PatientName", a.name);
  add("StudyDate", a.date);
  add("AccessionNumber", a.accession);
  add("ModalitiesInStudy", a.modality);
  add("StudyDescription", a.description);
  ACESO_TRY(const auto studies, qido(*api, target));
  if (context.json) {
    context.print_json(Json(studies));
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& s : studies)
    rows.push_back({value_of(s, "00080020"), value_of(s, "00100010"), value_of(s, "00100020"), value_of(s, "00080061"),
                    value_of(s, "00081030"), value_of(s, "00201206"), value_of(s, "00201208"),
                    value_of(s, "0020000D")});
  if (rows.empty()) {
    context.print("no study matches");
    return {};
  }
  context.print(format_table(
      {"DATE", "NAME", "PATIENT ID", "MODALITIES", "DESCRIPTION", "SERIES", "OBJECTS", "STUDY UID"}, rows));
  if (rows.size() == a.limit) context.print("there may be more: --offset " + std::to_string(a.offset + a.limit));
  return {};
}

Status show(Context& context, const std::string& study) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const auto found, qido(*api, "/dicom-web/studies?includefield=all&StudyInstanceUID=" + url_encode(study)));
  if (found.empty()) return Error{Code::not_found, "there is no such study"};
  ACESO_TRY(const auto series, qido(*api, "/dicom-web/studies/" + url_encode(study) + "/series?includefield=all"));
  if (context.json) {
    context.print_json(Json{{"study", found.front()}, {"series", series}});
    return {};
  }
  const Json& s = found.front();
  context.print("study        " + value_of(s, "0020000D") + "\npatient      " + value_of(s, "00100010") + " (" +
                value_of(s, "00100020") + ", born " + value_of(s, "00100030") + ", " + value_of(s, "00100040") +
                ")\ndate         " + value_of(s, "00080020") + " " + value_of(s, "00080030") + "\naccession    " +
                value_of(s, "00080050") + "\ndescription  " + value_of(s, "00081030") + "\n");
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : series)
    rows.push_back({value_of(one, "00200011"), value_of(one, "00080060"), value_of(one, "0008103E"),
                    value_of(one, "00180015"), value_of(one, "00201209"), value_of(one, "0020000E")});
  context.print(format_table({"SERIES", "MODALITY", "DESCRIPTION", "BODY PART", "OBJECTS", "SERIES UID"}, rows));
  return {};
}

Result<std::vector<std::string>> studies_to_export(Api& api, const std::string& study) {
  if (!study.empty()) return std::vector<std::string>{study};
  std::vector<std::string> out;
  for (;;) {
    ACESO_TRY(const auto page,
              qido(api, "/dicom-web/studies?limit=" + std::to_string(kPage) + "&offset=" + std::to_string(out.size())));
    for (const auto& one : page) out.push_back(value_of(one, "0020000D"));
    if (page.size() < kPage) return out;
  }
}

Status export_studies(Context& context, const std::string& study, const fs::path& folder) {
  std::error_code ec;
  const auto target = fs::absolute(folder, ec);
  if (fs::exists(target, ec) && !fs::is_empty(target, ec))
    return Error{Code::invalid, "the folder is not empty: " + folder.string()};
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const auto studies, studies_to_export(*api, study));
  const auto bar = context.progress();
  Json index = Json::array();
  std::size_t files = 0;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    if (context.interrupted().stop_requested()) return Error{Code::cancelled, "interrupted; the export is incomplete"};
    auto name = std::to_string(i + 1);
    name.insert(0, name.size() < 6 ? 6 - name.size() : 0, '0');
    ACESO_TRY(Json done, api->call(net::Method::post, "/api/v1/local/archive/export",
                                   Json{{"folder", (target / name).string()}, {"study", studies[i]}}));
    done["folder"] = name;
    files += done.at("files").size();
    index.push_back(std::move(done));
    bar->update(
        {.phase = "export", .done = i + 1, .total = studies.size(), .values = {{"files", std::to_string(files)}}});
  }
  bar->finish("");
  fs::create_directories(target, ec);
  ACESO_TRY_OK(write_file_atomic(target / "index.json", index.dump(1)));
  if (context.json)
    context.print_json(Json{{"studies", studies.size()}, {"files", files}, {"folder", target.string()}});
  else
    context.print("exported " + std::to_string(files) + " files of " + std::to_string(studies.size()) +
                  " studies; which is which: " + (folder / "index.json").string());
  return {};
}

struct DeleteArguments {
  std::string study, series, instance;
  bool yes = false;
};

Status remove(Context& context, const DeleteArguments& a) {
  if (!a.yes) return Error{Code::invalid, "this cannot be undone: add --yes"};
  if (!a.instance.empty() && a.series.empty()) return Error{Code::invalid, "--instance needs --series"};
  std::string target = "/dicom-web/studies/" + url_encode(a.study);
  if (!a.series.empty()) target += "/series/" + url_encode(a.series);
  if (!a.instance.empty()) target += "/instances/" + url_encode(a.instance);
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json answer, api->call(net::Method::del, target, Json(nullptr)));
  (void)answer;
  if (context.json)
    context.print_json(Json{{"deleted", true}});
  else
    context.print("deleted");
  return {};
}

void add_import(CLI::App& group, Context& context) {
  auto* import = group.add_subcommand("import", "Store DICOM files and folders");
  auto sources = std::make_shared<std::vector<fs::path>>();
  import->add_option("SOURCE", *sources, "Files, or folders with everything below them")->required();
  import->footer(
      "What is no DICOM object, or stands under a taken UID with other bytes, is refused with its reason; exit status "
      "1 "
      "then. The same bytes again change nothing.\n\nExample:\n  aceso archive import /media/cdrom");
  on_run(import, context, [&context, sources] { return import_all(context, *sources); });
}

void add_query(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("query", "List studies, the newest first");
  auto a = std::make_shared<QueryArguments>();
  command->add_option("--patient-id", a->patient_id, "Patient ID; * and ? are wildcards");
  command->add_option("--name", a->name, "Patient's name; * and ? are wildcards, case does not matter");
  command->add_option("--date", a->date, "Study date: 20240131, 20240101-20240131, -20240131 or 20240101-");
  command->add_option("--accession", a->accession, "Accession number");
  command->add_option("--modality", a->modality, "Modalities, separated by commas: CT,MR");
  command->add_option("--description", a->description, "Study description; * and ? are wildcards");
  command->add_option("--limit", a->limit, "Studies at most")->check(CLI::Range(1, 10000))->capture_default_str();
  command->add_option("--offset", a->offset, "Studies to skip")->capture_default_str();
  command->footer("Example:\n  aceso archive query --name 'doe*' --date 20240101-");
  on_run(command, context, [&context, a] { return query(context, *a); });
}

void add_export(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("export", "Write objects as files, byte for byte as they are kept");
  auto study = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  auto folder = std::make_shared<fs::path>();
  auto* one = command->add_option("--study", *study, "Study Instance UID");
  auto* every = command->add_flag("--all", *all, "Every study");
  one->excludes(every);
  command->add_option("FOLDER", *folder, "New or empty folder")->required();
  command->footer(
      "Folders and files are numbered; index.json says which is which.\n\nExample:\n  aceso archive export "
      "--all /backup/images");
  on_run(command, context, [&context, study, all, folder]() -> Status {
    if (study->empty() && !*all) return Error{Code::invalid, "say --all or --study UID"};
    return export_studies(context, *study, *folder);
  });
}

}  // namespace

std::string value_of(const Json& object, const char* tag) {
  const auto element = object.find(tag);
  if (element == object.end() || !element->contains("Value")) return {};
  std::string out;
  for (const auto& value : element->at("Value")) {
    std::string text;
    if (value.is_string()) text = value.get<std::string>();
    if (value.is_number()) text = value.dump();
    if (value.is_object()) text = value.value("Alphabetic", value.value("Ideographic", ""));
    if (!text.empty()) out += (out.empty() ? "" : ", ") + text;
  }
  return out;
}

Result<std::vector<Json>> qido(Api& api, const std::string& target) {
  net::ClientRequest request;
  request.target = target;
  request.headers.set("Accept", "application/dicom+json");
  ACESO_TRY(const auto answer, api.send(request));
  if (answer.status == 204) return std::vector<Json>{};
  ACESO_TRY(const Json list, answer.json());
  if (!list.is_array()) return Error{Code::internal, "the node's answer is no list"};
  return std::vector<Json>{list.begin(), list.end()};
}

Status import_batch(Api& api, const std::vector<fs::path>& files, std::size_t first, ImportTotals& totals) {
  Json paths = Json::array();
  for (std::size_t i = first; i < std::min(first + kBatch, files.size()); ++i) paths.push_back(files[i].string());
  ACESO_TRY(const Json answer, api.call(net::Method::post, "/api/v1/local/archive/import", Json{{"paths", paths}}));
  for (const auto& result : answer.at("results")) {
    const auto outcome = result.value("outcome", "");
    totals.bytes += result.value("bytes", std::uint64_t{0});
    if (outcome == "stored") ++totals.stored;
    if (outcome == "duplicate") ++totals.duplicates;
    if (outcome == "refused") totals.refused.push_back(result);
  }
  return {};
}

void add_archive(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("archive", "Import, find, show, export and delete DICOM objects");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  aceso archive import /media/cdrom\n  aceso archive query --modality CT --date 20240101-\n  aceso "
      "archive export --all /backup/images");
  add_import(*group, context);
  add_query(*group, context);
  add_export(*group, context);
  add_archive_analyses(*group, context);
  add_archive_worklist(*group, context);
  add_archive_pull(*group, context);
  add_archive_priors(*group, context);

  auto* shown = group->add_subcommand("show", "Show a study and its series");
  auto uid = std::make_shared<std::string>();
  shown->add_option("STUDY", *uid, "Study Instance UID (aceso archive query lists them)")->required();
  on_run(shown, context, [&context, uid] { return show(context, *uid); });

  auto* removed = group->add_subcommand("delete", "Delete a study, a series or an instance");
  auto a = std::make_shared<DeleteArguments>();
  removed->add_option("STUDY", a->study, "Study Instance UID")->required();
  removed->add_option("--series", a->series, "Only this series");
  removed->add_option("--instance", a->instance, "Only this SOP Instance UID of the series");
  removed->add_flag("--yes", a->yes, "Do it");
  on_run(removed, context, [&context, a] { return remove(context, *a); });
}

}  // namespace aceso::app
