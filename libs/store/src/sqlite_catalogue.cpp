// The catalogue on a file: one writer thread with group commit, readers with connections of their own (WAL:
// https://www.sqlite.org/wal.html).
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "aceso/base/file.hpp"
#include "migrate.hpp"
#include "savepoint.hpp"
#include "sqlite.hpp"

namespace aceso::store {
namespace {

constexpr std::size_t kMaxGroup = 256;   // work items in one transaction
constexpr std::size_t kIdleReaders = 8;  // connections kept open

class SqliteCatalogue final : public Catalogue {
 public:
  SqliteCatalogue(std::filesystem::path file, std::unique_ptr<Connection> writer, const Logger& logger)
      : file_{std::move(file)}, writer_{std::move(writer)}, logger_{logger}, thread_{[this] { run(); }} {}

  ~SqliteCatalogue() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    queued_.notify_all();
    thread_.join();
  }

  Status write(const std::function<Status(Transaction&)>& work) override {
    if (std::this_thread::get_id() == thread_.get_id()) {
      return Error{Code::precondition, "inside write(): use the transaction at hand"};
    }
    Item item{.work = &work};
    std::unique_lock lock{mutex_};
    queue_.push_back(&item);  // each caller waits below, so the queue is as long as there are calling threads
    queued_.notify_one();
    done_.wait(lock, [&] { return item.done; });
    return std::move(item.result);
  }

  Result<std::vector<Row>> query(std::string_view sql, const SqlArgs& args, std::size_t max_rows) const override {
    if (std::this_thread::get_id() == thread_.get_id()) {
      return Error{Code::precondition, "inside write(): use the transaction at hand"};
    }
    ACESO_TRY(std::unique_ptr<Connection> reader, take_reader());
    auto rows = reader->query_at_most(sql, args, max_rows);
    give_back(std::move(reader));
    return rows;
  }

 private:
  struct Item {
    const std::function<Status(Transaction&)>* work;
    Status result = {};
    bool done = false;
  };

  Result<std::unique_ptr<Connection>> take_reader() const {
    {
      const std::lock_guard lock{readers_mutex_};
      if (!readers_.empty()) {
        std::unique_ptr<Connection> reader = std::move(readers_.back());
        readers_.pop_back();
        return reader;
      }
    }
    return Connection::open(file_, Connection::Mode::read_only);
  }

  void give_back(std::unique_ptr<Connection> reader) const {
    const std::lock_guard lock{readers_mutex_};
    if (readers_.size() < kIdleReaders) readers_.push_back(std::move(reader));
  }

  void run() {
    std::unique_lock lock{mutex_};
    for (;;) {
      queued_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::vector<Item*> group;
      while (!queue_.empty() && group.size() < kMaxGroup) {
        group.push_back(queue_.front());
        queue_.pop_front();
      }
      lock.unlock();
      commit_together(group);
      lock.lock();
      for (Item* item : group) item->done = true;
      done_.notify_all();
    }
  }

  // One transaction and one fsync for the group; each item's own failure undoes its own changes only.
  void commit_together(const std::vector<Item*>& group) {
    if (writer_->sync_failed()) return fail(group, disk_failed());
    if (Status begun = writer_->script("BEGIN IMMEDIATE"); !begun) return fail(group, begun.error());
    for (Item* item : group) {
      item->result = run_in_savepoint(*writer_, *item->work);
      if (writer_->in_transaction()) continue;
      // The disk is full or failed: SQLite undid the whole transaction, and with it what others had written.
      const Error why = item->result.ok() ? Error{Code::internal, "the transaction was lost"} : item->result.error();
      return fail(group, why);
    }
    if (Status committed = writer_->script("COMMIT"); !committed) {
      if (writer_->in_transaction()) (void)writer_->script("ROLLBACK");
      fail(group, writer_->sync_failed() ? disk_failed() : committed.error());
    }
  }

  void fail(const std::vector<Item*>& group, const Error& why) {
    logger_.error("catalogue write failed", why, {{"items", group.size()}});
    for (Item* item : group) {
      if (item->result.ok()) item->result = why;
    }
  }

  // After a failed fsync the kernel may have dropped the pages: a later fsync that succeeds proves nothing.
  static Error disk_failed() {
    return Error{Code::unavailable, "the disk did not take an earlier write: restart after checking it"};
  }

  std::filesystem::path file_;
  std::unique_ptr<Connection> writer_;
  Logger logger_;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::condition_variable done_;
  std::deque<Item*> queue_;
  bool stopping_ = false;
  mutable std::mutex readers_mutex_;
  mutable std::vector<std::unique_ptr<Connection>> readers_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

Result<std::unique_ptr<Catalogue>> open_sqlite(const std::filesystem::path& file,
                                               const std::vector<Migration>& migrations, const Logger& logger) {
  std::error_code failed;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{Code::denied, "cannot create " + folder.string() + ": " + failed.message()};
  ACESO_TRY(std::unique_ptr<Connection> writer, Connection::open(file, Connection::Mode::create));
  if (Status migrated = migrate(*writer, migrations, logger); !migrated) {
    return std::move(std::move(migrated).error().add_context(file.string()));
  }
  ACESO_TRY_OK(sync_directory(folder));
  return std::unique_ptr<Catalogue>{std::make_unique<SqliteCatalogue>(file, std::move(writer), logger)};
}

}  // namespace aceso::store
