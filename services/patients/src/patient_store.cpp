#include "aceso/patients/patient_store.hpp"

#include <algorithm>
#include <optional>

namespace aceso::patients {
namespace {

using contracts::InternalPatientId;
using contracts::PatientEvent;
using contracts::PatientId;
using store::Transaction;

// An identifier stays with the record it was given to, also while that is merged: taking merged_into away restores what
// was.
constexpr std::string_view kTables = R"sql(
CREATE TABLE patients(
  id TEXT PRIMARY KEY,
  merged_into TEXT REFERENCES patients(id)
);
CREATE TABLE identifiers(
  issuer TEXT NOT NULL,
  value TEXT NOT NULL,
  patient TEXT NOT NULL REFERENCES patients(id),
  PRIMARY KEY(issuer, value)
);
CREATE TABLE events(
  sequence INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  subject TEXT NOT NULL,
  other TEXT NOT NULL,
  time BIGINT NOT NULL
);
)sql";

// The end of the chain of merges, which has no cycle because merge() refuses them.
constexpr std::string_view kTop =
    "WITH RECURSIVE chain(id, merged_into) AS ("
    "SELECT id, merged_into FROM patients WHERE id = (";
constexpr std::string_view kTopEnd =
    ") UNION SELECT p.id, p.merged_into FROM patients p JOIN chain c ON p.id = c.merged_into) "
    "SELECT id FROM chain WHERE merged_into IS NULL";

const std::string& top_of_identifier() {
  static const std::string sql =
      std::string{kTop} + "SELECT patient FROM identifiers WHERE issuer = ?1 AND value = ?2" + std::string{kTopEnd};
  return sql;
}
const std::string& top_of_patient() {
  static const std::string sql = std::string{kTop} + "?1" + std::string{kTopEnd};
  return sql;
}

std::optional<InternalPatientId> id_of(const std::vector<store::Row>& rows) {
  if (rows.empty()) return std::nullopt;
  return InternalPatientId{rows[0].text(0)};
}

store::SqlArgs args_of(const PatientId& id) {
  return {id.issuer, id.value.reveal(Reveal::to_store)};
}

Error no_such_patient() {
  return Error{Code::not_found, "there is no such patient"};
}

Result<InternalPatientId> top_in(Transaction& tx, const InternalPatientId& id) {
  ACESO_TRY(const auto rows, tx.query(top_of_patient(), {id.value()}));
  const auto top = id_of(rows);
  if (!top) return no_such_patient();
  return *top;
}

Status tell(Transaction& tx, PatientEvent::Kind kind, const InternalPatientId& subject, const InternalPatientId& other,
            const Clock& clock) {
  ACESO_TRY_OK(
      tx.execute("INSERT INTO events(sequence, kind, subject, other, time) "
                 "VALUES((SELECT COALESCE(MAX(sequence), 0) + 1 FROM events), ?1, ?2, ?3, ?4)",
                 {static_cast<std::int64_t>(kind), subject.value(), other.value(),
                  static_cast<std::int64_t>(clock.utc_now().time_since_epoch().count())}));
  return {};
}

}  // namespace

const std::vector<store::Migration>& patients_migrations() {
  static const std::vector<store::Migration> migrations{{1, kTables}};
  return migrations;
}

PatientStore::PatientStore(std::unique_ptr<store::Catalogue> catalogue, const Clock& clock, RandomSource& random)
    : catalogue_{std::move(catalogue)}, clock_{clock}, random_{random} {}

Result<std::unique_ptr<PatientStore>> PatientStore::create(const std::filesystem::path& home, const Clock& clock,
                                                           RandomSource& random, const Logger& logger) {
  const auto folder = home / "patients";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{Code::denied, folder.string() + " cannot be made"};
  ACESO_TRY(auto catalogue, store::open_sqlite(folder / "catalogue.sqlite", patients_migrations(), logger));
  return std::make_unique<PatientStore>(std::move(catalogue), clock, random);
}

Result<InternalPatientId> PatientStore::resolve_or_create(const PatientId& id) {
  ACESO_TRY_OK(contracts::check_patient_id(id));
  ACESO_TRY(const auto rows, catalogue_->query(top_of_identifier(), args_of(id)));
  if (const auto known = id_of(rows)) return *known;
  InternalPatientId out;
  const auto work = [&](Transaction& tx) -> Status {
    ACESO_TRY(const auto again, tx.query(top_of_identifier(), args_of(id)));
    if (const auto known = id_of(again)) {
      out = *known;
      return {};
    }
    out = InternalPatientId{Uuid::v7(clock_, random_).to_string()};
    ACESO_TRY_OK(tx.execute("INSERT INTO patients(id) VALUES(?1)", {out.value()}));
    auto args = args_of(id);
    args.emplace_back(out.value());
    ACESO_TRY_OK(tx.execute("INSERT INTO identifiers(issuer, value, patient) VALUES(?1, ?2, ?3)", args));
    return tell(tx, PatientEvent::Kind::created, out, {}, clock_);
  };
  ACESO_TRY_OK(catalogue_->write(work));
  return out;
}

Result<InternalPatientId> PatientStore::resolve(const PatientId& id) const {
  ACESO_TRY_OK(contracts::check_patient_id(id));
  ACESO_TRY(const auto rows, catalogue_->query(top_of_identifier(), args_of(id)));
  const auto known = id_of(rows);
  if (!known) return Error{Code::not_found, "no patient has this identifier"};
  return *known;
}

Result<InternalPatientId> PatientStore::survivor(const InternalPatientId& id) const {
  ACESO_TRY(const auto rows, catalogue_->query(top_of_patient(), {id.value()}));
  const auto top = id_of(rows);
  if (!top) return no_such_patient();
  return *top;
}

Status PatientStore::link(const InternalPatientId& patient, const PatientId& another) {
  ACESO_TRY_OK(contracts::check_patient_id(another));
  return catalogue_->write([&](Transaction& tx) -> Status {
    ACESO_TRY(const auto top, top_in(tx, patient));
    ACESO_TRY(const auto rows, tx.query(top_of_identifier(), args_of(another)));
    if (const auto known = id_of(rows)) {
      if (*known == top) return {};
      return Error{Code::exists, "this identifier names another patient"};
    }
    auto args = args_of(another);
    args.emplace_back(patient.value());
    ACESO_TRY_OK(tx.execute("INSERT INTO identifiers(issuer, value, patient) VALUES(?1, ?2, ?3)", args));
    return tell(tx, PatientEvent::Kind::linked, patient, {}, clock_);
  });
}

Status PatientStore::merge(const InternalPatientId& from, const InternalPatientId& into) {
  return catalogue_->write([&](Transaction& tx) -> Status {
    ACESO_TRY(const auto from_top, top_in(tx, from));
    ACESO_TRY(const auto into_top, top_in(tx, into));
    if (from == into) return Error{Code::invalid, "a patient cannot be merged into itself"};
    if (from_top != from) return Error{Code::conflict, "this patient is merged already"};
    if (into_top == from) return Error{Code::conflict, "the patients are merged the other way round"};
    ACESO_TRY_OK(tx.execute("UPDATE patients SET merged_into = ?2 WHERE id = ?1", {from.value(), into.value()}));
    return tell(tx, PatientEvent::Kind::merged, from, into, clock_);
  });
}

Status PatientStore::unmerge(const InternalPatientId& from) {
  return catalogue_->write([&](Transaction& tx) -> Status {
    ACESO_TRY(const auto rows, tx.query("SELECT merged_into FROM patients WHERE id = ?1", {from.value()}));
    if (rows.empty()) return no_such_patient();
    if (rows[0].is_null(0)) return Error{Code::conflict, "this patient is not merged"};
    ACESO_TRY_OK(tx.execute("UPDATE patients SET merged_into = NULL WHERE id = ?1", {from.value()}));
    return tell(tx, PatientEvent::Kind::unmerged, from, InternalPatientId{rows[0].text(0)}, clock_);
  });
}

Result<std::vector<PatientEvent>> PatientStore::events_after(std::int64_t sequence, std::size_t limit) const {
  const auto most = static_cast<std::int64_t>(std::min<std::size_t>(limit, 10'000));
  ACESO_TRY(const auto rows,
            catalogue_->query(
                "SELECT kind, subject, other, sequence FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                {sequence, most}));
  std::vector<PatientEvent> out;
  out.reserve(rows.size());
  for (const auto& row : rows) {
    out.push_back({static_cast<PatientEvent::Kind>(row.integer(0)), InternalPatientId{row.text(1)},
                   InternalPatientId{row.text(2)}, row.integer(3)});
  }
  return out;
}

}  // namespace aceso::patients
