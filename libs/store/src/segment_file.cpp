#include "segment_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "aceso/base/file.hpp"
#include "segment.hpp"

namespace aceso::store {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 20;
constexpr std::uint64_t kLeastAhead = std::uint64_t{64} << 10;
constexpr std::array<std::byte, std::size_t{64} << 10> kZeros{};

}  // namespace

Result<std::unique_ptr<SegmentFile>> SegmentFile::create_part(FileOps& ops, const std::filesystem::path& part,
                                                              const std::optional<crypto::SecretKey>& kek) {
  OwnedFd fd{::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (fd.get() < 0) return errno_error("cannot create a segment", errno);
  std::unique_ptr<SegmentFile> file{new SegmentFile{ops, std::move(fd), kSegmentHeaderSize}};
  file->part_ = part;
  if (kek) {
    crypto::SystemRandom random;
    const crypto::SecretKey data_key = crypto::SecretKey::generate(random);
    const crypto::Bytes wrapped = crypto::wrap_key(*kek, data_key);
    file->wrapped_key_.emplace();
    std::copy_n(wrapped.begin(), kWrappedKeySize, file->wrapped_key_->begin());
    file->keys_.emplace(data_key);
  }
  return file;
}

Result<std::unique_ptr<SegmentFile>> SegmentFile::reopen(FileOps& ops, const std::filesystem::path& file,
                                                         std::uint32_t number, const SegmentKeys* keys,
                                                         std::uint64_t end, std::uint64_t records) {
  OwnedFd fd{::open(file.c_str(), O_RDWR | O_CLOEXEC)};
  if (fd.get() < 0) return errno_error(file.string(), errno);
  std::unique_ptr<SegmentFile> out{new SegmentFile{ops, std::move(fd), end}};
  out->number_ = number;
  out->records_ = records;
  if (keys != nullptr) out->keys_ = *keys;
  return out;
}

SegmentFile::~SegmentFile() {
  std::error_code ignored;
  if (!part_.empty()) std::filesystem::remove(part_, ignored);
}

Status SegmentFile::publish(const std::filesystem::path& folder, std::uint32_t number, UtcTime now, As how) {
  number_ = number;
  if (how == As::sealed) ACESO_TRY_OK(put_seal());
  ACESO_TRY_OK(flush());
  const SegmentHeader header{
      .number = number, .created_us = now.time_since_epoch().count(), .wrapped_key = wrapped_key_};
  ACESO_TRY_OK(write_all(ops_, fd_.get(), encode(header, keys()), 0));
  ACESO_TRY_OK(sync());
  std::error_code failed;
  std::filesystem::rename(part_, folder / segment_file_name(number), failed);
  if (failed) return errno_error("cannot name a segment", failed.value());
  part_.clear();
  return sync_directory(folder);
}

Status SegmentFile::put(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return {};
}

Status SegmentFile::flush_when_large() {
  return buffer_.size() >= kBufferSize ? flush() : Status{};
}

Status SegmentFile::put_record(std::span<const std::byte> plain) {
  const std::uint64_t offset = end();
  const RecordHeader header{.kind = RecordKind::data, .length = plain.size(), .offset = offset, .synced = synced_};
  ACESO_TRY_OK(put(encode(header)));
  const std::uint64_t chunks = chunks_of(plain.size());
  for (std::uint64_t i = 0; i < chunks; ++i) {
    const auto piece = plain.first(std::min(plain.size(), kChunkSize));
    protect_chunk(keys(), {offset, static_cast<std::uint32_t>(i), i + 1 == chunks}, piece, buffer_);
    plain = plain.subspan(piece.size());
    ACESO_TRY_OK(flush_when_large());
  }
  ++records_;
  return {};
}

Status SegmentFile::put_checkpoint() {
  return put(encode(RecordHeader{.kind = RecordKind::checkpoint, .length = 0, .offset = end(), .synced = synced_}));
}

Status SegmentFile::put_seal() {
  const RecordHeader seal{.kind = RecordKind::seal, .length = records_, .offset = end(), .synced = synced_};
  ACESO_TRY_OK(put(encode(seal)));
  return put(seal_mac(seal, number_, keys()));
}

void SegmentFile::begin_stream() {
  stream_ = {.record = end(), .index = 0, .last = false};
  const std::array<std::byte, kRecordHeaderSize> later{};
  buffer_.insert(buffer_.end(), later.begin(), later.end());
}

Status SegmentFile::put_chunk(std::span<const std::byte> plain, bool last) {
  stream_.last = last;
  protect_chunk(keys(), stream_, plain, buffer_);
  ++stream_.index;
  return flush_when_large();
}

Status SegmentFile::end_stream(std::uint64_t length) {
  ACESO_TRY_OK(flush());
  const RecordHeader header{.kind = RecordKind::data, .length = length, .offset = stream_.record, .synced = synced_};
  ACESO_TRY_OK(write_all(ops_, fd_.get(), encode(header), stream_.record));
  ++records_;
  return {};
}

Status SegmentFile::flush() {
  ACESO_TRY_OK(write_all(ops_, fd_.get(), buffer_, flushed_));
  flushed_ += buffer_.size();
  buffer_.clear();
  if (buffer_.capacity() > 2 * kBufferSize) buffer_.shrink_to_fit();
  return {};
}

void SegmentFile::write_ahead(std::uint64_t most, std::uint64_t limit) {
  if (most == 0 || ahead_failed_ || flushed_ < zeroed_) return;
  const std::uint64_t end = std::min(flushed_ + std::min(most, std::max(kLeastAhead, flushed_)), limit);
  for (std::uint64_t at = flushed_; at < end; at += kZeros.size()) {
    const auto piece =
        std::span{kZeros}.first(static_cast<std::size_t>(std::min<std::uint64_t>(kZeros.size(), end - at)));
    zeroed_ = at + piece.size();
    if (write_all(ops_, fd_.get(), piece, at)) continue;
    ahead_failed_ = true;
    (void)trim();
    return;
  }
}

Status SegmentFile::trim() {
  if (zeroed_ <= flushed_) return {};
  if (ops_.ftruncate(fd_.get(), static_cast<off_t>(flushed_)) != 0) return errno_error("cannot cut a segment", errno);
  zeroed_ = 0;
  return {};
}

Status SegmentFile::sync_data() {
  if (ops_.fdatasync(fd_.get()) == 0) return {};
  return Error{Code::unavailable, errno_error("the disk did not take a write", errno).message()};
}

Status SegmentFile::sync() {
  ACESO_TRY_OK(sync_data());
  synced_ = flushed_;
  return {};
}

Status SegmentFile::cut_to(std::uint64_t end, std::uint64_t records) {
  buffer_.clear();
  if (ops_.ftruncate(fd_.get(), static_cast<off_t>(end)) != 0) return errno_error("cannot cut a segment", errno);
  flushed_ = end;
  zeroed_ = 0;
  synced_ = std::min(synced_, end);
  records_ = records;
  return {};
}

}  // namespace aceso::store
