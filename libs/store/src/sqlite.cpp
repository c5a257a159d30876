// SQLite's C interface (https://www.sqlite.org/c3ref/intro.html) behind Connection.
#include "sqlite.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace aceso::store {
namespace {

constexpr std::size_t kCachedStatements = 64;
constexpr std::size_t kMaxRowsInTransaction = 1'000'000;
constexpr int kBusyMs = 5000;  // another process (a backup, the sqlite3 shell) may hold the lock shortly
constexpr int kMaxValueBytes = 256 * 1024 * 1024;

Code code_of(int extended) noexcept {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return Code::exists;
    default:
      break;
  }
  switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
      return Code::conflict;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Code::exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::data_loss;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return Code::denied;
    case SQLITE_TOOBIG:
      return Code::too_large;
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
      return Code::invalid;
    case SQLITE_INTERRUPT:
      return Code::cancelled;
    default:
      return Code::internal;
  }
}

SqlValue value_at(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const unsigned char* text = sqlite3_column_text(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return std::string{reinterpret_cast<const char*>(text), size};
    }
    case SQLITE_BLOB: {
      const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return size == 0 ? Blob{} : Blob{data, data + size};
    }
    default:
      return nullptr;
  }
}

struct Binder {
  sqlite3_stmt* statement;
  int index;
  int operator()(std::nullptr_t) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t v) const { return sqlite3_bind_int64(statement, index, v); }
  int operator()(double v) const { return sqlite3_bind_double(statement, index, v); }
  int operator()(const std::string& v) const {
    return sqlite3_bind_text64(statement, index, v.data(), v.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  int operator()(const Blob& v) const {
    // A null pointer would bind NULL.
    return v.empty() ? sqlite3_bind_zeroblob(statement, index, 0)
                     : sqlite3_bind_blob64(statement, index, v.data(), v.size(), SQLITE_STATIC);
  }
};

// The main file exists before SQLite opens it, readable by its owner alone; SQLite gives -wal and -shm the same mode.
Status create_private(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error{Code::denied, "cannot open or create " + file.string()};
  ::close(fd);
  return {};
}

}  // namespace

// Resets a statement when it has been used, so that it holds no read lock and no reference to the arguments.
class Connection::Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_{statement} {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& file, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode == Mode::create) ACESO_TRY_OK(create_private(file));
  const std::string name = mode == Mode::memory ? ":memory:" : file.string();
  sqlite3* db = nullptr;
  const int rc = sqlite3_open_v2(name.c_str(), &db, flags, nullptr);
  std::unique_ptr<Connection> connection{new Connection{db}};
  if (rc != SQLITE_OK) return Error{code_of(rc), "cannot open " + name + ": " + sqlite3_errstr(rc)};
  sqlite3_busy_timeout(db, kBusyMs);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_set_authorizer(db, &Connection::authorize, connection.get());
  Status ready = connection->script("PRAGMA foreign_keys=ON");
  if (ready.ok() && mode == Mode::create) {
    ready = connection->script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864");
  }
  if (!ready) return std::move(std::move(ready).error().add_context(name));
  return connection;
}

Connection::~Connection() {
  cache_.clear();
  sqlite3_close_v2(db_);
}

int Connection::authorize(void* self, int action, const char*, const char*, const char*, const char*) {
  if (!static_cast<Connection*>(self)->guarded_) return SQLITE_OK;
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_PRAGMA:
      return SQLITE_DENY;
    default:
      return SQLITE_OK;
  }
}

Error Connection::error(std::string_view what) {
  const int extended = sqlite3_extended_errcode(db_);
  if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC) sync_failed_ = true;
  // SQLite's messages name tables, columns and SQL of ours, never values.
  return Error{code_of(extended), std::string{what} + ": " + sqlite3_errmsg(db_)};
}

Status Connection::script(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error("SQL");
  return {};
}

Status Connection::guarded_script(const std::string& sql) {
  guarded_ = true;
  Status done = script(sql.c_str());
  guarded_ = false;
  return done;
}

Result<sqlite3_stmt*> Connection::prepare(std::string_view sql) {
  std::string key{sql};
  if (const auto found = cache_.find(key); found != cache_.end()) return found->second.get();
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  guarded_ = true;
  const int rc =
      sqlite3_prepare_v3(db_, key.data(), static_cast<int>(key.size()), SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  guarded_ = false;
  Statement statement{raw};
  if (rc != SQLITE_OK) return error("SQL");
  const std::string_view rest{tail, static_cast<std::size_t>(key.data() + key.size() - tail)};
  if (raw == nullptr || rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    return Error{Code::invalid, "SQL: exactly one statement is expected"};
  }
  if (cache_.size() >= kCachedStatements) cache_.clear();
  cache_.emplace(std::move(key), std::move(statement));
  return raw;
}

Status Connection::bind(sqlite3_stmt* statement, const SqlArgs& args) {
  if (static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)) != args.size()) {
    return Error{Code::invalid, "SQL: the number of arguments is not that of the placeholders"};
  }
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (std::visit(Binder{statement, static_cast<int>(i) + 1}, args[i]) != SQLITE_OK) return error("SQL argument");
  }
  return {};
}

Result<std::int64_t> Connection::execute(std::string_view sql, const SqlArgs& args) {
  ACESO_TRY(sqlite3_stmt * statement, prepare(sql));
  const Use use{statement};
  ACESO_TRY_OK(bind(statement, args));
  const sqlite3_int64 before = sqlite3_total_changes64(db_);
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = sqlite3_step(statement);
  if (rc != SQLITE_DONE) return error("SQL");
  return std::int64_t{sqlite3_total_changes64(db_) == before ? 0 : sqlite3_changes64(db_)};
}

Result<std::vector<Row>> Connection::query(std::string_view sql, const SqlArgs& args) {
  return query_at_most(sql, args, kMaxRowsInTransaction);
}

Result<std::vector<Row>> Connection::query_at_most(std::string_view sql, const SqlArgs& args, std::size_t max_rows) {
  ACESO_TRY(sqlite3_stmt * statement, prepare(sql));
  const Use use{statement};
  ACESO_TRY_OK(bind(statement, args));
  std::vector<Row> rows;
  int rc = sqlite3_step(statement);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(statement)) {
    if (rows.size() == max_rows) {
      return Error{Code::too_large, "the answer has more than " + std::to_string(max_rows) + " rows"};
    }
    const int columns = sqlite3_column_count(statement);
    std::vector<SqlValue> values;
    values.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) values.push_back(value_at(statement, i));
    rows.emplace_back(std::move(values));
  }
  if (rc != SQLITE_DONE) return error("SQL");
  return rows;
}

}  // namespace aceso::store
