#include "migrate.hpp"

#include <algorithm>

#include "aceso/crypto/hash.hpp"

namespace aceso::store {
namespace {

Result<std::vector<Migration>> in_order(std::vector<Migration> migrations) {
  std::sort(migrations.begin(), migrations.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].number != static_cast<int>(i) + 1) {
      return Error{Code::internal, "migrations must be numbered 1, 2, 3... without gaps"};
    }
  }
  return migrations;
}

Status apply(Connection& connection, const Migration& migration, const std::string& hash) {
  ACESO_TRY_OK(connection.script("BEGIN IMMEDIATE"));
  Status done = connection.guarded_script(std::string{migration.sql});
  if (done.ok()) {
    const auto noted = connection.execute("INSERT INTO aceso_migration (number, sha256) VALUES (?1, ?2)",
                                          {std::int64_t{migration.number}, hash});
    done = noted.ok() ? connection.script("COMMIT") : Status{noted.error()};
  }
  if (!done.ok() && connection.in_transaction()) (void)connection.script("ROLLBACK");
  return done;
}

}  // namespace

Status migrate(Connection& connection, const std::vector<Migration>& migrations, const Logger& logger) {
  ACESO_TRY(const std::vector<Migration> ordered, in_order(migrations));
  ACESO_TRY_OK(connection.script(
      "CREATE TABLE IF NOT EXISTS aceso_migration (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL)"));
  ACESO_TRY(const std::vector<Row> rows,
            connection.query("SELECT number, sha256 FROM aceso_migration ORDER BY number", {}));
  if (rows.size() > ordered.size()) {
    return Error{Code::precondition, "the file has " + std::to_string(rows.size()) +
                                         " migrations, this program knows " + std::to_string(ordered.size()) +
                                         ": it was written by a newer version"};
  }
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const std::string hash = crypto::to_hex(crypto::sha256(ordered[i].sql));
    const std::string number = std::to_string(ordered[i].number);
    if (i < rows.size()) {
      if (rows[i].text(1) != hash || rows[i].integer(0) != ordered[i].number) {
        return Error{Code::precondition, "migration " + number + " is not the one this file was made with"};
      }
      continue;
    }
    if (Status done = apply(connection, ordered[i], hash); !done) {
      return std::move(std::move(done).error().add_context("migration " + number));
    }
    logger.info("catalogue migrated", {{"number", ordered[i].number}});
  }
  return {};
}

}  // namespace aceso::store
