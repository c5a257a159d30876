// A service's tables. SQLite in WAL mode now, PostgreSQL behind the same interface later; SQL is the common subset of
// both. One writer thread commits what is queued together (group commit, synchronous=FULL); readers have their own
// connections and never wait.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aceso/base/log.hpp"
#include "aceso/base/result.hpp"

namespace aceso::store {

using Blob = std::vector<std::byte>;
using SqlValue = std::variant<std::nullptr_t, std::int64_t, double, std::string, Blob>;
using SqlArgs = std::vector<SqlValue>;

// One row of an answer, columns by position. text() of NULL is "", integer() of NULL is 0.
class Row {
 public:
  explicit Row(std::vector<SqlValue> values) : values_{std::move(values)} {}
  std::size_t size() const noexcept { return values_.size(); }
  bool is_null(std::size_t i) const { return std::holds_alternative<std::nullptr_t>(values_.at(i)); }
  std::int64_t integer(std::size_t i) const;
  double number(std::size_t i) const;
  std::string text(std::size_t i) const;
  Blob blob(std::size_t i) const;

 private:
  std::vector<SqlValue> values_;
};

struct Migration {
  int number;            // 1, 2, 3...: without gaps
  std::string_view sql;  // may hold several statements; runs in one transaction
};

// Inside a transaction. Placeholders are ?1, ?2...
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Result<std::int64_t> execute(
      std::string_view sql,
      const SqlArgs& args = {}) = 0;  // rows changed. exists on a unique violation, conflict on another constraint
  virtual Result<std::vector<Row>> query(std::string_view sql, const SqlArgs& args = {}) = 0;
};

// Thread-safe.
class Catalogue {
 public:
  Catalogue() = default;
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;
  virtual ~Catalogue() = default;

  // Runs `work` on the writer thread inside a transaction; returns after it is on disk. An error from `work` rolls back
  // only its own changes.
  virtual Status write(const std::function<Status(Transaction&)>& work) = 0;
  // Reads from one consistent snapshot. Stops with too_large past `max_rows`.
  virtual Result<std::vector<Row>> query(std::string_view sql, const SqlArgs& args = {},
                                         std::size_t max_rows = 100'000) const = 0;
  Status execute(std::string_view sql, const SqlArgs& args = {});  // write() of one statement
};

// Opens or creates the file and applies what migrations it lacks, each in a transaction. precondition when the file is
// newer than `migrations`.
Result<std::unique_ptr<Catalogue>> open_sqlite(const std::filesystem::path& file,
                                               const std::vector<Migration>& migrations, const Logger& logger);
Result<std::unique_ptr<Catalogue>> open_memory_catalogue(const std::vector<Migration>& migrations,
                                                         const Logger& logger);

}  // namespace aceso::store
