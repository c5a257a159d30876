// What every Catalogue must do, run on the file and on its twin in memory.
#include "aceso/store/catalogue.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "aceso/base/small_disk.hpp"
#include "fixture.hpp"

namespace aceso::store {
namespace {

const std::vector<Migration> kMigrations{
    {1,
     "CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, weight_kg REAL CHECK (weight_kg > 0));"
     "CREATE TABLE visit (patient INTEGER NOT NULL REFERENCES patient (id), note BLOB);"},
    {2, "ALTER TABLE visit ADD COLUMN year INTEGER"}};

class CatalogueConformance : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    auto opened = GetParam() ? open_sqlite(around_.path("a.sqlite"), kMigrations, around_.logger)
                             : open_memory_catalogue(kMigrations, around_.logger);
    ASSERT_OK(opened);
    catalogue_ = *std::move(opened);
  }
  std::int64_t count(const char* table) {
    return catalogue_->query(std::string{"SELECT count(*) FROM "} + table)->at(0).integer(0);
  }

  Surroundings around_;
  std::unique_ptr<Catalogue> catalogue_;
};

TEST_P(CatalogueConformance, keeps_values_of_every_type) {
  const Blob note = bytes_of(std::string_view{"a\0b", 3});
  ASSERT_OK(catalogue_->execute("INSERT INTO patient VALUES (?1, ?2, ?3)", {std::int64_t{7}, "Ann", 61.5}));
  ASSERT_OK(catalogue_->execute("INSERT INTO visit (patient, note) VALUES (?1, ?2)", {std::int64_t{7}, note}));
  ASSERT_OK(catalogue_->execute("INSERT INTO visit (patient, note) VALUES (?1, ?2)", {std::int64_t{7}, Blob{}}));
  const auto rows = catalogue_->query(
      "SELECT p.id, p.name, p.weight_kg, v.note, v.year FROM patient p JOIN visit v ON v.patient = p.id ORDER BY "
      "v.rowid");
  ASSERT_OK(rows);
  ASSERT_EQ(rows->size(), 2U);
  const Row& row = rows->at(0);
  EXPECT_EQ(row.size(), 5U);
  EXPECT_EQ(row.integer(0), 7);
  EXPECT_EQ(row.text(1), "Ann");
  EXPECT_EQ(row.number(2), 61.5);
  EXPECT_EQ(row.blob(3), note);
  EXPECT_TRUE(row.is_null(4));
  EXPECT_EQ(row.text(4), "");
  EXPECT_EQ(row.integer(4), 0);
  EXPECT_FALSE(rows->at(1).is_null(3)) << "an empty blob is not NULL";
}

TEST_P(CatalogueConformance, text_keeps_quotes_and_unicode_because_values_are_never_part_of_the_sql) {
  const std::string name = "Robert'); DROP TABLE patient;-- 李雷";
  ASSERT_OK(catalogue_->execute("INSERT INTO patient (name) VALUES (?1)", {name}));
  EXPECT_EQ(catalogue_->query("SELECT name FROM patient WHERE name = ?1", {name})->at(0).text(0), name);
}

TEST_P(CatalogueConformance, an_error_undoes_all_of_its_own_work_and_nothing_else) {
  ASSERT_OK(catalogue_->execute("INSERT INTO patient (name) VALUES ('Ann')"));
  const Status refused = catalogue_->write([](Transaction& tx) -> Status {
    ACESO_TRY(const auto changed, tx.execute("INSERT INTO patient (name) VALUES ('Ben')"));
    EXPECT_EQ(changed, 1);
    EXPECT_EQ(tx.query("SELECT 1 FROM patient")->size(), 2U) << "a transaction sees its own changes";
    return Error{Code::denied, "changed my mind"};
  });
  EXPECT_CODE(refused, Code::denied);
  EXPECT_EQ(count("patient"), 1);
}

TEST_P(CatalogueConformance, an_exception_from_the_work_is_an_error_without_its_text) {
  const Status thrown = catalogue_->write([](Transaction& tx) -> Status {
    EXPECT_OK(tx.execute("INSERT INTO patient (name) VALUES ('Ann')"));
    throw std::runtime_error{"Ann's secret"};
  });
  EXPECT_CODE(thrown, Code::internal);
  EXPECT_EQ(thrown.error().message().find("secret"), std::string::npos);
  EXPECT_EQ(count("patient"), 0);
}

TEST_P(CatalogueConformance, constraints_have_their_codes) {
  ASSERT_OK(catalogue_->execute("INSERT INTO patient VALUES (1, 'Ann', 60)"));
  EXPECT_CODE(catalogue_->execute("INSERT INTO patient VALUES (1, 'Ben', 60)"), Code::exists);
  const Status twice = catalogue_->execute("INSERT INTO patient VALUES (2, ?1, 60)", {"Ann"});
  EXPECT_CODE(twice, Code::exists);
  EXPECT_EQ(twice.error().message().find("Ann"), std::string::npos) << twice.error().message();
  EXPECT_CODE(catalogue_->execute("INSERT INTO patient VALUES (3, 'Cid', -1)"), Code::conflict);
  EXPECT_CODE(catalogue_->execute("INSERT INTO patient (name) VALUES (NULL)"), Code::conflict);
  EXPECT_CODE(catalogue_->execute("INSERT INTO visit (patient) VALUES (99)"), Code::conflict) << "foreign key";
}

TEST_P(CatalogueConformance, says_how_many_rows_changed) {
  const Status done = catalogue_->write([](Transaction& tx) -> Status {
    for (const char* name : {"a", "b", "c"})
      EXPECT_EQ(*tx.execute("INSERT INTO patient (name) VALUES (?1)", {name}), 1);
    EXPECT_EQ(*tx.execute("UPDATE patient SET weight_kg = 1 WHERE name <> 'a'"), 2);
    EXPECT_EQ(*tx.execute("DELETE FROM patient WHERE name = 'z'"), 0);
    EXPECT_EQ(*tx.execute("CREATE INDEX i ON patient (weight_kg)"), 0);
    return {};
  });
  EXPECT_OK(done);
}

TEST_P(CatalogueConformance, stops_past_max_rows) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK(catalogue_->execute("INSERT INTO patient (name) VALUES (?1)", {std::to_string(i)}));
  }
  EXPECT_OK(catalogue_->query("SELECT name FROM patient", {}, 4));
  EXPECT_CODE(catalogue_->query("SELECT name FROM patient", {}, 3), Code::too_large);
}

TEST_P(CatalogueConformance, refuses_misuse) {
  EXPECT_CODE(catalogue_->query("DELETE FROM patient"), Code::denied) << "a query does not write";
  EXPECT_CODE(catalogue_->execute("INSERT INTO patient (name) VALUES (?1)"), Code::invalid) << "argument missing";
  EXPECT_CODE(catalogue_->execute("DELETE FROM visit; DELETE FROM patient"), Code::invalid) << "two statements";
  EXPECT_CODE(catalogue_->execute(""), Code::invalid);
  EXPECT_FALSE(catalogue_->execute("nonsense").ok());
  for (const char* sql : {"COMMIT", "ROLLBACK", "SAVEPOINT x", "PRAGMA synchronous=OFF", "ATTACH 'x' AS y"}) {
    EXPECT_CODE(catalogue_->execute(sql), Code::denied) << sql;
  }
  EXPECT_OK(catalogue_->execute("INSERT INTO patient (name) VALUES ('still works')"));
}

TEST_P(CatalogueConformance, refuses_to_wait_for_itself) {
  const Status done = catalogue_->write([&](Transaction&) -> Status {
    EXPECT_CODE(catalogue_->execute("DELETE FROM patient"), Code::precondition);
    EXPECT_CODE(catalogue_->query("SELECT 1"), Code::precondition);
    return {};
  });
  EXPECT_OK(done);
}

TEST_P(CatalogueConformance, many_threads_write_and_read_at_once) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = std::to_string(t) + "/" + std::to_string(i);
        EXPECT_OK(catalogue_->execute("INSERT INTO patient (name) VALUES (?1)", {name}));
        // Read your own write: acknowledged means visible.
        EXPECT_EQ(catalogue_->query("SELECT 1 FROM patient WHERE name = ?1", {name})->size(), 1U);
        if (i % 5 == 0) {
          EXPECT_CODE(catalogue_->execute("INSERT INTO patient (name) VALUES (?1)", {name}), Code::exists);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count("patient"), kThreads * kEach);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, CatalogueConformance, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "sqlite" : "memory"; });

TEST(SqliteCatalogue, keeps_everything_over_a_restart) {
  Surroundings around;
  {
    auto catalogue = open_sqlite(around.path("deep/er/a.sqlite"), kMigrations, around.logger);
    ASSERT_OK(catalogue);
    ASSERT_OK((*catalogue)->execute("INSERT INTO patient (name) VALUES ('Ann')"));
  }
  auto catalogue = open_sqlite(around.path("deep/er/a.sqlite"), kMigrations, around.logger);
  ASSERT_OK(catalogue);
  EXPECT_EQ((*catalogue)->query("SELECT name FROM patient")->at(0).text(0), "Ann");
}

TEST(SqliteCatalogue, is_readable_by_its_owner_only) {
  Surroundings around;
  auto catalogue = open_sqlite(around.path("a.sqlite"), kMigrations, around.logger);
  ASSERT_OK(catalogue);
  ASSERT_OK((*catalogue)->execute("INSERT INTO patient (name) VALUES ('Ann')"));
  for (const char* name : {"a.sqlite", "a.sqlite-wal", "a.sqlite-shm"}) {
    const auto mode = std::filesystem::status(around.path(name)).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::all, std::filesystem::perms{0600}) << name;
  }
}

TEST(SqliteCatalogue, readers_do_not_wait_for_a_writer) {
  Surroundings around;
  auto catalogue = open_sqlite(around.path("a.sqlite"), kMigrations, around.logger);
  ASSERT_OK(catalogue);
  const Status done = (*catalogue)->write([&](Transaction& tx) -> Status {
    EXPECT_OK(tx.execute("INSERT INTO patient (name) VALUES ('Ann')"));
    // Another thread reads while this transaction is open; it would wait for ever if readers waited.
    std::thread reader{[&] { EXPECT_EQ((*catalogue)->query("SELECT count(*) FROM patient")->at(0).integer(0), 0); }};
    reader.join();
    return {};
  });
  EXPECT_OK(done);
}

TEST(SqliteCatalogue, a_full_disk_loses_no_acknowledged_row) {
  Surroundings around;
  const auto disk = testing::SmallDisk::mount(around.folder.path(), 4 << 20);
  if (!disk) GTEST_SKIP() << "skipped: mounts are not allowed here";
  disk->fill(1 << 20);
  const auto count = [](const Catalogue& catalogue) {
    return catalogue.query("SELECT count(*) FROM patient")->at(0).integer(0);
  };
  std::int64_t kept = 0;
  {
    auto catalogue = open_sqlite(around.path("a.sqlite"), kMigrations, around.logger);
    ASSERT_OK(catalogue);
    for (;;) {
      const auto done =
          (*catalogue)
              ->execute("INSERT INTO patient (name) VALUES (?1)", {std::string(20'000, 'x') + std::to_string(kept)});
      if (!done) {
        EXPECT_CODE(done, Code::exhausted);
        break;
      }
      ++kept;
    }
    EXPECT_GT(kept, 5);
    EXPECT_EQ(count(**catalogue), kept);
    std::filesystem::remove(around.path("ballast"));
    EXPECT_OK((*catalogue)->execute("INSERT INTO patient (name) VALUES ('room again')"));
  }
  auto catalogue = open_sqlite(around.path("a.sqlite"), kMigrations, around.logger);
  ASSERT_OK(catalogue);
  EXPECT_EQ(count(**catalogue), kept + 1);
}

TEST(SqliteCatalogue, upgrades_an_older_file_and_refuses_a_newer_one) {
  Surroundings around;
  const auto file = around.path("a.sqlite");
  const std::vector<Migration> older{kMigrations[0]};
  ASSERT_OK(open_sqlite(file, older, around.logger));
  ASSERT_OK(open_sqlite(file, kMigrations, around.logger));
  const auto refused = open_sqlite(file, older, around.logger);
  EXPECT_CODE(refused, Code::precondition);
}

TEST(SqliteCatalogue, refuses_a_migration_that_was_changed_after_it_ran) {
  Surroundings around;
  const auto file = around.path("a.sqlite");
  ASSERT_OK(open_sqlite(file, {{1, "CREATE TABLE t (a INTEGER)"}}, around.logger));
  EXPECT_CODE(open_sqlite(file, {{1, "CREATE TABLE t (a TEXT)"}}, around.logger), Code::precondition);
}

TEST(SqliteCatalogue, a_failing_migration_leaves_the_file_as_it_was) {
  Surroundings around;
  const auto file = around.path("a.sqlite");
  ASSERT_OK(open_sqlite(file, {kMigrations[0]}, around.logger));
  EXPECT_FALSE(
      open_sqlite(file, {kMigrations[0], {2, "CREATE TABLE half (a); CREATE TABLE patient (a)"}}, around.logger).ok());
  EXPECT_FALSE(open_sqlite(file, {kMigrations[0], {2, "CREATE TABLE half (a); COMMIT"}}, around.logger).ok());
  auto catalogue = open_sqlite(file, kMigrations, around.logger);
  ASSERT_OK(catalogue);
  EXPECT_EQ((*catalogue)->query("SELECT 1 FROM sqlite_master WHERE name = 'half'")->size(), 0U);
}

TEST(SqliteCatalogue, refuses_gaps_in_the_numbers) {
  Surroundings around;
  EXPECT_CODE(open_memory_catalogue({{2, "CREATE TABLE t (a)"}}, around.logger), Code::internal);
  EXPECT_CODE(open_memory_catalogue({{1, "CREATE TABLE t (a)"}, {1, "CREATE TABLE u (a)"}}, around.logger),
              Code::internal);
}

TEST(SqliteCatalogue, a_file_of_something_else_is_data_loss_and_stays_untouched) {
  Surroundings around;
  const auto file = around.path("a.sqlite");
  const std::string other(5000, 'x');
  ASSERT_OK(write_file_atomic(file, other));
  EXPECT_CODE(open_sqlite(file, kMigrations, around.logger), Code::data_loss);
  EXPECT_EQ(*read_text_file(file, 10'000), other);
}

TEST(Row, converts_what_has_one_meaning) {
  const Row row{{std::int64_t{42}, 2.5, std::string{"17"}, std::string{"x"}, 1e300}};
  EXPECT_EQ(row.text(0), "42");
  EXPECT_EQ(row.number(0), 42.0);
  EXPECT_EQ(row.integer(1), 2);
  EXPECT_EQ(row.text(1), "2.5");
  EXPECT_EQ(row.integer(2), 17);
  EXPECT_EQ(row.integer(3), 0);
  EXPECT_EQ(row.integer(4), std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace aceso::store
