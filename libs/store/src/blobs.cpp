// Blobs on the segmented log. A record is the content, its SHA-256 and one byte: 1 for a blob, 2 for a removal (without
// content). The index can be made again from the log alone.
#include "aceso/store/blobs.hpp"

#include <algorithm>

#include "aceso/store/catalogue.hpp"

namespace aceso::store {
namespace {

constexpr std::size_t kDigestSize = sizeof(crypto::Digest);
constexpr std::size_t kTrailerSize = kDigestSize + 1;
constexpr std::byte kBlob{1};
constexpr std::byte kRemoval{2};
constexpr std::size_t kIndexedTogether = 1000;
constexpr std::string_view kSchema = R"sql(
CREATE TABLE blob (
  sha256 TEXT PRIMARY KEY,
  segment INTEGER NOT NULL,
  position INTEGER NOT NULL,
  length INTEGER NOT NULL
);
CREATE TABLE indexed (id INTEGER PRIMARY KEY CHECK (id = 1), segment INTEGER NOT NULL, position INTEGER NOT NULL);
INSERT INTO indexed VALUES (1, 0, 0);
)sql";

struct Trailer {
  std::string sha256;
  std::byte kind;
};

std::array<std::byte, kTrailerSize> encode(const crypto::Digest& digest, std::byte kind) {
  std::array<std::byte, kTrailerSize> out;
  std::copy(digest.begin(), digest.end(), out.begin());
  out[kDigestSize] = kind;
  return out;
}

std::int64_t signed_of(std::uint64_t v) {
  return static_cast<std::int64_t>(v);
}
RecordRef ref_of(const Row& row) {
  return {{static_cast<std::uint32_t>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1))},
          static_cast<std::uint64_t>(row.integer(2)) + kTrailerSize};
}

// One record's effect on the index, and how far the index has come.
Status apply(Transaction& tx, const RecordRef& record, const Trailer& trailer) {
  if (trailer.kind == kRemoval) {
    ACESO_TRY([[maybe_unused]] const auto gone, tx.execute("DELETE FROM blob WHERE sha256 = ?1", {trailer.sha256}));
  } else {
    ACESO_TRY([[maybe_unused]] const auto added,
              tx.execute("INSERT INTO blob VALUES (?1, ?2, ?3, ?4) ON CONFLICT (sha256) DO NOTHING",
                         {trailer.sha256, std::int64_t{record.at.segment}, signed_of(record.at.offset),
                          signed_of(record.length - kTrailerSize)}));
  }
  ACESO_TRY([[maybe_unused]] const auto moved,
            tx.execute("UPDATE indexed SET segment = ?1, position = ?2 WHERE segment < ?1 OR (segment = ?1 AND "
                       "position < ?2)",
                       {std::int64_t{record.at.segment}, signed_of(record.at.offset)}));
  return {};
}

class SegmentBlobs final : public BlobStore {
 public:
  SegmentBlobs(std::unique_ptr<SegmentedLog> log, std::unique_ptr<Catalogue> index)
      : log_{std::move(log)}, index_{std::move(index)} {}

  Status catch_up(const Logger& logger);
  Result<BlobInfo> put(std::span<const std::byte> bytes) override;
  Result<std::unique_ptr<Writer>> begin() override;
  Result<BlobInfo> info(const std::string& sha256) const override;
  Status read_range(const std::string& sha256, std::uint64_t from, std::span<std::byte> out) const override;
  Status remove(const std::string& sha256) override;

 private:
  class StreamedBlob;
  Result<RecordRef> find(const std::string& sha256) const;
  Result<Trailer> trailer_of(const RecordRef& record) const;
  Status apply_all(const std::vector<RecordRef>& records);

  std::unique_ptr<SegmentedLog> log_;
  std::unique_ptr<Catalogue> index_;
};

Result<Trailer> SegmentBlobs::trailer_of(const RecordRef& record) const {
  if (record.length < kTrailerSize) return Error{Code::data_loss, "a record of the blob log is too short"};
  std::array<std::byte, kTrailerSize> bytes;
  ACESO_TRY_OK(log_->read_range(record, record.length - kTrailerSize, bytes));
  return Trailer{crypto::to_hex(std::span{bytes}.first(kDigestSize)), bytes[kDigestSize]};
}

Status SegmentBlobs::apply_all(const std::vector<RecordRef>& records) {
  return index_->write([&](Transaction& tx) -> Status {
    for (const RecordRef& record : records) {
      ACESO_TRY(const Trailer trailer, trailer_of(record));
      ACESO_TRY_OK(apply(tx, record, trailer));
    }
    return {};
  });
}

// Indexes what the log has and the index lacks (a crash between the two, a new index), and forgets what a power failure
// took from a log in window mode.
Status SegmentBlobs::catch_up(const Logger& logger) {
  const LogPosition end = log_->end();
  constexpr const char* kBeyond = "DELETE FROM blob WHERE segment > ?1 OR (segment = ?1 AND position >= ?2)";
  LogPosition last;
  ACESO_TRY_OK(index_->write([&](Transaction& tx) -> Status {
    const SqlArgs at_end{std::int64_t{end.segment}, signed_of(end.offset)};
    ACESO_TRY(const auto lost, tx.execute(kBeyond, at_end));
    if (lost > 0) logger.error("blobs lost with the log's tail", {{"blobs", lost}});
    ACESO_TRY([[maybe_unused]] const auto back,
              tx.execute("UPDATE indexed SET segment = ?1, position = ?2 WHERE segment > ?1 OR (segment = ?1 AND "
                         "position > ?2)",
                         at_end));
    ACESO_TRY(const auto rows, tx.query("SELECT segment, position FROM indexed"));
    last = {static_cast<std::uint32_t>(rows.at(0).integer(0)), static_cast<std::uint64_t>(rows.at(0).integer(1))};
    return {};
  }));
  std::vector<RecordRef> batch;
  Status applied;
  std::uint64_t count = 0;
  ACESO_TRY_OK(log_->scan(last, [&](const RecordRef& record) {
    if (record.at == last) return true;
    batch.push_back(record);
    ++count;
    if (batch.size() == kIndexedTogether) {
      applied = apply_all(batch);
      batch.clear();
    }
    return applied.ok();
  }));
  if (applied.ok() && !batch.empty()) applied = apply_all(batch);
  if (count > 0) logger.info("blob index caught up", {{"records", count}});
  return applied;
}

Result<RecordRef> SegmentBlobs::find(const std::string& sha256) const {
  ACESO_TRY(const auto rows, index_->query("SELECT segment, position, length FROM blob WHERE sha256 = ?1", {sha256}));
  if (rows.empty()) return Error{Code::not_found, "no such blob"};
  return ref_of(rows[0]);
}

Result<BlobInfo> SegmentBlobs::info(const std::string& sha256) const {
  ACESO_TRY(const RecordRef record, find(sha256));
  return BlobInfo{sha256, record.length - kTrailerSize};
}

Status SegmentBlobs::read_range(const std::string& sha256, std::uint64_t from, std::span<std::byte> out) const {
  ACESO_TRY(const RecordRef record, find(sha256));
  const std::uint64_t length = record.length - kTrailerSize;
  if (from > length || out.size() > length - from) return Error{Code::invalid, "the range lies outside the blob"};
  return log_->read_range(record, from, out);
}

class SegmentBlobs::StreamedBlob final : public Writer {
 public:
  StreamedBlob(SegmentBlobs& blobs, std::unique_ptr<SegmentedLog::Writer> record)
      : blobs_{blobs}, record_{std::move(record)} {}

  Status write(std::span<const std::byte> piece) override {
    if (!record_) return Error{Code::precondition, "the blob was committed already"};
    hash_.update(piece);
    length_ += piece.size();
    return record_->write(piece);
  }

  Result<BlobInfo> commit() override {
    if (!record_) return Error{Code::precondition, "the blob was committed already"};
    const auto record = std::move(record_);
    const crypto::Digest digest = hash_.finish();
    const BlobInfo info{crypto::to_hex(digest), length_};
    if (blobs_.find(info.sha256).ok()) return info;
    ACESO_TRY_OK(record->write(encode(digest, kBlob)));
    ACESO_TRY(const RecordRef at, record->commit());
    ACESO_TRY_OK(blobs_.index_->write([&](Transaction& tx) { return apply(tx, at, {info.sha256, kBlob}); }));
    return info;
  }

 private:
  SegmentBlobs& blobs_;
  std::unique_ptr<SegmentedLog::Writer> record_;
  crypto::Sha256 hash_;
  std::uint64_t length_ = 0;
};

Result<std::unique_ptr<BlobStore::Writer>> SegmentBlobs::begin() {
  ACESO_TRY(auto record, log_->begin());
  return std::unique_ptr<Writer>{std::make_unique<StreamedBlob>(*this, std::move(record))};
}

Result<BlobInfo> SegmentBlobs::put(std::span<const std::byte> bytes) {
  ACESO_TRY(auto writer, begin());
  ACESO_TRY_OK(writer->write(bytes));
  return writer->commit();
}

// The removal is a record of its own: an index made again from the log must not bring the blob back.
Status SegmentBlobs::remove(const std::string& sha256) {
  ACESO_TRY([[maybe_unused]] const RecordRef there, find(sha256));
  ACESO_TRY(const crypto::Bytes bytes, crypto::from_hex(sha256));
  crypto::Digest digest;
  std::copy_n(bytes.begin(), digest.size(), digest.begin());
  ACESO_TRY(const RecordRef at, log_->append(encode(digest, kRemoval)));
  return index_->write([&](Transaction& tx) { return apply(tx, at, {sha256, kRemoval}); });
}

}  // namespace

Result<std::vector<std::byte>> BlobStore::read(const std::string& sha256, std::uint64_t limit) const {
  ACESO_TRY(const BlobInfo found, info(sha256));
  if (found.length > limit) {
    return Error{Code::too_large,
                 "the blob has " + std::to_string(found.length) + " bytes, " + std::to_string(limit) + " are allowed"};
  }
  std::vector<std::byte> out(found.length);
  ACESO_TRY_OK(read_range(sha256, 0, out));
  return out;
}

Result<std::unique_ptr<BlobStore>> open_segment_blobs(const std::filesystem::path& folder,
                                                      SegmentedLog::Options options, const Clock& clock,
                                                      const Logger& logger) {
  ACESO_TRY(auto log, SegmentedLog::open(folder, std::move(options), clock, logger));
  const std::vector<Migration> migrations{{1, kSchema}};
  const std::filesystem::path file = folder / "index.sqlite";
  auto index = open_sqlite(file, migrations, logger);
  if (!index && index.error().code() == Code::data_loss) {
    logger.warn("blob index is damaged and made again from the log");
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + suffix, ignored);
    index = open_sqlite(file, migrations, logger);
  }
  if (!index) return std::move(index).error();
  auto blobs = std::make_unique<SegmentBlobs>(std::move(log), *std::move(index));
  ACESO_TRY_OK(blobs->catch_up(logger));
  return std::unique_ptr<BlobStore>{std::move(blobs)};
}

}  // namespace aceso::store
