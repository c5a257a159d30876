// aceso dicom: calling other DICOM nodes (SCU): echo, store, find, worklist, move, get.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dimse/client.hpp"
#include "context.hpp"
#include "dicom_peer.hpp"

namespace aceso::app {
namespace {

using contracts::ObjectQuery;
using contracts::QueryLevel;
using dimse::InformationModel;

Status echo(Context& context, const PeerArguments& a) {
  ACESO_TRY(const auto client, connect(context, a));
  ACESO_TRY(const auto took, client->echo());
  const double ms = static_cast<double>(took.count()) / 1000.0;
  if (context.json) {
    context.print_json({{"ok", true}, {"milliseconds", ms}});
  } else {
    context.print(a.peer + " answers in " + std::to_string(ms) + " ms");
  }
  return {};
}

// Files as they are, folders with everything below them.
Result<std::vector<std::filesystem::path>> files_of(const std::vector<std::filesystem::path>& sources) {
  std::vector<std::filesystem::path> files;
  std::error_code ec;
  for (const auto& source : sources) {
    if (!std::filesystem::exists(source, ec)) {
      return Error{Code::not_found, "no such file or folder: " + source.string()};
    }
    if (!std::filesystem::is_directory(source, ec)) {
      files.push_back(source);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator{source, ec}) {
      if (entry.is_regular_file(ec)) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

std::string hex_of(dimse::StatusCode status) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04X", status);
  return text.data();
}

struct StoreArguments {
  PeerArguments peer;
  std::vector<std::filesystem::path> sources;
};

Status store(Context& context, const StoreArguments& a) {
  ACESO_TRY(const auto all, files_of(a.sources));
  std::vector<std::filesystem::path> files;
  std::vector<contracts::StoredObject> objects;
  Json failed = Json::array();
  for (const auto& file : all) {
    if (const auto object = dimse::open_file(file)) {
      files.push_back(file);
      objects.push_back((*object)->object());
    } else {
      failed.push_back({{"file", file.string()}, {"reason", object.error().message()}});
    }
  }
  std::size_t stored = 0;
  const auto progress = context.progress();
  if (!objects.empty()) {
    ACESO_TRY(const auto client, connect(context, a.peer));
    ACESO_TRY_OK(client->store(
        objects, [&](std::size_t index) { return dimse::open_file(files[index]); },
        [&](const dimse::Client::Stored& one) {
          if (one.status == dimse::kSuccess || dimse::is_warning(one.status)) {
            ++stored;
          } else {
            failed.push_back({{"file", files[one.index].string()},
                              {"status", hex_of(one.status)},
                              {"reason", std::string{dimse::meaning(one.status)}}});
          }
          progress->update({.phase = "store", .done = one.index + 1, .total = objects.size(), .values = {}});
        }));
  }
  if (context.json) {
    context.print_json({{"stored", stored}, {"failed", failed}});
  } else {
    for (const auto& f : failed) {
      context.print("not stored: " + f.at("file").get<std::string>() + ": " + f.value("status", "") +
                    (f.contains("status") ? " " : "") + f.at("reason").get<std::string>());
    }
    context.print("stored " + std::to_string(stored) + " of " + std::to_string(all.size()));
  }
  if (!failed.empty()) context.exit_status = kFailed;
  return {};
}

struct FindArguments {
  PeerArguments peer;
  std::string level = "study";
  std::vector<std::string> keys;
  std::size_t limit = 1000;
};

Result<ObjectQuery> query_of(const FindArguments& a) {
  ObjectQuery query;
  const auto add = [&query](std::string_view name, std::string_view value) -> Status {
    const auto tag = dicom::parse_tag(name);
    if (!tag) return Error{Code::invalid, "no attribute of DICOM: " + std::string{name}};
    std::erase_if(query.keys, [&](const contracts::QueryKey& key) { return key.tag == tag->value(); });
    query.keys.push_back({tag->value(), Phi<std::string>{std::string{value}}});
    return {};
  };
  std::vector<std::string_view> shown;
  if (a.level == "patient") {
    query.level = QueryLevel::patient;
    shown = {"PatientID", "PatientName", "PatientBirthDate"};
  } else if (a.level == "study") {
    query.level = QueryLevel::study;
    shown = {"PatientID", "PatientName", "StudyDate", "StudyDescription", "StudyInstanceUID"};
  } else if (a.level == "series") {
    query.level = QueryLevel::series;
    shown = {"Modality", "SeriesNumber", "SeriesDescription", "StudyInstanceUID", "SeriesInstanceUID"};
  } else {
    query.level = QueryLevel::image;
    shown = {"InstanceNumber", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"};
  }
  for (const auto name : shown) ACESO_TRY_OK(add(name, ""));
  for (const auto& key : a.keys) {
    const auto equals = key.find('=');
    ACESO_TRY_OK(add(key.substr(0, equals), equals == std::string::npos ? "" : key.substr(equals + 1)));
  }
  return query;
}

std::string name_of(std::uint32_t value) {
  const dicom::Tag tag{static_cast<std::uint16_t>(value >> 16), static_cast<std::uint16_t>(value)};
  const auto name = dicom::keyword(tag);
  return name.empty() ? dicom::to_hex(tag) : std::string{name};
}

void add_row(Json& match, const contracts::ObjectRow& row) {
  for (const auto& attribute : row) match[name_of(attribute.tag)] = attribute.value.reveal(Reveal::to_authorised_user);
}

// `shown`: the columns.
void print_matches(Context& context, const Json& matches, const std::vector<contracts::QueryKey>& shown) {
  if (context.json) {
    context.print_json({{"matches", matches}});
    return;
  }
  std::vector<std::string> header;
  for (const auto& key : shown) header.push_back(name_of(key.tag));
  std::vector<std::vector<std::string>> rows;
  for (const auto& match : matches) {
    auto& row = rows.emplace_back();
    for (const auto& name : header) row.push_back(match.value(name, ""));
  }
  context.print(rows.empty() ? "nothing matches" : format_table(header, rows));
}

Status find(Context& context, const FindArguments& a) {
  ACESO_TRY(const auto query, query_of(a));
  ACESO_TRY(const auto client, connect(context, a.peer));
  Json matches = Json::array();
  const auto model = query.level == QueryLevel::patient ? InformationModel::patient_root : InformationModel::study_root;
  ACESO_TRY_OK(client->find(model, query, [&](const contracts::ObjectRow& row) {
    add_row(matches.emplace_back(Json::object()), row);
    return matches.size() < a.limit;
  }));
  print_matches(context, matches, query.keys);
  return {};
}

struct WorklistArguments {
  PeerArguments peer;
  std::string station, modality, date, patient_id;
  std::size_t limit = 1000;
};

Status worklist(Context& context, const WorklistArguments& a) {
  const auto key = [](std::uint32_t tag, const std::string& value = {}) {
    return contracts::QueryKey{tag, Phi<std::string>{value}};
  };
  const std::vector keys{key(0x00100010), key(0x00100020, a.patient_id),
                         key(0x00080050), key(0x0020000D),
                         key(0x00401001), key(0x00321060)};
  const std::vector step_keys{key(0x00400001, a.station),
                              key(0x00080060, a.modality),
                              key(0x00400002, a.date),
                              key(0x00400003),
                              key(0x00400007),
                              key(0x00400009)};
  ACESO_TRY(const auto client, connect(context, a.peer));
  Json matches = Json::array();
  ACESO_TRY_OK(client->worklist(keys, step_keys, [&](const contracts::WorklistItem& item) {
    Json& match = matches.emplace_back(Json::object());
    add_row(match, item.attributes);
    add_row(match, item.step);
    return matches.size() < a.limit;
  }));
  auto shown = keys;
  shown.insert(shown.end(), step_keys.begin(), step_keys.end());
  print_matches(context, matches, shown);
  return {};
}

struct RetrieveArguments {
  PeerArguments peer;
  std::string patient, study, series, instance, destination;
  std::filesystem::path folder;
};

void add_what(CLI::App* command, RetrieveArguments& a) {
  command->add_option("--study", a.study, "Study instance UID");
  command->add_option("--series", a.series, "Series instance UID: this series only");
  command->add_option("--instance", a.instance, "SOP instance UID: this object only");
  command->add_option("--patient", a.patient, "Patient ID: everything of this patient");
}

Result<ObjectQuery> keys_of(const RetrieveArguments& a) {
  ObjectQuery query;
  const auto add = [&](std::uint32_t tag, const std::string& value, QueryLevel level) {
    if (value.empty()) return;
    query.keys.push_back({tag, Phi<std::string>{value}});
    query.level = level;
  };
  add(0x00100020, a.patient, QueryLevel::patient);
  add(0x0020000D, a.study, QueryLevel::study);
  add(0x0020000E, a.series, QueryLevel::series);
  add(0x00080018, a.instance, QueryLevel::image);
  if (query.keys.empty()) return Error{Code::invalid, "say what: --study, --series, --instance or --patient"};
  return query;
}

Status report(Context& context, const dimse::Progress& end) {
  if (context.json) {
    context.print_json({{"completed", end.completed}, {"failed", end.failed}, {"warning", end.warning}});
  } else {
    context.print(std::to_string(end.completed) + " sent, " + std::to_string(end.failed) + " failed, " +
                  std::to_string(end.warning) + " with a warning");
  }
  if (end.failed != 0) context.exit_status = kFailed;
  return {};
}

std::function<bool(const dimse::Progress&)> shown(ProgressSink& sink, std::string phase) {
  return [&sink, phase = std::move(phase)](const dimse::Progress& now) {
    const std::uint64_t done = std::uint64_t{now.completed} + now.failed + now.warning;
    sink.update({.phase = phase, .done = done, .total = now.remaining ? done + *now.remaining : 0, .values = {}});
    return true;
  };
}

InformationModel model_of(const ObjectQuery& query) {
  return query.level == QueryLevel::patient ? InformationModel::patient_root : InformationModel::study_root;
}

Status move(Context& context, const RetrieveArguments& a) {
  ACESO_TRY(const auto keys, keys_of(a));
  ACESO_TRY(const auto client, connect(context, a.peer));
  const auto progress = context.progress();
  ACESO_TRY(const auto end, client->move(model_of(keys), keys, a.destination, shown(*progress, "move")));
  return report(context, end);
}

Status get(Context& context, const RetrieveArguments& a) {
  ACESO_TRY(const auto keys, keys_of(a));
  std::error_code ec;
  std::filesystem::create_directories(a.folder, ec);
  if (ec) return Error{Code::denied, "the folder cannot be made: " + a.folder.string()};
  ACESO_TRY(const auto client, connect(context, a.peer));
  FolderSink sink{a.folder};
  const contracts::ObjectPeer as{.calling_ae = a.peer.calling_ae,
                                 .called_ae = a.peer.peer.substr(0, a.peer.peer.find('@'))};
  const auto progress = context.progress();
  ACESO_TRY(const auto end, client->get(model_of(keys), keys, {}, sink, as, shown(*progress, "get")));
  return report(context, end);
}

}  // namespace

void add_dicom(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("dicom", "Call other DICOM nodes: echo, store, find, worklist, move, get");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  aceso dicom echo PACS@192.0.2.10:104\n  aceso dicom store PACS@192.0.2.10:104 scans/\n  aceso "
      "dicom "
      "find PACS@192.0.2.10:104 --level study -k PatientName='Doe*' -k StudyDate=20260101-\n  aceso dicom get "
      "PACS@192.0.2.10:104 --study 1.2.840... --to folder/");

  auto* e = group->add_subcommand("echo", "Ask whether a node answers (C-ECHO)");
  auto peer = std::make_shared<PeerArguments>();
  add_peer(e, *peer);
  e->footer("Example:\n  aceso dicom echo PACS@192.0.2.10:104");
  on_run(e, context, [&context, peer] { return echo(context, *peer); });

  auto* s = group->add_subcommand("store", "Send files and folders (C-STORE), in the transfer syntax they have");
  auto sa = std::make_shared<StoreArguments>();
  add_peer(s, sa->peer);
  s->add_option("SOURCE", sa->sources, "Part 10 files, or folders with such files")->required();
  s->footer("Example:\n  aceso dicom store PACS@192.0.2.10:104 scans/ more/ct.dcm");
  on_run(s, context, [&context, sa] { return store(context, *sa); });

  auto* f = group->add_subcommand("find", "Ask what a node has (C-FIND)");
  auto fa = std::make_shared<FindArguments>();
  add_peer(f, fa->peer);
  f->add_option("--level", fa->level, "patient, study, series or image")
      ->check(CLI::IsMember({"patient", "study", "series", "image"}))
      ->capture_default_str();
  f->add_option("-k,--key", fa->keys, "Attribute=value to match (wildcards, ranges), or an attribute to show");
  f->add_option("--limit", fa->limit, "Matches, after which the query is cancelled")->capture_default_str();
  f->footer(
      "Examples:\n  aceso dicom find PACS@192.0.2.10:104 -k PatientID=4711\n  aceso dicom find PACS@192.0.2.10:104 "
      "--level series -k StudyInstanceUID=1.2.840... -k Modality=CT");
  on_run(f, context, [&context, fa] { return find(context, *fa); });

  auto* w = group->add_subcommand("worklist", "Ask for scheduled procedure steps (modality worklist)");
  auto wa = std::make_shared<WorklistArguments>();
  add_peer(w, wa->peer);
  w->add_option("--station", wa->station, "AE title of the modality");
  w->add_option("--modality", wa->modality, "CT, MR, ...");
  w->add_option("--date", wa->date, "Start date: 20240131, 20240101-20240131 or 20240101-");
  w->add_option("--patient-id", wa->patient_id, "Patient ID; * and ? are wildcards");
  w->add_option("--limit", wa->limit, "Matches, after which the query is cancelled")->capture_default_str();
  w->footer("Example:\n  aceso dicom worklist RIS@192.0.2.10:104 --modality CT --date 20260131");
  on_run(w, context, [&context, wa] { return worklist(context, *wa); });

  auto* m = group->add_subcommand("move", "Make a node send to another node (C-MOVE)");
  auto ma = std::make_shared<RetrieveArguments>();
  add_peer(m, ma->peer);
  add_what(m, *ma);
  m->add_option("--to", ma->destination, "AE title of the destination, which the peer must know")->required();
  m->footer("Example:\n  aceso dicom move PACS@192.0.2.10:104 --study 1.2.840... --to VIEWER");
  on_run(m, context, [&context, ma] { return move(context, *ma); });

  auto* g = group->add_subcommand("get", "Fetch objects into a folder (C-GET)");
  auto ga = std::make_shared<RetrieveArguments>();
  add_peer(g, ga->peer);
  add_what(g, *ga);
  g->add_option("--to", ga->folder, "Folder for the files 000001.dcm, 000002.dcm, ...")->required();
  g->footer("Example:\n  aceso dicom get PACS@192.0.2.10:104 --study 1.2.840... --to folder/");
  on_run(g, context, [&context, ga] { return get(context, *ga); });
}

}  // namespace aceso::app
