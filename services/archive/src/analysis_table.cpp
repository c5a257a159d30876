#include "analysis_table.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "aceso/base/assert.hpp"
#include "aceso/base/json.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::archive {
namespace {

using contracts::PictureAnswer;
using store::Row;
using store::Transaction;

constexpr std::string_view kTables = R"(
CREATE TABLE analysis (
  id TEXT PRIMARY KEY,
  study TEXT NOT NULL,
  series TEXT NOT NULL,
  instance TEXT NOT NULL,
  rule TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  model TEXT NOT NULL,
  job TEXT NOT NULL,
  updated BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  UNIQUE (series, instance, rule)
);
CREATE INDEX analysis_by_study ON analysis (study);
CREATE INDEX analysis_by_state ON analysis (state, job);
CREATE TABLE analysis_result (uid TEXT PRIMARY KEY, study TEXT NOT NULL);
CREATE INDEX analysis_result_by_study ON analysis_result (study);
CREATE TABLE analysis_time (name TEXT PRIMARY KEY, us BIGINT NOT NULL);
)";
// What was analysed before this release is told apart no further than by its state.
constexpr std::string_view kOrderColumns = R"(
ALTER TABLE analysis ADD COLUMN reading INTEGER NOT NULL DEFAULT 7;
UPDATE analysis SET reading = CASE state WHEN 'failed' THEN 4 WHEN 'waiting' THEN 5 WHEN 'running' THEN 5
  WHEN 'analysed' THEN 6 ELSE 7 END;
CREATE INDEX analysis_by_reading ON analysis (study, reading);
)";
constexpr std::string_view kPast = R"(
CREATE TABLE analysis_past (
  id TEXT PRIMARY KEY,
  study TEXT NOT NULL,
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  recalled BIGINT NOT NULL,
  rule TEXT NOT NULL,
  reason TEXT NOT NULL,
  updated BIGINT NOT NULL,
  sealed BLOB NOT NULL
);
CREATE INDEX analysis_past_model ON analysis_past (model, version, recalled, id);
CREATE INDEX analysis_past_study ON analysis_past (study);
)";
constexpr std::string_view kColumns = "SELECT id, state, rule, reason, model, job, updated, sealed FROM analysis ";

constexpr std::array<std::pair<AnalysisState, std::string_view>, 5> kStates{
    {{AnalysisState::waiting, "waiting"},
     {AnalysisState::running, "running"},
     {AnalysisState::analysed, "analysed"},
     {AnalysisState::failed, "failed"},
     {AnalysisState::not_applicable, "not_applicable"}}};

Json to_json(const PictureAnswer& a) {
  Json outputs = Json::array();
  for (const auto& [label, probability] : a.outputs) outputs.push_back(Json::array({label, probability}));
  Json out{{"prediction", a.prediction_id},
           {"name", a.model_name},
           {"version", a.model_version},
           {"hash", a.model_hash},
           {"stage", a.stage},
           {"use", a.intended_use},
           {"engine", a.engine},
           {"outputs", outputs},
           {"finding", a.finding},
           {"class", a.class_name},
           {"p", a.probability},
           {"uncertainty", a.uncertainty.text},
           {"warnings", a.warnings}};
  if (a.threshold) out["threshold"] = *a.threshold;
  if (a.outlines) {
    out["regions"] = Json::array();
    for (const auto& r : a.outlines->regions)
      out["regions"].push_back({{"label", r.label},
                                {"points", r.points},
                                {"size", r.size ? Json(*r.size) : Json(nullptr)},
                                {"parts", r.parts},
                                {"p", r.mean_probability},
                                {"doubtful", r.doubtful}});
  }
  if (const auto& i = a.uncertainty.interval) out["interval"] = {i->observed, i->low, i->high, i->level};
  return out;
}

PictureAnswer answer_from(const Json& j) {
  PictureAnswer a;
  a.prediction_id = j.at("prediction");
  a.model_name = j.at("name");
  a.model_version = j.at("version");
  a.model_hash = j.at("hash");
  a.stage = j.at("stage");
  a.intended_use = j.at("use");
  a.engine = j.at("engine");
  for (const auto& one : j.at("outputs")) a.outputs.emplace_back(one.at(0).get<std::string>(), one.at(1).get<double>());
  a.finding = j.at("finding");
  a.class_name = j.at("class");
  a.probability = j.at("p");
  a.uncertainty.text = j.at("uncertainty");
  a.warnings = j.at("warnings").get<std::vector<std::string>>();
  if (j.contains("threshold")) a.threshold = j.at("threshold").get<double>();
  if (j.contains("regions")) {
    a.outlines.emplace();
    for (const auto& r : j.at("regions")) {
      a.outlines->labels.push_back(r.at("label"));
      contracts::Outlines::Region region{.label = r.at("label"),
                                         .points = r.at("points"),
                                         .size = std::nullopt,
                                         .parts = r.at("parts"),
                                         .mean_probability = r.at("p"),
                                         .doubtful = r.at("doubtful")};
      if (!r.at("size").is_null()) region.size = r.at("size").get<double>();
      a.outlines->regions.push_back(std::move(region));
    }
  }
  if (j.contains("interval")) {
    const auto& i = j.at("interval");
    a.uncertainty.interval = {.observed = i.at(0), .low = i.at(1), .high = i.at(2), .level = i.at(3)};
  }
  return a;
}

// What an earlier release did not keep may be missing.
void fill_later(Analysis& analysis, const Json& j) {
  analysis.report_uid = j.value("report", std::string{});
  analysis.report_series = j.value("report_series", std::string{});
  analysis.positive = j.value("positive", false);
  analysis.urgency = parse_urgency(j.value("urgency", std::string{})).value_or(Urgency::medium);
  analysis.images = j.value("images", std::size_t{0});
  analysis.map_note = j.value("map_note", std::string{});
  analysis.recalled = j.value("recalled", false);
  analysis.recall_note = j.value("recall_note", std::string{});
  if (j.contains("map")) {
    const auto& m = j.at("map");
    analysis.map = {.instance_uid = m.at("instance"),
                    .series_uid = m.at("series"),
                    .method = m.at("method"),
                    .label = m.at("label"),
                    .warning = m.at("warning"),
                    .left = m.at("box").at(0),
                    .top = m.at("box").at(1),
                    .width = m.at("box").at(2),
                    .height = m.at("box").at(3)};
  }
  if (j.contains("judgement")) {
    const auto& m = j.at("judgement");
    analysis.judgement = {.agrees = m.at("agrees"),
                          .finding = m.at("finding"),
                          .comment = m.at("comment"),
                          .person = m.at("person"),
                          .report_uid = m.at("report"),
                          .report_series = m.at("series"),
                          .revision = m.at("revision"),
                          .at_s = m.at("at")};
  }
}

Json later_of(const Analysis& a) {
  Json j{{"report", a.report_uid}, {"report_series", a.report_series},
         {"positive", a.positive}, {"urgency", to_string(a.urgency)},
         {"images", a.images},     {"map_note", a.map_note}};
  if (a.recalled) j["recalled"] = true;
  if (!a.recall_note.empty()) j["recall_note"] = a.recall_note;
  if (a.map)
    j["map"] = {{"instance", a.map->instance_uid}, {"series", a.map->series_uid},
                {"method", a.map->method},         {"label", a.map->label},
                {"warning", a.map->warning},       {"box", {a.map->left, a.map->top, a.map->width, a.map->height}}};
  if (a.judgement)
    j["judgement"] = {{"agrees", a.judgement->agrees},     {"finding", a.judgement->finding},
                      {"comment", a.judgement->comment},   {"person", a.judgement->person},
                      {"report", a.judgement->report_uid}, {"series", a.judgement->report_series},
                      {"revision", a.judgement->revision}, {"at", a.judgement->at_s}};
  return j;
}

Status fill(Analysis& analysis, const Json& j) {
  try {
    analysis.study_uid = j.at("study");
    analysis.series_uid = j.at("series");
    analysis.instance_uid = j.at("instance");
    analysis.input_sha256 = j.at("input");
    analysis.answered_s = j.at("answered");
    analysis.utc_offset_min = j.at("offset");
    analysis.results = j.at("results").get<std::vector<std::string>>();
    if (j.contains("answer")) analysis.answer = answer_from(j.at("answer"));
    fill_later(analysis, j);
  } catch (const nlohmann::json::exception&) {
    return Error{Code::data_loss, "a kept analysis cannot be read"};
  }
  return {};
}

}  // namespace

std::string_view to_string(AnalysisState state) noexcept {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return "";
}
std::optional<AnalysisState> parse_analysis_state(std::string_view text) noexcept {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::string_view to_string(Urgency urgency) noexcept {
  return urgency == Urgency::high ? "high" : urgency == Urgency::low ? "low" : "medium";
}
std::optional<Urgency> parse_urgency(std::string_view text) noexcept {
  for (const auto one : {Urgency::high, Urgency::medium, Urgency::low}) {
    if (to_string(one) == text) return one;
  }
  return std::nullopt;
}

std::string_view to_string(WorklistRank rank) noexcept {
  switch (rank) {
    case WorklistRank::positive_high:
    case WorklistRank::positive_medium:
    case WorklistRank::positive_low:
      return "positive";
    case WorklistRank::failed:
      return "failed";
    case WorklistRank::waiting:
      return "waiting";
    case WorklistRank::negative:
      return "negative";
    case WorklistRank::judged:
      return "judged";
    default:
      return "not_applicable";
  }
}

WorklistRank rank_of(const Analysis& analysis) noexcept {
  switch (analysis.state) {
    case AnalysisState::waiting:
    case AnalysisState::running:
      return WorklistRank::waiting;
    case AnalysisState::failed:
      return WorklistRank::failed;
    case AnalysisState::not_applicable:
      return WorklistRank::not_applicable;
    case AnalysisState::analysed:
      break;
  }
  if (analysis.judgement) return WorklistRank::judged;
  if (!analysis.positive) return WorklistRank::negative;
  return static_cast<WorklistRank>(static_cast<int>(WorklistRank::positive_high) + static_cast<int>(analysis.urgency));
}

std::vector<store::Migration> AnalysisTable::migrations(int first_number) {
  return {{first_number, kTables}};
}
store::Migration AnalysisTable::order_migration(int number) {
  return {number, kOrderColumns};
}
store::Migration AnalysisTable::recall_migration(int number) {
  return {number, kPast};
}

namespace {

crypto::SecretKey derived(const crypto::SecretKey& key, std::string_view purpose) {
  auto out = crypto::SecretKey::from_bytes(crypto::hkdf_sha256(key.bytes(), {}, purpose, crypto::SecretKey::kSize));
  ACESO_ASSERT(out.ok(), "a derived key has the size of a key");
  return *std::move(out);
}

}  // namespace

AnalysisTable::AnalysisTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key)
    : catalogue_{catalogue}, random_{random}, names_{derived(key, "names")}, seal_{derived(key, "seal")} {}

std::string AnalysisTable::hashed(std::string_view kind, std::string_view uid) const {
  if (uid.empty()) return {};
  const std::string text = std::string{kind} + "\n" + std::string{uid};
  const auto digest = crypto::hmac_sha256(names_.bytes(), crypto::as_bytes(text));
  return crypto::to_hex(crypto::ByteView{digest}.first(16));
}

store::Blob AnalysisTable::sealed(const Analysis& a) const {
  Json j{{"study", a.study_uid},    {"series", a.series_uid},   {"instance", a.instance_uid},
         {"input", a.input_sha256}, {"answered", a.answered_s}, {"offset", a.utc_offset_min},
         {"results", a.results}};
  if (a.answer) j["answer"] = to_json(*a.answer);
  j.update(later_of(a));
  const std::string text = dump_json(j);
  crypto::Nonce nonce{};
  random_.fill(nonce);
  store::Blob out{nonce.begin(), nonce.end()};
  const auto cipher = crypto::aead_seal(seal_, nonce, crypto::as_bytes(text), crypto::as_bytes(a.id));
  out.insert(out.end(), cipher.begin(), cipher.end());
  return out;
}

Result<Analysis> AnalysisTable::opened(const Row& row) const {
  Analysis a;
  a.id = row.text(0);
  a.state = parse_analysis_state(row.text(1)).value_or(AnalysisState::failed);
  a.rule = row.text(2);
  a.reason = row.text(3);
  a.model = row.text(4);
  a.job = row.text(5);
  a.updated_us = row.integer(6);
  const auto blob = row.blob(7);
  if (blob.size() < crypto::kNonceSize + crypto::kTagSize)
    return Error{Code::data_loss, "a kept analysis cannot be read"};
  crypto::Nonce nonce{};
  std::copy_n(blob.begin(), nonce.size(), nonce.begin());
  ACESO_TRY(const auto plain,
            crypto::aead_open(seal_, nonce, crypto::ByteView{blob}.subspan(nonce.size()), crypto::as_bytes(a.id)));
  ACESO_TRY(const Json json, parse_json({reinterpret_cast<const char*>(plain.data()), plain.size()}));
  ACESO_TRY_OK(fill(a, json));
  return a;
}

Result<std::vector<Analysis>> AnalysisTable::select(const std::string& rest, const store::SqlArgs& args) const {
  ACESO_TRY(const auto rows, catalogue_.query(std::string{kColumns} + rest, args));
  std::vector<Analysis> out;
  for (const Row& row : rows) {
    ACESO_TRY(auto one, opened(row));
    out.push_back(std::move(one));
  }
  return out;
}

Status AnalysisTable::add(const std::vector<Analysis>& analyses, bool again) {
  if (analyses.empty()) return {};
  return catalogue_.write([&](Transaction& tx) -> Status {
    for (const Analysis& a : analyses) {
      const auto study = hashed("study", a.study_uid), series = hashed("series", a.series_uid);
      const auto instance = hashed("instance", a.instance_uid);
      if (!a.rule.empty()) {
        ACESO_TRY([[maybe_unused]] const auto gone,
                  tx.execute("DELETE FROM analysis WHERE series = ?1 AND rule = ''", {series}));
      } else {
        ACESO_TRY(const auto others,
                  tx.query("SELECT 1 FROM analysis WHERE series = ?1 AND rule <> '' LIMIT 1", {series}));
        if (!others.empty()) continue;
      }
      if (again) {
        ACESO_TRY(const auto rows, tx.query(std::string{kColumns} + "WHERE series = ?1 AND instance = ?2 AND rule = ?3",
                                            {series, instance, a.rule}));
        for (const Row& row : rows) {
          ACESO_TRY(const Analysis before, opened(row));
          if (!before.answer || before.results.empty()) continue;
          if (Status kept = keep_past(tx, before); !kept) return kept;
        }
        ACESO_TRY([[maybe_unused]] const auto old,
                  tx.execute("DELETE FROM analysis WHERE series = ?1 AND instance = ?2 AND rule = ?3",
                             {series, instance, a.rule}));
      }
      ACESO_TRY([[maybe_unused]] const auto n,
                tx.execute("INSERT INTO analysis (id, study, series, instance, rule, state, reason, model, job, "
                           "updated, sealed, reading) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '', ?9, ?10, ?11) "
                           "ON CONFLICT (series, instance, rule) DO NOTHING",
                           {a.id, study, series, instance, a.rule, std::string{to_string(a.state)}, a.reason, a.model,
                            a.updated_us, sealed(a), static_cast<std::int64_t>(rank_of(a))}));
    }
    return {};
  });
}

Result<std::optional<Analysis>> AnalysisTable::find(std::string_view id) const {
  ACESO_TRY(auto found, select("WHERE id = ?1", {std::string{id}}));
  if (found.empty()) return std::optional<Analysis>{};
  return std::optional{std::move(found.front())};
}
Result<std::vector<Analysis>> AnalysisTable::of_study(std::string_view study_uid) const {
  return select("WHERE study = ?1 ORDER BY id", {hashed("study", study_uid)});
}
Result<std::vector<Analysis>> AnalysisTable::list(std::optional<AnalysisState> state, std::string_view before,
                                                  std::size_t limit) const {
  store::SqlArgs args{before.empty() ? std::string{"~"} : std::string{before}, static_cast<std::int64_t>(limit)};
  if (state) args.emplace_back(std::string{to_string(*state)});
  return select(std::string{"WHERE id < ?1 "} + (state ? "AND state = ?3 " : "") + "ORDER BY id DESC LIMIT ?2", args);
}
Result<std::vector<Analysis>> AnalysisTable::without_job(std::size_t limit) const {
  return select("WHERE state = 'waiting' AND job = '' ORDER BY id LIMIT ?1", {static_cast<std::int64_t>(limit)});
}
Result<std::vector<Analysis>> AnalysisTable::unfinished(std::size_t limit) const {
  return select("WHERE state IN ('waiting', 'running') AND job <> '' ORDER BY id LIMIT ?1",
                {static_cast<std::int64_t>(limit)});
}

Status AnalysisTable::set_job(std::string_view id, std::string_view job) {
  return catalogue_.execute("UPDATE analysis SET job = ?2 WHERE id = ?1", {std::string{id}, std::string{job}});
}

Status AnalysisTable::update(const Analysis& a) {
  return catalogue_.write([&](Transaction& tx) -> Status {
    for (const auto& uid : a.results) {
      ACESO_TRY([[maybe_unused]] const auto added,
                tx.execute("INSERT INTO analysis_result (uid, study) VALUES (?1, ?2) ON CONFLICT (uid) DO NOTHING",
                           {hashed("result", uid), hashed("study", a.study_uid)}));
    }
    ACESO_TRY(
        [[maybe_unused]] const auto n,
        tx.execute("UPDATE analysis SET state = ?2, reason = ?3, updated = ?4, sealed = ?5, reading = ?6 WHERE id = ?1",
                   {a.id, std::string{to_string(a.state)}, a.reason, a.updated_us, sealed(a),
                    static_cast<std::int64_t>(rank_of(a))}));
    return {};
  });
}

Result<std::vector<WorklistRow>> AnalysisTable::worklist(std::string_view cursor, std::size_t limit) const {
  // "3 0190...": rank and newest id of the last study of the page before.
  std::int64_t rank = 0;
  std::string newest = "~";
  if (!cursor.empty()) {
    if (cursor.size() < 3 || cursor[0] < '1' || cursor[0] > '8' || cursor[1] != ' ')
      return Error{Code::invalid, "cursor: it is not one of this list"};
    rank = cursor[0] - '0';
    newest = cursor.substr(2);
  }
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT MIN(reading) AS first, MAX(id) AS newest FROM analysis GROUP BY study "
                             "HAVING first > ?1 OR (first = ?1 AND newest < ?2) "
                             "ORDER BY first, newest DESC LIMIT ?3",
                             {rank, newest, static_cast<std::int64_t>(limit)}));
  std::vector<WorklistRow> out;
  for (const Row& row : rows) {
    ACESO_TRY(const auto one, find(row.text(1)));
    if (!one) continue;  // deleted since
    out.push_back({.rank = static_cast<WorklistRank>(row.integer(0)),
                   .study_uid = one->study_uid,
                   .cursor = std::to_string(row.integer(0)) + " " + row.text(1)});
  }
  return out;
}

Result<bool> AnalysisTable::is_result(std::string_view sop_instance_uid) const {
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT 1 FROM analysis_result WHERE uid = ?1", {hashed("result", sop_instance_uid)}));
  return !rows.empty();
}

Status AnalysisTable::forget_study(std::string_view study_uid) {
  return catalogue_.write([&](Transaction& tx) -> Status {
    const auto study = hashed("study", study_uid);
    ACESO_TRY([[maybe_unused]] const auto n, tx.execute("DELETE FROM analysis WHERE study = ?1", {study}));
    ACESO_TRY([[maybe_unused]] const auto m, tx.execute("DELETE FROM analysis_result WHERE study = ?1", {study}));
    ACESO_TRY([[maybe_unused]] const auto k, tx.execute("DELETE FROM analysis_past WHERE study = ?1", {study}));
    return {};
  });
}

Result<std::optional<std::int64_t>> AnalysisTable::time(std::string_view name) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT us FROM analysis_time WHERE name = ?1", {std::string{name}}));
  if (rows.empty()) return std::optional<std::int64_t>{};
  return std::optional{rows.front().integer(0)};
}
Status AnalysisTable::set_time(std::string_view name, std::int64_t us) {
  return catalogue_.execute(
      "INSERT INTO analysis_time (name, us) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET us = ?2",
      {std::string{name}, us});
}

Status AnalysisTable::keep_past(Transaction& tx, const Analysis& a) const {
  if (!a.answer) return Error{Code::internal, "an analysis without an answer has no past"};
  ACESO_TRY([[maybe_unused]] const auto gone, tx.execute("DELETE FROM analysis_past WHERE id = ?1", {a.id}));
  ACESO_TRY([[maybe_unused]] const auto n,
            tx.execute("INSERT INTO analysis_past (id, study, model, version, recalled, rule, reason, updated, sealed) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                       {a.id, hashed("study", a.study_uid), a.answer->model_name, std::int64_t{a.answer->model_version},
                        std::int64_t{a.recalled ? 1 : 0}, a.rule, a.reason, a.updated_us, sealed(a)}));
  return {};
}
Status AnalysisTable::keep_past(const Analysis& a) {
  return catalogue_.write([&](Transaction& tx) { return keep_past(tx, a); });
}

Result<std::vector<Analysis>> AnalysisTable::past(std::string_view model, int version, bool recalled,
                                                  std::string_view before, std::size_t limit) const {
  ACESO_TRY(
      const auto rows,
      catalogue_.query("SELECT id, 'failed', rule, reason, model, '', updated, sealed FROM analysis_past WHERE "
                       "model = ?1 AND version = ?2 AND recalled = ?3 AND id < ?4 ORDER BY id DESC LIMIT ?5",
                       {std::string{model}, std::int64_t{version}, std::int64_t{recalled ? 1 : 0},
                        before.empty() ? std::string{"~"} : std::string{before}, static_cast<std::int64_t>(limit)}));
  std::vector<Analysis> out;
  out.reserve(rows.size());
  for (const Row& row : rows) {
    ACESO_TRY(Analysis one, opened(row));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace aceso::archive
