// One SQLite connection: statements kept prepared, values bound and read, errors turned into codes.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aceso/store/catalogue.hpp"

namespace aceso::store {

// Not thread-safe: one thread at a time.
class Connection final : public Transaction {
 public:
  enum class Mode { create, read_only, memory };
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file, Mode mode);
  ~Connection() override;

  // Several statements, without arguments or answers; may hold transaction control.
  Status script(const char* sql);
  // The caller's statements: one at a time, no transaction control, no PRAGMA, no ATTACH.
  Result<std::int64_t> execute(std::string_view sql, const SqlArgs& args) override;
  Result<std::vector<Row>> query(std::string_view sql, const SqlArgs& args) override;
  Result<std::vector<Row>> query_at_most(std::string_view sql, const SqlArgs& args, std::size_t max_rows);
  // Runs a migration's text under the same restrictions.
  Status guarded_script(const std::string& sql);

  bool in_transaction() const noexcept { return sqlite3_get_autocommit(db_) == 0; }
  // True after a write that the disk did not take: what is on it is unknown from then on.
  bool sync_failed() const noexcept { return sync_failed_; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  class Use;

  explicit Connection(sqlite3* db) : db_{db} {}
  Result<sqlite3_stmt*> prepare(std::string_view sql);
  Status bind(sqlite3_stmt* statement, const SqlArgs& args);
  Error error(std::string_view what);
  static int authorize(void* self, int action, const char* a, const char* b, const char* c, const char* d);

  sqlite3* db_;
  std::unordered_map<std::string, Statement> cache_;
  bool guarded_ = false;
  bool sync_failed_ = false;
};

}  // namespace aceso::store
