// The audit trail, and somebody with the file in his hands.
#include "aceso/portal/audit.hpp"

#include <gtest/gtest.h>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "lines.hpp"

namespace aceso::portal {
namespace {

class Audit : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    catalogue = *store::open_sqlite(file(), portal_migrations(), logger);
    trail = *AuditTrail::open(*catalogue, checkpoint(), keys, clock, logger);
  }
  void close() {
    trail.reset();
    catalogue.reset();
  }
  std::filesystem::path file() const { return folder->path() / "audit.sqlite"; }
  std::filesystem::path checkpoint() const { return folder->path() / "audit.checkpoint"; }

  void fill(int n) {
    for (int i = 0; i < n; ++i) {
      ASSERT_TRUE(trail->record({.action = "R",
                                 .event = "model.read",
                                 .agent_id = "u1",
                                 .agent_name = "ada",
                                 .entity_type = "model",
                                 .entity_id = "m" + std::to_string(i)}));
      clock.advance(std::chrono::seconds{1});
    }
  }
  // What somebody does who has the file: the triggers are no obstacle to him.
  void attack(std::initializer_list<std::string_view> statements) {
    for (const auto* trigger : {"audit_is_append_only_update", "audit_is_append_only_delete", "audit_has_no_gaps"}) {
      ASSERT_TRUE(catalogue->execute(std::string{"DROP TRIGGER IF EXISTS "} + trigger));
    }
    for (const auto sql : statements) ASSERT_TRUE(catalogue->execute(sql));
  }
  AuditVerdict verdict() const { return *trail->verify(); }

  Result<TempDir> folder = TempDir::create();
  ManualClock clock;
  SeededRandom random{3};
  Lines lines;
  Logger logger{clock, lines};
  NodeKeys keys{crypto::SigningKey::generate(random), crypto::SecretKey::generate(random)};
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<AuditTrail> trail;
};

TEST_F(Audit, chains_records_from_zero) {
  fill(3);
  const auto page = *trail->search({});
  ASSERT_EQ(page.items.size(), 3U);
  EXPECT_EQ(page.items[2].sequence, 1);
  EXPECT_EQ(page.items[2].previous, std::string(64, '0'));
  EXPECT_EQ(page.items[1].previous, page.items[2].hash);
  EXPECT_EQ(page.items[0].hash, audit_hash(page.items[0]));
  const auto v = verdict();
  EXPECT_TRUE(v.ok) << v.reason;
  EXPECT_EQ(v.checked, 3);
  EXPECT_EQ(v.head_hash, page.items[0].hash);
}

// docs/formats/audit.md, the example; the hash was computed by Python's hashlib from the bytes written there.
TEST_F(Audit, hashes_the_bytes_that_the_format_says) {
  AuditRecord r{.sequence = 1,
                .time = UtcTime{std::chrono::microseconds{1'700'000'000'000'000}},
                .event = {.action = "E",
                          .event = "user.login",
                          .agent_id = "u1",
                          .agent_name = "ada",
                          .source_address = "127.0.0.1",
                          .entity_type = "user",
                          .entity_id = "u1",
                          .request_id = "r1"},
                .previous = std::string(64, '0'),
                .hash = {},
                .seal = {}};
  EXPECT_EQ(
      canonical_audit_record(r),
      "13:aceso-audit-1,1:1,16:1700000000000000,1:E,10:user.login,7:success,2:u1,3:ada,9:127.0.0.1,4:user,2:u1,2:r1,"
      "0:,64:0000000000000000000000000000000000000000000000000000000000000000,");
  EXPECT_EQ(audit_hash(r), "805f75bf22aa673855fe0d7b7a35a2c0ebdac27aeaa6db25038240518e9cf8f1");
}

TEST_F(Audit, an_edited_record_is_named) {
  fill(5);
  attack({"UPDATE audit SET agent_name = 'bob' WHERE sequence = 3"});
  const auto v = verdict();
  EXPECT_FALSE(v.ok);
  EXPECT_EQ(v.first_bad, 3);
}

TEST_F(Audit, every_column_is_covered) {
  fill(2);
  for (const auto* column : {"time", "action", "event", "outcome", "agent_id", "agent_name", "source_address",
                             "entity_type", "entity_id", "request_id", "detail", "previous", "hash", "seal"}) {
    const std::string name{column};
    const auto old = (*catalogue->query("SELECT " + name + " FROM audit WHERE sequence = 1"))[0];
    const store::SqlValue before = name == "time" ? store::SqlValue{old.integer(0)} : store::SqlValue{old.text(0)};
    attack({"UPDATE audit SET " + name + " = 12345 WHERE sequence = 1"});
    EXPECT_EQ(verdict().first_bad, 1) << name;
    ASSERT_TRUE(catalogue->execute("UPDATE audit SET " + name + " = ?1 WHERE sequence = 1", {before}));
    EXPECT_TRUE(verdict().ok) << name;
  }
}

TEST_F(Audit, a_removed_record_is_named) {
  fill(5);
  attack({"DELETE FROM audit WHERE sequence = 2"});
  EXPECT_EQ(verdict().first_bad, 2);
}

TEST_F(Audit, records_cut_off_the_end_are_noticed) {
  fill(5);
  attack({"DELETE FROM audit WHERE sequence > 3"});
  const auto v = verdict();
  EXPECT_FALSE(v.ok);
  EXPECT_EQ(v.first_bad, 4);
  EXPECT_EQ(v.checked, 3);
}

TEST_F(Audit, records_cut_off_before_a_start_are_still_noticed_after_more_were_written) {
  fill(5);
  attack({"DELETE FROM audit WHERE sequence > 3"});
  close();
  open();
  fill(10);
  const auto v = verdict();
  EXPECT_FALSE(v.ok);
  EXPECT_EQ(v.first_bad, 4);
  EXPECT_NE(lines.text().find("audit.damaged"), std::string::npos);
}

TEST_F(Audit, a_chain_that_was_recomputed_from_the_middle_is_noticed) {
  fill(4);
  attack({"UPDATE audit SET entity_id = 'other' WHERE sequence = 2"});
  auto all = *trail->search({});
  std::string previous(64, '0');
  for (auto it = all.items.rbegin(); it != all.items.rend(); ++it) {  // hashes made good again, oldest first
    it->previous = previous;
    previous = audit_hash(*it);
    ASSERT_TRUE(catalogue->execute("UPDATE audit SET previous = ?2, hash = ?3 WHERE sequence = ?1",
                                   {it->sequence, it->previous, previous}));
  }
  EXPECT_EQ(verdict().first_bad, 2);  // the seal needs the node's key
}

TEST_F(Audit, a_removed_or_foreign_checkpoint_is_noticed) {
  fill(3);
  ASSERT_TRUE(trail->checkpoint());
  const auto good = *read_text_file(checkpoint(), 4096);
  std::filesystem::remove(checkpoint());
  EXPECT_EQ(verdict().first_bad, 3);
  const auto other = crypto::SigningKey::generate(random);
  ASSERT_TRUE(write_file_atomic(checkpoint(),
                                write_checkpoint({.sequence = 0, .hash = std::string(64, '0'), .time = {}}, other)));
  EXPECT_EQ(verdict().first_bad, 3);
  ASSERT_TRUE(write_file_atomic(checkpoint(), good));
  EXPECT_TRUE(verdict().ok);
}

TEST_F(Audit, the_tables_refuse_changes) {
  fill(2);
  EXPECT_FALSE(catalogue->execute("UPDATE audit SET agent_name = 'bob'"));
  EXPECT_FALSE(catalogue->execute("DELETE FROM audit WHERE sequence = 2"));
  EXPECT_FALSE(catalogue->execute(
      "INSERT INTO audit SELECT 9, time, action, event, outcome, agent_id, agent_name, source_address, "
      "entity_type, entity_id, request_id, detail, previous, hash, seal FROM audit WHERE sequence = 1"));
  EXPECT_TRUE(verdict().ok);
}

TEST_F(Audit, a_change_and_its_record_stand_or_fall_together) {
  const auto failed =
      trail->record_with({.action = "C", .event = "x"}, [](store::Transaction& tx, contracts::AuditEvent&) -> Status {
        ACESO_TRY_OK(tx.execute(
            "INSERT INTO users(id, name, name_key, password, roles, created) VALUES('1', 'a', 'a', '', '', 0)"));
        return Error{Code::conflict, "no"};
      });
  EXPECT_FALSE(failed);
  EXPECT_TRUE(trail->search({})->items.empty());
  // A record that cannot be written takes the change with it.
  const auto unrecorded =
      trail->record_with({.action = "??", .event = "x"}, [](store::Transaction& tx, contracts::AuditEvent&) -> Status {
        ACESO_TRY_OK(tx.execute(
            "INSERT INTO users(id, name, name_key, password, roles, created) VALUES('1', 'a', 'a', '', '', 0)"));
        return {};
      });
  EXPECT_FALSE(unrecorded);
  EXPECT_TRUE(catalogue->query("SELECT 1 FROM users")->empty());
}

TEST_F(Audit, is_searched_by_agent_event_entity_time_and_text) {
  const auto start = clock.utc_now();
  ASSERT_TRUE(trail->record({.action = "E", .event = "user.login", .agent_id = "u1", .agent_name = "ada"}));
  clock.advance(std::chrono::minutes{1});
  ASSERT_TRUE(trail->record({.action = "C",
                             .event = "model.promote",
                             .agent_id = "u2",
                             .agent_name = "Bob",
                             .entity_type = "model",
                             .entity_id = "m1",
                             .detail = R"({"stage":"live_100%"})"}));
  const auto found = [&](AuditQuery q) { return trail->search(q)->items.size(); };
  EXPECT_EQ(found({.agent = "bob"}), 1U);
  EXPECT_EQ(found({.agent = "u1"}), 1U);
  EXPECT_EQ(found({.event = "user."}), 1U);
  EXPECT_EQ(found({.entity = "model/m1"}), 1U);
  EXPECT_EQ(found({.text = "live"}), 1U);
  EXPECT_EQ(found({.text = "live_100%"}), 1U);
  EXPECT_EQ(found({.text = "%"}), 1U);  // a character, not a pattern
  EXPECT_EQ(found({.text = "_____________"}), 0U);
  EXPECT_EQ(found({.text = "'; DROP TABLE audit; --"}), 0U);
  EXPECT_EQ(found({.to = start + std::chrono::seconds{1}}), 1U);
  EXPECT_EQ(found({.from = start + std::chrono::seconds{1}}), 1U);
}

TEST_F(Audit, pages_through_everything_once) {
  fill(23);
  AuditQuery q{.limit = 5};
  std::int64_t expected = 23;
  for (int pages = 0; pages < 5; ++pages) {
    const auto page = *trail->search(q);
    for (const auto& item : page.items) EXPECT_EQ(item.sequence, expected--);
    if (!page.next) break;
    q.before = *page.next;
  }
  EXPECT_EQ(expected, 0);
}

TEST_F(Audit, keeps_fields_within_their_bounds) {
  ASSERT_TRUE(trail->record(
      {.action = "R", .event = "x", .agent_name = std::string(100'000, 'a'), .detail = std::string(100'000, 'b')}));
  const auto item = trail->search({})->items.at(0);
  EXPECT_EQ(item.event.agent_name.size(), 256U);
  EXPECT_EQ(item.event.detail.size(), 2048U);
  EXPECT_TRUE(verdict().ok);
}

TEST_F(Audit, goes_on_after_a_restart) {
  fill(2);
  close();
  open();
  fill(2);
  const auto v = verdict();
  EXPECT_TRUE(v.ok) << v.reason;
  EXPECT_EQ(v.checked, 4);
}

TEST(AuditCheckpoint, is_read_back_and_refused_when_changed) {
  SeededRandom random{4};
  const auto key = crypto::SigningKey::generate(random);
  const auto text = write_checkpoint(
      {.sequence = 17, .hash = std::string(64, 'a'), .time = UtcTime{std::chrono::seconds{1'700'000'000}}}, key);
  const auto back = read_checkpoint(text, key.public_key());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->sequence, 17);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(read_checkpoint(changed, key.public_key())) << i;
    EXPECT_FALSE(read_checkpoint(std::string_view{text}.substr(0, i), key.public_key())) << i;
  }
}

}  // namespace
}  // namespace aceso::portal
