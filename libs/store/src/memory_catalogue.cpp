// The catalogue's twin in memory: the same SQL on one connection behind a lock, no threads, nothing on disk.
#include <atomic>
#include <mutex>
#include <thread>

#include "migrate.hpp"
#include "savepoint.hpp"
#include "sqlite.hpp"

namespace aceso::store {
namespace {

class MemoryCatalogue final : public Catalogue {
 public:
  explicit MemoryCatalogue(std::unique_ptr<Connection> connection) : connection_{std::move(connection)} {}

  Status write(const std::function<Status(Transaction&)>& work) override {
    if (inside()) return Error{Code::precondition, "inside write(): use the transaction at hand"};
    const std::lock_guard lock{mutex_};
    writing_ = std::this_thread::get_id();
    Status result = connection_->script("BEGIN");
    if (result.ok()) result = run_in_savepoint(*connection_, work);
    if (connection_->in_transaction()) {
      const Status ended = connection_->script(result.ok() ? "COMMIT" : "ROLLBACK");
      if (result.ok()) result = ended;
    }
    writing_ = std::thread::id{};
    return result;
  }

  Result<std::vector<Row>> query(std::string_view sql, const SqlArgs& args, std::size_t max_rows) const override {
    if (inside()) return Error{Code::precondition, "inside write(): use the transaction at hand"};
    const std::lock_guard lock{mutex_};
    ACESO_TRY_OK(connection_->script("PRAGMA query_only=ON"));
    auto rows = connection_->query_at_most(sql, args, max_rows);
    ACESO_TRY_OK(connection_->script("PRAGMA query_only=OFF"));
    return rows;
  }

 private:
  bool inside() const { return writing_.load() == std::this_thread::get_id(); }

  std::unique_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  std::atomic<std::thread::id> writing_{};
};

}  // namespace

Result<std::unique_ptr<Catalogue>> open_memory_catalogue(const std::vector<Migration>& migrations,
                                                         const Logger& logger) {
  ACESO_TRY(std::unique_ptr<Connection> connection, Connection::open({}, Connection::Mode::memory));
  ACESO_TRY_OK(migrate(*connection, migrations, logger));
  return std::unique_ptr<Catalogue>{std::make_unique<MemoryCatalogue>(std::move(connection))};
}

}  // namespace aceso::store
