// aceso archive pull: another archive's studies copied into this node, as often as it takes, and counted on both sides.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "aceso/base/file.hpp"
#include "archive_commands.hpp"
#include "dicom_peer.hpp"

namespace aceso::app {
namespace {

namespace fs = std::filesystem;
using contracts::ObjectQuery;
using contracts::QueryLevel;
using dimse::InformationModel;

constexpr std::uint32_t kSopClass = 0x00080016, kSopInstance = 0x00080018, kStudy = 0x0020000D, kSeries = 0x0020000E;
constexpr std::size_t kStudyPage = 500;

struct PullArguments {
  PeerArguments peer;
  std::string study, date, modality, patient_id, move_to;
};

contracts::QueryKey key(std::uint32_t tag, const std::string& value = {}) {
  return {tag, Phi<std::string>{value}};
}

std::string value_in(const contracts::ObjectRow& row, std::uint32_t tag) {
  const auto found = std::ranges::find(row, tag, &contracts::ObjectAttribute::tag);
  return found == row.end() ? std::string{} : found->value.reveal(Reveal::to_algorithm);
}

// What a series has at the peer: SOP instance UIDs, and their classes.
struct RemoteSeries {
  std::set<std::string> instances;
  std::set<std::string> classes;
};

class Pull {
 public:
  Pull(Context& context, const PullArguments& a, Api& api, dimse::Client& client, fs::path folder)
      : context_{context}, a_{a}, api_{api}, client_{client}, folder_{std::move(folder)} {}

  Result<std::vector<std::string>> studies() {
    std::vector<std::string> out;
    const ObjectQuery query{.level = QueryLevel::study,
                            .keys = {key(kStudy, a_.study), key(0x00080020, a_.date), key(0x00080061, a_.modality),
                                     key(0x00100020, a_.patient_id)}};
    ACESO_TRY_OK(client_.find(InformationModel::study_root, query, [&](const contracts::ObjectRow& row) {
      if (auto uid = value_in(row, kStudy); !uid.empty()) out.push_back(std::move(uid));
      return !context_.interrupted().stop_requested();
    }));
    std::ranges::sort(out);
    const auto repeated = std::ranges::unique(out);
    out.erase(repeated.begin(), repeated.end());
    return out;
  }

  // One study, until both sides count the same or the peer gives no more. The counts.
  Result<Json> study(const std::string& uid) {
    ACESO_TRY(const auto there, remote(uid));
    ACESO_TRY(const auto before, here(uid));
    std::size_t total = 0;
    ImportTotals imported;
    std::string trouble;
    for (const auto& [series_uid, series] : there) {
      total += series.instances.size();
      if (std::ranges::includes(before, series.instances)) continue;
      if (auto fetched = fetch(uid, series_uid, series, imported); !fetched) {
        if (fetched.error().code() == Code::cancelled) return fetched.error();
        trouble = fetched.error().message();  // the other series are tried, and the counts will tell
      }
    }
    ACESO_TRY(const auto after, here(uid));
    std::size_t missing = 0;
    for (const auto& [series_uid, series] : there) {
      for (const auto& instance : series.instances) missing += after.contains(instance) ? 0U : 1U;
    }
    return Json{{"study", uid},
                {"there", total},
                {"here_before", before.size()},
                {"here", after.size()},
                {"missing", missing},
                {"refused", imported.refused.size()},
                {"reason", !trouble.empty() ? trouble : first_reason(imported.refused)}};
  }

 private:
  static std::string first_reason(const Json& refused) {
    return refused.empty() ? std::string{} : refused.front().value("message", "");
  }

  Result<std::map<std::string, RemoteSeries>> remote(const std::string& study) {
    std::map<std::string, RemoteSeries> out;
    const ObjectQuery all_series{.level = QueryLevel::series, .keys = {key(kStudy, study), key(kSeries)}};
    ACESO_TRY_OK(client_.find(InformationModel::study_root, all_series, [&](const contracts::ObjectRow& row) {
      if (auto uid = value_in(row, kSeries); !uid.empty()) out[uid];
      return true;
    }));
    for (auto& [uid, series] : out) {
      const ObjectQuery images{.level = QueryLevel::image,
                               .keys = {key(kStudy, study), key(kSeries, uid), key(kSopInstance), key(kSopClass)}};
      ACESO_TRY_OK(client_.find(InformationModel::study_root, images, [&series](const contracts::ObjectRow& row) {
        if (auto instance = value_in(row, kSopInstance); !instance.empty())
          series.instances.insert(std::move(instance));
        if (auto sop_class = value_in(row, kSopClass); !sop_class.empty()) series.classes.insert(std::move(sop_class));
        return true;
      }));
    }
    return out;
  }

  Result<std::set<std::string>> here(const std::string& study) {
    std::set<std::string> out;
    for (std::size_t offset = 0;; offset += kStudyPage) {
      ACESO_TRY(const auto page, qido(api_, "/dicom-web/studies/" + url_encode(study) + "/instances?limit=" +
                                                std::to_string(kStudyPage) + "&offset=" + std::to_string(offset)));
      for (const auto& one : page) out.insert(value_of(one, "00080018"));
      if (page.size() < kStudyPage) return out;
    }
  }

  Status fetch(const std::string& study, const std::string& series_uid, const RemoteSeries& series,
               ImportTotals& imported) {
    const ObjectQuery keys{.level = QueryLevel::series, .keys = {key(kStudy, study), key(kSeries, series_uid)}};
    if (!a_.move_to.empty()) {
      const auto moved = client_.move(InformationModel::study_root, keys, a_.move_to, {});
      return moved ? Status{} : Status{moved.error()};
    }
    FolderSink sink{folder_};
    const contracts::ObjectPeer as{.calling_ae = a_.peer.calling_ae,
                                   .called_ae = a_.peer.peer.substr(0, a_.peer.peer.find('@'))};
    const std::vector<std::string> classes{series.classes.begin(), series.classes.end()};
    const auto got = client_.get(InformationModel::study_root, keys, classes, sink, as, {});
    // What came before a failure is kept as well: the next pull asks for the rest.
    Status stored;
    for (std::size_t i = 0; i < sink.files().size() && stored.ok(); i += kImportBatch)
      stored = import_batch(api_, sink.files(), i, imported);
    std::error_code ignored;
    for (const auto& file : sink.files()) fs::remove(file, ignored);
    if (!stored) return stored;
    return got ? Status{} : Status{got.error()};
  }

  Context& context_;
  const PullArguments& a_;
  Api& api_;
  dimse::Client& client_;
  fs::path folder_;
};

void print_totals(Context& context, const Json& studies, const Json& totals) {
  for (const auto& study : studies) {
    if (study.at("missing") == 0 && study.value("reason", "").empty()) continue;
    context.print("study " + study.at("study").get<std::string>() + ": " + study.at("missing").dump() + " of " +
                  study.at("there").dump() + " missing" +
                  (study.value("reason", "").empty() ? std::string{} : ": " + study.value("reason", "")));
  }
  context.print(totals.at("studies").dump() + " studies: " + totals.at("there").dump() + " objects there, " +
                totals.at("fetched").dump() + " came now, " + totals.at("missing").dump() + " missing here");
}

Status pull(Context& context, const PullArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const auto client, connect(context, a.peer));
  ACESO_TRY(const TempDir folder, TempDir::create("aceso-pull"));
  Pull work{context, a, *api, *client, folder.path()};
  ACESO_TRY(const auto all, work.studies());
  const auto bar = context.progress();
  Json studies = Json::array();
  std::size_t there = 0, fetched = 0, missing = 0;
  for (const auto& uid : all) {
    if (context.interrupted().stop_requested()) break;
    auto one = work.study(uid);
    if (!one && one.error().code() == Code::cancelled) break;
    if (!one) return one.error();
    there += one->at("there").get<std::size_t>();
    fetched += one->at("here").get<std::size_t>() - one->at("here_before").get<std::size_t>();
    missing += one->at("missing").get<std::size_t>();
    studies.push_back(*std::move(one));
    bar->update({.phase = "pull",
                 .done = studies.size(),
                 .total = all.size(),
                 .values = {{"objects", std::to_string(fetched)}, {"missing", std::to_string(missing)}}});
  }
  bar->finish("");
  const Json totals{{"studies", studies.size()}, {"there", there}, {"fetched", fetched}, {"missing", missing}};
  if (context.json) {
    context.print_json(Json{{"totals", totals}, {"studies", studies}});
  } else {
    print_totals(context, studies, totals);
  }
  if (studies.size() < all.size()) return Error{Code::cancelled, "interrupted; what came stays: pull again to go on"};
  if (missing > 0) context.exit_status = kFailed;
  return {};
}

}  // namespace

void add_archive_pull(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("pull", "Copy another archive's studies into this node (C-FIND, C-GET)");
  auto a = std::make_shared<PullArguments>();
  add_peer(command, a->peer);
  command->add_option("--study", a->study, "Only this Study Instance UID");
  command->add_option("--date", a->date, "Study date: 20240131, 20240101-20240131 or 20240101-");
  command->add_option("--modality", a->modality, "Only studies with this modality");
  command->add_option("--patient-id", a->patient_id, "Only this patient; * and ? are wildcards");
  command->add_option("--move-to", a->move_to,
                      "AE title by which the peer knows this node: it sends (C-MOVE) instead of answering C-GET");
  command->footer(
      "Both sides are counted object by object. What is here already is not fetched again, so an interrupted or failed "
      "pull is repeated as it was. Exit status 1 when something is missing at the end.\n\nExample:\n  aceso archive "
      "pull PACS@192.0.2.10:104 --date 20240101-");
  on_run(command, context, [&context, a] { return pull(context, *a); });
}

}  // namespace aceso::app
