#include "mark_table.hpp"

#include <nlohmann/json.hpp>

namespace aceso::archive {
namespace {

constexpr std::string_view kMarkTables = R"(
CREATE TABLE mark (id TEXT PRIMARY KEY, study TEXT NOT NULL, instance TEXT NOT NULL, withdrawn BIGINT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX mark_by_study ON mark (study);
CREATE INDEX mark_by_instance ON mark (instance);
CREATE TABLE mark_revision (id TEXT NOT NULL, revision BIGINT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (id, revision));
CREATE TABLE mark_finding (id TEXT PRIMARY KEY, sealed BLOB NOT NULL);
)";

Json mark_form(const Mark& mark) {
  return {{"study", mark.study_uid},
          {"series", mark.series_uid},
          {"instance", mark.instance_uid},
          {"frame", mark.frame},
          {"rows", mark.rows},
          {"columns", mark.columns},
          {"finding", mark.words.finding},
          {"comment", mark.words.comment},
          {"box", mark.words.box ? Json(*mark.words.box) : Json(nullptr)},
          {"runs", mark.words.runs},
          {"author_id", mark.author_id},
          {"author", mark.author},
          {"created", mark.created_us},
          {"updated", mark.updated_us},
          {"revision", mark.revision},
          {"after_ai", mark.after_ai},
          {"after_others", mark.after_others},
          {"withdrawn", mark.withdrawn},
          {"reason", mark.reason}};
}

Mark mark_from(std::string id, const Json& json) {
  Mark mark;
  mark.id = std::move(id);
  mark.study_uid = json.at("study");
  mark.series_uid = json.at("series");
  mark.instance_uid = json.at("instance");
  mark.frame = json.at("frame");
  mark.rows = json.at("rows");
  mark.columns = json.at("columns");
  mark.words.finding = json.at("finding");
  mark.words.comment = json.at("comment");
  if (!json.at("box").is_null()) mark.words.box = json.at("box").get<std::array<double, 4>>();
  mark.words.runs = json.at("runs").get<std::vector<std::int64_t>>();
  mark.author_id = json.at("author_id");
  mark.author = json.at("author");
  mark.created_us = json.at("created");
  mark.updated_us = json.at("updated");
  mark.revision = json.at("revision");
  mark.after_ai = json.at("after_ai");
  mark.after_others = json.at("after_others");
  mark.withdrawn = json.at("withdrawn");
  mark.reason = json.at("reason");
  return mark;
}

}  // namespace

std::vector<store::Migration> MarkTable::migrations() {
  return {{1, kMarkTables}};
}

MarkTable::MarkTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key)
    : catalogue_{catalogue}, sealer_{random, key} {}

Status MarkTable::put(const Mark& mark, bool new_finding) {
  const Json form = mark_form(mark);
  const std::string name = sealer_.name_of("finding", mark.words.finding);
  return catalogue_.write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(
        [[maybe_unused]] const auto kept,
        tx.execute("INSERT INTO mark (id, study, instance, withdrawn, sealed) VALUES (?1, ?2, ?3, ?4, ?5) ON "
                   "CONFLICT (id) DO UPDATE SET withdrawn = ?4, sealed = ?5",
                   {mark.id, sealer_.name_of("study", mark.study_uid), sealer_.name_of("instance", mark.instance_uid),
                    std::int64_t{mark.withdrawn ? 1 : 0}, sealer_.seal(mark.id, form)}));
    ACESO_TRY([[maybe_unused]] const auto noted,
              tx.execute("INSERT INTO mark_revision (id, revision, sealed) VALUES (?1, ?2, ?3)",
                         {mark.id, std::int64_t{mark.revision}, sealer_.seal(mark.id, form)}));
    if (!new_finding) return {};
    ACESO_TRY([[maybe_unused]] const auto named,
              tx.execute("INSERT INTO mark_finding (id, sealed) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
                         {name, sealer_.seal(name, Json{{"finding", mark.words.finding}})}));
    return {};
  });
}

Result<std::vector<Mark>> MarkTable::read(const std::vector<store::Row>& rows) const {
  std::vector<Mark> out;
  out.reserve(rows.size());
  for (const auto& row : rows) {
    ACESO_TRY(const Json json, sealer_.open(row.text(0), row.blob(1)));
    try {
      out.push_back(mark_from(row.text(0), json));
    } catch (const nlohmann::json::exception&) {
      return Error{Code::data_loss, "a kept mark cannot be read"};
    }
  }
  return out;
}

Result<std::optional<Mark>> MarkTable::find(std::string_view id) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT id, sealed FROM mark WHERE id = ?1", {std::string{id}}));
  ACESO_TRY(auto found, read(rows));
  return found.empty() ? std::optional<Mark>{} : std::optional{std::move(found.front())};
}

Result<std::vector<Mark>> MarkTable::of_study(std::string_view study_uid) const {
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT id, sealed FROM mark WHERE study = ?1 AND withdrawn = 0 ORDER BY id",
                             {sealer_.name_of("study", study_uid)}));
  return read(rows);
}

Result<std::vector<Mark>> MarkTable::of_instance(std::string_view instance_uid) const {
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT id, sealed FROM mark WHERE instance = ?1 AND withdrawn = 0 ORDER BY id",
                             {sealer_.name_of("instance", instance_uid)}));
  return read(rows);
}

Result<std::vector<Mark>> MarkTable::revisions(std::string_view id) const {
  ACESO_TRY(
      const auto rows,
      catalogue_.query("SELECT id, sealed FROM mark_revision WHERE id = ?1 ORDER BY revision DESC", {std::string{id}}));
  return read(rows);
}

Result<std::set<std::string>> MarkTable::findings() const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT id, sealed FROM mark_finding"));
  std::set<std::string> out;
  for (const auto& row : rows) {
    ACESO_TRY(const Json json, sealer_.open(row.text(0), row.blob(1)));
    out.insert(json.value("finding", std::string{}));
  }
  return out;
}

}  // namespace aceso::archive
