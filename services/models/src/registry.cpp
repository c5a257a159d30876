#include "registry.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kKeptInfos = 32;
constexpr std::uint64_t kMaxReport = std::uint64_t{32} << 20;
constexpr std::string_view kColumns =
    "SELECT name, version, bundle, stage, evaluated, auroc, dataset, created, created_by_name FROM model_version ";
constexpr std::array<std::string_view, 7> kBundleFiles{
    "model.json",           "model.safetensors",           "model.onnx",       "evidence/report.html",
    "evidence/report.json", "evidence/applicability.json", "signature.ed25519"};
constexpr std::array<std::string_view, 4> kStages{"candidate", "shadow", "live", "retired"};

ModelVersion from_row(const store::Row& row) {
  ModelVersion v;
  v.name = row.text(0);
  v.version = static_cast<int>(row.integer(1));
  v.bundle = row.text(2);
  v.stage = row.text(3);
  v.evaluated = row.integer(4) != 0;
  if (!row.is_null(5)) v.auroc = row.number(5);
  v.dataset = row.text(6);
  v.created = row.integer(7);
  v.created_by = row.text(8);
  return v;
}

std::string text_at(const Json& json, const char* key) {
  const auto it = json.is_object() ? json.find(key) : json.end();
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::string dataset_of(const learn::Bundle& bundle) {
  const std::string name = text_at(bundle.training, "dataset");
  return name.empty() ? bundle.card.data.substr(0, 200) : name;
}

Json card_json(const learn::ModelCard& c) {
  Json json{{"name", c.name},       {"intended_use", c.intended_use}, {"limitations", c.limitations},
            {"data", c.data},       {"classes", c.classes},           {"threshold", c.threshold},
            {"created", c.created}, {"created_by", c.created_by}};
  if (!c.thresholds.empty()) json["thresholds"] = c.thresholds;
  return json;
}

Status copy_bundle(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  fs::create_directories(to / "evidence", ec);
  if (ec) return Error{Code::internal, "cannot make the bundle's folder: " + ec.message()};
  for (const std::string_view file : kBundleFiles) {
    const fs::path source = from / file;
    const fs::file_status status = fs::symlink_status(source, ec);
    if (!fs::exists(status)) continue;
    if (!fs::is_regular_file(status))
      return Error{Code::invalid, "bundle: " + std::string{file} + " is not a plain file"};
    if (!fs::copy_file(source, to / file, ec)) {
      return Error{ec == std::errc::no_space_on_device ? Code::exhausted : Code::internal,
                   "cannot copy " + std::string{file} + ": " + ec.message()};
    }
  }
  return {};
}

// What a promotion may do; the message says why not.
Status check_promotion(const ModelVersion& v, std::string_view stage) {
  if (std::find(kStages.begin(), kStages.end(), stage) == kStages.end())
    return Error{Code::invalid, "stage: candidate, shadow, live or retired"};
  if (stage == "live" && !v.evaluated)
    return Error{Code::precondition, "a version without an evaluation on test data cannot go live"};
  if (v.stage == "recalled" && stage != "recalled")
    return Error{Code::precondition, "the version was recalled: its recall must be lifted first"};
  if (v.stage == "live" && stage == "candidate")
    return Error{Code::precondition, "a live version can only become shadow or retired"};
  return {};
}

}  // namespace

std::optional<double> auroc_of(const Json& evaluation) {
  if (!evaluation.is_object()) return std::nullopt;
  const Json& figures =
      evaluation.contains("metrics") && evaluation["metrics"].is_object() ? evaluation["metrics"] : evaluation;
  if (!figures.contains("auroc")) return std::nullopt;
  const Json& a = figures["auroc"];
  if (a.is_number()) return a.get<double>();
  if (a.is_object() && a.contains("value") && a["value"].is_number()) return a["value"].get<double>();
  return std::nullopt;
}

bool out_of_use(std::string_view stage) noexcept {
  return stage == "retired" || stage == "recalled";
}

Json to_json(const ModelVersion& v) {
  return Json{{"name", v.name},
              {"version", v.version},
              {"stage", v.stage},
              {"id", v.bundle},
              {"created", time_text(v.created)},
              {"created_by", v.created_by},
              {"auroc", v.auroc ? Json(*v.auroc) : Json(nullptr)},
              {"dataset", v.dataset},
              {"evaluated", v.evaluated}};
}

Status Registry::reconcile() {
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT DISTINCT bundle FROM model_version"));
  std::set<std::string> known;
  std::error_code ec;
  for (const store::Row& row : rows) {
    known.insert(row.text(0));
    if (!fs::is_directory(folder(row.text(0)), ec))
      context_.log.error("model.bundle_missing", {{"bundle", row.text(0)}});
  }
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator{context_.folder / "bundles", ec}) {
    if (!known.contains(entry.path().filename().string())) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) {
    context_.log.warn("model.leftover_removed", {{"folder", path.filename().string()}});
    fs::remove_all(path, ec);
  }
  return {};
}

Result<learn::Bundle> Registry::read_trusted(const fs::path& path, std::string* signer) const {
  std::vector<crypto::PublicKey> keys{key_.public_key()};
  keys.insert(keys.end(), context_.options.trusted_keys.begin(), context_.options.trusted_keys.end());
  Result<learn::Bundle> bundle = Error{Code::denied, "the bundle is not signed by a trusted key"};
  for (const crypto::PublicKey& key : keys) {
    bundle = learn::read_bundle(path, &key);
    if (bundle && signer != nullptr) *signer = crypto::to_hex(key);
    if (bundle || bundle.error().code() != Code::denied) return bundle;
  }
  return bundle;
}

Result<learn::Bundle> Registry::read(std::string_view bundle) const {
  ACESO_TRY(learn::Bundle read, read_trusted(folder(bundle), nullptr));
  if (read.id != bundle) return Error{Code::data_loss, "the bundle on disk is another than the registry's"};
  return read;
}

Result<std::shared_ptr<const learn::Bundle>> Registry::info(std::string_view bundle) const {
  {
    const std::scoped_lock lock{mutex_};
    const auto it = std::find_if(infos_.begin(), infos_.end(), [&](const auto& e) { return e.first == bundle; });
    if (it != infos_.end()) {
      infos_.splice(infos_.begin(), infos_, it);
      return infos_.front().second;
    }
  }
  ACESO_TRY(learn::Bundle loaded, read(bundle));
  loaded.weights.clear();
  loaded.onnx.clear();
  auto shared = std::make_shared<const learn::Bundle>(std::move(loaded));
  const std::scoped_lock lock{mutex_};
  infos_.emplace_front(std::string{bundle}, shared);
  if (infos_.size() > kKeptInfos) infos_.pop_back();
  return shared;
}

std::optional<ModelVersion> Registry::of_job(std::string_view job_id) const {
  const auto rows =
      context_.catalogue->query(std::string{kColumns} + "WHERE job_id = ?1 AND job_id <> ''", {std::string{job_id}});
  if (!rows || rows->empty()) return std::nullopt;
  return from_row(rows->front());
}

Result<ModelVersion> Registry::add(const Actor& actor, std::string_view name, const learn::Bundle& bundle,
                                   std::string_view report_html, std::string_view job_id) {
  ACESO_TRY_OK(check_name("model name", name));
  if (auto made = of_job(job_id)) return *std::move(made);
  const fs::path staging = context_.folder / "bundles" / (".new-" + context_.new_id());
  std::error_code ec;
  const auto give_up = [&](Error error) {
    fs::remove_all(staging, ec);
    return error;
  };
  if (Status written = learn::write_bundle(staging, bundle, report_html, key_); !written)
    return give_up(std::move(written).error());
  Result<learn::Bundle> check = read_trusted(staging, nullptr);  // what is registered is what can be read back
  if (!check) return give_up(std::move(check).error());
  if (!fs::exists(folder(check->id), ec)) fs::rename(staging, folder(check->id), ec);
  if (ec) return give_up(Error{Code::internal, "cannot put the bundle in its place: " + ec.message()});
  fs::remove_all(staging, ec);
  return insert(actor, name, *check, job_id);
}

Result<ModelVersion> Registry::import(const Actor& actor, const fs::path& source, std::string_view wanted_name) {
  ACESO_TRY(const learn::Bundle original, read_trusted(source, nullptr));
  const std::string name{wanted_name.empty() ? std::string_view{original.card.name} : wanted_name};
  ACESO_TRY_OK(check_name("model name", name));
  const fs::path staging = context_.folder / "bundles" / (".new-" + context_.new_id());
  std::error_code ec;
  const auto give_up = [&](Error error) {
    fs::remove_all(staging, ec);
    return error;
  };
  if (Status copied = copy_bundle(source, staging); !copied) return give_up(std::move(copied).error());
  Result<learn::Bundle> check = read_trusted(staging, nullptr);  // the copy, not what stood there a moment ago
  if (!check) return give_up(std::move(check).error());
  if (!fs::exists(folder(check->id), ec)) fs::rename(staging, folder(check->id), ec);
  if (ec) return give_up(Error{Code::internal, "cannot put the bundle in its place: " + ec.message()});
  fs::remove_all(staging, ec);
  return insert(actor, name, *check, "");
}

Result<ModelVersion> Registry::insert(const Actor& actor, std::string_view name, const learn::Bundle& bundle,
                                      std::string_view job_id) {
  ACESO_TRY_OK(sync_directory(context_.folder / "bundles"));
  const std::optional<double> auroc = auroc_of(bundle.evaluation);
  std::int64_t version = 0;
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto same, tx.query("SELECT version FROM model_version WHERE name = ?1 AND bundle = ?2",
                                        {std::string{name}, bundle.id}));
    if (!same.empty())
      return Error{Code::exists,
                   "this bundle is registered as version " + std::to_string(same.front().integer(0)) + " already"};
    ACESO_TRY(const auto last, tx.query("SELECT MAX(version) FROM model_version WHERE name = ?1", {std::string{name}}));
    version = (last.empty() ? 0 : last.front().integer(0)) + 1;
    ACESO_TRY(
        [[maybe_unused]] const auto n,
        tx.execute("INSERT INTO model_version (name, version, bundle, stage, evaluated, auroc, dataset, created, "
                   "created_by, created_by_name, job_id) VALUES (?1, ?2, ?3, 'candidate', ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                   {std::string{name}, version, bundle.id, std::int64_t{bundle.evaluation.is_null() ? 0 : 1},
                    auroc ? store::SqlValue{*auroc} : store::SqlValue{nullptr}, dataset_of(bundle), context_.now_us(),
                    actor.id, actor.name, std::string{job_id}}));
    return context_.record(actor, "C", "model.register", "model", std::string{name} + "/" + std::to_string(version),
                           dump(Json{{"bundle", bundle.id}}));
  }));
  return find(name, static_cast<int>(version));
}

Status Registry::export_to(const Actor& actor, std::string_view name, int version, const fs::path& target) const {
  ACESO_TRY(const ModelVersion v, find(name, version));
  ACESO_TRY([[maybe_unused]] const learn::Bundle verified, read(v.bundle));
  std::error_code ec;
  if (fs::exists(fs::symlink_status(target, ec))) return Error{Code::exists, target.string() + " is there already"};
  const fs::path staging = target.string() + ".part-" + context_.new_id();
  Status copied = copy_bundle(folder(v.bundle), staging);
  if (copied) fs::rename(staging, target, ec);
  if (copied && ec) copied = Error{Code::internal, "cannot rename to " + target.string() + ": " + ec.message()};
  if (!copied) {
    fs::remove_all(staging, ec);
    return copied;
  }
  return context_.record(actor, "R", "model.export", "model", v.name + "/" + std::to_string(v.version),
                         dump(Json{{"bundle", v.bundle}}));
}

std::vector<fs::path> Registry::files(const ModelVersion& version) const {
  std::vector<fs::path> out;
  std::error_code ec;
  for (const std::string_view file : kBundleFiles) {
    if (fs::is_regular_file(fs::symlink_status(folder(version.bundle) / file, ec))) out.emplace_back(file);
  }
  return out;
}

Result<ModelVersion> Registry::find(std::string_view name, int version) const {
  ACESO_TRY_OK(check_name("model name", name));
  const std::string key{name};
  if (version > 0) {
    ACESO_TRY(const auto rows, context_.catalogue->query(std::string{kColumns} + "WHERE name = ?1 AND version = ?2",
                                                         {key, std::int64_t{version}}));
    if (rows.empty())
      return Error{Code::not_found, "there is no version " + std::to_string(version) + " of model " + key};
    return from_row(rows.front());
  }
  ACESO_TRY(const auto live,
            context_.catalogue->query(std::string{kColumns} + "WHERE name = ?1 AND stage = 'live'", {key}));
  if (!live.empty()) return from_row(live.front());
  ACESO_TRY(const auto any, context_.catalogue->query("SELECT 1 FROM model_version WHERE name = ?1 LIMIT 1", {key}));
  if (any.empty()) return Error{Code::not_found, "there is no model " + key};
  return Error{Code::precondition, "model " + key + " has no live version: name a version or promote one"};
}

Result<Json> Registry::list() const {
  ACESO_TRY(const auto rows, context_.catalogue->query(std::string{kColumns} + "ORDER BY name, version DESC"));
  ACESO_TRY(const auto shares, all_shares());
  Json items = Json::array();
  for (const store::Row& row : rows) {
    const ModelVersion v = from_row(row);
    if (items.empty() || items.back()["name"] != v.name)
      items.push_back(Json{{"name", v.name}, {"versions", Json::array()}});
    Json version = to_json(v);
    version.erase("name");
    const auto share = shares.find(v.name);
    if (share != shares.end() && share->second.version == v.version) version["share"] = to_json(share->second);
    items.back()["versions"].push_back(std::move(version));
  }
  return Json{{"items", std::move(items)}};
}

Result<Json> Registry::show(std::string_view name, int version) const {
  ACESO_TRY(const ModelVersion v, find(name, version));
  ACESO_TRY(const auto bundle, info(v.bundle));
  Json out = to_json(v);
  ACESO_TRY(const std::optional<Share> share, share_of(v.name));
  if (share && share->version == v.version) out["share"] = to_json(*share);
  out["card"] = card_json(bundle->card);
  out["signature"] = learn::to_json(bundle->signature);
  out["architecture"] = bundle->network.architecture;
  out["evaluation"] = bundle->evaluation;
  out["training"] = bundle->training;
  out["limits"] =
      bundle->applicability.is_object() ? bundle->applicability.value("limits", Json::object()) : Json(nullptr);
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT time, before_stage, after_stage, by_name FROM "
                                                       "stage_change WHERE name = ?1 AND version = ?2 ORDER BY time",
                                                       {v.name, std::int64_t{v.version}}));
  Json history = Json::array();
  for (const store::Row& row : rows) {
    history.push_back(
        Json{{"time", time_text(row.integer(0))}, {"from", row.text(1)}, {"to", row.text(2)}, {"by", row.text(3)}});
  }
  out["stages"] = std::move(history);
  return out;
}

Result<std::string> Registry::report_html(std::string_view name, int version) const {
  ACESO_TRY(const ModelVersion v, find(name, version));
  ACESO_TRY([[maybe_unused]] const learn::Bundle verified, read(v.bundle));  // an altered report is not shown
  const fs::path file = folder(v.bundle) / "evidence" / "report.html";
  std::error_code ec;
  if (!fs::exists(file, ec)) return Error{Code::not_found, "this version has no report"};
  return read_text_file(file, kMaxReport);
}

Result<Json> Registry::promote(const Actor& actor, std::string_view name, int version, std::string_view stage) {
  if (version <= 0) return Error{Code::invalid, "version: a number from 1 on"};
  ACESO_TRY(const ModelVersion seen, find(name, version));
  if (stage == "live" && !read_trusted(folder(seen.bundle), nullptr))
    return Error{Code::precondition, "the version's bundle does not verify"};
  const Status written = context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto rows, tx.query(std::string{kColumns} + "WHERE name = ?1 AND (version = ?2 OR stage = 'live')",
                                        {seen.name, std::int64_t{version}}));
    std::optional<ModelVersion> target, former;
    for (const store::Row& row : rows) {
      ModelVersion v = from_row(row);
      if (v.version == version) {
        target = std::move(v);
      } else {
        former = std::move(v);
      }
    }
    if (!target) return Error{Code::not_found, "the version is gone"};
    ACESO_TRY_OK(check_promotion(*target, stage));
    if (target->stage == stage) return {};
    const auto change = [&](const ModelVersion& v, std::string_view to) -> Status {
      ACESO_TRY([[maybe_unused]] const auto a,
                tx.execute("UPDATE model_version SET stage = ?3 WHERE name = ?1 AND version = ?2",
                           {v.name, std::int64_t{v.version}, std::string{to}}));
      ACESO_TRY([[maybe_unused]] const auto b,
                tx.execute("INSERT INTO stage_change (name, version, time, before_stage, after_stage, by_id, by_name) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                           {v.name, std::int64_t{v.version}, context_.now_us(), v.stage, std::string{to}, actor.id,
                            actor.name}));
      return {};
    };
    Json detail{{"from", target->stage}, {"to", stage}};
    if (stage == "live" && former) {
      ACESO_TRY_OK(change(*former, "retired"));
      detail["retired"] = former->version;
    }
    ACESO_TRY_OK(change(*target, stage));
    if (stage == "live" || stage == "retired") {  // then it has no share any more
      ACESO_TRY(const std::int64_t ended, tx.execute("DELETE FROM model_share WHERE name = ?1 AND version = ?2",
                                                     {target->name, std::int64_t{version}}));
      if (ended > 0) detail["share"] = "ended";
    }
    return context_.record(actor, "U", "model.promote", "model", target->name + "/" + std::to_string(version),
                           dump(detail));
  });
  ACESO_TRY_OK(written);
  ACESO_TRY(const ModelVersion now, find(name, version));
  return to_json(now);
}

Result<int> Registry::former_live(std::string_view name) const {
  ACESO_TRY_OK(check_name("model name", name));
  ACESO_TRY(
      const auto rows,
      context_.catalogue->query(
          "SELECT c.version FROM stage_change c JOIN model_version v ON v.name = c.name AND v.version = c.version "
          "WHERE c.name = ?1 AND c.before_stage = 'live' AND v.stage NOT IN ('live', 'recalled') ORDER BY c.time "
          "DESC LIMIT 1",
          {std::string{name}}));
  if (rows.empty()) {
    ACESO_TRY(const auto any,
              context_.catalogue->query("SELECT 1 FROM model_version WHERE name = ?1 LIMIT 1", {std::string{name}}));
    if (any.empty()) return Error{Code::not_found, "there is no model " + std::string{name}};
    return Error{Code::precondition, "no other version of model " + std::string{name} + " was live before"};
  }
  return static_cast<int>(rows.front().integer(0));
}

}  // namespace aceso::models
